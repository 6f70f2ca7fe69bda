"""Read and write JSON: one object per line (jsonl), or a list of them (json)."""

from __future__ import annotations

import bisect
import io
import json
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from augment.data.formats.cells import python_columns
from augment.data.formats.csv_tables import checked_lines
from augment.data.formats.dialect import Dialect
from augment.data.formats.encodings import decoded
from augment.data.layout import Layout
from augment.data.mapped_tables import in_parts
from augment.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

_SURROGATE = re.compile("[\ud800-\udfff]")
_EXPECTED = '{"text": …, "label": …}'


def read_jsonl(path: Path, layout: Layout, dialect: Dialect) -> Generator[pa.RecordBatch]:
    """Yield the rows of a file with one JSON object per line.

    Parameters
    ----------
    path : Path
    layout : Layout
        Not used.
    dialect : Dialect

    Yields
    ------
    pyarrow.RecordBatch
        The types of a batch fit those of earlier batches.

    Raises
    ------
    InputError
        If the file is empty or broken, or holds half of a character, or a column has values of several types.
    """
    with open(path, "rb") as handle, decoded(handle, dialect.encoding, "\n") as text:
        batches = _typed(_objects(checked_lines(text, path), path), path)
        first = next(batches, None)
        if first is None:
            raise InputError(f"{path}: the file is empty; expected one JSON object per line.")
        yield first
        yield from batches


def read_json(path: Path, layout: Layout, dialect: Dialect) -> Generator[pa.RecordBatch]:
    """Yield the rows of a JSON file: a list of objects, or of pairs of a text and a label.

    The whole file is held in memory. If it holds one object per line instead, it is read as `read_jsonl` does.

    Parameters
    ----------
    path, layout, dialect
        As for `read_jsonl`.

    Yields
    ------
    pyarrow.RecordBatch
        Pairs become the columns `text` and `label`.

    Raises
    ------
    InputError
        If the file is empty or broken, or a column has values of several types.
    """
    with open(path, "rb") as handle, decoded(handle, dialect.encoding) as text:
        start = next((line for line in checked_lines(text, path) if line.strip()), "")
        if _is_object(start):
            yield from read_jsonl(path, layout, dialect)
            return
        content = start + text.read()
    try:
        rows = json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid JSON ({error}); mend it, or write it again.") from None
    if not isinstance(rows, list) or not rows:
        raise InputError(
            f"{path}: expected a list of objects such as {_EXPECTED}, or of pairs of a text and a label; got"
            f" {_shown(rows)}."
        )
    yield from _typed(((f"record {number}", _record(row, path, number)) for number, row in enumerate(rows, 1)), path)


def _record(row: Any, path: Path, number: int) -> dict[str, Any]:
    """Return an item of a JSON list as the object that it stands for."""
    if isinstance(row, dict) and row:
        return row
    if isinstance(row, list) and len(row) == 2:
        return {"text": row[0], "label": row[1]}
    raise InputError(
        f"{path}, record {number}: expected a JSON object such as {_EXPECTED}, or a pair of a text and a label; got"
        f" {_shown(row)}. Mend or remove the record."
    )


def _is_object(line: str) -> bool:
    """Return whether a line is a JSON object by itself."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _objects(lines: Iterable[str], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
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
                f"{path}, line {number}: expected a JSON object such as {_EXPECTED}, "
                f"got {_shown(row)}; mend or remove the line."
            )
        yield f"line {number}", row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of a JSON object, whose keys must differ."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError(f"duplicate key in {', '.join(repr(key) for key, _ in pairs)}")
    return row


def _typed(rows: Iterable[tuple[str, dict[str, Any]]], path: Path) -> Generator[pa.RecordBatch]:
    """Yield rows, each with its place in the file, as batches whose types fit those of earlier batches."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {}
    for batch in in_parts(rows):
        columns = {}
        for name in dict.fromkeys(key for _, row in batch for key in row):
            places, values = ([place for place, _ in batch], [row.get(name) for _, row in batch])
            known = types.get(name, pa.null())
            try:
                columns[name], types[name] = _inferred(values, known)
            except UnicodeEncodeError:
                raise _half_character(path, batch) from None
            except (ValueError, TypeError, OverflowError):
                raise _mixed_types(path, name, places, values, known) from None
        try:
            made = pa.record_batch(columns)
        except UnicodeEncodeError:  # of the name of a column
            raise _half_character(path, batch) from None
        yield made


def _inferred(values: Sequence[Any], known: pa.DataType) -> tuple[pa.Array, pa.DataType]:
    """Return the values as an array, and the one type that holds them and all values before."""
    import pyarrow as pa

    array = pa.array(values)
    fields = [pa.schema([("", known)]), pa.schema([("", array.type)])]
    return array, pa.unify_schemas(fields, promote_options="permissive").field(0).type


def _half_character(path: Path, rows: Sequence[tuple[str, dict[str, Any]]]) -> InputError:
    """Find the first surrogate that stands alone."""
    for place, row in rows:
        for name, value in row.items():
            shown = json.dumps([name, value], ensure_ascii=False)
            if found := _SURROGATE.search(shown):
                return InputError(
                    f"{path}, {place}: column {name!r} holds \\u{ord(found[0]):04x}, which is half of a character (a"
                    f" surrogate without its partner); mend or remove the {place.partition(' ')[0]}."
                )
    raise AssertionError("no surrogate stands alone")


def _mixed_types(path: Path, name: str, places: list[str], values: list[Any], known: pa.DataType) -> InputError:
    """Find the first value that does not fit those before it."""

    def unfit(count: int) -> bool:
        try:
            _inferred(values[:count], known)
        except (ValueError, TypeError, OverflowError):
            return True
        return False

    bad = bisect.bisect_left(range(1, len(values)), True, key=unfit)
    before = _inferred(values[:bad], known)[1]
    what = places[bad].partition(" ")[0]
    return InputError(
        f"{path}, {places[bad]}: column {name!r} holds {_shown(values[bad])}, which does not fit type {before} "
        f"of the {what}s before; give every {what} the same type, e.g. strings."
    )


def _shown(value: Any) -> str:
    """Return a JSON value as it looks in the file, cut short."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "…"


# Writing


def write_jsonl(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, dialect: Dialect) -> None:
    """Write one JSON object per line."""
    _write_records(features, tables, handle, dialect, ("", dialect.row_end, dialect.row_end), empty="")


def write_json(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, dialect: Dialect) -> None:
    """Write a list of JSON objects, each on a line of its own."""
    end = dialect.row_end
    _write_records(features, tables, handle, dialect, (f"[{end}", f",{end}", f"{end}]{end}"), empty=f"[]{end}")


def _write_records(
    features: Features,
    tables: Iterable[pa.Table],
    handle: BinaryIO,
    dialect: Dialect,
    around: tuple[str, str, str],
    *,
    empty: str,
) -> None:
    """Write JSON objects with a text before the first, between two, and after the last; or that of no object."""
    before, between, after = around
    any_written = False
    # A character that the encoding has not is written as JSON's escape.
    escaped = not dialect.encoding.name.startswith("utf")
    handle.write(dialect.encoding.mark)
    text = io.TextIOWrapper(handle, encoding=dialect.encoding.name, newline="", write_through=True)
    try:
        names = list(features)
        start = 0
        for table in tables:
            rows = zip(*python_columns(features, table, start), strict=True)
            start += len(table)
            objects = (
                json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=escaped, default=str) for values in rows
            )
            text.write(before + between.join(objects))
            before, any_written = between, True
        text.write(after if any_written else empty)
    finally:
        text.detach()
