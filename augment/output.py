"""Write tables and small text files: whole, or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from augment.corpus import fingerprint
from augment.errors import OutputError
from augment.formats import SUFFIXES, unknown_format

if TYPE_CHECKING:
    from datasets import Dataset

_BATCH = 10_000  # rows that are held as Python values at a time
_SAVED = ("dataset_info.json", "dataset_dict.json")  # what tells a folder saved by `datasets` from any other


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
        what = "is no folder" if os.path.exists(path.parent) else "does not exist"
        raise OutputError(f"{path}: the folder {path.parent} {what}; create it, or choose another output.")
    _check_replaceable(path)
    if os.path.exists(path) and not overwrite:
        raise OutputError(f"{path}: exists already; give --overwrite to replace it, or choose another output.")
    with _replacing(path) as temporary:
        temporary.touch(exist_ok=False)
        temporary.unlink()


def write(table: Dataset, path: Path) -> None:
    """Write a table in the format that the suffix names; an old output is replaced in one step.

    csv and tsv cannot tell an empty string from null: both become the empty field. In csv, tsv and
    jsonl a ClassLabel becomes its name, and in csv and tsv a nested value becomes JSON.

    Parameters
    ----------
    table : Dataset
        The table.
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
    with _replacing(path) as temporary:
        if not suffix:
            _save_folder(table, temporary)
            return
        with open(temporary, "xb") as handle:
            try:
                _WRITERS[suffix](table, handle)
            except OutputError as error:  # of a writer, which knows the row but not the file
                raise OutputError(f"{path}, {error}") from None
            _flush(handle)


@contextlib.contextmanager
def staged_text(text: str, path: Path) -> Iterator[None]:
    """Write a small text file that appears, or replaces an old one, when the block is left without an error.

    So a manifest and the table that is written within the block come together or not at all, as far as the
    disk decides: what needs room has found it before either is given its name.

    Parameters
    ----------
    text : str
        The content, written in UTF-8 with its line ends as they are.
    path : Path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written; then nothing is left behind, and an old file stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "manifest.json")
    >>> with staged_text("{}", path):
    ...     path.exists()
    False
    >>> path.read_text()
    '{}'
    """
    with _replacing(path) as temporary:
        with open(temporary, "xb") as handle:
            handle.write(text.encode())
            _flush(handle)
        yield


def _check_format(path: Path) -> None:
    """Refuse a suffix that no writer answers to."""
    if path.suffix and path.suffix.lower() not in SUFFIXES:
        raise unknown_format(path)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Lend a temporary name beside `path`; what stands there afterwards takes the place of `path`."""
    import pyarrow as pa

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            _swap_folders(temporary, path)
        elif temporary.exists():
            os.replace(temporary, path)
    except OutputError:
        raise
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OutputError(
            f"{path}: cannot be written ({reason}); free the disk or change its rights, or choose another output."
        ) from None
    finally:
        if os.path.isdir(temporary):
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _swap_folders(new: Path, path: Path) -> None:
    """Put a folder in the place of an old one, which a rename alone can do only to empty folders."""
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _check_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of a folder, or a folder in that of anything `datasets` has not saved."""
    # os.path and not pathlib, whose questions raise on a name that is too long.
    if path.suffix and os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; expected a file there. Choose another output.")
    if not path.suffix and os.path.isfile(path):
        raise OutputError(
            f"{path}: is a file, but a name without a suffix is written as a folder; "
            f"add a suffix ({', '.join(SUFFIXES)}), or choose another output."
        )
    if not path.suffix and os.path.isdir(path) and any(path.iterdir()) and not any((path / n).exists() for n in _SAVED):
        raise OutputError(
            f"{path}: is a folder that holds other things than a saved data set, and is not replaced; "
            f"choose another output."
        )


def _flush(handle: BinaryIO) -> None:
    """Wait until a file is on the disk."""
    handle.flush()
    os.fsync(handle.fileno())


def _batches(table: Dataset) -> Iterator[list[list[Any]]]:
    """Yield the columns of a table as Python values, some rows at a time; a ClassLabel as its name."""
    names = [getattr(table.features[column], "names", None) for column in table.column_names]
    arrow = table.with_format("arrow")
    for start in range(0, len(table), _BATCH):
        columns = [column.to_pylist() for column in arrow[start : start + _BATCH].columns]
        yield [
            values if classes is None else [classes[v] if v is not None and v >= 0 else None for v in values]
            for values, classes in zip(columns, names, strict=True)
        ]


def _write_csv(table: Dataset, handle: BinaryIO, delimiter: str = ",") -> None:
    """Write separated values."""
    text = io.StringIO(newline="")
    minimal = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    # The csv module quotes only what would end a line of its own, and so forgets a lone carriage return.
    quoted = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    minimal.writerow(table.column_names)
    row = 0
    for columns in _batches(table):
        for values in zip(*columns, strict=True):
            cells = [_cell(value) for value in values]
            joined = "".join(cells)
            if "\0" in joined:
                raise OutputError(f"row {row}: holds a NUL character, which csv and tsv cannot; write .jsonl instead.")
            (quoted if "\r" in joined else minimal).writerow(cells)
            row += 1
        handle.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()


def _write_tsv(table: Dataset, handle: BinaryIO) -> None:
    """Write tab-separated values, quoted as in csv."""
    _write_csv(table, handle, delimiter="\t")


def _cell(value: Any) -> str:
    """Return a value as the text of a csv cell."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _write_jsonl(table: Dataset, handle: BinaryIO) -> None:
    """Write one JSON object per line."""
    names = table.column_names
    for columns in _batches(table):
        for values in zip(*columns, strict=True):
            row = dict(zip(names, values, strict=True))
            handle.write(json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n")


def _write_parquet(table: Dataset, handle: BinaryIO) -> None:
    """Write parquet; the schema's metadata carries the class names."""
    import pyarrow.parquet as pq

    arrow = table.with_format("arrow")
    with pq.ParquetWriter(handle, table.features.arrow_schema) as writer:
        for start in range(0, len(table), _BATCH):
            writer.write_table(arrow[start : start + _BATCH])


def _save_folder(table: Dataset, folder: Path) -> None:
    """Save as `datasets` does, with the same bytes for the same content."""
    import datasets

    arrow = table.with_format("arrow")[:]
    # The folder records the fingerprint, and that of `datasets` may be random.
    digest = fingerprint(table).removeprefix("sha256:")
    same = datasets.Dataset(arrow, info=table.info, split=table.split, fingerprint=digest)
    silent = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        same.save_to_disk(str(folder))
    finally:
        if not silent:
            datasets.enable_progress_bars()
    for file in folder.iterdir():
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())


_WRITERS: dict[str, Callable[[Dataset, BinaryIO], None]] = {
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
