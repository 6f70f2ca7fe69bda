"""An OpenAI-compatible endpoint, on this machine or hosted: many requests at a time, each asked again after a fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import queue
import random
import re
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augment.errors import CounterpoiseError, InputError, ModelError, did_you_mean, listed
from augment.llm.addresses import KEY_VARIABLE, checked_address, is_loopback
from augment.llm.answers import FILTERED
from augment.llm.requests import Answer, Request
from augment.plain_data import parse_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_log = logging.getLogger(__name__)

HOSTED = "https://api.openai.com/v1"
"""The endpoint that is asked if none is given."""
ADDRESS_VARIABLE = "OPENAI_BASE_URL"
MOST_SLOTS = 1000
"""Connections that the client holds at most."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before the first new try, which double with each, and their limit."""
LONGEST_PAUSE = 120.0
"""Seconds that a server may have us wait by Retry-After."""
_PASSING = {408, 409, 425, 429}
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_ALWAYS = ("model", "messages", "response_format")
_SCHEMA_WORDS = ("response_format", "json_schema", "schema", "guided", "grammar", "structured")
_REFUSED_LIMIT = re.compile(r"max_completion_tokens|max_tokens.*(support|recogni|unknown|unexpected|extra)")
_KEY_LIKE = re.compile(r"\bsk-[\w*.…-]+|(?<=Bearer )\S+", re.IGNORECASE)


