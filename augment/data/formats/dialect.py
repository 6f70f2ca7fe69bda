"""How a table is spelled in a text file: its encoding, row ends, delimiter and quotes, found in its first lines."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from augment.data.formats.encodings import UTF_8, Encoding, encoding_of
from augment.data.formats.headers import unnamed
from augment.data.layout import DELIMITERS, SEPARATED, TEXT_FORMATS, Layout
from augment.errors import InputError, did_you_mean

QUOTING = ("minimal", "none")
"""The kinds of quoting that a user may name."""

_log = logging.getLogger(__name__)
_SAMPLE = 1 << 16  # bytes that are looked at; more if the first line is longer
_NAMES = {"\t": "a tab", " ": "a space"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a table is spelled in a text file."""

    encoding: Encoding = UTF_8
    row_end: str = "\n"
    """LF, CRLF or CR."""
    delimiter: str | None = None
    """The character between fields; None if the file holds JSON."""
    quoting: str = "minimal"
    """Fields in quotes: "minimal", those that need them; "all"; "none", where quotes are characters as any other."""
    unnamed: tuple[str, ...] = ()
    """The columns that have no name in the header, by the names that they are given instead."""
    safe: bool = False
    """Whether a cell that a spreadsheet would take for a formula begins with an apostrophe."""

    def recorded(self) -> dict[str, Any]:
        """Return the dialect as plain data, for a manifest."""
        record = {"encoding": self.encoding.name, "byte_order_mark": bool(self.encoding.mark), "row_end": self.row_end}
        if self.delimiter is None:
            return record
        own: dict[str, Any] = {"unnamed": list(self.unnamed)} if self.unnamed else {}
        own |= {"safe": True} if self.safe else {}
        return {**record, "delimiter": self.delimiter, "quoting": self.quoting, **own}


def default_dialect(suffix: str) -> Dialect | None:
    """Return the dialect in which a format is written if nothing else is known; None if it is no text."""
    return Dialect(delimiter=SEPARATED.get(suffix)) if suffix in TEXT_FORMATS else None


def check_csv_safe(output: Path) -> None:
    """Check that an output has cells that a spreadsheet may take for formulas.

    Raises
    ------
    InputError
        If it is no csv or tsv file.
    """
    if output.suffix.lower() not in SEPARATED:
        raise InputError(f"`csv_safe` is for csv and tsv files, and {output} is neither. Leave it out.")


def output_dialect(dialect: Dialect | None, source: str, output: Path, *, csv_safe: bool = False) -> Dialect | None:
    r"""Return the dialect of an output: that of the source if both have one format, or the default of its own format.

    Parameters
    ----------
    dialect : Dialect or None
        Of the source.
    source : str
    output : Path
    csv_safe : bool, default=False
        Put an apostrophe before each cell that a spreadsheet would take for a formula.

    Returns
    -------
    Dialect or None
        None if the output is no text file.

    Raises
    ------
    InputError
        If `csv_safe` is for no csv or tsv file.

    Examples
    --------
    >>> semicolons = Dialect(delimiter=";", row_end="\r\n")
    >>> output_dialect(semicolons, "rows.csv", Path("more.csv")) == semicolons
    True
    >>> output_dialect(semicolons, "rows.csv", Path("more.tsv")).delimiter
    '\t'
    """
    suffix = output.suffix.lower()
    found = dialect if Path(source).suffix.lower() == suffix and dialect else default_dialect(suffix)
    if csv_safe:
        check_csv_safe(output)
    return replace(found, safe=True) if csv_safe and found is not None else found


def find_dialect(path: Path, layout: Layout) -> Dialect | None:
    """Find how the table in a file is spelled.

    The delimiter of the suffix is taken if it splits the first lines into equally many fields, two or more. Otherwise
    another of `DELIMITERS` that does so is taken, and the log says which.

    Parameters
    ----------
    path : Path
        A file of a known format.
    layout : Layout
        `delimiter`, `quoting` and `encoding` go before what is found, but a byte order mark goes before `encoding`.

    Returns
    -------
    Dialect or None
        None if the format is no text.

    Raises
    ------
    InputError
        If a field of the layout cannot be used, or several delimiters split the first lines evenly.
    """
    suffix = path.suffix.lower()
    if suffix not in TEXT_FORMATS:
        return None
    encoding = encoding_of(path, layout.encoding)
    start = _Beginning(*_read_beginning(path, encoding))
    if suffix not in SEPARATED:
        return Dialect(encoding=encoding, row_end=start.row_end())
    quoted = _check_quoting(layout.quoting) != "none"
    delimiter = layout.delimiter
    if delimiter is None:
        delimiter = _found_delimiter(path, start, layout, quoted=quoted)
    else:
        _check_delimiter(delimiter)
    records = start.records(delimiter, quoted=quoted)
    row_end = start.row_end(delimiter if quoted else None)
    quoting = ("all" if start.is_all_quoted(records, delimiter, row_end) else "minimal") if quoted else "none"
    empty = unnamed(records[0]) if layout.header and records else ()
    return Dialect(encoding=encoding, row_end=row_end, delimiter=delimiter, quoting=quoting, unnamed=empty)


