"""Statistics of the difference between two arms: intervals over seeds, tests, and a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from augment.errors import InputError

LEAST_SEEDS = 10
"""With fewer seeds there is no verdict. With five, a two-sided Wilcoxon test cannot go below p = .0625."""
GAP_MARGIN = 0.5
"""The largest growth of the overfitting gap, in points, of an arm that generalises, with 95 % confidence."""
LEVEL = 0.05
"""The probability of a verdict, over all arms of a table, if no arm has an effect."""
RESAMPLES = 2000


class Interval(NamedTuple):
    """The mean of paired differences, and its confidence interval."""

    mean: float
    low: float
    high: float
    p: float
    """Two-sided p-value of the hypothesis of no difference."""


def paired_interval(arm: Sequence[float], other: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Return the paired t-interval of the mean difference.

    Parameters
    ----------
    arm, other : sequence of float, shape (n,)
        Of the same seeds, in the same order; n is 2 or more.
    confidence : float, default=0.95

    Returns
    -------
    Interval
        Of arm − other. If all differences are equal, the width is 0; then p is 1 for the difference 0, else 0.

    Raises
    ------
    InputError
        If there are fewer than two seeds, or the lengths differ.

    Examples
    --------
    >>> found = paired_interval([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
    >>> round(found.mean, 2), round(found.low, 2), round(found.high, 2), round(found.p, 3)
    (2.0, -0.48, 4.48, 0.074)
    """
    differences = _differences(arm, other)
    center, error = float(differences.mean()), _standard_error(differences)
    if error == 0 or np.ptp(differences) < 1e-12:
        return Interval(center, center, center, 1.0 if center == 0 else 0.0)
    width = float(special.stdtrit(len(differences) - 1, 0.5 + confidence / 2)) * error
    p = 2 * float(special.stdtr(len(differences) - 1, -abs(center) / error))
    return Interval(center, center - width, center + width, p)


def upper_bound(arm: Sequence[float], other: Sequence[float], *, confidence: float = 0.95) -> float:
    """Return the one-sided upper bound of the mean paired difference, by the t distribution.

    Parameters
    ----------
    arm, other, confidence
        See `paired_interval`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If there are fewer than two seeds, or the lengths differ.
    """
    differences = _differences(arm, other)
    quantile = float(special.stdtrit(len(differences) - 1, confidence))
    return float(differences.mean()) + quantile * _standard_error(differences)


def wilcoxon(arm: Sequence[float], other: Sequence[float]) -> float:
    """Return the two-sided p of the Wilcoxon signed-rank test, exact where there are neither ties nor zeros.

    Parameters
    ----------
    arm, other
        See `paired_interval`.

    Returns
    -------
    float
        In [0, 1]; 1 if all differences are 0.

    Raises
    ------
    InputError
        If there are fewer than two seeds, or the lengths differ.

    Examples
    --------
    >>> wilcoxon([2.0, 3.0, 4.0, 5.5, 6.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    0.0625
    """
    differences = _differences(arm, other)
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for the number of comparisons (Holm 1979).

    Parameters
    ----------
    p_values : sequence of float, shape (n,)
        Each in [0, 1].

    Returns
    -------
    list of float, length n
        In the same order; at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(adjusted, 1)
    return [float(value) for value in result]


