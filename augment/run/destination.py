"""Where a run writes, what may be replaced there, and how the output is put in place."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from augment.data.formats.dialect import Dialect, check_csv_safe, output_dialect
from augment.data.formats.encodings import checked_encoding, to_write
from augment.data.layout import TEXT_FORMATS
from augment.data.writing import check_output, write_batches, write_splits
from augment.errors import InputError, OutputError
from augment.files import check_ordinary, check_writable, clear_leftovers, staged_text
from augment.run.journal import check_no_journal, journal_path
from augment.run.manifest import Manifest, manifest_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from datasets import Features

    from augment.data.corpus import Corpus

_log = logging.getLogger(__name__)

Splits = dict[str, tuple["Features", "Iterator[pa.RecordBatch]"]]
"""The name of each split of a data set, its columns, and its rows."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a run writes: the output, its manifest and its journal, and whether they may be replaced.

    Parameters
    ----------
    output : Path
        A ``.csv``, ``.tsv``, ``.jsonl``, ``.json``, ``.parquet`` or ``.xlsx`` file, or a folder (no suffix).
    overwrite : bool, default=False
        Replace an existing output, its manifest, and unfinished work.
    resume : bool, default=False
        Go on with the unfinished work of the same run, if there is any. Leave its output alone if it has finished.
    encoding : str, optional
        The encoding of a text file. None for that of the input if both have the same format, or UTF-8.
    csv_safe : bool, default=False
        Put an apostrophe before each cell of a csv or tsv file that a spreadsheet would take for a formula.
    report : bool, default=False
        Whether an HTML report will be written about it.
    """

    output: Path
    overwrite: bool = False
    resume: bool = False
    encoding: str | None = None
    csv_safe: bool = False
    report: bool = False

    @property
    def manifest(self) -> Path:
        """Where the manifest stands."""
        return manifest_path(self.output)

    @property
    def journal(self) -> Path:
        """Where the journal stands while rows are made."""
        return journal_path(self.output)

    def may_replace(self) -> bool:
        """Whether an existing output may be replaced.

        A journal belongs to the same command. An output beside it was the last thing that this command wrote.
        """
        return self.overwrite or (self.resume and self.journal.exists())

    def may_be_finished(self) -> bool:
        """Whether there is the output of a run that left nothing unfinished, and that is to be gone on with."""
        there = os.path.exists(self.output) and os.path.exists(self.manifest)
        return self.resume and there and not os.path.exists(self.journal)

    def check(self) -> None:
        """Check, before any work is done, that everything can be written.

        Raises
        ------
        InputError
            If the format of the output is unknown.
        OutputError
            If something cannot be written, or exists already and may not be replaced.
        """
        check_ordinary(self.journal, file=True)
        check_output(self.output, overwrite=self.may_replace() or self.may_be_finished())
        if self.encoding is not None:
            checked_encoding(self.encoding)
            if self.output.suffix.lower() not in TEXT_FORMATS:
                raise InputError(f"`output_encoding` is for text files, and {self.output} is not one. Leave it out.")
        if self.csv_safe:
            check_csv_safe(self.output)
        check_writable(self.manifest, file=True)
        if not (self.may_replace() or self.may_be_finished()):
            if self.manifest.exists():
                raise OutputError(
                    f"{self.manifest} exists already; give `overwrite=True` to replace it, or another name."
                )
            check_no_journal(self.output)

    def check_is_no_input(self, sources: Sequence[str]) -> None:
        """Refuse to replace what the run reads.

        Raises
        ------
        OutputError
            If the output is one of the sources.
        """
        for source in sources:
            if self.output.exists() and os.path.exists(source) and self.output.samefile(source):
                raise OutputError(f"{self.output}: is an input of this run and is not replaced; choose another output.")

    def finished(self, run: str) -> Manifest | None:
        """Return the manifest of a run that has finished; None if there is none, and one is to be made.

        Parameters
        ----------
        run : str
            The hash of all that determines the output.

        Raises
        ------
        OutputError
            If the output is that of another run, and may not be replaced.
        """
        if not self.may_be_finished():
            return None
        manifest = Manifest.read(self.manifest)
        if manifest.run == run:
            _log.info(f"{self.output}: this run has finished already. Nothing is made or changed.")
            return manifest
        if self.overwrite:
            return None
        raise OutputError(
            f"{self.output}: is there already, made by another run: its input, options, models or versions were others."
            " Give `overwrite=True` to replace it, or choose another output."
        )

    def clear(self, *, may_replace: bool) -> None:
        """Clear away what a killed run has left, and look again: another run may have written in the meantime.

        Parameters
        ----------
        may_replace : bool
            What `may_replace` said before this run opened its journal.
        """
        clear_leftovers(self.output, alone=True)
        clear_leftovers(self.manifest, alone=True)
        check_output(self.output, overwrite=may_replace)

    def dialect(self, corpus: Corpus) -> Dialect | None:
        """Return how the output is spelled; None if it is no text file."""
        dialect = output_dialect(corpus.dialect, corpus.name, self.output, csv_safe=self.csv_safe)
        if dialect is not None and self.encoding is not None:
            dialect = replace(dialect, encoding=to_write(self.encoding))
        return dialect

    def place(
        self,
        manifest: Manifest,
        features: Features,
        batches: Iterator[pa.RecordBatch],
        corpus: Corpus,
        splits: Splits | None = None,
    ) -> None:
        """Put output and manifest in place, both or neither; a text file is spelled as the input was.

        Parameters
        ----------
        manifest : Manifest
        features : Features
        batches : iterator of pyarrow.RecordBatch
            The rows.
        corpus : Corpus
            The input.
        splits : mapping of str to (Features, iterator), optional
            All splits of a data set, the rows among them. None to write one table.
        """
        dialect = self.dialect(corpus)
        manifest.output_encoding = self.encoding
        manifest.output = None if dialect is None else dialect.recorded()
        with staged_text(manifest.to_json(), self.manifest):
            if splits is None:
                write_batches(features, batches, self.output, dialect)
            else:
                write_splits(splits, self.output)
