"""Strategies and guards by name: our own, and those that installed distributions announce."""

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


class Registry:
    """The classes of one kind by name, and how one is built from a name and parameters.

    Parameters
    ----------
    what : str
        What messages call one of them.
    group : str
        Entry-point group under which distributions announce theirs.
    own : mapping of str to str
        Name to ``module:Class`` of those that come with the package.
    left_out : tuple of str, default=()
        Constructor parameters that a run sets by itself and no configuration names.
    """

    def __init__(self, what: str, group: str, own: Mapping[str, str], left_out: tuple[str, ...] = ()) -> None:
        self.what = what
        self.group = group
        self.own = own
        self.left_out = left_out

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted({*self.own, *(point.name for point in entry_points(group=self.group))})

    def find(self, name: str) -> type:
        """Return the class behind a name.

        Raises
        ------
        InputError
            If there is none of that name, or its distribution is broken.
        """
        if name in self.own:
            module, _, attribute = self.own[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        for point in entry_points(group=self.group, name=name):
            try:
                return point.load()
            except Exception as error:
                raise InputError(
                    f"The {self.what} {name!r} of {point.dist.name if point.dist else point.value} cannot be loaded:"
                    f" {type(error).__name__}: {error}. Mend or uninstall that distribution."
                ) from error
        known = self.names()
        raise InputError(f"There is no {self.what} {name!r}. There are {', '.join(known)}.{did_you_mean(name, known)}")

    def parameters(self, cls: type) -> dict[str, inspect.Parameter]:
        """Return the parameters that one is configured by, in order."""
        given = inspect.signature(cls).parameters
        return {name: parameter for name, parameter in given.items() if name not in self.left_out}

    def create(self, name: str, values: Mapping[str, Any]) -> Any:
        """Build one from its name and parameters, which may be texts from a command line.

        Parameters
        ----------
        name : str
            One of `names()`.
        values : mapping of str to object
            Parameters; a text is read as the parameter's declared type, a list as JSON or by its commas.

        Returns
        -------
        object
            Constructed, not yet prepared.

        Raises
        ------
        InputError
            Naming every unknown parameter and every value of a wrong type.
        """
        cls = self.find(name)
        known = self.parameters(cls)
        problems = [
            f"The {self.what} {name!r} needs a value for {key!r}."
            for key, parameter in known.items()
            if parameter.default is parameter.empty and key not in values
        ]
        constructor: Any = cls.__init__  # type: ignore[misc]
        hints = typing.get_type_hints(constructor) if inspect.isfunction(constructor) else {}
        converted = {}
        for key, value in values.items():
            if key not in known:
                has = f"It has {', '.join(known)}." if known else "It has none."
                problems.append(
                    f"The {self.what} {name!r} has no parameter {key!r}. {has}{did_you_mean(key, known)}"
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

    def to_config(self, thing: Any) -> dict[str, Any]:
        """Return the name and the parameters of one as plain data, which `create` takes back.

        Returns
        -------
        dict
            ``{"name": …, "parameters": {…}}``, ready for JSON.
        """
        return {
            "name": thing.name,
            "parameters": {key: _plain(getattr(thing, key)) for key in self.parameters(type(thing))},
        }

    def from_config(self, config: Mapping[str, Any]) -> Any:
        """Build one from what `to_config` gave.

        Raises
        ------
        InputError
            If the name or a parameter is unknown or of a wrong type.
        """
        return self.create(config["name"], config.get("parameters", {}))


STRATEGIES = Registry(
    "strategy",
    "counterpoise.strategies",
    {"fillmask": "augment.fill_mask:FillMask"},
    left_out=("sampling_strategy", "random_state", "guards"),
)
"""Text strategies: subclasses of `augment.strategy.TextStrategy`."""

GUARDS = Registry(
    "guard",
    "counterpoise.guards",
    {
        "changed": "augment.guards.changed:Changed",
        "length_ratio": "augment.guards.length_ratio:LengthRatio",
        "held_out": "augment.guards.held_out:HeldOut",
        "duplicate": "augment.guards.duplicate:Duplicate",
        "near_duplicate": "augment.guards.near_duplicate:NearDuplicate",
        "polarity": "augment.guards.polarity:Polarity",
        "similarity": "augment.guards.similarity:Similarity",
        "agreement": "augment.guards.agreement:Agreement",
    },
)
"""Guards: subclasses of `augment.guards.guard.Guard`, in the order in which they are asked."""


def _plain(value: Any) -> Any:
    """Return a parameter as JSON has it."""
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


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
