"""What all of the SMOTE family keep: exact counts, originals, parents, streams."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import make_classification
from smote_family import FAMILY, assert_on_the_line, counts, is_near, made, overlapping

from augment.errors import InputError
from augment.vectors.base import VectorRows
from augment.vectors.gaussian import Gaussian
from augment.vectors.smote import Adasyn, BorderlineSmote, KMeansSmote, Smote, SvmSmote

EVERY = (*FAMILY, Gaussian)
BARE = {Smote: SMOTE, BorderlineSmote: BorderlineSMOTE, SvmSmote: SVMSMOTE, Adasyn: ADASYN, KMeansSmote: KMeansSMOTE}


def tuples(vectors):
    return set(map(tuple, np.asarray(vectors).tolist()))


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
    ours.learn(rows, 0)
    drawn = ours.draw(rows, 0, 80, 7)
    theirs.set_params(sampling_strategy={"c0": 120}, random_state=ours.stream(7))
    expected = theirs.fit_resample(X, y)[0][130:]
    assert drawn.vectors.shape == expected.shape
    assert np.allclose(drawn.vectors, expected, rtol=0, atol=1e-12)


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


# Whatever the data


@pytest.mark.parametrize("cls", EVERY)
@settings(max_examples=25)
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


@pytest.mark.parametrize("cls", FAMILY)
@settings(max_examples=25)
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


def twins(shift=256.0):
    """Two classes with the same vectors but for a constant, each with the same rows of a third among them."""
    rng = np.random.default_rng(3)
    small, large = (np.round(rng.normal(size=(size, 2)) * 64) / 64 for size in (16, 40))
    X = np.concatenate([small, small + shift, large, large + shift])
    return X, np.repeat(["a", "b", "many", "many"], [16, 16, 40, 40]), shift


# Streams


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


@pytest.mark.parametrize("cls", FAMILY)
def test_a_class_whose_rows_are_all_equal_has_one_row(cls):
    X, y = overlapping()
    X[:14] = X[0]
    with pytest.raises(InputError, match="'c0', which has 1 different row") as caught:
        made(cls).fit_resample(X, y)
    assert str(caught.value).endswith("Leave the class out, or give small_class='duplicate'.")


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
