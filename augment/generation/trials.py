"""Try draws: make a candidate of each, and let guards judge it on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from augment.generation.candidates import Candidate, Draw, Judgement


class CandidateSource(Protocol):
    """An object that makes candidates, such as an `augment.text.base.TextStrategy`."""

    def candidates(self, draws: Sequence[Draw]) -> Sequence[Candidate | None]:
        """Return one candidate for each draw, or None if its source cannot give any."""


class Judge(Protocol):
    """An object that judges candidates, such as an `augment.guards.base.Guard`."""

    name: ClassVar[str]
    """The name under which rejections are counted."""
    binds_copies: ClassVar[bool]
    """Whether it also judges strategies whose new rows are copies by design."""
    reads_rows: ClassVar[bool]
    """Whether it reads a whole row. Others read each text that is edited."""

    @property
    def relents(self) -> bool:
        """Whether it judges a draw that is `lenient` less strictly."""

    def rules_out(self, draws: Sequence[Draw]) -> Sequence[bool]:
        """Say of each source, before anything is made of it, whether hardly any candidate made of it would pass."""

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Judge each candidate independently of the others."""

    def admits(self, candidate: Candidate) -> bool:
        """Judge one candidate against what was accepted before."""

    def remember(self, text: str, beside: str = "") -> None:
        """Learn that a candidate of this text was accepted, and what is beside it in its row."""


JudgeType = TypeVar("JudgeType", bound=Judge)


class Moved(NamedTuple):
    """A candidate's move to another class than its source's."""

    label: Any
    by: str
    """The guard that has found the class. The candidate is counted as rejected by it if the class needs no row."""


class Trial(NamedTuple):
    """The result of one draw, before rows are compared in the order of the plan."""

    candidate: Candidate | None
    """None if the source cannot give any, or if a guard rules the source out."""
    against: str | None = None
    """The first guard that rejects the candidate independently of other rows or rules its source out, or why it is no
    text to judge."""
    columns: Mapping[str, Any] = {}
    """What the strategy and the guards say of it."""
    moved: Moved | None = None
    """The other class that the candidate may be kept under; None for that of its draw."""


Try = Callable[[Sequence[Draw]], Sequence[Trial]]
"""Tries draws, and returns one trial for each, in order; splitting them does not change the trials."""


def try_draws(strategy: CandidateSource, guards: Sequence[Judge], draws: Sequence[Draw]) -> list[Trial]:
    """Make a candidate for each draw, and let the guards judge it.

    Nothing is made of a source that a guard rules out, which is asked at first tries. A guard sees only candidates that
    passed the guards before it, so costly guards come last. If several texts of a row are edited, each is made by
    itself. A guard that does not read whole rows judges each of them, and the row passes if all do. Once a guard has
    moved a candidate to another class, the guards after it judge it as one of that class.

    Parameters
    ----------
    strategy : CandidateSource
        Prepared.
    guards : sequence of Judge
        Prepared and fitted.
    draws : sequence of Draw

    Returns
    -------
    list of Trial
        One for each draw, in order. Each depends only on its own draw.
    """
    draws = list(draws)
    against = _ruled_out(guards, draws)
    made = iter(_made(strategy, [draw for draw, by in zip(draws, against, strict=True) if by is None]))
    trials = [
        Trial(None, by) if by is not None else _untried(next(made), draw)
        for draw, by in zip(draws, against, strict=True)
    ]
    for guard in guards:
        alive = [i for i, trial in enumerate(trials) if trial.candidate is not None and trial.against is None]
        candidates = [candidate for i in alive if (candidate := trials[i].candidate) is not None]
        judgement = _judged(guard, [draws[i] for i in alive], candidates)
        for n, (i, passed) in enumerate(zip(alive, judgement.passed, strict=True)):
            measured = {name: values[n] for name, values in judgement.columns.items()}
            moved = trials[i].moved
            if passed and judgement.labels is not None and judgement.labels[n] != draws[i].label:
                moved = Moved(judgement.labels[n], guard.name)
                draws[i] = draws[i]._replace(label=moved.label)
            columns = {**trials[i].columns, **measured}
            trials[i] = Trial(trials[i].candidate, None if passed else guard.name, columns, moved)
    return trials


def _ruled_out(guards: Sequence[Judge], draws: Sequence[Draw]) -> list[str | None]:
    """Return for each draw the first guard that rules its source out; None at later tries than the first."""
    against: list[str | None] = [None] * len(draws)
    for guard in guards:
        first = [i for i, draw in enumerate(draws) if draw.attempt == 0 and against[i] is None]
        for i, out in zip(first, guard.rules_out([draws[i] for i in first]), strict=True):
            against[i] = guard.name if out else None
    return against


def _made(strategy: CandidateSource, draws: Sequence[Draw]) -> list[Candidate | None]:
    """Return a candidate for each draw, put together from those of its texts if several are edited."""
    parts = [draw.parts() for draw in draws]
    texts = [part for own in parts for part in own]
    made = list(strategy.candidates(texts))
    if len(made) != len(texts):
        raise ValueError(f"{len(texts)} draws gave {len(made)} candidates; a strategy gives one for each.")
    if len(texts) == len(draws):
        return made
    waiting = iter(made)
    return [_whole([*islice(waiting, len(own))]) for own in parts]


def _whole(texts: Sequence[Candidate | None]) -> Candidate | None:
    """Return one candidate of all texts of a row; None if one of them could not be made."""
    found = [text for text in texts if text is not None]
    if len(found) < len(texts):
        return None
    first, *others = found
    return replace(
        first,
        others=tuple(others),
        unusable=next((text.unusable for text in found if text.unusable is not None), None),
        columns={name: value for text in reversed(found) for name, value in text.columns.items()},
    )


def _judged(guard: Judge, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
    """Return the judgement of a guard on rows: of each text on its own, unless the guard reads whole rows."""
    if guard.reads_rows or not any(candidate.others for candidate in candidates):
        return guard.judge(draws, candidates)
    parts = [[*zip(d.parts(), c.parts(), strict=True)] for d, c in zip(draws, candidates, strict=True)]
    judgement = guard.judge([d for own in parts for d, _ in own], [c for own in parts for _, c in own])
    passed = iter(judgement.passed)
    firsts = np.cumsum([0, *map(len, parts)])[:-1].tolist()
    return Judgement(
        [all([*islice(passed, len(own))]) for own in parts],
        {name: [values[first] for first in firsts] for name, values in judgement.columns.items()},
    )


def _untried(candidate: Candidate | None, draw: Draw) -> Trial:
    """Return the trial of a candidate that no guard has seen."""
    if candidate is None:
        return Trial(None)
    if draw.beside:
        others = [other.text for other in candidate.others]
        candidate = replace(candidate, beside=new_beside(draw.beside, draw.others, others))
    return Trial(candidate, candidate.unusable, dict(candidate.columns))


def new_beside(beside: str, old: Sequence[str], new: Sequence[str]) -> str:
    """Return what is beside a new text: `beside` begins with the old ones of the other texts that were edited."""
    return "\n".join(new) + beside[len("\n".join(old)) :]


def binding(guards: Sequence[JudgeType], *, copies: bool) -> list[JudgeType]:
    """Return the guards that apply; if rows are copies by design, only those with `binds_copies`."""
    return [guard for guard in guards if guard.binds_copies or not copies]
