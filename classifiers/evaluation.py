"""Evaluate a trained classifier on labelled files, of its own domain or of others."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from augment.data.corpus import Corpus, read
from augment.data.formats.dialect import find_dialect
from augment.data.formats.encodings import decoded
from augment.data.layout import Layout
from augment.data.notes import NOT_USED, cut_texts, on_reading
from augment.errors import InputError, counted, did_you_mean
from augment.models.checkpoints import Checkpoint, load_classifier
from augment.models.scorer import TextScorer
from augment.plain_data import read_json
from classifiers.data.splits import omitted
from classifiers.metrics import Scores, confusion, reliability, scores
from classifiers.saved_folder import RECORD, check_saved

MAX_LENGTH = 256
"""The largest number of tokens of a text, for a model that does not record its own."""
STAR_COLUMNS = {2: ("stars", "text"), 3: ("stars", "title", "text")}
"""The columns of yelp_review_full and amazon_review_full, by the number of fields. Neither file has a header."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of a model on one file."""

    name: str
    classes: list[str]
    scores: Scores
    confusion: np.ndarray
    """A row for each true class, a column for each predicted one; int64."""
    probabilities: np.ndarray
    """(n, classes) float32, in the order of the file's rows that have a text."""
    codes: np.ndarray
    """True classes; int64, (n,)."""
    omitted: dict[str, int]
    """Rows that are not scored: `without_text`, `left_out` for their labels, `synthetic`. Zeros are left out."""
    cut_texts: int
    """Texts with more tokens than the model reads."""
    notes: list[str]
    """The same in lines for the user."""

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain data: with the calibration bins, without the single rows."""
        return {
            "file": self.name,
            "classes": self.classes,
            **self.scores.to_dict(),
            "omitted": self.omitted,
            "cut_texts": self.cut_texts,
            "confusion": self.confusion.tolist(),
            "reliability": [bin_._asdict() for bin_ in reliability(self.probabilities, self.codes)],
        }


def open_scorer(
    model: str, *, max_length: int | None = None, device: str = "auto", dtype: str = "float32"
) -> TextScorer:
    """Open a trained classifier, to score texts.

    Parameters
    ----------
    model, max_length, device, dtype
        As in `opened`.

    Returns
    -------
    TextScorer

    Raises
    ------
    ModelError, InputError
        As in `opened`.
    """
    checkpoint, longest = opened(model, max_length=max_length, device=device, dtype=dtype)
    return TextScorer(checkpoint, max_length=longest)


def opened(
    model: str, *, max_length: int | None = None, device: str = "auto", dtype: str = "float32"
) -> tuple[Checkpoint, int]:
    """Open a trained classifier, and find where it cuts texts.

    Parameters
    ----------
    model : str
        A folder of ``classifiers train``, a folder of another text classifier, or a hub id.
    max_length : int, optional
        The largest number of tokens of a text. None for the value of the training, or `MAX_LENGTH` if it is unknown.
    device : str, default="auto"
    dtype : str, default="float32"
        As in `augment.models.checkpoints.load_classifier`. The default gives the same answer on every machine.

    Returns
    -------
    checkpoint : Checkpoint
    longest : int
        The largest number of tokens of a text.

    Raises
    ------
    ModelError
        If there is no such folder, or `model` is not a trained classifier.
    InputError
        If its training is unfinished, or `max_length` is longer than the texts of the training, where the model cuts.
    """
    check_saved(model)
    checkpoint = load_classifier(model, device=device, dtype=dtype)
    trained = getattr(checkpoint.model.config, "max_tokens", None)
    if max_length is None:
        max_length = trained or _recorded_length(Path(model).expanduser()) or MAX_LENGTH
    elif trained is not None and max_length > trained:
        raise InputError(
            f"The classifier {model!r} cuts texts at {trained} tokens, the length of its training, so a `max_length` of"
            f" {max_length} has no effect. Leave it out, or train with a larger one."
        )
    return checkpoint, checkpoint.longest(max_length)


def _recorded_length(folder: Path) -> int | None:
    """Return the length of a training whose model does not say it itself. Models of earlier versions do not."""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # no such file, or of another program
        record = read_json(folder / RECORD)
        return int(record["config"]["max_length"])
    return None


def evaluate(scorer: TextScorer, corpus: Corpus, *, progress: Callable[[int], None] | None = None) -> Evaluation:
    """Compute the scores of a model on a labelled table.

    Parameters
    ----------
    scorer : TextScorer
    corpus : Corpus
        Synthetic rows and rows without a text are left out.
    progress : callable, optional
        Called with the number of texts just scored.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If no row can be scored, or a label is not a class of the model (upper and lower case are equal).
    """
    names = {name: scorer.classes.index(name) for name in corpus.classes if name in scorer.classes}
    folded = [name.casefold() for name in scorer.classes]
    for name in corpus.classes:
        if folded.count(name.casefold()) == 1:
            names.setdefault(name, folded.index(name.casefold()))
    unknown = [name for name in corpus.classes if name not in names]
    if unknown:
        raise InputError(
            f"{corpus.name}: the model does not know the label {unknown[0]!r}. It knows {', '.join(scorer.classes)}."
            f"{did_you_mean(unknown[0], scorer.classes)} Choose rows with `labels`, or map stars with"
            " `label_map='stars'`."
        )
    rows = np.flatnonzero(corpus.has_text & ~corpus.is_synthetic)
    if not len(rows):
        raise InputError(f"{corpus.name}: no original row has a text. Give rows to evaluate on.")
    codes = np.array([names[name] for name in corpus.classes], dtype=np.int64)[corpus.codes[rows]]
    texts = [text for text, kept in zip(corpus.texts, corpus.has_text & ~corpus.is_synthetic, strict=True) if kept]
    probabilities = scorer.probabilities([text or "" for text in texts], progress=progress)
    synthetic = int((corpus.has_text & corpus.is_synthetic).sum())
    cut = scorer.cut([text or "" for text in texts])
    notes = on_reading(corpus, NOT_USED)
    notes += (
        [f"{corpus.name}: {counted(synthetic, 'row is', 'rows are')} synthetic. They are left out."]
        if synthetic
        else []
    )
    notes += [line] if (line := cut_texts(corpus.name, cut, len(texts), scorer.longest)) else []
    return Evaluation(
        corpus.name,
        scorer.classes,
        scores(probabilities, codes, scorer.classes),
        confusion(codes, probabilities.argmax(axis=1), len(scorer.classes)),
        probabilities,
        codes,
        omitted(corpus) | ({"synthetic": synthetic} if synthetic else {}),
        cut,
        notes,
    )


def read_evaluated(source: str, layout: Layout) -> Corpus:
    """Read a labelled file. The published layout of Yelp and Amazon reviews is recognised.

    Parameters
    ----------
    source : str
    layout : Layout
        How to read it. If it does not set columns, header and labels, a csv file without a header whose first field is
        a number of stars is read with `STAR_COLUMNS`: 1 and 2 stars are negative, 3 neutral, 4 and 5 positive.

    Returns
    -------
    Corpus
    """
    silent = layout.header and layout.columns is None and layout.label_map is None
    if silent and (fields := _stars(Path(source), layout)):
        layout = replace(layout, header=False, columns=STAR_COLUMNS[fields], label_map="stars", text_column="text")
    return read(source, layout)


def _stars(path: Path, layout: Layout) -> int:
    """Return the number of fields of a csv file of star ratings, or 0 if it is another file."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return 0
    first: list[str] = []
    dialect = find_dialect(path, layout)
    assert dialect is not None  # of a csv file
    with path.open("rb") as file, contextlib.suppress(csv.Error, UnicodeDecodeError):
        first = next(csv.reader(decoded(file, dialect.encoding), delimiter=dialect.delimiter or ","), [])
    return len(first) if len(first) in STAR_COLUMNS and first[0] in set("12345") else 0


