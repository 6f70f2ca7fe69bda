"""Carry out a job of a text strategy."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from augment import registry
from augment._version import __version__
from augment.errors import InputError
from augment.execution.choice import Execution
from augment.execution.executor import Executor
from augment.generation.candidates import Draw
from augment.generation.loop import Ahead, Outcome, Row, Tally, generate
from augment.generation.plan import TRIES, slots
from augment.generation.trials import Trial, Try, binding, try_draws
from augment.guards.base import Guard, Originals
from augment.identity import digest, installed_versions
from augment.llm.requests import Request
from augment.run.batched_tries import SIZE, BatchedTries
from augment.run.job import Job, check_execution
from augment.run.journal import Journal
from augment.run.manifest import Manifest, left_out_note, recorded
from augment.run.workers import TrialWork, Workers
from augment.text.base import TextStrategy, added_columns, fitted_guards
from augment.text.duplication import Random
from augment.text.llm import LLM, UNANSWERED

_log = logging.getLogger("augment")


class MadeRows(NamedTuple):
    """The result of a text run."""

    rows: Iterable[Row]
    """In the order of the plan; a list, or the journal that holds them."""
    manifest: Manifest


class Run:
    """A job whose models are open and whose guards have seen the data: `make` makes its rows.

    Parameters
    ----------
    job : Job
        From `plan_job`.
    execution : Execution, optional
        Who makes candidates. Only this process by default. Others need the run as a context manager, which ends them.
        Changes the speed, not the result.
    progress : callable, optional
        For what the strategy learns first: see `augment.text.base.TextStrategy.learn`.

    Raises
    ------
    CounterpoiseError
        If a model cannot be opened, or a guard cannot be fitted.
    """

    def __init__(
        self,
        job: Job,
        *,
        execution: Execution | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self.execution = execution or Execution()
        check_execution(self.execution, job.strategy, job.guards)
        self.job = job
        self._executor: Executor | None = None
        self.start = time.perf_counter()
        assert isinstance(job.strategy, TextStrategy)
        originals = _originals(job)
        layout = dataclasses.replace(job.corpus.layout, beside=(), also_edited=())  # a strategy reads the first text
        job.strategy.learn(originals, layout=layout, progress=progress)
        if self.execution.ray is None:  # the models of a cluster may be too much for this machine
            job.strategy.prepare()
        device = None if self.execution.ray is None else "auto"
        self.guards, self.notes = fitted_guards(job.strategy, job.guards, originals, device=device)

    def __enter__(self) -> Run:
        """Start the workers, unless this process does the work itself."""
        if not self.execution.here:
            assert isinstance(self.job.strategy, TextStrategy)
            self._executor = self.execution.start(TrialWork(self.job.strategy, self.guards))
            self._executor.__enter__()
        return self

    def settle(self) -> None:
        """Wait until the workers are ready, if there are others than this process."""
        if self._executor is not None:
            self._executor.settled()

    def __exit__(self, kind: object, *exception: object) -> None:
        """End them, at once after an error or Ctrl-C."""
        if self._executor is not None:
            self._executor.__exit__(kind, *exception)
            self._executor = None

    def columns(self) -> dict[str, str]:
        """Return the columns that the strategy and the guards add to the output, and their Arrow types."""
        assert isinstance(self.job.strategy, TextStrategy)
        return added_columns(self.job.strategy, self.guards)

    def identity(self) -> dict[str, Any]:
        """Return everything that determines the rows, as plain data. A resumed run must have the same."""
        strategy, job = self.job.strategy, self.job
        parameters = registry.STRATEGIES.to_config(strategy)["parameters"]
        return {
            "version": __version__,
            "versions": installed_versions(),
            "input": job.corpus.fingerprint,
            "text_column": job.corpus.text_column,
            "beside": list(job.corpus.layout.beside),
            **({"also_edited": list(also)} if (also := job.corpus.layout.also_edited) else {}),
            "label_column": job.corpus.label_column,
            **_of_labels(job),
            "against": [{"name": file.name, "texts": digest(file.texts)} for file in job.held_out],
            "strategy": {
                "name": strategy.name,
                **{name: value for name, value in parameters.items() if name not in strategy.speed_only},
                **self.strategy_identity(),
                **({"learnt": [record["weights"] for record in learnt]} if (learnt := strategy.learnt()) else {}),
            },
            "guards": [
                {**_determining(guard), **identity}
                for guard, identity in zip(self.guards, self.guard_identities(), strict=True)
            ],
            "budget": job.budget,
            "copied": list(job.single_rows.copied),
            "first_variants": job.first_variants,
            "seed": job.seed,
            "max_per_source": job.max_per_source,
        }

    def strategy_identity(self) -> dict[str, Any]:
        """Return what the strategy says of itself where it makes the rows: its model, device and dtype."""
        found: dict[str, Any] = self._report()["strategy"] if self._report() else self.job.strategy.identity()
        return found

    def guard_identities(self) -> list[dict[str, Any]]:
        """Return what each guard says of itself where it judges the rows."""
        of_workers = self._report().get("guards", {})
        return [of_workers.get(guard.name) or guard.identity() for guard in self.guards]

    def _report(self) -> dict[str, Any]:
        """Return what the first worker of a cluster has reported; empty if this machine makes the rows."""
        if self._executor is None or self.execution.ray is None:
            return {}
        return self._executor.settled()[0]

    def make(
        self,
        *,
        journal: Journal | None = None,
        only_synthetic: bool = False,
        progress: Callable[[int], None] | None = None,
        seen: Callable[[Trial], Trial] | None = None,
    ) -> MadeRows:
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
        seen : callable, optional
            Takes each trial, and returns the one to go on with; for a run that only plans what it would ask.

        Returns
        -------
        MadeRows

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        job, tally = self.job, Tally()
        assert isinstance(job.strategy, TextStrategy)
        rows: list[Row] = []
        earlier = journal.chunks if journal else 0
        attempt, ahead = self._attempt()
        if seen is not None:
            attempt = partial(_seen, attempt, seen)
        done = iter(journal.outcomes() if journal else ())
        copied = {label: job.budget[label] for label in job.single_rows.copied}
        common: dict[str, Any] = {
            "texts": job.corpus.texts,
            "beside": job.corpus.beside,
            "others": job.corpus.others,
            "sources": job.sources,
            "seed": job.seed,
            "tally": tally,
            "max_per_source": job.max_per_source,
            "done": done,
            "progress": progress,
            "together": job.strategy.together,
        }
        made = self._rounds(attempt, tally, ahead, common)
        guards = binding(self.guards, copies=True)
        first = job.first_variants
        copies = generate(
            partial(try_draws, Random(), guards), budget=copied, guards=guards, first_variants=first, **common
        )
        for number, outcome in enumerate(chain(made, copies)):
            if journal is None:
                rows += outcome.rows
            elif number >= earlier:
                journal.append(outcome)

        seconds = time.perf_counter() - self.start
        manifest = recorded(
            job,
            made={label: tally.made[label] for label in {**job.budget, **tally.made}},
            only_synthetic=only_synthetic,
            seconds=seconds,
            guards=self.guards,
            identities=(self.strategy_identity(), self.guard_identities()),
            execution=self._recorded(),
            guard_notes=self.notes,
            missing=tally.lacking(job.strategy.barren),
            rejected=dict(tally.rejections()),
            left_out=tally.left_out(),
        )
        if line := left_out_note(manifest.left_out):
            _log.info(line)
        return MadeRows(rows if journal is None else journal, manifest)

    def _rounds(self, attempt: Try, tally: Tally, ahead: Ahead | None, common: dict[str, Any]) -> Iterator[Outcome]:
        """Make the rows of the budget, and, if rows have several labels, others in the place of those that failed."""
        job, budget, first = self.job, _budget(self.job), dict(self.job.first_variants)
        assert isinstance(job.strategy, TextStrategy)
        used_up: set[str] = set()
        while budget:
            made = generate(
                attempt,
                budget=budget,
                guards=self.guards,
                ranked=job.strategy.ranked,
                max_attempts=self._tries,
                per_pool=job.strategy.per_pool,
                first_variants=dict(first),
                ahead=ahead,
                **common,
            )
            for outcome in made:
                for row in outcome.rows if job.labels is not None else ():
                    first[row.label] = max(first.get(row.label, 0), row.variant + 1)
                yield outcome
            failed = {label for label, rows in budget.items() if tally.made[label] < rows}
            if job.labels is None or not failed or job.max_per_source is not None:
                return
            used_up |= failed
            further = job.labels.instead(tally.made, job.sources, used_up)
            budget = {label: tally.made[label] + rows for label, rows in further.items()}

    @property
    def _tries(self) -> int:
        """How often a slot is tried. If sources may have few rows each, no slot is given up early."""
        strategy = self.job.strategy
        assert isinstance(strategy, TextStrategy)
        return strategy.tries if strategy.ranked or self.job.max_per_source is None else TRIES

    def _attempt(self) -> tuple[Try, Ahead | None]:
        """Return what tries draws, and what is to be told of those that are coming."""
        strategy = self.job.strategy
        assert isinstance(strategy, TextStrategy)
        tries = self._tries
        if self.execution.here:
            attempt = partial(try_draws, strategy, self.guards)
            if self.job.labels is None:
                return attempt, None
            batched = BatchedTries(attempt, size=max(SIZE, strategy.together), tries=tries)
            return batched, batched
        assert self._executor is not None, "A run with workers is a context manager."
        workers = Workers(self._executor, tries=tries, together=strategy.together)
        return workers, workers

    def _recorded(self) -> dict[str, Any] | None:
        """Return what the manifest says of a cluster; None if this machine has made the rows."""
        if self.execution.ray is None or self._executor is None:
            return None
        kinds = dict.fromkeys(map(_hardware, self._executor.settled()))
        return {
            "executor": "ray",
            "workers": self.execution.workers,
            "hardware": [dict(kind) for kind in kinds],
            "mixed_hardware": len(kinds) > 1,
        }


def _hardware(report: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, report[name]) for name in ("processor", "device", "dtype"))


def forecast(job: Job, output: Path | None = None) -> str:
    """Return in a line what a job will cost besides time; an empty string if nothing. No model is opened.

    Parameters
    ----------
    job : Job
        From `plan_job`.
    output : Path, optional
        Where its rows will be written.

    Returns
    -------
    str
        See `augment.text.base.TextStrategy.forecast`.
    """
    if not isinstance(job.strategy, TextStrategy):
        return ""
    if output is not None:
        job.strategy.keep_beside(output)
    return job.strategy.forecast(_originals(job), _first_draws(job))


def unanswered_requests(job: Job) -> list[Request]:
    """Return the requests to a language model that a job needs and that have no answer yet. None is asked.

    The job is played with the answers that there are, without guards that ask a language model. A row without an
    answer counts as made, so the requests are those that are needed next: tries after it follow only if its answer
    turns out to be no row.

    Parameters
    ----------
    job : Job
        From `plan_job`.

    Returns
    -------
    list of Request
        In the order of the plan.

    Raises
    ------
    InputError
        If the strategy asks no language model, or something cannot be used.
    """
    strategy = job.strategy
    if not isinstance(strategy, LLM):
        raise InputError(f"The strategy {strategy.name!r} asks no language model. Give `strategy='llm'`.")
    computing = tuple(guard for guard in job.guards if not guard.asks)
    with strategy.gathering() as found:
        Run(dataclasses.replace(job, guards=computing)).make(seen=_as_if_answered)
    return list(found.values())


def _of_labels(job: Job) -> dict[str, Any]:
    """Return what else determines the rows if rows have several labels."""
    if job.labels is None:
        return {}
    return {"label_columns": list(job.corpus.label_columns), "label_separator": job.corpus.layout.label_separator}


def _determining(guard: Guard) -> dict[str, Any]:
    """Return the name of a guard, and the parameters that determine its verdicts."""
    config = registry.GUARDS.to_config(guard)
    parameters = {name: value for name, value in config["parameters"].items() if name not in guard.speed_only}
    return {**config, "parameters": parameters}


def _as_if_answered(trial: Trial) -> Trial:
    return Trial(trial.candidate) if trial.against == UNANSWERED else trial


def _seen(attempt: Try, seen: Callable[[Trial], Trial], draws: Sequence[Draw]) -> list[Trial]:
    return [seen(trial) for trial in attempt(draws)]


def _originals(job: Job) -> Originals:
    """Return what strategies and guards learn from."""
    assert isinstance(job.strategy, TextStrategy)
    return Originals(
        texts=job.corpus.texts,
        labels=job.corpus.named_labels(),
        held_out=[text for file in job.held_out for text in file.texts],
        seed=job.seed,
        is_synthetic=job.corpus.is_synthetic,
        language=job.strategy.language,
        wanted=_budget(job),
        beside=job.corpus.beside,
        several_edited=bool(job.corpus.layout.also_edited),
        edits=job.strategy.edits and not any(guard.moves for guard in job.guards),
    )


def _budget(job: Job) -> dict[str, int]:
    """Return the rows to make of each class, without those that are copies."""
    return job.budget | dict.fromkeys(job.single_rows.copied, 0)


def _first_draws(job: Job) -> Iterator[Draw]:
    """Yield the first try at each row of the plan, but for rows that are copies."""
    for stream, (label, wanted) in enumerate(_budget(job).items()):
        first = job.first_variants.get(label, 0)
        plan = slots(
            job.sources[label], seed=job.seed, stream=stream, wanted=wanted, first=first, limit=job.max_per_source
        )
        for slot in islice(plan, wanted):
            yield Draw(job.corpus.texts[slot.source] or "", label, slot.source, slot.variant, 0, job.seed)
