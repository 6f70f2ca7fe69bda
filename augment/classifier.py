"""A trained text classifier as a teacher: texts in, class probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augment.batches import length_batches, padded
from augment.checkpoints import load_classifier
from augment.errors import InputError
from augment.inference import Inference


class TextClassifier:
    """Scores texts with any text-classification checkpoint, to the bit the same whatever the batch size.

    Parameters
    ----------
    model : str
        A folder written by `save_pretrained`, or a hub id.
    max_length : int, default=256
        Longest text in tokens; what is longer is cut.
    batch_size : int, default=64
    device : str, default="auto"

    Raises
    ------
    ModelError
        If it cannot be opened.
    """

    def __init__(self, model: str, *, max_length: int = 256, batch_size: int = 64, device: str = "auto") -> None:
        self._checkpoint = load_classifier(model, device=device)
        self._inference = Inference(self._checkpoint)
        self._longest = min(max_length, self._checkpoint.longest())
        self.batch_size = batch_size
        self.revision = self._checkpoint.revision

    def places(self, classes: Sequence[Any]) -> list[int]:
        """Return which output of the model stands for each class.

        Parameters
        ----------
        classes : sequence of str or int
            Names, matched without case to the model's `id2label`, or the model's own numbers.

        Returns
        -------
        list of int
            One for each class.

        Raises
        ------
        InputError
            If a class is none of the model's labels.
        """
        labels: dict[int, str] = self._checkpoint.model.config.id2label or {}  # type: ignore[assignment]
        names = {str(label).casefold(): int(i) for i, label in labels.items()}
        names = {str(int(i)): int(i) for i in labels} | names
        unknown = [label for label in classes if str(label).casefold() not in names]
        if unknown:
            known = ", ".join(labels.values())
            raise InputError(
                f"The teacher {self._checkpoint.name!r} has no label {unknown[0]!r}: it knows {known}."
                " Give a teacher trained on these classes, or rename the labels."
            )
        return [names[str(label).casefold()] for label in classes]

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the model's class probabilities, (n, labels of the model) float32."""
        tokenizer = self._checkpoint.tokenizer
        ids = tokenizer(list(texts), truncation=True, max_length=self._longest)["input_ids"] if len(texts) else []
        labels = len(self._checkpoint.model.config.id2label or ())
        scores = np.zeros((len(texts), labels), dtype=np.float32)
        batches = length_batches([len(row) for row in ids], self._longest, self.batch_size)
        scored = self._inference.map(lambda batch: self._batch([ids[i] for i in batch.rows], batch.length), batches)
        for batch, part in zip(batches, scored, strict=True):
            scores[batch.rows] = part
        return scores

    def _batch(self, rows: Sequence[Sequence[int]], length: int) -> np.ndarray:
        import torch

        input_ids, attention_mask = padded(
            rows, length, self._checkpoint.tokenizer.pad_token_id, self._checkpoint.device
        )
        logits = self._checkpoint.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return torch.softmax(logits.float(), dim=-1).cpu().numpy()
