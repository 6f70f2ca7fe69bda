"""The table that follows from decisions: rejected rows are replaced, relabelled ones moved, the counts stay."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from augment.data.corpus import Corpus
from augment.data.formats.cells import python_columns
from augment.data.layout import Layout
from augment.data.table_columns import BATCH, batches
from augment.data.writing import write_batches
from augment.errors import InputError
from augment.execution.choice import Execution
from augment.file_modes import readable_as
from augment.files import staged_text
from augment.generation.candidates import Candidate
from augment.generation.loop import Row
from augment.guards.base import Guard
from augment.plain_data import as_expected
from augment.report.written_table import new_rows
from augment.review.decisions import Decision, decisions_path, read_decisions
from augment.review.reviewed_table import REVIEWED, REVIEWED_FROM, RowsUnderReview, read_table, scored
from augment.run.destination import Destination
from augment.run.file_run import plan_file
from augment.run.job import Job
from augment.run.manifest import manifest_path
from augment.run.request import settle
from augment.run.text_run import Run
from augment.run.text_table import extended_batches
from augment.text.base import TextStrategy
from augment.words import folded, key

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

    from augment.run.file_run import Progress


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What was done with decisions."""

    decided: dict[str, int]
    """``accept``, ``reject``, ``relabel`` → rows."""
    counts_before: dict[str, int]
    """Class → rows of the table that was reviewed."""
    counts_after: dict[str, int]
    """Class → rows of the table that was written."""
    rejected: dict[str, int]
    """Class → rows that a person rejected."""
    moved: dict[str, int]
    """Class → rows that came from other classes, less those that went to others."""
    made: dict[str, int]
    """Class → new rows that took the place of others."""
    left_out: dict[str, int]
    """Class → unread rows that gave their place to rows which a person moved into the class."""
    missing: dict[str, dict[str, Any]]
    """Class → rows that could not be made, and why."""
    notes: list[str] = field(default_factory=list)
    """What was not done, and why, in sentences."""


class Refused(Guard):
    """A candidate must not repeat a text that a person has rejected, case and punctuation folded."""

    name: ClassVar[str] = "review"
    summary: ClassVar[str] = "repeats no text that a person has rejected"
    binds_copies: ClassVar[bool] = True

    def __init__(self, keys: set[int]) -> None:
        self.keys = keys

    def admits(self, candidate: Candidate) -> bool:
        """Look the folded text up."""
        return _key(candidate.text) not in self.keys


def apply_decisions(
    table: str | Path,
    output: str | Path,
    *,
    decisions: str | os.PathLike[str] | None = None,
    source: str | None = None,
    replace: bool = True,
    layout: Layout | None = None,
    workers: int = 1,
    overwrite: bool = False,
    csv_safe: bool = False,
    progress: Progress | None = None,
) -> Applied:
    """Write the table that follows from decisions. The same decisions give the same rows, whatever their order.

    Accepted and unread rows stay. Rejected rows are replaced by new ones of the same plan: the run of the manifest goes
    on with the next variants, and no row repeats a rejected text. Relabelled rows are moved: a new row takes their
    place, and in their new class they take the place of the most doubtful unread new rows, so that all classes keep
    their numbers. The column `reviewed` says what a person decided, and `reviewed_from` which class a moved row had.

    A table of another origin has no plan. Its rejected rows are left out, its relabelled rows moved.

    Parameters
    ----------
    table : str or Path
        The table that was reviewed, with its manifest beside it if `augment upsample` has made it.
    output : path-like
        The file to write, or a folder (no suffix). The manifest is written beside it.
    decisions : path-like, optional
        None for ``TABLE.decisions.jsonl``.
    source : str, optional
        The input of the run, if it is not where the manifest says.
    replace : bool, default=True
        Make new rows in the place of rejected and moved ones. False to leave their places empty.
    layout : Layout, optional
        See `augment.review.reviewed_table.read_table`.
    workers : int, default=1
        Processes that make candidates. Changes the speed, not the result.
    overwrite : bool, default=False
        Replace an existing output.
    csv_safe : bool, default=False
        Put an apostrophe before each cell of a csv or tsv file that a spreadsheet would take for a formula.
    progress : callable, optional
        See `augment.run.file_run.Progress`; for new rows.

    Returns
    -------
    Applied

    Raises
    ------
    InputError
        If the table, the decisions or the input cannot be read, or are not those that belong together.
    OutputError
        If the output cannot be written, exists already, or is what is read.
    """
    destination = Destination(output=Path(output), overwrite=overwrite, csv_safe=csv_safe)
    place = decisions_path(Path(table)) if decisions is None else Path(decisions)
    destination.check()
    destination.check_is_no_input([str(table), str(place)])
    rows = read_table(table, layout)
    plan = _Plan(rows, read_decisions(place, rows.identity), place)
    notes: list[str] = []
    if rows.manifest is None:
        if plan.rejected and replace:
            notes.append("There is no manifest beside the table, so rejected rows are left out and not replaced.")
        batch = _kept_batches(plan)
        with readable_as([table]):
            write_batches(plan.features, batch, destination.output, destination.dialect(rows.corpus))
        return plan.applied({}, {}, notes)
    made: Counter[str] = Counter()
    new: Iterator[pa.RecordBatch] = iter(())
    result: Mapping[str, Any] = {"missing": {}, "rejected": {}}
    if replace:
        plan.make_room()
        if plan.needed:
            new, made, result, note = _replacements(plan, place, source, destination, workers, progress)
            notes += note
    else:
        notes += ["Rejected rows are left out and not replaced."] if plan.rejected else []
    dialect = destination.dialect(rows.corpus)
    with as_expected(str(manifest_path(Path(table))), "Run `augment upsample` again to get its manifest as it was."):
        record = plan.record(made, result)
    record["output"] = None if dialect is None else dialect.recorded()
    text = json.dumps(record, indent=2, ensure_ascii=False, default=str) + "\n"
    with readable_as([table]), staged_text(text, destination.manifest):
        write_batches(plan.features, _chained(plan, new), destination.output, dialect)
    return plan.applied(made, result["missing"], notes)


