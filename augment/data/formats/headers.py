"""The header of a file of separated values: names for columns without one, and a header that may be a row."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")
_SENTENCE = 5
"""Words from which on a name is taken for a text; fewer if it ends as a sentence does."""


def named(fields: Sequence[str]) -> list[str]:
    """Return the fields of a header with a name in the place of each empty one.

    Parameters
    ----------
    fields : sequence of str

    Returns
    -------
    list of str
        An empty name becomes ``Unnamed: `` and its place, from 0, as in pandas; with ``_`` behind it where another
        column is called so.

    Examples
    --------
    >>> named(["v1", "v2", "", ""])
    ['v1', 'v2', 'Unnamed: 2', 'Unnamed: 3']
    """
    names, taken = list(fields), set(fields)
    for place, field in enumerate(fields):
        if not field:
            name = f"Unnamed: {place}"
            while name in taken:
                name += "_"
            names[place] = name
            taken.add(name)
    return names


def unnamed(fields: Sequence[str]) -> tuple[str, ...]:
    """Return the names that `named` gives to the columns of a header that have none."""
    return tuple(name for name, field in zip(named(fields), fields, strict=True) if not field)


def seems_row(fields: Sequence[str]) -> bool:
    """Return whether a field of a header looks like a value: a number, or a text of some words.

    Examples
    --------
    >>> seems_row(["A lovely meal.", "positive"]), seems_row(["5", "wine"]), seems_row(["Review Text", "Label"])
    (True, True, False)
    """
    return any(map(_is_value, fields))


def _is_value(field: str) -> bool:
    words = len(field.split())
    return (
        bool(_NUMBER.fullmatch(field.strip())) or words >= _SENTENCE or (words > 1 and field.endswith((".", "!", "?")))
    )


def without_header(count: int) -> str:
    """Return the mend for a file whose first line may be a row.

    Parameters
    ----------
    count : int
        The number of its columns.

    Returns
    -------
    str
        A sentence.
    """
    return f"If line 1 is a row, give `header=False`, and names for its {count} columns as `columns`."
