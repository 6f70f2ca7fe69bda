"""`benchmarks run`: every kind of arm, equal steps, what fails, what is resumed, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from rich.console import Console

from augment.words import folded
from benchmarks import results
from benchmarks.cli import live
from benchmarks.cli.entry import main
from benchmarks.grid.arms import BUILT_IN, resolve
from benchmarks.grid.cells import cells
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Suite
from benchmarks.grid.tasks import load
from benchmarks.results import unpacked
from benchmarks.run.added_rows import added_rows
from benchmarks.run.cell import failure, measure
from classifiers.metrics import scores

COMMAND = Path(sys.executable).parent / "benchmarks"
WHO = ("the doctor", "my sister", "the waiter", "our guide", "the old man", "the staff", "a neighbour", "the driver")
DID = {
    "negative": ("hated", "left", "forgot", "broke"),
    "neutral": ("opened", "closed", "saw", "asked for"),
    "positive": ("loved", "enjoyed", "adored", "praised"),
}
WORDS = [
    "shop",
    "harbour",
    "book",
    "sea",
    "bus",
    "station",
    "room",
    "story",
    "house",
    "table",
    "window",
    "music",
    "square",
    "view",
    "tower",
    "garden",
    "river",
]
ARMS = ["none", "random", "r-drop", "redrawn", "wrong-label", "real", "tfidf-svm", "crt", "light-smote", "broken"]
OWN_ARMS = {
    "redrawn": {
        "training": {
            "augmentation": {
                "mode": "redraw",
                "strategy": "fillmask",
                "parameters": {"where": "any", "likeness": 0, "choose": 1},
                "variants": 4,
                "guards": ["none"],
            },
            "synthetic_weight": 0.5,
            "real_only": 0.25,
        }
    },
    "broken": {"training": {"augmentation": {"strategy": "fillmask", "parameters": {"model": "/nowhere/at-all"}}}},
    "light-smote": {"training": {"augmentation": {"mode": "features", "strategy": "smote"}, "synthetic_weight": 0.5}},
}
IN_FEATURE_SPACE = ("crt", "light-smote")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train, dev and test, whose verbs give the class away."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    every = [
        (f"{who} {verb} the {' '.join(rng.choice(WORDS, 8))} .", label)
        for label, verbs in DID.items()
        for who in WHO
        for verb in verbs
        for _ in range(5)
    ]
    every = [every[i] for i in rng.permutation(len(every))]
    for split, start, end in (("train", 0, 300), ("dev", 300, 360), ("test", 360, 450)):
        with (folder / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *every[start:end]])
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, bert: Path) -> Path:
    """The folder of an encoder of this module's own."""
    return shutil.copytree(bert, tmp_path_factory.mktemp("encoder") / "bert")


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory, data: Path, encoder: Path) -> Path:
    suite = {
        "tasks": [{"name": f"csv:{data}", "ratio": 0.4, "label": "neutral"}],
        "encoders": [str(encoder)],
        "arms": [arm for arm in ARMS if arm not in OWN_ARMS],
        "seeds": 2,
        "evaluations": 2,
        "training": {
            "epochs": 2.0,
            "learning_rate": 3e-3,
            "dtype": "float32",
            "batch_size": 32,
            "train_sample": 100,
        },
    }
    path = tmp_path_factory.mktemp("suite") / "own.yaml"
    path.write_text(yaml.safe_dump(suite))
    path.with_name("arms.yaml").write_text(yaml.safe_dump(OWN_ARMS))
    return path


def run(suite_file: Path, out: Path, *options: str):
    arms = ["--suite", str(suite_file), "--arm-file", str(suite_file.with_name("arms.yaml"))]
    return CliRunner().invoke(main, ["run", *arms, "--out", str(out), "--jobs", "2", "--device", "cpu", *options])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, suite_file: Path) -> tuple[Path, object]:
    """A run of every arm with two seeds, one of which cannot work."""
    out = tmp_path_factory.mktemp("results")
    return out, run(suite_file, out, "--arms", ",".join(ARMS))


