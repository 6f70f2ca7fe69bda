"""The estimated time of cells: what counts, and how it becomes seconds."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from made_tasks import laid_out as vector_cells
from made_tasks import made_task

from augment.errors import InputError
from benchmarks import results
from benchmarks.grid.arms import resolve
from benchmarks.grid.cells import Cell, cells
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Suite
from benchmarks.grid.tasks import Task, TaskData
from benchmarks.results import Results, unpacked
from benchmarks.run import forecast
from benchmarks.run.forecast import (
    EACH_CELL,
    MADE,
    MADE_GUARDED,
    START,
    Load,
    Pace,
    Speed,
    TextLengths,
    _measured,
    _tokens_of_a_batch,
    estimated,
    seconds,
    work,
)

TASK = {"train": {"no": 20, "so": 40, "yes": 100}, "validation": 20, "tests": 30}
LACKING = 80 + 60
STEPS = 20  # two passes through 160 rows in batches of 16
LONG = 16  # the padded length of each row
BATCHES = STEPS * 16 * LONG
EVALUATED = 2 * (20 + 50) * LONG  # twice, the validation rows and 50 training rows
TESTED = 30 * LONG
TRAINED = Load(STEPS, BATCHES, EVALUATED + TESTED)
ENCODED = (160 + 20 + 30) * LONG
TOKENS = {(model, 0): TextLengths(np.full(160, 12), LONG) for model in ("large", "mini")}
RESULTS = Path(__file__).parents[3] / "docs" / "results"


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


def loads(*arms: str, **settings) -> dict[str, Load]:
    return work(laid_out(*arms, **settings), [task()], TOKENS)


def read(rows: float) -> Load:
    return Load(read=rows * LONG)


def record(cell: Cell, took: float) -> dict:
    parts = dict(zip(("task", "encoder", "head", "loss", "arm"), (*cell.group, cell.arm.name), strict=True))
    return {**parts, "status": "done", "model": {"model": cell.encoder}, "seconds": took}


def test_a_training_counts_its_steps_its_evaluations_and_its_tests():
    assert loads("none") == {"large": TRAINED}
    assert loads("r-drop") == {"large": TRAINED.plus(Load(trained=BATCHES))}
    assert loads("none", "class-weights", seeds=2) == {"large": Load(*(4 * part for part in TRAINED))}


def test_rows_of_fill_mask_count_for_its_own_model():
    evaluated = TRAINED.plus(read(2 * 50))  # new rows are evaluated as well
    assert loads("fillmask-static")["mini"] == read(MADE * LACKING)
    assert loads("fillmask-static")["large"].read == evaluated.read
    assert loads("fillmask-guarded")["mini"] == read(MADE_GUARDED * LACKING)
    assert loads("fillmask-static", encoder="mini")["mini"].read == evaluated.plus(read(MADE * LACKING)).read


def test_each_redrawn_set_counts():
    # 320 rows are trained on, of which a quarter at the end are real: the first epoch has 160 real and 140 new rows.
    def redrawn(epochs: float) -> dict:
        made = {"mode": "redraw", "strategy": "fillmask", "variants": 4, "sampling_strategy": {"no": 20 + epochs}}
        return {"own": {"training": {"augmentation": {**made, "guards": ["none"]}}}}

    few = loads("own", own=redrawn(10))  # an epoch has 170 rows, so 320 take two sets of 10
    assert few["mini"] == read(2 * MADE * 10)
    assert loads("fillmask-cure")["mini"] == read(MADE_GUARDED * LACKING)


def test_an_encoder_that_arms_share_counts_once():
    assert loads("none", "crt", "smote") == {"large": TRAINED.plus(Load(read=ENCODED))}
    assert loads("crt", "smote") == {"large": TRAINED.plus(Load(read=ENCODED - TESTED))}  # nothing tests the encoder


def on_vectors(*arms: str | dict, seeds: int = 2, encoders: tuple[str, ...] = ("large", "mini")) -> dict[str, Load]:
    """Loads of cells of the head `logistic-regression`: ten rows of each class, of 24 in the pool of each."""
    few = made_task(ratio=None, per_class=10)
    made = [cell for name in encoders for cell in vector_cells(few, name, *arms, seeds=seeds)]
    return work(made, [few], {(name, 0): TextLengths(np.full(30, 12), LONG) for name in ("large", "mini")})


def test_cells_on_vectors_encode_held_out_rows_once_and_their_own_new_rows():
    few = made_task(ratio=None, per_class=10)
    held_out = len(few.validation) + len(few.tests["sample"])
    assert on_vectors("none", "logit-adjustment", "gaussian") == {
        name: read(2 * 30 + held_out) for name in ("large", "mini")
    }
    plain = 2 * 30 + held_out  # the rows of two draws
    assert on_vectors("more-real", "keyboard") == {name: read(plain + 2 * (30 + 30)) for name in ("large", "mini")}
    # Fill-mask makes the rows of a seed once, for both encoders.
    filled = on_vectors("fillmask-static")
    assert filled == {"large": read(plain + 2 * 30), "mini": read(plain + 2 * 30 + 2 * MADE * 30)}
    pool = 3 * 24
    assert on_vectors("retrieve")["large"] == read(plain + 2 * 30 + pool), "the pool is the same for both seeds"


def test_an_encoder_that_learns_the_texts_first_counts_once():
    learns = {"learns": {"pretraining": {"epochs": 2.0, "batch_size": 24}}}
    once = Load(steps=6, trained=6 * 24 * LONG)  # 72 texts in three batches, twice
    plain = on_vectors("none")["large"]
    assert on_vectors(learns)["large"] == once.plus(plain)
    assert on_vectors("none", learns)["large"] == once.plus(plain).plus(plain), "its vectors are others"


def test_a_baseline_without_an_encoder_counts_nothing():
    assert loads("tfidf-svm") == {}


def test_few_rows_are_a_batch_as_long_as_the_longest():
    lengths = np.array([5, 9, 30])
    assert _tokens_of_a_batch(lengths, 3, 16) == 3 * 32
    assert _tokens_of_a_batch(lengths, 3, 1) == pytest.approx((8 + 16 + 32) / 3)


def test_the_seconds_are_those_of_the_start_of_each_cell_and_of_the_models():
    speeds = {"mini": Speed(0.1, 0.01, 0.001), "large": Speed(1.0, 0.1, 0.01)}
    both = {"mini": Load(10, 100, 1000), "large": Load(read=400)}
    assert seconds(both, speeds, cells=6, jobs=2) == pytest.approx(START + 3 * EACH_CELL + (1 + 1 + 1 + 4) / 2)
    assert seconds({}, {}, cells=1, jobs=4) == START + EACH_CELL
    assert seconds({}, {}, cells=0, jobs=2) == 0


def test_an_estimate_measures_each_model_once(monkeypatch):
    measured = []

    def fast(model, config, tasks, jobs):
        measured.append(model)
        return Speed(0.0, 0.0, 0.01), [TOKENS[model, 0]]

    monkeypatch.setattr(forecast, "_measured", fast)
    found = estimated(laid_out("none", "fillmask-static", seeds=2), [task()], Results(Path("results.jsonl")), 2)
    assert measured == ["large", "mini"]
    passes = 2 * TRAINED.read + (2 * 50 + MADE * LACKING) * LONG
    assert found == pytest.approx(START + 2 * EACH_CELL + passes / 100)


def test_a_model_is_measured_in_steps_and_tokens():
    cell = laid_out("none", encoder="mini")[0]
    speed, (tokens,) = _measured("mini", cell.config, [task()], 1)
    assert min(speed.trained, speed.read) > 0
    assert set(tokens.train.tolist()) <= {4, 5, 6}  # two special tokens, a word, and a number in up to three parts
    assert tokens.held_out == 8


def test_no_more_models_are_timed_than_there_are_cores(monkeypatch):
    made = []
    monkeypatch.setattr("classifiers.training.run.new_model", lambda *arguments: made.append(1) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _measured("mini", laid_out("none", encoder="mini")[0].config, [task()], 10**6)
    assert len(made) <= (os.cpu_count() or 1)


@pytest.mark.parametrize("arm", ["none", "r-drop", "random", "fillmask-static", "fillmask-guarded", "fillmask-cure"])
def test_recorded_cells_are_within_a_factor_of_two(arm):
    # One speed for all: that of the machine of these results, on which a step on 32 rows took .57 s.
    speed = Speed(0.05, 4.6e-4, 1.1e-4)
    found = results.read(RESULTS / "imbalance")
    settings = {key: value for key, value in found.suite.items() if key in ("training", "evaluations")}
    tests = {fingerprint: len(unpacked(test["codes"])) for fingerprint, test in found.tests.items()}
    done = [record for record in found.cells.values() if record["arm"] == arm]
    for title in sorted({line["task"] for line in done}):
        own = [line for line in done if line["task"] == title]
        train, held_out = own[0]["rows"]["train"], sum(own[0]["rows"]["validation"].values())
        labels = tuple(label for label, count in train.items() for _ in range(count))
        rows = LabelledRows(tuple(f"text {i}" for i in range(len(labels))), labels)
        of_tests = {name: rows.taken([0] * tests[own[0]["data"]["tests"][name]]) for name in own[0]["tests"]}
        like = TaskData(Task(name="sample"), ("neutral",), rows, rows.taken([0] * held_out), of_tests, {})
        suite = Suite(name="own", tasks=["sample"], arms=[arm], seeds=1, **settings)
        laid = list(cells(suite, [like], resolve([arm], {}), seeds=1, device="cpu"))
        lengths = {("mini", 0): TextLengths(np.full(len(labels), 26), 32)}
        estimate = seconds(work(laid, [like], lengths), {"mini": speed}, 1, 1)
        assert 0.5 < estimate / median(line["seconds"] for line in own) < 2, title


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


def test_a_damaged_record_of_a_cell_is_told_with_its_file(tmp_path):
    earlier = Results(path=tmp_path / "results.jsonl")
    earlier.cells["any"] = {"status": "done", "encoder": "mini"}
    with pytest.raises(InputError, match=r"results\.jsonl: does not hold what belongs there \(KeyError: 'model'\)"):
        Pace.of(earlier, jobs=1)
