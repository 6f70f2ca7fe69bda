"""Forward passes over many batches on all cores. The bits do not depend on how rows are batched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from augment.models.length_batches import LengthBatch, length_batches, padded

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.checkpoints import Checkpoint

IN_TURN = 2
"""Threads that take batches for a device other than a CPU."""

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class Inference:
    """Runs a checkpoint over batches.

    On a CPU each batch runs on one core, and as many batches at a time as `torch.get_num_threads()` says: a product
    that is spread over cores is cut differently by their number, and its last bits follow. With one core for each batch
    the number changes only the speed, and no core waits for another within a layer.

    On another device two threads take batches in turn, so that one prepares a batch and queues its work while the other
    waits for its result. Both use the device's one queue, in which nothing runs at the same time.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model to run.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._weights: dict[Tensor, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave converted weights out of copies and pickles: packed ones can be neither, and are soon made again."""
        return type(self), (self.checkpoint,)

    def map(self, work: Callable[[Batch], Result], batches: Iterable[Batch]) -> Iterator[Result]:
        """Yield `work(batch)` for each batch, in order, within inference mode, autocast and fixed slabs.

        Parameters
        ----------
        work : callable
            Called in other threads if there are several cores.
        batches : iterable

        Yields
        ------
        object
            What `work` returned.
        """
        import torch

        from augment.models.fixed_slabs import FixedSlabs

        int8 = self.checkpoint.dtype is torch.int8

        def run(batch: Batch) -> Result:
            with self.checkpoint.inference(), FixedSlabs(self._weights, int8=int8):
                return work(batch)

        threads = torch.get_num_threads()
        if self.checkpoint.device.type != "cpu":
            with ThreadPoolExecutor(IN_TURN, "inference") as pool:
                yield from pool.map(run, batches)
            return
        with one_thread_each() as set_one:
            if threads == 1:
                yield from map(run, batches)
                return
            with ThreadPoolExecutor(threads, "inference", initializer=set_one) as pool:
                yield from pool.map(run, batches)

    def rows(
        self,
        ids: Sequence[Sequence[int]],
        work: Callable[[Tensor, Tensor], Tensor],
        *,
        width: int,
        longest: int,
        batch_size: int,
        progress: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """Compute a vector for each row of tokens.

        Parameters
        ----------
        ids : sequence of sequences of int, length n
            Token ids, special ones included.
        work : callable
            Given input_ids and attention_mask, both (batch, length) int64, it returns (batch, `width`).
        width : int
        longest : int
            Most tokens that the model takes.
        batch_size : int
            Changes memory and speed, not the result.
        progress : callable, optional
            Called repeatedly with the number of rows just done.

        Returns
        -------
        ndarray of float32, shape (n, width)
            Zeros for a row without tokens.
        """
        vectors = np.zeros((len(ids), width), dtype=np.float32)
        pad_id = self.checkpoint.tokenizer.pad_token_id

        def compute(batch: LengthBatch) -> Any:
            if batch.length == 0:  # an empty text, and a tokenizer without special tokens
                return 0.0
            inputs = padded([ids[i] for i in batch.rows], batch.length, pad_id, self.checkpoint.device)
            return work(*inputs).float().cpu().numpy()

        # The longest first, so that in the end no core waits long for the other's last batch.
        batches = length_batches([len(row) for row in ids], longest, batch_size)[::-1]
        for batch, part in zip(batches, self.map(compute, batches), strict=True):
            vectors[batch.rows] = part
            if progress is not None:
                progress(len(batch.rows))
        return vectors


@contextmanager
def one_thread_each() -> Iterator[Callable[[], None]]:
    """Make torch run each operation on the calling thread only; the old setting is restored afterwards.

    Yields
    ------
    callable
        Applies the setting to a thread that was started within the block.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield lambda: torch.set_num_threads(1)
    finally:
        torch.set_num_threads(before)
