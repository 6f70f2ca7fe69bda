"""Select the guards of a run: those that always apply, the default ones that suit the data, and those named."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from augment.errors import InputError
from augment.guards.base import Guard
from augment.registry import GUARDS

ALWAYS = ("changed", "length_ratio", "held_out", "duplicate")
"""Used in every run: a new row differs from its source, and equals no original, no held-out and no other new row."""
DEFAULT = ("near_duplicate", "polarity", "agreement:model=words,least=none")
"""Also used, if `suiting` says so. docs/guards.md has the measurements."""
ONLY = "only:"
"""Before the name of a guard: the default guards are left out."""
NONE = "none"
"""Stands for no guard. It leaves the default guards out, with or without `ONLY` before it."""


class Choice(NamedTuple):
    """The guards that were named."""

    guards: list[Guard]
    """Checked, each name once."""
    alone: bool
    """Whether they take the place of the default guards."""


def choice(named: Sequence[str | Guard] | None) -> Choice:
    """Read the guards that were named.

    Parameters
    ----------
    named : sequence of (str or Guard), optional
        See `select`.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        If a guard or a parameter is unknown, a parameter is out of range, or a guard is named twice.

    Examples
    --------
    >>> [guard.name for guard in choice(["only:similarity:low=.7"]).guards], choice(["similarity"]).alone
    (['similarity'], False)
    """
    if isinstance(named, (str, Guard)):
        raise InputError(f"The guards must be a list, e.g. ['similarity', 'agreement:least=.3']. Got {named!r:.60}.")
    guards: list[Guard] = []
    alone = False
    for one in named or ():
        if isinstance(one, str):
            alone |= one == NONE or one.startswith(ONLY)
            one = one.removeprefix(ONLY)
            if one == NONE:
                continue
        guards.append(GUARDS.parse(one) if isinstance(one, str) else one)
        guards[-1].check()
    names = [guard.name for guard in guards]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"The guard {twice[0]!r} is named twice. Name it once, with all its parameters.")
    return Choice(guards, alone)


def select(
    named: Sequence[str | Guard] | None = None,
    own: Sequence[Guard] = (),
    *,
    budget: Mapping[Any, int] | None = None,
    rows: int = 0,
    edits: bool = True,
) -> list[Guard]:
    """Return the guards of a run in the order in which they judge.

    Those chosen by name are made here. Those given as objects are returned as they are: what they learn when they are
    fitted stays in them, until they are fitted again.

    Parameters
    ----------
    named : sequence of (str or Guard), optional
        Guards besides those of `ALWAYS` and `DEFAULT`: ``"name"`` or ``"name:key=value,key=value"``, or guards. One
        that is named takes the place of the one of `ALWAYS`, of `DEFAULT` or of the strategy with that name. If
        `ONLY` stands before one of them, or ``"none"`` is among them, those of `DEFAULT` that are not named are left
        out: ``["only:similarity"]``, ``["none"]``, ``["none", Similarity(low=0.7)]``.
    own : sequence of Guard, default=()
        Guards that the strategy brings. They take the place of those of `DEFAULT` with their names. Those with
        `Guard.by_default` are left out like those of `DEFAULT`.
    budget : mapping of label to int, optional
        Rows to make of each class.
    rows : int, default=0
        Rows of the output. With `budget` it decides which of the default guards suit. Without `budget` all of them do.
    edits : bool, default=True
        Whether the new rows are edits of their sources. If not, guards with `Guard.of_edits` are asked only if they
        are named.

    Returns
    -------
    list of Guard

    Raises
    ------
    InputError
        If a guard or a parameter is unknown, a parameter is out of range, or a guard is named twice.

    Examples
    --------
    >>> [guard.name for guard in select(["similarity"], budget={"sports": 10, "politics": 0}, rows=50)]
    ['changed', 'length_ratio', 'held_out', 'duplicate', 'near_duplicate', 'similarity', 'agreement']
    """
    guards, alone = choice(named)
    names = {guard.name for guard in guards}
    guards += [guard for guard in own if guard.name not in names and not (alone and guard.by_default)]
    added = [] if alone else suiting(guards, budget, rows, edits=edits)
    names = {guard.name for guard in (*guards, *added)}
    added += [GUARDS.create(name, {}) for name in ALWAYS if name not in names]
    guards += [guard for guard in added if edits or not guard.of_edits]
    order = {name: place for place, name in enumerate(GUARDS.own)}
    return sorted(guards, key=lambda guard: order.get(guard.name, len(order)))


def mark_default(guards: Sequence[Guard], notes: Container[str]) -> None:
    """Set `Guard.by_default` of the guards of an earlier run, so that their fit says again what it finds.

    Parameters
    ----------
    guards : sequence of Guard
        All that the run asked.
    notes : container of str
        The names of the default guards that had something to say; see `augment.text.base.FittedGuards`.
    """
    for guard in guards:
        guard.by_default = guard.name in notes


def left_out(guards: Sequence[Guard], notes: Container[str], own: Sequence[Guard] = ()) -> list[Guard]:
    """Return the default guards that an earlier run left out after their fit. They are fitted again.

    Parameters
    ----------
    guards, notes
        See `mark_default`.
    own : sequence of Guard, default=()
        Those that the strategy brings.

    Returns
    -------
    list of Guard
        Each with `Guard.by_default`.
    """
    names = {guard.name for guard in guards}
    default = {guard.name: guard for guard in (*map(GUARDS.parse, DEFAULT), *own)}
    found = [guard for name, guard in default.items() if name in notes and name not in names]
    mark_default(found, notes)
    return found


def suiting(named: Sequence[Guard], budget: Mapping[Any, int] | None, rows: int, *, edits: bool = True) -> list[Guard]:
    """Return the default guards that suit the data and are not named.

    `near_duplicate` suits if there are not too many rows, `polarity` if rows of a polar class are made, and `agreement`
    if neither `polarity` nor `relabel` is asked, since it costs good rows. After its fit, `agreement` is left out again
    if its teacher is no better than chance (`Guard.why_unfit`).

    Parameters
    ----------
    named : sequence of Guard
    budget, rows, edits
        See `select`.

    Returns
    -------
    list of Guard
        Each with `Guard.by_default`.
    """
    names = {guard.name for guard in named}
    default = [guard for guard in map(GUARDS.parse, DEFAULT) if guard.name not in names]
    default = [guard for guard in default if edits or not guard.of_edits]
    if budget is not None:
        default = [guard for guard in default if guard.suits(budget, rows)]
        if not {"polarity", "relabel"}.isdisjoint({*names, *(guard.name for guard in default)}):
            default = [guard for guard in default if guard.name != "agreement"]
    for guard in default:
        guard.by_default = True
    return default
