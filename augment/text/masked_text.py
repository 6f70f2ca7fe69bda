"""A text with some of its words masked, and its fills."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import numpy as np

from augment import protection, words
from augment.generation.candidates import Candidate
from augment.models.word_pieces import TokenizedText
from augment.text.content_words import is_content
from augment.words import Replacement, Span
from augment.writing_systems import is_spaceless


class Wording(NamedTuple):
    """The word pieces and the words of a text."""

    text: str
    tokens: TokenizedText
    """Its word pieces, with those of the label before them where the text is conditioned on it."""
    start: int
    """Where the text begins in what was tokenized."""
    spans: list[Span]
    """Its words."""
    replaceable: list[Span]
    """Those that may be replaced, and that are one or more whole pieces."""
    covers: list[Span]
    """The word pieces of each of these."""
    replaceability: list[float]
    """How easily each of these is replaced (`augment.text.replaceability.Replaceability`)."""
    families: list[int]
    """The family of each of its words in the model's vocabulary (`augment.models.masked_lm.WordVocabulary`)."""


class Masking(NamedTuple):
    """A text with some of its words masked. The lists below have an entry for each mask."""

    wording: Wording
    ids: tuple[int, ...]
    """The text in word pieces: a mask for each masked word, in scripts without spaces for each of its pieces."""
    masks: list[Span]
    """The word that is masked, ascending; a word stands once for each of its masks."""
    parts: list[int]
    """Which of its word's masks it is, from 0."""
    positions: list[int]
    """Where it stands in `ids`."""
    places: list[int]
    """Where its word stands among those of the text."""
    possessive: list[bool]
    """Whether an ``'s`` follows."""
    content: list[bool]
    """Whether a content word must be filled in."""
    old_pieces: list[tuple[int, ...]]
    """The word pieces of its word."""

    def old(self, i: int) -> str:
        """Return the word that mask `i` replaces."""
        return self.wording.text[slice(*self.masks[i])]

    def article(self, i: int) -> str:
        """Return the indefinite article that stands before mask `i`, in lower case; an empty string if none does."""
        at = self.places[i]
        before = self.wording.text[slice(*self.wording.spans[at - 1])].casefold() if at else ""
        return before if before in ("a", "an") else ""


def masked(wording: Wording, chosen: Sequence[int], *, mask_id: int, language: str, content: bool) -> Masking:
    """Put masks for some words of a text.

    Parameters
    ----------
    wording : Wording
    chosen : sequence of int
        Which of its replaceable words; at least one.
    mask_id : int
        The mask in the model's vocabulary.
    language : str
        One of `augment.word_lists.LANGUAGES`.
    content : bool
        Whether a content word must be replaced by a content word.

    Returns
    -------
    Masking
    """
    pieces = {wording.replaceable[i]: wording.covers[i] for i in chosen}
    text, old = wording.text, wording.tokens.ids
    masks: list[Span] = []
    parts: list[int] = []
    ids: list[int] = []
    positions, end = [], 0
    for mask in sorted(pieces):
        cover = pieces[mask]
        ids += old[end : cover.start]
        n_parts = cover.end - cover.start if is_spaceless(text[slice(*mask)]) else 1
        for part in range(n_parts):
            masks.append(mask)
            parts.append(part)
            positions.append(len(ids))
            ids.append(mask_id)
        end = cover.end
    return Masking(
        wording=wording,
        ids=(*ids, *old[end:]),
        masks=masks,
        parts=parts,
        positions=positions,
        places=[bisect_left(wording.spans, mask) for mask in masks],
        possessive=[protection.is_possessive(text, mask) for mask in masks],
        content=[content and is_content(text, mask, language) for mask in masks],
        old_pieces=[tuple(old[slice(*pieces[mask])]) for mask in masks],
    )


