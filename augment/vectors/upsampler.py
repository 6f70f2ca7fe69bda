"""The bridge from texts to vector strategies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE
from sklearn.base import BaseEstimator, clone

from augment.data.containers import class_counts, columns, extended, has_text
from augment.errors import InputError, listed
from augment.generation.budget import rows_to_make
from augment.generation.singletons import Maker, SingleRows, Singletons, single_rows
from augment.models.encoder import TextEncoder
from augment.seed_names import SeededByRandomState
from augment.vectors.base import VectorSampler
from augment.vectors.smote import Adasyn, BorderlineSmote, Smote, SmoteFamily, SvmSmote


class Nearest(NamedTuple):
    """The real rows that are nearest to some vectors."""

    rows: np.ndarray
    """Their numbers, int64, shape (m,)."""
    distances: np.ndarray
    """Euclidean, float64, shape (m,)."""


class Resampled(NamedTuple):
    """New vectors, and what is known of them."""

    vectors: np.ndarray
    """Shape (m, d), float32."""
    labels: list[Any]
    """Shape (m,)."""
    parents: np.ndarray
    """Row numbers of both parents, int64, shape (m, 2), -1 where there is none."""
    weights: np.ndarray
    """Of the second parent, float64, shape (m,), nan where there is none."""


class VectorUpsampler(SeededByRandomState, BaseEstimator):
    """Balances texts by vectors: encodes the texts, and makes new vectors with a sampler.

    The result is vectors, since a vector has no text of its own. ``decode="nearest"`` names the nearest real sentence
    of each.

    Parameters
    ----------
    sampler : sampler, optional
        A vector strategy of this package, by default `Smote()`, or any over-sampler of imbalanced-learn. Its SMOTE,
        BorderlineSMOTE, SVMSMOTE and ADASYN are replaced by the strategies of this package, with the same parameters.
        The sampler's own `sampling_strategy` says how many rows are made; see `augment.generation.budget.rows_to_make`.
    encoder : str or TextEncoder, default="mini"
        A bundled name, a folder or a hub id, for unit vectors of mean pooling; or a configured encoder.
    decode : {"nearest"}, optional
        Look up the nearest real sentence of each new vector.
    singletons : {"skip", "copy", "error"}, optional
        What becomes of classes with a single text: they stay as they are, the vector of their text is repeated, or the
        data is refused. None makes their rows like others, and refuses the data if the sampler cannot.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class → rows to make; 0 for a class that is skipped.
    source_indices_ : ndarray of int64, shape (m, 2)
        Row numbers of the parents of each new vector, -1 where there is none.
    weights_ : ndarray of float64, shape (m,)
        Of the second parent, see `augment.vectors.base.VectorSampler`.
    nearest_ : Nearest
        Only with ``decode="nearest"``.
    nearest_texts_ : list of str
        Likewise.

    Examples
    --------
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> upsampler = VectorUpsampler(sampler=Smote(k_neighbors=1, random_state=0))
    >>> vectors, y = upsampler.fit_resample(texts, ["neutral"] * 2 + ["positive"] * 3)
    >>> vectors.shape, y[-1]
    ((6, 384), 'neutral')
    """

    seed_hint = "Its sampler has the seed: give sampler=Smote(random_state=…) or the like."

    def __init__(
        self,
        *,
        sampler: Any = None,
        encoder: str | TextEncoder = "mini",
        decode: Literal["nearest"] | None = None,
        singletons: Singletons | None = None,
    ) -> None:
        self.sampler = sampler
        self.encoder = encoder
        self.decode = decode
        self.singletons = singletons

    def fit_resample(self, texts: Any, y: Any) -> tuple[np.ndarray, Any]:
        """Encode texts and balance their vectors: those of the texts first, in order, new ones after them.

        Parameters
        ----------
        texts : sequence of str, shape (n,)
            List, tuple, numpy array or pandas Series. None and empty texts stay, but are not sources.
        y : sequence, shape (n,)
            Their classes, strings or integers.

        Returns
        -------
        vectors : ndarray of float32, shape (n + m, d)
        y
            Of n + m classes, in the caller's container.

        Raises
        ------
        InputError
            If lengths differ, a text is not a string, classes have fewer texts than the sampler needs, or a parameter
            is out of range.
        ModelError
            If the encoder cannot be opened.
        """
        if self.decode not in (None, "nearest"):
            raise InputError(f"`decode` must be 'nearest' or None. Got {self.decode!r}.")
        rows, labels = columns(texts, y)
        usable = has_text(rows)
        sampler = Smote() if self.sampler is None else adopted(clone(self.sampler))
        budget = rows_to_make(sampler.sampling_strategy, class_counts(labels))
        singles = _single_rows(self.singletons, sampler, rows, labels, usable, budget)
        budget |= dict.fromkeys(singles.skipped, 0)
        encoder = (
            self.encoder if isinstance(self.encoder, TextEncoder) else TextEncoder(model=self.encoder, normalize=True)
        )
        vectors = encoder.encode([text or "" for text in rows])
        new = resampled(sampler, vectors, labels, usable, budget, copied=singles.copied)
        self.sampling_strategy_ = budget
        self.source_indices_, self.weights_ = new.parents, new.weights
        if self.decode == "nearest":
            self.nearest_ = nearest(vectors, new.vectors, usable)
            self.nearest_texts_ = [rows[row] for row in self.nearest_.rows]
        return np.concatenate([vectors, new.vectors]), extended(y, new.labels)


@dataclass
class _Foreign:
    """A sampler of another library, which says itself what it cannot make rows from."""

    name: str
    fewest_rows: int = 1
    fewest_rows_advice: str = ""


def _single_rows(
    singletons: Singletons | None,
    sampler: Any,
    texts: Sequence[str | None],
    labels: Sequence[Any],
    usable: np.ndarray,
    budget: Mapping[Any, int],
) -> SingleRows:
    """Find the classes with a single text, and refuse those that the sampler can make nothing from."""
    if isinstance(sampler, VectorSampler):
        sampler.check()
        maker: Maker = sampler
    else:
        maker = _Foreign(type(sampler).__name__)
    sources: dict[Any, list[int]] = {label: [] for label in budget}
    for row in np.flatnonzero(usable).tolist():
        if labels[row] in sources:
            sources[labels[row]].append(row)
    return single_rows(singletons, maker, texts, {label: np.array(rows) for label, rows in sources.items()}, budget)


def resampled(
    sampler: Any,
    vectors: np.ndarray,
    labels: Sequence[Any],
    usable: np.ndarray,
    budget: dict[Any, int],
    *,
    copied: Collection[Any] = (),
) -> Resampled:
    """Make a given number of new vectors of each class with a sampler, from some of the rows.

    Parameters
    ----------
    sampler : sampler
        Its `sampling_strategy` is set.
    vectors : ndarray of float32, shape (n, d)
    labels : sequence, shape (n,)
        The classes, strings or integers.
    usable : ndarray of bool, shape (n,)
        Which rows may be sources.
    budget : dict
        Class → rows to make.
    copied : collection, default=()
        Classes whose rows are repeated, one after the other, in the place of new ones.

    Returns
    -------
    Resampled

    Raises
    ------
    InputError
        If it cannot make as many, or does not put the originals first.
    """
    places = np.flatnonzero(usable)
    own = np.asarray(labels)[places]
    to_make = {label: count for label, count in budget.items() if count}
    n_sources = {label: int((own == label).sum()) for label in to_make}
    if missing := [label for label, count in n_sources.items() if not count]:
        classes, them = ("classes", "them") if len(missing) > 1 else ("class", "it")
        has = "have" if len(missing) > 1 else "has"
        raise InputError(
            f"The {classes} {listed(missing, 20)} {has} no usable row to make new ones from. Leave {them} out."
        )
    copies = _copies(vectors, places, own, {label: to_make.pop(label) for label in [*to_make] if label in copied})
    if to_make and len(np.unique(own)) < 2:
        raise InputError("A sampler needs rows of two classes, and only those of one have a text. Add others.")
    if not to_make:
        return copies
    sampler = adopted(sampler)
    sampler.set_params(sampling_strategy={label: n_sources[label] + count for label, count in to_make.items()})
    if isinstance(sampler, VectorSampler):
        sampler.check()
    every, classes = sampler.fit_resample(vectors[places], own)
    if not np.array_equal(every[: len(places)], vectors[places]):
        raise InputError(
            f"{type(sampler).__name__} does not return the originals first and as they were. Give an over-sampler that"
            " does."
        )
    new, new_labels = np.asarray(every[len(places) :], dtype=np.float32), np.asarray(classes)[len(places) :]
    for label, count in to_make.items():
        if (new_labels == label).sum() != count:
            raise InputError(
                f"{type(sampler).__name__} has made {(new_labels == label).sum()} rows of class {label!r} instead of"
                f" {count}. Give one whose counts are exact, such as those of `augment strategies`."
            )
    parents = getattr(sampler, "source_indices_", np.full((len(new), 2), -1))
    weights = getattr(sampler, "weights_", np.full(len(new), np.nan))
    return Resampled(
        np.concatenate([new, copies.vectors]),
        new_labels.tolist() + copies.labels,
        np.concatenate([np.where(parents < 0, -1, places[parents]), copies.parents]),
        np.concatenate([weights, copies.weights]),
    )


def _copies(vectors: np.ndarray, places: np.ndarray, own: np.ndarray, budget: Mapping[Any, int]) -> Resampled:
    """Repeat the rows of some classes, one after the other."""
    chosen = [np.resize(places[own == label], count) for label, count in budget.items()]
    sources = np.concatenate([np.empty(0, dtype=np.int64), *chosen])
    parents = np.stack([sources, np.full(len(sources), -1)], axis=1)
    labels = [label for label, count in budget.items() for _ in range(count)]
    return Resampled(vectors[sources], labels, parents, np.full(len(sources), np.nan))


def nearest(vectors: np.ndarray, new: np.ndarray, usable: np.ndarray) -> Nearest:
    """Find the real row that is nearest to each new vector.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Of real rows.
    new : ndarray of float32, shape (m, d)
    usable : ndarray of bool, shape (n,)
        Which real rows have a text.

    Returns
    -------
    Nearest
    """
    from sklearn.neighbors import NearestNeighbors

    places = np.flatnonzero(usable)
    if not len(new):
        return Nearest(np.empty(0, dtype=np.int64), np.empty(0))
    distances, rows = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(vectors[places]).kneighbors(new)
    return Nearest(places[rows[:, 0]], distances[:, 0].astype(np.float64))


def adopted(sampler: Any) -> Any:
    """Return the strategy of this package that replaces a sampler of imbalanced-learn, if there is one.

    Parameters
    ----------
    sampler : sampler
        SMOTE, BorderlineSMOTE (of the first kind), SVMSMOTE or ADASYN, with parameters that the strategies have
        too; any other comes back as it is.

    Returns
    -------
    sampler

    Examples
    --------
    >>> adopted(SMOTE(k_neighbors=3, random_state=0))
    Smote(k_neighbors=3, random_state=0)
    """
    if type(sampler) not in _OURS:
        return sampler
    cls, names = _OURS[type(sampler)]
    params: dict[str, Any] = {}
    for name, value in sampler.get_params(deep=False).items():
        own = names.get(name, name)
        if isinstance(own, dict):  # of a parameter that the strategy lacks: the value that it stands for
            if value != own["only"]:
                return sampler
        elif own == "k_neighbors" and not isinstance(value, Integral):
            if not hasattr(value, "n_neighbors"):
                return sampler
            params |= {"k_neighbors": value.n_neighbors - 1, "search": value}
        else:
            params[own] = value
    strategy = cls(**params)
    try:
        strategy._validate_params()
    except ValueError:
        return sampler
    return strategy


_OURS: dict[type, tuple[type[SmoteFamily], dict[str, Any]]] = {
    SMOTE: (Smote, {}),
    BorderlineSMOTE: (BorderlineSmote, {"kind": {"only": "borderline-1"}}),
    SVMSMOTE: (SvmSmote, {"svm_estimator": {"only": None}}),
    ADASYN: (Adasyn, {"n_neighbors": "k_neighbors"}),
}
