"""Whose turn it is: which slots of a class are still worth a try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from augment.generation.plan import Slot

WAITING = 4
"""Pools that are tried of each other source before one gives more than its share of rows."""


class Turns:
    """What is known of the sources of a class.

    A slot of a source without any candidate is passed over. Where slots are tried once, so are those of two more kinds:

    - The source has given its share of rows. It waits until `WAITING` more pools of the others have been tried.
    - A better candidate of the same pool was rejected. What is left of the pool hardly passes.

    A slot that is passed over will be passed over later as well, until guards relent.

    Parameters
    ----------
    sources : int
        Sources of the class.
    rows : int
        Rows to make for the class.
    once : bool, default=False
        Whether slots are tried once.
    per_pool : int, default=1
        Variants of a source that take the candidates of one pool in turn, the best first, 1 or more.
    first : int, default=0
        Number of the first variant.

    Examples
    --------
    >>> turns = Turns(2, 2, once=True, per_pool=4)
    >>> turns.learn([Slot(7, 0), Slot(8, 0)], filled=[Slot(7, 0)], barren=[])
    >>> turns.passed_over(Slot(7, 1)), turns.passed_over(Slot(8, 1)), turns.passed_over(Slot(8, 4))
    (True, True, False)
    >>> turns.passed_over(Slot(8, 4), undecided=1)
    True
    """

    def __init__(self, sources: int, rows: int, *, once: bool = False, per_pool: int = 1, first: int = 0) -> None:
        self.once = once
        self.barren: set[int] = set()
        """Sources without any candidate."""
        self._sources = sources
        self._share = -(-rows // max(sources, 1))
        self._whole = first + rows // max(sources, 1)
        self._per_pool = per_pool
        self._given: Counter[int] = Counter()
        self._rejected: dict[int, int] = {}
        """Source → the last of its pools of which a candidate was rejected."""

    def learn(self, chunk: Iterable[Slot], *, filled: Iterable[Slot], barren: Iterable[int]) -> None:
        """Learn what has become of slots: which of them are filled, and which sources have no candidate."""
        self.barren.update(barren)
        if self.once:
            own = set(filled)
            self._given.update(slot.source for slot in own)
            self._rejected.update(self.pool_of(slot) for slot in chunk if slot not in own)

    @property
    def open(self) -> int:
        """How many sources have candidates, and have not given their share of the rows."""
        return self._sources - len(self.barren) - sum(count >= self._share for count in self._given.values())

    def begin_again(self) -> None:
        """Give all pools another chance, since guards relent."""
        self._rejected.clear()

    def passed_over(self, slot: Slot, undecided: int = 0) -> bool:
        """Return whether a slot is not worth a try, if as many others of its source as `undecided` will be filled."""
        if slot.source in self.barren:
            return True
        if not self.once:
            return False
        share = self._share + max(slot.variant - self._whole, 0) // (WAITING * self._per_pool)
        source, pool = self.pool_of(slot)
        return self._given[source] + undecided >= share or self._rejected.get(source) == pool

    def pool_of(self, slot: Slot) -> tuple[int, int]:
        """Return a source and the number of one of its pools."""
        return slot.source, slot.variant // self._per_pool
