"""Which rows an epoch takes, and in which order."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from classifiers.data.batching import TrainingRows
from classifiers.data.schedules import ClassBalanced, EveryRow, NextSet, RealAtLast, bucketed
from classifiers.data.splits import Split

pytestmark = pytest.mark.numeric


def test_of_a_set_that_came_out_short_some_rows_are_taken_again():
    class Short:
        count, begin = 1, staticmethod(lambda number: None)
        synthesis = SimpleNamespace(budget={"neutral": 5}, classes=["neutral", "positive"])

        def get(self, number):
            return SimpleNamespace(rows=Split(["a", "b"], np.array([0, 0])))

    rows = TrainingRows([[1], [2], [3]], Split(["x", "y", "z"], np.array([0, 1, 1])), 2)
    schedule = NextSet(rows, Short(), lambda texts: [[9]] * len(texts), 2, 0.5)
    assert len(schedule) == 8
    assert Counter(schedule.parts(0)[0].tolist()) == {0: 1, 1: 1, 2: 1, 3: 3, 4: 2}
    assert rows.weights.tolist() == [1, 1, 1, 0.5, 0.5]


def test_a_short_set_is_filled_up_class_by_class_and_with_rows_of_the_file_where_it_has_none():
    class Short:
        count, begin = 1, staticmethod(lambda number: None)
        synthesis = SimpleNamespace(budget={"a": 2, "b": 4, "c": 3}, classes=["a", "b", "c"])

        def get(self, number):
            return SimpleNamespace(rows=Split(["1", "2", "3"], np.array([0, 1, 0])))

    file = Split([*"uvwxyz"], np.array([0, 1, 2, 2, 2, 2]))
    rows = TrainingRows([[1]] * 6, file, 3)
    (part,) = NextSet(rows, Short(), lambda texts: [[9]] * len(texts), 3, 0.5).parts(0)
    assert part[:6].tolist() == list(range(6))
    assert Counter(rows.codes[part[6:]].tolist()) == {0: 2, 1: 4, 2: 3}
    assert Counter(part[6:].tolist()) == {6: 1, 8: 1, 7: 4, 2: 1, 3: 1, 4: 1}


def test_real_rows_at_last_come_once_before_any_comes_again():
    schedule = RealAtLast(EveryRow(10), originals=6, from_row=14, seed=0)
    assert [sorted(part.tolist()) for part in schedule.parts(0)] == [list(range(10))]
    mixed, real = schedule.parts(1)
    assert len(mixed) == 4
    assert sorted(real.tolist()) == list(range(6))
    (last,) = schedule.parts(2)
    assert sorted(last[:6].tolist()) == list(range(6))
    assert len(set(last[6:].tolist())) == 4


@pytest.mark.parametrize("undersample", [False, True])
def test_balanced_draws_take_every_class_as_often(undersample):
    codes = np.array([0] * 7 + [1] * 50 + [2] * 43)
    schedule = ClassBalanced(codes, seed=3, undersample=undersample)
    draws = [schedule.parts(epoch)[0] for epoch in range(200)]
    assert all(len(draw) == len(schedule) == (21 if undersample else 100) for draw in draws)
    for draw in draws:
        counts = np.bincount(codes[draw])
        assert counts.max() - counts.min() <= (0 if undersample else 1)
    if undersample:
        assert all(len(set(draw.tolist())) == 21 for draw in draws)
    assert np.bincount(np.concatenate(draws), minlength=100).min() > 0
    assert not np.array_equal(draws[0], draws[1])
    assert np.array_equal(draws[0], ClassBalanced(codes, seed=3, undersample=undersample).parts(0)[0])


def test_rows_that_fill_no_batch_are_any_and_not_the_longest():
    lengths = np.arange(97)
    orders = [bucketed(np.arange(97), lengths, 32, np.random.default_rng(seed)) for seed in range(60)]
    assert all(sorted(order.tolist()) == list(range(97)) for order in orders)
    assert len({order[-1] for order in orders}) > 30
    for order in orders:  # the full batches hold like lengths all the same
        assert sorted(np.ptp(order[start : start + 32]) for start in (0, 32, 64)) <= [32, 32, 32]


def test_every_row_is_in_one_epoch_once_and_batches_hold_like_lengths():
    from classifiers.data.schedules import bucketed

    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 60, 5003)
    order = bucketed(np.arange(5003), lengths, 32, rng)
    assert sorted(order.tolist()) == list(range(5003))
    batches = [lengths[order[i : i + 32]] for i in range(0, 5003, 32)]
    assert np.mean([batch.max() - batch.mean() for batch in batches]) < 2
    assert len(batches[-1]) == 5003 % 32
    means = np.array([batch.mean() for batch in batches])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.25  # long and short batches take turns