@contextlib.contextmanager
def long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters per field for a block."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _check_quoting(quoting: str | None) -> str | None:
    if quoting not in (None, *QUOTING):
        raise InputError(f"The quoting must be minimal or none. Got {quoting!r:.60}.{did_you_mean(quoting, QUOTING)}")
    return quoting


def _check_delimiter(delimiter: str) -> None:
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise InputError(
            f"The delimiter must be one character, and no quote or line end; e.g. ';', or tab. Got {delimiter!r:.60}."
        )


def _read_beginning(path: Path, encoding: Encoding) -> tuple[str, bool]:
    """Return the first lines of a file, at least one whole, and whether that is all of the file."""
    decoder = codecs.getincrementaldecoder(encoding.name)("replace")
    text = ""
    with open(path, "rb") as handle:
        handle.seek(len(encoding.mark))
        while part := handle.read(_SAMPLE):
            text += decoder.decode(part)
            if ("\n" in text or "\r" in text) and not text.endswith("\r"):  # a CRLF is not cut in two
                return text, not handle.read(1)
    return text + decoder.decode(b"", final=True), True


class _Beginning:
    """The first lines of a file."""

    def __init__(self, text: str, whole: bool) -> None:
        self.text = text
        self.whole = whole
        self.lines = list(io.StringIO(text, newline=""))
        if not whole and not text.endswith(("\n", "\r")):
            self.lines.pop()

    def records(self, delimiter: str, *, quoted: bool) -> list[list[str]]:
        """Return the whole records, none if the quotes are broken."""
        if not quoted:
            return [fields for line in self.lines if (fields := line.rstrip("\r\n").split(delimiter)) != [""]]
        records = []
        with long_fields():
            try:
                for fields in csv.reader(self.lines, delimiter=delimiter, strict=True):
                    records += [fields] * bool(fields)
            except csv.Error as error:
                if self.whole or "unexpected end" not in str(error):
                    return []
        return records

    def row_end(self, delimiter: str | None = None) -> str:
        """Return what ends the first line or, with a delimiter, the first record, which quotes may spread on lines."""
        count = 1
        if delimiter is not None:
            reader = csv.reader(self.lines, delimiter=delimiter, strict=True)
            with long_fields(), contextlib.suppress(csv.Error):
                next(reader, None)
                count = reader.line_num
        last = "".join(self.lines[count - 1 : count])
        return last[len(last.rstrip("\r\n")) :] or "\n"

    def is_all_quoted(self, records: Sequence[Sequence[str]], delimiter: str, row_end: str) -> bool:
        """Return whether every field of the records stands in quotes."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, lineterminator=row_end, quoting=csv.QUOTE_ALL).writerows(records)
        return bool(records) and (self.text + row_end * self.whole).startswith(text.getvalue())


def _found_delimiter(path: Path, start: _Beginning, layout: Layout, *, quoted: bool) -> str:
    """Return the delimiter of the suffix, or the other one that splits the first lines evenly."""
    own = SEPARATED[path.suffix.lower()]

    def fits(delimiter: str) -> bool:
        records = start.records(delimiter, quoted=quoted)
        counts = set(map(len, records))
        return len(counts) == 1 and min(counts) > 1 and counts <= {len(layout.columns or records[0])}

    if fits(own):
        return own
    others = [delimiter for delimiter in DELIMITERS if delimiter != own and fits(delimiter)]
    if len(others) > 1:
        raise InputError(
            f"{path}: its fields may be separated by {_named(others, ' or ')}; name the delimiter with `delimiter`."
        )
    if others:
        _log.info(
            "%s: its fields are separated by %s and not by %s, as its first lines show. `delimiter` names another.",
            path,
            _named(others),
            _named([own]),
        )
    return others[0] if others else own


def _named(delimiters: Iterable[str], joint: str = "") -> str:
    return joint.join(_NAMES.get(delimiter, repr(delimiter)) for delimiter in delimiters)
