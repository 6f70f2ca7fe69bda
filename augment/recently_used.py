"""A store of results that forgets those that were not used for the longest time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """Keeps results up to a total size.

    Parameters
    ----------
    most : int
        Largest sum of the sizes, in the caller's unit, 1 or more.

    Examples
    --------
    >>> store = RecentlyUsed(2)
    >>> store.keep("a", 1), store.keep("b", 2), store.get("a"), store.keep("c", 3)
    (None, None, 1, None)
    >>> [store.get(key) for key in "abc"]
    [1, None, 3]
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return what was kept under a key, or None."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: Key, value: Value, size: int = 1) -> None:
        """Keep a result under a new key, and forget others if the total size is too large."""
        self._kept[key] = (value, size)
        self._total += size
        while self._total > self._most:
            self._total -= self._kept.popitem(last=False)[1][1]
