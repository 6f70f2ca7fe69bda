"""Write tables and small text files: whole, or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from augment.data.fingerprint import fingerprint
from augment.data.layout import SUFFIXES
from augment.data.reading import unknown_format
from augment.data.table_columns import BATCH, batches
from augment.errors import OutputError
from augment.files import check_writable, flush_to_disk, replacing

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, Features

_SAVED = "dataset_info.json"  # what tells a table saved by `datasets` from any other folder


def check_output(path: Path, *, overwrite: bool) -> None:
    """Check, before any work is done, that an output can be written.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file, or a folder (no suffix).
    overwrite : bool
        Whether an existing output may be replaced.

    Raises
    ------
    InputError
        If the suffix is of no known format.
    OutputError
        If the folder it goes into is missing or cannot be written to, or the output exists and
        may not be replaced. A folder that `datasets` has not saved is never replaced.
    """
    _check_format(path)
    if not os.path.isdir(path.parent):
        what = "is not a folder" if os.path.exists(path.parent) else "does not exist"
        raise OutputError(f"{path}: the folder {path.parent} {what}; create it, or choose another output.")
    _check_replaceable(path)
    if os.path.exists(path) and not overwrite:
        raise OutputError(f"{path}: exists already; give `overwrite=True` to replace it, or choose another output.")
    check_writable(path)


def check_storable(table: Dataset, path: Path) -> None:
    """Check that a table's texts can be written in the format of `path`, before rows are made.

    Raises
    ------
    OutputError
        If one holds a NUL character and the format is csv or tsv.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if path.suffix.lower() not in (".csv", ".tsv"):
        return
    start = 0
    for part in batches(table):
        for column in part.columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                index = pc.index(pc.match_substring(column, "\0"), True).as_py()
                if index >= 0:
                    raise OutputError(f"{path}, {_holds_nul(start + index)}")
        start += len(part)


def _holds_nul(row: int) -> str:
    return f"row {row}: holds a NUL character, which csv and tsv cannot; write .jsonl instead."


def write_batches(features: Features, tables: Iterable[pa.Table | pa.RecordBatch], path: Path) -> None:
    """Write a table part by part, in the format of the suffix; an old output is replaced.

    The output does not depend on the parts. csv and tsv do not distinguish an empty string from null: both become the
    empty field. In csv, tsv and jsonl a ClassLabel becomes its name, and in csv and tsv a nested value becomes JSON.

    Parameters
    ----------
    features : Features
        The columns and their types.
    tables : iterable of pyarrow.Table or pyarrow.RecordBatch
        The rows; they may be made while they are written.
    path : Path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file, or a folder (no suffix).

    Raises
    ------
    InputError
        If the suffix is of no known format.
    OutputError
        If it cannot be written; then nothing is left behind, and an old output stays as it was.
    """
    suffix = path.suffix.lower()
    _check_format(path)
    _check_replaceable(path)
    even = _even(tables)
    with replacing(path) as temporary:
        if not suffix:
            _save_folder(features, even, temporary)
            return
        with open(temporary, "xb") as handle:
            try:
                _WRITERS[suffix](features, even, handle)
            except OutputError as error:  # of a writer, which knows the row but not the file
                raise OutputError(f"{path}, {error}") from None
            flush_to_disk(handle)


def _check_format(path: Path) -> None:
    """Refuse a suffix of an unknown format."""
    if path.suffix and path.suffix.lower() not in SUFFIXES:
        raise unknown_format(path)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a folder by a file, or anything but a table saved by `datasets` by a folder."""
    # os.path and not pathlib, whose questions raise on a name that is too long.
    if path.suffix and os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; expected a file there. Choose another output.")
    if not path.suffix and os.path.isfile(path):
        raise OutputError(
            f"{path}: is a file, but a name without a suffix is written as a folder; "
            f"add a suffix ({', '.join(SUFFIXES)}), or choose another output."
        )
    if not path.suffix and os.path.isdir(path) and any(path.iterdir()) and not (path / _SAVED).exists():
        raise OutputError(
            f"{path}: is a folder that holds other things than one saved table, and is not replaced; "
            f"choose another output."
        )


def _even(tables: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows in parts of `BATCH` rows; the last may have fewer."""
    import pyarrow as pa

    held: list[pa.Table] = []
    for part in tables:
        table = pa.Table.from_batches([part]) if isinstance(part, pa.RecordBatch) else part
        while sum(map(len, held)) + len(table) >= BATCH:
            room = BATCH - sum(map(len, held))
            yield pa.concat_tables([*held, table[:room]])
            held, table = [], table[room:]
        if len(table):
            held.append(table)
    if held:
        yield pa.concat_tables(held)


