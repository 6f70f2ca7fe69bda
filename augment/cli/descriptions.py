"""What is known of a strategy or a guard: its parameters with meaning, default and range, as text for a terminal."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from augment.cli.help import Formatter, number, write_line
from augment.errors import InputError

if TYPE_CHECKING:
    from augment.registry import Registry


def described(registry: Registry, name: str, example: str) -> str:
    """Describe one strategy or guard.

    Parameters
    ----------
    registry : Registry
        Where it is found.
    name : str
        Of the strategy or guard; one of another package may have no docstring.
    example : str
        How a command sets a parameter, with ``{name}`` and ``{value}`` for a parameter and its default.

    Returns
    -------
    str
        Lines as wide as the terminal.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    from augment.parameters import expectation  # scikit-learn, which lists of names do without

    cls = registry.find(name)
    parameters = registry.parameters(cls)
    texts = meanings(cls)
    formatter = Formatter(max_width=100)
    formatter.write_text(f"{name}{f' ({cls.kind})' if hasattr(cls, 'kind') else ''}: {cls.summary}.")
    if not parameters:
        formatter.write_paragraph()
        formatter.write_text("It has no parameters.")
        return formatter.getvalue().rstrip("\n")
    rows = []
    for parameter in parameters.values():
        expected = expectation(cls, parameter.name)
        if not expected and parameter.annotation is not parameter.empty:
            kind = parameter.annotation
            expected = kind if isinstance(kind, str) else inspect.formatannotation(kind)
        default = "required" if parameter.default is parameter.empty else f"default: {_plain(parameter.default)}"
        rows.append((parameter.name, f"{expected}  [{default}]".strip()))
        rows += [("", text) for text in [texts.get(parameter.name)] if text]
    with formatter.section("Parameters"):
        formatter.write_dl(rows)
    telling = [p for p in parameters.values() if p.default not in (None, (), "", p.empty)]
    shown = next((p for p in telling if isinstance(p.default, float)), telling[0] if telling else None)
    if shown is not None and all(p.default is not p.empty for p in parameters.values()):
        with formatter.section("Example"):
            write_line(formatter, example.format(name=shown.name, value=_plain(shown.default)))
    return formatter.getvalue().rstrip("\n")


def listed(registry: Registry, titles: Mapping[str, str], *notes: str) -> str:
    """List strategies or guards, each with what it does.

    Parameters
    ----------
    registry : Registry
        Where they are found. Those that cannot be loaded are listed with the reason.
    titles : mapping of str to str
        The heading for each kind; the first is also for those without a kind.
    *notes : str
        Sentences for the end.

    Returns
    -------
    str
        Lines as wide as the terminal.
    """
    sections: dict[str, list[tuple[str, str]]] = {title: [] for title in titles.values()}
    for name in registry.names():
        try:
            cls = registry.find(name)
        except InputError as error:
            sections.setdefault("Cannot be loaded", []).append((name, str(error)))
        else:
            sections[titles[getattr(cls, "kind", next(iter(titles)))]].append((name, cls.summary))
    formatter = Formatter(max_width=100)
    for title, rows in sections.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)
    formatter.write_paragraph()
    for note in notes:
        formatter.write_text(note)
    return formatter.getvalue().rstrip("\n")


def meanings(cls: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each parameter.

    Parameters
    ----------
    cls : type
        With docstrings in numpydoc's form, or without any.

    Returns
    -------
    dict of str to str
        Texts by parameter, each in one line; empty where nothing is said.

    Examples
    --------
    >>> from augment.guards.length_ratio import LengthRatio
    >>> list(meanings(LengthRatio))
    ['low', 'high']
    """
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        own = _documented(vars(base).get("__doc__") or "")
        texts |= {name: _followed(name, text, base.__module__) for name, text in own.items() if text}
    return texts


def _documented(docstring: str) -> dict[str, str]:
    """Read the section "Parameters" of a docstring."""
    lines = inspect.cleandoc(docstring).splitlines()
    if "Parameters" not in lines:
        return {}
    lines = lines[lines.index("Parameters") + 2 :]
    texts: dict[str, str] = {}
    names: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch("-{3,}", below):  # the title of the next section
            break
        if line and not line.startswith(" "):
            names = [name.strip().lstrip("*") for name in line.partition(" : ")[0].split(",")]
        elif line:
            more = line.strip().replace("``", "")
            texts |= {name: f"{texts.get(name, '')} {more}".strip() for name in names}
    return texts


def _followed(parameter: str, text: str, module: str) -> str:
    """Where a text ends in "see `Class`", put there what that class says of the parameter."""
    reference = re.search(r"(?:, s|(?:^|\. )S)ee `(?:([\w.]+)\.)?(\w+)`\.$", text)
    if reference is None:
        return text
    with contextlib.suppress(ImportError, AttributeError):
        there = getattr(importlib.import_module(reference[1] or module), reference[2])
        known = meanings(there) if inspect.isclass(there) else _documented(there.__doc__ or "")
        if parameter in known:
            before = text[: reference.start()].rstrip(".")
            return f"{before}. {known[parameter]}" if before else known[parameter]
    return text


def _plain(value: Any) -> str:
    """Write a default as a command line takes it."""
    if isinstance(value, (tuple, list)):
        value = ",".join(map(str, value))
    return number(value) if isinstance(value, float) else str(value) or "empty"
