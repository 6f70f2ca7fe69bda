"""How doubtful rows are, by the scores that guards and a teacher gave them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def doubt(scores: np.ndarray) -> np.ndarray:
    """Return for each score the share of rows that have a better one.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is better; nan where a row has none.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 for the best rows, near 1 for the worst; nan where there is no score.

    Examples
    --------
    >>> doubt(np.array([0.9, 0.1, np.nan, 0.5, 0.9])).tolist()
    [0.0, 0.75, nan, 0.5, 0.0]
    """
    known = np.sort(scores[~np.isnan(scores)])
    shares = np.full(len(scores), np.nan)
    if len(known):
        shares = 1 - np.searchsorted(known, scores, side="right") / len(known)
        shares[np.isnan(scores)] = np.nan
    return shares


def risk(scores: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """Return the risk of each row: the highest of its doubts, so that scores of different scales can be compared.

    Parameters
    ----------
    scores : mapping of str to ndarray of float, shape (n,)
        See `doubt`.
    rows : int
        The n.

    Returns
    -------
    ndarray of float64, shape (n,)
        nan for a row without any score.

    Examples
    --------
    >>> risk({"teacher": np.array([0.9, 0.2]), "fluency": np.array([0.7, np.nan])}, 2).tolist()
    [0.0, 0.5]
    """
    highest = np.full(rows, np.nan)
    for values in scores.values():
        highest = np.fmax(highest, doubt(values))
    return highest


def most_doubtful_first(risks: np.ndarray) -> np.ndarray:
    """Return the rows in the order of their risk, rows without one last; equal ones in the order of the table.

    Parameters
    ----------
    risks : ndarray of float, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> most_doubtful_first(np.array([0.1, np.nan, 0.8, 0.1])).tolist()
    [2, 0, 3, 1]
    """
    return np.argsort(-np.nan_to_num(risks, nan=-1.0), kind="stable")
