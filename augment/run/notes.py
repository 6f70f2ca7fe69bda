"""What a run does that nobody asked for, in one line each, before any row is made."""

from __future__ import annotations

from augment.data.notes import NOT_SOURCES, not_held_out, on_rows
from augment.errors import listed
from augment.run.job import Job
from augment.text.base import TextStrategy

_ADVICE = (
    "`keep_columns='all'`, or the names of some, copies them from the source row; `keep_columns=[]` says that this is"
    " meant."
)
_OF_VECTORS = "A new vector has several parents, or none, and so no values of one row."


def on_outcome(job: Job) -> list[str]:
    """Return what new rows will lack and what is not held out, as far as nobody has asked for it.

    Parameters
    ----------
    job : Job

    Returns
    -------
    list of str
    """
    advice = _ADVICE if isinstance(job.strategy, TextStrategy) else _OF_VECTORS
    note = job.columns.note(advice) if sum(job.budget.values()) else None
    return [line for line in (note, not_held_out(job.corpus, job.held_out)) if line is not None]


def on_job(job: Job) -> list[str]:
    """Return all that the command says about a plan: also rows that are left out, and rows without a text.

    Parameters
    ----------
    job : Job

    Returns
    -------
    list of str
    """
    return [*on_rows(job.corpus, NOT_SOURCES), *on_single_rows(job), *on_outcome(job)]


def on_single_rows(job: Job) -> list[str]:
    """Return what becomes of classes with a single text.

    Parameters
    ----------
    job : Job

    Returns
    -------
    list of str
        One line if there are such classes, or if there are none though something was to become of them.
    """
    singles = job.single_rows
    if singles.request in ("skip", "copy"):
        if not singles.classes:
            return [f"`singletons={singles.request!r}`: no class has a single text."]
        fate = "They stay as they are" if singles.request == "skip" else "New rows of them repeat it"
        return [f"Classes with a single text: {listed(singles.classes)}. {fate}."]
    alone = [label for label, rows in job.budget.items() if rows and len(job.sources[label]) == 1]
    if not alone:
        return []
    return [
        f"Classes with a single row: {listed(alone)}. All their new rows are made from it; `singletons='skip'`"
        " leaves them as they are."
    ]
