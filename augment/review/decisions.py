"""The decisions of a review: an append-only file with one line for each decision and for each undo."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from augment.errors import InputError, OutputError
from augment.files import append, delete_opened, lock, opened
from augment.plain_data import is_special, parse_json

SCHEMA = 1
VERDICTS = ("accept", "reject", "relabel")
Verdict = Literal["accept", "reject", "relabel"]
_MEND = "Mend the line, or name another file as `decisions`."
_IDENTITY = ("fingerprint", "rows")


class Decision(NamedTuple):
    """What a person decided on one row."""

    number: int
    """Its place among the records of the file, from 1."""
    row: int
    """The row's number in the table, from 0."""
    verdict: Verdict
    label: str | None = None
    """The right class, for ``"relabel"``."""
    reviewer: str | None = None
    time: str = ""
    """When, in UTC, as ``2026-11-30T21:04:05Z``."""


def decisions_path(table: Path) -> Path:
    """Return where the decisions on a table stand, unless another place is named.

    Examples
    --------
    >>> decisions_path(Path("out/balanced.csv")).as_posix()
    'out/balanced.csv.decisions.jsonl'
    """
    return table.with_name(table.name + ".decisions.jsonl")


class DecisionHistory:
    """The decisions that count after some records: an undo takes back the last one that counts."""

    def __init__(self) -> None:
        self.version = 0
        """The number of records."""
        self._counting: list[Decision] = []
        self._of_row: dict[int, list[Decision]] = {}

    def add(self, record: Mapping[str, Any]) -> Decision:
        """Take in the next record. Return the decision that was made, or that was taken back.

        Raises
        ------
        ValueError
            If it is not a record, or takes back what is not the last decision.
        """
        number = self.version + 1
        if "undo" in record:
            if not self._counting or self._counting[-1].number != record["undo"]:
                raise ValueError("takes back what is not the last decision")
            decision = self._counting.pop()
            self._of_row[decision.row].pop()
        else:
            decision = _decision(record, number)
            self._counting.append(decision)
            self._of_row.setdefault(decision.row, []).append(decision)
        self.version = number
        return decision

    @property
    def last(self) -> Decision | None:
        """The last decision that counts: the one that an undo would take back."""
        return self._counting[-1] if self._counting else None

    def of(self, row: int) -> Decision | None:
        """Return the decision that counts for a row."""
        decided = self._of_row.get(row)
        return decided[-1] if decided else None

    def all(self) -> dict[int, Decision]:
        """Return the decision that counts for each decided row, by row number in ascending order."""
        return {row: decided[-1] for row, decided in sorted(self._of_row.items()) if decided}


class Decisions:
    """The file of decisions, open for more of them. Each is on the disk before `decide` and `undo` return.

    The first line says which table the decisions are on. A last line that a crash has cut short is dropped. Only one
    process at a time can hold the file.

    Parameters
    ----------
    path : Path
        The file. It is made if it is missing, and deleted again if no decision was made.
    table : mapping
        The table: ``name``, ``fingerprint`` and ``rows``.

    Raises
    ------
    InputError
        If the file is damaged, or its decisions are on another table.
    OutputError
        If it cannot be written, or another process holds it.
    """

    def __init__(self, path: Path, table: Mapping[str, Any]) -> None:
        self.path = path
        there = os.path.exists(path)
        try:
            self._file = opened(path)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({error.strerror}); choose another place with `decisions`."
            ) from None
        held = False
        try:
            held = lock(self._file, path, "a place on another file system with `decisions`")
            if not held:
                raise OutputError(
                    f"{path}: another review has these decisions open; go to its page, or end it with Ctrl-C first."
                )
            with open(os.dup(self._file.fileno()), "rb") as copy:  # on Windows no other handle can read what is locked
                copy.seek(0)
                self.history, self._end = _read(copy.read(), path, table)
            self._file.truncate(self._end)
            if not self._end:
                self._write({"schema": SCHEMA, **{key: table[key] for key in ("name", *_IDENTITY)}})
        except BaseException:
            self._file.close()
            if held and not there:
                path.unlink(missing_ok=True)
            raise

    def decide(self, row: int, verdict: Verdict, label: str | None = None, reviewer: str | None = None) -> Decision:
        """Keep a decision on a row. It replaces an earlier one.

        Parameters
        ----------
        row : int
            The row's number in the table, from 0.
        verdict : {"accept", "reject", "relabel"}
        label : str, optional
            The right class, for ``"relabel"``.
        reviewer : str, optional
            Who decided.

        Returns
        -------
        Decision

        Raises
        ------
        OutputError
            If it cannot be written; then it does not count.
        """
        record = {"row": row, "decision": verdict, "label": label, "reviewer": reviewer, "time": _now()}
        return self._keep({key: value for key, value in record.items() if value is not None})

    def undo(self, reviewer: str | None = None) -> Decision | None:
        """Take back the last decision that counts; the file keeps both. Return it, or None if there is none.

        Raises
        ------
        OutputError
            If it cannot be written; then the decision still counts.
        """
        last = self.history.last
        if last is None:
            return None
        record = {"undo": last.number, "reviewer": reviewer, "time": _now()}
        return self._keep({key: value for key, value in record.items() if value is not None})

    def close(self) -> None:
        """Close the file; delete it if it holds no decision."""
        if not self._file.closed and not self.history.version:
            delete_opened(self._file, self.path)
        self._file.close()

    def __enter__(self) -> Decisions:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _keep(self, record: dict[str, Any]) -> Decision:
        try:
            self._write(record)
        except OSError as error:
            raise OutputError(
                f"{self.path}: the decision cannot be written ({error.strerror}), and does not count; free the disk,"
                " and decide again."
            ) from None
        return self.history.add(record)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
        self._end = append(self._file, self._end, line)


