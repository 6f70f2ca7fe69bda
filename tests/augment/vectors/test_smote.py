"""The SMOTE family draws what imbalanced-learn draws, in exact counts, and knows the parents of every row."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import make_blobs, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from augment.errors import InputError
from augment.vectors.base import VectorRows
from augment.vectors.gaussian import Gaussian
from augment.vectors.smote import Adasyn, BorderlineSmote, KMeansSmote, Smote, SvmSmote

FAMILY = (Smote, BorderlineSmote, SvmSmote, Adasyn, KMeansSmote)
EVERY = (*FAMILY, Gaussian)
ON_THE_LINE = (Smote, BorderlineSmote, Adasyn, KMeansSmote)
"""Those whose rows all lie between their parents."""
BARE = {Smote: SMOTE, BorderlineSmote: BorderlineSMOTE, SvmSmote: SVMSMOTE, Adasyn: ADASYN, KMeansSmote: KMeansSMOTE}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Of so few rows, threads wait for each other longer than they work."""
    with threadpool_limits(1):
        yield


def made(cls, **parameters):
    """A sampler that small data suits."""
    small = {BorderlineSmote: {"m_neighbors": 4}, SvmSmote: {"m_neighbors": 4}, KMeansSmote: {"n_clusters": 1}}
    return cls(**{"random_state": 0, **small.get(cls, {}), **parameters})


def tuples(vectors):
    return set(map(tuple, np.asarray(vectors).tolist()))


def counts(labels):
    return dict(zip(*(values.tolist() for values in np.unique(labels, return_counts=True)), strict=True))


def overlapping(seed=0, sizes=(14, 26), width=3, dtype=np.float64):
    """Rows of classes that lie among each other, each row once."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(0.7 * i, 1, size=(size, width)) for i, size in enumerate(sizes)])
    return X.astype(dtype), np.repeat([f"c{i}" for i in range(len(sizes))], sizes)


# imbalanced-learn's own suite


@parametrize_with_checks([cls(random_state=0) for cls in EVERY])
def test_it_is_an_over_sampler_as_imbalanced_learn_judges_them(estimator, check):
    check(estimator)


# Against imbalanced-learn


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Smote(k_neighbors=4), SMOTE(k_neighbors=4)),
        (BorderlineSmote(m_neighbors=8), BorderlineSMOTE(m_neighbors=8)),
        (SvmSmote(out_step=0.3), SVMSMOTE(out_step=0.3)),
        (Adasyn(), ADASYN()),
        (
            KMeansSmote(n_clusters=4, least_share=0.2),
            KMeansSMOTE(kmeans_estimator=MiniBatchKMeans(4, random_state=7), cluster_balance_threshold=0.2),
        ),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_drawn_from_the_same_seed_the_rows_are_those_of_imbalanced_learn(ours, theirs):
    X, y = overlapping(sizes=(40, 90), width=6)
    rows = VectorRows(X, np.repeat([0, 1], [40, 90]), np.unique(y), np.arange(130), on_sphere=False)
    ours.sampling_strategy_ = {"c0": 80}
    ours.settle(rows, 0)
    drawn = ours.draw(rows, 0, 80, 7)
    theirs.set_params(sampling_strategy={"c0": 120}, random_state=ours.stream(7))
    expected = theirs.fit_resample(X, y)[0][130:]
    assert drawn.vectors.shape == expected.shape
    assert np.allclose(drawn.vectors, expected, rtol=0, atol=1e-12)


def test_mean_and_variance_of_new_rows_are_those_of_imbalanced_learns():
    X, y = overlapping(sizes=(150, 400), width=8)
    ours, theirs = (
        cls(sampling_strategy={"c0": 6150}, random_state=1).fit_resample(X, y)[0][550:] for cls in (Smote, SMOTE)
    )
    assert np.allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=4 * np.sqrt(2 / 6000))
    assert np.allclose(ours.var(axis=0) / theirs.var(axis=0), 1, atol=0.08)
    assert (ours.var(axis=0) < X[:150].var(axis=0)).all(), "the shrinkage that SMOTE is known for"


def test_weights_are_uniform_up_to_the_middle_and_every_row_is_a_parent():
    X, y = overlapping(sizes=(30, 60))
    sampler = Smote(sampling_strategy={"c0": 4030}, random_state=0)
    sampler.fit_resample(X, y)
    assert stats.kstest(sampler.weights_ * 2, "uniform").pvalue > 0.001
    assert len(np.unique(sampler.source_indices_)) == 30


@pytest.mark.parametrize(("ours", "theirs"), [(Adasyn, ADASYN), (KMeansSmote, KMeansSMOTE)])
def test_counts_are_exact_where_bare_imbalanced_learn_misses_them(ours, theirs):
    X, y = make_classification(
        600, n_classes=3, n_informative=5, weights=[0.15, 0.25, 0.6], flip_y=0.05, random_state=0
    )
    totals = {0: 400, 1: 400}
    low = {"cluster_balance_threshold": 0.1} if theirs is KMeansSMOTE else {}
    missed = counts(theirs(sampling_strategy=totals, random_state=0, **low).fit_resample(X, y)[1])
    assert missed[0] != 400
    assert missed[1] != 400
    low = {"least_share": 0.1} if ours is KMeansSmote else {}
    met = counts(ours(sampling_strategy=totals, random_state=0, **low).fit_resample(X, y)[1])
    assert met == {**counts(y), **totals}


def in_danger():
    """Rows of which all support vectors of the small class lie at the border: SVM-SMOTE has none to go beyond."""
    rng = np.random.RandomState(42)  # the data of imbalanced-learn's check_samplers_fit
    return rng.random_sample((30, 2)), np.array([1] * 20 + [0] * 10)


@pytest.mark.parametrize("seed", range(12))
def test_svm_smote_makes_all_rows_where_bare_imbalanced_learn_makes_half_of_them(seed):
    X, y = in_danger()
    assert 13 <= counts(SVMSMOTE(random_state=seed).fit_resample(X, y)[1])[0] <= 17
    sampler = SvmSmote(random_state=seed)
    assert counts(sampler.fit_resample(X, y)[1]) == {0: 20, 1: 20}
    assert (sampler.weights_ > 0).all()
    assert counts(SvmSmote(random_state=seed, sampling_strategy={0: 11}).fit_resample(X, y)[1])[0] == 11


@pytest.mark.parametrize("wanted", [1, 2, 3, 17])
def test_adasyn_makes_a_few_rows_where_bare_imbalanced_learn_makes_none(wanted):
    X, y = overlapping(sizes=(60, 90))
    totals = {"c0": 60 + wanted}
    if wanted == 1:
        with pytest.raises(ValueError, match="No samples will be generated"):
            ADASYN(sampling_strategy=totals, random_state=0).fit_resample(X, y)
    assert counts(Adasyn(sampling_strategy=totals, random_state=0).fit_resample(X, y)[1])["c0"] == 60 + wanted


# Whatever the data


@st.composite
def problems(draw, dtypes=("float32", "float64")):
    """Draw rows of several classes that lie among each other, some of them more than once, and totals for some."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes, width = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    step = draw(st.sampled_from([None, 0.25]))  # on a grid, distances tie and classes share rows
    X = np.concatenate([rng.normal(0.5 * i, 1, size=(rng.integers(9, 20), width)) for i in range(classes)])
    y = rng.permutation(np.concatenate([np.repeat(np.arange(classes), 8), rng.integers(0, classes, len(X))])[: len(X)])
    if step:
        X = np.round(X / step) * step
    again = rng.integers(0, len(X), draw(st.integers(0, 20)))
    X, y = np.concatenate([X, X[again]]).astype(draw(st.sampled_from(dtypes))), np.concatenate([y, y[again]])
    order = rng.permutation(len(X))
    names = np.array(draw(st.sampled_from([["b", "ä", "a", "z"], [3, -1, 7, 0]])))
    X, y = X[order], names[y[order]]
    there = counts(y)
    chosen = draw(st.sets(st.sampled_from(sorted(there)), min_size=1))
    totals = {label: there[label] + draw(st.integers(0, 30)) for label in sorted(chosen)}
    return X, y, totals


