"""What a run has to make, settled before any model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from augment.data.corpus import PROVENANCE, Corpus
from augment.errors import InputError
from augment.generation.budget import SamplingStrategy, rows_to_make
from augment.generation.plan import check_sources, usable_sources
from augment.guards.base import Guard
from augment.guards.selection import select
from augment.text.base import TextStrategy

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


def _first_variants(corpus: Corpus) -> dict[str, int]:
    """Number the variants of each class on from those of the synthetic rows that it has."""
    first = np.zeros(len(corpus.classes), dtype=np.int64)
    if "variant" in corpus.table.column_names:
        np.maximum.at(first, corpus.codes, corpus.column("variant").fill_null(-1).to_numpy() + 1)
    return dict(zip(corpus.classes, first.tolist(), strict=True))


def check_provenance_columns(corpus: Corpus) -> None:
    """Refuse a table with a column of its own under a name that upsampling writes.

    Raises
    ------
    InputError
        Naming the column.
    """
    present = set(PROVENANCE) & set(corpus.table.column_names)
    if present and "is_synthetic" not in present:
        name = min(present)
        raise InputError(
            f"{corpus.name}: has a column {name!r} of its own, a name that upsampling writes ({', '.join(PROVENANCE)})."
            " Rename it."
        )
