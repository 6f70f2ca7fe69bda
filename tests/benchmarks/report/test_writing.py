"""The report and the comparison, on results that are made so that the truth is known."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from click.testing import CliRunner

from augment.errors import InputError
from benchmarks import results
from benchmarks.cli.entry import main
from benchmarks.report.comparison import compare
from benchmarks.report.figures import curves, plane
from benchmarks.report.findings import about_rows, conclusions, opponents, overview
from benchmarks.report.summary import GroupResults, f1_on_test, gap, groups, last_gap, rare_f1
from benchmarks.report.writing import write
from benchmarks.results import RunRecord, appending, packed
from classifiers.metrics import scores

CLASSES = ["negative", "neutral", "positive"]
EFFECTS = {  # points of accuracy on test rows, points of the gap, whether it makes rows
    "none": (0.0, 0.0, False),
    "class-weights": (0.0, 0.0, False),
    "crt": (6.0, -1.0, False),
    "fillmask-static": (6.0, 9.0, True),
    "fillmask-cure": (12.0, -3.0, True),
    "wrong-label": (-15.0, 4.0, True),
    "<b>&|own_arm": (0.0, 0.0, True),
}


def cell(arm: str, seed: int, *, tests=("sst3", "yelp"), shift: float = 0.0, draw: int = 0, **group) -> dict:
    """A record whose predictions are right as often as the arm's effect says."""
    effect, gap, makes_rows = EFFECTS[arm]
    rng = np.random.default_rng([seed, draw, *arm.encode()])
    found, predicted = {}, {}
    common = np.random.default_rng(seed).normal(0, 1)
    for test in tests:
        truth = truths(test)
        right = rng.random(len(truth)) < (62 + effect + shift + common + rng.normal(0, 0.7)) / 100
        guess = np.where(right, truth, (truth + rng.integers(1, 3, len(truth))) % 3)
        found[test] = scores(np.eye(3)[guess] * 0.97 + 0.01, truth, CLASSES).to_dict()
        predicted[test] = packed(guess)
    validation = 0.6 + effect / 100 + rng.normal(0, 0.004)
    train = validation + (20 + gap + rng.normal(0, 0.4)) / 100

    def evaluation(step, more=0.0):
        plain = scores(np.eye(3), np.arange(3), CLASSES).to_dict()
        own = {"train": plain | {"macro_f1": train}, "validation": plain | {"macro_f1": validation}, "synthetic": None}
        numbers = {"gap": 100 * (train - validation) + more, "loss_gap": 0.3 + gap / 20, "gap_synthetic": None}
        return own | {"step": step} | numbers

    return {
        "key": f"{arm}-{seed}-{'-'.join(group.values())}",
        "status": "done",
        **{"task": "sst3", "encoder": "mini", "head": "linear", "loss": "cross-entropy"},
        **group,
        "arm": arm,
        "summary": "",
        "makes_rows": makes_rows,
        "seed": seed,
        "classes": CLASSES,
        "rare": "neutral",
        "config": {},
        "rows": {"train": {"negative": 1163, "neutral": 570}, "validation": {"negative": 428, "neutral": 229}},
        "shared_rows": {"dev": 3},
        "data": {"tests": {test: test for test in tests}},
        "tests": found,
        "predicted": predicted,
        "best": evaluation(8),
        "last": evaluation(16, more=gap),
        "mean_gap": 17.0,
        "curve": [["train", 8, train - 0.1, validation - 0.02, 0.4, 0.8], ["train", 16, train, validation, 0.2, 0.9]],
        "made": {"made": {"neutral": 698 * makes_rows}, "missing": {}, "rejected": {"polarity": 12 * makes_rows}},
        "seconds": 300.0,
        "training_seconds": 250.0,
        "rows_per_second": 45.0,
        "peak_mb": 1100,
        "model": {"model": "mini", "revision": "sha256:0", "device": "cpu", "dtype": "bfloat16"},
        "versions": {"python": "3.11", "torch": "2.13.0"},
        "hardware": {"device": "x86_64", "threads": 1},
    }