def refuses(sampler, X, y, label):
    """Tell whether imbalanced-learn's own makes no rows of a class either, given each row once."""
    first = np.unique(
        np.column_stack([X.astype(float), np.unique(y, return_inverse=True)[1]]), axis=0, return_index=True
    )
    rows = np.sort(first[1])
    of_all = {"m_neighbors": sampler.m_neighbors} if hasattr(sampler, "m_neighbors") else {}
    of_own = {"n_neighbors" if isinstance(sampler, Adasyn) else "k_neighbors": sampler.k_neighbors}
    there = counts(y[rows])[label]
    bare = BARE[type(sampler)](sampling_strategy={label: there + 200}, random_state=0, **of_all, **of_own)
    try:
        return counts(bare.fit_resample(X[rows].astype(float), y[rows])[1])[label] == there
    except (ValueError, RuntimeError):
        return True


def resample(sampler, X, y):
    """Resample, or give the example up where the strategy rightly refuses; hypothesis says so if that is often."""
    try:
        return sampler.fit_resample(X, y)
    except InputError as error:
        refusal = str(error)
    assert "can make no rows of class" in refusal, refusal
    assert not isinstance(sampler, (Smote, Gaussian)), refusal
    tied = (X * 4 % 1 == 0).all()
    if not tied and not isinstance(sampler, KMeansSmote):  # of ties and clusters there are several
        wanted = [label for label, total in sampler.sampling_strategy.items() if total > (y == label).sum()]
        assert any(refuses(sampler, X, y, label) for label in wanted), refusal
    reject()


@pytest.mark.parametrize("cls", EVERY)
@settings(deadline=None, max_examples=25)
@given(
    problem=problems(), k=st.integers(1, 4), seed=st.integers(0, 2**32 - 1), sphere=st.sampled_from(["auto", "none"])
)
def test_counts_originals_and_types_are_kept_and_new_rows_are_new(cls, problem, k, seed, sphere):
    X, y, totals = problem
    before = X.copy(), y.copy()
    more = {} if cls is Gaussian else {"k_neighbors": k}
    sampler = made(cls, sampling_strategy=totals, random_state=seed, sphere=sphere, **more)
    vectors, labels = resample(sampler, X, y)
    assert counts(labels) == {**counts(y), **totals}
    assert np.array_equal(vectors[: len(X)].view(np.uint8), before[0].view(np.uint8))
    assert np.array_equal(labels[: len(y)], before[1])
    assert np.array_equal(X, before[0])
    assert (vectors.dtype, labels.dtype) == (X.dtype, y.dtype)
    assert np.isfinite(vectors).all()
    assert not tuples(vectors[len(X) :]) & tuples(X)
    again = clone(sampler)
    assert again.fit_resample(X, y)[0].tobytes() == vectors.tobytes()
    assert np.array_equal(again.source_indices_, sampler.source_indices_)
    assert np.array_equal(again.weights_, sampler.weights_, equal_nan=True)


