"""Matrix products whose last bits do not depend on how many rows are multiplied together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SLAB = 256
"""Rows of one product on a CPU: a multiple of all block sizes of the kernels, so that no row falls into a remainder."""
DEVICE_SLAB = 4_096
"""Rows of one product on another device, where each costs a launch."""
LARGER = 512
"""Rows of larger slabs are a multiple of this; they too are used where they have been seen to give the same bits."""
LARGEST = 4_096
"""Most rows of a larger slab."""
OFTEN = 32
"""A larger slab is tried when it would have been used so often: the trial takes as long as two products."""
SHORTER = (16, 32, 64, 128, 192, 256, 1_024)
"""Rows of a shorter slab for a remainder, ascending; used where it has been seen to give the same bits."""


class Quantized(NamedTuple):
    """A weight in eight bits: ``values * scales`` is near it."""

    values: Tensor
    """(columns, out) int8, each column of the product along memory."""
    scales: Tensor
    """(out,) float32."""


class Packed(NamedTuple):
    """A weight in the layout that its kernel reads, so that it is not brought into it again for every product."""

    values: Tensor
    """Opaque: only its kernel knows the layout."""
    shape: tuple[int, int]
    """Its columns and out."""
    dtype: torch.dtype
    device: torch.device


class FixedSlabs(TorchFunctionMode):
    """Within this context every `torch.nn.functional.linear` multiplies `SLAB` rows at a time.

    A library for matrix products chooses its kernel, and with it the order of summation, by the shape of
    the product: the same row in a batch of 7 and in a batch of 64 differs in its last bits, and in
    bfloat16 that is enough to draw another word. With one shape there is one order. The other rows of a slab do not
    affect a row's sums. It is for inference: no gradient goes through.

    The rows that are left over make a slab together with rows before them, or with zeros. It may be a shorter one
    (`SHORTER`), if a trial has shown that its kernel adds in the same order: random rows times this weight give the
    same bits in it as in a whole slab. In the same way many rows are multiplied at once (`LARGER`), and weights in
    bfloat16 are packed once. All this is for a CPU; on another device a slab has `DEVICE_SLAB` rows, or is shorter.

    With `int8`, rows and weights are rounded to eight bits, with one scale for each row and each column of the product,
    and multiplied as integers. Their sums are exact, so the order of summation does not matter. On a CPU without VNNI
    weights have seven bits (`largest_weight`).

    Parameters
    ----------
    weights : dict, optional
        Cache of converted and packed parameters of one dtype. The parameters must not change meanwhile.
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

    def __init__(self, weights: dict[Tensor, Tensor | Quantized | Packed] | None = None, *, int8: bool = False) -> None:
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
            return _in_slabs(input, weight.t(), bias)
        dtype = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):
            bias = None if bias is None else bias.to(dtype)
            return _in_slabs(input.to(dtype), self._kept(weight, dtype, bias), bias)

    def _kept(self, weight: Tensor, dtype: torch.dtype, bias: Tensor | None = None) -> Any:
        """Return the columns of a weight in another type; those of a parameter are packed if possible, and cached."""
        kept = self.weights.get(weight)
        if kept is None:
            kept = quantized(weight) if dtype is torch.int8 else weight.to(dtype).t()
            if isinstance(weight, torch.nn.Parameter):
                if isinstance(kept, Tensor):
                    kept = _packed(kept, bias) or kept
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
    values, scales = _rounded(weight.float(), largest_weight())
    return Quantized(values.t(), scales[:, 0])


def largest_weight() -> int:
    """Return the largest integer that a weight is rounded to: 127, or 63 on a CPU without VNNI.

    Its kernels add products in pairs, in 16 bits, of integers from 0 to 255 and a weight: 2 * 255 * 63 has room in
    them, 2 * 255 * 127 has not.
    """
    return 127 if torch.cpu._is_vnni_supported() else 63


def _rounded(rows: Tensor, top: int = 127) -> tuple[Tensor, Tensor]:
    """Return rows as int8 from -top to top, and what each is to be multiplied by, (rows, 1) float32."""
    largest = torch.maximum(rows.amax(1, keepdim=True), rows.amin(1, keepdim=True).neg_())
    scales = largest.div_(top).clamp_(min=torch.finfo(torch.float32).tiny)
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


