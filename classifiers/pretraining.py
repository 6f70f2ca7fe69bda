"""Pretrain a checkpoint on plain text: masked words, and optionally the sentence vectors of a teacher."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from augment.errors import InputError
from augment.files import replacing
from augment.identity import digest
from augment.models import label_prefix, pooling
from augment.models.checkpoints import Checkpoint
from augment.models.length_batches import LENGTH_STEP
from augment.models.masked_lm import HeadStates, States
from augment.seeding import global_generators
from classifiers.sentences import IGNORED, LengthGroups, Sentences, WordMasks
from classifiers.trainer import on_one_device
from classifiers.unfinished import last_checkpoint, note, refuse_another, writing

MASKS_STEP = 64
"""Batches are padded to few lengths and few numbers of masks. On CPUs every new shape of a matrix product has a kernel
compiled for it; once more shapes than the kernel cache holds take turns, a step takes two to three times as long."""
SIMILARITY_WEIGHT = 10.0
"""Weight of the squared error of pairwise cosines, beside the cosine distance: at .1 of error the two weigh alike."""


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


@dataclass(frozen=True, kw_only=True)
class PretrainConfig(LoopConfig):
    """How to train a masked LM; the defaults are those of the first of the three trainings that made `mini`."""

    epochs: float = 8.0
    learning_rate: float = 6e-4
    weight_decay: float = 0.01
    dropout: float = 0.0
    max_length: int = 128
    mask_ratio: float = 0.2
    whole_share: float = 0.15
    """Share of the sentences that are shown unmasked, for the teacher's vectors alone; in [0, 1), unused without."""
    distillation_weight: float = 2.0
    """Weight of the distance to the teacher's vectors; 0 or larger, unused without a teacher."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.whole_share < 1:
            raise InputError(f"The whole_share must be at least 0 and below 1. Got {self.whole_share!r}.")
        if not self.distillation_weight >= 0:
            raise InputError(f"The distillation_weight must be at least 0. Got {self.distillation_weight!r}.")


class SentenceTrainer(Trainer):
    """Trainer over batches of sentences of like length, in an order that a resumed training goes on with."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        """Return the sampler that goes on where an interrupted epoch stood."""
        rows: Any = self.train_dataset
        return LengthGroups(rows.lengths(), self.args.train_batch_size, self.args.seed)


class PretrainTrainer(SentenceTrainer):
    """Trainer whose loss is masked LM plus the weighted distance to given sentence vectors."""

    def __init__(self, *args: Any, vectors: np.ndarray | None, distillation_weight: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head_states = HeadStates(self.accelerator.unwrap_model(self.model))
        self.vectors = vectors
        self.distillation_weight = distillation_weight

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of one batch, a scalar."""
        with self.accelerator.autocast():
            loss, states = masked_loss(self.head_states, inputs)
        whole = (inputs["labels"] == IGNORED).all(dim=1)
        if self.vectors is not None and whole.any():
            target = torch.from_numpy(self.vectors[inputs["rows"][whole].cpu().numpy()]).to(loss.device)
            own = pooling.mean(states.tokens[whole], inputs["attention_mask"][whole])
            loss = loss + self.distillation_weight * vector_distance(own, target)
        return loss


def masked_loss(head_states: HeadStates, batch: dict[str, Tensor]) -> tuple[Tensor, States]:
    """Return how badly a masked LM finds what `WordMasks` masked: Devlin et al. 2019, section 3.1.

    Parameters
    ----------
    head_states : HeadStates
        The masked LM.
    batch : dict of Tensor
        What `WordMasks` returns.

    Returns
    -------
    loss : Tensor
        A scalar, float32: the mean cross-entropy over the masked word pieces; 0 if there are none.
    states : States
        What the model made of the batch on the way.
    """
    labels = batch["labels"].flatten()
    masked = (labels != IGNORED).nonzero().squeeze(1)
    spare = (labels == IGNORED).nonzero().squeeze(1)[: -len(masked) % MASKS_STEP]
    positions = torch.cat([masked, spare])
    states = head_states(batch["input_ids"], batch["attention_mask"])
    logits = head_states.model.get_output_embeddings()(states.head.flatten(0, 1)[positions])
    loss = nn.functional.cross_entropy(logits.float(), labels[positions], ignore_index=IGNORED, reduction="sum")
    return loss / max(len(masked), 1), states


def vector_distance(own: Tensor, target: Tensor) -> Tensor:
    """Return how far vectors are from a teacher's: each from its own, and all from each other.

    The mean cosine distance of row to row, plus `SIMILARITY_WEIGHT` times the mean squared difference of the
    pairwise cosines, a form of relational distillation (Park et al. 2019, equation 4, with cosine in place of
    Euclidean distance).

    Parameters
    ----------
    own, target : Tensor of shape (batch, d)
        Vectors of the same texts, of any length but 0.

    Returns
    -------
    Tensor
        A scalar, 0 where the directions agree.
    """
    own, target = (nn.functional.normalize(vectors.float(), dim=1) for vectors in (own, target))
    distance = 1 - (own * target).sum(dim=1).mean()
    return distance + SIMILARITY_WEIGHT * nn.functional.mse_loss(own @ own.T, target @ target.T)