def hierarchical_bootstrap(
    truth: Sequence[np.ndarray],
    arm: Sequence[np.ndarray],
    other: Sequence[np.ndarray],
    classes: int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of the mean difference in macro-F1, over seeds and test rows.

    Seeds and test rows are drawn with replacement. The test rows are the same for all seeds and both arms. The interval
    shows what another draw of seeds and another test set of the same kind may give. With few seeds a percentile
    bootstrap is too narrow, so verdicts use `paired_interval`.

    Parameters
    ----------
    truth : sequence of ndarray of int, each of shape (n,)
        True classes, one array for each seed.
    arm, other : sequence of ndarray of int, each of shape (n,)
        Predicted classes, for each seed.
    classes : int
    resamples : int, default=2000
    confidence : float, default=0.95

    Returns
    -------
    low, high : float
        In points of macro-F1, of arm − other.
    """
    rows, seeds = len(truth[0]), len(truth)
    differences = np.empty(resamples)
    # F1 needs only sums over rows. So a resample is a product with the number of times that each row was drawn.
    counted = np.empty((rows, 2, seeds, 3, classes), dtype=np.float32)
    for i, predicted in enumerate((arm, other)):
        for j, (t, p) in enumerate(zip(truth, predicted, strict=True)):
            counted[:, i, j] = np.stack([_one_hot(t, classes), _one_hot(p, classes), _one_hot(t, classes)], axis=1)
            counted[t != p, i, j, 0] = 0
    both = counted.reshape(rows, -1)
    done = 0
    for weights, drawn in _resampled(rows, seeds, resamples):
        count = len(weights)
        f1 = _macro_f1((weights.astype(np.float32) @ both).reshape(count, 2, seeds, 3, classes))
        paired = (f1[:, 0] - f1[:, 1])[np.arange(count)[:, None], drawn]
        differences[done : done + count] = 100 * paired.mean(axis=1)
        done += count
    low, high = np.quantile(differences, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The comparison of two arms, over the seeds that both have."""

    seeds: int
    f1: Interval
    """Of macro-F1 on the test rows, in points."""
    gap: Interval
    """Of the overfitting gap, in points."""
    gap_upper: float
    """Its one-sided 95 % upper bound."""
    bootstrap: tuple[float, float]
    """Of macro-F1, see `hierarchical_bootstrap`."""
    wilcoxon: float
    adjusted: float
    """The p of the t-interval after Holm, over the arms of the table. In a suite with looks it is counted for them."""
    judged: bool = True
    """Whether the seeds are those of a look, if the suite has looks."""

    @property
    def verdict(self) -> str:
        """The result in words; see `verdict_of`. Empty between two looks."""
        return verdict_of(self.f1, self.adjusted, self.gap_upper, self.seeds) if self.judged else ""


def verdict_of(f1: Interval, adjusted: float, gap_upper: float, seeds: int) -> str:
    """Return the result of a comparison in words.

    Parameters
    ----------
    f1 : Interval
        Of macro-F1, in points.
    adjusted : float
        Its p after Holm.
    gap_upper : float
        Upper bound of the gap's change, in points.
    seeds : int

    Returns
    -------
    str
        Empty with fewer than `LEAST_SEEDS` seeds.

    Examples
    --------
    >>> verdict_of(Interval(1.2, 0.4, 2.0, 0.006), 0.03, 0.2, 10)
    'helps and generalises'
    >>> verdict_of(Interval(1.2, 0.4, 2.0, 0.006), 0.03, 1.7, 10)
    'helps but overfits'
    >>> verdict_of(Interval(1.2, 0.4, 2.0, 0.006), 0.09, 0.2, 10)
    'no evidence'
    """
    if seeds < LEAST_SEEDS:
        return ""
    if adjusted > LEVEL or f1.low <= 0 <= f1.high:
        return "no evidence"
    if f1.high < 0:
        return "hurts"
    return "helps and generalises" if gap_upper <= GAP_MARGIN else "helps but overfits"


def _standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean, as scipy.stats.sem does in ten times the time."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _differences(arm: Sequence[float], other: Sequence[float]) -> np.ndarray:
    """Return arm − other, float64 (n,)."""
    first, second = np.asarray(arm, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise InputError(
            f"A paired comparison needs two or more seeds, the same for both. Got {len(first)} and {len(second)}."
        )
    return first - second


@lru_cache(maxsize=4)
def _resampled(rows: int, seeds: int, resamples: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return how often each test row was drawn, (c, rows), and which seeds, (c, seeds), in parts of 100 resamples.

    They are the same for every comparison, and drawing them takes longer than all else.
    """
    rng = np.random.Generator(np.random.Philox(key=np.array([0, 0], np.uint64)))
    drawn = []
    for start in range(0, resamples, 100):
        count = min(100, resamples - start)
        times = rng.multinomial(rows, np.full(rows, 1 / rows), size=count).astype(np.uint8)
        drawn.append((times, rng.integers(seeds, size=(count, seeds))))
    return drawn


def _one_hot(codes: np.ndarray, width: int) -> np.ndarray:
    result = np.zeros((len(codes), width), dtype=np.float32)
    result[np.arange(len(codes)), codes] = 1
    return result


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 of the classes that are true or predicted.

    `counts` has, for each class, the numbers of rows predicted correctly, of rows predicted as the class, and of rows
    of the class: (…, 3, classes) to (…).
    """
    right, either = counts[..., 0, :], counts[..., 1, :] + counts[..., 2, :]
    occurs = either > 0
    f1 = np.where(occurs, 2 * right / np.where(occurs, either, 1), 0.0)
    means: np.ndarray = f1.sum(axis=-1) / occurs.sum(axis=-1)
    return means
