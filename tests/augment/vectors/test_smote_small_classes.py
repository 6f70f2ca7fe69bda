"""Classes too small for their neighbours, and parameters out of range."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestNeighbors
from smote_family import FAMILY, counts, made, overlapping, small

from augment.errors import InputError
from augment.vectors.smote import Adasyn, BorderlineSmote, KMeansSmote, Smote, SvmSmote


@pytest.mark.parametrize("cls", FAMILY)
@pytest.mark.parametrize("rows", [2, 4])
def test_a_small_class_is_refused_with_its_size_and_the_mend(cls, rows):
    with pytest.raises(InputError) as caught:
        made(cls, k_neighbors=rows).fit_resample(*small(rows))
    assert str(caught.value) == (
        f"`k_neighbors` of {cls.__name__} must be smaller than the class 'c0', which has {rows} different rows."
        f" Got {rows}. Lower it, or give small_class='lower' or 'duplicate'."
    )


@pytest.mark.parametrize("cls", FAMILY)
def test_all_classes_that_are_too_small_are_named_at_once(cls):
    X, y = overlapping(sizes=(1, 4, 3, 30))
    with pytest.raises(InputError) as caught:
        made(cls, k_neighbors=4).fit_resample(X, y)
    assert str(caught.value) == (
        f"`k_neighbors` of {cls.__name__} must be smaller than the classes 'c0' (1 different row), 'c1' (4 different"
        " rows), 'c2' (3 different rows). Got 4. Lower it, or give small_class='lower' or 'duplicate'. Leave classes of"
        " 1 row out, or give small_class='duplicate'."
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
    with pytest.raises(InputError, match=f"`{name}` of {type(sampler).__name__} must be"):
        sampler.check()
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {type(sampler).__name__} must be"):
        sampler.fit_resample(*overlapping())
