"""Read one file, folder or hub id into one `datasets.Dataset`, as it is.

The formats are csv, tsv, jsonl, json, parquet, xlsx, a folder saved by `datasets`, and a hub id. Cells of csv
and tsv are strings: "NA", "None" and "007" stay what they are, and only the empty field is null.
Files are read some rows at a time into a mapped table, so that memory does not grow with them. Only json and xlsx are
held whole.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augment import plain_data
from augment.data import mapped_tables
from augment.data.formats.csv_tables import check_names, read_csv
from augment.data.formats.dialect import Dialect, find_dialect
from augment.data.formats.encodings import UTF_8, not_decodable
from augment.data.formats.excel_tables import read_excel
from augment.data.formats.json_tables import read_json, read_jsonl
from augment.data.layout import FORMATS, Layout
from augment.data.mapped_tables import mapped, spooled
from augment.data.named_sources import find_source, unknown_format
from augment.errors import InputError, OutputError, did_you_mean
from augment.models import hub

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


class Loaded(NamedTuple):
    """A table, and how it was spelled in its file."""

    table: Dataset
    dialect: Dialect | None
    """None if the source is no text file."""


def load(source: str | Path, layout: Layout) -> Dataset:
    """Open the table that a source names; see `load_spelled`.

    Examples
    --------
    >>> load("sample", Layout()).column_names
    ['text', 'label']
    """
    return load_spelled(source, layout).table


def load_spelled(source: str | Path, layout: Layout) -> Loaded:
    """Open the table that a source names, and say how a text file spells it.

    Parameters
    ----------
    source : str or Path
        A file, a folder saved by `datasets`, a hub id such as ``"owner/name"`` or ``"owner/name:configuration"``, or
        ``"sample"`` for the bundled reviews. What has that name in the current folder is ``"./sample"``, or
        ``Path("sample")``.
    layout : Layout
        How to read it. The columns of texts and labels do not matter here.

    Returns
    -------
    Loaded
        All rows, at least one, and all columns; mapped from a temporary file if there are many.

    Raises
    ------
    InputError
        If the source is missing, broken or empty, or has an unknown format.
    OutputError
        If there is no room for the temporary file.
    """
    path, dialect = find_source(source), None
    if path is None:
        table = _load_hub(str(source), layout.split)
    elif os.path.isdir(path):
        table = _load_folder(path, layout.split)
    else:
        suffix = path.suffix.lower()
        if suffix not in _READERS:
            raise unknown_format(path)
        try:
            dialect = find_dialect(path, layout)
            with contextlib.closing(_READERS[suffix](path, layout, dialect)) as batches:
                table = from_arrow(spooled(map(_decoded, batches)), str(path))
        except UnicodeDecodeError:
            raise not_decodable(path, UTF_8 if dialect is None else dialect.encoding) from None
        except OutputError:
            raise
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({_one_line(error)}); check the file and its rights.") from None
    if len(table) == 0:
        raise InputError(f"{source}: the table has no rows; expected at least one.")
    return Loaded(table, dialect)


def load_split(source: str | Path, split: str) -> Dataset:
    """Open one split of a saved folder or of a hub data set, which may have no rows; see `load_spelled`."""
    path = find_source(source)
    return _load_hub(str(source), split) if path is None else _load_folder(path, split)


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

    check_names(table.column_names, name)
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


def _load_folder(path: Path, split: str) -> Dataset:
    """Open a folder saved by `datasets`."""
    splits = None
    try:
        if (path / "dataset_dict.json").exists():
            splits = [str(name) for name in plain_data.read_json(path / "dataset_dict.json")["splits"]]
        if splits is None or split in splits:
            return _mapped_folder(path if splits is None else path / split)
    except Exception as error:  # noqa: BLE001 -- what a broken folder raises is not documented, and differs by file
        raise InputError(
            f"{path}: is not a folder saved by `datasets` ({_one_line(error)}); "
            f"expected the output of save_to_disk, or give a file in it ({', '.join(FORMATS)})."
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
    state = plain_data.read_json(folder / "state.json")
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
    reached = contextlib.nullcontext() if hub.reachable() else hub.only_cached()
    try:
        with reached, _silenced("datasets", "huggingface_hub"):  # each retry logs a line
            return datasets.load_dataset(repository, *[configuration] * bool(configuration), split=split)
    except Exception as error:  # noqa: BLE001 -- network, missing id, missing split, missing configuration: no common base
        raise InputError(
            f"{name}: no such file or folder, and split {split!r} of a hub data set of that name could not be "
            f"fetched ({_one_line(error)}); check the name, the split and the network, or give a file "
            f"({', '.join(FORMATS)})."
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


def _read_parquet(path: Path, layout: Layout, dialect: None) -> Generator[pa.RecordBatch]:
    """Yield the rows of a parquet file, or one empty batch if it has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Without a buffer size whole columns of a row group would be read at once.
        with pq.ParquetFile(path, buffer_size=1 << 20) as file:
            if file.metadata.num_rows == 0:
                yield pa.RecordBatch.from_pylist([], file.schema_arrow)
            yield from file.iter_batches(mapped_tables.ROWS)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path}: is not a readable parquet file ({_one_line(error)}); write or download it again."
        ) from None


def _one_line(error: Exception) -> str:
    """Return the text of a foreign error, on one line and short."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "…"


_READERS: dict[str, Callable[[Path, Layout, Any], Generator[pa.RecordBatch]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".json": read_json,
    ".parquet": _read_parquet,
    ".xlsx": read_excel,
}
"""Read a file of a suffix; the third argument is the `Dialect`, or None if the format is no text."""
