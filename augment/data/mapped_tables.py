"""Tables on disk that are mapped into memory. Only the parts that were just read stay in memory."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from augment.errors import OutputError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 10_000
"""Rows that readers hold as Python values at a time."""

_Row = TypeVar("_Row")
_READS = 64  # batches that are looked up before memory is released
_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def in_parts(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield rows as lists of `ROWS`, the last with fewer, so that few are Python values at a time."""
    waiting = iter(rows)
    while part := list(islice(waiting, ROWS)):
        yield part


def spooled(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Put batches into one table: a single one stays in memory, more go to a nameless temporary file.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        One or more. Where their types differ, they become the one type that holds them all.

    Returns
    -------
    pyarrow.Table
        Mapped from the file, which is deleted with the table, however the process ends.

    Raises
    ------
    OutputError
        If the file cannot be written.
    pyarrow.ArrowException
        If no type holds all values of a column.

    Examples
    --------
    >>> import pyarrow as pa
    >>> spooled(pa.record_batch({"n": [n]}) for n in (None, 1, 2.5))["n"].to_pylist()
    [None, 1.0, 2.5]
    """
    import pyarrow as pa

    batches = iter(batches)
    first = next(batches)
    second = next(batches, None)
    if second is None:
        return pa.Table.from_batches([first])
    with _disk():
        file = tempfile.TemporaryFile(prefix="counterpoise-")  # noqa: SIM115 -- closed below
    try:
        schema = first.schema
        stream = pa.ipc.new_stream(file, schema)
        for batch in chain((first, second), batches):
            with _disk():
                if batch.schema != schema:  # a stream has one schema, so another one begins
                    stream.close()
                    schema = batch.schema
                    stream = pa.ipc.new_stream(file, schema)
                stream.write_batch(batch)
        with _disk():
            stream.close()
            file.flush()
        tables = mapped(file)
    finally:
        with contextlib.suppress(OSError):  # of what could not be written above
            file.close()
    if len(tables) == 1:
        return tables[0]
    schema = pa.unify_schemas([table.schema for table in tables], promote_options="permissive")
    return spooled(batch for table in tables for batch in _promoted(table, schema))


def mapped(file: BinaryIO) -> list[pa.Table]:
    """Map the Arrow streams of a file, which follow one another.

    Parameters
    ----------
    file : binary file
        Not empty; it may be closed afterwards.

    Returns
    -------
    list of pyarrow.Table
        One for each stream.
    """
    import pyarrow as pa

    pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _maps.add(pages)
    reader = pa.BufferReader(pa.py_buffer(pages))
    tables = []
    while reader.tell() < reader.size():
        with pa.ipc.open_stream(reader) as stream:
            batches = []
            for batch in stream:
                batches.append(batch)
                if len(batches) % _READS == 0:  # where a batch stands is written before it, and is looked at here
                    release()
            tables.append(pa.Table.from_batches(batches, stream.schema))
    release()
    return tables


def release() -> None:
    """Let go of the pages of every mapped table; they are read again when they are looked at again.

    Without it each page that was ever touched counts as memory of the process. Windows has no such call, and takes the
    pages back when it needs them.
    """
    if not hasattr(mmap, "MADV_DONTNEED"):
        return
    for pages in list(_maps):
        pages.madvise(mmap.MADV_DONTNEED)


def _promoted(table: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a table with the columns and types of a wider schema."""
    import pyarrow as pa

    for batch in table.to_batches():
        whole = [schema.empty_table(), pa.Table.from_batches([batch])]
        yield from pa.concat_tables(whole, promote_options="permissive").combine_chunks().to_batches()
        release()


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """Turn a failed write of the temporary file into an error of one line."""
    try:
        yield
    except OSError as error:
        folder = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")
        raise OutputError(
            f"{folder}: cannot hold a temporary copy of the data ({error.strerror or error}); free the disk, or name "
            "a folder with room in TMPDIR."
        ) from None
