"""Group rows of tokens into batches of one padded length."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LENGTH_STEP = 8
"""Rows are padded up to a multiple of this. The padding depends only on the row and not on its batch."""


class LengthBatch(NamedTuple):
    """Rows that are padded to the same length."""

    rows: np.ndarray
    """Their numbers, int64, ascending."""
    length: int


def padded_length(own: int, longest: int) -> int:
    """Return the length that a row is padded to.

    Parameters
    ----------
    own : int
        Its tokens, special ones included.
    longest : int
        Most tokens that the model takes.

    Returns
    -------
    int
        `own` rounded up to a multiple of `LENGTH_STEP`, but no more than `longest`.

    Examples
    --------
    >>> padded_length(9, 512), padded_length(16, 512), padded_length(250, 254)
    (16, 16, 254)
    """
    return min(-(-own // LENGTH_STEP) * LENGTH_STEP, longest)


def length_batches(lengths: Sequence[int], longest: int, batch_size: int) -> list[LengthBatch]:
    """Put rows of the same padded length together, the shortest first.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row.
    longest : int
        Most tokens that the model takes.
    batch_size : int
        Most rows of a batch.

    Returns
    -------
    list of LengthBatch

    Examples
    --------
    >>> [(batch.rows.tolist(), batch.length) for batch in length_batches([5, 12, 7, 8], 512, 2)]
    [([0, 2], 8), ([3], 8), ([1], 16)]
    """
    own = np.array([padded_length(length, longest) for length in lengths], dtype=np.int64)
    return [
        LengthBatch(rows[start : start + batch_size], int(length))
        for length in np.unique(own)
        for rows in [np.flatnonzero(own == length)]
        for start in range(0, len(rows), batch_size)
    ]


def padded(
    rows: Sequence[Sequence[int]], length: int, pad_id: int | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return input_ids and attention_mask of rows, both (batch, length) int64."""
    import torch

    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    mask = np.arange(length) < lengths[:, None]
    ids = np.full((len(rows), length), pad_id or 0, dtype=np.int64)
    ids[mask] = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=int(lengths.sum()))
    both = torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))
    if device.type == "cuda":  # copied from pinned memory, so that nobody waits for the copy
        both = both[0].pin_memory(), both[1].pin_memory()
    return both[0].to(device, non_blocking=True), both[1].to(device, non_blocking=True)
