"""Say what reading a table leaves out, in the same words in every command."""

from __future__ import annotations

from augment.data.corpus import Corpus

NOT_SOURCES = "They are kept, and nothing is made from them."
NOT_USED = "They are left out."


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
    is_are = "is" if corpus.dropped == 1 else "are"
    return f"{corpus.name}: {corpus.dropped:,} of {whole:,} rows {is_are} left out: {', '.join(reasons)}."


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
    return f"{name}: {count:,} of {rows:,} rows have no text. {fate}" if count else None


def on_rows(corpus: Corpus, fate: str) -> list[str]:
    """Return the lines of `left_out` and `without_text` about a table.

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
    lines = [left_out(corpus), without_text(corpus.name, rows - int(corpus.has_text.sum()), rows, fate)]
    return [line for line in lines if line is not None]
