"""Pure functions that measure how similar synthetic vectors of a class are to real ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from augment.errors import InputError
from augment.seeding import generator

DRAWS = 8
"""Maximum number of disjoint draws of the larger kind of rows that a measure is averaged over."""
LARGEST = 2000
"""Maximum number of rows of a draw, so that time does not grow with the square of the rows."""

_FEWEST = 10  # two of each kind in every fold of a two-sample test
_FOLDS = 5
_BLOCK = 1024  # rows whose distances are held at a time
_DRAWN, _FOLDED, _WEIGHTS, _CUT = range(
    3, 7
)  # what randomness is for; `augment.report.text_findings` has the numbers below

Pair = tuple[Any, Any]
"""Rows, shape (n, d), and their labels, shape (n,)."""


@dataclass(frozen=True)
class Fidelity:
    """Measures of the synthetic rows of one class, with the same measures of real rows.

    Attributes
    ----------
    two_sample_knn : float
        Accuracy of k nearest neighbours in telling synthetic from held-out rows, 0 to 1; .5 is ideal.
    two_sample_knn_real : float
        Share of the held-out rows that they recognise, 0 to 1; .5 is ideal. In high dimensions, rows that lie too close
        to the middle of the class, as those of SMOTE do, are nearest to everything. Every row is then called synthetic:
        `two_sample_knn` stays at .5, and this measure falls to 0.
    two_sample_mlp : float
        As `two_sample_knn`, by a small neural network.
    density : float
        Number of balls around held-out rows that a synthetic row lies in, relative to the expected one; 1 is ideal.
    coverage : float
        The share of held-out rows with a synthetic row in their ball, 0 to 1; 1 - 2**-k is ideal.
    variance_ratio : float
        Total variance over that of the real train rows, 0 or more; 1 is ideal.
    nearest_train, nearest_heldout : float
        Median distance of synthetic rows to the nearest train row, and to the nearest held-out row. Copies of train
        rows have distance 0. There are more train rows than held-out ones, so the first is smaller in any case; compare
        each with the same number of the reference, which looks among the same rows.
    tstr_f1 : float
        Macro-F1 on real rows after training on synthetic ones, 0 to 1; nan if there are no other classes.
    reference : Fidelity or None
        The same measures of real rows; None in the reference itself.
    """

    two_sample_knn: float
    two_sample_knn_real: float
    two_sample_mlp: float
    density: float
    coverage: float
    variance_ratio: float
    nearest_train: float
    nearest_heldout: float
    tstr_f1: float
    reference: Fidelity | None = None


def vector_fidelity(
    real_train: Any,
    real_heldout: Any,
    synthetic: Any,
    *,
    others_train: Pair | None = None,
    others_heldout: Pair | None = None,
    seed: int = 0,
    k: int = 5,
    reference: Fidelity | None = None,
) -> Fidelity:
    """Compare synthetic vectors of one class with unseen real ones, and measure real rows the same way.

    Compare strategies with the same real rows and the same number of synthetic ones, at least as many as `real_train`
    has: fewer rows give smaller draws and another class balance.

    Parameters
    ----------
    real_train : array-like of float, shape (n, d)
        The real rows that the synthetic ones were made from.
    real_heldout : array-like of float, shape (m, d)
        Real rows of the same class that no strategy saw; at least 10, and more than `k`.
    synthetic : array-like of float, shape (s, d)
        At least 10, and more than `k`.
    others_train, others_heldout : tuple of (array-like, array-like), optional
        Rows, shape (n, d), and labels, shape (n,), of the other classes. Only for `tstr_f1`.
    seed : int, default=0
        Seed of draws, folds and initial weights. The same seed gives the same numbers.
    k : int, default=5
        The distance to the k-th neighbour is the radius of a held-out row's ball.
    reference : Fidelity, optional
        The result of `reference_fidelity`, or the `reference` of another strategy, for the same rows, seed and `k`.
        Computed if it is not given, which doubles the time.

    Returns
    -------
    Fidelity
        With its reference.

    Raises
    ------
    InputError
        If an argument is not a table of finite numbers, is too short or not as wide as `real_train`, or if labels do
        not fit their rows.

    See Also
    --------
    two_sample_test, density_coverage : The measures that work on draws.

    Notes
    -----
    `tstr_f1` is that of a logistic regression on standardised vectors. It learns from the other classes and from as
    many synthetic rows as there are real train ones, and is tested on all held-out rows.

    References
    ----------
    Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests", section 3. Naeem et al. 2020, "Reliable fidelity
    and diversity metrics for generative models", section 3. Blagus and Lusa 2013, "SMOTE for high-dimensional
    class-imbalanced data", of the variance. Meehan et al. 2020, "A non-parametric test to detect data-copying in
    generative models", of the distances to train rows. Esteban et al. 2017, "Real-valued (medical) time series
    generation with recurrent conditional GANs", of training on synthetic rows and testing on real ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> train, heldout = rng.normal(size=(60, 4)), rng.normal(size=(20, 4))
    >>> copies = vector_fidelity(train, heldout, train)
    >>> copies.nearest_train, round(copies.reference.nearest_train, 1)
    (0.0, 0.9)
    >>> halved = vector_fidelity(train, heldout, train / 2, reference=copies.reference)
    >>> halved.variance_ratio
    0.25
    """
    least = _least(k)
    train = _table("real_train", real_train, least)
    heldout = _table("real_heldout", real_heldout, least, train)
    rows = _table("synthetic", synthetic, least, train)
    others = _others(others_train, others_heldout, train)
    if reference is None:
        reference = _measured(train, heldout, train, others, seed, k, is_train=True)
    return replace(_measured(train, heldout, rows, others, seed, k), reference=reference)


def reference_fidelity(
    real_train: Any,
    real_heldout: Any,
    *,
    others_train: Pair | None = None,
    others_heldout: Pair | None = None,
    seed: int = 0,
    k: int = 5,
) -> Fidelity:
    """Return the measures of real rows in the place of synthetic ones.

    A train row is not its own nearest train row here; another row that equals it is.

    Parameters
    ----------
    real_train, real_heldout, others_train, others_heldout, seed, k
        See `vector_fidelity`.

    Returns
    -------
    Fidelity
        `tstr_f1` is that of training on real rows.

    Raises
    ------
    InputError
        See `vector_fidelity`.
    """
    least = _least(k)
    train = _table("real_train", real_train, least)
    heldout = _table("real_heldout", real_heldout, least, train)
    return _measured(train, heldout, train, _others(others_train, others_heldout, train), seed, k, is_train=True)


def two_sample_test(
    real: Any, synthetic: Any, *, classifier: Literal["knn", "mlp"] = "knn", seed: int = 0
) -> tuple[float, float]:
    """Return how well a classifier tells synthetic rows from real ones, cross-validated in 5 folds.

    Both kinds count equally many rows: the larger is cut into disjoint draws, at most `DRAWS`, whose results are
    averaged.

    Parameters
    ----------
    real, synthetic : array-like of float, shape (n, d)
        At least 10 rows each.
    classifier : {"knn", "mlp"}, default="knn"
        Nearest neighbours, as many as the largest odd number up to the square root of the rows learnt from, an even
        one leaving ties; or one hidden layer of 20 ReLU units on standardised vectors, 100 epochs of Adam.
    seed : int, default=0

    Returns
    -------
    accuracy : float
        Of both kinds, 0 to 1; .5 if the kinds are alike.
    recall : float
        The share of real rows that are recognised, 0 to 1. Near 0 or 1, an accuracy near .5 does not mean that the
        kinds are alike.

    Raises
    ------
    InputError
        If an argument is not a table of finite numbers, or is too short, or they differ in width, or the classifier is
        unknown.

    References
    ----------
    Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests", section 3. Xu et al. 2018, "An empirical study
    on evaluation metrics of generative adversarial networks", section 2, of looking at both kinds by themselves.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> two_sample_test(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)) + 9)
    (1.0, 1.0)
    """
    if classifier not in ("knn", "mlp"):
        raise InputError(f"`classifier` must be 'knn' or 'mlp'. Got {classifier!r}. 'knn' is the faster.")
    real = _table("real", real, _FEWEST)
    synthetic = _table("synthetic", synthetic, _FEWEST, real)
    recalls = [_recognised(*pair, classifier, seed, i) for i, pair in enumerate(_draws(real, synthetic, seed))]
    of_real, of_synthetic = np.mean(recalls, axis=0)
    return float(of_real + of_synthetic) / 2, float(of_real)


def density_coverage(real: Any, synthetic: Any, *, k: int = 5, seed: int = 0) -> tuple[float, float]:
    """Return how densely synthetic rows lie around real ones, and how many real ones they reach.

    A ball around each real row ends just before the k-th nearest other one, so a row that occurs more than `k` times
    has none: remove duplicates first. Draws are as in `two_sample_test`.

    Parameters
    ----------
    real, synthetic : array-like of float, shape (n, d)
        More than `k` rows each.
    k : int, default=5
    seed : int, default=0

    Returns
    -------
    density : float
        Balls that a synthetic row lies in, on average, over `k`; 0 or more, 1 if the kinds are alike.
    coverage : float
        The share of balls with a synthetic row, 0 to 1; about 1 - 2**-k if the kinds are alike.

    Raises
    ------
    InputError
        If an argument is not a table of finite numbers, or is too short, or they differ in width.

    References
    ----------
    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", equations 4 and 5; what is
    expected of like kinds: lemmas 1 and 2.

    Examples
    --------
    The radius is 1 around 0, 1 and 2, and 7 around 9; 1.5 lies in the balls around 1 and 2, and 8 in that around 9.

    >>> real = [[0.0], [1.0], [2.0], [9.0]]
    >>> density_coverage(real, [[1.5], [8.0], [40.0], [-3.0]], k=1)
    (0.75, 0.75)
    """
    least = _least(k, at_least=2)
    real = _table("real", real, least)
    synthetic = _table("synthetic", synthetic, least, real)
    density, coverage = np.mean([_balls(*pair, k) for pair in _draws(real, synthetic, seed)], axis=0)
    return float(density), float(coverage)


def _measured(
    train: np.ndarray,
    heldout: np.ndarray,
    rows: np.ndarray,
    others: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None,
    seed: int,
    k: int,
    *,
    is_train: bool = False,
) -> Fidelity:
    """Take every measure of checked rows; those of `is_train` are the train rows themselves."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # otherwise the last bits depend on the number of cores
        knn, knn_real = two_sample_test(heldout, rows, seed=seed)
        mlp, _ = two_sample_test(heldout, rows, classifier="mlp", seed=seed)
        density, coverage = density_coverage(heldout, rows, k=k, seed=seed)
        return Fidelity(
            two_sample_knn=knn,
            two_sample_knn_real=knn_real,
            two_sample_mlp=mlp,
            density=density,
            coverage=coverage,
            variance_ratio=variance_ratio(rows, train),
            nearest_train=float(np.median(_nearest(rows, train, leave_one_out=is_train))),
            nearest_heldout=float(np.median(_nearest(rows, heldout))),
            tstr_f1=math.nan if others is None else _transfer_f1(_cut(rows, len(train), seed), heldout, *others),
        )


