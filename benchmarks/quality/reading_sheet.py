"""A sheet of real and new rows without marks for blind readers, the key to it, and the score of their answers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from augment.errors import InputError, OutputError, listed
from augment.files import staged_text
from augment.seeding import Subset, generator
from benchmarks.quality.compared_rows import Pair
from benchmarks.quality.fluency import MadeSet

REAL, NEW = "real", "new"
ALL_SETS = "all sets"
_Z = 1.959964  # of a 95 % interval


class SheetRow(NamedTuple):
    """A row of the sheet, and what only the key tells about it."""

    text: str
    label: str
    set: str
    kind: str
    """`REAL` or `NEW`."""
    arm: str
    """Empty for a real row."""
    source: int
    """The row number of the source, or of the real row itself."""


class Key(NamedTuple):
    """What the key says about a row of the sheet."""

    set: str
    kind: str
    arm: str


class SheetAnswer(NamedTuple):
    """What a reader says about a row."""

    natural: bool
    label: bool | None
    """Whether the class is right; None if the reader was not asked."""


@dataclass(frozen=True)
class Share:
    """The share of rows of which the readers say yes."""

    rows: int
    share: float
    """The mean over the readers; nan without rows."""
    low: float
    high: float
    """The 95 % interval of Wilson. Two answers about one row do not count as two rows."""


@dataclass(frozen=True)
class Reading:
    """What the readers say about the rows of one arm in one set."""

    set: str
    arm: str
    """`REAL` for the real rows."""
    natural: Share
    label: Share | None
    """None if the readers were not asked about the class."""


@dataclass(frozen=True)
class ReaderAgreement:
    """How often two readers say the same."""

    question: str
    rows: int
    same: float
    """Share of rows."""
    kappa: float
    """Cohen's kappa; nan if both readers give one and the same answer everywhere."""


