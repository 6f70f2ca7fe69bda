"""The guard that asks a teacher for the class of each candidate, and may keep the row under that class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.agreement import Agreement
from augment.guards.base import Guard, Originals
from augment.parameters import Rule, only_with

if TYPE_CHECKING:
    from augment.models.encoder import Encoders


class Relabel(Guard):
    """A candidate must be of its source's class in the eyes of a teacher, or it is kept under the class that it is of.

    The teacher is that of the guard `agreement`: it has seen neither the candidate's source nor a copy of it. It says
    the likeliest class. A candidate of another class than its source's is rejected. With `keep` it becomes a row of
    that other class, if the class still lacks rows in this run and the teacher is sure enough. The guards that come
    after this one judge it as a row of that class. No class gets more rows than were asked for.

    Parameters
    ----------
    keep : bool, default=False
        Keep candidates of another class under that class. Each new row then has the class of its source beside it, in
        the column `source_label`, and the teacher's probability of the row's own class, in `relabel_probability`.
    least : float, default=0.5
        The least probability of another class with which a candidate is kept under it, in (0, 1).
    teacher : str, optional
        A text-classification model, folder or hub id, in place of the default teacher. Its labels must be the classes,
        case aside. It must not have been trained on held-out data.
    model : str, default="mini"
        Encoder of the default teacher, or ``"words"`` for naive Bayes on words.
    folds : int, default=5
        Number of parts of the input, each scored by a teacher of the other parts; 2 or more.
    max_rows : int, default=6000
        Maximum number of rows that the default teacher is fitted on, shared evenly among the classes, drawn by the
        seed.

    References
    ----------
    Sahu et al. 2023, "PromptMix: a class boundary augmentation method for large language model distillation"
    (relabelling). Chung et al. 2023, "Increasing diversity while maintaining accuracy: text data generation with large
    language models and human interventions" (replacing labels against filtering).
    """

    name: ClassVar[str] = "relabel"
    summary: ClassVar[str] = "is of its class, according to a teacher, or is kept under the class that it is of"
    from_rows: ClassVar[tuple[str, ...]] = Agreement.from_rows

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "keep": ["boolean"],
        "least": [Interval(Real, 0, 1, closed="neither")],
        "teacher": [str, None],
        "model": [str],
        "folds": [Interval(Integral, 2, None, closed="left")],
        "max_rows": [Interval(Integral, 1, None, closed="left")],
    }
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        only_with("least", 0.5, "keep", True),
        *(rule for rule in Agreement._parameter_rules if "least" not in rule.names),
    )

    def __init__(
        self,
        *,
        keep: bool = False,
        least: float = 0.5,
        teacher: str | None = None,
        model: str = "mini",
        folds: int = 5,
        max_rows: int = 6000,
    ) -> None:
        self.keep = keep
        self.least = least
        self.teacher = teacher
        self.model = model
        self.folds = folds
        self.max_rows = max_rows

    @property
    def columns(self) -> Mapping[str, str]:  # type: ignore[override]
        """The class of the source, and the teacher's probability, if rows are kept under other classes."""
        return {"source_label": "string", "relabel_probability": "double"} if self.keep else {}

    def prepare(self, encoders: Encoders) -> None:
        """Open the teacher, or the encoder under it."""
        if not hasattr(self, "teacher_"):
            self.teacher_ = Agreement(teacher=self.teacher, model=self.model, folds=self.folds, max_rows=self.max_rows)
        self.teacher_.prepare(encoders)

    def fit(self, originals: Originals) -> None:
        """Fit the teacher."""
        self.teacher_.fit(originals)

    def identity(self) -> dict[str, Any]:
        """Return the identity of the teacher."""
        return self.teacher_.identity()

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Find the class of each candidate."""
        scores, classes = self.teacher_.probabilities(draws, candidates), self.teacher_.classes_
        labels = [classes[place] for place in scores.argmax(axis=1)] if len(draws) else []
        same = [label == draw.label for label, draw in zip(labels, draws, strict=True)]
        if not self.keep:
            return Judgement(same)
        best = scores.max(axis=1) if len(draws) else np.zeros(0)
        columns: dict[str, list[Any]] = {
            "source_label": [str(draw.label) for draw in draws],
            "relabel_probability": [round(float(p), 6) for p in best],
        }
        passed = [own or bool(p >= self.least) for own, p in zip(same, best, strict=True)]
        return Judgement(passed, columns, labels)
