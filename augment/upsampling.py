"""The main job: read, budget, plan, generate, guard, refill, assemble, record. It only conducts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment import registry
from augment._version import __version__
from augment.assembly import check_provenance_columns, extended_frame, extended_table
from augment.data.containers import as_table, held_out_texts
from augment.data.corpus import Corpus, Layout, from_table
from augment.errors import InputError
from augment.generation.budget import SamplingStrategy, rows_to_make
from augment.generation.loop import Row, Tally, Try, generate, try_draws
from augment.generation.plan import check_sources, usable_sources
from augment.guards.base import Guard, Originals
from augment.guards.selection import select
from augment.identity import digest, installed_versions
from augment.journal import Journal
from augment.manifest import Manifest
from augment.text.base import TextStrategy, fitted_guards
from augment.workers import Workers

if TYPE_CHECKING:
    from augment.vectors.base import VectorSampler


class HeldOut(NamedTuple):
    """Texts that no new row may equal."""

    name: str
    texts: list[str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be made, settled before anything is: `plan_job` makes it, `run` carries it out."""

    corpus: Corpus
    strategy: TextStrategy | VectorSampler
    sampling_strategy: SamplingStrategy
    seed: int
    held_out: tuple[HeldOut, ...]
    guards: tuple[Guard, ...]
    """Those that are asked, in their order."""
    max_per_source: int | None
    counts: dict[str, int]
    """Class name → rows at present, synthetic ones included, in sorted order."""
    budget: dict[str, int]
    """Class name → rows to make."""
    sources: dict[str, np.ndarray]
    """Class name → rows of the corpus that new ones may be made from; int64, ascending."""
    first_variants: dict[str, int]
    """Class name → number of its sources' next variant; above 0 where synthetic rows are extended."""
    empty: int
    """Rows without a text: kept, never sources."""


class Made(NamedTuple):
    """What a run made."""

    rows: Iterable[Row]
    """In the order of the plan; a list, or the journal that they stand in."""
    manifest: Manifest


