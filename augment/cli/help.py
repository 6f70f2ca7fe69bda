"""The form of the help: options in sections, values and defaults in one style, examples at the end."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from augment.cli.dashes import refuse_options, refuse_streams

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

_Command = TypeVar("_Command", bound=Callable[..., Any])

PATHS = {"FILE": "file", "FILE|-": "file", "DIR": "dir"}
"""Metavars whose values are paths, and what a shell completes them with."""


_WHOLE = re.compile(r"`[^`]+`|(?<!\w)'[^']+'")
"""What stands in quotes may hold spaces, and is pasted as one piece."""


class Formatter(click.HelpFormatter):
    """Text as wide as the terminal, in which no word and nothing in quotes is broken, so that it can be pasted."""

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        paragraphs = (_wrapped(part, self.width, self.current_indent) for part in text.split("\n\n"))
        self.write("\n\n".join("\n".join(lines) for lines in paragraphs) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write terms, and beside or below each its text."""
        rows = list(rows)
        shown = max((len(term) for term, _ in rows if len(term) <= col_max), default=col_max)
        start = self.current_indent + shown + col_spacing
        for term, text in rows:
            first = f"{'':>{self.current_indent}}{term}"
            lines = _wrapped(text, self.width, start)
            if lines and len(term) <= col_max:
                lines[0] = f"{first:<{start}}{lines[0].lstrip()}"
            else:
                lines = [first, *lines]
            self.write("".join(f"{line.rstrip()}\n" for line in lines))


class Context(click.Context):
    """What a command is run in. Its help is written by `Formatter`."""

    formatter_class = Formatter


class Option(click.Option):
    """An option that stands in a section of the help, shows its default, and completes paths.

    Parameters
    ----------
    *args : object
        See `click.Option`.
    aliases : sequence of str, default=()
        Further names that the option goes by. The help does not show them.
    **kwargs : object
        See `click.Option`. The text ``show_default`` is shown as it is, for a default that is settled elsewhere.
    """

    section: str | None = None
    """The title of the section. Set by `section`."""

    def __init__(self, *args: Any, aliases: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("show_default", True)
        super().__init__(*args, **kwargs)
        self.aliases = aliases

    def make_metavar(self, ctx: click.Context) -> str:
        """Return the word for the value: N for a whole number, X for any number, the choices, or the own word."""
        if self.metavar is None and isinstance(self.type, (click.types.IntParamType, click.types.FloatParamType)):
            return "N" if isinstance(self.type, click.types.IntParamType) else "X"
        return super().make_metavar(ctx)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser know all names. The help, messages and the Tab key have those without aliases."""
        names = self.opts
        self.opts = [*names, *self.aliases]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = names

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return what stands in brackets after the text: the default, and the range in words."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        elif isinstance(self.default, float) and "default" in extra:
            extra["default"] = number(self.default)
        if isinstance(self.type, click.IntRange):
            low, high = self.type.min, self.type.max
            extra["range"] = f"{low} or more" if high is None else f"{low} to {high}"
        return extra

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the value may be. A shell completes paths itself."""
        if self.metavar in PATHS:
            return [CompletionItem(incomplete, type=PATHS[self.metavar])]
        return super().shell_complete(ctx, incomplete)


class Command(click.Command):
    """A command whose help has its options in sections, and examples at the end.

    Parameters
    ----------
    *args : object
        See `click.Command`.
    examples : mapping of str to str, optional
        Command lines by what they do, in a sentence.
    **kwargs : object
        See `click.Command`.
    """

    context_class = Context

    def __init__(self, *args: Any, examples: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an option that stands for a value is refused, and ``-`` that stands for a file."""
        refuse_options(ctx, args)
        rest = super().parse_args(ctx, args)
        refuse_streams(ctx)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section. `--help`, which is of no section, ends the last one."""
        sections: dict[str, list[tuple[str, str]]] = {}
        title = "Options"
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):  # the text above explains arguments
                title = getattr(parameter, "section", None) or title
                sections.setdefault(title, []).append(record)
        limit = formatter.width // 3 + 4  # at 80 columns 30, which is click's own
        lengths = [len(term) for records in sections.values() for term, _ in records]
        column = max((length for length in lengths if length <= limit), default=limit)  # all sections have the same
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{term:<{column}}", text) for term, text in records], col_max=column)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for purpose, line in self.examples.items():
                    formatter.write_text(purpose)
                    with formatter.indentation():
                        write_line(formatter, line)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the whole first sentence of the help, for the list of a group's commands."""
        first = " ".join((self.short_help or self.help or "").partition("\n\n")[0].split())
        return re.split(r"(?<=\.) ", first)[0].removesuffix(".")


class Group(Command, click.Group):
    """Several commands. The help lists them first, in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    """Return the lines of a text. Nothing that is pasted is broken, even if a line is too long then."""
    whole = _WHOLE.sub(lambda match: match[0].replace(" ", "\0"), text)
    space = " " * indent
    lines = textwrap.wrap(
        whole,
        max(width, indent + 11),
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def write_line(formatter: click.HelpFormatter, line: str) -> None:
    """Write a command line. Where it is too long, it goes on in the next line, as a shell allows."""
    indent = " " * formatter.current_indent
    parts = textwrap.wrap(
        line,
        formatter.width - 2,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    formatter.write(" \\\n".join(parts) + "\n")


def number(value: float) -> str:
    """Write a number as briefly as possible.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> number(4.0), number(0.15), number(1e-5)
    ('4', '0.15', '1e-5')
    """
    return f"{value:g}".replace("e-0", "e-")


command = partial(click.command, cls=Command)
"""`click.command` for a `Command`. It takes ``examples``."""

option = partial(click.option, cls=Option)
"""`click.option` for an `Option`."""


def section(title: str, *options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds options to a command, in a section of its help.

    Parameters
    ----------
    title : str
        The heading. Sections of one title are shown as one.
    *options : callable
        From `option`, in the order of the help.

    Returns
    -------
    callable
        Decorates the function of a command, as `click.option` does.
    """

    def decorated(command: _Command) -> _Command:
        already = len(getattr(command, "__click_params__", ()))
        for add in reversed(options):
            command = add(command)
        for parameter in getattr(command, "__click_params__", ())[already:]:
            parameter.section = title
        return command

    return decorated
