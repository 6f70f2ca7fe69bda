"""Make rows: try candidates for the slots of a plan, judge them, and accept rows in the order of the plan."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np

from augment.errors import InputError, counted
from augment.generation.candidates import Draw
from augment.generation.outlook import Outlook
from augment.generation.plan import TOGETHER, TRIES, Slot, slots
from augment.generation.shares import Shares
from augment.generation.trials import Judge, Try, new_beside
from augment.generation.turns import Turns

CHUNK = 1024
"""Slots that are processed together. Fixed, so that no option can change the rows."""
FEWEST = 64
"""Slots that a chunk has where slots are tried once, if it can: fewer take as long."""
SPARE = 1.5
"""How many times as many slots as will probably be needed are told of, since more and more tries fail."""
STRICT = 16
"""Tries for each row of a class, before guards relent."""


class Ahead(Protocol):
    """An object that may try draws before they are needed, such as `augment.run.workers.Workers`."""

    def expect(
        self, soon: Sequence[Draw], later: Iterator[Draw], *, left: int, needed: Callable[[Draw], bool] | None = None
    ) -> None:
        """Learn which draws are needed first, and which will probably be after them. Both replace earlier ones.

        `left` is about how many first tries are certain to come, from now on. `needed` tells of a draw of an earlier
        `later` whether it may still be asked for; None if all may.
        """

    def again(self, draws: Sequence[Draw]) -> None:
        """Learn which draws will be needed soon, since earlier tries at their slots were rejected."""


class Row(NamedTuple):
    """One accepted row."""

    text: str
    label: Any
    """Its class: that of its source, unless a guard has moved it."""
    source: int
    variant: int
    columns: Mapping[str, Any] = {}
    """What the strategy and the guards say of it, by the names of the output's columns."""
    others: tuple[str, ...] = ()
    """Its other new texts, if several texts of a row are edited."""


class Outcome(NamedTuple):
    """The result of one chunk of slots."""

    label: Any
    """The class of the slots."""
    slots: int
    """How many slots there were."""
    rows: list[Row]
    """The rows of the filled slots, in the order of the plan; then those that were kept under other classes."""
    rejected: Mapping[str, int]
    """Candidates rejected, by guard, or by why they are no text to judge."""
    barren: list[int]
    """Sources that cannot give a candidate."""
    ruled_out: Mapping[str, list[int]] = {}
    """Guard → sources that it rules out."""


