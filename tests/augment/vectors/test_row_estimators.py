"""A row is its own first neighbour, rows that repeat others are found by their bits, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from augment.vectors.row_estimators import RowNeighbors, for_search
from augment.vectors.row_keys import first_rows, row_keys

THOROUGHLY = settings(max_examples=150)
FLOATS = ("float16", "float32", "float64")


def matrices(dtype: str, most_rows: int = 12) -> st.SearchStrategy[np.ndarray]:
    width = {"float16": 16, "float32": 32, "float64": 64}[dtype]
    few = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 1e-3, 256.0]).map(np.dtype(dtype).type)
    any_finite = st.floats(width=width, allow_nan=False, allow_infinity=False)
    return hnp.arrays(
        dtype, st.tuples(st.integers(1, most_rows), st.integers(1, 4)), elements=st.one_of(few, few, any_finite)
    )


def identity_rows(rows: np.ndarray, n: int) -> sparse.csr_matrix:
    return sparse.identity(n, format="csr")[rows]


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(60, 4))


# Keys


@THOROUGHLY
@given(st.sampled_from(FLOATS).flatmap(matrices))
def test_rows_share_a_key_exactly_where_they_are_equal(vectors):
    keys = row_keys(vectors)
    assert np.array_equal(keys[:, None] == keys[None], (vectors[:, None] == vectors[None]).all(axis=2))


@pytest.mark.parametrize("dtype", FLOATS)
def test_small_whole_numbers_whose_low_bits_are_all_zero_get_keys_of_their_own(dtype):
    numbers = np.arange(2048, dtype=dtype)
    assert len(np.unique(row_keys(numbers[:, None]))) == 2048
    grid = np.stack(np.meshgrid(numbers[:200], numbers[:200]), axis=-1).reshape(-1, 2)
    assert len(np.unique(row_keys(grid))) == len(grid)
    cube = np.stack(np.meshgrid(*[np.arange(30, dtype=dtype) / 4] * 3), axis=-1).reshape(-1, 3)
    assert len(np.unique(row_keys(cube))) == len(cube)


def test_powers_of_two_and_one_hot_rows_get_keys_of_their_own():
    powers = np.exp2(np.arange(-1000, 1000, dtype=np.float64))[:, None]
    assert len(np.unique(row_keys(np.concatenate([powers, -powers])))) == 4000
    assert len(np.unique(row_keys(np.eye(1500, 700)[:700]))) == 700
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 12)).reshape(12, -1).T
    assert len(np.unique(row_keys(signs))) == 2**12


def test_the_order_of_the_columns_counts():
    vectors = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 1.0, 3.0], [0.0, 3.0, 3.0]])
    assert len(np.unique(row_keys(vectors))) == 4


def test_a_difference_in_the_last_bit_is_one():
    for dtype in (np.float32, np.float64):
        one = np.full((1, 300), 0.1, dtype=dtype)
        for column in (0, 150, 299):
            other = one.copy()
            other[0, column] = np.nextafter(other[0, column], dtype(1))
            assert row_keys(one) != row_keys(other)


@pytest.mark.parametrize("dtype", FLOATS)
def test_minus_zero_is_zero(dtype):
    assert row_keys(np.array([[-0.0, 1.0]], dtype=dtype)) == row_keys(np.array([[0.0, 1.0]], dtype=dtype))
    assert first_rows(np.array([[0.0], [-0.0]], dtype=dtype), np.zeros(2, dtype=int)).tolist() == [0]


def test_keys_do_not_depend_on_how_the_rows_lie_in_memory():
    whole = np.random.default_rng(1).normal(size=(2100, 8)).astype(np.float32)
    for view in (whole[:, ::2], whole[::-1], whole[::3, 1:], np.asfortranarray(whole), whole.T[:5].T):
        before = view.copy()
        assert np.array_equal(row_keys(view), row_keys(np.ascontiguousarray(view)))
        assert np.array_equal(view, before)


def test_keys_do_not_depend_on_the_rows_beside():
    vectors = np.random.default_rng(2).normal(size=(2500, 3))
    keys = row_keys(vectors)
    for row in (0, 1, 1023, 1024, 1025, 2047, 2048, 2499):
        assert row_keys(vectors[row : row + 1]) == keys[row]
    assert np.array_equal(row_keys(np.concatenate([vectors[5:], vectors[:5]])), np.roll(keys, -5))


def test_no_rows_have_no_keys():
    assert row_keys(np.empty((0, 3))).shape == (0,)
    assert first_rows(np.empty((0, 3)), np.empty(0, dtype=int)).shape == (0,)


# First rows


@THOROUGHLY
@given(matrices("float32"), st.data())
def test_first_rows_are_those_that_no_earlier_row_of_the_class_equals(vectors, data):
    codes = data.draw(hnp.arrays(np.int64, len(vectors), elements=st.integers(0, 2)))
    seen, expected = set(), []
    for row, (code, vector) in enumerate(zip(codes.tolist(), (vectors + 0.0).tolist(), strict=True)):
        if (code, *vector) not in seen:
            expected.append(row)
        seen.add((code, *vector))
    found = first_rows(vectors, codes)
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_repeats_are_found_thousands_of_rows_apart():
    vectors = np.random.default_rng(3).normal(size=(3000, 5))
    twice = np.concatenate([vectors, vectors[::-1]])
    assert np.array_equal(first_rows(twice, np.zeros(6000, dtype=int)), np.arange(3000))
    assert np.array_equal(first_rows(twice, np.repeat([0, 1], 3000)), np.arange(6000)), "of other classes, none are"


# Neighbours by row number


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbours_and_distances_are_those_of_brute_force(vectors, dtype):
    vectors = vectors.astype(dtype)
    rows = np.arange(60)
    search = RowNeighbors(vectors, 6).fit(identity_rows(rows, 60))
    distances, places = search.kneighbors(identity_rows(rows, 60))
    every = pairwise_distances(vectors.astype(np.float64))
    assert np.array_equal(places, np.argsort(every, axis=1)[:, :6])
    assert np.allclose(distances, np.sort(every, axis=1)[:, :6], atol=1e-3 if dtype == "float32" else 1e-6)
    assert np.array_equal(search.kneighbors(identity_rows(rows, 60), return_distance=False), places)


def test_places_are_those_among_the_rows_that_it_was_fitted_on_in_their_order(vectors):
    fitted, asked = np.array([7, 3, 50, 21, 40, 2, 19]), np.array([21, 7, 2])
    places = RowNeighbors(vectors, 3).fit(identity_rows(fitted, 60)).kneighbors(identity_rows(asked, 60))[1]
    expected = np.argsort(pairwise_distances(vectors[asked], vectors[fitted]), axis=1)[:, :3]
    assert np.array_equal(places, expected)
    assert fitted[places[:, 0]].tolist() == asked.tolist()


def test_rows_that_it_was_not_fitted_on_have_their_neighbours_in_the_order_of_distance(vectors):
    fitted, asked = np.arange(0, 60, 2), np.array([1, 33, 59])
    distances, places = RowNeighbors(vectors, 5).fit(identity_rows(fitted, 60)).kneighbors(identity_rows(asked, 60))
    assert np.array_equal(places, np.argsort(pairwise_distances(vectors[asked], vectors[fitted]), axis=1)[:, :5])
    assert (np.diff(distances, axis=1) >= 0).all()


@settings(max_examples=60)
@given(hnp.arrays(np.float32, st.tuples(st.integers(4, 30), st.just(2)), elements=st.sampled_from([0.0, 1.0, 2.0])))
def test_among_ties_the_row_itself_is_first_and_none_is_named_twice(vectors):
    n = len(vectors)
    distances, places = RowNeighbors(vectors, 3).fit(identity_rows(np.arange(n), n)).kneighbors(sparse.eye(n).tocsr())
    assert np.array_equal(places[:, 0], np.arange(n))
    assert all(len(set(row)) == 3 for row in places.tolist())
    every = np.sort(pairwise_distances(vectors.astype(np.float64)), axis=1)
    assert np.allclose(np.sort(distances, axis=1), every[:, :3], atol=1e-6), (
        "the row itself takes no nearer one's place"
    )


def test_a_row_that_scikit_learn_leaves_out_among_its_copies_is_put_back():
    vectors = np.zeros((50, 3))
    rows = identity_rows(np.arange(50), 50)
    bare = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(vectors).kneighbors(vectors, return_distance=False)
    assert (bare[:, 0] != np.arange(50)).sum() > 40, "what imbalanced-learn drops as the row itself is another"
    distances, places = RowNeighbors(vectors, 4).fit(rows).kneighbors(rows)
    assert np.array_equal(places[:, 0], np.arange(50))
    assert (distances == 0).all()


def test_the_number_of_neighbours_can_be_given_at_the_call(vectors):
    rows = identity_rows(np.arange(60), 60)
    search = RowNeighbors(vectors, 3).fit(rows)
    assert search.kneighbors(rows, 7)[1].shape == (60, 7)
    assert np.array_equal(search.kneighbors(rows, 7)[1][:, :3], search.kneighbors(rows)[1])


def test_the_graph_has_a_one_for_each_neighbour(vectors):
    fitted = np.arange(10, 40)
    search = RowNeighbors(vectors, 4).fit(identity_rows(fitted, 60))
    graph = search.kneighbors_graph(identity_rows(fitted, 60)).toarray()
    expected = NearestNeighbors(n_neighbors=4).fit(vectors[fitted]).kneighbors_graph(vectors[fitted]).toarray()
    assert np.array_equal(graph[:, : expected.shape[1]], expected)


def test_a_search_of_ones_own_is_cloned_fitted_and_asked(vectors):
    class Farthest(BaseEstimator):
        def __init__(self, note="kept"):
            self.note = note

        def fit(self, X):
            self.there_ = X
            return self

        def kneighbors(self, X, n_neighbors):
            distances = pairwise_distances(X, self.there_)
            order = np.argsort(-distances, axis=1)[:, :n_neighbors]
            return np.take_along_axis(distances, order, axis=1), order

    own, rows = Farthest("changed"), identity_rows(np.arange(60), 60)
    search = RowNeighbors(vectors, 3, search=own).fit(rows)
    places = search.kneighbors(rows)[1]
    assert not hasattr(own, "there_"), "the one that was given is left as it is"
    assert search.search_.note == "changed"
    assert np.array_equal(places[:, 0], np.arange(60))
    assert np.array_equal(places[:, 1:], np.argsort(-pairwise_distances(vectors), axis=1)[:, :2])


def test_a_clone_shares_the_vectors_and_keeps_the_rest(vectors):
    search = RowNeighbors(vectors, 3, search=NearestNeighbors(metric="manhattan"), n_jobs=2)
    twin = clone(search)
    assert twin is not search
    assert twin.vectors is vectors
    assert (twin.n_neighbors, twin.search, twin.n_jobs) == (3, search.search, 2)


# Metrics


def test_euclidean_vectors_are_searched_as_they_are(vectors):
    assert for_search(vectors, "euclidean") is vectors
    single = vectors.astype(np.float32)
    assert for_search(single, "euclidean") is single


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=40)
@given(numbers=hnp.arrays(np.float32, (8, 3), elements=st.floats(-10, 10, width=32)))
def test_the_euclidean_order_of_what_is_searched_is_that_of_the_cosine(dtype, numbers):
    vectors = numbers.astype(dtype)
    assume((np.linalg.norm(vectors, axis=1) > 0.1).all())
    searched = for_search(vectors, "cosine")
    assert searched.dtype == dtype
    assert np.allclose(np.linalg.norm(searched, axis=1), 1, atol=1e-5)
    straight = pairwise_distances(searched.astype(np.float64), metric="sqeuclidean") / 2
    assert np.allclose(straight, pairwise_distances(vectors.astype(np.float64), metric="cosine"), atol=1e-5)


def test_a_vector_of_zeros_has_no_direction_and_stays():
    assert for_search(np.array([[0.0, 0.0], [0.0, 5.0]]), "cosine").tolist() == [[0, 0], [0, 1]]


def test_half_precision_is_searched_in_single(vectors):
    assert for_search(vectors.astype(np.float16), "euclidean").dtype == np.float32
    assert for_search(vectors.astype(np.float16), "cosine").dtype == np.float32