class Endpoint:
    """Asks an OpenAI-compatible endpoint for chat completions.

    At most `concurrency` requests are under way at a time, over one pool of connections. A request is asked again
    after status 408, 409, 425, 429 or 5xx, a time-out, a cut connection or broken JSON, later each time. A server that
    says Retry-After is left alone by all slots for that long. While others are answered, status 429 costs a request no
    try.

    What a server refuses by status 400 or 422 is changed in all requests from then on: a `response_format` and a
    `seed` are left out, and `max_tokens` is called `max_completion_tokens`; `changes` has it. Their keys stay.

    A redirect is never followed, since it would take the texts and the key to an address that nobody has named.

    Parameters
    ----------
    model : str
        The model's name at the endpoint, as the requests have it.
    base_url : str, optional
        The address up to ``/v1``. None takes the environment variable OPENAI_BASE_URL, and without it api.openai.com.
    key_file : str or Path, optional
        A file that holds the key and nothing else. None takes the environment variable OPENAI_API_KEY. An endpoint
        other than the default one may do without a key.
    concurrency : int, default=16
        Requests under way at a time, 1 to 1000.
    timeout : float, default=60.0
        Seconds that one try of a request may take.
    retries : int, default=5
        New tries of a request after the first, 0 or more.

    Attributes
    ----------
    changes : dict of str to (str or None)
        Parameters that the endpoint does not take, with their names there, or None where they are left out.

    Raises
    ------
    InputError
        If a parameter is out of range, the address is not one, there is no key where one is needed, or the package
        openai is missing.

    Warns
    -----
    UserWarning
        If the address is neither https nor on this machine.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_file: str | Path | None = None,
        concurrency: int = 16,
        timeout: float = 60.0,
        retries: int = 5,
    ) -> None:
        if not model:
            raise InputError("An endpoint needs the name of a model. Give `model=`.")
        if not 1 <= concurrency <= MOST_SLOTS:
            raise InputError(f"`concurrency=` must be from 1 to {MOST_SLOTS}. Got {concurrency}.")
        if not 0 < timeout < math.inf:
            raise InputError(f"`timeout=` must be a number of seconds above 0. Got {timeout}.")
        if retries < 0:
            raise InputError(f"`retries=` must be 0 or more. Got {retries}.")
        self.model, self.concurrency, self.timeout, self.retries = model, concurrency, timeout, retries
        self.base_url = checked_address(base_url or os.environ.get(ADDRESS_VARIABLE) or HOSTED)
        self.changes: dict[str, str | None] = {}
        self._key_place = f"the file {str(key_file)!r}" if key_file else f"the environment variable {KEY_VARIABLE}"
        self._client, self._has_key = self._opened(key_file)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answered = 0
        self._reached = False
        self._free_at = 0.0
        if self.base_url.startswith("http:") and not is_loopback(self.base_url):
            what = "the texts and the key go" if self._has_key else "the texts go"
            warnings.warn(
                f"{self.base_url} is not https: {what} through the network unencrypted. Give an https `base_url=`.",
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"Endpoint({self.model!r}, base_url={self.base_url!r})"

    def identity(self) -> dict[str, str]:
        """Return the model and the address, as a manifest records them."""
        return {"model": self.model, "base_url": self.base_url}

    def answer(self, requests: Sequence[Request], keep: Callable[[Request, Answer], None]) -> None:
        """Answer requests; see `augment.llm.requests.Engine`.

        The connections live in a thread, so it can be called where an event loop runs, as in a notebook. Ctrl-C
        gives up what is under way, and keeps what has come.
        """
        came: queue.SimpleQueue[tuple[Request, Answer] | None] = queue.SimpleQueue()
        work = asyncio.run_coroutine_threadsafe(self._answer_all(requests, came.put), self._running_loop())
        try:
            for request, answer in _arrivals(came):
                keep(request, answer)
        except BaseException:
            work.cancel()
            while not came.empty():  # what has come is paid for
                if one := came.get():
                    with contextlib.suppress(Exception):  # the first error counts
                        keep(*one)
            raise
        failure = work.exception()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Give up what is under way, and close the connections."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._shut(), loop).result(timeout=5)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(timeout=5)

    # In the thread of the event loop

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            if self._client.is_closed():
                raise InputError("This endpoint is closed. Make a new one.")
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="endpoint", daemon=True)
            self._thread.start()
        return self._loop

    async def _shut(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.close()

    async def _answer_all(
        self, requests: Sequence[Request], came: Callable[[tuple[Request, Answer] | None], None]
    ) -> None:
        """Answer the requests in `concurrency` slots, which take them from one iterator; None is the end."""

        async def slot(waiting: Iterator[Request]) -> None:
            for request in waiting:
                came((request, await self._answer(request)))

        slots: list[asyncio.Task[None]] = []
        try:
            waiting = iter(requests)
            slots += [asyncio.create_task(slot(waiting)) for _ in range(min(self.concurrency, len(requests)))]
            await asyncio.gather(*slots)
        finally:
            for task in slots:
                task.cancel()
            await asyncio.gather(*slots, return_exceptions=True)
            came(None)

    async def _answer(self, request: Request) -> Answer:
        tries, others = 0, self._answered
        while True:
            await self._until_free()
            body = self._changed(request.body)
            reply = await self._ask("post", "/chat/completions", body)
            result = _answer_of(reply) if isinstance(reply, str) else reply
            if isinstance(result, _Fault) and result.code in FILTERED:
                result = Answer("", "content_filter")
            if isinstance(result, Answer):
                self._answered += 1
                return result
            if self._changes_for(result, body):
                continue
            if not result.passing or (result.unreached and not self._reached):
                raise await self._error(result)
            if result.status == 429 and self._answered > others:
                tries, others = 0, self._answered
            tries += 1
            if tries > self.retries:
                raise await self._error(result)
            await self._wait(tries, result.pause)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str | _Fault:
        """Return the text of a reply, or the fault; an exception of the client would hold the key."""
        import openai

        ask = getattr(self._client, method)
        try:
            async with asyncio.timeout(self.timeout):
                text: str = await ask(path, cast_to=str, **({} if body is None else {"body": body}))
        except (TimeoutError, openai.APITimeoutError):
            return _Fault(f"no answer within {self.timeout:g} s", passing=True, late=True)
        except openai.APIStatusError as error:
            fault = _fault_of(error.response.status_code, error.response.text, error.response.headers)
        except openai.APIConnectionError as error:
            cause = error.__cause__
            unreached = type(cause).__name__ in ("ConnectError", "ProxyError", "UnsupportedProtocol")
            return _Fault(_in_one_line(str(cause)) or type(cause).__name__, passing=True, unreached=unreached)
        else:
            self._reached = True
            return text
        self._reached = True
        return fault

    def _changed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a body with the changes that the endpoint is known to need."""
        names = {name: self.changes.get(name, name) for name in body}
        return {new: body[name] for name, new in names.items() if new is not None}

    def _changes_for(self, fault: _Fault, body: Mapping[str, Any]) -> bool:
        """Tell whether to ask again at once, with what the endpoint refused left out or renamed."""
        if fault.status not in (400, 422):
            return False
        if any(name in self.changes for name in body):  # another slot has found it out meanwhile
            return True
        words = fault.said.lower()
        if "response_format" in body and any(word in words for word in _SCHEMA_WORDS):
            change: tuple[str, str | None] = "response_format", None
        elif "max_tokens" in body and _REFUSED_LIMIT.search(words):
            change = "max_tokens", "max_completion_tokens"
        elif "seed" in body and re.search(r"\bseed\b", words):
            change = "seed", None
        elif body.get("temperature") == 0 and "temperature" in words:  # a model that knows its own alone
            change = "temperature", None
        elif "response_format" in body and not any(name in words for name in body if name not in _ALWAYS):
            # Nothing is named, and this is what most servers lack.
            change = "response_format", None
        else:
            return False
        self.changes.update([change])
        name, new = change
        done = f"it is sent as `{new}`" if new else "it is left out"
        _log.info("The endpoint refuses `%s`: %s from now on.", name, done)
        return True

    async def _until_free(self) -> None:
        """Wait while the server wants to be left alone."""
        while (rest := self._free_at - time.monotonic()) > 0:
            await asyncio.sleep(rest * random.uniform(1.0, 1.1))

    async def _wait(self, tries: int, pause: float | None) -> None:
        """Wait before a new try: all slots if the server says for how long, else this one."""
        if not pause:  # none, or 0: a server that says so is asked too soon again
            await asyncio.sleep(min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0))
        else:
            self._free_at = max(self._free_at, time.monotonic() + min(pause, LONGEST_PAUSE))

    # Errors

    async def _error(self, fault: _Fault) -> CounterpoiseError:
        """Return the error of a fault, in one line without the key."""
        said, place, status = self._scrubbed(fault.said), self.base_url, fault.status
        if status in (401, 403):
            if not self._has_key:
                return InputError(
                    f"The endpoint {place} needs a key (status {status}). Set the environment variable {KEY_VARIABLE},"
                    " or give a file that holds it with `key_file=`."
                )
            return InputError(
                f"The endpoint {place} refuses the key of {self._key_place} (status {status}). Correct it."
            )
        if 300 <= status < 400:
            return InputError(
                f"The endpoint {place} redirects to {said}. Redirects are not followed, since the key and the texts"
                " would go there. Give that address as `base_url=` if it is the right one."
            )
        if status == 402 or fault.code in _NO_CREDIT:
            return CounterpoiseError(f"The key's quota at {place} is used up: {said}. What was answered is kept.")
        of_model = status == 404 or (status in (400, 422) and self.model in fault.said and "model" in said.lower())
        models = await self._models() if of_model else []
        if fault.foreign or status == 405 or models is None:
            return InputError(
                f"{place} is not an OpenAI-compatible endpoint: {said}. Give the address up to /v1, e.g."
                " http://localhost:8000/v1, as `base_url=`."
            )
        if models and self.model not in models:
            return ModelError(
                f"The endpoint {place} has no model {self.model!r}: {said}. It has {listed(models)}."
                f"{did_you_mean(self.model, models)} Give one of them as `model=`."
            )
        if fault.unreached:
            return InputError(f"The endpoint {place} cannot be reached: {said}. Start it, or correct `base_url=`.")
        if fault.passing:
            more = " Raise `timeout=`, or lower `concurrency=`." if fault.late else ""
            tries = "once" if self.retries == 0 else f"{self.retries + 1} times"
            return CounterpoiseError(
                f"The endpoint {place} failed {tries} at one request, the last time so: {said}. What was answered is"
                f" kept.{more} Run the same command again when the endpoint is well."
            )
        return InputError(f"The endpoint {place} refuses a request (status {status}): {said}.")

    async def _models(self) -> list[str] | None:
        """Return the names of the endpoint's models; None if it does not tell."""
        reply = await self._ask("get", "/models")
        if not isinstance(reply, str):
            return None
        try:
            names = [one["id"] for one in parse_json(reply, "/models")["data"]]
        except (ValueError, KeyError, TypeError):
            return None
        return sorted(name for name in names if isinstance(name, str))

    def _scrubbed(self, said: str) -> str:
        """Take the key out of what a server said, and what looks like one, and shorten it."""
        if self._has_key:
            said = said.replace(self._client.api_key, "…")
        return textwrap.shorten(_KEY_LIKE.sub("…", said), 300, placeholder=" …").rstrip(".")

    # Opening

    def _opened(self, key_file: str | Path | None) -> tuple[AsyncOpenAI, bool]:
        """Return the client, and whether it has a key. The key is known to the client alone."""
        try:
            import openai
        except ImportError:
            raise InputError('An endpoint is asked with openai; run: pip install "counterpoise[llm]"') from None
        key = _key_in(key_file) if key_file else os.environ.get(KEY_VARIABLE, "").strip()
        if not key and self.base_url == HOSTED:
            raise InputError(
                f"The endpoint {HOSTED} needs a key. Set the environment variable {KEY_VARIABLE}, give a file that"
                " holds it with `key_file=`, or give the address of another endpoint with `base_url=`."
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise InputError(f"The key of {self._key_place} has spaces or other letters than ASCII. Correct it.")
        loopback = is_loopback(self.base_url)
        limit = openai.Timeout(self.timeout, connect=min(self.timeout, 10.0))
        http = openai.DefaultAsyncHttpxClient(follow_redirects=False, trust_env=not loopback, timeout=limit)
        client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=self.base_url, timeout=limit, max_retries=0, http_client=http
        )
        return client, bool(key)


