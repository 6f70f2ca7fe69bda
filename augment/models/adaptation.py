"""Train a masked language model briefly on the texts that it is to fill."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn

from augment.models.adapted_weights import Lesson
from augment.models.checkpoints import Checkpoint
from augment.models.inference import one_thread_each
from augment.models.masked_lm import HeadStates
from augment.models.word_masks import IGNORED, LengthGroups, Sentences, WordMasks, masked_loss, use_fast_backward
from augment.seeding import generator

SETTINGS: dict[str, Any] = {
    "batch_size": 64,
    "part_size": 16,
    "mask_ratio": 0.2,
    "max_length": 128,
    "learning_rate_times_width": 0.12,
    "weight_decay": 0.01,
    "warmup": 0.06,
    "largest_gradient": 1.0,
    "left_out": 200,
}
"""What is fixed. A batch is computed in parts, each on one core. The learning rate is 3e-4 for a model of width 384,
and less for wider ones. At most so many texts, and at most a tenth, are left out to measure the loss."""

Progress = Callable[[int, int, str], None]
"""Called with the number just done, the total, and the word for the items. The first call has 0 done."""


def adapt(
    checkpoint: Checkpoint,
    lesson: Lesson,
    *,
    epochs: int,
    seed: int,
    log: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a masked LM on texts, in place: AdamW, a linear schedule, whole words masked, no dropout.

    The weights depend on the texts, the epochs and the seed, and not on the number of threads: each part of a batch is
    computed on one core, and the parts are summed in their order.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model. If its dtype is bfloat16, it is trained with autocast. It stays in eval mode.
    lesson : Lesson
        At least one text.
    epochs : int
        Passes over the texts, 1 or more.
    seed : int
        Determines the masks, the order, and which texts are left out.
    log : callable, optional
        Called once, before the training, with a line that says how much is learnt and how long it may take.
    progress : callable, optional
        See `Progress`.

    Returns
    -------
    dict
        ``texts``, ``left_out``, ``epochs``, ``steps``, ``seconds``, and ``loss_before`` and ``loss_after``: the mean
        cross-entropy of the masked word pieces of the texts that were left out, in nats; None if there are none.

    References
    ----------
    Gururangan et al. 2020, "Don't stop pretraining", section 4 (task-adaptive pretraining).
    """
    start = time.perf_counter()
    use_fast_backward(checkpoint)
    rows = Sentences(
        checkpoint.tokenizer,
        lesson.texts,
        lesson.starts,
        checkpoint.longest(SETTINGS["max_length"]),
    )
    with _Parts(checkpoint, rows, seed) as parts:
        order = generator(seed, "held_out").permutation(len(rows)).tolist()
        left_out = sorted(order[: min(SETTINGS["left_out"], len(order) // 10)])
        learnt = sorted(order[len(left_out) :])
        batches = list(_batches(learnt, rows.lengths(), epochs, seed))
        seconds = parts.seconds(batches[len(batches) // 2]) * len(batches)
        log(_announcement(checkpoint.name, len(learnt), epochs, seconds))
        before = parts.loss(left_out)
        parts.train(batches, progress)
        after = parts.loss(left_out)
    for parameter in checkpoint.model.parameters():
        parameter.grad = None
    return {
        "texts": len(learnt),
        "left_out": len(left_out),
        "epochs": epochs,
        "steps": len(batches),
        "seconds": round(time.perf_counter() - start, 1),
        "loss_before": before,
        "loss_after": after,
    }


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a step: linear up for the first 6 %, then linear down to almost 0.

    Examples
    --------
    >>> [round(learning_rate(step, 4, 1.0), 2) for step in range(4)]
    [1.0, 1.0, 0.67, 0.33]
    """
    warmup = max(1, int(SETTINGS["warmup"] * steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - step) / max(1, steps - warmup)


def _batches(learnt: Sequence[int], lengths: Sequence[int], epochs: int, seed: int) -> Iterator[list[tuple[int, int]]]:
    """Yield batches of (row, epoch), rows of similar length together."""
    size = SETTINGS["batch_size"]
    groups = LengthGroups([lengths[row] for row in learnt], size, seed)
    for epoch in range(epochs):
        groups.set_epoch(epoch)
        order = [(learnt[place], epoch) for place, _ in groups]
        yield from (order[start : start + size] for start in range(0, len(order), size))


class _Parts:
    """Computes batches in parts, each on one core, whose number changes only the time."""

    def __init__(self, checkpoint: Checkpoint, rows: Sentences, seed: int) -> None:
        tokenizer = checkpoint.tokenizer
        self.checkpoint, self.rows = checkpoint, rows
        self.head_states = HeadStates(checkpoint.model)
        self.masks = WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, SETTINGS["mask_ratio"], 0.0, seed)
        self.parameters = [parameter for parameter in checkpoint.model.parameters() if parameter.requires_grad]

    def __enter__(self) -> _Parts:
        self._stack = contextlib.ExitStack()
        threads = torch.get_num_threads() if self.checkpoint.device.type == "cpu" else 1
        set_one = self._stack.enter_context(one_thread_each())
        self._map: Callable[..., Any] = map
        if threads > 1:
            pool = ThreadPoolExecutor(threads, "adaptation", initializer=set_one)
            self._map = self._stack.enter_context(pool).map
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def train(self, batches: Sequence[Sequence[tuple[int, int]]], progress: Progress | None) -> None:
        """Take one step for each batch."""
        decayed = [parameter for parameter in self.parameters if parameter.dim() > 1]
        others = [parameter for parameter in self.parameters if parameter.dim() <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": SETTINGS["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
        )
        peak = SETTINGS["learning_rate_times_width"] / self.checkpoint.model.config.hidden_size
        if progress is not None:
            progress(0, len(batches), "steps")
        for step, batch in enumerate(batches):
            self._backward(batch)
            nn.utils.clip_grad_norm_(self.parameters, SETTINGS["largest_gradient"])
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, len(batches), peak)
            optimizer.step()
            if progress is not None:
                progress(1, len(batches), "steps")

    def seconds(self, batch: Sequence[tuple[int, int]]) -> float:
        """Return how long a step takes. The first one prepares kernels, and is not counted."""
        self._backward(batch)
        start = time.perf_counter()
        self._backward(batch)
        return time.perf_counter() - start

    def loss(self, rows: Sequence[int]) -> float | None:
        """Return the mean loss of the masked word pieces of these rows; None if there are none."""
        found = list(self._map(self._measured, self._split([(row, 0) for row in rows])))
        masked = sum(count for _, count in found)
        return round(sum(loss for loss, _ in found) / masked, 4) if masked else None

    def _measured(self, batch: dict[str, Tensor]) -> tuple[float, int]:
        with torch.no_grad():
            loss, masked = self._summed_loss(batch)
            return float(loss), masked

    def _backward(self, batch: Sequence[tuple[int, int]]) -> None:
        """Set the gradients of a batch."""
        sums: list[Tensor | None] = [None] * len(self.parameters)
        masked = 0
        for gradients, count in self._map(self._gradients, self._split(batch)):
            masked += count
            sums = [
                own if total is None else total if own is None else total.add_(own)
                for total, own in zip(sums, gradients, strict=True)
            ]
        for parameter, total in zip(self.parameters, sums, strict=True):
            parameter.grad = None if total is None else total.div_(max(masked, 1))

    def _gradients(self, batch: dict[str, Tensor]) -> tuple[Sequence[Tensor | None], int]:
        """Return the gradients of the summed loss of a part, and the number of its masked word pieces."""
        loss, masked = self._summed_loss(batch)
        return torch.autograd.grad(loss, self.parameters, allow_unused=True), masked

    def _summed_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
        """Return the summed loss of a part, and the number of its masked word pieces."""
        device = self.checkpoint.device
        masked = int((batch["labels"] != IGNORED).sum())
        placed = {name: values.to(device) for name, values in batch.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.checkpoint.dtype is torch.bfloat16):
            return masked_loss(self.head_states, placed)[0] * masked, masked

    def _split(self, batch: Sequence[tuple[int, int]]) -> list[dict[str, Tensor]]:
        size = SETTINGS["part_size"]
        return [
            self.masks([self.rows[key] for key in batch[start : start + size]]) for start in range(0, len(batch), size)
        ]


def _announcement(name: str, texts: int, epochs: int, seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    time_needed = f"{max(1, round(seconds))} s" if seconds < 90 else f"{minutes} min"
    return (
        f"The model {name!r} first learns from {texts:,} texts, {epochs} epoch{'s' * (epochs > 1)}: about"
        f" {time_needed}."
    )
