"""Read and write separated values: csv, tsv, and what is like them, in any dialect."""

from __future__ import annotations

import csv
import io
import itertools
import json
import logging
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from augment.data.formats.cells import python_columns
from augment.data.formats.dialect import Dialect, long_fields
from augment.data.formats.encodings import decoded, guessed_encoding
from augment.data.formats.headers import named, seems_row, without_header
from augment.data.layout import Layout
from augment.data.mapped_tables import in_parts
from augment.errors import FormatError, InputError, counted, listed

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

_FORMULA = tuple("=+-@\t\r")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?")
_log = logging.getLogger(__name__)


def read_csv(path: Path, layout: Layout, dialect: Dialect) -> Generator[pa.RecordBatch]:
    """Yield the rows of a file of separated values, all columns as strings.

    Parameters
    ----------
    path : Path
    layout : Layout
        `header` and `columns` matter here.
    dialect : Dialect

    Yields
    ------
    pyarrow.RecordBatch
        An empty field is null. Columns without a name in the header are named by `headers.named`.

    Raises
    ------
    InputError
        If the file is empty or broken, or the layout does not fit it.
    """
    import pyarrow as pa

    newline = "\n" if dialect.row_end == "\r\n" else dialect.row_end
    newline = newline if dialect.quoting == "none" else ""
    with open(path, "rb") as handle, decoded(handle, dialect.encoding, newline) as text, long_fields():
        records = _records(checked_lines(text, path), path, dialect, settled=layout.quoting is not None)
        first = next(records, None)
        if first is None:
            raise InputError(f"{path}: the file is empty; expected a header line and rows.")
        mend = ""
        if layout.header:
            names = named(first[1])
            if layout.columns:
                raise InputError(
                    f"{path}: `columns` are the names of a file without a header; give `header=False` with them."
                )
            if dialect.unnamed:
                _log.info(
                    "%s: columns without a name in the header are called %s here, and are written back without one.",
                    path,
                    listed(dialect.unnamed),
                )
            mend = f" {without_header(len(names))}" if seems_row(first[1]) else ""
        else:
            names = _given_names(path, layout, first[1])
            records = itertools.chain([first], records)
        check_names(names, str(path), mend)
        schema = pa.schema([(name, pa.string()) for name in names])
        start = True
        for batch in in_parts(records):
            for line, fields in batch:
                if len(fields) != len(names):
                    raise _wrong_count(path, line, len(names), len(fields), dialect)
            cells = zip(*(fields for _, fields in batch), strict=True)
            arrays = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
            yield pa.record_batch(arrays, schema=schema)
            start = False
    if start:
        raise InputError(
            f"{path}: has a header but no rows; expected at least one row (or give `header=False` if line 1 is a row)."
        )


def checked_lines(text: Iterable[str], path: Path) -> Iterator[str]:
    """Yield the lines of a file; a NUL in one is an error."""
    for number, line in enumerate(text, 1):
        if "\0" in line:
            guess = guessed_encoding(path)
            mend = f"name the encoding: `encoding={guess!r}`" if guess.startswith("utf-16") else "remove it"
            raise InputError(f"{path}, line {number}: holds a NUL character; expected text. Mend: {mend}.")
        yield line


MOST_COLUMNS = 10_000
"""Columns of a table. With more, what is done for each column would take minutes."""


def check_names(names: Sequence[str], where: str, mend: str = "") -> None:
    """Refuse a table in which two columns share a name, or with more columns than `MOST_COLUMNS`.

    Parameters
    ----------
    names : sequence of str
    where : str
        The table's name in messages.
    mend : str, default=""
        One more sentence of the message.

    Raises
    ------
    InputError
        Naming the columns or their number.
    """
    if len(names) > MOST_COLUMNS:
        raise InputError(
            f"{where}: has {len(names):,} columns, and at most {MOST_COLUMNS:,} are read; give a table with those that"
            f" are needed, a text and a label among them.{mend}"
        )
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        what = f"{listed(twice)} stand{'s' * (len(twice) == 1)}"
        raise InputError(f"{where}: the column name {what} twice; give every column its own name.{mend}")