def test_the_f1_of_several_rare_classes_is_their_mean(tmp_path):
    record = cell("none", 0)
    f1 = record["tests"]["sst3"]["f1"]
    assert rare_f1(record) == 100 * f1["neutral"]
    assert rare_f1(record | {"rare": ["neutral", "positive"]}) == pytest.approx(50 * (f1["neutral"] + f1["positive"]))
    with appending(tmp_path) as (_, appender):
        appender.begin(RunRecord({"name": "own", "training": {}}, {"own.yaml": "0123"}, {}))
        for test in ("sst3", "yelp"):
            appender.add_test(test, test, tuple(CLASSES[code] for code in truths(test)))
        appender.add_cell(record | {"rare": ["neutral", "positive"]})
    (group,) = groups(results.read(tmp_path))
    assert "F1 of 2 rare classes" in overview(group)[0]


def on_yelp(record: dict) -> float:
    return 100 * record["tests"]["yelp"]["macro_f1"]


def truths(test: str) -> np.ndarray:
    return np.random.default_rng(len(test)).integers(0, 3, 900)


def made(
    folder: Path, seeds: int = 10, arms=tuple(EFFECTS), name: str = "own", shift: float = 0.0, draw: int = 0, **group
) -> Path:
    with appending(folder) as (_, appender):
        appender.begin(RunRecord({"name": name, "training": {}}, {"own.yaml": "0123"}, {}))
        for test in ("sst3", "yelp", "dynasent-r1"):
            appender.add_test(test, test, tuple(CLASSES[code] for code in truths(test)))
        for seed in range(seeds):
            for arm in arms:
                appender.add_cell(cell(arm, seed, shift=shift, draw=draw, **group))
    return folder


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    return made(tmp_path_factory.mktemp("ten"))


@pytest.fixture(scope="module")
def group(ten):
    """What was found of it. Not to be changed."""
    (found,) = groups(results.read(ten))
    return found


@pytest.fixture
def without_figures(monkeypatch):
    """Draw no figures, which takes longer than all else."""
    monkeypatch.setattr("benchmarks.report.writing._figures", lambda *found: iter(()))


@pytest.fixture(scope="module")
def report(ten, tmp_path_factory):
    """The folder of a report on all arms, and its files. Not to be changed."""
    folder = tmp_path_factory.mktemp("report")
    return folder, write(results.read(ten), folder)


def test_every_arm_gets_the_verdict_that_its_truth_deserves(group):
    verdicts = {name: found.verdict for name, found in group.against_base.items()}
    assert verdicts == {
        "class-weights": "no evidence",
        "crt": "helps and generalises",
        "fillmask-static": "helps but overfits",
        "fillmask-cure": "helps and generalises",
        "wrong-label": "hurts",
        "<b>&|own_arm": "no evidence",
    }
    assert group.best_without_rows.name == "crt"
    assert {name for name, found in group.against_best.items() if found.verdict.startswith("helps")} == {
        "fillmask-cure"
    }
    for found in group.against_base.values():
        assert found.bootstrap[0] < found.f1.mean < found.bootstrap[1]


def test_the_best_arm_without_rows_is_chosen_on_validation_and_not_on_test(tmp_path):
    folder = made(tmp_path, arms=("none", "class-weights", "crt"))
    lines = (folder / results.FILE).read_text().splitlines()
    changed = []
    for line in map(json.loads, lines):
        if line["kind"] == "cell" and line["arm"] == "class-weights":
            line["best"]["validation"]["macro_f1"] = 0.9  # far ahead there, and as before on test rows
        changed.append(json.dumps(line) + "\n")
    (folder / results.FILE).write_text("".join(changed))
    (group,) = groups(results.read(folder))
    assert group.best_without_rows.name == "class-weights"


def test_an_arm_that_is_a_few_seeds_ahead_is_not_the_best_for_that(tmp_path):
    folder = made(tmp_path / "ten", seeds=10, arms=("none", "crt"))
    assert groups(results.read(made(folder, seeds=12, arms=("none",))))[0].best_without_rows.name == "crt"
    folder = made(tmp_path / "two", seeds=2, arms=("none", "crt"))
    assert groups(results.read(made(folder, seeds=3, arms=("none",))))[0].best_without_rows.name == "crt"
    assert groups(results.read(made(folder, seeds=1, arms=("class-weights",))))[0].best_without_rows.name == "crt"


@pytest.mark.usefixtures("without_figures")
def test_memory_of_a_gpu_is_shown_where_there_was_one(tmp_path):
    folder = made(tmp_path / "cpu", seeds=2, arms=("none",))
    write(results.read(folder), folder)
    assert "GPU" not in (folder / "report.md").read_text()
    lines = (folder / results.FILE).read_text().splitlines()
    changed = [json.loads(line) | ({"peak_gpu_mb": 5200} if '"kind":"cell"' in line else {}) for line in lines]
    (folder / results.FILE).write_text("".join(json.dumps(line) + "\n" for line in changed))
    write(results.read(folder), folder)
    assert re.search(
        r"peak MiB \| peak GPU MiB \|\n.*\n\| none \|.*\| 1,100 \| 5,200 \|", (folder / "report.md").read_text()
    )


