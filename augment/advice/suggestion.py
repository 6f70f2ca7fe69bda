"""What is suggested for a rare class, and the lines that say it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from augment.advice.commands import FINE_TUNED
from augment.advice.measured import PLAIN, MeasuredArm, MeasuredCell, Points, Regime
from augment.advice.nearness import Shape, differences
from augment.data.inspection import Inspection
from augment.data.splitting import LEAST_TO_MEASURE
from augment.errors import counted

HEADS = {FINE_TUNED: "fine-tuned", "logistic-regression": "logistic regression on frozen vectors"}
"""How lines call a head."""


@dataclass(frozen=True)
class Suggestion:
    """An arm that is advised, or advised against, and what it brought on the near data sets."""

    arm: MeasuredArm
    """As it was measured on the nearest of them."""
    gain: Points | None
    """Points of macro-F1. Of an arm with new rows or with needs: over the best arm without new rows. Of that arm
    itself: over training on the rows as they are; None if that is the best."""
    gap: float | None
    """Change of the overfitting gap, in points, against the same arm."""
    sources: int
    """The number of near data sets that it was measured on."""
    command: str | None
    """The command that trains with it, or makes its rows."""
    new_rows: int | None
    """The number of new rows on the user's data; None if it makes none, or its number is not known."""

    @property
    def pays(self) -> bool:
        """Whether the whole interval of the gain is above 0."""
        return self.gain is not None and self.gain.low is not None and self.gain.low > 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "arm": self.arm.name,
            "summary": self.arm.summary,
            "settings": self.arm.settings,
            "gain": None if self.gain is None else self.gain.model_dump(),
            "gap": self.gap,
            "f1": self.arm.f1,
            "sources": self.sources,
            "pays": self.pays,
            "new_rows": self.new_rows,
            "command": self.command,
        }


