"""Find the columns, the labels and the usable rows of a table. `reading` reads files, and `writing` writes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from augment.data.column_names import (
    LABEL_COLUMNS,
    TEXT_COLUMNS,
    MissingColumn,
    find_label,
    find_text,
    known_label,
)
from augment.data.fingerprint import fingerprint
from augment.data.formats.dialect import Dialect
from augment.data.formats.headers import seems_row, without_header
from augment.data.formats.text_lines import line_batches
from augment.data.label_sets import LabelSets, columns_of_sets, read_label_sets
from augment.data.labels import label_namer, usable_rows, with_mapped_labels
from augment.data.layout import Layout
from augment.data.lazy_texts import Beside, Texts
from augment.data.mapped_tables import spooled
from augment.data.other_splits import other_splits
from augment.data.provenance import typed_provenance
from augment.data.reading import from_arrow, load, load_spelled
from augment.data.several_labels import LOOKED_AT, check_columns, check_labels, refuse_joined, refuse_several
from augment.data.table_columns import batches, check_sound, encoded, selected, table_column
from augment.data.text_pairs import pair_of
from augment.errors import InputError, listed
from augment.words import whole

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

_DEFAULT = Layout()


@dataclass(frozen=True, eq=False)
class Corpus:
    """A labelled table, and where its rows came from."""

    name: str
    """The source, as given."""
    table: Dataset
    """The rows that were kept, with every column, in the order of the input."""
    text_column: str
    label_column: str
    rows: np.ndarray
    """Row numbers in the input, from 0; int64, shape (n,)."""
    dropped: int
    """Number of rows that were left out."""
    unlabelled: int
    """Number of those that have no usable label. The others are of classes that were not chosen."""
    fingerprint: str
    """``sha256:…`` of the content of `table`, see `augment.data.fingerprint`."""
    layout: Layout
    """How it was read."""
    dialect: Dialect | None = None
    """How its text file is spelled; None if the source is none."""
    other_splits: tuple[str, ...] = ()
    """The splits of its data set that were not read."""
    label_sets: LabelSets | None = None
    """The labels of every row, if rows have several. Then a class is a set of labels."""

    @cached_property
    def texts(self) -> Texts:
        """The texts, one per row."""
        return Texts(self.table, self.text_column)

    @cached_property
    def beside(self) -> Beside | None:
        """The other texts of every row, if the layout names some."""
        return Beside(self.table, self.layout.beside) if self.layout.beside else None

    @cached_property
    def others(self) -> tuple[Texts, ...]:
        """The columns of texts that are edited as well; `beside` begins with them."""
        return tuple(Texts(self.table, column) for column in self.layout.also_edited)

    @property
    def labels(self) -> list[str | int]:
        """The labels as they are stored, one per row: strings, booleans, integers (also of a ClassLabel), floats."""
        labels: list[str | int] = table_column(self.table, self.label_column).to_pylist()
        return labels

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns of the labels."""
        return (self.label_column,) if self.label_sets is None else self.label_sets.columns

    @cached_property
    def label_names(self) -> dict[str | int, str]:
        """The name of every label, or set of labels, that occurs, in sorted order of the labels."""
        if self.label_sets is not None:
            return {name: name for name in self.label_sets.members}
        name_of = label_namer(self.table, self.label_column)
        return {value: str(name_of(value)) for value in self._encoded[0]}

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in sorted order of the labels."""
        return list(self.label_names.values())

    @property
    def codes(self) -> np.ndarray:
        """The place of each row's class in `classes`; int32, shape (n,)."""
        return self._encoded[1]

    @property
    def counts(self) -> dict[str, int]:
        """Class name → rows, in sorted order of the names."""
        return dict(sorted(zip(self.classes, np.bincount(self.codes).tolist(), strict=True)))

    @property
    def label_counts(self) -> dict[str, int]:
        """Label → rows. The same as `counts`, unless rows have several labels."""
        return self.counts if self.label_sets is None else self.label_sets.counts()

    @cached_property
    def has_text(self) -> np.ndarray:
        """Which rows have a text that is more than white space, in each column that is edited; bool, shape (n,)."""
        rows = zip(self.texts, *self.others, strict=True)
        return np.fromiter((all(text and text.strip() for text in texts) for texts in rows), bool, len(self.texts))

    @property
    def is_synthetic(self) -> np.ndarray:
        """Which rows were made by upsampling; bool, shape (n,), all False if the table does not say."""
        if "is_synthetic" not in self.table.column_names:
            return np.zeros(len(self.table), dtype=bool)
        flags: np.ndarray = table_column(self.table, "is_synthetic").fill_null(False).to_numpy()
        return flags

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column as it is stored."""
        return table_column(self.table, name)

    def named_labels(self) -> list[str]:
        """Return the name of each row's class; equal names are one object."""
        names: list[str] = np.array(self.classes, dtype=object)[self.codes].tolist()
        return names

    @cached_property
    def _encoded(self) -> tuple[list[str | int], np.ndarray]:
        """The labels that occur, sorted, and the place of each row's label among them."""
        if self.label_sets is not None:
            return [*self.label_sets.members], self.label_sets.codes
        values, codes = encoded(table_column(self.table, self.label_column))
        order = sorted(range(len(values)), key=values.__getitem__)
        return [values[i] for i in order], np.argsort(order).astype(np.int32)[codes]


