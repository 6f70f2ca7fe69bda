"""The plan of a run, made before any model is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.caller_warnings import warn_caller
from augment.data.corpus import Corpus
from augment.data.provenance import PROVENANCE
from augment.errors import InputError, counted
from augment.execution.choice import Execution
from augment.generation.budget import SamplingStrategy, rows_to_make
from augment.generation.label_plan import LabelPlan, label_plan
from augment.generation.plan import usable_sources
from augment.generation.singletons import SingleRows, Singletons, single_rows
from augment.generation.trials import binding
from augment.guards.base import Guard
from augment.guards.selection import choice, select
from augment.run.other_columns import KeepColumns, OtherColumns, other_columns
from augment.seeding import seed_of
from augment.text.base import TextStrategy, added_columns, check_guards_apply, examine
from augment.text.duplication import Random

if TYPE_CHECKING:
    from augment.vectors.base import VectorSampler


class HeldOutTexts(NamedTuple):
    """Texts that no new row may equal."""

    name: str
    texts: list[str]
    text_column: str | None = None
    """The column of the texts, if it was named."""
    split: str | None = None
    """The split of the data set, if it was named."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The plan of a run: `plan_job` makes it, `text_run` or `vector_run` carries it out."""

    corpus: Corpus
    strategy: TextStrategy | VectorSampler
    sampling_strategy: SamplingStrategy
    seed: int
    held_out: tuple[HeldOutTexts, ...]
    guards: tuple[Guard, ...]
    """The guards of the run, in order."""
    max_per_source: int | None
    counts: dict[str, int]
    """Class name → rows at present, synthetic ones included, in sorted order. If rows have several labels: label →
    rows."""
    budget: dict[str, int]
    """Class name → rows to make. If rows have several labels, a class is a set of labels."""
    sources: dict[str, np.ndarray]
    """Class name → rows of the corpus that new ones may be made from; int64, ascending."""
    single_rows: SingleRows
    """The classes with a single row, and what becomes of them."""
    first_variants: dict[str, int]
    """Class name → number of its sources' next variant; above 0 where synthetic rows are extended."""
    empty: int
    """Rows without a text. They are kept, but are never sources."""
    columns: OtherColumns
    """What new rows hold in the columns besides text and label."""
    labels: LabelPlan | None = None
    """What is to be made of each label, if rows have several."""

    def at_most(self, label: str) -> int:
        """Return how many rows of its budget a class can get, with `max_per_source`."""
        rows = self.budget.get(label, 0)
        return rows if self.max_per_source is None else min(rows, self.max_per_source * len(self.sources[label]))

    def maker(self, label: str) -> str:
        """Return the name of the strategy that makes the rows of a class."""
        return Random.name if label in self.single_rows.copied else self.strategy.name


