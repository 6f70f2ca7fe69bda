"""`TrainingRows`, a data set of tokens or vectors, and the collators that make batches of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from augment.models.length_batches import padded, padded_length
from classifiers.data.splits import Split


class TrainingRows(torch.utils.data.Dataset[dict[str, Any]]):
    """The rows of a training. Each has tokens or a vector, a class, a target and a weight.

    Parameters
    ----------
    inputs : sequence or ndarray
        Token ids of each row, or vectors (n, d) float32.
    split : Split
        The classes of the rows, and soft labels if they have any.
    classes : int
        The number of classes.
    weights : ndarray of float32, shape (n,), optional
        By default 1 for each row.
    soft : bool, default=False
        Keep targets as probabilities even if no row has soft labels. Rows that are added later may have some.
    """

    def __init__(
        self,
        inputs: Sequence[Any] | np.ndarray,
        split: Split,
        classes: int,
        *,
        weights: np.ndarray | None = None,
        soft: bool = False,
    ) -> None:
        self.inputs = [row if isinstance(row, np.ndarray) else np.array(row, dtype=np.int32) for row in inputs]
        self.codes = split.codes
        self.targets = split.targets(classes) if soft or split.soft_labels is not None else None
        self.weights = np.ones(len(split), dtype=np.float32) if weights is None else weights

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, row: int) -> dict[str, Any]:
        item = {"inputs": self.inputs[row], "labels": self.codes[row], "weights": self.weights[row]}
        return item if self.targets is None else item | {"targets": self.targets[row]}

    def lengths(self) -> np.ndarray:
        """Return the number of tokens, or of dimensions, of each row; int64, (n,)."""
        return np.fromiter(map(len, self.inputs), dtype=np.int64, count=len(self.inputs))

    def extend(self, inputs: Sequence[Any] | np.ndarray, split: Split, classes: int, *, weight: float) -> None:
        """Append rows.

        Parameters
        ----------
        inputs, split, classes
            As above. Soft labels are used only if the first rows have targets as probabilities.
        weight : float
            Of each of the new rows.
        """
        new = TrainingRows(inputs, split, classes, weights=np.full(len(split), weight, dtype=np.float32))
        self.inputs += new.inputs
        self.codes = np.concatenate([self.codes, new.codes])
        self.weights = np.concatenate([self.weights, new.weights])
        if self.targets is not None:
            self.targets = np.concatenate([self.targets, split.targets(classes)])

    def cut(self, count: int) -> None:
        """Keep only the first `count` rows."""
        del self.inputs[count:]
        self.codes, self.weights = self.codes[:count], self.weights[:count]
        if self.targets is not None:
            self.targets = self.targets[:count]

    def by_length(self) -> TrainingRows:
        """Return the same rows, the shortest first. This makes evaluations faster and does not change their result."""
        order = np.argsort(self.lengths(), kind="stable")
        ordered = object.__new__(TrainingRows)
        ordered.inputs = [self.inputs[i] for i in order]
        ordered.codes, ordered.weights = self.codes[order], self.weights[order]
        ordered.targets = None if self.targets is None else self.targets[order]
        return ordered


class Padded:
    """Collator: pads the tokens of a batch to the multiple of 8 above its longest row.

    Parameters
    ----------
    pad_id : int
    longest : int
        The largest number of tokens that the model takes.
    """

    def __init__(self, pad_id: int | None, longest: int) -> None:
        self.pad_id = pad_id
        self.longest = longest

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return input_ids and attention_mask (batch, length) int64, and what `stacked` returns."""
        inputs = [row["inputs"].tolist() for row in rows]
        length = padded_length(max(map(len, inputs)), self.longest)
        input_ids, attention_mask = padded(inputs, length, self.pad_id, torch.device("cpu"))
        return {"input_ids": input_ids, "attention_mask": attention_mask, **stacked(rows)}


def vectors(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Collator for vectors: return features (batch, d) float32, and what `stacked` returns."""
    return {"features": torch.from_numpy(np.stack([row["inputs"] for row in rows])), **stacked(rows)}


def stacked(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Return labels (batch,) int64, weights (batch,) float32 and, if there are any, targets (batch, classes)."""
    return {
        name: torch.from_numpy(np.stack([row[name] for row in rows]))
        for name in ("labels", "weights", "targets")
        if name in rows[0]
    }