def assert_between(new, first, second):
    """The new rows are nowhere outside of the box of their parents, to the bit."""
    assert (new >= np.minimum(first, second)).all()
    assert (new <= np.maximum(first, second)).all()


def assert_on_the_line(new, first, second, weights):
    line = (1 - weights[:, None]) * first.astype(float) + weights[:, None] * second.astype(float)
    scale = np.maximum(np.abs(first), np.abs(second)).astype(float) + 1e-30
    assert (np.abs(new - line) / scale).max(initial=0) <= 4 * np.finfo(new.dtype).eps


def is_near(X, y, k, row, other):
    """Tell whether a row is among the k nearest of another, of the different rows of its class, or ties with them."""
    own = np.unique(X[y == y[row]], axis=0).astype(float)
    distances = np.sort(np.linalg.norm(own - X[row].astype(float), axis=1))
    return np.linalg.norm(X[row].astype(float) - X[other]) <= distances[k] + 1e-5


@pytest.mark.parametrize("cls", FAMILY)
@settings(deadline=None, max_examples=25)
@given(problem=problems(), k=st.integers(1, 4), seed=st.integers(0, 2**32 - 1), n_clusters=st.integers(1, 3))
def test_every_new_row_lies_between_two_neighbours_of_its_class_at_the_weight_that_is_given(
    cls, problem, k, seed, n_clusters
):
    X, y, totals = problem
    more = {"n_clusters": n_clusters, "least_share": 0.1} if cls is KMeansSmote else {}
    sampler = made(cls, sampling_strategy=totals, random_state=seed, k_neighbors=k, sphere="none", **more)
    vectors, labels = resample(sampler, X, y)
    new, parents, weights = vectors[len(X) :], sampler.source_indices_, sampler.weights_
    first, second = X[parents[:, 0]], X[parents[:, 1]]
    assert parents.shape == (len(new), 2)
    assert weights.shape == (len(new),)
    assert (y[parents] == labels[len(X) :, None]).all()
    assert (first != second).any(axis=1).all()
    assert_on_the_line(new, first, second, weights)
    assert (weights <= 0.5).all()
    inside = weights > 0
    assert_between(new[inside], first[inside], second[inside])
    if cls is SvmSmote:
        assert (weights >= -sampler.out_step).all()
        assert (weights != 0).all()
    else:
        assert inside.all()
    if cls is KMeansSmote and n_clusters > 1:
        return  # neighbours are those of the same cluster
    for (one, other), weight in zip(parents.tolist(), weights, strict=True):
        assert is_near(X, y, k, one, other) or (weight > 0 and is_near(X, y, k, other, one))


@pytest.mark.parametrize("cls", EVERY)
def test_another_seed_gives_other_rows(cls):
    X, y = overlapping()
    one, other = (made(cls, random_state=seed).fit_resample(X, y)[0][40:] for seed in (1, 2))
    assert not tuples(one) & tuples(other)


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize("fresh", [np.random.RandomState, np.random.default_rng, lambda seed: None])
def test_a_generator_or_nothing_gives_other_rows_at_every_use(cls, fresh):
    X, y = overlapping()
    sampler = made(cls, random_state=fresh(0))
    first, second = (sampler.fit_resample(X, y)[0][40:] for _ in range(2))
    assert len(first) == len(second) == 12
    assert not tuples(first) & tuples(second)
    if (state := fresh(0)) is not None:
        assert np.array_equal(made(cls, random_state=state).fit_resample(X, y)[0][40:], first)


@pytest.mark.parametrize("cls", EVERY)
def test_a_pickled_or_cloned_sampler_gives_the_same_rows(cls):
    X, y = overlapping()
    sampler = made(cls)
    expected = sampler.fit_resample(X, y)[0]
    for twin in (pickle.loads(pickle.dumps(sampler)), clone(sampler)):
        assert twin.get_params() == sampler.get_params()
        assert np.array_equal(twin.fit_resample(X, y)[0], expected)
    assert np.array_equal(pickle.loads(pickle.dumps(sampler)).source_indices_, sampler.source_indices_)


# Streams


def twins(shift=256.0):
    """Two classes with the same vectors but for a constant, each with the same rows of a third among them."""
    rng = np.random.default_rng(3)
    small, large = (np.round(rng.normal(size=(size, 2)) * 64) / 64 for size in (16, 40))
    X = np.concatenate([small, small + shift, large, large + shift])
    return X, np.repeat(["a", "b", "many", "many"], [16, 16, 40, 40]), shift


@pytest.mark.parametrize("cls", EVERY)
def test_two_classes_with_the_same_vectors_but_for_a_constant_get_rows_of_their_own(cls):
    X, y, shift = twins()
    more = {"n_clusters": 2, "least_share": 0.1} if cls is KMeansSmote else {}
    sampler = (
        made(cls, sampling_strategy={"a": 46, "b": 46}, k_neighbors=3, **more) if cls is not Gaussian else made(cls)
    )
    vectors, labels = sampler.fit_resample(X, y)
    new, labels = vectors[len(X) :], labels[len(X) :]
    assert not tuples(np.round(new[labels == "a"], 6)) & tuples(np.round(new[labels == "b"] - shift, 6))
    if cls is not Gaussian:
        one, other = (sampler.weights_[labels == label] for label in "ab")
        assert len(one) == len(other) == 30
        assert not set(one.tolist()) & set(other.tolist())


