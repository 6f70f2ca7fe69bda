"""Processes beside the main one: those that end with it, and those that try draws while it accepts them in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeVar

from sklearn.base import clone

from augment.candidates import Draw
from augment.errors import CounterpoiseError
from augment.generation import Trial, try_draws
from augment.guards.guard import Guard

if TYPE_CHECKING:
    from augment.strategy import TextStrategy

Result = TypeVar("Result")


class Processes:
    """Processes that never see Ctrl-C, and end with the main one, however that ends.

    Parameters
    ----------
    count : int
    start : callable, optional
        Called in each before all else, with `given`.
    given : object
    """

    def __init__(self, count: int, start: Callable[..., None] | None = None, *given: Any) -> None:
        context = multiprocessing.get_context("spawn")
        # Its other end closes when this process ends, however it does, or lets go of it.
        self._lifeline, self._lifeline_here = context.Pipe(duplex=False)
        initial = (self._lifeline, start, given)
        self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=initial)

    def submit(self, do: Callable[..., Result], *given: Any) -> Future[Result]:
        """Have a function called in one of them.

        Raises
        ------
        BrokenProcessPool
            If one of them has died; so does the future's `result`.
        """
        with _without_interrupts():
            return self._pool.submit(do, *given)

    def close(self, *, at_once: bool) -> None:
        """End them, after what they are at, or in the midst of it."""
        if at_once:
            self._lifeline_here.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lifeline_here.close()
        self._lifeline.close()


def _begin(lifeline: Connection, start: Callable[..., None] | None, given: Sequence[Any]) -> None:
    """Prepare a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends this one
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if start is not None:
        start(*given)


def _end_with(lifeline: Connection) -> None:
    """End this process when the main one lets go of the other end, or is killed and cannot tell it so."""
    wait([lifeline])
    os._exit(1)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Have the processes that start meanwhile never see Ctrl-C, which a terminal sends to all of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        numbers = multiprocessing.get_context("spawn").SimpleQueue()
        for number in range(count):
            numbers.put(number)
        self.count = count
        self._processes = Processes(count, _start, clone(strategy), list(guards), numbers, count)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """End the processes: at once after an error or Ctrl-C, since nobody waits for what they are at."""
        self._processes.close(at_once=kind is not None)

    def __call__(self, draws: Sequence[Draw]) -> list[Trial]:
        """Try draws, in their order.

        Raises
        ------
        CounterpoiseError
            If a process has died, or could not open its model.
        """
        # By source, so that what a process knows of one serves its other variants and later tries as well.
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
                "A worker process has died, for want of memory perhaps. Run with fewer --workers; what is finished"
                " is kept for --resume."
            ) from error


class _Here:
    """What this worker process works with."""

    strategy: TextStrategy
    guards: list[Guard]


def _start(strategy: TextStrategy, guards: list[Guard], numbers: Any, count: int) -> None:
    """Prepare a worker process: once, before its first draws."""
    number = numbers.get()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[number % len(cores) :: count] or cores)
    from augment.encoding import Encoders
    from augment.strategy import model_device

    given = strategy.get_params()  # those of a composition's parts among them
    devices = {name: device_of(given[name], number) for name in given if name.rpartition("__")[2] == "device"}
    strategy.set_params(**devices)
    strategy.prepare()
    encoders = Encoders(device=model_device(strategy))
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


def share_of(source: int, count: int) -> int:
    """Return which of so many processes a source belongs to, whatever order the classes of a file stand in.

    Examples
    --------
    >>> [share_of(source, 2) for source in range(0, 16, 2)]
    [0, 0, 1, 0, 1, 0, 1, 0]
    """
    return ((source * 0x9E3779B97F4A7C15) % 2**64 >> 32) % count


def _try(draws: Sequence[Draw]) -> list[Trial]:
    return try_draws(_Here.strategy, _Here.guards, draws)
