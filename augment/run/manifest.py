"""The record of a run: one JSON file beside every output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from augment import registry
from augment.data.notes import other_splits
from augment.errors import InputError
from augment.files import check_ordinary
from augment.generation.label_plan import LabelPlan
from augment.generation.loop import shortfall
from augment.guards.base import Guard
from augment.identity import digest, installed_versions
from augment.plain_data import as_expected, read_json
from augment.run.job import Job
from augment.text.base import TextStrategy

SCHEMA = 1


@dataclass(kw_only=True)
class Manifest:
    """The record of one run; `to_json` is what is written."""

    input: dict[str, Any]
    """Name, layout, fingerprint, rows, rows kept out, empty texts, columns, and how a text file is spelled."""
    against: list[dict[str, Any]]
    """Name and rows of each held-out file."""
    strategy: dict[str, Any]
    """Name, parameters, the identity of its model, and what became known while rows were made, if anything did."""
    guards: list[dict[str, Any]]
    """Name and parameters, in the order in which they judged."""
    sampling_strategy: Any
    seed: int
    max_per_source: int | None
    only_synthetic: bool
    keep_columns: str | list[str] | None
    """The columns that new rows were asked to copy from their source row: ``"all"``, names, or None."""
    empty_columns: list[str]
    """The columns that new rows leave empty."""
    splits_not_held_out: list[str]
    """Other splits of the input's data set, near which new rows may come."""
    singletons: str | None
    """What was to become of classes with a single text: ``"skip"``, ``"copy"``, ``"error"``, or None."""
    single_classes: list[str]
    """The classes to which this was applied."""
    counts_before: dict[str, int]
    counts_after: dict[str, int]
    made: dict[str, int]
    """Class → new rows. If rows have several labels: label → new rows that have it. So are the counts, and what is
    missing."""
    missing: dict[str, dict[str, Any]]
    """Class → rows missing and why; empty when the budget was met."""
    rejected: dict[str, int]
    """Guard → candidates rejected."""
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    """Guard → class → sources of which nothing was made, since the guard would reject most of it."""
    guard_notes: dict[str, str] = field(default_factory=dict)
    """Default guard → what its fit found, or why it was not asked."""
    learnt: list[dict[str, Any]] = field(default_factory=list)
    """For each model that learnt from the texts first: how many texts and steps, seconds, the loss before and after."""
    seconds: float
    """Wall time of making the rows, including the opening of models."""
    encoder: dict[str, Any] | None = None
    """Parameters of the encoder and identity of its model, for a vector strategy."""
    decode: str | None = None
    """How vectors were decoded, for a vector strategy."""
    output_encoding: str | None = None
    """The encoding that was asked for; None for that of the input, or UTF-8."""
    output: dict[str, Any] | None = None
    """How the output is spelled: encoding, row ends, delimiter, quoting. None if it is no text file."""
    cut_texts: int | None = None
    """Texts that are longer than the encoder reads, for a vector strategy."""
    run: str | None = None
    """A hash of all that determines the output, by which a run that has finished is known again."""
    reviews: list[dict[str, Any]] = field(default_factory=list)
    """What persons decided on the new rows, a record for each time that decisions were applied."""
    label_sets: dict[str, Any] | None = None
    """If rows have several labels: the rows that each label was to get (``wanted``), how many more than that it has got
    (``beyond``), and for each set of labels its ``labels`` and the rows ``made`` of it (``sets``)."""
    execution: dict[str, Any] | None = None
    """Workers and hardware of the cluster that made the rows, and whether the hardware was mixed; None for this
    machine alone."""
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        Parameters
        ----------
        path : Path

        Returns
        -------
        Manifest

        Raises
        ------
        InputError
            If it cannot be read, or is not the manifest of a run of this version.
        """
        check_ordinary(path, file=True)
        mend = "Expected the manifest of a run of `augment upsample`."
        record = read_json(path, mend)
        with as_expected(str(path), mend):
            if record.pop("schema") != SCHEMA:
                raise InputError(f"{path}: is not a manifest of schema {SCHEMA}. {mend}")
            manifest = cls(**record)
            manifest.shortfall()  # fails if `missing` is malformed
            return manifest

    @property
    def rows_made(self) -> int:
        """The number of new rows."""
        if self.label_sets is None:
            return sum(self.made.values())
        return sum(one["made"] for one in self.label_sets["sets"])

    def excess(self) -> str:
        """Return one sentence on the labels that have got more rows than they were to get; empty if there is none."""
        more = {} if self.label_sets is None else self.label_sets["beyond"]
        return beyond_target(more)

    def shortfall(self) -> str:
        """Return one sentence on which rows are missing and why."""
        return shortfall(self.missing, "class" if self.label_sets is None else "label")

    def to_json(self) -> str:
        """Return the manifest as indented JSON with a final newline."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False, default=str) + "\n"


def manifest_path(output: Path) -> Path:
    """Return where the manifest of an output stands.

    Examples
    --------
    >>> manifest_path(Path("out/balanced.csv")).as_posix()
    'out/balanced.csv.manifest.json'
    """
    return output.with_name(output.name + ".manifest.json")


