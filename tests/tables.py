"""Whole tables: written, and fingerprinted."""

from __future__ import annotations

from pathlib import Path
from typing import Any


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
