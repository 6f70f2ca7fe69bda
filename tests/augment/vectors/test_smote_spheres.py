"""The SMOTE family on spheres, and by whatever search for neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from smote_family import FAMILY, assert_on_the_line, counts, made, overlapping

from augment.vectors.smote import Smote, SvmSmote


def on_sphere(dtype=np.float32, width=16):
    X, y = overlapping(sizes=(12, 40), width=width)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype), y


def lengths(vectors):
    return np.linalg.norm(np.asarray(vectors, dtype=float), axis=1)


# Spheres


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


def rays():
    """Rows along two directions: by angle each has its neighbour far out on its ray, by distance on the other ray."""
    radii = np.array([1.0, 10.0, 100.0, 1000.0])
    few = np.concatenate([radii[:, None] * [[1.0, 0.30]], radii[:, None] * [[1.0, 0.34]]])
    many = np.random.default_rng(0).normal(size=(20, 2)) + [-500.0, 500.0]
    return np.concatenate([few, many]), np.repeat(["few", "many"], [8, 20])


# Neighbours


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
