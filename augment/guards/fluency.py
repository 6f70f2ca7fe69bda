"""The guard that rejects changes which disturb the words around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.utils._param_validation import Interval

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard
from augment.models.steadiness import ChangedText, Steadiness

if TYPE_CHECKING:
    from augment.models.encoder import Encoders

COLUMN = "fluency"


class Fluency(Guard):
    """The words that a candidate has left alone must stay as they were, in the eyes of a language model.

    A word that does not fit changes how its neighbours are understood. The score is the smallest cosine between the
    state of such a word in the source and in the candidate (`augment.models.steadiness.Steadiness`). `FillMask`
    measures it with its own model. A candidate that does not record its replacements passes, without a score.

    Parameters
    ----------
    least : float, default=0.9
        Smallest score, in [-1, 1].
    column : bool, default=False
        Write the score beside each new row, as ``fluency``.
    model : str, default="mini"
        Encoder that scores the candidates of other strategies.
    """

    name: ClassVar[str] = "fluency"
    summary: ClassVar[str] = "leaves the words around its changes as they were"
    of_edits: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "least": [Interval(Real, -1, 1, closed="both")],
        "column": ["boolean"],
        "model": [str],
    }

    def __init__(self, *, least: float = 0.9, column: bool = False, model: str = "mini") -> None:
        self.least = least
        self.column = column
        self.model = model

    @property
    def columns(self) -> Mapping[str, str]:  # type: ignore[override]
        """The column of the scores, if it is written."""
        return {COLUMN: "float32"} if self.column else {}

    def prepare(self, encoders: Encoders) -> None:
        """Open the encoder."""
        self._encoders = encoders
        self._steadiness = Steadiness(encoders.get(self.model).prepare())

    def identity(self) -> dict[str, Any]:
        """Return what identifies the encoder's weights, and its dtype."""
        return self._encoders.identity(self.model)

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Score each candidate against its source."""
        scores = [candidate.steadiness for candidate in candidates]
        new = [i for i, candidate in enumerate(candidates) if scores[i] is None and candidate.replacements]
        changes = [ChangedText(draws[i].text, candidates[i].text, candidates[i].replacements) for i in new]
        for i, score in zip(new, self._steadiness.least(changes).tolist(), strict=True):
            scores[i] = score
        passed = [score is None or score >= self.least for score in scores]
        return Judgement(passed, {COLUMN: scores} if self.column else {})