def _in_slabs(input: Tensor, columns: Tensor | Packed, bias: Tensor | None) -> Tensor:
    rows = input.reshape(-1, input.shape[-1])
    parts = _parts(len(rows), columns, bias)
    if len(parts) == 1 and parts[0] == (0, len(rows)):  # nothing to put together
        product = _multiply(rows, columns, bias)
    else:
        product = rows.new_empty(len(rows), columns.shape[1])
        for start, size in parts:
            if start >= 0:
                _multiply(rows[start : start + size], columns, bias, product[start : start + size])
            else:
                padded = torch.nn.functional.pad(rows, (0, 0, 0, -start))
                product.copy_(_multiply(padded, columns, bias)[: len(rows)])
    return product.view(*input.shape[:-1], product.shape[1])


def _parts(n: int, columns: Tensor | Packed, bias: Tensor | None) -> list[tuple[int, int]]:
    """Return where slabs of n rows begin and how many rows each has; below 0, how many rows of zeros must be added.

    A slab may begin with rows of the one before it: their bits are the same, and no copy is needed.
    """
    slab = slab_of(columns.device)
    parts, start = [], 0
    while n - start >= LARGER and columns.device.type == "cpu":
        size = min(n - start, LARGEST) // LARGER * LARGER
        if not (_is_frequent(size, columns, bias) and _same_bits(size, columns, bias)):
            break
        parts.append((start, size))
        start += size
    parts += [(at, slab) for at in range(start, n - slab + 1, slab)]
    if left := (n - start) % slab:
        size = next((size for size in SHORTER if left <= size < slab and _same_bits(size, columns, bias)), slab)
        parts.append((n - size, size))
    return parts


def slab_of(device: torch.device) -> int:
    """Return how many rows of a product a device multiplies at a time."""
    return SLAB if device.type == "cpu" else DEVICE_SLAB


_tried: dict[tuple[Any, ...], bool] = {}
"""The results of trials, by what `_kind` returns, and size of the slab."""
_wanted: Counter[tuple[Any, ...]] = Counter()
"""How often a larger slab would have been used that is not tried yet, likewise."""


def _kind(columns: Tensor | Packed, bias: Tensor | None) -> tuple[Any, ...]:
    """Return what the kernel of a product depends on besides the number of rows."""
    return (*columns.shape, columns.dtype, columns.device, bias is not None, isinstance(columns, Packed))


def _is_frequent(size: int, columns: Tensor | Packed, bias: Tensor | None) -> bool:
    """Count the products that a larger slab could be used for, and return whether there have been many."""
    key = (*_kind(columns, bias), size)
    if key not in _tried:
        _wanted[key] += 1
    return _wanted[key] >= OFTEN


def _same_bits(size: int, columns: Tensor | Packed, bias: Tensor | None) -> bool:
    """Return whether a shorter or larger slab gives the bits of a whole one. It is tried once for each shape."""
    key = (*_kind(columns, bias), size)
    if key not in _tried:
        slab = slab_of(columns.device)
        rows = _trial_rows(max(size, slab), columns)
        expected = torch.cat([_multiply(part, columns, bias) for part in rows.split(slab)])
        starts = (*range(0, len(rows) - size, size), len(rows) - size)
        _tried[key] = all(
            torch.equal(_multiply(rows[at : at + size], columns, bias), expected[at : at + size]) for at in starts
        )
    return _tried[key]


def _packed(columns: Tensor, bias: Tensor | None) -> Packed | None:
    """Pack a weight for its kernel; None if that cannot be done, or its products had other bits."""
    packable = columns.device.type == "cpu" and columns.dtype is torch.bfloat16 and torch.backends.mkldnn.is_available()
    if not (packable and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return None
    values = torch.ops.mkldnn._reorder_linear_weight(columns.t(), SLAB)
    packed = Packed(values, (columns.shape[0], columns.shape[1]), columns.dtype, columns.device)
    key = (*_kind(columns, bias), "packed")
    if key not in _tried:
        rows = _trial_rows(SLAB, columns)
        _tried[key] = torch.equal(_multiply(rows, packed, bias), _multiply(rows, columns, bias))
    return packed if _tried[key] else None


def _trial_rows(n: int, columns: Tensor | Packed) -> Tensor:
    """Return random rows, (n, columns)."""
    rows = torch.randn(n, columns.shape[0], generator=torch.Generator().manual_seed(0))
    return rows.to(columns.device, columns.dtype)


def _multiply(rows: Tensor, columns: Tensor | Packed, bias: Tensor | None, out: Tensor | None = None) -> Tensor:
    if isinstance(columns, Packed):
        product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, columns.values, bias, "none", [], "")
        return product if out is None else out.copy_(product)
    return torch.mm(rows, columns, out=out) if bias is None else torch.addmm(bias, rows, columns, out=out)