def test_bare_imbalanced_learn_gives_two_such_classes_the_same_rows():
    X, y, shift = twins()
    vectors, labels = SMOTE(sampling_strategy={"a": 46, "b": 46}, random_state=0).fit_resample(X, y)
    new, labels = vectors[len(X) :], labels[len(X) :]
    assert np.allclose(new[labels == "a"] + shift, new[labels == "b"])


# Rows that repeat others


@pytest.fixture
def thrice():
    """A class in which every row stands three times, and a larger one."""
    X, y = overlapping(sizes=(15, 60))
    rows = np.random.default_rng(0).permutation(np.concatenate([np.repeat(np.arange(15), 3), np.arange(15, 75)]))
    return X[rows], y[rows]


@pytest.mark.parametrize("cls", FAMILY)
def test_a_class_in_which_every_row_stands_three_times_gives_no_copies(cls, thrice):
    X, y = thrice
    sampler = made(cls, sampling_strategy={"c0": 345})
    new = sampler.fit_resample(X, y)[0][len(X) :]
    assert len(new) == 300
    assert not tuples(new) & tuples(X)
    first, second = (X[sampler.source_indices_[:, i]] for i in (0, 1))
    assert (first != second).any(axis=1).all()
    assert len(tuples(new)) == 300


def test_bare_imbalanced_learn_gives_copies_of_such_a_class(thrice):
    X, y = thrice
    new = SMOTE(sampling_strategy={"c0": 345}, random_state=0).fit_resample(X, y)[0][len(X) :]
    known = tuples(np.round(X, 9))
    copies = sum(tuple(row) in known for row in np.round(new, 9).tolist())
    assert 80 < copies < 160, "two of five neighbours are the row again"


def test_rows_that_stand_three_times_change_nothing(thrice):
    X, y = thrice
    first = np.sort(np.unique(X, axis=0, return_index=True)[1])
    repeated, once = (
        Smote(sampling_strategy={"c0": 345}, random_state=0),
        Smote(sampling_strategy={"c0": 315}, random_state=0),
    )
    rows = repeated.fit_resample(X, y)[0][len(X) :]
    assert np.array_equal(once.fit_resample(X[first], y[first])[0][len(first) :], rows)
    assert np.array_equal(first[once.source_indices_], repeated.source_indices_)


@pytest.mark.parametrize("cls", FAMILY)
def test_a_class_whose_rows_are_all_equal_has_one_row(cls):
    X, y = overlapping()
    X[:14] = X[0]
    with pytest.raises(InputError, match="'c0', which has 1 different row") as caught:
        made(cls).fit_resample(X, y)
    assert str(caught.value).endswith("Leave the class out, or give small_class='duplicate'.")


# Spheres


def on_sphere(dtype=np.float32, width=16):
    X, y = overlapping(sizes=(12, 40), width=width)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype), y


def lengths(vectors):
    return np.linalg.norm(np.asarray(vectors, dtype=float), axis=1)


@pytest.mark.parametrize("cls", FAMILY)
def test_auto_gives_unit_vectors_from_unit_vectors_and_none_shortens_them(cls):
    X, y = on_sphere(width=4)
    auto, none, slerp, renormalize = (
        made(cls, sphere=sphere).fit_resample(X, y)[0][52:] for sphere in ("auto", "none", "slerp", "renormalize")
    )
    assert np.allclose(lengths(auto), 1, atol=1e-6)
    assert np.allclose(lengths(slerp), 1, atol=1e-6)
    assert np.array_equal(auto, renormalize)
    assert np.allclose(auto, none / lengths(none)[:, None], atol=1e-6), "the same directions"
    if cls is not SvmSmote:
        assert (lengths(none) < 1).all()
        assert lengths(none).min() < 0.99


@pytest.mark.parametrize("cls", FAMILY)
def test_auto_leaves_other_vectors_on_the_line(cls):
    X, y = overlapping()
    auto, none = (made(cls, sphere=sphere).fit_resample(X, y)[0] for sphere in ("auto", "none"))
    assert np.array_equal(auto, none)
    longer = made(cls, sphere="renormalize").fit_resample(X, y)[0]
    assert not np.array_equal(longer, none)


def test_far_apart_unit_vectors_lose_a_sixth_of_their_length_without_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 768))
    X /= lengths(X)[:, None]
    y = np.repeat(["few", "many"], [100, 200])
    shortened = lengths(Smote(sphere="none", random_state=0).fit_resample(X, y)[0][300:])
    assert shortened.mean() == pytest.approx(0.825, abs=0.02)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slerp_turns_from_the_first_parent_by_the_weight_of_the_angle_between_both(dtype):
    X, y = on_sphere(dtype)
    sampler = made(Smote, sphere="slerp", sampling_strategy={"c0": 212})
    new = sampler.fit_resample(X, y)[0][52:].astype(float)
    first, second = (X[sampler.source_indices_[:, i]].astype(float) for i in (0, 1))
    angle, turned, left = (
        np.arccos((one * other).sum(axis=1) / lengths(one) / lengths(other))
        for one, other in ((first, second), (first, new), (new, second))
    )
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    assert angle.min() > 0.1
    assert np.allclose(turned, sampler.weights_ * angle, atol=tolerance)
    assert np.allclose(turned + left, angle, atol=tolerance), "on the great circle through both"
    assert np.allclose(lengths(new), 1, atol=tolerance)


def test_of_other_vectors_slerp_gives_the_length_between_the_parents():
    X, y = overlapping(width=6)
    sampler = made(Smote, sphere="slerp", sampling_strategy={"c0": 114})
    new = sampler.fit_resample(X, y)[0][40:]
    first, second = lengths(X[sampler.source_indices_[:, 0]]), lengths(X[sampler.source_indices_[:, 1]])
    assert np.allclose(lengths(new), (1 - sampler.weights_) * first + sampler.weights_ * second)


