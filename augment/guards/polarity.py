"""The guard that keeps words of praise and blame in their classes, and out of others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from augment.errors import InputError, did_you_mean
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard, Originals
from augment.parameters import Rule, TextTuple
from augment.word_lists import LANGUAGES, entries, has_list
from augment.words import folded, folded_words, key
from augment.writing_systems import is_spaceless

if TYPE_CHECKING:
    from augment.models.encoder import Encoders


_DEGREE = r"(?:very|extremely|highly|strongly|mostly|moderately|somewhat|slightly|weakly)"
NAMES = {
    "positive": re.compile(r"(?:DEGREE )?pos(?:itive)?|[45] stars".replace("DEGREE", _DEGREE)),
    "negative": re.compile(r"(?:DEGREE )?neg(?:ative)?|1 star|2 stars".replace("DEGREE", _DEGREE)),
    "neutral": re.compile(r"neu(?:tral)?|3 stars"),
}
"""The usual English names of polar classes, by pole: in lower case, with one space for ``_``, ``-`` and spaces."""


@cache
def _names_elsewhere() -> dict[str, str]:
    """Return the usual names of polar classes in the other languages, each with its pole."""
    lines = [line for language in LANGUAGES for line in entries(language, "poles")]
    return {name: pole for pole, _, name in (line.partition(": ") for line in lines)}


class Polarity(Guard):
    """In a class of one pole, praise or blame, no word of the other pole may come in and none of its own may get lost.

    In a positive class, a new "awful" is the likeliest way to a wrong label, and "a wonderful film" that becomes "a
    long film" is not positive any more. A word of the own pole may be replaced by another one of that pole. A neutral
    class gets no word of either pole, and may lose all of them. A word that both lists have, such as "funny", is of
    both poles: no polar class gets it. Words of the source may stay, whatever they are. Other classes pass untouched.

    Parameters
    ----------
    positive : tuple of str, optional
        Classes of praise, without regard to case; each must be in the data. An empty tuple guards none. None for those
        with usual names: positive or pos, also after very, extremely, somewhat and the like, and 4 or 5 stars. The
        usual names in the other languages with word lists are known, too.
    negative : tuple of str, optional
        Classes of blame, likewise: negative or neg, and 1 star or 2 stars.
    neutral : tuple of str, optional
        Classes of neither, likewise: neutral or neu, and 3 stars.
    positive_words : str, optional
        A UTF-8 file of words that praise: one word a line, with all inflections, without regard to case; ``#`` starts
        a comment. It replaces the list that comes with the package.
    negative_words : str, optional
        The same for words that blame.
    language : str, optional
        The language of the lists, one of `augment.word_lists.LANGUAGES`. None for that of the strategy, or English.

    Notes
    -----
    Words count by their form. "good" praises in "not good" as well; the negation itself is protected by `FillMask`. A
    class "mixed" has no usual pole, since it holds words of both.
    """

    name: ClassVar[str] = "polarity"
    summary: ClassVar[str] = "gets no word of the other pole and loses none of its own, if its class is polar"
    of_classes: ClassVar[bool] = True
    of_edits: ClassVar[bool] = True

    from_rows: ClassVar[tuple[str, ...]] = ("poles",)

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{pole: [TextTuple("classes"), None] for pole in NAMES},
        "positive_words": [str, None],
        "negative_words": [str, None],
        "language": [StrOptions(set(LANGUAGES)), None],
    }
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(tuple(NAMES), lambda *classes: _are_apart(classes), "of other classes than the other poles"),
    )

    def __init__(
        self,
        *,
        positive: tuple[str, ...] | None = None,
        negative: tuple[str, ...] | None = None,
        neutral: tuple[str, ...] | None = None,
        positive_words: str | None = None,
        negative_words: str | None = None,
        language: str | None = None,
    ) -> None:
        self.positive = positive
        self.negative = negative
        self.neutral = neutral
        self.positive_words = positive_words
        self.negative_words = negative_words
        self.language = language

    def in_language(self) -> tuple[str, ...]:
        """Return the words for the lists of the package, if they are used."""
        return ("words of praise and blame",) if None in (self.positive_words, self.negative_words) else ()

    def suits(self, budget: Mapping[Any, int], rows: int) -> bool:
        """Return whether rows of a polar class are to be made."""
        return any(n_rows and self.pole(label) for label, n_rows in budget.items())

    def prepare(self, encoders: Encoders) -> None:
        """Read the files of words.

        Raises
        ------
        InputError
            If a file cannot be read or holds no word, or a line holds several.
        """
        self._own_words = {
            pole: read_words(pole, path)
            for pole in ("positive", "negative")
            if (path := getattr(self, f"{pole}_words"))
        }

    def identity(self) -> dict[str, Any]:
        """Return the pole of each polar class of the data, and the number of words and their hash."""
        lists = [sorted(self.words(pole)) for pole in ("positive", "negative")]
        return {
            "poles": self.poles_,
            "language": self.language_,
            "words": sum(map(len, lists)),
            "words_hash": f"{key(json.dumps(lists, ensure_ascii=False)):016x}",
        }

    def fit(self, originals: Originals) -> None:
        """Find the polar classes of the data.

        Raises
        ------
        InputError
            If the data has none, or lacks a class that a parameter names, or no words come for the language.
        """
        self.check_classes([*{str(label): None for label in originals.labels}], originals.language)

    def check_classes(self, classes: Sequence[str], language: str | None = None) -> None:
        """Find the polar classes; see `fit`."""
        self.language_ = self.language or language or "en"
        if not self.by_default and (why := self.why_unfit()):
            raise InputError(f"The polarity guard cannot be asked: {why}")
        self.poles_ = {label: pole for label in sorted(classes) if (pole := self.pole(label))}
        present = {label.casefold() for label in classes}
        for pole in NAMES:
            for name in getattr(self, pole) or ():
                if name.casefold() not in present:
                    raise InputError(
                        f"`{pole}` of the polarity guard names the class {name!r} and the data has no such class, but"
                        f" {', '.join(map(repr, classes))}.{did_you_mean(name, classes)} Name its classes."
                    )
        if not self.poles_:
            raise InputError(
                f"The polarity guard knows none of the classes {', '.join(map(repr, classes))}. Say which are of which"
                " pole, e.g. polarity:positive=praise,negative=complaint, or leave the guard out."
            )

    def why_unfit(self) -> str | None:
        """Return that no words come for the language, if it needs them."""
        lacking = [pole for pole in ("positive", "negative") if not getattr(self, f"{pole}_words")]
        if not lacking or has_list(self.language_, "positive"):
            return None
        return (
            f"there is no list of {self.in_language()[0]} for {LANGUAGES[self.language_]}. Give your own as"
            f" {' and '.join(f'polarity:{pole}_words=FILE' for pole in lacking)}, or leave it out."
        )

    def words(self, pole: str) -> frozenset[str]:
        """Return the words of a pole, ``"positive"`` or ``"negative"``, folded: those of a file, or of the language."""
        return self._own_words[pole] if pole in self._own_words else shipped_words(pole, self.language_)

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Look up the words that came in and those that got lost."""
        return Judgement([self._keeps_pole(draw, candidate) for draw, candidate in zip(draws, candidates, strict=True)])

    def pole(self, label: Any) -> str | None:
        """Return the pole of a class.

        Parameters
        ----------
        label : object
            The class; its text counts.

        Returns
        -------
        {"positive", "negative", "neutral"} or None

        Examples
        --------
        >>> Polarity().pole("Very_Positive"), Polarity(negative=("rant",)).pole("Rant"), Polarity().pole("mixed")
        ('positive', 'negative', None)
        >>> Polarity().pole("positiv"), Polarity().pole("négatif")
        ('positive', 'negative')
        """
        name = str(label).casefold()
        for pole in NAMES:
            if name in map(str.casefold, getattr(self, pole) or ()):
                return pole
        usual = " ".join(re.split(r"[\s_-]+", name.strip()))
        elsewhere = _names_elsewhere().get(usual)
        known = (pole for pole, names in NAMES.items() if names.fullmatch(usual) or pole == elsewhere)
        return next((pole for pole in known if getattr(self, pole) is None), None)

    def _keeps_pole(self, draw: Draw, candidate: Candidate) -> bool:
        """Return whether a candidate is still of its class's pole, as far as words tell."""
        pole = self.pole(draw.label)
        if pole is None:
            return True
        other = [self.words(of) for of in ("positive", "negative") if of != pole]
        if not all(words.isdisjoint(inserted(draw, candidate)) for words in other):
            return False
        return pole == "neutral" or not loses(draw, candidate, self.words(pole))