class _Fault(NamedTuple):
    """Why a request has no answer yet."""

    said: str
    """What the server said, or what went wrong. It may hold the key."""
    status: int = 0
    code: str = ""
    """The server's own name of the fault, or its kind."""
    passing: bool = False
    """Whether it may be over at a new try."""
    pause: float | None = None
    """Seconds that the server wants to be left alone."""
    unreached: bool = False
    late: bool = False
    foreign: bool = False
    """Whether this is not how a chat-completions endpoint answers."""


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run an event loop until it is stopped, then close it."""
    loop.run_forever()
    loop.close()


def _arrivals(came: queue.SimpleQueue[tuple[Request, Answer] | None]) -> Iterator[tuple[Request, Answer]]:
    """Yield from a queue up to None. It looks up twice a second, since on some systems no signal ends a wait."""
    while True:
        with contextlib.suppress(queue.Empty):
            one = came.get(timeout=0.5)
            if one is None:
                return
            yield one


def _answer_of(reply: str) -> Answer | _Fault:
    """Read the body of a reply with status 200."""
    try:
        data = parse_json(reply, "the answer")
    except ValueError:
        if reply.lstrip()[:1] in ("{", "["):
            return _Fault("its answer is broken JSON", passing=True)
        kind = "an HTML page" if "<html" in reply[:1000].lower() else f"{_in_one_line(reply)[:80]!r}"
        return _Fault(f"it answers with {kind} in place of JSON", foreign=True)
    if not isinstance(data, dict):
        data = {}
    choices = data.get("choices")
    if not choices and data.get("error"):
        status = data["error"].get("code") if isinstance(data["error"], dict) else None
        return _fault_of(status if isinstance(status, int) else 500, reply, {})
    if choices == []:
        return Answer("", "empty", *_usage(data))
    choice = choices[0] if isinstance(choices, list) and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        return _Fault("its answer has no choices with a message", foreign=True)
    text = message.get("content")
    if isinstance(text, list):  # in parts
        text = "".join(str(part.get("text") or "") for part in text if isinstance(part, dict))
    finish = "refusal" if message.get("refusal") else str(choice.get("finish_reason") or "stop")
    return Answer(text if isinstance(text, str) else "", finish, *_usage(data))


def _usage(data: Mapping[str, Any]) -> tuple[int | None, int | None]:
    usage = data.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return prompt if isinstance(prompt, int) else None, completion if isinstance(completion, int) else None


def _fault_of(status: int, text: str, headers: Mapping[str, str]) -> _Fault:
    """Read the body of a reply with an error."""
    if 300 <= status < 400:
        return _Fault(_in_one_line(headers.get("location", "another address")), status)
    said: Any = text
    code = ""
    with contextlib.suppress(ValueError):
        data = parse_json(text, "the answer")
        error = data.get("error", data) if isinstance(data, dict) else data
        if isinstance(error, dict):
            said = error.get("message") or error.get("detail") or text
            own = str(error.get("code") or "")
            code = own if own in FILTERED | _NO_CREDIT else str(error.get("type") or "")
        else:
            said = error
    if "<html" in text[:1000].lower():
        said = f"an HTML page with status {status}"
    spent = status == 402 or code in _NO_CREDIT
    passing = (status in _PASSING or status >= 500) and not spent
    said = _in_one_line(said if isinstance(said, str) else json.dumps(said)) or f"status {status}"
    return _Fault(said, status, code, passing, _pause_in(headers.get("retry-after", "")))


def _pause_in(value: str) -> float | None:
    """Read a Retry-After: seconds, or an HTTP date."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        seconds = float(value)
        return seconds if 0 <= seconds < math.inf else None
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _in_one_line(said: str) -> str:
    """Put what a server said into one line that can be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in said[:10_000]).split())


def _key_in(key_file: str | Path) -> str:
    """Return the key that a file holds."""
    try:
        key = Path(key_file).expanduser().read_bytes().strip().decode("latin-1")
    except OSError as error:
        raise InputError(
            f"The key file {str(key_file)!r} cannot be read: {error.strerror}. Correct `key_file=`."
        ) from None
    if not key:
        raise InputError(f"The key file {str(key_file)!r} is empty. Put the key into it, and nothing else.")
    return key
