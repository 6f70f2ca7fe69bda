"""Strategies without a model: the character and word edits of nlpaug."""

from __future__ import annotations

import copy
import importlib
import random
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from augment import words
from augment.errors import InputError
from augment.generation.budget import SamplingStrategy
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard
from augment.guards.protected import ProtectedSpan
from augment.parameters import Patterns, Rule, TextTuple
from augment.protection import protection, replaceable
from augment.seeding import global_generators
from augment.segmenters import Segmenter, Segmenters, segmenter_identity, word_finder
from augment.text.base import TextStrategy
from augment.word_lists import LANGUAGES
from augment.words import Replacement, Span

TRIES = 8
"""Maximum number of edits for one draw. By chance an edit may change only case and punctuation."""
EAGER_TRIES = 2
"""Further tries that edit every word. They show whether anything in the text can be edited at all."""


class NlpAugEdit(TextStrategy):
    """Edit some words of a text with one of nlpaug's augmenters; the text around them stays as it is.

    Only the words that may be edited are passed to nlpaug, and the results are put in their places. nlpaug's own
    tokenizer would split words at apostrophes and change the spacing, and its stop words would then not match. A
    subclass sets `name`, `summary` and `augmenter`, and overrides `_options` and `_matched` where it has to.

    The action `crop` of nlpaug's `RandomWordAug` is not here: it raises an error half of the time
    if one word is to be removed.

    Parameters
    ----------
    aug_p : float, default=0.15
        Share of the editable words that are edited, rounded up, in (0, 1].
    aug_min : int, default=1
        Minimum number of words that are edited, 1 or more.
    aug_max : int or None, default=10
        Maximum number of words that are edited, `aug_min` or more; None for no limit.
    protect : tuple of str, default=()
        Words and phrases that are never edited, matched without regard to case.
    protect_patterns : tuple of str, default=()
        Regular expressions of what is never edited, likewise.
    protect_negations : bool, default=True
        Protect the negations of the language (`augment.protection.negations_of`).
    language : str, default="en"
        The language of the texts, one of `augment.word_lists.LANGUAGES`.
    segmenter : str or callable, optional
        What finds the words: a registered name, such as ``"icu"``, or a function from a text to pairs (start, end).
        None for ``"icu"`` in Chinese, Japanese and Thai, and for runs of letters elsewhere.
    sampling_strategy, random_state, guards
        See `TextStrategy`.

    References
    ----------
    Ma 2019, "NLP Augmentation", https://github.com/makcedward/nlpaug, version 1.1.11; all other parameters have
    nlpaug's defaults.
    """

    augmenter: ClassVar[str]
    """The module in `nlpaug.augmenter` and the class in it."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "aug_p": [Interval(Real, 0, 1, closed="right")],
        "aug_min": [Interval(Integral, 1, None, closed="left")],
        "aug_max": [Interval(Integral, 1, None, closed="left"), None],
        "protect": [TextTuple("words and phrases")],
        "protect_patterns": [Patterns()],
        "protect_negations": ["boolean"],
        "language": [StrOptions(set(LANGUAGES))],
        "segmenter": [Segmenters()],
    }
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("aug_max", "aug_min"), lambda most, least: most is None or most >= least, "`aug_min` or more, or None"),
    )

    def __init__(
        self,
        *,
        aug_p: float = 0.15,
        aug_min: int = 1,
        aug_max: int | None = 10,
        protect: tuple[str, ...] = (),
        protect_patterns: tuple[str, ...] = (),
        protect_negations: bool = True,
        language: str = "en",
        segmenter: str | Segmenter | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.aug_p = aug_p
        self.aug_min = aug_min
        self.aug_max = aug_max
        self.protect = protect
        self.protect_patterns = protect_patterns
        self.protect_negations = protect_negations
        self.language: str = language
        self.segmenter = segmenter

    def in_language(self) -> tuple[str, ...]:
        """Return the word for negations, if they are protected."""
        return ("negations",) if self.protect_negations else ()

    def prepare(self) -> None:
        """Build nlpaug's augmenter.

        Raises
        ------
        InputError
            If nlpaug is not installed.
        """
        module, _, attribute = self.augmenter.partition(".")
        try:
            package = importlib.import_module(f"nlpaug.augmenter.{module}")
        except ImportError as error:
            raise InputError(
                f"The strategy {self.name!r} needs the package nlpaug, which cannot be imported: {error}."
                " Run: pip install 'nlpaug>=1.1.11,<2'"
            ) from error
        self._words_of = word_finder(self.segmenter, self.language)
        self._protected = protection(
            self.protect, self.protect_patterns, negations=self.protect_negations, language=self.language
        )
        prefix, most = ("aug_word_", {"aug_char_p": 1.0, "aug_char_max": None}) if module == "char" else ("aug_", {})
        fixed = {"tokenizer": str.splitlines, "reverse_tokenizer": "\n".join, **self._options()}
        limits = {prefix + "p": self.aug_p, prefix + "min": self.aug_min, prefix + "max": self.aug_max}
        self._augmenter = getattr(package, attribute)(**limits, **fixed)
        self._eager = getattr(package, attribute)(**{prefix + "p": 1.0, prefix + "max": None}, **most, **fixed)

    def identity(self) -> dict[str, Any]:
        """Return the version of nlpaug, whose lists and rules make the edits."""
        return {"nlpaug": version("nlpaug"), **segmenter_identity(self.segmenter, self.language)}

    def own_guards(self) -> list[Guard]:
        """Return the guard that rejects edits which remove or create a protected span."""
        return [
            ProtectedSpan(
                protect=self.protect,
                protect_patterns=self.protect_patterns,
                protect_negations=self.protect_negations,
                language=self.language,
            )
        ]

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Edit one text for each draw; None if nothing in it can be edited."""
        # One block for all draws, since it costs more than an edit; inside it, every draw seeds its own tries.
        with global_generators(0, torch_too=False):
            return [self._candidate(draw) for draw in draws]

    def _candidate(self, draw: Draw) -> Candidate | None:
        """Edit until more than case and punctuation changes; return the text as it is if no edit did so by chance."""
        spans = replaceable(
            draw.text,
            self._protected,
            self._words_of(draw.text),
            segmented=self._words_of is not words.word_spans,
        )
        if not spans:
            return None
        numbers = draw.generator()
        for augmenter, tries in ((self._augmenter, TRIES), (self._eager, EAGER_TRIES)):
            for seed in numbers.integers(2**32, size=tries).tolist():
                edit = self._edit(augmenter, draw.text, spans, seed)
                if words.folded(edit.text, " ") != words.folded(draw.text, " "):
                    return edit if augmenter is self._augmenter else Candidate(draw.text)
        return None

    def _edit(self, augmenter: Any, text: str, spans: Sequence[Span], seed: int) -> Candidate:
        """Edit words of a text once."""
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 -- nlpaug draws from both global generators
        old = [text[start:end] for start, end in spans]
        (edited,) = augmenter.augment("\n".join(old))
        changes = tuple(replacements(text, spans, self._matched(old, edited.splitlines())))
        return Candidate(words.splice(text, changes), changes)

    def _options(self) -> dict[str, Any]:
        """Return further arguments of the augmenter."""
        return {}

    def _matched(self, old: Sequence[str], new: Sequence[str]) -> Sequence[str]:
        """Return the new word for each old one; an empty string removes the old word."""
        return new


