"""Nearest neighbours of vectors that are known by their row numbers, and which rows repeat others."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from augment.seeding import generator

Metric = Literal["euclidean", "cosine"]

_BLOCK = 1024  # rows that are hashed at a time
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # of SplitMix64


def row_keys(vectors: np.ndarray) -> np.ndarray:
    """Give every row a number that equal rows share, and other rows do not.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        -0.0 counts as 0.0.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Two different rows share theirs with a probability of about 2**-64.
    """
    n, width = vectors.shape
    factors = generator(0, "vectors", width).integers(0, 2**64, width, dtype=np.uint64) | np.uint64(1)
    keys = np.empty(n, dtype=np.uint64)
    for start in range(0, n, _BLOCK):
        part = np.ascontiguousarray(vectors[start : start + _BLOCK]) + 0.0
        if part.itemsize > 8:
            part = part.astype(np.float64)
        bits = part.view(f"u{part.itemsize}").astype(np.uint64)
        # Mixed first: the low bits of short numbers are all 0, and a product would leave them so.
        bits ^= bits >> np.uint64(29)
        bits *= _MIX
        bits ^= bits >> np.uint64(32)
        keys[start : start + _BLOCK] = (bits * factors).sum(axis=1, dtype=np.uint64)
    return keys


def first_rows(vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the rows that no earlier row of the same class equals.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    codes : ndarray of int, shape (n,)
        The class of each row.

    Returns
    -------
    ndarray of int64
        Row numbers, ascending.

    Examples
    --------
    >>> first_rows(np.array([[1.0], [2.0], [1.0], [1.0]]), np.array([0, 0, 0, 1]))
    array([0, 1, 3])
    """
    keys = row_keys(vectors) ^ (codes.astype(np.uint64) * _MIX)
    return np.sort(np.unique(keys, return_index=True)[1])


class RowNeighbors(BaseEstimator):
    """A nearest-neighbour search that takes rows of an identity matrix in the place of vectors.

    imbalanced-learn's samplers ask such an object for neighbours and then only interpolate. Given the identity
    matrix they so give, for each new row, the weights of the rows that it is made of; see `augment.smote`.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        What stands behind the row numbers. Not copied, by `sklearn.base.clone` neither.
    n_neighbors : int
        How many are found, the row itself among them.
    search : estimator, optional
        What searches, instead of scikit-learn's brute force; any with `fit` and `kneighbors`.
    n_jobs : int, optional
        Threads of the search.
    """

    def __init__(self, vectors: np.ndarray, n_neighbors: int, *, search: Any = None, n_jobs: int | None = None) -> None:
        self.vectors = vectors
        self.n_neighbors = n_neighbors
        self.search = search
        self.n_jobs = n_jobs

    def __sklearn_clone__(self) -> RowNeighbors:
        return RowNeighbors(self.vectors, self.n_neighbors, search=self.search, n_jobs=self.n_jobs)

    def fit(self, X: sparse.csr_matrix, y: Any = None) -> Self:
        """Take the rows among which neighbours are looked for.

        Parameters
        ----------
        X : csr matrix, shape (m, n)
            Rows of the identity matrix.
        y : object, optional
            Not read.

        Returns
        -------
        RowNeighbors
            This.
        """
        from sklearn.neighbors import NearestNeighbors

        rows = X.indices
        self.places_ = np.full(len(self.vectors), -1, dtype=np.int64)
        self.places_[rows] = np.arange(len(rows))
        whole = len(rows) == len(self.vectors) and (rows[:-1] < rows[1:]).all()
        search = NearestNeighbors(algorithm="brute", n_jobs=self.n_jobs) if self.search is None else clone(self.search)
        self.search_ = search.fit(self.vectors if whole else self.vectors[rows])
        return self

    def kneighbors(
        self, X: sparse.csr_matrix, n_neighbors: int | None = None, *, return_distance: bool = True
    ) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        """Find the neighbours of rows, each of which is its own first.

        Parameters
        ----------
        X : csr matrix, shape (m, n)
            Rows of the identity matrix.
        n_neighbors : int, optional
            Other than that of the constructor.
        return_distance : bool, default=True

        Returns
        -------
        distances : ndarray of float, shape (m, k)
            Only if asked for.
        places : ndarray of int64, shape (m, k)
            Among the rows that `fit` was given.
        """
        rows = X.indices
        distances, places = self.search_.kneighbors(self.vectors[rows], n_neighbors or self.n_neighbors)
        own = self.places_[rows]
        # Among rows at the same distance the search has no order, and the row itself may even be left out.
        left_out = (own >= 0) & ~(places == own[:, None]).any(axis=1)
        places[left_out, -1], distances[left_out, -1] = own[left_out], 0.0
        order = np.argsort(places != own[:, None], axis=1, kind="stable")
        places = np.take_along_axis(places, order, axis=1)
        return (np.take_along_axis(distances, order, axis=1), places) if return_distance else places

    def kneighbors_graph(self, X: sparse.csr_matrix, n_neighbors: int | None = None) -> sparse.csr_matrix:
        """Return the neighbours as a matrix of ones; imbalanced-learn wants it to be there.

        Parameters
        ----------
        X, n_neighbors
            See `kneighbors`.

        Returns
        -------
        csr matrix, shape (m, rows that `fit` was given)
        """
        places = np.asarray(self.kneighbors(X, n_neighbors, return_distance=False))
        ends = np.arange(0, places.size + 1, places.shape[1])
        return sparse.csr_matrix((np.ones(places.size), places.ravel(), ends))


def for_search(vectors: np.ndarray, metric: Metric) -> np.ndarray:
    """Return vectors among which the Euclidean neighbours are those by a metric.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    metric : {"euclidean", "cosine"}
        Of unit vectors the Euclidean distance orders as the cosine does.

    Returns
    -------
    ndarray of float32 or float64, shape (n, d)
        The same object where nothing is to be done.
    """
    if vectors.dtype not in (np.float32, np.float64):
        vectors = vectors.astype(np.float32)
    if metric == "euclidean":
        return vectors
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)
