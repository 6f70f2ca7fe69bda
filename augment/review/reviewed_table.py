"""The table under review: its rows, their sources, and the scores that say which of them are doubtful."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.data import corpus as corpora
from augment.data.corpus import Corpus
from augment.data.layout import Layout, check_layout
from augment.data.provenance import PROVENANCE
from augment.data.table_columns import encoded
from augment.errors import InputError
from augment.plain_data import as_expected, parse_json
from augment.report.written_table import cells_of, new_rows, read_manifest, source_texts
from augment.review.doubts import most_doubtful_first, risk
from augment.run.manifest import manifest_path

if TYPE_CHECKING:
    from augment.run.file_run import Progress

TEACHER = "teacher"
"""The name of the score that is the teacher's probability of a row's own class."""
SCORES = ("naturalness", "fluency", "pool_similarity", "teacher_probability", "relabel_probability")
"""Columns of guards and strategies that score a row; higher is better."""
REVIEWED = "reviewed"
"""The column that says what a person decided on a row: one of `OUTCOMES`, or null."""
REVIEWED_FROM = "reviewed_from"
"""The column that says which class a row had before a person moved it."""
OUTCOMES = ("accepted", "relabelled", "replacement")
_MEND = "Run `augment upsample` again to get its manifest as it was."
_PROBABILITIES = "label_probs"
_PART = 5_000  # rows that a teacher reads at a time


class RowsUnderReview(NamedTuple):
    """A table that was read, and which of its rows a person is to judge."""

    corpus: Corpus
    manifest: dict[str, Any] | None
    """The manifest of the run that made the table; None if the table is of another origin."""
    places: np.ndarray
    """The places of the rows under review in the corpus; int64, ascending."""

    @property
    def identity(self) -> dict[str, Any]:
        """What a file of decisions says about the table."""
        return {
            "name": Path(self.corpus.name).name,
            "fingerprint": self.corpus.fingerprint,
            "rows": int(self.corpus.rows[-1]) + 1,
        }


@dataclass(frozen=True, eq=False)
class ReviewedTable:
    """A table, and its rows that a person is to judge: m of its n rows."""

    under_review: RowsUnderReview
    scores: dict[str, np.ndarray]
    """Score → values, float64, shape (m,); higher is better, nan where a row has none."""
    probabilities: np.ndarray | None
    """The teacher's probability of each of `classes`; float64, shape (m, classes). None if there is no teacher."""
    classes: list[str]
    """The classes, in sorted order."""
    sources: Callable[[np.ndarray], list[str]] | None
    """Gives the source texts of rows of the corpus; None if there are no sources."""
    notes: list[str]
    """What a reviewer should know, in sentences: where scores come from, why there are no sources."""

    @property
    def corpus(self) -> Corpus:
        """The whole table."""
        return self.under_review.corpus

    @property
    def places(self) -> np.ndarray:
        """The places of the rows under review in the corpus; int64, shape (m,), ascending."""
        return self.under_review.places

    @property
    def numbers(self) -> np.ndarray:
        """The rows' numbers in the file, from 0, by which decisions name them; int64, shape (m,)."""
        numbers: np.ndarray = self.corpus.rows[self.places]
        return numbers

    @cached_property
    def labels(self) -> np.ndarray:
        """The place of each row's class in `classes`; int32, shape (m,)."""
        order = np.array([self.classes.index(name) for name in self.corpus.classes], dtype=np.int32)
        labels: np.ndarray = order[self.corpus.codes[self.places]]
        return labels

    @cached_property
    def strategies(self) -> tuple[list[str], np.ndarray]:
        """The strategies, and the place of each row's strategy among them; -1 for none."""
        if "strategy" not in self.corpus.table.column_names or "is_synthetic" not in self.corpus.table.column_names:
            return [], np.full(len(self.places), -1, dtype=np.int32)
        values, codes = encoded(self.corpus.column("strategy"))
        named = [value for value in values if value is not None]
        order = np.array([named.index(value) if value is not None else -1 for value in values], dtype=np.int32)
        return named, order[codes[self.places]]

    @cached_property
    def risks(self) -> np.ndarray:
        """The risk of each row, see `augment.review.doubts.risk`; float64, shape (m,)."""
        return risk(self.scores, len(self.places))

    @cached_property
    def by_risk(self) -> np.ndarray:
        """The rows, most doubtful first; int64, shape (m,)."""
        return most_doubtful_first(self.risks)

    @property
    def is_scored(self) -> bool:
        """Whether any row has a score."""
        return bool((~np.isnan(self.risks)).any())

    @cached_property
    def disagrees(self) -> np.ndarray:
        """Whether the teacher holds another class for more probable; bool, shape (m,)."""
        if self.probabilities is None:
            return np.zeros(len(self.places), dtype=bool)
        known = ~np.isnan(self.probabilities).any(axis=1)
        found: np.ndarray = known & (np.nan_to_num(self.probabilities).argmax(axis=1) != self.labels)
        return found

    @cached_property
    def other_columns(self) -> list[str]:
        """The columns that are shown beside a row: those that neither a run nor a review writes."""
        own = {self.corpus.text_column, self.corpus.label_column, *PROVENANCE, *SCORES, _PROBABILITIES}
        return [name for name in self.corpus.table.column_names if name not in own | {REVIEWED, REVIEWED_FROM}]

    def texts(self, places: np.ndarray) -> list[str]:
        """Return texts of rows of the corpus."""
        return [text or "" for text in cells_of(self.corpus.table, self.corpus.text_column, places)]


