"""Read the labels of a table: star ratings, rows without a majority, rows of classes that are left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.layout import Layout
from augment.data.table_columns import encoded, table_column, with_column
from augment.errors import InputError, counted_of, did_you_mean, listed

if TYPE_CHECKING:
    from datasets import Dataset


NO_MAJORITY = {"gold_label": "mixed"}
"""Label columns in which a certain name means "no label", as null and an empty string do (DynaSent)."""


STARS = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive", "5": "positive"}


_STAR = re.compile(r"([1-5])(\.0+)?( stars?)?")  # "4 stars" is a class name of yelp_review_full on the hub


def label_namer(table: Dataset, column: str) -> Callable[[Any], str | None]:
    """Return a function from a stored label to its name, or to None for a missing label (-1 in a ClassLabel)."""
    names = getattr(table.features[column], "names", None)
    if names is None:
        return lambda value: None if value is None or value != value else str(value)  # NaN differs from itself
    return lambda value: names[value] if value is not None and 0 <= value < len(names) else None


def usable_rows(table: Dataset, name: str, column: str, layout: Layout) -> tuple[np.ndarray, int]:
    """Return the numbers of the rows to keep, and how many of the others have no usable label."""
    values, codes = encoded(table_column(table, column))
    names = list(map(label_namer(table, column), values))
    known = sorted({label for label in names if label})
    if fractions := [value for value in values if isinstance(value, float) and value % 1 > 0]:
        raise InputError(
            f"{name}: label column {column!r} must hold classes, got the number {fractions[0]!r}; convert it, or give"
            " another as `label_column`."
        )
    if unknown := [label for label in layout.labels or () if label not in known]:
        raise InputError(
            f"{name}: no row has the label{'s' * (len(unknown) > 1)} {listed(unknown)}; column {column!r}"
            f" holds {listed(known, 20) or 'no label at all'}: correct `labels`."
            f"{did_you_mean(unknown, known)}"
        )
    usable = set(known) - {NO_MAJORITY.get(column)}
    classes = set(layout.labels or ()) or usable
    keep = np.array([label in classes for label in names], dtype=bool)[codes]
    if not keep.all() and not layout.labels and not layout.drop_unlabelled:
        without = counted_of(int(np.count_nonzero(~keep)), len(keep), "row", "has", "have")
        nothing = f"null, empty or {NO_MAJORITY[column]!r}" if column in NO_MAJORITY else "null or empty"
        raise InputError(
            f"{name}: {without} no usable label in column {column!r} ({nothing}), the first is row"
            f" {np.argmin(keep)}. Leave such rows out: those of a file with `drop_unlabelled=True`, or with `labels`,"
            " which names the classes to keep."
        )
    if not keep.any():
        raise InputError(f"{name}: no row has a usable label in column {column!r}; give another as `label_column`.")
    unlabelled = np.array([label not in usable for label in names], dtype=bool)[codes] & ~keep
    return np.flatnonzero(keep).astype(np.int64), int(np.count_nonzero(unlabelled))


def with_mapped_labels(table: Dataset, name: str, column: str, label_map: str) -> Dataset:
    """Return the table with stars replaced by the names of the three classes."""
    import pyarrow as pa

    if label_map != "stars":
        raise InputError(f"Unknown label map {label_map!r}; expected 'stars'.{did_you_mean(label_map, ['stars'])}")
    values, codes = encoded(table_column(table, column))
    names: list[str | None] = []
    for place, label in enumerate(map(label_namer(table, column), values)):
        star = _STAR.fullmatch(label) if label else None
        if label and not star:
            raise InputError(
                f"{name}, row {np.argmax(codes == place)}: expected 1 to 5 stars in column {column!r}, got {label!r}; "
                f"correct the row, or read the file without `label_map`."
            )
        names.append(STARS[star[1]] if star else None)
    return with_column(table, column, pa.array(names, pa.string()).take(pa.array(codes)), "string")
