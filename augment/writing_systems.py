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

_SPACELESS = re.compile(f"[{SPACELESS}]")


def is_spaceless(word: str) -> bool:
    """Return whether a word begins with a letter of a script without spaces.

    Examples
    --------
    >>> is_spaceless("书"), is_spaceless("book")
    (True, False)
    """
    return _SPACELESS.match(word) is not None


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
