"""Pretrain a masked language model on texts, optionally also on the sentence vectors of a teacher."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from augment.errors import InputError
from augment.files import replacing
from augment.identity import digest
from augment.models import label_prefix, pooling
from augment.models.checkpoints import Checkpoint
from augment.models.masked_lm import HeadStates
from augment.models.word_masks import IGNORED, Sentences, WordMasks, masked_loss
from augment.seeding import global_generators
from classifiers.pretraining.loop import (
    TRAINING,
    InnerShare,
    LoopConfig,
    NotNegative,
    Positive,
    SentenceTrainer,
    Share,
    TokenCount,
    arguments,
    has_finished,
    make_ready,
    pooled_vectors,
    save,
    sizes,
)
from classifiers.training.resuming import KeepCheckpoints, last_checkpoint

SIMILARITY_WEIGHT = 10.0
"""Weight of the squared error of pairwise cosines, beside the cosine distance: at .1 of error the two weigh alike."""


class PretrainConfig(LoopConfig):
    """Settings of masked-LM pretraining. The defaults are those of the first of the three trainings of `mini`."""

    epochs: Positive = 8.0
    learning_rate: InnerShare = 6e-4
    weight_decay: NotNegative = 0.01
    dropout: Share = 0.0
    max_length: TokenCount = 128
    mask_ratio: InnerShare = 0.2
    whole_share: Share = 0.15
    """Share of the sentences that are shown unmasked, only for the teacher's vectors; in [0, 1)."""
    distillation_weight: NotNegative = 2.0
    """Weight of the distance to the teacher's vectors; 0 or larger. Without a teacher it is not used."""


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


def vector_distance(own: Tensor, target: Tensor) -> Tensor:
    """Return the distance of vectors from a teacher's vectors, for each vector and for their pairwise similarities.

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
    log: Callable[[str], None] | None = None,
) -> None:
    """Train a masked LM on text and save it, in half precision, with its tokenizer.

    The loss is the cross-entropy of masked whole words (Devlin et al. 2019, section 3.1, all masked
    words shown as the mask token) plus, with a teacher, `distillation_weight` times the
    `vector_distance` between mean-pooled vectors (after Reimers and Gurevych 2020, equation 1). Only unmasked
    sentences are compared with the teacher, since masked words cannot be in the vector of a sentence.

    With labels, each text follows the words of its label (`augment.models.label_prefix`). The model sees these words,
    and they are never masked. So it learns the words of each class. Its config records this.

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
        An encoder whose mean-pooled vectors the model learns to match; same width as the model.
    resume : bool, default=False
        Go on from the last checkpoint in `output_dir`, if there is one. If the training has finished, nothing is made.
    log : callable, optional
        Called with a line if it has finished already.

    Raises
    ------
    InputError
        If there is no text, the number of labels differs from that of the texts, both labels and a teacher are given,
        or the teacher has another width.
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
        raise InputError("There is no text to train on. Give a file with one sentence per line.")
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
    identity = {
        "config": config.model_dump(),
        "model": checkpoint.revision,
        "sizes": sizes(checkpoint),
        "teacher": None if teacher is None else teacher.revision,
        "texts": digest(texts),
    }
    if has_finished(output_dir, identity, resume=resume, log=log or (lambda line: None)):
        return
    training = output_dir / TRAINING
    vectors = None if teacher is None else _teacher_vectors(teacher, texts, training)
    tokenizer = checkpoint.tokenizer
    make_ready(checkpoint, config)
    with global_generators(config.seed):
        trainer = PretrainTrainer(
            model=checkpoint.model,
            args=arguments(checkpoint, training, config),
            processing_class=tokenizer,
            train_dataset=Sentences(tokenizer, texts, starts, checkpoint.longest(config.max_length)),
            data_collator=WordMasks(
                tokenizer.mask_token_id,
                tokenizer.pad_token_id,
                config.mask_ratio,
                0.0 if teacher is None else config.whole_share,
                config.seed,
            ),
            vectors=vectors,
            distillation_weight=config.distillation_weight,
            callbacks=[KeepCheckpoints()],
        )
        trainer.train(resume_from_checkpoint=last_checkpoint(training) if resume else None)
    save(checkpoint, output_dir)


def _teacher_vectors(teacher: Checkpoint, texts: Sequence[str], folder: Path) -> np.ndarray:
    """Encode the corpus once, (n, d) float16. The vectors are kept beside the checkpoints, for resuming."""
    key = hashlib.sha256("\0".join([teacher.revision, *texts]).encode()).hexdigest()[:16]
    path = folder / f"teacher-{key}.npy"
    if path.exists():
        kept: np.ndarray = np.load(path)
        return kept
    vectors = np.zeros((len(texts), teacher.model.config.hidden_size), dtype=np.float16)
    for positions, batch in pooled_vectors(teacher, texts):
        vectors[positions] = batch
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, vectors)
    return vectors
