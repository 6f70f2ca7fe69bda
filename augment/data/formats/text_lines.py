"""Read texts that stand one on a line, from a file or from the standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from augment.data.formats.encodings import UTF_8, Encoding, checked_encoding, mark_of, shown_encoding
from augment.data.mapped_tables import in_parts
from augment.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def text_lines(source: str, encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of a text file, or of the standard input for ``-``, as they come.

    Parameters
    ----------
    source : str
        A text file, or ``-``.
    encoding : str, optional
        Of what does not begin with a byte order mark. None for UTF-8.

    Yields
    ------
    str
        A line without its end.

    Raises
    ------
    InputError
        At once if the file or the encoding does not exist; later if the encoding is another.
    """
    named = UTF_8 if encoding is None else Encoding(checked_encoding(encoding))
    if source == "-":
        return _lines(sys.stdin.buffer, "The standard input", named)
    path = Path(source)
    if not path.is_file():
        raise InputError(f"There is no file {source!r}. Give a text file with one sentence per line, or a table.")
    return _lines(path.open("rb"), source, named)


def line_batches(source: str, encoding: str | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the lines of a text file as a table of one column, ``text``.

    Parameters
    ----------
    source, encoding
        See `text_lines`.

    Yields
    ------
    pyarrow.RecordBatch
        At least one, which may be empty.

    Raises
    ------
    InputError
        See `text_lines`. Also a missing file is told when the first batch is asked for.
    """
    import pyarrow as pa

    parts = in_parts(text_lines(source, encoding))
    for part in chain([next(parts, [])], parts):
        yield pa.record_batch({"text": pa.array(part, pa.string())})


def _lines(file: IO[bytes], name: str, named: Encoding) -> Iterator[str]:
    """Yield the lines of a file in the encoding of its byte order mark, or the named one."""
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)  # type: ignore[type-var]
    encoding = mark_of(buffered.peek(4)) or named
    buffered.read(len(encoding.mark))
    try:
        with io.TextIOWrapper(buffered, encoding=encoding.name) as text:
            for line in text:
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not {shown_encoding(encoding.name)} (byte {error.start} of what was read last). Name its"
            " encoding with `encoding`, e.g. windows-1252."
        ) from None