@dataclass
class Filling:
    """A masked text, and its fills so far. Words whose masks are not filled stay what they were."""

    masking: Masking
    own: Sequence[int]
    """The masks to fill, ascending."""
    number: Callable[[], float]
    """Returns random numbers in [0, 1)."""
    everywhere: bool = False
    """Whether no word of the text may come again, rather than only those beside the mask."""
    fills: dict[int, str] = field(default_factory=dict)
    """Mask number to word."""
    families: dict[int, int] = field(default_factory=dict)
    """Mask number to the word's family."""
    scores: list[float] = field(default_factory=list)
    """How well each fill fits, the larger the better."""
    ids: list[int] = field(init=False)
    """Those of the masking; fills are put in as they come."""

    def __post_init__(self) -> None:
        self.ids = list(self.masking.ids)

    def fill(self, i: int, word: str, entry: int, family: int, score: float) -> None:
        """Put a word of the vocabulary in place of mask `i`."""
        self.fills[i], self.families[i] = word, family
        self.ids[self.masking.positions[i]] = entry
        self.scores.append(score)

    def score(self) -> float:
        """Return how well the fill fits that fits worst; a text without any is the worst."""
        return min(self.scores, default=-np.inf)

    def standing(self, i: int) -> tuple[int, ...]:
        """Return the families of the words that may not fill mask `i`.

        These are the old word and its neighbours, or all words of the text and of the fills.
        """
        masking, at = self.masking, self.masking.places[i]
        families = masking.wording.families
        if masking.masks.count(masking.masks[i]) > 1:  # a part of a word may be a part of another
            return ()
        if self.everywhere:
            return (*families, *self.families.values())
        old = families[max(at - 1, 0) : at + 2]
        if i and masking.places[i - 1] == at - 1:
            old[0] = self.families.get(i - 1, old[0])
        return tuple(old)

    def candidate(self, words_of: Callable[[str], list[Span]]) -> Candidate:
        """Put the fills into the text; see `replacements`."""
        replacements = self.replacements(words_of)
        return Candidate(words.splice(self.masking.wording.text, replacements), tuple(replacements))

    def replacements(self, words_of: Callable[[str], list[Span]]) -> list[Replacement]:
        """Return what is replaced, ascending, each with the capitalisation of the old word.

        Where no spaces stand between words, a word stays unless its fills are another word by `words_of`.
        """
        text, masks = self.masking.wording.text, self.masking.masks
        replacements = []
        for mask, group in groupby(self.own, masks.__getitem__):
            fills = [self.fills.get(i) for i in group]
            if None in fills:
                continue
            new = Replacement(*mask, words.match_case("".join(map(str, fills)), text, mask))
            if not is_spaceless(text[slice(*mask)]) or self._is_word(new, words_of):
                replacements.append(new)
        return replacements

    def _is_word(self, new: Replacement, words_of: Callable[[str], list[Span]]) -> bool:
        """Return whether a replacement by itself is one word of the text, and not the old one."""
        text = self.masking.wording.text
        if new.new == text[new.start : new.end]:
            return False
        return Span(new.start, new.start + len(new.new)) in words_of(words.splice(text, [new]))


def dealt(
    fillings: Sequence[Filling], n_words: int, words_of: Callable[[str], list[Span]]
) -> list[tuple[Candidate, float]]:
    """Put fillings of a text together to candidates, the best first.

    The best filling is taken, and then the next best ones that replace other words by other words, until `n_words` are
    replaced. What is left makes the next candidate in the same way.

    Parameters
    ----------
    fillings : sequence of Filling
        Of one text; at least one. Each fills at most `n_words` words.
    n_words : int
        Words that a candidate replaces, 1 or more.
    words_of : callable
        See `Filling.replacements`.

    Returns
    -------
    list of (Candidate, float)
        Different candidates, and the score of the filling that fits worst. None replaces fewer words than the first
        one. If no word could be filled, one candidate that equals the text.
    """
    text = fillings[0].masking.wording.text
    left: dict[tuple[Replacement, ...], float] = {}
    for filling in sorted(fillings, key=Filling.score, reverse=True):
        left.setdefault(tuple(filling.replacements(words_of)), filling.score())
    left.pop((), None)
    candidates: list[tuple[Candidate, float]] = []
    while left:
        taken: dict[int, Replacement] = {}
        used: set[str] = set()
        score = np.inf
        for replaced in list(left):
            new = {words.folded(r.new) for r in replaced}
            apart = new.isdisjoint(used) and taken.keys().isdisjoint(r.start for r in replaced)
            if apart and len(taken) + len(replaced) <= n_words:
                taken.update((r.start, r) for r in replaced)
                used |= new
                score = min(score, left.pop(replaced))
        own = tuple(taken[start] for start in sorted(taken))
        if not candidates or len(own) >= len(candidates[0][0].replacements):
            candidates.append((Candidate(words.splice(text, own), own), score))
    return candidates or [(Candidate(text, ()), -np.inf)]