def drawn_rows(sets: Sequence[MadeSet], arms: Sequence[str], *, per_set: int, seed: int) -> list[SheetRow]:
    """Draw the rows of a sheet, and shuffle them.

    Half of the rows of each set are new, shared evenly among the arms, and half are the real rows that they are
    compared with. No two rows of the sheet have one source.

    Parameters
    ----------
    sets : sequence of MadeSet
    arms : sequence of str
        The names of the arms that are read.
    per_set : int
        Rows of each set, 2 or more.
    seed : int

    Returns
    -------
    list of SheetRow

    Raises
    ------
    InputError
        If a set has too few rows.
    """
    drawn: list[SheetRow] = []
    for place, made in enumerate(sets):
        chooser = generator(seed, "subset", place, Subset.ROWS_OF_A_SHEET)
        sources: set[int] = set()
        partners: dict[int, Pair] = {}
        for number, arm in enumerate(arms):
            pairs = made.pairs[arm]
            wanted = per_set // 2 // len(arms) + (number < per_set // 2 % len(arms))
            chosen: list[Pair] = []
            for i in chooser.permutation(len(pairs)):
                if len(chosen) < wanted and pairs[i].source_row not in sources:
                    chosen.append(pairs[i])
                    sources.add(pairs[i].source_row)
            if len(chosen) < wanted:
                raise InputError(
                    f"{made.name}: has {len(sources)} sources for the {per_set // 2} new rows of the sheet. Lower"
                    " `per_set`, or raise `rows`."
                )
            drawn += [SheetRow(pair.new, pair.label, made.name, NEW, arm, pair.source_row) for pair in chosen]
            partners |= {pair.real_row: pair for pair in chosen}
        spare = [pair for arm in arms for pair in made.pairs[arm]]
        partners |= {pair.real_row: pair for pair in spare if pair.real_row not in partners}
        real = list(partners.items())[: per_set - per_set // 2]
        drawn += [SheetRow(pair.real, pair.label, made.name, REAL, "", row) for row, pair in real]
    return [drawn[i] for i in generator(seed, "subset", 0, Subset.ORDER_OF_A_SHEET).permutation(len(drawn))]


def write_sheet(rows: Sequence[SheetRow], sheet: Path, *, ask_label: bool) -> Path:
    """Write a sheet for the readers, and beside it the key, which they must not see.

    Parameters
    ----------
    rows : sequence of SheetRow
        In the order of the sheet; their ids are 1, 2, 3, ….
    sheet : Path
        Has the columns `id` and `text`, and, if the label is asked, `class`.
    ask_label : bool

    Returns
    -------
    Path
        The key: `id`, `set`, `kind`, `arm`, `source`.

    Raises
    ------
    OutputError
        If one of the files is there already, or cannot be written.
    """
    key = key_of(sheet)
    check_free(sheet)
    shown = [(i, row.text, row.label) if ask_label else (i, row.text) for i, row in enumerate(rows, 1)]
    secret = [(i, row.set, row.kind, row.arm, row.source) for i, row in enumerate(rows, 1)]
    with (
        staged_text(_csv(["id", "text", *["class"] * ask_label], shown), sheet),
        staged_text(_csv(["id", "set", "kind", "arm", "source"], secret), key),
    ):
        pass
    return key


def key_of(sheet: Path) -> Path:
    """Return the place of a sheet's key.

    Examples
    --------
    >>> key_of(Path("sheet.csv")).name
    'sheet.key.csv'
    """
    return sheet.with_suffix(".key.csv")


def check_free(sheet: Path) -> None:
    """Refuse a sheet that is there already, or has a key: readers may be at work on it."""
    for path in (sheet, key_of(sheet)):
        if path.exists():
            raise OutputError(f"{path}: is there already. Remove it, or give another name.")


def read_key(path: Path) -> dict[str, Key]:
    """Read a key.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to Key
        By id.

    Raises
    ------
    InputError
        If it is not a key.
    """
    rows = _read(path, ("id", "set", "kind", "arm"))
    return {row["id"]: Key(row["set"], row["kind"], row["arm"]) for row in rows}


def read_answers(path: Path, key: Mapping[str, Key]) -> dict[str, SheetAnswer]:
    """Read the answers of a reader: a table with the columns `id`, `natural` and, if it was asked, `label`.

    Parameters
    ----------
    path : Path
        A csv file. Answers are ``y`` and ``n``.
    key : mapping of str to Key
        See `read_key`.

    Returns
    -------
    dict of str to SheetAnswer

    Raises
    ------
    InputError
        If an id is missing or unknown, or an answer is neither ``y`` nor ``n``.
    """
    rows = _read(path, ("id", "natural"))
    ids = [row["id"] for row in rows]
    unknown, missing = [i for i in ids if i not in key], [i for i in key if i not in ids]
    if unknown or missing:
        what = f"has the ids {listed(unknown)}, which the key lacks" if unknown else f"lacks the ids {listed(missing)}"
        raise InputError(f"{path}: {what}. Give one answer for each row of the sheet.")
    asked = "label" in rows[0] and any(row["label"].strip() for row in rows)
    return {
        row["id"]: SheetAnswer(_yes(path, row, "natural"), _yes(path, row, "label") if asked else None) for row in rows
    }


def readings(key: Mapping[str, Key], answers: Sequence[Mapping[str, SheetAnswer]]) -> list[Reading]:
    """Return the share of natural rows, and of rows whose class is right, for each set and arm.

    Parameters
    ----------
    key : mapping of str to Key
    answers : sequence of mappings of str to SheetAnswer
        One for each reader.

    Returns
    -------
    list of Reading
        Set by set, the real rows first; with several sets, `ALL_SETS` at the end.
    """
    sets = sorted({row.set for row in key.values()})
    found = []
    for name in [*sets, *([ALL_SETS] if len(sets) > 1 else [])]:
        own = {i: row for i, row in key.items() if name in (row.set, ALL_SETS)}
        for arm in [REAL, *sorted({row.arm for row in own.values() if row.kind == NEW})]:
            ids = [i for i, row in own.items() if (row.arm if row.kind == NEW else REAL) == arm]
            natural = [[one[i].natural for i in ids] for one in answers]
            asked = [[bool(one[i].label) for i in ids] for one in answers if one[ids[0]].label is not None]
            found.append(Reading(name, arm, _share(natural), _share(asked) if asked else None))
    return found


def agreement(
    question: Literal["natural", "label"], one: Mapping[str, SheetAnswer], other: Mapping[str, SheetAnswer]
) -> ReaderAgreement:
    """Return how often two readers give the same answer to a question.

    Parameters
    ----------
    question : {"natural", "label"}
    one, other : mapping of str to SheetAnswer

    Returns
    -------
    ReaderAgreement

    References
    ----------
    Cohen 1960, "A coefficient of agreement for nominal scales".
    """
    first = np.array([getattr(one[i], question) for i in one], dtype=bool)
    second = np.array([getattr(other[i], question) for i in one], dtype=bool)
    same = float((first == second).mean())
    chance = float(first.mean() * second.mean() + (~first).mean() * (~second).mean())
    return ReaderAgreement(question, len(first), same, (same - chance) / (1 - chance) if chance < 1 else math.nan)


def wilson(share: float, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Parameters
    ----------
    share : float
    rows : int

    Returns
    -------
    tuple of two floats
        nan without rows.

    References
    ----------
    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> [round(end, 3) for end in wilson(0.5, 10)]
    [0.237, 0.763]
    """
    if not rows:
        return math.nan, math.nan
    middle = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * math.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    return middle - half, middle + half


def _share(answers: Sequence[Sequence[bool]]) -> Share:
    """Return the mean share of the readers."""
    rows = len(answers[0])
    share = float(np.mean(answers)) if rows else math.nan
    return Share(rows, share, *wilson(share, rows))


def _csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; texts stand in quotes, so that line breaks of every kind stay in them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue()


def _read(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """Read a csv file that must have these columns, and each id once."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}). Give a csv file.") from None
    lacking = [name for name in names if not rows or rows[0].get(name) is None]
    if lacking:
        raise InputError(f"{path}: needs the columns {', '.join(names)}, and rows. It lacks {listed(lacking)}.")
    ids = [row["id"] for row in rows]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise InputError(f"{path}: has the id {twice[0]!r} more than once. Leave one of the rows out.")
    return rows


def _yes(path: Path, row: Mapping[str, str], question: str) -> bool:
    """Read an answer."""
    value = (row[question] or "").strip().lower()
    if value not in ("y", "n"):
        raise InputError(f"{path}: the row {row['id']} must have y or n as {question!r}. Got {row[question]!r}.")
    return value == "y"
