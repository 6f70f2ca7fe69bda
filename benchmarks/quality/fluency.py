"""Measure whether new rows read like real ones: told apart by a judge, and their distance from the sources."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from augment._version import __version__
from augment.errors import InputError
from augment.files import staged_text
from augment.guards.selection import choice
from augment.models.revisions import folder_hash
from augment.plain_data import read_json
from augment.registry import STRATEGIES
from benchmarks.quality.compared_rows import CONTROLS, ClassOfFile, NamedStrategy, Pair, halves, made_pairs
from benchmarks.quality.distance import distance, equally_changed
from benchmarks.quality.told_apart import FOLDS, SETTINGS, told_apart

KEYS = ("set", "arm", "strategy", "guards", "seed", "rows", "equal_changes", "distance", "told_apart")
"""What a result has besides what identifies it."""
Result = dict[str, Any]
"""The result of one arm on one set, as plain data."""
Log = Callable[[str], None]


@dataclass(frozen=True)
class MadeSet:
    """The new rows of every arm on one data set."""

    name: str
    pairs: dict[str, list[Pair]]
    """By the name of the arm."""
    seed: int


def arms_of(named: Sequence[NamedStrategy]) -> list[NamedStrategy]:
    """Return the arms to measure: the named ones, or fill-mask at its defaults, and then the `CONTROLS`.

    Parameters
    ----------
    named : sequence of NamedStrategy

    Returns
    -------
    list of NamedStrategy

    Raises
    ------
    InputError
        If two arms have one name.
    """
    arms = [
        *(named or [NamedStrategy.parsed("fillmask")]),
        *(NamedStrategy(name, spec) for name, spec in CONTROLS.items()),
    ]
    names = [arm.name for arm in arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"There are two arms {twice[0]!r}. {', '.join(CONTROLS)} are always there. Give another name.")
    return arms


def made_set(
    chosen: ClassOfFile,
    arms: Sequence[NamedStrategy],
    *,
    rows: int,
    seed: int = 0,
    guards: Sequence[str] | None = None,
    equal_changes: bool = False,
    log: Log | None = None,
) -> MadeSet:
    """Make the new rows of every arm on one data set.

    Parameters
    ----------
    chosen : ClassOfFile
    arms : sequence of NamedStrategy
    rows : int
        The number of new rows of each arm; fewer if the class has fewer than twice as many rows.
    seed : int, default=0
    guards : sequence of str, optional
        See `augment.guards.selection.select`; arms that copy have none of them.
    equal_changes : bool, default=False
        Thin the arms out to equal shares of changed words; see `equally_changed`.
    log : callable, optional
        Called with a line for each arm.

    Returns
    -------
    MadeSet

    Raises
    ------
    CounterpoiseError
        If the data, an arm or a guard cannot be used.
    """
    say = log or (lambda line: None)
    choice(guards)
    both = halves(chosen, rows=rows, seed=seed)
    total = sum(both.wanted.values())
    if both.near_copies:
        say(f"{both.name}: {both.near_copies:,} rows that nearly repeat an earlier one are left out.")
    if total < rows:
        say(f"{both.name}: half of the rows are {total:,}, so each arm makes {total:,} new rows, not {rows:,}.")
    pairs, copies = [], []
    for arm in arms:
        strategy, start = arm.strategy(), time.perf_counter()
        copies.append(strategy.copies)
        pairs.append(made_pairs(both, strategy, guards=guards))
        say(f"{both.name}: {arm.name}: {len(pairs[-1]):,} new rows in {time.perf_counter() - start:.0f} s.")
    if equal_changes:
        pairs = equally_changed(pairs, copies=copies, seed=seed)
        say(f"{both.name}: {len(pairs[0]):,} rows of each arm have equal shares of changed words.")
    return MadeSet(both.name, dict(zip([arm.name for arm in arms], pairs, strict=True)), seed)


class FluencyResults:
    """The results of a measurement, kept in a JSON file if one is named.

    Parameters
    ----------
    path : Path, optional
        Results that it has already are kept, and are not computed again.

    Raises
    ------
    InputError
        If the file has something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.records: list[Result] = []
        if path is None or not path.exists():
            return
        try:
            self.records = read_json(path)
            sound = all(record["key"] and all(name in record for name in KEYS) for record in self.records)
        except (ValueError, TypeError, KeyError):
            sound = False
        if not sound:
            raise InputError(f"{path}: does not hold results of `benchmarks fluency`. Give another file.")

    def told_apart(self, key: str) -> dict[str, Any] | None:
        """Return what a judge has shown on exactly these rows, if it has been asked."""
        found = (record["told_apart"] for record in self.records if record["key"] == key)
        return next((one for one in found if one is not None), None)

    def add(self, record: Result) -> None:
        """Add a result, in the place of an earlier one of the same arm and set, and write the file."""
        place = (record["set"], record["arm"])
        self.records = [one for one in self.records if (one["set"], one["arm"]) != place] + [record]
        if self.path is not None:
            with staged_text(json.dumps(self.records, indent=2, ensure_ascii=False, allow_nan=False) + "\n", self.path):
                pass


def measure(
    made: MadeSet,
    arms: Sequence[NamedStrategy],
    results: FluencyResults,
    *,
    encoder: str | None = "mini",
    folds: int = FOLDS,
    guards: Sequence[str] | None = None,
    equal_changes: bool = False,
    log: Log | None = None,
) -> list[Result]:
    """Measure every arm on one data set. Each result is written when it is there.

    Parameters
    ----------
    made : MadeSet
    arms : sequence of NamedStrategy
        Those of `made`.
    results : FluencyResults
    encoder : str, optional
        The encoder of the judge. None leaves the judge out.
    folds : int, default=5
    guards, equal_changes
        Recorded.
    log : callable, optional
        Called with a line for each arm and fold.

    Returns
    -------
    list of dict
        In the order of `arms`.

    Raises
    ------
    CounterpoiseError
        If the encoder cannot be opened, or the file cannot be written.
    """
    found = []
    for arm in arms:
        pairs = made.pairs[arm.name]
        key, shown = "-", None
        if encoder is not None:
            rows = [[pair.new, pair.source_row, pair.real, pair.real_row] for pair in pairs]
            key = _digest([__version__, rows, SETTINGS, encoder, folder_hash(encoder), folds, made.seed])
            shown = results.told_apart(key)
            if shown is None:
                told = None if log is None else _named(log, f"{made.name}: {arm.name}")
                shown = _plain(told_apart(pairs, encoder, folds=folds, seed=made.seed, log=told))
        found.append(
            {
                "set": made.name,
                "arm": arm.name,
                "strategy": STRATEGIES.to_config(arm.strategy()),
                "guards": None if guards is None else list(guards),
                "seed": made.seed,
                "rows": len(pairs),
                "equal_changes": equal_changes,
                "distance": _plain(distance(pairs)),
                "told_apart": shown,
                "encoder": encoder,
                "folds": folds,
                "key": key,
            }
        )
        results.add(found[-1])
    return found


def _plain(figures: Any) -> dict[str, Any]:
    """Return the figures of a dataclass for JSON; those that cannot be computed are null."""
    return {name: value if math.isfinite(value) else None for name, value in asdict(figures).items()}


def _digest(content: Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _named(log: Log, name: str) -> Log:
    """Return a log whose lines begin with a name."""
    return lambda line: log(f"{name}: {line}")
