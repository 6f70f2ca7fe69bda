"""Scores of a classifier, its calibration, and the gap between training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from augment.errors import InputError

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""Smaller probabilities are replaced by this one, 1.2e-38, so that a float32 softmax of 0 has a finite loss."""

_SUM_ERROR = 0.01  # how far from 1 the probabilities of a row may add up: half precision, many classes


class Bin(NamedTuple):
    """The rows whose confidence lies in (low, high]."""

    low: float
    high: float
    rows: int
    confidence: float
    """Their mean confidence, in [0, 1]."""
    accuracy: float
    """The share of them that is predicted correctly, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of a classifier on some rows. All numbers but `rows`, `support` and `loss` are in [0, 1].

    Attributes
    ----------
    rows : int
    loss : float
        Mean of -log p of the true class, 0 to 87.3, with the natural logarithm. It never uses the weights, smoothing or
        adjustment of the training loss.
    accuracy : float
    macro_f1 : float
        Mean F1 of the classes that are true or predicted for some row, as by default in scikit-learn. Other classes
        have no F1 and are left out.
    f1, recall, precision : dict of str to float
        For every class of the task; 0 where it is undefined. `support` shows where that is.
    support : dict of str to int
        True rows of each class.
    ece : float
        Expected calibration error: see `reliability`.
    """

    rows: int
    loss: float
    accuracy: float
    macro_f1: float
    f1: dict[str, float]
    recall: dict[str, float]
    precision: dict[str, float]
    support: dict[str, int]
    ece: float

    def to_dict(self) -> dict[str, Any]:
        """Return the scores for JSON; ``Scores(**scores.to_dict())`` is the way back."""
        return asdict(self)


def scores(probabilities: Any, codes: Any, classes: Sequence[str]) -> Scores:
    """Compute scores from predicted probabilities and true classes.

    Parameters
    ----------
    probabilities : array-like of float, shape (n, C)
        Each row at least 0 and adding up to 1. The largest is the prediction, the first of equal ones.
    codes : array-like of int, shape (n,)
        True classes, in [0, C).
    classes : sequence of str, length C
        Their names.

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        If there is no row, shapes do not fit, or a number is out of range.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", of `ece`.

    Examples
    --------
    >>> found = scores([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]], [0, 1, 1], ["no", "yes"])
    >>> found.recall, round(found.macro_f1, 3)
    ({'no': 1.0, 'yes': 0.5}, 0.667)
    """
    p, codes = _rows(probabilities, codes)
    if len(classes) != p.shape[1]:
        raise InputError(
            f"`probabilities` must have a column for each of {len(classes)} classes. Got {p.shape[1]}."
            " Give the classes in the order of the columns."
        )
    names = [str(name) for name in classes]
    predicted = p.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        codes, predicted, labels=np.arange(len(names)), zero_division=0
    )
    occurs = np.union1d(codes, predicted)

    def by_class(values: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, values.tolist(), strict=True))

    return Scores(
        rows=len(codes),
        loss=abs(float(np.log(np.clip(p[np.arange(len(codes)), codes], SMALLEST, 1)).mean())),
        accuracy=float((predicted == codes).mean()),
        macro_f1=float(f1[occurs].mean()),
        f1=by_class(f1),
        recall=by_class(recall),
        precision=by_class(precision),
        support=by_class(support),
        ece=sum(b.rows / len(codes) * abs(b.accuracy - b.confidence) for b in reliability(p, codes)),
    )


