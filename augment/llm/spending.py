"""What requests cost: their tokens, estimated before they are asked, and prices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, NamedTuple

from sklearn.utils._param_validation import Options

from augment.errors import counted
from augment.generation.candidates import Draw
from augment.llm.answers import KeptAnswers
from augment.llm.row_requests import RowRequests

BYTES_PER_TOKEN = 4
"""In UTF-8: about so in English for the tokenizers of today; of most other languages they make more tokens."""
PER_MESSAGE = 4
"""Tokens of a message beside its content."""
AROUND = 10
"""Tokens of an answer beside its rows."""
PER_ROW = 4
"""Tokens of a row beside its text: quotes and a comma."""
MOST_RENDERED = 5_000
"""The most prompts that are written for an estimate of the tokens of a run; the others are taken to be like them."""


class Price(Options):
    """A constraint: two prices."""

    example = (0.15, 0.6)

    def __init__(self) -> None:
        super().__init__(type=tuple, options=set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a pair of numbers of 0 or more."""
        return (
            isinstance(val, (tuple, list))
            and len(val) == 2
            and all(isinstance(one, Real) and not isinstance(one, bool) and 0 <= float(one) < math.inf for one in val)
        )

    def __str__(self) -> str:
        return "two numbers of 0 or more, the price of a million prompt tokens and of a million completion tokens"


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


def forecast(
    requests: RowRequests, draws: Iterable[Draw], kept: KeptAnswers, price: tuple[float, float] | None = None
) -> str:
    """Estimate what the requests of the first tries cost.

    Parameters
    ----------
    requests : RowRequests
    draws : iterable of Draw
        The first try at each row of a plan.
    kept : KeptAnswers
        The answers that are there.
    price : tuple of float, optional
        The price of a million tokens of each kind.

    Returns
    -------
    str
        The requests, their tokens and their cost, in a line.
    """
    seen: set[tuple[int, int]] = set()
    rendered = answered = needed = rows = 0
    tokens = Tokens()
    for draw in draws:
        if not requests.is_source(draw):
            continue
        needed += 1
        place = requests.place(draw)
        if (place.sources[0], place.turn) in seen:
            continue
        seen.add((place.sources[0], place.turn))
        rows += place.wanted
        if rendered < MOST_RENDERED:
            rendered += 1
            asked = requests.of(draw)
            if asked.request.key in kept:
                answered += 1
                continue
            row = sum(map(tokens_of, asked.exemplars)) / len(asked.exemplars) + PER_ROW
            tokens = Tokens(
                tokens.prompt + prompt_tokens(asked.request.body), tokens.completion + AROUND + asked.wanted * row
            )
    share = len(seen) / max(1, rendered)
    left = round((rendered - answered) * share)
    words = in_words(left, Tokens(tokens.prompt * share, tokens.completion * share), price)
    lines = [f"Estimated for the first tries, with a token for four bytes: {words}."]
    if rows > needed:
        lines.append(f"They ask for {rows:,} rows, and {needed:,} are needed. Fewer `rows_per_request` cost less.")
    if answered:
        lines.append(f"{counted(answered, 'request has', 'requests have')} an answer.")
    return " ".join(lines)
