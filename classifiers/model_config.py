"""`EncoderClassifierConfig`, the configuration of a classifier, and its place in the Auto classes of transformers."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from transformers.configuration_utils import PreTrainedConfig
from transformers.models.auto.configuration_auto import AutoConfig

from augment.errors import InputError, did_you_mean
from augment.models.pooling import POOLERS
from classifiers.heads import HEADS

HEAD_HIDDEN = 256
"""States of each direction of a recurrent head (the paper, table 2)."""


class EncoderClassifierConfig(PreTrainedConfig):
    """Configuration of an `EncoderClassifier`.

    Parameters
    ----------
    encoder : PreTrainedConfig or dict, optional
        Of the encoder. None, which transformers needs for an empty configuration, is a BERT of default size.
    head : {"linear", "bigru", "bilstm"}, default="linear"
    pooling : {"mean", "cls", "cls_mlp", "max"}, default="mean"
        What the linear head reads; see `augment.models.pooling`. Recurrent heads read the token states.
    head_hidden : int, default=256
        States of each direction of a recurrent head.
    dropout : float, default=0.1
        Of the head; the encoder has its own.
    max_tokens : int, optional
        The largest number of tokens of a text, special tokens included. The model itself cuts longer texts, because
        ``pipeline`` does not. None: it cuts nothing, like models that were saved before this setting.
    end_tokens : int, default=0
        The number of special tokens at the end of a text. They stay when a text is cut.
    empty_token : int, optional
        The token that stands for a text without any token. None if the tokenizer adds special tokens to every text.
    encoder_max_tokens : int, optional
        The largest number of tokens that the encoder takes, for trainings that start from this model's encoder.
    **kwargs
        The settings of every configuration of transformers, such as `id2label`.

    Raises
    ------
    InputError
        If the head or the pooling is unknown.
    """

    model_type = "encoder_classifier"
    sub_configs: ClassVar = {"encoder": AutoConfig}

    def __init__(
        self,
        encoder: PreTrainedConfig | dict[str, Any] | None = None,
        *,
        head: str = "linear",
        pooling: str = "mean",
        head_hidden: int = HEAD_HIDDEN,
        dropout: float = 0.1,
        max_tokens: int | None = None,
        end_tokens: int = 0,
        empty_token: int | None = None,
        encoder_max_tokens: int | None = None,
        **kwargs: Any,
    ) -> None:
        # An Auto class opens the configuration first and then looks for its model, which is registered there.
        import_module("classifiers.model")
        for what, value, known in (("head", head, HEADS), ("pooling", pooling, tuple(POOLERS))):
            if value not in known:
                raise InputError(
                    f"The {what} must be one of {', '.join(known)}. Got {value!r}.{did_you_mean(value, known)}"
                )
        if not isinstance(encoder, PreTrainedConfig):
            values = dict(encoder or {})
            encoder = AutoConfig.for_model(values.pop("model_type", "bert"), **values)
        self.encoder = encoder
        self.head = head
        self.pooling = pooling
        self.head_hidden = head_hidden
        self.dropout = dropout
        self.max_tokens = max_tokens
        self.end_tokens = end_tokens
        self.empty_token = empty_token
        self.encoder_max_tokens = encoder_max_tokens
        super().__init__(**kwargs)


AutoConfig.register(EncoderClassifierConfig.model_type, EncoderClassifierConfig, exist_ok=True)
