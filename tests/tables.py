"""Whole tables: written, and fingerprinted."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write(table: Any, path: Path) -> None:
    """Write a whole table."""
    from augment.corpus import batches
    from augment.output import write_batches

    write_batches(table.features, batches(table), path)


def fingerprint(table):
    """Return the fingerprint of a whole table."""
    from augment import corpus
    from augment.fingerprint import fingerprint

    return fingerprint(table.features, corpus.batches(table))