def reliability(probabilities: Any, codes: Any, *, bins: int = BINS) -> list[Bin]:
    """Return how often predictions are right, in bins of confidence.

    A row's confidence is its largest probability. The expected calibration error is the mean of |accuracy -
    confidence| over bins, weighted by their rows.

    Parameters
    ----------
    probabilities, codes
        See `scores`.
    bins : int, default=15
        Bins of equal width that [0, 1] is cut into, 1 or more.

    Returns
    -------
    list of Bin
        In ascending order; bins without rows are left out.

    Raises
    ------
    InputError
        See `scores`; or if `bins` is smaller than 1.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", of reliability diagrams.

    Examples
    --------
    >>> for found in reliability([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], [0, 1, 1], bins=2):
    ...     print(found.low, found.high, found.rows, round(found.confidence, 2), round(found.accuracy, 2))
    0.5 1.0 3 0.87 0.67
    """
    if bins < 1:
        raise InputError(f"`bins` must be 1 or more. Got {bins}. The usual number is {BINS}.")
    p, codes = _rows(probabilities, codes)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == codes
    edges = np.linspace(0, 1, bins + 1)
    of_row = np.searchsorted(edges[1:-1], confidence, side="left")
    return [
        Bin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            rows=int((of_row == i).sum()),
            confidence=float(confidence[of_row == i].mean()),
            accuracy=float(right[of_row == i].mean()),
        )
        for i in np.unique(of_row)
    ]


def confusion(codes: Any, predicted: Any, n_classes: int) -> np.ndarray:
    """Count rows by true and predicted class.

    Parameters
    ----------
    codes, predicted : array-like of int, shape (n,)
        In [0, `n_classes`).
    n_classes : int

    Returns
    -------
    ndarray of int64, shape (n_classes, n_classes)
        A row for each true class, a column for each predicted one.

    Raises
    ------
    InputError
        If the two are not equally long, there is no row, or a code is out of range.

    Examples
    --------
    >>> confusion([0, 1, 1], [0, 0, 1], 2).tolist()
    [[1, 0], [1, 1]]
    """
    codes, predicted = _codes("codes", codes, n_classes), _codes("predicted", predicted, n_classes)
    _check_lengths(codes=codes, predicted=predicted)
    counts: np.ndarray = confusion_matrix(codes, predicted, labels=np.arange(n_classes)).astype(np.int64)
    return counts


def gap(train: Scores, validation: Scores) -> float:
    """Return the overfitting gap: macro-F1 on training rows minus macro-F1 on validation rows, in points.

    Parameters
    ----------
    train : Scores
        Of the *original* training rows, predicted in eval mode. With synthetic rows among them, an augmented arm and a
        plain arm would be scored on different data.
    validation : Scores
        Of the same model.

    Returns
    -------
    float
        In points, -100 to 100; positive if training rows are predicted better.

    Notes
    -----
    Underfitting also makes the gap smaller. A smaller gap is good only if validation macro-F1 is not lower.

    Examples
    --------
    >>> train = scores([[0.9, 0.1], [0.2, 0.8]], [0, 1], ["no", "yes"])
    >>> validation = scores([[0.9, 0.1], [0.8, 0.2]], [0, 1], ["no", "yes"])
    >>> round(gap(train, validation), 1), round(loss_gap(train, validation), 2)
    (66.7, 0.69)
    """
    return 100 * (train.macro_f1 - validation.macro_f1)


def loss_gap(train: Scores, validation: Scores) -> float:
    """Return the mean loss of validation rows minus that of training rows.

    It shows overfitting earlier than `gap`: a model first becomes too sure of its mistakes, and later makes more.

    Parameters
    ----------
    train, validation : Scores
        See `gap`.

    Returns
    -------
    float
        In nats; positive if training rows are predicted better.
    """
    return validation.loss - train.loss


def gap_synthetic(synthetic: Scores, validation: Scores) -> float:
    """Return how much better synthetic rows are predicted than validation rows of their classes, in points of recall.

    Parameters
    ----------
    synthetic : Scores
        Of synthetic training rows alone.
    validation : Scores
        Of the same model.

    Returns
    -------
    float
        Mean recall on synthetic rows minus mean recall on validation rows, over the classes with synthetic rows, -100
        to 100. A large positive value means that the model has memorised the new rows.

    Raises
    ------
    InputError
        If a class has synthetic rows but no validation rows.

    Notes
    -----
    The measure is recall, since only rare classes have synthetic rows. Precision and F1 depend on the rows of the other
    classes: without such rows no mistake is possible, and the precision of the rare class is 1. Recall depends only on
    the rows of the class itself.

    Examples
    --------
    >>> synthetic = scores([[0.9, 0.1], [0.8, 0.2]], [0, 0], ["no", "yes"])
    >>> validation = scores([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]], [0, 0, 1], ["no", "yes"])
    >>> gap_synthetic(synthetic, validation)
    50.0
    """
    made = [name for name, rows in synthetic.support.items() if rows]
    missing = [name for name in made if not validation.support.get(name)]
    if missing:
        raise InputError(
            f"Every class with synthetic rows must have validation rows. Got none of {', '.join(missing)}."
            " Split the data by class."
        )
    return 100 * float(np.mean([synthetic.recall[name] - validation.recall[name] for name in made]))


