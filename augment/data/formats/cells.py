"""The cells of a table as Python values, as writers need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features


def python_columns(features: Features, table: pa.Table) -> list[list[Any]]:
    """Return the columns of a table as Python values; a ClassLabel as its name."""
    columns = []
    for name, column in zip(features, table.columns, strict=True):
        values, classes = column.to_pylist(), getattr(features[name], "names", None)
        if classes is not None:
            values = [classes[v] if v is not None and v >= 0 else None for v in values]
        columns.append(values)
    return columns
