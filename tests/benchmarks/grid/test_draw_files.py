"""`benchmarks draw`: the rows of a seed as a file, exactly those that its cells train on."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from augment.data import read
from augment.data.corpus import read_texts
from benchmarks.cli.entry import main
from benchmarks.grid import suite as suites
from benchmarks.grid.draw_files import find_task
from benchmarks.grid.sources import LabelledRows


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of three classes, some of whose texts are hard to write as csv."""
    monkeypatch.chdir(tmp_path)
    ends = (' "so"', "; a, b", "\nand on", " naïve 🎈", " ", "")
    lines = []
    for name, count in (("no", 80), ("so", 40), ("yes", 80)):
        for number in range(count):
            letters = hashlib.sha256(f"{name} {number}".encode()).hexdigest()  # so that no two texts are near copies
            words = " ".join(letters[i : i + 5] for i in range(0, 40, 5))
            lines.append({"text": words + ends[number % 6], "label": name})
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def drawn(*words: object, code: int = 0) -> str:
    ended = CliRunner().invoke(main, ["draw", *map(str, words)])
    assert ended.exit_code == code, ended.output
    return ended.output


FEW = ("--param", "per_class=6", "--param", "classes=2", "--param", "pool=left-out")


def test_the_rows_and_the_pool_are_those_of_the_cells(own):
    said = drawn(f"csv:{own}", *FEW, "--seed", 3, "-o", "rows.csv", "--pool", "pool.csv")
    data = find_task(f"csv:{own}", {"per_class": 6, "classes": 2, "pool": "left-out"}, None, None)
    train, _ = data.drawn(3)
    corpus = read("rows.csv")
    assert LabelledRows(tuple(corpus.texts), tuple(corpus.named_labels())).fingerprint == train.fingerprint
    assert tuple(read_texts("pool.csv")) == data.pool(3)
    assert "12 rows of 2 classes: rows.csv" in said
    assert f"{len(data.pool(3))} texts without labels: pool.csv" in said
    assert f"have {train.fingerprint} as data.drawn" in said


def test_a_task_of_a_suite_is_read_as_its_cells_see_it(own):
    tasks = [{"name": f"csv:{own}", "per_class": n} for n in (5, 6)]
    Path("mine.yaml").write_text(yaml.safe_dump({"tasks": tasks, "arms": ["none"], "tests": []}))
    data = suites.load_tasks(suites.read("mine.yaml"), None)[1]
    drawn("mine.yaml", "--task", data.title, "-o", "rows.csv", "-q")
    assert tuple(read("rows.csv").texts) == data.drawn(0)[0].texts
    assert "has several tasks. Give one as --task: 'csv:" in drawn("mine.yaml", "-o", "other.csv", code=2)
    assert "has no task 'other'" in drawn("mine.yaml", "--task", "other", "-o", "other.csv", code=2)
    assert "so --param have no effect" in drawn("mine.yaml", *FEW, "-o", "other.csv", code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bankin77", "-o", "a.csv"], "There is no task or suite 'bankin77'.*Did you mean 'banking77'"),
        (["csv:absent.csv", "-o", "a.csv"], "absent.csv: no such file"),
        (["sample", "--param", "per_clas=3", "-o", "a.csv"], "The task 'sample' has no key 'per_clas'"),
        (["sample", "--param", "per_class=many", "-o", "a.csv"], "'per_class' must be a whole number"),
        (["sample", "--param", "per_class=[3", "-o", "a.csv"], "is not plain YAML"),
        (["sample", "--param", "per_class=3", "--param", "train_rows=20", "-o", "a.csv"], "which draw the same rows"),
        (["sample", "--param", "classes=9", "-o", "a.csv"], "has 3 classes, and 'classes' draws 9"),
        (["sample", "--param", "per_class=3", "-o", "a.csv", "--pool", "b.csv"], "has no pool"),
        (["sample", *FEW, "-o", "a.csv", "--pool", "./a.csv"], "is named for the rows and for the pool"),
        (["csv:", "-o", "a.csv"], "The task 'csv:' needs a file"),
        (["sample", "--task", "sample", "-o", "a.csv"], "'sample' is not a suite, so --task has no effect"),
        (["sample", "--text-column", "words", "-o", "a.csv"], "no task is such a file"),
        (["sample", "-o", "nosuch/a.csv"], "the folder nosuch does not exist"),
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    said = drawn(*words, code=2)
    assert len(said.strip().splitlines()) == 1
    assert re.search(message, said), said
    assert not list(tmp_path.iterdir())


def test_files_are_replaced_on_request_alone(own):
    drawn(f"csv:{own}", *FEW, "-o", "rows.csv", "-q")
    before = Path("rows.csv").read_bytes()
    assert "rows.csv: exists already; give --overwrite" in drawn(f"csv:{own}", *FEW, "-o", "rows.csv", code=2)
    drawn(f"csv:{own}", *FEW, "--seed", 1, "-o", "rows.csv", "--overwrite")
    assert Path("rows.csv").read_bytes() != before


def test_formulas_are_made_harmless_on_request(own):
    lines = [json.dumps({"text": f"=SUM({n};{n})", "label": "no" if n % 2 else "so"}) for n in range(40)]
    own.write_text("\n".join(lines))
    few = ("--param", "per_class=6", "--param", "pool=left-out")
    drawn(f"csv:{own}", *few, "-o", "rows.csv", "--pool", "pool.csv", "--csv-safe", "-q")
    assert all(text.startswith("'=SUM(") for text in (*read("rows.csv").texts, *read_texts("pool.csv")))
    assert "--csv-safe is for csv and tsv files" in drawn(f"csv:{own}", *few, "-o", "rows.jsonl", "--csv-safe", code=2)
