"""Several workers against one process, and how many rows a second the driver of workers can take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from augment.errors import InputError
from augment.execution import Execution, Ray
from augment.generation.candidates import Candidate, Draw
from augment.text.base import TextStrategy
from benchmarks.speed.contest import Competitor, Contest, ContestOptions, Measured, Setting, alone

STRATEGIES = ("fillmask", "nlpaug:keyboard")
PACE = 100.0
"""Rows a second of a worker that sleeps."""


@dataclass(frozen=True, kw_only=True)
class WorkersSetting(Setting):
    """New rows of one class."""

    data: str
    label: str
    model: str
    rows: int


class Free(TextStrategy):
    """Write a number after a text: rows that cost next to nothing, or some sleep.

    Parameters
    ----------
    pace : float, default=0
        Rows a second; 0 for as many as there can be.
    """

    name: ClassVar[str] = "free"
    summary: ClassVar[str] = "write a number after a text"
    edits: bool = False

    def __init__(self, *, pace: float = 0) -> None:
        super().__init__()
        self.pace = pace

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Return the texts with a number that no other draw has."""
        if self.pace:
            time.sleep(len(draws) / self.pace)
        return [Candidate(f"{draw.text} {draw.source}.{draw.variant}.{draw.attempt}") for draw in draws]


def contests(options: ContestOptions, log: Callable[[str], None]) -> list[Contest]:
    """Return a contest for each of two strategies, and one for the driver.

    Parameters
    ----------
    options : ContestOptions
        Its data must be labelled. Each worker has the number of its threads.
    log : callable
        Not called.

    Returns
    -------
    list of Contest

    Raises
    ------
    InputError
        If the class has no rows.
    """
    from augment.data.corpus import read

    if not read(options.data).counts.get(options.label):
        raise InputError(f"{options.data}: no row of class {options.label!r}.")

    def contest(name: str, title: str, rows: int, field_: list[Competitor]) -> Contest:
        setting = WorkersSetting(
            data=options.data, label=options.label, model=options.model, rows=rows, threads=options.threads
        )
        return Contest(f"workers {name}", f"{rows:,} rows, {title}", "rows", setting, field_)

    made = [
        contest(name, f"{name}, {options.threads} threads a worker", rows, _competitors(name))
        for name, rows in (("fillmask", options.rows), ("nlpaug:keyboard", 10 * options.rows))
    ]
    free = [
        Competitor("2 workers, rows that cost nothing", partial(measured, name="free", workers=2)),
        *(
            Competitor(f"{count} workers that sleep", partial(measured, name="free", workers=count, pace=PACE))
            for count in (4, 16, 64)
        ),
    ]
    return [*made, contest("driver", f"{PACE:g} rows/s of each worker that sleeps", 20 * options.rows, free)]


def _competitors(name: str) -> list[Competitor]:
    return [
        Competitor("1 process", partial(measured, name=name, workers=1)),
        Competitor("2 workers", partial(measured, name=name, workers=2)),
        Competitor("4 workers on Ray", partial(measured, name=name, workers=4, ray=Ray(worker_cpus=0.5))),
    ]


def measured(setting: WorkersSetting, *, name: str, workers: int, ray: Ray | None = None, pace: float = 0) -> Measured:
    """Measure a run of a strategy, without its start."""
    return alone(_measured, setting, with_torch=name == "fillmask", name=name, workers=workers, ray=ray, pace=pace)


def _measured(
    setting: WorkersSetting, name: str, workers: int, ray: Ray | None, pace: float
) -> tuple[int, float, float, tuple[float, ...], float, float]:
    from augment import registry
    from augment.data.corpus import read
    from augment.run.job import plan_job
    from augment.run.text_run import Run

    start = time.perf_counter()
    corpus = read(setting.data)
    parameters = {"model": setting.model, "device": "cpu"} if name == "fillmask" else {}
    strategy: Any = Free(pace=pace) if name == "free" else registry.STRATEGIES.create(name, parameters)
    job = plan_job(
        corpus,
        strategy,
        sampling_strategy={setting.label: corpus.counts[setting.label] + setting.rows},
        guards=["none"] if name == "free" else None,
    )
    with Run(job, execution=Execution(workers, ray)) as run:
        run.settle()
        ready, cpu = time.perf_counter(), time.process_time()
        made = sum(1 for _ in run.make().rows)
        seconds = time.perf_counter() - ready
        core = (time.process_time() - cpu) / seconds
    return made, seconds, ready - start, (), 0.0, core