def _draws(real: np.ndarray, synthetic: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield equally many rows of both kinds, at most `DRAWS` times: the smaller kind as it is, the larger in parts."""
    size = min(len(real), len(synthetic), LARGEST)
    kinds = (real, synthetic)
    orders = [generator(seed, "report", _DRAWN, i).permutation(len(rows)) for i, rows in enumerate(kinds)]
    parts = [len(rows) // size for rows in kinds]
    for i in range(min(DRAWS, max(parts))):
        places = [order[i % n * size :][:size] for order, n in zip(orders, parts, strict=True)]
        yield real[places[0]], synthetic[places[1]]


def _recognised(real: np.ndarray, synthetic: np.ndarray, classifier: str, seed: int, draw: int) -> tuple[float, float]:
    """Return the cross-validated recall of real and of synthetic rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import StratifiedKFold
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.concatenate([real, synthetic])
    kinds = np.repeat([0, 1], [len(real), len(synthetic)])
    correct = np.zeros(len(rows), dtype=bool)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_int_seed(seed, _FOLDED, draw))
    for trained, tested in folds.split(rows, kinds):
        if classifier == "knn":
            model: Any = KNeighborsClassifier((math.isqrt(len(trained)) - 1) | 1)
        else:
            network = MLPClassifier(
                (20,), learning_rate_init=0.01, max_iter=100, random_state=_int_seed(seed, _WEIGHTS, draw)
            )
            model = make_pipeline(StandardScaler(), network)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are what the method says
            model.fit(rows[trained], kinds[trained])
        correct[tested] = model.predict(rows[tested]) == kinds[tested]
    return correct[kinds == 0].mean(), correct[kinds == 1].mean()


