"""Make rows: slots in, candidates tried and guarded, replacements found, accepted rows out in the order of the plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

from augment.candidates import Candidate, Draw
from augment.guards import Guard
from augment.plan import Slot, slots

CHUNK = 512
"""Slots that are worked on together. Fixed, because what is worked on together must not depend on options."""


class CandidateSource(Protocol):
    """What makes candidates; `augment.strategy.TextStrategy` is one."""

    copies: bool

    def candidates(self, draws: Sequence[Draw]) -> Sequence[Candidate | None]:
        """Give one candidate for each draw, or None where the source can never give any."""


class Row(NamedTuple):
    """One accepted row."""

    text: str
    label: Any
    source: int
    variant: int


@dataclass
class Tally:
    """What happened while rows were made."""

    made: Counter[Any] = field(default_factory=Counter)
    """Rows made, by class."""
    missing: dict[Any, int] = field(default_factory=dict)
    """Rows that could not be made, by class; classes without any are left out."""
    rejected: dict[Any, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Candidates rejected, by class and by the guard that did."""
    barren: Counter[Any] = field(default_factory=Counter)
    """Sources in which the strategy found nothing to work on, by class."""

    def why_missing(self, label: Any) -> str:
        """Say in one clause why rows of a class are missing."""
        reasons = [f"{count} candidates rejected as {name}" for name, count in self.rejected[label].most_common()]
        if self.barren[label]:
            reasons.insert(0, f"{self.barren[label]} sources without anything to replace")
        return ", ".join(reasons) or "no more new rows are allowed of each source"

    def rejections(self) -> Counter[str]:
        """Return candidates rejected by guard, over all classes."""
        return sum(self.rejected.values(), Counter[str]())


def generate(
    strategy: CandidateSource,
    *,
    texts: Mapping[int, str],
    sources: Mapping[Any, Sequence[int]],
    budget: Mapping[Any, int],
    guards: Sequence[Guard],
    seed: int,
    tally: Tally,
    max_per_source: int | None = None,
    max_attempts: int = 8,
    first_variants: Mapping[Any, int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[list[Row]]:
    """Make the rows of a budget, chunk by chunk.

    Each slot of the plan is tried up to `max_attempts` times. A slot that stays empty is given up
    and one from the rest of the plan takes its place: the next source, or the next variant.
    A class ends short when its plan runs out, or when as many slots in a row as it has
    sources have all stayed empty.

    Parameters
    ----------
    strategy : CandidateSource
        Makes the candidates.
    texts : mapping of int to str
        Row number to text, for every source.
    sources : mapping of label to sequence of int
        Row numbers of the sources of each class.
    budget : mapping of label to int
        Rows to make; a class's position sets its random stream.
    guards : sequence of Guard
        Fitted. Where the strategy copies by design, only those that bind copies are asked.
    seed : int
        0 to 2**64 - 1.
    tally : Tally
        Filled in as rows are made.
    max_per_source : int, optional
        Most variants of one source.
    max_attempts : int, default=8
        Tries at one slot, 1 or more.
    first_variants : mapping of label to int, optional
        Number of the first variant of each class's sources; 0 where it is not given.
    progress : callable, optional
        Called with the number of rows just made.

    Yields
    ------
    list of Row
        Accepted rows in the order of the plan, at most `CHUNK`; all of a chunk of one class.
    """
    asked = [guard for guard in guards if guard.binds_copies or not strategy.copies]
    for stream, (label, wanted) in enumerate(budget.items()):
        first = (first_variants or {}).get(label, 0)
        plan = slots(sources[label], seed=seed, stream=stream, first=first, limit=max_per_source)
        barren: set[int] = set()
        empty_run = 0
        while tally.made[label] < wanted and empty_run < len(sources[label]):
            fertile = (slot for slot in plan if slot.source not in barren)
            chunk = list(islice(fertile, min(CHUNK, wanted - tally.made[label])))
            if not chunk:
                break
            filled = _fill(strategy, chunk, texts, label, asked, seed, max_attempts, tally, barren)
            rows = [Row(filled[slot].text, label, slot.source, slot.variant) for slot in chunk if slot in filled]
            tally.made[label] += len(rows)
            empty_run = 0 if rows else empty_run + len(chunk)
            if progress:
                progress(len(rows))
            if rows:
                yield rows
            if len(barren) == len(sources[label]):
                break
        tally.barren[label] = len(barren)
        if tally.made[label] < wanted:
            tally.missing[label] = wanted - tally.made[label]


def _fill(
    strategy: CandidateSource,
    chunk: Sequence[Slot],
    texts: Mapping[int, str],
    label: Any,
    guards: Sequence[Guard],
    seed: int,
    max_attempts: int,
    tally: Tally,
    barren: set[int],
) -> dict[Slot, Candidate]:
    """Try the slots of a chunk until each is filled or given up."""
    filled: dict[Slot, Candidate] = {}
    pending = list(chunk)
    for attempt in range(max_attempts):
        draws = [Draw(texts[slot.source], label, slot.source, slot.variant, attempt, seed) for slot in pending]
        tried = []
        for slot, draw, candidate in zip(pending, draws, strategy.candidates(draws), strict=True):
            if candidate is None:
                barren.add(slot.source)
            else:
                tried.append((slot, draw, candidate))
        accepted = _guarded(guards, tried, tally)
        filled |= accepted
        pending = [slot for slot, _, _ in tried if slot not in accepted]
        if not pending:
            break
    return filled


def _guarded(
    guards: Sequence[Guard], tried: Sequence[tuple[Slot, Draw, Candidate]], tally: Tally
) -> dict[Slot, Candidate]:
    """Ask every guard, in the order of the plan, and count each rejection under the first that makes it."""
    draws, candidates = [draw for _, draw, _ in tried], [candidate for _, _, candidate in tried]
    verdicts = [guard.passes(draws, candidates) for guard in guards]
    accepted: dict[Slot, Candidate] = {}
    for i, (slot, draw, candidate) in enumerate(tried):
        against = next(
            (g for g, passed in zip(guards, verdicts, strict=True) if not (passed[i] and g.admits(candidate))), None
        )
        if against is not None:
            tally.rejected[draw.label][against.name] += 1
            continue
        for guard in guards:
            guard.remember(candidate)
        accepted[slot] = candidate
    return accepted