def test_it_is_said_of_how_many_training_rows_the_gap_is(tmp_path):
    folder = made(tmp_path / "one", seeds=1, arms=("none",))
    (group,) = groups(results.read(folder))
    taken = "Training rows that equal or nearly equal others were taken out: 3 of dev."
    assert about_rows(group) == f"{taken} Train F1 and the gaps are of 3 training rows."
    group.arms[0].any["rows"]["train"] = {"negative": 2, "neutral": 1}
    assert about_rows(group) == taken


@pytest.mark.usefixtures("without_figures")
def test_nine_seeds_give_numbers_and_no_verdict(tmp_path):
    folder = made(tmp_path / "nine", seeds=9, arms=("none", "fillmask-cure"))
    write(results.read(folder), folder)
    text = (folder / "report.md").read_text()
    assert "Fewer than ten seeds give no verdict" in text
    assert "helps" not in text.split("## How to read it")[0]
    assert re.search(r"\| fillmask-cure \|  \| \d+\.\d ± \d+\.\d \| \+\d+\.\d \(", text)


def test_overfitting_is_told_at_the_kept_weights_and_at_the_end(group):
    headings, rows = opponents(group)[0].overfitting
    assert headings == ["arm", "gap", "train F1", "gap at the end", "train F1 there", "loss gap there", "mean gap"]
    found = {row[0]: dict(zip(headings, row, strict=True)) for row in rows}
    assert set(found) == set(EFFECTS) - {"none"}
    for name, (effect, change, _) in EFFECTS.items():
        if name == "none":
            continue
        for column, truth, off in (
            ("gap", change, 1),
            ("gap at the end", 2 * change, 1),
            ("train F1", effect + change, 2),
        ):
            middle, low, high = map(float, re.findall(r"[+-]\d+\.\d", found[name][column]))
            assert low <= middle <= high
            assert abs(middle - truth) < off
        assert found[name]["loss gap there"].startswith(f"{change / 20:+.2f} (")
        assert found[name]["train F1 there"] == found[name]["train F1"]  # as the records were made
        assert found[name]["mean gap"] == "+0.0 (+0.0 to +0.0)"
    by_hand = [
        100 * (c["best"]["train"]["macro_f1"] - n["best"]["train"]["macro_f1"])
        for c, n in zip(group.arm("crt").cells.values(), group.arm("none").cells.values(), strict=True)
    ]
    assert found["crt"]["train F1"].startswith(f"{np.mean(by_hand):+.1f} (")


def test_a_comparison_with_none_is_shown_once(group):
    assert [one.name for one in opponents(group, "none")] == [one.name for one in opponents(group)] == ["none", "crt"]


@pytest.mark.usefixtures("without_figures")
def test_all_arms_are_compared_with_one_that_is_named(ten, group, tmp_path):
    write(results.read(ten), tmp_path, against="fillmask-static")
    text = (tmp_path / "report.md").read_text()
    parts = text.split("### Against ")
    assert [part.split("\n")[0] for part in parts[1:]] == [
        "none",
        "crt, the best arm without new rows, chosen on validation rows",
        "fillmask-static",
    ]
    arm, other = group.arm("fillmask-cure"), group.arm("fillmask-static")
    statistics, overfitting, elsewhere = (
        part.split("\n") for part in re.split("Overfitting:|Macro-F1 on other", parts[3].split("\n### ")[0])
    )
    for rows, column, of in (
        (statistics, 2, f1_on_test),
        (statistics, 8, rare_f1),
        (overfitting, 1, gap),
        (overfitting, 3, last_gap),
        (elsewhere, 1, on_yelp),
    ):
        (cure,) = (row.split(" | ") for row in rows if row.startswith("| fillmask-cure |"))
        change = np.mean(np.subtract(arm.values(of), other.values(of)))
        assert cure[column].startswith(f"{change:+.1f} ("), column
        assert not any(row.startswith("| fillmask-static |") for row in rows)
        assert any(row.startswith("| none |") for row in rows)
    assert (tmp_path / "report.html").read_text().count("<h3>Against") == 3


