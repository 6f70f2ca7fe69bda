"""Read and write the first sheet of an Excel workbook, with openpyxl (the extra `excel`)."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import re
import shutil
import tempfile
import zipfile
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from augment.data.formats.cells import python_columns
from augment.data.formats.csv_tables import check_duplicates
from augment.data.layout import Layout
from augment.errors import InputError, OutputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

LONGEST = 32_767
"""Characters that a cell holds."""
MOST_ROWS = 1_048_576
"""Rows of a sheet, its header included."""

_log = logging.getLogger(__name__)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHANGED = re.compile(rb"<dcterms:(created|modified)[^>]*>.*?</dcterms:\1>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


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

    The whole sheet is held in memory. A column whose cells have one type keeps it; the cells of any other are strings.

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
    columns = {name: _typed([row[place] for row in rows]) for place, name in enumerate(names)}
    yield pa.record_batch(columns)


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
    names = ["" if cell is None else str(cell) for cell in rows[0]]
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name in the first row; give it one.")
    check_duplicates(names, str(path))
    return names, rows[1:]


def _typed(values: list[Any]) -> pa.Array:
    """Return the cells of a column as an array of their one type, or of strings."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    plain = kinds <= {int, float} or kinds in ({bool}, {str})
    if plain and kinds:
        return pa.array([float(v) if v is not None and float in kinds else v for v in values])
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def write_excel(features: Features, tables: Iterable[pa.Table], handle: BinaryIO, dialect: None) -> None:
    """Write a workbook of one sheet, with the same bytes for the same content.

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
    OutputError
        If a sheet cannot hold a row, which the message names.
    """
    check_library()
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")

    def cell(value: Any, row: int) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        text = value if isinstance(value, str) else str(value)
        if len(text) > LONGEST or _CONTROL.search(text):
            what = f"more than {LONGEST:,} characters" if len(text) > LONGEST else "a control character"
            raise OutputError(f"row {row}: holds {what} in one cell, which xlsx cannot; write .jsonl instead.")
        made = WriteOnlyCell(sheet, value=text)
        made.data_type = "s"  # and never a formula
        return made

    sheet.append([cell(name, 0) for name in features])
    row = 0
    for table in tables:
        for values in zip(*python_columns(features, table), strict=True):
            if row + 2 > MOST_ROWS:
                raise OutputError(f"row {row}: is one more than a sheet of xlsx holds; write .csv instead.")
            sheet.append([cell(value, row) for value in values])
            row += 1
    with tempfile.TemporaryFile(prefix="counterpoise-") as packed:
        book.save(packed)
        _without_times(packed, handle)


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
