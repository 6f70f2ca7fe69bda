"""Rows of one-hot groups: which columns they are, and new rows without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augment.errors import InputError
from augment.seeding import generator
from augment.vectors.base import Drawn, VectorRows


def checked_groups(groups: Any, rows: VectorRows) -> list[list[int]]:
    """Return groups of columns as plain lists, if every row has exactly one 1 in each.

    Parameters
    ----------
    groups : sequence of sequences of int, or None
    rows : VectorRows

    Returns
    -------
    list of list of int

    Raises
    ------
    InputError
        If there are none, they overlap or are out of range, or a row is not one-hot.
    """
    try:
        lists = [[int(column) for column in group] for group in (() if groups is None else groups)]
    except (TypeError, ValueError):
        lists = []
    columns = [column for group in lists for column in group]
    width = rows.vectors.shape[1]
    if not lists or not all(lists) or len({*columns}) < len(columns) or not {*columns} <= {*range(width)}:
        raise InputError(
            "`groups` must be lists of columns, no column twice, e.g. [[0, 1, 2], [3, 4]], each from 0 to"
            f" {width - 1}. Got {groups!r:.80}."
        )
    for group in lists:
        values = rows.vectors[:, group]
        wrong = ~(np.isin(values, (0, 1)).all(axis=1) & (values.sum(axis=1) == 1))
        if wrong.any():
            raise InputError(
                f"Row {rows.numbers[wrong.argmax()]} has not exactly one 1 in the columns {group}. Mend the row, or the"
                " `groups`."
            )
    return lists


def crossed(rows: VectorRows, drawn: Drawn, groups: Sequence[Sequence[int]], seed: int) -> Drawn:
    """Make SMOTE rows one-hot: each group from one of the two parents, drawn by their weights.

    Parameters
    ----------
    rows : VectorRows
        The real rows.
    drawn : Drawn
        SMOTE rows.
    groups : sequence of sequences of int
    seed : int
        0 or more.

    Returns
    -------
    Drawn
        Columns in no group stay as they are, between the parents.
    """
    if drawn.are_copies().any():
        return drawn
    rng = generator(seed, "choice")
    vectors = drawn.vectors.copy()
    for group in groups:
        second = rng.random(len(drawn)) < drawn.weights
        chosen = np.where(second, drawn.parents[:, 1], drawn.parents[:, 0])
        vectors[:, group] = rows.vectors[chosen[:, None], group]
    return Drawn(vectors, drawn.parents, drawn.weights)
