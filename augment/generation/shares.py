"""Cut the draws of a chunk into shares that are tried one after another, so that progress is seen within a chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

SMALLEST = 128
LARGEST = 1024
SHORT, LONG = 4.0, 10.0
"""Seconds. After a shorter share the next one is twice as large, after a longer one half as large."""


class Shares:
    """Sizes of shares, by the time that the last one has taken. They change the speed, not the rows.

    Large shares are faster, since a model runs on rows of one length together.

    Parameters
    ----------
    clock : callable, default=time.perf_counter
        Returns seconds.
    smallest : int, default=`SMALLEST`
        Draws that are worth being tried together, up to `LARGEST`.

    Examples
    --------
    >>> seconds = iter([0.0, 1.0, 1.0, 9.0, 9.0, 30.0])
    >>> [len(share) for share in Shares(lambda: next(seconds)).of(range(1024))]
    [256, 512, 256]
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, smallest: int = SMALLEST) -> None:
        self._clock = clock
        self._smallest = min(max(SMALLEST, smallest), LARGEST)
        self._size = max(2 * SMALLEST, self._smallest)

    def of(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Yield the items, share by share. What the caller does with a share counts as its time."""
        start = 0
        while start < len(items):
            share, began = items[start : start + self._size], self._clock()
            yield share
            start += len(share)
            if len(share) == self._size:  # a smaller one says little
                self._adapt(self._clock() - began)

    def _adapt(self, seconds: float) -> None:
        if seconds < SHORT:
            self._size = min(LARGEST, 2 * self._size)
        elif seconds > LONG:
            self._size = max(self._smallest, self._size // 2)
