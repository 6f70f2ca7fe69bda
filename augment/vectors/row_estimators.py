"""Estimators that take rows of an identity matrix, and use the vectors that belong to them."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from imblearn.over_sampling import KMeansSMOTE
from scipy import sparse
from sklearn.base import BaseEstimator, clone

Metric = Literal["euclidean", "cosine"]


class RowNeighbors(BaseEstimator):
    """A nearest-neighbour search that takes rows of an identity matrix in the place of vectors.

    imbalanced-learn's samplers ask such an object for neighbours and then only interpolate. On an identity matrix they
    therefore return, for each new row, the weights of its parents; see `augment.vectors.smote`.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        The vectors of the row numbers. They are not copied, not even by `sklearn.base.clone`.
    n_neighbors : int
        Number of neighbours, including the row itself.
    search : estimator, optional
        A search instead of scikit-learn's brute force; any estimator with `fit` and `kneighbors`.
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
        """Store the rows among which neighbours are searched.

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
        """Find the neighbours of rows. The first neighbour of each is the row itself.

        Parameters
        ----------
        X : csr matrix, shape (m, n)
            Rows of the identity matrix.
        n_neighbors : int, optional
            Overrides the number of the constructor.
        return_distance : bool, default=True

        Returns
        -------
        distances : ndarray of float, shape (m, k)
            Only with `return_distance`.
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
        """Return the neighbours as a matrix of ones; imbalanced-learn requires this method.

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
    """Return vectors whose Euclidean neighbours are the neighbours by a metric.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    metric : {"euclidean", "cosine"}
        For unit vectors, Euclidean distance and cosine give the same order.

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


class _RowKMeans(BaseEstimator):
    """k-means that takes rows of the identity matrix in the place of vectors."""

    def __init__(self, vectors: np.ndarray, n_clusters: int, random_state: Any = None) -> None:
        self.vectors = vectors
        self.n_clusters = n_clusters
        self.random_state = random_state

    def __sklearn_clone__(self) -> _RowKMeans:
        return _RowKMeans(self.vectors, self.n_clusters, self.random_state)

    def fit(self, X: sparse.csr_matrix, y: Any = None) -> Self:
        from sklearn.cluster import MiniBatchKMeans

        self.clusters_ = MiniBatchKMeans(self.n_clusters, random_state=self.random_state).fit(self.vectors[X.indices])
        return self

    def predict(self, X: sparse.csr_matrix) -> np.ndarray:
        codes: np.ndarray = self.clusters_.predict(self.vectors[X.indices])
        return codes

    def fit_predict(self, X: sparse.csr_matrix, y: Any = None) -> np.ndarray:
        return self.fit(X, y).predict(X)


class _RowKMeansSmote(KMeansSMOTE):
    """imbalanced-learn's, with the sparsity of a cluster that of the vectors behind the identity matrix."""

    def _find_cluster_sparsity(self, X: sparse.csr_matrix) -> float:
        # In float64, since it is a high power of a distance; and not 0, of rows that are all in one place.
        sparsity: float = super()._find_cluster_sparsity(self.kmeans_estimator_.vectors[X.indices].astype(np.float64))
        least: float = np.finfo(np.float64).tiny
        return max(sparsity, least)


class _RowSvm(BaseEstimator):
    """A support vector machine that takes rows of the identity matrix in the place of vectors."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def __sklearn_clone__(self) -> _RowSvm:
        return _RowSvm(self.vectors)

    def fit(self, X: sparse.csr_matrix, y: Any) -> Self:
        from sklearn.svm import SVC

        self.svm_ = SVC(gamma="scale").fit(self.vectors[X.indices], y)
        self.support_ = self.svm_.support_
        return self

    def predict(self, X: sparse.csr_matrix) -> np.ndarray:
        labels: np.ndarray = self.svm_.predict(self.vectors[X.indices])
        return labels
