"""Worker processes that end when the main process ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Result = TypeVar("Result")


class Processes:
    """A pool of processes that ignore Ctrl-C and end with the main process, however it ends.

    Parameters
    ----------
    count : int
    start : callable, optional
        Called first in each process, with `arguments`.
    arguments : object
    """

    def __init__(self, count: int, start: Callable[..., None] | None = None, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        # The other end closes when this process ends, however it ends, or when it closes it.
        self._lifeline, self._lifeline_here = context.Pipe(duplex=False)
        initial = (self._lifeline, start, arguments)
        self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=initial)

    def submit(self, do: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function in one of the processes.

        Raises
        ------
        BrokenProcessPool
            If a process has died. The future's `result` raises it, too.
        """
        with _without_interrupts():
            return self._pool.submit(do, *arguments)

    def close(self, *, at_once: bool) -> None:
        """End the processes, after their current calls or at once."""
        if at_once:
            self._lifeline_here.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lifeline_here.close()
        self._lifeline.close()


def _begin(lifeline: Connection, start: Callable[..., None] | None, arguments: Sequence[Any]) -> None:
    """Prepare a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends this one
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with(lifeline: Connection) -> None:
    """End this process when the main one closes its end of the pipe, or is killed."""
    wait([lifeline])
    os._exit(1)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that ignore Ctrl-C, which a terminal sends to all of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