def read_decisions(path: Path, table: Mapping[str, Any]) -> dict[int, Decision]:
    """Read the decisions on a table.

    Parameters
    ----------
    path : Path
    table : mapping
        The table: ``name``, ``fingerprint`` and ``rows``.

    Returns
    -------
    dict of int to Decision
        The decision that counts for each decided row, by row number in ascending order.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its decisions are on another table.
    """
    if is_special(path):
        raise InputError(f"{path}: is a device, a pipe or a socket; name a file of decisions as `decisions`.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; make decisions with `augment review {table['name']}`, or name their file as"
            " `decisions`."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name another file as `decisions`.") from None
    return _read(content, path, table)[0].all()


def _read(content: bytes, path: Path, table: Mapping[str, Any]) -> tuple[DecisionHistory, int]:
    """Return what the whole lines of a file say, and where they end."""
    history, end = DecisionHistory(), 0
    for number, line in enumerate(_lines(content), 1):
        try:
            record = parse_json(line.decode("utf-8", "surrogatepass"), f"{path}, line {number}", _MEND)
            if not isinstance(record, dict):
                raise ValueError("is not an object")
            if number == 1:
                _check_table(record, path, table)
            else:
                decision = history.add(record)
                if decision.row >= table["rows"]:
                    raise ValueError(f"speaks of row {decision.row}, and the table has {table['rows']}")
        except InputError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            why = str(error) if type(error) is ValueError else "is not a decision"
            raise InputError(
                f"{path}, line {number}: {why}; expected the decisions of `augment review`. {_MEND}"
            ) from None
        end += len(line)
    return history, end


def _lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines with their ends. What follows the last end was cut short."""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        yield content[start : end + 1]
        start = end + 1


def _check_table(header: Mapping[str, Any], path: Path, table: Mapping[str, Any]) -> None:
    """Refuse decisions on another table."""
    if header.get("schema") != SCHEMA:
        raise InputError(
            f"{path}: is not a file of decisions of schema {SCHEMA}; name that of `augment review` as `decisions`."
        )
    if any(header.get(key) != table[key] for key in _IDENTITY):
        raise InputError(
            f"{path}: has decisions on {header.get('name')!r} with {header.get('rows')} rows and other content than"
            f" {table['name']!r} has now, with {table['rows']}. Bring that table back, or name another file as"
            " `decisions`."
        )


def _decision(record: Mapping[str, Any], number: int) -> Decision:
    """Read one record."""
    row, verdict, label = record["row"], record["decision"], record.get("label")
    if isinstance(row, bool) or not isinstance(row, int) or row < 0:
        raise ValueError(f"has the row {row!r}, and rows are numbers from 0")
    if verdict not in VERDICTS:
        raise ValueError(f"has the decision {verdict!r}, and there are {', '.join(VERDICTS)}")
    if (verdict == "relabel") != isinstance(label, str):
        raise ValueError("names a class without being a relabel, or a relabel without a class")
    return Decision(number, row, verdict, label, record.get("reviewer"), record.get("time", ""))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
