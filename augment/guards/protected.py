"""The guard that keeps protected words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from augment import words
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard, Originals
from augment.parameters import Patterns, TextTuple
from augment.protection import Pattern, protection
from augment.word_lists import LANGUAGES


class ProtectedSpan(Guard):
    """A candidate must hold the protected spans of its source, all of them, in their order, and no others.

    A new protected word is as bad as a lost one: a typing error turns "now" into "not" and "know" into "no".

    Parameters
    ----------
    protect : tuple of str, default=()
        Words and phrases, matched without regard to case.
    protect_patterns : tuple of str, default=()
        Regular expressions, likewise.
    protect_negations : bool, default=True
        The negations of the language (`augment.protection.negations_of`).
    language : str, optional
        The language of the negations, one of `augment.word_lists.LANGUAGES`. None for that of the strategy, or English.
    """

    name: ClassVar[str] = "protected_span"
    summary: ClassVar[str] = "holds the negations and other protected spans of its source, and no others"
    of_edits: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "protect": [TextTuple("words and phrases")],
        "protect_patterns": [Patterns()],
        "protect_negations": ["boolean"],
        "language": [StrOptions(set(LANGUAGES)), None],
    }

    def __init__(
        self,
        *,
        protect: tuple[str, ...] = (),
        protect_patterns: tuple[str, ...] = (),
        protect_negations: bool = True,
        language: str | None = None,
    ) -> None:
        self.protect = protect
        self.protect_patterns = protect_patterns
        self.protect_negations = protect_negations
        self.language = language

    def in_language(self) -> tuple[str, ...]:
        """Return the word for negations, if they are protected."""
        return ("negations",) if self.protect_negations else ()

    def fit(self, originals: Originals) -> None:
        """Compile what is protected in the language."""
        self.patterns_ = protection(
            self.protect,
            self.protect_patterns,
            negations=self.protect_negations,
            language=self.language_of(originals),
        )

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Compare the protected spans without case, punctuation and spacing."""
        return Judgement(
            [
                protected_spans(c.text, self.patterns_) == protected_spans(d.text, self.patterns_)
                for d, c in zip(draws, candidates, strict=True)
            ]
        )


def protected_spans(text: str, patterns: Iterable[Pattern]) -> list[str]:
    """Find what is protected in a text, in order and folded; matches that overlap are one span.

    Parameters
    ----------
    text : str
        Any text.
    patterns : iterable of re.Pattern or TimedPattern
        From `augment.protection.protection`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> protected_spans("I do n't, and NOBODY does", protection())
    ['dont', 'nobody']
    """
    matches = sorted(match.span() for pattern in patterns for match in pattern.finditer(text) if match[0])
    spans: list[words.Span] = []
    for start, end in matches:
        if spans and start < spans[-1].end:
            spans[-1] = words.Span(spans[-1].start, max(end, spans[-1].end))
        else:
            spans.append(words.Span(start, end))
    return [words.folded(text[start:end]) for start, end in spans]
