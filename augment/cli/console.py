"""What the commands have in common: errors in one line, notes, exit codes."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from augment._version import __version__
from augment.cli.help import Group
from augment.cli.option_names import with_options
from augment.errors import CounterpoiseError
from augment.startup import BEGAN

INTERRUPTED = 130
"""Exit code after Ctrl-C, 128 + SIGINT as shells have it."""
CLOSED = 141
"""Exit code where the reader has closed the pipe, 128 + SIGPIPE as shells have it."""


class Commands(Group):
    """A command group that turns every failure into one line on stderr and an exit code.

    Mistakes in options, files and data exit with 2, a shortfall under ``--strict`` with 1, Ctrl-C
    with 130. A reader that closes the pipe ends the program quietly.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run as a program. Ctrl-C counts from here on, until all that was asked for is done."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as `let_interrupts_end_it` has left it
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._began = BEGAN
        try:
            return self.main(*args, **kwargs)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python still takes a second to end

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command. The error for an unknown one lists those that there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            there = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{error.format_message()} {ctx.command_path} has {there}.", ctx) from None

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options of the program. ``--help`` and ``--version`` print here."""
        with _until_the_reader_leaves():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Its errors name its options, where those of the library name parameters."""
        try:
            with _until_the_reader_leaves():
                return super().invoke(ctx)
        except CounterpoiseError as error:
            command = self.commands.get(str(ctx.invoked_subcommand))
            if command is not None:
                error.args = (with_options(str(error), command.params),)
            raise

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program and exit."""
        kwargs["standalone_mode"] = False
        kwargs["obj"] = self.__dict__.pop("_began", time.perf_counter())  # for `waited`
        for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows its number
            if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
        try:
            with warnings.catch_warnings(), _notes_shown():
                warnings.showwarning = _warn  # type: ignore[assignment]
                code = super().main(*args, **kwargs) or 0
            with _until_the_reader_leaves():
                sys.stdout.flush()
            sys.exit(code)
        except CounterpoiseError as error:
            _fail(str(error), error.exit_code)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            words = [*(kwargs.get("args") or (args[0] if args else None) or sys.argv[1:])]
            several = "--against" in words and "unexpected extra argument" in error.format_message()
            more = " Repeat the option for each file: --against A --against B." if several else ""
            _fail(f"{error.format_message()}{more}", error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            _fail("Interrupted: nothing was written.", INTERRUPTED)
        except OSError as error:
            _drop_what_is_buffered()
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


def waited(context: click.Context) -> float:
    """Return the seconds since the program was started."""
    return time.perf_counter() - float(context.find_root().obj)


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
def _until_the_reader_leaves() -> Iterator[None]:
    """End the program with `CLOSED` when a block prints into a closed pipe. `click` itself would end it with 1."""
    try:
        yield
    except BrokenPipeError:
        _drop_what_is_buffered()
        sys.exit(CLOSED)


def _drop_what_is_buffered() -> None:
    """Let what the standard output still holds go nowhere, so that it does not raise once more at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
