"""Run cells in parallel. Each result is written at once, and finished cells are not run again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from augment.errors import CounterpoiseError, Interrupted, counted_of
from augment.processes import Processes
from benchmarks.grid.cells import Cell
from benchmarks.grid.tasks import TaskData
from benchmarks.results import Appender, Record, Results
from benchmarks.run.cell import failure, measure
from benchmarks.run.forecast import Pace

SHARED = ".encoders"
"""The folder, beside the results, for encoders, vectors and rows that several cells use. It exists during a run."""


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
    running: dict[Future[Record], tuple[Cell, _Slot, float]] = {}
    try:
        while waiting or running:
            for slot in slots:
                if slot.busy or (cell := _next(waiting, [c for c, _, _ in running.values()])) is None:
                    continue
                waiting.remove(cell)
                keep = any(c.shares_encoder and c.base_key == cell.key for c in waiting)
                running[slot.submit(cell, shared, keep)] = (cell, slot, time.perf_counter())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, slot, _ = running.pop(future)
                record = slot.record(cell, future)
                appender.add_cell(record)
                pace.add(record)
                if record["status"] == "failed":
                    failed.append(record)
                left = [*waiting, *(c for c, _, _ in running.values())]
                if not any(c.shares_encoder and c.base_key == cell.base_key for c in left):
                    shutil.rmtree(shared / cell.base_key, ignore_errors=True)
                now = time.perf_counter()
                on_cell(record, left, pace.left(waiting, [(c, now - begun) for c, _, begun in running.values()]))
    except KeyboardInterrupt:
        done = sum(cell.place in results.done for cell in cells)
        raise Interrupted(
            f"Interrupted: {counted_of(done, len(cells), 'cell', 'is', 'are')} done; the same command goes on"
            f" with the others."
        ) from None
    finally:
        for slot in slots:
            slot.close()
    shutil.rmtree(shared, ignore_errors=True)
    return failed


def _next(waiting: Sequence[Cell], running: Sequence[Cell]) -> Cell | None:
    """Return the first cell that may start. Only one of the cells that make the same thing runs at a time."""
    taken = set().union(*map(_shared, running))
    return next((cell for cell in waiting if not _shared(cell) & taken), None)


def _shared(cell: Cell) -> set[str]:
    """Return the keys of what a cell makes for others, or takes from them."""
    keys = {cell.rows_key} if cell.makes_rows_first else set()
    keys |= {cell.base_key} if cell.shares_encoder or cell.key == cell.base_key else set()
    return keys | ({cell.pretraining_key} if cell.pretraining_key is not None else set())


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

    import classifiers.training.run  # noqa: F401 -- so that the first cell's time is not that of loading libraries

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
