"""Try draws of small classes together in this process, so that a model reads more than a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from augment.generation.candidates import Draw
from augment.generation.plan import TRIES
from augment.generation.trials import Trial, Try

SIZE = 128
"""Draws that are tried together, at least."""
_AHEAD = 8
"""So many times that many trials are kept at most."""

_Key = tuple[Any, int, int, int]


class BatchedTries:
    """Tries draws, and with a few of them also those that are coming: of the next classes, and next tries at slots.

    Rows of several labels have many classes of a few rows each. A trial depends only on its draw, so that who is tried
    with it changes only the time.

    Parameters
    ----------
    attempt : callable
        As `augment.generation.loop.generate` takes it.
    size : int, default=`SIZE`
        Draws that are tried together; more if more are asked for.
    tries : int, default=`TRIES`
        Tries at one slot, at most.
    """

    def __init__(self, attempt: Try, *, size: int = SIZE, tries: int = TRIES) -> None:
        self._attempt, self._size, self._tries = attempt, size, tries
        self._later: Iterator[Draw] = iter(())
        self._known: dict[_Key, Trial] = {}
        self._again: dict[_Key, Draw] = {}
        """Next tries at slots whose last try, made ahead, has failed."""

    def expect(
        self, soon: Sequence[Draw], later: Iterator[Draw], *, left: int, needed: Callable[[Draw], bool] | None = None
    ) -> None:
        """Learn which draws are coming; see `augment.generation.loop.Ahead`."""
        self._later = later

    def again(self, draws: Sequence[Draw]) -> None:
        """Do nothing: the same draws are asked for at once."""

    def __call__(self, draws: Sequence[Draw]) -> list[Trial]:
        """Try draws, in their order."""
        lacking = [draw for draw in draws if _key(draw) not in self._known]
        for draw in lacking:
            self._again.pop(_key(draw), None)
        if lacking:
            room = max(0, min(self._size - len(lacking), _AHEAD * self._size - len(self._known)))
            ahead = [self._again.pop(key) for key in [*islice(self._again, room)]]
            ahead += islice(self._later, room - len(ahead))
            together = [*lacking, *ahead]
            trials = self._attempt(together)
            self._known |= zip(map(_key, together), trials, strict=True)
            for draw, trial in zip(ahead, trials[len(lacking) :], strict=True):
                if trial.candidate is not None and trial.against is not None and draw.attempt + 1 < self._tries:
                    following = draw._replace(attempt=draw.attempt + 1)
                    self._again[_key(following)] = following
        return [self._known.pop(_key(draw)) for draw in draws]


def _key(draw: Draw) -> _Key:
    return draw.label, draw.source, draw.variant, draw.attempt
