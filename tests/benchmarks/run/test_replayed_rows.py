"""The rows of a large language model are made again from the answers that are kept with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.grid.arms import resolve
from benchmarks.grid.cells import cells
from benchmarks.grid.kept_answers import FOLDER, kept_draws
from benchmarks.grid.suite import Suite, load_tasks
from benchmarks.run.added_rows import added_rows

DATA = Path(__file__).parents[4] / "shared" / "data"
DRAWN = {
    "sst3-rare-neutral": {"name": "sst3", "train_rows": 2000, "ratio": 0.05, "label": "neutral"},
    "sst3-10-per-class": {"name": "sst3", "per_class": 10},
    "airline-10-per-class": {"name": "airline", "per_class": 10},
    "banking77-10-per-class": {"name": "banking77", "per_class": 10, "classes": 20},
    "clinc150-10-per-class": {"name": "clinc150", "per_class": 10, "classes": 20},
}
TESTS = ["dynasent-r1", "dynasent-r2"]


def test_every_draw_has_the_answers_of_both_recipes():
    names = {draw.name for draw in kept_draws().values()}
    assert names == set(DRAWN)
    files = {path.name for path in FOLDER.glob("*.jsonl")}
    assert files == {f"{name}.{recipe}.jsonl" for name in names for recipe in ("new", "paraphrase")}


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets of ../shared are not here")
@pytest.mark.parametrize("arm", ["llm-new", "llm-paraphrase"])
@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_rows_of_a_draw_are_replayed_and_none_is_a_row_of_the_data(name, arm):
    tests = TESTS if name.startswith(("sst3", "airline")) else []
    suite = Suite(name="own", tasks=[DRAWN[name]], tests=tests, arms=["none", arm], seeds=2)
    (task,) = load_tasks(suite, DATA)
    found = list(cells(suite, [task], resolve(suite.arms, {}), seeds=2, device="cpu"))
    assert [(cell.arm.name, cell.seed) for cell in found] == [("none", 0), (arm, 0), ("none", 1)]
    train, reserve = task.drawn(0)
    rows = added_rows(found[1], task, train, reserve)
    wanted = {"neutral": 803} if name == "sst3-rare-neutral" else dict.fromkeys(task.classes, 50)
    assert set(rows.labels) == set(wanted)
    # Short requests to an assistant ("thanks a lot") come twice in any two samples of them.
    fewest = 0.6 if name.startswith("clinc150") else 0.9
    assert all(fewest * count <= rows.counts[label] <= count for label, count in wanted.items()), "near copies"
    known = {*train.texts, *task.validation.texts, *task.test_texts}
    assert not known & set(rows.texts)
    assert len(set(rows.texts)) == len(rows)
