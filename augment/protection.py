"""What of a text may not be replaced: what is not an ordinary word, and what is protected."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import TypeAlias

from augment import word_lists
from augment.errors import InputError
from augment.words import APOSTROPHE, APOSTROPHES, Span, word_spans
from augment.writing_systems import MARKS, SPACELESS, is_spaceless

_UNSPELT = rf"\d{SPACELESS}"
"""Digits, and letters of scripts without spaces: a run that has any of them is not a word."""
_OTHER = r"\w\s@#$%&*+=<>|\\/~^:;£€¥₹¢§©®™°×÷±"
"""What is not ordinary punctuation: it makes an address, a tag, an amount, a path, a masked word and so on."""

# The patterns of `LITERAL`. Quantifiers that end in + never go back, so that a huge cell takes no time.
_LETTER = rf"(?:[^\W_{_UNSPELT}][{MARKS}]*+)"
_WORD = rf"{_LETTER}++(?:(?:{APOSTROPHE}|-){_LETTER}++)*+"
_ONE_WORD = re.compile(_WORD)
_MARKS = rf"(?!\.\w)[^{_OTHER}\u00ad\u200b-\u200f][^{_OTHER}]*+"  # emoji are among them, with their joiners
_TAG = r"</?[A-Za-z][^<>]*>"
_BOUND = rf"(?=\s|\Z|{_TAG})"
_PART = (
    rf"(?:(?={_LETTER}(?:{APOSTROPHE}|-)?{_LETTER}){_WORD}|[AIa]|\d++)"  # a lone letter is a piece: "w/o", "film(s)"
)
_BETWEEN = (
    rf"(?:{_MARKS}"
    r"|(?<=[^\W\d_]{2})/(?=[^\W\d_]{2}[^\s/]*+(?:\s|\Z))"  # "and/or", but no path
    r"|(?<=[a-z]{2})\.(?=[A-Z]))"  # "the end.The", but no domain and no initials
)
_NO_WORD = (
    r"(?:[A-Z]\.(?:\s|\Z)|[B-HJ-Z](?![\w'’ʼ-])"  # initials
    r"|(?:Mrs?|Ms|Dr|Prof|St|Jr|Sr|vs|etc|Inc|Ltd|Corp|Co)\.(?!\.)"
    r"|[xX]D+\b"  # a face
    r"|(?<=-)[LR][RCS]B-)"  # a bracket of the Penn Treebank
)
_WORDS = rf"(?:{_MARKS})?+(?!{_NO_WORD})(?:{_PART}(?:{_BETWEEN}{_PART})*+|{_LETTER}(?!-))(?:[:;]|{_MARKS})*+{_BOUND}"
_TOKEN = r"(?:[^\s<]++|<(?!/?[A-Za-z][^<>]*>))++"
LITERAL = re.compile(rf"(?:\s++|{_WORDS}|(?:[:;]|{_MARKS})++{_BOUND})*+({_TAG}|{_TOKEN}|\Z)")
"""Ordinary words, and in group 1 what follows them: a tag, or a run without white space that is no ordinary word."""
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
DATE = re.compile(
    rf"\d(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}\b|\b(?=[ADFJMNOS]){_MONTH}\.?\s\d|\d\s[ap]\.?m\b", re.IGNORECASE
)
"""The words of dates and times of day that spaces part, as in "3rd Feb"."""
_UNSPELT_RUN = re.compile(rf"[{_UNSPELT}]+")
_SPACELESS_RUN = re.compile(rf"[{SPACELESS}{MARKS}]+")
_AMONG_SPACELESS = re.compile(rf"[@＠][\w-]+|[#＃][^#＃\s]+[#＃]?|[{SPACELESS}]?\d+[{SPACELESS}]?")
"""User names, hashtags, and numbers with the word that touches them, where no space ends them."""
_HELD = re.compile(
    rf"{APOSTROPHE}(?:(?:(?<=[^\W_].)|(?<=[^\W_]\s.))(?:(?P<s>s)|d|m|ll|re|ve)\b"  # "I'm", "I 'm"
    r"|(?<=[^\W_]\sn.)(?P<negation>t)\b"  # "ca n't"
    r"|(?:(?<=s.)|(?<=s\s.)|(?<=in.))(?P<plural>)(?![\w'’])"  # "the boys'", and "lovin'"
    r"|(?<!\w.)(?P<elided>em|til|till|cause|cuz|bout|round|tis|twas|n)\b)",  # "'em"
    re.IGNORECASE | re.DOTALL,
)
"""An apostrophe that makes a word one with the word before it or with the letters after it."""
# fmt: off
_BEFORE_NT = (
    "ai", "are", "ca", "could", "dare", "did", "do", "does", "had", "has", "have", "is", "may", "might", "must", "need",
    "ought", "sha", "should", "was", "were", "wo", "would",
)
# fmt: on
_POSSESSIVE = re.compile(rf"\s?{APOSTROPHE}s\b", re.IGNORECASE)
_LAST_WORD = re.compile(r"[^\W_]+$")
_COUNTS = re.compile(r"\{(?:\d*,)?(\d+),?\}")
SECONDS = 2
"""How long a regular expression of a user may look at one text."""
MOST_REPEATS = 10_000
"""The largest product of the counts of a regular expression, as in ``(a{100}){100}``."""
_LONGEST = 24
"""Letters of the longest word that is looked for before an apostrophe."""

PRONOUNS = frozenset(
    ("i", "you", "he", "she", "it", "we", "they", "me", "him", "her", "us", "them")
    + ("this", "that", "these", "those", "there", "here", "let")
    + ("what", "who", "which", "where", "when", "why", "how")
    + ("one", "someone", "somebody", "anyone", "anybody", "everyone", "everybody")
    + ("something", "anything", "everything")
)
"""Words after which ``'s`` is a verb more often than not. Before ``'s`` they replace no noun, and no noun them."""

FRAGMENTS = frozenset(
    ("ain", "aren", "couldn", "didn", "doesn", "don", "hadn", "hasn", "isn", "mightn", "mustn", "needn", "shan")
    + ("shouldn", "wasn", "weren", "wouldn", "ll", "re", "ve")  # of contractions
    + ("st", "nd", "rd", "th")  # of ordinal numbers
    + ("http", "https", "www", "com", "co", "org", "html", "amp", "lrb", "rrb")  # of addresses and markup
    + ("mr", "mrs", "ms", "dr", "jr", "sr", "vs")  # without their full stop
)
"""Entries of vocabularies that are pieces of English words or signs, in lower case. No mask is filled by them."""

_CONTRACTIONS = (rf"\b(?:{'|'.join(_BEFORE_NT)})\s?n{APOSTROPHE}?t\b", rf"\bn{APOSTROPHE}t\b")
"""English negations as parts of words, also as the Penn Treebank writes them ("ca n't")."""
_ELISIONS = dict.fromkeys(("fr", "it"), rf"(?<!\w)\w++{APOSTROPHE}(?=\w)")
"""What stands before a vowel alone ("l'hôtel"): nothing else fits the whole, so it is left alone."""


@cache
def negations_of(language: str = "en") -> tuple[str, ...]:
    """Return the negations of a language as regular expressions.

    Parameters
    ----------
    language : str, default="en"
        One of `augment.word_lists.LANGUAGES`.

    Returns
    -------
    tuple of str
        One for all single words, one for each phrase; for English, two for contractions.

    Examples
    --------
    >>> [bool(re.fullmatch(negations_of("de")[0], word)) for word in ("keine", "eine")]
    [True, False]
    """
    patterns = list(_CONTRACTIONS) if language == "en" else []
    entries = word_lists.entries(language, "negations")
    words = [re.escape(entry) for entry in entries if entry.isalpha() and not is_spaceless(entry)]
    if words:
        patterns.append(rf"\b(?:{'|'.join(words)})\b")
    inside = [entry for entry in entries if is_spaceless(entry)]  # no boundary parts them from their neighbours
    if inside:
        patterns.append("|".join(inside))
    for entry in entries:
        if entry.endswith("'"):
            patterns.append(rf"\b{entry[:-1]}{APOSTROPHE}")
        elif " " in entry:
            patterns.append(r"\b" + r"\s+".join(map(re.escape, entry.split())) + r"\b")
    return tuple(patterns)


class TimedPattern:
    r"""A regular expression of a user, which may look at a text for `SECONDS`; case is ignored.

    Parameters
    ----------
    pattern : str
        In the language of the library `regex`, which has that of Python.

    Raises
    ------
    ValueError
        If it is not a regular expression, or its counts multiply to more than `MOST_REPEATS`.

    Examples
    --------
    >>> [match.span() for match in TimedPattern(r"no\.? [0-9]+").finditer("No. 5 or no 6")]
    [(0, 5), (9, 13)]
    """

    def __init__(self, pattern: str) -> None:
        import regex

        repeats = math.prod(max(1, int(count[-10:])) for count in _COUNTS.findall(pattern))
        if repeats > MOST_REPEATS:  # such a pattern would be written out so many times
            raise ValueError(f"its counts multiply to more than {MOST_REPEATS:,}")
        self.pattern = pattern
        try:
            self._compiled = regex.compile(pattern, regex.IGNORECASE)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except regex.error as error:
            raise ValueError(str(error)) from None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Find the matches in a text.

        Raises
        ------
        InputError
            If that takes too long.
        """
        try:
            yield from self._compiled.finditer(text, timeout=SECONDS)
        except (TimeoutError, MemoryError):
            raise InputError(
                f"The regular expression {self.pattern!r:.80} has not come to an end in {SECONDS} s on the text"
                f" {text!r:.60}. Write one without a repeat within a repeat, such as (a+)+."
            ) from None


