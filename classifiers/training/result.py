"""`TrainResult`, the result of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from augment._version import __version__
from augment.models.checkpoints import Checkpoint
from augment.models.scorer import TextScorer
from classifiers.config import TrainConfig
from classifiers.model import EncoderClassifier
from classifiers.training.history import Record


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A trained classifier, with the history of its training."""

    model: EncoderClassifier
    """In eval mode, with the best weights on the validation rows, or the last weights if there are no such rows."""
    checkpoint: Checkpoint
    """The model with its tokenizer."""
    config: TrainConfig
    history: list[Record]
    """The records of all evaluations, see `classifiers.training.history.recorded`."""
    best: Record
    """The evaluation of the weights that were kept."""
    last: Record
    mean_gap: float | None
    """Area between the curves of training and validation macro-F1 over the steps, in points."""
    rows: dict[str, Any]
    """The number of rows by kind and class, and the reports on new rows."""
    data: dict[str, str]
    """Fingerprints of the training rows, the validation rows and other held-out texts, if there were any."""
    seconds: float

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the outputs."""
        return self.model.classes

    def scorer(self) -> TextScorer:
        """Return what scores texts. It computes in float32, whatever the training did, as a saved classifier does."""
        return TextScorer(replace(self.checkpoint, dtype=torch.float32), max_length=self.config.max_length)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probabilities of the classes, (n, classes) float32."""
        return self.scorer().probabilities(texts)

    def record(self) -> dict[str, Any]:
        """Return the content of `training.json`, as plain data."""
        return {
            "version": __version__,
            "config": self.config.model_dump(mode="json"),
            "encoder": self.checkpoint.identity(),
            "classes": self.classes,
            "rows": self.rows,
            "data": self.data,
            "best": self.best,
            "last": self.last,
            "mean_gap": self.mean_gap,
            "seconds": round(self.seconds, 3),
        }