def tables(evaluations: Sequence[Evaluation]) -> list[tuple[str, list[str], list[list[Any]]]]:
    """Return title, headings and cells of the tables of evaluations: one for all files, and two for each file."""
    classes = evaluations[0].classes
    points = [
        [
            evaluation.name,
            evaluation.scores.rows,
            *(
                f"{100 * value:.1f}"
                for value in (evaluation.scores.macro_f1, evaluation.scores.accuracy, evaluation.scores.ece)
            ),
            *(f"{100 * evaluation.scores.f1[name]:.1f}" for name in classes),
        ]
        for evaluation in evaluations
    ]
    headings = ["file", "rows", "macro-F1", "accuracy", "ECE", *(f"F1 {name}" for name in classes)]
    result = [("scores, in points", headings, points)]
    for one in evaluations:
        cells = [
            [name, *one.confusion[i].tolist()]
            + [f"{100 * values[name]:.1f}" for values in (one.scores.precision, one.scores.recall, one.scores.f1)]
            for i, name in enumerate(classes)
        ]
        result.append(
            (
                f"{one.name}: true classes by what they were taken for",
                ["true", *(f"as {name}" for name in classes), "precision", "recall", "F1"],
                cells,
            )
        )
        bins = [
            [f"{b.low:.2f} to {b.high:.2f}", b.rows, f"{b.confidence:.3f}", f"{b.accuracy:.3f}"]
            for b in reliability(one.probabilities, one.codes, bins=5)
        ]
        result.append((f"{one.name}: calibration", ["confidence", "rows", "mean confidence", "accuracy"], bins))
    return result
