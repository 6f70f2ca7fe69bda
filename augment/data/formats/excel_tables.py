"""Read and write the first sheet of an Excel workbook, with openpyxl (the extra `excel`)."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import logging
import math
import re
import shutil
import tempfile
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from augment.data.formats.cells import python_columns
from augment.data.formats.csv_tables import check_names
from augment.data.layout import Layout
from augment.errors import FormatError, InputError, listed

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

LONGEST = 32_767
"""Characters that a cell holds."""
MOST_ROWS = 1_048_576
"""Rows of a sheet, its header included."""
MOST_COLUMNS = 16_384
"""Columns of a sheet."""

_log = logging.getLogger(__name__)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHANGED = re.compile(rb"<dcterms:(created|modified)[^>]*>.*?</dcterms:\1>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# XML drops a CR. Workbooks write it as _x000D_, and an underscore that begins what looks like that as _x005F_.
_ESCAPED = re.compile(r"\r|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPE = re.compile(r"_x(000[Dd]|005[Ff])_")
_FIRST_DAY = datetime.datetime(1900, 3, 1)  # Excel has a 29 February 1900
_KINDS = ({bool}, {str}, {datetime.datetime})


def check_library() -> None:
    """Refuse an Excel file if openpyxl is not installed.

    Raises
    ------
    InputError
        Saying how to install it.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise InputError("Excel files need openpyxl. Install it: pip install 'counterpoise[excel]'.")


def read_excel(path: Path, layout: Layout, dialect: None) -> Generator[pa.RecordBatch]:
    """Yield the rows of the first sheet of a workbook, whose first row names the columns.

    The whole sheet is held in memory. A column whose cells have one type keeps it: text, numbers, dates, or yes and no.
    The cells of any other become strings, and the log names it.

    Parameters
    ----------
    path : Path
    layout : Layout
        Not used.
    dialect : None
        Not used.

    Yields
    ------
    pyarrow.RecordBatch
        All rows in one batch. Empty cells are null, and empty rows are left out.

    Raises
    ------
    InputError
        If openpyxl is missing, or the file is no workbook, or has no rows.
    """
    import pyarrow as pa

    check_library()
    names, rows = _cells_of(path)
    if not rows:
        raise InputError(f"{path}: has no rows; expected a first row with the names of the columns, and rows below it.")
    cells = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    columns = {name: _typed(values) for name, values in cells.items()}
    mixed = [name for name, values in cells.items() if columns[name] is None]
    if mixed:
        _log.info(
            "%s: the cells of %s %s are not all text, all numbers, all dates or all yes and no; they are read as text.",
            path,
            "column" if len(mixed) == 1 else "columns",
            listed(mixed),
        )
    yield pa.record_batch(
        {name: _as_text(cells[name]) if column is None else column for name, column in columns.items()}
    )


def _cells_of(path: Path) -> tuple[list[str], list[Sequence[Any]]]:
    """Return the names of the columns and the rows of the first sheet."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        with contextlib.closing(book):
            sheet = book.worksheets[0]
            if len(book.worksheets) > 1:
                _log.info("%s: the sheet %r is read, the first of %d.", path, sheet.title, len(book.worksheets))
            rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    except Exception as error:  # noqa: BLE001 -- what a broken workbook raises is not documented
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: is not a readable Excel workbook ({reason}); save it again as .xlsx.") from None
    if not rows:
        return [], []
    width = max(place for row in rows for place, cell in enumerate(row, 1) if cell is not None)
    rows = [(*row, *[None] * (width - len(row)))[:width] for row in rows]
    names = ["" if cell is None else _ESCAPE.sub(_character, str(cell)) for cell in rows[0]]
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name in the first row; give it one.")
    check_names(names, str(path))
    return names, rows[1:]


def _typed(values: list[Any]) -> pa.Array | None:
    """Return the cells of a column as an array of their one type, or None if they have several."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.array(values, pa.string())
    if kinds <= {int, float}:
        whole = kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values)
        return pa.array(values if whole else [None if value is None else float(value) for value in values])
    if kinds == {str}:
        return _as_text(values)
    return pa.array(values) if kinds in _KINDS else None


def _as_text(values: list[Any]) -> pa.Array:
    """Return the cells of a column as strings."""
    import pyarrow as pa

    return pa.array([None if value is None else _ESCAPE.sub(_character, str(value)) for value in values], pa.string())


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def check_size(where: str, rows: int, columns: int) -> None:
    """Check that a sheet can hold so many rows and columns; `where` is its name in the message.

    Raises
    ------
    FormatError
        If it cannot.
    """
    for what, number, most in (("row", rows, MOST_ROWS - 1), ("column", columns, MOST_COLUMNS)):
        if number > most:
            raise FormatError(
                f"{where}: would have {number:,} {what}s, and a sheet of xlsx holds {most:,}; write .csv instead."
            )


