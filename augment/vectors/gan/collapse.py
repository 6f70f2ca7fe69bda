"""Tell when a generator has collapsed: its rows lie close together, or reach few of the real ones."""

from __future__ import annotations

import numpy as np

from augment.vectors.fidelity import density_coverage
from augment.vectors.row_keys import row_keys

COLLAPSED = 0.5
"""New rows that are less than half as far apart as real ones, or reach less than half of them, are a collapse."""
COMPARED = 1000
"""Maximum number of rows that are compared."""

_REACHED = 1 - 2**-5  # coverage of real rows by real rows, for k = 5


def spread_and_reach(real: np.ndarray, new: np.ndarray) -> dict[str, float]:
    """Compare new rows with real ones: how far apart they are, and how many they reach.

    Parameters
    ----------
    real, new : ndarray of float, shape (n, d)
        Different real rows of a class, and as many new ones.

    Returns
    -------
    dict of str to float
        ``distance_ratio``: mean distance between new rows over that between real ones; 1 if real rows are all alike.
        ``coverage``: share of real rows that have a new one near by; of 5 rows or fewer, that equal a new one.

    Examples
    --------
    >>> real = np.arange(12.0).reshape(-1, 1)
    >>> spread_and_reach(real, np.zeros_like(real))["distance_ratio"]
    0.0
    """
    from sklearn.metrics import pairwise_distances

    apart = [float(pairwise_distances(rows).mean()) for rows in (new, real)]
    # With few different rows, as one-hot rows may be, count exact matches.
    reached = density_coverage(real, new)[1] if len(real) > 5 else np.isin(row_keys(real), row_keys(new)).mean()
    return {"distance_ratio": apart[0] / apart[1] if apart[1] else 1.0, "coverage": float(reached)}


def has_collapsed(measures: dict[str, float]) -> bool:
    """Return whether the result of `spread_and_reach` is a collapse.

    Examples
    --------
    >>> has_collapsed({"distance_ratio": 0.9, "coverage": 0.8}), has_collapsed({"distance_ratio": 0.1, "coverage": 0.8})
    (False, True)
    """
    return measures["distance_ratio"] < COLLAPSED or measures["coverage"] < COLLAPSED * _REACHED