def _given_names(path: Path, layout: Layout, fields: list[str]) -> list[str]:
    """Return the column names of a file without a header."""
    if not layout.columns:
        raise InputError(
            f"{path}: a file without a header needs names for its {counted(len(fields), 'column')}; give `columns`."
        )
    if len(layout.columns) != len(fields):
        raise InputError(
            f"{path}: `columns` has {counted(len(layout.columns), 'name')} ({', '.join(layout.columns)}) "
            f"but line 1 has {counted(len(fields), 'field')}; name every field."
        )
    return list(layout.columns)


def _records(lines: Iterator[str], path: Path, dialect: Dialect, *, settled: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a file with the line each starts on; blank lines are skipped.

    Unless the user has settled what quotes mean, a record of tab-separated values may not be several rows as well.
    """
    assert dialect.delimiter is not None
    if dialect.quoting == "none":
        for number, text in enumerate(lines, 1):
            fields = text.rstrip("\r\n").split(dialect.delimiter)
            if fields != [""]:
                yield number, fields
        return
    own: list[str] = []  # the lines of the record
    settled = settled or dialect.delimiter != "\t"
    reader = csv.reader(lines if settled else _kept(lines, own), delimiter=dialect.delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = str(error).replace("\t", "tab")
            raise InputError(
                f"{path}, line {line}: broken quotes in the record that starts here ({reason}); close every quote, and"
                " double a quote inside a quoted field. Or, if quotes are characters like any other in this file, give"
                " `quoting='none'`."
            ) from None
        if len(own) > 1 and all(text.count("\t") + 1 == len(fields) for text in own):
            raise InputError(
                f"{path}, line {line}: a quote opens here and closes {counted(len(own) - 1, 'line')} below, and"
                f" each of these"
                " lines would be a row by itself. Give `quoting='none'` if quotes are characters like any other in this"
                " file, or `quoting='minimal'` if they are around fields."
            )
        own.clear()
        if fields:
            yield line, fields


def _kept(lines: Iterator[str], own: list[str]) -> Iterator[str]:
    """Yield lines, and keep them in a list."""
    for line in lines:
        own.append(line)
        yield line


def _wrong_count(path: Path, line: int, expected: int, got: int, dialect: Dialect) -> InputError:
    """Return the error on a record with more or fewer fields than the header."""
    mend = "quote fields that hold the separator"
    if dialect.quoting == "none":
        mend = "no field may hold the separator in a file that is read with `quoting='none'`"
    return InputError(f"{path}, line {line}: expected {counted(expected, 'field')}, got {got}; {mend}.")


# Writing


def write_csv(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, dialect: Dialect) -> None:
    """Write separated values.

    Parameters
    ----------
    features : Features
    tables : iterable of pyarrow.Table
    handle : binary file
    dialect : Dialect

    Raises
    ------
    FormatError
        If the dialect cannot hold a row, which the message names.
    """
    handle.write(dialect.encoding.mark)
    text = io.TextIOWrapper(handle, encoding=dialect.encoding.name, newline="", write_through=True)
    lines = _Lines(dialect)
    try:
        try:
            names = ["" if name in dialect.unnamed else name for name in features]
            lines.add([defused(names) if dialect.safe else names])
            text.write("".join(lines))
        except (_NotHeld, UnicodeEncodeError):
            raise _not_held([list(features)], None, dialect) from None
        start = 0
        for table in tables:
            columns = map(_cells, python_columns(features, _spelled(features, table), start))
            rows = list(zip(*(map(defused, columns) if dialect.safe else columns), strict=True))
            lines.clear()
            try:
                lines.add(rows)
                text.write("".join(lines))
            except (_NotHeld, UnicodeEncodeError):
                raise _not_held(rows, start, dialect) from None
            start += len(table)
    finally:
        text.detach()


def holds_nul(row: int | None) -> str:
    """Return what a message says of a row with a NUL character; None is the header."""
    return f"{_place(row)}: holds a NUL character, which csv and tsv cannot; write .jsonl instead."


class _NotHeld(Exception):
    """A row that the dialect cannot hold."""


class _Lines(list[str]):
    """Rows as lines of a file."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        assert dialect.delimiter is not None
        self._dialect = dialect
        self._delimiter = dialect.delimiter
        # The csv module quotes what would end a line of its own. With CRLF it does not forget a lone CR.
        self._writer = csv.writer(
            self,
            delimiter=dialect.delimiter,
            lineterminator="\r\n",
            quoting=csv.QUOTE_ALL if dialect.quoting == "all" else csv.QUOTE_MINIMAL,
        )

    def write(self, line: str) -> None:
        """Add a line, as the csv module writes it."""
        self.append(line[:-2] + self._dialect.row_end)

    def add(self, rows: Sequence[Sequence[str]]) -> None:
        """Add rows."""
        if self._dialect.quoting == "none":
            for cells in rows:
                line = self._delimiter.join(cells)
                if line.count(self._delimiter) >= len(cells) or _breaks(line, self._dialect) or "\0" in line:
                    raise _NotHeld
                self.append(line + self._dialect.row_end)
            return
        self._writer.writerows(rows)
        if any("\0" in line for line in self):
            raise _NotHeld


def _place(row: int | None) -> str:
    return "header" if row is None else f"row {row}"


def _not_held(rows: Sequence[Sequence[str]], start: int | None, dialect: Dialect) -> FormatError:
    """Return the error on the first of some rows, or on a header, that a dialect cannot hold."""
    for number, cells in enumerate(rows):
        row = None if start is None else start + number
        joined = "".join(cells)
        if "\0" in joined:
            return FormatError(holds_nul(row))
        try:
            joined.encode(dialect.encoding.name)
        except UnicodeEncodeError as error:
            what = f"holds {joined[error.start]!r}, which the encoding {dialect.encoding.name} has not"
            return FormatError(f"{_place(row)}: {what}; give `output_encoding='utf-8'`.")
        if any(str(dialect.delimiter) in cell for cell in cells) or _breaks(joined, dialect):
            what = "holds a separator or a line end, which a file without quoting cannot"
            return FormatError(f"{_place(row)}: {what}; write .jsonl instead.")
    raise AssertionError("every row can be held")


def _breaks(line: str, dialect: Dialect) -> bool:
    """Return whether an unquoted line would be read as several, or without its last character."""
    return ("\r" if dialect.row_end == "\r" else "\n") in line or line.endswith(("\r", "\n"))


def _spelled(features: Features, table: pa.Table) -> pa.Table:
    """Return a table with integers, and whether a row is synthetic, as strings. Labels are spelled by Python."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        plain = pa.types.is_integer(field.type) or field.name == "is_synthetic"
        if plain and not hasattr(features[field.name], "names"):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


def defused(cells: list[str]) -> list[str]:
    """Return cells with an apostrophe before what a spreadsheet would take for a formula. Numbers stay.

    Examples
    --------
    >>> defused(["=1+1", "-2.5", "@home", "fine"])
    ["'=1+1", '-2.5', "'@home", 'fine']
    """
    return [f"'{cell}" if cell[:1] in _FORMULA and cell and not _NUMBER.fullmatch(cell) else cell for cell in cells]


def _cells(values: list[Any]) -> list[str]:
    """Return the values of a column as the texts of csv cells."""
    return [value if type(value) is str else "" if value is None else _cell(value) for value in values]


def _cell(value: Any) -> str:
    """Return a value that is not a string as the text of a csv cell."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
