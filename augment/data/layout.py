"""How an input is laid out: its columns, header, labels and split."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from augment.data.formats.encodings import mark_of_file
from augment.errors import InputError, did_you_mean, listed


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table is to be read.

    Parameters
    ----------
    text_column : str, optional
        Name of the text column; by default the first of ``text``, ``sentence``, ``review`` that exists, or the
        only column with another usual name; see `column_names.find_text`.
    beside : tuple of str, optional
        Columns of further texts of each row, if rows are pairs of texts. New rows copy them from their source, and
        whole rows are compared with each other; see `of_rows`.
    also_edited : tuple of str, optional
        Those of `beside` that are edited as well, and not copied: its first ones.
    label_column : str, optional
        Name of the label column; by default the first of ``label``, ``gold_label``, ``sentiment`` that exists, or
        the only column with another usual name; see `column_names.find_label`.
    label_columns : tuple of str, optional
        Columns of 0 and 1, one for each label, if rows may have several labels; in the place of `label_column`.
    label_separator : str, optional
        What stands between the labels of one cell, such as ``"|"`` in ``plot|acting``, if rows may have several. Lists
        of labels need no separator.
    header : bool, default=True
        Whether the first line of a csv or tsv file names the columns.
    columns : tuple of str, optional
        The column names of a csv or tsv file without a header; ignored for other formats.
    label_map : {"stars"}, optional
        Replace the labels: stars 1, 2 become "negative", 3 "neutral", 4, 5 "positive". The label
        column is then also looked for under the name "stars".
    labels : tuple of str, optional
        Names of the usable classes; every other row is left out.
    drop_unlabelled : bool, default=False
        Leave out rows whose label is null or empty, or "mixed" in a column `gold_label`.
    single_label : bool, default=False
        Take labels that look like several, such as ``plot|acting``, as one class each. Otherwise they are refused.
    split : str, default="train"
        Which split of a saved `DatasetDict` or of a hub id.
    delimiter : str, optional
        The character between the fields of a csv or tsv file. None to find it in the first lines: a comma, a tab, a
        semicolon or a bar.
    quoting : {"minimal", "none"}, optional
        Whether a field of a csv or tsv file may stand in quotes. "none": a quote is a character like any other. None
        for "minimal".
    encoding : str, optional
        The encoding of a text file that does not begin with a byte order mark. None for UTF-8.
    """

    text_column: str | None = None
    beside: tuple[str, ...] = ()
    also_edited: tuple[str, ...] = ()
    label_column: str | None = None
    label_columns: tuple[str, ...] = ()
    label_separator: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None
    label_map: str | None = None
    labels: tuple[str, ...] | None = None
    drop_unlabelled: bool = False
    single_label: bool = False
    split: str = "train"
    delimiter: str | None = None
    quoting: str | None = None
    encoding: str | None = None

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> Self:
        """Build the layout from the plain data of a manifest; unknown keys are ignored."""
        known = {key: value for key, value in values.items() if key in cls.__dataclass_fields__}
        plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in known.items()}
        return cls(**plain)


BOTH = "both"
"""Stands for the two columns of texts, where it is said which are edited."""


def of_rows(text_column: str | Sequence[str] | None, edit: str | Sequence[str] | None) -> dict[str, Any]:
    """Return the fields of a layout that say which texts a row has, and which of them are edited.

    Parameters
    ----------
    text_column : str or sequence of str, optional
        The column of texts, or all columns of texts.
    edit : str or sequence of str, optional
        Which of several columns are edited: names, or ``"both"`` for the two that there are. None if there is one.

    Returns
    -------
    dict
        `Layout.text_column`, `Layout.beside` and `Layout.also_edited`.

    Raises
    ------
    InputError
        If the two do not fit each other.

    Examples
    --------
    >>> of_rows(["premise", "hypothesis"], "hypothesis")
    {'text_column': 'hypothesis', 'beside': ('premise',), 'also_edited': ()}
    >>> of_rows(["premise", "hypothesis"], "both")
    {'text_column': 'premise', 'beside': ('hypothesis',), 'also_edited': ('hypothesis',)}
    """
    if text_column is None or isinstance(text_column, str):
        if edit not in (None, text_column):
            raise InputError(
                f"`edit` names one of several columns of texts, as in `text_column=['premise', 'hypothesis']` and"
                f" `edit='premise'`. Got {edit!r} for {'no column' if text_column is None else repr(text_column)}."
            )
        return {"text_column": text_column, "beside": (), "also_edited": ()}
    names = list(text_column)
    if len(names) < 2 or len({*names}) < len(names) or not all(isinstance(name, str) for name in names):
        raise InputError(f"`text_column` must be one name, or two or more different ones. Got {text_column!r:.80}.")
    if edit is None:
        raise InputError(
            f"`text_column` names {len(names)} columns. Say which of them are edited, e.g. `edit={names[0]!r}` or"
            f" `edit={BOTH if len(names) == 2 else names[:2]!r}`; the others are copied."
        )
    if edit == BOTH and BOTH not in names:
        if len(names) > 2:
            raise InputError(
                f"`edit='both'` is for two columns, and there are {len(names)}: {listed(names)}. Name them."
            )
        edit = names
    edited = [edit] if isinstance(edit, str) else [*edit]
    if unknown := [name for name in edited if name not in names]:
        meant = did_you_mean(map(str, unknown), names)
        raise InputError(f"`edit` must be one or more of {listed(names)}. Got {unknown[0]!r:.80}.{meant}")
    if not edited or len({*edited}) < len(edited):
        raise InputError(f"`edit` must name one column or more, each once. Got {edit!r:.80}.")
    first, *others = [name for name in names if name in edited]
    rest = [name for name in names if name not in edited]
    return {"text_column": first, "beside": (*others, *rest), "also_edited": tuple(others)}


