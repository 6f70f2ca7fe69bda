"""The encoding of a text file: told by its byte order mark, or named by the user; UTF-8 otherwise."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import BinaryIO, NamedTuple

from augment.errors import InputError, did_you_mean

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""The bytes that a file may begin with → its encoding."""
_USUAL = ("utf-8", "windows-1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "shift_jis")
_CHUNK = 1 << 16


class Encoding(NamedTuple):
    """How the characters of a file are stored."""

    name: str = "utf-8"
    """The name of a codec of Python, in its normal form."""
    mark: bytes = b""
    """The byte order mark that the file begins with; empty without one."""


UTF_8 = Encoding()


def checked_encoding(name: str) -> str:
    """Return the normal form of the name of an encoding.

    Parameters
    ----------
    name : str
        A name or an alias of a text codec of Python.

    Returns
    -------
    str
        UTF-16 and UTF-32 of no named byte order are little-endian, as most programs write them.

    Raises
    ------
    InputError
        If Python has no such codec for texts.

    Examples
    --------
    >>> checked_encoding("Windows-1252"), checked_encoding("UTF16")
    ('cp1252', 'utf-16-le')
    """
    try:
        "".encode(name)  # which refuses codecs that are not of texts, such as base64
        b"a".decode(name, "replace")  # which refuses those that read strictly alone, such as idna
        normal = codecs.lookup(name).name
    except (LookupError, ValueError, UnicodeError):
        raise InputError(
            f"There is no encoding {name!r}; expected one that Python knows, such as utf-8, windows-1252 or utf-16."
            f"{did_you_mean(name.lower(), _USUAL)}"
        ) from None
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(normal, normal)


def to_write(name: str) -> Encoding:
    """Return the encoding of a new file.

    Parameters
    ----------
    name : str
        As for `checked_encoding`.

    Returns
    -------
    Encoding
        With a byte order mark if the name asks for one (utf-8-sig) or its byte order is not named (utf-16, utf-32).

    Raises
    ------
    InputError
        If there is no encoding of that name.

    Examples
    --------
    >>> len(to_write("utf-8-sig").mark), len(to_write("utf-16-le").mark)
    (3, 0)
    """
    encoding = checked_encoding(name)
    if codecs.lookup(name).name not in ("utf-8-sig", "utf-16", "utf-32"):
        return Encoding(encoding)
    return Encoding(encoding, next(mark for mark, marked in BYTE_ORDER_MARKS.items() if marked == encoding))


def mark_of(start: bytes) -> Encoding | None:
    """Return the encoding that the first bytes of a file tell, or None if they are no byte order mark."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return Encoding(name, mark)
    return None


def mark_of_file(path: str | Path) -> Encoding | None:
    """Return the encoding that the beginning of a file tells, or None; also if there is no such file."""
    try:
        with open(path, "rb") as handle:
            return mark_of(handle.read(4))
    except OSError:
        return None


def encoding_of(path: Path, named: str | None) -> Encoding:
    """Return the encoding of a file.

    Parameters
    ----------
    path : Path
    named : str or None
        The encoding if the file does not begin with a byte order mark; None for UTF-8.

    Returns
    -------
    Encoding

    Raises
    ------
    InputError
        If there is no encoding of that name.
    """
    default = UTF_8 if named is None else Encoding(checked_encoding(named))
    return mark_of_file(path) or default


def decoded(handle: BinaryIO, encoding: Encoding, newline: str = "") -> io.TextIOWrapper:
    """Return the text of an open file behind its byte order mark, decoded as it is read.

    Parameters
    ----------
    handle : binary file
        At its start.
    encoding : Encoding
    newline : str, default=""
        As for `open`. By default each of LF, CRLF and CR ends a line, and is not changed.

    Returns
    -------
    text file
        Closing it closes the handle.
    """
    handle.seek(len(encoding.mark))
    return io.TextIOWrapper(handle, encoding=encoding.name, newline=newline)


def not_decodable(path: Path, encoding: Encoding) -> InputError:
    """Return the error that names the first bytes of a file that its encoding does not have.

    Parameters
    ----------
    path : Path
    encoding : Encoding
        Of which the file has a wrong byte.

    Returns
    -------
    InputError
        To be raised.
    """
    line, offset = _first_wrong(path, encoding)
    what = f"{path}, line {line}: is not {shown_encoding(encoding.name)} (byte {offset} of the file)"
    if encoding.mark:
        return InputError(f"{what}, though its byte order mark says so; download or save the file again.")
    if encoding != UTF_8:
        return InputError(f"{what}; give another `encoding`.")
    return InputError(f"{what}; name the encoding of the file, perhaps `encoding={guessed_encoding(path)!r}`.")


def guessed_encoding(path: Path) -> str:
    """Return a likely encoding of a file that is not UTF-8 and has no byte order mark.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        UTF-16 if every other byte of its beginning is 0, Windows-1252 if that has a character for each byte of it, or
        Latin-1.
    """
    with open(path, "rb") as handle:
        start = handle.read(_CHUNK)
    zeros = [start[place::2].count(0) for place in (0, 1)]
    if max(zeros) > len(start) // 4:
        return "utf-16-le" if zeros[1] >= zeros[0] else "utf-16-be"
    try:
        start.decode("windows-1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "windows-1252"


def _first_wrong(path: Path, encoding: Encoding) -> tuple[int, int]:
    """Return the line, from 1, and the place in the file, from 0, of the first byte that cannot be decoded."""
    decoder = codecs.getincrementaldecoder(encoding.name)()
    line, offset = 1, len(encoding.mark)
    with open(path, "rb") as handle:
        handle.seek(offset)
        while True:
            part = handle.read(_CHUNK)
            kept = decoder.getstate()[0]
            try:
                line += decoder.decode(part, final=not part).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].decode(encoding.name, "ignore").count("\n")
                return line, offset - len(kept) + error.start
            offset += len(part)
            if not part:
                return line, offset


def shown_encoding(name: str) -> str:
    """Return the usual spelling of the name of an encoding."""
    return name.upper() if name.startswith("utf") else name
