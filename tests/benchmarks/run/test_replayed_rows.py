"""The rows of a large language model are made again from the answers that are kept with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.grid import suite as suites
from benchmarks.grid.arms import resolve
from benchmarks.grid.cells import cells
from benchmarks.grid.kept_answers import FOLDER, kept_draws
from benchmarks.grid.suite import Suite, load_tasks
from benchmarks.run.added_rows import added_rows

DATA = Path(__file__).parents[4] / "shared" / "data"
OTHERS = [
    ({"name": "sst3", "train_rows": 2000, "ratio": 0.05, "label": "neutral"}, "sst3-rare-neutral"),
    ({"name": "airline", "per_class": 10}, "airline-10-per-class"),
]
"""Tasks with answers that the suite `few-shot` does not have: their training rows are compared with more test rows."""
FEW = ("sst3", "airline", "banking77", "clinc150")
here = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets of ../shared are not here")


def test_every_draw_has_its_answers_and_no_file_is_left_over():
    asked = {f"{draw.name}.{recipe}.jsonl" for draw in kept_draws().values() for recipe in draw.recipes}
    assert asked == {path.name for path in FOLDER.glob("*.jsonl")}


def few_shot(name: str, per_class: int):
    """Return a task of the suite `few-shot`."""
    suite = suites.read("few-shot")
    tasks = [task for task in suite.tasks if (task.name, task.per_class) == (name, per_class)]
    return load_tasks(suite.model_copy(update={"tasks": tasks}), DATA)[0]


@here
@pytest.mark.parametrize("per_class", [5, 10])
@pytest.mark.parametrize("name", FEW)
def test_every_seed_that_is_named_is_a_draw_of_the_suite(name, per_class):
    task = few_shot(name, per_class)
    named = {
        draw.seed: key
        for key, draw in kept_draws().items()
        if draw.name == f"{name}-{per_class}-per-class" and draw.sampling_strategy == "+46"
    }
    assert sorted(named) == list(range(len(named)))
    assert all(task.drawn(seed)[0].fingerprint == key for seed, key in named.items())


def replayed(task, arm: str, seed: int, folder: Path):
    suite = Suite(name="own", tasks=[task.task], tests=[], arms=["none", arm], first_seed=seed, seeds=1)
    found = [
        cell for cell in cells(suite, [task], resolve(suite.arms, {}), seeds=1, device="cpu") if cell.arm.name == arm
    ]
    assert len(found) == 1, "its answers are kept"
    rows = added_rows(found[0], task, folder).rows
    known = {*task.drawn(seed)[0].texts, *task.validation.texts, *task.test_texts}
    assert not known & set(rows.texts)
    assert len(set(rows.texts)) == len(rows)
    return rows


@here
@pytest.mark.parametrize(("per_class", "seed"), [(5, 3), (10, 0), (10, 2)])
@pytest.mark.parametrize("name", FEW)
def test_the_rows_of_a_few_shot_draw_are_replayed_and_none_is_a_row_of_the_data(name, per_class, seed, tmp_path):
    task = few_shot(name, per_class)
    rows = replayed(task, "llm-new", seed, tmp_path)
    assert set(rows.labels) == set(task.classes)
    # Short requests to an assistant ("thanks a lot") come twice in any two samples of them.
    fewest = 0.6 if name == "clinc150" else 0.85
    assert all(fewest * 46 <= rows.counts[label] <= 46 for label in task.classes), (
        "near copies of held-out rows are out"
    )


@here
@pytest.mark.parametrize("arm", ["llm-new", "llm-paraphrase"])
@pytest.mark.parametrize(("task", "name"), OTHERS, ids=[name for _, name in OTHERS])
def test_the_rows_of_the_other_draws_are_replayed(task, name, arm, tmp_path):
    suite = Suite(name="own", tasks=[task], tests=["dynasent-r1", "dynasent-r2"], arms=["none"])
    (data,) = load_tasks(suite, DATA)
    rows = replayed(data, arm, 0, tmp_path)
    wanted = {"neutral": 803} if name == "sst3-rare-neutral" else dict.fromkeys(data.classes, 50)
    assert all(0.9 * count <= rows.counts[label] <= count for label, count in wanted.items())