def records(out: Path) -> dict[tuple[str, int], dict]:
    return {(r["arm"], r["seed"]): r for r in results.read(out).cells.values()}


def test_every_arm_is_measured_and_the_one_that_fails_is_recorded_and_ends_the_run_with_1(done):
    out, ended = done
    assert ended.exit_code == 1
    assert "2 of 20 cells have failed" in ended.output
    assert "· broken · seed 0: There is no model folder '/nowhere/at-all'" in ended.output
    found = records(out)
    assert set(found) == {(arm, seed) for arm in ARMS for seed in (0, 1)}
    assert {arm for (arm, _), record in found.items() if record["status"] == "failed"} == {"broken"}
    assert sorted(path.name for path in out.iterdir()) == [results.FILE]


@pytest.mark.numeric
def test_what_a_cell_records_follows_from_its_predictions(done):
    out, _ = done
    found = results.read(out)
    for record in found.done.values():
        (name,) = record["tests"]
        truth, predicted = found.truth(record, name), unpacked(record["predicted"][name])
        sure = np.eye(3)[predicted]
        again = scores(sure, truth, record["classes"])
        assert record["tests"][name]["macro_f1"] == pytest.approx(again.macro_f1, abs=1e-6)
        assert record["tests"][name]["accuracy"] == pytest.approx(again.accuracy, abs=1e-6)
        best = record["best"]
        assert best["gap"] == pytest.approx(
            100 * (best["train"]["macro_f1"] - best["validation"]["macro_f1"]), abs=1e-4
        )
        assert record["peak_mb"] > 100
        assert record["seconds"] > 0
        assert {"torch", "transformers", "counterpoise"} <= set(record["versions"])


def test_arms_take_equal_steps_and_the_gap_is_of_the_same_rows(done):
    found = {key: record for key, record in records(done[0]).items() if record["status"] == "done"}
    texts_only = [r for (arm, _), r in found.items() if arm not in ("tfidf-svm", *IN_FEATURE_SPACE)]
    assert {tuple(point[1] for point in record["curve"]) for record in texts_only} == {(8, 16)}
    for seed in (0, 1):
        supports = [r["best"]["train"]["support"] for (_, s), r in found.items() if s == seed]
        assert sum(supports[0].values()) == 100
        assert all(support == supports[0] for support in supports)
    assert found["none", 0]["data"]["drawn"] != found["none", 1]["data"]["drawn"]


@pytest.mark.numeric
def test_arms_make_the_rows_that_they_should(done):
    found = records(done[0])
    counts = found["none", 0]["rows"]["train"]
    budget = {name: max(counts.values()) - count for name, count in counts.items() if count < max(counts.values())}
    for arm in ("random", "light-smote"):
        made = {name: n for name, n in found[arm, 0]["made"]["made"].items() if n}
        assert made == {name: n for name, n in budget.items() if n}
    assert found["redrawn", 0]["made"]["sets"] == 2
    assert found["none", 0]["made"]["made"] == {}
    assert found["wrong-label", 0]["made"]["made"] == budget  # of 10 seeds no filling came near a held-out row
    real = found["real", 0]["made"]["made"]
    assert 0 < sum(real.values()) == found["real", 0]["best"]["synthetic"]["rows"]
    assert all(real[name] <= budget[name] for name in real)


class Reached(Exception):
    """Ends a training before its first step."""


def given_to_the_training(monkeypatch, cell, task, folder):
    """The rows that a cell hands to its training: those of the task, and those that were added."""

    def caught(config, data, *others, **more):
        raise Reached(data)

    with monkeypatch.context() as patch:
        patch.setattr("classifiers.training.run.train", caught)
        with pytest.raises(Reached) as reached:
            measure(cell, task, folder, keep=False)
    (corpus,) = reached.value.args
    whole = list(zip(corpus.texts, corpus.named_labels(), corpus.is_synthetic.tolist(), strict=True))
    return tuple(
        LabelledRows(
            tuple(text for text, _, new in whole if new is made), tuple(label for _, label, new in whole if new is made)
        )
        for made in (False, True)
    )