def plan_job(
    corpus: Corpus,
    strategy: TextStrategy | VectorSampler,
    *,
    sampling_strategy: SamplingStrategy = "auto",
    seed: int = 0,
    held_out: Sequence[HeldOut] = (),
    guards: Sequence[str | Guard] | None = None,
    max_per_source: int | None = None,
    strict: bool = False,
) -> Job:
    """Settle what is to be made, without opening a model.

    Parameters
    ----------
    corpus : Corpus
        The data. Rows that are synthetic already count towards the totals and are no sources.
    strategy : TextStrategy or VectorSampler
        Makes the new texts, or vectors.
    sampling_strategy : str, float, dict or callable, default="auto"
        See `augment.generation.budget.rows_to_make`; classes go by their names.
    seed : int, default=0
        0 to 2**64 - 1.
    held_out : sequence of HeldOut, default=()
        Texts that no new row may equal or nearly equal.
    guards : sequence of (str or Guard), optional
        See `augment.guards.selection.select`; of text strategies alone.
    max_per_source : int, optional
        Most new rows of one source, 1 or more; of text strategies alone.
    strict : bool, default=False
        Refuse data with empty texts.

    Returns
    -------
    Job

    Raises
    ------
    InputError
        If the data or an option cannot be used.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**64:
        raise InputError(f"The seed must be a whole number from 0 to 2**64 - 1. Got {seed!r}.")
    if max_per_source is not None and max_per_source < 1:
        raise InputError(f"The most rows per source must be 1 or more. Got {max_per_source}.")
    texts_made = isinstance(strategy, TextStrategy)
    if not texts_made and (guards is not None or max_per_source is not None):
        raise InputError(
            f"The strategy {strategy.name!r} makes vectors: guards and a most per source are for texts. Leave them out."
        )
    strategy.check()
    check_provenance_columns(corpus)
    if isinstance(sampling_strategy, dict):
        names = corpus.label_names
        by_value = {str(value): name for value, name in names.items()} | {name: name for name in names.values()}
        sampling_strategy = {by_value.get(str(key), str(key)): total for key, total in sampling_strategy.items()}
    counts, has_text = corpus.counts, corpus.has_text
    empty = len(has_text) - int(has_text.sum())
    if strict and empty:
        raise InputError(
            f"{corpus.name}: {empty} rows have no text, the first is row {corpus.rows[np.argmin(has_text)]}."
            " Remove them, or run without --strict to keep them and make nothing from them."
        )
    sources = usable_sources(has_text & ~corpus.is_synthetic, corpus.codes, corpus.classes)
    budget = {str(name): rows for name, rows in rows_to_make(sampling_strategy, counts).items()}
    check_sources(sources, budget)
    return Job(
        corpus=corpus,
        strategy=strategy,
        sampling_strategy=sampling_strategy,
        seed=int(seed),
        held_out=tuple(held_out),
        guards=tuple(
            select(guards, strategy.own_guards(), budget=budget, rows=len(corpus.table) + sum(budget.values()))
        )
        if isinstance(strategy, TextStrategy)
        else (),
        max_per_source=max_per_source,
        counts=counts,
        budget=budget,
        sources=sources,
        first_variants=_first_variants(corpus),
        empty=empty,
    )


class Run:
    """A job whose models are open and whose guards have seen the data: `make` makes its rows.

    Parameters
    ----------
    job : Job
        From `plan_job`.
    workers : int, default=1
        Processes that make candidates; 1 for this one alone. Changes the speed, not the result.

    Raises
    ------
    CounterpoiseError
        If a model cannot be opened, or a guard cannot be fitted.
    """

    def __init__(self, job: Job, *, workers: int = 1) -> None:
        if workers < 1:
            raise InputError(f"The number of workers must be 1 or more. Got {workers}.")
        self.job = job
        self.workers = workers
        self.start = time.perf_counter()
        job.strategy.prepare()
        self.guards = fitted_guards(
            job.strategy,
            job.guards,
            Originals(
                job.corpus.texts,
                job.corpus.named_labels(),
                [text for file in job.held_out for text in file.texts],
                job.seed,
                job.corpus.is_synthetic,
            ),
        )

    def columns(self) -> dict[str, str]:
        """Return the columns that the guards add to the output, and their Arrow types."""
        return {name: dtype for guard in self.guards for name, dtype in guard.columns.items()}

    def identity(self) -> dict[str, Any]:
        """Return whatever determines the rows, as plain data: a run that is resumed must have the same."""
        strategy, job = self.job.strategy, self.job
        parameters = registry.STRATEGIES.to_config(strategy)["parameters"]
        return {
            "version": __version__,
            "versions": installed_versions(),
            "input": job.corpus.fingerprint,
            "text_column": job.corpus.text_column,
            "label_column": job.corpus.label_column,
            "against": [{"name": file.name, "texts": digest(file.texts)} for file in job.held_out],
            "strategy": {
                "name": strategy.name,
                **{name: value for name, value in parameters.items() if name not in strategy.speed_only},
                **strategy.identity(),
            },
            "guards": [{**registry.GUARDS.to_config(guard), **guard.identity()} for guard in self.guards],
            "budget": job.budget,
            "first_variants": job.first_variants,
            "seed": job.seed,
            "max_per_source": job.max_per_source,
        }

    def make(
        self,
        *,
        journal: Journal | None = None,
        only_synthetic: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Made:
        """Make the rows.

        Parameters
        ----------
        journal : Journal, optional
            Where finished chunks are kept, and where those of an interrupted run are found. Without it the rows are
            kept in memory.
        only_synthetic : bool, default=False
            Recorded in the manifest.
        progress : callable, optional
            Called with the number of rows just made.

        Returns
        -------
        Made

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        job, tally = self.job, Tally()
        rows: list[Row] = []
        earlier = journal.chunks if journal else 0
        with contextlib.ExitStack() as stack:
            attempt: Try = partial(try_draws, job.strategy, self.guards)
            if self.workers > 1:
                attempt = stack.enter_context(Workers(job.strategy, self.guards, self.workers))
            outcomes = generate(
                attempt,
                texts=job.corpus.texts,
                sources=job.sources,
                budget=job.budget,
                guards=self.guards,
                seed=job.seed,
                tally=tally,
                max_per_source=job.max_per_source,
                first_variants=job.first_variants,
                done=journal.outcomes() if journal else (),
                progress=progress,
            )
            for number, outcome in enumerate(outcomes):
                if journal is None:
                    rows += outcome.rows
                elif number >= earlier:
                    journal.append(outcome)

        seconds = time.perf_counter() - self.start
        manifest = recorded(
            job,
            made={label: tally.made[label] for label in job.budget},
            only_synthetic=only_synthetic,
            seconds=seconds,
            guards=self.guards,
            missing={label: {"rows": rows, "why": tally.why_missing(label)} for label, rows in tally.missing.items()},
            rejected=dict(tally.rejections()),
        )
        return Made(rows if journal is None else journal, manifest)


