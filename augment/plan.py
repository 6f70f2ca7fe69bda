"""Which source row and which variant of it stands behind every row to make. Pure: seed and row numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from augment.seeding import generator


class Slot(NamedTuple):
    """One row to make: the `variant`-th new row from the row number `source`."""

    source: int
    variant: int


def slots(
    sources: Sequence[int], *, seed: int, stream: int, first: int = 0, limit: int | None = None
) -> Iterator[Slot]:
    """Yield the rows to make for one class, in order, as many as are asked for.

    Every source is used once, in a shuffled order, before any is used again, so that after n
    slots each has been used ⌊n/s⌋ or ⌈n/s⌉ times. What follows the slots first asked for is
    where replacements come from when sources prove barren.

    Parameters
    ----------
    sources : sequence of int
        Row numbers of the class's sources.
    seed : int
        Of the run, 0 or larger.
    stream : int
        The class's number; different classes are shuffled differently.
    first : int, default=0
        Number of the first variant.
    limit : int, optional
        Most variants of one source.

    Yields
    ------
    Slot
        Without end unless there is a limit or no source.

    Examples
    --------
    >>> from itertools import islice
    >>> [slot.variant for slot in islice(slots([7, 8, 9], seed=0, stream=0), 7)]
    [0, 0, 0, 1, 1, 1, 2]
    """
    order = [sources[i] for i in generator(seed, "plan", stream).permutation(len(sources))]
    variant = first
    while order and (limit is None or variant < first + limit):
        yield from (Slot(source, variant) for source in order)
        variant += 1
