"""Pure poolers: token states and a mask in, one vector for each row out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def mean(token_states: Tensor, attention_mask: Tensor) -> Tensor:
    """Average the token states under the mask.

    Parameters
    ----------
    token_states : Tensor
        Shape (batch, length, d), any floating dtype.
    attention_mask : Tensor
        Shape (batch, length); 1 for a token, 0 for padding.

    Returns
    -------
    Tensor
        Shape (batch, d), float32. A row whose mask is all zero gives zeros.

    References
    ----------
    Reimers and Gurevych 2019, Sentence-BERT, section 3.
    """
    weights = attention_mask.unsqueeze(-1).float()
    return (token_states.float() * weights).sum(1) / weights.sum(1).clamp(min=1.0)
