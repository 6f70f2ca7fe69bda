"""How an input is laid out: its columns, header, labels and split."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from augment.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table is to be read.

    Parameters
    ----------
    text_column : str, optional
        Name of the text column; by default the first of `corpus.TEXT_COLUMNS` that exists.
    label_column : str, optional
        Name of the label column; by default the first of `corpus.LABEL_COLUMNS` that exists.
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
    split : str, default="train"
        Which split of a saved `DatasetDict` or of a hub id.
    """

    text_column: str | None = None
    label_column: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None
    label_map: str | None = None
    labels: tuple[str, ...] | None = None
    drop_unlabelled: bool = False
    split: str = "train"

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> Self:
        """Build the layout from the plain data of a manifest; unknown keys are ignored."""
        known = {key: value for key, value in values.items() if key in cls.__dataclass_fields__}
        plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in known.items()}
        return cls(**plain)


TABULAR = {"header": "header=False", "columns": "columns"}
"""Fields of a layout that csv and tsv files alone have, and how a message names them."""


OF_LABELS = ("label_column", "label_map", "labels", "drop_unlabelled")
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
    if not any(Path(source).suffix.lower() in (".csv", ".tsv") for source in sources):
        wrong += [
            f"`{written}` is for csv and tsv files, and {named} is none. Leave it out."
            for name, written in TABULAR.items()
            if name in given
        ]
    if "split" in given and not any(_has_splits(source) for source in sources):
        wrong.append(f"`split` is for hub ids and folders saved with several splits, not for {named}. Leave it out.")
    if not labelled:
        wrong += [
            f"`{name}` is about labels, and no labels are read here. Leave it out."
            for name in OF_LABELS
            if name in given
        ]
    if wrong:
        raise InputError(" ".join(wrong))


def _has_splits(source: str | Path) -> bool:
    """Return whether a source may have splits: a folder that has, or a name of the hub."""
    if os.path.isdir(source):
        return os.path.exists(Path(source) / "dataset_dict.json")
    return not os.path.exists(source) and str(source) != "sample" and Path(source).suffix.lower() not in SUFFIXES


SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
"""The file formats; a name without a suffix is a folder saved by `datasets`."""
