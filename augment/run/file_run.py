"""The main job on disk: read a request's files, make the rows, and put output and manifest in place."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.data.formats.dialect import Dialect, output_dialect
from augment.data.formats.encodings import checked_encoding, to_write
from augment.data.labels import with_mapped_labels
from augment.data.layout import SEPARATED, TEXT_FORMATS
from augment.data.other_splits import splits_of_folder
from augment.data.reading import load_split
from augment.data.writing import check_output, check_storable, write_batches, write_splits
from augment.errors import FormatError, InputError, Interrupted, OutputError, ShortfallError, counted
from augment.execution.choice import Execution
from augment.files import check_ordinary, check_room, check_writable, clear_leftovers, readable_as, staged_text
from augment.generation.budget import check_many
from augment.generation.loop import Row
from augment.identity import digest
from augment.llm.asking import Unanswered
from augment.run.config import RunRequest
from augment.run.job import Job, check_execution, plan_job
from augment.run.journal import Journal, check_no_journal, journal_path
from augment.run.manifest import Manifest, manifest_path
from augment.run.text_run import Run, unanswered_requests
from augment.run.text_table import extended_batches, other_split
from augment.text.base import TextStrategy
from augment.text.llm import LLM

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from datasets import Features

    from augment.data.corpus import Corpus
    from augment.run.vector_table import Vectors

_log = logging.getLogger(__name__)
_ADDED = 100  # bytes of a row in the columns that a run adds, about

Progress = Callable[[int, int, str], None]
"""Called with the number just done, the total, and the word for the items in the plural.

The first call has what an interrupted run had done before, 0 as a rule. It does not count in a rate.
"""


Log = Callable[[Job], None]
"""Called with the plan."""
Splits = dict[str, tuple["Features", "Iterator[pa.RecordBatch]"]]
"""The name of each split of a data set, its columns, and its rows."""


@dataclass(frozen=True)
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
    """

    output: Path
    overwrite: bool = False
    resume: bool = False
    encoding: str | None = None
    csv_safe: bool = False

    @property
    def manifest(self) -> Path:
        """Where the manifest stands."""
        return manifest_path(self.output)

    @property
    def journal(self) -> Path:
        """Where the journal stands while rows are made."""
        return journal_path(self.output)

    @property
    def replaces(self) -> bool:
        """Whether an existing output may be replaced.

        A journal belongs to the same command. An output beside it was the last thing that this command wrote.
        """
        return self.overwrite or (self.resume and self.journal.exists())

    @property
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
        check_output(self.output, overwrite=self.replaces or self.may_be_finished)
        if self.encoding is not None:
            checked_encoding(self.encoding)
            if self.output.suffix.lower() not in TEXT_FORMATS:
                raise InputError(f"`output_encoding` is for text files, and {self.output} is none. Leave it out.")
        if self.csv_safe and self.output.suffix.lower() not in SEPARATED:
            raise InputError(f"`csv_safe` is for csv and tsv files, and {self.output} is none. Leave it out.")
        check_writable(self.manifest, file=True)
        if not (self.replaces or self.may_be_finished):
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
        if not self.may_be_finished:
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

    def clear(self, *, replaces: bool) -> None:
        """Clear away what a killed run has left, and look again: another run may have written in the meantime.

        Parameters
        ----------
        replaces : bool
            What `replaces` was before this run opened its journal.
        """
        clear_leftovers(self.output)
        clear_leftovers(self.manifest)
        check_output(self.output, overwrite=replaces)

    def discard_unfinished(self) -> None:
        """Delete the unfinished work of another command, which `overwrite` replaces.

        Raises
        ------
        OutputError
            If that command is still running.
        """
        if not self.overwrite or not self.journal.exists():
            return
        with Journal(self.journal, {}, resume=False):  # a journal without a chunk goes when it is closed
            pass

    def dialect(self, corpus: Corpus) -> Dialect | None:
        """Return how the output is spelled; None if it is no text file."""
        dialect = output_dialect(corpus.dialect, corpus.name, self.output)
        if dialect is not None and self.encoding is not None:
            dialect = replace(dialect, encoding=to_write(self.encoding))
        return replace(dialect, safe=True) if dialect is not None and self.csv_safe else dialect

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


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """The result of `make_file`."""

    manifest: Manifest
    job: Job
    examples: list[Row]
    """Some of the new rows of a text strategy, evenly spread."""
    was_finished: bool = False
    """Whether the output was there before, made by the same run, and was left alone."""
    vectors: Vectors | None = None
    """All vectors, for a vector strategy."""


