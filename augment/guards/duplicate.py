"""The guard against repetitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from augment.generation.candidates import Candidate
from augment.guards.base import Guard, Originals
from augment.words import folded, key, whole


class Duplicate(Guard):
    """A candidate may equal no original and no other synthetic row, case and punctuation folded."""

    name: ClassVar[str] = "duplicate"
    summary: ClassVar[str] = "equals no original and no other new row"
    reads_rows: ClassVar[bool] = True

    _asked: tuple[str, int] = ("", 0)
    """The last text that was asked for, and its reading: mostly it is the next to be remembered."""

    def __init__(self) -> None:
        self.seen_: set[int] = set()

    def fit(self, originals: Originals) -> None:
        """Index the originals."""
        self.seen_ = {_read_text(text) for text in map(originals.whole, range(len(originals.texts))) if text}

    def reader(self) -> Callable[[Candidate], int]:
        """Return what folds a candidate."""
        return _read

    def admits(self, candidate: Candidate) -> bool:
        """Look the folded text up."""
        reading = candidate.readings.get(self.name)
        self._asked = candidate.whole, _read(candidate) if reading is None else reading
        return self._asked[1] not in self.seen_

    def remember(self, text: str, beside: str = "") -> None:
        """Add the folded text."""
        one, (asked, reading) = whole(text, beside), self._asked
        self.seen_.add(reading if one == asked else _read_text(one))


def _read(candidate: Candidate) -> int:
    return _read_text(candidate.whole)


def _read_text(text: str) -> int:
    return key(folded(text, " "))
