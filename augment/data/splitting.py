"""Split a labelled table into rows to train on, to validate on and to test on, before anything is upsampled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from augment.data.corpus import read
from augment.data.formats.dialect import check_csv_safe, output_dialect
from augment.data.layout import FORMATS, Layout
from augment.data.notes import NOT_USED, on_rows, on_splits
from augment.data.table_columns import batches, selected
from augment.data.writing import check_name, write_batches
from augment.errors import InputError, OutputError, counted
from augment.file_modes import readable_as
from augment.files import check_writable, replacing
from augment.seed_names import one_seed
from augment.seeding import Subset, generator
from augment.words import folded

Part = Literal["train", "dev", "test"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")
SHARES: Mapping[Part, float] = {"train": 0.7, "dev": 0.15, "test": 0.15}
"""The share of each part in each class."""

_DEFAULT = Layout()


@dataclass(frozen=True)
class SplitResult:
    """What `split_file` wrote."""

    counts: dict[Part, dict[str, int]]
    """Part → class name → rows."""
    without_text: int
    """Rows of the input that have no text. They are in no part."""
    notes: list[str]
    """A line for each kind of rows that are left out, and one for other splits of the same data set."""


LEAST_TO_MEASURE = 10
"""The smallest number of different texts of a class in a user's file that `benchmarks` splits."""