def of_labels(label_column: str | Sequence[str] | None, label_separator: str | None = None) -> dict[str, Any]:
    """Return the fields of a layout that say where the labels are.

    Parameters
    ----------
    label_column : str or sequence of str, optional
        The column of labels, or a column of 0 and 1 for each label.
    label_separator : str, optional
        See `Layout`.

    Returns
    -------
    dict
        `Layout.label_column`, `Layout.label_columns` and `Layout.label_separator`.

    Raises
    ------
    InputError
        If several columns are not two or more different names, or the separator is not a text.

    Examples
    --------
    >>> of_labels(["toxic", "insult"])
    {'label_column': None, 'label_columns': ('toxic', 'insult'), 'label_separator': None}
    """
    if label_separator is not None and (not isinstance(label_separator, str) or not label_separator):
        raise InputError(f"`label_separator` must be a text, such as '|'. Got {label_separator!r:.60}.")
    if label_column is None or isinstance(label_column, str):
        return {"label_column": label_column, "label_columns": (), "label_separator": label_separator}
    names = list(label_column)
    if len(names) < 2 or not all(isinstance(name, str) for name in names) or len({*names}) < len(names):
        raise InputError(f"`label_column` must be one name, or two or more different ones. Got {label_column!r:.80}.")
    return {"label_column": None, "label_columns": tuple(names), "label_separator": label_separator}


FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx")
"""The suffixes of files; a name without a suffix is a folder saved by `datasets`."""
SEPARATED = {".csv": ",", ".tsv": "\t"}
"""The formats of separated values, and the delimiters that their names promise."""
DELIMITERS = (",", "\t", ";", "|")
"""The delimiters that are looked for in the first lines of a file."""
TEXT_FORMATS = (*SEPARATED, ".jsonl", ".json")
"""The formats that are text, in some encoding."""
TABULAR = {"header": "header=False", "columns": "columns", "delimiter": "delimiter", "quoting": "quoting"}
"""Fields of a layout that csv and tsv files alone have, and how a message names them."""


OF_LABELS = (
    *("label_column", "label_columns", "label_separator"),
    *("label_map", "labels", "drop_unlabelled", "single_label"),
)
"""Fields of a layout that say where the labels are and which of them count."""


def check_layout(layout: Layout, sources: Sequence[str | Path], *, labelled: bool = True) -> None:
    """Refuse a layout with a field that has no effect on any of the sources.

    Parameters
    ----------
    layout : Layout
    sources : sequence of (str or Path)
        What is read with it.
    labelled : bool, default=True
        Whether labels are read.

    Raises
    ------
    InputError
        Naming every such field.
    """
    default, wrong = Layout(), []
    given = {name for name in layout.__dataclass_fields__ if getattr(layout, name) != getattr(default, name)}
    named = ", ".join(map(str, sources))
    suffixes = {Path(source).suffix.lower() for source in sources}
    if not suffixes & {*SEPARATED}:
        wrong += [
            f"`{written}` is for csv and tsv files, and {named} is neither. Leave it out."
            for name, written in TABULAR.items()
            if name in given
        ]
    texts = [source for source in sources if Path(source).suffix.lower() in (*TEXT_FORMATS, ".txt")]
    if "encoding" in given and not texts:
        wrong.append(f"`encoding` is for text files, and {named} is not one. Leave it out.")
    elif "encoding" in given and all(map(mark_of_file, texts)):
        wrong.append(f"`encoding` has no effect: {named} begins with a byte order mark, which tells. Leave it out.")
    if "split" in given and not any(has_splits(source) for source in sources):
        wrong.append(f"`split` is for hub ids and folders saved with several splits, not for {named}. Leave it out.")
    if not labelled:
        wrong += [
            f"`{name}` is about labels, and no labels are read here. Leave it out."
            for name in OF_LABELS
            if name in given
        ]
    if wrong:
        raise InputError(" ".join(wrong))


def has_splits(source: str | Path) -> bool:
    """Return whether a source may have splits: a folder that has, or a name of the hub.

    Parameters
    ----------
    source : str or Path

    Returns
    -------
    bool
    """
    if source == "sample":
        return False
    if os.path.isdir(source):
        return os.path.exists(Path(source) / "dataset_dict.json")
    return not os.path.exists(source) and Path(source).suffix.lower() not in FORMATS
