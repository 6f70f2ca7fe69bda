"""Summarise the results of a folder: arms, groups of arms, and comparisons within a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev
from typing import Any

import numpy as np

from benchmarks.grid.arms import built_in
from benchmarks.report.looks import boundary, reached, total_error
from benchmarks.report.significance import (
    LEAST_SEEDS,
    LEVEL,
    Comparison,
    Interval,
    hierarchical_bootstrap,
    holm,
    paired_interval,
    upper_bound,
    verdict_of,
    wilcoxon,
)
from benchmarks.results import Record, Results, unpacked

BASE = "none"
"""The arm that the others are compared with."""
Group = tuple[str, str, str, str]
"""Task, encoder, head, loss."""


@dataclass(frozen=True, eq=False)
class ArmResults:
    """One arm of a group, over its seeds."""

    name: str
    cells: dict[int, Record]
    """By seed, ascending."""

    @property
    def seeds(self) -> list[int]:
        """The seeds that it was measured with."""
        return list(self.cells)

    @cached_property
    def any(self) -> Record:
        """One of its records, for values that are the same in all."""
        return next(iter(self.cells.values()))

    @property
    def makes_rows(self) -> bool:
        """Whether it learns from new texts or vectors."""
        return bool(self.any["makes_rows"])

    def values(self, of: Callable[[Record], float | None], seeds: Sequence[int] | None = None) -> list[float]:
        """Return a number of each seed that has it."""
        values = (of(self.cells[seed]) for seed in (self.seeds if seeds is None else seeds))
        return [float(value) for value in values if value is not None]

    def mean(self, of: Callable[[Record], float | None]) -> float | None:
        """Return the mean of a number over the seeds; None if no seed has it."""
        values = self.values(of)
        return fmean(values) if values else None

    def spread(self, of: Callable[[Record], float | None]) -> float | None:
        """Return its standard deviation over the seeds; None with fewer than two."""
        values = self.values(of)
        return stdev(values) if len(values) > 1 else None


def f1_on_test(record: Record) -> float:
    """Return macro-F1 on the task's own test rows, in points."""
    return 100 * float(own_test(record)["macro_f1"])


def own_test(record: Record) -> dict[str, Any]:
    """Return the scores on the task's own test rows."""
    scores: dict[str, Any]
    scores, *_ = record["tests"].values()
    return scores


def rare_classes(record: Record) -> list[str]:
    """Return the rare classes. A record has the name of one, or a list of several."""
    rare = record["rare"]
    return [rare] if isinstance(rare, str) else list(rare)


def rare_f1(record: Record) -> float:
    """Return the mean F1 of the rare classes on the task's own test rows, in points."""
    return 100 * fmean(float(own_test(record)["f1"][name]) for name in rare_classes(record))


def validation_f1(record: Record) -> float:
    """Return macro-F1 of the kept weights on the validation rows, in points."""
    return 100 * float(record["best"]["validation"]["macro_f1"])


def train_f1(record: Record) -> float:
    """Return macro-F1 of the kept weights on original training rows, in points."""
    return 100 * float(record["best"]["train"]["macro_f1"])


def gap(record: Record) -> float:
    """Return the overfitting gap of the kept weights, in points."""
    return float(record["best"]["gap"])


def last_gap(record: Record) -> float:
    """Return the overfitting gap at the last evaluation, in points."""
    return float(record["last"]["gap"])


def last_train_f1(record: Record) -> float:
    """Return macro-F1 on original training rows at the last evaluation, in points."""
    return 100 * float(record["last"]["train"]["macro_f1"])


def last_loss_gap(record: Record) -> float:
    """Return the loss on validation rows minus that on original training rows, at the last evaluation, in nats."""
    return float(record["last"]["loss_gap"])


def mean_gap(record: Record) -> float | None:
    """Return the mean overfitting gap of the training: the area between the curves by their length, in points."""
    value: float | None = record["mean_gap"]
    return value