def pretrain(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    output_dir: Path,
    config: PretrainConfig,
    *,
    labels: Sequence[Any] | None = None,
    teacher: Checkpoint | None = None,
    resume: bool = False,
) -> None:
    """Train a masked LM on text and save it, in half precision, with its tokenizer.

    The loss is the cross-entropy of masked whole words (Devlin et al. 2019, section 3.1, all masked
    words shown as the mask token) plus, with a teacher, `distillation_weight` times the
    `vector_distance` between mean-pooled vectors (after Reimers and Gurevych 2020, equation 1). Only sentences shown
    whole are held against the teacher: what the masks hide of a sentence cannot be in its vector.

    With labels, each text is preceded by the words of its label (`augment.models.label_prefix`), which the model sees and
    which are never masked, so that it learns what the words of a class are; its config records that.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model to train, in place.
    texts : sequence of str
        One sentence each; empty ones and repetitions are left out.
    output_dir : Path
        Where the model goes; its folder ``training`` holds the checkpoints to resume from.
    config : PretrainConfig
        How to train.
    labels : sequence, optional
        The class of each text; a text then counts as a repetition only under the same label.
    teacher : Checkpoint, optional
        An encoder whose mean-pooled vectors are to be matched; same width as the model.
    resume : bool, default=False
        Go on from the last checkpoint in `output_dir`, if there is one.

    Raises
    ------
    InputError
        If there is no text, the labels are not as many as the texts, there are labels and a teacher, or the
        teacher's width is another.
    """
    if labels is not None and len(labels) != len(texts):
        raise InputError(f"There must be one label for each text. Got {len(labels)} for {len(texts)}.")
    if labels is not None and teacher is not None:
        raise InputError(
            "Labels and a teacher exclude each other, since the teacher's vectors are those of plain texts."
            " Give one of the two."
        )
    pairs = zip(texts, [None] * len(texts) if labels is None else labels, strict=True)
    rows = list(dict.fromkeys((text.strip(), label) for text, label in pairs if text.strip()))
    if not rows:
        raise InputError("There is no text to train on. Give a file with one sentence a line.")
    if teacher is not None and teacher.model.config.hidden_size != checkpoint.model.config.hidden_size:
        raise InputError(
            f"The teacher's vectors have {teacher.model.config.hidden_size} columns and the model's"
            f" {checkpoint.model.config.hidden_size}. Give a teacher of the same width."
        )
    if labels is None:
        texts, starts = [text for text, _ in rows], [0] * len(rows)
    else:
        shown = [label_prefix.conditioned(text, label) for text, label in rows]
        texts, starts = [text for text, _ in shown], [start for _, start in shown]
        setattr(checkpoint.model.config, label_prefix.RECORD, "prefix")
    training = output_dir / "training"
    identity = {
        "config": asdict(config),
        "model": checkpoint.revision,
        "sizes": sizes(checkpoint),
        "teacher": None if teacher is None else teacher.revision,
        "texts": digest(texts),
    }
    refuse_another(training, identity)
    note(training, identity)
    vectors = None if teacher is None else _teacher_vectors(teacher, texts, training)
    tokenizer = checkpoint.tokenizer
    make_ready(checkpoint, config)
    with global_generators(config.seed):
        trainer = PretrainTrainer(
            model=checkpoint.model,
            args=arguments(checkpoint, training, config),
            processing_class=tokenizer,
            train_dataset=Sentences(tokenizer, texts, starts, min(config.max_length, checkpoint.longest())),
            data_collator=WordMasks(
                tokenizer.mask_token_id,
                tokenizer.pad_token_id,
                config.mask_ratio,
                0.0 if teacher is None else config.whole_share,
                config.seed,
            ),
            vectors=vectors,
            distillation_weight=config.distillation_weight,
        )
        trainer.train(resume_from_checkpoint=last_checkpoint(training) if resume else None)
    save(checkpoint, output_dir)


def sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the sizes of a model that `classifiers.shrinking` may have changed."""
    names = ("num_hidden_layers", "vocab_size", "max_position_embeddings")
    return {name: getattr(checkpoint.model.config, name, None) for name in names}


def arguments(checkpoint: Checkpoint, training: Path, config: LoopConfig, **more: Any) -> TrainingArguments:
    """Return the arguments of a trainer whose checkpoints go into the folder `training`."""
    found = TrainingArguments(
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
    on_one_device(found)
    return found


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
) -> Iterator:
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


def _teacher_vectors(teacher: Checkpoint, texts: Sequence[str], folder: Path) -> np.ndarray:
    """Encode the corpus once, (n, d) float16, and keep it beside the checkpoints for resuming."""
    key = hashlib.sha256("\0".join([teacher.revision, *texts]).encode()).hexdigest()[:16]
    path = folder / f"teacher-{key}.npy"
    if path.exists():
        return np.load(path)
    vectors = np.zeros((len(texts), teacher.model.config.hidden_size), dtype=np.float16)
    for positions, batch in pooled_vectors(teacher, texts):
        vectors[positions] = batch
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, vectors)
    return vectors
