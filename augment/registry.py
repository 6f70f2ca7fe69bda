"""Strategies by name: our own, and those that installed distributions announce."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from augment.errors import InputError, did_you_mean

ENTRY_POINTS = "counterpoise.strategies"
OWN = {"fillmask": "augment.fill_mask:FillMask"}


def names() -> list[str]:
    """Return the names of all strategies, sorted."""
    return sorted({*OWN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def strategy_class(name: str) -> type:
    """Return the class behind a name.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    type
        A subclass of `augment.strategy.TextStrategy`.

    Raises
    ------
    InputError
        If there is no such strategy, or its distribution is broken.
    """
    if name in OWN:
        module, _, attribute = OWN[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            return point.load()
        except Exception as error:
            raise InputError(
                f"The strategy {name!r} of {point.dist.name if point.dist else point.value} cannot be loaded:"
                f" {type(error).__name__}: {error}. Mend or uninstall that distribution."
            ) from error
    raise InputError(f"There is no strategy {name!r}. There are {', '.join(names())}.{did_you_mean(name, names())}")


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the parameters that a strategy is configured by, in order.

    The two that every strategy has and a run sets by itself (`sampling_strategy`, `random_state`) are left out.
    """
    given = inspect.signature(cls).parameters
    return {name: p for name, p in given.items() if name not in ("sampling_strategy", "random_state")}


def create(name: str, values: Mapping[str, Any]) -> Any:
    """Build a strategy from its name and parameters, which may be texts from a command line.

    Parameters
    ----------
    name : str
        One of `names()`.
    values : mapping of str to object
        Parameters; a text is read as the parameter's declared type, a list as JSON or by its commas.

    Returns
    -------
    TextStrategy
        Constructed, not yet prepared.

    Raises
    ------
    InputError
        Naming every unknown parameter and every value of a wrong type.
    """
    cls = strategy_class(name)
    known = parameters(cls)
    problems = [
        f"The strategy {name!r} needs a value for {key!r}."
        for key, parameter in known.items()
        if parameter.default is parameter.empty and key not in values
    ]
    hints = typing.get_type_hints(vars(cls)["__init__"]) if "__init__" in vars(cls) else {}
    converted = {}
    for key, value in values.items():
        if key not in known:
            problems.append(
                f"The strategy {name!r} has no parameter {key!r}. It has {', '.join(known)}.{did_you_mean(key, known)}"
            )
            continue
        try:
            converted[key] = _converted(value, hints.get(key, Any))
        except ValueError:
            default = known[key].default
            example = "" if default is inspect.Parameter.empty else f", e.g. {default!r}"
            problems.append(
                f"The parameter {key!r} of {name!r} must be {_spelled(hints[key])}{example}. Got {value!r}."
            )
    if problems:
        raise InputError(" ".join(problems))
    return cls(**converted)


def _converted(value: Any, hint: Any) -> Any:
    """Read one value as a declared type; raises ValueError (of which pydantic's error is one)."""
    from pydantic import TypeAdapter

    if isinstance(value, str):
        kinds = (hint, *typing.get_args(hint))
        if value.lower() == "none" and type(None) in kinds:
            return None
        if any(typing.get_origin(kind) in (tuple, list) for kind in kinds):
            parts = [part.strip() for part in value.split(",")]
            value = json.loads(value) if re.match(r'\[\s*["\d\]]', value) else [part for part in parts if part]
    return TypeAdapter(hint).validate_python(value)


def _spelled(hint: Any) -> str:
    """Name a type as a person would."""
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    return getattr(hint, "__name__", str(hint)) if not typing.get_args(hint) else str(hint).replace("typing.", "")
