"""The guard against repetitions."""

from __future__ import annotations

from typing import ClassVar

from augment.generation.candidates import Candidate
from augment.guards.base import Guard, Originals
from augment.words import folded, key, whole


class Duplicate(Guard):
    """A candidate may equal no original and no other synthetic row, case and punctuation folded."""

    name: ClassVar[str] = "duplicate"
    summary: ClassVar[str] = "equals no original and no other new row"
    reads_rows: ClassVar[bool] = True

    def __init__(self) -> None:
        self.seen_: set[int] = set()

    def fit(self, originals: Originals) -> None:
        """Index the originals."""
        self.seen_ = {key(folded(text, " ")) for text in map(originals.whole, range(len(originals.texts))) if text}

    def admits(self, candidate: Candidate) -> bool:
        """Look the folded text up."""
        return key(folded(candidate.whole, " ")) not in self.seen_

    def remember(self, text: str, beside: str = "") -> None:
        """Add the folded text."""
        self.seen_.add(key(folded(whole(text, beside), " ")))