def check_count(name: str, value: Any) -> None:
    """Refuse what is not a whole number of 1 or more.

    Raises
    ------
    InputError
        Naming the parameter.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InputError(f"`{name}` must be a whole number, 1 or more. Got {value!r:.60}.")


def check_execution(execution: Execution, strategy: TextStrategy | VectorSampler, guards: Sequence[Guard] = ()) -> None:
    """Refuse an executor that cannot be used, and any for a strategy or a guard that asks a service.

    Raises
    ------
    InputError
        Naming the parameter.
    """
    execution.check()
    for one, what in ((strategy, "strategies"), *((guard, "guards") for guard in guards)):
        if not execution.here and getattr(one, "asks", False):
            name = "workers" if execution.ray is None else "executor"
            raise InputError(
                f"`{name}` is for {what} that compute, and {one.name!r} asks several requests at a time in one"
                " process. Leave it out."
            )


def check_strategy(strategy: Any) -> None:
    """Refuse what is not a strategy of ours: another class, the class itself, a sampler of another library.

    Raises
    ------
    InputError
        Naming what came.
    """
    if isinstance(strategy, TextStrategy):
        return
    from augment.vectors.base import VectorSampler  # imbalanced-learn, which text strategies do without

    if not isinstance(strategy, VectorSampler):
        raise InputError(
            "The strategy must be a name, e.g. 'fillmask', a TextStrategy or a VectorSampler, e.g. FillMask()."
            f" Got {strategy!r:.80}."
        )


class RunSettings(NamedTuple):
    """Settings that a strategy has and a call may override."""

    sampling_strategy: SamplingStrategy
    seed: int
    guards: Sequence[str | Guard] | None


def run_settings(
    strategy: TextStrategy | VectorSampler,
    *,
    sampling_strategy: SamplingStrategy | None = None,
    seed: int | None = None,
    guards: Sequence[str | Guard] | None = None,
    origins: Mapping[str, str] = MappingProxyType({}),
) -> RunSettings:
    """Combine the settings of a strategy and of a call. The call wins, with a warning if they differ.

    Parameters
    ----------
    strategy : TextStrategy or VectorSampler
        Its own `sampling_strategy`, `random_state` and `guards` are the defaults of its runs.
    sampling_strategy, seed, guards : optional
        Settings of the call; None for the strategy's.
    origins : mapping of str to str, optional
        Where the setting of a name is from, for the warning; "the call" unless it is listed.

    Returns
    -------
    RunSettings

    Warns
    -----
    UserWarning
        For each argument of the call that differs from what the strategy was built with.

    Examples
    --------
    >>> from augment import Random
    >>> run_settings(Random(random_state=3, guards=["none"]))
    RunSettings(sampling_strategy='auto', seed=3, guards=['none'])
    """
    own_seed = None if strategy.random_state is None else seed_of(strategy.random_state)
    own_strategy = None if _is_auto(strategy.sampling_strategy) else strategy.sampling_strategy
    own_guards = getattr(strategy, "guards", None)
    pairs = {
        "sampling_strategy": (sampling_strategy, "sampling_strategy", own_strategy),
        "seed": (seed, "random_state", own_seed),
        "guards": (guards, "guards", own_guards),
    }
    chosen: dict[str, Any] = {}
    for name, (argument, own_name, own) in pairs.items():
        chosen[name] = own if argument is None else argument
        if argument is not None and own is not None and argument != own:
            warn_caller(
                f"`{name}={argument!r}` of {origins.get(name, 'the call')} goes before `{own_name}={own!r}` of the"
                " strategy. Give one of them."
            )
    return RunSettings(
        "auto" if chosen["sampling_strategy"] is None else chosen["sampling_strategy"],
        0 if chosen["seed"] is None else chosen["seed"],
        chosen["guards"],
    )


def _is_auto(sampling_strategy: Any) -> bool:
    return isinstance(sampling_strategy, str) and sampling_strategy == "auto"


def plan_job(
    corpus: Corpus,
    strategy: TextStrategy | VectorSampler,
    *,
    sampling_strategy: SamplingStrategy = "auto",
    seed: int = 0,
    held_out: Sequence[HeldOutTexts] = (),
    guards: Sequence[str | Guard] | None = None,
    max_per_source: int | None = None,
    keep_columns: KeepColumns | None = None,
    singletons: Singletons | None = None,
    strict: bool = False,
) -> Job:
    """Plan what to make, without opening a model.

    Parameters
    ----------
    corpus : Corpus
        The data. Rows that are synthetic already count towards the totals, but are not sources.
    strategy : TextStrategy or VectorSampler
        Makes the new texts, or vectors.
    sampling_strategy : str, float, dict or callable, default="auto"
        See `augment.generation.budget.rows_to_make`; classes go by their names.
    seed : int, default=0
        0 to 2**64 - 1.
    held_out : sequence of HeldOutTexts, default=()
        Texts that no new row may equal or nearly equal.
    guards : sequence of (str or Guard), optional
        See `augment.guards.selection.select`; for text strategies only.
    max_per_source : int, optional
        Maximum number of new rows from one source, 1 or more; for text strategies only.
    keep_columns : "all" or sequence of str, optional
        Columns that new rows copy from their source row; for text strategies only. None for none of them.
    singletons : {"skip", "copy", "error"}, optional
        What becomes of classes with a single text: they stay as they are, their row is repeated, or the data is
        refused. None makes their rows like others, and refuses the data if the strategy cannot.
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
    if max_per_source is not None:
        check_count("max_per_source", max_per_source)
    texts_made = isinstance(strategy, TextStrategy)
    if not texts_made and (guards is not None or max_per_source is not None):
        raise InputError(
            f"The strategy {strategy.name!r} makes vectors: guards and a most per source are for texts. Leave them out."
        )
    if not texts_made and keep_columns:
        raise InputError(
            f"The strategy {strategy.name!r} makes vectors: a new vector lies between two rows, so it has no columns of"
            " one row to keep. Leave them out, or look up the rows of `source_row` and `neighbor_row`."
        )
    if corpus.layout.beside and not (isinstance(strategy, TextStrategy) and strategy.edits):
        raise InputError(
            f"{corpus.name}: a row has several texts that belong together, and"
            f" {strategy.name!r} makes its {'texts' if texts_made else 'vectors'} anew. Choose a strategy that edits,"
            " such as 'fillmask'."
        )
    strategy.check()
    if isinstance(strategy, TextStrategy):
        check_guards_apply(strategy, guards)
    if corpus.label_sets is not None:
        _check_keeps_sets(corpus, strategy, guards, singletons)
    check_provenance_columns(corpus)
    if isinstance(sampling_strategy, dict):
        names = corpus.label_names if corpus.label_sets is None else {label: label for label in corpus.label_counts}
        by_value = {_number(value): name for value, name in names.items()}
        by_value |= {str(value): name for value, name in names.items()} | {name: name for name in names.values()}
        sampling_strategy = {
            by_value.get(str(key), by_value.get(_number(key), str(key))): total
            for key, total in sampling_strategy.items()
        }
    counts, has_text = corpus.label_counts, corpus.has_text
    empty = len(has_text) - int(has_text.sum())
    if strict and empty:
        raise InputError(
            f"{corpus.name}: {counted(empty, 'row has', 'rows have')} no text, the first is row"
            f" {corpus.rows[np.argmin(has_text)]}."
            " Remove them, or run without `strict=True` to keep them and make nothing from them."
        )
    sources = usable_sources(has_text & ~corpus.is_synthetic, corpus.codes, corpus.classes)
    labels = None
    if corpus.label_sets is None:
        budget = {str(name): rows for name, rows in rows_to_make(sampling_strategy, counts).items()}
    else:
        members = corpus.label_sets.members
        labels = label_plan(sampling_strategy, counts, members, sources, max_per_source=max_per_source)
        budget = labels.budget
    singles = single_rows(singletons, strategy, corpus.texts, sources, budget)
    budget |= dict.fromkeys(singles.skipped, 0)
    chosen: tuple[Guard, ...] = ()
    if isinstance(strategy, TextStrategy):
        whole = len(corpus.table) + sum(budget.values())
        chosen = tuple(select(guards, strategy.own_guards(), budget=budget, rows=whole, edits=strategy.edits))
        if labels is not None:
            chosen = tuple(guard for guard in chosen if not guard.of_classes)
        for guard in binding(chosen, copies=strategy.copies):
            guard.check_classes(corpus.classes, strategy.language)
        examine(strategy, chosen, corpus.texts, {label: sources[label] for label, rows in budget.items() if rows})
    return Job(
        corpus=corpus,
        strategy=strategy,
        sampling_strategy=sampling_strategy,
        seed=int(seed),
        held_out=tuple(held_out),
        guards=chosen,
        max_per_source=max_per_source,
        counts=counts,
        budget=budget,
        sources=sources,
        single_rows=singles,
        first_variants=_first_variants(corpus),
        empty=empty,
        columns=other_columns(
            corpus,
            keep_columns,
            of_texts=texts_made,
            written=set(added_columns(strategy, chosen)) if isinstance(strategy, TextStrategy) else set(),
        ),
        labels=labels,
    )


