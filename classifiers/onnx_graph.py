"""A classifier as a graph of ONNX, from token ids to probabilities."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from classifiers.heads import RecurrentHead

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "probabilities"


class Probabilities(nn.Module):
    """Turns token ids into the probabilities of the classes, in operations that ONNX has.

    Parameters
    ----------
    model : PreTrainedModel
        A text classifier in eval mode. A recurrent head is replaced.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        if isinstance(getattr(model, "head", None), RecurrentHead):
            model.head = _OnnxRecurrentHead(model.head)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the probabilities, (batch, classes), of token ids and their mask, both (batch, length) int64."""
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits.float().softmax(dim=-1)


class _OnnxRecurrentHead(RecurrentHead):
    """A recurrent head whose layer is one operation of ONNX, which takes the lengths of the rows.

    torch packs rows of different lengths, and what it packs cannot be exported.
    """

    input_weights: Tensor
    state_weights: Tensor
    biases: Tensor

    def __init__(self, head: RecurrentHead) -> None:
        nn.Module.__init__(self)
        self.dropout, self.recurrent, self.out = head.dropout, head.recurrent, head.out
        self.operation = type(head.recurrent).__name__
        gates = _GATES[self.operation]

        def of_both_directions(*names: str) -> Tensor:
            found = [
                torch.cat([_in_order(getattr(head.recurrent, f"{name}_l0{way}"), gates) for name in names])
                for way in ("", "_reverse")
            ]
            return torch.stack(found).detach()

        self.register_buffer("input_weights", of_both_directions("weight_ih"))
        self.register_buffer("state_weights", of_both_directions("weight_hh"))
        self.register_buffer("biases", of_both_directions("bias_ih", "bias_hh"))

    def features(self, token_states: Tensor, attention_mask: Tensor) -> Tensor:
        lengths = attention_mask.sum(dim=1).clamp(min=1).to(torch.int32)
        batch, hidden = token_states.shape[0], self.recurrent.hidden_size
        steps = token_states.float().transpose(0, 1)
        attributes: dict[str, Any] = {"direction": "bidirectional", "hidden_size": hidden}
        if self.operation == "GRU":
            attributes["linear_before_reset"] = 1  # as in torch
        _, last = torch.onnx.ops.symbolic_multi_out(
            self.operation,
            (steps, self.input_weights, self.state_weights, self.biases, lengths),
            attributes,
            dtypes=(torch.float32, torch.float32),
            shapes=((steps.shape[0], 2, batch, hidden), (2, batch, hidden)),
        )
        return torch.cat([last[0], last[1]], dim=1)


_GATES = {"GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
"""The places of ONNX's gates among those of torch: update, reset, hidden; and input, output, forget, cell."""


def _in_order(weights: Tensor, gates: tuple[int, ...]) -> Tensor:
    """Put the rows of weights into ONNX's order of gates."""
    parts = weights.chunk(len(gates))
    return torch.cat([parts[gate] for gate in gates])


def exported(model: Any) -> ONNXProgram:
    """Return a classifier as a program of ONNX, for batches of any size and any length.

    Parameters
    ----------
    model : PreTrainedModel
        A text classifier in eval mode, float32, on the CPU. It is changed, and of no use afterwards.

    Returns
    -------
    ONNXProgram
        From `INPUTS`, both (batch, length) int64, to `OUTPUT`, (batch, classes) float32.

    Raises
    ------
    Exception
        Whatever torch raises on a model that it cannot export.
    """
    if hasattr(model.config, "max_tokens"):
        model.config.max_tokens = None  # the tokenizer beside the graph cuts
    ids = torch.ones((2, 9), dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    shapes = {name: {0: batch, 1: length} for name in INPUTS}
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        program = torch.onnx.export(
            Probabilities(model).eval(),
            (ids, mask),
            input_names=INPUTS,
            output_names=(OUTPUT,),
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    return cast("ONNXProgram", program)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what torch says on the way of an export. What matters is raised."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