def upsample(
    data: Any,
    *,
    strategy: str | TextStrategy = "fillmask",
    sampling_strategy: SamplingStrategy = "auto",
    seed: int = 0,
    against: Sequence[str] = (),
    guards: Sequence[str | Guard] | None = None,
    max_per_source: int | None = None,
    only_synthetic: bool = False,
    workers: int = 1,
    text_column: str | None = None,
    label_column: str | None = None,
) -> tuple[Any, Manifest]:
    """Balance the classes of a data set by new rows, and say what was done.

    Parameters
    ----------
    data : datasets.Dataset, pandas.DataFrame, or (texts, labels)
        The data.
    strategy : str or TextStrategy, default="fillmask"
        A registered name, or a configured strategy.
    sampling_strategy : str, float, dict or callable, default="auto"
        See `augment.generation.budget.rows_to_make`.
    seed : int, default=0
        The same seed and data give the same rows.
    against : sequence of str, default=()
        Held-out texts that no new row may equal or nearly equal.
    guards : sequence of (str or Guard), optional
        What every new row must pass; see `augment.guards.selection.select`. None for the default ones.
    max_per_source : int, optional
        Most new rows of one source.
    only_synthetic : bool, default=False
        Return the new rows alone.
    workers : int, default=1
        Processes that make candidates. Changes the speed, not the result. A script that asks for several needs
        ``if __name__ == "__main__":`` around what it runs.
    text_column, label_column : str, optional
        By default text/sentence/review and label/gold_label/sentiment.

    Returns
    -------
    data
        Of the kind that was given: originals first, unchanged and in order, then the new rows.
        Tables have the columns `is_synthetic`, `source_row`, `strategy`, `variant` besides.
    manifest : Manifest
        Counts before and after, rejections, what is missing and why.

    Raises
    ------
    InputError
        If the data or an option cannot be used.

    Examples
    --------
    >>> from augment import upsample
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> (texts, labels), manifest = upsample((texts, ["neutral"] * 2 + ["positive"] * 3))
    >>> manifest.counts_after
    {'neutral': 3, 'positive': 3}
    """
    never = held_out_texts(against)
    chosen: TextStrategy = registry.STRATEGIES.create(strategy, {}) if isinstance(strategy, str) else strategy
    if not isinstance(chosen, TextStrategy):
        raise InputError(
            f"The strategy {chosen.name!r} makes vectors and no texts. Give it to augment.vectors.upsampler.VectorUpsampler as"
            " the sampler, or take a text strategy, such as 'fillmask'."
        )
    corpus = from_table(as_table(data), "the data", Layout(text_column=text_column, label_column=label_column))
    job = plan_job(
        corpus,
        chosen,
        sampling_strategy=sampling_strategy,
        seed=seed,
        held_out=[HeldOut("against", never)] if never else (),
        guards=guards,
        max_per_source=max_per_source,
    )
    run = Run(job, workers=workers)
    made = run.make(only_synthetic=only_synthetic)
    rows = list(made.rows)
    if isinstance(data, (tuple, list)):
        texts, labels = list(data[0]), list(data[1])  # a pandas.Series is indexed by its labels, a list by position
        originals = ([], []) if only_synthetic else (texts, labels)
        return (
            [*originals[0], *(row.text for row in rows)],
            [*originals[1], *(labels[row.source] for row in rows)],
        ), made.manifest
    if hasattr(data, "iloc"):
        frame = extended_frame(data, corpus, rows, chosen.name, only_synthetic=only_synthetic, extra=run.columns())
        return frame, made.manifest
    table = extended_table(corpus, rows, chosen.name, only_synthetic=only_synthetic, extra=run.columns())
    return table, made.manifest


def _first_variants(corpus: Corpus) -> dict[str, int]:
    """Number the variants of each class on from those of the synthetic rows that it has."""
    first = np.zeros(len(corpus.classes), dtype=np.int64)
    if "variant" in corpus.table.column_names:
        np.maximum.at(first, corpus.codes, corpus.column("variant").fill_null(-1).to_numpy() + 1)
    return dict(zip(corpus.classes, first.tolist(), strict=True))


def _repeatable(job: Job) -> Any:
    """Return the sampling strategy as plain data: of a callable the totals that it gave."""
    if callable(job.sampling_strategy):
        return {label: job.counts[label] + rows for label, rows in job.budget.items()}
    return job.sampling_strategy


def recorded(
    job: Job,
    *,
    made: dict[str, int],
    only_synthetic: bool,
    seconds: float,
    guards: Sequence[Guard] = (),
    missing: dict[str, dict[str, Any]] | None = None,
    rejected: dict[str, int] | None = None,
) -> Manifest:
    """Return the record of a job that was carried out.

    Parameters
    ----------
    job : Job
    made : dict of str to int
        Class name → rows made.
    only_synthetic, seconds, guards, missing, rejected
        See `augment.manifest.Manifest`.

    Returns
    -------
    Manifest
    """
    return Manifest(
        input={
            "name": job.corpus.name,
            "layout": asdict(job.corpus.layout),
            "fingerprint": job.corpus.fingerprint,
            "rows": len(job.corpus.table),
            "rows_kept_out": job.corpus.dropped,
            "empty_texts": job.empty,
            "text_column": job.corpus.text_column,
            "label_column": job.corpus.label_column,
        },
        against=[{"name": file.name, "rows": len(file.texts), "texts": digest(file.texts)} for file in job.held_out],
        strategy={**registry.STRATEGIES.to_config(job.strategy), "identity": job.strategy.identity()},
        guards=[{**registry.GUARDS.to_config(guard), "identity": guard.identity()} for guard in guards],
        sampling_strategy=_repeatable(job),
        seed=job.seed,
        max_per_source=job.max_per_source,
        only_synthetic=only_synthetic,
        counts_before=job.counts,
        counts_after={label: count + made.get(label, 0) for label, count in job.counts.items()},
        made=made,
        missing=missing or {},
        rejected=rejected or {},
        seconds=round(seconds, 3),
    )
