"""Fill the masks of texts with words that fit, from as few passes of a model as can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from augment.models.masked_lm import MaskedLM
from augment.recently_used import RecentlyUsed
from augment.text.fitting_words import FittingWords, WordFilter, pick
from augment.text.masked_text import Filling

_MaskedIds = tuple[tuple[int, ...], tuple[int, ...]]  # word pieces with masks, and the positions to read
_Turn = tuple[Filling, Sequence[int]]  # a filling, and which of its masks are filled now

LIKELY_BYTES = 32 * 2**20
"""Memory for the likeliest words of masks, kept for later calls."""


class Filler:
    """Fills the masks of texts. Those that are masked alike share a pass of the model.

    Parameters
    ----------
    engine : MaskedLM
    word_filter : WordFilter
        Finds the words that fit among the likeliest ones.
    count : int or None
        How many of the likeliest words it sees; None for all.
    one_by_one : bool
        Whether each mask of a filling is filled after those before it, and sees their fills.
    """

    def __init__(self, engine: MaskedLM, word_filter: WordFilter, *, count: int | None, one_by_one: bool) -> None:
        self._engine = engine
        self._filter = word_filter
        self._count = count
        self._one_by_one = one_by_one
        # Rejected draws, and other variants of a source, come back in later calls.
        self._likely: RecentlyUsed[_MaskedIds, tuple[np.ndarray, np.ndarray]] = RecentlyUsed(LIKELY_BYTES)

    def fill(self, fillings: Sequence[Filling]) -> None:
        """Fill all masks of fillings that are their own. Where no word fits a mask, it stays empty."""
        if self._one_by_one:
            for turn in range(max((len(filling.own) for filling in fillings), default=0)):
                self._fill([(filling, [filling.own[turn]]) for filling in fillings if turn < len(filling.own)])
        else:
            for part in range(max((max(filling.masking.parts) + 1 for filling in fillings), default=0)):
                turns = [(one, [i for i in one.own if one.masking.parts[i] == part]) for one in fillings]
                self._fill([(filling, masks) for filling, masks in turns if masks])

    def _fill(self, turns: Sequence[_Turn]) -> None:
        """Fill some masks of each filling, left to right."""
        waiting: defaultdict[tuple[int, ...], list[_Turn]] = defaultdict(list)
        for filling, turn in turns:
            waiting[tuple(filling.ids)].append((filling, turn))
        new: list[_MaskedIds] = []
        for ids, alike in waiting.items():
            read = (ids, tuple(sorted({one.masking.positions[i] for one, turn in alike for i in turn})))
            known = self._likely.get(read)
            if known is None:
                new.append(read)
            else:
                self._draw(alike, read[1], *known)
        for row, likeliest, logits in self._engine.likeliest(new, self._count):
            self._likely.keep(new[row], (likeliest, logits), likeliest.nbytes + logits.nbytes)
            ids, positions = new[row]
            self._draw(waiting[ids], positions, likeliest, logits)

    def _draw(
        self, turns: Sequence[_Turn], positions: Sequence[int], likeliest: np.ndarray, logits: np.ndarray
    ) -> None:
        """Draw the fills of texts that are masked alike, from the likeliest words at these positions."""
        vocabulary = self._engine.vocabulary
        rows = {position: row for row, position in enumerate(positions)}
        fitting: dict[tuple[Any, ...], FittingWords] = {}
        for filling, turn in turns:
            for i in turn:
                row, standing = rows[filling.masking.positions[i]], filling.standing(i)
                key = (id(filling.masking), i, standing)
                if key not in fitting:
                    fitting[key] = self._filter.fitting(filling.masking, i, standing, likeliest[row], logits[row])
                able = fitting[key]
                if len(able.ids):
                    place = pick(able.cumulative, filling.number())
                    entry = int(able.ids[place])
                    word, family = str(vocabulary.words[entry]), int(vocabulary.families[entry])
                    filling.fill(i, word, entry, family, float(able.values[place]))