Pattern: TypeAlias = re.Pattern[str] | TimedPattern


def protection(
    phrases: Iterable[str] = (), patterns: Iterable[str] = (), *, negations: bool = True, language: str = "en"
) -> list[Pattern]:
    """Compile patterns of what may never be replaced; case is ignored.

    Parameters
    ----------
    phrases : iterable of str
        Words and phrases, taken literally and as whole words; any white space matches any other.
    patterns : iterable of str
        Regular expressions.
    negations : bool, default=True
        Protect the negations of the language as well; see `negations_of`.
    language : str, default="en"
        One of `augment.word_lists.LANGUAGES`. In French and Italian, words with an elision ("l'hôtel") are protected.

    Returns
    -------
    list of re.Pattern or TimedPattern
        One for each phrase or pattern: a single alternation would miss overlapping matches.

    Raises
    ------
    ValueError
        If a pattern is not a regular expression.
    """
    parts = [*(negations_of(language) if negations else ()), *([_ELISIONS[language]] if language in _ELISIONS else ())]
    parts += [
        r"(?<!\w)" + r"\s+".join(map(re.escape, phrase.split())) + r"(?!\w)" for phrase in phrases if phrase.strip()
    ]
    return [*(re.compile(part, re.IGNORECASE) for part in parts), *map(TimedPattern, patterns)]


