"""A plan that is taken in its order, and looked at before that."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from augment.generation.plan import Slot


class Outlook:
    """The slots of one class, in order.

    Parameters
    ----------
    plan : iterator of Slot
        See `augment.generation.plan.slots`; it may have no end.

    Examples
    --------
    >>> outlook = Outlook(iter([Slot(7, 0), Slot(8, 0), Slot(9, 0), Slot(7, 1)]))
    >>> [slot.source for slot in outlook.beyond(2)]
    [7, 8]
    >>> [slot.source for slot in outlook.take(2, barren={8})]
    [7, 9]
    >>> list(outlook.beyond(2))
    [Slot(source=7, variant=1)]
    """

    def __init__(self, plan: Iterator[Slot]) -> None:
        self._plan = plan
        self._seen: deque[Slot] = deque()
        """Yielded by `beyond`, and not taken yet."""
        self._taken = 0

    def take(self, count: int, barren: Collection[int]) -> list[Slot]:
        """Return the next slots, without those of barren sources; fewer than `count` at the end of the plan."""
        taken: list[Slot] = []
        while len(taken) < count:
            slot = self._seen.popleft() if self._seen else next(self._plan, None)
            if slot is None:
                break
            self._taken += 1
            if slot.source not in barren:
                taken.append(slot)
        return taken

    def beyond(self, most: int) -> Iterator[Slot]:
        """Yield the slots among the next `most` that were not yielded before. Some may be taken meanwhile."""
        end = self._taken + most
        while self._taken + len(self._seen) < end:
            slot = next(self._plan, None)
            if slot is None:
                return
            self._seen.append(slot)
            yield slot
