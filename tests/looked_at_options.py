"""Whether a command looks at each of its options."""

from __future__ import annotations

import dis
import itertools
from collections.abc import Set
from typing import Any

import click


def check_options_are_looked_at(command: click.Command, passed_on: Set[str]) -> None:
    """Fail if a command takes an option and never reads it.

    What its signature does not name must be passed on whole, by one of these names.
    """
    function: Any = command.callback
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = function.__code__
    loaded = [step.argval for step in dis.get_instructions(function) if step.opname.startswith("LOAD")]
    looked_at = set(itertools.chain.from_iterable(one if isinstance(one, tuple) else (one,) for one in loaded))
    taken = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) | set(code.co_cellvars)
    names = {str(parameter.name) for parameter in command.params}
    assert names & taken <= looked_at | set(code.co_cellvars)
    assert names <= taken or passed_on & looked_at, "what the signature does not name is passed on whole"
