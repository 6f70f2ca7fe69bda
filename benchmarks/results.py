"""The results of a benchmark, in one file: a line for each run, each test set, and each cell when it ends."""

from __future__ import annotations

import base64
import json
import lzma
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from augment.errors import InputError, OutputError
from augment.files import lock, opened
from augment.identity import difference
from augment.plain_data import as_expected, is_special, parse_json
from benchmarks.grid.cells import Cell, Place

FILE = "results.jsonl"
PACKED = f"{FILE}.xz"
SCHEMA = 1
PLACE = ("task", "encoder", "head", "loss", "arm", "seed")
REQUIRED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("run", ""): ("suite", "files"),
    ("test", ""): ("fingerprint", "name", "classes", "codes"),
    ("cell", "failed"): (*PLACE, "key", "reason"),
    ("cell", "done"): (
        *(
            *PLACE,
            "key",
            "makes_rows",
            "classes",
            "rare",
            "config",
            "rows",
            "shared_rows",
            "data",
            "tests",
            "predicted",
        ),
        *("best", "last", "mean_gap", "curve", "made", "seconds", "rows_per_second", "peak_mb", "model", "versions"),
        "hardware",
    ),
}
"""The keys that a line must have, by its kind and status."""
Record = dict[str, Any]
"""One cell: the result of `benchmarks.run.cell.measure`, or the reason of its failure."""


def packed(codes: np.ndarray) -> str:
    """Return class codes, (n,) in [0, 256), as text.

    Examples
    --------
    >>> unpacked(packed(np.array([2, 0, 1]))).tolist()
    [2, 0, 1]
    """
    return base64.b85encode(zlib.compress(np.asarray(codes, dtype=np.uint8).tobytes(), 9)).decode()


def unpacked(text: str) -> np.ndarray:
    """Return the class codes of a text of `packed`; int64, (n,)."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype=np.uint8).astype(np.int64)


class RunRecord(NamedTuple):
    """What identifies a run: its suite, files and encoders."""

    suite: dict[str, Any]
    """The `identity` of the suite, and the hashes of its data."""
    files: dict[str, str]
    """The hashes of the YAML files of the suite and of the arms."""
    encoders: dict[str, str]
    """The hash of the content of each encoder in a folder, by its name."""


@dataclass
class Results:
    """The content of the file of results in a folder."""

    path: Path
    suite: dict[str, Any] = field(default_factory=dict)
    """See `RunRecord`."""
    files: list[dict[str, str]] = field(default_factory=list)
    """The different values of `RunRecord.files` in all runs."""
    encoders: dict[str, str] = field(default_factory=dict)
    """The encoders of all runs."""
    tests: dict[str, Record] = field(default_factory=dict)
    """Test sets by fingerprint. Each has `name`, `classes` and `codes`."""
    cells: dict[Place, Record] = field(default_factory=dict)
    """The last record of each cell, by its place."""
    cut: bool = False
    """Whether the last line was incomplete. It is left out."""

    def take(self, run: RunRecord) -> None:
        """Add the record of a new run."""
        self.suite = self.suite or run.suite
        if run.files not in self.files:
            self.files.append(run.files)
        self.encoders |= run.encoders

    @property
    def done(self) -> dict[Place, Record]:
        """The cells that have not failed."""
        return {place: record for place, record in self.cells.items() if record["status"] == "done"}

    def check(self, run: RunRecord, cells: Sequence[Cell]) -> None:
        """Check that the results of cells may be added to the existing results.

        Raises
        ------
        InputError
            If the existing results have another suite or other data, or another encoder or arm of the same name.
        """
        if self.suite and (differs := difference(self.suite, run.suite)):
            raise InputError(f"{self.path}: has results of another benchmark: {differs}. Give another folder as `out`.")
        for name, content in run.encoders.items():
            if self.encoders.get(name, content) != content:
                raise InputError(
                    f"{self.path}: has results of another encoder with the name {name!r}. Give it another name, or"
                    " another folder as `out`."
                )
        done = self.done
        for cell in cells:
            before = done.get(cell.place)
            if before is not None and before["key"] != cell.key:
                now = cell.config.model_dump(mode="json") | {"device": before["config"]["device"]}
                how = difference(before["config"], now) or "other rows, another encoder, or another version"
                raise InputError(
                    f"{self.path}: the arm {cell.arm.name!r} was measured there in another way ({how}). Give it another"
                    " name, or another folder as `out`."
                )

    def truth(self, record: Mapping[str, Any], test: str) -> np.ndarray:
        """Return the true classes of a cell's test set, as codes in its order of classes; int64, (n,)."""
        stored = self.tests[record["data"]["tests"][test]]
        places = [record["classes"].index(name) for name in stored["classes"]]
        codes: np.ndarray = np.array(places, dtype=np.int64)[unpacked(stored["codes"])]
        return codes


def read(folder: Path) -> Results:
    """Read the results in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Results
        An incomplete last line is left out.

    Raises
    ------
    InputError
        If there are no results, they have another schema, or a line other than the last is damaged.
    """
    path = file_in(folder)
    if is_special(path):
        raise InputError(f"{path}: is a device, a pipe or a socket; expected a file of results.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: there are no results ({error.strerror}). Make some with `benchmarks run --out {folder}`."
        ) from None
    if path.name == PACKED:
        try:
            content = lzma.decompress(content)
        except (lzma.LZMAError, EOFError) as error:
            raise InputError(f"{path}: is damaged ({error}). Get it again, or remove it.") from None
    return _parsed(path, content)[0]