def _columns(features: Features, table: pa.Table) -> list[list[Any]]:
    """Return the columns of a table as Python values; a ClassLabel as its name."""
    columns = []
    for name, column in zip(features, table.columns, strict=True):
        values, classes = column.to_pylist(), getattr(features[name], "names", None)
        if classes is not None:
            values = [classes[v] if v is not None and v >= 0 else None for v in values]
        columns.append(values)
    return columns


def _write_csv(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, delimiter: str = ",") -> None:
    """Write separated values."""
    text = io.StringIO(newline="")
    minimal = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    # The csv module quotes only what would end a line of its own, and so forgets a lone carriage return.
    quoted = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    minimal.writerow(features)
    start = 0
    for table in tables:
        rows = list(zip(*map(_cells, _columns(features, _spelled(features, table))), strict=True))
        before = text.tell()
        minimal.writerows(rows)
        written = text.getvalue()
        if "\0" in written or "\r" in written:
            text.seek(before)
            text.truncate()
            for row, cells in enumerate(rows, start):
                joined = "".join(cells)
                if "\0" in joined:
                    raise OutputError(_holds_nul(row))
                (quoted if "\r" in joined else minimal).writerow(cells)
            written = text.getvalue()
        handle.write(written.encode())
        text.seek(0)
        text.truncate()
        start += len(table)
    handle.write(text.getvalue().encode())


def _write_tsv(features: Features, tables: Iterable[pa.Table], handle: BinaryIO) -> None:
    """Write tab-separated values, quoted as in csv."""
    _write_csv(features, tables, handle, delimiter="\t")


def _spelled(features: Features, table: pa.Table) -> pa.Table:
    """Return a table with integers and booleans as strings, as csv has them."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        plain = pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)
        if plain and not hasattr(features[field.name], "names"):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


def _cells(values: list[Any]) -> list[str]:
    """Return the values of a column as the texts of csv cells."""
    return [value if type(value) is str else "" if value is None else _cell(value) for value in values]


def _cell(value: Any) -> str:
    """Return a value that is not a string as the text of a csv cell."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _write_jsonl(features: Features, tables: Iterable[pa.Table], handle: BinaryIO) -> None:
    """Write one JSON object per line."""
    names = list(features)
    for table in tables:
        for values in zip(*_columns(features, table), strict=True):
            row = dict(zip(names, values, strict=True))
            handle.write(json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n")


def _write_parquet(features: Features, tables: Iterable[pa.Table], handle: BinaryIO) -> None:
    """Write parquet; the schema's metadata carries the class names."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(handle, features.arrow_schema) as writer:
        for table in tables:
            writer.write_table(table.cast(writer.schema))


def _save_folder(features: Features, tables: Iterable[pa.Table], folder: Path) -> None:
    """Save as `datasets` does, with the same bytes for the same content."""
    import datasets
    import pyarrow as pa

    schema = features.arrow_schema
    folder.mkdir()
    data = folder / "rows"

    def written() -> Iterator[pa.Table]:
        with open(data, "xb") as handle, pa.ipc.new_stream(handle, schema) as stream:
            for table in tables:
                # A copy, since a slice drags bits of its neighbours into the file.
                stream.write_table(table.cast(schema).take(np.arange(len(table))).combine_chunks())
                yield table

    # The folder records the fingerprint, and that of `datasets` may be random.
    digest = fingerprint(features, written()).removeprefix("sha256:")
    # `datasets` writes its metadata for an empty table, whose rows are then replaced.
    empty = datasets.Dataset(datasets.table.InMemoryTable(schema.empty_table()), fingerprint=digest)
    silent = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        empty.save_to_disk(str(folder), num_shards=1)
    finally:
        if not silent:
            datasets.enable_progress_bars()
    (place,) = folder.glob("*.arrow")
    os.replace(data, place)
    for file in folder.iterdir():
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())


_WRITERS: dict[str, Callable[[Features, Iterable[pa.Table], BinaryIO], None]] = {
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
