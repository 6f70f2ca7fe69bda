"""Statistics are checked on made data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from augment.errors import InputError
from benchmarks.report.significance import (
    GAP_MARGIN,
    Interval,
    hierarchical_bootstrap,
    holm,
    paired_interval,
    upper_bound,
    verdict_of,
    wilcoxon,
)


def test_the_interval_and_its_p_are_those_of_scipys_paired_t_test():
    rng = np.random.default_rng(0)
    arm, other = rng.normal(1, 2, 12), rng.normal(0, 1, 12)
    found, expected = paired_interval(arm, other), stats.ttest_rel(arm, other)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    one_sided = stats.ttest_rel(arm, other, alternative="less").confidence_interval(0.95)
    assert upper_bound(arm, other) == pytest.approx(one_sided.high)


def test_an_arm_that_does_nothing_is_said_to_do_something_at_the_nominal_rate():
    rng = np.random.default_rng(1)
    seeds, trials = 10, 4000
    wrong = 0
    for _ in range(trials):
        shared = rng.normal(60, 2, seeds)
        found = paired_interval(shared + rng.normal(0, 1, seeds), shared + rng.normal(0, 1, seeds))
        wrong += verdict_of(found, found.p, 0.0, seeds) != "no evidence"
    assert wrong / trials == pytest.approx(0.05, abs=0.012)  # 3.5 standard errors


def test_over_ten_arms_that_do_nothing_any_verdict_is_rare():
    rng = np.random.default_rng(2)
    trials = 400
    wrong = 0
    for _ in range(trials):
        none = rng.normal(60, 1, 10)
        intervals = [paired_interval(none + rng.normal(0, 1, 10), none) for _ in range(10)]
        adjusted = holm([found.p for found in intervals])
        wrong += any(verdict_of(f, p, 0.0, 10) != "no evidence" for f, p in zip(intervals, adjusted, strict=True))
    assert wrong / trials <= 0.07


@pytest.mark.parametrize(("effect", "power"), [(1.0, 0.803), (1.5, 0.987)])
def test_a_known_effect_is_found_as_often_as_theory_has_it(effect, power):
    # Differences with a standard deviation of 1 over 10 seeds: the noncentral t distribution gives the power.
    theory = 1 - stats.nct.cdf(stats.t.ppf(0.975, 9), 9, effect * np.sqrt(10))
    assert theory == pytest.approx(power, abs=0.001)
    rng = np.random.default_rng(3)
    trials = 3000
    found = 0
    for _ in range(trials):
        none = rng.normal(60, 2, 10)
        interval = paired_interval(none + rng.normal(effect, 1, 10), none)
        found += verdict_of(interval, interval.p, 0.0, 10) == "helps and generalises"
    assert found / trials == pytest.approx(theory, abs=0.03)


def test_an_arm_overfits_unless_its_gap_is_known_not_to_grow():
    sure = Interval(2.0, 1.0, 3.0, 0.001)
    assert verdict_of(sure, 0.01, GAP_MARGIN, 10) == "helps and generalises"
    assert verdict_of(sure, 0.01, GAP_MARGIN + 0.01, 10) == "helps but overfits"
    assert verdict_of(Interval(-2.0, -3.0, -1.0, 0.001), 0.01, -5.0, 10) == "hurts"


def test_fewer_than_ten_seeds_give_no_verdict():
    assert verdict_of(Interval(20.0, 19.0, 21.0, 1e-9), 1e-8, -5.0, 9) == ""


def test_holm_is_that_of_the_definition():
    p = [0.005, 0.2, 0.011, 0.04, 0.9]
    expected = [0.025, 0.4, 0.044, 0.12, 0.9]
    assert holm(p) == pytest.approx(expected)
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_equal_arms_differ_by_nothing():
    same = [60.0, 61.0, 59.0]
    assert paired_interval(same, same) == Interval(0.0, 0.0, 0.0, 1.0)
    assert wilcoxon(same, same) == 1.0
    assert paired_interval([61.0, 62.0, 60.0], same).p == 0.0


def test_wilcoxon_of_five_seeds_cannot_reach_the_usual_level():
    assert wilcoxon([5.0, 6.0, 7.0, 8.0, 9.5], [0.0] * 5) == 0.0625


def test_seeds_must_be_paired():
    with pytest.raises(InputError, match=r"needs two or more seeds, the same for both\. Got 3 and 2"):
        paired_interval([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(InputError, match="Got 1 and 1"):
        wilcoxon([1.0], [2.0])


def made_predictions(rng, truth, seeds, accuracy):
    predicted = []
    for _ in range(seeds):
        wrong = rng.random(len(truth)) > accuracy
        predicted.append(np.where(wrong, rng.integers(0, 3, len(truth)), truth))
    return predicted


def test_the_bootstrap_is_centred_on_the_difference_that_there_is():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 800)
    arm, other = (made_predictions(rng, truth, 6, accuracy) for accuracy in (0.8, 0.7))
    low, high = hierarchical_bootstrap([truth] * 6, arm, other, 3)
    mean = 100 * np.mean(
        [f1_score(truth, a, average="macro") - f1_score(truth, b, average="macro") for a, b in zip(arm, other)]
    )
    assert low < mean < high
    assert (low + high) / 2 == pytest.approx(mean, abs=0.4)


def test_the_bootstrap_covers_a_true_difference_of_none_and_is_the_same_each_time():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(60):
        truth = rng.integers(0, 3, 300)
        arm, other = (made_predictions(rng, truth, 10, 0.7) for _ in range(2))
        low, high = hierarchical_bootstrap([truth] * 10, arm, other, 3, resamples=300)
        covered += low <= 0 <= high
        assert (low, high) == hierarchical_bootstrap([truth] * 10, arm, other, 3, resamples=300)
    assert covered >= 48


def test_the_bootstrap_scores_a_class_that_no_row_of_a_resample_has_as_the_metrics_do():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    low, high = hierarchical_bootstrap([truth], [truth], [predicted], 3, resamples=800)
    rng = np.random.default_rng(7)
    drawn = [rng.integers(4, size=4) for _ in range(800)]
    by_hand = [100 * (1 - f1_score(truth[rows], predicted[rows], average="macro", zero_division=0)) for rows in drawn]
    assert (low, high) == pytest.approx(np.quantile(by_hand, [0.025, 0.975]), abs=1e-4)
