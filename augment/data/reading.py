"""Read one file, folder or hub id into one `datasets.Dataset`, as it is.

The formats are csv, tsv, jsonl, parquet, a folder saved by `datasets`, and a hub id. Cells of csv
and tsv are strings: "NA", "None" and "007" stay what they are, and only the empty field is null.
Files are read some rows at a time into a mapped table, so that memory does not grow with them.
"""

from __future__ import annotations

import bisect
import contextlib
import csv
import itertools
import json
import logging
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.data.layout import SUFFIXES, Layout
from augment.data.mapped_tables import mapped, spooled
from augment.errors import InputError, OutputError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

SAMPLE = Path(__file__).parent / "samples" / "reviews.csv"
"""The file that the input name ``sample`` stands for."""

_BATCH = 10_000  # rows that are held as Python values at a time
# A name and, perhaps, a configuration. One letter before a colon is a drive of Windows.
_HUB_ID = re.compile(r"(?![A-Za-z]:)[A-Za-z0-9][\w.-]*(/[\w.-]+)?(:[\w.-]+)?")


def load(source: str | Path, layout: Layout) -> Dataset:
    """Open the table that a source names.

    Parameters
    ----------
    source : str or Path
        A file, a folder saved by `datasets`, a hub id such as ``"owner/name"`` or ``"owner/name:configuration"``, or
        ``"sample"`` for the bundled reviews.
    layout : Layout
        How to read it; only `header`, `columns` and `split` matter here.

    Returns
    -------
    Dataset
        All rows, at least one, and all columns; mapped from a temporary file if there are many.

    Raises
    ------
    InputError
        If the source is missing, broken or empty, or has an unknown format.
    OutputError
        If there is no room for the temporary file.

    Examples
    --------
    >>> load("sample", Layout()).column_names
    ['text', 'label']
    """
    path = Path(source)
    if str(source) == "sample" and not os.path.exists(path):
        path = SAMPLE
    suffix = path.suffix.lower()
    if os.path.isdir(path):  # os.path and not pathlib, whose questions raise on a name that is too long
        table = _load_folder(path, layout.split)
    elif os.path.exists(path):
        if suffix not in _READERS:
            raise unknown_format(path)
        try:
            with contextlib.closing(_READERS[suffix](path, layout)) as batches:
                table = from_arrow(spooled(map(_decoded, batches)), str(path))
        except UnicodeDecodeError:
            raise _not_utf8(path) from None
        except OutputError:
            raise
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({_one_line(error)}); check the file and its rights.") from None
    elif not isinstance(source, str) or suffix in SUFFIXES or not _HUB_ID.fullmatch(source):
        beside = [entry.name for entry in path.parent.iterdir()] if os.path.isdir(path.parent) else []
        raise InputError(f"{path}: no such file or folder; check the path.{did_you_mean(path.name, beside)}")
    elif did_you_mean(suffix, SUFFIXES):
        raise unknown_format(path)
    else:
        table = _load_hub(source, layout.split)
    if len(table) == 0:
        raise InputError(f"{source}: the table has no rows; expected at least one.")
    return table


def from_arrow(table: pa.Table, name: str) -> Dataset:
    """Make a Dataset from an Arrow table, without hashing the whole table by pickle.

    Parameters
    ----------
    table : pyarrow.Table
        The table; its dictionary columns are decoded.
    name : str
        The table's name in messages.

    Returns
    -------
    Dataset
        The same rows and columns.

    Raises
    ------
    InputError
        If two columns share a name, or `datasets` cannot hold the type of one.
    """
    import datasets
    from datasets.fingerprint import generate_random_fingerprint

    _check_duplicates(table.column_names, name)
    try:
        return datasets.Dataset(
            datasets.table.InMemoryTable(_decoded(table)), fingerprint=generate_random_fingerprint()
        )
    except (NotImplementedError, TypeError, ValueError) as error:
        raise InputError(f"{name}: has a column type that `datasets` cannot hold ({_one_line(error)}).") from None


