"""How many rows of each set of labels to make, so that each label gets its rows: for rows of several labels."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from augment.generation.budget import MOST_ROWS, SamplingStrategy, rows_to_make

_LARGEST = 50_000
"""Cells of sets and labels above which no better choice is looked for."""
_NODES = 100
"""Steps of that search. Not seconds, so that the choice is the same everywhere."""
_WEIGHT = 1000.0
"""What a row too many counts, beside a row that is chosen otherwise."""


class LabelPlan(NamedTuple):
    """What is to be made of each label, and of each set of labels."""

    members: dict[str, tuple[str, ...]]
    """The name of each set of labels → its labels, in order; for all sets of the data."""
    wanted: dict[str, int]
    """Each label of the data → the rows that it is to get; 0 for those that get rows only beside others."""
    budget: dict[str, int]
    """The name of a set → the rows to make of it, 1 or more, in the order in which they are made."""
    sources: dict[str, int]
    """Each label → the rows that new ones with it can be made from."""

    def by_label(self, rows: Mapping[str, int]) -> dict[str, int]:
        """Return the rows of each label, of rows by the name of their set.

        Parameters
        ----------
        rows : mapping of str to int

        Returns
        -------
        dict of str to int
            Every label of the data, in order.
        """
        found = dict.fromkeys(self.wanted, 0)
        for name, count in rows.items():
            for label in self.members[name]:
                found[label] += count
        return found

    def instead(
        self, made: Mapping[str, int], sources: Mapping[str, Sequence[int] | np.ndarray], used_up: Collection[str]
    ) -> dict[str, int]:
        """Return which rows to make in the place of those that could not be made.

        Parameters
        ----------
        made : mapping of str to int
            The name of a set → the rows made of it.
        sources : mapping of str to sequence of int
            As for `label_plan`.
        used_up : collection of str
            Sets of which no more rows can be made.

        Returns
        -------
        dict of str to int
            The name of a set → further rows to make of it, 1 or more.
        """
        by_label = self.by_label(made)
        left = {label: max(rows - by_label[label], 0) for label, rows in self.wanted.items()}
        of_set = {name: 0 if name in used_up else len(sources[name]) for name in self.members}
        return _budget(left, self.members, of_set)

    def beyond(self, made: Mapping[str, int]) -> dict[str, int]:
        """Return the labels that get more rows than they were to get, and how many more; `made` is by label."""
        return {label: made[label] - rows for label, rows in self.wanted.items() if made[label] > rows}

    def short(self, made: Mapping[str, int]) -> dict[str, int]:
        """Return the labels that get fewer rows than they were to get, and how many fewer; `made` is by label."""
        return {label: rows - made[label] for label, rows in self.wanted.items() if made[label] < rows}


def label_plan(
    sampling_strategy: SamplingStrategy,
    counts: Mapping[str, int],
    members: Mapping[str, Sequence[str]],
    sources: Mapping[str, Sequence[int] | np.ndarray],
    *,
    max_per_source: int | None = None,
) -> LabelPlan:
    """Choose how many rows of each set of labels to make.

    A new row has all labels of its source, so rows are chosen by their whole set.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable
        See `rows_of_labels`.
    counts : mapping of str to int
        The rows of each label at present.
    members : mapping of str to sequence of str
        The name of each set → its labels, in the order in which rows are made.
    sources : mapping of str to sequence of int
        The name of each set → the rows that new ones can be made from.
    max_per_source : int, optional
        Maximum number of new rows from one source.

    Returns
    -------
    LabelPlan

    Raises
    ------
    InputError
        See `augment.generation.budget.rows_to_make`.

    Examples
    --------
    >>> members = {"acting": ["acting"], "acting|plot": ["acting", "plot"], "plot": ["plot"]}
    >>> sources = {"acting": [0], "acting|plot": [1, 2], "plot": [3, 4, 5, 6]}
    >>> label_plan({"acting": 6, "plot": 8}, {"acting": 3, "plot": 6}, members, sources).budget
    {'acting': 1, 'acting|plot': 2}
    """
    wanted = dict.fromkeys(counts, 0) | rows_of_labels(sampling_strategy, counts)
    of_set = {name: len(sources[name]) for name in members}
    of_label = dict.fromkeys(wanted, 0)
    for name, labels in members.items():
        for label in labels:
            of_label[label] += of_set[name]
    return LabelPlan(
        members={name: tuple(labels) for name, labels in members.items()},
        wanted=wanted,
        budget=_budget(wanted, members, of_set, max_per_source),
        sources=of_label,
    )


def _budget(
    wanted: Mapping[str, int],
    members: Mapping[str, Sequence[str]],
    sources: Mapping[str, int],
    max_per_source: int | None = None,
) -> dict[str, int]:
    """Return the rows to make of sets of labels, by their names; see `rows_of_sets`."""
    place = {label: i for i, label in enumerate(wanted)}
    has = np.zeros((len(members), len(place)), dtype=bool)
    for row, labels in enumerate(members.values()):
        has[row, [place[label] for label in labels]] = True
    rows = rows_of_sets(
        np.array([*wanted.values()], dtype=np.int64),
        has,
        np.array([sources[name] for name in members], dtype=np.int64),
        max_per_source=max_per_source,
    )
    return {name: count for name, count in zip(members, rows.tolist(), strict=True) if count}


def rows_of_labels(sampling_strategy: SamplingStrategy, counts: Mapping[str, int]) -> dict[str, int]:
    """Return how many rows of each label are to be made.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable
        As for `augment.generation.budget.rows_to_make`, with labels in the place of classes, but for ``"auto"``: rows
        are made of the minority labels alone, until each is as frequent as the mean. The imbalance ratio of a label is
        the count of the most frequent label divided by its own. A label is a minority label if its ratio is above the
        mean of all ratios, and it gets rows until it is not.
    counts : mapping of str to int
        The rows of each label at present, 1 or more.

    Returns
    -------
    dict of str to int

    Raises
    ------
    InputError
        See `augment.generation.budget.rows_to_make`.

    References
    ----------
    Charte, Rivera, del Jesus, Herrera 2015, "Addressing imbalance in multilabel classification: measures and random
    resampling algorithms" (IRLbl, MeanIR, and where to stop), and "MLSMOTE: approaching imbalanced multilabel learning
    through synthetic instance generation" (which labels are minority labels).

    Examples
    --------
    >>> rows_of_labels("auto", {"plot": 60, "acting": 30, "music": 6})  # ratios 1, 2 and 10; their mean is 13/3
    {'music': 8}
    """
    if not (isinstance(sampling_strategy, str) and sampling_strategy == "auto") or len(counts) < 2:
        return {str(label): rows for label, rows in rows_to_make(sampling_strategy, dict(counts.items())).items()}
    return {label: _to_the_mean(counts) - counts[label] for label in minority_labels(counts)}


def mean_ratio(counts: Mapping[str, int]) -> Fraction:
    """Return the mean of the imbalance ratios of some labels, exactly.

    Examples
    --------
    >>> mean_ratio({"plot": 60, "acting": 30, "music": 6})
    Fraction(13, 3)
    """
    largest = max(counts.values())
    return sum((Fraction(largest, count) for count in counts.values()), Fraction(0)) / len(counts)


def minority_labels(counts: Mapping[str, int]) -> list[str]:
    """Return the labels whose imbalance ratio is above the mean, in the order of `counts`.

    Examples
    --------
    >>> minority_labels({"plot": 60, "acting": 30, "music": 6})
    ['music']
    """
    least = _to_the_mean(counts)
    return [label for label, count in counts.items() if count < least]


def _to_the_mean(counts: Mapping[str, int]) -> int:
    """Return the rows with which a label's ratio is no longer above the mean."""
    return math.ceil(max(counts.values()) / mean_ratio(counts))


