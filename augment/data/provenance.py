"""The columns that upsampling adds: their names and types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from augment.data.mapped_tables import release
from augment.data.table_columns import table_column, with_column
from augment.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

PROVENANCE = {"is_synthetic": "bool", "source_row": "int64", "strategy": "string", "variant": "int64"}
"""The columns that upsampling adds, and their types."""


def typed_provenance(table: Dataset, name: str) -> Dataset:
    """Restore the types of the columns that upsampling added, which a csv file does not keep.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.

    Returns
    -------
    Dataset
        The table as it is if it has no column ``is_synthetic``.

    Raises
    ------
    InputError
        If a value is not of the type of its column.
    """
    import pyarrow as pa

    if "is_synthetic" not in table.column_names:  # then a column called "variant" is the user's own
        return table
    for column, dtype in PROVENANCE.items():
        if column not in table.column_names or getattr(table.features[column], "dtype", None) == dtype:
            continue
        values = table_column(table, column)
        try:
            if pa.types.is_string(values.type):
                values = _parsed(values, dtype, name, column)
            table = with_column(table, column, values.cast(pa.type_for_alias(dtype)), dtype)
        except pa.ArrowException as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{name}: column {column!r} must hold {dtype} values ({reason}); rename or correct it."
            ) from None
    return table


def _parsed(cells: pa.ChunkedArray, dtype: str, name: str, column: str) -> pa.ChunkedArray:
    """Read booleans or integers from strings."""
    import pyarrow as pa

    parsers: dict[str, Callable[[str], Any]] = {"bool": {"true": True, "false": False}.__getitem__, "int64": int}
    chunks = []
    row = 0
    for chunk in cells.chunks:
        values: list[Any] = []
        for cell in chunk.to_pylist():
            try:
                values.append(None if cell is None else parsers[dtype](cell.lower()))
            except (KeyError, ValueError):
                expected = "true or false" if dtype == "bool" else "an integer"
                raise InputError(
                    f"{name}, row {row}: column {column!r} expected {expected}, got {cell!r}; rename or correct it."
                ) from None
            row += 1
        try:
            chunks.append(pa.array(values, pa.type_for_alias(dtype)))
        except OverflowError:
            raise InputError(
                f"{name}: column {column!r} holds numbers of more than 64 bits; rename or correct it."
            ) from None
        release()
    return pa.chunked_array(chunks, pa.type_for_alias(dtype))