def read(source: str | Path, layout: Layout = _DEFAULT, *, several: bool = False) -> Corpus:
    r"""Read a labelled table.

    Parameters
    ----------
    source : str or Path
        A file, a folder saved by `datasets`, a hub id, or ``"sample"`` for the bundled reviews.
    layout : Layout, optional
        How to read it.
    several : bool, default=False
        Also read rows of several labels (`Corpus.label_sets`). Otherwise they are refused.

    Returns
    -------
    Corpus
        The usable rows.

    Raises
    ------
    InputError
        If the source is missing or broken, or a column or the labels cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "reviews.csv")
    >>> _ = path.write_text("text,label\nNA,007\n")
    >>> corpus = read(path)
    >>> list(corpus.texts), corpus.labels
    (['NA'], ['007'])
    """
    table, dialect = load_spelled(source, layout)
    splits = other_splits(source, table, layout.split)
    try:
        corpus = from_table(table, str(source), layout, several=several)
    except MissingColumn as error:
        if layout.header and dialect is not None and dialect.delimiter is not None and _has_row_for_header(table):
            raise MissingColumn(f"{error} {without_header(len(table.column_names))}") from None
        raise
    return replace(corpus, dialect=dialect, other_splits=splits)


def read_texts(source: str | Path, layout: Layout = _DEFAULT) -> list[str]:
    """Read only the text column, e.g. of a held-out file, without nulls; see `open_texts`."""
    return [text for text in open_texts(source, layout) if text is not None]


def open_texts(
    source: str | Path,
    layout: Layout = _DEFAULT,
    *,
    text_column: str | None = None,
    mend: str = "give one as `text_column`",
    unlabelled: bool = False,
) -> Texts:
    """Open only the text column; no label is needed. A ``.txt`` file has one text a line.

    Even if `layout` says that files have no header, this file may have one: if a field of its first line equals
    `layout.text_column` or one of `TEXT_COLUMNS`, that line names the columns and is not a row. (In both cases it must
    have as many fields as `layout.columns`.)

    Parameters
    ----------
    source, layout
        As for `read`. If the `text_column` of the layout is missing, the usual names are tried.
    text_column : str, optional
        The text column of this source, whatever the layout says.
    mend : str, optional
        How to name another column, for messages.
    unlabelled : bool, default=False
        Refuse a table with a column of labels.

    Returns
    -------
    Texts
        In order; a null is None.

    Raises
    ------
    InputError
        If the source is missing or broken, or has no column of texts.
    """
    if str(source).endswith(".txt"):
        if text_column is not None:
            raise InputError(f"{source}: a text file has one text a line and no columns; leave {text_column!r} out.")
        lines = spooled(line_batches(str(source), layout.encoding))
        if not len(lines):
            raise InputError(f"{source}: the file is empty; expected at least one line.")
        return Texts(from_arrow(lines, str(source)), "text")
    table = _load_other(source, layout, text_column)
    texts = texts_of(table, str(source), text_column, usual=layout.text_column, mend=mend)
    if unlabelled and (label := known_label(table)) not in (None, texts.column):
        raise InputError(
            f"{source}: has labels, in the column {label!r}, and unlabelled texts are expected. Add rows that have the"
            " input's classes to the input itself; if the labels are of another task, remove or rename that column."
        )
    return texts


