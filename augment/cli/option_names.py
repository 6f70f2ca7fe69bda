"""Messages for the command line: the names of Python's parameters become those of options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from typing import Any

import click

from augment.name_lists import written_list

_PARAMETER = re.compile(r"`(?:[a-z_]+\.)*([a-z_]+)(?:=([^`]*))?`")
_METAVARS = {"base_url": "URL", "key_file": "FILE", "model": "NAME", "models": "NAME,NAME", "pool": "FILE"}


def with_options(message: str, parameters: Sequence[click.Parameter]) -> str:
    """Return a message of the library in the words of a command.

    The library writes a parameter in backticks, alone or with a value. The option of the same name takes its place.
    What has no option stays as it is: ``--param`` and files have the names of Python. But ``name=`` asks for a value:
    it becomes an option with a word for its value, or a ``--param`` if the command has that.

    Parameters
    ----------
    message : str
    parameters : sequence of click.Parameter
        Those of the command.

    Returns
    -------
    str

    Examples
    --------
    >>> options = [click.Option(["--overwrite"], is_flag=True), click.Option(["guards", "--guard"], multiple=True)]
    >>> with_options("Give `overwrite=True`.", options)
    'Give --overwrite.'
    >>> with_options("`guards=['length_ratio', 'polarity']` judge `k_neighbors`.", options)
    '--guard length_ratio --guard polarity judge `k_neighbors`.'
    >>> with_options("Give `pool=`.", [click.Option(["parameters", "--param"], multiple=True)])
    'Give --param pool=FILE.'
    """
    by_name = {parameter.name: parameter for parameter in parameters}

    def written(match: re.Match[str]) -> str:
        name, value = match.groups()
        if value == "False" and f"no_{name}" in by_name:
            name, value = f"no_{name}", "True"
        parameter = by_name.get(name)
        if value == "":
            metavar = _METAVARS.get(name, "VALUE")
            if isinstance(parameter, click.Option) and not parameter.is_flag:
                return f"{_written(parameter, None)} {metavar}"
            if parameter is None and "parameters" in by_name:
                return f"{_written(by_name['parameters'], None)} {name}={metavar}"
        return match[0] if parameter is None else _written(parameter, value)

    return _PARAMETER.sub(written, message)


def _written(parameter: click.Parameter, value: str | None) -> str:
    """Return how a user writes an option, with its value if there is one."""
    if not isinstance(parameter, click.Option):
        return parameter.metavar or str(parameter.name).upper()
    names = parameter.secondary_opts if value == "False" and parameter.secondary_opts else parameter.opts
    name = max((name for name in names if name not in getattr(parameter, "aliases", ())), key=len)
    if not value or parameter.is_flag:
        return name
    values = [str(one) for one in _values(value)]
    if len(values) > 1 and not parameter.multiple:
        values = [written_list(values)]
    return " ".join(f"{name} {shlex.quote(one)}" for one in values)


def _values(text: str) -> Sequence[Any]:
    """Read the value of a parameter. An empty list is ``none``. What is not Python's, such as `…`, stays as it is."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return [text]
    if isinstance(value, (list, tuple)):
        return value or ["none"]
    return [value]
