"""The guard that bounds the length."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard


class LengthRatio(Guard):
    """The candidate's length in characters must lie between `low` and `high` times its source's.

    Parameters
    ----------
    low : float, default=0.5
        Smallest length of a new text, as a share of that of its source, in (0, 1].
    high : float, default=2.0
        Largest length of a new text, as a multiple of that of its source, 1 or more.
    """

    name: ClassVar[str] = "length_ratio"
    summary: ClassVar[str] = "is neither much shorter nor much longer than its source"
    of_edits: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "low": [Interval(Real, 0, 1, closed="right")],
        "high": [Interval(Real, 1, None, closed="both")],
    }

    def __init__(self, *, low: float = 0.5, high: float = 2.0) -> None:
        self.low = low
        self.high = high

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Compare lengths without surrounding white space."""
        ratios = (len(c.text.strip()) / len(d.text.strip()) for d, c in zip(draws, candidates, strict=True))
        return Judgement([self.low <= ratio <= self.high for ratio in ratios])
