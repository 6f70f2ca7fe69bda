"""What some rows that were read say about those that were not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from augment.seeding import generator

LEVEL = 0.95
"""The level of the intervals."""


class Expectation(NamedTuple):
    """The share of good rows that is expected among the rows that were not read."""

    mean: float
    """The share of good rows among those that were read."""
    low: float
    high: float
    """The ends of the interval that holds the share of the others with probability `LEVEL`."""


def drawn(rows: int, most: int, seed: int) -> np.ndarray:
    """Draw rows at random, in random order. A larger sample begins with the smaller one.

    Parameters
    ----------
    rows : int
        How many there are.
    most : int
        How many to draw; all if there are fewer.
    seed : int
        0 to 2**64 - 1.

    Returns
    -------
    ndarray of int64, shape (min(rows, most),)

    Examples
    --------
    >>> bool((drawn(100, 5, 0) == drawn(100, 9, 0)[:5]).all())
    True
    """
    return generator(seed, "review").permutation(rows)[:most]


def expected(good: int, read: int, others: int) -> Expectation:
    """Return what to expect of the rows that were not read, if those that were read are a random draw.

    The number of good rows among the others is beta-binomial, with Jeffreys' prior: the interval is wide if few were
    read, and also if few are left.

    Parameters
    ----------
    good : int
        Accepted rows, 0 to `read`.
    read : int
        1 or more.
    others : int
        1 or more.

    Returns
    -------
    Expectation

    References
    ----------
    Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", section 3.2 (Jeffreys' prior).

    Examples
    --------
    >>> tuple(round(100 * share) for share in expected(51, 60, 1926))
    (85, 74, 92)
    """
    from scipy.special import betaln, gammaln

    a, b = good + 0.5, read - good + 0.5
    counts = np.arange(others + 1, dtype=np.float64)
    ways = gammaln(others + 1) - gammaln(counts + 1) - gammaln(others - counts + 1)
    shares = np.cumsum(np.exp(ways + betaln(counts + a, others - counts + b) - betaln(a, b)))
    tail = (1 - LEVEL) / 2
    low, high = np.searchsorted(shares, (tail, 1 - tail))
    return Expectation(good / read, int(low) / others, min(int(high), others) / others)


def widest(read: int) -> float:
    """Return half the width of the interval that so many rows give at worst, when half of them are good.

    Parameters
    ----------
    read : int
        1 or more.

    Returns
    -------
    float
        In (0, 0.5).

    Examples
    --------
    >>> round(widest(100), 2)
    0.1
    """
    from scipy.stats import beta

    low, high = beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], read / 2 + 0.5, read / 2 + 0.5)
    return float(high - low) / 2
