"""Read lists, arrays, Series and frames as columns, and return results in the same type."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.column_names import NO_ARROW_TYPE
from augment.data.layout import FORMATS
from augment.data.several_labels import check_one_each
from augment.errors import InputError, counted, listed

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from datasets import Dataset, DatasetDict


def class_counts(labels: Sequence[Any]) -> dict[Any, int]:
    """Count the rows of each class, in sorted order.

    Parameters
    ----------
    labels : sequence of str or int

    Returns
    -------
    dict of label to int

    Raises
    ------
    InputError
        If a label is missing or a list, or strings and integers are mixed.
    """
    check_one_each(labels)
    counts = Counter(labels)
    for label in counts:
        if label is None or label != label or label == "":
            raise InputError(f"Row {labels.index(label)} has no label. Drop such rows, or give them one.")
    kinds = {type(label).__name__ for label in counts}
    if len(kinds) > 1:
        raise InputError(f"The labels must be of one type, strings or integers. Got {', '.join(sorted(kinds))}.")
    return {label: counts[label] for label in sorted(counts)}


def has_text(texts: Sequence[Any]) -> np.ndarray:
    """Return which rows have a text that is more than white space.

    Parameters
    ----------
    texts : sequence of (str or None), shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    InputError
        If one is neither a string nor None.
    """
    for i, text in enumerate(texts):
        if text is not None and not isinstance(text, str):
            raise InputError(f"Row {i} must hold a text. Got {type(text).__name__}: {text!r:.60}.")
    return np.array([bool(text and text.strip()) for text in texts], dtype=bool)


def columns(texts: Any, y: Any) -> tuple[list[Any], list[Any]]:
    """Turn texts and their classes into lists of plain Python values.

    Parameters
    ----------
    texts, y : list, tuple, ndarray or pandas.Series

    Returns
    -------
    texts, y : list
        Of one length.

    Raises
    ------
    InputError
        If one does not have exactly one dimension, or the lengths differ.
    """
    rows, labels = _column(texts, "texts"), _column(y, "y")
    if len(rows) != len(labels):
        raise InputError(
            f"There must be one label for each text. Got {counted(len(rows), 'text')} and"
            f" {counted(len(labels), 'label')}."
        )
    return rows, labels


def _column(values: Any, name: str) -> list[Any]:
    """Turn a one-dimensional container into a list."""
    if isinstance(values, (str, bytes)) or getattr(values, "ndim", 1) != 1:
        raise InputError(f"`{name}` must be one-dimensional: a list, a numpy array or a pandas Series of values.")
    return values.tolist() if hasattr(values, "tolist") else list(values)


def extended(container: Any, new: list[Any]) -> Any:
    """Return a container with new values after the old.

    Parameters
    ----------
    container : list, tuple, ndarray or pandas.Series
    new : list

    Returns
    -------
    list, tuple, ndarray or pandas.Series
        Of the type of `container`, which is not changed.
    """
    if isinstance(container, np.ndarray):
        dtype = np.str_ if container.dtype.kind == "U" else container.dtype  # "U" widens to the longest text
        return np.concatenate([container, np.asarray(new, dtype=dtype)])
    if hasattr(container, "iloc"):
        import pandas as pd

        return pd.concat([container, pd.Series(new, dtype=container.dtype, name=container.name)], ignore_index=True)
    if is_polars(container):
        return type(container)(container.name, [*container.to_list(), *new], dtype=container.dtype)
    if isinstance(container, tuple):
        return (*container, *new)
    return [*_column(container, "the container"), *new]


def is_polars(data: Any) -> bool:
    """Return whether data is of polars, which is not imported for this."""
    return type(data).__module__.partition(".")[0] == "polars"


def is_rows(data: Any) -> bool:
    """Return whether data is a list of rows, each a dict."""
    return isinstance(data, list) and bool(data) and all(isinstance(row, Mapping) for row in data)


def is_pair(data: Any) -> bool:
    """Return whether data is (texts, labels), or meant to be."""
    return isinstance(data, (tuple, list)) and not is_rows(data)


def is_arrow_stream(data: Any) -> bool:
    """Return whether data is a frame that hands out an Arrow stream, such as those of polars and pyarrow."""
    return hasattr(data, "__arrow_c_stream__") and not hasattr(data, "iloc") and not hasattr(data, "with_format")


def as_splits(data: Any) -> DatasetDict | None:
    """Return data that has splits, and None for any other."""
    import datasets

    return data if isinstance(data, datasets.DatasetDict) else None


def as_frame(table: pa.Table, *, like: Any) -> Any:
    """Return an Arrow table as a frame of polars with the types of another, if that one is of polars."""
    if not is_polars(like):
        return table
    frame = type(like)(table)
    return frame.cast({name: kind for name, kind in like.schema.items() if frame.schema[name] != kind})


def arrow_table(data: Any) -> pa.Table:
    """Read the Arrow stream of a frame.

    Parameters
    ----------
    data : object
        Anything with `__arrow_c_stream__`.

    Returns
    -------
    pyarrow.Table
        String views, which Arrow itself cannot take rows of, are strings.

    Raises
    ------
    InputError
        If the stream is not one of a table.
    """
    import pyarrow as pa

    if is_polars(data) and hasattr(data, "height"):
        import polars as pl

        return data.to_arrow(compat_level=pl.CompatLevel.oldest())  # no views in lists and categories either
    try:
        table = pa.table(data)
        return table.cast(pa.schema([_plain(field) for field in table.schema]))
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(
            f"The data must be a frame of rows and columns. Got {type(data).__name__}: {' '.join(str(error).split())}"
        ) from None


def is_indicator(labels: Any) -> bool:
    """Return whether labels are a matrix with a column for each label: an array, a sparse matrix or a frame."""
    return getattr(labels, "ndim", 1) == 2 and getattr(labels, "shape", (0, 0))[1] > 1


def _of_indicator(matrix: Any) -> list[list[Any]]:
    """Return the labels of each row of an indicator matrix: numbers of columns, or their names in a frame."""
    names = list(map(str, matrix.columns)) if hasattr(matrix, "columns") else range(matrix.shape[1])
    dense = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    if dense.dtype.kind not in "biuf" or not np.isin(dense, (0, 1)).all():
        raise InputError(
            "Labels of two dimensions must be an indicator matrix: 0 and 1, with a row for each text and a column for"
            f" each label. Got values of {dense.dtype}."
        )
    return [[names[place] for place in np.flatnonzero(row)] for row in dense]


def with_rows(matrix: Any, rows: np.ndarray, *, only_new: bool) -> Any:
    """Return an indicator matrix with some of its rows after it, or these rows alone, in the type of the matrix.

    Parameters
    ----------
    matrix : ndarray, sparse matrix or pandas.DataFrame
    rows : ndarray of int
        Numbers of rows.
    only_new : bool

    Returns
    -------
    ndarray, sparse matrix or pandas.DataFrame
    """
    chosen = rows if only_new else np.concatenate([np.arange(matrix.shape[0]), rows])
    if hasattr(matrix, "iloc"):
        return matrix.iloc[chosen].reset_index(drop=True)
    return matrix.tocsr()[chosen].asformat(matrix.format) if hasattr(matrix, "tocsr") else np.asarray(matrix)[chosen]


def _labels(labels: Any) -> list[Any]:
    """Turn labels into a list, with a list of labels in the place of a set, or of a row of an indicator matrix."""
    if is_indicator(labels):
        return _of_indicator(labels)
    return [_plain_labels(label) for label in _column(labels, "labels")]


def _plain_labels(label: Any) -> Any:
    if isinstance(label, float) and label != label:  # a missing label of pandas
        return None
    return sorted(label, key=str) if isinstance(label, (set, frozenset)) else label


def is_table(data: Any) -> bool:
    """Return whether data has columns: a frame, a `datasets.Dataset`, a dict of columns, or dicts of rows."""
    return isinstance(data, Mapping) or is_rows(data) or hasattr(data, "columns") or hasattr(data, "column_names")


def held_out_texts(against: Iterable[str]) -> list[str]:
    """Return held-out texts as a list.

    Parameters
    ----------
    against : iterable of str
        A list, tuple, numpy array or Series.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If it is a table or a single text, holds something else than texts, or holds the name of a file that exists.
    """
    if isinstance(against, str) or is_table(against) or not all(isinstance(text, str) for text in against):
        raise InputError(
            "`against` must be a sequence of texts; augment.data.corpus.read_texts(FILE) reads them from a file."
        )
    texts = list(against)
    for text in texts:
        if len(text) < 256 and os.path.splitext(text)[1] in (*FORMATS, ".txt") and os.path.isfile(text):
            raise InputError(
                f"`against` must be texts, and {text!r} is a file. augment.data.corpus.read_texts({text!r}) reads them."
            )
    return texts


def _plain(field: pa.Field) -> pa.Field:
    import pyarrow as pa

    return field.with_type(pa.string()) if pa.types.is_string_view(field.type) else field


def as_table(data: Any) -> Dataset:
    """Turn any accepted kind of data into a table.

    Parameters
    ----------
    data : datasets.Dataset, pandas.DataFrame, frame with an Arrow stream, dict of columns, dicts of rows, or a pair

    Returns
    -------
    datasets.Dataset
        A pair gets the columns ``text`` and ``label``. Names of columns are strings. Values of a column that Arrow has
        no type for stand as texts in a struct of one field, `NO_ARROW_TYPE`, so that they are neither texts nor labels.

    Raises
    ------
    InputError
        If the data is of another kind, two columns have one name, columns differ in length, or a list holds values of
        several types.
    """
    import datasets
    import pyarrow as pa

    from augment.data.reading import from_arrow  # readers of files, which containers do without

    if isinstance(data, datasets.Dataset):
        return data
    if hasattr(data, "iloc") and getattr(data, "ndim", 2) == 2:
        return _of_pandas(data)
    if is_arrow_stream(data) and not isinstance(data, datasets.DatasetDict):
        return from_arrow(_holdable(arrow_table(data)), "the data")
    try:
        if is_rows(data):
            names = dict.fromkeys(name for row in data for name in row)
            data = {name: [row.get(name) for row in data] for name in names}
        if isinstance(data, Mapping) and not isinstance(data, datasets.DatasetDict):
            return datasets.Dataset.from_dict(_of_one_length(data))
        if isinstance(data, (tuple, list)) and len(data) == 2 and len(data[0]) == _length(data[1]):
            return datasets.Dataset.from_dict({"text": _column(data[0], "texts"), "label": _labels(data[1])})
    except pa.ArrowException as error:
        raise InputError(f"The data has a column of mixed types: {' '.join(str(error).split())}. Mend it.") from error
    if isinstance(data, datasets.DatasetDict):
        first, *others = data
        held_out = f" Hold the others out: against=[*data[{others[0]!r}]['text'], …]." if others else ""
        raise InputError(f"The data has splits: {listed(list(data))}. Give one, e.g. data[{first!r}].{held_out}")
    lazy = " Collect it first." if type(data).__name__ == "LazyFrame" else ""
    raise InputError(
        "The data must be a datasets.Dataset, a frame of pandas, polars or pyarrow, a dict of columns, a list of dicts,"
        f" or a pair of equally long lists (texts, labels). Got {type(data).__name__}.{lazy}"
    )


def _length(labels: Any) -> int:
    return labels.shape[0] if is_indicator(labels) else len(labels)


def _of_one_length(data: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Return a dict of columns as lists."""
    columns = {str(name): _column(values, str(name)) for name, values in data.items()}
    if len({*map(len, columns.values())}) > 1:
        lengths = ", ".join(f"{name}: {len(values):,}" for name, values in columns.items())
        raise InputError(f"The columns of the data must be of one length. Got {lengths}.")
    return columns