def beyond_target(more: Mapping[str, int]) -> str:
    """Return one sentence on the labels that get more rows than they are to get; empty if there is none.

    Parameters
    ----------
    more : mapping of str to int
        Label → rows beyond its target.

    Returns
    -------
    str

    Examples
    --------
    >>> beyond_target({"plot": 12, "acting": 3})
    'Labels beyond their targets, since they stand beside others: plot +12, acting +3.'
    """
    if not more:
        return ""
    most = sorted(more.items(), key=lambda one: -one[1])
    rest = f" and {len(most) - 20:,} others" if len(most) > 20 else ""
    named = ", ".join(f"{label} +{rows:,}" for label, rows in most[:20])
    return f"Labels beyond their targets, since they stand beside others: {named}{rest}."


def left_out_note(left_out: Mapping[str, Mapping[str, int]]) -> str:
    """Return one sentence on the sources that guards rule out; empty if there is none.

    Parameters
    ----------
    left_out : mapping of str to (mapping of str to int)
        Guard → class → sources.

    Returns
    -------
    str

    Examples
    --------
    >>> left_out_note({"agreement": {"neutral": 116}})
    "Sources left out, since a guard would reject most edits of them: 116 of 'neutral' (agreement)."
    """
    parts = [f"{n:,} of {label!r} ({name})" for name, counts in left_out.items() for label, n in counts.items()]
    more = f" and of {len(parts) - 20:,} other classes" if len(parts) > 20 else ""
    return (
        f"Sources left out, since a guard would reject most edits of them: {', '.join(parts[:20])}{more}."
        if parts
        else ""
    )


def _repeatable(job: Job) -> Any:
    """Return the sampling strategy as plain data: for a callable, the totals that it returned."""
    if callable(job.sampling_strategy):
        wanted = job.budget if job.labels is None else job.labels.wanted
        return {label: job.counts[label] + rows for label, rows in wanted.items()}
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
    left_out: dict[str, dict[str, int]] | None = None,
    guard_notes: dict[str, str] | None = None,
    identities: tuple[dict[str, Any], Sequence[dict[str, Any]]] | None = None,
    execution: dict[str, Any] | None = None,
) -> Manifest:
    """Return the record of a job that was carried out.

    Parameters
    ----------
    job : Job
    made : dict of str to int
        Class name → rows made.
    only_synthetic, seconds, guards, missing, rejected, left_out, guard_notes
        See `augment.run.manifest.Manifest`.
    identities : tuple, optional
        What the strategy and the guards say of themselves where they have computed. None to ask those of `job`.
    execution : dict, optional
        See `augment.run.manifest.Manifest`.

    Returns
    -------
    Manifest
    """
    sets = None
    if job.labels is not None:
        sets, made, missing = _of_sets(job.labels, made, missing or {})
    own, of_guards = identities or (job.strategy.identity(), [guard.identity() for guard in guards])
    strategy = {**registry.STRATEGIES.to_config(job.strategy), "identity": own}
    if isinstance(job.strategy, TextStrategy) and (record := job.strategy.record()):
        strategy["record"] = record
    return Manifest(
        input={
            "name": job.corpus.name,
            "layout": asdict(job.corpus.layout),
            "fingerprint": job.corpus.fingerprint,
            "rows": len(job.corpus.table),
            "rows_kept_out": job.corpus.dropped,
            "empty_texts": job.empty,
            "dialect": None if job.corpus.dialect is None else job.corpus.dialect.recorded(),
            "text_column": job.corpus.text_column,
            "label_column": job.corpus.label_column,
        },
        against=[
            {
                "name": file.name,
                "text_column": file.text_column,
                "split": file.split,
                "rows": len(file.texts),
                "texts": digest(file.texts),
            }
            for file in job.held_out
        ],
        strategy=strategy,
        guards=[
            {**registry.GUARDS.to_config(guard), "identity": identity}
            for guard, identity in zip(guards, of_guards, strict=True)
        ],
        sampling_strategy=_repeatable(job),
        seed=job.seed,
        max_per_source=job.max_per_source,
        only_synthetic=only_synthetic,
        keep_columns=list(keep) if isinstance(keep := job.columns.keep, tuple) else keep,
        empty_columns=list(job.columns.empty),
        splits_not_held_out=other_splits(job.corpus, job.held_out),
        singletons=job.single_rows.request,
        single_classes=list(job.single_rows.classes),
        counts_before=job.counts,
        counts_after={label: count + made.get(label, 0) for label, count in job.counts.items()},
        made=made,
        missing=missing or {},
        rejected=rejected or {},
        left_out=left_out or {},
        learnt=job.strategy.learnt() if isinstance(job.strategy, TextStrategy) else [],
        guard_notes=guard_notes or {},
        label_sets=sets,
        execution=execution,
        seconds=round(seconds, 3),
    )


def _of_sets(
    plan: LabelPlan, made: Mapping[str, int], missing: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, int], dict[str, dict[str, Any]]]:
    """Return what was made of sets of labels, and by label the rows that were made and those that are missing."""
    by_label = plan.by_label(made)
    why: dict[str, dict[str, None]] = {}
    for name, entry in missing.items():
        for label in plan.members[name]:
            why.setdefault(label, {})[entry["why"]] = None
    nothing = {label: "no row to make it from" for label, sources in plan.sources.items() if not sources}
    limit = "no more new rows are allowed of each source"
    short = {
        label: {"rows": rows, "why": "; ".join(why.get(label, ())) or nothing.get(label, limit)}
        for label, rows in plan.short(by_label).items()
    }
    sets = [{"labels": list(plan.members[name]), "made": rows} for name, rows in made.items()]
    return {"wanted": plan.wanted, "beyond": plan.beyond(by_label), "sets": sets}, by_label, short
