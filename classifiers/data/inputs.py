"""Turn texts into inputs of a model: tokens, or features of a frozen encoder, which are kept on the disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from augment.files import replacing, user_cache
from augment.models.checkpoints import Checkpoint
from augment.models.inference import Inference
from classifiers.data.batching import Padded, vectors
from classifiers.model import EncoderClassifier

BATCH = 64
"""Rows of a forward pass without gradients; changes speed and memory, not the result."""


class TokenInputs:
    """Turns texts into token ids.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its tokenizer is used.
    max_length : int
        The largest number of tokens of a text, special tokens included. Longer texts are cut.
    """

    def __init__(self, checkpoint: Checkpoint, max_length: int) -> None:
        self.checkpoint = checkpoint
        self.longest = checkpoint.longest(max_length)
        self.collate: Callable[..., Any] = Padded(checkpoint.tokenizer.pad_token_id, self.longest)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, special ones included."""
        return self.checkpoint.tokens(texts, self.longest)


class FrozenFeatures:
    """Turns texts into features with a frozen encoder. The features of a list of texts are computed once.

    Parameters
    ----------
    model : EncoderClassifier
        Its encoder computes them.
    checkpoint : Checkpoint
        The source of the encoder; it identifies the features.
    max_length : int
        As in `TokenInputs`.
    cache : Path, optional
        A folder that keeps the features of each list of texts. The name of the file is a hash of all that determines
        them: the encoder's weights, pooling, length, dtype, and the texts. None keeps no features.
    """

    def __init__(
        self, model: EncoderClassifier, checkpoint: Checkpoint, max_length: int, cache: Path | None = None
    ) -> None:
        self.tokens = TokenInputs(checkpoint, max_length)
        self.model = model
        self.inference = Inference(replace(checkpoint, model=model))
        self.cache = cache
        self.collate: Callable[..., Any] = vectors
        self.identity = [checkpoint.revision, str(checkpoint.dtype), model.config.pooling, self.tokens.longest]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the features (n, d) float32."""
        if self.cache is None:
            return self._computed(texts)
        key = hashlib.sha256(json.dumps([self.identity, list(texts)]).encode()).hexdigest()[:32]
        path = self.cache / f"{key}.npy"
        with contextlib.suppress(OSError, ValueError):  # an incomplete file is computed again
            features: np.ndarray = np.load(path, allow_pickle=False)
            if features.shape[:1] == (len(texts),):
                return features
        features = self._computed(texts)
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, features)
        except OSError as error:
            warnings.warn(
                f"The features could not be kept: {error}. Give a cache_dir that can be written.", stacklevel=2
            )
        return features

    def _computed(self, texts: Sequence[str]) -> np.ndarray:
        return self.inference.rows(
            self.tokens(texts),
            self.model.eval().features,
            width=self.model.feature_width,
            longest=self.tokens.longest,
            batch_size=BATCH,
        )


def features_cache(folder: str | None) -> Path:
    """Return the folder that keeps features.

    Parameters
    ----------
    folder : str or None
        A folder of the user. None for ``counterpoise/features`` under ``$XDG_CACHE_HOME``, or under ``~/.cache`` if
        that is not set. Nothing in it is ever deleted.

    Returns
    -------
    Path
    """
    if folder is not None:
        return Path(folder).expanduser()
    return user_cache("features")