def test_the_way_between_the_parents_changes_neither_parents_nor_weights():
    X, y = on_sphere()
    samplers = [made(Smote, sphere=sphere) for sphere in ("none", "renormalize", "slerp")]
    for sampler in samplers:
        sampler.fit_resample(X, y)
    assert all(np.array_equal(sampler.source_indices_, samplers[0].source_indices_) for sampler in samplers)
    assert all(np.array_equal(sampler.weights_, samplers[0].weights_) for sampler in samplers)


# Neighbours


def rays():
    """Rows along two directions: by angle each has its neighbour far out on its ray, by distance on the other ray."""
    radii = np.array([1.0, 10.0, 100.0, 1000.0])
    few = np.concatenate([radii[:, None] * [[1.0, 0.30]], radii[:, None] * [[1.0, 0.34]]])
    many = np.random.default_rng(0).normal(size=(20, 2)) + [-500.0, 500.0]
    return np.concatenate([few, many]), np.repeat(["few", "many"], [8, 20])


def test_by_the_cosine_other_rows_are_near():
    X, y = rays()
    ray = np.arange(8) // 4
    by_distance, by_angle = (
        Smote(metric=metric, k_neighbors=1, sampling_strategy={"few": 68}, random_state=0)
        for metric in ("euclidean", "cosine")
    )
    by_distance.fit_resample(X, y)
    by_angle.fit_resample(X, y)
    assert (ray[by_distance.source_indices_[:, 0]] != ray[by_distance.source_indices_[:, 1]]).all()
    assert (ray[by_angle.source_indices_[:, 0]] == ray[by_angle.source_indices_[:, 1]]).all()


def test_by_the_cosine_the_rows_lie_between_the_vectors_and_not_their_directions():
    X, y = rays()
    sampler = Smote(metric="cosine", k_neighbors=3, sampling_strategy={"few": 68}, random_state=0)
    new = sampler.fit_resample(X, y)[0][28:]
    first, second = (X[sampler.source_indices_[:, i]] for i in (0, 1))
    assert_on_the_line(new, first, second, sampler.weights_)
    assert lengths(new).max() > 50


def test_of_unit_vectors_both_metrics_find_the_same():
    X, y = on_sphere(np.float64)
    one, other = (made(Smote, metric=metric).fit_resample(X, y)[0] for metric in ("euclidean", "cosine"))
    assert np.allclose(one, other)


@pytest.mark.parametrize("cls", FAMILY)
def test_every_strategy_takes_the_cosine(cls):
    X, y = overlapping(seed=1)
    assert counts(made(cls, metric="cosine").fit_resample(X, y)[1]) == {"c0": 26, "c1": 26}


class Farthest(BaseEstimator):
    """Finds the rows that are farthest away."""

    def fit(self, X):
        self.there_ = X
        return self

    def kneighbors(self, X, n_neighbors):
        distances = pairwise_distances(X, self.there_)
        order = np.argsort(-distances, axis=1)[:, :n_neighbors]
        return np.take_along_axis(distances, order, axis=1), order


class Counted(NearestNeighbors):
    """scikit-learn's search, which counts how often it is asked."""

    asked = 0

    def kneighbors(self, *arguments, **named):
        type(self).asked += 1
        return super().kneighbors(*arguments, **named)


@pytest.mark.parametrize("cls", FAMILY)
def test_a_search_of_ones_own_is_asked(cls):
    X, y = overlapping()
    before = Counted.asked
    rows = made(cls, search=Counted(algorithm="ball_tree")).fit_resample(X, y)[0]
    assert Counted.asked > before
    assert np.array_equal(rows, made(cls).fit_resample(X, y)[0])


def test_the_neighbours_that_it_finds_are_taken():
    X, y = overlapping()
    sampler = Smote(search=Farthest(), k_neighbors=2, sampling_strategy={"c0": 114}, random_state=0)
    sampler.fit_resample(X, y)
    order = np.argsort(-pairwise_distances(X[:14]), axis=1)[:, :2]
    for one, other in sampler.source_indices_.tolist():
        assert other in order[one] or one in order[other]


def test_a_search_by_another_metric_finds_what_ours_finds_by_it():
    X, y = overlapping(sizes=(40, 90))
    own, ours, euclidean = (
        Smote(random_state=0, **how).fit_resample(X, y)[0]
        for how in ({"search": NearestNeighbors(metric="cosine")}, {"metric": "cosine"}, {})
    )
    assert np.allclose(own, ours)
    assert not np.allclose(own, euclidean)


@pytest.mark.parametrize("cls", FAMILY)
def test_the_number_of_threads_changes_nothing(cls):
    X, y = overlapping(sizes=(60, 200), width=8)
    one, two = (made(cls, n_jobs=n_jobs).fit_resample(X, y)[0] for n_jobs in (None, 2))
    assert one.tobytes() == two.tobytes()
    assert cls.speed_only == ("n_jobs",)


# Where rows come from


def others_near(X, y, label, m):
    """Count, of each row of a class, the neighbours among the m nearest of all that are of other classes."""
    own = np.flatnonzero(y == label)
    near = np.argsort(pairwise_distances(X[own], X), axis=1)[:, 1 : m + 1]
    return own, (y[near] != label).sum(axis=1)