def _decoded(table: Any) -> Any:
    """Return a table or batch with plain values instead of dictionaries (pandas categories) and string views."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        plain = pa.string() if pa.types.is_string_view(plain) else plain
        if plain != field.type:
            table = table.set_column(place, field.name, table.column(place).cast(plain))
    return table


def unknown_format(path: Path) -> InputError:
    """Return the error that lists the known formats.

    Parameters
    ----------
    path : Path
        A name whose suffix is not in `SUFFIXES`.

    Returns
    -------
    InputError
        To be raised.
    """
    return InputError(
        f"{path}: unknown format {path.suffix!r}; expected {', '.join(SUFFIXES)}, or a name without a suffix for a "
        f"folder saved by `datasets`.{did_you_mean(path.suffix.lower(), SUFFIXES)}"
    )


def _load_folder(path: Path, split: str) -> Dataset:
    """Open a folder saved by `datasets`."""
    splits = None
    try:
        if (path / "dataset_dict.json").exists():
            content = (path / "dataset_dict.json").read_text(encoding="utf-8")
            splits = [str(name) for name in json.loads(content)["splits"]]
        if splits is None or split in splits:
            return _mapped_folder(path if splits is None else path / split)
    except Exception as error:  # noqa: BLE001 -- what a broken folder raises is not documented, and differs by file
        raise InputError(
            f"{path}: is not a folder saved by `datasets` ({_one_line(error)}); "
            f"expected the output of save_to_disk, or give a file in it ({', '.join(SUFFIXES)})."
        ) from None
    raise InputError(
        f"{path}: has no split {split!r}, only {', '.join(map(repr, splits))}; "
        f"give one of them as `split`.{did_you_mean(split, splits)}"
    )


def _mapped_folder(folder: Path) -> Dataset:
    """Open the folder of one table as `datasets` does, but so that `release` reaches it."""
    import datasets
    import pyarrow as pa

    if not (folder / "state.json").exists():
        return datasets.load_from_disk(str(folder))  # which says what is wrong
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    if state.get("_indices_data_files"):  # of datasets before 2.0, which saved selections as such
        return datasets.load_from_disk(str(folder))
    tables = []
    for file in state["_data_files"]:
        with open(folder / file["filename"], "rb") as handle:
            tables += mapped(handle)
    return datasets.Dataset(
        datasets.table.InMemoryTable(pa.concat_tables(tables)),
        info=datasets.DatasetInfo.from_directory(str(folder)),
        fingerprint=state["_fingerprint"],
    )


def _load_hub(name: str, split: str) -> Dataset:
    """Fetch one split of a hub id, which may name a configuration after a colon."""
    import datasets

    repository, _, configuration = name.partition(":")
    try:
        with _silenced("datasets", "huggingface_hub"):  # each retry, of up to 24 s in all, logs a line
            return datasets.load_dataset(repository, *[configuration] * bool(configuration), split=split)
    except Exception as error:  # noqa: BLE001 -- network, missing id, missing split, missing configuration: no common base
        raise InputError(
            f"{name}: no such file or folder, and split {split!r} of a hub data set of that name could not be "
            f"fetched ({_one_line(error)}); check the name, the split and the network, or give a file "
            f"({', '.join(SUFFIXES)})."
        ) from None


@contextlib.contextmanager
def _silenced(*names: str) -> Iterator[None]:
    """Silence the loggers of some libraries for a block."""
    levels = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)


def _read_csv(path: Path, layout: Layout) -> Generator[pa.RecordBatch]:
    """Yield the rows of a csv or tsv file, all columns as strings."""
    import pyarrow as pa

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with open(path, encoding="utf-8-sig", newline="") as handle, _long_fields():
        records = _records(csv.reader(_lines(handle, path), delimiter=delimiter, strict=True), path)
        first = next(records, None)
        if first is None:
            raise InputError(f"{path}: the file is empty; expected a header line and rows.")
        if layout.header:
            names = first[1]
            if layout.columns:
                raise InputError(
                    f"{path}: `columns` are the names of a file without a header; give `header=False` with them."
                )
        else:
            names = _given_names(path, layout, first[1])
            records = itertools.chain([first], records)
        _check_duplicates(names, str(path))
        schema = pa.schema([(name, pa.string()) for name in names])
        start = True
        while batch := list(itertools.islice(records, _BATCH)):
            for line, fields in batch:
                if len(fields) != len(names):
                    raise InputError(
                        f"{path}, line {line}: expected {len(names)} fields, got {len(fields)}; "
                        f"quote fields that hold the separator."
                    )
            cells = zip(*(fields for _, fields in batch), strict=True)
            arrays = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
            yield pa.record_batch(arrays, schema=schema)
            start = False
    if start:
        raise InputError(
            f"{path}: has a header but no rows; expected at least one row (or give `header=False` if line 1 is a row)."
        )


def _given_names(path: Path, layout: Layout, fields: list[str]) -> list[str]:
    """Return the column names of a file without a header."""
    if not layout.columns:
        raise InputError(f"{path}: a file without a header needs names for its {len(fields)} columns; give `columns`.")
    if len(layout.columns) != len(fields):
        raise InputError(
            f"{path}: `columns` has {len(layout.columns)} names ({', '.join(layout.columns)}) "
            f"but line 1 has {len(fields)} fields; name every field."
        )
    return list(layout.columns)


def _records(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a csv reader with the line each starts on; blank lines are skipped."""
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{path}, line {line}: broken quotes in the record that starts here ({error}); "
                f"close every quote, and double a quote inside a quoted field."
            ) from None
        if fields:
            yield line, fields


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters per field for a block."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _lines(handle: Iterable[str], path: Path) -> Iterator[str]:
    """Yield the lines of a file; a NUL in one is an error."""
    for number, line in enumerate(handle, 1):
        if "\0" in line:
            raise InputError(
                f"{path}, line {number}: holds a NUL byte; expected UTF-8 text. Remove it, or, if the file is UTF-16, "
                f"convert it: iconv -f UTF-16 -t UTF-8 {path.name} > new{path.suffix}"
            )
        yield line


