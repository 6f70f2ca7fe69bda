"""Compare the best fillings of a text by how natural readers would find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from augment.generation.candidates import Candidate
from augment.models.steadiness import ChangedText, Effects
from augment.text.naturalness import likeliest, logit, probability


class Finalists:
    """The fillings of one text that fit best by their words alone, and their places in the end.

    The most natural filling is the best (`augment.text.naturalness`). How natural it is depends on what the new words
    mean in their places, which costs a pass of the model. A filling is not measured if it cannot reach a place that is
    asked for, whatever it means. The places are those that measuring all of them would give.

    Parameters
    ----------
    source : str
        The text.
    scores : mapping of Candidate to float
        The different fillings, and how well their words fit, the best first.
    most : int
        How many of them take part, 1 or more.
    """

    def __init__(self, source: str, scores: Mapping[Candidate, float], most: int) -> None:
        self.source = source
        self._fillings = list(islice(scores.items(), most))
        self._measured: dict[int, tuple[float, Candidate]] = {}
        self._needed = 0

    def ask(self, turn: int) -> None:
        """Ask for a place, counted from 0. After the last one comes the first again."""
        self._needed = max(self._needed, turn % len(self._fillings) + 1)

    def following(self) -> range:
        """Return the numbers of the fillings to measure next; empty if the places that were asked for are known."""
        number = len(self._measured)  # they are measured in their order, and no later one has a higher score
        if number < self._needed:
            return range(number, self._needed)
        if number == len(self._fillings):
            return range(0)
        last = sorted((total for total, _ in self._measured.values()), reverse=True)[self._needed - 1]
        able = [likeliest(score) > last for _, score in self._fillings[number:]]
        return range(number, number + sum(able))

    def change(self, number: int) -> ChangedText:
        """Return a filling as a change of the source."""
        made = self._fillings[number][0]
        return ChangedText(self.source, made.text, made.replacements)

    def measure(self, number: int, steadiness: float, meaning: float) -> None:
        """Record how steady a filling is, and how like the old words the new ones are in their places."""
        made, score = self._fillings[number]
        total = logit(score, meaning)
        self._measured[number] = total, replace(made, steadiness=steadiness, naturalness=probability(total))

    def place(self, turn: int) -> Candidate:
        """Return the filling of a place, counted from 0; of equal ones the first."""
        ranked = sorted(self._measured.values(), key=lambda measured: measured[0], reverse=True)
        return ranked[turn % len(self._fillings)][1]


def judge(contests: Sequence[Finalists], compare: Callable[[Sequence[ChangedText]], Effects]) -> None:
    """Measure as many fillings as are needed to know the places that were asked for.

    Parameters
    ----------
    contests : sequence of Finalists
    compare : callable
        `augment.models.steadiness.Steadiness.compare`.
    """
    while waiting := [(contest, number) for contest in contests for number in contest.following()]:
        found = compare([contest.change(number) for contest, number in waiting])
        measured = zip(found.steadiness.tolist(), found.meaning.tolist(), strict=True)
        for (contest, number), (steadiness, meaning) in zip(waiting, measured, strict=True):
            contest.measure(number, steadiness, meaning)
