"""The name ``-``: it stands for the standard input or output, which most commands do not use."""

from __future__ import annotations

from pathlib import Path

import click

PATHS = ("FILE", "DIR")
"""Metavars of options whose values are paths. A parameter takes ``-`` if its metavar has it, as in ``FILE|-``."""


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
