"""The cells of a table as Python values, as writers need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from augment.errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features


def python_columns(features: Features, table: pa.Table, start: int = 0) -> list[list[Any]]:
    """Return the columns of a table as Python values; a ClassLabel as its name.

    Parameters
    ----------
    features : Features
    table : pyarrow.Table
    start : int, default=0
        The number of its first row, for messages.

    Returns
    -------
    list of list

    Raises
    ------
    FormatError
        If a value cannot be read, e.g. a date after the year 9999; the message names the first row with one.
    """
    columns = []
    for name, column in zip(features, table.columns, strict=True):
        classes = getattr(features[name], "names", None)
        try:
            columns.append(_values(column, classes))
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            place = next(row for row in range(len(column)) if not _is_sound(column[row : row + 1], classes))
            reason = " ".join(str(error).split())[:200]
            raise FormatError(
                f"row {start + place}: column {name!r} holds a value that cannot be read ({reason}); correct or remove"
                " it."
            ) from None
    return columns


def _values(column: pa.ChunkedArray, classes: Sequence[str] | None) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if classes is not None:
        values = [classes[v] if v is not None and v >= 0 else None for v in values]
    return values


def _is_sound(column: pa.ChunkedArray, classes: Sequence[str] | None) -> bool:
    try:
        _values(column, classes)
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return False
    return True
