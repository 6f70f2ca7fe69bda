"""The word lists of languages. They are files in `language_data`, and each is read when it is needed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["negations", "positive", "negative", "common", "poles", "opposites"]
"""``poles`` has the usual names of polar classes, such as ``positive: positiv``, and ``opposites`` words with those of
opposite meaning, such as ``thin | thick``. The others hold words."""

LANGUAGES = {
    "en": "English",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
    "zh": "Chinese",
    "ja": "Japanese",
    "th": "Thai",
}
"""Languages with word lists, by their ISO 639-1 codes. The last three have negations only."""
_FOLDER = Path(__file__).parent / "language_data"


def has_list(language: str, kind: Kind) -> bool:
    """Return whether a list comes with the package.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    kind : {"negations", "positive", "negative", "common", "poles", "opposites"}

    Returns
    -------
    bool

    Examples
    --------
    >>> has_list("de", "positive"), has_list("zh", "positive")
    (True, False)
    """
    return (_FOLDER / f"{language}.{kind}.txt").is_file()


@cache
def entries(language: str, kind: Kind) -> tuple[str, ...]:
    """Return the entries of a list.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    kind : {"negations", "positive", "negative", "common", "poles", "opposites"}

    Returns
    -------
    tuple of str
        In the order of the file, without comments. Empty if no such list comes with the package.

    Examples
    --------
    >>> entries("nl", "negations")[:3]
    ('amper', 'geen', 'geenszins')
    """
    if not has_list(language, kind):
        return ()
    lines = (_FOLDER / f"{language}.{kind}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
