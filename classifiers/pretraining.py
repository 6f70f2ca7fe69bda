"""Pretrain a checkpoint on plain text: masked words, and optionally the sentence vectors of a teacher."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import get_last_checkpoint

from augment import conditioning, pooling
from augment.batches import LENGTH_STEP
from augment.checkpoints import Checkpoint
from augment.errors import InputError
from augment.masked_lm import HeadStates
from augment.seeding import generator, global_generators

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

IGNORED = -100
MASKS_STEP = 64
"""Batches are padded to few lengths and few numbers of masks. On CPUs every new shape of a matrix product has a kernel
compiled for it; once more shapes than the kernel cache holds take turns, a step takes two to three times as long."""
SIMILARITY_WEIGHT = 10.0
"""Weight of the squared error of pairwise cosines, beside the cosine distance: at .1 of error the two weigh alike."""


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How to pretrain; the defaults are those of the first of the three trainings that made the bundled `mini`."""

    mask_ratio: float = 0.2
    """Share of the words of a sentence that are masked, all their pieces at once; in (0, 1)."""
    whole_share: float = 0.15
    """Share of the sentences that are shown unmasked, for the teacher's vectors alone; in [0, 1)."""
    distillation_weight: float = 2.0
    """Weight of the distance to the teacher's vectors; 0 or larger, unused without a teacher."""
    epochs: float = 8.0
    learning_rate: float = 6e-4
    """Peak of a linear schedule with 2 % warm-up."""
    weight_decay: float = 0.01
    batch_size: int = 64
    dropout: float = 0.0
    """Dropout while pretraining, in [0, 1); the saved configuration keeps the model's own."""
    max_length: int = 128
    """Longest sequence in word pieces; what is longer is cut."""
    save_steps: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("mask_ratio", 0.0, 1.0), ("learning_rate", 0.0, 1.0), ("epochs", 0.0, np.inf)):
            value = getattr(self, name)
            if not low < value < high:
                raise InputError(f"The {name} must lie between {low:g} and {high:g}. Got {value!r}.")
        if not 0 <= self.whole_share < 1:
            raise InputError(f"The whole_share must be at least 0 and below 1. Got {self.whole_share!r}.")


@dataclass
class WordMasks:
    """Collator: pads sentences to one length and masks whole words of them.

    What is masked depends on the seed, the row and the epoch alone, so that a resumed training masks as an
    uninterrupted one would.
    """

    mask_id: int
    pad_id: int
    mask_ratio: float
    whole_share: float
    seed: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return input_ids, attention_mask and labels (batch, length), and row numbers (batch,)."""
        length = -(-max(len(row["input_ids"]) for row in rows) // LENGTH_STEP) * LENGTH_STEP
        input_ids = torch.full((len(rows), length), self.pad_id)
        masked = torch.zeros((len(rows), length), dtype=torch.bool)
        for i, row in enumerate(rows):
            input_ids[i, : len(row["input_ids"])] = torch.as_tensor(row["input_ids"])
            masked[i, : len(row["words"])] = torch.as_tensor(self._choose(row))
        return {
            "labels": input_ids.masked_fill(~masked, IGNORED),
            "input_ids": input_ids.masked_fill(masked, self.mask_id),
            "attention_mask": (torch.arange(length) < torch.tensor([[len(r["input_ids"])] for r in rows])).long(),
            "rows": torch.tensor([row["row"] for row in rows]),
        }

    def _choose(self, row: dict[str, Any]) -> np.ndarray:
        """Choose the pieces of a row to mask: bool, (length,)."""
        rng = generator(self.seed, "mask", row["row"], row["epoch"])
        count = row["words"].max() + 1
        wanted = max(1, int(count * self.mask_ratio + rng.random()))
        if rng.random() < self.whole_share:
            wanted = 0
        return np.isin(row["words"], rng.permutation(count)[:wanted])


class LengthGroups(torch.utils.data.Sampler[tuple[int, int]]):
    """Rows of like length beside each other, as (row, epoch), in an order that follows from seed and epoch alone."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch; the trainer calls this before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = torch.Generator().manual_seed(int(generator(self.seed, "order", self.epoch).integers(2**63)))
        for row in get_length_grouped_indices(self.lengths, self.batch_size, generator=order):
            yield row, self.epoch