def _are_apart(poles: Iterable[Sequence[str] | None]) -> bool:
    """Return whether no class is named for two poles."""
    named = [name for classes in poles for name in {name.casefold() for name in classes or ()}]
    return len(named) == len(set(named))


def inserted(draw: Draw, candidate: Candidate) -> Iterable[str]:
    """Return the folded words that a candidate has and its source has not, or has less often.

    Parameters
    ----------
    draw : Draw
    candidate : Candidate
        If it records its replacements, all their new words count as inserted, even those that also stand elsewhere in
        the source.

    Returns
    -------
    iterable of str

    Examples
    --------
    >>> draw = Draw("A fine day, a long day.", "neutral", 0, 0, 0, 0)
    >>> sorted(inserted(draw, Candidate("A Fine day, a fine long day!")))
    ['fine']
    """
    if candidate.replacements:
        return [word for replacement in candidate.replacements for word in _forms(replacement.new)]
    return Counter(folded_words(candidate.text)) - Counter(folded_words(draw.text))


def loses(draw: Draw, candidate: Candidate, words: Container[str]) -> bool:
    """Return whether one of these words of the source is gone, and none of them has come in its place.

    Parameters
    ----------
    draw : Draw
    candidate : Candidate
        If it records its replacements, each of them is looked at by itself. Otherwise the words of the whole text are
        counted.
    words : container of str
        Folded.

    Returns
    -------
    bool

    Examples
    --------
    >>> draw = Draw("A fine day, a long day.", "positive", 0, 0, 0, 0)
    >>> [loses(draw, Candidate(text), {"fine", "good"}) for text in ("A good day.", "A long day.")]
    [False, True]
    """
    if candidate.replacements:
        return any(
            _count(_forms(draw.text[start:end]), words) and not _count(_forms(new), words)
            for start, end, new in candidate.replacements
        )
    return _count(folded_words(candidate.text), words) < _count(folded_words(draw.text), words)