def named_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of pandas with strings as names of its columns.

    Raises
    ------
    InputError
        If names have several levels, or two are the same.
    """
    if frame.columns.nlevels > 1:
        raise InputError(
            "The columns of the data have names of several levels. Give them plain ones, e.g."
            " frame.columns = ['_'.join(names) for names in frame.columns]."
        )
    names = list(map(str, frame.columns))
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"The data has several columns of the name {twice[0]!r}. Rename or drop all but one.")
    return frame.set_axis(names, axis=1)


def _of_pandas(frame: pd.DataFrame) -> Dataset:
    """Turn a frame of pandas into a table, column by column if one of them has no Arrow type."""
    import datasets
    import pyarrow as pa

    frame = named_frame(frame)
    foreign = (pa.ArrowException, NotImplementedError, TypeError, ValueError)
    try:
        return datasets.Dataset.from_pandas(frame, preserve_index=False)
    except foreign:
        columns = {}
        for name in frame.columns:
            try:
                columns[name] = datasets.Dataset.from_pandas(frame[[name]], preserve_index=False).data.table[name]
            except foreign:
                columns[name] = _as_struct(map(str, frame[name]))
        return datasets.Dataset(datasets.table.InMemoryTable(pa.table(columns)))


def _holdable(table: pa.Table) -> pa.Table:
    """Return an Arrow table of which `datasets` can hold each column."""
    import datasets
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):  # which is read as its values
            continue
        try:
            datasets.Features.from_arrow_schema(table.select([place]).schema.remove_metadata())
        except (NotImplementedError, TypeError, ValueError):
            table = table.set_column(place, field.name, _as_struct(map(str, table.column(place).to_pylist())))
    return table.replace_schema_metadata(None)


def _as_struct(texts: Iterable[str]) -> pa.Array:
    """Return texts in a struct, which is no column of texts or labels."""
    import pyarrow as pa

    values = pa.array(list(texts), pa.string())
    return pa.StructArray.from_arrays([values], [NO_ARROW_TYPE])
