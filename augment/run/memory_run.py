"""The main job in memory: plan new rows for data of any accepted kind, and hand the data back with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from augment import registry
from augment.data.containers import (
    arrow_table,
    as_frame,
    as_splits,
    as_table,
    columns,
    extended,
    held_out_texts,
    is_arrow_stream,
    is_indicator,
    is_pair,
    is_rows,
    is_table,
    with_rows,
)
from augment.data.corpus import Corpus, from_table, texts_of, whole_of
from augment.data.layout import Layout
from augment.data.other_splits import training_split
from augment.errors import InputError, listed
from augment.generation.budget import SamplingStrategy
from augment.generation.loop import Row
from augment.generation.singletons import Singletons
from augment.guards.base import Guard
from augment.run.job import HeldOutTexts, Job, check_strategy, plan_job, run_settings
from augment.run.other_columns import KeepColumns
from augment.run.text_run import Run
from augment.run.text_table import extended_arrow, extended_frame, extended_table, label_rows, with_new_split
from augment.text.base import TextStrategy

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


class MemoryJob(NamedTuple):
    """The plan of a run on data in memory."""

    data: Any
    """What was given."""
    splits: DatasetDict | None
    """The same, if it has splits."""
    table: Any
    """What gets new rows: the data, its training split, or the Arrow table of its stream."""
    job: Job


def plan_in_memory(
    data: Any,
    strategy: str | TextStrategy,
    layout: Layout,
    *,
    sampling_strategy: SamplingStrategy | None = None,
    seed: int | None = None,
    against: Any = (),
    guards: Sequence[str | Guard] | None = None,
    max_per_source: int | None = None,
    keep_columns: KeepColumns | None = None,
    singletons: Singletons | None = None,
) -> MemoryJob:
    """Plan what to make for data in memory, without opening a model.

    Parameters
    ----------
    data : datasets.Dataset, datasets.DatasetDict, frame, dicts, or (texts, labels)
        See `augment.upsampling.upsample`.
    strategy : str or TextStrategy
        A registered name, or a configured strategy.
    layout : Layout
        The columns.
    sampling_strategy, seed, against, guards, max_per_source, keep_columns, singletons
        See `augment.upsampling.upsample`.

    Returns
    -------
    MemoryJob

    Raises
    ------
    InputError
        If the data or an option cannot be used.
    """
    chosen: Any = registry.STRATEGIES.create(strategy, {}) if isinstance(strategy, str) else strategy
    check_strategy(chosen)
    if not isinstance(chosen, TextStrategy):
        raise InputError(
            f"The strategy {chosen.name!r} makes vectors, not texts. Give it to augment.VectorUpsampler as the"
            " sampler, or take a text strategy, such as 'fillmask'."
        )
    if keep_columns is not None and is_pair(data):
        raise InputError("`keep_columns` is for tables, and (texts, labels) has no other columns. Leave it out.")
    splits = as_splits(data)
    given = data if splits is None else splits[training_split(splits)]
    table = arrow_table(given) if is_arrow_stream(given) else given
    corpus = from_table(as_table(table), "the data", layout, several=True)
    held_out = [one for one in (_held_out(against, corpus),) if one.texts]
    if splits is not None:
        train = training_split(splits)
        corpus = dataclasses.replace(corpus, other_splits=tuple(name for name in splits if name != train))
        held_out += [
            _held_out_table(splits[name], corpus, f"the split {name!r}")._replace(name=corpus.name, split=name)
            for name in corpus.other_splits
        ]
    job = plan_job(
        corpus,
        chosen,
        **run_settings(chosen, sampling_strategy=sampling_strategy, seed=seed, guards=guards)._asdict(),
        held_out=held_out,
        max_per_source=max_per_source,
        keep_columns=keep_columns,
        singletons=singletons,
    )
    return MemoryJob(data, splits, table, job)


def _held_out(against: Any, corpus: Corpus) -> HeldOutTexts:
    """Return the texts that no new row may equal: those of a sequence, or of a table like the data."""
    if is_table(against):
        return _held_out_table(as_table(against), corpus, "`against`")._replace(name="against")
    if corpus.layout.beside and len(against):
        names = listed([str(corpus.layout.text_column), *corpus.layout.beside])
        raise InputError(f"`against` must be rows with the texts {names}: a table, or dicts. Got {against!r:.80}.")
    return HeldOutTexts("against", held_out_texts(against))


def _held_out_table(table: Dataset, corpus: Corpus, name: str) -> HeldOutTexts:
    """Return the texts of a table in memory."""
    if corpus.layout.beside:
        return HeldOutTexts(name, whole_of(table, name, corpus.layout))
    mend = f"call one {corpus.text_column!r}, as in the data, or leave {name} out"
    texts = texts_of(table, name, usual=corpus.text_column, mend=mend)
    return HeldOutTexts(name, [text for text in texts if text is not None], texts.column)


def handed_back(plan: MemoryJob, run: Run, rows: list[Row], *, only_synthetic: bool) -> Any:
    """Return the data with new rows, in the type in which it was given.

    Parameters
    ----------
    plan : MemoryJob
    run : Run
        Of its job.
    rows : list of Row
        The new rows.
    only_synthetic : bool
        Leave the originals out.

    Returns
    -------
    data
        See `augment.upsampling.upsample`.
    """
    table, job = plan.table, plan.job
    if is_pair(table):
        texts, labels = table
        kept, places = slice(0 if only_synthetic else None), label_rows(job.corpus, rows)
        new_texts = extended(texts[kept], [row.text for row in rows])
        if is_indicator(labels):
            return new_texts, with_rows(labels, places, only_new=only_synthetic)
        values = columns(texts, labels)[1]  # a pandas.Series is indexed by its labels, a list by position
        return new_texts, extended(labels[kept], [values[place] for place in places])
    shape: dict[str, Any] = {
        "only_synthetic": only_synthetic,
        "kept": job.columns.kept,
        "extra": run.columns(),
    }
    if hasattr(table, "iloc"):
        return extended_frame(table, job.corpus, rows, job.maker, **shape)
    if is_arrow_stream(table):
        return as_frame(extended_arrow(table, job.corpus, rows, job.maker, **shape), like=plan.data)
    made = extended_table(job.corpus, rows, job.maker, **shape)
    if is_rows(plan.data):
        return made.to_list()
    if plan.splits is None:
        return made.to_dict() if isinstance(plan.data, Mapping) else made
    return with_new_split(plan.splits, made, job.corpus, only_synthetic=only_synthetic)