def split_rows(
    texts: Sequence[str],
    labels: Sequence[str],
    name: str,
    *,
    shares: Mapping[Part, float] = SHARES,
    seed: int = 0,
    least: int | None = None,
) -> dict[Part, np.ndarray]:
    """Split rows at random. Each class keeps its share in each part, and equal texts stay together.

    Texts are equal if they differ only in case, punctuation and spacing.

    Parameters
    ----------
    texts, labels : sequence of str
        One per row.
    name : str
        Of the data, in messages.
    shares : mapping of {"train", "dev", "test"} to float, default=SHARES
        Above 0; together 1. A part that is not named gets no rows.
    seed : int, default=0
        0 to 2**64 - 1. The same seed gives the same split.
    least : int, optional
        The smallest number of different texts that a class must have. None for the number of parts.

    Returns
    -------
    dict of {"train", "dev", "test"} to ndarray of int64
        The numbers of the rows of each part, ascending. Each part has at least one text of each class.

    Raises
    ------
    InputError
        If classes have too few different texts. The message names all of them.

    Examples
    --------
    >>> texts = [f"Row {i}." for i in range(20)]
    >>> parts = split_rows(texts, ["odd", "even"] * 10, "the data")
    >>> {part: len(rows) for part, rows in parts.items()}
    {'train': 14, 'dev': 2, 'test': 4}
    """
    first: dict[str, int] = {}
    groups: dict[int, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(first.setdefault(folded(text), row), []).append(row)
    starts: dict[str, list[int]] = {label: [] for label in sorted(set(labels))}
    for start in groups:
        starts[labels[start]].append(start)
    least = len(shares) if least is None else least
    if few := {label: len(own) for label, own in starts.items() if len(own) < least}:
        counts = ", ".join(f"{label!r} has {count}" for label, count in few.items())
        raise InputError(
            f"{name}: a class needs {least} different texts to be split, and {counts}. Add some, leave the class out,"
            " or split the data yourself."
        )
    parts: dict[Part, list[int]] = {part: [] for part in shares}
    for number, own in enumerate(starts.values()):
        order = generator(seed, "subset", number, Subset.PART_OF_A_SPLIT).permutation(own)
        start = 0
        for part, size in zip(shares, _sizes(len(order), list(shares.values())), strict=True):
            parts[part] += [row for group in order[start : start + size] for row in groups[int(group)]]
            start += size
    return {part: np.sort(np.array(rows, dtype=np.int64)) for part, rows in parts.items()}


def _sizes(total: int, shares: Sequence[float]) -> list[int]:
    """Divide a number of texts by shares. A part that would get none takes one from the largest."""
    ends = np.round(np.cumsum(shares) * total).astype(int)
    sizes: list[int] = np.diff(ends, prepend=0).tolist()
    for place, size in enumerate(sizes):
        if not size:
            sizes[place] = 1
            sizes[int(np.argmax(sizes))] -= 1
    return sizes


def check_shares(shares: Sequence[float]) -> dict[Part, float]:
    """Name the shares of train, dev and test rows, and leave out a part whose share is 0.

    Parameters
    ----------
    shares : sequence of float
        Of train, dev and, if there are three, test rows; 0 or more, together 1.

    Returns
    -------
    dict of {"train", "dev", "test"} to float

    Raises
    ------
    InputError
        If they are not two or three numbers of this kind, or only one part would have rows.

    Examples
    --------
    >>> check_shares([0.8, 0.2])
    {'train': 0.8, 'dev': 0.2}
    """
    named = {part: share for part, share in zip(PARTS, shares, strict=False) if share}
    if len(shares) not in (2, 3) or min(shares) < 0 or not np.isclose(sum(shares), 1) or len(named) < 2:
        raise InputError(
            "The shares must be two or three numbers that add up to 1, for train, dev and test rows, e.g. .7,.15,.15."
            f" Got {', '.join(f'{share:g}' for share in shares) or 'none'}."
        )
    return named


def split_file(
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    shares: Sequence[float] = tuple(SHARES.values()),
    seed: int | None = None,
    random_state: int | None = None,
    layout: Layout = _DEFAULT,
    overwrite: bool = False,
    csv_safe: bool = False,
) -> SplitResult:
    """Split a labelled file into ``train``, ``dev`` and ``test`` files in a new folder.

    The rows keep all their columns and their order. Rows without a text are left out.

    Parameters
    ----------
    source : path-like or str
        As for `augment.data.read`.
    folder : path-like
        It appears whole or not at all. The files have the format of the source, or csv if it is not a file. Text files
        are spelled as the source is: encoding, row ends, delimiter.
    shares : sequence of float, default=(0.7, 0.15, 0.15)
        Of train, dev and test rows in each class.
    seed : int, optional
        0 to 2**64 - 1. The same seed gives the same split. None for 0.
    random_state : int, optional
        The same as `seed`, by its name in scikit-learn.
    layout : Layout, optional
        How the source is laid out.
    overwrite : bool, default=False
        Replace a folder that an earlier call has written.
    csv_safe : bool, default=False
        Put an apostrophe before each cell of csv and tsv files that a spreadsheet would take for a formula.

    Returns
    -------
    SplitResult

    Raises
    ------
    InputError
        If the source or the shares cannot be used, a class has too few texts, or rows are synthetic: the copies of one
        row must not be on both sides.
    OutputError
        If the folder exists or cannot be written.
    """
    named = check_shares(shares)
    seed = one_seed(seed, random_state) or 0
    path, source = Path(folder), os.fspath(source)
    suffix = Path(source).suffix.lower() if os.path.isfile(source) else ".csv"
    files = {part: f"{part}{suffix}" for part in named}
    if csv_safe:
        check_csv_safe(Path(files["train"]))
    _check_folder(path, overwrite=overwrite)
    corpus = read(source, layout)
    if corpus.is_synthetic.any():
        raise InputError(
            f"{source}: {counted(int(corpus.is_synthetic.sum()), 'row is', 'rows are')} synthetic. Split the"
            f" original rows first,"
            " and upsample the training part alone."
        )
    usable = np.flatnonzero(corpus.has_text)
    texts = [text for text in corpus.texts if text and text.strip()]
    classes = corpus.classes
    labels = [classes[code] for code in corpus.codes[usable]]
    parts = {part: usable[rows] for part, rows in split_rows(texts, labels, source, shares=named, seed=seed).items()}
    with readable_as([source]), replacing(path) as temporary:
        temporary.mkdir()
        for part, rows in parts.items():
            table = selected(corpus.table, rows)
            dialect = output_dialect(corpus.dialect, source, path / files[part], csv_safe=csv_safe)
            write_batches(table.features, batches(table), temporary / files[part], dialect)
    counts = {
        part: dict(zip(classes, np.bincount(corpus.codes[rows], minlength=len(classes)).tolist(), strict=True))
        for part, rows in parts.items()
    }
    other = on_splits(corpus)
    notes = [*on_rows(corpus, NOT_USED), *([] if other is None else [other])]
    return SplitResult(counts, len(corpus.texts) - len(usable), notes)


def _check_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot be made, or that holds other things than the parts of a split."""
    check_name(path)
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Create it, or choose another output.")
    if path.exists():
        own = {f"{part}{suffix}" for part in PARTS for suffix in FORMATS}
        if not path.is_dir() or not {entry.name for entry in path.iterdir()} <= own:
            raise OutputError(f"{path}: exists and is not the folder of a split. Choose another output.")
        if not overwrite:
            raise OutputError(f"{path}: exists already; give `overwrite=True` to replace it, or choose another output.")
    check_writable(path)