def read_table(path: str | Path, layout: Layout | None = None) -> RowsUnderReview:
    """Read a table for a review: an output of upsampling, or any table with texts and labels.

    Of an output the rows that its run has made are reviewed, of another table all rows, or those that its column
    `is_synthetic` marks. Rows that a person has accepted or moved in an earlier review are left out.

    Parameters
    ----------
    path : str or Path
        A file or a folder, or ``"sample"``.
    layout : Layout, optional
        How to read it. What it leaves open is found in the manifest, if there is one.

    Returns
    -------
    RowsUnderReview

    Raises
    ------
    InputError
        If it cannot be read, holds vectors, or has no row to review.
    """
    own = os.path.exists(manifest_path(Path(path)))
    manifest = read_manifest(Path(path)) if own else None
    if manifest is not None and manifest.get("encoder") is not None:
        raise InputError(f"{path}: holds vectors, and a person reviews texts; give a table of texts.")
    if manifest is not None and manifest.get("label_sets"):
        raise InputError(f"{path}: its rows have several labels, and a review decides on one label for each row.")
    if manifest is not None and not sum(manifest["made"].values()):
        raise InputError(f"{path}: its run has made no rows, so there is nothing to review.")
    asked = layout or Layout()
    check_layout(asked, [path])
    with as_expected(str(manifest_path(Path(path))), _MEND):
        how = asked if manifest is None else _recorded(manifest, asked)
    corpus = corpora.read(path, how)
    with as_expected(str(manifest_path(Path(path))), _MEND):
        under_review = corpus.is_synthetic if manifest is None else new_rows(corpus.is_synthetic, manifest)
    if manifest is None and not under_review.any():
        under_review = np.ones(len(corpus.table), dtype=bool)
    judged = _judged(corpus)
    places = np.flatnonzero(under_review & corpus.has_text & ~judged)
    if not len(places):
        why = "all of them were judged in an earlier review" if judged.any() else "none has a text"
        raise InputError(f"{path}: has no rows to review: {why}.")
    return RowsUnderReview(corpus, manifest, places)


def scored(rows: RowsUnderReview, *, progress: Progress | None = None) -> ReviewedTable:
    """Find the sources and the scores of rows under review.

    Scores are those that guards and strategies have written beside the rows. If the teacher of the guard `agreement`
    has written nothing, naive Bayes on the words of the table takes its place.

    Parameters
    ----------
    rows : RowsUnderReview
    progress : callable, optional
        See `augment.run.file_run.Progress`; for the rows that this teacher reads.

    Returns
    -------
    ReviewedTable
    """
    corpus, manifest, places = rows
    notes = []
    classes = sorted(corpus.classes)
    scores = {name: values for name in SCORES if (values := _numbers(corpus, name, places)) is not None}
    with as_expected(str(manifest_path(Path(corpus.name))), _MEND):
        sources, no_sources = _sources(corpus, manifest)
        probabilities = None if manifest is None else _written_probabilities(corpus, manifest, places, classes)
    if no_sources is not None:
        notes.append(no_sources)
    if probabilities is not None:
        notes.append("The teacher is that of the guard 'agreement'.")
    else:
        probabilities = _of_word_teacher(corpus, places, sources, classes, progress)
        notes.append(
            "The teacher is naive Bayes on the words of the other rows. It knows little: take it as a hint."
            if probabilities is not None
            else "A teacher on the words of the rows does not recognise their classes, so there is none."
        )
    table = ReviewedTable(rows, scores, probabilities, classes, sources, notes)
    if probabilities is not None:
        scores[TEACHER] = probabilities[np.arange(len(places)), table.labels]
    if not table.is_scored:
        notes.append("No row has a score, so rows come in the order of the file.")
    return table


def _recorded(manifest: Mapping[str, Any], asked: Layout) -> Layout:
    """Return the layout that a manifest speaks of, with what was asked for in its place."""
    spelled, default = manifest.get("output") or {}, Layout()
    known = {
        "text_column": manifest["input"].get("text_column"),
        "label_column": manifest["input"].get("label_column"),
        "beside": tuple((manifest["input"].get("layout") or {}).get("beside", ())),
        "delimiter": spelled.get("delimiter"),
        "quoting": "none" if spelled.get("quoting") == "none" else None,
        "encoding": spelled.get("encoding"),
        "single_label": True,  # the run has read these labels, and taken them as they are
    }
    changed = {name: getattr(asked, name) for name in asked.__dataclass_fields__}
    given = {name: value for name, value in changed.items() if value != getattr(default, name)}
    return Layout(**{**known, **given})


