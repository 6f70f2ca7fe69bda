"""Files that are named beside the input, held-out and validation files: with their text column and their split."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self

from augment.data.layout import Layout, has_splits
from augment.data.other_splits import other_splits, splits_of_folder
from augment.data.reading import load
from augment.errors import InputError, listed

if TYPE_CHECKING:
    from augment.data.corpus import Corpus
    from augment.data.lazy_texts import Texts

_MARKS = {"text_column": ":column=", "label_column": ":label=", "split": ":split="}
"""What may stand after the name of a file, each with the name of the field behind it."""


class NamedFile(NamedTuple):
    """A file beside the input, which may have its texts in a column of another name."""

    name: str
    """A file, a folder saved by `datasets`, or a hub id."""
    text_column: str | None = None
    """The column of its texts. None to look for that of the input, and then for the usual names."""
    split: str | None = None
    """The split of a saved folder or a hub id. None if it has no more than one."""
    label_column: str | None = None
    """The column of its labels, of a validation file. None for that of the input, or the usual names."""

    @classmethod
    def parsed(cls, text: str | os.PathLike[str]) -> Self:
        """Read ``FILE``, and after it ``:column=NAME``, ``:split=NAME``, ``:label=NAME``, or several of them.

        A file that has this whole name is meant as it is.

        Raises
        ------
        InputError
            If a name is missing.

        Examples
        --------
        >>> NamedFile.parsed("C:/tweets.tsv:column=Tweet")
        NamedFile(name='C:/tweets.tsv', text_column='Tweet', split=None, label_column=None)
        >>> NamedFile.parsed("owner/name:configuration:split=test")
        NamedFile(name='owner/name:configuration', text_column=None, split='test', label_column=None)
        """
        whole = name = os.fspath(text)
        given: dict[str, str] = {}
        while not os.path.exists(name):
            place, field = max((name.rfind(mark), field) for field, mark in _MARKS.items())
            if place < 0 or field in given:
                break
            value = name[place + len(_MARKS[field]) :]
            if not place or not value:
                raise InputError(
                    "A file with its text column is written FILE:column=NAME, with its split FOLDER:split=NAME, and"
                    f" with both FOLDER:column=NAME:split=NAME. Got {whole!r}."
                )
            given[field], name = value, name[:place]
        return cls(name, **given)

    def __str__(self) -> str:
        return self.name + "".join(f"{mark}{getattr(self, n)}" for n, mark in _MARKS.items() if getattr(self, n))

    def layout(self, layout: Layout) -> Layout:
        """Return the layout of the input with the split of this file.

        Raises
        ------
        InputError
            If a split is named and the file has none, or none is named and a folder has several.
        """
        if self.split is None:
            splits = splits_of_folder(self.name)
            if not splits and not os.path.exists(self.name):  # a name of the hub, whose splits come with the data
                splits = (layout.split, *other_splits(self.name, load(self.name, layout), layout.split))
            if len(splits) > 1:
                example = self._replace(split=next(split for split in splits if split != "train"))
                raise InputError(
                    f"{self.name}: has the splits {listed(splits)}; name the one that is meant, e.g. {example}."
                )
            return replace(layout, split=splits[0]) if splits else layout
        if not has_splits(self.name):
            raise InputError(f"{self}: a split is for hub ids and folders saved with several splits. Leave it out.")
        return replace(layout, split=self.split)

    def texts(self, layout: Layout) -> list[str]:
        """Read the texts, without nulls; whole rows, if the layout has other texts beside each.

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
            See `augment.data.corpus.open_texts` and `augment.data.corpus.whole_of`.
        """
        if self.label_column is not None:
            raise InputError(f"{self}: of a held-out file only the texts are read. Leave ':label=' out.")
        if layout.beside:
            from augment.data.corpus import read_whole  # numpy, which names do without

            if self.text_column is not None:
                raise InputError(
                    f"{self}: rows of several texts are compared as a whole, by the names of the input's columns."
                    f" Leave {self.text_column!r} out."
                )
            return read_whole(self.name, self.layout(layout))
        return [text for text in self.rows(layout) if text is not None]

    def rows(self, layout: Layout, *, unlabelled: bool = False) -> Texts:
        """Open the texts of all rows, each of which is read when it is looked at.

        Parameters
        ----------
        layout : Layout
            That of the input.
        unlabelled : bool, default=False
            Refuse a table with a column of labels.

        Returns
        -------
        Texts
            A null is None.

        Raises
        ------
        InputError
            See `augment.data.corpus.open_texts`.
        """
        from augment.data.corpus import open_texts  # numpy, which names do without

        mend = f"name one with the file, as in {self.name}{_MARKS['text_column']}NAME"
        layout = self.layout(layout)
        return open_texts(self.name, layout, text_column=self.text_column, mend=mend, unlabelled=unlabelled)

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
            See `augment.data.corpus.read`. The message says how the columns of this file are named.
        """
        from augment.data.column_names import MissingColumn
        from augment.data.corpus import read

        own = {field: name for field in ("text_column", "label_column") if (name := getattr(self, field)) is not None}
        try:
            return read(self.name, replace(self.layout(layout), **own))
        except MissingColumn as error:
            said = str(error)
            for field in ("text_column", "label_column"):
                said = said.replace(
                    f"give one as `{field}`", f"name one with the file, as in {self.name}{_MARKS[field]}NAME"
                )
            raise MissingColumn(said) from None
