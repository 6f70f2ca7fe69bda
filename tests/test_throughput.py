"""The competitors do the work that they are timed for, and the table follows from the runs."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from augment.corpus import read
from augment.errors import InputError
from benchmarks import throughput
from benchmarks.cli import main
from benchmarks.throughput import Competitor, Measured, Setting, competitors, table


@pytest.fixture
def setting(bert) -> Setting:
    corpus = read("sample")
    labelled = tuple(zip(corpus.texts, corpus.named_labels(), strict=True))
    texts = tuple(text for text, label in labelled if label == "neutral")
    return Setting(texts=texts, label="neutral", labelled=labelled, model=str(bert), rows=60, threads=1)


@pytest.mark.parametrize("guards", [None, ("none",), ("similarity:low=-1,high=1",)])
def test_ours_makes_the_rows_it_is_timed_for(setting, guards):
    made, seconds, before = throughput._fill_mask(setting, guards, 4, 16, "auto", 1)
    assert made == setting.rows
    assert 0 < seconds < 60
    assert before > 0


@pytest.mark.parametrize("masks", ["one", "share"])
def test_the_pipeline_fills_every_row(setting, masks):
    made, seconds, _ = throughput._pipeline(setting, "float32", masks)
    assert made == setting.rows
    assert seconds > 0


def test_the_table_has_medians_of_rates_and_of_ratios_within_rounds():
    ours, peer = Competitor("ours", lambda setting: None), Competitor("peer", lambda setting: None)
    ours.runs = [Measured(100, seconds, 0, peak) for seconds, peak in ((1.0, 10), (2.0, 30), (4.0, 20))]
    peer.runs = [Measured(100, seconds, 0, 5) for seconds in (10.0, 10.0, 80.0)]
    assert table([ours, peer]) == [["ours", 50, 1.0, 30], ["peer", 10, 10.0, 5]]


def test_an_interpreter_that_cannot_run_the_peer_is_told_of(setting):
    for python in (sys.executable + "-that-is-not-there", "/bin/false"):
        with pytest.raises(InputError, match=r"nlpaug cannot be measured with .* transformers 4"):
            throughput.nlpaug(setting, python=python)


def test_nlpaug_takes_part_only_where_an_interpreter_is_given():
    assert not [c for c in competitors() if "nlpaug" in c.name]
    assert [c.name for c in competitors((8, 64), "python")][:2] == ["fillmask, batch size 8", "fillmask, batch size 64"]
    assert [c for c in competitors(peer_python="python") if "nlpaug" in c.name]


def test_an_unknown_class_is_told_in_one_line():
    done = CliRunner().invoke(main, ["throughput", "--label", "neutrall"])
    assert done.exit_code == 2
    assert "no row of class 'neutrall'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_command_measures_everyone_and_gives_every_run(bert):
    arguments = ["throughput", "--model", str(bert), "--rows", "40", "--repeats", "2", "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(competitors())
    for runs in found.values():
        assert [run["rows"] for run in runs] == [40, 40]
        assert all(run["seconds"] > 0 and run["peak_mb"] > 100 for run in runs)