@dataclass(frozen=True)
class Advice:
    """What to do first for a data set. `str` of it are its lines."""

    name: str
    """Of the data."""
    shape: Shape
    inspection: Inspection
    near: list[MeasuredCell]
    """The near data sets of the map, the nearest first. Empty if nothing is near; then the choices are those of the
    nearest one, and are no more than a guess."""
    nearest: MeasuredCell
    """The nearest data set of the map, near or not."""
    measured: int
    """The number of data sets in the map with this classifier."""
    encoder: str
    head: str
    """The classifier that the near data sets were measured with."""
    first: Suggestion
    """The best arm without new rows."""
    rows: Suggestion | None
    """The best arm with new rows that needs nothing else. None if there is none."""
    with_pool: Suggestion | None
    """The best arm that needs unlabelled text."""
    with_llm: Suggestion | None
    """The best arm with rows of a large language model."""
    ceiling: Suggestion | None
    """What more real rows brought."""
    tried: int
    """The number of arms with new rows that `rows` is the best of."""
    regime: Regime | None
    """All measured data sets with about as many rows and the same balance, whatever their number of classes."""
    pool: str | None
    llm: str | None
    measure: str
    """The command that measures the advice on the user's own rows."""

    @property
    def lines(self) -> list[str]:
        """The advice in ten lines or fewer. A command stands in a line of its own, indented."""
        return [line for part in (self._data(), self._evidence(), self._steps(), self._end()) for line in part]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as plain data, for JSON."""
        choices = {name: getattr(self, name) for name in ("first", "rows", "with_pool", "with_llm", "ceiling")}
        return {
            "name": self.name,
            "shape": dataclasses.asdict(self.shape) | {"ratio": self.shape.ratio},
            "counts": self.inspection.counts,
            "duplicates": self.inspection.duplicates,
            "conflicting": self.inspection.conflicting,
            "words": {str(quantile): number for quantile, number in self.inspection.lengths.items()},
            "encoder": self.encoder,
            "head": self.head,
            "near": [{"task": cell.task, "suite": cell.suite, "rows": cell.rows.model_dump()} for cell in self.near],
            **{name: None if choice is None else choice.to_dict() for name, choice in choices.items()},
            "measure": self.measure,
            "lines": self.lines,
        }

    @property
    def _rival(self) -> str:
        """What the gains of other arms are over."""
        same = all(cell.best == self.first.arm.name for cell in self.near)
        return "it" if same else "the best way without new rows of each data set"

    def _data(self) -> list[str]:
        """Say what the data looks like, and what to clean."""
        shape, found = self.shape, self.inspection
        line = (
            f"{counted(sum(found.counts.values()), 'row')} of {counted(shape.classes, 'class', 'classes')},"
            f" {found.lengths[0.5]} words at the median. {shape.rare!r} has {counted(shape.smallest, 'row')},"
            f" {shape.ratio:.0%} of the largest class."
        )
        if not found.duplicates:  # a text under two labels is one
            return [line]
        repeat = f"Look at these first: {counted(found.duplicates, 'row repeats', 'rows repeat')} an earlier text"
        if not found.conflicting:
            return [line, f"{repeat}."]
        texts = counted(found.conflicting, "text stands", "texts stand")
        return [line, f"{repeat}, and {texts} under more than one label."]

    def _evidence(self) -> list[str]:
        """Say which measured data sets are near."""
        how = f"{self.encoder}, {HEADS.get(self.head, self.head)}"
        if self.near:
            names = "; ".join(map(_described, self.near))
            return [f"Near, of the measured data sets: {names}. Classifier: {how}."]
        lines = [
            f"Nothing measured is near. Of {counted(self.measured, 'data set')} ({how}) the nearest is"
            f" {_described(self.nearest)}, and it differs: {'; '.join(differences(self.shape, self.nearest))}."
        ]
        arms = [] if self.regime is None else [arm for arm in self.regime.arms if arm.gain.low is not None]
        if self.regime is not None and arms:
            best = max(arms, key=lambda arm: arm.gain.mean)
            limit = "or more" if self.regime.below is None else f"to {self.regime.below - 1}"
            lines.append(
                f"Weaker evidence, of data sets with {self.regime.at_least} {limit} rows of the rarest class and any"
                f" number of classes: {best.name} {_points(best.gain)} over the best arm without new rows, on"
                f" {counted(best.sources, 'data set')}."
            )
        return lines

    def _steps(self) -> list[str]:
        """Say what to do first, and whether to add rows."""
        first = self.first
        if not self.near:
            plain = "train on the rows as they are"
            what = plain if first.arm.name == PLAIN else f"{first.arm.name} ({_plain(first.arm.summary)})"
            line = f"A guess, since it was the best way without new rows on that nearest data set: {what}."
            return [line, *_indented(first.command)]
        if first.gain is None:
            lines = ["First: train on the rows as they are. No other loss and no other way to draw rows did better."]
        else:
            lines = [
                f"First, without new rows: {first.arm.name} ({_plain(first.arm.summary)}). {_points(first.gain)} of"
                f" macro-F1 over training on the rows as they are."
            ]
        lines += _indented(first.command)
        if self.rows is not None:
            lines += self._of_rows(self.rows)
        if self.with_pool is not None and self.with_pool.gain is not None:
            lines += self._of_pool(self.with_pool)
        if self.with_llm is not None and self.with_llm.gain is not None:
            lines += self._of_llm(self.with_llm)
        return lines

    def _of_rows(self, rows: Suggestion) -> list[str]:
        """Say whether new rows are worth it."""
        assert rows.gain is not None
        gap = "" if rows.gap is None else f", and the gap changes by {rows.gap:+.1f}"
        made = "" if rows.new_rows is None else f" {rows.new_rows:,} new rows."
        expected = f"{_points(rows.gain)} against {self._rival}{gap}."
        if rows.pays:
            return [
                f"New rows pay: {rows.arm.name} ({_plain(rows.arm.summary)}).{made} {expected}",
                *_indented(rows.command),
            ]
        which = f"the best of {self.tried} ways to make them is" if self.tried > 1 else "the one way measured is"
        if rows.gain.mean > 0:
            return [
                f"New rows may pay or not: {which} {rows.arm.name} ({_plain(rows.arm.summary)}), {expected} Measure"
                " before you add any."
            ]
        return [f"Add no new rows: {which} {rows.arm.name}, {expected}"]

    def _of_pool(self, choice: Suggestion) -> list[str]:
        """Ask for unlabelled text, or say what it is worth."""
        assert choice.gain is not None
        if choice.gain.mean <= 0:
            return []
        expected = f"{_points(choice.gain)} against {self._rival}."
        line = f"Unlabelled texts of this kind{_may(choice)}: {choice.arm.name}, {expected}"
        if self.pool is None:
            return [f"{line} Do you have any? Name their file with `pool`."]
        return [line, *_indented(choice.command)]

    def _of_llm(self, choice: Suggestion) -> list[str]:
        """Say what rows of a large language model are worth, and that they cost."""
        assert choice.gain is not None
        if choice.gain.mean <= 0:
            return []
        expected = f"{_points(choice.gain)} against {self._rival}."
        line = f"Rows of a large language model{_may(choice)}: {choice.arm.name}, {expected}"
        if self.llm is None:
            return [f"{line} They cost money and send your rows away. Name a model with `llm` to count the requests."]
        return [f"{line} Count the requests before you pay for them:", *_indented(choice.command)]

    def _end(self) -> list[str]:
        """Say what real rows are worth, and how to measure."""
        lines = []
        if self.near and self.ceiling is not None and self.ceiling.gain is not None and self.ceiling.gain.mean > 0:
            lines.append(
                f"For comparison, more real rows: {self.ceiling.arm.name} ({_plain(self.ceiling.arm.summary)}),"
                f" {_points(self.ceiling.gain)} against {self._rival}."
            )
        few = {name: texts for name, texts in self.inspection.different.items() if texts < LEAST_TO_MEASURE}
        if few:
            named = ", ".join(f"{name!r} has {texts}" for name, texts in [*few.items()][:5]) + ", …" * (len(few) > 5)
            lines.append(
                f"It cannot be measured on your rows yet: that takes {LEAST_TO_MEASURE} different texts of each class,"
                f" and {named}."
            )
            return lines
        chosen = (self.first, self.rows, None if self.pool is None else self.with_pool)
        arms = [PLAIN, *(choice.arm.name for choice in chosen if choice is not None)]
        lines.append(f"Measure it on your own rows ({', '.join(dict.fromkeys(arms))}):")
        return [*lines, *_indented(self.measure)]


def _indented(command: str | None) -> list[str]:
    return [] if command is None else [f"    {command}"]


def _may(choice: Suggestion) -> str:
    return " pay" if choice.pays else " may pay or not"


def _plain(summary: str) -> str:
    """Return what a summary says, without the word before its colon."""
    return summary.partition(": ")[2] if summary.startswith(("ceiling: ", "control: ")) else summary


def _points(gain: Points) -> str:
    """Write a gain with its interval."""
    if gain.low is None or gain.high is None:
        return f"{gain.mean:+.1f} points (no interval: too few seeds)"
    return f"{gain.mean:+.1f} points ({gain.low:.1f} to {gain.high:.1f})"


def _described(cell: MeasuredCell) -> str:
    return f"{cell.task} ({counted(cell.rows.smallest, 'row')} of the rarest of {cell.classes} classes)"
