"""Recognise tables whose rows are pairs of texts, such as premise and hypothesis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

PAIRS = (
    ("premise", "hypothesis"),
    ("claim", "evidence"),
    ("text a", "text b"),
    ("text 1", "text 2"),
    ("sentence 1", "sentence 2"),
    ("sentence a", "sentence b"),
    ("sent 1", "sent 2"),
    ("question 1", "question 2"),
    ("question", "context"),
    ("question", "passage"),
    ("question", "sentence"),
    ("question", "answer"),
    ("query", "passage"),
    ("query", "document"),
    ("prompt", "response"),
    ("context", "response"),
)
"""Names of the two columns of a pair, as the public data sets have them. Case, spaces and ``_ - .`` do not count."""
_STRINGS = ("string", "large_string", "string_view")


def pair_of(table: Dataset) -> tuple[str, str] | None:
    """Return the two columns of texts that make a pair, or None.

    Parameters
    ----------
    table : Dataset

    Returns
    -------
    tuple of (str, str) or None
        The names as they stand in the table, of the first of `PAIRS` that is there.

    Examples
    --------
    >>> from datasets import Dataset
    >>> pair_of(Dataset.from_dict({"Sentence1": ["It rains."], "Sentence2": ["It is wet."], "label": [0]}))
    ('Sentence1', 'Sentence2')
    >>> pair_of(Dataset.from_dict({"title": ["Rain"], "text": ["It is wet."]})) is None
    True
    """
    there = {
        _folded(name): name
        for name, feature in reversed(table.features.items())
        if getattr(feature, "dtype", None) in _STRINGS
    }
    for names in PAIRS:
        first, second = map(_folded, names)
        if first in there and second in there:
            return there[first], there[second]
    return None


def other_of(table: Dataset, column: str) -> str | None:
    """Return the column that makes a pair with this one, or None."""
    pair = pair_of(table)
    if pair is None or column not in pair:
        return None
    return pair[1] if column == pair[0] else pair[0]


def _folded(name: str) -> str:
    return re.sub(r"[\s_.-]", "", name.casefold())
