"""The words of a vocabulary that may fill a mask, and how likely each is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from augment import protection
from augment.models.masked_lm import WordVocabulary
from augment.models.word_likeness import WordLikeness
from augment.text.content_words import other_words
from augment.text.inflection import WordForms, article, ending
from augment.text.masked_text import Masking
from augment.text.opposites import OppositeEntries
from augment.words import SENTENCE_START
from augment.writing_systems import is_spaceless

CAPITALS = 0.02
"""A vocabulary is cased if more than this share of it begins with a capital."""


class FittingWords(NamedTuple):
    """The words to draw from for one mask."""

    ids: np.ndarray
    """Vocabulary entries, best first, (n,) int64."""
    values: np.ndarray
    """Their scores, (n,) float."""
    cumulative: np.ndarray
    """Cumulative probabilities of those that may be drawn, from `nucleus`."""


class Kind(NamedTuple):
    """A kind of word."""

    script: int
    """Its number in the vocabulary."""
    content: bool
    """Whether it is content words alone."""
    ending: int | None
    """The number of the ending; None for any."""


class WordFilter:
    """Finds the words that fit a mask among those that a model finds likely there.

    Parameters
    ----------
    vocabulary : WordVocabulary
        That of the model.
    word_likeness : WordLikeness
        That of the model.
    language : str
        One of `augment.word_lists.LANGUAGES`.
    likeness : float
        How much a word like the old one is preferred; see `augment.text.fill_mask.FillMask`.
    top_k, top_p, temperature
        See `nucleus`.
    """

    def __init__(
        self,
        vocabulary: WordVocabulary,
        word_likeness: WordLikeness,
        *,
        language: str,
        likeness: float,
        top_k: int | None,
        top_p: float,
        temperature: float,
    ) -> None:
        self.word_likeness = word_likeness
        self.likeness = likeness
        self.top_k, self.top_p, self.temperature = top_k, top_p, temperature
        self._vocabulary = vocabulary
        self._language = language
        self._is_pronoun = np.isin(vocabulary.families, [vocabulary.family(word) for word in protection.PRONOUNS])
        self._is_content = ~np.isin(vocabulary.families, [vocabulary.family(word) for word in other_words(language)])
        self._forms = WordForms(vocabulary.words)
        self._opposites = OppositeEntries(vocabulary.words, language)
        if language == "en":
            self._ending_codes = {
                name: code for code, name in enumerate(("", "s", "ed", "en", "ing", "ly", "er", "est"))
            }
            codes = [-1 if word is None else self._ending_codes[ending(word)] for word in vocabulary.words]
            self._endings = np.array(codes, dtype=np.int8)
            self._takes_an = np.array([word is not None and article(word) == "an" for word in vocabulary.words])
        self._is_capital = np.array([word is not None and word[0].isupper() for word in vocabulary.words])
        self._nouns_have_capitals = language == "de" and self._is_capital.mean() > CAPITALS

    def fitting(
        self, masking: Masking, i: int, standing: Sequence[int], ids: np.ndarray, logits: np.ndarray
    ) -> FittingWords:
        """Return the words that may fill a mask.

        Parameters
        ----------
        masking : Masking
        i : int
            The mask's number.
        standing : sequence of int
            Families of words that may not fill it.
        ids : ndarray of int64, shape (n,)
            Vocabulary entries, likeliest first.
        logits : ndarray of float32, shape (n,)
            -inf for words that may fill no mask.

        Returns
        -------
        FittingWords
        """
        able = self._able(masking, i, standing, ids) & np.isfinite(logits)
        log_shares = logits - np.logaddexp.reduce(logits)
        ids, values = ids[able], log_shares[able]
        if not self.likeness:
            return FittingWords(ids, values, nucleus(values, self.top_k, self.top_p, self.temperature))
        ids, values = ids[: self.top_k], values[: self.top_k].astype(np.float64)
        values += self.likeness * self.word_likeness.likeness(masking.old_pieces[i], ids)
        order = np.argsort(-values, kind="stable")
        values = values[order]
        return FittingWords(ids[order], values, nucleus(values, None, self.top_p, self.temperature))

    def _able(self, masking: Masking, i: int, standing: Sequence[int], ids: np.ndarray) -> np.ndarray:
        """Return which entries may fill a mask, (n,) bool."""
        vocabulary, old = self._vocabulary, masking.old(i)
        able = self.are(self.kind(old, masking.content[i]), ids)
        families = vocabulary.families[ids]
        able &= ~(families[:, None] == np.array(standing, dtype=np.int64)).any(axis=1)
        if masking.possessive[i]:
            able &= ~self._is_pronoun[ids]
        if self._nouns_have_capitals and not SENTENCE_START.search(masking.wording.text, 0, masking.masks[i].start):
            able &= self._is_capital[ids] == old[0].isupper()
        if masking.content[i]:
            for entry in self.misleading(old):
                able &= ids != entry
            if self._language == "en" and (before := masking.article(i)):
                able &= self._takes_an[ids] == (before == "an")
        return able

    def kind(self, old: str, content: bool) -> Kind:
        """Return the kind of word that may take the place of a word.

        Parameters
        ----------
        old : str
        content : bool
            Whether it must be a content word.

        Returns
        -------
        Kind
        """
        inflected = self._ending_codes[ending(old)] if content and self._language == "en" else None
        return Kind(self._vocabulary.script(old), content, inflected)

    def are(self, kind: Kind, ids: np.ndarray) -> np.ndarray:
        """Return which vocabulary entries are of a kind, (n,) bool."""
        able: np.ndarray = self._vocabulary.scripts[ids] == kind.script
        if kind.content:
            able &= self._is_content[ids]
            if kind.ending is not None:
                able &= self._endings[ids] == kind.ending
        return able

    def misleading(self, old: str) -> list[int]:
        """Return the entries that are forms of a word, itself among them, or its opposites."""
        return [] if is_spaceless(old) else [*self._forms.of(old), *self._opposites.of(old)]


def nucleus(logits: np.ndarray, top_k: int | None, top_p: float, temperature: float) -> np.ndarray:
    """Apply top-k and top-p to logits, and return the cumulative probabilities.

    Parameters
    ----------
    logits : ndarray of float, shape (n,)
        Finite, descending.
    top_k : int or None
        Keep this many; None keeps all.
    top_p : float
        Of those, keep the fewest that together reach this probability, in (0, 1].
    temperature : float
        Divides the logits, above 0.

    Returns
    -------
    ndarray of float64, shape (kept,)
        Ascending. The last value is the probability that is kept, 1 if `top_p` is 1. Empty if `logits` is empty.

    Examples
    --------
    >>> nucleus(np.log([0.5, 0.3, 0.2]), None, 0.6, 1.0).round(6)
    array([0.5, 0.8])
    """
    kept = logits[:top_k].astype(np.float64)
    if not len(kept):
        return kept
    shares = np.exp((kept - kept[0]) / temperature)
    cumulative = np.cumsum(shares / shares.sum())
    return cumulative[: int(np.searchsorted(cumulative, top_p * cumulative[-1])) + 1]


def pick(cumulative: np.ndarray, u: float) -> int:
    """Draw one of the entries that `nucleus` kept, with a given random number.

    Parameters
    ----------
    cumulative : ndarray of float, shape (n,)
        From `nucleus`, n at least 1.
    u : float
        In [0, 1).

    Returns
    -------
    int
        A position.

    Examples
    --------
    >>> pick(np.array([0.5, 0.8]), 0.6), pick(np.array([0.5, 0.8]), 0.7)
    (0, 1)
    """
    return min(int(np.searchsorted(cumulative, u * cumulative[-1], side="right")), len(cumulative) - 1)
