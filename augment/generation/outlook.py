"""A plan that is taken in its order, and looked at before that."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from augment.generation.plan import Slot


class Outlook:
    """The slots of one class, in order.

    Parameters
    ----------
    plan : iterator of Slot
        See `augment.generation.plan.slots`; it may have no end.
    passed_over : callable
        Whether a slot is left out, at the time when it is its turn.

    Examples
    --------
    >>> barren = set()
    >>> plan = iter([Slot(7, 0), Slot(8, 0), Slot(9, 0), Slot(7, 1)])
    >>> outlook = Outlook(plan, passed_over=lambda slot: slot.source in barren)
    >>> [slot.source for slot in outlook.beyond(2)]
    [7, 8]
    >>> barren.add(8)
    >>> [slot.source for slot in outlook.take(2)]
    [7, 9]
    >>> list(outlook.beyond(2))
    [Slot(source=7, variant=1)]
    """

    def __init__(self, plan: Iterator[Slot], passed_over: Callable[[Slot], bool]) -> None:
        self._plan = plan
        self._passed_over = passed_over
        self._seen: deque[Slot] = deque()
        """Yielded by `beyond`, and not taken yet."""
        self._taken = 0

    def take(self, count: int) -> list[Slot]:
        """Return the next slots; fewer than `count` at the end of the plan."""
        taken: list[Slot] = []
        while len(taken) < count:
            slot = self._seen.popleft() if self._seen else next(self._plan, None)
            if slot is None:
                break
            self._taken += 1
            if not self._passed_over(slot):
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
            if not self._passed_over(slot):
                yield slot
