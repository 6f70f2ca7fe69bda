"""The columns of new rows besides text and label: copied from the source row, or left empty."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

from augment.data.corpus import Corpus
from augment.data.provenance import PROVENANCE
from augment.data.text_pairs import other_of
from augment.errors import InputError, did_you_mean, listed

KeepColumns = Literal["all"] | Sequence[str]
"""Columns that new rows copy from their source row: ``"all"``, or names. No name: none of them."""


class OtherColumns(NamedTuple):
    """What new rows hold in the columns that a run does not write."""

    keep: Literal["all"] | tuple[str, ...] | None
    """The request; None if there was none."""
    kept: tuple[str, ...]
    """Columns that are copied from the source row, in the order of the table."""
    empty: tuple[str, ...]
    """Columns that are left empty, in the order of the table."""

    def note(self, advice: str) -> str | None:
        """Return one line that names the columns which nobody asked to be empty.

        Parameters
        ----------
        advice : str
            A sentence that says how to copy them.

        Returns
        -------
        str or None
            None if there is no such column.
        """
        if self.keep is not None or not self.empty:
            return None
        which = f"column {listed(self.empty)}" if len(self.empty) == 1 else f"columns {listed(self.empty)}"
        return f"New rows leave the {which} empty. {advice}"


def checked(keep: Any) -> Literal["all"] | tuple[str, ...] | None:
    """Return a request in its plain form.

    Raises
    ------
    InputError
        If it is neither "all" nor a sequence of names.

    Examples
    --------
    >>> checked(["id", "lang"])
    ('id', 'lang')
    """
    if keep is None:
        return None
    if keep == "all":
        return "all"
    if isinstance(keep, str) or not isinstance(keep, Sequence) or not all(isinstance(name, str) for name in keep):
        raise InputError(f"`keep_columns` must be 'all' or a list of names, e.g. ['id']. Got {keep!r:.60}.")
    return tuple(keep)


def other_columns(
    corpus: Corpus, keep: KeepColumns | None, *, written: Collection[str], of_texts: bool
) -> OtherColumns:
    """Divide the columns that a run does not write into those that are copied and those that are left empty.

    Parameters
    ----------
    corpus : Corpus
    keep : "all" or sequence of str, optional
        The columns to copy. None for none of them. Those of `Layout.beside` are copied in any case.
    written : collection of str
        Columns that the run writes besides text, label and those of `PROVENANCE`.
    of_texts : bool
        Whether the new rows are texts and not vectors.

    Returns
    -------
    OtherColumns

    Raises
    ------
    InputError
        If a name is not that of a column, or is of one that the run writes; or if rows are pairs of texts and nobody
        says what becomes of the other text.
    """
    keep = checked(keep)
    other = other_of(corpus.table, corpus.text_column)
    beside = corpus.layout.beside
    if keep is None and other is not None and other not in (*written, *beside) and of_texts:
        raise InputError(
            f"{corpus.name}: each row is a pair of texts, and new rows of {corpus.text_column!r} would lack {other!r}."
            f" Give `keep_columns=[{other!r}]` to copy it, `keep_columns=[]` to leave it empty, or"
            f" `text_column={other!r}` and `keep_columns=[{corpus.text_column!r}]` to change the other text."
        )
    own = {corpus.text_column, *corpus.layout.also_edited, *corpus.label_columns, *PROVENANCE, *written}
    others = [name for name in corpus.table.column_names if name not in own]
    for name in () if keep is None or keep == "all" else keep:
        if name in own and name in corpus.table.column_names:
            raise InputError(f"{corpus.name}: the run writes the column {name!r} itself. Leave it out of what is kept.")
        if name not in others:
            known = f"the other columns are {listed(others)}" if others else "it has no others than text and label"
            raise InputError(
                f"{corpus.name}: has no column {name!r} to keep; {known}. Correct the name.{did_you_mean(name, others)}"
            )
    kept = [name for name in others if keep == "all" or name in (*(keep or ()), *beside)]
    return OtherColumns(keep, tuple(kept), tuple(name for name in others if name not in kept))
