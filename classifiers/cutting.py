"""Cut long texts in the same place whoever reads them: the training, a saved tokenizer, or the model itself.

``pipeline`` hands a text of any length to the model, whatever the tokenizer's settings are, so the model has to cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def end_tokens(tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the number of special tokens that a tokenizer puts at the end of a text."""
    special = tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
    return len(special) - 1 - max((i for i, is_special in enumerate(special) if not is_special), default=-1)


def fit_tokenizer(tokenizer: PreTrainedTokenizerFast, longest: int) -> None:
    """Make a tokenizer cut texts at a length when it is asked to truncate, and record this where it is saved.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast
        It is changed. It pads and cuts at the end of a text.
    longest : int
        The largest number of tokens of a text, special tokens included.
    """
    settings: dict[str, Any] = tokenizer.init_kwargs
    for side in ("padding_side", "truncation_side"):
        setattr(tokenizer, side, "right")
        settings[side] = "right"
    settings.pop("max_length", None)  # of the file that the encoder's tokenizer was read from
    tokenizer.model_max_length = longest
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.enable_truncation(longest)  # what `tokenizer.json` says to other programs


def kept_places(attention_mask: Tensor, longest: int, end: int) -> Tensor:
    """Return the places of the tokens that stay when rows are cut as a tokenizer cuts texts.

    Parameters
    ----------
    attention_mask : Tensor
        Shape (batch, length), int64; 1 for a token, 0 for padding, which is on the right.
    longest : int
        Tokens of a row that is cut, at most `length`.
    end : int
        Special tokens at the end of each row, which stay.

    Returns
    -------
    Tensor
        Shape (batch, `longest`), int64: columns of the row.

    Examples
    --------
    >>> kept_places(torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]), longest=4, end=1)
    tensor([[0, 1, 2, 5],
            [0, 1, 2, 3]])
    """
    too_many = (attention_mask.sum(dim=1, keepdim=True) - longest).clamp(min=0)
    places = torch.arange(longest, device=attention_mask.device)
    return places + (places >= longest - end) * too_many


def filled(input_ids: Tensor, attention_mask: Tensor, token: int) -> tuple[Tensor, Tensor]:
    """Put one token into each row that has none.

    Parameters
    ----------
    input_ids, attention_mask : Tensor
        Shape (batch, length); the length may be 0, and then the type is any.
    token : int

    Returns
    -------
    input_ids, attention_mask : Tensor
        int64.

    Examples
    --------
    >>> filled(torch.tensor([[7, 8], [0, 0]]), torch.tensor([[1, 1], [0, 0]]), 5)
    (tensor([[7, 8],
            [5, 0]]), tensor([[1, 1],
            [1, 0]]))
    """
    if input_ids.shape[1] == 0:
        ids = torch.full((len(input_ids), 1), token, device=input_ids.device)
        return ids, torch.ones_like(ids)
    empty = attention_mask.sum(dim=1) == 0
    first = torch.arange(input_ids.shape[1], device=input_ids.device) == 0
    place = empty[:, None] & first
    return input_ids.masked_fill(place, token), attention_mask.masked_fill(place, 1)
