"""Choose the source row and the variant of every row to make, from the seed and the row numbers only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from augment.seeding import generator

TOGETHER = 4
"""Maximum number of variants of one source that follow each other."""
TRIES = 8
"""Tries at one slot, unless a strategy says it."""


class Slot(NamedTuple):
    """One row to make: the `variant`-th new row from the row number `source`."""

    source: int
    variant: int


def slots(
    sources: Sequence[int] | np.ndarray,
    *,
    seed: int,
    stream: int,
    wanted: int,
    first: int = 0,
    limit: int | None = None,
) -> Iterator[Slot]:
    """Yield the rows to make for one class, in order.

    The sources are shuffled once. Among the first `wanted` slots each source has ⌊wanted/s⌋ or ⌈wanted/s⌉. Slots of one
    source follow each other, up to `TOGETHER` at a time, so that work on a source is shared. Later slots replace those
    that stay empty: one more variant of every source, and so on.

    Parameters
    ----------
    sources : sequence of int, shape (s,)
        Row numbers of the class's sources.
    seed : int
        The seed of the run, 0 or larger.
    stream : int
        The class's number; different classes are shuffled differently.
    wanted : int
        Rows to make for the class.
    first : int, default=0
        Number of the first variant.
    limit : int, optional
        Maximum number of variants of one source.

    Yields
    ------
    Slot
        Without end, unless there is a limit or no source.

    Examples
    --------
    >>> from itertools import islice
    >>> [slot.variant for slot in islice(slots([7, 8, 9], seed=0, stream=0, wanted=5), 9)]
    [0, 1, 0, 1, 0, 1, 2, 2, 2]
    """
    order = np.asarray(sources, dtype=np.int64)[generator(seed, "plan", stream).permutation(len(sources))]
    if not len(order):
        return
    each, more = divmod(wanted, len(order))
    most = each + 1 if limit is None else min(each + 1, limit)
    for start in range(0, most, TOGETHER):
        for place, source in enumerate(order):
            for variant in range(start, min(start + TOGETHER, each + (place < more), most)):
                yield Slot(int(source), first + variant)
    for variant in count(each) if limit is None else range(each, limit):
        for source in order[more if variant == each else 0 :]:
            yield Slot(int(source), first + variant)


def usable_sources(usable: np.ndarray, codes: np.ndarray, classes: Sequence[Any]) -> dict[Any, np.ndarray]:
    """Return the row numbers of each class that new rows may be made from.

    Parameters
    ----------
    usable : ndarray of bool, shape (n,)
        Which rows have a text, and may be sources.
    codes : ndarray of int, shape (n,)
        The place of each row's class in `classes`.
    classes : sequence
        The classes.

    Returns
    -------
    dict of label to ndarray of int64
        Ascending; empty for a class without any.

    Examples
    --------
    >>> usable_sources(np.array([True, False, True]), np.array([1, 1, 0]), ["a", "b"])
    {'a': array([2]), 'b': array([0])}
    """
    return {label: np.flatnonzero(usable & (codes == code)) for code, label in enumerate(classes)}
