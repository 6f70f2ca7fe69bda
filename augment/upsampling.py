"""The main job: read, budget, plan, generate, guard, refill, assemble, record. It only conducts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from augment import registry
from augment.data.containers import as_table, held_out_texts
from augment.data.corpus import Layout, from_table
from augment.errors import InputError
from augment.generation.budget import SamplingStrategy
from augment.guards.base import Guard
from augment.run.job import HeldOut, plan_job
from augment.run.manifest import Manifest
from augment.run.text_run import Run
from augment.run.text_table import extended_frame, extended_table
from augment.text.base import TextStrategy


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