class _Plan:
    """What becomes of each row of a table, and how many new ones each class needs.

    Parameters
    ----------
    rows : RowsUnderReview
    decisions : mapping of int to Decision
        By row number.
    path : Path
        Their file, for messages.
    """

    def __init__(self, rows: RowsUnderReview, decisions: Mapping[int, Decision], path: Path) -> None:
        corpus = rows.corpus
        self.rows, self.decisions, self.path = rows, decisions, path
        self.classes = corpus.classes
        self.codes = corpus.codes.copy()
        self.kept = np.ones(len(corpus.table), dtype=bool)
        self.left_out: Counter[str] = Counter()
        self.outcome = np.full(len(corpus.table), None, dtype=object)
        place_of = {
            int(number): int(place) for place, number in zip(rows.places, corpus.rows[rows.places], strict=True)
        }
        code_of = {name: code for code, name in enumerate(self.classes)}
        for row, decision in decisions.items():
            if row not in place_of:
                raise InputError(
                    f"{path}: has a decision on row {row}, which is not under review. Name another file as `decisions`."
                )
            place = place_of[row]
            if decision.verdict == "reject":
                self.kept[place] = False
            elif decision.verdict == "accept":
                self.outcome[place] = "accepted"
            elif decision.label not in code_of:
                raise InputError(
                    f"{path}: moves row {row} to the class {decision.label!r}, which the table does not have. Its"
                    f" classes are {', '.join(self.classes)}."
                )
            else:
                self.codes[place], self.outcome[place] = code_of[decision.label], "relabelled"
        self.places = {row: place_of[row] for row in decisions}

    @property
    def rejected(self) -> dict[str, int]:
        """Class → rows that were rejected."""
        own = self.rows.corpus.codes
        counts = Counter(
            self.classes[own[self.places[row]]] for row, one in self.decisions.items() if one.verdict == "reject"
        )
        return {name: counts[name] for name in sorted(counts)}

    @property
    def counts(self) -> dict[str, int]:
        """Class → rows that stay."""
        counts = np.bincount(self.codes[self.kept], minlength=len(self.classes))
        return dict(sorted(zip(self.classes, counts.tolist(), strict=True)))

    @property
    def needed(self) -> dict[str, int]:
        """Class → new rows that it needs to have as many as before; classes without any are left out."""
        lack = {name: rows - self.counts[name] for name, rows in self.rows.corpus.counts.items()}
        return {name: rows for name, rows in lack.items() if rows > 0}

    @property
    def features(self) -> Features:
        """The columns of the output."""
        import datasets

        features = self.rows.corpus.table.features.copy()
        features.update({name: datasets.Value("string") for name in (REVIEWED, REVIEWED_FROM)})
        return features

    def make_room(self) -> None:
        """Leave out unread new rows of the classes that rows were moved to, the most doubtful first."""
        surplus = {name: self.counts[name] - rows for name, rows in self.rows.corpus.counts.items()}
        if not any(rows > 0 for rows in surplus.values()):
            return
        order = self.rows.places[scored(self.rows).by_risk]
        for place in order.tolist():
            name = self.classes[self.codes[place]]
            if self.kept[place] and self.outcome[place] is None and surplus[name] > 0:
                self.kept[place] = False
                surplus[name] -= 1
                self.left_out[name] += 1

    def refused(self) -> set[int]:
        """Return the keys of the texts that a person has rejected, now or in an earlier review."""
        rejected = [place for row, place in self.places.items() if self.decisions[row].verdict == "reject"]
        texts = self.rows.corpus.texts
        earlier = [int(one, 16) for review in self._earlier() for one in review["refused"]]
        return {*earlier, *(_key(texts[place] or "") for place in rejected)}

    def next_variants(self, corpus: Corpus) -> dict[str, int]:
        """Return the next variant of each class's sources: after all that the run, or an earlier review, has made.

        Parameters
        ----------
        corpus : Corpus
            The input of the run.
        """
        table = self.rows.corpus
        sources = table.column("source_row").fill_null(-1).to_numpy()[table.is_synthetic]
        variants = table.column("variant").fill_null(-1).to_numpy()[table.is_synthetic]
        at = np.minimum(np.searchsorted(corpus.rows, sources), len(corpus.rows) - 1)
        known = corpus.rows[at] == sources
        following = np.zeros(len(corpus.classes), dtype=np.int64)
        np.maximum.at(following, corpus.codes[at[known]], variants[known] + 1)
        found = dict(zip(corpus.classes, following.tolist(), strict=True))
        for review in self._earlier():
            found |= {name: max(found.get(name, 0), number) for name, number in review["next_variants"].items()}
        return found

    def record(self, made: Mapping[str, int], result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the manifest of the output."""
        assert self.rows.manifest is not None
        old = self.rows.manifest
        is_new = new_rows(self.rows.corpus.is_synthetic, old)
        counts = np.bincount(self.codes[self.kept & is_new], minlength=len(self.classes))
        now = {name: int(counts[code]) + made.get(name, 0) for code, name in enumerate(self.classes)}
        all_made = {name: now.get(name, 0) for name in old["counts_before"]}
        missing = {name: dict(lack) for name, lack in old["missing"].items()}
        for name, lack in result["missing"].items():
            missing[name] = {"rows": missing.get(name, {"rows": 0})["rows"] + lack["rows"], "why": lack["why"]}
        verdicts = Counter(one.verdict for one in self.decisions.values())
        review = {
            "decisions": self.path.name,
            "table": self.rows.identity,
            "reviewers": sorted({one.reviewer for one in self.decisions.values() if one.reviewer}),
            **{verdict: verdicts[verdict] for verdict in ("accept", "reject", "relabel")},
            "rejected": self.rejected,
            "made": {name: made[name] for name in sorted(made) if made[name]},
            "left_out": dict(sorted(self.left_out.items())),
            "next_variants": result.get("next_variants", {}),
            "refused": sorted(f"{one:016x}" for one in self.refused()),
        }
        return {
            **old,
            "run": None,  # of the run alone, and the output is no longer that
            "made": all_made,
            "counts_after": {name: rows + all_made[name] for name, rows in old["counts_before"].items()},
            "missing": missing,
            "rejected": dict(Counter(old["rejected"]) + Counter(result["rejected"])),
            "reviews": [*self._earlier(), review],
        }

    def applied(self, made: Mapping[str, int], missing: Mapping[str, Any], notes: list[str]) -> Applied:
        """Return what was done."""
        verdicts = Counter(one.verdict for one in self.decisions.values())
        own, moved = self.rows.corpus.codes, Counter[str]()
        for row, one in self.decisions.items():
            if one.verdict == "relabel":
                moved[str(one.label)] += 1
                moved[self.classes[own[self.places[row]]]] -= 1
        kept = self.counts
        return Applied(
            decided={verdict: verdicts[verdict] for verdict in ("accept", "reject", "relabel")},
            counts_before=self.rows.corpus.counts,
            counts_after={name: rows + made.get(name, 0) for name, rows in kept.items()},
            rejected=self.rejected,
            moved={name: moved[name] for name in sorted(moved)},
            made={name: made[name] for name in sorted(made) if made[name]},
            left_out=dict(sorted(self.left_out.items())),
            missing=dict(missing),
            notes=notes,
        )

    def _earlier(self) -> list[dict[str, Any]]:
        """Return the records of earlier reviews of this table."""
        return list((self.rows.manifest or {}).get("reviews") or ())


def _replacements(
    plan: _Plan,
    decisions: Path,
    source: str | None,
    destination: Destination,
    workers: int,
    progress: Progress | None,
) -> tuple[Iterator[pa.RecordBatch], Counter[str], dict[str, Any], list[str]]:
    """Make the rows that classes need: batches of them, their number by class, missing and rejected ones, notes."""
    corpus = plan.rows.corpus
    request = settle(manifest_path(Path(corpus.name)), {"source": source})
    execution = Execution(workers)
    job = plan_file(request, execution=execution)
    assert isinstance(job.strategy, TextStrategy)
    job.strategy.keep_beside(destination.output)
    for guard in job.guards:
        guard.keep_beside(destination.output)
    # What is learnt and fitted is what it was in the run itself; only then it is told to make other rows.
    run = Run(job, execution=execution, progress=progress)
    request.check_models(run.guards)
    following = plan.next_variants(job.corpus)
    run.job = dataclasses.replace(
        job,
        budget={name: plan.needed.get(name, 0) for name in job.budget},
        first_variants=following,
        **_with_room(plan, job),
    )
    run.guards.append(Refused(plan.refused()))
    beside = corpus.beside
    for row, synthetic in enumerate(corpus.is_synthetic):
        if synthetic and (text := corpus.texts[row]):
            for guard in run.guards:
                guard.remember(text, "" if beside is None else beside[row])
    if progress is not None:
        progress(0, sum(plan.needed.values()), "rows")
    with run:
        made = run.make(
            progress=None if progress is None else lambda done: progress(done, sum(plan.needed.values()), "rows")
        )
    rows = list(made.rows)
    notes = []
    if request.other_versions():
        notes.append(f"The table was made with {request.other_versions()}: new rows may differ in kind.")
    result = {
        "missing": made.manifest.missing,
        "rejected": made.manifest.rejected,
        "next_variants": following,
    }
    return _new_batches(plan, job, rows, run.columns()), Counter(row.label for row in rows), result, notes


def _with_room(plan: _Plan, job: Job) -> dict[str, Any]:
    """Return, for a run with a maximum per source, the sources that have room for one more row."""
    if job.max_per_source is None:
        return {}
    sources = plan.rows.corpus.column("source_row").fill_null(-1).to_numpy()
    used = Counter(sources[plan.kept & plan.rows.corpus.is_synthetic].tolist())
    most, numbers = job.max_per_source, job.corpus.rows
    return {
        "sources": {
            name: np.array([row for row in rows if used[int(numbers[row])] < most], dtype=np.int64)
            for name, rows in job.sources.items()
        },
        "max_per_source": 1,
    }


def _chained(plan: _Plan, new: Iterator[pa.RecordBatch]) -> Iterator[pa.Table | pa.RecordBatch]:
    yield from _kept_batches(plan)
    yield from new


def _kept_batches(plan: _Plan) -> Iterator[pa.Table]:
    """Yield the rows that stay, under their classes, with what was decided on them."""
    import pyarrow as pa

    corpus, schema = plan.rows.corpus, plan.features.arrow_schema
    values = pa.array(list(corpus.label_names), schema.field(corpus.label_column).type)
    for start, part in zip(range(0, len(corpus.table), BATCH), batches(corpus.table), strict=True):
        rows = slice(start, start + len(part))
        moved = plan.codes[rows] != corpus.codes[rows]
        named = dict(zip(part.column_names, part.columns, strict=True))
        if moved.any():
            named[corpus.label_column] = values.take(pa.array(plan.codes[rows]))
        earlier = np.array(plan.classes, dtype=object)[corpus.codes[rows]]
        for name, said in ((REVIEWED, plan.outcome[rows]), (REVIEWED_FROM, np.where(moved, earlier, None))):
            before = named[name].to_pylist() if name in named else [None] * len(part)
            named[name] = pa.array([now if now is not None else old for now, old in zip(said, before, strict=True)])
        whole = pa.table([named[field.name].cast(field.type) for field in schema], schema=schema)
        yield whole.filter(pa.array(plan.kept[rows]))


def _new_batches(plan: _Plan, job: Job, rows: Sequence[Row], extra: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """Yield new rows in the columns and types of the reviewed table."""
    import pyarrow as pa

    target = plan.features
    features, made = extended_batches(
        job.corpus, rows, job.maker, only_synthetic=True, kept=job.columns.kept, extra=extra
    )
    for batch in made:
        values = dict(zip(features, python_columns(features, pa.Table.from_batches([batch])), strict=True))
        values[REVIEWED] = ["replacement"] * len(batch)
        arrays = []
        for field_ in target.arrow_schema:
            column = values.get(field_.name, [None] * len(batch))
            if hasattr(target[field_.name], "str2int"):
                column = [None if value is None else target[field_.name].str2int(value) for value in column]
            elif pa.types.is_string(field_.type):
                column = [_spelled(value) for value in column]
            arrays.append(pa.array(column, field_.type))
        yield pa.record_batch(arrays, schema=target.arrow_schema)


def _spelled(value: Any) -> str | None:
    """Return a value as csv has it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _key(text: str) -> int:
    return key(folded(text, " "))