def read_whole(source: str | Path, layout: Layout) -> list[str]:
    """Read the rows of a held-out table of several texts in each row; see `whole_of`."""
    if str(source).endswith(".txt"):
        raise InputError(f"{source}: a text file has one text a line. {_need(layout)}")
    table = _load_other(source, layout, layout.text_column)
    return whole_of(table, str(source), layout)


def whole_of(table: Dataset, name: str, layout: Layout) -> list[str]:
    """Return the rows of a table of several texts in each row, as `augment.words.whole` makes texts of them.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    layout : Layout
        That of the input, whose columns this table must have, too.

    Returns
    -------
    list of str
        Rows without a text in `layout.text_column` are left out.

    Raises
    ------
    InputError
        If it lacks one of the columns.
    """
    columns = [str(layout.text_column), *layout.beside]
    for column in columns:
        if column not in table.column_names:
            raise MissingColumn(f"{name}: has no column {column!r}. {_need(layout)}")
        find_text(table, name, column)
    check_sound(table.select_columns(columns), name)
    rows = zip(Texts(table, columns[0]), Beside(table, columns[1:]), strict=True)
    return [whole(text, beside) for text, beside in rows if text is not None]


def _need(layout: Layout) -> str:
    return (
        f"Rows are compared as a whole, so give a table with the columns {layout.text_column!r} and"
        f" {listed(layout.beside)}."
    )


def _load_other(source: str | Path, layout: Layout, text_column: str | None) -> Dataset:
    """Open a table beside the input, which may have a header where the input has none."""
    table = load(source, layout)
    if not layout.header and _starts_with_names(table, text_column or layout.text_column):
        return load(source, replace(layout, header=True, columns=None))
    return table


def texts_of(table: Dataset, name: str, text_column: str | None = None, *, usual: str | None, mend: str) -> Texts:
    """Open the text column of a table beside the input, such as a held-out one.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    text_column : str, optional
        The column that must be taken.
    usual : str or None
        The text column of the input. If this table has none of that name, the usual names are tried.
    mend : str
        How to name another column, for messages.

    Returns
    -------
    Texts

    Raises
    ------
    MissingColumn
        If it has no column of texts.
    """
    if text_column is None and usual in table.column_names:
        text_column = usual
    text_column = find_text(table, name, text_column, mend)
    check_sound(table.select_columns([text_column]), name)
    return Texts(table, text_column)


def from_table(table: Dataset, name: str, layout: Layout = _DEFAULT, *, several: bool = False) -> Corpus:
    """Find the columns, map and check the labels, and keep the usable rows of a table in memory.

    Parameters
    ----------
    table : Dataset
        The table; it is not changed.
    name : str
        The table's name in messages.
    layout : Layout, optional
        How to read it. Options for files are ignored.
    several : bool, default=False
        Also read rows of several labels. Otherwise they are refused.

    Returns
    -------
    Corpus
        The usable rows.

    Raises
    ------
    InputError
        If a column is missing or has the wrong type, or labels cannot be used.

    Examples
    --------
    >>> from datasets import Dataset
    >>> table = Dataset.from_dict({"text": ["good", "so so", "?"], "label": ["positive", "neutral", None]})
    >>> corpus = from_table(table, "memory", Layout(drop_unlabelled=True))
    >>> corpus.labels, corpus.rows.tolist(), corpus.dropped
    (['positive', 'neutral'], [0, 1], 1)
    """
    if len(table) == 0:
        raise InputError(f"{name}: the table has no rows; expected at least one.")
    check_sound(table, name)
    if layout.text_column is None or layout.text_column not in table.column_names:
        _refuse_pair(table, name, layout.text_column)
    if not several and (layout.label_columns or layout.label_separator is not None):
        raise refuse_several(name)
    if not (layout.single_label or layout.label_columns):
        _refuse_several_labels(table, name, layout, several)
    if of_sets := columns_of_sets(table, name, layout):
        return _with_label_sets(table, name, layout, of_sets)
    text_column = find_text(table, name, layout.text_column)
    label_column = find_label(table, name, layout.label_column, first=layout.label_map)
    if text_column == label_column:
        raise InputError(
            f"{name}: {text_column!r} is given as text column and as label column; give two different columns."
        )
    _check_beside(table, name, layout, {text_column, label_column})
    table = typed_provenance(table.with_format(None), name)
    if layout.label_map is not None:
        table = with_mapped_labels(table, name, label_column, layout.label_map)
    try:
        rows, unlabelled = usable_rows(table, name, label_column, layout)
    except InputError:
        if several and not (layout.single_label or layout.labels or layout.label_map):
            refuse_joined(name, label_column, _counts(table, label_column), several=True)  # a row may have no label
        raise
    kept = table if len(rows) == len(table) else selected(table, rows)
    corpus = Corpus(
        name,
        kept,
        text_column,
        label_column,
        rows,
        len(table) - len(kept),
        unlabelled,
        fingerprint(kept.features, batches(kept)),
        layout,
    )
    if not (layout.single_label or layout.labels or layout.label_map):  # which all say what a class is
        check_labels(corpus, several=several)
    return corpus