@dataclass(frozen=True, eq=False)
class GroupResults:
    """The arms that were trained and tested on the same rows."""

    key: Group
    arms: list[ArmResults]
    results: Results

    @property
    def title(self) -> str:
        """The name of the group in tables."""
        return " · ".join(self.key)

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which the suite is judged; empty for a suite that is judged once."""
        return tuple(self.results.suite.get("looks") or ())

    def arm(self, name: str) -> ArmResults | None:
        """Return an arm by its name, or None if the group does not have it."""
        return next((arm for arm in self.arms if arm.name == name), None)

    @cached_property
    def best_without_rows(self) -> ArmResults | None:
        """The arm without new rows whose mean macro-F1 on the *validation* rows is highest.

        Only arms with enough seeds for a verdict count, or else arms with two seeds. The mean is over the seeds that
        all of them have. The arm may be `none`. None if the arms have no seed in common.
        """
        plain = [arm for arm in self.arms if not arm.makes_rows and len(arm.seeds) > 1]
        plain = [arm for arm in plain if len(arm.seeds) >= LEAST_SEEDS] or plain
        common = sorted(set.intersection(*(set(arm.seeds) for arm in plain))) if plain else []
        return max(plain, key=lambda arm: fmean(arm.values(validation_f1, common))) if common else None

    def change(self, name: str, base: str, of: Callable[[Record], float | None]) -> Interval | None:
        """Return how a number of an arm differs from that of another, paired by seed; None if too few seeds have it."""
        arm, other = self.arm(name), self.arm(base)
        if arm is None or other is None:
            return None
        pairs = [(of(arm.cells[seed]), of(other.cells[seed])) for seed in arm.seeds if seed in other.cells]
        known = [(one, other) for one, other in pairs if one is not None and other is not None]
        return paired_interval(*zip(*known, strict=True)) if len(known) > 1 else None

    @cached_property
    def against_base(self) -> dict[str, Comparison]:
        """Each arm against `none`, by its name."""
        return self.against(self.arm(BASE))

    @cached_property
    def against_best(self) -> dict[str, Comparison]:
        """Each arm against the best arm without new rows, by its name."""
        return self.against(self.best_without_rows)

    def against(self, other: ArmResults | None) -> dict[str, Comparison]:
        """Compare all arms with another one, over the seeds that both have. Arms with fewer than two are left out.

        Parameters
        ----------
        other : ArmResults or None
            None compares nothing.

        Returns
        -------
        dict of str to Comparison
            By the arm's name. Holm's correction is over all of them.
        """
        if other is None:
            return {}
        comparisons = {}
        for arm, seeds, f1, adjusted in self._f1_against(other):
            own, others = arm.values(gap, seeds), other.values(gap, seeds)
            comparisons[arm.name] = Comparison(
                seeds=len(seeds),
                f1=f1,
                gap=paired_interval(own, others, confidence=1 - self.level()),
                gap_upper=upper_bound(own, others, confidence=1 - self.level(2 * LEVEL) / 2),
                bootstrap=self._bootstrap(arm, other, seeds),
                wilcoxon=wilcoxon(arm.values(f1_on_test, seeds), other.values(f1_on_test, seeds)),
                adjusted=adjusted,
                judged=not self.looks or len(seeds) in self.looks,
            )
        return comparisons

    def decided(self) -> dict[str, int]:
        """Return the arms whose comparison with `none` is decided at a look, and the number of seeds there.

        Empty for a suite without looks.
        """
        base = self.arm(BASE)
        if base is None or not self.looks:
            return {}
        return {
            arm.name: len(seeds)
            for arm, seeds, f1, adjusted in self._f1_against(base)
            if len(seeds) in self.looks and verdict_of(f1, adjusted, 0.0, len(seeds)) not in ("", "no evidence")
        }

    def _f1_against(self, other: ArmResults) -> list[tuple[ArmResults, list[int], Interval, float]]:
        """Return the arms that share two seeds with another one, these seeds, the change of F1, and its p after Holm.

        In a suite with looks, the seeds are those of the last look that both have reached; before the first look, all.
        """
        found = []
        for arm in self.arms:
            seeds = [seed for seed in arm.seeds if seed in other.cells]
            seeds = list(range(reached(self.looks, seeds))) or seeds
            if arm is not other and len(seeds) > 1:
                values = (one.values(f1_on_test, seeds) for one in (arm, other))
                found.append((arm, seeds, paired_interval(*values, confidence=1 - self.level())))
        adjusted = holm([total_error(f1.p, self.looks) if self.looks else f1.p for _, _, f1 in found])
        return [(arm, seeds, f1, p) for (arm, seeds, f1), p in zip(found, adjusted, strict=True)]

    def level(self, error: float = LEVEL) -> float:
        """Return the two-sided level of a look, so that all looks together have this error."""
        return boundary(self.looks, error) if self.looks else error

    def _bootstrap(self, arm: ArmResults, other: ArmResults, seeds: Sequence[int]) -> tuple[float, float]:
        """Return the bootstrap interval over seeds and test rows."""
        test, *_ = arm.any["tests"]
        truth = [self.results.truth(arm.cells[seed], test) for seed in seeds]
        own, others = (
            [unpacked(one.cells[seed]["predicted"][test]).astype(np.int64) for seed in seeds] for one in (arm, other)
        )
        return hierarchical_bootstrap(truth, own, others, len(arm.any["classes"]))


def groups(results: Results) -> list[GroupResults]:
    """Group the results of a folder.

    Parameters
    ----------
    results : Results

    Returns
    -------
    list of GroupResults
        Sorted by name. Arms have the order of `benchmarks/grid/arms.yaml`; others follow by name.
    """
    order = {name: place for place, name in enumerate(built_in())}
    records: dict[Group, dict[str, dict[int, Record]]] = {}
    for record in results.done.values():
        key = (record["task"], record["encoder"], record["head"], record["loss"])
        records.setdefault(key, {}).setdefault(record["arm"], {})[record["seed"]] = record
    return [
        GroupResults(
            key,
            [
                ArmResults(name, dict(sorted(arms[name].items())))
                for name in sorted(arms, key=lambda name: (order.get(name, len(order)), name))
            ],
            results,
        )
        for key, arms in sorted(records.items())
    ]