@pytest.mark.numeric
def test_the_rows_of_the_controls_reach_the_training(done, suite_file, tmp_path, monkeypatch):
    """Their number, labels and content are compared, and no score: what a tiny model learns follows the processor."""
    found = records(done[0])
    suite = Suite(name="own", **yaml.safe_load(suite_file.read_text()))
    task = load(suite.tasks[0], None)
    added = {}
    for cell in cells(suite, [task], resolve(["none", "wrong-label", "real"], {}), seeds=2, device="cpu"):
        record, (train, _) = found[cell.arm.name, cell.seed], task.drawn(cell.seed)
        given, more = given_to_the_training(monkeypatch, cell, task, tmp_path)
        assert given.fingerprint == train.fingerprint == record["data"]["drawn"]
        assert more.fingerprint == added_rows(cell, task, tmp_path / "again").rows.fingerprint
        added[cell.arm.name, cell.seed] = more.fingerprint
        assert record["made"]["made"] == more.counts
        if cell.arm.name == "none":
            assert not len(more)
            assert record["best"]["synthetic"] is None
        else:  # the training counted them under these labels
            assert len(more) > 10
            assert record["best"]["synthetic"]["rows"] == len(more)
            assert record["best"]["synthetic"]["support"] == dict.fromkeys(task.classes, 0) | more.counts
    assert len(set(added.values())) == 5, "each control and each seed has rows of its own, and `none` has none"


@pytest.mark.parametrize("name", ["wrong-label", "real"])
def test_the_labels_of_the_controls_are_wrong_or_right_row_by_row(suite_file, tmp_path, monkeypatch, name):
    """Of a filling that leaves the texts as they are, the source of each row is known."""
    monkeypatch.setattr("benchmarks.run.added_rows._filled", lambda texts, seed, device: texts)
    suite = Suite(name="own", **yaml.safe_load(suite_file.read_text()))
    task = load(suite.tasks[0], None)
    verbs = {verb: label for label, words in DID.items() for verb in words}
    for cell in cells(suite, [task], resolve([name], {}), seeds=2, device="cpu"):
        train, reserve = task.drawn(cell.seed)
        given, added = given_to_the_training(monkeypatch, cell, task, tmp_path)
        sources = reserve if name == "real" else train
        assert len(added) > 10
        assert set(added.texts) <= set(sources.texts)
        assert set(added.labels) < set(task.classes), "the largest class gets none"
        for rows, right in ((given, True), (added, name == "real")):
            for text, label in zip(rows.texts, rows.labels, strict=True):
                (own,) = {verbs[verb] for verb in verbs if f" {verb} the " in text}
                assert (own == label) is right, (text, label)


def test_what_failed_is_run_again_and_more_seeds_and_fewer_arms_are_added_to_what_is_there(done, suite_file, tmp_path):
    out = shutil.copytree(done[0], tmp_path / "more")  # other tests count the cells of the first run
    before = (out / results.FILE).read_bytes()
    again = run(suite_file, out, "--arms", "tfidf-svm,broken", "--seeds", "3", "--jobs", "1")
    assert again.exit_code == 1
    assert "2 of 6 cells are done already." in again.output
    after = (out / results.FILE).read_bytes()
    assert after.startswith(before)
    added = [json.loads(line) for line in after[len(before) :].decode().splitlines()]
    assert sorted((record["arm"], record["seed"]) for record in added) == [
        *(("broken", seed) for seed in range(3)),
        ("tfidf-svm", 2),
    ]


@pytest.mark.numeric
def test_a_cell_comes_to_the_same_numbers_whoever_runs_it(done, suite_file, tmp_path):
    suite = Suite(name="own", **yaml.safe_load(suite_file.read_text()))
    task = load(suite.tasks[0], None)
    laid_out = cells(suite, [task], resolve(["none", "crt", "random"], {}), seeds=2, device="cpu")
    found = records(done[0])
    threads = torch.get_num_threads()
    torch.set_num_threads(found["none", 0]["hardware"]["threads"])
    try:
        for cell in laid_out:
            again, there = measure(cell, task, tmp_path, keep=False), found[cell.arm.name, cell.seed]
            for what in ("key", "predicted", "best", "curve", "model", "data"):
                assert again[what] == there[what], (cell.arm.name, what)
    finally:
        torch.set_num_threads(threads)


