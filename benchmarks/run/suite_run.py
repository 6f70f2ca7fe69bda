"""Run a suite: read what it names, lay out its cells, and run those that have no result yet."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from augment.data.layout import Layout
from augment.errors import InputError
from augment.execution import Ray
from benchmarks.grid import suite as suites
from benchmarks.grid.arms import BUILT_IN, Arm, load_mapping, resolve
from benchmarks.grid.cells import Cell, cells, contents, fits_vectors, why_absent
from benchmarks.grid.suite import LOGISTIC_REGRESSION, Suite
from benchmarks.grid.tasks import TaskData
from benchmarks.report.looks import rule
from benchmarks.report.summary import groups
from benchmarks.results import FILE, Record, Results, RunRecord, appending, file_in, read
from benchmarks.run.environment import threads_of
from benchmarks.run.runner import run

MOST_CELLS = 100_000
"""Cells of a suite."""

Watch = Callable[[Record, Sequence[Cell], float | None], None]
"""Called after each cell with its record, the cells that are left, and the seconds that they may take, if known."""


def _unwatched(cells: Sequence[Cell], results: Results) -> AbstractContextManager[Watch]:
    return nullcontext(lambda record, left, seconds: None)


@dataclass(frozen=True, kw_only=True)
class SuiteRun:
    """A suite whose tasks are read and whose cells are laid out: `plan_suite` makes it, `run_suite` carries it out."""

    suite: Suite
    arms: Sequence[Arm]
    data: Sequence[TaskData]
    """Of the suite's tasks, in their order."""
    cells: Sequence[Cell]
    record: RunRecord
    """What the results are results of."""
    folder: Path
    """Where the results stand."""
    jobs: int
    """Cells that run side by side."""
    ray: Ray | None = None
    """The cluster that measures them; None for this machine."""

    def results(self) -> Results:
        """Read the results that there are.

        Raises
        ------
        InputError
            If they are results of something else, or damaged.
        """
        results = read(self.folder) if file_in(self.folder).exists() else Results(self.folder / FILE)
        results.check(self.record, self.cells)
        return results

    def notes(self) -> list[str]:
        """Return what a reader of the results should know of the tasks, one line each."""
        lines = [rule(self.suite.looks)] if self.suite.looks else []
        for number, task in enumerate(self.data):
            lines += task.draw_notes
            seeds = sorted({cell.seed for cell in self.cells if cell.task == number})
            absent: dict[tuple[str, tuple[int, ...]], list[str]] = {}
            for arm in self.arms:
                reasons = {seed: why_absent(arm, self.suite, task, seed) for seed in seeds}
                missing = tuple(seed for seed, reason in reasons.items() if reason is not None)
                if missing:
                    absent.setdefault((str(reasons[missing[0]]), missing), []).append(arm.name)
            for (reason, missing), arms in absent.items():
                of = "" if len(missing) == len(seeds) else f" of {'seed' if len(missing) == 1 else 'seeds'} "
                which = "" if len(missing) == len(seeds) else ", ".join(map(str, missing))
                lines.append(f"{task.title}: without {', '.join(arms)}{of}{which}, since {reason}.")
        if LOGISTIC_REGRESSION in self.suite.heads and (unfit := [a.name for a in self.arms if not fits_vectors(a)]):
            lines.append(f"{LOGISTIC_REGRESSION}: without {', '.join(unfit)}, which need a training of the encoder.")
        return lines


