"""Labels and probabilities of texts, as many as there are, in a stream."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TextIO

from augment.models.scorer import TextScorer

CHUNK = 512
"""Texts that are in memory at a time."""


def predictions(scorer: TextScorer, texts: Iterable[str], *, chunk: int = CHUNK) -> Iterator[dict[str, Any]]:
    """Yield what a model makes of each text.

    Parameters
    ----------
    scorer : TextScorer
    texts : iterable of str
        Read as far as a chunk goes.
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
    """Write rows as csv with a header, each chunk as it comes."""
    names = ["text", "label", *(f"p_{name}" for name in classes)]
    minimal = csv.DictWriter(file, names, lineterminator="\n")
    # The csv module quotes only what would end a line of its own, and so forgets a lone carriage return.
    quoted = csv.DictWriter(file, names, lineterminator="\n", quoting=csv.QUOTE_ALL)
    minimal.writeheader()
    for row in rows:
        (quoted if "\r" in row["text"] else minimal).writerow(row)


def write_jsonl(rows: Iterable[dict[str, Any]], file: TextIO) -> None:
    """Write rows as JSON, one on a line."""
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
