"""Read rows of several labels: lists, labels joined in one cell, or a column of 0 and 1 for each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.data.column_names import LABEL_COLUMNS, MissingColumn, find_label, known_label
from augment.data.labels import label_namer
from augment.data.layout import Layout
from augment.data.several_labels import LABELS, joined_labels, list_columns, refuse_tags_in_cells
from augment.data.table_columns import batches
from augment.errors import InputError, did_you_mean, listed

if TYPE_CHECKING:
    from datasets import Dataset

_BETWEEN = ("|", ";", ",", " / ", "\t")
"""What stands between the labels in the name of a set: the first that stands in no label."""
_FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


class LabelSets(NamedTuple):
    """The sets of labels of a table's rows."""

    columns: tuple[str, ...]
    """The columns that hold the labels."""
    members: dict[str, tuple[str, ...]]
    """The name of each set → its labels, in order. The labels, and the sets, are sorted. A set may be empty."""
    codes: np.ndarray
    """For every row the place of its set in `members`; int32, shape (n,)."""

    def counts(self) -> dict[str, int]:
        """Return the rows of each label, in sorted order of the labels."""
        found: dict[str, int] = {}
        rows = np.bincount(self.codes, minlength=len(self.members)).tolist()
        for labels, count in zip(self.members.values(), rows, strict=True):
            for label in labels:
                found[label] = found.get(label, 0) + count
        return {label: found[label] for label in _in_order(found)}

    def has_label(self) -> np.ndarray:
        """Return which rows have a label; bool, shape (n,)."""
        some = np.array([bool(labels) for labels in self.members.values()], dtype=bool)
        found: np.ndarray = some[self.codes]
        return found

    def of_rows(self, rows: np.ndarray) -> LabelSets:
        """Return the sets of some rows, by their numbers."""
        return self._replace(codes=self.codes[rows])


def columns_of_sets(table: Dataset, name: str, layout: Layout) -> tuple[str, ...]:
    """Return the columns that hold several labels in each row; none if each row has one label.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    layout : Layout
        With `label_columns`, each is of one label. With `label_separator`, the label column holds joined labels.
        Otherwise a label column of lists is found by its name.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If a column is missing, or options contradict each other.
    """
    asked = layout.label_columns or layout.label_separator is not None
    if layout.single_label:
        if asked:
            raise InputError(
                "`single_label` takes each cell as one class, and `label_separator`, or several columns of labels, say"
                " that rows have several labels. Leave one of them out."
            )
        return ()
    if layout.label_columns:
        if layout.label_separator is not None:
            raise InputError(
                "`label_separator` is for labels in one column, and `label_column` names several. Leave one out."
            )
        for column in layout.label_columns:
            if column not in table.column_names:
                raise MissingColumn(
                    f"{name}: has no label column {column!r}; the columns are {listed(table.column_names, 20)}: correct"
                    f" `label_column`.{did_you_mean(column, table.column_names)}"
                )
        return layout.label_columns
    of_lists = _list_label(table, name, layout, list_columns(table))
    if layout.label_separator is None:
        return () if of_lists is None else (of_lists,)
    if of_lists is not None:
        raise InputError(
            f"{name}: `label_separator` is for labels that are joined in one text, and the column {of_lists!r} holds"
            " lists, which are read as they are. Leave it out."
        )
    return (find_label(table, name, layout.label_column),)


def _list_label(table: Dataset, name: str, layout: Layout, lists: Sequence[str]) -> str | None:
    """Return the label column if it holds lists."""
    if layout.label_column is not None:
        return layout.label_column if layout.label_column in lists else None
    if known_label(table) is not None:
        return known_label(table) if known_label(table) in lists else None
    usual = [column for column in lists if column.lower() in (*LABEL_COLUMNS, *LABELS)]
    if len(usual) > 1:
        raise InputError(f"{name}: the labels may stand in {listed(usual)}; give one as `label_column`.")
    return usual[0] if usual else None


def read_label_sets(table: Dataset, name: str, columns: Sequence[str], layout: Layout, text_column: str) -> LabelSets:
    """Read the labels of every row.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    columns : sequence of str
        From `columns_of_sets`.
    layout : Layout
    text_column : str

    Returns
    -------
    LabelSets

    Raises
    ------
    InputError
        If a cell is neither 0 nor 1 where it must be, a list holds something else than labels, there is a tag for each
        word, or no row has a label.
    """
    for option in ("label_map", "labels"):
        if getattr(layout, option) is not None:
            raise InputError(
                f"`{option}` is for rows of one label each, and those of {name} have several. Leave it out."
            )
    if text_column in columns:
        raise InputError(
            f"{name}: {text_column!r} is given as text column and as label column; give two different columns."
        )
    if layout.label_columns:
        rows: Iterable[tuple[Any, ...]] = _of_flags(table, name, columns)
    elif layout.label_separator is not None:
        refuse_tags_in_cells(table, name, text_column, columns[0], layout.label_separator)
        _check_separates(table, name, columns[0], layout.label_separator)
        rows = _of_cells(table, columns[0], layout.label_separator)
    else:
        rows = _of_lists(table, name, columns[0])
    return _encoded(rows, name, columns)


