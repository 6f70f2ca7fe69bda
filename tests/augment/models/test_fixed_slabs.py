"""Products in slabs: the same bits whatever stands in the other rows, and close to the plain product."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
import torch
from torch.nn.functional import linear

from augment.models import fixed_slabs
from augment.models.fixed_slabs import SLAB, FixedSlabs, quantized

pytestmark = pytest.mark.numeric

SHAPES = ((384, 384), (384, 1536), (1536, 384), (48, 7), (33, 130))
"""Columns in, columns out."""
BATCHES = (1, 3, 7, 64)


@pytest.fixture(params=["float32", "bfloat16"])
def precision(request):
    """A context of the dtype that products run in, as `Checkpoint.inference` makes it."""
    if request.param == "float32":
        return contextlib.nullcontext
    return lambda: torch.autocast("cpu", dtype=torch.bfloat16)


def operands(columns, out, rows=600):
    """Rows, a weight, and a bias, drawn anew from one seed."""
    source = torch.Generator().manual_seed(columns * out)
    shapes = ((rows, columns), (out, columns), (out,))
    return [torch.randn(shape, generator=source) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", BATCHES)
def test_rows_are_bit_identical_whatever_the_batch(shape, batch, precision):
    rows, weight, bias = operands(*shape)
    with torch.inference_mode(), precision(), FixedSlabs():
        whole = linear(rows, weight, bias)
        parts = torch.cat([linear(part, weight, bias) for part in rows.split(batch)[:24]])
    assert torch.equal(whole[: len(parts)], parts)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_product_is_the_plain_one_but_for_rounding(shape, precision):
    rows, weight, bias = operands(*shape)
    with torch.inference_mode(), precision():
        plain = linear(rows, weight, bias)
        with FixedSlabs():
            slabs = linear(rows, weight, bias)
    assert slabs.dtype == plain.dtype
    assert slabs.shape == plain.shape
    scale = plain.float().abs().max()
    tolerance = 1e-5 if plain.dtype == torch.float32 else 1e-2
    assert (slabs.float() - plain.float()).abs().max() <= tolerance * scale


@pytest.mark.parametrize("lead", [(), (1,), (2, 5), (3, 1, 4), (SLAB,), (SLAB + 1,), (0,), (0, 5), (2, 0)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_any_leading_shape_also_an_empty_one(lead, with_bias):
    _, weight, bias = operands(16, 5)
    given = torch.randn(*lead, 16, generator=torch.Generator().manual_seed(1))
    bias = bias if with_bias else None
    with torch.inference_mode(), FixedSlabs():
        slabs = linear(given, weight, bias)
    assert slabs.shape == (*lead, 5)
    assert torch.allclose(slabs, linear(given, weight, bias), atol=1e-5)


def test_modules_go_through_slabs_inside_the_context_alone(monkeypatch):
    """Counted by what a slab does: it hands the kernel the rows of a whole slab, however few there are."""
    monkeypatch.setattr(fixed_slabs, "SHORTER", ())
    seen = []

    class Spy(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if "addmm" in str(func):
                seen.append(args[1].shape[0])
            return func(*args, **(kwargs or {}))

    layer, rows = torch.nn.Linear(8, 3), torch.randn(5, 8)
    with torch.no_grad(), Spy():
        with FixedSlabs():
            layer(rows)
        layer(rows)
    assert seen == [SLAB, 5]


def test_a_shorter_slab_is_used_only_where_it_gives_the_bits_of_a_whole_one(monkeypatch):
    """A kernel for 64 rows that adds in another order, as some libraries have it."""
    multiply, handed = fixed_slabs._multiply, []

    def other_order(rows, columns, bias, out=None):
        handed.append(len(rows))
        if len(rows) < 128:
            return multiply(rows.flip(1), columns.flip(0), bias)
        return torch.cat([multiply(one, columns, bias) for one in rows.split(1)])

    monkeypatch.setattr(fixed_slabs, "_multiply", other_order)
    monkeypatch.setattr(fixed_slabs, "_tried", {})
    rows, weight, bias = operands(384, 12, rows=40)
    with torch.inference_mode(), FixedSlabs():
        first, tried = linear(rows, weight, bias), len(handed)
        again = linear(rows, weight, bias)
    assert handed[tried - 1 :] == [128, 128], "tried once for a shape, and shorter slabs are refused"
    assert torch.equal(first, again)


@pytest.mark.parametrize("alike", [True, False])
def test_many_rows_are_multiplied_at_once_only_where_that_gives_the_bits_of_slabs(monkeypatch, alike):
    multiply, handed = fixed_slabs._multiply, []

    def kernel(rows, columns, bias, out=None):
        handed.append(len(rows))
        if alike or len(rows) <= SLAB:
            product = torch.cat([multiply(one, columns, bias) for one in rows.split(1)])
        else:
            product = multiply(rows.flip(1), columns.flip(0), bias)
        return product if out is None else out.copy_(product)

    monkeypatch.setattr(fixed_slabs, "_multiply", kernel)
    monkeypatch.setattr(fixed_slabs, "_tried", {})
    monkeypatch.setattr(fixed_slabs, "_wanted", Counter())
    monkeypatch.setattr(fixed_slabs, "OFTEN", 2)
    rows, weight, bias = operands(384, 12, rows=1100)
    with torch.inference_mode(), FixedSlabs():
        first, _ = linear(rows, weight, bias), linear(rows, weight, bias)
        handed.clear()
        third = linear(rows, weight, bias)
    assert handed == ([1024, 128] if alike else [SLAB] * 4 + [128])
    assert torch.equal(first, third)


@pytest.mark.parametrize("alike", [True, False])
def test_a_weight_in_bfloat16_is_packed_only_where_that_gives_the_same_bits(monkeypatch, alike):
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        pytest.skip("this processor has no kernel for packed weights in bfloat16")
    multiply = fixed_slabs._multiply

    def kernel(rows, columns, bias, out=None):
        product = multiply(rows, columns, bias)
        if isinstance(columns, fixed_slabs.Packed) and not alike:
            product = product + 1
        return product if out is None else out.copy_(product)

    monkeypatch.setattr(fixed_slabs, "_multiply", kernel)
    monkeypatch.setattr(fixed_slabs, "_tried", {})
    layer, rows, kept = torch.nn.Linear(384, 64), torch.randn(300, 384), {}
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        with FixedSlabs(kept):
            own = layer(rows)
        with FixedSlabs():
            unpacked = linear(rows, layer.weight.detach(), layer.bias)
    assert alike or not isinstance(kept[layer.weight], fixed_slabs.Packed)
    assert torch.equal(own, unpacked)


def test_other_devices_have_larger_slabs(monkeypatch):
    monkeypatch.setattr(fixed_slabs, "SHORTER", ())  # a trial compares numbers, and there are none on this device
    assert fixed_slabs.slab_of(torch.device("cpu")) == SLAB
    assert fixed_slabs.slab_of(torch.device("meta")) == fixed_slabs.DEVICE_SLAB
    rows, weight = torch.ones(3, 8, device="meta"), torch.ones(5, 8, device="meta")
    assert fixed_slabs._in_slabs(rows, weight.t(), None).shape == (3, 5)


def test_the_context_ends_after_an_error_as_well():
    with pytest.raises(RuntimeError), FixedSlabs():
        linear(torch.ones(2, 3), torch.ones(4, 5))
    assert linear(torch.ones(2, 3), torch.ones(4, 3)).shape == (2, 4)
    assert torch.overrides._get_current_function_mode() is None


def test_non_contiguous_rows_are_as_good():
    weight, given = torch.randn(4, 6), torch.randn(6, 5).T
    with torch.inference_mode(), FixedSlabs():
        assert torch.allclose(linear(given, weight), given @ weight.T, atol=1e-5)


# In eight bits


def integer_products() -> str:
    """Say what products of integers are here: "exact", "overflowing" or "none"; it is asked of the kernel itself.

    What the processor can do is not the whole answer, since ONEDNN_MAX_CPU_ISA makes it do less.
    """
    try:
        found = torch._int_mm(*(torch.full(shape, 127, dtype=torch.int8) for shape in ((SLAB, 64), (64, 8))))
    except (RuntimeError, NotImplementedError):
        return "none"
    return "exact" if (found == 64 * 127**2).all() else "overflowing"


INTEGER = integer_products()
needs_integers = pytest.mark.skipif(INTEGER == "none", reason="there is no product of integers on this processor")


@needs_integers
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", BATCHES)
def test_products_in_eight_bits_are_bit_identical_whatever_the_batch(shape, batch):
    rows, weight, bias = operands(*shape)
    with torch.inference_mode(), FixedSlabs(int8=True):
        whole = linear(rows, weight, bias)
        parts = torch.cat([linear(part, weight, bias) for part in rows.split(batch)[:24]])
    assert torch.equal(whole[: len(parts)], parts)


@needs_integers
@pytest.mark.parametrize("top", [127, 63])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_product_in_eight_bits_is_the_exact_one_of_the_rounded_rows_and_weights(shape, top, monkeypatch):
    """Weights up to 63 are exact on every kernel, those up to 127 on one with VNNI."""
    if top == 127 and INTEGER != "exact":
        pytest.skip("without VNNI sums of pairs overflow, which is why weights have seven bits there")
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: top == 127)
    rows, weight, bias = operands(*shape, rows=40)
    rows *= torch.logspace(-30, 30, 40)[:, None]

    def rounded(matrix, top):
        scales = matrix.abs().amax(1, keepdim=True) / top
        return (matrix / scales).round().double(), scales.double()

    (left, by_row), (right, by_column) = rounded(rows, 127), rounded(weight, top)
    expected = (left @ right.T) * by_row * by_column.T + bias.double()
    with torch.inference_mode(), FixedSlabs(int8=True):
        found = linear(rows, weight, bias).double()
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
    plain = rows.double() @ weight.double().T + bias
    near = 0.02 if top == 127 else 0.03
    assert ((found - plain).norm(dim=1) <= near * plain.norm(dim=1) + 1e-5).all(), "near the one without rounding"


@needs_integers
@pytest.mark.parametrize("lead", [(), (1,), (2, 5), (SLAB + 1,), (0,), (2, 0)])
def test_eight_bits_take_any_leading_shape_zeros_and_no_bias(lead):
    weight = torch.randn(5, 16)
    given = torch.zeros(*lead, 16)
    with torch.inference_mode(), FixedSlabs(int8=True):
        assert torch.equal(linear(given, weight), torch.zeros(*lead, 5))


def test_a_weight_in_eight_bits_keeps_each_rows_largest_value_and_sign(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    weight = torch.tensor([[1.0, -2.0, 0.0], [0.0, 0.0, 0.0], [1e-3, 5e-4, -1e-3]])
    values, scales = quantized(weight)
    assert values.dtype is torch.int8
    assert values.T.tolist() == [[64, -127, 0], [0, 0, 0], [127, 64, -127]]
    assert torch.allclose(values.T * scales[:, None], weight, atol=1e-2)


@needs_integers
def test_a_parameter_is_rounded_once_and_a_plain_weight_each_time():
    layer, kept = torch.nn.Linear(8, 3), {}
    with torch.inference_mode(), FixedSlabs(kept, int8=True):
        first = layer(torch.ones(2, 8))
        assert list(kept) == [layer.weight]
        assert torch.equal(layer(torch.ones(2, 8)), first)
        linear(torch.ones(2, 8), torch.ones(3, 8))
    assert list(kept) == [layer.weight]


@pytest.mark.parametrize("length", [5, 8, 16, 31])
def test_products_of_heads_are_bit_identical_whatever_the_batch(length):
    """As attention without a fused kernel does: heads are views, which lie otherwise where there is one row."""

    def attended(states):
        query, key, value = (states[i].view(-1, length, 4, 8).transpose(1, 2) for i in range(3))
        return torch.matmul(torch.matmul(query, key.transpose(-1, -2)).softmax(-1), value)

    states = torch.randn(3, 7, length, 32, generator=torch.Generator().manual_seed(length))
    with torch.inference_mode(), FixedSlabs():
        together = attended(states)
        alone = torch.cat([attended(states[:, i : i + 1]) for i in range(7)])
    assert torch.equal(together, alone)
