"""`classifiers.train` against a stock `Trainer`: rows per second of the same model on the same rows, and its loss."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from augment.errors import InputError
from benchmarks.speed.contest import Competitor, Contest, ContestOptions, Measured, Setting, alone

MAX_LENGTH = 64
"""The largest number of tokens of a text (the paper, table 3)."""
LEARNING_RATE = 5e-5
PARTS = 4
"""The number of parts of the run. Each part has its own mean loss."""


@dataclass(frozen=True, kw_only=True)
class TrainingSetting(Setting):
    """Labelled texts. Each is trained on once."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    model: str
    """A folder, a hub id, or a bundled name."""
    batch_size: int


def contests(options: ContestOptions, log: Callable[[str], None]) -> list[Contest]:
    """Return a contest for each batch size.

    Parameters
    ----------
    options : ContestOptions
        Rows are drawn from its data, and repeated if there are too few. Its `batch_sizes` are used by all; the default
        is 32.
    log : callable
        Not used.

    Returns
    -------
    list of Contest
        One for each batch size.

    Raises
    ------
    InputError
        If there are no texts of two classes.
    ModelError
        If the model is not an encoder.
    """
    from augment.data.corpus import read
    from augment.models.encoder import TextEncoder

    corpus = read(options.data)
    rows = np.flatnonzero(corpus.has_text)
    if len(set(corpus.codes[rows].tolist())) < 2:
        raise InputError(f"{options.data}: has texts of fewer than two classes. Give rows to train a classifier on.")
    TextEncoder(model=options.model).prepare()
    order = np.random.default_rng(0).permutation(rows)
    chosen = np.resize(order, options.rows)
    texts, labels = list(corpus.texts), corpus.named_labels()
    return [
        Contest(
            f"training, batch size {size}",
            f"one epoch of {options.rows:,} rows, {options.model}, linear head, batch size {size},"
            f" {options.threads} threads",
            "rows",
            TrainingSetting(
                texts=tuple(str(texts[i]) for i in chosen),
                labels=tuple(labels[i] for i in chosen),
                model=options.model,
                batch_size=size,
                threads=options.threads,
            ),
            competitors(),
        )
        for size in options.batch_sizes or (32,)
    ]


def competitors() -> list[Competitor]:
    """Return the competitors: ours, and the trainer of transformers with two kinds of padding."""
    return [
        Competitor("classifiers.train", ours),
        Competitor("Trainer, padded to the batch's longest", partial(stock, padding="longest")),
        Competitor(f"Trainer, padded to {MAX_LENGTH} tokens", partial(stock, padding="max_length")),
    ]


def ours(setting: TrainingSetting) -> Measured:
    """Measure our training, without evaluations."""
    return alone(_ours, setting)


def stock(setting: TrainingSetting, *, padding: Literal["longest", "max_length"]) -> Measured:
    """Measure the trainer of transformers with its defaults."""
    return alone(_stock, setting, padding=padding)


def _clock() -> Any:
    """Return a callback that measures the time of the steps and keeps the logged losses."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.losses: list[float] = []

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.start = self.end = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.end = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                self.losses.append(logs["loss"])

        def part_losses(self) -> tuple[float, ...]:
            return tuple(round(float(part.mean()), 4) for part in np.array_split(self.losses, PARTS) if len(part))

    return Clock()


def _ours(setting: TrainingSetting) -> tuple[int, float, float, tuple[float, ...]]:
    from classifiers.config import TrainConfig
    from classifiers.training.run import train

    clock, begun = _clock(), time.perf_counter()
    config = TrainConfig(
        encoder=setting.model,
        learning_rate=LEARNING_RATE,
        epochs=1.0,
        batch_size=setting.batch_size,
        max_length=MAX_LENGTH,
        train_sample=1,
        device="cpu",
    )
    train(config, (list(setting.texts), list(setting.labels)), callbacks=[clock])
    return len(setting.texts), clock.end - clock.start, clock.start - begun, clock.part_losses()


def _stock(setting: TrainingSetting, padding: str) -> tuple[int, float, float, tuple[float, ...]]:
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    from augment.models.checkpoints import load_encoder
    from augment.seeding import global_generators
    from classifiers.model import EncoderClassifier
    from classifiers.training.trainer import LOG_STEPS

    clock, begun = _clock(), time.perf_counter()
    checkpoint = load_encoder(setting.model, device="cpu", dtype="float32")
    classes = sorted(set(setting.labels))
    model = EncoderClassifier.from_encoder(checkpoint, classes)
    encoded = checkpoint.tokenizer(list(setting.texts), truncation=True, max_length=MAX_LENGTH)
    rows: Any = [
        {"input_ids": ids, "attention_mask": mask, "labels": classes.index(label)}
        for ids, mask, label in zip(encoded["input_ids"], encoded["attention_mask"], setting.labels, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder, global_generators(0):
        arguments = TrainingArguments(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=setting.batch_size,
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            logging_steps=LOG_STEPS,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
        )
        collator = DataCollatorWithPadding(checkpoint.tokenizer, padding=padding, max_length=MAX_LENGTH)
        Trainer(model, arguments, train_dataset=rows, data_collator=collator, callbacks=[clock]).train()
    return len(setting.texts), clock.end - clock.start, clock.start - begun, clock.part_losses()
