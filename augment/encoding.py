"""Texts to vectors, by any Hugging Face encoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from augment.batches import length_batches, padded
from augment.checkpoints import load_encoder
from augment.inference import Inference

if TYPE_CHECKING:
    from augment.checkpoints import Checkpoint


class TextEncoder:
    """Encodes texts as the mean of the last layer's token states, to the bit the same whatever the batch size.

    Parameters
    ----------
    model : str, default="mini"
        A bundled name, a folder, or a hub id of any encoder with a fast tokenizer.
    revision : str, optional
        Branch, tag or commit of a hub id.
    max_length : int, default=256
        Longest text in tokens, special ones included; what is longer is cut.
    normalize : bool, default=False
        Scale every vector to length 1, so that a dot product is a cosine.
    batch_size : int, default=64
        Texts of a forward pass. Changes memory and speed, not the result.
    device : str, default="auto"
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}, default="auto"
        See `augment.checkpoints.load_encoder`.

    Examples
    --------
    >>> encoder = TextEncoder(normalize=True)
    >>> vectors = encoder.encode(["A fine film.", "A good movie.", "The bus is late."])
    >>> vectors.shape, bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    ((3, 384), True)
    """

    def __init__(
        self,
        *,
        model: str = "mini",
        revision: str | None = None,
        max_length: int = 256,
        normalize: bool = False,
        batch_size: int = 64,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        self.model = model
        self.revision = revision
        self.max_length = max_length
        self.normalize = normalize
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self._checkpoint: Checkpoint | None = None

    def prepare(self) -> Checkpoint:
        """Open the model, unless it is open already, and return it.

        Raises
        ------
        ModelError
            If it cannot be opened.
        """
        if self._checkpoint is None:
            checkpoint = load_encoder(self.model, revision=self.revision, device=self.device, dtype=self.dtype)
            self._longest = min(self.max_length, checkpoint.longest())
            self._inference = Inference(checkpoint)
            self._checkpoint = checkpoint
        return self._checkpoint

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts.

        Parameters
        ----------
        texts : sequence of str, shape (n,)

        Returns
        -------
        ndarray of float32, shape (n, d)
        """
        tokenizer = self.prepare().tokenizer
        width: int = self.prepare().model.config.hidden_size
        vectors = np.zeros((len(texts), width), dtype=np.float32)
        ids = tokenizer(list(texts), truncation=True, max_length=self._longest)["input_ids"] if len(texts) else []
        batches = length_batches([len(row) for row in ids], self._longest, self.batch_size)
        encoded = self._inference.map(lambda batch: self._batch([ids[i] for i in batch.rows], batch.length), batches)
        for batch, part in zip(batches, encoded, strict=True):
            vectors[batch.rows] = part
        if self.normalize:
            vectors /= np.maximum(np.sqrt((vectors * vectors).sum(axis=1, keepdims=True)), 1e-12)
        return vectors

    def _batch(self, rows: Sequence[Sequence[int]], length: int) -> np.ndarray:
        """Return the vectors of rows that are padded to one length, (b, d) float32."""
        from augment import pooling

        checkpoint = self.prepare()
        input_ids, attention_mask = padded(rows, length, checkpoint.tokenizer.pad_token_id, checkpoint.device)
        states = checkpoint.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return pooling.mean(states, attention_mask).cpu().numpy()


class Encoders:
    """The encoders of one run, each opened once, and the vectors of the texts last asked for.

    Several guards look at the same candidates: what the first had encoded, the next finds here.

    Parameters
    ----------
    device : str, default="auto"
    remembered : int, default=8192
        How many texts' vectors are kept of each encoder; those used least lately go first.
    """

    def __init__(self, *, device: str = "auto", remembered: int = 8192) -> None:
        self.device = device
        self.remembered = remembered
        self._encoders: dict[str, TextEncoder] = {}
        self._vectors: dict[str, OrderedDict[str, np.ndarray]] = {}

    def get(self, model: str) -> TextEncoder:
        """Return the encoder of a name, opened, with unit vectors."""
        if model not in self._encoders:
            encoder = TextEncoder(model=model, normalize=True, device=self.device)
            encoder.prepare()
            self._encoders[model], self._vectors[model] = encoder, OrderedDict()
        return self._encoders[model]

    def encode(self, model: str, texts: Sequence[str]) -> np.ndarray:
        """Return the unit vectors of texts, (n, d) float32; only those not remembered are encoded."""
        encoder, known = self.get(model), self._vectors[model]
        new = [text for text in dict.fromkeys(texts) if text not in known]
        # Copies, since a row of an array keeps the whole array alive.
        known.update((text, vector.copy()) for text, vector in zip(new, encoder.encode(new), strict=True))
        vectors = np.stack([known[text] for text in texts]) if len(texts) else encoder.encode([])
        for text in texts:
            known.move_to_end(text)
        while len(known) > self.remembered:
            known.popitem(last=False)
        return vectors
