"""Read texts that stand one on a line, from a file or from the standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from augment.errors import InputError


def text_lines(source: str) -> Iterator[str]:
    """Yield the lines of a text file, or of the standard input for ``-``, as they come.

    Parameters
    ----------
    source : str
        A file in UTF-8, or ``-``.

    Yields
    ------
    str
        A line without its end.

    Raises
    ------
    InputError
        At once if the file does not exist; later if it is not UTF-8.
    """
    if source == "-":
        return _lines(sys.stdin.buffer, "The standard input")
    path = Path(source)
    if not path.is_file():
        raise InputError(f"There is no file {source!r}. Give a text file with one sentence per line, or a table.")
    return _lines(path.open("rb"), source)


def _lines(file: IO[bytes], name: str) -> Iterator[str]:
    """Yield the lines of a file."""
    try:
        with io.TextIOWrapper(file, encoding="utf-8-sig") as text:
            for line in text:
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start} of what was read last). Convert it.") from None
