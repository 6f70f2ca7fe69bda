"""The map of what paid, from results whose truth is known and from the committed ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from augment.advice import read_map
from augment.advice.measured import PACKAGED
from augment.errors import InputError
from benchmarks import results
from benchmarks.cli.entry import main
from benchmarks.report.pay_map import make_map
from benchmarks.results import RunRecord, appending

RESULTS = Path(__file__).parents[3] / "docs" / "results"
F1 = {"none": 50.0, "logit-adjustment": 54.0, "class-weights": 53.0, "fillmask-static": 56.0, "real": 60.0}
ROWS = {"negative": 100, "neutral": 10, "positive": 120}


def record(arm: str, seed: int, task: str, f1: float, rows: dict[str, int]) -> dict:
    """A cell with a known macro-F1; the noise of a seed is common to all arms, and that of an arm is alternating."""
    points = f1 + np.random.default_rng(seed).normal(0, 2) + (0.3 if seed % 2 else -0.3)
    best = {"train": {"macro_f1": 0.9}, "validation": {"macro_f1": points / 100}, "gap": 90 - points}
    return {
        **{"status": "done", "key": f"{arm}-{seed}", "task": task, "encoder": "mini", "head": "linear"},
        **{"loss": "cross-entropy", "arm": arm, "seed": seed, "summary": f"what {arm} does"},
        "makes_rows": arm not in ("none", "logit-adjustment", "class-weights"),
        "classes": sorted(rows),
        "rare": "neutral",
        "config": {"learning_rate": 2e-4, "epochs": 4.0, "max_steps": 9, "seed": seed},
        "rows": {"train": rows, "validation": rows},
        **{"shared_rows": {}, "data": {"tests": {}}, "predicted": {}, "mean_gap": 1.0, "curve": [], "made": {}},
        "tests": {"own": {"macro_f1": points / 100}},
        **{"best": best, "last": best, "seconds": 1.0, "rows_per_second": 1.0, "peak_mb": 1, "model": {}},
        **{"versions": {"torch": "2.13.0"}, "hardware": {}},
    }


def made(folder: Path, name: str = "few-shot", tasks=("airline, 10 a class",), arms=F1, seeds=10, rows=ROWS) -> Path:
    with appending(folder) as (_, appender):
        appender.begin(
            RunRecord({"name": name, "training": {"learning_rate": 2e-4}, "sampling_strategy": "2x"}, {}, {})
        )
        for task in tasks:
            for arm, f1 in arms.items():
                for seed in range(1 if arm == "llm-new" else seeds):
                    appender.add_cell(record(arm, seed, task, f1, rows))
    return folder


def test_a_cell_has_the_gains_that_were_put_into_the_results(tmp_path):
    (cell,) = make_map([made(tmp_path, arms={**F1, "llm-new": 58.0, "wrong-label": 40.0, "own": 57.0})]).cells
    assert (cell.suite, cell.task, cell.source) == ("few-shot", "airline, 10 a class", "airline")
    assert (cell.classes, cell.rows.smallest, cell.rows.median, cell.rows.largest) == (3, 10, 100, 120)
    assert cell.training == {"learning_rate": 2e-4}
    assert cell.best == "logit-adjustment"
    gains = {arm.name: arm.gain and arm.gain.mean for arm in cell.arms}
    assert gains == pytest.approx(
        {"none": -4, "class-weights": -1, "logit-adjustment": None, "fillmask-static": 2, "real": 6, "llm-new": 4}
        | {"wrong-label": -14, "own": 3}
    )
    assert cell.arm("logit-adjustment").over_none.mean == pytest.approx(4)
    assert cell.arm("fillmask-static").gap.mean == pytest.approx(-2)
    assert cell.arm("fillmask-static").settings["training"]["augmentation"]["strategy"] == "fillmask"
    assert cell.arm("fillmask-static").settings["training"]["augmentation"]["sampling_strategy"] == "2x"
    assert cell.adding == {"sampling_strategy": "2x"}
    assert {arm.name: arm.needs for arm in cell.arms if arm.needs} == {"real": ["labels"], "llm-new": ["llm"]}
    assert [arm.name for arm in cell.arms if arm.control] == ["wrong-label"]
    assert (cell.arm("llm-new").seeds, cell.arm("llm-new").gain.low) == (1, None)


def test_regimes_are_means_over_data_sets_and_not_over_their_cells(tmp_path):
    made(tmp_path / "a", "few-shot", ["airline, one", "airline, two"])
    made(tmp_path / "b", "long-tail", ["banking77, one"], {**F1, "fillmask-static": 51.0}, rows=ROWS | {"neutral": 12})
    (regime,) = make_map([tmp_path / "a", tmp_path / "b"]).regimes
    assert (regime.at_least, regime.below, regime.balanced) == (8, 15, False)
    (filled,) = [arm for arm in regime.arms if arm.name == "fillmask-static"]
    assert (filled.sources, filled.gain.mean) == (2, pytest.approx((2 - 3) / 2))
    assert "real" not in [arm.name for arm in regime.arms]


def test_what_cannot_be_compared_is_refused(tmp_path):
    with pytest.raises(InputError, match="No data set has two seeds"):
        make_map([made(tmp_path / "a", seeds=1)])
    made(tmp_path / "b")
    made(tmp_path / "c")
    with pytest.raises(InputError, match="Two folders hold results of the suite 'few-shot'"):
        make_map([tmp_path / "b", tmp_path / "c"])


def test_a_written_map_is_read_again_and_a_changed_one_is_found(tmp_path):
    folder, path = made(tmp_path / "a"), tmp_path / "own.json"
    assert CliRunner().invoke(main, ["map", str(folder), "-o", str(path)]).exit_code == 0
    assert read_map(path) == make_map([folder])
    line = ["map", str(folder), "-o", str(path), "--check"]
    assert CliRunner().invoke(main, line).exit_code == 0
    path.write_text(path.read_text().replace('"mean": 2.0', '"mean": 9.0', 1))
    changed = path.read_bytes()
    ended = CliRunner().invoke(main, line)
    assert ended.exit_code == 1
    assert "is not the map of these results" in ended.output
    assert path.read_bytes() == changed


def test_the_map_of_the_project_is_that_of_its_committed_results():
    suites = [source["suite"] for source in json.loads(PACKAGED.read_text(encoding="utf-8"))["made_from"]]
    folders = [RESULTS / suite for suite in suites]
    there = [name for name in ("few-shot", "imbalance", "long-tail", "neutral") if (RESULTS / name).is_dir()]
    assert suites == there, "Write it again: benchmarks map docs/results/{few-shot,imbalance,long-tail,neutral}"
    assert make_map(folders).written() == PACKAGED.read_text(encoding="utf-8")
    assert {results.read(folder).suite["name"] for folder in folders} == set(suites)