class KeyboardEdit(NlpAugEdit):
    """Make typing errors with neighbouring keys. See `NlpAugEdit` for the parameters.

    Examples
    --------
    >>> strategy = KeyboardEdit()
    >>> strategy.prepare()
    >>> strategy.candidates([Draw("The shop opens at nine.", "neutral", 0, 0, 0, 0)])[0].text
    'The shop opens at min2.'
    """

    name: ClassVar[str] = "nlpaug:keyboard"
    summary: ClassVar[str] = "replace characters by those on neighbouring keys"
    augmenter: ClassVar[str] = "char.KeyboardAug"


class OcrEdit(NlpAugEdit):
    """Mistake characters for those that look like them in print. See `NlpAugEdit` for the parameters."""

    name: ClassVar[str] = "nlpaug:ocr"
    summary: ClassVar[str] = "replace characters by similar ones, as a scanner misreads them"
    augmenter: ClassVar[str] = "char.OcrAug"


class RandomCharEdit(NlpAugEdit):
    """Edit random characters in words of four or more characters.

    Parameters
    ----------
    action : {"substitute", "insert", "swap", "delete"}, default="substitute"
        What is done to a character.
    aug_p, aug_min, aug_max, protect, protect_patterns, protect_negations, language, segmenter
        See `NlpAugEdit`.
    sampling_strategy, random_state, guards
        See `NlpAugEdit`.
    """

    name: ClassVar[str] = "nlpaug:random_char"
    summary: ClassVar[str] = "substitute, insert, swap or delete characters at random"
    augmenter: ClassVar[str] = "char.RandomCharAug"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NlpAugEdit._parameter_constraints,
        "action": [StrOptions({"substitute", "insert", "swap", "delete"})],
    }

    def __init__(
        self,
        *,
        action: Literal["substitute", "insert", "swap", "delete"] = "substitute",
        aug_p: float = 0.15,
        aug_min: int = 1,
        aug_max: int | None = 10,
        protect: tuple[str, ...] = (),
        protect_patterns: tuple[str, ...] = (),
        protect_negations: bool = True,
        language: str = "en",
        segmenter: str | Segmenter | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(
            aug_p=aug_p,
            aug_min=aug_min,
            aug_max=aug_max,
            protect=protect,
            protect_patterns=protect_patterns,
            protect_negations=protect_negations,
            language=language,
            segmenter=segmenter,
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            guards=guards,
        )
        self.action = action

    def _options(self) -> dict[str, Any]:
        return {"action": self.action}


class SpellingEdit(NlpAugEdit):
    """Misspell words as people do. See `NlpAugEdit` for the parameters.

    The list of misspellings is Belinkov and Bisk's, for English, as nlpaug ships it; it also maps misspellings to
    words, so that "like" may become "luck".
    """

    name: ClassVar[str] = "nlpaug:spelling"
    summary: ClassVar[str] = "misspell words as people do"
    augmenter: ClassVar[str] = "word.SpellingAug"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NlpAugEdit._parameter_constraints,
        "language": [StrOptions({"en"})],
    }

    def in_language(self) -> tuple[str, ...]:
        """Return the word for the misspellings, and for negations, if they are protected."""
        return ("misspellings", *super().in_language())

    def prepare(self) -> None:
        """Build nlpaug's augmenter, with its misspellings in sorted order."""
        super().prepare()
        model = copy.copy(self._augmenter.model)  # the one that is copied belongs to every augmenter of the process
        model.dict = {word: sorted(spellings) for word, spellings in model.dict.items()}
        self._augmenter.model = model


