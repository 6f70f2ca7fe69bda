"""Sources that a guard rules out: the counts stay exact, the run tells of them, and nothing but the time depends on how
it ran."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from augment.cli.entry import main
from augment.generation import loop
from augment.run.journal import Journal

FOOD = ("soup", "bread", "cake", "pasta", "cheese", "salad", "pie", "stew", "rice", "fish")
ROADS = ("train", "bus", "tram", "ferry", "taxi", "plane", "car", "bike", "truck", "boat")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The working folder. Every tenth row of the rare class is of the other one, by its words."""
    food = [f"The {one} was tasty and we ate {other} with it." for one in FOOD for other in FOOD[:3] if one != other]
    road = [f"The {one} left the station late behind the {other}." for one in ROADS for other in ROADS if one != other]
    rows = [*((text, "food") for text in [*food, *road[::30]]), *((text, "road") for text in road)]
    with open(tmp_path / "in.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "CHUNK", 32)
    return tmp_path


def upsample(output: str, *more: str) -> Result:
    command = ["upsample", "in.csv", "-o", output, "--strategy", "nlpaug:keyboard", "--sampling-strategy", "food=150"]
    return CliRunner().invoke(main, [*command, "--guard", "only:agreement:model=words", *more])


def sources(output: str) -> list[str]:
    with open(output, newline="") as file:
        return [row["source_row"] for row in csv.DictReader(file) if row["is_synthetic"].lower() == "true"]


def test_a_run_leaves_out_sources_that_the_teacher_contradicts_and_says_how_many():
    done = upsample("out.csv")
    assert done.exit_code == 0, done.output
    manifest = json.loads(Path("out.csv.manifest.json").read_text())
    left_out = manifest["left_out"]["agreement"]["food"]
    assert left_out == 3
    assert (manifest["counts_after"]["food"], manifest["missing"]) == (150, {})
    assert f"Sources left out, since a guard would reject most edits of them: {left_out} of 'food'" in done.stderr
    contradicted = {str(row) for row in range(27, 30)}
    assert contradicted.isdisjoint(sources("out.csv"))


def test_the_bytes_are_those_of_two_workers_and_of_a_run_that_was_interrupted_and_resumed(monkeypatch):
    assert upsample("one.csv").exit_code == 0
    assert upsample("two.csv", "--workers", "2").exit_code == 0
    append = Journal.append

    def interrupted(journal, outcome):
        if journal.chunks == 2:
            raise KeyboardInterrupt
        append(journal, outcome)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", interrupted)
        assert upsample("resumed.csv").exit_code != 0
    assert upsample("resumed.csv", "--resume").exit_code == 0
    one, two, resumed = (Path(f"{name}.csv").read_bytes() for name in ("one", "two", "resumed"))
    assert one == two == resumed
    records = [json.loads(Path(f"{name}.csv.manifest.json").read_text()) for name in ("one", "resumed")]
    assert records[0]["left_out"] == records[1]["left_out"]