def area_between(steps: Any, train_f1: Any, validation_f1: Any) -> float:
    """Return the mean gap over a training, in points: the area between both curves, divided by the range of steps.

    Parameters
    ----------
    steps : array-like of float, shape (k,)
        Optimiser steps at which both were scored, ascending; 1 or more.
    train_f1, validation_f1 : array-like of float, shape (k,)
        Macro-F1 of original training rows and of validation rows, in [0, 1].

    Returns
    -------
    float
        In points, -100 to 100. The area is made of trapezoids, and negative where validation is better. With one step
        it is the gap at that step.

    Raises
    ------
    InputError
        If there is no step, steps do not ascend, or the three are not equally long.

    Examples
    --------
    >>> round(area_between([0, 10, 30], [0.5, 0.7, 0.9], [0.5, 0.6, 0.6]), 2)  # (10·5 + 20·20) / 30
    15.0
    """
    x, train, validation = (np.atleast_1d(np.asarray(a, dtype=np.float64)) for a in (steps, train_f1, validation_f1))
    _check_lengths(steps=x, train_f1=train, validation_f1=validation)
    if not (np.diff(x) > 0).all():
        raise InputError(f"`steps` must ascend. Got {x.tolist()}. Give each evaluation once, in order.")
    points = 100 * (train - validation)
    return float(points[0] if len(x) == 1 else np.trapezoid(points, x) / (x[-1] - x[0]))


def _rows(probabilities: Any, codes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check and return probabilities, float64 (n, C), and codes, int64 (n,)."""
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not p.size:
        raise InputError(
            f"`probabilities` must have shape (rows, classes), with at least one row. Got {p.shape}."
            " Give rows to score."
        )
    if not ((p >= 0).all() and (np.abs(p.sum(axis=1) - 1) < _SUM_ERROR).all()):
        raise InputError(
            "Probabilities must be at least 0 and add up to 1 in every row."
            f" Got a smallest number of {p.min():.3g} and sums of {p.sum(axis=1).min():.3g} to"
            f" {p.sum(axis=1).max():.3g}. Take the softmax of logits."
        )
    codes = _codes("codes", codes, p.shape[1])
    _check_lengths(probabilities=p, codes=codes)
    return p, codes


def _codes(name: str, codes: Any, n_classes: int) -> np.ndarray:
    """Return class codes, int64 (n,), that lie in [0, n_classes)."""
    codes = np.asarray(codes)
    if codes.ndim != 1 or (codes.size and not np.issubdtype(codes.dtype, np.integer)):
        raise InputError(
            f"`{name}` must be whole numbers of shape (rows,). Got {codes.dtype} of shape {codes.shape}."
            " Give class codes."
        )
    if codes.size and not 0 <= codes.min() <= codes.max() < n_classes:
        raise InputError(
            f"Class codes must lie between 0 and {n_classes - 1}. Got {codes.min()} to {codes.max()}."
            " Number the classes of the task from 0 on."
        )
    checked: np.ndarray = codes.astype(np.int64)
    return checked


def _check_lengths(**arrays: np.ndarray) -> None:
    """Raise if arrays differ in length, or are empty."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or not min(lengths.values()):
        got = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(
            f"All inputs must have the same number of rows, at least one. Got {got}. Give one of each for every row."
        )
