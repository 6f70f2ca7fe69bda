"""A plan that is taken in its order, and looked at before that."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain

from augment.generation.plan import Slot
from augment.generation.turns import Turns


class Outlook:
    """The slots of one class, in order.

    Parameters
    ----------
    plan : iterator of Slot
        See `augment.generation.plan.slots`; it may have no end.
    turns : Turns
        Which slots are left out, at the time when it is their turn.

    Examples
    --------
    >>> turns = Turns(sources=3, rows=4)
    >>> plan = iter([Slot(7, 0), Slot(8, 0), Slot(9, 0), Slot(7, 1)])
    >>> outlook = Outlook(plan, turns)
    >>> [slot.source for slot in outlook.beyond(2)]
    [7, 8]
    >>> turns.learn([Slot(8, 0)], filled=[], barren=[8])
    >>> [slot.source for slot in outlook.take(2)]
    [7, 9]
    >>> list(outlook.beyond(2))
    [Slot(source=7, variant=1)]
    """

    def __init__(self, plan: Iterator[Slot], turns: Turns) -> None:
        self._plan = plan
        self._turns = turns
        self._seen: deque[Slot] = deque()
        """Looked at by `beyond`, and not taken yet."""
        self._taken: list[Slot] = []
        """The last that were taken."""

    def take(self, count: int, *, fewest: int | None = None) -> list[Slot]:
        """Return the next slots; fewer than `count` at the end of the plan.

        If there are `fewest`, they end before a slot that would be passed over if those before it are filled. Before
        that, such a slot is left out if one of its pool is among them.
        """
        taken: list[Slot] = []
        undecided: Counter[int] = Counter()
        pools = set()
        while len(taken) < count:
            slot = self._seen.popleft() if self._seen else next(self._plan, None)
            if slot is None:
                break
            if self._turns.passed_over(slot):
                continue
            if fewest is not None and self._turns.passed_over(slot, undecided[slot.source]):
                if len(taken) >= fewest:
                    self._seen.appendleft(slot)
                    break
                if self._turns.pool_of(slot) in pools:
                    continue
            taken.append(slot)
            undecided[slot.source] += 1
            pools.add(self._turns.pool_of(slot))
        self._taken = taken
        return taken

    def beyond(self, most: int) -> Iterator[Slot]:
        """Yield the slots among the next `most` that were not yielded before. Some may be taken meanwhile.

        Left out is a slot that would be passed over if those before it are filled, if one of its pool is among them.
        They end before another slot that would be passed over if all but one of those before it are filled.
        """
        undecided: Counter[int] = Counter()
        pools = set()
        for earlier in chain(self._taken, self._seen) if self._turns.once else ():
            undecided[earlier.source] += self._turns.pool_of(earlier) not in pools
            pools.add(self._turns.pool_of(earlier))
        while len(self._seen) < most:
            slot = next(self._plan, None)
            if slot is None:
                return
            if self._turns.passed_over(slot):
                continue
            self._seen.append(slot)
            if self._turns.pool_of(slot) in pools and self._turns.passed_over(slot, undecided[slot.source]):
                continue
            if self._turns.passed_over(slot, max(undecided[slot.source] - 1, 0)):
                return
            undecided[slot.source] += 1
            pools.add(self._turns.pool_of(slot))
            yield slot
