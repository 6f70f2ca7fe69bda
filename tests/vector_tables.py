"""Tables with vectors: made by the command, read back, and what is asked of them."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from augment_command import manifest
from click.testing import CliRunner, Result

from augment.cli.entry import main

SIZES = {"negative": 12, "neutral": 8, "positive": 20}
"""Rows of each class of `in.csv`."""


@cache
def opened(name: str, **options: Any) -> Any:
    from augment.models.checkpoints import load_encoder

    return load_encoder(name, **options)


def rows_of(sentences: list[str]) -> list[dict[str, str]]:
    """The rows of `in.csv`: the classes stand mixed."""
    labels = [label for label, count in SIZES.items() for _ in range(count)]
    order = np.random.default_rng(0).permutation(len(labels))
    return [{"text": text, "label": labels[i]} for text, i in zip(sentences, order, strict=True)]


def run(command: str) -> Result:
    """Run a command line that must work."""
    done = CliRunner().invoke(main, shlex.split(command))
    assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
    return done


def made(options: str = "", output: str = "out.parquet", strategy: str = "smote", source: str = "in.csv") -> Any:
    """Balance a file by a tiny encoder and return the rows that were written, as plain data."""
    encoder = "" if "--encoder" in options else "--encoder ./tiny"
    run(f"upsample {source} -o {output} --strategy {strategy} {encoder} {options}")
    return read(output)


def read(output: str) -> pd.DataFrame:
    """Read an output, nulls as None, by the library that its format belongs to."""
    found = datasets.load_from_disk(output).data.table if Path(output).is_dir() else pq.read_table(output)
    return pd.DataFrame({name: found[name].to_pylist() for name in found.column_names}, dtype=object)


def matrix(rows: pd.DataFrame) -> np.ndarray:
    return np.array(rows["vector"].tolist(), dtype=np.float32)


def new_of(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_synthetic"].astype(bool)]


def old_of(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["is_synthetic"].astype(bool)]


def settings(name: str) -> dict[str, Any]:
    """What a manifest says of the run itself, and not of how long it took."""
    return {key: value for key, value in manifest(name).items() if key != "seconds"}


def snapshot() -> dict[str, bytes | None]:
    """Everything in the working folder but the encoder."""
    found = [path for path in Path().rglob("*") if path.parts[0] != "tiny"]
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


def refused(command: str, *says: str) -> str:
    """Run a command line that must fail in one line and leave everything as it was."""
    before = snapshot()
    done = CliRunner().invoke(main, shlex.split(command))
    assert isinstance(done.exception, SystemExit), f"{command}\n{done.output}\n{done.exception!r}"
    assert done.exit_code == 2, done.output
    assert snapshot() == before, "something was left behind or touched"
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if " texts (" not in line]  # how far it was by then
    (line,) = lines
    assert line.startswith("Error: ")
    for part in says:
        assert part in line, line
    return line


def lengths(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors.astype(np.float64), axis=1)


def between(rows: pd.DataFrame, new: pd.DataFrame) -> np.ndarray:
    """Where new rows lie by what is said of their parents, before they are brought to length."""
    vectors = matrix(rows).astype(np.float64)
    first, second = (vectors[new[name].astype(int)] for name in ("source_row", "neighbor_row"))
    weight = new["neighbor_weight"].to_numpy(dtype=np.float64)[:, None]
    return (1 - weight) * first + weight * second