def rows_of_sets(
    wanted: np.ndarray, members: np.ndarray, sources: np.ndarray, *, max_per_source: int | None = None
) -> np.ndarray:
    """Choose, label by label, of which sets of labels to make rows.

    First rows are chosen that give no label more than it wants. Among the labels that still want rows, the one that
    wants most for each of its sources is served first, and its sets share its rows in proportion to their sources. So
    sources are used evenly, and a rare label is not robbed of its partners. If all that is left would give some label
    too many rows, the sets are taken that do so for the fewest labels. Then an integer program looks for the smallest
    changes to this choice with which fewer rows are too many.

    Parameters
    ----------
    wanted : ndarray of int, shape (l,)
        The rows that each label is to get.
    members : ndarray of bool, shape (s, l)
        Which labels each set has.
    sources : ndarray of int, shape (s,)
        The rows of each set that new ones can be made from.
    max_per_source : int, optional
        Maximum number of new rows from one source.

    Returns
    -------
    ndarray of int64, shape (s,)
        The rows of each set. A label gets fewer than it wants only if all its sources are at the limit, or it has
        none. It gets more only where no choice is known that avoids it: the search ends after `_NODES` steps, and is
        left out above `_LARGEST` cells.
    """
    choice = _Choice(wanted, members, sources, max_per_source)
    choice.fill(exactly=True)
    if not (choice.left > 0).any():
        return choice.rows
    choice.fill(exactly=False)
    return choice.rows if members.size > _LARGEST or not (choice.left < 0).any() else choice.mended()


