"""How easily a word is replaced, as far as that can be told before the text around it is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from augment.recently_used import RecentlyUsed
from augment.text.fitting_words import Kind, WordFilter
from augment.writing_systems import is_spaceless

COMMON = 2_000
"""Words of the vocabulary that are looked at, the commonest."""
LIKEST = 3
"""Words whose mean likeness counts."""
AT_ONCE = 2_048
"""Words of one table."""
KEPT = 50_000
"""Words for which it is kept."""


class Word(NamedTuple):
    """A word of a text."""

    text: str
    content: bool
    """Whether only content words may take its place."""
    pieces: tuple[int, ...]
    """The vocabulary entries that spell it."""


class Replaceability:
    """How like a word those words are that are likest to it, of the kinds that may take its place.

    "Movie" has a near synonym, and "tea" other drinks beside it, while hardly a word is like "whether". It costs no
    pass of the model.

    Parameters
    ----------
    word_filter : WordFilter
    entries : sequence of int
        Whole words of the vocabulary, likeliest the more frequent first.
    """

    def __init__(self, word_filter: WordFilter, entries: Sequence[int]) -> None:
        self._filter = word_filter
        self._entries = np.array(entries[:COMMON], dtype=np.int64)
        self._columns = {entry: column for column, entry in enumerate(self._entries.tolist())}
        self._known: RecentlyUsed[Word, float] = RecentlyUsed(KEPT)

    def of(self, words: Sequence[Word]) -> list[float]:
        """Return how replaceable words are.

        Parameters
        ----------
        words : sequence of Word

        Returns
        -------
        list of float
            In standard deviations of the likeness of unlike words; 0 in scripts without spaces, and if fewer than
            `LIKEST` words could take a word's place.
        """
        found = {word: self._known.get(word) for word in words}
        new = [word for word, value in found.items() if value is None]
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            for word, value in zip(part, self._computed(part), strict=True):
                found[word] = value
                self._known.keep(word, value)
        return [found[word] or 0.0 for word in words]

    def _computed(self, words: Sequence[Word]) -> list[float]:
        table = self._filter.word_likeness.table([word.pieces for word in words], self._entries)
        values = np.zeros(len(words))
        alike: defaultdict[Kind, list[int]] = defaultdict(list)
        for row, word in enumerate(words):
            if not is_spaceless(word.text):
                alike[self._filter.kind(word.text, word.content)].append(row)
                unfit = [self._columns.get(entry) for entry in self._filter.misleading(word.text)]
                table[row, [column for column in unfit if column is not None]] = -np.inf
        for kind, rows in alike.items():
            likeness = table[rows][:, self._filter.are(kind, self._entries)]
            if likeness.shape[1] >= LIKEST:
                likest = np.partition(likeness, -LIKEST)[:, -LIKEST:].astype(np.float64)
                values[rows] = np.where(np.isfinite(likest).all(axis=1), likest.mean(axis=1), 0.0)
        return values.tolist()