def _balls(real: np.ndarray, synthetic: np.ndarray, k: int) -> tuple[float, float]:
    from scipy.spatial.distance import cdist

    radii = np.partition(cdist(real, real), k, axis=1)[:, k]  # the nearest of all is the row itself
    within = cdist(real, synthetic) < radii[:, None]
    return within.sum() / (k * len(synthetic)), within.any(axis=1).mean()


def _nearest(rows: np.ndarray, others: np.ndarray, *, leave_one_out: bool = False) -> np.ndarray:
    """Return the distance of each row to the nearest of others, exactly 0 if one is equal.

    With `leave_one_out` the others are the same rows, and none is its own neighbour.
    """
    from scipy.spatial.distance import cdist

    nearest = np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK):
        # Not by way of dot products, which are faster: those leave a distance between equal rows.
        distances = cdist(rows[start : start + _BLOCK], others)
        if leave_one_out:
            own = np.arange(len(distances))
            distances[own, start + own] = np.inf
        nearest[start : start + _BLOCK] = distances.min(axis=1)
    return nearest


def variance_ratio(rows: np.ndarray, others: np.ndarray) -> float:
    """Return the total variance of rows over that of others, two or more of each.

    If the others have no variance: infinite, or 1 if the rows have none either.
    """
    # Minus the first row, so that equal values have a variance of exactly 0.
    own, real = ((values - values[0]).var(axis=0, ddof=1).sum() for values in (rows, others))
    return float(own / real) if real else (math.inf if own else 1.0)