def _judged(corpus: Corpus) -> np.ndarray:
    """Return which rows an earlier review has judged."""
    import pyarrow as pa

    if REVIEWED not in corpus.table.column_names:
        return np.zeros(len(corpus.table), dtype=bool)
    column = corpus.column(REVIEWED)
    values, codes = encoded(column) if pa.types.is_string(column.type) else ([0], np.zeros(len(column), dtype=np.int32))
    if not {*values} <= {*OUTCOMES, None}:
        raise InputError(
            f"{corpus.name}: has a column {REVIEWED!r} of its own, a name that a review writes. Rename the column."
        )
    return np.isin(codes, [i for i, value in enumerate(values) if value in OUTCOMES[:2]])


def _sources(
    corpus: Corpus, manifest: Mapping[str, Any] | None
) -> tuple[Callable[[np.ndarray], list[str]] | None, str | None]:
    """Return what gives the source texts, or None and why, if there should be sources."""
    if manifest is None:
        return None, None
    if "source_row" not in corpus.table.column_names:
        return None, "The table has lost its column 'source_row', so sources cannot be shown."

    def texts(rows: np.ndarray) -> list[str]:
        return [text or "" for text in cells_of(corpus.table, corpus.text_column, rows)]

    return source_texts(
        manifest,
        codes=corpus.codes,
        is_new=new_rows(corpus.is_synthetic, manifest),
        source_rows=corpus.column("source_row").fill_null(-1).to_numpy(),
        texts=texts,
    )


def _numbers(corpus: Corpus, name: str, places: np.ndarray) -> np.ndarray | None:
    """Return a column of numbers, nan where there is none; None if the column is missing or holds something else."""
    import pyarrow as pa

    if name not in corpus.table.column_names:
        return None
    try:
        values = corpus.column(name).cast(pa.float64()).take(places).to_numpy().astype(np.float64)
    except pa.ArrowException:
        return None
    return None if np.isnan(values).all() else values


def _written_probabilities(
    corpus: Corpus, manifest: Mapping[str, Any], places: np.ndarray, classes: Sequence[str]
) -> np.ndarray | None:
    """Return the probabilities that the guard `agreement` has written, or None."""
    guard = next((guard for guard in manifest["guards"] if guard["name"] == "agreement"), None)
    order = (guard or {}).get("identity", {}).get("classes")
    if not order or _PROBABILITIES not in corpus.table.column_names:
        return None
    found = np.full((len(places), len(classes)), np.nan)
    columns = [classes.index(name) if name in classes else -1 for name in order]
    try:
        for i, cell in enumerate(corpus.column(_PROBABILITIES).take(places).to_pylist()):
            if cell is None:
                continue
            values = parse_json(cell, _PROBABILITIES) if isinstance(cell, str) else cell
            found[i] = 0
            for column, value in zip(columns, values, strict=True):
                found[i, column] = value if column >= 0 else found[i, column]
    except (ValueError, TypeError, IndexError):
        return None
    return found


def _of_word_teacher(
    corpus: Corpus,
    places: np.ndarray,
    sources: Callable[[np.ndarray], list[str]] | None,
    classes: Sequence[str],
    progress: Progress | None,
) -> np.ndarray | None:
    """Return what a teacher on words says of rows whose sources, or which themselves, it has not seen; or None."""
    from augment.generation.candidates import Candidate, Draw
    from augment.guards.agreement import WORDS, Agreement
    from augment.guards.base import Originals
    from augment.models.encoder import Encoders

    if len(classes) < 2:
        return None
    synthetic = corpus.is_synthetic
    teacher = Agreement(model=WORDS, least=None)
    teacher.by_default = True  # so that it says why it is unfit
    teacher.prepare(Encoders(device="cpu"))
    # Of a table without originals, the new rows are all that there is to learn from.
    teacher.fit(
        Originals(
            texts=corpus.texts,
            labels=corpus.named_labels(),
            held_out=(),
            seed=0,
            is_synthetic=None if synthetic.all() else synthetic,
        )
    )
    if teacher.why_unfit():
        return None
    found = np.zeros((len(places), len(classes)))
    order = [teacher.classes_.index(name) for name in classes]
    if progress is not None:
        progress(0, len(places), "rows")
    for start in range(0, len(places), _PART):
        part = places[start : start + _PART]
        texts = [text or "" for text in cells_of(corpus.table, corpus.text_column, part)]
        known = sources(part) if sources is not None else texts
        draws = [Draw(text, "", 0, 0, 0, 0) for text in known]
        found[start : start + len(part)] = teacher.probabilities(draws, [Candidate(text) for text in texts])[:, order]
        if progress is not None:
            progress(len(part), len(places), "rows")
    return found