def is_ordinary(word: str) -> bool:
    """Return whether a text is one word that may stand anywhere: spelt in letters, not a lone one, not a fragment.

    Parameters
    ----------
    word : str
        Any text.

    Returns
    -------
    bool

    Examples
    --------
    >>> [word for word in ("film", "I", "s", "2nd", "doesn", "well-made", "U.S.") if is_ordinary(word)]
    ['film', 'I', 'well-made']
    """
    return (
        _ONE_WORD.fullmatch(word) is not None
        and (len(word) > 1 or not word.isascii() or word in "aAiI")
        and word.casefold() not in FRAGMENTS
    )


def literals(text: str) -> list[Span]:
    """Find what is not made of ordinary words.

    Addresses, user names, hashtags, amounts, times, dates, codes, initials, masked words ("d*mn"), faces, file names,
    markup and the like are not. One rule finds nearly all of them: an ordinary word is spelt in letters alone, between
    white space or ordinary punctuation.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of Span
        They may overlap.

    Examples
    --------
    >>> text = "Odd.#CountThemhttps://t.co/x (and well-made), AT&T <b>at 10:30pm"
    >>> [text[start:end] for start, end in literals(text)]
    ['Odd.#CountThemhttps://t.co/x', 'AT&T', '<b>', '10:30pm']
    """
    return [
        *(Span(*match.span(1)) for match in LITERAL.finditer(text) if match[1]),
        *(Span(*match.span()) for match in DATE.finditer(text)),
    ]


