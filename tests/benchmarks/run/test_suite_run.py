"""A suite with looks stops the arms that are decided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from augment.errors import InputError
from benchmarks import results
from benchmarks.report.findings import conclusions
from benchmarks.report.summary import groups
from benchmarks.run import suite_run
from benchmarks.run.suite_run import plan_suite, run_suite

F1 = {"none": 0.5, "class-weights": 0.6, "focal": 0.5}
"""Macro-F1 of each arm, in the mean."""


def made_records(cells, data, known, appender, folder, *, on_cell, **settings):
    """Write a made record of each cell, in the place of `benchmarks.run.runner.run`."""
    waiting = [cell for cell in cells if cell.place not in known.done]
    for number, cell in enumerate(waiting):
        f1 = F1[cell.arm.name] + np.random.default_rng([cell.seed, *cell.arm.name.encode()]).normal(0, 0.01)
        one = {"macro_f1": f1, "f1": dict.fromkeys("ab", f1)}
        record = dict.fromkeys(results.REQUIRED["cell", "done"]) | {
            **dict(zip(results.PLACE, cell.place, strict=True)),
            "status": "done",
            "key": cell.key,
            "config": cell.config.model_dump(mode="json"),
            "makes_rows": False,
            "tests": {"own": one},
            "predicted": {"own": results.packed(np.zeros(4))},
            "data": {"tests": {"own": next(iter(data[0].tests.values())).fingerprint}},
            "classes": ["a", "b"],
            "best": {"gap": 10.0, "validation": one},
        }
        appender.add_cell(record)
        on_cell(record, waiting[number + 1 :], 1.0)
    return []


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for part, rows in (("train", 8), ("dev", 4), ("test", 4)):
        lines = [f"{part} {'xyzuvwkl'[i] * 9} is number {i},{'ab'[i % 2]}" for i in range(rows)]
        (tmp_path / f"{part}.csv").write_text("\n".join(["text,label", *lines]))
    path = tmp_path / "own.yaml"
    values = {"tasks": [f"csv:{tmp_path}"], "arms": list(F1), "seeds": 20, "looks": [10, 20]}
    path.write_text(yaml.safe_dump(values))
    return path


def test_an_arm_that_a_look_has_decided_gets_no_more_seeds(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(suite_run, "run", made_records)
    said: list[str] = []
    lefts: list[int] = []

    class Watched:
        def __enter__(self):
            return lambda record, left, seconds: lefts.append(len(left))

        def __exit__(self, *error):
            return None

    plan = plan_suite(str(suite), out=tmp_path / "out", device="cpu")
    assert plan.notes()[0].startswith("Judged at 10 and 20 seeds, each time at p ≤ .029 (Pocock) after Holm.")
    _, found = run_suite(plan, log=said.append, watch=lambda cells, known: Watched())
    (group,) = groups(found)
    assert {arm.name: len(arm.seeds) for arm in group.arms} == {"none": 20, "class-weights": 10, "focal": 20}
    assert said[-1].endswith("decided, so that they get no more seeds: class-weights.")
    assert lefts == [*range(59, 29, -1), *range(19, -1, -1)]
    verdicts = {name: (one.seeds, one.verdict) for name, one in group.against_base.items()}
    assert verdicts == {"class-weights": (10, "helps and generalises"), "focal": (20, "no evidence")}
    assert "Decided early: class-weights at 10." in conclusions(group)[0]
    before = (plan.folder / results.FILE).read_bytes()
    run_suite(plan)
    assert (plan.folder / results.FILE).read_bytes() == before


def test_between_two_looks_nothing_is_judged_but_the_last_look(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(suite_run, "run", made_records)
    (group,) = groups(run_suite(plan_suite(str(suite), out=tmp_path / "out", device="cpu", seeds=13))[1])
    assert {name: one.seeds for name, one in group.against_base.items()} == {"class-weights": 10, "focal": 10}
    (group,) = groups(run_suite(plan_suite(str(suite), out=tmp_path / "few", device="cpu", seeds=9))[1])
    assert {one.verdict for one in group.against_base.values()} == {""}
    with pytest.raises(InputError, match=r"at 20 seeds\. Got 21 seeds"):
        plan_suite(str(suite), out=tmp_path / "more", seeds=21)
