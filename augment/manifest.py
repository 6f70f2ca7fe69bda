"""What was asked, what was made, from what, with what: one JSON file beside every output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from augment.identity import installed_versions

SCHEMA = 1


@dataclass(kw_only=True)
class Manifest:
    """The record of one run; `to_json` is what is written."""

    input: dict[str, Any]
    """Name, fingerprint, rows, rows kept out, empty texts, columns."""
    against: list[dict[str, Any]]
    """Name and rows of each held-out file."""
    strategy: dict[str, Any]
    """Name, parameters, and what it says of its model."""
    guards: list[dict[str, Any]]
    """Name and parameters, in the order in which they were asked."""
    sampling_strategy: Any
    seed: int
    max_per_source: int | None
    only_synthetic: bool
    counts_before: dict[str, int]
    counts_after: dict[str, int]
    made: dict[str, int]
    missing: dict[str, dict[str, Any]]
    """Class → rows missing and why; empty when the budget was met."""
    rejected: dict[str, int]
    """Guard → candidates rejected."""
    seconds: float
    """Wall time of making the rows, models opened included."""
    encoder: dict[str, Any] | None = None
    """Of a vector strategy: parameters, and what identifies the model."""
    decode: str | None = None
    """Of a vector strategy: how its vectors were looked up."""
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())

    def to_json(self) -> str:
        """Return the manifest as indented JSON with a final newline."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False, default=str) + "\n"


def manifest_path(output: Path) -> Path:
    """Return where the manifest of an output stands.

    Examples
    --------
    >>> manifest_path(Path("out/balanced.csv")).as_posix()
    'out/balanced.csv.manifest.json'
    """
    return output.with_name(output.name + ".manifest.json")
