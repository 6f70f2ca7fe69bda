"""Matrix products whose last bits do not depend on how many rows are multiplied together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SLAB = 256
"""Rows of one product. A multiple of every block size that the kernels use, so that no row falls into a remainder."""


class FixedSlabs(TorchFunctionMode):
    """Within this context every `torch.nn.functional.linear` multiplies `SLAB` rows at a time.

    A library for matrix products chooses its kernel, and with it the order of summation, by the shape of
    the product: the same row in a batch of 7 and in a batch of 64 differs in its last bits, and in
    bfloat16 that is enough to draw another word. With one shape there is one order. Whatever
    stands in the other rows of a slab has no part in a row's sums. Padding costs at most one slab for
    each product.

    Parameters
    ----------
    weights : dict, optional
        Where parameters are kept in the dtype of autocast, to be used again. Those that stand here must not change.

    Examples
    --------
    >>> weight, rows = torch.randn(384, 384), torch.randn(600, 384)
    >>> with FixedSlabs():
    ...     whole = torch.nn.functional.linear(rows, weight)
    ...     parts = torch.cat([torch.nn.functional.linear(part, weight) for part in rows.split(7)])
    >>> torch.equal(whole, parts)
    True
    """

    def __init__(self, weights: dict[Tensor, Tensor] | None = None) -> None:
        super().__init__()
        self.weights = {} if weights is None else weights

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run any function as it is, and a linear map slab by slab."""
        if func is torch.nn.functional.linear:
            return self._linear(*args, **(kwargs or {}))
        if func in (torch.matmul, torch.Tensor.matmul):
            # The heads of a batch of one lie otherwise in memory than those of many, and another kernel is chosen.
            args = tuple(operand.contiguous() for operand in args)
        return func(*args, **(kwargs or {}))

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        device = input.device.type
        if not torch.is_autocast_enabled(device):
            return _in_slabs(input, weight, bias)
        dtype = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):
            return _in_slabs(input.to(dtype), self._cast(weight, dtype), None if bias is None else bias.to(dtype))

    def _cast(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        if not isinstance(weight, torch.nn.Parameter):
            return weight.to(dtype)
        kept = self.weights.get(weight)
        if kept is None or kept.dtype is not dtype:
            kept = self.weights[weight] = weight.to(dtype)
        return kept


def _in_slabs(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    rows = input.reshape(-1, input.shape[-1])
    padded = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % SLAB))
    slabs = [torch.nn.functional.linear(slab, weight, bias) for slab in padded.split(SLAB)]
    return torch.cat(slabs)[: len(rows)].view(*input.shape[:-1], weight.shape[0])