def _transfer_f1(
    own_train: np.ndarray,
    own_heldout: np.ndarray,
    others_train: np.ndarray,
    codes_train: np.ndarray,
    others_heldout: np.ndarray,
    codes_heldout: np.ndarray,
) -> float:
    """Return the macro-F1 of learning from the train rows, on the held-out ones; the class itself has code -1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y_train, y_test = (
        np.concatenate([np.full(len(own), -1), codes])
        for own, codes in ((own_train, codes_train), (own_heldout, codes_heldout))
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(np.concatenate([own_train, others_train]), y_train)
    predictions = model.predict(np.concatenate([own_heldout, others_heldout]))
    return float(f1_score(y_test, predictions, labels=np.unique(y_test), average="macro"))


def _cut(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Draw some of the rows if there are more; else all, as they are."""
    if len(rows) <= most:
        return rows
    return rows[generator(seed, "report", _CUT, 0).permutation(len(rows))[:most]]


def _int_seed(seed: int, purpose: int, number: int) -> int:
    return int(generator(seed, "report", purpose, number).integers(2**31))


def _least(k: Any, *, at_least: int = _FEWEST) -> int:
    """Return how many rows `k` neighbours need."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise InputError(f"`k` must be a whole number of 1 or more. Got {k!r}. 5 is usual.")
    return max(at_least, int(k) + 1)


def _table(name: str, values: Any, least: int, like: np.ndarray | None = None) -> np.ndarray:
    """Return values as a table of float64, checked."""
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"`{name}` must be an array of numbers. Got {type(values).__name__}. Encode texts first."
        ) from None
    if table.ndim != 2 or not table.shape[1]:
        raise InputError(f"`{name}` must have the shape (rows, columns). Got {table.shape}. Pass one vector a row.")
    if len(table) < least:
        raise InputError(f"`{name}` must have at least {least} rows. Got {len(table)}. Pass more rows.")
    if like is not None and table.shape[1] != like.shape[1]:
        raise InputError(
            f"`{name}` must be as wide as the real rows, {like.shape[1]} columns. Got {table.shape[1]}. "
            f"Make all vectors with the same encoder."
        )
    if not (finite := np.isfinite(table).all(axis=1)).all():
        raise InputError(
            f"`{name}` must hold finite numbers. Got nan or inf in row {finite.argmin()}. Leave such rows out."
        )
    return table


def _others(
    train: Pair | None, heldout: Pair | None, like: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Return rows and codes of the other classes, train and held out, checked; None if there are none."""
    if train is None and heldout is None:
        return None
    tables, labels = [], []
    for name, pair in (("others_train", train), ("others_heldout", heldout)):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(
                f"`{name}` must be rows and labels, (X, y). Got {type(pair).__name__}. Pass both or neither."
            )
        tables.append(_table(name, pair[0], _FEWEST, like))
        labels.append(np.asarray(pair[1]))
        if labels[-1].shape != (len(tables[-1]),):
            raise InputError(
                f"`{name}` must have one label a row, {len(tables[-1])}. Got the shape {labels[-1].shape}. "
                f"Pass the labels of these rows."
            )
    names, codes = np.unique(labels[0], return_inverse=True)
    strange = ~np.isin(labels[1], names)
    if strange.any():
        raise InputError(
            f"`others_heldout` must have labels of `others_train` only. Got {labels[1][strange.argmax()]!s}. "
            f"Leave such rows out."
        )
    return tables[0], codes, tables[1], np.searchsorted(names, labels[1])
