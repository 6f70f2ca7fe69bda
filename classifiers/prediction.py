"""Predict the labels and probabilities of a stream of texts, and write them as csv or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TextIO

from augment.data.notes import cut_texts, without_text
from augment.models.scorer import TextScorer

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


def predictions(
    scorer: TextScorer, texts: Iterable[str], *, chunk: int = CHUNK, seen: Seen | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the label and the probabilities of each text.

    Parameters
    ----------
    scorer : TextScorer
    texts : iterable of str
        They are read one chunk at a time.
    chunk : int, default=512
    seen : Seen, optional
        Counts the texts as they are labelled.

    Yields
    ------
    dict
        `text`, `label`, and the probability of each class under ``p_`` and its name, in the order of the classes.
    """
    waiting = iter(texts)
    while part := list(islice(waiting, chunk)):
        if seen is not None:
            seen.rows += len(part)
            seen.without_text += sum(not text.strip() for text in part)
            seen.cut += scorer.cut(part)
        for text, row in zip(part, scorer.probabilities(part).tolist(), strict=True):
            label = scorer.classes[row.index(max(row))]
            shares = {f"p_{name}": round(p, 6) for name, p in zip(scorer.classes, row, strict=True)}
            yield {"text": text, "label": label, **shares}


def write_csv(rows: Iterable[dict[str, Any]], file: TextIO, classes: Iterable[str]) -> None:
    """Write rows as csv with a header, as they come."""
    names = ["text", "label", *(f"p_{name}" for name in classes)]
    minimal = csv.DictWriter(file, names, lineterminator="\n")
    # The csv module does not quote a single carriage return, though it ends a line for many readers.
    quoted = csv.DictWriter(file, names, lineterminator="\n", quoting=csv.QUOTE_ALL)
    minimal.writeheader()
    for row in rows:
        (quoted if "\r" in row["text"] else minimal).writerow(row)


def write_jsonl(rows: Iterable[dict[str, Any]], file: TextIO) -> None:
    """Write rows as JSON, one on a line."""
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
