"""The guard against leakage into held-out data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from augment.candidates import Candidate, Draw
from augment.errors import InputError
from augment.guards.guard import Guard, Judgement, Originals
from augment.words import folded, folded_words, key


class HeldOut(Guard):
    """A candidate may neither equal nor nearly equal a held-out row: leakage (see docs/leakage.md).

    Equal means equal after case, punctuation and spacing are folded. Nearly equal means that
    taking at most one word out of each text makes them so: one word replaced, added or left out.
    Texts under `near_words` words must be equal to count, since a single word is most of them.

    Parameters
    ----------
    near_words : int, default=4
        Fewest words of a text that is compared for near equality.

    References
    ----------
    The lookup of all texts within one deletion is the symmetric-delete index of Garbe 2012 (SymSpell), on words.
    """

    name: ClassVar[str] = "held_out"
    summary: ClassVar[str] = "neither equals nor nearly equals a held-out row"
    binds_copies: ClassVar[bool] = True

    def __init__(self, *, near_words: int = 4) -> None:
        if near_words < 2:
            raise InputError(f"The held_out guard needs near_words of at least 2. Got {near_words}.")
        self.near_words = near_words
        self.equal_: set[int] = set()
        self.near_: set[int] = set()

    def fit(self, originals: Originals) -> None:
        """Index the held-out texts."""
        self.equal_, self.near_ = set(), set()
        for text in originals.held_out:
            self.equal_.add(key(folded(text)))
            self.near_.update(self._keys(text))

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Look each candidate and its one-word deletions up."""
        if not self.equal_:
            return Judgement([True] * len(candidates))
        return Judgement(
            [key(folded(c.text)) not in self.equal_ and self.near_.isdisjoint(self._keys(c.text)) for c in candidates]
        )

    def _keys(self, text: str) -> Iterator[int]:
        """Yield what identifies the text and each text with one word less; only if it is long enough."""
        words = folded_words(text)
        if len(words) >= self.near_words:
            yield key(" ".join(words))
            for i in range(len(words)):
                yield key(" ".join([*words[:i], *words[i + 1 :]]))
