"""The main job on disk: read a request's files, make the rows, and put output and manifest in place."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.data.labels import with_mapped_labels
from augment.data.layout import TEXT_FORMATS
from augment.data.other_splits import splits_of_folder
from augment.data.reading import load_split
from augment.data.writing import check_storable
from augment.errors import FormatError, InputError, Interrupted, ShortfallError, counted
from augment.execution.choice import Execution
from augment.file_modes import readable_as
from augment.files import check_room
from augment.generation.budget import check_many
from augment.generation.loop import Row
from augment.identity import digest
from augment.llm.asking import Unanswered
from augment.run.destination import Destination, Splits
from augment.run.job import Job, check_execution, plan_job
from augment.run.journal import Journal, journal_path
from augment.run.manifest import Manifest
from augment.run.request import RunRequest
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

OnPlan = Callable[[Job], None]
"""Called with the plan after the models are opened, before any row is made."""


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
        From `augment.run.request.settle`.
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
    if execution is None or execution.ray is None:
        request.check_device()
    if destination is not None and destination.report and job.labels is not None:
        raise InputError(
            f"`report` compares classes of one label each, and the rows of {corpus.name} have several. Leave it out."
        )
    if destination is not None and not destination.may_be_finished():
        _check_fits(request, job, destination)
    return job


def _check_fits(request: RunRequest, job: Job, destination: Destination) -> None:
    """Check, before rows are made, that the format of the output holds the originals, and its disk all rows."""
    table = job.corpus.table
    new, originals = sum(job.budget.values()), 0 if request.only_synthetic else len(table)
    kept = table
    if not originals:
        named = (job.corpus.text_column, *job.corpus.layout.also_edited, *job.corpus.label_columns)
        kept = table.select_columns([*named, *job.columns.kept])
    of_text = request.encoder is None
    first = {label: int(rows[0]) for label, rows in job.sources.items() if len(rows)}
    others = {source: tuple(texts[source] or "" for texts in job.corpus.others) for source in first.values()}
    made = [Row(job.corpus.texts[row] or "", label, row, 0, {}, others[row]) for label, row in first.items()]
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
    on_plan: OnPlan | None = None,
    examples: int = 0,
) -> FileResult:
    """Carry out a request, and write the output and its manifest.

    A text strategy journals its rows as they are made, so a run that is killed can be resumed.

    Parameters
    ----------
    request : RunRequest
        From `augment.run.request.settle`.
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
    on_plan : callable, optional
        See `OnPlan`.
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
            return _make_vectors(request, job, destination, execution, progress, on_plan)
        return _make_texts(request, job, destination, execution, strict, progress, on_plan, examples)


def _make_texts(
    request: RunRequest,
    job: Job,
    destination: Destination,
    execution: Execution,
    strict: bool,
    progress: Progress | None,
    on_plan: OnPlan | None,
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
        if on_plan is not None:
            on_plan(job)
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
    may_replace = destination.may_replace()
    plan: dict[str, Any] = {"sources": len(job.corpus.table), "classes": job.corpus.counts}
    with Journal(destination.journal, identity, resume=destination.resume, **plan) as journal:
        destination.clear(may_replace=may_replace)
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
        made = result.manifest.rows_made
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
    on_plan: OnPlan | None,
) -> FileResult:
    """Carry out the job of a vector strategy."""
    from augment.run import vector_run, vector_table  # imbalanced-learn, which text strategies do without

    assert request.encoder is not None
    request.check_models(())
    whole = _hash(vector_run.identity(job, request.encoder), request, destination)
    if (finished := destination.finished(whole)) is not None:
        return FileResult(manifest=finished, job=job, examples=[], was_finished=True)
    if on_plan is not None:
        on_plan(job)
    vectors = vector_run.make(
        job,
        request.encoder,
        execution=execution,
        decode=request.decode,
        only_synthetic=request.only_synthetic,
        progress=_counted(progress, len(job.corpus.table), "texts"),
    )
    may_replace = destination.may_replace()
    vectors.manifest.run = whole
    features, batches = vector_table.vector_batches(job, vectors, only_synthetic=request.only_synthetic)
    # A kill between output and manifest leaves this journal, by which the output is known as that of this run.
    with Journal(destination.journal, {"run": whole}, resume=destination.resume):
        destination.clear(may_replace=may_replace)
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
