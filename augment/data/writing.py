"""Write tables and small text files: whole, or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from augment.data.fingerprint import fingerprint
from augment.data.formats.csv_tables import holds_nul, write_csv
from augment.data.formats.dialect import Dialect, default_dialect
from augment.data.formats.excel_tables import check_cells, check_library, check_size, write_excel
from augment.data.formats.json_tables import write_json, write_jsonl
from augment.data.layout import FORMATS, SEPARATED, TEXT_FORMATS
from augment.data.named_sources import unknown_format
from augment.data.other_splits import splits_of_folder
from augment.data.table_columns import BATCH
from augment.errors import FormatError, OutputError
from augment.files import check_writable, replacing

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

_SAVED = "dataset_info.json"  # what tells a table saved by `datasets` from any other folder
_SPLITS = "dataset_dict.json"  # and what tells several


def check_output(path: Path, *, overwrite: bool) -> None:
    """Check, before any work is done, that an output can be written.

    Parameters
    ----------
    path : Path
        A file of a format in `FORMATS`, or a folder (no suffix).
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
    check_name(path)
    _check_format(path)
    if path.suffix.lower() == ".xlsx":
        check_library()
    if not os.path.isdir(path.parent):
        what = "is not a folder" if os.path.exists(path.parent) else "does not exist"
        raise OutputError(f"{path}: the folder {path.parent} {what}; create it, or choose another output.")
    _check_replaceable(path)
    if os.path.exists(path) and not overwrite:
        raise OutputError(f"{path}: exists already; give `overwrite=True` to replace it, or choose another output.")
    check_writable(path)


def check_name(path: Path) -> None:
    """Refuse an output whose name stands for something else.

    Raises
    ------
    OutputError
        For ``-`` and ``sample``.
    """
    if str(path) == "-":
        raise OutputError("-: the standard output cannot take it; give the name of a file, e.g. balanced.csv.")
    if str(path) == "sample":
        raise OutputError(
            "sample: is the name of the bundled reviews, and a folder of that name would be hidden by them; choose"
            " another output."
        )


def check_storable(
    features: Features,
    tables: Iterable[pa.Table | pa.RecordBatch],
    path: Path,
    rows: int,
    dialect: Dialect | None = None,
) -> None:
    """Check that a format can hold a table, before more rows of its kind are made: it is written to nowhere.

    Texts, numbers and booleans are not looked at where the format holds all of them.

    Parameters
    ----------
    features : Features
        The columns and their types.
    tables : iterable of pyarrow.Table or pyarrow.RecordBatch
        The rows that there are.
    path : Path
        The output.
    rows : int
        Rows that will be written.
    dialect : Dialect, optional
        As for `write_batches`.

    Raises
    ------
    FormatError
        If the format cannot hold a value, the name of a column, so many columns or so many rows.
    """
    suffix, even = path.suffix.lower(), _even(tables)
    dialect = dialect or default_dialect(suffix)
    if suffix == ".xlsx":
        check_size(str(path), rows, len(features))
    try:
        if suffix == ".xlsx":
            check_cells(features, even)
        elif _may_be_refused(features, suffix, dialect):
            nowhere: Any = _Nowhere()
            _WRITERS[suffix or ".parquet"](features, even, nowhere, dialect)
        elif suffix in SEPARATED:
            _check_nul(even)
    except FormatError as error:
        raise FormatError(f"{path}, {error}") from None


class _Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    _written = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        size = len(content)
        self._written += size
        return size

    def tell(self) -> int:
        return self._written


def _may_be_refused(features: Features, suffix: str, dialect: Dialect | None) -> bool:
    """Return whether a format may not hold a value of a table, a NUL character aside."""
    import pyarrow as pa

    kinds = pa.types
    held = (kinds.is_string, kinds.is_large_string, kinds.is_boolean, kinds.is_integer, kinds.is_floating)
    plain = all(any(holds(field.type) for holds in held) for field in features.arrow_schema)
    named = any(getattr(feature, "names", None) is not None for feature in features.values())
    spelled = dialect is not None and (not dialect.encoding.name.startswith("utf") or dialect.quoting == "none")
    return not plain or (named and suffix in TEXT_FORMATS) or spelled


