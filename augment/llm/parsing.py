"""Read the rows out of an answer: JSON by schema if it is that, and whatever else models answer instead."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, NamedTuple

from augment.llm.requests import Answer

REASONS = (
    *("refusal", "empty", "broken_json", "too_few", "truncated"),
    *("preamble", "repeats_exemplar", "other_language"),
)
"""Why a row of an answer may be unusable. A strategy finds the last two."""

REFUSED = ("refusal", "content_filter")
_REFUSAL = re.compile(
    r"(?:(?:i['’]?m|i am) (?:really |very |truly )?sorry|sorry|apologies|unfortunately)?[\s,.;:—-]*(?:but )?"
    r"(?:as an ai\b|as a (?:large )?language model\b|"
    r"i (?:can(?:no|['’])?t|am (?:not able|unable) to|won['’]?t|will not) "
    r"(?:(?:assist|help)(?: you)? with (?:that|this)|comply|fulfil|generate|create|provide|write|produce|continue)\b)",
    re.IGNORECASE,
)
_CHAT = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok)\b[\s!,.:]*(?:here\b|i(?:['’]ll| will| can)\b|below\b|$)"
    r"|here(?:['’]s| is| are)\b[^.!?\n]{0,120}:",
    re.IGNORECASE,
)
"""How a model begins that talks to a user, in a row of JSON."""
_CHATTY = re.compile(r"(?:sure|certainly|of course|absolutely)\b[!,.:]|here(?:['’]s| is| are)\b", re.IGNORECASE)
"""The same in an answer that is no JSON. It may be a sentence of a text, too, but rarely is."""
_THOUGHT = re.compile(r"^\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)(?:```|\Z)", re.DOTALL)
_ITEM = re.compile(r"^\s*(?:\(?\d{1,3}[.):]|[-*•–])\s+(.*\S)\s*$", re.MULTILINE)
_QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"))
_BRACKET = re.compile(r"[{\[]")
_OPENING = re.compile(
    r"""\A(?:```[a-zA-Z]*\s*)?\s*(?:\{\s*"[^"]*"\s*:\s*)?\[|"rows"\s*:\s*\[|\A(?:```[a-zA-Z]*\s*)?\s*\{"""
)
"""The opening of JSON that could not be read: before the first row of a list, if there is one."""
MOST_BRACKETS = 50
"""So many brackets of an answer are tried as the beginning of its JSON."""
_DECODER = json.JSONDecoder(strict=False)


class Parsed(NamedTuple):
    """What came for one row that was asked for: a text, or why there is none."""

    text: str = ""
    unusable: str | None = None
    """One of `REASONS`; None for a text."""


def rows_of(answer: Answer, count: int) -> list[Parsed]:
    """Read the rows out of an answer.

    JSON is found in a code fence, and between other words; a list without the object around it, and a list of objects
    with one text each, are taken, too. Of JSON that breaks off, the whole texts are taken. If there is no JSON, a
    numbered list is taken, or the lines if there are as many as rows, or the answer itself if one row was asked for.

    Parameters
    ----------
    answer : Answer
    count : int
        Rows that were asked for, 1 or more.

    Returns
    -------
    list of Parsed
        Of this length. Further rows of the answer are dropped.

    Examples
    --------
    >>> rows_of(Answer('{"rows": ["It is open.", "It is closed."]}'), 2)
    [Parsed(text='It is open.', unusable=None), Parsed(text='It is closed.', unusable=None)]
    >>> [row.text or row.unusable for row in rows_of(Answer("1. It is open."), 2)]
    ['It is open.', 'too_few']
    >>> rows_of(Answer("", "refusal"), 1)
    [Parsed(text='', unusable='refusal')]
    """
    text = _THOUGHT.sub("", answer.text).strip()
    if answer.finish in REFUSED or (_REFUSAL.match(text) and not _ITEM.search(text)):
        return [Parsed(unusable="refusal")] * count
    if not text:
        return [Parsed(unusable="truncated" if answer.finish == "length" else "empty")] * count
    found = _texts(text, count)
    if found.chat:
        return [Parsed(unusable="preamble")] * count
    rows = [_row(one) for one in found.texts[:count]]
    rest = "too_few" if found.whole else "truncated" if answer.finish == "length" else "broken_json"
    return rows + [Parsed(unusable=rest)] * (count - len(rows))


class _Found(NamedTuple):
    """The texts in an answer."""

    texts: list[str]
    whole: bool = True
    """Whether the answer could be read up to its end."""
    chat: bool = False
    """Whether it is a sentence to a user, perhaps with a text after it."""


def _row(text: str) -> Parsed:
    """Judge one row by itself."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "").strip()
    if not text:
        return Parsed(unusable="empty")
    if _REFUSAL.match(text):
        return Parsed(unusable="refusal")
    if _CHAT.match(text):
        return Parsed(unusable="preamble")
    return Parsed(text)


def _texts(text: str, count: int) -> _Found:
    """Find the texts in an answer."""
    for part in (text, *_FENCE.findall(text)):
        rows = _from_json(part.strip(), count)
        if rows is not None:
            return _Found(rows)
    opening = _OPENING.search(text)
    if opening is not None:
        return _Found(_strings_from(text, opening.end()), whole=False)
    if items := _ITEM.findall(text):
        return _Found([_unquoted(item) for item in items])
    if count == 1:
        return _Found([_unquoted(text)], chat=_CHATTY.match(text) is not None)
    lines = [_unquoted(line.strip()) for line in text.splitlines() if line.strip()]
    return _Found(lines) if len(lines) == count else _Found([], whole=False)


def _from_json(text: str, count: int) -> list[str] | None:
    """Return the rows of the first JSON in a text that has rows; None if there is none."""
    starts = [match.start() for match in islice(_BRACKET.finditer(text), MOST_BRACKETS)]
    for start in [0, *starts] if text.startswith('"') else starts:
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str) and (count > 1 or end < len(text)):
            continue
        if (rows := _rows(value)) is not None:
            return rows
    return None


def _rows(value: Any) -> list[str] | None:
    """Return the rows in a value of JSON; None if it does not look like rows."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        lists = [one for one in value.values() if isinstance(one, list)]
        if isinstance(value.get("rows"), list):
            return _rows(value["rows"])
        if len(lists) == 1:
            return _rows(lists[0])
        texts = list(value.values())
        return texts if texts and all(isinstance(text, str) for text in texts) else None
    if not isinstance(value, list):
        return None
    rows = [_only_text(one) for one in value]
    return None if None in rows else [row for row in rows if row is not None]


def _only_text(value: Any) -> str | None:
    """Return a text, or the one text of an object."""
    if isinstance(value, dict):
        texts = [one for one in value.values() if isinstance(one, str)]
        value = texts[0] if len(texts) == 1 else value.get("text")
    return value if isinstance(value, str) else None


def _strings_from(text: str, at: int) -> list[str]:
    """Return the whole items of a list of JSON that breaks off, from a position within it."""
    rows: list[str] = []
    while at < len(text):
        if text[at] in ", \n\r\t":
            at += 1
            continue
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        row = _only_text(value)
        if row is None:
            break
        rows.append(row)
    return rows


def _unquoted(text: str) -> str:
    """Take a pair of quotes off that encloses a whole text."""
    for first, last in _QUOTES:
        inner = text[1:-1]
        if len(text) > 2 and text[0] == first and text[-1] == last and first not in inner and last not in inner:
            return inner.strip()
    return text