class PretrainTrainer(Trainer):
    """Trainer whose loss is masked LM plus the weighted distance to given sentence vectors."""

    def __init__(self, *args: Any, vectors: np.ndarray | None, distillation_weight: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head_states = HeadStates(self.accelerator.unwrap_model(self.model))
        self.vectors = vectors
        self.distillation_weight = distillation_weight

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        """Return the sampler that goes on where an interrupted epoch stood."""
        rows: Any = self.train_dataset
        return LengthGroups(rows.lengths(), self.args.train_batch_size, self.args.seed)

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of one batch, a scalar."""
        projection = self.head_states.model.get_output_embeddings()
        labels = inputs["labels"].flatten()
        masked = (labels != IGNORED).nonzero().squeeze(1)
        spare = (labels == IGNORED).nonzero().squeeze(1)[: -len(masked) % MASKS_STEP]
        positions = torch.cat([masked, spare])
        with self.accelerator.autocast():
            states = self.head_states(inputs["input_ids"], inputs["attention_mask"])
            logits = projection(states.head.flatten(0, 1)[positions])
        loss = nn.functional.cross_entropy(logits.float(), labels[positions], ignore_index=IGNORED, reduction="sum")
        loss = loss / max(len(masked), 1)
        whole = (inputs["labels"] == IGNORED).all(dim=1)
        if self.vectors is not None and whole.any():
            target = torch.from_numpy(self.vectors[inputs["rows"][whole].cpu().numpy()]).to(loss.device)
            own = pooling.mean(states.tokens[whole], inputs["attention_mask"][whole])
            loss = loss + self.distillation_weight * vector_distance(own, target)
        return loss


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

    With labels, each text is preceded by the words of its label (`augment.conditioning`), which the model sees and
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
        shown = [conditioning.conditioned(text, label) for text, label in rows]
        texts, starts = [text for text, _ in shown], [start for _, start in shown]
        setattr(checkpoint.model.config, conditioning.RECORD, "prefix")
    training = output_dir / "training"
    training.mkdir(parents=True, exist_ok=True)
    vectors = None if teacher is None else _teacher_vectors(teacher, texts, training)
    arguments = TrainingArguments(
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
    )
    model, tokenizer = checkpoint.model.train(), checkpoint.tokenizer
    if checkpoint.device.type == "cpu":
        model.set_attn_implementation("eager")  # on CPUs the backward of torch's fused attention is 2.5 times slower
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.dropout
    with global_generators(config.seed):
        trainer = PretrainTrainer(
            model=model,
            args=arguments,
            processing_class=tokenizer,
            train_dataset=_Sentences(tokenizer, texts, starts, min(config.max_length, checkpoint.longest())),
            data_collator=WordMasks(
                tokenizer.mask_token_id, tokenizer.pad_token_id, config.mask_ratio, config.whole_share, config.seed
            ),
            vectors=vectors,
            distillation_weight=config.distillation_weight,
        )
        trainer.train(resume_from_checkpoint=get_last_checkpoint(str(training)) if resume else None)
    model.half().save_pretrained(output_dir)
    tokenizer.save_pretrained(output_dir)


class _Sentences(torch.utils.data.Dataset):
    """Sentences as word pieces, with the number of the word that each piece belongs to."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], starts: Sequence[int], max_length: int
    ) -> None:
        encoded = tokenizer(list(texts), truncation=True, max_length=max_length)
        self.rows: list[dict[str, Any]] = [
            {
                "input_ids": np.array(ids, dtype=np.int64),
                "words": _word_numbers(encoded[i], texts[i][: starts[i]]),
                "row": i,
                "epoch": 0,
            }
            for i, ids in enumerate(encoded["input_ids"])
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        row, epoch = key
        return self.rows[row] | {"epoch": epoch}

    def lengths(self) -> list[int]:
        """Return the number of word pieces of each sentence."""
        return [len(row["input_ids"]) for row in self.rows]


def _word_numbers(encoding: Encoding, before: str) -> np.ndarray:
    """Number the words from 0 on, (length,); special tokens and the words of `before`, never masked, have -1."""
    numbers = np.array([-1 if word is None else word for word in encoding.word_ids], dtype=np.int64)
    begins = np.array([begin for begin, _ in encoding.offsets])
    # Some tokenizers count the space before a word to the word: it does not make the first word one of `before`.
    first = numbers[begins < len(before.rstrip())].max(initial=-1) + 1
    return np.where(numbers >= first, numbers - first, -1)


def mean_vectors(encoder: Checkpoint, texts: Sequence[str], *, batch_size: int = 64, max_length: int = 128) -> Iterator:
    """Yield (positions, vectors) of length-sorted batches: vectors (b, d) float32, mean-pooled."""
    longest = min(max_length, encoder.longest() // LENGTH_STEP * LENGTH_STEP)
    ids = encoder.tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), batch_size):
        positions = order[start : start + batch_size]
        rows = {"input_ids": [ids[i] for i in positions]}
        batch = encoder.tokenizer.pad(rows, pad_to_multiple_of=LENGTH_STEP, return_tensors="pt").to(encoder.device)
        with encoder.inference():
            states = encoder.model(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        yield positions, pooling.mean(states, batch["attention_mask"]).cpu().numpy()


def _teacher_vectors(teacher: Checkpoint, texts: Sequence[str], folder: Path) -> np.ndarray:
    """Encode the corpus once, (n, d) float16, and keep it beside the checkpoints for resuming."""
    key = hashlib.sha256("\0".join([teacher.revision, *texts]).encode()).hexdigest()[:16]
    path = folder / f"teacher-{key}.npy"
    if path.exists():
        return np.load(path)
    vectors = np.zeros((len(texts), teacher.model.config.hidden_size), dtype=np.float16)
    for positions, batch in mean_vectors(teacher, texts):
        vectors[positions] = batch
    with path.open("wb") as file:
        np.save(file, vectors)
    return vectors
