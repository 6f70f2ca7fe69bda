"""The request to a strategy, a `Draw`, and its answer, a `Candidate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from augment.seeding import generator
from augment.words import Replacement, whole


class Draw(NamedTuple):
    """One try at one new row."""

    text: str
    """The source text."""
    label: Any
    """The source's class."""
    source: int
    """The source's row number."""
    variant: int
    """Which new row of this source."""
    attempt: int
    """0 for the first try at this row; a later try must draw anew."""
    seed: int
    """The seed of the run."""
    beside: str = ""
    """The other texts of the source's row, one a line; empty if a row has one text."""
    others: tuple[str, ...] = ()
    """Those of the other texts that are edited as well: `beside` begins with them. The rest is copied."""
    lenient: bool = False
    """Whether a guard that `relents` does so, since rows of the class are lacking."""

    def parts(self) -> list[Draw]:
        """Return a draw for each text that is edited. That of the first has the same numbers as if it were alone."""
        first = self._replace(others=())
        return [first, *(first._replace(text=text, seed=_seed(self.seed, i)) for i, text in enumerate(self.others))]

    @property
    def whole(self) -> str:
        """The text and those beside it."""
        return whole(self.text, self.beside)

    def generator(self) -> np.random.Generator:
        """Return this draw's own generator. It does not depend on other draws or their order."""
        return generator(self.seed, "draw", self.source, self.variant, self.attempt)


@lru_cache
def _seed(seed: int, place: int) -> int:
    """Return the seed for one of the other texts of rows, so that equal texts of a row are edited in different ways."""
    return int(generator(seed, "text", place).integers(2**63))


@dataclass(frozen=True)
class Candidate:
    """A new text, and what was replaced in the source to get it."""

    text: str
    replacements: tuple[Replacement, ...] = ()
    steadiness: float | None = None
    """What `augment.models.steadiness.Steadiness` says of it, if the strategy has measured it."""
    naturalness: float | None = None
    """The share of such candidates that readers find natural, as `augment.text.naturalness` estimates it; None if the
    strategy does not know."""
    columns: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the strategy writes beside the row, by the names in `TextStrategy.columns`."""
    unusable: str | None = None
    """Why this is not a text to judge, such as ``"refusal"``. It is counted as rejected under this name, and the row is
    tried again. None for a text."""
    beside: str = ""
    """What is beside the text in its row. Strategies leave it out."""
    others: tuple[Candidate, ...] = ()
    """The other new texts of its row, if several are edited. Strategies leave them out."""
    readings: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Guard → what its `augment.guards.base.Guard.reader` has found in the candidate, if a worker has called it.
    Strategies leave it out."""

    def parts(self) -> list[Candidate]:
        """Return a candidate for each text that is edited."""
        return [self, *self.others]

    @property
    def whole(self) -> str:
        """The text and those beside it, which is what is compared with other rows."""
        return whole(self.text, self.beside)


class Judgement(NamedTuple):
    """A guard's verdicts on candidates, in their order."""

    passed: Sequence[bool]
    columns: Mapping[str, Sequence[Any]] = {}
    """Measurements that are written beside the rows, by the names in `Guard.columns`."""
    labels: Sequence[Any] | None = None
    """The class under which each candidate may be kept; None for those of the draws. The guards after this one judge
    the candidate as one of that class."""