def file_in(folder: Path) -> Path:
    """Return the file of results in a folder: the plain one, or else the packed one if there is one."""
    plain, packed = folder / FILE, folder / PACKED
    return packed if packed.exists() and not plain.exists() else plain


@contextmanager
def appending(folder: Path) -> Iterator[tuple[Results, Appender]]:
    """Open the results in a folder, or start new ones. Only one run may do this at a time.

    Parameters
    ----------
    folder : Path
        It is made if needed.

    Yields
    ------
    results : Results
        Its `cut` tells whether the last line was incomplete. Such a line has been removed.
    appender : Appender

    Raises
    ------
    InputError
        See `read`.
    OutputError
        If the results cannot be written or are packed, or another run is writing there.
    """
    path = folder / FILE
    if file_in(folder) != path:
        raise OutputError(f"{file_in(folder)}: is packed; unpack it with `xz -d`, or give another folder as `out`.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = opened(path)  # unbuffered: a full disk is an error at once
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); give another folder as `out`.") from None
    with file:
        if not lock(file, path, "a folder on another file system as `out`"):
            raise OutputError(f"{path}: another run is writing here; wait for it, or give another folder as `out`.")
        file.seek(0)
        content = file.read()
        results, end = _parsed(path, content)
        if end < len(content):
            file.truncate(end)
        yield results, Appender(file, results)


class Appender:
    """Appends lines to the file of results. Each line is on the disk before the method returns.

    Parameters
    ----------
    file : binary file
        Opened to append.
    results : Results
        They are updated with every line.
    """

    def __init__(self, file: BinaryIO, results: Results) -> None:
        self.file = file
        self.results = results

    def begin(self, run: RunRecord) -> None:
        """Write the record of a run, unless the file has it already. Call `Results.check` first."""
        known = self.results
        if known.suite and run.files in known.files and run.encoders.items() <= known.encoders.items():
            return
        self._write({"kind": "run", **run._asdict()})
        known.take(run)

    def add_test(self, fingerprint: str, name: str, labels: tuple[str, ...]) -> None:
        """Write the true classes of a test set, unless the file has them already."""
        if fingerprint in self.results.tests:
            return
        classes = sorted(set(labels))
        codes = np.array([classes.index(label) for label in labels])
        record = {"kind": "test", "fingerprint": fingerprint, "name": name, "classes": classes, "codes": packed(codes)}
        self._write(record)
        self.results.tests[fingerprint] = record

    def add_cell(self, record: Record) -> None:
        """Write the record of a cell."""
        self._write({"kind": "cell", **record})
        self.results.cells[place_of(record)] = record

    def _write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps({"schema": SCHEMA, **record}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        end = self.file.seek(0, os.SEEK_END)
        left = memoryview(line)
        try:
            while left:
                left = left[self.file.write(left) :]
            os.fsync(self.file.fileno())
        except OSError as error:
            self.file.truncate(end)
            raise OutputError(
                f"{self.results.path}: cannot be written ({error.strerror}); free the disk, and give the same command"
                " again to go on."
            ) from None


def place_of(record: Record) -> Place:
    """Return the place of a cell's record."""
    task, encoder, head, loss, arm, seed = (record[name] for name in PLACE)
    return task, encoder, head, loss, arm, seed


def _has_place(record: Record) -> bool:
    *names, seed = (record[name] for name in PLACE)
    return all(isinstance(name, str) for name in names) and type(seed) is int


def _parsed(path: Path, content: bytes) -> tuple[Results, int]:
    """Return the results in a file, and the length of its complete lines in bytes."""
    results, end = Results(path), 0
    lines = content.splitlines(keepends=True)
    for number, line in enumerate(lines):
        try:
            record = parse_json(line, str(path))
            if not isinstance(record, dict):
                raise ValueError
        except ValueError:
            record = None
        if record is None or not line.endswith(b"\n"):
            if number < len(lines) - 1:
                raise InputError(f"{path}: line {number + 1} is damaged. Remove it, or give another folder.")
            break
        if record.get("schema") != SCHEMA:
            raise InputError(
                f"{path}: line {number + 1} has the schema {record.get('schema')!r}, and this version reads {SCHEMA}."
                " Use the version that wrote it, or give another folder."
            )
        end += len(line)
        kind = str(record.get("kind"))
        needed = REQUIRED.get((kind, str(record.get("status", ""))))
        if needed is None or not set(needed) <= set(record) or (kind == "cell" and not _has_place(record)):
            raise InputError(
                f"{path}: line {number + 1} is not a record of a benchmark. Remove it or give another folder."
            )
        with as_expected(f"{path}: line {number + 1}", "Remove it or give another folder."):
            if kind == "run":
                results.take(RunRecord(record["suite"], record["files"], record.get("encoders", {})))
            elif kind == "test":
                results.tests[record["fingerprint"]] = record
            else:
                results.cells[place_of(record)] = record
    results.cut = end < len(content)
    return results, end
