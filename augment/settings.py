"""Turn pydantic's validation errors into plain sentences."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from augment.errors import did_you_mean


class Settings(BaseModel):
    """Base of settings: values are not converted, unknown keys are errors, and instances cannot be changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def problems(error: ValidationError, root: type[BaseModel], what: str) -> str:
    """Describe all validation errors in one line.

    Parameters
    ----------
    error : ValidationError
        From validating `root`.
    root : type of BaseModel
    what : str
        What the settings belong to, with an article and a capital, such as ``"A run"``.

    Returns
    -------
    str
        A sentence for each problem: what was expected, what came, and the name that may have been meant.

    Examples
    --------
    >>> class Shop(Settings):
    ...     doors: int = 1
    >>> try:
    ...     Shop(dors=2)
    ... except ValidationError as error:
    ...     problems(error, Shop, "A shop")
    "A shop has no key 'dors'. It has doors. Did you mean 'doors'?"
    """
    return " ".join(_problem(issue, root, what) for issue in error.errors())


def _problem(issue: Any, root: type[BaseModel], what: str) -> str:
    *path, last = issue["loc"] or ("",)
    if issue["type"] == "extra_forbidden":
        known = _keys(path, root)
        inside = f"'{'.'.join(map(str, path))}'" if path else what
        return f"{inside} has no key {last!r}. It has {', '.join(known)}.{did_you_mean(str(last), known)}"
    where = ".".join(map(str, issue["loc"])) or "the whole"
    if issue["type"] == "missing":
        return f"{where!r} is missing; give it."
    if issue["type"] == "value_error":  # raised by a check of ours
        return str(issue["ctx"]["error"])
    meant = did_you_mean(issue["input"], _choices(issue)) if isinstance(issue["input"], str) else ""
    return f"{where!r} must be {issue['msg'].removeprefix('Input should be ')}. Got {issue['input']!r:.60}.{meant}"


def _choices(issue: Any) -> list[str]:
    """Return the allowed values of a key, if it has a fixed list of them."""
    expected = issue.get("ctx", {}).get("expected", "") if issue["type"] == "literal_error" else ""
    return expected.replace("'", "").replace(" or ", ", ").split(", ")


def _keys(path: Sequence[str | int], root: type[BaseModel]) -> list[str]:
    """Return the keys that a section may have."""
    model: Any = root
    for step in path:
        if isinstance(step, str):
            (model,) = _models(model.model_fields[step].annotation)
    return list(model.model_fields)


def _models(annotation: Any) -> list[Any]:
    """Return the sections in a type."""
    if typing.get_args(annotation):
        return [model for inner in typing.get_args(annotation) for model in _models(inner)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
