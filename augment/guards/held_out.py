"""The guard against leakage into held-out data."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard, Originals
from augment.words import folded, folded_words, key

MODULUS = 2**61 - 1
BASE = 0x9E3779B97F4A7C15 % MODULUS
"""The base of the polynomial hashes of texts: any large number."""


class HeldOut(Guard):
    """A candidate may neither equal nor nearly equal a held-out row: leakage (see docs/leakage.md).

    Equal means equal after case, punctuation and spacing are folded. Nearly equal means that
    taking at most one word out of each text makes them so: one word replaced, added or left out.
    Texts with fewer than `near_words` words are rejected only if they are equal, since one word is most of such a text.

    Parameters
    ----------
    near_words : int, default=4
        Minimum number of words of a text that is compared for near equality.

    References
    ----------
    The lookup of all texts within one deletion is the symmetric-delete index of Garbe 2012 (SymSpell), on words.
    """

    name: ClassVar[str] = "held_out"
    summary: ClassVar[str] = "neither equals nor nearly equals a held-out row"
    reads_rows: ClassVar[bool] = True
    binds_copies: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "near_words": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(self, *, near_words: int = 4) -> None:
        self.near_words = near_words

    def fit(self, originals: Originals) -> None:
        """Index the held-out texts, at 8 bytes for each word."""
        equal, near = array("Q"), array("Q")
        for text in originals.held_out:
            equal.append(key(folded(text)))
            near.extend(self._keys(text))
        self.equal_, self.near_ = (np.unique(np.asarray(keys, dtype=np.uint64)) for keys in (equal, near))

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Look up each candidate and its one-word deletions."""
        if not len(self.equal_):
            return Judgement([True] * len(candidates))
        return Judgement(
            [
                not (_any_in([key(folded(c.whole))], self.equal_) or _any_in(self._keys(c.whole), self.near_))
                for c in candidates
            ]
        )

    def _keys(self, text: str) -> list[int]:
        """Return hashes of the text and of each text with one word less; none if it is too short."""
        words = folded_words(text)
        return with_deletions(words) if len(words) >= self.near_words else []


def with_deletions(words: Sequence[str]) -> list[int]:
    """Return hashes of a sequence of words, and of each sequence with one word left out.

    Parameters
    ----------
    words : sequence of str
        n of them.

    Returns
    -------
    list of int
        n + 1 numbers below 2**61, computed in linear time: polynomial hashes of the words' keys. A hash without a word
        is combined from the hashes of the parts before and after it.

    Examples
    --------
    >>> with_deletions(["a", "fine", "day"])[2] == with_deletions(["a", "day"])[0]
    True

    References
    ----------
    Karp and Rabin 1987, "Efficient randomized pattern-matching algorithms".
    """
    codes = [key(word) % MODULUS for word in words]
    after, power, rest = [0], 1, []
    for code in reversed(codes):
        after.append((after[-1] + code * power) % MODULUS)
        rest.append(power)
        power = power * BASE % MODULUS
    before, keys = 0, [after[-1]]
    for i, code in enumerate(codes):
        left = len(codes) - 1 - i  # words behind it
        keys.append((before * rest[left] + after[left]) % MODULUS)
        before = (before * BASE + code) % MODULUS
    return keys


def _any_in(numbers: Sequence[int], index: np.ndarray) -> bool:
    """Return whether any of the numbers is in a sorted array."""
    if not len(index):
        return False
    values = np.array(numbers, dtype=np.uint64)
    places = np.minimum(np.searchsorted(index, values), len(index) - 1)
    return bool((index[places] == values).any())
