"""Compare two folders of results: what changed, and whether it may be noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from augment.errors import InputError
from augment.identity import difference
from benchmarks.report.significance import LEAST_SEEDS, Interval, holm, paired_interval
from benchmarks.report.summary import ArmResults, f1_on_test, gap, groups
from benchmarks.results import Record, Results


@dataclass(frozen=True)
class Change:
    """The change of one arm that is in both folders."""

    group: str
    arm: str
    seeds: int
    """The number of seeds that both have."""
    before: float
    """Mean macro-F1, in points."""
    after: float
    f1: Interval | None
    """The interval of the change, paired by seed; None with one seed."""
    gap: Interval | None
    adjusted: float | None
    """p of the change in macro-F1 after Holm, over the arms that are in both."""

    @property
    def verdict(self) -> str:
        """The change in words."""
        if self.f1 is not None and self.f1.mean == 0 == self.f1.high:
            return "the same"
        if self.f1 is None or self.adjusted is None or self.seeds < LEAST_SEEDS:
            return f"fewer than {LEAST_SEEDS} seeds"
        if self.adjusted > 0.05:
            return "may be noise"
        return "better" if self.f1.mean > 0 else "worse"


@dataclass(frozen=True)
class Changes:
    """The changes of all arms that are in both folders, and notes on other differences."""

    changes: list[Change]
    notes: list[str]

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return headings and cells."""
        rows = [
            [
                one.group,
                one.arm,
                one.seeds,
                f"{one.before:.1f}",
                f"{one.after:.1f}",
                "" if one.f1 is None else f"{one.f1.mean:+.1f} ({one.f1.low:+.1f} to {one.f1.high:+.1f})",
                "" if one.gap is None else f"{one.gap.mean:+.1f} ({one.gap.low:+.1f} to {one.gap.high:+.1f})",
                one.verdict,
            ]
            for one in self.changes
        ]
        return ["", "arm", "seeds", "before", "after", "change", "change of the gap", ""], rows

    def to_dict(self) -> dict[str, Any]:
        """Return the changes as plain data."""
        return {
            "notes": self.notes,
            "changes": [
                {
                    **{name: getattr(one, name) for name in ("group", "arm", "seeds", "before", "after", "verdict")},
                    "f1": one.f1 and one.f1._asdict(),
                    "gap": one.gap and one.gap._asdict(),
                    "p_holm": one.adjusted,
                }
                for one in self.changes
            ],
        }


def compare(before: Results, after: Results) -> Changes:
    """Compare two folders of results, arm by arm.

    Parameters
    ----------
    before, after : Results

    Returns
    -------
    Changes

    Raises
    ------
    InputError
        If no arm was measured in both with the same seed.
    """
    earlier = {group.key: group for group in groups(before)}
    pairs: list[tuple[str, ArmResults, ArmResults, list[int]]] = []
    notes = []
    if differs := difference(before.suite, after.suite):
        notes.append(f"The suites differ: {differs}.")
    for group in groups(after):
        for arm in group.arms:
            other = earlier[group.key].arm(arm.name) if group.key in earlier else None
            seeds = [seed for seed in arm.seeds if other is not None and seed in other.cells]
            if other is None:
                notes.append(f"{group.title} · {arm.name}: only after.")
            elif not seeds:
                notes.append(f"{group.title} · {arm.name}: no seed is in both.")
            else:
                pairs.append((group.title, other, arm, seeds))
    for old in earlier.values():
        new = {arm.name for group in groups(after) if group.key == old.key for arm in group.arms}
        notes += [f"{old.title} · {arm.name}: only before." for arm in old.arms if arm.name not in new]
    if not pairs:
        raise InputError(f"{before.path} and {after.path} have no arm in common with the same seed.")
    for title, earlier_arm, arm, seeds in pairs:
        for what in ("data", "config", "model", "versions", "hardware"):
            differences = {seed: difference(earlier_arm.cells[seed][what], arm.cells[seed][what]) for seed in seeds}
            apart = [seed for seed in seeds if differences[seed]]
            if apart:
                where = f"seed {apart[0]}" + (f" and {len(apart) - 1} more" if len(apart) > 1 else "")
                notes.append(f"{title} · {arm.name}: in {what}, at {where}: {differences[apart[0]]}.")
    f1 = [_change(f1_on_test, old, new, seeds) for _, old, new, seeds in pairs]
    adjusted = iter(holm([interval.p for interval in f1 if interval is not None]))
    changes = [
        Change(
            title,
            new.name,
            len(seeds),
            sum(old.values(f1_on_test, seeds)) / len(seeds),
            sum(new.values(f1_on_test, seeds)) / len(seeds),
            interval,
            _change(gap, old, new, seeds),
            None if interval is None else next(adjusted),
        )
        for (title, old, new, seeds), interval in zip(pairs, f1, strict=True)
    ]
    return Changes(changes, notes)


def _change(of: Callable[[Record], float], old: ArmResults, new: ArmResults, seeds: list[int]) -> Interval | None:
    """Return the change of a number, paired by seed; None with one seed."""
    return paired_interval(new.values(of, seeds), old.values(of, seeds)) if len(seeds) > 1 else None
