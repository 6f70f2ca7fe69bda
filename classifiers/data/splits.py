"""What is trained on and what is validated on: texts and classes, and that the one holds nothing of the other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from augment.data.corpus import Corpus
from augment.errors import InputError, did_you_mean
from augment.generation.candidates import Candidate
from augment.guards.base import Originals
from augment.guards.held_out import HeldOut
from augment.guards.near_duplicate import NearDuplicate

SOFT_LABELS = "label_probs"
"""The column of a teacher's probabilities, which the guard `agreement` writes."""
CHECKED = 1000
"""Texts at the front that are looked at for whether they are texts."""
_NUMBER = re.compile(r"\s*[-+]?[\d.,]+(e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Split:
    """Texts and their classes."""

    texts: list[str]
    """None is empty."""
    codes: np.ndarray
    """The place of each text's class in the list of classes; int64, shape (n,)."""
    soft_labels: np.ndarray | None = None
    """A teacher's probabilities, float32, shape (n, classes), nan in the rows that have none."""

    def __len__(self) -> int:
        return len(self.texts)

    def targets(self, classes: int) -> np.ndarray:
        """Return what is to be learnt: probabilities (n, classes) float32, hard ones where there are no soft ones."""
        hard: np.ndarray = np.eye(classes, dtype=np.float32)[self.codes]
        if self.soft_labels is None:
            return hard
        return np.where(np.isnan(self.soft_labels), hard, self.soft_labels)

    def counts(self, classes: Sequence[str]) -> dict[str, int]:
        """Return the rows of each class."""
        return dict(zip(classes, np.bincount(self.codes, minlength=len(classes)).tolist(), strict=True))

    def taken(self, rows: np.ndarray) -> Split:
        """Return some of the rows."""
        soft = None if self.soft_labels is None else self.soft_labels[rows]
        return Split([self.texts[i] for i in rows], self.codes[rows], soft)

    def joined(self, other: Split) -> Split:
        """Return these rows and then those of another."""
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
    """Names, in sorted order of the labels."""
    originals: Split
    synthetic: Split
    """Rows that `augment` has made, as the file says; often none."""
    validation: Split | None
    against: list[str]
    """Other held-out texts, such as those of a test file, that no synthetic row may come near."""
    fingerprints: dict[str, str]
    """What identifies the content of the files."""

    @property
    def held_out(self) -> list[str]:
        """All texts that nothing may be learnt of."""
        return [*(self.validation.texts if self.validation is not None else ()), *self.against]


def training_data(training: Corpus, validation: Corpus | None, against: list[str] | None = None) -> TrainingData:
    """Sort out the rows of a training and a validation table.

    Parameters
    ----------
    training : Corpus
        Rows that `augment upsample` has added are told from others by the column ``is_synthetic``.
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
        raise InputError(
            f"{training.name}: has one class only, {classes[0]!r}. Training a classifier takes two or more."
        )
    for corpus in (training, *([] if validation is None else [validation])):
        _check_texts(corpus)
    whole, usable, made = _split(training, classes), training.has_text, training.is_synthetic
    originals = whole.taken(np.flatnonzero(usable & ~made))
    synthetic = whole.taken(np.flatnonzero(usable & made))
    for name, rows in originals.counts(classes).items():
        if not rows:
            raise InputError(
                f"{training.name}: the class {name!r} has no original row with a text. Add some, or leave the class out"
                " with --labels."
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
    return TrainingData(classes, originals, synthetic, held_out, against or [], fingerprints)


def _check_texts(corpus: Corpus) -> None:
    """Refuse a text column that holds numbers alone: csv has no types, and another column was meant."""
    texts = [text for text in corpus.texts[:CHECKED] if text and text.strip()]
    if texts and all(_NUMBER.fullmatch(text) for text in texts):
        raise InputError(
            f"{corpus.name}: the text column {corpus.text_column!r} holds numbers, e.g. {texts[0]!r}. Give another as"
            " --text-column."
        )


def near_copies(texts: Sequence[str], held_out: Sequence[str]) -> np.ndarray:
    """Say which texts equal or nearly equal a held-out one, as the guards `held_out` and `near_duplicate` see it.

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
        guard.fit(Originals([], [], list(held_out), 0))
        near |= ~np.array(guard.judge([], candidates).passed, dtype=bool)
    return near


def _split(corpus: Corpus, classes: Sequence[str]) -> Split:
    """Return all rows of a table, those without a text as empty ones."""
    place = {name: i for i, name in enumerate(classes)}
    codes = np.array([place[name] for name in corpus.classes], dtype=np.int64)[corpus.codes]
    soft = _soft_labels(corpus, classes) if SOFT_LABELS in corpus.table.column_names else None
    return Split([text or "" for text in corpus.texts], codes, soft)


def _soft_labels(corpus: Corpus, classes: Sequence[str]) -> np.ndarray:
    """Read the column of soft labels, which are in sorted order of the names: (n, classes) float32, nan for none."""
    probabilities = np.full((len(corpus.table), len(classes)), np.nan, dtype=np.float32)
    places = [sorted(classes).index(name) for name in classes]
    for i, value in enumerate(corpus.column(SOFT_LABELS).to_pylist()):
        if value in (None, ""):
            continue
        try:
            row = np.asarray(json.loads(value) if isinstance(value, str) else value, dtype=np.float32)
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
            f"{validation.name}: has the class {unknown[0]!r}, which the training data {training.name} lacks: it has"
            f" {', '.join(classes)}.{did_you_mean(unknown[0], classes)} Rename it, or leave it out with --labels."
        )
    if validation.is_synthetic.any():
        raise InputError(
            f"{validation.name}: {int(validation.is_synthetic.sum()):,} validation rows are synthetic. Validate on"
            " original rows: split first, and upsample the training part alone."
        )
    rows = np.flatnonzero(validation.has_text)
    if not len(rows):
        raise InputError(f"{validation.name}: no validation row has a text. Give rows to validate on.")
    return _split(validation, classes).taken(rows)