def plan_file(
    request: RunRequest,
    destination: Destination | None = None,
    *,
    execution: Execution | None = None,
    strict: bool = False,
    yes: bool = False,
) -> Job:
    """Read the files of a request and plan what to make, without opening a model.

    Parameters
    ----------
    request : RunRequest
        From `augment.run.config.settle`.
    destination : Destination, optional
        Where the rows will be written; None for a look at the plan.
    execution : Execution, optional
        As for `make_file`.
    strict : bool, default=False
        Refuse data with empty texts.
    yes : bool, default=False
        Make more than `augment.generation.budget.MANY_ROWS` rows.

    Returns
    -------
    Job

    Raises
    ------
    InputError
        If a file or an option cannot be used.
    OutputError
        If the output is one of the files that are read.
    """
    check_execution(execution or Execution(), request.strategy)
    if request.encoder is not None:
        _check_for_vectors(request, destination)
    if destination is not None:
        destination.check_is_no_input((request.source, *(file.name for file in request.against)))
    corpus = request.read_input()
    job = plan_job(
        corpus,
        request.strategy,
        sampling_strategy=request.sampling_strategy,
        seed=request.seed,
        held_out=request.read_held_out(corpus),
        guards=request.guards,
        max_per_source=request.max_per_source,
        keep_columns=request.keep_columns,
        singletons=request.singletons,
        strict=strict,
    )
    if request.encoder is not None:
        from augment.run.vector_table import check_columns  # imbalanced-learn, which text strategies do without

        check_columns(job, request.decode)
    check_many(job.budget, yes=yes)
    if destination is not None and not destination.may_be_finished:
        _check_fits(request, job, destination)
    return job


