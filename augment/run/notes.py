"""What a run does that nobody asked for, in one line each, before any row is made."""

from __future__ import annotations

import numpy as np

from augment.caller_warnings import warn_caller
from augment.data.label_sets import LabelSets
from augment.data.notes import NOT_SOURCES, not_held_out, on_rows, on_splits_held_out
from augment.errors import counted, counted_of, listed
from augment.generation.label_plan import mean_ratio, minority_labels
from augment.guards.polarity import Polarity
from augment.run.job import Job
from augment.run.manifest import beyond_target
from augment.text.base import TextStrategy
from augment.word_lists import has_list
from augment.words import folded

_ADVICE = (
    "`keep_columns='all'`, or the names of some, copies them from the source row; `keep_columns=[]` says that this is"
    " meant."
)
NOTHING = "All classes have the rows that `sampling_strategy` asks for: no row is made."
MOST_POLES = 5
"""Data with more classes is not about praise and blame, as a rule."""
_OF_VECTORS = "A new vector has several parents, or none, and so no values of one row."


def unasked(job: Job) -> list[str]:
    """Return what a run does that nobody asked for.

    Parameters
    ----------
    job : Job

    Returns
    -------
    list of str
        Lines on rows that are left out, rows without a text, classes of which all new rows come from one row, classes
        that `max_per_source` keeps short, columns that new rows leave empty, and splits that are not held out.
    """
    advice = _ADVICE if isinstance(job.strategy, TextStrategy) else _OF_VECTORS
    lines = [
        None if sum(job.budget.values()) or job.single_rows.request == "skip" else NOTHING,
        _from_one_row(job),
        _beyond_sources(job),
        _without_poles(job),
        job.columns.note(advice) if sum(job.budget.values()) else None,
        not_held_out(job.corpus, job.held_out),
        _held_out_rows(job),
    ]
    return [*on_rows(job.corpus, NOT_SOURCES), *(line for line in lines if line is not None)]


def on_label_sets(sets: LabelSets) -> list[str]:
    """Return what there is to say of rows of several labels.

    Parameters
    ----------
    sets : LabelSets
        Of a table.

    Returns
    -------
    list of str
    """
    counts, rows = sets.counts(), len(sets.codes)
    without = rows - int(np.count_nonzero(sets.has_label()))
    rare = minority_labels(counts)
    in_sets = counted(sum(map(bool, sets.members.values())), "different set")
    return [
        f"Rows have several labels, {sum(counts.values()) / rows:.2f} in the mean, in {in_sets}."
        f" {counted(without, 'row has', 'rows have')} none. A new row takes over all labels of its source.",
        f"The imbalance ratio of a label is {float(mean_ratio(counts)):.3g} in the mean (MeanIR). The sampling"
        f" strategy 'auto' raises the labels above it: {listed(rare, 20) if rare else 'none'}.",
    ]


def on_job(job: Job) -> list[str]:
    """Return all that the command says about a plan: also what is held out, and what becomes of single texts.

    Parameters
    ----------
    job : Job

    Returns
    -------
    list of str
    """
    held_out = on_splits_held_out(job.corpus, job.held_out)
    own = [] if held_out is None else [held_out]
    singles = job.single_rows
    if singles.request not in ("skip", "copy"):
        return [*own, *unasked(job)]
    fate = "They stay as they are" if singles.request == "skip" else "New rows of them repeat it"
    line = (
        f"Classes with a single text: {listed(singles.classes)}. {fate}."
        if singles.classes
        else f"`singletons={singles.request!r}`: no class has a single text."
    )
    return [*own, line, *unasked(job)]


def off_target(job: Job) -> str | None:
    """Return one line on the labels that get more or fewer rows than they are to get, if rows have several labels.

    Parameters
    ----------
    job : Job

    Returns
    -------
    str or None
        None if every label gets what it is to get.
    """
    if job.labels is None:
        return None
    made = job.labels.by_label(job.budget)
    lines = [beyond_target(job.labels.beyond(made))]
    if short := job.labels.short(made):
        named = ", ".join(f"{label} -{rows:,}" for label, rows in [*short.items()][:20])
        lines.append(f"Labels short of their targets, for want of sources: {named}{' …' * (len(short) > 20)}.")
    return " ".join(line for line in lines if line) or None


def warn_of(job: Job) -> None:
    """Warn, before any row is made, of what a plan does that nobody asked for.

    Parameters
    ----------
    job : Job

    Warns
    -----
    UserWarning
        See `unasked` and `off_target`.
    """
    for line in (*unasked(job), off_target(job)):
        if line is not None:
            warn_caller(line)


def _held_out_rows(job: Job) -> str | None:
    """Return one line on the sources that equal a held-out text, since their new rows resemble it."""
    corpus = job.corpus
    if not job.held_out or corpus.layout.beside or not isinstance(job.strategy, TextStrategy):
        return None
    held_out = {folded(text) for file in job.held_out for text in file.texts}
    made_from = [job.sources[label] for label, rows in job.budget.items() if rows]
    count = sum(folded(str(corpus.texts[row])) in held_out for own in made_from for row in own)
    if not count:
        return None
    rows = counted_of(count, len(corpus.table), "row", "equals", "equal")
    return f"{corpus.name}: {rows} a held-out row, and new rows of them resemble it. Leave them out of the input."


def _from_one_row(job: Job) -> str | None:
    """Return one line on classes of which all new rows are made from one row, unless something else was asked for."""
    if job.labels is not None:
        made = job.labels.by_label(job.budget)
        single = [label for label, rows in made.items() if rows and job.labels.sources[label] == 1]
        return f"Labels with a single row: {listed(single)}. All their new rows are made from it." if single else None
    alone = [label for label, rows in job.budget.items() if rows and len(job.sources[label]) == 1]
    if not alone or job.single_rows.request in ("skip", "copy"):
        return None
    return (
        f"Classes with a single row: {listed(alone)}. All their new rows are made from it; `singletons='skip'` leaves"
        " them as they are."
    )


def _beyond_sources(job: Job) -> str | None:
    """Return one line on the classes whose sources do not suffice for `max_per_source`."""
    short = [
        f"{label}: {job.budget[label] - most:,} of {job.budget[label]:,} (it has {len(job.sources[label]):,} sources)"
        for label in job.budget
        if (most := job.at_most(label)) < job.budget[label]
    ]
    if not short:
        return None
    more = f" and {len(short) - 5} more" if len(short) > 5 else ""
    return (
        f"Rows that will be missing, since `max_per_source={job.max_per_source}`: {'; '.join(short[:5])}{more}."
        " Raise it, or make fewer rows."
    )


def _without_poles(job: Job) -> str | None:
    """Return one line if the language is not English and no class has a usual name for praise or blame."""
    language = getattr(job.strategy, "language", None)
    by_default = [guard for guard in job.guards if guard.by_default]
    few = len(job.counts) <= MOST_POLES and job.labels is None
    if language in (None, "en") or not few or not by_default or not has_list(language, "positive"):
        return None
    guard = next((guard for guard in job.guards if isinstance(guard, Polarity)), Polarity())
    if not {"positive", "negative"}.isdisjoint(map(guard.pole, job.counts)):
        return None
    return (
        "No class has a usual name for praise or blame, so no guard keeps words of praise and blame in their classes."
        " If some classes praise or blame, say which: `guards=['polarity:positive=NAME,negative=NAME']`."
    )
