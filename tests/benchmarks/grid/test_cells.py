"""Cells: their keys, those of older results above all, why an arm has none, and which never run side by side."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path

import pytest
from made_tasks import laid_out, made_task

from benchmarks import results
from benchmarks.grid.arms import resolve
from benchmarks.grid.cells import cells, why_absent
from benchmarks.grid.kept_answers import KeptDraw
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Suite
from benchmarks.grid.tasks import TaskData
from benchmarks.run.runner import _next

RESULTS = Path(__file__).parents[3] / "docs" / "results"
WRITTEN_OUT_SINCE = {"fillmask-static", "fillmask-guarded", "fillmask-cure", "fillmask-adjusted", "wrong-label"}
"""Arms whose key has changed: their parameters stand in the file of arms since defaults became others, and the control
had another name for its rows."""


class Recorded(TaskData):
    """A task with the numbers of rows, and the fingerprints, of a recorded cell."""

    @cached_property
    def recorded(self) -> dict:
        return {}

    def fingerprints(self):
        return {part: value for part, value in self.recorded["data"].items() if part != "drawn"}

    def drawn(self, seed):
        labels = [label for label, count in self.recorded["rows"]["train"].items() for _ in range(count)]
        rows = LabelledRows(tuple(f"text {i}" for i in range(len(labels))), tuple(labels))
        return rows, rows.joined(LabelledRows(("more",), ("neutral",)))


@pytest.mark.parametrize("name", ["fewer-passes", "imbalance", "neutral"])
def test_cells_of_older_results_keep_their_keys(name):
    found = results.read(RESULTS / name)
    recorded = [record for record in found.cells.values() if record["arm"] not in WRITTEN_OUT_SINCE]
    settings = {key: value for key, value in found.suite.items() if key != "data"}
    suite = Suite(**settings, arms=sorted({record["arm"] for record in recorded}))
    nothing = LabelledRows()
    keys = {}
    for task in suite.tasks:
        of_task = [record for record in recorded if record["task"] == task.title(["neutral"])]
        like = Recorded(task, ("neutral",), nothing, nothing, {}, {})
        like.recorded.update(of_task[0])
        seeds = 1 + max(record["seed"] for record in of_task)
        keys |= {cell.place: cell.key for cell in cells(suite, [like], resolve(suite.arms, {}), seeds=seeds)}
    assert len(recorded) >= 30
    assert [r for r in recorded if keys[r["task"], "mini", "linear", r["loss"], r["arm"], r["seed"]] != r["key"]] == []


def test_new_settings_identify_results_where_they_are_set_and_only_there():
    task = made_task()
    plain = {"name": "own", "tasks": [task.task.model_dump()], "arms": ["none", "random", "rebalanced-others", "smote"]}
    base = Suite(**plain)
    assert not {"looks", "sampling_strategy", "C", "first_seed"} & set(base.identity)

    def keys(head: str, **more) -> dict[str, str]:
        suite = Suite(**plain, heads=[head], **more)
        assert suite.identity == base.identity | more
        return {
            f"{cell.arm.name} {cell.seed}": cell.key
            for cell in cells(suite, [task], resolve(suite.arms, {}), seeds=2, device="cpu")
        }

    def changed(head: str, **more) -> set[str]:
        before, now = keys(head), keys(head, **more)
        return {name.split()[0] for name in before if before[name] != now[name]}

    of_vectors = "logistic-regression"
    assert changed("linear", C=3.0) == set()
    assert changed(of_vectors, C=3.0) == {"none", "random", "rebalanced-others", "smote"}
    for head in ("linear", of_vectors):
        assert changed(head, sampling_strategy="2x") == {"random", "rebalanced-others", "smote"}
        later = keys(head, first_seed=1)
        assert set(later) == {f"{arm} {seed}" for arm in plain["arms"] for seed in (1, 2)}
        assert later["none 1"] == keys(head)["none 1"]


def test_an_arm_has_its_own_inverse_strength_and_only_on_vectors():
    task = made_task()
    strong = {"strong": {"C": 0.1}}
    suite = Suite(
        name="own", tasks=[task.task.model_dump()], heads=["linear", "logistic-regression"], arms=["none", strong]
    )
    found = list(cells(suite, [task], resolve(suite.arms, {}), seeds=1, device="cpu"))
    assert [(cell.head, cell.arm.name, cell.C) for cell in found] == [
        ("linear", "none", 10.0),
        ("logistic-regression", "none", 10.0),
        ("logistic-regression", "strong", 0.1),
    ]
    assert len({cell.key for cell in found}) == 3


@pytest.mark.parametrize(
    ("arm", "settings", "why"),
    [
        ("llm-new", {}, "no answers to requests of these rows are kept"),
        (
            "back-translation",
            {},
            "the hub cannot be reached, and its model Helsinki-NLP/opus-mt-en-de is not kept here",
        ),
        ("retrieve", {"pool": None}, "the task has no pool of unlabelled text"),
        ("tapt", {"pool": None}, "the task has no pool of unlabelled text"),
        ("self-training", {"per_class": 5}, "a class has fewer than 5 different texts"),
        ("double-real", {"ratio": None}, "no class has fewer rows than others"),
        (
            "more-real",
            {"per_class": None, "ratio": 1.0, "pool": None},
            "no row of a class that lacks rows was left out",
        ),
        ("random", {"ratio": None}, "no class lacks rows"),
        ("rebalanced-others", {"ratio": None}, "no class lacks rows"),
    ],
)
def test_an_arm_without_what_it_needs_has_no_cell_and_the_reason_is_told(arm, settings, why):
    suite = Suite(name="own", tasks=["sample"], arms=[arm])
    (resolved,) = resolve([arm], {})
    lacking = made_task(**settings)
    assert why_absent(resolved, suite, lacking, 0) == why
    assert list(cells(suite, [lacking], [resolved], seeds=1, device="cpu")) == []
    if arm not in ("llm-new", "back-translation"):
        assert why_absent(resolved, suite, made_task(), 0) is None


def test_other_answers_of_a_large_language_model_are_other_cells(monkeypatch):
    task = made_task()
    draws = {task.drawn(0)[0].fingerprint: KeptDraw(name="made", rows_per_request=5, sampling_strategy="2x")}
    monkeypatch.setattr("benchmarks.grid.cells.kept_draws", lambda: draws)
    keys = []
    for content in ("one", "one", "other"):
        monkeypatch.setattr(KeptDraw, "content", lambda self, recipe, content=content: content)
        llm, none = sorted(laid_out(task, "mini", "llm-new", "none"), key=lambda cell: cell.arm.name)
        keys.append((llm.key, llm.rows_key, none.key))
    assert keys[0] == keys[1]
    assert [len({key[i] for key in keys}) for i in range(3)] == [2, 2, 1]


def test_cells_that_share_rows_or_an_encoder_never_run_side_by_side(bert, tiny):
    task, other = made_task(), str(tiny("roberta"))
    both = [
        cell
        for pair in zip(
            laid_out(task, str(bert), "keyboard", "more-real", "tapt", "none", seeds=2),
            laid_out(task, other, "keyboard", "more-real", "tapt", "none", seeds=2),
            strict=True,
        )
        for cell in pair
    ]
    started = []
    waiting = list(both)
    while (cell := _next(waiting, started)) is not None:
        waiting.remove(cell)
        started.append(cell)
    names = Counter((cell.arm.name, cell.seed, cell.encoder == other) for cell in started)
    rows = Counter((cell.arm.name, cell.seed) for cell in started)
    assert [rows[arm, seed] for arm in ("keyboard", "more-real") for seed in (0, 1)] == [1, 1, 1, 1], "one encoder each"
    assert [sum(names["tapt", seed, which] for seed in (0, 1)) for which in (False, True)] == [1, 1], "one seed each"
    assert [rows["none", seed] for seed in (0, 1)] == [2, 2]
    assert {cell.rows_key for cell in waiting} <= {cell.rows_key for cell in started} | {
        cell.rows_key for cell in waiting if cell.arm.name == "tapt"
    }