def _parents(training: Corpus, originals: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Say which originals synthetic rows were made of: bool, one for each of `originals`.

    `source_row` counts the rows of the file that was upsampled, which are those of this one unless rows were kept out.
    Where it leads to none of this file, or to a row of another class, any row of the class may be the parent.
    """
    is_parent = np.zeros(len(training.table), dtype=bool)
    if len(synthetic) and "source_row" in training.table.column_names:
        numbers = training.column("source_row").fill_null(-1).to_numpy()[synthetic]
        rows = np.searchsorted(training.rows, numbers).clip(max=len(training.rows) - 1)
        own = (training.rows[rows] == numbers) & np.isin(rows, originals)
        own[own] = training.codes[rows[own]] == training.codes[synthetic[own]]
        is_parent[rows[own]] = True
        for code in np.unique(training.codes[synthetic[~own]]):
            is_parent |= training.codes == code
    parents: np.ndarray = is_parent[originals]
    return parents


def _refuse_leaks(name: str, synthetic: Split, parents: Split, held_out: Sequence[str]) -> None:
    """Refuse synthetic rows that stand near a held-out row, or whose parents do."""
    families = [*parents.texts, *synthetic.texts]
    near = near_copies(families, held_out)
    if near.any():
        of_parents = int(near[: len(parents)].sum())
        raise InputError(
            f"{name}: {int(near.sum()) - of_parents:,} synthetic rows and {of_parents:,} rows that such were made of"
            f" equal or nearly equal a held-out row, e.g. {families[int(near.argmax())]!r:.80}. Take them out of what"
            " is upsampled, and upsample it with --against the held-out file."
        )


def described(data: Any, name: str) -> Any:
    """Turn what `train` may be given into a labelled table.

    Parameters
    ----------
    data : Corpus, datasets.Dataset, pandas.DataFrame, or (texts, labels)
    name : str
        What messages call it.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If it is none of these, or a column is missing.
    """
    from augment.data.containers import as_table
    from augment.data.corpus import from_table

    return data if isinstance(data, Corpus) else from_table(as_table(data), name)
