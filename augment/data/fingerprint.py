"""Hash the content of a table, independent of where it is stored and how it is split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features


def fingerprint(features: Features, tables: Iterable[pa.Table]) -> str:
    """Return a hash of what a table holds: column names, types, class names and values.

    The hash does not depend on the chunks of the columns, the place on the disk or file times. Memory does not grow
    with the rows. Strings, numbers and booleans are hashed as Arrow lays them out; nested values as JSON.

    Parameters
    ----------
    features : Features
        The columns and their types.
    tables : iterable of pyarrow.Table
        The rows in parts of `table_columns.BATCH`, the last with fewer. The hash depends on where the parts end.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.
    """
    # The features and not the Arrow schema, in which parquet renames the items of lists.
    digest = hashlib.sha256(json.dumps([list(features), features.to_dict()]).encode())
    for table in tables:
        for column in table.columns:
            for part in _content(column):
                digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _content(column: pa.ChunkedArray) -> Iterator[bytes | memoryview]:
    """Yield bytes that are equal for two columns of one type if and only if their values are equal."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    yield b"%d %d;" % (len(column), column.null_count)
    if column.null_count:
        yield np.packbits(column.is_null().to_numpy()).tobytes()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.fill_null("")  # the bytes behind a null are undefined
        yield pc.binary_length(column).to_numpy().tobytes()
        for chunk in column.chunks:
            if len(chunk):
                wide = np.int32 if pa.types.is_string(kind) else np.int64
                ends = np.frombuffer(chunk.buffers()[1], wide)[chunk.offset : chunk.offset + len(chunk) + 1]
                if ends[-1] > ends[0]:
                    yield memoryview(chunk.buffers()[2])[ends[0] : ends[-1]]
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        yield column.fill_null(False if pa.types.is_boolean(kind) else 0).to_numpy().tobytes()
    else:
        yield json.dumps(column.to_pylist(), default=repr).encode()