def test_arms_with_fewer_seeds_are_named_beside_those_that_have_a_verdict(tmp_path):
    folder = made(tmp_path, arms=("none", "fillmask-cure"))
    made(folder, seeds=3, arms=("crt", "class-weights"))
    (group,) = groups(results.read(folder))
    said = conclusions(group)
    assert said[0] == (
        "Fewer than ten seeds (class-weights, crt) give no verdict: look at the numbers as a first impression."
    )
    assert said[1] == "Better than none without a larger gap: fillmask-cure."


def test_every_arm_of_the_plane_and_every_figure_can_be_told_apart(tmp_path, monkeypatch):
    names = [f"{kind}{i}" for i in range(12) for kind in ("plain", "rows")] + ["a-b", "a_b"]
    for name in names:
        monkeypatch.setitem(EFFECTS, name, (0.0, 0.0, name.startswith("rows")))
    folder = made(tmp_path, seeds=2, arms=("none", *names))
    (group,) = groups(results.read(folder))
    axes = MagicMock()
    axes.get_xlim.return_value = axes.get_ylim.return_value = (-1, 1)
    plane(group, 0).draw(axes)
    drawn = [(call.kwargs["fmt"], call.kwargs["color"]) for call in axes.errorbar.call_args_list]
    assert len(set(drawn)) == len(drawn) == len(names)
    assert len({curves(group, arm, 0).name for arm in group.arms}) == len(group.arms)


def test_the_report_is_the_same_bytes_again(tmp_path):
    found = results.read(made(tmp_path / "few", seeds=2, arms=("none", "fillmask-cure")))
    first, second = write(found, tmp_path / "first"), write(found, tmp_path / "second")
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_report_says_what_was_found(report):
    folder, _ = report
    text = (folder / "report.md").read_text()
    assert "Better than none without a larger gap: crt, fillmask-cure." in text
    assert "Better than none, at a larger gap or one that may be larger: fillmask-static." in text
    assert "Worse than none: wrong-label." in text
    assert "chosen on validation, is crt. Shown to be better than it: fillmask-cure." in text
    for picture in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_a_report_leaves_no_figure_of_an_earlier_one(tmp_path):
    write(results.read(made(tmp_path / "many", seeds=2, arms=("none", "crt", "fillmask-cure"))), tmp_path)
    kept = {tmp_path / "figures" / name for name in ("drawing.png", "curves-loss.png", "grid-search.png", "plane.png")}
    for path in kept:
        path.write_bytes(b"one's own")
    written = write(results.read(made(tmp_path / "few", seeds=2, arms=("none", "fillmask-cure"))), tmp_path)
    assert set((tmp_path / "figures").iterdir()) == kept | {path for path in written if path.parent.name == "figures"}


def test_results_that_cannot_be_shown_leave_an_earlier_report_as_it_was(tmp_path):
    folder = made(tmp_path / "some", seeds=1, arms=("none", "crt"))
    write(results.read(folder), tmp_path)
    there = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with appending(folder) as (_, appender):
        appender.add_cell(cell("fillmask-cure", 0) | {"curve": [["training", 1, {}, 0.5], ["training", 2, {}, 0.5]]})
    damaged = folder / results.FILE
    there[damaged] = damaged.read_bytes()
    ended = CliRunner().invoke(main, ["report", str(folder), "--out", str(tmp_path)])
    assert (ended.exit_code, "does not hold what belongs there" in ended.output) == (2, True), ended.output
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == there