def test_borderline_smote_starts_from_rows_in_danger_alone():
    X, y = overlapping(sizes=(60, 120), width=2)
    sampler = BorderlineSmote(sampling_strategy={"c0": 400}, m_neighbors=6, k_neighbors=3, random_state=0)
    sampler.fit_resample(X, y)
    own, others = others_near(X, y, "c0", 6)
    danger = set(own[(others >= 3) & (others < 6)].tolist())
    assert 5 < len(danger) < 55
    for one, other in sampler.source_indices_.tolist():
        starts = [(a, b) for a, b in ((one, other), (other, one)) if a in danger]
        assert any(is_near(X, y, 3, a, b) for a, b in starts)
    assert set(sampler.source_indices_.ravel().tolist()) - danger, "towards others, too"


def test_adasyn_starts_the_more_often_from_a_row_the_more_others_are_near_it():
    X, y = overlapping(sizes=(60, 120), width=2)
    sampler = Adasyn(sampling_strategy={"c0": 2060}, k_neighbors=5, random_state=0)
    sampler.fit_resample(X, y)
    own, others = others_near(X, y, "c0", 5)
    assert (others == 0).any()
    never = set(own[others == 0].tolist())
    assert all({one, other} - never for one, other in sampler.source_indices_.tolist())
    taken = np.bincount(sampler.source_indices_.ravel(), minlength=180)[:60]
    assert stats.spearmanr(taken, others).statistic > 0.5


def test_kmeans_smote_stays_within_clusters_in_which_the_class_is_frequent():
    X, blob = make_blobs([30, 30, 100, 100], centers=[(-20, 0), (0, 20), (0, 0.0), (20, 0)], random_state=0)
    strays = np.flatnonzero(blob == 3)[:4]
    y = np.where(blob < 2, "few", "many")
    y[strays] = "few"
    by_default, everywhere, smote = (
        cls(random_state=0, sampling_strategy={"few": 200}, **more)
        for cls, more in (
            (KMeansSmote, {"n_clusters": 4}),
            (KMeansSmote, {"n_clusters": 4, "least_share": 0.0}),
            (Smote, {}),
        )
    )
    for sampler in (by_default, everywhere, smote):
        assert len(sampler.fit_resample(X, y)[0]) == 396
    assert set(everywhere.source_indices_.ravel().tolist()) >= set(strays.tolist())
    assert not set(by_default.source_indices_.ravel().tolist()) & set(strays.tolist())
    first, second = (blob[by_default.source_indices_[:, i]] for i in (0, 1))
    assert (first == second).all()
    first, second = (blob[smote.source_indices_[:, i]] for i in (0, 1))
    assert (first != second).any(), "which SMOTE does not mind"


def test_clusters_draw_weights_of_their_own():
    rng = np.random.default_rng(0)
    rare = np.concatenate([rng.normal(center, 0.3, (16, 2)) for center in (0, 20)])
    X = np.concatenate([rare, rng.normal(10, 1, (64, 2))])
    y = np.repeat(["rare", "often"], [32, 64])
    sampler = KMeansSmote(n_clusters=3, random_state=0)
    sampler.fit_resample(X, y)
    assert len(np.unique(sampler.weights_)) == 32


def test_kmeans_smote_has_more_rows_made_where_the_class_is_sparser():
    dense, sparse = (
        make_blobs(40, centers=[c], cluster_std=std, random_state=0)[0] for c, std in (((0, 0), 0.5), ((50, 0), 4.0))
    )
    X = np.concatenate([dense, sparse, make_blobs(200, centers=[(0, 90)], random_state=0)[0]])
    y = np.repeat(["few", "few", "many"], [40, 40, 200])
    new = KMeansSmote(n_clusters=3, random_state=0).fit_resample(X, y)[0][280:]
    assert len(new) == 120
    assert (new[:, 0] > 25).sum() > 2 * (new[:, 0] < 25).sum()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kmeans_smote_does_not_mind_the_scale_of_the_vectors(scale, dtype):
    X, y = make_blobs([120, 120, 400], centers=[(0, 0), (9, 0), (0, 20)], random_state=0)
    y = np.where(y < 2, "few", "many")
    sampler = KMeansSmote(n_clusters=3, random_state=0)
    assert counts(sampler.fit_resample((X * scale).astype(dtype), y)[1]) == {"few": 400, "many": 400}
    assert len(np.unique(np.abs(sampler.source_indices_))) > 100


def test_kmeans_smote_takes_a_cluster_whose_rows_differ_in_length_alone():
    X = np.concatenate(
        [np.arange(1.0, 9)[:, None] * [[1.0, 0.5]], np.random.default_rng(0).normal(size=(20, 2)) - [9, 0]]
    )
    y = np.repeat(["few", "many"], [8, 20])
    assert counts(KMeansSmote(n_clusters=2, metric="cosine", random_state=0).fit_resample(X, y)[1])["few"] == 20


def test_svm_smote_extrapolates_no_further_than_its_step_and_in_between_as_well():
    X, y = overlapping(sizes=(60, 120), width=4)
    for out_step in (0.1, 0.5, 1.0):
        sampler = SvmSmote(out_step=out_step, sampling_strategy={"c0": 560}, random_state=0)
        new = sampler.fit_resample(X, y)[0][180:]
        weights = sampler.weights_
        assert weights.max() > 0.4
        assert -out_step <= weights.min() < -0.9 * out_step
        beyond = weights < 0
        first, second = (X[sampler.source_indices_[:, i]] for i in (0, 1))
        assert_on_the_line(new, first, second, weights)
        away, between = (np.linalg.norm(new - end, axis=1) for end in (first, second))
        apart = np.linalg.norm(first - second, axis=1)
        assert np.allclose(between[beyond], (away + apart)[beyond]), "the first parent lies between it and the second"


