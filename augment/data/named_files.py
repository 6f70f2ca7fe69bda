"""Files that are named beside the input: held-out files and validation files, with the column of their texts."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple, Self

from augment.data.corpus import Corpus, open_texts, read
from augment.data.layout import Layout
from augment.errors import InputError

_COLUMN = ":column="


class NamedFile(NamedTuple):
    """A file beside the input, which may have its texts in a column of another name."""

    name: str
    """A file, a folder saved by `datasets`, or a hub id."""
    text_column: str | None = None
    """The column of its texts. None to look for that of the input, and then for the usual names."""

    @classmethod
    def parsed(cls, text: str | os.PathLike[str]) -> Self:
        """Read ``FILE`` or ``FILE:column=NAME``. A file that has this whole name is meant as it is.

        Raises
        ------
        InputError
            If a name is missing.

        Examples
        --------
        >>> NamedFile.parsed("C:/tweets.tsv:column=Tweet")
        NamedFile(name='C:/tweets.tsv', text_column='Tweet')
        >>> NamedFile.parsed("owner/name:configuration")
        NamedFile(name='owner/name:configuration', text_column=None)
        """
        whole = os.fspath(text)
        name, found, column = whole.rpartition(_COLUMN)
        if not found or os.path.exists(whole):
            return cls(whole)
        if not name or not column:
            raise InputError(f"A file with its text column is written FILE{_COLUMN}NAME. Got {whole!r}.")
        return cls(name, column)

    def __str__(self) -> str:
        return self.name if self.text_column is None else f"{self.name}{_COLUMN}{self.text_column}"

    def texts(self, layout: Layout) -> list[str]:
        """Read the texts, without nulls.

        Parameters
        ----------
        layout : Layout
            That of the input.

        Returns
        -------
        list of str

        Raises
        ------
        InputError
            See `augment.data.corpus.open_texts`.
        """
        mend = f"name one with the file, as in {self.name}{_COLUMN}NAME"
        texts = open_texts(self.name, layout, text_column=self.text_column, mend=mend)
        return [text for text in texts if text is not None]

    def labelled(self, layout: Layout) -> Corpus:
        """Read the texts and their labels.

        Parameters
        ----------
        layout : Layout
            That of the input.

        Returns
        -------
        Corpus

        Raises
        ------
        InputError
            See `augment.data.corpus.read`.
        """
        return read(self.name, replace(layout, text_column=self.text_column or layout.text_column))
