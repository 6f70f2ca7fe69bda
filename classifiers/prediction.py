"""Predict the labels and probabilities of a stream of texts, and write them as csv or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TextIO

from augment.data.formats.csv_tables import defused
from augment.data.notes import cut_texts, without_text
from augment.execution.executor import Place
from augment.models.scorer import TextScorer
from classifiers.evaluation import opened

CHUNK = 512
"""The number of texts that are in memory at a time."""


@dataclass
class Seen:
    """What was noticed about texts while they were labelled."""

    rows: int = 0
    without_text: int = 0
    """Rows that are empty or white space."""
    cut: int = 0
    """Texts with more tokens than the model reads."""

    def notes(self, name: str, longest: int) -> list[str]:
        """Return what the user should know, one line each.

        Parameters
        ----------
        name : str
            The name of the texts.
        longest : int
            The number of tokens that the model reads.

        Returns
        -------
        list of str
        """
        empty = without_text(name, self.without_text, self.rows, "They get the label of an empty text.")
        return [line for line in (empty, cut_texts(name, self.cut, self.rows, longest)) if line is not None]


class Labelled(NamedTuple):
    """Texts and what the model says of them."""

    texts: Sequence[str]
    probabilities: list[list[float]]
    """Of each class, for each text."""
    cut: int
    """Texts with more tokens than the model reads."""


class PredictionWork:
    """What a worker does: it labels texts with a classifier of its own.

    Parameters
    ----------
    model, max_length, device, dtype
        As in `classifiers.evaluation.opened`.
    """

    def __init__(self, model: str, *, max_length: int | None, device: str, dtype: str) -> None:
        self.model = model
        self.options: dict[str, Any] = {"max_length": max_length, "device": device, "dtype": dtype}

    def open(self, place: Place) -> dict[str, Any]:
        """Open the model, and return its classes and the longest text that it reads."""
        checkpoint, longest = opened(self.model, **{**self.options, "device": place.device(self.options["device"])})
        self.scorer = TextScorer(checkpoint, max_length=longest)
        identity = checkpoint.identity()
        where = {"device": identity["device"], "dtype": identity["dtype"]}
        return {**where, "classes": self.scorer.classes, "longest": self.scorer.longest}

    def do(self, task: Sequence[str]) -> Labelled:
        """Label texts."""
        return Labelled(task, self.scorer.probabilities(task).tolist(), self.scorer.cut(task))


def predictions(
    parts: Iterable[Labelled], classes: Sequence[str], *, seen: Seen | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the label and the probabilities of each text.

    Parameters
    ----------
    parts : iterable of Labelled
        From `PredictionWork.do`, part by part.
    classes : sequence of str
        In the order of the probabilities.
    seen : Seen, optional
        Counts the texts as they are labelled.

    Yields
    ------
    dict
        `text`, `label`, and the probability of each class under ``p_`` and its name, in the order of the classes.
    """
    for part in parts:
        if seen is not None:
            seen.rows += len(part.texts)
            seen.without_text += sum(not text.strip() for text in part.texts)
            seen.cut += part.cut
        for text, row in zip(part.texts, part.probabilities, strict=True):
            label = classes[row.index(max(row))]
            shares = {f"p_{name}": round(p, 6) for name, p in zip(classes, row, strict=True)}
            yield {"text": text, "label": label, **shares}


def in_parts(texts: Iterable[str], size: int = CHUNK) -> Iterator[list[str]]:
    """Yield texts in lists, as they come."""
    waiting = iter(texts)
    while part := list(islice(waiting, size)):
        yield part


def write_csv(rows: Iterable[dict[str, Any]], file: TextIO, classes: Iterable[str], *, safe: bool = False) -> None:
    """Write rows as csv with a header, as they come; if `safe`, no cell is one that a spreadsheet computes."""
    names = ["text", "label", *(f"p_{name}" for name in classes)]
    minimal = csv.DictWriter(file, names, lineterminator="\n")
    # The csv module does not quote a single carriage return, though it ends a line for many readers.
    quoted = csv.DictWriter(file, names, lineterminator="\n", quoting=csv.QUOTE_ALL)
    if safe:
        rows = ({**row, **dict(zip(names[:2], defused([row["text"], row["label"]]), strict=True))} for row in rows)
    minimal.writerow(dict(zip(names, defused(names) if safe else names, strict=True)))
    for row in rows:
        (quoted if "\r" in row["text"] else minimal).writerow(row)


def write_jsonl(rows: Iterable[dict[str, Any]], file: TextIO) -> None:
    """Write rows as JSON, one on a line."""
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
