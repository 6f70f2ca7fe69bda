"""Values with a dash at the start: ``-`` is the standard input or output, and ``-o`` is an option and no value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

PATHS = ("FILE", "DIR")
"""Metavars of options whose values are paths. A parameter takes ``-`` if its metavar has it, as in ``FILE|-``."""

_OPTION = re.compile(r"-[^\W\d_]|--[^\W\d_]")  # and neither a negative number nor `-` itself


def refuse_options(context: click.Context, arguments: Sequence[str]) -> None:
    """Refuse an option where the value of another one is missing, as in ``--polarity -o out.csv``.

    A value that does begin like an option is joined to its name: ``--labels=-a``.

    Parameters
    ----------
    context : click.Context
        Of a command.
    arguments : sequence of str
        As they stand on the command line.

    Raises
    ------
    click.UsageError
        Naming the option that lacks its value.
    """
    takes_value = {
        name
        for option in context.command.params
        if isinstance(option, click.Option) and not option.is_flag and not option.count
        for name in (*option.opts, *getattr(option, "aliases", ()))
    }
    rest = iter(arguments)
    for name in rest:
        if name == "--":
            return
        value = next(rest, "") if name in takes_value else ""
        if _OPTION.match(value):
            joined = f"{name}={value}" if name.startswith("--") else f"{name}{value}"
            raise click.UsageError(
                f"{name} lacks its value: {value!r} comes next, which looks like an option. Give the value; if"
                f" {value!r} is meant, write {joined}."
            )


def refuse_streams(context: click.Context) -> None:
    """Refuse ``-`` where a file or a folder is expected: nobody wants a file of that name.

    Parameters
    ----------
    context : click.Context
        Of a command, with its parameters.

    Raises
    ------
    click.UsageError
        Naming the parameter.
    """
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        values = value if isinstance(value, tuple) else (value,)
        takes = "-" in (parameter.metavar or "")
        is_path = isinstance(parameter, click.Argument) or parameter.metavar in PATHS
        if not takes and any(str(one) == "-" and (is_path or isinstance(one, Path)) for one in values):
            name = parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.make_metavar(context)
            raise click.UsageError(
                f"{name} was given as '-', the standard input or output, which this command does not use. Give the"
                " name of a file or a folder, e.g. rows.csv."
            )
