"""Train a masked language model on whole words: sentences in word pieces, their masks, their order, and the loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.trainer_pt_utils import get_length_grouped_indices

from augment.models.length_batches import LENGTH_STEP
from augment.models.masked_lm import HeadStates, States
from augment.seeding import generator

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

    from augment.models.checkpoints import Checkpoint

IGNORED = -100
"""The label of a word piece that is not masked."""
MASKS_STEP = 64
"""Batches are padded to few lengths and few numbers of masks. On CPUs a kernel is compiled for every new shape of a
matrix product. With more shapes than the kernel cache holds, a step takes two to three times as long."""


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


def masked_loss(head_states: HeadStates, batch: dict[str, Tensor]) -> tuple[Tensor, States]:
    """Return the loss of a masked LM on the words that `WordMasks` masked (Devlin et al. 2019, section 3.1).

    Parameters
    ----------
    head_states : HeadStates
        The masked LM.
    batch : dict of Tensor
        What `WordMasks` returns.

    Returns
    -------
    loss : Tensor
        A scalar, float32: the mean cross-entropy over the masked word pieces; 0 if there are none.
    states : States
        The hidden states of the batch.
    """
    labels = batch["labels"].flatten()
    masked = (labels != IGNORED).nonzero().squeeze(1)
    spare = (labels == IGNORED).nonzero().squeeze(1)[: -len(masked) % MASKS_STEP]
    positions = torch.cat([masked, spare])
    states = head_states(batch["input_ids"], batch["attention_mask"])
    logits = head_states.model.get_output_embeddings()(states.head.flatten(0, 1)[positions])
    loss = nn.functional.cross_entropy(logits.float(), labels[positions], ignore_index=IGNORED, reduction="sum")
    return loss / max(len(masked), 1), states


def use_fast_backward(checkpoint: Checkpoint) -> None:
    """Choose, in place, the attention that trains fastest."""
    if checkpoint.device.type == "cpu":
        checkpoint.model.set_attn_implementation("eager")  # torch's fused attention takes 2.5 times as long backward
