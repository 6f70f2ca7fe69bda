"""Data of pretraining: sentences are read from tables, tokenized, masked or paired, and put into batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers.trainer_pt_utils import get_length_grouped_indices

from augment.data.corpus import Texts
from augment.data.layout import Layout
from augment.data.notes import NOT_USED
from augment.data.reading import load
from augment.errors import InputError, counted_of
from augment.models.length_batches import LENGTH_STEP, padded
from augment.seeding import generator
from classifiers.pretraining.contrastive_losses import repeated

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

IGNORED = -100
"""The label of a word piece that is not masked."""
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


@dataclass
class WordMasks:
    """Collator: pads sentences to one length and masks whole words of them.

    The masks depend only on the seed, the row and the epoch. So a resumed training has the same masks as an
    uninterrupted one.
    """

    mask_id: int
    pad_id: int
    mask_ratio: float
    whole_share: float
    seed: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return input_ids, attention_mask and labels (batch, length), and row numbers (batch,)."""
        length = -(-max(len(row["input_ids"]) for row in rows) // LENGTH_STEP) * LENGTH_STEP
        input_ids = torch.full((len(rows), length), self.pad_id)
        masked = torch.zeros((len(rows), length), dtype=torch.bool)
        for i, row in enumerate(rows):
            input_ids[i, : len(row["input_ids"])] = torch.as_tensor(row["input_ids"])
            masked[i, : len(row["words"])] = torch.as_tensor(self._choose(row))
        return {
            "labels": input_ids.masked_fill(~masked, IGNORED),
            "input_ids": input_ids.masked_fill(masked, self.mask_id),
            "attention_mask": (torch.arange(length) < torch.tensor([[len(r["input_ids"])] for r in rows])).long(),
            "rows": torch.tensor([row["row"] for row in rows]),
        }

    def _choose(self, row: dict[str, Any]) -> np.ndarray:
        """Choose the pieces of a row to mask: bool, (length,)."""
        rng = generator(self.seed, "mask", row["row"], row["epoch"])
        count = row["words"].max() + 1
        wanted = max(1, int(count * self.mask_ratio + rng.random()))
        if rng.random() < self.whole_share:
            wanted = 0
        return np.isin(row["words"], rng.permutation(count)[:wanted])


class LengthGroups(torch.utils.data.Sampler[tuple[int, int]]):
    """Sampler: yields (row, epoch), with rows of similar length together. The order depends only on seed and epoch."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch. The trainer calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = torch.Generator().manual_seed(int(generator(self.seed, "order", self.epoch).integers(2**63)))
        for row in get_length_grouped_indices(self.lengths, self.batch_size, generator=order):
            yield row, self.epoch


class Sentences(torch.utils.data.Dataset[dict[str, Any]]):
    """Sentences as word pieces, with the number of the word that each piece belongs to."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], starts: Sequence[int], max_length: int
    ) -> None:
        encoded = tokenizer(list(texts), truncation=True, max_length=max_length)
        self.rows: list[dict[str, Any]] = [
            {
                "input_ids": np.array(ids, dtype=np.int64),
                "words": _word_numbers(encoded[i], texts[i][: starts[i]]),
                "row": i,
                "epoch": 0,
            }
            for i, ids in enumerate(encoded["input_ids"])
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        row, epoch = key
        return self.rows[row] | {"epoch": epoch}

    def lengths(self) -> list[int]:
        """Return the number of word pieces of each sentence."""
        return [len(row["input_ids"]) for row in self.rows]


def _word_numbers(encoding: Encoding, before: str) -> np.ndarray:
    """Number the words from 0 on, (length,). Special tokens and words of `before` have -1; they are never masked."""
    numbers = np.array([-1 if word is None else word for word in encoding.word_ids], dtype=np.int64)
    begins = np.array([begin for begin, _ in encoding.offsets])
    # For some tokenizers the space before a word is part of it. The first word still is not in `before`.
    first = numbers[begins < len(before.rstrip())].max(initial=-1) + 1
    return np.where(numbers >= first, numbers - first, -1)


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