def _number(label: Any) -> str:
    """Return a label as a text, in which 2.0 is 2: pandas makes floats of whole numbers beside a missing one."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _check_keeps_sets(
    corpus: Corpus,
    strategy: TextStrategy | VectorSampler,
    guards: Sequence[str | Guard] | None,
    singletons: Singletons | None,
) -> None:
    """Refuse what needs one class for each row, if rows have several labels."""
    if not isinstance(strategy, TextStrategy):
        raise InputError(
            f"{corpus.name}: rows have several labels, and {strategy.name!r} makes vectors between rows of one class."
            " Choose a strategy that edits texts, such as 'fillmask'."
        )
    if not strategy.edits:
        raise InputError(
            f"{corpus.name}: rows have several labels, which a new row takes over from the row that it is an edit of,"
            f" and {strategy.name!r} makes texts of a class anew. Choose a strategy that edits, such as 'fillmask'."
        )
    for guard in (*choice(guards).guards, *strategy.own_guards()):
        if guard.of_classes and not guard.by_default:
            raise InputError(
                f"The guard {guard.name!r} judges by the one class of a row, and the rows of {corpus.name} have several"
                " labels. Leave it out."
            )
    if singletons is not None:
        raise InputError(
            f"`singletons` is for classes of one label each, and the rows of {corpus.name} have several. Leave it out;"
            " to leave labels as they are, name the others in `sampling_strategy`."
        )


def _first_variants(corpus: Corpus) -> dict[str, int]:
    """Return the first free variant number of each class, after those of its synthetic rows."""
    first = np.zeros(len(corpus.classes), dtype=np.int64)
    if "variant" in corpus.table.column_names:
        np.maximum.at(first, corpus.codes, corpus.column("variant").fill_null(-1).to_numpy() + 1)
    return dict(zip(corpus.classes, first.tolist(), strict=True))


def check_provenance_columns(corpus: Corpus) -> None:
    """Raise an error if a column of the input has a name that upsampling writes.

    Raises
    ------
    InputError
        If there is one; the message names the column.
    """
    present = set(PROVENANCE) & set(corpus.table.column_names)
    if present and "is_synthetic" not in present:
        name = min(present)
        raise InputError(
            f"{corpus.name}: has a column {name!r} of its own, a name that upsampling writes ({', '.join(PROVENANCE)})."
            " Rename it."
        )
