"""The SMOTE family: imbalanced-learn draws the pairs and the weights, the vectors are put between them here."""

from __future__ import annotations

import abc
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE
from scipy import sparse
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from augment.errors import InputError
from augment.seeding import generator
from augment.vectors.base import Drawn, VectorRows, VectorSampler
from augment.vectors.interpolation import Interpolation, between
from augment.vectors.row_estimators import Metric, RowNeighbors, _RowKMeans, _RowKMeansSmote, _RowSvm, for_search
from augment.vectors.small_classes import NeedsNeighbors, SmallClass


class SmoteFamily(NeedsNeighbors, VectorSampler, abc.ABC):
    """Puts every new vector on the line between a row and one of its neighbours of the same class.

    An imbalanced-learn sampler is given the identity matrix in the place of the rows, and the neighbours of the real
    rows. Each row that it returns holds the two weights of one new vector. So the well-known sampler is used, the
    parents and the weight of every new row are known exactly, and two numbers are interpolated instead of hundreds.

    Parameters
    ----------
    sampling_strategy, random_state
        See `augment.vectors.base.VectorSampler`.
    k_neighbors : int, default=5
        Neighbours of a row that a new one may lie towards.
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance between rows.
    sphere : {"auto", "none", "renormalize", "slerp"}, default="auto"
        Interpolated unit vectors are shorter than 1. ``"renormalize"`` brings new rows to the length between those of
        their parents, ``"slerp"`` interpolates along the arc instead of the line. ``"auto"`` renormalizes where all
        rows have length 1.
    small_class : {"raise", "lower", "duplicate"}, default="raise"
        What to do with a class with no more than `k_neighbors` different rows: an error, fewer neighbours, or copies of
        its rows.
    search : estimator, optional
        A search instead of scikit-learn's brute force: any estimator with `fit` and `kneighbors`.
    n_jobs : int, optional
        Threads of scikit-learn's search.
    """

    speed_only = ("n_jobs",)
    nothing: ClassVar[str] = ""
    """Why new rows of a class may be impossible, and what to do; empty if they are always possible."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **VectorSampler._parameter_constraints,
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions({"euclidean", "cosine"})],
        "sphere": [StrOptions({"auto", "none", "renormalize", "slerp"})],
        "small_class": [StrOptions({"raise", "lower", "duplicate"})],
        "search": [HasMethods(["fit", "kneighbors", "get_params"]), None],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        k_neighbors: int = 5,
        metric: Metric = "euclidean",
        sphere: Interpolation = "auto",
        small_class: SmallClass = "raise",
        search: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, sphere=sphere)
        self.k_neighbors = k_neighbors
        self.metric = metric
        self.small_class = small_class
        self.search = search
        self.n_jobs = n_jobs

    @abc.abstractmethod
    def sampler(self, rows: VectorRows, code: int, neighbors: RowNeighbors, seed: int) -> Any:
        """Return the imbalanced-learn sampler that draws pairs.

        Parameters
        ----------
        rows : VectorRows
            What stands behind the rows of the identity matrix.
        code : int
            The class that gets new rows.
        neighbors : RowNeighbors
            What finds the neighbours that new rows lie towards.
        seed : int
            Seed of further parts of the sampler.

        Returns
        -------
        sampler
            Without a sampling strategy and a seed of its own, which are set later.
        """

    def ask(self, wanted: int, there: int) -> int:
        """Return how many rows to request from the sampler.

        Parameters
        ----------
        wanted : int
            How many are needed.
        there : int
            Rows that the class has.

        Returns
        -------
        int
        """
        return wanted

    def stream(self, seed: int) -> int | np.random.RandomState:
        """Return the random state of the sampler for one class."""
        return seed

    def learn(self, rows: VectorRows, seed: int) -> None:  # noqa: D102 -- see the base
        self._vectors = for_search(rows.vectors, self.metric)

    def draw(self, rows: VectorRows, code: int, wanted: int, seed: int) -> Drawn:  # noqa: D102 -- see the base
        own = rows.of(code)
        neighbors, label = self._neighbors(rows, code), rows.label(code)
        if neighbors is None:
            chosen = own[generator(seed, "draw").integers(len(own), size=wanted)]
            parents = np.stack([chosen, np.full(wanted, -1)], axis=1)
            return Drawn(rows.vectors[chosen], parents, np.full(wanted, np.nan))
        total = len(own) + self.ask(wanted, len(own))
        sampler = self.sampler(rows, code, neighbors, seed)
        sampler.set_params(sampling_strategy={code: total}, random_state=self.stream(seed))
        identity = sparse.identity(len(rows.codes), format="csr")
        try:
            drawn, _ = sampler.fit_resample(identity, rows.codes)
        except (RuntimeError, ValueError) as error:
            if not self.nothing:
                raise
            raise self._nothing(label) from error
        weights = drawn[len(rows.codes) :].tocsr()
        if not weights.shape[0]:
            raise self._nothing(label)
        parents, of_second = _pairs(weights)
        along: Any = {"slerp": "arc", "renormalize": "line, at length", "none": "line"}.get(
            self.sphere, "line, at length" if rows.on_sphere else "line"
        )
        return Drawn(between(rows.vectors, parents, of_second, along=along), parents, of_second)

    def _nothing(self, label: Any) -> InputError:
        """Return the error that no new rows of a class can be made."""
        return InputError(f"{type(self).__name__} can make no rows of class {label!r}: {self.nothing}")

    def _neighbors(self, rows: VectorRows, code: int) -> RowNeighbors | None:
        """Return the search for neighbours, or None if a small class is to be copied."""
        k_neighbors = self.k_neighbors
        n_own = len(rows.of(code))
        if n_own <= k_neighbors:
            if self.small_class == "duplicate":
                return None
            k_neighbors = n_own - 1
        return RowNeighbors(self._vectors, k_neighbors + 1, search=self.search, n_jobs=self.n_jobs)


class Smote(SmoteFamily):
    """Puts new vectors between a random row of the class and one of its neighbours.

    Parameters
    ----------
    sampling_strategy, random_state, k_neighbors, metric, sphere, small_class, search, n_jobs
        See `SmoteFamily`.

    References
    ----------
    Chawla et al. 2002, "SMOTE: synthetic minority over-sampling technique", section 4.2.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0], [7.0]])
    >>> sampler = Smote(k_neighbors=1, random_state=0)
    >>> vectors, y = sampler.fit_resample(X, ["rare", "rare", "often", "often", "often"])
    >>> y[-1], bool(0 < vectors[-1, 0] < 1), sorted(sampler.source_indices_[0].tolist())
    ('rare', True, [0, 1])
    """

    name = "smote"
    summary = "put a vector between a row and one of its neighbours"

    def sampler(self, rows: VectorRows, code: int, neighbors: RowNeighbors, seed: int) -> Any:  # noqa: D102
        return SMOTE(k_neighbors=neighbors)


class BorderlineSmote(SmoteFamily):
    """SMOTE from border rows only: half or more of their neighbours, but not all, are of other classes.

    Parameters
    ----------
    sampling_strategy, random_state, k_neighbors
        See `SmoteFamily`.
    m_neighbors : int, default=10
        Neighbours in all classes.
    metric, sphere, small_class, search, n_jobs
        See `SmoteFamily`.

    References
    ----------
    Han et al. 2005, "Borderline-SMOTE", section 3 (its first variant: neighbours are of the same class).
    """

    name = "borderline-smote"
    summary = "as smote, from rows at the border to other classes"
    nothing = "none of its rows lies at the border to the others. Use smote, or leave the class out."

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SmoteFamily._parameter_constraints,
        "m_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        k_neighbors: int = 5,
        m_neighbors: int = 10,
        metric: Metric = "euclidean",
        sphere: Interpolation = "auto",
        small_class: SmallClass = "raise",
        search: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            metric=metric,
            sphere=sphere,
            small_class=small_class,
            search=search,
            n_jobs=n_jobs,
        )
        self.m_neighbors = m_neighbors

    def _of_all(self) -> RowNeighbors:
        """Return the search for neighbours in all classes."""
        if self.m_neighbors >= len(self._vectors):
            raise InputError(
                f"`m_neighbors` of {type(self).__name__} must be smaller than the number of different rows,"
                f" {len(self._vectors)}. Got {self.m_neighbors}. Lower it."
            )
        return RowNeighbors(self._vectors, self.m_neighbors + 1, search=self.search, n_jobs=self.n_jobs)

    def sampler(self, rows: VectorRows, code: int, neighbors: RowNeighbors, seed: int) -> Any:  # noqa: D102
        return BorderlineSMOTE(k_neighbors=neighbors, m_neighbors=self._of_all())


class SvmSmote(BorderlineSmote):
    """SMOTE from support vectors: towards neighbours if other classes are near, away from them if not.

    New rows that lie away from the neighbour have a negative weight.

    Parameters
    ----------
    sampling_strategy, random_state, k_neighbors, m_neighbors
        See `BorderlineSmote`.
    out_step : float, default=0.5
        How far beyond a row a new one may lie, 0 to 1, as a share of the way to its neighbour.
    metric, sphere, small_class, search, n_jobs
        See `SmoteFamily`.

    References
    ----------
    Nguyen et al. 2011, "Borderline over-sampling for imbalanced data classification", section 3.
    """

    name = "svm-smote"
    summary = "as smote, from support vectors, also beyond them"
    nothing = "all its support vectors lie alone among other classes. Use smote, or leave the class out."

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BorderlineSmote._parameter_constraints,
        "out_step": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        k_neighbors: int = 5,
        m_neighbors: int = 10,
        out_step: float = 0.5,
        metric: Metric = "euclidean",
        sphere: Interpolation = "auto",
        small_class: SmallClass = "raise",
        search: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            m_neighbors=m_neighbors,
            metric=metric,
            sphere=sphere,
            small_class=small_class,
            search=search,
            n_jobs=n_jobs,
        )
        self.out_step = out_step

    def sampler(self, rows: VectorRows, code: int, neighbors: RowNeighbors, seed: int) -> Any:  # noqa: D102
        return SVMSMOTE(
            k_neighbors=neighbors,
            m_neighbors=self._of_all(),
            svm_estimator=_RowSvm(self._vectors),
            out_step=self.out_step,
        )

    def ask(self, wanted: int, there: int) -> int:  # noqa: D102 -- see the base
        return max(wanted, 20)  # a few may all lie beyond or all between, where there may be no place


class Adasyn(SmoteFamily):
    """SMOTE with more new rows where more of a row's neighbours are of other classes.

    Parameters
    ----------
    sampling_strategy, random_state, k_neighbors, metric, sphere, small_class, search, n_jobs
        See `SmoteFamily`.

    References
    ----------
    He et al. 2008, "ADASYN: adaptive synthetic sampling approach for imbalanced learning", section 2.
    """

    name = "adasyn"
    summary = "as smote, with more new rows where other classes are near"
    nothing = "none of its rows has a neighbour of another class. Use smote, or leave the class out."

    def sampler(self, rows: VectorRows, code: int, neighbors: RowNeighbors, seed: int) -> Any:  # noqa: D102
        return ADASYN(n_neighbors=neighbors)

    def ask(self, wanted: int, there: int) -> int:  # noqa: D102 -- see the base
        return max(wanted, there)  # with fewer, the share of every row may be rounded to 0


class KMeansSmote(SmoteFamily):
    """SMOTE within clusters in which the class is frequent, with more new rows in sparser clusters.

    Parameters
    ----------
    sampling_strategy, random_state
        See `SmoteFamily`.
    k_neighbors : int, default=2
        Neighbours of a row in its own cluster that a new one may lie towards.
    n_clusters : int, default=8
        Number of clusters of all rows.
    least_share : float, optional
        Share of the class, 0 to 1, below which a cluster is left aside; by default its share of all rows. (The paper
        asks for half, and imbalanced-learn for up to half, which a rare class may have in no cluster.)
    metric, sphere, small_class, search, n_jobs
        See `SmoteFamily`.

    References
    ----------
    Douzas et al. 2018, "Improving imbalanced learning through a heuristic oversampling method based on k-means and
    SMOTE", section 3.
    """

    name = "kmeans-smote"
    summary = "as smote, within clusters in which the class is frequent"
    nothing = (
        "no cluster has enough of its rows. Lower least_share, k_neighbors or n_clusters, or use smote, or leave the"
        " class out."
    )

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SmoteFamily._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "least_share": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        k_neighbors: int = 2,
        n_clusters: int = 8,
        least_share: float | None = None,
        metric: Metric = "euclidean",
        sphere: Interpolation = "auto",
        small_class: SmallClass = "raise",
        search: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            metric=metric,
            sphere=sphere,
            small_class=small_class,
            search=search,
            n_jobs=n_jobs,
        )
        self.n_clusters = n_clusters
        self.least_share = least_share

    def stream(self, seed: int) -> np.random.RandomState:
        """Return a generator: with an integer, imbalanced-learn would begin anew in every cluster."""
        return np.random.RandomState(seed)

    def sampler(self, rows: VectorRows, code: int, neighbors: RowNeighbors, seed: int) -> Any:  # noqa: D102
        if self.n_clusters > len(rows.codes):
            raise InputError(
                f"`n_clusters` of {type(self).__name__} must be no more than the number of different rows,"
                f" {len(rows.codes)}. Got {self.n_clusters}. Lower it."
            )
        share = self.least_share
        if share is None:
            share = len(rows.of(code)) / len(rows.codes)
        return _RowKMeansSmote(
            k_neighbors=neighbors,
            kmeans_estimator=_RowKMeans(self._vectors, self.n_clusters, seed),
            cluster_balance_threshold=share,
            n_jobs=self.n_jobs,
        )


def _pairs(weights: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the parents, the nearer first, and the weight of the second, of rows with two weights each."""
    weights.sum_duplicates()
    weights.eliminate_zeros()
    weights = weights[np.diff(weights.indptr) == 2]  # of 2**53 draws one is 0: then the row would be a copy
    parents, shares = weights.indices.reshape(-1, 2).astype(np.int64), weights.data.reshape(-1, 2)
    swapped = shares[:, 1] > shares[:, 0]
    parents[swapped], shares[swapped] = parents[swapped, ::-1], shares[swapped, ::-1]
    return parents, shares[:, 1]
