"""`benchmarks advise`: what is advised, measured on one's own rows."""

from __future__ import annotations

import csv
import re

import pytest
from click.testing import CliRunner
from made_maps import EDITED, arm, cell, written
from small_trainings import RARE

from benchmarks import results
from benchmarks.cli.entry import main
from benchmarks.results import Results
from benchmarks.run import advised_suite
from benchmarks.run.advised_suite import seeds_that_fit


@pytest.fixture
def place(tmp_path, monkeypatch, bert):
    """A folder with a file, and a map whose only data set is near and was measured with a tiny encoder."""
    monkeypatch.chdir(tmp_path)
    texts, labels = RARE
    with open("mail.csv", "w", newline="") as file:
        csv.writer(file).writerows([("body", "label"), *zip(texts, labels, strict=True)])
    rare = labels.count("neutral")
    tries = [arm("edits", 2.0, settings=EDITED), arm("llm-new", 9.0, needs=["llm"], settings={"rows": "llm-new"})]
    near = cell("one", rare, len(labels) - rare, tries, classes=2, encoder=str(bert))
    written(tmp_path / "map.json", near)
    return tmp_path


def measure(*options: str):
    line = ["advise", "mail.csv", "--map", "map.json", "--text-column", "body", "--device", "cpu", "--jobs", "1"]
    return CliRunner().invoke(main, [*line, *options])


def test_the_advised_arms_are_measured_and_the_same_command_goes_on(place, monkeypatch):
    monkeypatch.setattr(advised_suite, "LEAST_SEEDS", 1)
    monkeypatch.setattr(advised_suite, "MOST_SEEDS", 2)
    ended = measure("--minutes", "20", "-q")
    assert ended.exit_code == 0, ended.output
    found = results.read(place / "advised-mail")
    assert {record["arm"] for record in found.done.values()} == {"none", "logit-adjustment", "edits"}
    assert len(found.done) == 3 * 2
    (edited,) = {str(record["config"]["augmentation"]) for record in found.done.values() if record["arm"] == "edits"}
    assert "nlpaug:random_word" in edited
    first, second, last = ended.stdout.splitlines()
    what = r" points of macro-F1 \(95 % interval -?\d.* to .*\); the gap changes by .*\(Ten seeds are needed"
    assert re.match(r"logit-adjustment against none, 2 seeds: [+-]\d+\.\d" + what, first)
    assert re.match(r"edits against logit-adjustment, 2 seeds: [+-]\d+\.\d" + what, second)
    assert re.match(r"The test part has \d+ rows of the rare class", last)
    before = (place / "advised-mail" / "results.jsonl").read_bytes()
    again = measure("--minutes", "20", "-q")
    assert again.stdout == ended.stdout
    assert (place / "advised-mail" / "results.jsonl").read_bytes() == before


@pytest.mark.usefixtures("timed_in_a_blink")
def test_a_dry_run_and_a_file_that_cannot_be_split_write_nothing(place):
    there = sorted(place.iterdir())
    ended = measure("--dry-run")
    assert ended.exit_code == 0, ended.output
    assert "New rows pay: edits" in ended.stderr
    assert "6 cells" in ended.stdout
    (place / "mail.csv").write_text("body,label\n" + "\n".join(f"word{i} here,{'ab'[i > 2]}" for i in range(40)))
    ended = measure()
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert sorted(place.iterdir()) == there


def test_the_seeds_that_fit_follow_from_what_the_first_ones_took(tmp_path):
    taken = {"none": 10.0, "edits": 50.0}
    records = {
        ("t", "e", "h", "l", name, seed): {"arm": name, "seconds": seconds, "status": "done"}
        for name, seconds in taken.items()
        for seed in range(2)
    }
    found = Results(tmp_path, cells=records)
    assert seeds_that_fit(found, minutes=10, jobs=1, arms=[*taken]) == 10
    assert seeds_that_fit(found, minutes=10, jobs=2, arms=[*taken]) == 20
    assert seeds_that_fit(found, minutes=1, jobs=1, arms=[*taken]) == 2
