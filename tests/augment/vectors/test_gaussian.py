"""Rows of the normal distribution that a class's shrunk mean and covariance say, and of no row in particular."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import OAS, LedoitWolf

from augment.errors import InputError
from augment.vectors.gaussian import Gaussian


def few_and_many(few, *, width=4, dtype=np.float64, seed=0):
    """Correlated rows of a class far from the other's."""
    rng = np.random.default_rng(seed)
    turn = rng.normal(size=(width, width))
    X = np.concatenate([5 + rng.normal(size=(few, width)) @ turn, rng.normal(size=(few + 50, width)) - 5])
    return X.astype(dtype), np.repeat(["few", "many"], [few, few + 50])


def drawn(X, y, rows, **parameters):
    sampler = Gaussian(sampling_strategy={"few": int((y == "few").sum()) + rows}, **{"random_state": 0, **parameters})
    return sampler.fit_resample(X, y)[0][len(X) :], sampler


@pytest.mark.parametrize(("shrinkage", "estimate"), [("ledoit-wolf", LedoitWolf()), ("oas", OAS())])
@pytest.mark.parametrize("few", [6, 60])
def test_mean_and_covariance_are_the_shrunk_ones_of_the_class(shrinkage, estimate, few):
    X, y = few_and_many(few)
    new, _ = drawn(X, y, 40_000, shrinkage=shrinkage)
    fitted = estimate.fit(X[:few])
    deviations = np.sqrt(np.diag(fitted.covariance_))
    assert np.allclose((new.mean(axis=0) - fitted.location_) / deviations, 0, atol=0.03)
    assert np.allclose((np.cov(new.T) - fitted.covariance_) / np.outer(deviations, deviations), 0, atol=0.05)


def test_both_shrinkages_differ_where_rows_are_few():
    X, y = few_and_many(6)
    assert not np.allclose(drawn(X, y, 20)[0], drawn(X, y, 20, shrinkage="oas")[0])


def test_rows_in_more_dimensions_than_there_are_rows_fill_all_of_them():
    X, y = few_and_many(10, width=40)
    new, _ = drawn(X, y, 200)
    assert np.linalg.matrix_rank(X[:10] - X[:10].mean(axis=0)) == 9
    assert np.linalg.matrix_rank(new - new.mean(axis=0)) == 40, "SMOTE would stay within nine"


def test_rows_that_stand_twice_count_once():
    X, y = few_and_many(12)
    again = np.concatenate([np.arange(12), np.repeat(0, 30), np.arange(12, len(X))])
    assert np.array_equal(drawn(X[again], y[again], 50)[0], drawn(X, y, 50)[0])


def test_there_are_no_parents_and_no_weights():
    _, sampler = drawn(*few_and_many(8), 20)
    assert sampler.source_indices_.tolist() == [[-1, -1]] * 20
    assert sampler.source_indices_.dtype == np.int64
    assert sampler.weights_.shape == (20,)
    assert np.isnan(sampler.weights_).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_columns_that_are_constant_within_the_class_stay_so_and_the_others_do_not_notice(dtype):
    X, y = few_and_many(12, dtype=dtype)
    wide = np.insert(X, [1, 4], [0.1, -3.0], axis=1).astype(dtype)
    wide[20:, 1] = np.arange(len(X) - 20)  # of the other class, not constant
    new, _ = drawn(wide, y, 30)
    assert (new[:, 1] == wide[0, 1]).all()
    assert (new[:, 5] == -3).all()
    assert np.array_equal(np.delete(new, [1, 5], axis=1), drawn(X, y, 30)[0])


def test_one_varying_column_is_enough():
    X, y = few_and_many(6, width=1)
    new, _ = drawn(X, y, 20_000)
    assert new.std() == pytest.approx(X[:6].std(), rel=0.05)
    wide = np.hstack([np.ones_like(X), X])
    assert np.array_equal(drawn(wide, y, 30)[0][:, 1:], drawn(X, y, 30)[0])


def test_two_rows_are_enough():
    X, y = few_and_many(2)
    new, _ = drawn(X, y, 500)
    assert np.isfinite(new).all()
    assert np.allclose(new.mean(axis=0), X[:2].mean(axis=0), atol=0.3 * np.ptp(X[:2], axis=0).max())


@pytest.mark.parametrize("rows", [1, 3])
def test_a_class_of_one_row_is_refused_with_the_mend(rows):
    X, y = few_and_many(rows)
    X[:rows] = X[0]
    with pytest.raises(InputError) as caught:
        drawn(X, y, 5)
    assert str(caught.value) == (
        "Gaussian needs at least 2 different rows of a class. Got fewer of the class 'few' (1). Leave it out."
    )


def unit(dtype="float32"):
    X, y = few_and_many(30, width=24, dtype=dtype)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype), y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_auto_gives_unit_vectors_from_unit_vectors_in_the_directions_that_were_drawn(dtype):
    X, y = unit(dtype)
    auto, renormalized, none = (drawn(X, y, 40, sphere=sphere)[0] for sphere in ("auto", "renormalize", "none"))
    lengths = np.linalg.norm(none, axis=1, keepdims=True)
    assert auto.dtype == dtype
    assert np.allclose(np.linalg.norm(auto, axis=1), 1, atol=1e-6)
    assert np.array_equal(auto, renormalized)
    assert np.allclose(auto, none / lengths, atol=1e-6)
    assert (np.abs(lengths - 1) > 0.01).any()


def test_other_vectors_are_left_at_the_length_that_was_drawn_and_renormalized_to_the_mean_one():
    X, y = few_and_many(30)
    auto, none, renormalized = (drawn(X, y, 40, sphere=sphere)[0] for sphere in ("auto", "none", "renormalize"))
    assert np.array_equal(auto, none)
    assert np.allclose(np.linalg.norm(renormalized, axis=1), np.linalg.norm(X[:30], axis=1).mean())


@pytest.mark.parametrize(
    ("parameters", "name"), [({"shrinkage": "shrunk"}, "shrinkage"), ({"sphere": "slerp"}, "sphere")]
)
def test_a_parameter_out_of_range_is_named(parameters, name):
    with pytest.raises(InputError, match=f"`{name}` of Gaussian must be '"):
        Gaussian(**parameters).check()
    with pytest.raises(ValueError, match=f"'{name}'"):
        Gaussian(**parameters).fit_resample(*few_and_many(6))
