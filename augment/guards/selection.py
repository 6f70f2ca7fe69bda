"""Which guards a run asks: those that keep what is promised of every row, and those that were chosen."""

from __future__ import annotations

from collections.abc import Sequence

from augment.errors import InputError
from augment.guards.guard import Guard
from augment.registry import GUARDS

ALWAYS = ("changed", "length_ratio", "held_out", "duplicate")
"""Asked in every run: a new row differs from its source, and equals no original, no held-out and no other new row."""
DEFAULT: tuple[str, ...] = ()
"""Asked besides, unless others are named; docs/guards.md has the measurements behind the choice."""


def select(chosen: Sequence[str | Guard] | None = None, own: Sequence[Guard] = ()) -> list[Guard]:
    """Return fresh guards in the order in which they are asked.

    Parameters
    ----------
    chosen : sequence of (str or Guard), optional
        ``"name"`` or ``"name:key=value,key=value"``, or guards; ``"none"`` alone for only those of `ALWAYS`. None for
        those of `DEFAULT`. A guard of `ALWAYS` that is named replaces the one with default parameters.
    own : sequence of Guard, default=()
        What the strategy brings along.

    Returns
    -------
    list of Guard

    Raises
    ------
    InputError
        If a guard or a parameter is unknown, or a guard is named twice.
    """
    names = list(DEFAULT if chosen is None else chosen)
    if "none" in names:
        if len(names) > 1:
            raise InputError("The guard 'none' stands alone: it means no others than those that are always asked.")
        names = []
    guards = [parse(guard) if isinstance(guard, str) else guard for guard in names]
    given = [guard.name for guard in guards]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise InputError(f"The guard {twice[0]!r} is named twice. Name it once, with all its parameters.")
    guards += [GUARDS.create(name, {}) for name in ALWAYS if name not in given]
    guards += [guard for guard in own if guard.name not in given]
    order = {name: place for place, name in enumerate(GUARDS.own)}
    return sorted(guards, key=lambda guard: order.get(guard.name, len(order)))


def parse(text: str) -> Guard:
    """Build a guard from ``"name"`` or ``"name:key=value,key=value"``.

    A value goes up to the next ``,key=``, so it may hold commas.

    Raises
    ------
    InputError
        If the name or a parameter is unknown, or a value is of a wrong type.

    Examples
    --------
    >>> guard = parse("length_ratio:low=.8,high=1.5")
    >>> guard.low, guard.high
    (0.8, 1.5)
    """
    name, _, rest = text.partition(":")
    values: dict[str, str] = {}
    last = ""
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if equals and key.strip().isidentifier():
            last = key.strip()
            values[last] = value
        elif last:
            values[last] += "," + part
        else:
            raise InputError(f"A guard is written NAME or NAME:key=value,…, e.g. similarity:low=.7. Got {text!r}.")
    guard: Guard = GUARDS.create(name.strip(), values)
    return guard
