"""Data of contrastive pretraining: triples are read from tables, and sentences are paired and put into batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from augment.data.layout import Layout
from augment.data.lazy_texts import Texts
from augment.data.notes import NOT_USED
from augment.data.reading import load
from augment.errors import InputError, counted_of
from augment.models.length_batches import LENGTH_STEP, padded
from augment.models.word_masks import Sentences, WordMasks
from augment.seeding import generator
from classifiers.pretraining.contrastive_losses import repeated

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TRIPLE_COLUMNS = (("premise", "entailment", "contradiction"), ("sent0", "sent1", "hard_neg"))
"""The usual names of the three columns. The first match is taken; the second names are those of SimCSE's own file."""


def read_triples(
    source: str,
    layout: Layout,
    columns: tuple[str | None, str | None, str | None] = (None, None, None),
    log: Callable[[str], None] = lambda line: None,
) -> list[tuple[str, str, str]]:
    """Read the triples of a table for supervised SimCSE.

    Parameters
    ----------
    source : str
        A file, a folder saved by `datasets`, or a hub id.
    layout : Layout
        How to read it; only `header`, `columns` and `split` matter here.
    columns : tuple of three (str or None), default=(None, None, None)
        Names of the columns of the premise, the entailment and the contradiction. If all are None, the first of
        `TRIPLE_COLUMNS` whose columns exist. A single None stands for the name in the first of `TRIPLE_COLUMNS`.
    log : callable, optional
        Called with a line if rows are left out.

    Returns
    -------
    list of (str, str, str)
        The rows in which all three texts are present, stripped, in order.

    Raises
    ------
    InputError
        If the source cannot be read, a column is missing or holds no texts, or no row is complete.
    """
    table = load(source, layout)
    there = table.column_names
    wanted = tuple(name or usual for name, usual in zip(columns, TRIPLE_COLUMNS[0], strict=True))
    if not any(columns):
        wanted = next((names for names in TRIPLE_COLUMNS if set(names) <= set(there)), wanted)
    for name in wanted:
        if name not in there:
            raise InputError(
                f"{source}: has no column {name!r} for its triples. The columns are {', '.join(map(repr, there))}. Name"
                " the three as `premise_column`, `entailment_column` and `contradiction_column`."
            )
        dtype = getattr(table.features[name], "dtype", "nested values")
        if dtype not in ("string", "large_string", "string_view"):
            raise InputError(f"{source}: the column {name!r} of its triples must hold strings. Got {dtype}.")
    rows = zip(*(Texts(table, name) for name in wanted), strict=True)
    triples = [(a.strip(), b.strip(), c.strip()) for a, b, c in rows if a and b and c]
    triples = [triple for triple in triples if all(triple)]
    if triples and len(triples) < len(table):
        rows_lacking = counted_of(len(table) - len(triples), len(table), "row", "lacks", "lack")
        log(f"{source}: {rows_lacking} one of the three texts. {NOT_USED}")
    if not triples:
        raise InputError(
            f"{source}: in no row are the columns {', '.join(map(repr, wanted))} all filled."
            " Give a table with a premise, an entailment and a contradiction in at least one."
        )
    return triples


class Tuples(torch.utils.data.Dataset[list[dict[str, Any]]]):
    """Rows of one sentence, or of three, as word pieces; equal texts have equal numbers.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast
    rows : sequence of tuples of str
        All of one length.
    max_length : int
        Longest sentence in word pieces; longer ones are cut.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, rows: Sequence[tuple[str, ...]], max_length: int) -> None:
        columns = list(zip(*rows, strict=True))
        numbers: dict[str, int] = {}
        self.texts = [[numbers.setdefault(text, len(numbers)) for text in column] for column in columns]
        self.columns = [Sentences(tokenizer, column, [0] * len(column), max_length) for column in columns]

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, key: tuple[int, int]) -> list[dict[str, Any]]:
        row, _ = key
        return [column[key] | {"text": texts[row]} for column, texts in zip(self.columns, self.texts, strict=True)]

    def lengths(self) -> list[int]:
        """Return the number of word pieces of the longest sentence of each row."""
        return [max(lengths) for lengths in zip(*(column.lengths() for column in self.columns), strict=True)]


@dataclass
class Views:
    """Collator: returns the sentences of a batch with their positives and, if there are `masks`, the masked sentences.

    A row of one sentence becomes two views, which differ only in dropout, or also in repeated word pieces. A row of
    three sentences stays as it is. The result depends only on the seed, the row and the epoch.
    """

    pad_id: int
    seed: int
    repetition: float | None
    """The largest share of repeated word pieces in the second view; None for no repetition."""
    longest: int
    """The largest number of word pieces that the model takes."""
    masks: WordMasks | None
    """Masks the first sentence of each row, for a masked-LM term."""

    def __call__(self, rows: Sequence[list[dict[str, Any]]]) -> dict[str, Any]:
        """Return input_ids and attention_mask (views x batch, length), texts (views, batch), and perhaps masked."""
        columns = list(zip(*rows, strict=True))
        if len(columns) == 1:
            columns *= 2
        views = [[row["input_ids"] for row in column] for column in columns]
        if self.repetition is not None:
            views[1] = [self._repeated(row) for row in columns[1]]
        ids = [row for view in views for row in view]
        length = -(-max(map(len, ids)) // LENGTH_STEP) * LENGTH_STEP
        input_ids, attention_mask = padded(ids, min(length, self.longest), self.pad_id, torch.device("cpu"))
        batch: dict[str, Any] = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "texts": torch.tensor([[row["text"] for row in column] for column in columns]),
        }
        if self.masks is not None:
            batch["masked"] = self.masks(columns[0])
        return batch

    def _repeated(self, row: dict[str, Any]) -> np.ndarray:
        rng = generator(self.seed, "repetition", row["row"], row["epoch"])
        room = self.longest - len(row["input_ids"])
        return repeated(row["input_ids"], row["words"] >= 0, self.repetition or 0.0, room, rng)
