"""Several processes that try draws side by side; one process accepts, in the order of the plan."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from augment.candidates import Draw
from augment.errors import CounterpoiseError
from augment.generation import Trial, try_draws
from augment.guards.guard import Guard

if TYPE_CHECKING:
    from augment.strategy import TextStrategy


class Workers:
    """Tries draws in several processes, each with a strategy and guards of its own.

    A trial depends on its draw alone, so the number of processes changes nothing but the time. On several CUDA
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
        context = multiprocessing.get_context("spawn")
        numbers = context.SimpleQueue()
        for number in range(count):
            numbers.put(number)
        self.count = count
        # Its other end closes when this process ends, however it does, or lets go of it.
        self._lifeline, self._lifeline_here = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            count,
            mp_context=context,
            initializer=_start,
            initargs=(clone(strategy), list(guards), numbers, count, self._lifeline),
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """End the processes: at once after an error or Ctrl-C, since nobody waits for what they are at."""
        if kind is not None:
            self._lifeline_here.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lifeline_here.close()
        self._lifeline.close()

    def __call__(self, draws: Sequence[Draw]) -> list[Trial]:
        """Try draws, in their order.

        Raises
        ------
        CounterpoiseError
            If a process has died, or could not open its model.
        """
        # By source, so that what a process knows of one serves its other variants and later tries as well.
        shares = [[i for i, draw in enumerate(draws) if draw.source % self.count == n] for n in range(self.count)]
        trials: dict[int, Trial] = {}
        try:
            with without_interrupts():
                parts = self._pool.map(_try, [[draws[i] for i in share] for share in shares])
            for share, part in zip(shares, parts, strict=True):
                trials.update(zip(share, part, strict=True))
            return [trials[i] for i in range(len(draws))]
        except BrokenProcessPool as error:
            raise CounterpoiseError(
                "A worker process has died, for want of memory perhaps. Run with fewer --workers; what is finished"
                " is kept for --resume."
            ) from error


class _Here:
    """What this worker process works with."""

    strategy: TextStrategy
    guards: list[Guard]


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Have the processes that start meanwhile never see Ctrl-C, which a terminal sends to all of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(strategy: TextStrategy, guards: list[Guard], numbers: Any, count: int, lifeline: Connection) -> None:
    """Prepare a worker process: once, before its first draws."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends this one
    threading.Thread(target=end_with, args=(lifeline,), daemon=True).start()
    number = numbers.get()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[number % len(cores) :: count] or cores)
    from augment.encoding import Encoders

    given = strategy.get_params()  # those of a composition's parts among them
    devices = {name: device_of(given[name], number) for name in given if name.rpartition("__")[2] == "device"}
    strategy.set_params(**devices)
    strategy.prepare()
    encoders = Encoders(device=next(iter(devices.values()), "auto"))
    for guard in guards:
        guard.prepare(encoders)
    _Here.strategy, _Here.guards = strategy, guards


def device_of(name: str, number: int) -> str:
    """Return the device of a worker: where there are several of the kind asked for, each takes the next.

    Parameters
    ----------
    name : str
        As the strategy has it; one that names a single device (``"cuda:1"``) stays.
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


def _try(draws: Sequence[Draw]) -> list[Trial]:
    return try_draws(_Here.strategy, _Here.guards, draws)


def end_with(lifeline: Connection) -> None:
    """End this process when the main one lets go of the other end, or is killed and cannot tell it so."""
    wait([lifeline])
    os._exit(1)
