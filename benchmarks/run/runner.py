"""Run cells in parallel. Each result is written at once, and finished cells are not run again."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from statistics import mean
from typing import Any

from augment.errors import CounterpoiseError, Interrupted
from augment.processes import Processes
from benchmarks.grid.suite import Cell
from benchmarks.grid.tasks import TaskData
from benchmarks.results import Appender, Record, Results
from benchmarks.run.cell import failure, measure

SHARED = ".encoders"
"""The folder, beside the results, for encoders that several arms use. It exists only during a run."""


class Pace:
    """Estimates the remaining time from the times of finished cells.

    Parameters
    ----------
    jobs : int
        Cells that run side by side.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.seconds: dict[tuple[str, ...], list[float]] = {}

    def add(self, record: Record) -> None:
        """Add the time of a finished cell, if it trained an encoder."""
        if record["status"] == "done" and record["model"]["model"] == record["encoder"]:
            where = tuple(record[part] for part in ("task", "encoder", "head", "loss", "arm"))
            self.seconds.setdefault(where, []).append(record["seconds"])

    def left(self, cells: Sequence[Cell]) -> float | None:
        """Return the estimated seconds of cells, or None before the first result. Unknown arms take the mean."""
        if not self.seconds:
            return None
        typical = mean(mean(times) for times in self.seconds.values())
        trained = [cell for cell in cells if cell.arm.model == "encoder"]
        return sum(mean(self.seconds.get((*c.group, c.arm.name), [typical])) for c in trained) / self.jobs


def run(
    cells: Sequence[Cell],
    data: Sequence[TaskData],
    results: Results,
    appender: Appender,
    folder: Path,
    *,
    jobs: int,
    threads: int,
    on_cell: Callable[[Record, Sequence[Cell], float | None], None] = lambda record, left, seconds: None,
) -> list[Record]:
    """Run the cells that have no result yet, including those that failed before.

    Parameters
    ----------
    cells : sequence of Cell
    data : sequence of TaskData
        Of the suite's tasks.
    results, appender
        From `benchmarks.results.appending`.
    folder : Path
        The folder of the results.
    jobs : int
        Cells that run in parallel, each in its own process.
    threads : int
        Threads of each process.
    on_cell : callable, optional
        Called after each cell with its record, the cells that are left, and the seconds that they may take.

    Returns
    -------
    list of dict
        The records of cells that have failed in this run.

    Raises
    ------
    Interrupted
        After Ctrl-C. Finished cells are kept.
    OutputError
        If a result cannot be written.
    """
    waiting = [cell for cell in cells if cell.place not in results.done]
    pace, failed = Pace(jobs), []
    for record in results.cells.values():
        pace.add(record)
    shared = folder / SHARED
    slots = [_Slot(data, threads) for _ in range(min(jobs, len(waiting)) or 1)]
    running: dict[Future[Record], tuple[Cell, _Slot]] = {}
    try:
        while waiting or running:
            for slot in slots:
                if slot.busy or (cell := _next(waiting, [c for c, _ in running.values()])) is None:
                    continue
                waiting.remove(cell)
                keep = any(c.shares_encoder and c.base_key == cell.key for c in waiting)
                running[slot.submit(cell, shared, keep)] = (cell, slot)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, slot = running.pop(future)
                record = slot.record(cell, future)
                appender.add_cell(record)
                pace.add(record)
                if record["status"] == "failed":
                    failed.append(record)
                left = [*waiting, *(c for c, _ in running.values())]
                if not any(c.shares_encoder and c.base_key == cell.base_key for c in left):
                    shutil.rmtree(shared / cell.base_key, ignore_errors=True)
                on_cell(record, left, pace.left(left))
    except KeyboardInterrupt:
        done = sum(cell.place in results.done for cell in cells)
        raise Interrupted(
            f"Interrupted: {done:,} of {len(cells):,} cells are done; the same command goes on with the others."
        ) from None
    finally:
        for slot in slots:
            slot.close()
    with contextlib.suppress(OSError):  # the folder does not exist, or another command uses it
        shared.rmdir()
    return failed