def test_arms_that_share_an_encoder_say_which_it_is(done):
    found = records(done[0])
    assert {found[arm, seed]["model"]["revision"] for arm in ("none", *IN_FEATURE_SPACE) for seed in (0, 1)} == {
        found["none", 0]["model"]["revision"]
    }
    assert found["crt", 0]["model"]["model"] == found["none", 0]["model"]["model"]


def test_a_cell_is_not_charged_with_what_earlier_ones_have_left(done):
    peaks = {key: record["peak_mb"] for key, record in records(done[0]).items() if record["status"] == "done"}
    assert peaks["light-smote", 1] < peaks["redrawn", 0]
    assert all(record["peak_gpu_mb"] is None for record in records(done[0]).values() if record["status"] == "done")


def test_added_rows_are_none_of_the_validation_rows(suite_file, tmp_path):
    suite = Suite(name="own", **yaml.safe_load(suite_file.read_text()))
    task = load(suite.tasks[0], None)
    for cell in cells(suite, [task], resolve(["wrong-label", "real"], {}), seeds=1, device="cpu"):
        _, reserve = task.drawn(cell.seed)
        added = added_rows(cell, task, tmp_path).rows
        held_out = set(map(folded, [*task.validation.texts, *task.test_texts]))
        assert len(added)
        assert held_out.isdisjoint(map(folded, added.texts))
        if cell.arm.name == "real":
            assert set(added.texts) <= set(reserve.texts)
            whole = dict(zip(task.train.texts, task.train.labels, strict=True))
            assert all(whole[text] == label for text, label in zip(added.texts, added.labels, strict=True))
        else:
            assert set(added.labels) <= {"neutral", "negative", "positive"}
            verbs = {label: words for label, words in DID.items() if label != "neutral"}
            own = [t for t, label in zip(added.texts, added.labels, strict=True) if label == "neutral"]
            assert sum(any(v in text for words in verbs.values() for v in words) for text in own) > len(own) / 2


def test_a_record_tells_what_was_drawn(data, tmp_path):
    settings = {"per_class": 60, "classes": 2, "pool": "left-out"}
    task = {"name": f"csv:{data}", **settings}
    suite = Suite(name="own", tasks=[task], arms=["tfidf-svm"], tests=[])
    found = load(suite.tasks[0], None)
    cell = next(cells(suite, [found], resolve(["tfidf-svm"], {}), seeds=1))
    record = measure(cell, found, tmp_path, keep=False)
    drawn = record["drawn"]
    assert drawn["task"] == suite.tasks[0].model_dump(mode="json")
    assert settings.items() <= drawn["task"].items()
    assert record["classes"] == found.classes == sorted(record["rows"]["train"])
    assert set(record["rows"]["train"].values()) == {60}
    assert drawn["left_out"] == drawn["pool"]["texts"] == len(found.train) - 120 > 10
    assert drawn["fewer"] == {}
    assert json.loads(json.dumps(drawn)) == drawn


@pytest.mark.usefixtures("timed_in_a_blink")
def test_a_dry_run_shows_the_grid_and_writes_nothing(suite_file, tmp_path):
    ended = run(suite_file, tmp_path / "out", "--dry-run", "--seeds", "3")
    assert ended.exit_code == 0, ended.output
    assert "21 cells" in ended.output
    assert "About " in ended.output
    assert not (tmp_path / "out").exists()


