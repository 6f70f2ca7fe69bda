"""Refuse a checkpoint whose parts do not fit together, before its first text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from augment.errors import ModelError, counted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def try_out(name: str, model: Any) -> None:
    """Run a model once on one token: many values of a config.json are not looked at before."""
    import torch

    token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
    decoder = {"decoder_input_ids": token} if model.config.is_encoder_decoder else {}
    try:
        with torch.inference_mode():
            model(input_ids=token, attention_mask=token + 1, **decoder)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"The model {name!r} cannot be run on a text ({type(error).__name__}:"
            f" {textwrap.shorten(str(error), 200, placeholder=' …')}). Look for a wrong value in its config.json."
        ) from error


def check_vocabulary(name: str, model: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    """Refuse a tokenizer with tokens that the model has no row for. One added for texts of others is let be."""
    try:
        rows: int = model.base_model.get_input_embeddings().num_embeddings
    except (AttributeError, NotImplementedError):  # a model of another package may have none
        return
    kinds = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
    special = {getattr(tokenizer, f"{kind}_token", None) for kind in kinds}
    added = {token.content for token in tokenizer.added_tokens_decoder.values()} - special
    beyond = {word: number for word, number in tokenizer.get_vocab().items() if number >= rows and word not in added}
    if beyond:
        raise ModelError(
            f"The tokenizer of {name!r} has {counted(len(beyond), 'token')} that the model does not know, e.g."
            f" {min(beyond, key=lambda word: beyond[word])!r:.40}: the model has {rows:,}. Give the tokenizer that was"
            " saved with it."
        )


def check_classes(name: str, config: Any) -> None:
    """Refuse a classifier whose outputs do not have a name each."""
    names = config.id2label
    if (
        not isinstance(names, dict)
        or sorted(names) != list(range(len(names)))
        or not all(isinstance(label, str) for label in names.values())
    ):
        raise ModelError(
            f"The classifier {name!r} does not name its classes: id2label of its config.json must have a text for each"
            f" number from 0. Got {textwrap.shorten(repr(names), 100, placeholder=' …')}."
        )


def agree_on_padding(name: str, model: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    """Give a model and its tokenizer the same padding token, if one of them has none.

    A model such as GPT-2 classifies by the last token of a text, and tells it from padding by the token itself.
    """
    import torch

    if not hasattr(model.config, "pad_token_id"):  # our own, which goes by the mask
        return
    if tokenizer.pad_token_id is None and model.config.pad_token_id is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(model.config.pad_token_id)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    if model.config.pad_token_id is None:
        two = torch.zeros(2, 1, dtype=torch.long, device=model.device)
        try:
            with torch.inference_mode():
                model(input_ids=two, attention_mask=two + 1)
        except ValueError:
            raise ModelError(
                f"The classifier {name!r} ({type(model).__name__}) has no padding token, so it cannot read several"
                " texts at once. Set `pad_token_id` in its config.json, e.g. to its `eos_token_id`."
            ) from None