def _next(waiting: Sequence[Cell], running: Sequence[Cell]) -> Cell | None:
    """Return the first cell that may start. Only one of the cells that share an encoder runs at a time."""
    taken = {cell.base_key for cell in running if _has_encoder_in_common(cell)}
    return next((c for c in waiting if not (_has_encoder_in_common(c) and c.base_key in taken)), None)


def _has_encoder_in_common(cell: Cell) -> bool:
    return cell.shares_encoder or cell.key == cell.base_key


class _Slot:
    """A process that measures one cell after another. It is replaced if it dies."""

    def __init__(self, data: Sequence[TaskData], threads: int) -> None:
        self.data = data
        self.threads = threads
        self.busy = False
        self._start()

    def _start(self) -> None:
        self._process = Processes(1, _begin, self.data, self.threads)

    def submit(self, cell: Cell, shared: Path, keep: bool) -> Future[Record]:
        """Start to measure a cell."""
        self.busy = True
        try:
            return self._process.submit(_measured, cell, shared, keep)
        except BrokenProcessPool:  # it has died while it was idle
            self.close()
            self._start()
            return self._process.submit(_measured, cell, shared, keep)

    def record(self, cell: Cell, future: Future[Record]) -> Record:
        """Return the record of a cell."""
        self.busy = False
        try:
            return future.result()
        except BrokenProcessPool:
            self.close()
            self._start()
            return failure(cell, "Its process has died, perhaps because of too little memory. Run with fewer `jobs`.")

    def close(self) -> None:
        """Stop the process and its current work."""
        self._process.close(at_once=True)


class _Here:
    """The data of this process."""

    data: Sequence[TaskData]


def _begin(data: Sequence[TaskData], threads: int) -> None:
    """Prepare a process, once before its first cell."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(threads)
    _Here.data = data


def _measured(cell: Cell, shared: Path, keep: bool) -> Record:
    """Measure a cell. Any error becomes the record of a failure."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return measure(cell, _Here.data[cell.task], shared, keep=keep)
    except CounterpoiseError as error:
        return failure(cell, str(error))
    except Exception as error:  # noqa: BLE001 -- one failed cell must not stop the others
        return failure(cell, f"{type(error).__name__}: {error}")


def estimated(cells: Sequence[Cell], data: Sequence[TaskData], results: Results, jobs: int) -> float:
    """Return the estimated seconds of cells, from finished cells or else from a test of the encoder.

    Parameters
    ----------
    cells : sequence of Cell
    data : sequence of TaskData
    results : Results
        The results of earlier runs.
    jobs : int

    Returns
    -------
    float
    """
    left = [cell for cell in cells if cell.place not in results.done]
    pace = Pace(jobs)
    for record in results.done.values():
        pace.add(record)
    by_pace = pace.left(left)
    if by_pace is not None:
        return by_pace
    rates: dict[Any, float] = {}
    total = 0.0
    for cell in left:
        task = data[cell.task]
        if cell.arm.model != "encoder":
            continue
        if (cell.encoder, cell.task) not in rates:
            rates[cell.encoder, cell.task] = _rows_per_second(cell, task)
        total += _passes(cell, task) / rates[cell.encoder, cell.task]
    return total


def _passes(cell: Cell, data: TaskData) -> float:
    """Return the cost of a cell in forward passes of rows. A training step counts as three passes."""
    config, evaluated = cell.config, len(data.validation) + cell.config.train_sample
    tests = sum(map(len, data.tests.values()))
    if cell.shares_encoder:
        return (tests + len(data.validation) + len(data.train)) / 3  # shared with others
    steps = (config.max_steps or 0) * config.batch_size * config.gradient_accumulation
    return (
        3 * steps * (2 if config.r_drop else 1)
        + evaluated * (config.max_steps or 0) / (config.evaluate_steps or 1)
        + tests
    )


def _rows_per_second(cell: Cell, data: TaskData) -> float:
    """Measure the speed of an encoder when it has the whole machine."""
    from augment.models.encoder import TextEncoder

    texts = list(data.train.texts[:256])
    encoder = TextEncoder(model=cell.encoder, device=cell.config.device)
    encoder.encode(texts[:32])
    start = time.perf_counter()
    encoder.encode(texts)
    return len(texts) / (time.perf_counter() - start)
