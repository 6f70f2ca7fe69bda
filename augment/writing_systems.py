"""Scripts: which writing system a word is in."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LATIN = "LATIN"
SPACELESS = "".join(
    f"{chr(first)}-{chr(last)}"
    for first, last in (
        (0x0E00, 0x0EFF),  # Thai, Lao
        (0x1000, 0x109F),  # Myanmar
        (0x1780, 0x17FF),  # Khmer
        (0x3005, 0x3007),  # marks and numbers among Chinese characters
        (0x3040, 0x30FF),  # Japanese syllables
        (0x3400, 0x4DBF),  # Chinese characters, in four blocks
        (0x4E00, 0x9FFF),
        (0xF900, 0xFAFF),
        (0x20000, 0x3FFFF),
    )
)
"""The letters of scripts without spaces between words, as a part of a character class. A run of them is not a word."""

MARKS = "".join(c for c in map(chr, range(0x300, 0x3100)) if unicodedata.category(c).startswith("M"))
"""Accents and vowel signs that are separate characters. They belong to the word, though `\\w` does not match them."""
_SPACELESS = re.compile(rf"(?:(?=[^\W\d_])[{SPACELESS}][{MARKS}]*)+")


def is_spaceless(word: str, *, whole: bool = False) -> bool:
    """Return whether a word begins with a letter of a script without spaces.

    Parameters
    ----------
    word : str
        Any text.
    whole : bool, default=False
        Whether it must be made of such letters alone.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_spaceless("书"), is_spaceless("book"), is_spaceless("书 2"), is_spaceless("书 2", whole=True)
    (True, False, True, False)
    """
    return (_SPACELESS.fullmatch(word) if whole else _SPACELESS.match(word)) is not None


def script(word: str) -> str:
    """Return the script of a word's first letter.

    Parameters
    ----------
    word : str
        Any text.

    Returns
    -------
    str
        The first word of the letter's Unicode name, such as ``"LATIN"`` or ``"CYRILLIC"``; an empty string if there is
        no letter.

    Examples
    --------
    >>> script("film"), script("2фильм"), script("10")
    ('LATIN', 'CYRILLIC', '')
    """
    return next((_of_letter(c) for c in word if c.isalpha()), "")


@lru_cache(maxsize=4_096)
def _of_letter(letter: str) -> str:
    return LATIN if letter.isascii() else unicodedata.name(letter, "").partition(" ")[0].partition("-")[0]
