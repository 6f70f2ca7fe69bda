"""Pooling functions: from token states to one vector for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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


def max(token_states: Tensor, attention_mask: Tensor) -> Tensor:
    """Take the largest value of each dimension among the token states under the mask.

    Parameters
    ----------
    token_states : Tensor
        Shape (batch, length, d), any floating dtype; length at least 1.
    attention_mask : Tensor
        Shape (batch, length); 1 for a token, 0 for padding.

    Returns
    -------
    Tensor
        Shape (batch, d), float32. A row whose mask is all zero gives zeros.

    References
    ----------
    Reimers and Gurevych 2019, Sentence-BERT, section 3 (there "max-over-time").
    """
    token = attention_mask.bool().unsqueeze(-1)
    return token_states.float().masked_fill(~token, -float("inf")).amax(1).masked_fill(~token.any(1), 0.0)


def cls(token_states: Tensor) -> Tensor:
    """Take the state of the first token, ``[CLS]`` or ``<s>``, as it leaves the last layer.

    Parameters
    ----------
    token_states : Tensor
        Shape (batch, length, d), any floating dtype; length at least 1, padding on the right.

    Returns
    -------
    Tensor
        Shape (batch, d), float32.

    References
    ----------
    Gao et al. 2021, SimCSE, section 6.3 (``[CLS]`` without MLP: how the unsupervised models are used; their code
    calls it ``cls_before_pooler``).
    """
    return token_states[:, 0].float()


def cls_mlp(pooler_output: Tensor) -> Tensor:
    """Take the state of the first token after the model's own dense layer and tanh.

    Parameters
    ----------
    pooler_output : Tensor
        Shape (batch, d), any floating dtype: the output of this name in transformers.

    Returns
    -------
    Tensor
        Shape (batch, d), float32.

    References
    ----------
    Gao et al. 2021, SimCSE, section 6.3 (``[CLS]`` with MLP: how the supervised models are used; their code calls
    it ``cls``).
    """
    return pooler_output.float()


POOLERS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "mean": lambda output, attention_mask: mean(output.last_hidden_state, attention_mask),
    "cls": lambda output, attention_mask: cls(output.last_hidden_state),
    "cls_mlp": lambda output, attention_mask: cls_mlp(output.pooler_output),
    "max": lambda output, attention_mask: max(output.last_hidden_state, attention_mask),
}
"""Name → function from a model's output and its attention mask to vectors, (batch, d) float32."""
