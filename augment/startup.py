"""The first moments of a program, before its command is imported."""

from __future__ import annotations

import signal
import time

BEGAN = time.perf_counter()
"""When the program began, by the clock of `time.perf_counter`."""


def let_interrupts_end_it() -> None:
    """Let Ctrl-C end the program at once and without a traceback, until the command takes it over.

    A program that was started to ignore Ctrl-C, e.g. in the background, goes on to ignore it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
