"""Training and validation rows: texts and classes, and checks that no held-out text leaks into training."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augment.data.corpus import Corpus
from augment.data.notes import NOT_USED, on_reading
from augment.errors import InputError, counted, did_you_mean
from augment.generation.candidates import Candidate
from augment.guards.base import Originals
from augment.guards.held_out import HeldOut
from augment.guards.near_duplicate import NearDuplicate
from augment.plain_data import parse_json

SOFT_LABELS = "label_probs"
"""The column with the probabilities of a teacher. The guard `agreement` writes it."""
CHECKED = 1000
"""The number of texts that are checked for being texts, from the first on."""
_NUMBER = re.compile(r"\s*[-+]?[\d.,]+(e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Split:
    """Texts and their classes."""

    texts: list[str]
    """No text is empty."""
    codes: np.ndarray
    """The place of each text's class in the list of classes; int64, shape (n,)."""
    soft_labels: np.ndarray | None = None
    """The probabilities of a teacher, float32, shape (n, classes); nan in rows without them."""

    def __len__(self) -> int:
        return len(self.texts)

    def targets(self, classes: int) -> np.ndarray:
        """Return the targets: soft labels where there are some, else one-hot labels; (n, classes) float32."""
        hard: np.ndarray = np.eye(classes, dtype=np.float32)[self.codes]
        if self.soft_labels is None:
            return hard
        return np.where(np.isnan(self.soft_labels), hard, self.soft_labels)

    def counts(self, classes: Sequence[str]) -> dict[str, int]:
        """Return the number of rows of each class."""
        return dict(zip(classes, np.bincount(self.codes, minlength=len(classes)).tolist(), strict=True))

    def taken(self, rows: np.ndarray) -> Split:
        """Return some of the rows."""
        soft = None if self.soft_labels is None else self.soft_labels[rows]
        return Split([self.texts[i] for i in rows], self.codes[rows], soft)

    def joined(self, other: Split) -> Split:
        """Return these rows followed by those of another split."""
        soft = None
        if self.soft_labels is not None or other.soft_labels is not None:
            width = next(s.soft_labels.shape[1] for s in (self, other) if s.soft_labels is not None)
            soft = np.concatenate(
                [
                    np.full((len(s), width), np.nan, np.float32) if s.soft_labels is None else s.soft_labels
                    for s in (self, other)
                ]
            )
        return Split(self.texts + other.texts, np.concatenate([self.codes, other.codes]), soft)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The rows of a training file, and those of the validation file."""

    classes: list[str]
    """The names of the classes, in sorted order of the labels."""
    originals: Split
    synthetic: Split
    """Rows that `augment` has made, according to the file; often there are none."""
    validation: Split | None
    against: list[str]
    """Other held-out texts, e.g. of a test file. No synthetic row may come near them."""
    fingerprints: dict[str, str]
    """What identifies the content of the files."""
    omitted: dict[str, dict[str, int]] = field(default_factory=dict)
    """For "training" and "validation", the rows that are not used: `without_text` and `left_out`. Often empty."""
    notes: list[str] = field(default_factory=list)
    """The same in lines for the user."""

    @property
    def held_out(self) -> list[str]:
        """All held-out texts. The model must not learn from them."""
        return [*(self.validation.texts if self.validation is not None else ()), *self.against]


def training_data(training: Corpus, validation: Corpus | None, against: list[str] | None = None) -> TrainingData:
    """Check and split the rows of a training and a validation table.

    Parameters
    ----------
    training : Corpus
        The column ``is_synthetic`` marks the rows that `augment upsample` has added.
    validation : Corpus, optional
    against : list of str, optional
        Other held-out texts.

    Returns
    -------
    TrainingData

    Raises
    ------
    InputError
        If there are fewer than two classes, a class has no text, the texts are numbers, the validation data has a
        class of its own or synthetic rows, or a synthetic row or its parent has a near copy among the held-out texts.
    """
    classes = training.classes
    if len(classes) < 2:
        raise InputError(f"{training.name}: has only one class, {classes[0]!r}. A classifier needs two or more.")
    for corpus in (training, *([] if validation is None else [validation])):
        _check_texts(corpus)
    whole, usable, made = _split(training, classes), training.has_text, training.is_synthetic
    originals = whole.taken(np.flatnonzero(usable & ~made))
    synthetic = whole.taken(np.flatnonzero(usable & made))
    for name, rows in originals.counts(classes).items():
        if not rows:
            raise InputError(
                f"{training.name}: the class {name!r} has no original row with a text. Add some, or leave the class out"
                " with `labels`."
            )
    held_out = None if validation is None else _validation(training, validation, classes)
    never = [*(held_out.texts if held_out is not None else ()), *(against or ())]
    if never and len(synthetic):
        parents = _parents(training, np.flatnonzero(usable & ~made), np.flatnonzero(usable & made))
        _refuse_leaks(training.name, synthetic, originals.taken(np.flatnonzero(parents)), never)
    fingerprints = {"training": training.fingerprint}
    if validation is not None:
        fingerprints["validation"] = validation.fingerprint
    if against:
        fingerprints["against"] = f"sha256:{hashlib.sha256(json.dumps(against).encode()).hexdigest()}"
    tables = {"training": training} | ({} if validation is None else {"validation": validation})
    return TrainingData(
        classes,
        originals,
        synthetic,
        held_out,
        against or [],
        fingerprints,
        {name: counts for name, corpus in tables.items() if (counts := omitted(corpus))},
        [line for corpus in tables.values() for line in on_reading(corpus, NOT_USED)],
    )


def omitted(corpus: Corpus) -> dict[str, int]:
    """Return how many rows have no text, and how many were left out for their labels; zeros are left out."""
    counts = {"without_text": int((~corpus.has_text).sum()), "left_out": corpus.dropped}
    return {name: count for name, count in counts.items() if count}


def _check_texts(corpus: Corpus) -> None:
    """Refuse a text column that has only numbers. It is probably the wrong column, since csv has no types."""
    texts = [text for text in corpus.texts[:CHECKED] if text and text.strip()]
    if texts and all(_NUMBER.fullmatch(text) for text in texts):
        raise InputError(
            f"{corpus.name}: the text column {corpus.text_column!r} holds numbers, e.g. {texts[0]!r}. Give another as"
            " `text_column`."
        )


def near_copies(texts: Sequence[str], held_out: Sequence[str]) -> np.ndarray:
    """Tell which texts equal or nearly equal a held-out text, by the guards `held_out` and `near_duplicate`.

    Parameters
    ----------
    texts, held_out : sequence of str

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> near_copies(["The shop opens at nine.", "We left."], ["the shop opens at TEN"]).tolist()
    [True, False]
    """
    candidates = [Candidate(text) for text in texts]
    near = np.zeros(len(candidates), dtype=bool)
    for guard in (HeldOut(), NearDuplicate()):
        guard.fit(Originals(texts=[], labels=[], held_out=list(held_out), seed=0))
        near |= ~np.array(guard.judge([], candidates).passed, dtype=bool)
    return near


def _split(corpus: Corpus, classes: Sequence[str]) -> Split:
    """Return all rows of a table. Rows without a text have an empty text."""
    place = {name: i for i, name in enumerate(classes)}
    codes = np.array([place[name] for name in corpus.classes], dtype=np.int64)[corpus.codes]
    soft = _soft_labels(corpus, classes) if SOFT_LABELS in corpus.table.column_names else None
    return Split([text or "" for text in corpus.texts], codes, soft)


def _soft_labels(corpus: Corpus, classes: Sequence[str]) -> np.ndarray:
    """Read the column of soft labels: (n, classes) float32, nan if missing. The column has sorted class names."""
    probabilities = np.full((len(corpus.table), len(classes)), np.nan, dtype=np.float32)
    places = [sorted(classes).index(name) for name in classes]
    for i, value in enumerate(corpus.column(SOFT_LABELS).to_pylist()):
        if value in (None, ""):
            continue
        try:
            row = np.asarray(parse_json(value, SOFT_LABELS) if isinstance(value, str) else value, dtype=np.float32)
            fits = row.shape == (len(classes),) and (row >= 0).all() and abs(row.sum() - 1) < 1e-3
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise InputError(
                f"{corpus.name}: row {corpus.rows[i]}: the column {SOFT_LABELS!r} must hold {len(classes)}"
                f" probabilities, one for each class. Got {value!r:.60}."
            )
        probabilities[i] = row[places]
    return probabilities


def _validation(training: Corpus, validation: Corpus, classes: Sequence[str]) -> Split:
    """Return the validation rows that have a text."""
    unknown = [name for name in validation.classes if name not in classes]
    if unknown:
        raise InputError(
            f"{validation.name}: has the class {unknown[0]!r}, which is not in the training data {training.name}."
            f" Its classes are {', '.join(classes)}.{did_you_mean(unknown[0], classes)} Rename it, or leave it out"
            " with `labels`."
        )
    if validation.is_synthetic.any():
        made = counted(int(validation.is_synthetic.sum()), "validation row is", "validation rows are")
        raise InputError(
            f"{validation.name}: {made} synthetic. Validate on"
            " original rows: split first, and upsample the training part alone."
        )
    rows = np.flatnonzero(validation.has_text)
    if not len(rows):
        raise InputError(f"{validation.name}: no validation row has a text. Give rows to validate on.")
    return _split(validation, classes).taken(rows)


def _parents(training: Corpus, originals: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Tell which originals synthetic rows were made of: bool, one for each of `originals`.

    `source_row` is a row number of the file that was upsampled. This file has the same rows unless some were left out.
    If the number leads to no row, or to a row of another class, every row of the class may be the parent. The class of
    the parent is that of the row, unless `source_label` names another one (the guard `relabel`).
    """
    is_parent = np.zeros(len(training.table), dtype=bool)
    if len(synthetic) and "source_row" in training.table.column_names:
        numbers = training.column("source_row").fill_null(-1).to_numpy()[synthetic]
        rows = np.searchsorted(training.rows, numbers).clip(max=len(training.rows) - 1)
        own = (training.rows[rows] == numbers) & np.isin(rows, originals)
        codes = training.codes[synthetic]
        if "source_label" in training.table.column_names:
            places = {name: place for place, name in enumerate(training.classes)}
            named = [str(name) for name in training.column("source_label").take(synthetic).to_pylist()]
            codes = np.array([places.get(name, code) for name, code in zip(named, codes.tolist(), strict=True)])
        own[own] = training.codes[rows[own]] == codes[own]
        is_parent[rows[own]] = True
        for code in np.unique(codes[~own]):
            is_parent |= training.codes == code
    parents: np.ndarray = is_parent[originals]
    return parents


