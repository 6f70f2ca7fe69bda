"""Predict the labels and probabilities of a stream of texts, and write them as csv or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TextIO

from augment.models.scorer import TextScorer

CHUNK = 512
"""The number of texts that are in memory at a time."""


def predictions(scorer: TextScorer, texts: Iterable[str], *, chunk: int = CHUNK) -> Iterator[dict[str, Any]]:
    """Yield the label and the probabilities of each text.

    Parameters
    ----------
    scorer : TextScorer
    texts : iterable of str
        They are read one chunk at a time.
    chunk : int, default=512

    Yields
    ------
    dict
        `text`, `label`, and the probability of each class under ``p_`` and its name, in the order of the classes.
    """
    waiting = iter(texts)
    while part := list(islice(waiting, chunk)):
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
