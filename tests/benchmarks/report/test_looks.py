"""The rule of looks keeps its error, on made data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.report.looks import boundary, reached, total_error
from benchmarks.report.significance import holm


@pytest.mark.parametrize(
    ("looks", "level"),  # Pocock 1977, table 1, two-sided .05
    [((10, 20), 0.0294), ((10, 20, 30), 0.0221), ((10, 20, 30, 40), 0.0182)],
)
def test_the_boundary_is_that_of_pococks_table(looks, level):
    assert boundary(looks) == pytest.approx(level, abs=5e-5)
    assert total_error(boundary(looks), looks) == pytest.approx(0.05)


def test_the_error_of_unequal_looks_is_that_of_the_normal_distribution():
    looks, level = (10, 30), 0.03
    z = stats.norm.isf(level / 2)
    both = stats.multivariate_normal([0, 0], [[1, np.sqrt(1 / 3)], [np.sqrt(1 / 3), 1]])
    inside = both.cdf([z, z], lower_limit=[-z, -z])
    assert total_error(level, looks) == pytest.approx(1 - inside, abs=1e-5)
    assert total_error(level, (20,)) == level
    assert (total_error(0.0, looks), total_error(1.0, looks)) == (0.0, 1.0)


def test_two_looks_with_paired_t_tests_keep_the_error_of_one():
    rng = np.random.default_rng(0)
    trials = 40_000
    d = rng.normal(size=(trials, 20))
    p = np.stack([stats.ttest_1samp(d[:, :n], 0, axis=1).pvalue for n in (10, 20)])
    assert (p < 0.05).any(axis=0).mean() > 0.07  # without a rule
    assert (p < boundary((10, 20))).any(axis=0).mean() <= 0.055


def test_over_arms_that_do_nothing_any_decision_at_any_look_is_rare():
    rng = np.random.default_rng(1)
    trials, arms = 6000, 8
    d = rng.normal(size=(trials, arms, 20)) + rng.normal(size=(trials, 1, 20))  # all against the same `none`
    p = np.stack([stats.ttest_1samp(d[..., :n], 0, axis=2).pvalue for n in (10, 20)])
    wrong = p.min(axis=(0, 2)) <= boundary((10, 20), 0.05 / arms)  # what Holm asks of the smallest p
    assert wrong.mean() <= 0.055


def test_holm_goes_with_p_that_are_counted_for_the_looks():
    least = boundary((10, 20), 0.05 / 8)
    assert holm([total_error(least, (10, 20))] + [0.9] * 7)[0] == pytest.approx(0.05)


def test_a_look_is_reached_when_all_of_its_seeds_are_there():
    assert reached([10, 20], range(20)) == 20
    assert reached([10, 20], [*range(9), 11, 12]) == 0
    assert reached([], range(20)) == 0
