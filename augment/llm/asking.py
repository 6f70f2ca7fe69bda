"""Asking for rows: each answer is kept and counted, and a limit or a model that gives no row stops it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from augment.errors import InputError, Interrupted, ShortfallError, counted
from augment.llm.answers import KeptAnswers
from augment.llm.parsing import Parsed, rows_of
from augment.llm.requests import Answer, Engine, Request
from augment.llm.row_requests import RowRequest
from augment.llm.spending import Tokens, in_words, prompt_tokens, tokens_of

MOST_USELESS = 20
"""A run stops if none of so many first answers holds a row."""


class Unanswered(InputError):
    """Requests have no answer, and there is no engine to ask."""


class Asking:
    """The requests of one run that are asked, within limits.

    Parameters
    ----------
    kept : KeptAnswers
        The answers that are there, and the file for new ones.
    max_requests, max_tokens_total : int or None
        The most requests, and the most tokens of requests and answers together.
    price : tuple of float or None
        The price of a million tokens of each kind.
    """

    def __init__(
        self,
        kept: KeptAnswers,
        *,
        max_requests: int | None,
        max_tokens_total: int | None,
        price: tuple[float, float] | None,
    ) -> None:
        self.kept = kept
        self.max_requests, self.max_tokens_total, self.price = max_requests, max_tokens_total, price
        self.requests = 0
        self.tokens = Tokens()
        # A run that goes on asks only what is hard.
        self._useless: list[str] | None = None if len(kept) else []

    def ask(self, left: Sequence[RowRequest], engine: Callable[[], Engine] | None) -> None:
        """Ask for rows, up to the limits.

        Parameters
        ----------
        left : sequence of RowRequest
            Those without an answer, no two with one key.
        engine : callable or None
            Opens what answers requests. It is called when there is one to ask. None if nobody may be asked.

        Raises
        ------
        Unanswered
            If nobody may be asked.
        ShortfallError
            If a limit is reached.
        Interrupted
            By Ctrl-C, if the answers so far are in a file.
        CounterpoiseError
            If requests cannot be answered, or none of the first `MOST_USELESS` answers holds a row.
        """
        if left and engine is None:
            raise Unanswered(
                f"{counted(len(left), 'request of this run has', 'requests of this run have')} no answer in `answers`."
            )
        keep = partial(self._keep, {one.request.key: one.wanted for one in left})
        while left and engine is not None:
            if limit := self._reached():
                raise self._stopped(limit)
            most = len(left) if self.max_requests is None else self.max_requests - self.requests
            share, left = left[:most], left[most:]
            try:
                engine().answer([one.request for one in share], keep)
            except _LimitReached as reached:
                raise self._stopped(str(reached)) from None
            except KeyboardInterrupt:
                if self.kept.file is None or not self.requests:
                    raise
                raise Interrupted(
                    f"Interrupted: the answers are kept in {self.kept.file}; repeat the run with `resume=True` to go"
                    " on. No request is asked twice."
                ) from None

    def record(self) -> dict[str, Any]:
        """Return, for the manifest, what was asked in this run, and with a price what it has cost."""
        record: dict[str, Any] = {
            "requests": self.requests,
            "prompt_tokens": int(self.tokens.prompt),
            "completion_tokens": int(self.tokens.completion),
        }
        return record if self.price is None else {**record, "cost": round(self.tokens.cost(self.price), 6)}

    def _keep(self, wanted: Mapping[str, int], request: Request, answer: Answer) -> None:
        """Keep an answer, and stop if that was the last that may be asked for, or if no answer is of use."""
        self.kept.add(request, answer)
        self._count(request, answer)
        if self._useless is not None:
            self._stop_if_useless(request, answer, rows_of(answer, wanted[request.key]))
        if self.max_tokens_total is not None and sum(self.tokens) >= self.max_tokens_total:
            raise _LimitReached(self._reached())

    def _count(self, request: Request, answer: Answer) -> None:
        """Count an answer. Tokens that the service does not count are estimated."""
        prompt = prompt_tokens(request.body) if answer.prompt_tokens is None else answer.prompt_tokens
        completion = tokens_of(answer.text) if answer.completion_tokens is None else answer.completion_tokens
        self.requests += 1
        self.tokens = Tokens(self.tokens.prompt + prompt, self.tokens.completion + completion)

    def _reached(self) -> str:
        """Return the limit that is reached, as a parameter; an empty string if none is."""
        if self.max_requests is not None and self.requests >= self.max_requests:
            return f"`max_requests={self.max_requests}`"
        if self.max_tokens_total is not None and sum(self.tokens) >= self.max_tokens_total:
            return f"`max_tokens_total={self.max_tokens_total}`"
        return ""

    def _stop_if_useless(self, request: Request, answer: Answer, rows: Sequence[Parsed]) -> None:
        """Stop before more is paid for, if a model has given no row so far."""
        assert self._useless is not None
        reasons = [row.unusable for row in rows if row.unusable is not None]
        if len(reasons) < len(rows):
            self._useless = None
            return
        self._useless.append(reasons[0])
        if len(self._useless) >= MOST_USELESS:
            found = ", ".join(f"{count} {reason}" for reason, count in Counter(self._useless).most_common())
            said = " ".join(answer.text.split())
            raise InputError(
                f"None of the first {MOST_USELESS} answers of {request.body['model']!r} holds a row ({found}). No more"
                f" are asked for. The last one is {said[:80]!r}. Give another `model`, or change `instructions` or"
                " `template`."
            )

    def _stopped(self, limit: str) -> ShortfallError:
        """Return the error of a limit, with how to go on."""
        spent = in_words(self.requests, self.tokens, self.price)
        kept = "Nothing is kept, since no file was given for the answers."
        if self.kept.file is not None:
            kept = (
                f"The answers are kept in {self.kept.file}; repeat the run with `resume=True` to go on. No request is"
                " asked twice."
            )
        return ShortfallError(f"The limit {limit} is reached: {spent}. {kept}")


class _LimitReached(Exception):
    """The most tokens are spent."""
