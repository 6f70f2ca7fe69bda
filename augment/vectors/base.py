"""The base of vector strategies: an imbalanced-learn over-sampler with exact counts and known parents."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from scipy import sparse
from sklearn.utils._param_validation import Interval, Options, StrOptions
from threadpoolctl import threadpool_limits

from augment.data.containers import class_counts
from augment.errors import InputError
from augment.generation.budget import is_relative, rows_to_make
from augment.parameters import AS_SCIKIT_LEARN, check_parameters
from augment.seed_names import SeededByRandomState
from augment.seeding import generator, seed_of
from augment.vectors.interpolation import Interpolation
from augment.vectors.row_keys import first_rows, row_keys

ROUNDS = 20
"""Maximum number of draws until there are enough rows."""
_UNIT = 1e-3  # how far the length of a unit vector may be from 1


class _Amount(Options):
    """A constraint: a number of new rows or a multiple, such as "+500" or "1.5x"."""

    def __init__(self) -> None:
        super().__init__(type=str, options=set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is one."""
        return isinstance(val, str) and is_relative(val)

    def __str__(self) -> str:
        return "an amount such as '+500' or '1.5x'"


@dataclass(frozen=True)
class Drawn:
    """New vectors of one class, with the parents of each."""

    vectors: np.ndarray
    """Shape (m, d), float."""
    parents: np.ndarray
    """Row numbers of both parents, the nearer first; int64, shape (m, 2), -1 where there is none.

    A new row with only a first parent is a copy of it.
    """
    weights: np.ndarray
    """Weight of the second parent; the first has 1 minus this. float64, shape (m,), nan without a second.

    At most .5, and negative if a row lies beyond its first parent.
    """

    def __len__(self) -> int:
        return len(self.vectors)

    def are_copies(self) -> np.ndarray:
        """Return which rows are copies by design; bool, shape (m,)."""
        return (self.parents[:, 0] >= 0) & (self.parents[:, 1] < 0)

    def take(self, rows: np.ndarray) -> Drawn:
        """Return some of the rows."""
        return Drawn(self.vectors[rows], self.parents[rows], self.weights[rows])

    @classmethod
    def joined(cls, parts: Sequence[Drawn]) -> Drawn:
        """Return the rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("vectors", "parents", "weights"))
        )

    @classmethod
    def without_parents(cls, vectors: np.ndarray) -> Drawn:
        """Return new rows that have no parents."""
        return cls(vectors, np.full((len(vectors), 2), -1), np.full(len(vectors), np.nan))


@dataclass(frozen=True)
class VectorRows:
    """The real rows that new ones are made from, of all classes, without repeats."""

    vectors: np.ndarray
    """Shape (n, d), float."""
    codes: np.ndarray
    """The place of each row's class in `labels`; int64, shape (n,)."""
    labels: np.ndarray
    """The classes, sorted."""
    numbers: np.ndarray
    """Row numbers in the input; int64, ascending, shape (n,)."""
    on_sphere: bool
    """Whether all vectors have length 1."""

    def label(self, code: int) -> Any:
        """Return a class as plain data."""
        return self.labels[code : code + 1].tolist()[0]

    def of(self, code: int) -> np.ndarray:
        """Return the places of the rows of a class, ascending."""
        return np.flatnonzero(self.codes == code)


