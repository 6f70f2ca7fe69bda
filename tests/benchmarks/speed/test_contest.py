"""The competitors do the work that they are timed for, and the table follows from the runs."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from importlib import import_module

import numpy as np
import pytest
from click.testing import CliRunner

from augment.data.corpus import read
from augment.errors import CounterpoiseError, InputError
from augment.models.encoder import TextEncoder
from benchmarks.cli import measures
from benchmarks.cli.entry import main
from benchmarks.speed import encoding, fill_mask
from benchmarks.speed.contest import (
    Competitor,
    Contest,
    ContestOptions,
    Measured,
    Setting,
    alone,
    compare,
    elsewhere,
    losses,
    table,
)
from benchmarks.speed.encoding import EncodingSetting
from benchmarks.speed.fill_mask import FillMaskSetting, competitors

PEER = importlib.util.find_spec("sentence_transformers") is not None


@pytest.fixture
def asked(bert) -> ContestOptions:
    return ContestOptions(data="sample", label="neutral", model=str(bert), rows=60, threads=1)


def contests(module, asked):
    """Its contests, and what was said."""
    told: list[str] = []
    return module.contests(asked, told.append), told


def without_the_peer(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sentence_transformers" else found(name)
    )


def in_this_process(measure, setting, **options):
    """Stand in for `alone`, where what is measured is tested and not the memory it takes."""
    rows, seconds, before, *more = measure(setting, **options)
    return Measured(rows, seconds, before, 100.0, *more)


# The frame


def test_the_table_has_medians_of_rates_and_of_ratios_within_rounds():
    ours, peer = Competitor("ours", lambda setting: None), Competitor("peer", lambda setting: None)
    ours.runs = [Measured(100, seconds, 0, peak) for seconds, peak in ((1.0, 10), (2.0, 30), (4.0, 20))]
    peer.runs = [Measured(100, seconds, 0, 5) for seconds in (10.0, 10.5, 80.0)]
    assert table([ours, peer]) == [["ours", 50, 1.0, 30], ["peer", 10, 10.0, 5]]
    peer.runs = [Measured(100, seconds, 0, 5) for seconds in (1.0, 2.09, 4.5)]
    assert table([ours, peer])[1][2] == 1.04, "a few hundredths are seen"


def test_rounds_take_turns_and_every_run_is_told():
    order, told = [], []

    def measuring(name):
        return lambda setting: (order.append((name, setting.threads)), Measured(30, 2.0, 0, 1))[1]

    contest = Contest("race", "", "laps", Setting(threads=3), [Competitor(n, measuring(n)) for n in ("a", "b")])
    compare(contest, repeats=2, log=told.append)
    assert order == [("a", 3), ("b", 3)] * 2
    assert [len(competitor.runs) for competitor in contest.field_] == [2, 2]
    assert told[2] == "race, round 2: a: 15 laps/s"
    assert len(told) == 4


def made_nothing(setting):
    return 7, 2.0, 1.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system keeps them apart")
def test_a_process_of_its_own_is_not_charged_with_what_this_one_holds():
    held = np.ones(2**27)  # one GiB
    measured = alone(made_nothing, Setting(threads=1))
    assert held.nbytes / 2**20 > 1000
    assert (measured.rows, measured.seconds, measured.before) == (7, 2.0, 1.0)
    assert 20 < measured.peak_mb < 900


def test_a_peer_that_is_ended_from_outside_is_not_blamed_on_what_it_wrote(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho a warning >&2\nkill -9 $$\n")
    python.chmod(0o755)
    with pytest.raises(InputError, match=r"peer cannot be measured with .*: it was ended by SIGKILL\. Give an inter"):
        elsewhere(tmp_path / "script", str(python), {}, name="peer", needs="it")


# Fill-mask


@pytest.fixture
def setting(asked) -> FillMaskSetting:
    ((contest,), told) = contests(fill_mask, asked)
    assert told == []
    assert contest.name == "fillmask"
    assert [competitor.name for competitor in contest.field_] == [competitor.name for competitor in competitors()]
    return contest.setting


def test_sources_are_of_the_class_and_guards_see_the_whole_input(setting):
    corpus = read("sample")
    labelled = list(zip(corpus.texts, corpus.named_labels(), strict=True))
    assert list(setting.labelled) == labelled
    assert list(setting.texts) == [text for text, label in labelled if label == "neutral"]


@pytest.mark.parametrize("guards", [("fluency:least=-1",), ("none",), ("fluency:least=-1", "similarity:low=-1,high=1")])
def test_ours_makes_the_rows_it_is_timed_for(setting, guards):
    begun = time.perf_counter()
    made, seconds, before, _, at_least = fill_mask._fill_mask(setting, guards, {}, 16, "float32", 1)
    assert made == setting.rows
    assert 0 < seconds < time.perf_counter() - begun
    assert before > 0
    assert at_least > 0


@pytest.mark.parametrize("masks", ["one", "share"])
def test_the_pipeline_fills_every_row(setting, masks):
    made, seconds, _ = fill_mask._pipeline(setting, "float32", masks)
    assert made == setting.rows
    assert seconds > 0


def test_an_interpreter_that_cannot_run_the_peer_is_told_of(setting):
    for python in (sys.executable + "-that-is-not-there", "/bin/false"):
        with pytest.raises(InputError, match=r"nlpaug cannot be measured with .* transformers 4"):
            fill_mask.nlpaug(setting, python=python)


def test_nlpaug_takes_part_only_where_an_interpreter_is_given():
    assert not [c for c in competitors() if "nlpaug" in c.name]
    assert [c.name for c in competitors((8, 64), "python")][:2] == ["fillmask, batch size 8", "fillmask, batch size 64"]
    assert [c for c in competitors(peer_python="python") if "nlpaug" in c.name]


def test_an_unknown_class_is_told_in_one_line():
    done = CliRunner().invoke(main, ["throughput", "--label", "neutrall"])
    assert done.exit_code == 2
    assert "no row of class 'neutrall'" in done.stderr
    assert done.stderr.count("\n") == 1


# Encoding


def test_texts_are_taken_in_order_and_again_where_there_are_too_few(asked, monkeypatch):
    without_the_peer(monkeypatch)
    texts = read("sample").texts
    found, _ = contests(encoding, ContestOptions(**{**vars(asked), "rows": 700}))
    assert [contest.setting.batch_size for contest in found] == [32, 64]
    assert [list(contest.setting.texts) for contest in found] == [(list(texts) * 3)[:700]] * 2
    found, _ = contests(encoding, ContestOptions(**{**vars(asked), "batch_sizes": (5,)}))
    assert [(len(contest.setting.texts), contest.setting.batch_size) for contest in found] == [(60, 5)]


def test_ours_runs_alone_without_the_peer_and_how_to_get_it_is_told_once(asked, monkeypatch):
    without_the_peer(monkeypatch)
    found, told = contests(encoding, asked)
    assert [[competitor.name for competitor in contest.field_] for contest in found] == [["TextEncoder"]] * 2
    (line,) = told
    assert "pip install 'counterpoise[peers]'" in line
    assert "`encoder_python`" in line


def test_ours_encodes_the_texts_that_it_is_timed_for(asked, monkeypatch):
    without_the_peer(monkeypatch)
    found, _ = contests(encoding, asked)
    encoded = []
    encode = TextEncoder.encode

    def spied(self, texts, **more):
        vectors = encode(self, texts, **more)
        encoded.append((len(texts), vectors.shape[0], self.batch_size, self.dtype, self.pooling, self.normalize))
        return vectors

    monkeypatch.setattr(TextEncoder, "encode", spied)
    begun = time.perf_counter()
    made, seconds, before, _, _ = encoding._encoding(found[0].setting)
    assert made == 60
    assert 0 < seconds < time.perf_counter() - begun
    assert before > 0
    assert encoded == [(60, 60, 32, "float32", "mean", False)] * 2, "once to warm up, once on the clock"


def test_an_interpreter_that_cannot_run_sentence_transformers_is_told_of(asked):
    for python in (sys.executable + "-that-is-not-there", "/bin/false"):
        with pytest.raises(
            InputError, match=r"sentence-transformers cannot be measured with .* sentence-transformers 5"
        ):
            contests(encoding, ContestOptions(**{**vars(asked), "encoder_python": python}))


def vectors_of_a_peer(monkeypatch, shift):
    """Stand in for the other interpreter with our own vectors, shifted."""

    def measured(setting, *, python, vectors=None):
        made = encoding._encoder(setting).encode(setting.texts)
        made[3, 5] += shift
        np.save(vectors, made)

    monkeypatch.setattr(encoding, "sentence_transformers", measured)


def test_vectors_that_agree_are_said_to(asked, monkeypatch):
    vectors_of_a_peer(monkeypatch, 5e-5)
    found, told = contests(encoding, ContestOptions(**{**vars(asked), "encoder_python": "python"}))
    assert told == ["encoding: the vectors of 60 texts differ by 5.0e-05 at most."]
    assert [competitor.name for competitor in found[1].field_] == ["TextEncoder", "sentence-transformers"]


@pytest.mark.parametrize("shift", [2e-4, float("nan")])
def test_what_does_not_give_the_same_vectors_is_not_timed(asked, monkeypatch, shift):
    vectors_of_a_peer(monkeypatch, shift)
    with pytest.raises(CounterpoiseError, match="the two do not do the same work"):
        contests(encoding, ContestOptions(**{**vars(asked), "encoder_python": "python"}))


@pytest.mark.numeric
@pytest.mark.skipif(not PEER, reason="sentence-transformers is not installed")
def test_sentence_transformers_gives_the_same_vectors(monkeypatch):
    runs, measure = [], encoding.sentence_transformers
    monkeypatch.setattr(encoding, "sentence_transformers", lambda *given, **how: runs.append(measure(*given, **how)))
    setting = EncodingSetting(texts=tuple(read("sample").texts[:40]), model="mini", batch_size=7, threads=1)
    assert 0 < encoding.largest_difference(setting, python=sys.executable) < 1e-5
    (measured,) = runs
    assert measured.rows == 40
    assert measured.peak_mb > 100


# The command


def run(*arguments):
    return CliRunner().invoke(main, ["throughput", *arguments])


def test_an_encoder_without_a_masked_lm_head_takes_part_in_what_it_can_do(bert, tmp_path, monkeypatch):
    from transformers import AutoModel, AutoTokenizer

    without_the_peer(monkeypatch)
    monkeypatch.setattr(encoding, "alone", in_this_process)
    monkeypatch.setattr(measures, "CONTESTS", {name: measures.CONTESTS[name] for name in ("fillmask", "encoding")})
    AutoModel.from_pretrained(bert).save_pretrained(tmp_path / "encoder")
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path / "encoder")
    options = ["--model", str(tmp_path / "encoder"), "--rows", "20", "--repeats", "1", "--json"]
    done = run(*options, "--batch-size", "8")
    assert done.exit_code == 0, done.stderr
    assert "fillmask is left out. The model" in done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["encoding, batch size 8"]
    (measured,) = found["encoding, batch size 8"]["TextEncoder"]
    assert measured["rows"] == 20
    assert measured["seconds"] > 0
    refused = run(*options, "--of", "fillmask")
    assert refused.exit_code == 2
    assert "is not a masked language model" in refused.stderr


def test_a_model_that_there_is_not_is_told_in_one_line(tmp_path):
    done = run("--model", str(tmp_path / "none"))
    assert done.exit_code == 2
    assert "There is no model folder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_table_of_a_contest_is_shown(bert, monkeypatch):
    without_the_peer(monkeypatch)
    monkeypatch.setattr(encoding, "alone", in_this_process)
    done = run("--of", "encoding", "--model", str(bert), "--rows", "20", "--repeats", "1", "--batch-size", "8")
    assert done.exit_code == 0, done.stderr
    assert "texts/s" in done.stdout
    assert "TextEncoder" in done.stdout
    assert "encoding, batch size 8, round 1: TextEncoder:" in done.stderr


@pytest.mark.slow
def test_the_command_measures_everyone_and_gives_every_run(bert):
    options = ["--of", "fillmask", "--of", "encoding", "--model", str(bert), "--rows", "40", "--repeats", "2"]
    done = run(*options, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [name.split(",")[0] for name in found] == ["fillmask", "encoding", "encoding"]
    assert len(found["fillmask"]) == len(competitors())
    for field in found.values():
        for runs in field.values():
            assert [run["rows"] for run in runs] == [40, 40]
            assert all(run["seconds"] > 0 and run["peak_mb"] > 100 for run in runs)


def test_every_contest_is_offered_by_name_and_can_be_put_together():
    refused = run("--of", "nothing")
    assert refused.exit_code == 2
    for name, module in measures.CONTESTS.items():
        assert repr(name) in refused.stderr
        assert callable(import_module(module).contests)


# Training


@pytest.mark.numeric
def test_ours_and_the_stock_trainer_train_the_same_rows_and_tell_of_their_losses(bert, monkeypatch):
    from benchmarks.speed import training

    monkeypatch.setattr(training, "alone", in_this_process)
    asked = ContestOptions(data="sample", label="neutral", model=str(bert), rows=330, threads=1, batch_sizes=(16,))
    (contest,), _ = contests(training, asked)
    assert [len(contest.setting.texts), contest.setting.batch_size] == [330, 16]
    compare(contest, repeats=1)
    for competitor in contest.field_:
        (run,) = competitor.runs
        assert run.rows == 330
        assert run.seconds > 0
        assert 0.5 < run.losses[0] < 2
    parts = losses(contest.field_)
    assert [row[0] for row in parts] == [competitor.name for competitor in contest.field_]
    assert abs(float(parts[0][1]) - float(parts[1][1])) < 0.3


def test_rows_of_one_class_are_no_training(tmp_path, bert):
    from benchmarks.speed import training

    (tmp_path / "one.csv").write_text("text,label\na good day,x\n,y\n")
    asked = ContestOptions(data=str(tmp_path / "one.csv"), label="x", model=str(bert), rows=10, threads=1)
    with pytest.raises(InputError, match="fewer than two classes"):
        contests(training, asked)
