"""Say what reading a table leaves out, in the same words in every command."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

from augment.data.corpus import Corpus
from augment.data.named_files import NamedFile
from augment.data.text_pairs import other_of
from augment.errors import counted_of, listed

NOT_SOURCES = "They are kept, and nothing is made from them."
NOT_USED = "They are left out."
MANY_LABELS = 20
DIFFERENT = 0.9
"""Of so many rows or more, so large a share has labels of its own only if they are not labels."""


class _File(Protocol):
    """A file that is read beside the input."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> str | None: ...


def left_out(corpus: Corpus) -> str | None:
    """Return one line on the rows that were left out for their labels, or None if there are none.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    str or None

    Examples
    --------
    >>> from augment.data.corpus import from_table
    >>> from augment.data.layout import Layout
    >>> from datasets import Dataset
    >>> table = Dataset.from_dict({"text": ["good", "so so", "?"], "label": ["positive", "neutral", None]})
    >>> left_out(from_table(table, "reviews.csv", Layout(drop_unlabelled=True)))
    'reviews.csv: 1 of 3 rows is left out: 1 without a usable label.'
    """
    if not corpus.dropped:
        return None
    others = corpus.dropped - corpus.unlabelled
    reasons = [f"{corpus.unlabelled:,} without a usable label"] if corpus.unlabelled else []
    reasons += [f"{others:,} of other classes than the chosen ones"] if others else []
    whole = len(corpus.table) + corpus.dropped
    rows = counted_of(corpus.dropped, whole, "row", "is", "are")
    return f"{corpus.name}: {rows} left out: {', '.join(reasons)}."


def without_text(name: str, count: int, rows: int, fate: str) -> str | None:
    """Return one line on the rows without a text, or None if there are none.

    Parameters
    ----------
    name : str
        The name of the table.
    count : int
        How many rows have no text, or one of white space only.
    rows : int
        How many rows there are.
    fate : str
        A sentence on what becomes of them, such as `NOT_SOURCES`.

    Returns
    -------
    str or None

    Examples
    --------
    >>> without_text("reviews.csv", 3, 1200, NOT_USED)
    'reviews.csv: 3 of 1,200 rows have no text. They are left out.'
    """
    return f"{name}: {counted_of(count, rows, 'row', 'has', 'have')} no text. {fate}" if count else None


def cut_texts(name: str, count: int, rows: int, longest: int) -> str | None:
    """Return one line on the texts that are too long for a model, or None if there are none.

    Parameters
    ----------
    name : str
        The name of the table.
    count : int
        How many texts have more tokens than the model takes.
    rows : int
        How many texts there are.
    longest : int
        The number of tokens that the model takes.

    Returns
    -------
    str or None

    Examples
    --------
    >>> cut_texts("reviews.csv", 3, 1200, 64)
    'reviews.csv: 3 of 1,200 texts have more than 64 tokens. What follows is not read; `max_length` sets the number.'
    """
    says = "What follows is not read; `max_length` sets the number."
    texts = counted_of(count, rows, "text", "has", "have")
    return f"{name}: {texts} more than {longest:,} tokens. {says}" if count else None


def other_text(corpus: Corpus) -> str | None:
    """Return one line on the second text of pairs, of which only the first is read, or None if rows are no pairs."""
    other = other_of(corpus.table, corpus.text_column)
    if other is None:
        return None
    return f"{corpus.name}: each row is a pair of texts; {corpus.text_column!r} is read, and {other!r} is not."


def other_splits(corpus: Corpus, files: Iterable[_File] = ()) -> list[str]:
    """Return the other splits of a table's data set that are not among the files beside it."""
    own = {file.split for file in files if _is_one(file.name, corpus.name)}
    return [split for split in corpus.other_splits if split not in own]


def _is_one(name: str, other: str) -> bool:
    """Return whether two names are of one data set."""
    return name == other or (os.path.exists(name) and os.path.exists(other) and os.path.samefile(name, other))


