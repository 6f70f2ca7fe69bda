"""The guard that rejects changes which disturb the words around them, or which readers would hardly find natural."""

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
ESTIMATE = "naturalness"


class Fluency(Guard):
    """The words that a candidate has left alone must stay as they were, in the eyes of a language model.

    A word that does not fit changes how its neighbours are understood. The score is the smallest cosine between the
    state of such a word in the source and in the candidate (`augment.models.steadiness.Steadiness`). `FillMask`
    measures it with its own model. A candidate that does not record its replacements passes, without a score.

    `FillMask` also estimates how likely a reader finds the candidate natural (`augment.text.naturalness`), and that
    must be likely enough. If a class still lacks rows after sixteen tries for each, this is no longer asked, so that no
    class comes short.

    Parameters
    ----------
    natural : float, default=0.5
        Smallest estimate of `FillMask`, in [0, 1]. By default a reader more likely finds the row natural than not; 0
        asks for the score alone.
    least : float, default=0.9
        Smallest score, in [-1, 1].
    column : bool, default=False
        Write the score beside each new row, as ``fluency``, and the estimate as ``naturalness``.
    model : str, default="mini"
        Encoder that scores the candidates of other strategies.
    """

    name: ClassVar[str] = "fluency"
    summary: ClassVar[str] = "leaves the words around its changes as they were, and reads natural"
    of_edits: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "natural": [Interval(Real, 0, 1, closed="both")],
        "least": [Interval(Real, -1, 1, closed="both")],
        "column": ["boolean"],
        "model": [str],
    }

    def __init__(self, *, natural: float = 0.5, least: float = 0.9, column: bool = False, model: str = "mini") -> None:
        self.natural = natural
        self.least = least
        self.column = column
        self.model = model

    @property
    def columns(self) -> Mapping[str, str]:  # type: ignore[override]
        """The columns of the scores and the estimates, if they are written."""
        return {COLUMN: "float32", ESTIMATE: "float32"} if self.column else {}

    @property
    def relents(self) -> bool:  # type: ignore[override]
        """Whether there is an estimate to leave out."""
        return self.natural > 0

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
        estimates = [candidate.naturalness for candidate in candidates]
        passed = [
            (score is None or score >= self.least) and (draw.lenient or estimate is None or estimate >= self.natural)
            for draw, score, estimate in zip(draws, scores, estimates, strict=True)
        ]
        return Judgement(passed, {COLUMN: scores, ESTIMATE: estimates} if self.column else {})
