"""Class probabilities of texts from any trained text classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from augment.errors import InputError
from augment.models.checkpoints import Checkpoint, load_classifier
from augment.models.inference import Inference


class TextScorer:
    """Scores texts with any text-classification checkpoint. The batch size does not change a single bit.

    (With a recurrent head the last bits may differ.)

    Parameters
    ----------
    model : str or Checkpoint
        A folder written by `save_pretrained`, a hub id, or the result of `augment.models.checkpoints.load_classifier`.
    max_length : int, default=256
        Maximum number of tokens of a text; longer texts are cut.
    batch_size : int, default=64
    device : str, default="auto"
        Device of a model that is opened here.

    Raises
    ------
    ModelError
        If it cannot be opened.
    """

    def __init__(
        self, model: str | Checkpoint, *, max_length: int = 256, batch_size: int = 64, device: str = "auto"
    ) -> None:
        self._checkpoint = model if isinstance(model, Checkpoint) else load_classifier(model, device=device)
        self._inference = Inference(self._checkpoint)
        self._longest = self._checkpoint.longest(max_length)
        self.batch_size = batch_size
        self.revision = self._checkpoint.revision

    @property
    def classes(self) -> list[str]:
        """The model's names of its classes, in the order of its outputs."""
        labels: dict[int, str] = self._checkpoint.model.config.id2label or {}  # type: ignore[assignment]
        return [labels[i] for i in sorted(labels)]

    @property
    def longest(self) -> int:
        """The largest number of tokens of a text that the model reads."""
        return self._longest

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than the model reads."""
        return self._checkpoint.cut(texts, self._longest)

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
            If a class is not among the model's labels.
        """
        names = {str(i): i for i in range(len(self.classes))}
        names |= {label.casefold(): i for i, label in enumerate(self.classes)}
        unknown = [label for label in classes if str(label).casefold() not in names]
        if unknown:
            known = ", ".join(self.classes)
            raise InputError(
                f"The teacher {self._checkpoint.name!r} has no label {unknown[0]!r}: it knows {known}."
                " Give a teacher trained on these classes, or rename the labels."
            )
        return [names[str(label).casefold()] for label in classes]

    def probabilities(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return the model's class probabilities.

        Parameters
        ----------
        texts : sequence of str, shape (n,)
        progress : callable, optional
            Called repeatedly with the number of texts just scored.

        Returns
        -------
        ndarray of float32, shape (n, classes of the model)
        """
        model = self._checkpoint.model
        return self._inference.rows(
            self._checkpoint.tokens(texts, self._longest),
            lambda ids, mask: model(input_ids=ids, attention_mask=mask).logits.float().softmax(dim=-1),
            width=len(self.classes),
            longest=self._longest,
            batch_size=self.batch_size,
            progress=progress,
        )
