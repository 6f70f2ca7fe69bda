"""Select the guards of a run: those that always apply, and those that are chosen or default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augment.errors import InputError
from augment.guards.base import Guard
from augment.registry import GUARDS

ALWAYS = ("changed", "length_ratio", "held_out", "duplicate")
"""Used in every run: a new row differs from its source, and equals no original, no held-out and no other new row."""
DEFAULT = ("near_duplicate", "polarity")
"""Also used if they suit the data, unless others are named; docs/guards.md has the measurements."""


def select(
    chosen: Sequence[str | Guard] | None = None,
    own: Sequence[Guard] = (),
    *,
    budget: Mapping[Any, int] | None = None,
    rows: int = 0,
) -> list[Guard]:
    """Return fresh guards in the order in which they judge.

    Parameters
    ----------
    chosen : sequence of (str or Guard), optional
        ``"name"`` or ``"name:key=value,key=value"``, or guards. ``["none"]`` leaves only those of `ALWAYS`. None stands
        for those of `DEFAULT`. A guard of `ALWAYS` that is named replaces the one with default parameters.
    own : sequence of Guard, default=()
        Guards that the strategy needs.
    budget : mapping of label to int, optional
        Rows to make of each class.
    rows : int, default=0
        Rows of the output. With `budget` it decides which of the default guards suit. Without `budget` all of them do.

    Returns
    -------
    list of Guard

    Raises
    ------
    InputError
        If a guard or a parameter is unknown, a parameter is out of range, or a guard is named twice.
    """
    if isinstance(chosen, (str, Guard)):
        raise InputError(f"The guards must be a list, e.g. ['similarity', 'agreement:least=.3']. Got {chosen!r:.60}.")
    names: list[str | Guard] = list(DEFAULT if chosen is None else chosen)
    if "none" in names:
        if len(names) > 1:
            raise InputError("The guard 'none' stands alone: it means no others than those that are always asked.")
        names = []
    guards = [GUARDS.parse(guard) if isinstance(guard, str) else guard for guard in names]
    for guard in guards:
        guard.check()
    if chosen is None and budget is not None:
        guards = [guard for guard in guards if guard.suits(budget, rows)]
    named = [guard.name for guard in guards]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise InputError(f"The guard {twice[0]!r} is named twice. Name it once, with all its parameters.")
    guards += [GUARDS.create(name, {}) for name in ALWAYS if name not in named]
    guards += [guard for guard in own if guard.name not in named]
    order = {name: place for place, name in enumerate(GUARDS.own)}
    return sorted(guards, key=lambda guard: order.get(guard.name, len(order)))
