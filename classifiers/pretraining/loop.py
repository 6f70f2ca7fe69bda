"""Code that all pretraining objectives share: settings, the trainer, and saving."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, WrapValidator
from torch import nn
from transformers import Trainer, TrainingArguments

from augment.files import flush_names, replacing
from augment.models import pooling
from augment.models.checkpoints import Checkpoint
from augment.models.length_batches import LENGTH_STEP
from augment.models.word_masks import LengthGroups, use_fast_backward
from augment.settings import Configuration
from classifiers.training.resuming import note, refuse_another, writing
from classifiers.training.trainer import on_one_device


def _as_given(value: Any, check: Any) -> Any:
    """Check a number, and leave a whole one whole."""
    check(value)
    return value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), WrapValidator(_as_given)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), WrapValidator(_as_given)]
Share = Annotated[float, Field(ge=0, lt=1), WrapValidator(_as_given)]
InnerShare = Annotated[float, Field(gt=0, lt=1), WrapValidator(_as_given)]
WholeShare = Annotated[float, Field(ge=0, le=1), WrapValidator(_as_given)]
Count = Annotated[int, Field(ge=1)]
TokenCount = Annotated[int, Field(ge=3)]


class LoopConfig(Configuration):
    """Settings of every objective."""

    what: ClassVar[str] = "A pretraining"

    epochs: Positive
    learning_rate: InnerShare
    """Peak of a linear schedule with 2 % warm-up."""
    weight_decay: NotNegative
    dropout: Share
    """Dropout while pretraining, in [0, 1); the saved configuration keeps the model's own."""
    max_length: TokenCount
    """Longest sequence in word pieces; longer ones are cut."""
    mask_ratio: InnerShare
    """Share of the words of a sentence that are masked, all their pieces at once; in (0, 1)."""
    batch_size: Count = 64
    save_steps: Count = 500
    seed: Annotated[int, Field(ge=0)] = 0


TRAINING = "training"
"""The folder in that of the model with the checkpoints to resume from. It stays."""


class SentenceTrainer(Trainer):
    """Trainer on batches of sentences of similar length. A resumed training goes on with the same order."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        """Return the sampler; it can resume an interrupted epoch."""
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


def has_finished(output_dir: Path, identity: dict[str, Any], *, resume: bool, log: Callable[[str], None]) -> bool:
    """Note what a training is, and return whether it has finished already, so that there is nothing to do.

    Parameters
    ----------
    output_dir : Path
        The folder of the model.
    identity : dict
        All that determines the weights, as plain data.
    resume : bool
        Whether it goes on if it has been interrupted. Only then can it have finished.
    log : callable
        Called with a line if it has finished.

    Returns
    -------
    bool

    Raises
    ------
    OutputError
        If the folder holds another training, or cannot be made.
    """
    refuse_another(output_dir / TRAINING, identity)
    note(output_dir / TRAINING, identity)
    finished = resume and (output_dir / "config.json").exists()
    if finished:
        log(f"{output_dir}: this training has finished already. Nothing is made or changed.")
    return finished


def make_ready(checkpoint: Checkpoint, config: LoopConfig) -> None:
    """Put a model into training mode, in place, with the dropout of the configuration."""
    use_fast_backward(checkpoint)
    for module in checkpoint.model.train().modules():
        if isinstance(module, nn.Dropout):
            module.p = config.dropout


def save(checkpoint: Checkpoint, output_dir: Path) -> None:
    """Write a trained model, in half precision, and its tokenizer. ``config.json`` is last: it marks a complete model.

    Raises
    ------
    OutputError
        If it cannot be written, e.g. because the disk is full. The training can be resumed.
    """
    whole = output_dir / TRAINING / "model"
    with writing(output_dir):
        with replacing(whole, mend="go on with `resume=True`") as new:
            checkpoint.model.half().save_pretrained(new)
            checkpoint.tokenizer.save_pretrained(new)
        for path in sorted(whole.iterdir(), key=lambda path: path.name == "config.json"):
            os.replace(path, output_dir / path.name)
        whole.rmdir()
        flush_names(output_dir)


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
