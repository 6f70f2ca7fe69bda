"""The guard that rejects unchanged texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard
from augment.words import folded


class Changed(Guard):
    """A candidate must differ from its source in more than case and punctuation."""

    name: ClassVar[str] = "changed"
    summary: ClassVar[str] = "differs from its source in more than case and punctuation"
    of_edits: ClassVar[bool] = True

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Compare folded texts."""
        return Judgement([folded(c.text, " ") != folded(d.text, " ") for d, c in zip(draws, candidates, strict=True)])
