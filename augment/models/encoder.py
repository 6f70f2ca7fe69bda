"""Encode texts as vectors with any Hugging Face encoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions

from augment.errors import InputError
from augment.models.checkpoints import load_encoder
from augment.models.devices import DTYPES, quickest_dtype
from augment.models.inference import Inference
from augment.models.pooling import POOLERS
from augment.parameters import check_parameters

if TYPE_CHECKING:
    from augment.models.checkpoints import Checkpoint


class TextEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Encodes texts by pooling the last layer's token states. The batch size does not change a single bit.

    It is a transformer of scikit-learn, for the first step of a pipeline. It learns nothing: `fit` opens the model.

    Parameters
    ----------
    model : str, default="mini"
        A bundled name, a folder, or a hub id of any encoder with a fast tokenizer.
    revision : str, optional
        Branch, tag or commit of a hub id.
    pooling : {"mean", "cls", "cls_mlp", "max"}, default="mean"
        How the token states become one vector: their average; the first token's state; that state after the model's own
        dense layer and tanh; or their maximum. Unsupervised SimCSE models are made for ``"cls"``, supervised ones for
        ``"cls_mlp"``, ``mini`` and most sentence-transformers for ``"mean"``.
    max_length : int, default=256
        Maximum number of tokens of a text, special tokens included; longer texts are cut.
    normalize : bool, default=False
        Scale every vector to length 1, so that a dot product is a cosine.
    batch_size : int, default=64
        Texts of a forward pass. Changes memory and speed, not the result.
    device : str, default="auto"
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}, default="auto"
        See `augment.models.checkpoints.load_encoder`.

    References
    ----------
    Reimers and Gurevych 2019, Sentence-BERT, section 3 (mean, first token, maximum). Gao et al. 2021, SimCSE,
    section 6.3 (the first token with and without the dense layer).

    Examples
    --------
    >>> encoder = TextEncoder(normalize=True)
    >>> vectors = encoder.encode(["A fine film.", "A good movie.", "The bus is late."])
    >>> vectors.shape, bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    ((3, 384), True)
    >>> encoder.set_output(transform="pandas").transform(["A fine film."]).columns[:2].tolist()
    ['textencoder0', 'textencoder1']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str],
        "revision": [str, None],
        "pooling": [StrOptions(set(POOLERS))],
        "max_length": [Interval(Integral, 1, None, closed="left")],
        "normalize": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "dtype": [StrOptions(set(DTYPES))],
    }

    def __init__(
        self,
        *,
        model: str = "mini",
        revision: str | None = None,
        pooling: Literal["mean", "cls", "cls_mlp", "max"] = "mean",
        max_length: int = 256,
        normalize: bool = False,
        batch_size: int = 64,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        self.model = model
        self.revision = revision
        self.pooling = pooling
        self.max_length = max_length
        self.normalize = normalize
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self._checkpoint: Checkpoint | None = None

    def check(self) -> None:
        """Check the parameters, without opening anything.

        Raises
        ------
        InputError
            If parameters are out of range; the message names all of them.
        """
        check_parameters(self)

    def prepare(self) -> Checkpoint:
        """Check the parameters, and return the model. It is opened on the first call.

        Raises
        ------
        InputError
            If a parameter is out of range.
        ModelError
            If the model cannot be opened, or has no pooler of its own and ``"cls_mlp"`` needs one.
        """
        self.check()
        checkpoint = self._checkpoint
        if checkpoint is None:
            checkpoint = load_encoder(self.model, revision=self.revision, device=self.device, dtype=self.dtype)
            self.use(checkpoint)
        if self.pooling == "cls_mlp":
            checkpoint.require_pooler()
        return checkpoint

    def use(self, checkpoint: Checkpoint) -> None:
        """Encode with an opened model.

        Parameters
        ----------
        checkpoint : Checkpoint
            What `load_encoder` returns for the parameters, or would return.

        Raises
        ------
        InputError
            If `max_length` leaves no room beside the special tokens.
        ModelError
            If the model leaves none.
        """
        self._longest = checkpoint.longest(self.max_length)
        self._inference = Inference(checkpoint)
        self._checkpoint = checkpoint

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that determine the vectors, as plain data that the constructor takes."""
        return {
            "model": self.model,
            "revision": self.revision,
            "pooling": self.pooling,
            "max_length": self.max_length,
            "normalize": self.normalize,
        }

    def identity(self) -> dict[str, str]:
        """Return the model's name, revision, device and dtype."""
        return self.prepare().identity()

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Encode texts.

        Parameters
        ----------
        texts : sequence of str, shape (n,)
            Texts may be empty. A text without tokens gets zeros.
        progress : callable, optional
            Called repeatedly with the number of texts just encoded; the numbers add up to n.

        Returns
        -------
        ndarray of float32, shape (n, d)

        Raises
        ------
        InputError
            If a text is not a string, or a parameter is out of range.
        ModelError
            If the model cannot be opened.
        """
        texts = _texts(texts)
        checkpoint = self.prepare()
        pooled = POOLERS[self.pooling]
        vectors = self._inference.rows(
            self._ids(texts) if texts else [],
            lambda ids, mask: pooled(checkpoint.model(input_ids=ids, attention_mask=mask), mask),
            width=checkpoint.model.config.hidden_size,
            longest=self._longest,
            batch_size=self.batch_size,
            progress=progress,
        )
        if self.normalize:
            vectors /= np.maximum(np.sqrt((vectors * vectors).sum(axis=1, keepdims=True)), 1e-12)
        return vectors

    def fit(self, X: Sequence[str], y: Any = None) -> TextEncoder:
        """Check the parameters and open the model.

        Parameters
        ----------
        X : sequence of str, shape (n,)
            Not read.
        y : object, optional
            Not read.

        Returns
        -------
        TextEncoder
            Itself.

        Raises
        ------
        InputError
            If a parameter is out of range.
        ModelError
            If the model cannot be opened.
        """
        self.prepare()
        return self

    def transform(self, X: Sequence[str]) -> Any:
        """Encode texts, as `encode` does.

        Parameters
        ----------
        X : sequence of str, shape (n,)
            A list, an array or a column of texts.

        Returns
        -------
        ndarray of float32, shape (n, d)
            Or a frame of pandas or polars, as `set_output` says, with the columns ``textencoder0``, ``textencoder1``
            and so on.

        Raises
        ------
        InputError
            If a text is not a string, or a parameter is out of range.
        ModelError
            If the model cannot be opened.
        """
        return self.encode(X)

    @property
    def _n_features_out(self) -> int:
        """The width of the vectors. Missing until the model is open: to show an encoder must not open it."""
        if self._checkpoint is None:
            raise AttributeError("The model is not open.")
        return int(self._checkpoint.model.config.hidden_size)

    def __sklearn_is_fitted__(self) -> bool:
        return self._checkpoint is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than `max_length`, or than the model takes: their rest is not read."""
        return self.prepare().cut(_texts(texts), self._longest)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Tokenize texts, special tokens included."""
        ids: list[list[int]] = self.prepare().tokenizer(
            texts,
            truncation=True,
            max_length=self._longest,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return ids


def _texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list, after a check that they are strings."""
    if isinstance(texts, str):
        raise InputError(f"The encoder takes a sequence of texts. Got the string {texts[:40]!r}. Put it in a list.")
    if len(getattr(texts, "shape", ())) == 2:
        raise InputError(
            f"The encoder takes one column of texts. Got a table of {texts.shape[1]} columns."  # type: ignore[attr-defined]
            ' Name the column, as in frame["text"].'
        )
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            shown = " ".join(repr(text).split())[:40]
            raise InputError(f"The encoder takes strings. Got {shown} in row {row}, counted from 0. Leave it out.")
    return texts