def _refuse_leaks(name: str, synthetic: Split, parents: Split, held_out: Sequence[str]) -> None:
    """Refuse synthetic rows that are near copies of held-out rows, or whose parents are."""
    families = [*parents.texts, *synthetic.texts]
    near = near_copies(families, held_out)
    if near.any():
        of_parents = int(near[: len(parents)].sum())
        raise InputError(
            f"{name}: {counted(int(near.sum()) - of_parents, 'synthetic row')} and {of_parents:,} of their"
            f" sources equal or"
            f" nearly equal a held-out row, e.g. {families[int(near.argmax())]!r:.80}. Remove them from the input of"
            " the upsampling, and upsample with the held-out file as `against`."
        )


def described(data: Any, name: str, *, single_label: bool = False) -> Any:
    """Turn the data that `train` accepts into a labelled table.

    Parameters
    ----------
    data : Corpus, datasets.Dataset, pandas.DataFrame, or (texts, labels)
    name : str
        Its name in messages.
    single_label : bool, default=False
        Take labels that look like several, such as ``plot|acting``, as one class each. Otherwise they are refused.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If the data has another type, a column is missing, or rows have several labels.
    """
    from augment.data.containers import as_table
    from augment.data.corpus import from_table
    from augment.data.layout import Layout

    return data if isinstance(data, Corpus) else from_table(as_table(data), name, Layout(single_label=single_label))
