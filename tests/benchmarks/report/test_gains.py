"""The summary over tasks, on made data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from augment.errors import InputError
from benchmarks.report.gains import across_tasks, best_without_rows, over_tasks
from benchmarks.report.summary import ArmResults, GroupResults, f1_on_test
from benchmarks.results import Results


@pytest.mark.parametrize(("tasks", "spread"), [(4, 0.0), (4, 1.0), (4, 3.0), (8, 0.0), (8, 2.0)])
def test_the_interval_over_tasks_covers_the_truth_as_often_as_it_says(tasks, spread):
    rng = np.random.default_rng([tasks, int(spread)])
    trials, seeds, truth, covered = 1500, 10, 1.5, 0
    noise = np.linspace(1.0, 3.0, tasks)  # tasks differ in how much their seeds vary
    for _ in range(trials):
        gains = truth + rng.normal(0, spread, tasks)
        d = gains[:, None] + noise[:, None] * rng.normal(size=(tasks, seeds))
        found = across_tasks(d.mean(axis=1), stats.sem(d, axis=1))
        covered += found.mean.low <= truth <= found.mean.high
    assert 0.935 <= covered / trials <= 0.975


def test_the_spread_between_tasks_is_that_of_their_true_gains():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        d = rng.normal(0, 2.0, 8)[:, None] + rng.normal(0, 3.0, size=(8, 10))
        found.append(across_tasks(d.mean(axis=1), stats.sem(d, axis=1)).spread ** 2)
    assert np.mean(found) == pytest.approx(4.0, abs=0.35)
    assert across_tasks([2.0, 2.1], [1.0, 1.0]).spread == 0
    assert across_tasks([2.0, 2.0], [0.0, 0.0]).mean[:3] == (2, 2, 2)
    with pytest.raises(InputError, match=r"two or more tasks\. Got 1"):
        across_tasks([1.0], [1.0])


TASKS = {"sst3": 0.0, "airline": 1.0, "clinc150": -1.0, "banking77": 0.0}
"""What fillmask gains on each task beyond its mean."""


def made_group(task: str, per_class: int, gains: dict[str, float], seeds: int = 10, wrong: float = 0.0):
    """A group whose arms have a known gain. On validation rows, focal is best; on test rows it is `wrong` below."""
    arms = []
    for name, gain in gains.items():
        cells = {}
        for seed in range(seeds):
            shared = np.random.default_rng([seed, *task.encode()]).normal(0, 3)
            noise = np.random.default_rng([seed, per_class, *task.encode(), *name.encode()]).normal(0, 0.5)
            f1 = (50 + shared + gain + noise) / 100
            cells[seed] = {
                "tests": {task: {"macro_f1": f1 - (wrong / 100 if name == "focal" else 0)}},
                "best": {"gap": 30 - gain + noise, "validation": {"macro_f1": f1}},
                "makes_rows": name not in ("none", "focal"),
                "drawn": {"task": {"name": task, "per_class": per_class}},
            }
        arms.append(ArmResults(name, cells))
    return GroupResults((f"{task}, {per_class} a class", "mini", "linear", "cross-entropy"), arms, Results(None))


@pytest.fixture(scope="module")
def few_shot():
    return [
        made_group(task, size, {"none": 0.0, "focal": 1.0, "fillmask": 3.0 + more}, wrong=0.5)
        for task, more in TASKS.items()
        for size in (5, 20)
    ]


def test_the_mean_over_these_tasks_is_that_of_the_truth(few_shot):
    focal, fillmask = over_tasks(few_shot, "none")
    assert (focal.arm, focal.tasks, focal.seeds) == ("focal", tuple(TASKS), 10)
    assert fillmask.f1.low < 3.0 < fillmask.f1.high
    assert fillmask.f1.high - fillmask.f1.low < 0.8  # what tasks share in a seed is not counted as noise
    assert fillmask.gap.mean == pytest.approx(-3.0, abs=0.5)
    assert fillmask.adjusted < 0.001
    by_hand = [
        np.mean([f1_on_test(g.arm("fillmask").cells[s]) - f1_on_test(g.arm("none").cells[s]) for g in few_shot])
        for s in range(10)
    ]
    assert fillmask.f1.mean == pytest.approx(np.mean(by_hand))
    assert fillmask.elsewhere is not None
    assert fillmask.elsewhere.spread == pytest.approx(0.8, abs=0.4)  # of the gains 3, 4, 2, 3
    assert fillmask.elsewhere.mean.high - fillmask.elsewhere.mean.low > 2 * (fillmask.f1.high - fillmask.f1.low)


def test_one_data_set_says_nothing_of_others_and_two_say_little(few_shot):
    assert all(gain.elsewhere is None for gain in over_tasks(few_shot[:2], "none"))
    two = over_tasks(few_shot[:4], "none")[1].elsewhere
    assert two is not None
    assert two.mean.high - two.mean.low > 5
    assert over_tasks(few_shot, "absent") == []


def test_the_best_arm_over_tasks_is_chosen_on_validation_and_has_no_new_rows(few_shot):
    assert best_without_rows(few_shot) == "focal"
    alone = made_group("sst3", 50, {"none": 0.0, "crt": 90.0, "fillmask": 0.0})
    assert best_without_rows([*few_shot, alone]) == "none"  # the only one that every task has
    assert best_without_rows([]) is None
