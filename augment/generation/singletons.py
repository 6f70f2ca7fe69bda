"""Classes with too few rows to make new ones from, and what becomes of those with a single row."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from augment.errors import InputError, did_you_mean, listed

Singletons = Literal["skip", "copy", "error"]
"""What becomes of a class with a single row: it stays as it is, its row is repeated, or the run is refused."""
CHOICES = typing.get_args(Singletons)


class Maker(Protocol):
    """An object that makes new rows, such as an `augment.text.base.TextStrategy`."""

    name: Any
    """The name in messages."""

    @property
    def fewest_rows(self) -> int:
        """The smallest number of different rows of a class that it can make new ones from, 1 or more."""

    @property
    def fewest_rows_advice(self) -> str:
        """How to lower that number, as the end of a sentence, or an empty string."""


class SingleRows(NamedTuple):
    """The classes with a single row, and what becomes of them."""

    request: Singletons | None
    """None if there was none: then a strategy treats them like others, if it can."""
    classes: tuple[Any, ...]
    """Those that get rows by the sampling strategy, and to which the request was applied."""

    @property
    def skipped(self) -> tuple[Any, ...]:
        """Those that stay as they are."""
        return self.classes if self.request == "skip" else ()

    @property
    def copied(self) -> tuple[Any, ...]:
        """Those whose row is repeated."""
        return self.classes if self.request == "copy" else ()


def check_singletons(singletons: Any) -> None:
    """Refuse what is neither None nor one of `CHOICES`.

    Raises
    ------
    InputError
        Naming what came.
    """
    if singletons is not None and singletons not in CHOICES:
        raise InputError(
            f"`singletons` must be one of {', '.join(map(repr, CHOICES))}. Got {singletons!r:.60}."
            f"{did_you_mean(str(singletons), CHOICES)}"
        )


def different_texts(texts: Sequence[str | None], rows: Iterable[int] | np.ndarray, most: int) -> int:
    """Count the different texts of some rows.

    Parameters
    ----------
    texts : sequence of str
    rows : iterable of int
        Row numbers.
    most : int
        Where to stop counting.

    Returns
    -------
    int
        At most `most`.

    Examples
    --------
    >>> different_texts(["a", "b", "a", "c"], [0, 2, 3], 9), different_texts(["a", "b", "c"], [0, 1, 2], 2)
    (2, 2)
    """
    seen: dict[str | None, None] = {}
    firsts = (seen.setdefault(texts[row]) for row in map(int, rows) if texts[row] not in seen)
    return sum(1 for _ in islice(firsts, most))


def single_rows(
    singletons: Singletons | None,
    strategy: Maker,
    texts: Sequence[str | None],
    sources: Mapping[Any, np.ndarray],
    budget: Mapping[Any, int],
) -> SingleRows:
    """Find the classes with a single row, and refuse those that the strategy can make nothing from.

    Parameters
    ----------
    singletons : {"skip", "copy", "error"} or None
        None treats them like other classes, if the strategy can.
    strategy : Maker
    texts : sequence of str
        The texts of all rows. Equal ones count once.
    sources : mapping of label to ndarray of int
        Row numbers of the sources of each class.
    budget : mapping of label to int
        Rows to make.

    Returns
    -------
    SingleRows

    Raises
    ------
    InputError
        If classes have too few rows. All of them are named.
    """
    check_singletons(singletons)
    most = max(strategy.fewest_rows, 2)
    sizes = {label: different_texts(texts, sources[label], most) for label, rows in budget.items() if rows}
    least = {"skip": 0, "copy": 1}.get(singletons or "", 2)
    handled = tuple(label for label, size in sizes.items() if least <= size < 2)
    refused = {label: size for label, size in sizes.items() if size < strategy.fewest_rows and label not in handled}
    if singletons == "error":
        refused |= {label: size for label, size in sizes.items() if size < 2}
    if refused:
        raise InputError(_refusal(singletons, strategy, refused))
    return SingleRows(singletons, handled)


def _refusal(singletons: Singletons | None, strategy: Maker, sizes: Mapping[Any, int]) -> str:
    """Describe classes that are too small, in one line, and the mend."""
    fewest = max(strategy.fewest_rows, 2 if singletons == "error" else 1)
    few = ", ".join(f"{label!r} ({size})" for label, size in islice(sizes.items(), 20))
    more = f" and {len(sizes) - 20:,} more" if len(sizes) > 20 else ""
    if fewest == 1:
        what = f"No row of {listed([*sizes], 20)} has a usable text, and 1 is needed to make new ones."
    elif strategy.fewest_rows == 1:
        what = f"`singletons='error'`: these classes have fewer than 2 different texts: {few}{more}."
    else:
        what = (
            f"The strategy {strategy.name!r} needs at least {fewest} different texts of a class. These have fewer:"
            f" {few}{more}."
        )
    leave = f"leave the class{'es' * (len(sizes) > 1)} out of the sampling strategy"
    advice = strategy.fewest_rows_advice if max(sizes.values()) > 1 else ""
    mend = f"Add rows, {leave}, {advice}." if advice else f"Add rows, or {leave}."
    if fewest > 1 and min(sizes.values()) < 2:
        mend += " `singletons='skip'` leaves classes with a single text as they are, `singletons='copy'` repeats it."
    return f"{what} {mend}"
