"""What requests cost: tokens, estimated before and counted after, limits, and prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from augment.errors import counted
from augment.llm.requests import Answer

BYTES_PER_TOKEN = 4
"""In UTF-8: about so in English for the tokenizers of today; of most other languages they make more tokens."""
PER_MESSAGE = 4
"""Tokens of a message beside its content."""
AROUND = 10
"""Tokens of an answer beside its rows."""
PER_ROW = 4
"""Tokens of a row beside its text: quotes and a comma."""


class Tokens(NamedTuple):
    """Tokens of requests and of their answers."""

    prompt: float = 0
    completion: float = 0

    def cost(self, price: tuple[float, float]) -> float:
        """Return what they cost at a price for a million tokens of each kind."""
        return (self.prompt * price[0] + self.completion * price[1]) / 1e6


def tokens_of(text: str) -> int:
    """Estimate the tokens of a text: one for each four bytes of UTF-8.

    Examples
    --------
    >>> tokens_of("The shop opens at nine.")
    6
    """
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Estimate the tokens of a request."""
    return sum(PER_MESSAGE + tokens_of(message["content"]) for message in body["messages"])


def in_words(requests: int, tokens: Tokens, price: tuple[float, float] | None = None) -> str:
    """Say how many requests and tokens there are, and with a price what they cost.

    Examples
    --------
    >>> in_words(84, Tokens(42_000, 16_800), (0.15, 0.6))
    '84 requests, 42,000 prompt tokens and 16,800 completion tokens, 0.02 at the price 0.15,0.6'
    """
    line = (
        f"{counted(requests, 'request')}, {counted(round(tokens.prompt), 'prompt token')} and"
        f" {counted(round(tokens.completion), 'completion token')}"
    )
    if price is None:
        return line
    cost = tokens.cost(price)
    amount = f"{cost:.2g}" if 0 < cost < 0.01 else f"{cost:,.2f}"
    return f"{line}, {amount} at the price {price[0]:g},{price[1]:g}"


class Spending:
    """What was asked so far, and how much may be.

    Parameters
    ----------
    max_requests, max_tokens : int or None
        The most requests, and the most tokens of requests and answers together.
    """

    def __init__(self, max_requests: int | None, max_tokens: int | None) -> None:
        self.max_requests = max_requests
        self.max_tokens = max_tokens
        self.requests = 0
        self.tokens = Tokens()

    def add(self, body: Mapping[str, Any], answer: Answer) -> None:
        """Count an answer. Tokens that the service does not count are estimated."""
        prompt = prompt_tokens(body) if answer.prompt_tokens is None else answer.prompt_tokens
        completion = tokens_of(answer.text) if answer.completion_tokens is None else answer.completion_tokens
        self.requests += 1
        self.tokens = Tokens(self.tokens.prompt + prompt, self.tokens.completion + completion)

    def reached(self) -> str:
        """Return the limit that is reached, as a parameter; an empty string if none is."""
        if self.max_requests is not None and self.requests >= self.max_requests:
            return f"`max_requests={self.max_requests}`"
        if self.max_tokens is not None and sum(self.tokens) >= self.max_tokens:
            return f"`max_tokens_total={self.max_tokens}`"
        return ""
