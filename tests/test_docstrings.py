"""What docstrings say of parameters is what signatures have; and no two public classes share a name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import pytest

PACKAGES = ("augment", "classifiers", "benchmarks")
UNDERLINE = re.compile(r"-{3,}")


def modules() -> list[str]:
    """Return the names of all modules of the packages, but what runs when it is imported."""
    names = list(PACKAGES)
    for name in PACKAGES:
        package = importlib.import_module(name)
        names += [module.name for module in pkgutil.walk_packages(package.__path__, f"{name}.")]
    return [name for name in names if not name.endswith("__main__")]


class Public(NamedTuple):
    """A public class, function or method."""

    name: str
    value: Any
    documented: list[str] | None
    """Names under "Parameters", in order; None without such a section."""
    parameters: list[str]
    """Names in the signature."""
    returns: bool
    """Whether there is a section "Returns" or "Yields"."""


def public() -> Iterator[Public]:
    """Yield every public class, function and method that the packages define."""
    for module in modules():
        for name, value in vars(importlib.import_module(module)).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module or isinstance(value, click.Command):
                continue
            if inspect.isclass(value):
                yield described(f"{module}.{name}", value)
                for part, method in vars(value).items():
                    function = inspect.unwrap(getattr(method, "__func__", method))
                    if not part.startswith("_") and inspect.isfunction(function):
                        bound = 0 if isinstance(method, staticmethod) else 1
                        yield described(f"{module}.{name}.{part}", function, bound)
            elif inspect.isfunction(value):
                yield described(f"{module}.{name}", inspect.unwrap(value))


def described(name: str, value: Any, bound: int = 0) -> Public:
    """Read the docstring and the signature of one; the first so many parameters are not a caller's."""
    text = inspect.cleandoc(value.__doc__ or "").split("\n")
    try:
        parameters = list(inspect.signature(value).parameters)[bound:]
    except ValueError:  # an exception without a constructor of its own
        parameters = []
    return Public(name, value, documented(text), parameters, bool({"Returns", "Yields"} & set(text)))


def documented(lines: list[str]) -> list[str] | None:
    """Return the names under "Parameters", in order; None without such a section."""
    if "Parameters" not in lines:
        return None
    start = lines.index("Parameters") + 2
    names: list[str] = []
    for line, below in zip(lines[start:], [*lines[start + 1 :], ""], strict=True):
        if UNDERLINE.fullmatch(below):
            break
        if line and not line.startswith(" "):
            names += [name.strip().lstrip("*") for name in line.partition(" : ")[0].split(",")]
    return names


@pytest.fixture(scope="module")
def everything() -> list[Public]:
    found = list(public())
    assert len(found) > 500
    return found


def test_documented_parameters_are_those_of_the_signature_in_its_order(everything):
    different = {
        one.name: f"documented {one.documented}, in the signature {one.parameters}"
        for one in everything
        if one.documented is not None and one.documented != one.parameters
    }
    assert different == {}


def test_who_says_what_is_returned_says_what_is_given(everything):
    silent = [one.name for one in everything if one.returns and one.parameters and one.documented is None]
    assert silent == []


def test_no_two_public_classes_share_a_name(everything):
    places = defaultdict(list)
    for one in everything:
        if inspect.isclass(one.value):
            places[one.value.__name__].append(one.name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_sections_and_grouped_names_are_read():
    docstring = """Do it.

    Parameters
    ----------
    first, second : int
        Numbers.

        More of them.
    *others, **more

    Returns
    -------
    int
    """
    assert documented(inspect.cleandoc(docstring).split("\n")) == ["first", "second", "others", "more"]
    assert documented(["Do it."]) is None
