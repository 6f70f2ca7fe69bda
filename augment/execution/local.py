"""Workers that are processes of this machine."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

from augment.errors import InputError
from augment.execution.executor import Work
from augment.execution.processes import Processes
from augment.execution.team import Died, Team


class LocalPlace(NamedTuple):
    """A process of this machine."""

    number: int
    workers: int
    """All of them."""

    def device(self, name: str) -> str:
        """Return the device of this process. Several CUDA devices are assigned in turn; a single one is kept."""
        if name not in ("auto", "cuda"):
            return name
        import torch

        devices = torch.cuda.device_count()
        return f"cuda:{self.number % devices}" if devices > 1 else name


class LocalProcesses(Team):
    """Processes that end when this one ends, however it ends. They ignore Ctrl-C, which is for this one.

    A process that dies ends the run by default: mostly the memory ran out, and would again.

    Parameters
    ----------
    work, count, depth, deaths
        See `augment.execution.team.Team`.
    own_cores : bool, default=True
        Whether each process keeps to its share of the cores.
    """

    def __init__(self, work: Work, count: int, *, depth: int = 2, deaths: int = 0, own_cores: bool = True) -> None:
        super().__init__(work, count, depth=depth, deaths=deaths)
        self._own_cores = own_cores

    def _begin(self) -> None:
        try:
            ForkingPickler.dumps(self.work)
        except Exception as error:  # pickling raises errors of several kinds, and those of the objects
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"The strategy cannot be given to other processes: {reason}. A function among its parameters, such as"
                " `segmenter=`, must be defined at the top of a module. Or run with `workers=1`."
            ) from error

    def _launch(self, number: int) -> tuple[Processes, Future[Any]]:
        process = Processes(1)
        place = LocalPlace(number, self.count)
        return process, process.submit(_open, self.work, place, self._own_cores)

    def _send(self, connection: Processes, task: Any) -> Future[Any]:
        try:
            return connection.submit(_do, task)
        except BrokenProcessPool as error:  # it died while it was idle, or a moment ago
            ended: Future[Any] = Future()
            ended.set_exception(error)
            return ended

    def _wait(self, calls: Sequence[Future[Any]], seconds: float) -> list[Future[Any]]:
        return list(wait(calls, timeout=seconds, return_when=FIRST_COMPLETED).done)

    def _outcome(self, call: Future[Any]) -> Any:
        try:
            return call.result()
        except BrokenProcessPool as error:
            raise Died from error

    def _end(self, connection: Processes) -> None:
        connection.close(at_once=True)

    def _died(self) -> str:
        return (
            "A worker process has died, perhaps because memory ran out. Run with fewer `workers`; what is finished is"
            " kept for `resume=True`."
        )


class _Here:
    """What this worker process has opened."""

    work: Work


def _open(work: Work, place: LocalPlace, own_cores: bool) -> dict[str, Any]:
    if own_cores and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[place.number % len(cores) :: place.workers] or cores)
    report = work.open(place)
    _Here.work = work
    gc.freeze()  # what is open stays: the collector of garbage would look through it again and again
    return report


def _do(task: Any) -> Any:
    return _Here.work.do(task)
