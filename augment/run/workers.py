"""Worker processes that try draws, while the main process accepts rows in order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from augment.errors import CounterpoiseError, InputError
from augment.generation.candidates import Draw
from augment.generation.loop import Trial, try_draws
from augment.guards.base import Guard
from augment.processes import Processes

if TYPE_CHECKING:
    from augment.text.base import TextStrategy


class Workers:
    """Tries draws in several processes, each with a strategy and guards of its own.

    A trial depends only on its draw, so the number of processes changes only the time. On several CUDA
    devices the processes share them out among themselves.

    Parameters
    ----------
    strategy : TextStrategy
        Each process prepares its own copy.
    guards : sequence of Guard
        Fitted; each process gets a copy and prepares it.
    count : int
        Processes, 1 or more.
    """

    def __init__(self, strategy: TextStrategy, guards: Sequence[Guard], count: int) -> None:
        numbers = multiprocessing.get_context("spawn").SimpleQueue()
        for number in range(count):
            numbers.put(number)
        self.count = count
        unopened = clone(strategy)
        unopened.take_over(strategy)
        _check_can_be_sent(unopened)
        self._processes = Processes(count, _start, unopened, list(guards), numbers, count)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """End the processes: at once after an error or Ctrl-C, since their results are not needed."""
        self._processes.close(at_once=kind is not None)

    def __call__(self, draws: Sequence[Draw]) -> list[Trial]:
        """Try draws, in their order.

        Raises
        ------
        CounterpoiseError
            If a process has died, or could not open its model.
        """
        # By source, so that a process reuses its work on one for other variants and later tries.
        shares = [
            [i for i, draw in enumerate(draws) if share_of(draw.source, self.count) == n] for n in range(self.count)
        ]
        trials: dict[int, Trial] = {}
        try:
            parts = [self._processes.submit(_try, [draws[i] for i in share]) for share in shares]
            for share, part in zip(shares, parts, strict=True):
                trials.update(zip(share, part.result(), strict=True))
            return [trials[i] for i in range(len(draws))]
        except BrokenProcessPool as error:
            raise CounterpoiseError(
                "A worker process has died, perhaps because memory ran out. Run with fewer `workers`; what is finished"
                " is kept for `resume=True`."
            ) from error


def _check_can_be_sent(strategy: TextStrategy) -> None:
    """Refuse a strategy that other processes cannot be given."""
    try:
        ForkingPickler.dumps(strategy)
    except Exception as error:  # pickling raises errors of several kinds, and those of the objects
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"The strategy cannot be given to other processes: {reason}. A function among its parameters, such as"
            " `segmenter=`, must be defined at the top of a module. Or run with `workers=1`."
        ) from error


class _InThisProcess:
    """The strategy and the guards of this worker process."""

    strategy: TextStrategy
    guards: list[Guard]


def _start(strategy: TextStrategy, guards: list[Guard], numbers: Any, count: int) -> None:
    """Prepare a worker process: once, before its first draws."""
    number = numbers.get()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[number % len(cores) :: count] or cores)
    from augment.text.base import guard_encoders

    params = strategy.get_params()  # including those of a composition's parts
    devices = {name: device_of(params[name], number) for name in params if name.rpartition("__")[2] == "device"}
    strategy.set_params(**devices)
    strategy.prepare()
    encoders = guard_encoders(strategy)
    for guard in guards:
        guard.prepare(encoders)
    _InThisProcess.strategy, _InThisProcess.guards = strategy, guards


def device_of(name: str, number: int) -> str:
    """Return the device of a worker. Several CUDA devices are assigned in turn.

    Parameters
    ----------
    name : str
        The strategy's device. A single device (``"cuda:1"``) is kept.
    number : int
        The worker's, from 0.

    Returns
    -------
    str
    """
    if name not in ("auto", "cuda"):
        return name
    import torch

    devices = torch.cuda.device_count()
    return f"cuda:{number % devices}" if devices > 1 else name


def share_of(source: int, count: int) -> int:
    """Return the number of the process that a source belongs to; the order of a file does not matter.

    Examples
    --------
    >>> [share_of(source, 2) for source in range(0, 16, 2)]
    [0, 0, 1, 0, 1, 0, 1, 0]
    """
    return ((source * 0x9E3779B97F4A7C15) % 2**64 >> 32) % count


def _try(draws: Sequence[Draw]) -> list[Trial]:
    return try_draws(_InThisProcess.strategy, _InThisProcess.guards, draws)
