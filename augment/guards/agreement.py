"""The guard that asks a teacher whether a candidate still belongs to its class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from augment.errors import InputError, listed
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard, Originals
from augment.parameters import Rule, only_with
from augment.seeding import generator
from augment.words import folded, key

if TYPE_CHECKING:
    from augment.models.encoder import Encoders
    from augment.models.scorer import TextScorer


_OF_THE_DEFAULT_TEACHER = {"model": "mini", "folds": 5, "max_rows": 6000}


class Agreement(Guard):
    """A teacher must not contradict the label: it must give the candidate's class at least some probability.

    The default teacher is a logistic regression on the encoder's vectors of the input itself, every class weighing
    the same. It is fitted once for each fold, on the rows of the other folds; rows of one text (case and punctuation
    folded) share a fold, and a candidate is scored by the teacher that saw neither its source nor a copy of it.

    Parameters
    ----------
    least : float, default=0.2
        Least probability of the candidate's own class, in (0, 1).
    teacher : str, optional
        A text-classification model, folder or hub id, in place of the logistic regression. Its labels must be
        the classes, case aside. It must not have been trained on held-out data.
    model : str, default="mini"
        Encoder of the default teacher.
    folds : int, default=5
        Number of parts of the input, each scored by a teacher of the other parts; 2 or more.
    max_rows : int, default=6000
        Maximum number of rows that the default teacher is fitted on, shared evenly among the classes, drawn by the
        seed.
    soft_labels : bool, default=False
        Write the teacher's probabilities beside every new row, as the column `label_probs`; their order is that of
        `classes` in the manifest.

    References
    ----------
    Anaby-Tavor et al. 2020, "Do not have enough data? Deep learning to the rescue!" (LAMBADA), section 3.4, which
    filters by a classifier fitted on the same data; the folds are added, so that no source vouches for its copy.
    """

    name: ClassVar[str] = "agreement"
    summary: ClassVar[str] = "does not contradict its label, according to a teacher that never saw its source"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "least": [Interval(Real, 0, 1, closed="neither")],
        "teacher": [str, None],
        "model": [str],
        "folds": [Interval(Integral, 2, None, closed="left")],
        "max_rows": [Interval(Integral, 1, None, closed="left")],
        "soft_labels": ["boolean"],
    }
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("max_rows", "folds"), lambda rows, folds: rows >= 2 * folds, "twice `folds` or more"),
        *(only_with(name, default, "teacher", None) for name, default in _OF_THE_DEFAULT_TEACHER.items()),
    )

    def __init__(
        self,
        *,
        least: float = 0.2,
        teacher: str | None = None,
        model: str = "mini",
        folds: int = 5,
        max_rows: int = 6000,
        soft_labels: bool = False,
    ) -> None:
        self.least = least
        self.teacher = teacher
        self.model = model
        self.folds = folds
        self.max_rows = max_rows
        self.soft_labels = soft_labels

    @property
    def columns(self) -> Mapping[str, str]:  # type: ignore[override]
        """The column of soft labels, if they are requested."""
        return {"label_probs": "list<float>"} if self.soft_labels else {}

    def prepare(self, encoders: Encoders) -> None:
        """Open the teacher, or the encoder under it."""
        from augment.models.scorer import TextScorer

        self._encoders = encoders
        self._teacher: TextScorer | None = None
        if self.teacher is None:
            encoders.get(self.model)
        else:
            self._teacher = TextScorer(self.teacher, device=encoders.device)

    def fit(self, originals: Originals) -> None:
        """Fit one teacher for each fold, and measure their recall on rows that they have not seen."""
        self.classes_ = sorted(set(originals.labels), key=str)
        if self._teacher is not None:
            self._teacher.places(self.classes_)
            return
        rows = self._chosen(originals)
        texts = [str(originals.texts[i]) for i in rows]
        labels = np.array([self.classes_.index(originals.labels[i]) for i in rows])
        folds = np.array([self._fold(text) for text in texts])
        vectors = self._encoders.encode(self.model, texts)
        shape = (self.folds, len(self.classes_))
        self.weights_ = np.zeros((*shape, vectors.shape[1]), dtype=np.float32)
        self.biases_ = np.zeros(shape, dtype=np.float32)
        missing: set[int] = set()
        for fold in range(self.folds):
            kept = folds != fold
            missing |= set(range(len(self.classes_))) - set(labels[kept].tolist())
        if missing:
            raise InputError(
                f"The agreement guard cannot be fitted: without one of its {self.folds} folds no row is left of"
                f" {listed([self.classes_[i] for i in sorted(missing)], 20)}. Give more rows, fewer folds, a teacher,"
                " or leave the guard out."
            )
        for fold in range(self.folds):
            kept = folds != fold
            self.weights_[fold], self.biases_[fold] = _logistic_regression(
                vectors[kept], labels[kept], len(self.classes_)
            )
        correct = self._scores(vectors, folds).argmax(axis=1) == labels
        self.recall_ = {
            str(label): round(float(correct[labels == i].mean()), 3) for i, label in enumerate(self.classes_)
        }

    def identity(self) -> dict[str, Any]:
        """Return the classes in order, the teacher's revision, and its recall on rows that it has not seen."""
        identity: dict[str, Any] = {"classes": [str(label) for label in self.classes_]}
        if self._teacher is not None:
            return identity | {"revision": self._teacher.revision}
        return identity | {"revision": self._encoders.get(self.model).prepare().revision, "recall": self.recall_}

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Score the candidates."""
        texts = [candidate.text for candidate in candidates]
        if self._teacher is not None:
            scores = self._teacher.probabilities(texts)[:, self._teacher.places(self.classes_)]
        else:
            folds = np.array([self._fold(draw.text) for draw in draws], dtype=np.int64)
            scores = self._scores(self._encoders.encode(self.model, texts), folds)
        own = scores[np.arange(len(texts)), [self.classes_.index(draw.label) for draw in draws]]
        passed = [bool(p >= self.least) for p in own]
        if not self.soft_labels:
            return Judgement(passed)
        shares = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)  # a teacher may know further labels
        return Judgement(passed, {"label_probs": [[round(float(p), 6) for p in row] for row in shares]})

    def _chosen(self, originals: Originals) -> list[int]:
        """Draw the rows to fit on: the same number of each class, or all rows of a smaller class."""
        by_class: dict[Any, list[int]] = defaultdict(list)
        for i, (text, label) in enumerate(zip(originals.texts, originals.labels, strict=True)):
            if text and text.strip() and originals.is_real(i):  # a fold does not separate older new rows
                by_class[label].append(i)
        share = max(1, self.max_rows // len(self.classes_))
        chosen = []
        for number, label in enumerate(self.classes_):
            rows = by_class[label]
            order = generator(originals.seed, "teacher", number).permutation(len(rows))[:share]
            chosen += [rows[i] for i in order]
        return sorted(chosen)

    def _fold(self, text: str) -> int:
        """Return the fold of a text; texts that differ only in case and punctuation share one."""
        return key(folded(text)) % self.folds

    def _scores(self, vectors: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Return probabilities (n, classes). Each row is computed by itself, so its batch does not change its bits."""
        logits = np.zeros((len(vectors), len(self.classes_)), dtype=np.float32)
        for i in range(len(self.classes_)):
            logits[:, i] = (vectors * self.weights_[folds, i]).sum(axis=1) + self.biases_[folds, i]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
        return shares


def _logistic_regression(vectors: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit one teacher on one core, so that their number does not matter; return weights (classes, d) and biases."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        fitted = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000).fit(vectors, labels)
    if classes == 2:  # scikit-learn keeps one row for two classes
        return np.vstack([-fitted.coef_ / 2, fitted.coef_ / 2]), np.concatenate(
            [-fitted.intercept_ / 2, fitted.intercept_ / 2]
        )
    return fitted.coef_, fitted.intercept_
