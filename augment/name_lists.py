"""Lists of names, and of names with values, as one text: what options and parameters take, and how it is written.

Names stand with commas between. A name with a comma, an equals sign or a space at an end stands in quotes: in single
quotes it is taken literally, and a single quote inside is doubled; in double quotes it is a string of JSON, with its
escapes. These are the two kinds of quotes of YAML. A list or an object of JSON is read as well.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from augment.errors import InputError

QUOTES = "\"'"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'"
_SEGMENT = rf"(?:\s*(?:{_QUOTED})[^,=]*|[^,=]*)"
"""What stands between two of the signs "," and "=". A quote opens at its start alone, so "it's" needs none."""
_SEGMENTS = re.compile(_SEGMENT, re.DOTALL)
_PART = re.compile(rf"{_SEGMENT}(?:={_SEGMENT})*", re.DOTALL)
_JSON_LIST = re.compile(r"\s*\[\s*[\"\]]")
_JSON_OBJECT = re.compile(r"\s*\{\s*[\"}]")
_JOINERS = "\u200c\u200d"
"""Invisible, but part of emoji and of words in some scripts."""
_SPECIAL = frozenset('"$`\\!')
"""What a POSIX shell may change within double quotes."""


def split(text: str) -> list[str]:
    """Split a text at the commas that are not in quotes. The quotes are kept.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> split("good,'food, drink',it's")
    ['good', "'food, drink'", "it's"]
    """
    parts, end = [], -1
    while end < len(text):
        match = _PART.match(text, end + 1)
        assert match is not None, "an empty part matches"
        parts.append(match[0])
        end = match.end()
    return parts


def read_list(text: str) -> list[str]:
    """Read a list of names.

    Parameters
    ----------
    text : str
        Names with commas between, or a list of JSON. Places without a name are left out.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If a quote is not closed, or the JSON cannot be read.

    Examples
    --------
    >>> read_list("good, very bad, 'food, drink'")
    ['good', 'very bad', 'food, drink']
    >>> read_list('["food, drink", "good"]')
    ['food, drink', 'good']
    """
    if _JSON_LIST.match(text):
        names = _from_json(text)
        if not all(isinstance(name, str) for name in names):
            raise InputError(f"A list of names holds texts alone. Got {text!r:.80}.")
        return list(names)
    return [_unquoted(part) for part in split(text) if part.strip()]


def read_pairs(text: str) -> list[tuple[str, str]]:
    """Read names with a value each.

    Parameters
    ----------
    text : str
        ``name=value`` with commas between, or an object of JSON whose values are numbers or texts. A name or a value
        may be quoted. An unquoted name may hold equals signs: the last one separates.

    Returns
    -------
    list of (str, str)
        In their order. A name may be there twice.

    Raises
    ------
    InputError
        If a part has no equals sign, a quote is not closed, or the JSON cannot be read.

    Examples
    --------
    >>> read_pairs("good=90, 'food, drink' = 2x")
    [('good', '90'), ('food, drink', '2x')]
    >>> read_pairs('{"food, drink": 90}')
    [('food, drink', '90')]
    """
    if _JSON_OBJECT.match(text):
        return [(name, _value(name, value)) for name, value in _from_json(text)]
    pairs = []
    for part in split(text):
        if not part.strip():
            continue
        *before, value = list(_segments(part))
        name = "=".join(before).strip()
        if not name:
            raise InputError(
                "A name and its value are written name=value, and a name with a comma stands in quotes. Got"
                f" {part.strip()!r}."
            )
        pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def read_mapping(text: str) -> dict[str, str]:
    """Read names with a value each, as `read_pairs` does, where every name stands once.

    Parameters
    ----------
    text : str

    Returns
    -------
    dict of str to str

    Raises
    ------
    InputError
        As for `read_pairs`, and if names are given more than once. All of them are named.
    """
    pairs = read_pairs(text)
    often = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if often:
        raise InputError(f"A name stands once. Got {', '.join(map(repr, often))} more than once in {text!r:.80}.")
    return dict(pairs)


def written_list(names: Iterable[str]) -> str:
    """Write a list of names so that `read_list` reads the same names.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> print(written_list(["good", "food, drink", " ", "it's"]))
    good,'food, drink',' ',it's
    """
    return ",".join(map(_quoted, names))


def written_pairs(pairs: Iterable[tuple[str, Any]]) -> str:
    """Write names with a value each so that `read_pairs` reads the same.

    Parameters
    ----------
    pairs : iterable of (str, object)
        Values are written as `str` has them.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> print(written_pairs([("good", 90), ("food, drink", "2x")]))
    good=90,'food, drink'=2x
    """
    return ",".join(f"{_quoted(name)}={_quoted(str(value))}" for name, value in pairs)


def for_shell(text: str, *, windows: bool = os.name == "nt") -> str:
    """Quote a text for a shell, as one word.

    Double quotes are preferred, since every shell has them.

    Parameters
    ----------
    text : str
    windows : bool, optional
        Whether the shell is one of Windows; by default, whether this is Windows. The line is then for cmd. In
        PowerShell it is right as well, unless the text has a double quote, a dollar sign or a backtick.

    Returns
    -------
    str

    Examples
    --------
    >>> print(for_shell("neutral=90", windows=False), for_shell("'food, drink'=90", windows=False))
    neutral=90 "'food, drink'=90"
    """
    if windows:  # a comma has a meaning in PowerShell
        escaped = re.sub(r'(\\*)("|\Z)', lambda found: 2 * found[1] + ('\\"' if found[2] else ""), text)
        return text if re.fullmatch(r"[\w+=:./-]+", text, re.ASCII) else f'"{escaped}"'
    quoted = shlex.quote(text)
    return quoted if quoted == text or _SPECIAL.intersection(text) else f'"{text}"'


def _segments(part: str) -> Iterator[str]:
    """Split a part at the equals signs that are not in quotes."""
    end = -1
    while end < len(part):
        match = _SEGMENTS.match(part, end + 1)
        assert match is not None, "an empty segment matches"
        yield match[0]
        end = match.end()


def _unquoted(text: str) -> str:
    """Return the name that a part stands for."""
    text = text.strip()
    if text[:1] not in QUOTES or not text:
        return text
    if not re.fullmatch(_QUOTED, text, re.DOTALL):
        raise InputError(
            f"A quote opens the name {text!r:.80}, and none closes it at its end. Close it; a name that itself begins"
            f" with a quote stands in quotes, e.g. {_quoted(text[:20])}."
        )
    if text[0] == "'":
        return text[1:-1].replace("''", "'")
    name = _from_json(text)
    assert isinstance(name, str)
    return name


def _quoted(name: str) -> str:
    """Return a name as it stands in a list: bare, in single quotes, or, with hidden characters, in double quotes."""
    if not all(map(_is_visible, name)):
        return "".join(c if _is_visible(c) else json.dumps(c)[1:-1] for c in json.dumps(name, ensure_ascii=False))
    if name and name == name.strip() and name[0] not in "\"'[{" and not {",", "="}.intersection(name):
        return name
    return "'" + name.replace("'", "''") + "'"


def _is_visible(character: str) -> bool:
    return character.isprintable() or character in _JOINERS


def _from_json(text: str) -> Any:
    """Return what a text of JSON holds; an object as a list of its pairs."""
    try:
        return json.loads(text, strict=False, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{text!r:.80} is not JSON: {error.msg} at character {error.pos + 1}. Mend it; in single quotes a name is"
            " taken as it stands."
        ) from None
    except (ValueError, RecursionError):
        raise InputError(f"{text!r:.80} is nested too deeply, or has a number of too many digits. Mend it.") from None


def _value(name: str, value: Any) -> str:
    """Return the value of an object of JSON as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InputError(f"The value of {name!r} must be a number or a text. Got {json.dumps(value):.60}.")
    return str(value)
