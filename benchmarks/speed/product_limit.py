"""The speed that the products of matrices alone would allow: a rate of products, and the work of a row."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

SIDE = 1_024
"""Rows and columns of the matrices that are multiplied to find the rate."""
SECONDS = 0.5
"""How long they are multiplied, before the measurement and after it."""


@dataclass
class Products:
    """The products of a measured block."""

    operations: float = 0.0
    """Floating-point operations of the linear maps: two for each weight and each token, padding included."""
    rate: float = 0.0
    """Operations a second of large float32 products, with the threads of the measurement: the mean of before and
    after."""

    def seconds(self) -> float:
        """Return how long the products alone would take at the rate."""
        return self.operations / self.rate


@contextmanager
def counted_products(model: nn.Module) -> Iterator[Products]:
    """Count the operations of a model's linear maps in a block, and measure the rate of products around it.

    What attention multiplies is not counted: for sentences it is some per cent of the linear maps.

    Parameters
    ----------
    model : torch.nn.Module
        Each `torch.nn.Linear` in it is counted.

    Yields
    ------
    Products
        Complete once the block is left.
    """
    from torch import nn

    products = Products()
    counts: list[int] = []  # appending is safe from several threads

    def count(linear: Any, inputs: tuple[Any, ...], output: Any) -> None:
        counts.append(2 * output.numel() * linear.in_features)

    before = product_rate()
    hooks = [part.register_forward_hook(count) for part in model.modules() if isinstance(part, nn.Linear)]
    try:
        yield products
    finally:
        for hook in hooks:
            hook.remove()
    products.operations = float(sum(counts))
    products.rate = statistics.mean([before, product_rate()])


def product_rate() -> float:
    """Return the operations a second of float32 products of large square matrices: the median of `SECONDS`."""
    import torch

    one, other = torch.ones(SIDE, SIDE), torch.ones(SIDE, SIDE)
    out, taken = torch.empty(SIDE, SIDE), []
    torch.mm(one, other, out=out)
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        start = time.perf_counter()
        torch.mm(one, other, out=out)
        taken.append(time.perf_counter() - start)
    return 2 * SIDE**3 / statistics.median(taken)