def test_svm_smote_with_no_step_stays_between():
    X, y = overlapping(sizes=(60, 120), width=4)
    sampler = SvmSmote(out_step=0.0, sampling_strategy={"c0": 560}, random_state=0)
    assert counts(sampler.fit_resample(X, y)[1])["c0"] == 560
    assert (sampler.weights_ > 0).all()


# Small classes


def small(rows):
    X, y = overlapping(sizes=(rows, 30))
    return X, y


@pytest.mark.parametrize("cls", FAMILY)
@pytest.mark.parametrize("rows", [2, 4])
def test_a_small_class_is_refused_with_its_size_and_the_mend(cls, rows):
    with pytest.raises(InputError) as caught:
        made(cls, k_neighbors=rows).fit_resample(*small(rows))
    assert str(caught.value) == (
        f"`k_neighbors` of {cls.__name__} must be smaller than the class 'c0', which has {rows} different rows."
        f" Got {rows}. Lower it, or give small_class='lower' or 'duplicate'."
    )


@pytest.mark.parametrize("small_class", ["raise", "lower"])
@pytest.mark.parametrize("cls", FAMILY)
def test_a_class_of_one_row_has_no_neighbours_to_lower_to(cls, small_class):
    with pytest.raises(InputError) as caught:
        made(cls, small_class=small_class, k_neighbors=5).fit_resample(*small(1))
    assert str(caught.value) == (
        f"`k_neighbors` of {cls.__name__} must be smaller than the class 'c0', which has 1 different row. Got 5."
        " Leave the class out, or give small_class='duplicate'."
    )


@pytest.mark.parametrize("cls", FAMILY)
def test_lowered_a_small_class_is_resampled_from_the_neighbours_that_it_has(cls):
    X, y = overlapping(seed=2, sizes=(4, 9, 30))
    sampler = made(cls, small_class="lower", k_neighbors=5)
    lowered = sampler.fit_resample(X, y)
    assert counts(lowered[1]) == {"c0": 30, "c1": 30, "c2": 30}
    fewer = made(cls, k_neighbors=3, sampling_strategy={"c0": 30}).fit_resample(X, y)
    of_small = lowered[0][43:][lowered[1][43:] == "c0"]
    if cls is not KMeansSmote:  # its share of all rows to be made is another
        assert np.array_equal(fewer[0][43:], of_small)
    enough = made(cls, k_neighbors=5, sampling_strategy={"c1": 30}).fit_resample(X, y)
    if cls is not KMeansSmote:
        assert np.array_equal(enough[0][43:], lowered[0][43:][lowered[1][43:] == "c1"])


@pytest.mark.parametrize("cls", FAMILY)
@pytest.mark.parametrize("rows", [1, 3])
def test_duplicated_a_small_class_has_copies_that_say_so(cls, rows):
    X, y = small(rows)
    sampler = made(cls, small_class="duplicate", k_neighbors=3)
    vectors, labels = sampler.fit_resample(X, y)
    assert counts(labels) == {"c0": 30, "c1": 30}
    assert np.array_equal(vectors[rows + 30 :], X[sampler.source_indices_[:, 0]])
    assert (sampler.source_indices_[:, 1] == -1).all()
    assert set(sampler.source_indices_[:, 0].tolist()) == set(range(rows)), "each of them"
    assert np.isnan(sampler.weights_).all()


def test_a_class_that_is_large_enough_beside_a_duplicated_one_is_interpolated():
    X, y = overlapping(seed=2, sizes=(3, 9, 30))
    sampler = Smote(small_class="duplicate", random_state=0)
    _, labels = sampler.fit_resample(X, y)
    copies = np.isnan(sampler.weights_)
    assert np.array_equal(copies, labels[42:] == "c0")
    assert np.array_equal(sampler.source_indices_[:, 1] == -1, copies)


def test_a_class_that_is_left_alone_may_be_as_small_as_it_likes():
    X, y = overlapping(sizes=(1, 9, 30))
    assert counts(Smote(sampling_strategy={"c1": 30}, random_state=0).fit_resample(X, y)[1]) == {
        "c0": 1,
        "c1": 30,
        "c2": 30,
    }


@pytest.mark.parametrize("cls", [BorderlineSmote, SvmSmote])
def test_too_many_neighbours_in_all_classes_are_refused_with_the_number_of_rows(cls):
    X, y = overlapping(sizes=(10, 20))
    X, y = np.concatenate([X, X[:5]]), np.concatenate([y, y[:5]])
    with pytest.raises(InputError) as caught:
        cls(m_neighbors=30, random_state=0).fit_resample(X, y)
    assert str(caught.value) == (
        f"`m_neighbors` of {cls.__name__} must be smaller than the number of different rows, 30. Got 30. Lower it."
    )
    cls(m_neighbors=29, small_class="lower").check()