def _encoded(rows: Iterable[tuple[Any, ...]], name: str, columns: Sequence[str]) -> LabelSets:
    """Number the sets in sorted order, and name them."""
    numbers: dict[tuple[Any, ...], int] = {}
    codes = np.fromiter((numbers.setdefault(row, len(numbers)) for row in rows), np.int32)
    values = {label for row in numbers for label in row}
    if not values:
        raise InputError(f"{name}: no row has a label in {listed([*columns])}; give another as `label_column`.")
    if len(kinds := {type(value).__name__ for value in values}) > 1:
        found = ", ".join(sorted(kinds))
        raise InputError(f"{name}: the labels must be of one type, strings or integers. Got {found}.")
    place = {label: i for i, label in enumerate(_in_order(values))}
    between = next((mark for mark in _BETWEEN if not any(mark in str(label) for label in values)), None)
    if between is None:
        raise InputError(f"{name}: no mark can stand between labels, since all of {listed(_BETWEEN)} stand in some.")
    sets: dict[tuple[int, ...], int] = {}
    merged = np.empty(len(numbers), dtype=np.int32)
    for row, number in numbers.items():
        merged[number] = sets.setdefault(tuple(sorted({place[label] for label in row})), len(sets))
    order = sorted(sets)
    rank = np.empty(len(order), dtype=np.int32)
    rank[[sets[one] for one in order]] = np.arange(len(order))
    labels = [str(label) for label in place]
    members = {between.join(labels[i] for i in one): tuple(labels[i] for i in one) for one in order}
    return LabelSets(tuple(columns), members, rank[merged[codes]])


def _in_order(labels: Iterable[Any]) -> list[Any]:
    """Sort labels; names of whole numbers as numbers."""
    found = list(labels)
    numbers = all(isinstance(label, int) or (label.isascii() and label.isdigit()) for label in found)
    return sorted(found, key=int if numbers else str)


def _of_lists(table: Dataset, name: str, column: str) -> Iterator[tuple[Any, ...]]:
    feature = table.features[column]
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    names = getattr(inner, "names", None)
    for row, values in enumerate(_cells(table, column)):
        for value in values or ():
            if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
                raise InputError(
                    f"{name}, row {row}: the list of labels in column {column!r} must hold strings or whole numbers."
                    f" Got {value!r:.60}."
                )
        labels = dict.fromkeys(values or ())
        yield tuple(labels) if names is None else tuple(names[value] for value in labels if 0 <= value < len(names))


def _of_cells(table: Dataset, column: str, separator: str) -> Iterator[tuple[str, ...]]:
    name_of = label_namer(table, column)
    for cell in _cells(table, column):
        parts = [part.strip() for part in (name_of(cell) or "").split(separator)]
        yield tuple(dict.fromkeys(part for part in parts if part))


def _check_separates(table: Dataset, name: str, column: str, separator: str) -> None:
    """Refuse a separator that is in no cell, if another one seems to be."""
    name_of = label_namer(table, column)
    counts = Counter(label for cell in _cells(table, column) if (label := name_of(cell)))
    joined = None if any(separator in label for label in counts) else joined_labels(counts)
    if joined is not None:
        raise InputError(
            f"{name}: no label of column {column!r} has {separator!r} in it, and {joined.rows:,} look like several with"
            f" {joined.separator!r} between them, e.g. {joined.example!r:.60}. Give"
            f" `label_separator={joined.separator!r}`."
        )


def _of_flags(table: Dataset, name: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for row, cells in enumerate(zip(*(_cells(table, column) for column in columns), strict=True)):
        flags = [_FLAGS.get(str(cell).lower()) for cell in cells]
        if None in flags:
            place = flags.index(None)
            raise InputError(
                f"{name}, row {row}: column {columns[place]!r} must hold 0 or 1, since `label_column` names a column"
                f" for each label. Got {cells[place]!r:.60}."
            )
        yield tuple(column for column, flag in zip(columns, flags, strict=True) if flag)


def _cells(table: Dataset, column: str) -> Iterator[Any]:
    for part in batches(table.select_columns([column])):
        yield from part.column(column).to_pylist()
