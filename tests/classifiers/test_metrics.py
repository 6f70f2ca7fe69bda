"""Scores agree with scikit-learn and with arithmetic done by hand; the gap measures what it says."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_score, recall_score

from augment.errors import InputError
from classifiers.metrics import Scores, area_between, confusion, gap, gap_synthetic, loss_gap, reliability, scores

CLASSES = ["negative", "neutral", "positive"]
SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=25)


def drawn(seed, n=40, n_classes=3, sharpness=1.0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n_classes, sharpness), size=n)
    return p, rng.integers(n_classes, size=n)


def of(predicted, codes, n_classes=3):
    """Scores of predictions that are sure of themselves."""
    return scores(np.eye(n_classes)[predicted], codes, CLASSES[:n_classes])


# Scores


def test_scores_are_the_ones_computed_by_hand():
    found = scores([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]], [0, 1, 1, 2], CLASSES)
    assert (found.rows, found.accuracy) == (4, 0.75)
    assert found.loss == pytest.approx(-(math.log(0.7) + math.log(0.6) + math.log(0.4) + math.log(0.6)) / 4)
    # predicted 0, 1, 0, 2: precision 1/2, 1, 1; recall 1, 1/2, 1; F1 2/3, 2/3, 1
    assert found.precision == pytest.approx({"negative": 1 / 2, "neutral": 1, "positive": 1})
    assert found.recall == pytest.approx({"negative": 1, "neutral": 1 / 2, "positive": 1})
    assert found.f1 == pytest.approx({"negative": 2 / 3, "neutral": 2 / 3, "positive": 1})
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found.support == {"negative": 1, "neutral": 2, "positive": 1}
    # .7 and .6, .6 and .5 lie in bins of their own, (2/3, 11/15], (8/15, .6], (7/15, 8/15]: right 1/1, 2/2, 0/1
    assert found.ece == pytest.approx((1 * 0.3 + 2 * 0.4 + 1 * 0.5) / 4)


@given(seed=SEEDS, n=st.integers(1, 60), n_classes=st.integers(2, 6))
@FEW
def test_scores_are_scikit_learns(seed, n, n_classes):
    p, codes = drawn(seed, n, n_classes)
    found, predicted = scores(p, codes, [f"class {i}" for i in range(n_classes)]), p.argmax(axis=1)
    assert found.accuracy == pytest.approx(accuracy_score(codes, predicted))
    assert found.loss == pytest.approx(log_loss(codes, p, labels=range(n_classes)))
    assert found.macro_f1 == pytest.approx(f1_score(codes, predicted, average="macro", zero_division=0))
    options = {"labels": range(n_classes), "average": None, "zero_division": 0}
    for ours, theirs in ((found.f1, f1_score), (found.recall, recall_score), (found.precision, precision_score)):
        assert list(ours.values()) == pytest.approx(theirs(codes, predicted, **options).tolist())


@given(seed=SEEDS, n=st.integers(1, 30))
@FEW
def test_scores_do_not_depend_on_the_order_of_rows_or_classes(seed, n):
    p, codes = drawn(seed, n)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(n), rng.permutation(3)
    expected = scores(p, codes, CLASSES)
    found = scores(p[rows][:, names], np.argsort(names)[codes[rows]], [CLASSES[i] for i in names])
    for name in ("loss", "accuracy", "macro_f1", "ece", "f1", "recall", "precision", "support"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))


@given(seed=SEEDS, sharpness=st.sampled_from([1e-3, 0.1, 1.0, 10.0]))
@FEW
def test_scores_are_plain_numbers_in_their_ranges(seed, sharpness):
    found = scores(*drawn(seed, sharpness=sharpness), CLASSES).to_dict()
    shares = [found["accuracy"], found["macro_f1"], found["ece"]]
    shares += [x for name in ("f1", "recall", "precision") for x in found[name].values()]
    assert all(type(x) is float and 0 <= x <= 1 for x in shares)
    assert type(found["loss"]) is float
    assert found["loss"] >= 0
    assert all(type(x) is int for x in (found["rows"], *found["support"].values()))


def test_scores_go_through_json_and_come_back():
    found = scores(*drawn(0), CLASSES)
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert Scores(**json.loads(text)) == found


def test_a_class_that_is_neither_true_nor_predicted_is_left_out_of_macro_f1():
    found = of([0, 1, 1], [0, 1, 1])
    assert found.macro_f1 == 1
    assert found.f1 == {"negative": 1, "neutral": 1, "positive": 0}
    assert found.support["positive"] == 0


def test_a_class_that_is_predicted_and_never_true_counts_in_macro_f1():
    # F1: 1/(1 + ½), 1, 0
    assert of([0, 2, 1], [0, 0, 1]).macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_a_right_and_sure_prediction_has_loss_0_without_a_sign():
    assert str(of([0, 1], [0, 1]).loss) == "0.0"


def test_a_wrong_and_sure_prediction_has_a_finite_loss():
    assert of([1], [0]).loss == pytest.approx(-math.log(np.finfo(np.float32).tiny))


def test_single_precision_and_whole_codes_of_any_width_serve():
    p, codes = drawn(1)
    found, expected = scores(p.astype(np.float32), codes.astype(np.uint8), CLASSES), scores(p, codes, CLASSES)
    assert (found.f1, found.support) == (expected.f1, expected.support)
    assert (found.loss, found.ece) == pytest.approx((expected.loss, expected.ece), rel=1e-5)


def test_the_first_of_equal_probabilities_is_the_prediction():
    assert scores([[0.5, 0.5]], [0], ["a", "b"]).accuracy == 1


# Calibration


def slow_ece(p, codes, bins):
    """Guo et al. 2017, row by row."""
    total = 0.0
    for i in range(bins):
        inside = [j for j in range(len(p)) if i / bins < p[j].max() <= (i + 1) / bins]
        if inside:
            right = sum(p[j].argmax() == codes[j] for j in inside) / len(inside)
            total += len(inside) / len(p) * abs(right - sum(p[j].max() for j in inside) / len(inside))
    return total


@given(seed=SEEDS, n=st.integers(1, 80))
@FEW
def test_ece_is_the_published_sum(seed, n):
    p, codes = drawn(seed, n)
    assert scores(p, codes, CLASSES).ece == pytest.approx(slow_ece(p, codes, 15))


@given(seed=SEEDS, bins=st.integers(1, 20))
@FEW
def test_bins_hold_every_row_once_and_the_confidence_that_they_say(seed, bins):
    p, codes = drawn(seed)
    table = reliability(p, codes, bins=bins)
    assert sum(b.rows for b in table) == 40
    assert all(b.low < b.confidence <= b.high and b.rows > 0 for b in table)
    assert sum(b.rows * b.accuracy for b in table) == pytest.approx((p.argmax(axis=1) == codes).sum())
    assert sum(b.rows * b.confidence for b in table) == pytest.approx(p.max(axis=1).sum())
    assert [b.low for b in table] == sorted(b.low for b in table)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    (found,) = reliability([[0.75, 0.25]], [0], bins=4)
    assert (found.low, found.high) == (0.5, 0.75)


def test_a_calibrated_model_has_no_calibration_error():
    # 4 rows at .75 of which 3 are right
    assert scores([[0.75, 0.25]] * 4, [0, 0, 0, 1], ["a", "b"]).ece == pytest.approx(0)


def test_a_model_that_is_sure_and_always_wrong_has_error_1():
    assert of([0, 1, 2], [1, 2, 0]).ece == 1


# Confusion


def test_confusion_is_scikit_learns_with_all_classes():
    p, codes = drawn(2)
    predicted = p.argmax(axis=1)
    assert confusion(codes, predicted, 3).tolist() == confusion_matrix(codes, predicted).tolist()
    assert confusion([0], [1], 3).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


# The gap


def test_the_gap_is_in_points_of_macro_f1():
    train, validation = of([0, 1], [0, 1]), of([0, 0, 1, 1], [0, 1, 1, 0])
    assert gap(train, validation) == 100 * (1 - 0.5)
    assert gap(validation, train) == -50


def test_the_loss_gap_is_positive_if_validation_is_worse():
    train, validation = scores([[0.9, 0.1]], [0], ["a", "b"]), scores([[0.6, 0.4]], [0], ["a", "b"])
    assert loss_gap(train, validation) == pytest.approx(math.log(0.9 / 0.6))


def test_equal_scores_have_no_gap():
    same = scores(*drawn(3), CLASSES)
    assert gap(same, same) == loss_gap(same, same) == gap_synthetic(same, same) == 0


def test_the_synthetic_gap_is_the_mean_of_recalls_over_classes_that_have_synthetic_rows():
    synthetic = of([0, 0, 1, 2], [0, 0, 1, 1])  # recall 1, 1/2
    validation = of([0, 1, 0, 0, 2], [0, 0, 1, 1, 2])  # recall 1/2, 0, 1
    assert gap_synthetic(synthetic, validation) == pytest.approx(100 * ((1 - 1 / 2) + (1 / 2 - 0)) / 2)


def test_the_synthetic_gap_does_not_depend_on_how_many_rows_other_classes_have():
    synthetic = of([1, 1, 0], [1, 1, 1])
    validation = of([1, 0, 1], [1, 1, 0])
    more = of([1, 0, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0])
    assert gap_synthetic(synthetic, validation) == gap_synthetic(synthetic, more)
    # F1 does: more rows of class 0 are taken for class 1
    assert validation.f1["neutral"] > more.f1["neutral"]


def test_the_synthetic_gap_needs_validation_rows_of_the_class():
    with pytest.raises(InputError, match=r"must have validation rows. Got none of neutral"):
        gap_synthetic(of([1], [1]), of([0, 1], [0, 0]))


def test_the_area_is_the_one_computed_by_hand():
    # gaps 0, 10, 20 points at steps 0, 100, 400: trapezoids 500 + 4500 over 400 steps
    assert area_between([0, 100, 400], [0.5, 0.7, 0.9], [0.5, 0.6, 0.7]) == pytest.approx(5000 / 400)


def test_the_area_of_one_step_is_its_gap():
    assert area_between([50], [0.9], [0.7]) == pytest.approx(20)


@given(
    steps=st.lists(st.integers(0, 10_000), min_size=2, max_size=8, unique=True).map(sorted),
    seed=SEEDS,
    unit=st.floats(0.01, 100),
)
@FEW
def test_the_area_lies_among_the_gaps_whatever_the_unit_of_steps(steps, seed, unit):
    train, validation = np.random.default_rng(seed).random((2, len(steps)))
    found, gaps = area_between(steps, train, validation), 100 * (train - validation)
    assert gaps.min() - 1e-9 <= found <= gaps.max() + 1e-9
    assert area_between(unit * np.array(steps), train, validation) == pytest.approx(found)
    assert area_between(steps, validation, train) == pytest.approx(-found)


def test_a_constant_gap_is_its_own_mean():
    assert area_between([3, 4, 90], [0.8, 0.9, 0.7], [0.7, 0.8, 0.6]) == pytest.approx(10)


# What cannot be used


@pytest.mark.parametrize(
    ("p", "codes", "message"),
    [
        (np.zeros((0, 3)), [], r"with at least one row. Got \(0, 3\)"),
        ([0.2, 0.8], [0], r"must have shape \(rows, classes\)"),
        ([[2.0, -1.0, 0.0]], [0], "must be at least 0 and add up to 1"),
        ([[3.0, 1.0, 0.0]], [0], "sums of 4 to 4. Take the softmax of logits"),
        ([[math.nan, 0.5, 0.5]], [0], "must be at least 0 and add up to 1"),
        ([[0.2, 0.8, 0.0]], [3], "must lie between 0 and 2. Got 3 to 3"),
        ([[0.2, 0.8, 0.0]], [-1], "Got -1 to -1"),
        ([[0.2, 0.8, 0.0]], [0.5], "whole numbers of shape .rows,.. Got float64"),
        ([[0.2, 0.8, 0.0]], [[0]], "whole numbers"),
        ([[0.2, 0.8, 0.0]], [0, 1], "same number of rows, at least one. Got probabilities 1, codes 2"),
        ([[0.2, 0.8]], [0], "a column for each of 3 classes. Got 2"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused(p, codes, message):
    with pytest.raises(InputError, match=message):
        scores(p, codes, CLASSES)


def test_other_mistakes_are_refused():
    with pytest.raises(InputError, match=r"`bins` must be 1 or more. Got 0"):
        reliability(*drawn(0), bins=0)
    with pytest.raises(InputError, match=r"must lie between 0 and 1. Got 0 to 2"):
        confusion([0, 1], [0, 2], 2)
    with pytest.raises(InputError, match="Got codes 2, predicted 1"):
        confusion([0, 1], [0], 2)
    with pytest.raises(InputError, match="Got codes 0, predicted 0"):
        confusion([], [], 2)
    with pytest.raises(InputError, match=r"`steps` must ascend. Got \[1.0, 1.0\]"):
        area_between([1, 1], [0.5, 0.6], [0.5, 0.5])
    with pytest.raises(InputError, match="Got steps 2, train_f1 1, validation_f1 2"):
        area_between([1, 2], [0.5], [0.5, 0.5])
    with pytest.raises(InputError, match="Got steps 0"):
        area_between([], [], [])
