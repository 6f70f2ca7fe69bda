"""Several workers against one process, and how many rows a second the driver of workers can take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any, ClassVar

from augment.errors import InputError
from augment.execution import Execution, Ray
from augment.execution.executor import Place
from augment.generation.candidates import Candidate, Draw
from augment.generation.plan import slots
from augment.guards.base import Guard
from augment.run.workers import TrialWork, TriedDraws
from augment.startup import load_quickly
from augment.text.base import TextStrategy
from benchmarks.speed.contest import Competitor, Contest, ContestOptions, Measured, Setting, alone

STRATEGIES = ("fillmask", "nlpaug:keyboard")
PACES = ((4, 100), (16, 100), (64, 100), (64, 200), (64, 400))
"""Workers that sleep, and rows a second that each would make if the driver never let it wait."""
LASTING = 15
"""Seconds that they would need."""


@dataclass(frozen=True, kw_only=True)
class WorkersSetting(Setting):
    """New rows of one class."""

    data: str
    label: str
    model: str
    rows: int


class Free(TextStrategy):
    """Write words that no other row has: rows that cost next to nothing, or some sleep.

    Parameters
    ----------
    pace : float, default=0
        Rows a second; 0 for as many as there can be.
    """

    name: ClassVar[str] = "free"
    summary: ClassVar[str] = "write words that no other row has"
    edits: bool = False

    def __init__(self, *, pace: float = 0) -> None:
        super().__init__()
        self.pace = pace

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Return sixteen words for each draw."""
        if self.pace:
            time.sleep(len(draws) / self.pace)
        return [Candidate(_words(f"{draw.source}.{draw.variant}.{draw.attempt}")) for draw in draws]


def _words(name: str) -> str:
    digits = blake2b(name.encode(), digest_size=32).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def contests(options: ContestOptions, log: Callable[[str], None]) -> list[Contest]:
    """Return a contest for each of two strategies, and one for the driver, which compares rows by `near_duplicate`.

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
    asleep = [
        Competitor(f"{count} workers of {pace} rows/s", partial(measured, name="free", workers=count, pace=pace))
        for count, pace in PACES
    ]
    ready = Competitor("2 workers that have all rows ready", saturated)
    return [*made, contest("driver", "or what takes 15 s: workers that sleep", 30 * options.rows, [*asleep, ready])]


def _competitors(name: str) -> list[Competitor]:
    return [
        Competitor("1 process", partial(measured, name=name, workers=1)),
        Competitor("2 workers", partial(measured, name=name, workers=2)),
        Competitor("4 workers on Ray", partial(measured, name=name, workers=4, ray=Ray(worker_cpus=0.5))),
    ]


def measured(setting: WorkersSetting, *, name: str, workers: int, ray: Ray | None = None, pace: float = 0) -> Measured:
    """Measure a run of a strategy, without its start. With a pace there are rows for `LASTING` seconds."""
    return alone(_measured, setting, with_torch=name == "fillmask", name=name, workers=workers, ray=ray, pace=pace)


def saturated(setting: WorkersSetting) -> Measured:
    """Measure how many rows the driver takes of workers that never let it wait."""
    return alone(_saturated, setting, with_torch=False)


class Ready(TrialWork):
    """Trials that are made when the work is opened.

    Parameters
    ----------
    strategy, guards
        See `TrialWork`.
    draws : sequence of Draw
        Those that will be asked for.
    """

    def __init__(self, strategy: TextStrategy, guards: Sequence[Guard], draws: Sequence[Draw]) -> None:
        super().__init__(strategy, guards)
        self._draws = draws

    def open(self, place: Place) -> dict[str, Any]:
        """Try all draws."""
        report = super().open(place)
        self._made = dict(zip(self._draws, super().do(self._draws).trials, strict=True))
        return report

    def do(self, task: Sequence[Draw]) -> TriedDraws:
        """Look the trials up; make those of draws that are not known."""
        unknown = [draw for draw in task if draw not in self._made]
        self._made.update(zip(unknown, super().do(unknown).trials, strict=True))
        return TriedDraws([self._made[draw] for draw in task], 0.0)


def _saturated(setting: WorkersSetting) -> tuple[int, float, float, tuple[float, ...], float, float]:
    from augment.data.corpus import read
    from augment.execution.local import LocalProcesses
    from augment.generation.loop import Tally, generate
    from augment.run.job import plan_job
    from augment.run.text_run import Run
    from augment.run.workers import Workers

    load_quickly()
    start = time.perf_counter()
    corpus = read(setting.data)
    budget: dict[Any, int | str] = {setting.label: corpus.counts[setting.label] + setting.rows}
    strategy = Free()
    job = plan_job(corpus, strategy, sampling_strategy=budget, guards=["near_duplicate"])
    guards = Run(job).guards
    plan = slots(job.sources[setting.label], seed=job.seed, stream=0, wanted=setting.rows)
    draws = [
        Draw(corpus.texts[slot.source] or "", setting.label, *slot, 0, job.seed) for slot in islice(plan, setting.rows)
    ]
    with LocalProcesses(Ready(strategy, guards, draws), 2) as executor:
        executor.settled()
        workers = Workers(executor, tries=strategy.tries)
        ready, cpu = time.perf_counter(), time.process_time()
        chunks = generate(
            workers,
            texts=corpus.texts,
            sources=job.sources,
            budget=job.budget,
            guards=guards,
            seed=job.seed,
            tally=Tally(),
            ahead=workers,
        )
        made = sum(len(chunk.rows) for chunk in chunks)
        seconds = time.perf_counter() - ready
        core = (time.process_time() - cpu) / seconds
    return made, seconds, ready - start, (), 0.0, core


def _measured(
    setting: WorkersSetting, name: str, workers: int, ray: Ray | None, pace: float
) -> tuple[int, float, float, tuple[float, ...], float, float]:
    from augment import registry
    from augment.data.corpus import read
    from augment.run.job import plan_job
    from augment.run.text_run import Run

    load_quickly()  # as commands do
    start = time.perf_counter()
    corpus = read(setting.data)
    rows = round(LASTING * workers * pace) or setting.rows
    parameters = {"model": setting.model, "device": "cpu"} if name == "fillmask" else {}
    strategy: Any = Free(pace=pace) if name == "free" else registry.STRATEGIES.create(name, parameters)
    job = plan_job(
        corpus,
        strategy,
        sampling_strategy={setting.label: corpus.counts[setting.label] + rows},
        guards=["near_duplicate"] if name == "free" else None,
    )
    with Run(job, execution=Execution(workers, ray)) as run:
        run.settle()
        ready, cpu = time.perf_counter(), time.process_time()
        made = sum(1 for _ in run.make().rows)
        seconds = time.perf_counter() - ready
        core = (time.process_time() - cpu) / seconds
    return made, seconds, ready - start, (), 0.0, core