def _counts(table: Dataset, column: str) -> dict[str, int]:
    """Return the rows of each label, without those that have none."""
    values, codes = encoded(table_column(table, column))
    names = map(label_namer(table, column), values)
    rows = np.bincount(codes, minlength=len(values)).tolist()
    return {label: count for label, count in zip(names, rows, strict=True) if label}


def _with_label_sets(table: Dataset, name: str, layout: Layout, columns: tuple[str, ...]) -> Corpus:
    """Read a table of which each row may have several labels, or none."""
    text_column = find_text(table, name, layout.text_column)
    _check_beside(table, name, layout, {text_column, *columns})
    table = typed_provenance(table.with_format(None), name)
    sets = read_label_sets(table, name, columns, layout, text_column)
    rows = np.flatnonzero(sets.has_label()) if layout.drop_unlabelled else np.arange(len(table))
    kept = table if len(rows) == len(table) else selected(table, rows)
    without = len(table) - len(kept)
    return Corpus(
        name,
        kept,
        text_column,
        columns[0],
        rows.astype(np.int64),
        without,
        without,
        fingerprint(kept.features, batches(kept)),
        layout,
        label_sets=sets.of_rows(rows),
    )


def _refuse_pair(table: Dataset, name: str, requested: str | None) -> None:
    """Refuse rows of two texts if no text column is named, or both, and none has a known name."""
    pair = pair_of(table)
    if pair is None:
        return
    both = requested is not None and {part.strip() for part in requested.split(",")} == {*pair}
    if both or (requested is None and not any(column in table.column_names for column in TEXT_COLUMNS)):
        first, second = pair
        what = "a run reads one of them" if both else "say which one is read"
        raise InputError(
            f"{name}: each row is a pair of texts, {first!r} and {second!r}; {what}: `text_column={first!r}`, or"
            f" `text_column={second!r}`. Upsampling can copy the other one into new rows."
            " To upsample whole pairs, name both columns, and say which is edited: see docs/files.md."
        )


def _check_beside(table: Dataset, name: str, layout: Layout, taken: set[str]) -> None:
    """Refuse columns beside the text that are missing, hold no texts, or are named twice."""
    for column in layout.beside:
        if column in taken:
            raise InputError(f"{name}: the column {column!r} is named twice. Name each column once.")
        find_text(table, name, column)
        taken = {*taken, column}


def _refuse_several_labels(table: Dataset, name: str, layout: Layout, several: bool) -> None:
    """Refuse columns of several labels, before a message about missing columns would lead astray."""
    texts = TEXT_COLUMNS if layout.text_column is None else (layout.text_column,)
    text_column = next((column for column in texts if column in table.column_names), None)
    label_column = layout.label_column if layout.label_column in table.column_names else None
    if layout.label_column is None:
        label_column = known_label(table)
    check_columns(table, name, text_column, label_column, LABEL_COLUMNS, several=several)


def _has_row_for_header(table: Dataset) -> bool:
    """Return whether the names of the columns look like values, or one of them is a value of its column."""
    start = table.with_format(None)[:LOOKED_AT]
    return seems_row(table.column_names) or any(name in values for name, values in start.items())


def _starts_with_names(table: Dataset, text_column: str | None) -> bool:
    """Return whether a field of the first row is the name of a text column."""
    first = [column[0].as_py() for column in table.with_format("arrow")[:1].columns]
    return any(name in first for name in (text_column, *TEXT_COLUMNS) if name is not None)