def check_cells(features: Features, tables: Iterable[pa.Table]) -> None:
    """Check that cells can hold the values of a table, before more rows of its kind are made.

    Raises
    ------
    FormatError
        Naming the first row with one that they cannot.
    """
    cells = _Cells()
    for name in features:
        cells.held(name, 0)
    for row, values in _numbered(features, tables):
        for value in values:
            cells.held(value, row)


def write_excel(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, dialect: None) -> None:
    """Write a workbook of one sheet, with the same bytes for the same content.

    What Excel has no cells for is written as text (dates before March 1900, with a time zone, or of less than a
    millisecond; times and durations) or left empty (NaN, infinite numbers), and the log says so.

    Parameters
    ----------
    features : Features
    tables : iterable of pyarrow.Table
    handle : binary file
    dialect : None
        Not used.

    Raises
    ------
    InputError
        If openpyxl is missing.
    FormatError
        If a sheet cannot hold a row, which the message names.
    """
    check_library()
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    cells = _Cells()

    def cell(value: Any, row: int) -> Any:
        value = cells.held(value, row)
        if value is None or isinstance(value, (bool, datetime.date)):
            return value
        made = WriteOnlyCell(sheet, value=value if isinstance(value, str) else repr(value))
        made.data_type = "s" if isinstance(value, str) else "n"  # and never a formula, nor a number of 16 digits
        return made

    try:
        check_size("row 0", 0, len(features))
        sheet.append([cell(name, 0) for name in features])
        for row, values in _numbered(features, tables):
            if row + 2 > MOST_ROWS:
                raise FormatError(f"row {row}: is one more than a sheet of xlsx holds; write .csv instead.")
            sheet.append([cell(value, row) for value in values])
    except BaseException:
        with contextlib.suppress(Exception):  # otherwise its writer complains when it is collected
            sheet.close()
        raise
    with tempfile.TemporaryFile(prefix="counterpoise-") as packed:
        book.save(packed)
        _without_times(packed, handle)
    cells.note()


def _numbered(features: Features, tables: Iterable[pa.Table]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the rows of a table as Python values, with their numbers from 0."""
    start = 0
    for table in tables:
        yield from enumerate(zip(*python_columns(features, table, start), strict=True), start)
        start += len(table)


class _Cells:
    """Turn values into what a cell holds, and count what is not kept as it is."""

    def __init__(self) -> None:
        self.empty = 0
        """Numbers that are NaN or infinite."""
        self.as_text = 0
        """Dates and times that are no dates of Excel."""

    def held(self, value: Any, row: int) -> Any:
        """Return what the cell of a value holds: nothing, a boolean, a number, a date, or an escaped text.

        Raises
        ------
        FormatError
            If a cell cannot hold it.
        """
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float):
            self.empty += not math.isfinite(value)
            return value if math.isfinite(value) else None
        if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
            if _is_date(value):
                return value
            self.as_text += 1
        text = value if isinstance(value, str) else str(value)
        if len(text) > LONGEST or _CONTROL.search(text):
            what = f"more than {LONGEST:,} characters" if len(text) > LONGEST else "a control character"
            raise FormatError(f"row {row}: holds {what} in one cell, which xlsx cannot; write .jsonl instead.")
        return _ESCAPED.sub(lambda match: f"_x{ord(match[0]):04X}_", text)

    def note(self) -> None:
        """Log what was not kept as it was."""
        if self.empty:
            _log.info("Excel has neither NaN nor infinite numbers: %s are empty cells.", f"{self.empty:,}")
        if self.as_text:
            _log.info(
                "Excel has no cells for dates before March 1900, with a time zone or of less than a millisecond, nor"
                " for times alone: %s are text.",
                f"{self.as_text:,}",
            )


def _is_date(value: Any) -> bool:
    """Return whether a cell holds a date, or a date and time, exactly."""
    if not isinstance(value, datetime.datetime):
        return isinstance(value, datetime.date) and value >= _FIRST_DAY.date()
    exact = value.tzinfo is None and value.microsecond % 1000 == 0 and not getattr(value, "nanosecond", 0)
    return exact and value >= _FIRST_DAY


def _without_times(packed: Any, handle: BinaryIO) -> None:
    """Copy a workbook without the times at which it was made."""
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with source.open(name) as inside, target.open(entry, "w") as outside:
                if name == "docProps/core.xml":
                    outside.write(_CHANGED.sub(b"", inside.read()))
                else:
                    shutil.copyfileobj(inside, outside)
