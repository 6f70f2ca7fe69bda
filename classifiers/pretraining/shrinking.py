"""Make a checkpoint smaller before pretraining: fewer word pieces, fewer layers, shorter texts."""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from augment.errors import InputError, ModelError
from augment.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def shrink(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    *,
    vocabulary: int | None = None,
    layers: int | None = None,
    positions: int | None = None,
) -> Checkpoint:
    """Reduce the vocabulary, the layers or the positions of a model.

    Parameters
    ----------
    checkpoint : Checkpoint
        A masked LM; its model is changed in place.
    texts : sequence of str
        The corpus that chooses the word pieces.
    vocabulary, layers, positions : int, optional
        The numbers of word pieces, encoder layers and position embeddings to keep. None keeps all.

    Returns
    -------
    Checkpoint
        The same model with the tokenizer that fits it.

    Raises
    ------
    InputError
        If a number is out of range.
    ModelError
        If the architecture or the tokenizer cannot be cut this way.
    """
    tokenizer = checkpoint.tokenizer
    if layers is not None:
        drop_layers(checkpoint.model, layers)
    if vocabulary is not None:
        pieces = frequent_pieces(tokenizer, texts, vocabulary)
        tokenizer = cut_vocabulary(checkpoint.model, tokenizer, pieces)
    if positions is not None:
        cut_positions(checkpoint.model, positions)
    smaller = replace(checkpoint, tokenizer=tokenizer)
    tokenizer.model_max_length = smaller.longest()
    return smaller


def frequent_pieces(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], size: int) -> list[str]:
    """Choose the word pieces that a corpus uses most, in the order of the old vocabulary.

    Special tokens and every printable ASCII character (alone and as a continuation) always stay,
    so that any English word can still be spelt.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast
        A WordPiece tokenizer.
    texts : iterable of str
        The corpus.
    size : int
        How many pieces to keep, special tokens and characters included.

    Returns
    -------
    list of str
        At most `size` pieces.

    Raises
    ------
    InputError
        If `size` is too small for the special tokens and the characters.
    """
    counts: Counter[int] = Counter()
    for encoding in tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False):
        counts.update(encoding.ids)
    vocabulary = tokenizer.get_vocab()
    alphabet = {p for c in string.printable for p in (c, f"##{c}")}
    keep = {i for piece, i in vocabulary.items() if piece in alphabet} | set(tokenizer.all_special_ids)
    if size < len(keep):
        raise InputError(f"The vocabulary size must be at least {len(keep)}, the characters alone. Got {size}.")
    for index, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if len(keep) == size:
            break
        keep.add(index)
    return [piece for piece, i in sorted(vocabulary.items(), key=lambda item: item[1]) if i in keep]


def cut_vocabulary(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, pieces: Sequence[str]
) -> PreTrainedTokenizerFast:
    """Keep only these word pieces, in the model (in place) and in a new tokenizer.

    Parameters
    ----------
    model : PreTrainedModel
        A masked LM whose input and output embeddings are tied.
    tokenizer : PreTrainedTokenizerFast
        Its WordPiece tokenizer.
    pieces : sequence of str
        What `frequent_pieces` chose.

    Returns
    -------
    PreTrainedTokenizerFast
        A tokenizer that numbers the pieces 0 … len(pieces) - 1.

    Raises
    ------
    ModelError
        If the tokenizer is not WordPiece.
    """
    import torch
    from tokenizers import Tokenizer

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"]["type"] != "WordPiece":
        raise ModelError(f"Only a WordPiece vocabulary can be cut. This tokenizer is {state['model']['type']}.")
    old = tokenizer.get_vocab()
    kept = torch.tensor([old[piece] for piece in pieces])
    new = {piece: i for i, piece in enumerate(pieces)}
    state["model"]["vocab"] = new
    for token in state["added_tokens"]:
        token["id"] = new[token["content"]]
    _renumber_template(state["post_processor"], new)

    projection: Any = model.get_output_embeddings()
    embeddings, bias = projection.weight.data[kept], projection.bias.data[kept]
    model.resize_token_embeddings(len(pieces), mean_resizing=False)
    projection = model.get_output_embeddings()
    projection.weight.data.copy_(embeddings)
    projection.bias.data.copy_(bias)
    model.config.pad_token_id = new[tokenizer.pad_token]

    smaller = type(tokenizer)(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        vocab=new,
        do_lower_case=state["normalizer"]["lowercase"],
        model_max_length=tokenizer.model_max_length,
    )
    return smaller


def _renumber_template(post_processor: dict[str, Any], new: dict[str, int]) -> None:
    """Give the special tokens of a post-processor their new numbers, in place."""
    for name, special in post_processor.get("special_tokens", {}).items():
        special["ids"] = [new[name]]
    for end in ("sep", "cls"):
        if end in post_processor:
            post_processor[end] = [post_processor[end][0], new[post_processor[end][0]]]


def drop_layers(model: PreTrainedModel, keep: int) -> None:
    """Keep `keep` encoder layers, in place. They are evenly spread, with the first and the last layer.

    Parameters
    ----------
    model : PreTrainedModel
        A model whose encoder holds its layers in one `ModuleList` of `num_hidden_layers`.
    keep : int
        Between 1 and the number of layers.

    Raises
    ------
    InputError
        If the model has fewer layers.
    ModelError
        If the layers cannot be found.

    References
    ----------
    Sanh et al. 2019, DistilBERT, section 3 (initialisation from the teacher's layers).
    """
    from torch import nn

    total: int = model.config.num_hidden_layers
    if not 1 <= keep <= total:
        raise InputError(f"The number of layers must be between 1 and {total}. Got {keep}.")
    for module in model.base_model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == total:
                chosen = [round(i * (total - 1) / max(keep - 1, 1)) for i in range(keep)]
                setattr(module, name, nn.ModuleList(child[i] for i in chosen))
                model.config.num_hidden_layers = keep
                return
    raise ModelError(f"No list of {total} layers was found in {type(model).__name__}.")


def cut_positions(model: PreTrainedModel, length: int) -> None:
    """Keep the first `length` position embeddings, in place.

    Parameters
    ----------
    model : PreTrainedModel
        A model with learned absolute positions in `embeddings.position_embeddings`.
    length : int
        At most what the model has.

    Raises
    ------
    InputError
        If the model has fewer positions.
    ModelError
        If it has no learned positions.
    """
    import torch

    embeddings: Any = model.base_model.embeddings
    table = getattr(embeddings, "position_embeddings", None)
    if table is None:
        raise ModelError(f"The model {type(model).__name__} has no learned positions to cut. Leave the positions out.")
    if not 8 <= length <= table.num_embeddings:
        raise InputError(f"The number of positions must be between 8 and {table.num_embeddings}. Got {length}.")
    table.weight = torch.nn.Parameter(table.weight.data[:length].clone())
    table.num_embeddings = length
    embeddings.position_ids = embeddings.position_ids[:, :length]
    if hasattr(embeddings, "token_type_ids"):
        embeddings.token_type_ids = embeddings.token_type_ids[:, :length]
    model.config.max_position_embeddings = length
