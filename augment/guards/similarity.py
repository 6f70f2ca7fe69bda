"""The guard that keeps a candidate near its source in meaning, but not equal to it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard
from augment.parameters import Rule

if TYPE_CHECKING:
    from augment.models.encoder import Encoders


class Similarity(Guard):
    """The cosine between the sentence vectors of a candidate and its source must lie in a window.

    Parameters
    ----------
    low : float, default=0.6
        In [-1, 1): below it the sentence says something else.
    high : float, default=0.98
        In (low, 1]: above it nothing that matters was changed.
    model : str, default="mini"
        Encoder; vectors are means of its token states.
    """

    name: ClassVar[str] = "similarity"
    summary: ClassVar[str] = "is near its source in meaning, but not equal to it"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "low": [Interval(Real, -1, 1, closed="left")],
        "high": [Interval(Real, -1, 1, closed="right")],
        "model": [str],
    }
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("low", "high"), lambda low, high: low < high, "below `high`"),
    )

    def __init__(self, *, low: float = 0.6, high: float = 0.98, model: str = "mini") -> None:
        self.low = low
        self.high = high
        self.model = model

    def prepare(self, encoders: Encoders) -> None:
        """Open the encoder."""
        self._encoders = encoders
        encoders.get(self.model)

    def identity(self) -> dict[str, Any]:
        """Return what identifies the encoder's weights, and its dtype."""
        return self._encoders.identity(self.model)

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Compare each candidate with its source."""
        vectors = self._encoders.encode(self.model, [d.text for d in draws] + [c.text for c in candidates])
        products = (vectors[: len(draws)] * vectors[len(draws) :]).sum(axis=1)
        cosines = np.clip(products, -1, 1)  # for equal texts it may be slightly above 1
        return Judgement([self.low <= float(cosine) <= self.high for cosine in cosines])
