"""Terminal output of the commands: errors in one line, exit codes, progress, tables."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from augment._version import __version__
from augment.cli.help import Group
from augment.cli.option_names import with_options
from augment.errors import CounterpoiseError

INTERRUPTED = 130
"""Exit code after Ctrl-C, 128 + SIGINT as shells have it."""


class Commands(Group):
    """A command group that turns every failure into one line on stderr and an exit code.

    Mistakes in options, files and data exit with 2, a shortfall under ``--strict`` with 1, Ctrl-C
    with 130. A reader that closes the pipe ends the program quietly.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Its errors name its options, where those of the library name parameters."""
        try:
            return super().invoke(ctx)
        except CounterpoiseError as error:
            command = self.commands.get(str(ctx.invoked_subcommand))
            if command is not None:
                error.args = (with_options(str(error), command.params),)
            raise

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program and exit."""
        kwargs["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows its number
            if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
        try:
            with warnings.catch_warnings(), _notes_shown():
                warnings.showwarning = _warn  # type: ignore[assignment]
                code = super().main(*args, **kwargs) or 0
            sys.stdout.flush()
            sys.exit(code)
        except CounterpoiseError as error:
            _fail(str(error), error.exit_code)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            _fail("Interrupted: nothing was written.", INTERRUPTED)
        except OSError as error:
            with contextlib.suppress(OSError):  # what is still buffered must not raise once more at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if error.errno == errno.EPIPE:
                sys.exit(1)
            _fail(f"{error.filename or 'The standard output'}: {error.strerror or error}.", 2)


def group(name: str, examples: Mapping[str, str]) -> Callable[[Callable[..., Any]], Commands]:
    """Return a decorator that makes a program of several commands: with its version, and ``-h`` beside ``--help``.

    Parameters
    ----------
    name : str
        Of the program.
    examples : mapping of str to str
        Command lines by what they do, for the end of the help.

    Returns
    -------
    callable
        Decorates the function of a group, as `click.group` does.
    """
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

    def decorated(function: Callable[..., Any]) -> Commands:
        versioned = click.version_option(__version__, prog_name=name)(function)
        return click.group(cls=Commands, examples=examples, context_settings=settings)(versioned)

    return decorated


def note(message: str, *, err: bool = True) -> None:
    """Print a line of the library, on stderr unless `err` is False, in the words of the running command."""
    context = click.get_current_context(silent=True)
    click.echo(message if context is None else with_options(message, context.command.params), err=err)


def _warn(message: Warning | str, *others: Any) -> None:
    note(f"Warning: {' '.join(str(message).split())}")


class _Notes(logging.Handler):
    """Print what the library notes, each note once, unless the command is told to be quiet."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one note."""
        context = click.get_current_context(silent=True)
        message = " ".join(record.getMessage().split())
        if message not in self._said and not (context is not None and context.params.get("quiet")):
            self._said.add(message)
            note(message)


@contextlib.contextmanager
def _notes_shown() -> Iterator[None]:
    """Print the notes of the library for a block. In Python they go to the logger `augment`, at the level INFO."""
    logger, handler = logging.getLogger("augment"), _Notes()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _fail(message: str, code: int) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(code)


@contextlib.contextmanager
def progress(total: int, what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show the progress of a job: a bar with rate and time left on a terminal, a line for each tenth if piped.

    Parameters
    ----------
    total : int
        Number of items.
    what : str
        The word for the items, in the plural.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        Takes the number of items just done.
    """
    if quiet or not total:
        yield lambda done: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total, rate="")
            start, made = time.perf_counter(), 0

            def advance(done: int) -> None:
                nonlocal made
                made += done
                bar.update(task, completed=made, rate=f"{made / (time.perf_counter() - start):,.0f} {what}/s")

            yield advance
    else:
        yield _lines(total, what)


def _lines(total: int, what: str) -> Callable[[int], None]:
    """Return a callback that prints a line whenever another tenth is done."""
    start, made, shown = time.perf_counter(), 0, 0

    def advance(done: int) -> None:
        nonlocal made, shown
        made += done
        if 10 * made // total > shown:
            shown = 10 * made // total
            rate = made / (time.perf_counter() - start)
            click.echo(f"{made:,} of {total:,} {what} ({rate:,.0f}/s)", err=True)

    return advance


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table. Columns of numbers are aligned to the right.

    Parameters
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequences
        Cells; integers get thousands separators.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    for i, name in enumerate(columns):
        numeric = all(isinstance(row[i], (int, float)) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=numeric)
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table)
