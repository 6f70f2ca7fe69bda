"""Run cells in parallel. Each result is written at once, and finished cells are not run again."""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from augment.errors import CounterpoiseError, Interrupted, counted_of
from augment.execution import Execution, Ray, WorkerDied
from augment.execution.executor import Place
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
    ray: Ray | None = None,
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
    ray : Ray, optional
        The cluster that measures the cells, with `folder` where all of its nodes see it. None for this machine.
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
    pace, failed = Pace.of(results, jobs), []
    shared = folder.resolve() / SHARED
    work = CellWork(data, threads)
    running: dict[int, tuple[Cell, float]] = {}
    executor = Execution(min(jobs, len(waiting)) or 1, ray).start(work, depth=1, own_cores=False)
    try:
        with executor:
            if ray is not None:
                executor.settled()
            while waiting or running:
                free: list[int | None] = [*executor.free()]
                for worker in free or ([] if running else [None]):
                    if (cell := _next(waiting, [c for c, _ in running.values()])) is None:
                        break
                    waiting.remove(cell)
                    keep = any(c.shares_encoder and c.base_key == cell.key for c in waiting)
                    ticket = executor.submit((cell, shared, keep), worker=worker)
                    running[ticket] = (cell, time.perf_counter())
                for end in executor.results():
                    cell, _ = running.pop(end.ticket)
                    record = end.value if end.error is None else failure(cell, _reason(end.error))
                    appender.add_cell(record)
                    pace.add(record)
                    if record["status"] == "failed":
                        failed.append(record)
                    left = [*waiting, *(c for c, _ in running.values())]
                    if not any(c.shares_encoder and c.base_key == cell.base_key for c in left):
                        shutil.rmtree(shared / cell.base_key, ignore_errors=True)
                    now = time.perf_counter()
                    on_cell(record, left, pace.left(waiting, [(c, now - begun) for c, begun in running.values()]))
    except KeyboardInterrupt:
        done = sum(cell.place in results.done for cell in cells)
        raise Interrupted(
            f"Interrupted: {counted_of(done, len(cells), 'cell', 'is', 'are')} done; the same command goes on"
            f" with the others."
        ) from None
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


def _reason(error: CounterpoiseError) -> str:
    """Return why a cell has no record of its own."""
    if isinstance(error, WorkerDied):
        return "Its process has died, perhaps because of too little memory. Run with fewer `jobs`."
    return str(error)


class CellWork:
    """What a worker does: it measures cells.

    Parameters
    ----------
    data : sequence of TaskData
        Of the suite's tasks.
    threads : int
        Threads of each worker.
    """

    def __init__(self, data: Sequence[TaskData], threads: int) -> None:
        self.data = data
        self.threads = threads

    def open(self, place: Place) -> dict[str, Any]:
        """Load the libraries, so that the first cell's time does not include that."""
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        import torch

        import classifiers.training.run  # noqa: F401 -- see above

        torch.set_num_threads(self.threads)
        return {"device": place.device("auto") if torch.cuda.is_available() else "cpu"}

    def do(self, task: tuple[Cell, Path, bool]) -> Record:
        """Measure a cell. Any error becomes the record of a failure."""
        cell, shared, keep = task
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return measure(cell, self.data[cell.task], shared, keep=keep)
        except CounterpoiseError as error:
            return failure(cell, str(error))
        except Exception as error:  # noqa: BLE001 -- one failed cell must not stop the others
            return failure(cell, f"{type(error).__name__}: {error}")