def on_splits(corpus: Corpus, files: Iterable[_File] = (), fate: str = "not read") -> str | None:
    """Return one line on the splits of the same data set that are not read, or None if there are none.

    Parameters
    ----------
    corpus : Corpus
    files : iterable
        Files beside it, such as held-out ones, each with a `name` and a `split`. Their splits do not count.
    fate : str, default="not read"
        What becomes of the splits.

    Returns
    -------
    str or None
    """
    splits = other_splits(corpus, files)
    if not splits:
        return None
    what, verb = ("its other split", "is") if len(splits) == 1 else ("its other splits", "are")
    return f"{corpus.name}: {what} {listed(splits)} {verb} {fate}."


def on_splits_held_out(corpus: Corpus, files: Iterable[_File]) -> str | None:
    """Return one line on the splits of the same data set that are held out, or None if there are none."""
    left = other_splits(corpus, files)
    splits = [split for split in corpus.other_splits if split not in left]
    if not splits:
        return None
    what, verb = ("its split", "is") if len(splits) == 1 else ("its splits", "are")
    return f"{corpus.name}: {what} {listed(splits)} {verb} held out."


def not_held_out(corpus: Corpus, files: Iterable[_File]) -> str | None:
    """Return one line on the splits of the same data set that are not held out, and how to do so, or None."""
    files = list(files)
    line = on_splits(corpus, files, "not held out")
    named = [str(NamedFile(corpus.name, split=split)) for split in other_splits(corpus, files)]
    return None if line is None else f"{line} Give `against={named!r}` to do so."


def on_reading(corpus: Corpus, fate: str) -> list[str]:
    """Return the lines of `on_rows` and `other_text` about a table, for what reads one text of each row.

    Parameters
    ----------
    corpus : Corpus
    fate : str
        See `without_text`.

    Returns
    -------
    list of str
    """
    other = other_text(corpus)
    return [*on_rows(corpus, fate), *([] if other is None else [other])]


def all_different(corpus: Corpus) -> str | None:
    """Return one line if nearly every row has a label of its own, as where columns are swapped; else None.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    str or None
    """
    rows, classes = len(corpus.table), len(corpus.classes)
    if corpus.label_sets is not None or rows < MANY_LABELS or classes < DIFFERENT * rows:
        return None
    line = f"{corpus.name}: {classes:,} different labels in {rows:,} rows: is {corpus.label_column!r} the label column?"
    swapped = sum(" " in str(name).strip() for name in corpus.classes) > classes / 2
    return f"{line} Its cells look like texts; are the two columns swapped?" if swapped else line


def alike_classes(corpus: Corpus) -> str | None:
    """Return one line on classes whose names differ only in case or white space, or None if there are none.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    str or None

    Examples
    --------
    >>> from augment.data.corpus import from_table
    >>> from augment.data.layout import Layout
    >>> from datasets import Dataset
    >>> table = Dataset.from_dict({"text": ["good", "bad", "fine"], "label": ["positive", "negative", "Positive "]})
    >>> alike_classes(from_table(table, "reviews.csv", Layout()))
    "reviews.csv: names of classes differ only in case or white space: 'Positive ', 'positive'. Each is a class."
    """
    alike: dict[str, list[str]] = {}
    for name in corpus.label_counts:
        alike.setdefault(" ".join(name.casefold().split()), []).append(name)
    names = [name for group in alike.values() if len(group) > 1 for name in group]
    if not names:
        return None
    return f"{corpus.name}: names of classes differ only in case or white space: {listed(names, 20)}. Each is a class."


def on_rows(corpus: Corpus, fate: str) -> list[str]:
    """Return the lines of `left_out`, `without_text`, `all_different` and `alike_classes` about a table.

    Parameters
    ----------
    corpus : Corpus
    fate : str
        See `without_text`.

    Returns
    -------
    list of str
    """
    rows = len(corpus.table)
    without = without_text(corpus.name, rows - int(corpus.has_text.sum()), rows, fate)
    lines = [left_out(corpus), without, all_different(corpus), alike_classes(corpus)]
    return [line for line in lines if line is not None]
