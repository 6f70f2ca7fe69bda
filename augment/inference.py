"""Forward passes over many batches: the same bits however they are cut, and every core at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from augment.checkpoints import Checkpoint

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class Inference:
    """Runs a checkpoint over batches.

    On a CPU each batch runs on one core, and as many batches at a time as `torch.get_num_threads()` says: a product
    that is spread over cores is cut differently by their number, and its last bits follow. This way that number changes
    the speed alone, and no core waits for another within a layer.

    Parameters
    ----------
    checkpoint : Checkpoint
        What is run.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._weights: dict[Tensor, Any] = {}

    def map(self, work: Callable[[Batch], Result], batches: Iterable[Batch]) -> Iterator[Result]:
        """Yield `work(batch)` for each batch, in order, within inference mode, autocast and fixed slabs.

        Parameters
        ----------
        work : callable
            Called in other threads, where there are several cores.
        batches : iterable

        Yields
        ------
        object
            What `work` returned.
        """
        import torch

        from augment.slabs import FixedSlabs

        int8 = self.checkpoint.dtype is torch.int8

        def run(batch: Batch) -> Result:
            with self.checkpoint.inference(), FixedSlabs(self._weights, int8=int8):
                return work(batch)

        threads = torch.get_num_threads()
        if self.checkpoint.device.type != "cpu":
            yield from map(run, batches)
            return
        with one_thread_each() as set_one:
            if threads == 1:
                yield from map(run, batches)
                return
            with ThreadPoolExecutor(threads, "inference", initializer=set_one) as pool:
                yield from pool.map(run, batches)


@contextmanager
def one_thread_each() -> Iterator[Callable[[], None]]:
    """Have torch run each operation on the thread that asks for it; what was set before comes back.

    Yields
    ------
    callable
        Says the same of a thread that was started within the block.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield lambda: torch.set_num_threads(1)
    finally:
        torch.set_num_threads(before)