@pytest.mark.parametrize(
    ("sampler", "reason"),
    [
        (BorderlineSmote(), "none of its rows lies at the border to the others. Use smote, or leave the class out."),
        (Adasyn(), "none of its rows has a neighbour of another class. Use smote, or leave the class out."),
        (
            KMeansSmote(n_clusters=10, k_neighbors=13),
            "no cluster has enough of its rows. Lower least_share, k_neighbors or n_clusters, or use smote, or leave"
            " the class out.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_strategy_that_the_data_does_not_suit_says_so_by_class_and_names_the_mend(sampler, reason):
    X, y = make_blobs([14, 26], centers=[(0, 0), (90, 0)], random_state=0)
    with pytest.raises(InputError) as caught:
        sampler.set_params(random_state=0).fit_resample(X, np.array(["few", "many"])[y])
    assert str(caught.value) == f"{type(sampler).__name__} can make no rows of class 'few': {reason}"


def test_a_class_each_of_whose_rows_lies_alone_among_others_is_noise_to_svm_smote():
    X, y = make_blobs([7] * 14, cluster_std=0.01, centers=np.arange(28).reshape(14, 2) * 9, random_state=0)
    few = np.unique(y, return_index=True)[1]
    labels = np.full(98, "many")
    labels[few] = "few"
    with pytest.raises(ValueError, match="All support vectors are considered as noise"):
        SVMSMOTE(m_neighbors=5).fit_resample(X, labels)
    with pytest.raises(InputError) as caught:
        SvmSmote(m_neighbors=5).fit_resample(X, labels)
    assert str(caught.value).startswith("SvmSmote can make no rows of class 'few': ")


def test_more_clusters_than_rows_are_refused_with_the_number_of_rows():
    with pytest.raises(InputError, match=r"`n_clusters` of KMeansSmote must .* 40\. Got 99"):
        KMeansSmote(n_clusters=99, random_state=0).fit_resample(*overlapping())


@pytest.mark.parametrize(
    ("sampler", "name"),
    [
        (Smote(k_neighbors=0), "k_neighbors"),
        (Smote(k_neighbors=2.5), "k_neighbors"),
        (Smote(k_neighbors=NearestNeighbors()), "k_neighbors"),
        (Smote(metric="manhattan"), "metric"),
        (Smote(sphere="arc"), "sphere"),
        (Smote(small_class="drop"), "small_class"),
        (Smote(search="faiss"), "search"),
        (Smote(n_jobs="all"), "n_jobs"),
        (BorderlineSmote(m_neighbors=0), "m_neighbors"),
        (SvmSmote(out_step=1.5), "out_step"),
        (SvmSmote(out_step=-0.1), "out_step"),
        (KMeansSmote(n_clusters=0), "n_clusters"),
        (KMeansSmote(least_share=1.1), "least_share"),
    ],
)
def test_a_parameter_out_of_range_is_named(sampler, name):
    with pytest.raises(InputError, match=f"The '{name}' parameter of {type(sampler).__name__} must be"):
        sampler.check()
    with pytest.raises(ValueError, match=f"'{name}'"):
        sampler.fit_resample(*overlapping())


# Kinds of data


@pytest.mark.parametrize("cls", EVERY)
def test_constant_columns_stay_constant(cls):
    X, y = overlapping(dtype=np.float32)
    X = np.insert(X, [0, 2], [3.25, -7.0], axis=1).astype(np.float32)
    new = made(cls).fit_resample(X, y)[0][40:]
    assert (new[:, 0] == np.float32(3.25)).all()
    assert (new[:, 3] == -7).all()


@pytest.mark.parametrize("cls", EVERY)
def test_of_integers_new_rows_are_floats_between_them(cls):
    X, y = overlapping()
    X = np.round(X * 4).astype(np.int64)
    vectors, _ = made(cls, **({} if cls is Gaussian else {"k_neighbors": 3})).fit_resample(X, y)
    assert vectors.dtype == np.float64
    assert np.array_equal(vectors[:40], X)
    assert (vectors[40:] % 1 != 0).any(axis=1).all()


@pytest.mark.parametrize("cls", EVERY)
def test_frames_give_the_rows_that_arrays_give(cls):
    X, y = overlapping(dtype=np.float32)
    frame, series = pd.DataFrame(X, columns=["p", "q", "r"], index=np.arange(40) * 3), pd.Series(y, name="class")
    vectors, labels = made(cls).fit_resample(frame, series)
    expected = made(cls).fit_resample(X, y)
    assert vectors.columns.tolist() == ["p", "q", "r"]
    assert (vectors.dtypes == np.float32).all()
    assert labels.name == "class"
    assert np.array_equal(vectors.to_numpy(), expected[0])
    assert labels.tolist() == expected[1].tolist()


def test_a_single_column_is_enough():
    X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0], [14.0]])
    sampler = Smote(k_neighbors=1, random_state=0)
    new = sampler.fit_resample(X, ["a"] * 3 + ["b"] * 5)[0][8:]
    assert ((new > 0) & (new < 2)).all()


# In imbalanced-learn's pipelines


def test_its_parameters_are_searched_in_a_pipeline():
    X, y = overlapping(sizes=(40, 90))
    pipeline = make_pipeline(Smote(random_state=0), LogisticRegression())
    search = GridSearchCV(pipeline, {"smote__k_neighbors": [1, 3, 5], "smote__sphere": ["none", "slerp"]}, cv=3)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 6
    assert search.best_estimator_[0].source_indices_.shape == (50, 2)
    twin = pickle.loads(pickle.dumps(search))
    assert np.array_equal(twin.predict(X), search.predict(X))


def test_what_is_wrong_with_the_search_is_not_said_of_the_data():
    vectors = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    labels = [0] * 10 + [1] * 30
    with pytest.raises(ValueError, match="n_jobs"):
        Smote(n_jobs=0).fit_resample(vectors, labels)
    with pytest.raises(ValueError, match=r"[Cc]osine"):
        Smote(search=NearestNeighbors(algorithm="kd_tree", metric="cosine")).fit_resample(vectors, labels)