class VectorSampler(SeededByRandomState, BaseOverSampler, abc.ABC):
    """Makes new vectors of a class from the vectors that it has.

    An over-sampler of imbalanced-learn. The base adds what other samplers lack: repeated rows are left out while new
    ones are made, every class has its own random stream, counts are exact, no new row equals a real one, and the
    parents of each new row are known. A subclass sets `name` and `summary` and writes `draw`. It may write `learn` to
    learn from all rows first.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        As in imbalanced-learn; also ``"+500"``, ``"1.5x"``, and these by class: see
        `augment.generation.budget.rows_to_make`.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        The seed, or where to draw it from; None draws a fresh one.
    sphere : {"auto", "none", "renormalize"}, default="auto"
        Whether new rows are scaled to the length of the vectors of their class. ``"auto"`` does so if all rows have
        length 1.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class → rows to make.
    source_indices_ : ndarray of int64, shape (m, 2)
        Row numbers of the parents of each new row, the nearer first; -1 where there is none.
    weights_ : ndarray of float64, shape (m,)
        Weight of the second parent; nan if there is none. Before it is scaled, or moved by a network, a new row is ``(1
        - weight) * first + weight * second``. On an arc, the weight is the share of the arc.
    """

    name: ClassVar[str]
    """The name on the command line."""
    summary: ClassVar[str]
    """One line for lists of strategies."""
    kind: ClassVar[str] = "vector"
    speed_only: ClassVar[tuple[str, ...]] = ()
    """Parameters that change the speed and not the rows."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        "sampling_strategy": [*BaseOverSampler._parameter_constraints["sampling_strategy"], _Amount()],
        "random_state": [
            Interval(Integral, 0, 2**64 - 1, closed="both"),
            np.random.Generator,
            np.random.RandomState,
            None,
        ],
        "sphere": [StrOptions({"auto", "none", "renormalize"})],
    }

    def __init__(
        self, *, sampling_strategy: Any = "auto", random_state: Any = None, sphere: Interpolation = "auto"
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state
        self.sphere = sphere

    @property
    def fewest_rows(self) -> int:
        """The smallest number of different rows of a class that it can make new ones from, 1 or more."""
        return 2

    @property
    def fewest_rows_advice(self) -> str:
        """How to lower that number, as the end of a sentence, or an empty string."""
        return ""

    @abc.abstractmethod
    def draw(self, rows: VectorRows, code: int, wanted: int, seed: int) -> Drawn:
        """Make new vectors of one class. This is the hook that a sampler writes.

        Parameters
        ----------
        rows : VectorRows
            The real rows.
        code : int
            The class, by its place in `rows.labels`.
        wanted : int
            About how many to make, 1 or more. Missing rows are requested again, and a surplus is left out.
        seed : int
            0 to 2**32 - 1; all randomness comes from it.

        Returns
        -------
        Drawn
            Its parents are places in `rows`.

        Raises
        ------
        InputError
            If no new row can be made.
        """

    def learn(self, rows: VectorRows, seed: int) -> None:
        """Learn from all rows, once before any draw.

        Parameters
        ----------
        rows : VectorRows
            The real rows; `sampling_strategy_` says how many rows each class gets.
        seed : int
            0 or more.
        """
        return

    def identity(self) -> dict[str, Any]:
        """Return what determines the rows besides the parameters and the vectors, for the manifest."""
        return {}

    def takes_repeats(self) -> bool:
        """Return whether repeated rows count each time, so that new rows may equal real ones.

        For vectors they do not: a copied text must not be its own neighbour. For rows of categories they do.
        """
        return False

    def check(self) -> None:
        """Check the parameters.

        Raises
        ------
        InputError
            Naming the one that is out of range.
        """
        check_parameters(self)

    def _validate_params(self) -> None:
        """Check the parameters as imbalanced-learn has `fit_resample` do, in the words that its own checks look for."""
        check_parameters(self, sentence=AS_SCIKIT_LEARN)

    def fit_resample(self, X: Any, y: Any, **params: Any) -> Any:
        """Balance a data set: originals first, in order and untouched, new rows after them.

        Parameters
        ----------
        X : array-like of float, shape (n, d)
            A numpy array, a list of lists, or a pandas frame.
        y : array-like, shape (n,)
            The classes.
        **params : object
            Not used; the signature is imbalanced-learn's.

        Returns
        -------
        X, y
            Of n + m rows, in the caller's containers.

        Raises
        ------
        InputError
            If X holds other values than finite numbers, is sparse, or a class is too small.
        """
        if params:
            raise InputError(
                f"{type(self).__name__}.fit_resample takes X and y alone. Got {', '.join(params)} besides."
            )
        if _holds_texts(X):
            raise InputError(
                f"{type(self).__name__} takes vectors, and X holds texts. Put a TextEncoder before it, or use a"
                " VectorUpsampler."
            )
        if hasattr(X, "iloc"):  # else imbalanced-learn would cut new rows to whole numbers, or to True, by column
            whole = X.select_dtypes("integer" if self.takes_repeats() else ["integer", "bool"]).columns
            X = X.astype(dict.fromkeys(whole, np.float64)) if len(whole) else X
        request: Any = getattr(self, "sampling_strategy")  # noqa: B009 -- imbalanced-learn has no types
        if is_relative(request):
            counts = class_counts(np.asarray(y).tolist())
            self.sampling_strategy = {label: counts[label] + n for label, n in rows_to_make(request, counts).items()}
        try:
            return super().fit_resample(X, y, **params)
        finally:
            self.sampling_strategy = request

    def _check_X_y(self, X: Any, y: Any, accept_sparse: Any = None) -> tuple[Any, Any, bool]:
        if sparse.issparse(X):
            raise InputError(f"{type(self).__name__} takes dense vectors, and X is sparse. Give X.toarray().")
        if hasattr(X, "sparse"):  # of a pandas frame whose columns all are
            X = X.sparse.to_dense()
        array = np.asarray(X)
        if array.dtype.kind in "fiu" and not np.isfinite(array).all():
            row = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
            raise InputError(f"Row {row} of X holds NaN or an infinite value. Mend or remove such rows.")
        checked: tuple[Any, Any, bool] = super()._check_X_y(X, y, accept_sparse=False)
        return checked

    def _fit_resample(self, X: np.ndarray, y: np.ndarray, **params: Any) -> tuple[np.ndarray, np.ndarray]:
        vectors = X if X.dtype.kind == "f" else X.astype(np.float64)
        labels, codes = np.unique(y, return_inverse=True)
        repeats = self.takes_repeats()
        numbers = np.arange(len(vectors)) if repeats else first_rows(vectors, codes)
        whole = len(numbers) == len(vectors)
        unique = vectors if whole else vectors[numbers]
        lengths = np.linalg.norm(unique, axis=1)
        on_sphere = bool((np.abs(lengths - 1) < _UNIT).all())
        rows = VectorRows(unique, codes if whole else codes[numbers], labels, numbers, on_sphere)
        seed = seed_of(self.random_state)
        real = np.empty(0, dtype=np.uint64) if repeats else row_keys(unique)
        parts, new_labels, wrong = [], [], []
        to_make = {label: n_rows for label, n_rows in self.sampling_strategy_.items() if n_rows}
        places = [int(np.searchsorted(labels, label)) for label in to_make]
        sizes = {rows.label(code): len(rows.of(code)) for code in places}
        if few := {label: size for label, size in sizes.items() if size < self.fewest_rows}:
            raise InputError(self._too_few(few))
        with threadpool_limits(1, user_api="blas"):  # otherwise the last bits depend on the number of cores
            self.learn(rows, seed)
            for code, (label, n_rows) in zip(places, to_make.items(), strict=True):
                try:
                    parts.append(self._exactly(rows, code, n_rows, seed, real))
                except InputError as error:
                    wrong.append(str(error))
                new_labels.append(np.full(n_rows, label, dtype=y.dtype))
        if wrong:
            raise InputError(" ".join(wrong))
        new = Drawn.joined(parts) if parts else Drawn.without_parents(vectors[:0])
        self.source_indices_ = np.where(new.parents < 0, -1, numbers[new.parents])
        self.weights_ = new.weights
        return np.concatenate([vectors, new.vectors]), np.concatenate([y, *new_labels])

    def _too_few(self, sizes: Mapping[Any, int]) -> str:
        """Say in one line that these classes have fewer different rows than `fewest_rows`."""
        few = ", ".join(f"{label!r} ({size})" for label, size in sizes.items())
        which, them = ("class", "it") if len(sizes) == 1 else ("classes", "them")
        return (
            f"{type(self).__name__} needs at least {self.fewest_rows} different rows of a class. Got fewer of the"
            f" {which} {few}. Leave {them} out."
        )

    def _exactly(self, rows: VectorRows, code: int, n_rows: int, seed: int, real: np.ndarray) -> Drawn:
        """Draw until there are enough rows that equal no real one, and leave a random surplus out."""
        parts: list[Drawn] = []
        for turn in range(ROUNDS):
            child = int(generator(seed, "vectors", code, turn).integers(2**32))
            drawn = self.draw(rows, code, n_rows - sum(map(len, parts)), child)
            equal_real = np.isin(row_keys(drawn.vectors), real) & ~drawn.are_copies()
            parts.append(drawn.take(np.flatnonzero(~equal_real)) if equal_real.any() else drawn)
            if sum(map(len, parts)) >= n_rows:
                break
        else:
            raise InputError(
                f"{type(self).__name__} makes too few new rows of class {rows.label(code)!r}:"
                f" {sum(map(len, parts))} of {n_rows}, since the others equal real ones. Its rows differ too little."
            )
        all_drawn = Drawn.joined(parts)
        if len(all_drawn) == n_rows:
            return all_drawn
        chosen = generator(seed, "surplus", code).choice(len(all_drawn), n_rows, replace=False)
        return all_drawn.take(np.sort(chosen))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def _holds_texts(X: Any) -> bool:
    """Return whether the first row is a text, or a row of a frame with a text in it."""
    if not (isinstance(X, (list, tuple, np.ndarray)) or hasattr(X, "iloc")) or not len(X):
        return False
    first: Any = (X.iloc if hasattr(X, "iloc") else X)[0]
    return isinstance(first, str) or (hasattr(first, "iloc") and any(isinstance(value, str) for value in first))
