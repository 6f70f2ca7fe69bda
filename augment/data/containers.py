"""Read lists, arrays, Series and frames as columns, and return results in the same type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.several_labels import check_one_each
from augment.errors import InputError, counted, listed

if TYPE_CHECKING:
    from datasets import Dataset


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
        if container.dtype.kind in "iufb":
            return np.concatenate([container, np.asarray(new, dtype=container.dtype)])
        return np.concatenate([container, np.asarray(new, dtype=object if container.dtype == object else np.str_)])
    if hasattr(container, "iloc"):
        import pandas as pd

        return pd.concat([container, pd.Series(new, dtype=container.dtype, name=container.name)], ignore_index=True)
    if isinstance(container, tuple):
        return (*container, *new)
    return [*container, *new]


def held_out_texts(against: Sequence[str]) -> list[str]:
    """Return `against` as a list; raise InputError unless it is a sequence of texts."""
    if isinstance(against, str) or not all(isinstance(text, str) for text in against):
        raise InputError(
            "`against` must be a sequence of texts; augment.data.corpus.read_texts(FILE) reads them from a file."
        )
    return list(against)


def as_table(data: Any) -> Dataset:
    """Turn any accepted kind of data into a table.

    Parameters
    ----------
    data : datasets.Dataset, pandas.DataFrame, or (texts, labels)

    Returns
    -------
    datasets.Dataset
        A pair gets the columns ``text`` and ``label``.

    Raises
    ------
    InputError
        If the data is of another kind, or a column holds values of several types.
    """
    import datasets
    import pyarrow as pa

    try:
        if isinstance(data, datasets.Dataset):
            return data
        if hasattr(data, "iloc"):
            return datasets.Dataset.from_pandas(data, preserve_index=False)
        if isinstance(data, (tuple, list)) and len(data) == 2 and len(data[0]) == len(data[1]):
            return datasets.Dataset.from_dict({"text": list(data[0]), "label": list(data[1])})
    except pa.ArrowException as error:
        raise InputError(f"The data has a column of mixed types: {' '.join(str(error).split())}. Mend it.") from error
    if isinstance(data, datasets.DatasetDict):
        first, *others = data
        held_out = f" Hold the others out: against=[*data[{others[0]!r}]['text'], …]." if others else ""
        raise InputError(f"The data has splits: {listed(list(data))}. Give one, e.g. data[{first!r}].{held_out}")
    raise InputError(
        "The data must be a datasets.Dataset, a pandas DataFrame, or a pair of equally long lists (texts, labels)."
        f" Got {type(data).__name__}."
    )
