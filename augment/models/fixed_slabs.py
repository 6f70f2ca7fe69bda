"""Matrix products whose last bits do not depend on how many rows are multiplied together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SLAB = 256
"""Rows of one product on a CPU: a multiple of all block sizes of the kernels, so that no row falls into a remainder."""
DEVICE_SLAB = 4_096
"""Rows of one product on another device, where each costs a launch."""
SHORTER = (16, 32, 64, 128, 192, 256, 1_024)
"""Rows of a shorter slab for a remainder, ascending; used where it has been seen to give the same bits."""


class Quantized(NamedTuple):
    """A weight in eight bits: ``values * scales`` is near it."""

    values: Tensor
    """(columns, out) int8, each column of the product along memory."""
    scales: Tensor
    """(out,) float32."""


class FixedSlabs(TorchFunctionMode):
    """Within this context every `torch.nn.functional.linear` multiplies `SLAB` rows at a time.

    A library for matrix products chooses its kernel, and with it the order of summation, by the shape of
    the product: the same row in a batch of 7 and in a batch of 64 differs in its last bits, and in
    bfloat16 that is enough to draw another word. With one shape there is one order. The other rows of a slab do not
    affect a row's sums. It is for inference: no gradient goes through.

    The rows that are left over make a slab together with rows before them, or with zeros. It may be a shorter one
    (`SHORTER`), if a trial has shown that its kernel adds in the same order: random rows times this weight give the
    same bits in it as in a whole slab. On other devices than a CPU a slab has `DEVICE_SLAB` rows.

    With `int8`, rows and weights are rounded to eight bits, with one scale for each row and each column of the product,
    and multiplied as integers. Their sums are exact, so the order of summation does not matter.

    Parameters
    ----------
    weights : dict, optional
        Cache of converted parameters of one dtype. The parameters must not change meanwhile.
    int8 : bool, default=False
        Multiply in eight bits.

    References
    ----------
    Dettmers et al. 2022, "LLM.int8()", section 2.1, equation 3 (a scale for each row and each column).

    Examples
    --------
    >>> weight, rows = torch.randn(384, 384), torch.randn(600, 384)
    >>> with FixedSlabs():
    ...     whole = torch.nn.functional.linear(rows, weight)
    ...     parts = torch.cat([torch.nn.functional.linear(part, weight) for part in rows.split(7)])
    >>> torch.equal(whole, parts)
    True
    """

    def __init__(self, weights: dict[Tensor, Tensor | Quantized] | None = None, *, int8: bool = False) -> None:
        super().__init__()
        self.weights = {} if weights is None else weights
        self.int8 = int8

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run any function as it is, and a linear map slab by slab."""
        if func is torch.nn.functional.linear:
            return self._linear(*args, **(kwargs or {}))
        if func in (torch.matmul, torch.Tensor.matmul):
            # The heads of a batch of one have another memory layout than those of many, which selects another kernel.
            args = tuple(operand.contiguous() for operand in args)
        return func(*args, **(kwargs or {}))

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if self.int8:
            return _in_int8(input, self._kept(weight, torch.int8), bias)
        device = input.device.type
        if not torch.is_autocast_enabled(device):
            return _in_slabs(input, weight, bias)
        dtype = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):
            return _in_slabs(input.to(dtype), self._kept(weight, dtype), None if bias is None else bias.to(dtype))

    def _kept(self, weight: Tensor, dtype: torch.dtype) -> Any:
        """Return a weight in another type; a converted parameter is cached."""
        kept = self.weights.get(weight)
        if kept is None:
            kept = quantized(weight) if dtype is torch.int8 else weight.to(dtype)
            if isinstance(weight, torch.nn.Parameter):
                self.weights[weight] = kept
        return kept


def quantized(weight: Tensor) -> Quantized:
    """Round a weight to eight bits, with one scale for each of its rows (columns of the product).

    Parameters
    ----------
    weight : Tensor
        Shape (out, columns), floating.

    Returns
    -------
    Quantized
    """
    values, scales = _rounded(weight.float())
    return Quantized(values.t(), scales[:, 0])


def _rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows as int8 from -127 to 127, and what each is to be multiplied by, (rows, 1) float32."""
    largest = torch.maximum(rows.amax(1, keepdim=True), rows.amin(1, keepdim=True).neg_())
    scales = largest.div_(127).clamp_(min=torch.finfo(torch.float32).tiny)
    return (rows / scales).round_().to(torch.int8), scales


def _in_int8(input: Tensor, weight: Quantized, bias: Tensor | None) -> Tensor:
    rows = input.reshape(-1, input.shape[-1]).float()
    product = rows.new_empty(len(rows), len(weight.scales))
    for slab, out in zip(rows.split(SLAB), product.split(SLAB), strict=True):
        values, scales = _rounded(slab)
        out.copy_(torch._int_mm(values, weight.values)).mul_(scales).mul_(weight.scales)
        if bias is not None:
            out.add_(bias)
    return product.view(*input.shape[:-1], product.shape[1])


def _in_slabs(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    rows, columns = input.reshape(-1, input.shape[-1]), weight.t()
    slab = slab_of(input.device)
    product = rows.new_empty(len(rows), columns.shape[1])
    for start in range(0, len(rows) - slab + 1, slab):
        _multiply(rows[start : start + slab], columns, bias, product[start : start + slab])
    if left := len(rows) % slab:
        size = next((size for size in SHORTER if left <= size < slab and _same_bits(size, columns, bias)), slab)
        if size <= len(rows):  # the last rows, some of them once more: to the same bits, and without a copy
            _multiply(rows[-size:], columns, bias, product[-size:])
        else:
            padded = torch.nn.functional.pad(rows, (0, 0, 0, size - left))
            product.copy_(_multiply(padded, columns, bias)[:left])
    return product.view(*input.shape[:-1], product.shape[1])


def slab_of(device: torch.device) -> int:
    """Return how many rows of a product a device multiplies at a time."""
    return SLAB if device.type == "cpu" else DEVICE_SLAB


_tried: dict[tuple[Any, ...], bool] = {}
"""The results of trials, by shape, dtype, device, with a bias or not, and size of the slab."""


def _same_bits(size: int, columns: Tensor, bias: Tensor | None) -> bool:
    """Return whether a shorter slab gives the bits of a whole one. It is tried once for each shape."""
    key = (*columns.shape, columns.dtype, columns.device, bias is not None, size)
    if key not in _tried:
        source = torch.Generator().manual_seed(0)
        rows = torch.randn(slab_of(columns.device), columns.shape[0], generator=source).to(columns)
        whole = _multiply(rows, columns, bias)
        starts = (*range(0, len(rows) - size, size), len(rows) - size)
        _tried[key] = all(
            torch.equal(_multiply(rows[at : at + size], columns, bias), whole[at : at + size]) for at in starts
        )
    return _tried[key]


def _multiply(rows: Tensor, columns: Tensor, bias: Tensor | None, out: Tensor | None = None) -> Tensor:
    return torch.mm(rows, columns, out=out) if bias is None else torch.addmm(bias, rows, columns, out=out)
