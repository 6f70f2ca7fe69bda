"""The base of all speed contests: our code and other libraries in turn, each measurement in its own process."""

from __future__ import annotations

import json
import multiprocessing
import signal
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augment.errors import CounterpoiseError, InputError
from benchmarks.peak_memory import peak_mb


@dataclass(frozen=True, kw_only=True)
class ContestOptions:
    """The options of the command. A contest uses only some of them."""

    data: str
    """File, folder or hub id."""
    label: str
    model: str
    """A folder, a hub id, or a bundled name."""
    rows: int
    """The number of rows of each competitor in each round."""
    threads: int
    batch_sizes: tuple[int, ...] = ()
    """Empty for the default of the contest."""
    peer_python: str | None = None
    """An interpreter with nlpaug 1.1.11 and transformers 4."""
    encoder_python: str | None = None
    """An interpreter with sentence-transformers. None for the running one, if it has the library."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The inputs of all competitors of a contest. Each contest adds its own."""

    threads: int


@dataclass(frozen=True)
class Measured:
    """One measurement of one competitor."""

    rows: int
    """The number of rows made."""
    seconds: float
    """Seconds without loading models and fitting."""
    before: float
    """Seconds of loading and fitting."""
    peak_mb: float
    """Peak resident memory of its process, in MiB."""
    losses: tuple[float, ...] = ()
    """For a training: the mean loss of each part of the run, in order."""
    product_seconds: float = 0.0
    """Seconds that its linear maps alone would take at the rate of large products in the same run; 0 if not measured.
    See `benchmarks.speed.product_limit`."""
    core: float = 0.0
    """The share of one core that the measuring process was at work, while others worked for it; 0 if not measured."""


@dataclass
class Competitor:
    """One line of the table."""

    name: str
    measure: Callable[[Any], Measured]
    """Called with the setting of the contest."""
    runs: list[Measured] = field(default_factory=list)

    def rate(self) -> float:
        """Return rows per second, the median of all runs."""
        return statistics.median(run.rows / run.seconds for run in self.runs)

    def peak_mb(self) -> float:
        """Return the largest peak of all runs, in MiB."""
        return max(run.peak_mb for run in self.runs)


@dataclass
class Contest:
    """Competitors that do the same work. The others are compared with the first."""

    name: str
    title: str
    """The title of its table."""
    unit: str
    """The unit that is counted, in the plural."""
    setting: Setting
    field_: list[Competitor]


def compare(contest: Contest, *, repeats: int = 3, log: Callable[[str], None] = lambda line: None) -> None:
    """Measure all competitors in several rounds, each time in a new process.

    Parameters
    ----------
    contest : Contest
        The measurements are added to the `runs` of its competitors.
    repeats : int, default=3
        The number of rounds. Each competitor runs once per round, so that changes of the machine's speed affect all.
    log : callable, optional
        Called with a line after each run.
    """
    for number in range(repeats):
        for competitor in contest.field_:
            measured = competitor.measure(contest.setting)
            competitor.runs.append(measured)
            rate = measured.rows / measured.seconds
            log(f"{contest.name}, round {number + 1}: {competitor.name}: {rate:,.0f} {contest.unit}/s")


def table(field_: Sequence[Competitor]) -> list[list[Any]]:
    """Return name, rate, how many times slower than the first, peak MiB and the core, for each competitor."""
    ours = field_[0]
    lines = []
    for competitor in field_:
        ratios = [(a.rows / a.seconds) / (b.rows / b.seconds) for a, b in zip(ours.runs, competitor.runs, strict=True)]
        lines.append(
            [
                competitor.name,
                round(competitor.rate()),
                round(statistics.median(ratios), 2),
                round(competitor.peak_mb()),
                *([f"{statistics.median(run.core for run in competitor.runs):.0%}"] if measures_core(field_) else []),
            ]
        )
    return lines


def measures_core(field_: Sequence[Competitor]) -> bool:
    """Return whether the work of the measuring process was measured."""
    return any(run.core for competitor in field_ for run in competitor.runs)


def losses(field_: Sequence[Competitor]) -> list[list[Any]]:
    """Return name and mean loss of each part of the run, for each competitor that trains: the mean of all runs."""
    return [
        [c.name, *(f"{statistics.mean(part):.3f}" for part in zip(*(run.losses for run in c.runs), strict=True))]
        for c in field_
        if c.runs and c.runs[0].losses
    ]


def limits(field_: Sequence[Competitor]) -> list[list[Any]]:
    """Return name, the rate that products alone would allow, and the share of it that is reached, where measured."""
    lines = []
    for competitor in field_:
        if competitor.runs and all(run.product_seconds for run in competitor.runs):
            limit = statistics.median(run.rows / run.product_seconds for run in competitor.runs)
            share = statistics.median(run.product_seconds / run.seconds for run in competitor.runs)
            lines.append([competitor.name, round(limit), f"{share:.0%}"])
    return lines


def alone(
    measure: Callable[..., tuple[Any, ...]], setting: Setting, *, with_torch: bool = True, **options: Any
) -> Measured:
    """Measure in a new process, so that the peak memory is that of this measurement.

    Parameters
    ----------
    measure : callable
        A function of a module. It takes the setting and the options, and returns rows, seconds, seconds of loading and,
        if it has them, the further fields of `Measured`.
    setting : Setting
        torch uses its number of threads.
    with_torch : bool, default=True
        Whether to load torch, which needs memory itself.
    **options
        Options of this competitor.

    Raises
    ------
    CounterpoiseError
        If the process fails. It writes the reason to standard error.
    """
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_measured, args=(measure, setting, with_torch, options, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise CounterpoiseError(f"A measurement has ended with exit code {process.exitcode}; see above.")
    return Measured(*answers.get())


def _measured(
    measure: Callable[..., tuple[Any, ...]],
    setting: Setting,
    with_torch: bool,
    options: Mapping[str, Any],
    answers: Any,
) -> None:
    if with_torch:
        import torch

        torch.set_num_threads(setting.threads)
    rows, seconds, before, *more = measure(setting, **options)
    answers.put((rows, seconds, before, peak_mb(), *more))


def elsewhere(script: Path, python: str, request: Mapping[str, Any], *, name: str, needs: str) -> Measured:
    """Measure another library in an interpreter that has it.

    Parameters
    ----------
    script : Path
        A script that reads JSON from standard input. Its last line of output has the fields of `Measured`, in JSON.
    python : str
        The interpreter.
    request : mapping
        The input of the script.
    name, needs : str
        The library, and the packages that the interpreter must have, for the message of the error.

    Raises
    ------
    InputError
        If that interpreter cannot run it.
    """
    try:
        done = subprocess.run(
            [python, str(script)],
            input=json.dumps(request),
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="replace",
        )
        return Measured(**json.loads(done.stdout.splitlines()[-1]))
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError, IndexError) as error:
        reason = [str(error), *(getattr(error, "stderr", None) or "").strip().splitlines()][-1]
        code = getattr(error, "returncode", 0)
        if code < 0:  # then its last output is not the reason
            reason = f"it was ended by {signal.Signals(-code).name}"
        raise InputError(
            f"{name} cannot be measured with {python!r}: {reason}. Give an interpreter that has {needs}."
        ) from error