class RandomWordEdit(NlpAugEdit):
    """Delete random words, or swap them with those beside them.

    Parameters
    ----------
    action : {"delete", "swap"}, default="delete"
        What is done to a word. A swap is with the next or the previous editable word.
    aug_p, aug_min, aug_max, protect, protect_patterns, protect_negations, language, segmenter
        See `NlpAugEdit`.
    sampling_strategy, random_state, guards
        See `NlpAugEdit`.
    """

    name: ClassVar[str] = "nlpaug:random_word"
    summary: ClassVar[str] = "delete words at random, or swap them with those beside them"
    augmenter: ClassVar[str] = "word.RandomWordAug"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NlpAugEdit._parameter_constraints,
        "action": [StrOptions({"delete", "swap"})],
    }

    def __init__(
        self,
        *,
        action: Literal["delete", "swap"] = "delete",
        aug_p: float = 0.15,
        aug_min: int = 1,
        aug_max: int | None = 10,
        protect: tuple[str, ...] = (),
        protect_patterns: tuple[str, ...] = (),
        protect_negations: bool = True,
        language: str = "en",
        segmenter: str | Segmenter | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(
            aug_p=aug_p,
            aug_min=aug_min,
            aug_max=aug_max,
            protect=protect,
            protect_patterns=protect_patterns,
            protect_negations=protect_negations,
            language=language,
            segmenter=segmenter,
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            guards=guards,
        )
        self.action = action

    def _options(self) -> dict[str, Any]:
        return {"action": self.action}

    def _matched(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        """Find the old words that remain, unchanged or capitalised."""
        if self.action == "swap":
            return list(new)
        left = list(new)[::-1]
        return [left.pop() if left and left[-1] in (word, word.capitalize()) else "" for word in old]


class SplitEdit(NlpAugEdit):
    """Split words of four or more characters in two. See `NlpAugEdit` for the parameters.

    Examples
    --------
    >>> strategy = SplitEdit()
    >>> strategy.prepare()
    >>> strategy.candidates([Draw("The shop opens at nine.", "neutral", 0, 0, 0, 0)])[0].text
    'The shop opens at ni ne.'
    """

    name: ClassVar[str] = "nlpaug:split"
    summary: ClassVar[str] = "split words in two at random"
    augmenter: ClassVar[str] = "word.SplitAug"

    def _matched(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        """Put the two parts of a word that was split together, a space between."""
        left = list(new)[::-1]
        return [part if (part := left.pop()) == word else f"{part} {left.pop()}".strip() for word in old]


class SynonymEdit(NlpAugEdit):
    """Replace English words by synonyms from WordNet. See `NlpAugEdit` for the parameters.

    Needs nltk and two of its data packages, which are not fetched by themselves:
    ``pip install nltk`` and ``python -m nltk.downloader wordnet averaged_perceptron_tagger_eng``.
    """

    name: ClassVar[str] = "nlpaug:synonym"
    summary: ClassVar[str] = "replace words by synonyms, where WordNet is installed"
    augmenter: ClassVar[str] = "word.SynonymAug"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NlpAugEdit._parameter_constraints,
        "language": [StrOptions({"en"})],
    }

    def in_language(self) -> tuple[str, ...]:
        """Return the word for the synonyms, and for negations, if they are protected."""
        return ("synonyms", *super().in_language())

    def prepare(self) -> None:
        """Build nlpaug's augmenter, after a check of the data that it would otherwise download.

        Raises
        ------
        InputError
            If nlpaug, nltk or one of the data packages is not installed.
        """
        try:
            import nltk
            from nltk.corpus import wordnet
        except ImportError as error:
            raise InputError(
                f"The strategy {self.name!r} needs the package nltk, which cannot be imported: {error}. Run:"
                " pip install nltk && python -m nltk.downloader wordnet averaged_perceptron_tagger_eng"
            ) from error
        uses: dict[str, Callable[[], object]] = {
            "wordnet": lambda: wordnet.synsets("film"),
            "averaged_perceptron_tagger_eng": lambda: nltk.pos_tag(["film"]),
        }
        missing = []
        for package, used in uses.items():
            try:
                used()
            except (LookupError, OSError):
                missing.append(package)
        if missing:
            raise InputError(
                f"The strategy {self.name!r} needs data of nltk that is not installed: {', '.join(missing)}."
                f" Run: python -m nltk.downloader {' '.join(missing)}"
            )
        super().prepare()

    def identity(self) -> dict[str, Any]:
        """Return the versions of nlpaug, nltk and WordNet."""
        from nltk.corpus import wordnet

        return {**super().identity(), "nltk": version("nltk"), "wordnet": wordnet.get_version()}

    def _options(self) -> dict[str, Any]:
        return {"aug_src": "wordnet"}


def replacements(text: str, spans: Sequence[Span], new: Sequence[str]) -> Iterator[Replacement]:
    """Replace words by new ones; a removed word takes along its clitic and the gap before or after it.

    Parameters
    ----------
    text : str
        The source.
    spans : sequence of Span
        Its words, disjoint and ascending.
    new : sequence of str, of the same length
        The new words; an empty string removes the word.

    Yields
    ------
    Replacement
        Disjoint, ascending; none for a word that stays as it is.

    Examples
    --------
    >>> text = "Bob's film, at last"
    >>> words.splice(text, list(replacements(text, words.word_spans(text), ["", "Films", "", "last"])))
    'Films, last'
    """
    last = 0
    for (start, end), word in zip(spans, new, strict=True):
        if word == text[start:end]:
            continue
        if not word:
            clitic = words.FOLLOWING_CLITIC.match(text, end)
            after = clitic.end() if clitic else end
            before = max(last, len(text[:start].rstrip()))
            if before in (0, start):
                after += len(text[after:]) - len(text[after:].lstrip())
            start, end = before, after
        last = end
        yield Replacement(start, end, word)
