"""`EncoderClassifier`: an encoder, a pooler and a head, as a model of transformers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from augment.errors import InputError, ModelError
from augment.models.checkpoints import Checkpoint
from augment.models.pooling import POOLERS
from classifiers.cutting import end_tokens, filled, kept_places
from classifiers.heads import RECURRENT, LinearHead, RecurrentHead
from classifiers.model_config import EncoderClassifierConfig


class EncoderClassifier(PreTrainedModel):
    """An encoder with a classification head (the paper, figure 1).

    After ``import classifiers``, `from_pretrained`, ``AutoModelForSequenceClassification`` and
    ``pipeline("text-classification")`` open what `save_pretrained` writes. Each gives the same answer to texts of any
    length: the model cuts a text at the length of its training, as ``pipeline`` does not.

    Parameters
    ----------
    config : EncoderClassifierConfig
    """

    config_class = EncoderClassifierConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"
    accepts_loss_kwargs = False
    """The loss is a mean over the batch, which a trainer that accumulates gradients has to divide."""
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True

    def __init__(self, config: EncoderClassifierConfig) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(config.encoder)
        if config.head in RECURRENT or config.pooling != "cls_mlp":
            _without_pooler(self.encoder)
        width, classes = cast(int, config.encoder.hidden_size), len(config.id2label or {})
        self.head: LinearHead | RecurrentHead = (
            RecurrentHead(config.head, width, config.head_hidden, classes, config.dropout)
            if config.head in RECURRENT
            else LinearHead(width, classes, config.dropout)
        )
        self._frozen = False
        self._takes_segments = (
            "token_type_ids" in inspect.signature(self.encoder.forward).parameters
            and getattr(config.encoder, "type_vocab_size", 0) > 1
        )
        self.post_init()

    @classmethod
    def from_encoder(
        cls,
        checkpoint: Checkpoint,
        classes: Sequence[str],
        *,
        head: str = "linear",
        pooling: str = "mean",
        dropout: float = 0.1,
        max_length: int | None = None,
        seed: int = 0,
    ) -> EncoderClassifier:
        """Make a classifier from a trained encoder and a new head.

        Parameters
        ----------
        checkpoint : Checkpoint
            From `augment.models.checkpoints.load_encoder`; it is not changed.
        classes : sequence of str
            Their names, two or more, in the order of the outputs.
        head, pooling, dropout
            As in `EncoderClassifierConfig`.
        max_length : int, optional
            The largest number of tokens of a text, special tokens included. Longer texts are cut, as are those that are
            longer than the encoder takes. None for what the encoder takes.
        seed : int, default=0
            The seed of the head's initial weights.

        Returns
        -------
        EncoderClassifier
            In eval mode, float32, on the checkpoint's device.

        Raises
        ------
        InputError
            If there are fewer than two classes, or the head or the pooling is unknown.
        ModelError
            If the pooling is "cls_mlp" and the checkpoint has no trained pooler.
        """
        if len(classes) < 2:
            raise InputError(f"A classifier needs two classes or more. Got {len(classes)}: {', '.join(classes)}.")
        if pooling == "cls_mlp" and head not in RECURRENT:
            checkpoint.require_pooler()
        source, longest = checkpoint.model, checkpoint.longest()
        config = EncoderClassifierConfig(
            encoder=type(source.config).from_dict(source.config.to_dict()),
            head=head,
            pooling=pooling,
            dropout=dropout,
            max_tokens=longest if max_length is None else min(max_length, longest),
            end_tokens=end_tokens(checkpoint.tokenizer),
            empty_token=None if checkpoint.tokenizer("")["input_ids"] else checkpoint.unknown_token,
            encoder_max_tokens=longest,
            id2label=dict(enumerate(classes)),
            label2id={name: i for i, name in enumerate(classes)},
        )
        config.encoder.dtype, config.encoder.name_or_path = torch.float32, ""  # a folder of this machine, else
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = cls(config)
            model.reset_head(seed)
        weights = source.state_dict()
        model.encoder.load_state_dict({name: weights[name] for name in model.encoder.state_dict()})
        cast(Any, model).to(checkpoint.device)
        return model.eval()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Open a saved classifier, like any model of transformers.

        Raises
        ------
        ModelError
            If the checkpoint lacks weights, e.g. of the head. transformers would draw random ones instead.
        """
        wanted = kwargs.pop("output_loading_info", False)
        opened: Any = super().from_pretrained(pretrained_model_name_or_path, *args, output_loading_info=True, **kwargs)
        model, report = opened
        missing = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
        if missing:
            raise ModelError(
                f"The checkpoint {str(pretrained_model_name_or_path)!r} is not a trained classifier: it lacks"
                f" {missing[0]!r}{f' and {len(missing) - 1} more' * (len(missing) > 1)}. Give one that"
                " EncoderClassifier.save_pretrained has written completely, or train it: classifiers train."
            )
        return (model, report) if wanted else model

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the outputs."""
        return list(cast(dict[int, str], self.config.id2label).values())

    @property
    def feature_width(self) -> int:
        """The number of columns of `features`."""
        return self.head.after_features()[0].in_features

    def features(self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Any = None) -> Tensor:
        """Return the input of the head, the vectors that can be resampled.

        Parameters
        ----------
        input_ids : Tensor
            Shape (batch, length), int64, padded on the right.
        attention_mask : Tensor, optional
            Shape (batch, length); 1 for a token, 0 for padding. None: all are tokens.
        token_type_ids : Tensor, optional
            Shape (batch, length); handed on to encoders that tell segments apart.

        Returns
        -------
        Tensor
            float32; of a linear head the pooled token states (batch, width), of a recurrent one the last states
            of both directions (batch, 2 × head_hidden).
        """
        input_ids, attention_mask, token_type_ids = self._as_trained(input_ids, attention_mask, token_type_ids)
        segments = {"token_type_ids": token_type_ids} if self._takes_segments and token_type_ids is not None else {}
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **segments)
        if isinstance(self.head, RecurrentHead):
            return self.head.features(output.last_hidden_state, attention_mask)
        return POOLERS[self.config.pooling](output, attention_mask)

    def _as_trained(
        self, input_ids: Tensor, attention_mask: Tensor | None, segments: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return tokens as the training would have read them: cut, and with a token in the place of none."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        if self.config.empty_token is not None:
            input_ids, mask = filled(input_ids, mask, self.config.empty_token)
            segments = None if segments is None or segments.shape != mask.shape else segments
        if self.config.max_tokens is None or input_ids.shape[1] <= self.config.max_tokens:
            return input_ids, mask, segments
        kept = kept_places(mask, self.config.max_tokens, self.config.end_tokens)
        segments = None if segments is None else segments.gather(1, kept)
        return input_ids.gather(1, kept), mask.gather(1, kept), segments

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (batch, classes) of the vectors that `features` returns."""
        return self.head.classify(features)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        features: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
    ) -> SequenceClassifierOutput | tuple[Tensor, ...]:
        """Return the logits.

        Parameters
        ----------
        input_ids, attention_mask, token_type_ids
            As in `features`.
        features : Tensor, optional
            Shape (batch, d), instead of `input_ids`; then the encoder is not used.
        labels : Tensor, optional
            Shape (batch,), int64. If given, the loss is the cross-entropy. `classifiers.losses` has other losses.
        return_dict : bool, optional
            False returns a tuple.

        Returns
        -------
        SequenceClassifierOutput or tuple
            With `logits`, (batch, classes).
        """
        if features is None:
            if input_ids is None:
                raise InputError("The classifier takes input_ids or features. Got neither.")
            features = self.features(input_ids, attention_mask, token_type_ids)
        logits = self.classify(features)
        loss = None if labels is None else nn.functional.cross_entropy(logits.float(), labels)
        output = SequenceClassifierOutput(loss=loss, logits=logits)
        return output.to_tuple() if return_dict is False else output

    def reset_head(self, seed: int) -> None:
        """Draw new weights for the layers between features and logits, the same for the same seed.

        Parameters
        ----------
        seed : int
            0 to 2**64 - 1.
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            for layer in self.head.after_features():
                fresh = nn.Linear(layer.in_features, layer.out_features)
                layer.load_state_dict(fresh.state_dict())

    def freeze_encoder(self) -> None:
        """Freeze the encoder: its weights stay as they are, its dropout is off, and only the head is trained."""
        self.encoder.requires_grad_(False)
        self._frozen = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Go to training mode or leave it, but for a frozen encoder."""
        super().train(mode)
        if self._frozen:
            self.encoder.eval()
        return self

    def eval(self) -> Self:
        """Leave training mode."""
        return self.train(False)

    def get_input_embeddings(self) -> nn.Module:
        """Return the input embeddings of the encoder."""
        embeddings: nn.Module = self.encoder.get_input_embeddings()
        return embeddings


def _without_pooler(encoder: Any) -> None:
    """Remove the encoder's own pooler if it is not used. Unused weights stop a training with several processes."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None


AutoModel.register(EncoderClassifierConfig, EncoderClassifier, exist_ok=True)  # whose encoder `load_encoder` takes
AutoModelForSequenceClassification.register(EncoderClassifierConfig, EncoderClassifier, exist_ok=True)
