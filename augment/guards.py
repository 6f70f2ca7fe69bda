"""Guards accept or reject candidates. Each is a small class with one reason to say no."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from augment.candidates import Candidate, Draw
from augment.errors import InputError
from augment.words import folded, folded_words


class Guard:
    """Base of all guards: a subclass overrides `passes`, and what it needs of the rest.

    One process asks in plan order: `passes` for a whole batch at once, from the draws and candidates alone; then,
    for each candidate that every guard has passed, `admits`, which may depend on what
    was accepted before; and `remember` once it is accepted.
    """

    name: str
    """What its rejections are counted under."""
    binds_copies: bool = False
    """Whether it also judges strategies whose new rows are copies by design."""

    def fit(self, texts: Iterable[str], held_out: Iterable[str]) -> None:
        """See the originals and the held-out texts before anything is made."""

    def passes(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Sequence[bool]:
        """Judge candidates by themselves: one bool each, in order."""
        return [True] * len(candidates)

    def admits(self, candidate: Candidate) -> bool:
        """Judge one candidate against what was accepted before."""
        return True

    def remember(self, candidate: Candidate) -> None:
        """Learn that this candidate was accepted."""


class Changed(Guard):
    """A candidate that differs from its source in case and punctuation alone is no candidate."""

    name = "changed"

    def passes(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Sequence[bool]:
        """Compare folded texts."""
        return [folded(c.text) != folded(d.text) for d, c in zip(draws, candidates, strict=True)]


class LengthRatio(Guard):
    """The candidate's length in characters must lie between `low` and `high` times its source's.

    Parameters
    ----------
    low : float, default=0.5
        In (0, 1].
    high : float, default=2.0
        1 or larger.
    """

    name = "length_ratio"

    def __init__(self, *, low: float = 0.5, high: float = 2.0) -> None:
        if not 0 < low <= 1 <= high:
            raise InputError(f"The length_ratio guard needs 0 < low <= 1 <= high. Got low={low}, high={high}.")
        self.low = low
        self.high = high

    def passes(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Sequence[bool]:
        """Compare lengths without surrounding white space."""
        ratios = (len(c.text.strip()) / len(d.text.strip()) for d, c in zip(draws, candidates, strict=True))
        return [self.low <= ratio <= self.high for ratio in ratios]


class Duplicate(Guard):
    """A candidate may equal no original and no other synthetic row, case and punctuation folded."""

    name = "duplicate"

    def __init__(self) -> None:
        self.seen_: set[str] = set()

    def fit(self, texts: Iterable[str], held_out: Iterable[str]) -> None:
        """Index the originals."""
        self.seen_ = {folded(text) for text in texts}

    def admits(self, candidate: Candidate) -> bool:
        """Look the folded text up."""
        return folded(candidate.text) not in self.seen_

    def remember(self, candidate: Candidate) -> None:
        """Add the folded text."""
        self.seen_.add(folded(candidate.text))


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

    name = "held_out"
    binds_copies = True

    def __init__(self, *, near_words: int = 4) -> None:
        if near_words < 2:
            raise InputError(f"The held_out guard needs near_words of at least 2. Got {near_words}.")
        self.near_words = near_words
        self.equal_: set[str] = set()
        self.near_: set[int] = set()

    def fit(self, texts: Iterable[str], held_out: Iterable[str]) -> None:
        """Index the held-out texts."""
        self.equal_, self.near_ = set(), set()
        for text in held_out:
            self.equal_.add(folded(text))
            self.near_.update(self._keys(text))

    def passes(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Sequence[bool]:
        """Look each candidate and its one-word deletions up."""
        return [folded(c.text) not in self.equal_ and self.near_.isdisjoint(self._keys(c.text)) for c in candidates]

    def _keys(self, text: str) -> Iterator[int]:
        """Yield what identifies the text and each text with one word less; only if it is long enough."""
        words = folded_words(text)
        if len(words) >= self.near_words:
            yield hash(tuple(words))
            for i in range(len(words)):
                yield hash((*words[:i], *words[i + 1 :]))


def default_guards() -> list[Guard]:
    """Return fresh guards of every kind that applies by default, in the order of their cost."""
    return [Changed(), LengthRatio(), HeldOut(), Duplicate()]