def test_results_of_another_arm_or_encoder_of_the_same_name_are_refused(done, suite_file, encoder, tmp_path):
    out, arms = shutil.copytree(done[0], tmp_path / "out"), tmp_path / "arms.yaml"
    before = (out / results.FILE).read_bytes()

    def refused(arm: str, *more: str) -> str:
        own = ["--suite", str(suite_file), "--arm-file", str(arms), "--device", "cpu", "--seeds", "1"]
        ended = CliRunner().invoke(main, ["run", *own, "--out", str(out), "--arms", arm, *more])
        assert ended.exit_code == 2
        return ended.output

    other = OWN_ARMS["light-smote"]["training"] | {"synthetic_weight": 0.25}
    arms.write_text(yaml.safe_dump(OWN_ARMS | {"light-smote": {"training": other}}))
    for options in ([], ["--dry-run"]):
        told = "the arm 'light-smote' was measured there in another way (synthetic_weight was 0.5 and is 0.25 now)"
        assert told in refused("light-smote", *options)
    kept = (encoder / "config.json").read_text()
    (encoder / "config.json").write_text(json.dumps(json.loads(kept) | {"layer_norm_eps": 1e-6}))
    try:
        for options in ([], ["--dry-run"]):
            told = f"has results of another encoder with the name '{encoder}'"
            assert told in refused("none", *options)
    finally:
        (encoder / "config.json").write_text(kept)
    assert (out / results.FILE).read_bytes() == before


