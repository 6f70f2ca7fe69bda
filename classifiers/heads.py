"""Classification heads: a dense layer on one vector, or a recurrent layer over the tokens."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

RECURRENT: Mapping[str, type[nn.GRU | nn.LSTM]] = {"bigru": nn.GRU, "bilstm": nn.LSTM}
HEADS = ("linear", *RECURRENT)
"""The names of the heads, as in the paper's table 2."""


class LinearHead(nn.Module):
    """Head of dropout, a dense layer with the encoder's width, tanh, dropout, and one output for each class.

    Parameters
    ----------
    width : int
        Of the encoder's states.
    classes : int
    dropout : float
        In [0, 1); before the dense layer and after the activation.

    References
    ----------
    The paper, section 4.2, table 2: 768 → 768 → 3, tanh, dropout .1.
    """

    def __init__(self, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(width, width)
        self.out = nn.Linear(width, classes)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (batch, classes) of sentence vectors (batch, width)."""
        logits: Tensor = self.out(self.dropout(torch.tanh(self.dense(self.dropout(features)))))
        return logits

    def after_features(self) -> list[nn.Linear]:
        """Return the layers that turn features into logits."""
        return [self.dense, self.out]


class RecurrentHead(nn.Module):
    """Head of dropout, a bidirectional recurrent layer over the tokens, ReLU, dropout, and one output for each class.

    Parameters
    ----------
    kind : {"bigru", "bilstm"}
    width : int
        Of the encoder's states.
    hidden : int
        Of each direction.
    classes : int
    dropout : float
        In [0, 1); before the recurrent layer and after the activation.

    References
    ----------
    The paper, section 4.2, table 2: 768 → 256 each way → 3, ReLU, dropout .1.
    """

    def __init__(self, kind: str, width: int, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.recurrent = RECURRENT[kind](width, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, classes)

    def features(self, token_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the last states of both directions, (batch, 2 × hidden) float32.

        Parameters
        ----------
        token_states : Tensor
            Shape (batch, length, width), any floating dtype.
        attention_mask : Tensor
            Shape (batch, length); 1 for a token, 0 for padding. Padding is on the right and is not read.

        Returns
        -------
        Tensor
            The forward direction's state after the last token, and the backward direction's after the first.
        """
        lengths = attention_mask.sum(dim=1).clamp(min=1).cpu()
        # Recurrent kernels in half precision are missing on some devices, and this layer is a small part of the work.
        with torch.autocast(token_states.device.type, enabled=False):
            packed = pack_padded_sequence(
                self.dropout(token_states.float()), lengths, batch_first=True, enforce_sorted=False
            )
            state = self.recurrent(packed)[1]
        last = state[0] if isinstance(state, tuple) else state  # of an LSTM without its cell
        return torch.cat([last[0], last[1]], dim=1)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (batch, classes) of last states (batch, 2 × hidden)."""
        logits: Tensor = self.out(self.dropout(torch.relu(features)))
        return logits

    def after_features(self) -> list[nn.Linear]:
        """Return the layers that turn features into logits."""
        return [self.out]