def _read_jsonl(path: Path, layout: Layout) -> Generator[pa.RecordBatch]:
    """Yield the rows of a file with one JSON object per line; the types of a batch fit those of earlier batches."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {}
    start = True
    with open(path, encoding="utf-8-sig", newline="\n") as handle:
        objects = _objects(_lines(handle, path), path)
        while batch := list(itertools.islice(objects, _BATCH)):
            columns = {}
            for name in dict.fromkeys(key for _, row in batch for key in row):
                lines, values = ([line for line, _ in batch], [row.get(name) for _, row in batch])
                known = types.get(name, pa.null())
                try:
                    columns[name], types[name] = _inferred(values, known)
                except (ValueError, TypeError, OverflowError):
                    raise _mixed_types(path, name, lines, values, known) from None
            yield pa.record_batch(columns)
            start = False
    if start:
        raise InputError(f"{path}: the file is empty; expected one JSON object per line.")


def _objects(lines: Iterable[str], path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the JSON objects of a file with their line numbers; blank lines are skipped."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: is not valid JSON ({error}); mend or remove the line.") from None
        if not isinstance(row, dict) or not row:
            raise InputError(
                f'{path}, line {number}: expected a JSON object such as {{"text": …, "label": …}}, '
                f"got {_shown(row)}; mend or remove the line."
            )
        yield number, row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of a JSON object, whose keys must differ."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError(f"duplicate key in {', '.join(repr(key) for key, _ in pairs)}")
    return row


def _inferred(values: Sequence[Any], known: pa.DataType) -> tuple[pa.Array, pa.DataType]:
    """Return the values as an array, and the one type that holds them and all values before."""
    import pyarrow as pa

    array = pa.array(values)
    fields = [pa.schema([("", known)]), pa.schema([("", array.type)])]
    return array, pa.unify_schemas(fields, promote_options="permissive").field(0).type


def _mixed_types(path: Path, name: str, lines: list[int], values: list[Any], known: pa.DataType) -> InputError:
    """Find the first value that does not fit those before it."""

    def unfit(count: int) -> bool:
        try:
            _inferred(values[:count], known)
        except (ValueError, TypeError, OverflowError):
            return True
        return False

    bad = bisect.bisect_left(range(1, len(values)), True, key=unfit)
    before = _inferred(values[:bad], known)[1]
    return InputError(
        f"{path}, line {lines[bad]}: column {name!r} holds {_shown(values[bad])}, which does not fit type {before} "
        f"of the lines before; give every line the same type, e.g. strings."
    )


def _read_parquet(path: Path, layout: Layout) -> Generator[pa.RecordBatch]:
    """Yield the rows of a parquet file, or one empty batch if it has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Without a buffer size whole columns of a row group would be read at once.
        with pq.ParquetFile(path, buffer_size=1 << 20) as file:
            if file.metadata.num_rows == 0:
                yield pa.RecordBatch.from_pylist([], file.schema_arrow)
            yield from file.iter_batches(_BATCH)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path}: is not a readable parquet file ({_one_line(error)}); write or download it again."
        ) from None


_READERS: dict[str, Callable[[Path, Layout], Generator[pa.RecordBatch]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


def _one_line(error: Exception) -> str:
    """Return the text of a foreign error, on one line and short."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "…"


def _shown(value: Any) -> str:
    """Return a JSON value as it looks in the file, cut short."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _check_duplicates(names: Sequence[str], where: str) -> None:
    """Refuse a table in which two columns share a name."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise InputError(
            f"{where}: the column name {', '.join(map(repr, twice))} stands twice; give every column its own name."
        )


def _not_utf8(path: Path) -> InputError:
    """Find the first byte that is not UTF-8; a decoder that works in blocks does not know where it is."""
    line = offset = 0
    with open(path, "rb") as handle:
        for line, raw in enumerate(handle, 1):  # noqa: B007 -- it is named in the message below
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                offset += error.start
                break
            offset += len(raw)
    return InputError(
        f"{path}, line {line}: is not UTF-8 (byte {offset} of the file); convert it, "
        f"e.g. iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new{path.suffix}"
    )
