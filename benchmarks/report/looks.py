"""Looks: the seeds at which a suite is judged, and the levels that keep the error of all looks together at 5 %."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from benchmarks.report.significance import LEVEL

NODES = 80
"""Points of the numerical integration between two looks. The error of a result is below 1e-10."""


def total_error(level: float, looks: Sequence[int]) -> float:
    """Return the probability that an arm without an effect is decided at any look, if each look has the same level.

    Parameters
    ----------
    level : float
        Two-sided level of each look, in [0, 1]. Given a p-value, the result is this p-value, counted for the looks.
    looks : sequence of int
        Numbers of seeds, ascending.

    Returns
    -------
    float
        In [level, 1].

    References
    ----------
    Armitage, McPherson and Rowe (1969), Repeated significance tests on accumulating data, eq. 2.1: the sums of
    differences are followed from look to look, without those that were decided before.

    Examples
    --------
    >>> round(total_error(0.05, [10, 20]), 4)
    0.0831
    >>> total_error(0.05, [10])
    0.05
    """
    if len(looks) == 1 or not 0 < level < 1:
        return level
    z = float(stats.norm.isf(level / 2))
    points, weights = np.polynomial.legendre.leggauss(NODES)
    reach = z * math.sqrt(looks[0])
    sums = points * reach
    mass = weights * reach * stats.norm.pdf(sums, scale=math.sqrt(looks[0]))
    error = level
    for before, now in itertools.pairwise(looks):
        step, reach = math.sqrt(now - before), z * math.sqrt(now)
        beyond = stats.norm.sf(reach - sums, scale=step) + stats.norm.cdf(-reach - sums, scale=step)
        error += float(mass @ beyond)
        later = points * reach
        mass = weights * reach * (mass @ stats.norm.pdf(later[None, :] - sums[:, None], scale=step))
        sums = later
    return min(error, 1.0)


@lru_cache
def boundary(looks: tuple[int, ...], error: float = LEVEL) -> float:
    """Return the two-sided level of each look that makes the total error what it should be: Pocock's boundary.

    Pocock's boundary has the same level at each look. That of O'Brien and Fleming has .005 at the first of two looks,
    which hardly any arm passes after Holm, so that hardly any seed is saved.

    Parameters
    ----------
    looks : tuple of int
        Numbers of seeds, ascending.
    error : float, default=0.05

    References
    ----------
    Pocock (1977), Group sequential methods in the design and analysis of clinical trials, table 1.

    Examples
    --------
    >>> round(boundary((10, 20)), 4)
    0.0294
    """
    if len(looks) == 1:
        return error
    found: float = optimize.brentq(lambda level: total_error(level, looks) - error, error / (2 * len(looks)), error)
    return found


def rule(looks: Sequence[int]) -> str:
    """Return the rule of looks in words.

    Examples
    --------
    >>> rule([10, 20])
    'Judged at 10 and 20 seeds, each time at p ≤ .029 (Pocock) after Holm. A decided arm gets no more seeds.'
    """
    at = " and ".join(filter(None, (", ".join(map(str, looks[:-1])), str(looks[-1]))))
    level = f"{boundary(tuple(looks)):.3f}".removeprefix("0")
    return f"Judged at {at} seeds, each time at p ≤ {level} (Pocock) after Holm. A decided arm gets no more seeds."


def reached(looks: Sequence[int], seeds: Collection[int]) -> int:
    """Return the last look whose seeds are all there, or 0.

    Examples
    --------
    >>> reached([10, 20], range(13))
    10
    """
    there = set(seeds)
    return max((look for look in looks if there.issuperset(range(look))), default=0)