def is_possessive(text: str, word: Span) -> bool:
    """Return whether an ``'s`` follows a word, as in "the film's" and, in the Penn Treebank, "the film 's"."""
    return _POSSESSIVE.match(text, word.end) is not None


def replaceable(
    text: str,
    protected: Iterable[Pattern],
    spans: Sequence[Span] | None = None,
    *,
    segmented: bool = False,
) -> list[Span]:
    """Find the words that may be replaced.

    They touch no protected span and none of the `literals`, and no clitic depends on them ("I'm", "they'll"). A noun
    before ``'s`` may be replaced.

    Parameters
    ----------
    text : str
        Any text.
    protected : iterable of re.Pattern or TimedPattern
        From `protection`.
    spans : sequence of Span, optional
        The text's words, if they are known already.
    segmented : bool, default=False
        Whether `spans` are words also in scripts without spaces. Otherwise nothing is replaced in such a script.

    Returns
    -------
    list of Span
        Disjoint, ascending.

    Examples
    --------
    >>> text = "I do n't like the 2 films' cast, but it's Bob's"
    >>> [text[start:end] for start, end in replaceable(text, protection(["LIKE"]))]
    ['I', 'the', 'cast', 'but', 'Bob']
    """
    spaced, patterns = text, (_UNSPELT_RUN, *protected)
    if segmented:
        spaced = _SPACELESS_RUN.sub(lambda run: " " * len(run[0]), text)
        patterns = (_AMONG_SPACELESS, *protected)
    kept = [*literals(spaced), *(match.span() for pattern in patterns for match in pattern.finditer(text) if match[0])]
    if APOSTROPHES.intersection(text):
        kept += _held(text)
    kept.sort()
    starts, ends = [start for start, _ in kept], list(accumulate((end for _, end in kept), max))

    def is_free(word: Span) -> bool:
        before = bisect_left(starts, word.end)  # protected spans that begin before the word ends
        return not before or ends[before - 1] <= word.start

    free = [word for word in (word_spans(text) if spans is None else spans) if is_free(word)]
    return free if text.isascii() else [word for word in free if not any(map(str.isnumeric, text[slice(*word)]))]


def _held(text: str) -> Iterator[tuple[int, int]]:
    """Find the letters that an apostrophe holds to a neighbour: one of the word before it, or all after it."""
    for match in _HELD.finditer(text):
        start, end, kind = *match.span(), match.lastgroup
        if kind == "elided":
            yield start, end
            continue
        host_end = start - 2 if kind == "negation" else start - text[start - 1].isspace()
        found = _LAST_WORD.search(text, max(host_end - _LONGEST, 0), host_end)
        host = found[0].casefold() if found else ""
        may_go = {
            "s": host not in PRONOUNS,
            "negation": host not in _BEFORE_NT,
            "plural": found is not None and text[found.start() - 1 : found.start()] in APOSTROPHES,  # 'yes'
        }
        if not may_go.get(kind or "", False):
            yield host_end - 1, end
