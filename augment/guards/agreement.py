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
from augment.guards.word_teacher import WordTeacher, softmax
from augment.parameters import OnlyWith, Rule
from augment.seeding import generator
from augment.words import folded, key

if TYPE_CHECKING:
    from augment.models.encoder import Encoders
    from augment.models.scorer import TextScorer


WORDS = "words"
"""The model that is naive Bayes on words, and no encoder."""
MIN_ROWS = 20
"""Minimum number of rows of a class whose bound can be found: 5 % of them are one row."""
REJECTED = 0.05
"""Share of the rows of a class, out of fold, that lie below its bound."""
HIGHEST = 0.2
"""The highest bound that is found. Where classes are easy, a row may be less typical than most and still right."""
LEVEL = 0.01
"""Level of the test whether a teacher recognises a class, before it is divided by the number of classes."""


class Agreement(Guard):
    """A teacher must not contradict the label: it must give the candidate's class at least some probability.

    The default teacher is a logistic regression on the encoder's vectors of the input itself, every class weighing
    the same. With ``model="words"`` it is naive Bayes on the words, which is fitted in half a second and reads a
    candidate in 50 microseconds. It is fitted once for each fold, on the rows of the other folds; rows of one text
    (case and punctuation folded) share a fold, and a candidate is scored by the teacher that saw neither its source nor
    a copy of it.

    With a number for `least`, a source that the teacher itself gives less gets no edits, since few of them would pass:
    other sources of its class get them. So it is in each class of whose rows the teacher gives most as much as `least`,
    as long as the other sources suffice.

    Parameters
    ----------
    least : float or None, default=0.2
        Least probability of the candidate's own class, in (0, 1). None finds it for each class: the one that 95 % of
        the class's rows reach out of fold, at most 0.2. Only classes that the teacher recognises are judged then: those
        with 20 rows or more that it finds more often than chance does (exact binomial test against its rate of false
        alarms, at .01 over the number of classes). Candidates of other classes pass.
    teacher : str, optional
        A text-classification model, folder or hub id, in place of the logistic regression. Its labels must be
        the classes, case aside. It must not have been trained on held-out data.
    model : str, default="mini"
        Encoder of the default teacher, or ``"words"``.
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
    reads_rows: ClassVar[bool] = True
    of_classes: ClassVar[bool] = True
    from_rows: ClassVar[tuple[str, ...]] = ("classes", "judged", "recall")

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "least": [Interval(Real, 0, 1, closed="neither"), None],
        "teacher": [str, None],
        "model": [str],
        "folds": [Interval(Integral, 2, None, closed="left")],
        "max_rows": [Interval(Integral, 1, None, closed="left")],
        "soft_labels": ["boolean"],
    }
    _parameter_rules: ClassVar[tuple[Rule | OnlyWith, ...]] = (
        Rule(("max_rows", "folds"), lambda rows, folds: rows >= 2 * folds, "twice `folds` or more"),
        Rule(
            ("least", "teacher"),
            lambda least, teacher: least is not None or teacher is None,
            "a number with a `teacher`",
        ),
        OnlyWith(("model", "folds", "max_rows"), "teacher", None),
    )

    def __init__(
        self,
        *,
        least: float | None = 0.2,
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
        if self.teacher is None and self.model != WORDS:
            encoders.get(self.model)
        elif self.teacher is not None:
            self._teacher = TextScorer(self.teacher, device=encoders.device)

    def fit(self, originals: Originals) -> None:
        """Fit one teacher for each fold, and measure their recall on rows that they have not seen."""
        self.unfit_ = ""
        self.selective_: list[Any] = []
        self.classes_ = sorted(set(originals.labels), key=str)
        if self._teacher is not None:
            self._teacher.places(self.classes_)
            return
        rows = self._chosen(originals)
        texts = [originals.whole(i) for i in rows]
        labels = np.array([self.classes_.index(originals.labels[i]) for i in rows])
        folds = np.array([self._fold(text) for text in texts], dtype=np.int64)
        if self.model == WORDS:
            self.words_ = WordTeacher(texts, labels, folds, len(self.classes_), self.folds)
            scores = self.words_.probabilities(texts, folds)
        else:
            lacking = self._lacking(labels, folds)
            if lacking and self.by_default:
                self.bounds_, self.unfit_ = {}, f"{lacking}."
                return
            if lacking:
                raise InputError(
                    f"The agreement guard cannot be fitted: {lacking}. Give more rows, fewer folds, a teacher, or leave"
                    " the guard out."
                )
            scores = self._fit_on_vectors(self._encoders.encode(self.model, texts), labels, folds)
            self.temperature_ = temperature(scores, labels)
        correct = scores.argmax(axis=1) == labels
        self.recall_ = {
            str(label): round(float(correct[labels == i].mean()), 3) if (labels == i).any() else 0.0
            for i, label in enumerate(self.classes_)
        }
        if self.least is not None and originals.edits:
            reached = scores[np.arange(len(labels)), labels] >= self.least
            known = [(labels == i).any() and reached[labels == i].mean() > 0.5 for i in range(len(self.classes_))]
            self.selective_ = [label for label, most in zip(self.classes_, known, strict=True) if most]
        if self.least is None:
            self.bounds_ = {self.classes_[i]: bound for i, bound in bounds(scores, labels).items()}
            if not self.bounds_ and not self.by_default:
                raise InputError(f"The agreement guard cannot be fitted: {self.why_unfit()} Leave it out.")

    def why_unfit(self) -> str | None:
        """Return, in a sentence, why it cannot judge, or None."""
        if self.least is not None or self.bounds_:
            return None
        if self.unfit_:
            return self.unfit_
        return f"its teacher recognises no class of {MIN_ROWS} rows or more better than chance does."

    def finding(self) -> str | None:
        """Return, in a clause, how well the teacher knows the classes, and which of them it judges."""
        if self.least is not None:
            return None
        mean = sum(self.recall_.values()) / len(self.recall_)
        others = [str(label) for label in self.classes_ if label not in self.bounds_]
        unknown = f", and does not judge {', '.join(map(repr, others[:5]))}{' …' if len(others) > 5 else ''}"
        return (
            f"its teacher recognises {mean:.0%} of the rows that it has not seen (mean of the classes; chance:"
            f" {1 / len(self.classes_):.0%}){unknown if others else ''}"
        )

    def _fit_on_vectors(self, vectors: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Fit one logistic regression for each fold, and return the scores of the rows out of fold."""
        shape = (self.folds, len(self.classes_))
        self.weights_ = np.zeros((*shape, vectors.shape[1]), dtype=np.float32)
        self.biases_ = np.zeros(shape, dtype=np.float32)
        for fold in range(self.folds):
            kept = folds != fold
            self.weights_[fold], self.biases_[fold] = _logistic_regression(
                vectors[kept], labels[kept], len(self.classes_)
            )
        return self._scores(vectors, folds)

    def _lacking(self, labels: np.ndarray, folds: np.ndarray) -> str:
        """Return, in a clause, which classes have no row left without one of the folds; empty if all have some."""
        missing: set[int] = set()
        for fold in range(self.folds):
            missing |= set(range(len(self.classes_))) - set(labels[folds != fold].tolist())
        names = listed([self.classes_[i] for i in sorted(missing)], 20) if missing else ""
        return f"without one of its {self.folds} folds no row is left of {names}" if names else ""

    def calibrated(self, vectors: np.ndarray, texts: Sequence[str] | None = None) -> np.ndarray:
        """Return calibrated probabilities of unit vectors, from the default teacher on an encoder.

        Parameters
        ----------
        vectors : ndarray of float, shape (n, d)
        texts : sequence of str, optional
            For each vector, a text that its teacher must not have seen. None for the mean over all teachers.

        Returns
        -------
        ndarray of float64, shape (n, classes)
            In the order of `classes_`, as if all classes were equally frequent.
        """
        if texts is not None:
            folds = np.array([self._fold(text) for text in texts], dtype=np.int64)
            return tempered(self._scores(vectors, folds), self.temperature_)
        each = [self._scores(vectors, np.full(len(vectors), fold)) for fold in range(self.folds)]
        mean: np.ndarray = np.mean([tempered(scores, self.temperature_) for scores in each], axis=0)
        return mean

    def identity(self) -> dict[str, Any]:
        """Return the classes in order, the teacher's revision and dtype, and its recall on unseen rows."""
        identity: dict[str, Any] = {"classes": [str(label) for label in self.classes_]}
        if self._teacher is not None:
            return identity | {"revision": self._teacher.revision}
        if self.least is None:
            identity["judged"] = [str(label) for label in self.bounds_]
        if self.model != WORDS:
            identity |= self._encoders.identity(self.model)
        return identity | {"recall": self.recall_}

    def rules_out(self, draws: Sequence[Draw]) -> Sequence[bool]:
        """Judge the sources themselves, those of classes that the teacher mostly knows."""
        asked = [draw.label in self.selective_ for draw in draws]
        own = [draw for draw, judged in zip(draws, asked, strict=True) if judged]
        passed = iter(self.judge(own, [Candidate(draw.text, beside=draw.beside) for draw in own]).passed)
        return [judged and not next(passed) for judged in asked]

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Score the candidates."""
        scores = self.probabilities(draws, candidates)
        own = scores[np.arange(len(draws)), [self.classes_.index(draw.label) for draw in draws]]
        least = [self.bounds_.get(draw.label, 0.0) if self.least is None else self.least for draw in draws]
        passed = [bool(p >= bound) for p, bound in zip(own, least, strict=True)]
        if not self.soft_labels:
            return Judgement(passed)
        shares = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)  # a teacher may know further labels
        return Judgement(passed, {"label_probs": [[round(float(p), 6) for p in row] for row in shares]})

    def probabilities(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> np.ndarray:
        """Return what the teacher that saw neither a candidate's source nor a copy of it says of the candidate.

        Parameters
        ----------
        draws : sequence of Draw, length n
        candidates : sequence of Candidate, length n

        Returns
        -------
        ndarray of float, shape (n, classes)
            The probability of each of `classes_`. Each row is computed by itself.
        """
        texts = [candidate.whole for candidate in candidates]
        if self._teacher is not None:
            return self._teacher.probabilities(texts)[:, self._teacher.places(self.classes_)]
        folds = np.array([self._fold(draw.whole) for draw in draws], dtype=np.int64)
        if self.model == WORDS:
            return self.words_.probabilities(texts, folds)
        return self._scores(self._encoders.encode(self.model, texts), folds)

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
        return softmax(logits)


def tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities whose logarithms are divided by a temperature.

    Parameters
    ----------
    scores : ndarray of float, shape (n, classes)
        Probabilities.
    temperature : float
        Above 0; above 1 makes them more even.

    Returns
    -------
    ndarray of float64, shape (n, classes)

    Examples
    --------
    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    return softmax(np.log(np.maximum(scores.astype(np.float64), 1e-12)) / temperature)


def temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature that makes probabilities of unseen rows as good as it can, every class weighing the same.

    Parameters
    ----------
    scores : ndarray of float, shape (n, classes)
        Probabilities of rows that the teacher has not seen.
    labels : ndarray of int, shape (n,)
        Their classes, from 0.

    Returns
    -------
    float
        In [0.05, 20]: that of the smallest mean of negative logarithms of the own class's probability.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", section 4.2.

    Examples
    --------
    >>> scores = np.array([[0.99, 0.01]] * 4 + [[0.01, 0.99]] * 4)
    >>> temperature(scores, np.array([0, 0, 0, 1, 1, 1, 1, 0])) > 2  # one in four is wrong, however sure
    True
    """
    from scipy.optimize import minimize_scalar

    weights = 1 / np.bincount(labels, minlength=scores.shape[1])[labels]

    def loss(logarithm: float) -> float:
        own = tempered(scores, np.exp(logarithm))[np.arange(len(labels)), labels]
        return float(-(weights * np.log(np.maximum(own, 1e-12))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def bounds(scores: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Find the classes that a teacher recognises, and the probability of the own class that most of their rows reach.

    Parameters
    ----------
    scores : ndarray of float, shape (n, classes)
        Probabilities of rows that the teacher has not seen.
    labels : ndarray of int, shape (n,)
        Their classes, from 0.

    Returns
    -------
    dict of int to float
        Class to the quantile `REJECTED` of its rows, at most `HIGHEST`. A class is left out if it has fewer than
        `MIN_ROWS` rows, or if the teacher does not find it more often among its own rows than among others.

    Examples
    --------
    >>> own = np.linspace(0.51, 0.99, 40)
    >>> bounds(np.stack([own, 1 - own], axis=1), np.repeat([0, 1], [20, 20]))
    {}
    """
    from scipy.stats import binomtest

    found, n_classes = scores.argmax(axis=1), scores.shape[1]
    recognised = {}
    for label in range(n_classes):
        own = labels == label
        rows, hits, false_alarms = int(own.sum()), int((found[own] == label).sum()), int((found[~own] == label).sum())
        if rows < MIN_ROWS:
            continue
        chance = min(1.0, (false_alarms + 1) / (int((~own).sum()) + 1))
        if binomtest(hits, rows, chance, alternative="greater").pvalue < LEVEL / n_classes:
            recognised[label] = min(HIGHEST, float(np.quantile(scores[own, label], REJECTED)))
    return recognised


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
