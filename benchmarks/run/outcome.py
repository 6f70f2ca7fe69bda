"""`Trained`, the parts of a training's result that a record of a cell needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.grid.sources import LabelledRows
from benchmarks.results import Record


class Trained(NamedTuple):
    """The result of a training and its tests."""

    best: Record
    """The evaluation of the kept weights, a record of `classifiers.training.history.recorded`."""
    last: Record
    mean_gap: float | None
    history: list[Record]
    probabilities: dict[str, np.ndarray]
    """The probabilities of each test set: (n, classes)."""
    seconds: float
    """Seconds of the training, without the tests."""
    rows_seen: int
    """The number of rows in all steps together."""
    made: dict[str, Any]
    """The numbers of new rows, see `new_row_counts`."""
    model: dict[str, str]
    """The identity of the encoder, with its device and dtype."""


def outcome_of(result: Any, probabilities: dict[str, np.ndarray], rows: dict[str, Any]) -> Trained:
    """Return the parts of a training's result that a record needs."""
    config = result.config
    seen = result.last["step"] * config.batch_size * config.gradient_accumulation
    return Trained(
        result.best,
        result.last,
        result.mean_gap,
        result.history,
        probabilities,
        result.seconds,
        seen,
        new_row_counts(rows),
        result.checkpoint.identity(),
    )


def new_row_counts(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of new rows, summed over all sets."""
    made = rows.get("made", {})
    reports = made if isinstance(made, list) else [{"made": made}] if made else []
    return {
        "made": _summed(report.get("made", {}) for report in reports),
        "missing": _summed({k: v["rows"] for k, v in report.get("missing", {}).items()} for report in reports),
        "rejected": _summed(report.get("rejected", {}) for report in reports),
        "seconds": round(sum(report.get("seconds", 0.0) for report in reports), 2),
        "no_sources": rows.get("no_sources", 0),
        "sets": len(reports),
    }


def _summed(counts: Any) -> dict[str, int]:
    """Add up counts by name."""
    totals: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            totals[name] = totals.get(name, 0) + count
    return totals


def class_codes(rows: LabelledRows, classes: list[str]) -> np.ndarray:
    """Return the class of each row as its place in `classes`; int64, (n,)."""
    return np.array([classes.index(label) for label in rows.labels], dtype=np.int64)
