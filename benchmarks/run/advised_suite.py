"""Measure advice on the user's own rows: a suite of the advised arms, with as many seeds as fit in some minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from augment.advice.measured import PLAIN, MeasuredArm
from augment.advice.suggestion import Advice
from augment.data.layout import Layout
from augment.files import replacing
from benchmarks.grid.arms import load_mapping
from benchmarks.results import Results
from benchmarks.run.suite_run import SuiteRun, plan_suite

FILE = "advised.yaml"
"""The suite, in the folder of its results."""
LEAST_SEEDS = 2
"""One seed has no interval."""
MOST_SEEDS = 20


@dataclass(frozen=True, kw_only=True)
class AdvisedSuite:
    """The suite that measures advice on a file."""

    advice: Advice
    task: str
    """The name of the task: ``csv:FILE``, or ``sample``."""
    minutes: int
    folder: Path
    """Of the results."""
    jobs: int | None
    device: str
    layout: Layout

    @property
    def arms(self) -> list[MeasuredArm]:
        """The arms: none, the best one without new rows, the best one with new rows, and that of the user's pool."""
        advice = self.advice
        chosen = [advice.first, advice.rows, advice.with_pool if advice.pool is not None else None]
        arms = [choice.arm for choice in chosen if choice is not None]
        plain = advice.nearest.arm(PLAIN) or MeasuredArm(
            name=PLAIN, makes_rows=False, seeds=1, f1=0.0, gain=None, over_none=None, gap=None
        )
        return list({arm.name: arm for arm in (plain, *arms)}.values())

    def content(self, seeds: int) -> dict[str, Any]:
        """Return the suite as the YAML of a suite has it."""
        advice = self.advice
        task = {"name": self.task, "label": advice.shape.rare}
        cell = (advice.near or [advice.nearest])[0]
        return {
            "description": f"What was advised, as many seeds as fit in {self.minutes} minutes.",
            "tasks": [task if advice.pool is None else {**task, "pool": advice.pool}],
            "tests": [],
            "encoders": [advice.encoder],
            "heads": [advice.head],
            "training": dict(cell.training),
            **cell.adding,
            "arms": [{arm.name: {"summary": arm.summary, **arm.settings}} for arm in self.arms],
            "seeds": seeds,
        }

    def begun(self) -> int:
        """Return the seeds that an earlier run of the same command has settled on; `LEAST_SEEDS` if there is none."""
        path = self.folder / FILE
        if not path.is_file():
            return LEAST_SEEDS
        before = load_mapping(path)
        same = before.get("description") == self.content(LEAST_SEEDS)["description"]
        return int(before["seeds"]) if same and isinstance(before.get("seeds"), int) else LEAST_SEEDS

    def plan(self, seeds: int, folder: Path | None = None) -> SuiteRun:
        """Write the suite, and lay out its cells.

        Parameters
        ----------
        seeds : int
        folder : Path, optional
            Where the file of the suite is written. None for the folder of the results.

        Raises
        ------
        InputError
            If the file cannot be split, or an arm cannot be used.
        """
        place = folder or self.folder
        place.mkdir(parents=True, exist_ok=True)
        path = place / FILE
        with replacing(path) as temporary:
            temporary.write_text(
                yaml.safe_dump(self.content(seeds), sort_keys=False, allow_unicode=True), encoding="utf-8"
            )
        return plan_suite(str(path), out=self.folder, jobs=self.jobs, device=self.device, layout=self.layout)


def seeds_that_fit(results: Results, minutes: float, jobs: int, arms: Sequence[str]) -> int:
    """Return how many seeds fit in a time, by what the first ones took.

    Parameters
    ----------
    results : Results
        Of all arms with one seed or more.
    minutes : float
    jobs : int
        Cells that run at the same time.
    arms : sequence of str

    Returns
    -------
    int
        At least `LEAST_SEEDS`, and at most `MOST_SEEDS`.
    """
    times: dict[str, list[float]] = {}
    for record in results.done.values():
        times.setdefault(record["arm"], []).append(record["seconds"])
    each = sum(sum(times[arm]) / len(times[arm]) for arm in arms if arm in times) / jobs
    fitting = int(60 * minutes / each) if each else LEAST_SEEDS
    return max(LEAST_SEEDS, min(MOST_SEEDS, fitting))
