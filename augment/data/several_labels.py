"""Recognise rows of several labels, which a run would take for one class each or not understand at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from augment.errors import InputError, listed

if TYPE_CHECKING:
    from datasets import Dataset

    from augment.data.corpus import Corpus

LOOKED_AT = 1000
"""Rows that are looked at, from the first on, where values and not their counts are compared."""
SEPARATORS = "|;,"
"""What may stand between the labels of one cell. A comma also stands in names of one class, so it has to prove more."""
TOKENS = ("tokens", "words")
"""Names of columns that hold a text as a list of its tokens."""
LABELS = ("labels", "tags", "categories", "topics", "genres", "classes", "emotions", "aspects")
"""Names of columns that hold a list of labels, besides the names of a label column."""
_ZERO_OR_ONE = {0, 1, "0", "1", "0.0", "1.0", "true", "false", "True", "False"}
_LIST = re.compile(r"""\[\s*(?:(?P<quote>['"]).*?(?P=quote)|-?\d+)\s*(?:[,\s].*)?\]""", re.DOTALL)
_TAGS = "Counterpoise changes words and keeps the label, so that tags would stand at the wrong words."
_CLASS = "A run balances classes of one label each."


class Joined(NamedTuple):
    """Labels that look like several."""

    separator: str
    example: str
    """The most frequent of them."""
    rows: int
    """Rows that have one."""


def joined_labels(counts: Mapping[str, int]) -> Joined | None:
    """Look for labels that are several labels in one cell, such as ``plot|acting``.

    With ``|`` or ``;`` a label counts if one of its parts is a label of its own or part of another; with a comma, if
    all of its parts are. Two rows of such labels are enough. More than half of all rows are enough for ``|`` and ``;``
    whatever their parts are.

    Parameters
    ----------
    counts : mapping of str to int
        Label → rows.

    Returns
    -------
    Joined or None
        None if each label is one.

    Examples
    --------
    >>> joined_labels({"plot": 12, "plot|acting": 8, "music": 3})
    Joined(separator='|', example='plot|acting', rows=8)
    >>> joined_labels({"food, drink": 5, "ok": 9}), joined_labels({"AC/DC": 5, "Who": 9}), joined_labels({"a|b": 1})
    (None, None, None)
    """
    whole = sum(counts.values())
    for separator in SEPARATORS:
        parts = {label: [part.strip() for part in label.split(separator)] for label in counts if separator in label}
        parts = {label: own for label, own in parts.items() if all(own)}
        holders = Counter(part for own in parts.values() for part in set(own))
        alone = set(counts) - set(parts)
        enough = all if separator == "," else any
        found = [name for name, own in parts.items() if enough(part in alone or holders[part] > 1 for part in own)]
        if separator != "," and len(counts) > 1 and 2 * sum(counts[label] for label in parts) > whole:
            found = list(parts)
        rows = sum(counts[label] for label in found)
        if rows > 1:
            return Joined(separator, max(found, key=lambda label: (counts[label], label)), rows)
    return None


def list_columns(table: Dataset) -> list[str]:
    """Return the columns of lists."""
    import pyarrow as pa

    of_lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    schema = table.features.arrow_schema
    return [field.name for field in schema if any(is_list(field.type) for is_list in of_lists)]


def check_columns(
    table: Dataset,
    name: str,
    text_column: str | None,
    label_column: str | None,
    known: Sequence[str],
    *,
    several: bool = False,
) -> None:
    """Refuse tags of tokens, lists of labels, and a column for each label.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    text_column, label_column : str or None
        Columns that exist; None if none was named and none has a known name.
    known : sequence of str
        The known names of a label column.
    several : bool, default=False
        Whether the reader takes rows of several labels: then lists are not refused.

    Raises
    ------
    InputError
        Saying what was found and what to do.
    """
    lists = list_columns(table)
    candidates = [label_column] if label_column is not None else [n for n in lists if n.lower() in (*known, *LABELS)]
    labels = [column for column in candidates if column in lists]
    texts = [n for n in lists if n.lower() in TOKENS and n not in labels]
    for tokens in [*texts, *(n for n in (text_column,) if labels and n is not None)]:
        for tags in labels or ([n for n in lists if n != tokens] if label_column is None else []):
            if _as_long(table, tokens, tags):
                raise _of_tokens(name, tags, tokens)
    if labels and not several:
        raise InputError(
            f"{name}: the column {labels[0]!r} holds a list of labels in each row. {_CLASS} Give a column of one label"
            " per row; to take each combination as one class, join its labels into one text, e.g. 'plot|acting', and"
            " give `single_label=True`."
        )
    if label_column is None and not labels:
        _check_one_hot(table, name, several)


def check_labels(corpus: Corpus, *, several: bool = False) -> None:
    """Refuse labels that are several in one cell, or a tag for each word of the text.

    Parameters
    ----------
    corpus : Corpus
        Its labels are strings or integers.
    several : bool, default=False
        Whether the reader takes rows of several labels, if it is told that there are.

    Raises
    ------
    InputError
        Saying what was found and what to do.
    """
    name, label_column, counts = corpus.name, corpus.label_column, corpus.counts
    take = "Give `single_label=True` to take each such label as one class."
    if any(" " in label for label in counts) and _fits_words(_labelled(corpus)):
        raise InputError(
            f"{name}: the labels of column {label_column!r} are as many tags as their text has words. {_TAGS} Give a"
            f" column of one label per text. {take}"
        )
    as_lists = [label for label in counts if _LIST.fullmatch(label)]
    if 2 * sum(counts[label] for label in as_lists) > sum(counts.values()):
        raise InputError(
            f"{name}: the labels of column {label_column!r} are lists, e.g. {as_lists[0]!r:.60}. {_CLASS} Give a column"
            f" of one label per row. {take}"
        )
    refuse_joined(name, label_column, counts, several=several)


def refuse_joined(name: str, label_column: str, counts: Mapping[str, int], *, several: bool) -> None:
    """Refuse labels that are several in one cell.

    Parameters
    ----------
    name, label_column : str
        The table's name and its column, for the message.
    counts : mapping of str to int
        Label → rows.
    several : bool
        Whether the reader takes rows of several labels, if it is told that there are.

    Raises
    ------
    InputError
        Saying how to take them.
    """
    take = "Give `single_label=True` to take each such label as one class."
    joined = joined_labels(counts)
    if joined is not None:
        apart = f"Give `label_separator={joined.separator!r}` to keep the labels apart, or `single_label=True`"
        raise InputError(
            f"{name}: {joined.rows:,} of {sum(counts.values()):,} labels of column {label_column!r} look like several"
            f" labels with {joined.separator!r} between them, e.g. {joined.example!r:.60}."
            + (f" {apart} to take each such label as one class." if several else f" {_CLASS} {take}")
        )


def refuse_tags_in_cells(table: Dataset, name: str, text_column: str, label_column: str, separator: str) -> None:
    """Refuse joined labels that are a tag for each word of the text.

    Raises
    ------
    InputError
        If nearly all cells have as many parts as their text has words.
    """
    rows = table.with_format(None).select_columns([text_column, label_column])[:LOOKED_AT]
    cells = zip(rows[text_column], rows[label_column], strict=True)
    if _fits_words([(text, str(cell).strip().split(separator)) for text, cell in cells if text and cell]):
        raise _of_tokens(name, label_column, text_column)


def check_one_each(labels: Sequence[Any]) -> None:
    """Refuse labels in memory that are lists.

    Raises
    ------
    InputError
        Naming the first row with such a label.
    """
    for row, label in enumerate(labels):
        if isinstance(label, (list, tuple, set, dict)) or getattr(label, "ndim", 0) > 0:
            raise InputError(
                f"Row {row} has several labels: {label!r:.60}. {_CLASS} Give one label per row; to take each"
                " combination as one class, join its labels into one text, e.g. 'plot|acting'. `augment.upsample` takes"
                " rows of several labels."
            )


def _check_one_hot(table: Dataset, name: str, several: bool) -> None:
    """Refuse a table without a label column that has a column of zeros and ones for each label."""
    from augment.data.provenance import PROVENANCE

    columns = table.with_format(None)[:LOOKED_AT]
    flags = {
        column: [str(value).lower() in ("1", "1.0", "true") for value in values]
        for column, values in columns.items()
        if column not in PROVENANCE and all(_is_flag(value) for value in values) and len({*map(str, values)}) > 1
    }
    if len(flags) < 2:
        return
    if all(sum(row) == 1 for row in zip(*flags.values(), strict=True)):
        mend = "Exactly one is 1 in each row: make one column of labels, e.g. frame[names].idxmax(axis=1) in pandas."
    else:
        first = next(iter(flags))
        mend = f"Balance one of them at a time, e.g. `label_column={first!r}`; new rows can copy the other columns."
        if several:
            mend = f"Name them to balance all of them, e.g. `label_column={list(flags)!r}`."
    said = "" if several else f" {_CLASS}"
    raise InputError(f"{name}: has a column of 0 and 1 for each label ({listed(list(flags))}).{said} {mend}")


def refuse_several(name: str) -> InputError:
    """Return the error of a reader that takes one label a row, and is told that there are several."""
    return InputError(
        f"{name}: several columns of labels, and `label_separator`, are for rows of several labels, which `augment"
        f" upsample` and `augment inspect` read. {_CLASS.replace('A run', 'This')} Leave them out."
    )


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str)) and value in _ZERO_OR_ONE


def _as_long(table: Dataset, tokens: str, tags: str) -> bool:
    """Return whether two columns hold lists of equal lengths, not all of one item. Texts count as lists of words."""
    rows = table.with_format(None).select_columns([tokens, tags])[:LOOKED_AT]
    words = [text.split() if isinstance(text, str) else text for text in rows[tokens]]
    lengths = [(len(a or ()), len(b or ())) for a, b in zip(words, rows[tags], strict=True)]
    return all(a == b for a, b in lengths) and any(a > 1 for a, _ in lengths)


def _of_tokens(name: str, tags: str, tokens: str) -> InputError:
    return InputError(
        f"{name}: the column {tags!r} holds a tag for each token of {tokens!r}. {_TAGS} Give a table with a text and"
        " one label in each row."
    )


def _labelled(corpus: Corpus) -> list[tuple[str, list[str]]]:
    """Return the first texts, and the words of their labels."""
    classes = corpus.classes
    labels = [classes[code].split() for code in corpus.codes[:LOOKED_AT]]
    return [(text, tags) for text, tags in zip(corpus.texts[:LOOKED_AT], labels, strict=True) if text]


def _fits_words(rows: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Return whether nearly all labels have as many parts as their text has words, and that more than one."""
    pairs = [(len(text.split()), len(tags)) for text, tags in rows]
    fitting = [words for words, tags in pairs if words == tags]
    return len(pairs) > 1 and len(fitting) >= 0.9 * len(pairs) and sum(words > 2 for words in fitting) > len(pairs) / 2
