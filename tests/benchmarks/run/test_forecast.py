"""The estimated time of cells: what counts, and how it becomes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.grid.arms import resolve
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Cell, Suite, cells
from benchmarks.grid.tasks import Task, TaskData
from benchmarks.results import Results
from benchmarks.run import forecast
from benchmarks.run.forecast import EACH_CELL, MADE, MADE_GUARDED, START, Pace, estimated, seconds, work

TASK = {"train": {"no": 20, "so": 40, "yes": 100}, "validation": 20, "tests": 30}
LACKING = 80 + 60
STEPS = 20  # two passes through 160 rows in batches of 16
ENCODED = 160 + 20 + 30
EVALUATED = 2 * (20 + 50)  # twice, the validation rows and 50 training rows
TRAINED = 3 * STEPS * 16 + EVALUATED + 30


def task() -> TaskData:
    labels = tuple(label for label, count in TASK["train"].items() for _ in range(count))
    rows = LabelledRows(tuple(f"text {i}" for i in range(len(labels))), labels)
    return TaskData(Task(name="sample"), ("no",), rows, rows.taken(range(20)), {"sample": rows.taken(range(30))}, {})


def laid_out(*arms: str, own: dict | None = None, encoder: str = "large", seeds: int = 1) -> list[Cell]:
    suite = Suite(
        name="own",
        tasks=["sample"],
        encoders=[encoder],
        arms=list(arms),
        seeds=seeds,
        evaluations=2,
        training={"epochs": 2.0, "batch_size": 16, "train_sample": 50},
    )
    return list(cells(suite, [task()], resolve(arms, own or {}), seeds=seeds, device="cpu"))


def passes(*arms: str, **settings) -> dict[str, float]:
    return work(laid_out(*arms, **settings), [task()])


def record(cell: Cell, took: float) -> dict:
    parts = dict(zip(("task", "encoder", "head", "loss", "arm"), (*cell.group, cell.arm.name), strict=True))
    return {**parts, "status": "done", "model": {"model": cell.encoder}, "seconds": took}


def test_a_training_counts_its_steps_its_evaluations_and_its_tests():
    assert passes("none") == {"large": TRAINED}
    assert passes("r-drop") == {"large": TRAINED + 3 * STEPS * 16}
    assert passes("none", "class-weights", seeds=2) == {"large": 4 * TRAINED}


def test_rows_of_fill_mask_count_for_its_own_model():
    evaluated = TRAINED + 2 * 50  # new rows are evaluated as well
    assert passes("fillmask-static") == {"large": evaluated, "mini": MADE * LACKING}
    assert passes("fillmask-guarded") == {"large": evaluated, "mini": MADE_GUARDED * LACKING}
    assert passes("fillmask-static", encoder="mini") == {"mini": evaluated + MADE * LACKING}


def test_each_redrawn_set_counts():
    # 320 rows are trained on, of which a quarter at the end are real: the first epoch has 160 real and 140 new rows.
    def redrawn(epochs: float) -> dict:
        made = {"mode": "redraw", "strategy": "fillmask", "variants": 4, "sampling_strategy": {"no": 20 + epochs}}
        return {"own": {"training": {"augmentation": {**made, "guards": ["none"]}}}}

    few = passes("own", own=redrawn(10))  # an epoch has 170 rows, so 320 take two sets of 10
    assert few["mini"] == 2 * MADE * 10
    assert passes("fillmask-cure")["mini"] == MADE_GUARDED * LACKING


def test_an_encoder_that_arms_share_counts_once():
    assert passes("none", "crt", "smote") == {"large": TRAINED + ENCODED}
    assert passes("crt", "smote") == {"large": TRAINED - 30 + ENCODED}  # nothing tests the encoder itself


def test_a_baseline_without_an_encoder_counts_no_passes():
    assert passes("tfidf-svm") == {}


def test_the_seconds_are_those_of_the_start_of_each_cell_and_of_the_passes():
    assert seconds({"mini": 3000, "large": 100}, {"mini": 300, "large": 10}, cells=6, jobs=2) == pytest.approx(
        START + 3 * EACH_CELL + 10 + 10
    )
    assert seconds({}, {}, cells=1, jobs=4) == START + EACH_CELL
    assert seconds({}, {}, cells=0, jobs=2) == 0


def test_an_estimate_measures_each_model_once(monkeypatch):
    measured = []
    monkeypatch.setattr(forecast, "_rows_per_second", lambda model, *_: measured.append(model) or 100.0)
    found = estimated(laid_out("none", "fillmask-static", seeds=2), [task()], Results(Path("results.jsonl")), 2)
    assert sorted(measured) == ["large", "mini"]
    assert found == pytest.approx(START + 2 * EACH_CELL + 2 * (2 * TRAINED + 2 * 50 + MADE * LACKING) / 100)


def test_finished_cells_set_the_pace_of_the_others():
    none, weights, svm = laid_out("none", "class-weights", "tfidf-svm")
    pace = Pace(2)
    assert pace.left([none]) is None
    pace.add(record(none, 10.0))
    pace.add(record(weights, 20.0))
    assert pace.left([none, none, weights, svm]) == 20.0
    (unknown,) = laid_out("focal")
    assert pace.left([unknown, unknown]) == 15.0


def test_a_cell_that_runs_counts_with_the_rest_of_its_time():
    none, weights = laid_out("none", "class-weights")
    pace = Pace(2)
    pace.add(record(none, 10.0))
    assert pace.left([weights, weights], [(none, 4.0), (none, 12.0)]) == 13.0
    assert pace.left([], [(none, 4.0)]) == 6.0  # a single cell cannot use two places
    assert pace.left([], []) == 0.0
