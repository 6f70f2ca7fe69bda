"""Write the map of what paid, `augment/advice/map.json`, from folders of results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

from augment.advice.measured import (
    PLAIN,
    MadeFrom,
    MeasuredArm,
    MeasuredCell,
    PayMap,
    Points,
    Regime,
    RegimeArm,
    RowsOfAClass,
)
from augment.errors import InputError
from benchmarks.grid.arms import Arm, built_in
from benchmarks.report.gains import across_tasks, data_set
from benchmarks.report.summary import ArmResults, GroupResults, f1_on_test, gap, groups
from benchmarks.results import Record, Results, file_in, read

LOSS = "cross-entropy"
"""Cells with another loss are left out: in the suites of the map a loss is an arm."""
BALANCED = 0.5
"""A class with fewer rows than this share of the largest is rare."""
BOUNDS = (1, 8, 15, 35, 75, 150, 350, 750, 1500)
"""The first numbers of rows of the smallest class of each regime. 5, 10, 20, 50, 100 and so on lie inside."""
PLACES = 2
"""Decimal places of points."""
_Needs = Literal["labels", "llm", "pool"]
ADDING = ("sampling_strategy", "C")
"""Settings of a suite that hold for arms that do not set them."""
CONTROLS = ("wrong-label", "rebalanced-others")
"""Values of `Arm.rows` of arms that nobody would use."""


def make_map(folders: Sequence[Path]) -> PayMap:
    """Make the map of what paid.

    Parameters
    ----------
    folders : sequence of Path
        Folders of results, at least one.

    Returns
    -------
    PayMap
        The same for the same results, in any order.

    Raises
    ------
    InputError
        If there are no results, two folders hold results of one suite, or no cell can be compared.
    """
    sources = sorted((_suite(found, folder), folder, found) for folder in folders for found in [read(folder)])
    names = [name for name, _, _ in sources]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two folders hold results of the suite {name!r}. Give one of them.")
    cells = [cell for name, _, found in sources for group in groups(found) for cell in _cell(name, group)]
    if not cells:
        raise InputError("No data set has two seeds of an arm with new rows and of one without. Run more seeds.")
    return PayMap(
        made_from=[
            MadeFrom(
                suite=name,
                results=hashlib.sha256(file_in(folder).read_bytes()).hexdigest()[:16],
                versions=_versions(found.done.values()),
            )
            for name, folder, found in sources
        ],
        cells=cells,
        regimes=_regimes(cells),
    )


def _suite(results: Results, folder: Path) -> str:
    return str(results.suite.get("name", folder.name))


def _versions(records: Any) -> dict[str, list[str]]:
    """Return the versions of each library in the records, sorted."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record["versions"].items():
            found.setdefault(name, set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def _cell(suite: str, group: GroupResults) -> list[MeasuredCell]:
    """Return the cell of a group; an empty list if it cannot be compared."""
    task, encoder, head, loss = group.key
    known = built_in()
    needs = {arm.name: _needs(known.get(arm.name)) for arm in group.arms}
    plain = GroupResults(
        group.key, [arm for arm in group.arms if not arm.makes_rows and not needs[arm.name]], group.results
    )
    best = plain.best_without_rows
    if loss != LOSS or best is None:
        return []
    rows = sorted(best.any["rows"]["train"].values())
    arms = [_arm(group, arm, best.name, known.get(arm.name), needs[arm.name]) for arm in group.arms]
    if not any(arm.gain is not None for arm in arms):
        return []
    return [
        MeasuredCell(
            suite=suite,
            task=task,
            source=data_set(group),
            classes=len(rows),
            rows=RowsOfAClass(smallest=rows[0], median=float(median(rows)), largest=rows[-1]),
            rare_classes=sum(count < BALANCED * rows[-1] for count in rows),
            encoder=encoder,
            head=head,
            training=dict(group.results.suite.get("training", {})),
            adding={name: group.results.suite[name] for name in ADDING if name in group.results.suite},
            best=best.name,
            arms=arms,
        )
    ]


def _arm(group: GroupResults, arm: ArmResults, best: str, known: Arm | None, needs: list[_Needs]) -> MeasuredArm:
    """Return what an arm brought."""
    plain = group.arm(PLAIN)
    if known is not None:
        settings = known.model_dump(mode="json", exclude={"name", "summary"}, exclude_defaults=True)
    else:
        settings = {} if plain is None else {"training": _difference(arm.any["config"], plain.any["config"])}
    ways = settings.get("training", {}).get("augmentation") or {}
    if ways.get("strategy") and "sampling_strategy" in group.results.suite:
        ways.setdefault("sampling_strategy", group.results.suite["sampling_strategy"])
    return MeasuredArm(
        name=arm.name,
        summary=str(arm.any["summary"]) if known is None else known.summary,
        makes_rows=arm.makes_rows,
        needs=needs,
        control=(arm.name if known is None else known.rows) in CONTROLS,
        settings=settings,
        seeds=len(arm.seeds),
        f1=round(fmean(arm.values(f1_on_test)), PLACES),
        gain=_gain(group, arm.name, best, f1_on_test),
        over_none=_gain(group, arm.name, PLAIN, f1_on_test),
        gap=_gain(group, arm.name, best, gap),
    )


def _needs(arm: Arm | None) -> list[_Needs]:
    """Return what an arm needs beside the training rows. Of an arm that is not built in this is not known."""
    if arm is None:
        return []
    needs: dict[_Needs, bool] = {
        "labels": arm.takes_left_out_rows,
        "llm": arm.replays is not None,
        "pool": arm.takes_pool,
    }
    return [what for what, needed in needs.items() if needed]


def _gain(group: GroupResults, name: str, base: str, of: Callable[[Record], float]) -> Points | None:
    """Return how much an arm differs from another one. With a single seed in common there is no interval."""
    if name == base:
        return None
    found = group.change(name, base, of)
    if found is not None:
        return Points(mean=round(found.mean, PLACES), low=round(found.low, PLACES), high=round(found.high, PLACES))
    arm, other = group.arm(name), group.arm(base)
    common = [] if arm is None or other is None else [seed for seed in arm.seeds if seed in other.cells]
    if arm is None or other is None or not common:
        return None
    return Points(mean=round(fmean(arm.values(of, common)) - fmean(other.values(of, common)), PLACES))


def _difference(config: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an arm that differ from those of the plain training."""
    return {name: value for name, value in config.items() if value != plain.get(name) and name != "seed"}


def _regimes(cells: Sequence[MeasuredCell]) -> list[Regime]:
    """Put cells together that are alike in rows of the smallest class and in balance, over their sources."""
    found: dict[tuple[str, str, bool, int], list[MeasuredCell]] = {}
    for cell in cells:
        place = sum(cell.rows.smallest >= bound for bound in BOUNDS) - 1
        found.setdefault((cell.encoder, cell.head, cell.ratio >= BALANCED, place), []).append(cell)
    return [
        Regime(
            at_least=BOUNDS[place],
            below=BOUNDS[place + 1] if place + 1 < len(BOUNDS) else None,
            balanced=balanced,
            encoder=encoder,
            head=head,
            arms=_over_sources(alike),
        )
        for (encoder, head, balanced, place), alike in sorted(found.items())
    ]


def _over_sources(cells: Sequence[MeasuredCell]) -> list[RegimeArm]:
    """Return the mean gain of each arm over the sources of its cells, in the order of the arms."""
    gains: dict[str, dict[str, list[float]]] = {}
    makes_rows = {arm.name: arm.makes_rows for cell in cells for arm in cell.arms}
    for cell in cells:
        for arm in cell.arms:
            if arm.gain is not None and not arm.control and not arm.needs:
                gains.setdefault(arm.name, {}).setdefault(cell.source, []).append(arm.gain.mean)
    return [
        RegimeArm(name=name, makes_rows=makes_rows[name], sources=len(means), gain=_mean([*map(fmean, means.values())]))
        for name, means in gains.items()
    ]


def _mean(means: Sequence[float]) -> Points:
    """Return the mean over sources, and the interval over sources like these; of a single source there is none."""
    if len(means) < 2:
        return Points(mean=round(means[0], PLACES))
    found = across_tasks(means, [0.0] * len(means)).mean
    return Points(mean=round(found.mean, PLACES), low=round(found.low, PLACES), high=round(found.high, PLACES))
