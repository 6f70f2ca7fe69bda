"""Words as spans of characters: where they stand, and how they are replaced."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from augment.writing_systems import MARKS, SPACELESS

RUN = rf"(?:[^\W_][{MARKS}]*)+"
APOSTROPHES = frozenset("'’ʼ")
APOSTROPHE = "['’ʼ]"
WORD = re.compile(rf"{RUN}(?:(?:{APOSTROPHE}|-){RUN})*")
_CLITIC = rf"\s?{APOSTROPHE}(?:s|d|m|ll|re|ve)"
FINAL_CLITIC = re.compile(rf"{_CLITIC}$", re.IGNORECASE)
FOLLOWING_CLITIC = re.compile(rf"{_CLITIC}\b", re.IGNORECASE)
"""A clitic right after a word, such as ``'s``."""
SENTENCE_START = re.compile(r"(?:^|[.!?…][\"'”’)\]]*\s)[\"'“‘(\[\s]*$")
ALPHANUMERIC = re.compile(RUN)
_FOLDED = re.compile(rf"(?=[^\W_])[{SPACELESS}][{MARKS}]*|(?:[^\W_{SPACELESS}][{MARKS}]*)+")
CONTRACTED = re.compile(rf"(?<!\s)\s*(?:(n){APOSTROPHE}(t)|{APOSTROPHE}(s|d|m|ll|re|ve))\b", re.IGNORECASE)


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int


class Replacement(NamedTuple):
    """New text for the characters `start` to `end` (exclusive)."""

    start: int
    end: int
    new: str


def word_spans(text: str) -> list[Span]:
    """Find the words of a text, in order.

    A word is a run of letters and digits, with inner hyphens and apostrophes. An English clitic
    ("it's", "they'll", in the Penn Treebank "it 's") is not part of the word, so that replacing the word keeps it.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of Span
        Disjoint, ascending.

    Examples
    --------
    >>> text = "It's a well-made film, isn't it? They 'll see."
    >>> [text[start:end] for start, end in word_spans(text)]
    ['It', 'a', 'well-made', 'film', "isn't", 'it', 'They', 'see']
    """
    if not APOSTROPHES.intersection(text):
        return [Span(*match.span()) for match in WORD.finditer(text)]
    spans = []
    for match in WORD.finditer(text):
        start, end = match.span()
        if text[start - 1 : start] in APOSTROPHES and FINAL_CLITIC.fullmatch(text, start - 1, end):
            continue
        clitic = None if APOSTROPHES.isdisjoint(match[0]) else FINAL_CLITIC.search(match[0])
        spans.append(Span(start, start + clitic.start() if clitic else end))
    return spans


def splice(text: str, replacements: Sequence[Replacement]) -> str:
    """Replace spans of a text and keep every other character as it is.

    Parameters
    ----------
    text : str
        The source.
    replacements : sequence of Replacement
        Disjoint, ascending.

    Returns
    -------
    str
        The new text.

    Raises
    ------
    ValueError
        If the spans overlap, are out of order, or lie outside the text.

    Examples
    --------
    >>> splice("a good film", [Replacement(2, 6, "fine")])
    'a fine film'
    """
    parts, end = [], 0
    for replacement in replacements:
        if not end <= replacement.start <= replacement.end <= len(text):
            raise ValueError(f"The spans must be disjoint, ascending and inside the text. Got {list(replacements)}.")
        parts += [text[end : replacement.start], replacement.new]
        end = replacement.end
    return "".join([*parts, text[end:]])


def match_case(new: str, text: str, span: Span) -> str:
    """Give a word the capitalisation of the word that it replaces.

    Parameters
    ----------
    new : str
        The new word.
    text : str
        The source text.
    span : Span
        Where the old word stands in it.

    Returns
    -------
    str
        Upper case for upper case, a capital for a capital, otherwise lower case. The pronoun "I" is always a capital. A
        word that replaces it gets a capital only at the start of a sentence.

    Examples
    --------
    >>> match_case("great", "GOOD film", Span(0, 4)), match_case("great", "Good film", Span(0, 4))
    ('GREAT', 'Great')
    >>> match_case("we", "Then I left", Span(5, 6)), match_case("we", "I left", Span(0, 1))
    ('we', 'We')
    """
    old = text[span.start : span.end]
    if new in ("i", "I"):
        return "I"
    if old.isupper() and len(old) > 1:
        return new.upper()
    if old[0].isupper() and (old != "I" or SENTENCE_START.search(text, 0, span.start)):
        return new[0].upper() + new[1:].lower()
    return new.lower()


def folded_words(text: str) -> list[str]:
    """Return the words of a text without case, punctuation and Unicode variants.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of str
        Runs of letters and digits after NFKC and case folding; a contraction is one word, however it is spaced. In
        scripts without spaces each letter is one, so that texts with some equal words have something in common.

    Examples
    --------
    >>> folded_words("Don't STOP!"), folded_words("it 's fine"), folded_words("很好 ok")
    (['dont', 'stop'], ['its', 'fine'], ['很', '好', 'ok'])
    """
    return list(_folded_words(text))


@lru_cache(maxsize=2_048)  # every guard folds the same candidates, of one chunk
def _folded_words(text: str) -> tuple[str, ...]:
    joined = CONTRACTED.sub(lambda match: "".join(filter(None, match.groups())), unicodedata.normalize("NFKC", text))
    return tuple((ALPHANUMERIC if joined.isascii() else _FOLDED).findall(joined.casefold()))


def folded(text: str, between: str = "") -> str:
    """Return a form of a text that is the same for texts that differ only in case and punctuation.

    Parameters
    ----------
    text : str
        Any text.
    between : str, default=""
        What to put between two words. With an empty string, texts that differ in spacing give the same, too.

    Returns
    -------
    str
        The folded words; for a text without words, its other characters.

    Examples
    --------
    >>> folded("Do n't stop .") == folded("DON'T stop!")
    True
    >>> folded("on line") == folded("online"), folded("on line", " ") == folded("online", " ")
    (True, False)
    """
    return between.join(_folded_words(text)) or "".join(text.split())


def key(text: str) -> int:
    """Return a hash of a text, the same in every process.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    int
        64 bits of BLAKE2b. The chance that two of a million texts share one is 3 in 10**8.

    Examples
    --------
    >>> key("a") == key("a"), key("a") == key("b")
    (True, False)
    """
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def whole(text: str, beside: str) -> str:
    r"""Return a text with the texts beside it in its row, as rows of several texts are compared.

    Parameters
    ----------
    text : str
        The text that is edited.
    beside : str
        The other ones, one a line; empty if a row has one text.

    Returns
    -------
    str

    Examples
    --------
    >>> whole("It rains.", "It is wet."), whole("It rains.", "")
    ('It rains.\nIt is wet.', 'It rains.')
    """
    return f"{text}\n{beside}" if beside else text
