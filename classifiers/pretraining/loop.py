"""What all pretraining objectives share: settings, the trainer, saving."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from augment.errors import InputError
from augment.models import pooling
from augment.models.checkpoints import Checkpoint
from augment.models.length_batches import LENGTH_STEP
from classifiers.pretraining.sentences import LengthGroups
from classifiers.training.resuming import writing
from classifiers.training.trainer import on_one_device


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """What every objective's training is told."""

    epochs: float
    learning_rate: float
    """Peak of a linear schedule with 2 % warm-up."""
    weight_decay: float
    dropout: float
    """Dropout while pretraining, in [0, 1); the saved configuration keeps the model's own."""
    max_length: int
    """Longest sequence in word pieces; what is longer is cut."""
    mask_ratio: float
    """Share of the words of a sentence that are masked, all their pieces at once; in (0, 1)."""
    batch_size: int = 64
    save_steps: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("mask_ratio", 0.0, 1.0), ("learning_rate", 0.0, 1.0), ("epochs", 0.0, np.inf)):
            value = getattr(self, name)
            if not low < value < high:
                raise InputError(f"The {name} must lie between {low:g} and {high:g}. Got {value!r}.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"The dropout must be at least 0 and below 1. Got {self.dropout!r}.")
        for name, least in (("batch_size", 1), ("max_length", 3), ("save_steps", 1), ("seed", 0), ("weight_decay", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"The {name} must be at least {least}. Got {getattr(self, name)!r}.")


class SentenceTrainer(Trainer):
    """Trainer over batches of sentences of like length, in an order that a resumed training goes on with."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        """Return the sampler that goes on where an interrupted epoch stood."""
        rows: Any = self.train_dataset
        return LengthGroups(rows.lengths(), self.args.train_batch_size, self.args.seed)


def sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the sizes of a model that `classifiers.pretraining.shrinking` may have changed."""
    names = ("num_hidden_layers", "vocab_size", "max_position_embeddings")
    return {name: getattr(checkpoint.model.config, name, None) for name in names}


def arguments(checkpoint: Checkpoint, training: Path, config: LoopConfig, **more: Any) -> TrainingArguments:
    """Return the arguments of a trainer whose checkpoints go into the folder `training`."""
    result = TrainingArguments(
        output_dir=str(training),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=0.02,
        optim="adamw_torch_fused",
        adam_beta2=0.98,
        bf16=checkpoint.dtype is torch.bfloat16,
        use_cpu=checkpoint.device.type == "cpu",
        remove_unused_columns=False,
        logging_steps=50,
        save_steps=config.save_steps,
        save_total_limit=2,
        seed=config.seed,
        report_to=[],
        disable_tqdm=True,
        **more,
    )
    on_one_device(result)
    return result


def make_ready(checkpoint: Checkpoint, config: LoopConfig) -> None:
    """Put a model into training mode, in place, with the dropout that was asked for."""
    model = checkpoint.model.train()
    if checkpoint.device.type == "cpu":
        model.set_attn_implementation("eager")  # on CPUs the backward of torch's fused attention is 2.5 times slower
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.dropout


def save(checkpoint: Checkpoint, output_dir: Path) -> None:
    """Write a trained model, in half precision, and its tokenizer; ``config.json`` last, so that where it is, all is.

    Raises
    ------
    OutputError
        If there is no room; the training can be resumed.
    """
    with writing(output_dir), tempfile.TemporaryDirectory(dir=output_dir, prefix=".model-") as new:
        checkpoint.model.half().save_pretrained(new)
        checkpoint.tokenizer.save_pretrained(new)
        for path in sorted(Path(new).iterdir(), key=lambda path: path.name == "config.json"):
            os.replace(path, output_dir / path.name)


def pooled_vectors(
    encoder: Checkpoint, texts: Sequence[str], *, how: str = "mean", batch_size: int = 64, max_length: int = 128
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield (positions, vectors) of length-sorted batches: vectors (b, d) float32, pooled as one of `POOLERS` does."""
    longest = min(max_length, encoder.longest() // LENGTH_STEP * LENGTH_STEP)
    ids = encoder.tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), batch_size):
        positions = order[start : start + batch_size]
        rows = {"input_ids": [ids[i] for i in positions]}
        batch = encoder.tokenizer.pad(rows, pad_to_multiple_of=LENGTH_STEP, return_tensors="pt").to(encoder.device)
        with encoder.inference():
            output = encoder.model.base_model(batch["input_ids"], attention_mask=batch["attention_mask"])
        yield positions, pooling.POOLERS[how](output, batch["attention_mask"]).cpu().numpy()
