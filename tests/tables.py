"""Small tables, and whole tables written and fingerprinted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, Value


def labelled(texts: list[str | None], labels: list | None = None) -> Dataset:
    """Return a table of these texts, all neutral unless labels are given."""
    return Dataset.from_dict({"text": texts, "label": labels or ["neutral"] * len(texts)})


def classed() -> Dataset:
    """Return a table whose labels are a `ClassLabel`."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=["negative", "neutral", "mixed"])})
    return Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, 1]}, features=features)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, and return its path."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write(table: Any, path: Path) -> None:
    """Write a whole table."""
    from augment.data.table_columns import batches
    from augment.data.writing import write_batches

    write_batches(table.features, batches(table), path)


def fingerprint(table):
    """Return the fingerprint of a whole table."""
    from augment.data.fingerprint import fingerprint
    from augment.data.table_columns import batches

    return fingerprint(table.features, batches(table))
