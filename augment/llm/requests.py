"""Requests to a language model, its answers, and the form that engines have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Request(NamedTuple):
    """One request; see `request_of`."""

    key: str
    """The hash of the body, in hexadecimal. It is the name of the request in an answers file and in a batch file."""
    body: Mapping[str, Any]
    """The body of an OpenAI chat completion: ``model``, ``messages``, ``seed``, ``response_format`` and so on."""


class Answer(NamedTuple):
    """What a language model has answered to one request."""

    text: str
    """The content of the message; an empty string if there is none."""
    finish: str = "stop"
    """Why it ended: ``"stop"``, ``"length"``, ``"content_filter"``, ``"refusal"`` or another word of the service."""
    prompt_tokens: int | None = None
    """Tokens of the request; None if the service does not count them."""
    completion_tokens: int | None = None
    """Tokens of the answer, likewise."""


class Engine(Protocol):
    """An object that answers requests, such as an endpoint or a local model."""

    def answer(self, requests: Sequence[Request], keep: Callable[[Request, Answer], None]) -> None:
        """Answer requests, each once.

        Parameters
        ----------
        requests : sequence of Request
            No two with one key.
        keep : callable
            Called in the calling thread as each answer comes, in any order. What it raises ends the call.

        Raises
        ------
        CounterpoiseError
            If requests cannot be answered. What was kept before stays.
        """

    def close(self) -> None:
        """Close connections, and drop models."""


def canonical(body: Mapping[str, Any]) -> str:
    """Return a body as JSON that depends on its content alone: sorted keys, no spaces, ASCII.

    Examples
    --------
    >>> canonical({"model": "m", "messages": []})
    '{"messages":[],"model":"m"}'
    """
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def request_of(body: Mapping[str, Any]) -> Request:
    """Return the request with this body.

    Parameters
    ----------
    body : mapping of str to object
        The body of a chat completion, as plain data.

    Returns
    -------
    Request

    Examples
    --------
    >>> one, other = request_of({"model": "m", "seed": 1}), request_of({"seed": 1, "model": "m"})
    >>> one.key == other.key, len(one.key)
    (True, 64)
    """
    return Request(hashlib.sha256(canonical(body).encode()).hexdigest(), body)