def test_the_page_stands_by_itself_and_what_is_no_markup_is_escaped(report):
    text = (report[0] / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!#|data:)", text)
    assert "<script" not in text
    assert "<b>&|own_arm" not in text
    assert "&lt;b&gt;&amp;|own_arm" in text
    assert text.count("<svg") == 2 + len(EFFECTS)
    assert re.search(r"Against <span[^>]*>crt</span>, the best arm without new rows, chosen on validation rows", text)


def test_tables_for_programs_hold_every_arm_and_every_cell(report):
    folder, _ = report
    arms = {row["arm"]: row for row in csv.DictReader((folder / "arms.csv").open())}
    assert set(arms) == set(EFFECTS)
    cure = arms["fillmask-cure"]
    assert float(cure["f1_low"]) < float(cure["f1_change"]) < float(cure["f1_high"])
    assert cure["verdict"] == "helps and generalises"
    cells = list(csv.DictReader((folder / "cells.csv").open()))
    assert len(cells) == 10 * len(EFFECTS)
    mean = np.mean([float(row["sst3"]) for row in cells if row["arm"] == "fillmask-cure"])
    assert float(cure["macro_f1_mean"]) == pytest.approx(mean, abs=1e-3)
    assert all(0 < float(row["f1_neutral"]) < 100 for row in cells)
    latex = (folder / "report.tex").read_text()
    assert "own\\_arm" in latex
    assert latex.count("\\\\") == 1 + len(EFFECTS)


@pytest.mark.usefixtures("without_figures")
def test_several_tasks_have_a_summary_and_several_sizes_a_map(tmp_path, monkeypatch):
    monkeypatch.setattr(GroupResults, "_bootstrap", lambda *compared: (0.0, 0.0))  # it takes longest
    for task in ("sst3", "airline"):
        for size in (5, 20):
            drawn = {"task": {"name": task, "per_class": size}}
            with appending(tmp_path) as (_, appender):
                appender.begin(RunRecord({"name": "few", "training": {}}, {"own.yaml": "0123"}, {}))
                appender.add_test("sst3", "sst3", tuple(CLASSES[code] for code in truths("sst3")))
                for seed in range(10):
                    for arm in ("none", "crt", "fillmask-cure"):
                        one = cell(arm, seed, tests=("sst3",), draw=size, task=f"{task}, {size} a class")
                        appender.add_cell(one | {"drawn": drawn})
    write(results.read(tmp_path), tmp_path)
    text = (tmp_path / "report.md").read_text().split("\n## ")[1]
    assert text.startswith("Over the tasks")
    assert "### mini · linear · cross-entropy, against crt, the best arm without new rows" in text
    assert re.search(r"\| fillmask-cure \| 2 \| 10 \| \+\d+\.\d \(\+\d.*\| <\.001 \|", text)
    assert (tmp_path / "figures" / "map-0.png").exists()
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Over the tasks</h2>" in page
    assert page.count("Gain over crt against rows of each class") == 1


@pytest.mark.usefixtures("without_figures")
def test_cells_that_failed_stand_in_the_report(tmp_path):
    folder = made(tmp_path, seeds=2, arms=("none", "crt"))
    with appending(folder) as (_, appender):
        failed = {
            "task": "sst3",
            "encoder": "roberta-base",
            "head": "linear",
            "loss": "focal",
            "arm": "none",
            "seed": 0,
        }
        appender.add_cell(failed | {"key": "x", "status": "failed", "reason": "There is no model <folder>."})
    write(results.read(folder), folder)
    assert (
        "roberta-base · linear · focal · none · seed 0: There is no model &lt;folder>."
        in (folder / "report.md").read_text()
    )
    assert "There is no model &lt;folder&gt;." in (folder / "report.html").read_text()
    (row,) = [row for row in csv.DictReader((folder / "cells.csv").open()) if row["status"] == "failed"]
    assert row["reason"] == "There is no model <folder>."


def test_the_papers_numbers_stand_beside_those_of_its_grid(tmp_path):
    encoder = "princeton-nlp/unsup-simcse-roberta-base"
    folder = tmp_path / "paper"
    with appending(folder) as (_, appender):
        appender.begin(RunRecord({"name": "paper"}, {}, {}))
        for test in ("sst3", "dynasent-r1", "dynasent-r2"):
            appender.add_test(test, test, tuple(CLASSES[code] for code in truths(test)))
        for head, loss in (("linear", "cross-entropy"), ("bilstm", "focal")):
            group = {"task": "dynasent", "encoder": encoder, "head": head, "loss": loss}
            appender.add_cell(cell("none", 0, tests=("dynasent-r1", "sst3"), **group))
        small = {"task": "dynasent, trained on dev", "encoder": "mini", "head": "linear", "loss": "focal"}
        appender.add_cell(cell("none", 0, tests=("dynasent-r2",), **small))
    write(results.read(folder), folder)
    text = (folder / "report.md").read_text()
    assert re.search(r"dynasent-r1: \d\d\.\d here, tested on \d+ rows; 81\.43 in the paper, tested on 3,600 rows", text)
    assert re.search(r"sst3: \d\d\.\d here, .*; 63\.3 in the paper", text)
    assert re.search(
        r"dynasent-r2: \d\d\.\d here, with mini, trained on [\d,]+ dev rows, tested on \d+ rows; 70\.46 in the paper, "
        r"with unsup-simcse-roberta-base, trained on 93,547 training rows, tested on 720 rows",
        text,
    )
    assert (folder / "figures" / "grid-0.png").exists()
    assert "the paper: 81.43" in (folder / "report.html").read_text()


@pytest.mark.usefixtures("without_figures")
def test_results_without_the_base_arm_are_shown_and_not_compared(tmp_path):
    folder = made(tmp_path, seeds=2, arms=("crt", "fillmask-cure"))
    write(results.read(folder), folder)
    assert "The arm 'none' is not among them" in (folder / "report.md").read_text()


def test_what_cannot_be_reported_is_one_line(tmp_path):
    ended = CliRunner().invoke(main, ["report", str(tmp_path / "absent")])
    assert ended.exit_code == 2
    assert "absent: no such file or folder" in ended.output
    made(tmp_path / "empty", seeds=0)
    ended = CliRunner().invoke(main, ["report", str(tmp_path / "empty")])
    assert (ended.exit_code, "no cell is done yet" in ended.output) == (2, True)
    folder = made(tmp_path / "some", seeds=1, arms=("none",))
    ended = CliRunner().invoke(main, ["report", str(folder), "--against", "nome"])
    assert (ended.exit_code, "no cell of an arm 'nome' is done. Did you mean 'none'?" in ended.output) == (2, True)
    assert [path.name for path in folder.iterdir()] == [results.FILE]
    (tmp_path / "file").write_text("")
    ended = CliRunner().invoke(main, ["report", str(folder), "--out", str(tmp_path / "file")])
    assert (ended.exit_code, "cannot be written" in ended.output) == (2, True)


def test_a_comparison_tells_a_change_from_noise(tmp_path):
    arms = ("none", "crt", "fillmask-cure")
    before = results.read(made(tmp_path / "before", arms=arms))
    assert {change.verdict for change in compare(before, before).changes} == {"the same"}
    better = compare(before, results.read(made(tmp_path / "better", arms=arms, shift=6.0)))
    assert {change.verdict for change in better.changes} == {"better"}
    worse = compare(before, results.read(made(tmp_path / "worse", arms=arms, shift=-6.0)))
    assert {change.verdict for change in worse.changes} == {"worse"}
    noise = compare(before, results.read(made(tmp_path / "noise", arms=arms, draw=1)))
    assert {change.verdict for change in noise.changes} == {"may be noise"}


def test_a_comparison_says_what_is_not_in_both_and_what_else_differs(tmp_path):
    before = made(tmp_path / "before", seeds=3, arms=("none", "crt"), name="one")
    after = made(tmp_path / "after", seeds=1, arms=("none", "fillmask-cure"), name="two")
    ended = CliRunner().invoke(main, ["compare", str(before), str(after)])
    assert ended.exit_code == 0, ended.output
    assert 'The suites differ: name was "one" and is "two" now.' in ended.output
    assert "fillmask-cure: only after" in ended.output
    assert "crt: only before" in ended.output
    assert "fewer than 10 seeds" in ended.output
    assert "crt: only after" not in ended.output
    found = json.loads(CliRunner().invoke(main, ["compare", "--json", str(before), str(after)]).output)
    assert [change["arm"] for change in found["changes"]] == ["none"]
    with pytest.raises(InputError, match="no arm in common"):
        compare(results.read(before), results.read(made(tmp_path / "other", seeds=1, encoder="another")))


def test_a_comparison_sees_another_encoder_of_the_same_name_in_any_sitting_and_seeds_that_do_not_meet(tmp_path):
    before = results.read(made(tmp_path / "before", seeds=3, arms=("none", "crt")))
    after = results.read(made(tmp_path / "after", seeds=3, arms=("none", "crt")))
    for (*_, arm, seed), record in after.cells.items():
        if arm == "none" and seed > 0:
            record["model"]["revision"] = "sha256:1"
    (note,) = compare(before, after).notes
    assert note == (
        "sst3 · mini · linear · cross-entropy · none: in model, at seed 1 and 1 more:"
        ' revision was "sha256:0" and is "sha256:1" now.'
    )
    for place in [place for place in after.cells if place[4] == "crt"]:
        after.cells[(*place[:5], place[5] + 10)] = after.cells.pop(place) | {"seed": place[5] + 10}
    notes = compare(before, after).notes
    assert "sst3 · mini · linear · cross-entropy · crt: no seed is in both." in notes
    assert len(notes) == 2
