"""Several sets of new rows of the same data, such as one for each epoch of a training."""

from __future__ import annotations

import numpy as np

from augment.seeding import generator


def seed_of_set(seed: int, number: int) -> int:
    """Return the seed of a set.

    Parameters
    ----------
    seed : int
        That of all sets, 0 to 2**64 - 1.
    number : int
        0 or more.

    Returns
    -------
    int

    Examples
    --------
    >>> seed_of_set(0, 0) == seed_of_set(0, 1)
    False
    """
    return int(generator(seed, "redraw", number).integers(2**63))


def repeated(made: np.ndarray, originals: np.ndarray, wanted: int) -> np.ndarray:
    """Return the rows that a set of a fixed size repeats, since some of a class could not be made.

    Parameters
    ----------
    made : ndarray of int64
        The new rows of a class.
    originals : ndarray of int64
        Its original rows, which are repeated if there is no new one.
    wanted : int
        How many rows of the class the set has.

    Returns
    -------
    ndarray of int64
        As many as are missing.

    Examples
    --------
    >>> repeated(np.array([7, 8]), np.array([0, 1]), 5)
    array([7, 8, 7])
    """
    return np.resize(made if len(made) else originals, max(wanted, len(made)))[len(made) :]
