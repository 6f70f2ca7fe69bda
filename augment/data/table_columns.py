"""Columns of a table of `datasets`, without Python objects in between: read, encoded, added, and rows chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.mapped_tables import release, spooled
from augment.data.reading import from_arrow
from augment.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


BATCH = 10_000
"""Rows that are in memory at a time. The fingerprint and parquet files depend on it."""


def table_column(table: Dataset, name: str) -> pa.ChunkedArray:
    """Return one column as it is stored."""
    return table.select_columns([name]).with_format("arrow")[:].column(name)


def encoded(column: pa.ChunkedArray) -> tuple[list[Any], np.ndarray]:
    """Return the different values of a column, in order of their first row, and the place of each row's among them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    parts = [column[start : start + BATCH] for start in range(0, len(column), BATCH)]
    values = pa.array([], column.type)
    for part in parts:
        values = pa.chunked_array([values, part.unique()]).unique()
        release()
    codes = np.empty(len(column), dtype=np.int32)
    for i, part in enumerate(parts):
        codes[i * BATCH : (i + 1) * BATCH] = pc.index_in(part, value_set=values).to_numpy()
        release()
    return values.to_pylist(), codes


def check_sound(table: Dataset, name: str) -> None:
    """Refuse a table with texts that are not UTF-8, or that is damaged otherwise.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.

    Raises
    ------
    InputError
        Naming the first row.
    """
    import pyarrow as pa

    start = 0
    for part in batches(table):
        try:
            part.validate(full=True)
        except pa.ArrowInvalid as error:
            for column in part.column_names:
                for row in range(len(part)):
                    try:
                        part[column][row].as_py()
                    except UnicodeDecodeError:
                        raise InputError(
                            f"{name}, row {start + row}: column {column!r} holds bytes that are not UTF-8; write it"
                            " again as text, or remove the column."
                        ) from None
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{name}: is damaged ({reason}); write or download it again.") from None
        start += len(part)


def selected(table: Dataset, rows: np.ndarray) -> Dataset:
    """Return some rows of a table, in order, as a table of their own."""
    parts = iter(batches(table))
    chosen = (
        batch
        for start, part in zip(range(0, len(table), BATCH), parts, strict=True)
        for batch in part.take(rows[slice(*np.searchsorted(rows, (start, start + BATCH)))] - start)
        .combine_chunks()
        .to_batches()
    )
    selected = spooled(chosen)
    return from_arrow(selected.replace_schema_metadata(table.features.arrow_schema.metadata), "the rows")


def taken(table: Dataset, names: Sequence[str], rows: np.ndarray) -> dict[str, pa.Array]:
    """Return some columns of some rows, in the order given. A row may be taken more than once.

    Only these rows are read, so a large table does not come into memory.
    """
    chosen = table.select_columns(list(names)).with_format("arrow")[rows.tolist()]
    return {name: chosen.column(name).combine_chunks() for name in names}


def with_column(table: Dataset, name: str, values: Any, dtype: str) -> Dataset:
    """Return the table with other values in one column, which keeps its place."""
    from datasets import Value

    features = table.features.copy()
    features[name] = Value(dtype)
    arrow = table.with_format("arrow")[:]
    arrow = arrow.set_column(arrow.column_names.index(name), name, values)
    return from_arrow(arrow.replace_schema_metadata(features.arrow_schema.metadata), name)


def batches(table: Dataset) -> Iterator[pa.Table]:
    """Yield the rows of a table, `BATCH` at a time, and release their memory in between.

    Parameters
    ----------
    table : Dataset
        The table.

    Yields
    ------
    pyarrow.Table
        Of `BATCH` rows; the last of fewer.
    """
    arrow = table.with_format("arrow")
    for start in range(0, len(table), BATCH):
        yield arrow[start : start + BATCH]
        release()