def test_on_a_terminal_the_progress_stands_above_the_arms(suite_file, monkeypatch):
    suite = Suite(name="own", **yaml.safe_load(suite_file.read_text()))
    task = load(suite.tasks[0], None)
    laid_out = list(cells(suite, [task], resolve(["none", "focal"], {}), seeds=2, device="cpu"))
    found = results.Results(Path("results.jsonl"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console",
        partial(Console, file=screen, force_terminal=True, width=90, height=4, color_system=None),
    )
    for number, cell in enumerate(laid_out):  # an earlier run, in which all have failed
        found.cells[cell.place] = failure(cell, f"for want of {number}")
    with live.shown(laid_out, found, quiet=False) as told:
        told(found.cells[laid_out[0].place], laid_out[1:], 90.0)
    last = screen.getvalue().rsplit("of 4 cells", 1)
    assert last[0].endswith("1 ")
    assert "about 1 min 30 s left" in last[1].splitlines()[0]
    assert "0 of 4 cells" in screen.getvalue()


def test_the_hashes_of_all_yaml_stand_in_the_results_whatever_the_files_are_called(done, suite_file):
    (files,) = results.read(done[0]).files
    own = {"suite": suite_file, "arms": BUILT_IN, "own arms": suite_file.with_name("arms.yaml")}
    assert files == {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in own.items()}


@pytest.mark.usefixtures("timed_in_a_blink")
def test_an_arm_that_needs_rows_which_are_not_there_is_said_to_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(main, ["run", "--arms", "none,real", "--seeds", "1", "--dry-run"])
    assert ended.exit_code == 0, ended.output
    assert ended.stderr == "sample: without real, since no row of a class that lacks rows was left out.\n"
    assert "1 cell:" in ended.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "nuetral"], "There is no suite 'nuetral'"),
        (["--arms", "nonne"], "There is no arm 'nonne'"),
        (["--arms", "real"], "No arm is left: 'real' needs rows"),
        (["--arms", "real", "--dry-run"], "No arm is left: 'real' needs rows"),
        (["--task", "sst4"], "There is no task 'sst4'"),
        (["--task", "csv:absent.csv"], "absent.csv: no such file"),
        (["--data-dir", "absent"], "absent: no such file or folder"),
        (["--task", "sst3", "--data-dir", "."], "lacks sst3/train.csv, sst3/dev.csv, sst3/test.csv of the task 'sst3'"),
        (["--text-column", "utterance"], "no task is such a file"),
        (["--arm-file", "absent.yaml"], "absent.yaml: no such file or folder"),
        (["--seeds", "0"], "0 is not in the range"),
    ],
)
def test_bad_input_is_one_line_with_2_and_writes_nothing(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(main, ["run", "--out", "out", *options])
    assert ended.exit_code == 2
    assert message in ended.output
    assert len(ended.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def command(suite_file: Path, out: Path) -> list[str]:
    options = ["--arms", "none,random,crt", "--out", str(out), "--jobs", "1", "--device", "cpu"]
    return [str(COMMAND), "run", "--suite", str(suite_file), *options]


@pytest.mark.numeric
@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on_and_ends_in_the_same_numbers(suite_file, tmp_path, stop):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(suite_file, whole), check=True, capture_output=True, env=environment)
    process = subprocess.Popen(
        command(suite_file, cut),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.time() + 120
    while time.time() < deadline and (not (cut / results.FILE).exists() or len(results.read(cut).done) < 2):
        time.sleep(0.2)
    process.send_signal(stop)
    _, said = process.communicate(timeout=30)
    assert process.returncode == (-9 if stop == signal.SIGKILL else 130)
    if stop == signal.SIGINT:
        assert "of 6 cells are done; the same command goes on with the others" in said
    before = len(results.read(cut).done)
    assert 2 <= before < 6
    ended = subprocess.run(command(suite_file, cut), check=True, capture_output=True, text=True, env=environment)
    assert f"{before} of 6 cells are done already." in ended.stderr
    one, other = records(whole), records(cut)
    assert one.keys() == other.keys()
    for key in one:
        assert one[key]["predicted"] == other[key]["predicted"]
        assert one[key]["best"] == other[key]["best"]


@pytest.mark.slow
def test_a_process_that_dies_takes_its_cell_with_it_and_no_other(suite_file, tmp_path, monkeypatch):
    arms = tmp_path / "arms.yaml"
    arms.write_text(yaml.safe_dump({"deadly": {"training": {"augmentation": {"strategy": "deadly"}}}}))
    plugin = tmp_path / "deadly_plugin.py"
    plugin.write_text(
        "import os\n"
        "from augment.text.base import TextStrategy\n"
        "class Deadly(TextStrategy):\n"
        "    name, summary = 'deadly', 'ends its process'\n"
        "    def prepare(self):\n"
        "        os._exit(9)\n"
        "    def candidates(self, draws):\n"
        "        return [None for _ in draws]\n"
    )
    info = tmp_path / "deadly-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[counterpoise.strategies]\ndeadly = deadly_plugin:Deadly\n")
    ended = subprocess.run(
        [*command(suite_file, tmp_path / "out"), "--arms", "none,deadly,tfidf-svm", "--arm-file", str(arms)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 1
    assert "Its process has died" in ended.stderr
    status = {(r["arm"], r["seed"]): r["status"] for r in results.read(tmp_path / "out").cells.values()}
    assert {arm for (arm, _), state in status.items() if state == "done"} == {"none", "tfidf-svm"}
    assert len(status) == 6


@pytest.mark.slow
def test_a_cluster_measures_the_cells_that_one_machine_does_and_a_failing_cell_stops_no_other(suite_file, tmp_path):
    pytest.importorskip("ray", reason="needs the extra [ray]")
    arms = ["--arms", "none,broken,crt,tfidf-svm", "--arm-file", str(suite_file.with_name("arms.yaml"))]
    found = {}
    for name, where in (("here", ["--jobs", "2"]), ("there", ["--executor", "ray", "--jobs", "2"])):
        ended = subprocess.run(
            [*command(suite_file, tmp_path / name), *arms, *where],
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert ended.returncode == 1
        assert ended.stderr.count("Failed: ") == 2
        assert "/nowhere/at-all" in ended.stderr
        found[name] = results.read(tmp_path / name).cells
    assert found["there"].keys() == found["here"].keys()
    for key, record in found["here"].items():
        assert found["there"][key]["status"] == record["status"]
        assert found["there"][key].get("predicted") == record.get("predicted")
    assert {record["status"] for record in found["there"].values()} == {"done", "failed"}


@pytest.mark.slow
def test_the_default_is_a_look_at_every_kind_of_arm_and_a_report(tmp_path):
    for words in (["run"], ["report", "benchmark-smoke"]):
        ended = subprocess.run([str(COMMAND), *words], cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    assert len(results.read(tmp_path / "benchmark-smoke").done) == 12
    assert (tmp_path / "benchmark-smoke" / "report.html").stat().st_size > 10_000