def plan_suite(
    name: str,
    *,
    seeds: int | None = None,
    arms: Sequence[str] | None = None,
    arm_file: Path | None = None,
    tasks: Sequence[str] = (),
    encoders: Sequence[str] = (),
    data_dir: Path | None = None,
    out: Path | None = None,
    jobs: int | None = None,
    device: str = "auto",
    layout: Layout | None = None,
    ray: Ray | None = None,
) -> SuiteRun:
    """Read a suite and its tasks, and lay out its cells, without running any.

    Parameters
    ----------
    name : str
        A suite of the project, or a YAML file.
    seeds : int, optional
        How many, 1 or more. None for as many as the suite says.
    arms : sequence of str, optional
        Arms, or strategies, in the place of the suite's.
    arm_file : Path, optional
        A YAML file with more arms.
    tasks, encoders : sequence of str, default=()
        In the place of the suite's, if any are given.
    data_dir : Path, optional
        Where known data sets lie. None for the hub.
    out : Path, optional
        Folder of the results. None for ``benchmark-SUITE``.
    jobs : int, optional
        Cells that run side by side, 1 or more. None for one for each core, at most 4; on a GPU for 1.
    device : {"auto", "cpu", "cuda"}, default="auto"
    layout : Layout, optional
        How the file of a task ``csv:FILE`` is laid out.
    ray : Ray, optional
        The cluster that measures the cells, all of whose nodes see `out`. None for this machine.

    Returns
    -------
    SuiteRun

    Raises
    ------
    InputError
        If a suite, task, arm, encoder or file is unknown or cannot be used.
    """
    for what, count in (("seeds", seeds), ("jobs", jobs)):
        if count is not None and count < 1:
            raise InputError(f"The number of {what} must be 1 or more. Got {count}.")
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"{data_dir}: there is no such folder. Give the one that holds sst3, dynasent-v1.1, ….")
    suite = suites.read(name).changed(tasks, encoders)
    if suite.looks and (seeds or 0) > suite.seeds:
        raise InputError(
            f"The suite {suite.name!r} is judged for the last time at {suite.seeds} seeds. Got {seeds} seeds; give"
            " fewer, or a suite with other 'looks'."
        )
    chosen = resolve(arms or suite.arms, {} if arm_file is None else load_mapping(arm_file))
    groups_of = len(suite.tasks) * len(suite.encoders) * len(suite.heads) * len(suite.losses)
    count = groups_of * len(chosen) * (seeds or suite.seeds)
    if count > MOST_CELLS:
        raise InputError(
            f"The suite {suite.name!r} would have {count:,} cells, more than {MOST_CELLS:,}. Give fewer seeds or arms."
        )
    data = suites.load_tasks(suite, data_dir, layout)
    grid = list(cells(suite, data, chosen, seeds=seeds or suite.seeds, device=device))
    if not grid:
        raise InputError("No arm is left: 'real' needs rows that the task leaves out, by train_rows or a ratio.")
    files = {"suite": suites.path_of(name), "arms": BUILT_IN} | ({} if arm_file is None else {"own arms": arm_file})
    record = RunRecord(
        suite=suite.identity | {"data": {task.title: task.fingerprints() for task in data}},
        files={what: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for what, path in files.items()},
        encoders=contents(suite.encoders),
    )
    folder = out or Path(f"benchmark-{suite.name}")
    return SuiteRun(
        suite=suite,
        arms=chosen,
        data=data,
        cells=grid,
        record=record,
        folder=folder,
        jobs=jobs or _default_jobs(device),
        ray=ray,
    )


def run_suite(
    plan: SuiteRun,
    *,
    log: Callable[[str], None] = lambda line: None,
    watch: Callable[[Sequence[Cell], Results], AbstractContextManager[Watch]] = _unwatched,
) -> tuple[list[Record], Results]:
    """Run the cells that have no result yet, and those that failed before.

    Each result is on the disk before the next cell is counted, so a run may be killed at any time.

    Parameters
    ----------
    plan : SuiteRun
        From `plan_suite`.
    log : callable, optional
        Called with lines on the tasks.
    watch : callable, optional
        Called with the cells and the results; gives a context manager that yields a `Watch`.

    Returns
    -------
    failed : list of Record
        Cells of this run that have failed.
    results : Results
        All results, those of earlier runs among them.

    Raises
    ------
    InputError
        If the folder holds results of something else.
    OutputError
        If results cannot be written, or another run is writing there.

    Warns
    -----
    UserWarning
        If a killed run has left half a line, which is taken away.
    """
    with appending(plan.folder) as (results, appender):
        if results.cut:
            warnings.warn(f"{results.path}: the last line was cut short and has been taken away.", stacklevel=2)
        results.check(plan.record, plan.cells)
        appender.begin(plan.record)
        for task in plan.data:
            for line in task.notes:
                log(line)
            if task.absent:
                log(f"{task.title}: not tested on {', '.join(task.absent)}, whose rows are not there.")
            if task.shared:
                parts = ", ".join(f"{count:,} of {part}" for part, count in task.shared.items())
                log(f"{task.title}: training rows that nearly equal others are taken out: {parts}.")
            for test, rows in task.tests.items():
                appender.add_test(rows.fingerprint, test, rows.labels)
        threads = threads_of(plan.jobs) if plan.ray is None else max(1, int(plan.ray.worker_cpus))
        failed: list[Record] = []
        with watch(plan.cells, results) as on_cell:
            later = list(plan.cells)
            for look in plan.suite.looks or [len(plan.cells)]:
                end = plan.suite.first_seed + look
                now = [cell for cell in later if cell.seed < end]
                later = [cell for cell in later if cell.seed >= end]
                failed += run(
                    now,
                    plan.data,
                    results,
                    appender,
                    plan.folder,
                    jobs=plan.jobs,
                    threads=threads,
                    ray=plan.ray,
                    on_cell=_with_later(on_cell, later),
                )
                decided = {group.key: group.decided() for group in groups(results)} if later else {}
                for key, arms in decided.items():
                    if arms:
                        log(f"{' · '.join(key)}: decided, so that they get no more seeds: {', '.join(arms)}.")
                later = [cell for cell in later if cell.arm.name not in decided.get(cell.group, {})]
    return failed, results


def _with_later(on_cell: Watch, later: Sequence[Cell]) -> Watch:
    """Return a watch that counts the cells of later looks among those that are left."""

    def watch(record: Record, left: Sequence[Cell], seconds: float | None) -> None:
        all_left = [*left, *later]
        on_cell(record, all_left, seconds * len(all_left) / len(left) if seconds and left else seconds)

    return watch


def _default_jobs(device: str) -> int:
    """Return the default number of jobs: one for each core, at most four; on a GPU one."""
    import torch

    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    return 1 if on_gpu else min(4, os.cpu_count() or 1)