class Encoders:
    """The encoders of one run, each opened once, with a cache of recent vectors.

    Several guards look at the same candidates, so each text is encoded once for all of them.

    Parameters
    ----------
    device : str, default="auto"
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"} or None, default="auto"
        See `augment.models.checkpoints.load_encoder`. None takes the one that masks are filled in by default.
    remembered : int, default=8192
        Number of vectors that are cached for each encoder; the least recently used are dropped first.
    opened : Checkpoint, optional
        A model that is open already, with the weights of its name. The encoder of that name uses it, rather than a
        second copy. Its device and dtype must be those given here.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        dtype: str | None = "auto",
        remembered: int = 8192,
        opened: Checkpoint | None = None,
    ) -> None:
        self._opened = opened
        self.device = device
        self.dtype = dtype
        self.remembered = remembered
        self._encoders: dict[str, TextEncoder] = {}
        self._vectors: dict[str, OrderedDict[str, np.ndarray]] = {}

    def get(self, model: str) -> TextEncoder:
        """Return the opened encoder of a name. Its vectors have length 1."""
        if model not in self._encoders:
            dtype = quickest_dtype(self.device) if self.dtype is None else self.dtype
            encoder = TextEncoder(model=model, normalize=True, device=self.device, dtype=dtype)
            if self._opened is not None and self._opened.name == model:
                base: Any = self._opened.model.base_model
                encoder.use(replace(self._opened, model=base))
            encoder.prepare()
            self._encoders[model], self._vectors[model] = encoder, OrderedDict()
        return self._encoders[model]

    def identity(self, model: str) -> dict[str, str]:
        """Return what identifies an encoder's weights, and its dtype: both determine its vectors."""
        own = self.get(model).identity()
        return {name: own[name] for name in ("revision", "dtype", "weight_bits") if name in own}

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
