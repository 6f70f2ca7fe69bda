"""Tables and progress, for terminals and for pipes."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 120
"""Columns of a table that is not printed on a terminal, unless the variable COLUMNS says otherwise."""
_ENDS = re.compile(r"(?: |\x1b\[[0-9;]*m)+$", re.MULTILINE)


def terminal(*, stderr: bool = False) -> Console:
    """Return what tables and bars are printed on.

    It heeds NO_COLOR, COLUMNS and TERM. There are no control codes in pipes.
    """
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = WIDTH
    return console


def can_redraw(console: Console) -> bool:
    """Tell whether lines can be written again in their place."""
    return console.is_terminal and not console.is_dumb_terminal


@contextlib.contextmanager
def progress(total: int, what: str, *, quiet: bool, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show the progress of a job: a bar with rate and time left on a terminal, a line for each tenth if piped.

    Parameters
    ----------
    total : int
        Number of items.
    what : str
        The word for the items, in the plural.
    quiet : bool
        Show nothing.
    done : int, default=0
        Items that were there before. They count as done, and not in the rate.

    Yields
    ------
    callable
        Takes the number of items just done.
    """
    if quiet or not total:
        yield lambda number: None
        return
    console, meter = terminal(stderr=True), Meter(total, what, done)
    if not can_redraw(console):
        yield _lines(meter)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total, completed=done, pace="")

        def advance(number: int) -> None:
            meter.add(number)
            bar.update(task, completed=meter.done, pace=f"{meter.rate()}, {meter.left()}")

        yield advance


@contextlib.contextmanager
def bar(*, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Show the progress of a job that tells its totals itself, in the first call for each kind of items.

    Parameters
    ----------
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        See `augment.run.file_run.Progress`.
    """
    with contextlib.ExitStack() as stack:
        shown: dict[str, Callable[[int], None]] = {}

        def advance(number: int, total: int, what: str) -> None:
            if what in shown:
                shown[what](number)
            else:
                stack.close()
                shown.clear()
                shown[what] = stack.enter_context(progress(total, what, quiet=quiet, done=number))

        yield advance


class Meter:
    """How much is done, how fast, and how long the rest will take.

    Parameters
    ----------
    total : int
    what : str
        The word for the items.
    done : int, default=0
        Items that were there at the start.
    clock : callable, default=time.perf_counter
        Returns seconds.

    Examples
    --------
    >>> seconds = iter([0.0, 2.0, 2.0])
    >>> meter = Meter(100, "rows", done=50, clock=lambda: next(seconds))
    >>> meter.add(10)
    >>> meter.done, meter.rate(), meter.left()
    (60, '5.0 rows/s', '8 s left')
    """

    def __init__(self, total: int, what: str, done: int = 0, clock: Callable[[], float] = time.perf_counter) -> None:
        self.total, self.what, self.done, self._clock = total, what, done, clock
        self._before, self._start = done, clock()

    def add(self, number: int) -> None:
        """Count items just done."""
        self.done += number

    def per_second(self) -> float:
        """Return the items per second that this process has done."""
        return (self.done - self._before) / max(self._clock() - self._start, 1e-9)

    def rate(self) -> str:
        """Return the rate in words."""
        rate = self.per_second()
        return f"{rate:,.0f} {self.what}/s" if rate >= 10 else f"{rate:.1f} {self.what}/s"

    def left(self) -> str:
        """Return the time left in words; nothing before the first item."""
        rate = self.per_second()
        return f"{duration((self.total - self.done) / rate)} left" if rate else ""


def duration(seconds: float) -> str:
    """Write a duration in hours, minutes and seconds.

    Examples
    --------
    >>> duration(45), duration(150), duration(7300)
    ('45 s', '2 min 30 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _lines(meter: Meter) -> Callable[[int], None]:
    """Return a callback that prints a line whenever another tenth is done."""
    shown = 10 * meter.done // meter.total

    def advance(number: int) -> None:
        nonlocal shown
        meter.add(number)
        if number and 10 * meter.done // meter.total > shown:
            shown = 10 * meter.done // meter.total
            click.echo(f"{meter.done:,} of {meter.total:,} {meter.what} ({meter.rate()}, {meter.left()})", err=True)

    return advance


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table. Columns of numbers are aligned to the right.

    Where the terminal is too narrow for it, each row is a block of lines, a line for each cell.

    Parameters
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequences
        Cells; integers get thousands separators.
    """
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = terminal()
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    for i, name in enumerate(columns):
        numeric = all(isinstance(row[i], (int, float)) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=numeric)
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    for row in cells:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        if Measurement.get(console, console.options.update(max_width=10_000), table).minimum <= console.width:
            console.print(table)
        else:
            console.print(Text(title, style="bold"))
            for row in cells:
                console.print()
                for name, cell in zip(columns, row, strict=True):
                    console.print(Text(f"{name}: {cell}" if name else cell))
    text = _ENDS.sub(lambda match: match[0].replace(" ", ""), captured.get())
    sys.stdout.write(text)  # whose encoding shows what it can
