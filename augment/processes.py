"""Processes beside the main one, which end when it ends."""

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
    """Processes that never see Ctrl-C, and end with the main one, however that ends.

    Parameters
    ----------
    count : int
    start : callable, optional
        Called in each before all else, with `arguments`.
    arguments : object
    """

    def __init__(self, count: int, start: Callable[..., None] | None = None, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        # Its other end closes when this process ends, however it does, or lets go of it.
        self._lifeline, self._lifeline_here = context.Pipe(duplex=False)
        initial = (self._lifeline, start, arguments)
        self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=initial)

    def submit(self, do: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have a function called in one of them.

        Raises
        ------
        BrokenProcessPool
            If one of them has died; so does the future's `result`.
        """
        with _without_interrupts():
            return self._pool.submit(do, *arguments)

    def close(self, *, at_once: bool) -> None:
        """End them, after what they are at, or in the midst of it."""
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
