"""Find the words of texts, also where no spaces stand between them: a segmenter does it, a function of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Options

from augment.errors import InputError, did_you_mean
from augment.registry import SEGMENTERS
from augment.words import Span, word_spans
from augment.writing_systems import MARKS, SPACELESS

Segmenter = Callable[[str], Sequence[tuple[int, int]]]
"""Takes a text and returns where its words start and end, disjoint and ascending."""

DEFAULTS = {"zh": "icu", "ja": "icu", "th": "icu"}
"""The segmenter of a language, if none is named. Elsewhere words are runs of letters."""
_PARTS = re.compile(rf"(?P<spaceless>[{SPACELESS}][{SPACELESS}{MARKS}]*)|[^{SPACELESS}]+")
_HAS_LETTER = re.compile(r"[^\W_]")


class Segmenters(Options):
    """A constraint: None, a function, or the name of a registered segmenter."""

    def __init__(self) -> None:
        super().__init__(type=str, options=set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is one of these."""
        return val is None or callable(val) or (isinstance(val, str) and val in SEGMENTERS.names())

    def why(self, val: Any) -> str:
        """Return the name that may have been meant, or how a function is named in a file, after a space."""
        if isinstance(val, str) and val.startswith("function "):
            return (
                " A function cannot be read from a file: build the strategy in Python, or register the function under"
                f" the entry point {SEGMENTERS.group!r}."
            )
        return did_you_mean(val, SEGMENTERS.names()) if isinstance(val, str) else ""

    def __str__(self) -> str:
        return f"None, a function of a text, or one of {', '.join(map(repr, SEGMENTERS.names()))}"


def named_segmenter(segmenter: str | Segmenter | None, language: str) -> str | Segmenter | None:
    """Return the segmenter that is used: the one given, or that of the language; None for runs of letters."""
    return DEFAULTS.get(language) if segmenter is None else segmenter


def word_finder(segmenter: str | Segmenter | None, language: str) -> Callable[[str], list[Span]]:
    """Return the function that finds the words of a text.

    Parameters
    ----------
    segmenter : str, callable or None
        A registered name, a function, or None for that of the language (`DEFAULTS`).
    language : str
        One of `augment.word_lists.LANGUAGES`.

    Returns
    -------
    callable
        From a text to a list of `Span`, disjoint and ascending; `augment.words.word_spans` if there is no segmenter.

    Raises
    ------
    InputError
        If there is no segmenter of that name, or its package is not installed. The function raises it if a segmenter
        returns anything but such spans.

    Examples
    --------
    >>> halves = word_finder(lambda text: [(0, 2), (2, 4)], "zh")
    >>> halves("我们买书")
    [Span(start=0, end=2), Span(start=2, end=4)]
    """
    chosen = named_segmenter(segmenter, language)
    if chosen is None:
        return word_spans
    cut: Segmenter = SEGMENTERS.find(chosen) if isinstance(chosen, str) else chosen
    if cut is icu:
        _word_breaker()

    def found(text: str) -> list[Span]:
        spans: list[Span] = []
        last = 0
        for one in cut(text):
            start, end = one if isinstance(one, (tuple, list)) and len(one) == 2 else (None, None)
            if not (isinstance(start, Integral) and isinstance(end, Integral) and last <= start < end <= len(text)):
                raise InputError(
                    f"The segmenter {_called(chosen)} must return pairs (start, end) that are disjoint, ascending and"
                    f" inside the text. Got {one!r:.40} for {text!r:.40}."
                )
            last = int(end)
            if _HAS_LETTER.search(text, int(start), last):
                spans.append(Span(int(start), last))
        return spans

    return found


def segmenter_identity(segmenter: str | Segmenter | None, language: str) -> dict[str, str]:
    """Return the package and version that decide what a word is; empty for runs of letters and for a function.

    Examples
    --------
    >>> segmenter_identity(None, "de")
    {}
    """
    chosen = named_segmenter(segmenter, language)
    if not isinstance(chosen, str):
        return {}
    return {"icu4py": version("icu4py")} if SEGMENTERS.find(chosen) is icu else {"segmenter": chosen}


def icu(text: str) -> list[Span]:
    """Find words by the dictionaries of ICU where no spaces part them, and as runs of letters elsewhere.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of Span
        Disjoint, ascending.

    Raises
    ------
    InputError
        If the package icu4py is not installed.
    """
    spans = word_spans(text)
    if text.isascii():
        return spans
    found = []
    for span in spans:
        for part in _PARTS.finditer(text, *span):
            start = part.start()
            if part["spaceless"] is None:
                found += [Span(start + first, start + last) for first, last in word_spans(part[0])]
                continue
            for piece in _word_breaker()(part[0], "en"):  # not its `segments`, which count UTF-16 units
                found.append(Span(start, start + len(piece)))
                start += len(piece)
    return found


def _word_breaker() -> Any:
    """Return the class of icu4py that finds words."""
    try:
        from icu4py.breakers import WordBreaker
    except ImportError as error:
        raise InputError(
            "Words without spaces between them are found by the package icu4py, which is not installed. Run: pip"
            " install 'counterpoise[segmenters]', or give a function of your own as `segmenter`."
        ) from error
    return WordBreaker


def _called(segmenter: str | Segmenter) -> str:
    return repr(segmenter) if isinstance(segmenter, str) else getattr(segmenter, "__qualname__", repr(segmenter))
