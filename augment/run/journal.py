"""Save finished chunks of rows on disk, so that a killed run loses at most one chunk."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from augment.errors import InputError, OutputError
from augment.files import append, delete_opened, lock, opened
from augment.generation.loop import Outcome, Row
from augment.identity import difference
from augment.plain_data import as_expected, parse_json

SCHEMA = 4


def journal_path(output: Path) -> Path:
    """Return where the journal of an output stands while it is being made.

    Examples
    --------
    >>> journal_path(Path("out/balanced.csv")).as_posix()
    'out/balanced.csv.journal'
    """
    return output.with_name(output.name + ".journal")


def check_no_journal(output: Path) -> None:
    """Raise an error if an unfinished run has left its journal.

    Raises
    ------
    OutputError
        If there is a journal; the message names both ways to continue.
    """
    path = journal_path(output)
    if path.exists():
        raise OutputError(
            f"{path}: an unfinished run has left its work here; give `resume=True` to go on with it, or"
            " `overwrite=True` to begin anew."
        )


class Journal:
    """An append-only file with one line for each finished chunk, after a line that identifies the run.

    Each line has a checksum of itself and of all lines before it. A line that a crash has cut short is dropped when the
    journal is opened; the chunks before it stay. Lines in another order, or twice, are damage. Only one run at a time
    can hold the journal.

    Parameters
    ----------
    path : Path
        The file.
    identity : mapping
        Everything that determines the rows, as plain data.
    resume : bool
        Continue with the existing chunks. If False, they are discarded.
    sources : int, optional
        The number of rows that may be a source. None to take any.
    classes : collection of str, optional
        The classes that rows may have. None to take any.

    Raises
    ------
    InputError
        If the file is damaged or belongs to another run.
    OutputError
        If it cannot be written, or another run holds it.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        *,
        resume: bool,
        sources: int | None = None,
        classes: Collection[str] | None = None,
    ) -> None:
        self.path = path
        self._sources, self._classes = sources, classes
        # Where the line of each finished chunk begins, its length, and the checksum of the lines before it.
        self._places: list[tuple[int, int, int]] = []
        self._checksum = 0
        self._end = 0
        self.rows = 0
        self._held_elsewhere = False
        plain: dict[str, Any] = json.loads(json.dumps({"schema": SCHEMA, **identity}, default=str))
        there = os.path.exists(path)
        try:
            self._file = opened(path)  # unbuffered: what a full disk refuses must not come up again when it is closed
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another output.") from None
        try:
            self._lock()
            if not resume:
                self._file.truncate(0)
            self._read_up(plain)
        except BaseException:
            if not there and not self._held_elsewhere:  # as `__exit__`, which is not reached
                self.remove()
            self._file.close()
            raise

    @property
    def chunks(self) -> int:
        """The number of finished chunks."""
        return len(self._places)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file; delete it if it holds no chunk."""
        if self.chunks == 0 and not self._file.closed:
            self.remove()
        self._file.close()

    def append(self, outcome: Outcome) -> None:
        """Add a finished chunk, and wait until it is on the disk.

        Raises
        ------
        OutputError
            If it cannot be written; earlier chunks stay.
        """
        place, checksum = self._end, self._checksum
        try:
            self._write(
                {
                    "label": outcome.label,
                    "slots": outcome.slots,
                    "rows": [
                        [row.source, row.variant, row.label, row.text, dict(row.columns), *row.others]
                        for row in outcome.rows
                    ],
                    "rejected": dict(outcome.rejected),
                    "barren": outcome.barren,
                    "ruled_out": dict(outcome.ruled_out),
                }
            )
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); free the disk and go on with `resume=True`."
            ) from None
        self._places.append((place, self._end - place, checksum))

    def outcomes(self) -> Iterator[Outcome]:
        """Read the finished chunks, in order, one at a time. They were checked before, or written here."""
        for place, length, checksum in self._places:
            self._file.seek(place)
            text, _ = _unchanged(self._file.read(length), checksum)
            if text is None:
                raise InputError(f"{self.path}: has been changed while it was read; begin anew with `overwrite=True`.")
            yield _outcome(json.loads(text.decode("utf-8", "surrogatepass")))

    def _checked(self, entry: Mapping[str, Any]) -> Outcome:
        """Return what a line holds, in which nothing may be of another kind."""
        with as_expected(f"{self.path}, chunk {self.chunks + 1}", "Begin anew with `overwrite=True`."):
            outcome = _outcome(entry)
            rows = outcome.rows
            numbers = [outcome.slots, *outcome.barren, *outcome.rejected.values()]
            numbers += chain.from_iterable(outcome.ruled_out.values())
            numbers += [number for row in rows for number in (row.source, row.variant)]
            texts = [outcome.label, *(text for row in rows for text in (row.text, row.label, *row.others))]
            sound = all(type(number) is int and number >= 0 for number in numbers)
            sound = sound and all(type(text) is str for text in texts)
            sound = sound and all(type(row.columns) is dict for row in rows)
            sound = sound and all(self._sources is None or row.source < self._sources for row in rows)
            if not sound or not all(self._classes is None or row.label in self._classes for row in rows):
                raise ValueError("a row of another plan")
        return outcome

    def __iter__(self) -> Iterator[Row]:
        """Read the rows of all finished chunks, in order; this may be repeated."""
        for outcome in self.outcomes():
            yield from outcome.rows

    def remove(self) -> None:
        """Delete the file: its rows stand elsewhere now."""
        delete_opened(self._file, self.path)

    def _lock(self) -> None:
        if not lock(self._file, self.path, "an output on another file system"):
            self._held_elsewhere = True
            raise OutputError(f"{self.path}: another run is writing this output; wait for it, or choose another.")

    def _read_up(self, identity: Mapping[str, Any]) -> None:
        """Check the file, cut off a half-written line, and note where chunks begin."""
        # The locked handle itself: on Windows no other may read what it has locked. A copy, since readers close theirs.
        with open(os.dup(self._file.fileno()), "rb") as file:
            file.seek(0)
            header, checksum = _parsed(line := file.readline(), 0)
            end = len(line)
            if header is None:
                if file.readline():
                    raise InputError(f"{self.path}: is damaged or not a journal; begin anew with `overwrite=True`.")
                end = 0
            else:
                different = difference(header, identity)
                if different:
                    raise InputError(
                        f"{self.path}: belongs to another run: {different}. Repeat the run as it was with"
                        " `resume=True`, or begin anew with `overwrite=True`."
                    )
                while (read := _parsed(line := file.readline(), checksum))[0] is not None:
                    self.rows += len(self._checked(read[0]).rows)
                    self._places.append((end, len(line), checksum))
                    end += len(line)
                    checksum = read[1]
                if line and file.readline():
                    raise InputError(
                        f"{self.path}: is damaged in chunk {self.chunks + 1}, or its lines are in another order;"
                        " bring them back, or begin anew with `overwrite=True`."
                    )
        self._end, self._checksum = end, 0 if header is None else checksum
        self._file.truncate(end)
        if header is None:
            try:
                self._write(identity)
            except OSError as error:
                self.remove()
                raise OutputError(
                    f"{self.path}: cannot be written ({error.strerror}); free the disk, or choose another output."
                ) from None

    def _write(self, entry: Mapping[str, Any]) -> None:
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        checksum = zlib.crc32(text, self._checksum)
        self._end = append(self._file, self._end, b"%08x %s\n" % (checksum, text))
        self._checksum = checksum


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    rows = [
        Row(text, label, source, variant, said, tuple(others))
        for source, variant, label, text, said, *others in entry["rows"]
    ]
    return Outcome(entry["label"], entry["slots"], rows, entry["rejected"], entry["barren"], entry["ruled_out"])


def _unchanged(line: bytes, before: int) -> tuple[bytes | None, int]:
    """Return the text of a line, or None if it is not whole, and its checksum, which goes on from that before it."""
    written, _, text = line[:-1].partition(b" ")
    checksum = zlib.crc32(text, before)
    return text if line.endswith(b"\n") and written == b"%08x" % checksum else None, checksum


def _parsed(line: bytes, before: int) -> tuple[dict[str, Any] | None, int]:
    """Return the content of a line, or None if it is not whole, and its checksum."""
    text, checksum = _unchanged(line, before)
    content = None if text is None else parse_json(text.decode("utf-8", "surrogatepass"), "A line of the journal")
    return content if isinstance(content, dict) else None, checksum
