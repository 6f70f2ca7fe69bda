"""What is recorded of one training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.grid.tasks import LabelledRows
from benchmarks.results import Record


class Trained(NamedTuple):
    """What a training came to."""

    best: Record
    """The evaluation of the weights that were kept, as `classifiers.training.history.recorded` has it."""
    last: Record
    mean_gap: float | None
    history: list[Record]
    probabilities: dict[str, np.ndarray]
    """Of each test set: (n, classes)."""
    seconds: float
    """Of the training, without the tests."""
    rows_seen: int
    """Rows that it learnt from, those of each step."""
    made: dict[str, Any]
    """What is told of new rows."""
    model: dict[str, str]
    """What identifies the encoder, and what it was computed in."""


def outcome_of(result: Any, probabilities: dict[str, np.ndarray], rows: dict[str, Any]) -> Trained:
    """Take what is kept of a training's result."""
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
    """Return what is told of new rows: of all sets that were made, together."""
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
    """Add counts up by name."""
    totals: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            totals[name] = totals.get(name, 0) + count
    return totals


def class_codes(rows: LabelledRows, classes: list[str]) -> np.ndarray:
    """Return the class of each row as its place in `classes`; int64, (n,)."""
    return np.array([classes.index(label) for label in rows.labels], dtype=np.int64)