@dataclass
class Tally:
    """What happened while rows were made."""

    made: Counter[Any] = field(default_factory=Counter)
    """Rows made, by class."""
    missing: dict[Any, int] = field(default_factory=dict)
    """Rows that could not be made, by class; classes without any are left out."""
    rejected: dict[Any, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Candidates rejected, by class and by guard."""
    barren: Counter[Any] = field(default_factory=Counter)
    """Sources in which the strategy found nothing to replace, by class."""
    ruled_out: dict[Any, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    """Sources that were left out, by class and by the guard that rules them out."""
    used_up: set[Any] = field(default_factory=set)
    """Classes whose sources have used all their allowed slots."""

    def add(self, outcome: Outcome) -> None:
        """Add the counts of a chunk."""
        self.made.update(row.label for row in outcome.rows)
        self.rejected[outcome.label].update(outcome.rejected)
        self.barren[outcome.label] += len(outcome.barren)
        for name, sources in outcome.ruled_out.items():
            self.ruled_out[outcome.label][name].update(sources)

    def why_missing(self, label: Any, barren: str = "without anything to replace") -> str:
        """Return, in one clause, why rows of a class are missing; `barren` says what barren sources are."""
        reasons = [
            f"{counted(count, 'candidate')} rejected as {name}" for name, count in self.rejected[label].most_common()
        ]
        if self.barren[label]:
            reasons.insert(0, f"{counted(self.barren[label], 'source')} {barren}")
        if label in self.used_up:
            reasons.append("no more new rows are allowed of each source")
        return ", ".join(reasons)

    def lacking(self, barren: str = "without anything to replace") -> dict[Any, dict[str, Any]]:
        """Return, by class, how many rows are missing (``rows``) and why (``why``); see `why_missing`."""
        return {label: {"rows": rows, "why": self.why_missing(label, barren)} for label, rows in self.missing.items()}

    def rejections(self) -> Counter[str]:
        """Return candidates rejected by guard, over all classes."""
        return sum(self.rejected.values(), Counter[str]())

    def left_out(self) -> dict[str, dict[Any, int]]:
        """Return how many sources were left out, by the guard that rules them out and by class."""
        left_out: dict[str, dict[Any, int]] = {}
        for label, by_guard in self.ruled_out.items():
            for name, sources in by_guard.items():
                left_out.setdefault(name, {})[label] = len(sources)
        return left_out


def shortfall(lacking: Mapping[Any, Mapping[str, Any]], kind: str = "class") -> str:
    """Return one sentence on which rows are missing and why.

    Parameters
    ----------
    lacking : mapping of str to mapping
        Label → ``rows`` and ``why``, as `Tally.lacking` returns it.
    kind : {"class", "label"}, default="class"
        What a row has: one class, or several labels.

    Returns
    -------
    str

    Examples
    --------
    >>> shortfall({"neutral": {"rows": 1200, "why": "2,400 candidates rejected as near_duplicate"}})
    "Rows that could not be made: 1,200 of class 'neutral' (2,400 candidates rejected as near_duplicate)."
    """
    parts = [f"{lack['rows']:,} of {kind} {label!r} ({lack['why']})" for label, lack in lacking.items()]
    return f"Rows that could not be made: {'; '.join(parts)}."


def generate(
    attempt: Try,
    *,
    texts: Mapping[int, str] | Sequence[str | None],
    beside: Sequence[str] | None = None,
    others: Sequence[Sequence[str | None]] = (),
    sources: Mapping[Any, Sequence[int] | np.ndarray],
    budget: Mapping[Any, int],
    guards: Sequence[Judge],
    seed: int,
    tally: Tally,
    max_per_source: int | None = None,
    max_attempts: int = TRIES,
    per_pool: int = 1,
    ranked: bool = False,
    first_variants: Mapping[Any, int] | None = None,
    done: Iterable[Outcome] = (),
    progress: Callable[[int], None] | None = None,
    together: int = 1,
    ahead: Ahead | None = None,
) -> Iterator[Outcome]:
    """Make the rows of a budget, chunk by chunk.

    Each slot of the plan is tried up to `max_attempts` times. A slot that stays empty is given up, and the next slot of
    the plan takes its place: the next source, or the next variant. A class ends with too few rows if its plan runs out,
    or if so many slots in a row have stayed empty that every source was among them. Sources that a guard rules out are
    passed over, and tried only before a class would end with too few rows.

    If slots are tried once, `augment.generation.turns.Turns` tells which are passed over. As many are tried together as
    will probably be needed, and those after the last row that is needed come to nothing.

    If a guard `relents`, a class that still lacks rows after `STRICT` tries for each, or whose plan has run out before,
    begins its plan again, without the slots that are filled. All draws are lenient then.

    A candidate that a guard has moved to another class is kept under that class if it still lacks rows, in the order of
    the plan; otherwise it is rejected. Either way its slot is tried again. A class that is made later then gets fewer
    slots, and one that ended with too few rows may still be filled.

    Parameters
    ----------
    attempt : callable
        `try_draws` with a strategy and guards, or `augment.run.workers.Workers`, which is `ahead` as well.
    texts : mapping of int to str, or sequence
        Row number to text, for every source.
    beside : sequence of str, optional
        For every row the other texts of it; see `augment.generation.candidates.Draw`.
    others : sequence of (sequence of str), default=()
        Columns of texts that are edited as well, each with a text for every row. `beside` begins with them.
    sources : mapping of label to sequence of int
        Row numbers of the sources of each class.
    budget : mapping of label to int
        Rows to make; a class's position sets its random stream.
    guards : sequence of Judge
        The same guards, fitted. Their `admits` and `remember` are called in the order of the plan.
    seed : int
        0 to 2**64 - 1.
    tally : Tally
        Filled in as rows are made.
    max_per_source : int, optional
        Most variants of one source.
    max_attempts : int, default=`TRIES`
        Tries at one slot, 1 or more. The fewer, the more slots in a row may stay empty before a class ends.
    per_pool : int, default=1
        See `augment.text.base.TextStrategy.per_pool`.
    ranked : bool, default=False
        Whether the variants of a source are a list (see `augment.text.base.TextStrategy.ranked`). Then no draw is
        lenient.
    first_variants : mapping of label to int, optional
        Number of the first variant of each class's sources; 0 by default.
    done : iterable of Outcome, default=()
        The first chunks, made by an earlier run with the same arguments: they are not made again.
    progress : callable, optional
        Called with the number of rows just made, several times in a chunk; not for rows of `done`.
    together : int, default=1
        Draws that `attempt` works on at the same time, 1 or more. Fewer are not tried together if there are more.
    ahead : Ahead, optional
        Told of the draws that are coming.

    Yields
    ------
    Outcome
        One for each chunk, including those of `done`. A chunk has at most `CHUNK` slots, all of one class.

    Raises
    ------
    InputError
        If `done` belongs to another plan.
    """
    earlier, shares = iter(done), Shares(smallest=together)
    drawn = _Drawn(_kept(texts), beside, seed, others, set())
    relenting = not ranked and any(guard.relents for guard in guards)
    once = max_attempts == 1 and not ranked
    slots_of_a_row = max(STRICT // max_attempts, 1)
    wanted = {label: max(rows - tally.made[label], 0) for label, rows in budget.items()}
    turns: dict[Any, Turns] = {}
    outlooks: dict[Any, Outlook] = {}

    def begin(stream: int, label: Any, own: Sequence[int] | np.ndarray, rows: int) -> None:
        first = (first_variants or {}).get(label, 0)
        turns[label] = Turns(len(own), rows, once=once, per_pool=per_pool, first=first)
        outlooks[label] = Outlook(plan_of(stream, label, own, rows), turns[label])

    def plan_of(stream: int, label: Any, own: Sequence[int] | np.ndarray, rows: int) -> Iterator[Slot]:
        first = (first_variants or {}).get(label, 0)
        return slots(own, seed=seed, stream=stream, wanted=rows, first=first, limit=max_per_source)

    def needed(draw: Draw) -> bool:
        lenient = draw.label in drawn.lenient
        slot = Slot(draw.source, draw.variant)
        return draw.label in outlooks and draw.lenient == lenient and not turns[draw.label].passed_over(slot)

    for stream, label in enumerate(budget):
        begin(stream, label, sources[label], wanted[label])
    for stream, (label, n_rows) in enumerate(budget.items()):
        own, still = sources[label], max(n_rows - tally.made[label], 0)
        if still != wanted[label]:  # guards have moved rows of other classes here
            begin(stream, label, own, still)
        ruled_out: list[int] = []
        full: set[Slot] = set()
        strict = slots_of_a_row * still  # slots before guards relent
        slots_for_one = 2.0 if once else 1.0
        empty_run, first_try, patience = 0, 0, TOGETHER * max(TRIES // max_attempts, 1)
        while (lacking := n_rows - tally.made[label]) > 0:
            useless = len(turns[label].barren) == len(own)
            spent = useless or empty_run >= patience * len(own)
            size = min(CHUNK, math.ceil(lacking * slots_for_one) if once else lacking)
            if strictly := relenting and label not in drawn.lenient:
                size = min(size, strict)
            chunk = [] if spent else outlooks[label].take(size, fewest=FEWEST if once else None)
            strict -= len(chunk)
            if not chunk and strictly and not useless:
                drawn.lenient.add(label)
                empty_run = 0
                turns[label].begin_again()
                plan = (slot for slot in plan_of(stream, label, own, still) if slot not in full)
                outlooks[label] = Outlook(plan, turns[label])
                continue
            if not chunk and ruled_out:  # nothing else is left; a second try is one that no guard rules out
                own, ruled_out, first_try, empty_run = ruled_out, [], 1, 0
                still = lacking
                strict = slots_of_a_row * still
                begin(stream, label, own, still)
                del tally.ruled_out[label]
                continue
            if not chunk:
                if not spent:
                    tally.used_up.add(label)
                break
            outcome = next(earlier, None)
            if outcome is None:
                room = Counter({other: rows - tally.made[other] for other, rows in budget.items() if other != label})
                if ahead is not None:
                    soon = math.ceil(lacking * slots_for_one * (SPARE if once else 1)) - len(chunk)
                    coming = +Counter({**room, label: soon} if first_try == 0 else room)
                    later = _coming(drawn, coming, outlooks)
                    left = len(chunk) + sum(coming.values())
                    if once:  # another try of a source in the chunk may not be needed
                        left -= max(coming[label] - max(turns[label].open - len(chunk), 0), 0)
                    ahead.expect(drawn(label, chunk, first_try), later, left=left, needed=needed if once else None)
                numbers = range(first_try, first_try + max_attempts)
                outcome = _fill_chunk(
                    attempt, chunk, lacking, drawn, label, turns[label], room, guards, numbers, shares, progress, ahead
                )
            elif (outcome.label, outcome.slots) != (label, len(chunk)):
                raise InputError(
                    f"A chunk of {outcome.slots} slots of {outcome.label!r} belongs to another plan. Begin anew with"
                    " `overwrite=True`."
                )
            else:
                _remember(guards, outcome.rows, drawn)
            tally.add(outcome)
            filled = {Slot(row.source, row.variant) for row in outcome.rows if row.label == label}
            full |= filled
            turns[label].learn(chunk, filled=filled, barren=chain(outcome.barren, *outcome.ruled_out.values()))
            ruled_out += chain.from_iterable(outcome.ruled_out.values())
            slots_for_one = (len(chunk) + 1) / (len(filled) + 1)
            empty_run = 0 if filled else empty_run + len(chunk)
            yield outcome
        del outlooks[label]
    tally.missing |= {label: rows - tally.made[label] for label, rows in budget.items() if tally.made[label] < rows}


class _Drawn(NamedTuple):
    """Makes the draws of slots."""

    text_of: Callable[[int], Any]
    """Row number to text."""
    beside: Sequence[str] | None
    """For every row the other texts of it; None if a row has one text."""
    seed: int
    """The seed of the run."""
    others: Sequence[Sequence[str | None]]
    """Columns of texts that are edited as well."""
    lenient: set[Any]
    """Classes that lack rows, so that guards relent."""

    def __call__(self, label: Any, tried: Iterable[Slot], attempt: int) -> list[Draw]:
        """Return the draws of some slots of a class."""
        return [
            Draw(
                self.text_of(source),
                label,
                source,
                variant,
                attempt,
                self.seed,
                *self.rest_of(source),
                label in self.lenient,
            )
            for source, variant in tried
        ]

    def rest_of(self, row: int) -> tuple[str, tuple[str, ...]]:
        """Return what is beside the text of a row, and the texts among it that are edited."""
        if self.beside is None:
            return "", ()
        return self.beside[row], tuple(column[row] or "" for column in self.others)


def _kept(texts: Any) -> Callable[[int], Any]:
    """Return what reads texts, and keeps some: a source is drawn from several times, and a table is slow to read."""
    return lru_cache(maxsize=2 * CHUNK)(lambda row: texts[row])


def _coming(drawn: _Drawn, expected: Mapping[Any, int], outlooks: Mapping[Any, Outlook]) -> Iterator[Draw]:
    """Yield the first tries at the next slots, as many of each class as will probably be needed, in order."""
    for label, outlook in list(outlooks.items()):
        for slot in outlook.beyond(expected[label]):
            yield from drawn(label, [slot], 0)


def _fill_chunk(
    attempt: Try,
    chunk: Sequence[Slot],
    wanted: int,
    drawn: _Drawn,
    label: Any,
    turns: Turns,
    room: Counter[Any],
    guards: Sequence[Judge],
    numbers: range,
    shares: Shares,
    progress: Callable[[int], None] | None,
    ahead: Ahead | None,
) -> Outcome:
    """Try the slots of a chunk until each is filled or given up, or as many are filled as are wanted.

    `numbers` are those of the tries at a slot, and `room` has the rows that other classes lack.
    """
    given: Counter[int] = Counter()
    filled: dict[Slot, Row] = {}
    elsewhere: list[Row] = []
    rejected: Counter[str] = Counter()
    barren: dict[int, None] = {}
    ruled_out: dict[str, dict[int, None]] = defaultdict(dict)
    pending = list(chunk)
    for number in numbers:
        again: list[Slot] = []
        for share in shares.of(pending):
            before, rejected_before = len(filled) + len(elsewhere), len(again)
            trials = attempt(drawn(label, share, number))
            for slot, trial in zip(share, trials, strict=True):
                if len(filled) == wanted:
                    break
                if turns.passed_over(slot, given[slot.source]):
                    continue
                if trial.candidate is None:
                    (barren if trial.against is None else ruled_out[trial.against])[slot.source] = None
                    continue
                own, by = (label, None) if trial.moved is None else trial.moved
                against = trial.against or (by if by is not None and room[own] < 1 else None)
                against = against or next((g.name for g in guards if not g.admits(trial.candidate)), None)
                if against is not None or by is not None:
                    again.append(slot)
                if against is not None:
                    rejected[against] += 1
                    continue
                others = tuple(other.text for other in trial.candidate.others)
                row = Row(trial.candidate.text, own, slot.source, slot.variant, trial.columns, others)
                if by is None:
                    filled[slot] = row
                    given[slot.source] += 1
                else:
                    elsewhere.append(row)
                    room[own] -= 1
                _remember(guards, [row], drawn)
            if ahead is not None and number + 1 in numbers:
                ahead.again(drawn(label, again[rejected_before:], number + 1))
            if progress and (now := len(filled) + len(elsewhere)) > before:
                progress(now - before)
            if len(filled) == wanted:
                break
        pending = again
        if not pending or len(filled) == wanted:
            break
    rows = [filled[slot] for slot in chunk if slot in filled]
    left_out = {name: list(sources) for name, sources in ruled_out.items()}
    return Outcome(label, len(chunk), rows + elsewhere, dict(rejected), list(barren), left_out)


def _remember(guards: Sequence[Judge], rows: Iterable[Row], drawn: _Drawn) -> None:
    """Tell the guards which rows were accepted."""
    for row in rows:
        beside, old = drawn.rest_of(row.source)
        for guard in guards:
            guard.remember(row.text, new_beside(beside, old, row.others))