def _check_nul(tables: Iterable[pa.Table]) -> None:
    """Refuse a NUL character."""
    import pyarrow as pa
    import pyarrow.compute as pc

    start = 0
    for part in tables:
        for column in part.columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                index = pc.index(pc.match_substring(column, "\0"), True).as_py()
                if index >= 0:
                    raise FormatError(holds_nul(start + index))
        start += len(part)


def write_batches(
    features: Features,
    tables: Iterable[pa.Table | pa.RecordBatch],
    path: Path,
    dialect: Dialect | None = None,
) -> None:
    """Write a table part by part, in the format of the suffix; an old output is replaced.

    The output does not depend on the parts. csv and tsv do not distinguish an empty string from null: both become the
    empty field. A ClassLabel becomes its name, except in parquet and folders. In csv and tsv a nested value becomes
    JSON.

    Parameters
    ----------
    features : Features
        The columns and their types.
    tables : iterable of pyarrow.Table or pyarrow.RecordBatch
        The rows; they may be made while they are written.
    path : Path
        A file of a format in `FORMATS`, or a folder (no suffix).
    dialect : Dialect, optional
        How a text file is spelled. None for UTF-8, lines that end in LF, and the delimiter that the suffix promises.

    Raises
    ------
    InputError
        If the suffix is of no known format.
    FormatError
        If the format cannot hold a row.
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
                _WRITERS[suffix](features, even, handle, dialect or default_dialect(suffix))
            except FormatError as error:  # of a writer, which knows the row but not the file
                raise FormatError(f"{path}, {error}") from None


def write_splits(splits: Mapping[str, tuple[Features, Iterable[pa.Table | pa.RecordBatch]]], path: Path) -> None:
    """Write several tables as the splits of one folder, as `datasets.DatasetDict.save_to_disk` does.

    Parameters
    ----------
    splits : mapping of str to (Features, iterable)
        The name of each split, its columns, and its rows.
    path : Path
        A name without a suffix.

    Raises
    ------
    OutputError
        If it cannot be written; then nothing is left behind, and an old output stays as it was.
    """
    _check_replaceable(path)
    with replacing(path) as temporary:
        temporary.mkdir()
        for name, (features, tables) in splits.items():
            _save_folder(features, _even(tables), temporary / name)
        (temporary / _SPLITS).write_text(json.dumps({"splits": list(splits)}), encoding="utf-8")


def _check_format(path: Path) -> None:
    """Refuse a suffix of an unknown format."""
    if path.suffix and path.suffix.lower() not in FORMATS:
        raise unknown_format(path)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a folder by a file, or anything but a table saved by `datasets` by a folder."""
    # os.path and not pathlib, whose questions raise on a name that is too long.
    if path.suffix and os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; expected a file there. Choose another output.")
    if not path.suffix and os.path.isfile(path):
        raise OutputError(
            f"{path}: is a file, but a name without a suffix is written as a folder; "
            f"add a suffix ({', '.join(FORMATS)}), or choose another output."
        )
    if not path.suffix and os.path.isdir(path) and any(path.iterdir()) and not _is_written(path):
        raise OutputError(
            f"{path}: is a folder that holds other things than one saved table, and is not replaced; "
            f"choose another output."
        )


def _is_written(folder: Path) -> bool:
    """Return whether a folder is one saved table, or the splits that a run has written, with its manifest beside."""
    if (folder / _SAVED).exists():
        return True
    ours = {*splits_of_folder(folder), _SPLITS}
    return folder.with_name(f"{folder.name}.manifest.json").exists() and {*os.listdir(folder)} == ours


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


def _write_parquet(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, dialect: None) -> None:
    """Write parquet; the schema's metadata carries the class names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetWriter(handle, features.arrow_schema) as writer:
            for table in tables:
                writer.write_table(table.cast(writer.schema))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FormatError(f"a column: cannot be written as parquet ({reason}); convert or remove it.") from None


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


_WRITERS: dict[str, Callable[[Features, Iterable[pa.Table], BinaryIO, Any], None]] = {
    ".csv": write_csv,
    ".tsv": write_csv,
    ".jsonl": write_jsonl,
    ".json": write_json,
    ".parquet": _write_parquet,
    ".xlsx": write_excel,
}
"""Write a file of a suffix; the last argument is the `Dialect`, or None if the format is no text."""
