"""Read JSON and YAML that nobody vouches for: bounded in size, depth and numbers, and wrong in one line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from augment.errors import CounterpoiseError, InputError

MOST_BYTES = 1 << 28
"""Bytes of a JSON file."""
MOST_YAML = 1 << 20
"""Bytes of a YAML file, which people write."""
DEEPEST = 100
"""Levels of lists and mappings."""
MOST_VALUES = 100_000
"""Values of a YAML file, where each alias counts as all that it stands for."""
LONGEST_NUMBER = 80
"""Characters of a number in YAML. Whole numbers have at most 64 bits."""

_MEND = "Correct it."
_DIGITS = 20  # of the largest number of 64 bits
_TAG = "tag:yaml.org,2002:"
_PLAIN = ("null", "bool", "int", "float", "str", "seq", "map", "merge")


def parse_json(text: str | bytes, where: str, mend: str = _MEND) -> Any:
    """Parse JSON.

    Parameters
    ----------
    text : str or bytes
        Bytes are UTF-8.
    where : str
        What the message names.
    mend : str, default="Correct it."
        A sentence that ends the message.

    Returns
    -------
    object
        Of dicts, lists, strings, numbers of at most 64 bits, booleans and None; at most `DEEPEST` levels.

    Raises
    ------
    InputError
        If it is not JSON or beyond a limit. It is a ValueError, too.

    Examples
    --------
    >>> parse_json('{"rows": [1, 2]}', "rows.json")
    {'rows': [1, 2]}
    >>> parse_json("[" * 1000 + "]" * 1000, "rows.json")
    Traceback (most recent call last):
    ...
    augment.errors.InputError: rows.json: has lists or objects in more than 100 levels. Correct it.
    """
    return _json(text, where, mend, None)


def read_json(path: Path, mend: str = _MEND) -> Any:
    """Read a JSON file, in which no key of an object may stand twice.

    Parameters
    ----------
    path : Path
        In UTF-8, perhaps with a byte order mark.
    mend : str, default="Correct it."
        A sentence that ends the message.

    Returns
    -------
    object
        See `parse_json`.

    Raises
    ------
    InputError
        If it cannot be read, is not JSON, or is beyond a limit.
    """
    return _json(_content(path, MOST_BYTES, "JSON", mend), str(path), mend, _once)


def read_yaml(path: Path, mend: str = _MEND) -> Any:
    """Read a YAML file that holds plain data: no dates and no tags, and no key twice.

    Parameters
    ----------
    path : Path
        In UTF-8, perhaps with a byte order mark.
    mend : str, default="Correct it."
        A sentence that ends the message.

    Returns
    -------
    object

    Raises
    ------
    InputError
        If it cannot be read, is not YAML, or is beyond a limit.
    """
    return parse_yaml(_content(path, MOST_YAML, "YAML", mend), str(path), mend)


def parse_yaml(text: str, where: str, mend: str = _MEND) -> Any:
    """Parse YAML that holds plain data.

    Parameters
    ----------
    text : str
    where : str
        What the message names.
    mend : str, default="Correct it."
        A sentence that ends the message.

    Returns
    -------
    object
        See `parse_json`.

    Raises
    ------
    InputError
        If it is not YAML or beyond a limit.

    Examples
    --------
    >>> parse_yaml("rows: [1, 2]", "rows.yaml")
    {'rows': [1, 2]}
    >>> parse_yaml("rows: !!int abc", "rows.yaml")
    Traceback (most recent call last):
    ...
    augment.errors.InputError: rows.yaml: is not plain YAML: line 1, column 7: 'abc' is not a valid int. Correct it.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_aliases(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=_plain(loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise InputError(
            f"{where}: is not plain YAML: {place}{_said(error.problem or error.context)}. {mend}"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not plain YAML: {_said(error)}. {mend}") from None


@contextlib.contextmanager
def as_expected(where: str, mend: str = _MEND) -> Iterator[None]:
    """Turn the errors of a block that reads plain data of another form than it expects into one line.

    Parameters
    ----------
    where : str
        What the message names.
    mend : str, default="Correct it."
        A sentence that ends the message.

    Raises
    ------
    InputError
        If a key is missing, or a value is of another kind.

    Examples
    --------
    >>> with as_expected("rows.json"):
    ...     {"rows": 3}["row"]
    Traceback (most recent call last):
    ...
    augment.errors.InputError: rows.json: does not hold what belongs there (KeyError: 'row'). Correct it.
    """
    try:
        yield
    except CounterpoiseError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = _said(f"{type(error).__name__}: {error}")
        raise InputError(f"{where}: does not hold what belongs there ({reason}). {mend}") from error


def is_special(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a socket, which may give no end, or nothing at all.

    Parameters
    ----------
    path : Path
        Links are followed. What does not exist is not special.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _content(path: Path, most: int, kind: str, mend: str) -> str:
    """Return the content of a text file, unless it is too large."""
    if is_special(path):
        raise InputError(f"{path}: is a device, a pipe or a socket; expected a file. {mend}")
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). {mend}") from None
    if len(content) > most:
        raise InputError(f"{path}: has more than {most >> 20:,} MiB, too many for a {kind} file of this kind. {mend}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: is not {kind} in UTF-8: line {line} has other bytes. {mend}") from None


def _json(text: str | bytes, where: str, mend: str, hook: Any) -> Any:
    try:
        value = json.loads(text, parse_int=_whole, object_pairs_hook=hook)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{where}: is not JSON: {place}: {error.msg}. {mend}") from None
    except ValueError as error:
        raise InputError(f"{where}: is not JSON: {_said(error)}. {mend}") from None
    except RecursionError:
        value = None
        too_deep = True
    else:
        too_deep = _is_deep(value)
    if too_deep:
        raise InputError(f"{where}: has lists or objects in more than {DEEPEST} levels. {mend}")
    return value


def _whole(digits: str) -> int:
    if len(digits) <= _DIGITS and _fits(number := int(digits)):
        return number
    raise ValueError(f"the whole number {digits:.24} has more than 64 bits")


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**64


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"the key {twice!r:.60} stands twice in one object")
    return found


def _is_deep(value: Any) -> bool:
    """Return whether lists and dicts stand in more levels than are read, without recursion."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _check_aliases(events: Iterable[Any]) -> None:
    """Refuse YAML that is nested too deeply or grows too large, before anything is made of it."""
    import yaml

    known: dict[str, tuple[int, int]] = {}  # anchor → values and levels of what it stands for
    within: list[tuple[str | None, int, int]] = [(None, 0, 0)]  # anchor, values and levels of what is open
    for event in events:
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((anchor, 1, 0))
            size, levels = 0, 0
        elif isinstance(event, yaml.CollectionEndEvent):
            own, size, levels = within.pop()
            levels += 1
            if own is not None:
                known[own] = size, levels
        elif isinstance(event, yaml.AliasEvent):
            if any(own == event.anchor for own, _, _ in within):
                raise _wrong(event, f"the alias {event.anchor!r:.60} stands within what it names")
            size, levels = known.get(event.anchor, (1, 0))  # an unknown one is an error of the loader
        elif isinstance(event, yaml.ScalarEvent):
            size, levels = 1, 0
            if anchor is not None:
                known[anchor] = 1, 0
        else:
            continue
        own, values, deepest = within[-1]
        within[-1] = own, values + size, max(deepest, levels)
        if len(within) - 1 + levels > DEEPEST:
            raise _wrong(event, f"lists and mappings stand in more than {DEEPEST} levels")
        if sum(values for _, values, _ in within) > MOST_VALUES:
            raise _wrong(event, f"it has more than {MOST_VALUES:,} values, those that aliases stand for included")


def _plain(base: Any) -> Any:
    """Return a loader that makes plain data alone, and says where it cannot."""

    class Plain(base):  # type: ignore[misc]
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            kind = node.tag.removeprefix(_TAG)
            if kind == "timestamp":
                raise _wrong(node, "a value is a date, which has to stand in quotes")
            if kind not in _PLAIN:
                raise _wrong(node, f"a value has the tag {kind!r:.60}")
            length = len(node.value)
            if kind in ("int", "float") and length > LONGEST_NUMBER:
                raise _wrong(node, f"a number has {length:,} characters, and at most {LONGEST_NUMBER} are read")
            try:
                value = super().construct_object(node, deep)
            except (ValueError, OverflowError, AttributeError, KeyError, IndexError):
                raise _wrong(node, f"{str(node.value)!r:.60} is not a valid {kind}") from None
            if isinstance(value, int) and not _fits(value):
                raise _wrong(node, "a whole number has more than 64 bits")
            return value

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            names: set[str] = set()
            for key, _ in node.value if isinstance(node.value, list) else ():
                name = str(key.value)
                if name in names and not key.tag.endswith(":merge"):
                    raise _wrong(key, f"the key {name!r:.60} stands twice")
                names.add(name)
            return super().construct_mapping(node, deep)

    return Plain


def _wrong(place: Any, problem: str) -> Exception:
    import yaml

    error: Exception = yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)
    return error


def _said(error: object) -> str:
    """Return what a foreign error says, on one line and short."""
    text = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    return text if len(text) <= 200 else f"{text[:200]}…"