def _forms(replaced: str) -> list[str]:
    """Return the folded words of what was replaced; where no spaces part words, also the whole."""
    return folded_words(replaced) + [folded(replaced)] * is_spaceless(replaced)


def _count(found: Iterable[str], words: Container[str]) -> int:
    """Return how many of the words found are in a list."""
    return sum(word in words for word in found)


@cache
def shipped_words(pole: str, language: str = "en") -> frozenset[str]:
    """Return the words of a pole that come with the package, folded.

    Parameters
    ----------
    pole : {"positive", "negative"}
    language : str, default="en"
        One of `augment.word_lists.LANGUAGES`.

    Returns
    -------
    frozenset of str
        Empty if none come for the language.
    """
    return frozenset(folded(word) for word in entries(language, "positive" if pole == "positive" else "negative"))


def read_words(pole: str, path: str) -> frozenset[str]:
    """Read the words of a pole from a file, folded.

    Parameters
    ----------
    pole : {"positive", "negative"}
    path : str
        See `Polarity`.

    Returns
    -------
    frozenset of str
        At least one.

    Raises
    ------
    InputError
        If the file cannot be read or holds no word, or a line holds several.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The list of {pole} words {path!r} must be a UTF-8 file with one word a line: {error}."
        ) from error
    words = set()
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].strip()
        line_words = [folded(entry)] if is_spaceless(entry) and entry.isalpha() else folded_words(entry)
        if len(line_words) > 1:
            raise InputError(
                f"Line {number} of {path!r} must hold one word. Got {line.strip()!r}. Put each on its own."
            )
        words.update(line_words)
    if not words:
        raise InputError(f"The list of {pole} words {path!r} holds no word. Write one a line.")
    return frozenset(words)
