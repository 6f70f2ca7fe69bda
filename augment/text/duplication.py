"""Random duplication: the simplest upsampling, and the one to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from augment.generation.candidates import Candidate, Draw
from augment.text.base import TextStrategy


class Random(TextStrategy):
    """Duplicate rows of the class: the baseline that every other strategy has to beat.

    Examples
    --------
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> y = ["neutral", "neutral", "positive", "positive", "positive"]
    >>> new_texts, new_y = Random(random_state=0).fit_resample(texts, y)
    >>> new_texts[5] in texts[:2], new_y[5:]
    (True, ['neutral'])
    """

    name: ClassVar[str] = "random"
    summary: ClassVar[str] = "duplicate rows as they are, the baseline"
    copies = True

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Return the source text of each draw."""
        return [Candidate(draw.text) for draw in draws]
