"""The pages of results, made from the committed results: what `benchmarks report` writes, as Markdown with pictures."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from staging import ROOT


def write_results(folder: Path, kept: Path) -> None:
    """Write the report of each folder of results into the site's pages.

    A report is made once: `kept` holds it until the results, or the code that makes reports, change.
    """
    found = sorted(path.parent for path in (ROOT / "docs" / "results").glob("*/results.jsonl*"))
    with ProcessPoolExecutor() as pool:
        for name, made in zip([one.name for one in found], pool.map(report, found, [kept] * len(found)), strict=True):
            shutil.copytree(made, folder / "results" / name, dirs_exist_ok=True)


def report(results: Path, kept: Path) -> Path:
    """Return the folder of a report. It is made if it is not among those kept."""
    from benchmarks.report.writing import write
    from benchmarks.results import read

    sources = [*results.glob("results.jsonl*"), *(ROOT / "benchmarks").rglob("*.py")]
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sorted(sources)))
    made = kept / f"{results.name}-{digest.hexdigest()[:16]}"
    if not made.exists():
        unfinished = made.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        write(read(results), unfinished, names=["report.md"])
        unfinished.rename(made)
    return made
