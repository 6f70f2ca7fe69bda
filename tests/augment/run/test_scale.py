"""A million rows take no more memory than a hundred thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from augment.data.corpus import read

GIB = 2**30
MEASURE = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
"""Runs a command as a child of a small process: a child of this one would begin with the peak of this one."""


def put(path: Path, rows: int) -> Path:
    """Rows of some hundred characters in three classes, one of them rare."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    draw = np.random.default_rng(0)
    schema = pa.schema({"text": pa.string(), "label": pa.string()})
    kind = {".csv": pa.csv.CSVWriter, ".parquet": pa.parquet.ParquetWriter}[path.suffix]
    words = np.array([f"w{i:04d}" for i in range(3000)])
    with kind(str(path), schema) as writer:
        for _ in range(0, rows, 10_000):
            texts = [" ".join(row) for row in words[draw.integers(0, len(words), (10_000, 17))]]
            labels = draw.choice(["negative", "neutral", "positive"], 10_000, p=[0.45, 0.1, 0.45])
            writer.write_table(pa.table({"text": texts, "label": labels.tolist()}, schema=schema))
    return path


def peak(source: Path, output: Path) -> int:
    """The most memory in bytes that was resident while a file was balanced by duplicates."""
    command = [sys.executable, "-c", "from augment.cli.entry import main; main()", "upsample", str(source)]
    command += ["--strategy", "random", "--quiet", "-o", str(output)]
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=True)
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_million_rows_are_balanced_in_the_memory_of_a_hundred_thousand(
    tmp_path: Path, monkeypatch, suffix: str
) -> None:
    pytest.importorskip("resource", reason="no getrusage on Windows")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    peaks = {}
    for rows in (100_000, 1_000_000):
        output = tmp_path / f"{rows}-balanced{suffix}"
        peaks[rows] = peak(put(tmp_path / f"{rows}{suffix}", rows), output)
        found = read(output)
        assert len(set(found.counts.values())) == 1
        assert found.is_synthetic.tolist() == [i >= rows for i in range(len(found.rows))]
        assert list((tmp_path / "temporary").iterdir()) == []
    assert peaks[1_000_000] <= 1.5 * GIB
    assert peaks[1_000_000] <= 1.2 * peaks[100_000], {rows: f"{size / 2**20:.0f} MB" for rows, size in peaks.items()}