def _check_fits(request: RunRequest, job: Job, destination: Destination) -> None:
    """Check, before rows are made, that the format of the output holds the originals, and its disk all rows."""
    table = job.corpus.table
    new, originals = sum(job.budget.values()), 0 if request.only_synthetic else len(table)
    kept = table
    if not originals:
        kept = table.select_columns([job.corpus.text_column, job.corpus.label_column, *job.columns.kept])
    of_text = request.encoder is None
    first = {label: int(rows[0]) for label, rows in job.sources.items() if len(rows)}
    made = [Row(job.corpus.texts[source] or "", label, source, 0, {}) for label, source in first.items()]
    features, tables = extended_batches(
        replace(job.corpus, table=kept), made * of_text, job.maker, only_synthetic=False, kept=job.columns.kept
    )
    check_storable(features, tables, destination.output, originals + new, destination.dialect(job.corpus))
    size = table.data.nbytes
    check_room(destination.output, size * bool(originals) + 2 * new * (size // len(table) + _ADDED))  # journal, output


def make_file(
    request: RunRequest,
    destination: Destination,
    *,
    execution: Execution | None = None,
    strict: bool = False,
    yes: bool = False,
    progress: Progress | None = None,
    log: Log | None = None,
    examples: int = 0,
) -> FileResult:
    """Carry out a request, and write the output and its manifest.

    A text strategy journals its rows as they are made, so a run that is killed can be resumed.

    Parameters
    ----------
    request : RunRequest
        From `augment.run.config.settle`.
    destination : Destination
        Checked.
    execution : Execution, optional
        Who makes candidates, or encodes texts. Only this process by default. Changes the speed, not the result.
    strict : bool, default=False
        Refuse data with empty texts, and write nothing if rows are missing.
    yes : bool, default=False
        As for `plan_file`.
    progress : callable, optional
        See `Progress`.
    log : callable, optional
        Called with the plan after the models are opened, before any row is made.
    examples : int, default=0
        How many of the new rows to return.

    Returns
    -------
    FileResult

    Raises
    ------
    CounterpoiseError
        If a file, an option or a model cannot be used, or something cannot be written.
    ShortfallError
        If rows are missing and `strict` asks for all of them.
    Interrupted
        After Ctrl-C, if some rows are kept in the journal.
    """
    if destination.encoding is None and destination.output.suffix.lower() in TEXT_FORMATS:
        destination = replace(destination, encoding=request.output_encoding)
    execution = execution or Execution()
    with readable_as([request.source, *(file.name for file in request.against)]):
        job = plan_file(request, destination, execution=execution, strict=strict, yes=yes)
        if request.encoder is not None:
            return _make_vectors(request, job, destination, execution, progress, log)
        return _make_texts(request, job, destination, execution, strict, progress, log, examples)


def _make_texts(
    request: RunRequest,
    job: Job,
    destination: Destination,
    execution: Execution,
    strict: bool,
    progress: Progress | None,
    log: Log | None,
    examples: int,
) -> FileResult:
    """Carry out the job of a text strategy."""
    assert isinstance(job.strategy, TextStrategy)
    job.strategy.keep_beside(destination.output)
    for guard in job.guards:
        guard.keep_beside(destination.output)
    with Run(job, execution=execution, progress=progress) as run:
        request.check_models(run.guards, (run.strategy_identity(), run.guard_identities()))
        if (finished := destination.finished(_hash(run.identity(), request, destination))) is not None:
            return FileResult(manifest=finished, job=job, examples=[], was_finished=True)
        if log is not None:  # as deep below `upsample_file` as for vectors, since its warnings point at the caller
            log(job)
        return _carry_out(run, request, destination, strict, progress, examples)


def _carry_out(
    run: Run,
    request: RunRequest,
    destination: Destination,
    strict: bool,
    progress: Progress | None,
    examples: int,
) -> FileResult:
    """Make the rows of a run, and write them."""
    job, identity = run.job, run.identity()
    whole = _hash(identity, request, destination)
    replaces = destination.replaces
    plan: dict[str, Any] = {"sources": len(job.corpus.table), "classes": job.counts}
    with Journal(destination.journal, identity, resume=destination.resume, **plan) as journal:
        destination.clear(replaces=replaces)
        try:
            result = run.make(
                journal=journal,
                only_synthetic=request.only_synthetic,
                progress=_counted(progress, sum(job.budget.values()), "rows", done=journal.rows),
            )
            if strict and result.manifest.missing:
                journal.remove()
                raise ShortfallError(
                    f"{result.manifest.shortfall()} Nothing was written, since `strict=True` asks for all or nothing."
                )
            features, batches = extended_batches(
                job.corpus,
                result.rows,
                job.maker,
                only_synthetic=request.only_synthetic,
                kept=job.columns.kept,
                extra=run.columns(),
            )
            splits = None
            if job.corpus.other_splits and not destination.output.suffix and not request.only_synthetic:
                splits = _all_splits(job.corpus, features, batches)
            result.manifest.run = whole
            destination.place(result.manifest, features, batches, job.corpus, splits)
        except FormatError as error:
            if not journal.chunks:
                raise
            raise FormatError(f"{error} {_kept(journal.path)}") from None
        except Unanswered as error:
            if not destination.resume:
                journal.remove()  # it has cost nothing: the answers are there
            raise InputError(_missing(job)) from error
        except KeyboardInterrupt:
            if not journal.chunks:
                raise
            raise Interrupted(
                f"Interrupted: what is finished is kept in {journal.path}; repeat the run with `resume=True` to go on."
            ) from None
        made = sum(result.manifest.made.values())
        step = max(1, made // max(1, examples))
        shown = list(islice(result.rows, 0, min(max(0, examples) * step, made), step))
        journal.remove()
    return FileResult(manifest=result.manifest, job=job, examples=shown)


def _all_splits(corpus: Corpus, features: Features, batches: Iterator[pa.RecordBatch]) -> Splits:
    """Return the splits of a data set, in its order, with these rows in the place of those that were read."""
    kept: Splits = {}
    for name in splits_of_folder(corpus.name) or (corpus.layout.split, *corpus.other_splits):
        if name not in corpus.other_splits:
            kept[name] = (features, batches)
            continue
        table = load_split(corpus.name, name)
        if corpus.layout.label_map is not None and corpus.label_column in table.column_names:
            table = with_mapped_labels(
                table, f"{corpus.name}:split={name}", corpus.label_column, corpus.layout.label_map
            )
        kept[name] = other_split(table, corpus, features)
    return kept


def _hash(identity: Mapping[str, Any], request: RunRequest, destination: Destination) -> str:
    """Return a hash of all that determines an output."""
    shape = {
        "only_synthetic": request.only_synthetic,
        "keep_columns": request.keep_columns,
        "decode": request.decode,
        "encoding": destination.encoding,
        "csv_safe": destination.csv_safe,
    }
    return digest([json.dumps({**identity, **shape}, sort_keys=True, default=str)])


def _missing(job: Job) -> str:
    """Return, in a line, how many requests have no answer, and how to get one."""
    if not isinstance(job.strategy, LLM):
        return "Requests of this run have no answer in `answers`."
    missing = len(unanswered_requests(job))
    there, used, failed = job.strategy.answers_used()
    none = f", and the {counted(there, 'answer')} there {'is' if there == 1 else 'are'} of other requests"
    lost = ""
    if failed:
        said = f": {job.strategy.failure()}" if job.strategy.failure() else ""
        lost = f" ({counted(failed, 'request of the batch has', 'requests of the batch have')} failed{said})"
    return (
        f"{counted(missing, 'request of this run has', 'requests of this run have')} no answer in `answers`"
        f"{none if there and not used else ''}{lost}.{rejected_answers(job.strategy)} Write"
        " what is missing with `augment requests` and the same options, have it answered, and name that file, too."
    )


def rejected_answers(strategy: LLM) -> str:
    """Return a sentence on the rows of the answers that could not be used; empty if there is none."""
    rejected = strategy.rejected()
    if not rejected:
        return ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in rejected.items())
    return f" Rows of the answers that cannot be used, and are asked for anew: {reasons}."


def _kept(journal: Path) -> str:
    """Return how to go on with finished rows that the output cannot hold."""
    other = journal_path(journal.with_suffix("").with_suffix(".jsonl"))
    return (
        f"The new rows are kept in {journal}; `resume=True` goes on with them, also with an output of another name if"
        f" this file is renamed first, e.g. to {other.name}."
    )


def _make_vectors(
    request: RunRequest,
    job: Job,
    destination: Destination,
    execution: Execution,
    progress: Progress | None,
    log: Log | None,
) -> FileResult:
    """Carry out the job of a vector strategy."""
    from augment.run import vector_run, vector_table  # imbalanced-learn, which text strategies do without

    assert request.encoder is not None
    request.check_models(())
    whole = _hash(vector_run.identity(job, request.encoder), request, destination)
    if (finished := destination.finished(whole)) is not None:
        return FileResult(manifest=finished, job=job, examples=[], was_finished=True)
    if log is not None:
        log(job)
    vectors = vector_run.make(
        job,
        request.encoder,
        execution=execution,
        decode=request.decode,
        only_synthetic=request.only_synthetic,
        progress=_counted(progress, len(job.corpus.table), "texts"),
    )
    replaces = destination.replaces
    destination.discard_unfinished()
    destination.clear(replaces=replaces)
    vectors.manifest.run = whole
    features, batches = vector_table.vector_batches(job, vectors, only_synthetic=request.only_synthetic)
    destination.place(vectors.manifest, features, batches, job.corpus)
    return FileResult(manifest=vectors.manifest, job=job, examples=[], vectors=vectors)


def _counted(progress: Progress | None, total: int, what: str, *, done: int = 0) -> Callable[[int], None] | None:
    """Return a callback that takes the number just done. First report what was done before."""
    if progress is None:
        return None
    progress(done, total, what)
    return partial(_advance, progress, total, what)


def _advance(progress: Progress, total: int, what: str, done: int) -> None:
    progress(done, total, what)


def _check_for_vectors(request: RunRequest, destination: Destination | None) -> None:
    """Raise an error for options that do not work with a vector strategy."""
    name = request.strategy.name
    if destination is not None and destination.output.suffix.lower() not in ("", ".parquet"):
        raise InputError(
            f"{destination.output}: the strategy {name!r} makes vectors, which have no text and which"
            f" {destination.output.suffix} cannot hold. Give a .parquet file or a folder, with `decode='nearest'` to"
            " read the nearest real text beside each; or a strategy that makes texts, such as fillmask."
        )