class _Choice:
    """The rows of each set that are chosen so far, and what is left to choose."""

    def __init__(self, wanted: np.ndarray, members: np.ndarray, sources: np.ndarray, limit: int | None) -> None:
        self.left = wanted.astype(np.int64)
        self.rows = np.zeros(len(members), dtype=np.int64)
        self._members, self._sources = members, sources.astype(np.int64)
        most = np.full(len(members), MOST_ROWS) if limit is None else self._sources * limit
        self._room = np.where(self._sources > 0, most, 0).astype(np.int64)
        self._labels = [np.flatnonzero(row) for row in members]

    def fill(self, *, exactly: bool) -> None:
        """Choose rows until no label can get any more, or none that give no label too many."""
        while True:
            needed = self.left > 0
            still = (self._members & needed).sum(axis=1)
            over = (self._members & ~needed).sum(axis=1)
            usable = (self._room > 0) & (still > 0)
            if exactly:
                usable &= over == 0
            supply = (self._sources * usable) @ self._members
            open_labels = needed & (supply > 0)
            if not open_labels.any():
                return
            label = int(np.argmax(np.where(open_labels, self.left / np.maximum(supply, 1), -1.0)))
            own = np.flatnonzero(usable & self._members[:, label])
            cost = over[own] * (self._members.shape[1] + 1) - still[own]
            self._share(label, own[cost == cost.min()] if over[own].any() else own)

    def mended(self) -> np.ndarray:
        """Return the choice with the smallest changes that leave the fewest rows too many, and no more missing."""
        from scipy.optimize import LinearConstraint, milp  # slow to import, and seldom needed

        sets, labels = self._members.shape
        of_labels = self._members.T.astype(np.float64)
        surplus = np.minimum(self.left, 0)
        # The unknowns: rows of sets that are added, rows that are taken back, rows of labels that are then too many.
        result = milp(
            c=np.concatenate([np.ones(2 * sets), np.full(labels, _WEIGHT)]),
            integrality=np.concatenate([np.ones(2 * sets), np.zeros(labels)]),
            bounds=(0, np.concatenate([self._room, self.rows, np.full(labels, -surplus.sum())])),
            constraints=LinearConstraint(np.hstack([of_labels, -of_labels, -np.eye(labels)]), surplus, surplus),
            options={"node_limit": _NODES},
        )
        if result.x is None:
            return self.rows
        found = np.rint(result.x).astype(np.int64)
        change = found[:sets] - found[sets : 2 * sets]
        left = self.left - change @ self._members
        fewer = np.minimum(left, 0).sum() > surplus.sum()
        sound = (self.rows + change >= 0).all() and (np.maximum(left, 0) <= np.maximum(self.left, 0)).all()
        return self.rows + change if fewer and sound else self.rows

    def _share(self, label: int, sets: np.ndarray) -> None:
        """Share the rows of a label among sets, in proportion to their sources."""
        needed = self.left > 0
        for one, share in zip(sets.tolist(), _shares(int(self.left[label]), self._sources[sets]), strict=True):
            own = self._labels[one]
            rows = min(share, int(self._room[one]), int(self.left[own[needed[own]]].min()))
            self.rows[one] += rows
            self._room[one] -= rows
            self.left[self._labels[one]] -= rows


def _shares(rows: int, weights: np.ndarray) -> list[int]:
    """Divide rows in proportion to weights; what is left over goes to the largest remainders, the first of equals.

    Examples
    --------
    >>> _shares(7, np.array([2, 1, 1])), _shares(1, np.array([1, 1]))
    ([3, 2, 2], [1, 0])
    """
    whole = int(weights.sum())
    products = [rows * int(weight) for weight in weights]
    shares = [product // whole for product in products]
    order = sorted(range(len(shares)), key=lambda i: -(products[i] % whole))
    for i in order[: rows - sum(shares)]:
        shares[i] += 1
    return shares
