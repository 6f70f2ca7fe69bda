"""Turn pydantic's validation errors into plain sentences."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from augment.errors import InputError, did_you_mean
from augment.seed_names import with_seed


class Settings(BaseModel):
    """Base of settings: values are not converted, unknown keys are errors, and instances cannot be changed.

    Numbers are finite.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Configuration(Settings):
    """Base of settings that users build in Python: all that is wrong is one error.

    Where there is a `seed`, it may also be given as `random_state`.

    Raises
    ------
    InputError
        Naming every value that cannot be used.
    """

    what: ClassVar[str] = "A configuration"
    """What settings of it are for, with an article and a capital."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**self._named(values))
        except ValidationError as error:
            raise InputError(problems(error, type(self), self.what, mark="`")) from None

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values, checked like the first."""
        return type(self)(**{**dict(self), **self._named(values)})

    @classmethod
    def _named(cls, values: dict[str, Any]) -> dict[str, Any]:
        return with_seed(values) if "seed" in cls.model_fields else values


def problems(error: ValidationError, root: type[BaseModel], what: str, *, mark: str = "'") -> str:
    """Describe all validation errors in one line.

    Parameters
    ----------
    error : ValidationError
        From validating `root`.
    root : type of BaseModel
    what : str
        What the settings belong to, with an article and a capital, such as ``"A run"``.
    mark : str, default="'"
        What names are written between: a backtick for parameters of Python, which a command writes as options.

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
    return " ".join(_problem(issue, root, what, mark) for issue in error.errors())


def _problem(issue: Any, root: type[BaseModel], what: str, mark: str) -> str:
    *path, last = issue["loc"] or ("",)
    if issue["type"] == "extra_forbidden":
        known = _keys(path, root)
        inside = f"'{'.'.join(map(str, path))}'" if path else what
        return f"{inside} has no key {last!r}. It has {', '.join(known)}.{did_you_mean(str(last), known)}"
    where = f"{mark}{'.'.join(map(str, issue['loc'])) or 'the whole'}{mark}"
    if issue["type"] == "missing":
        return f"{where} is missing; give it."
    if issue["type"] == "value_error":  # raised by a check of ours
        return str(issue["ctx"]["error"])
    meant = did_you_mean(issue["input"], _choices(issue)) if isinstance(issue["input"], str) else ""
    return f"{where} must be {_expected(issue)}. Got {issue['input']!r:.60}.{meant}"


def _expected(issue: Any) -> str:
    """Return what a value must be, in the words of `augment.parameters`."""
    for name, words in _BOUNDS.items():
        if name in issue.get("ctx", {}):
            bound = issue["ctx"][name]
            return words.format(f"{bound:g}" if isinstance(bound, float) else bound)
    return _KINDS.get(issue["type"]) or issue["msg"].removeprefix("Input should be ")


_BOUNDS = {"gt": "above {}", "ge": "{} or more", "lt": "below {}", "le": "{} or less"}
_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "True or False",
    "string_type": "a text",
}


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
