"""The guard that wants a change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard
from augment.words import folded


class Changed(Guard):
    """A candidate that differs from its source in case and punctuation alone is no candidate."""

    name: ClassVar[str] = "changed"
    summary: ClassVar[str] = "differs from its source in more than case and punctuation"

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Compare folded texts."""
        return Judgement([folded(c.text, " ") != folded(d.text, " ") for d, c in zip(draws, candidates, strict=True)])
