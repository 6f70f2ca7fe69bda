"""Hash whole rows, to find equal rows."""

from __future__ import annotations

import numpy as np

from augment.seeding import generator

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
