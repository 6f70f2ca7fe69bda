"""Contrastive pretraining of an encoder: unsupervised and supervised SimCSE, ESimCSE, and measures of the result."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
from pydantic import Field, model_validator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PrinterCallback, TrainerCallback

from augment.errors import InputError, ModelError
from augment.files import replacing
from augment.identity import digest
from augment.models.checkpoints import Checkpoint, load_encoder, load_masked_lm
from augment.models.masked_lm import HeadStates
from augment.models.pooling import POOLERS
from augment.models.word_masks import WordMasks, masked_loss
from augment.plain_data import read_json
from augment.seeding import generator, global_generators
from classifiers.pretraining.contrastive_losses import NegativeQueue, alignment, follow, info_nce, same_text, uniformity
from classifiers.pretraining.loop import (
    TRAINING,
    InnerShare,
    LoopConfig,
    NotNegative,
    Positive,
    SentenceTrainer,
    Share,
    TokenCount,
    WholeShare,
    arguments,
    has_finished,
    make_ready,
    pooled_vectors,
    save,
    sizes,
)
from classifiers.pretraining.sentences import Tuples, Views
from classifiers.training.resuming import KeepCheckpoints, last_checkpoint

Objective = Literal["simcse", "esimcse", "supervised-simcse"]
OBJECTIVES: tuple[str, ...] = get_args(Objective)
"""simcse: two dropout masks of a sentence (Gao et al. 2021, equation 4). esimcse: the second with repeated words, and a
queue of negatives (Wu et al. 2022). supervised-simcse: premise, entailment, contradiction (Gao et al., equation 5)."""
REPORT = "pretraining.json"
"""The file beside the model: how it was trained, and the measures before and after."""
MOMENTUM = "momentum.safetensors"
"""The file in a checkpoint: the momentum encoder and the queue."""


AtLeastTwo = Annotated[int, Field(ge=2)]


class ContrastiveConfig(LoopConfig):
    """Settings of contrastive pretraining. The defaults are those of unsupervised SimCSE (BERT-base) and of ESimCSE."""

    objective: Objective = "simcse"
    """One of `OBJECTIVES`."""
    epochs: Positive = 1.0
    learning_rate: InnerShare = 3e-5
    weight_decay: NotNegative = 0.0
    dropout: Share = 0.1
    max_length: TokenCount = 32
    mask_ratio: InnerShare = 0.15
    pooling: Literal["mean", "cls", "cls_mlp", "max"] = "mean"
    """The pooling that makes the sentence vector, one of `augment.models.pooling.POOLERS`."""
    temperature: Positive = 0.05
    """Cosines are divided by it; above 0."""
    mlm_weight: NotNegative = 0.0
    """Weight of a masked-LM term on the (first) sentence of each row; 0 is none, .1 is that of Gao et al. 2021."""
    duplication_rate: WholeShare = 0.32
    """esimcse: at most this share of the word pieces of a sentence is repeated; in [0, 1]."""
    momentum: WholeShare = 0.995
    """esimcse: the share of itself that the momentum encoder keeps at each step; in [0, 1]."""
    queue_ratio: Positive = 2.5
    """esimcse: length of the queue of negatives, in batches; above 0."""
    held_out: AtLeastTwo = 500
    """The number of held-out sentences, at most a tenth of all; 2 or more."""
    batch_size: AtLeastTwo = 64
    """Rows of a step, which are compared with each other; 2 or more."""

    @model_validator(mode="after")
    def _goes_together(self) -> ContrastiveConfig:
        wrong = []
        if self.dropout == 0 and not self.supervised:
            wrong.append(
                f"The objective {self.objective!r} needs a dropout above 0, since it is dropout that makes the two"
                " views of a sentence differ. Got 0. Give .1."
            )
        if self.pooling == "cls_mlp" and self.mlm_weight:
            wrong.append(
                "The pooling 'cls_mlp' and a masked-LM term exclude each other, since masked LMs have no pooler. Give"
                " the pooling 'cls', or leave `mlm_weight` out."
            )
        if wrong:
            raise InputError(" ".join(wrong))
        return self

    @property
    def supervised(self) -> bool:
        """Whether a row is a triple, and not a sentence."""
        return self.objective == "supervised-simcse"

    def record(self) -> dict[str, Any]:
        """Return the settings that the objective uses."""
        unused = () if self.objective == "esimcse" else ("duplication_rate", "momentum", "queue_ratio")
        return {name: value for name, value in self.model_dump().items() if name not in unused}


def open_encoder(name: str, config: ContrastiveConfig, *, device: str = "auto") -> Checkpoint:
    """Open the encoder to train, with its masked-LM head if it has one, and with its pooler if `pooling` needs it.

    Parameters
    ----------
    name : str
        A bundled name, a folder or a hub id.
    config : ContrastiveConfig
        Its `pooling` and `mlm_weight` decide; with a masked-LM term, an encoder without a head gets a new one.
    device : str, default="auto"

    Returns
    -------
    Checkpoint

    Raises
    ------
    ModelError
        If the model is unknown, or the pooling is ``"cls_mlp"`` and the model has no trained pooler.
    """
    if config.pooling == "cls_mlp":
        checkpoint = load_encoder(name, device=device)
        checkpoint.require_pooler()
        return checkpoint
    if config.mlm_weight:
        with global_generators(config.seed):
            return load_masked_lm(name, device=device, new_head=True)
    try:
        return load_masked_lm(name, device=device)
    except ModelError:
        checkpoint = load_encoder(name, device=device)
    if checkpoint.untrained:
        # Random numbers, which must not be saved as if they were trained.
        checkpoint.model.pooler = None  # type: ignore[assignment]
    return checkpoint


@dataclass(frozen=True)
class Measures:
    """Two measures of the vectors of held-out sentences. For both, lower is better."""

    alignment: float
    """Of two dropout views of a sentence, or of premise and entailment; see `alignment` in `contrastive_losses`."""
    uniformity: float
    """Of the (first) sentences, without dropout; see `uniformity` in `contrastive_losses`."""


def measure(checkpoint: Checkpoint, rows: Sequence[tuple[str, ...]], config: ContrastiveConfig) -> Measures:
    """Measure alignment and uniformity.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its model is left in training mode.
    rows : sequence of tuples of str
        Single sentences or triples, at least two, whose first sentences differ.
    config : ContrastiveConfig
        The pooling, the longest sentence, the seed, and whether the objective is supervised.

    Returns
    -------
    Measures
        They depend only on the weights, not on earlier measurements or training.
    """

    def vectors(column: int) -> Tensor:
        result = torch.zeros((len(rows), checkpoint.model.config.hidden_size))
        texts = [row[column] for row in rows]
        for positions, part in pooled_vectors(checkpoint, texts, how=config.pooling, max_length=config.max_length):
            result[positions] = torch.from_numpy(part)
        return result

    checkpoint.model.eval()
    first = vectors(0)
    pair = [first, vectors(1)] if config.supervised else []
    checkpoint.model.train()
    for view in () if pair else (1, 2):
        with global_generators(_seed(config.seed, "held_out", view)):
            pair.append(vectors(0))
    return Measures(alignment(*pair), uniformity(first))


class ContrastiveTrainer(SentenceTrainer):
    """Trainer whose loss is InfoNCE over a batch, its hard negatives or a queue, plus a weighted masked-LM loss.

    Dropout depends only on the seed and the number of the step. So a resumed training gives the same result as an
    uninterrupted one.
    """

    def __init__(self, *args: Any, config: ContrastiveConfig, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config = config
        model = self.accelerator.unwrap_model(self.model)
        self.encoder: nn.Module = model.base_model
        self.head_states = HeadStates(model) if config.mlm_weight else None
        self.momentum_encoder: nn.Module | None = None
        if config.objective == "esimcse":
            self.momentum_encoder = copy.deepcopy(self.encoder).eval().requires_grad_(False)
            length = max(1, int(config.queue_ratio * config.batch_size))
            self.queue = NegativeQueue(length, model.config.hidden_size, self.args.device)

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of one batch, a scalar."""
        texts = inputs["texts"]
        anchors, positives, *others = self._encode(self.encoder, inputs).chunk(len(texts))
        other_texts = texts[2:].flatten()
        if self.momentum_encoder is not None:
            others, other_texts = [self.queue.vectors], self.queue.texts
        loss = info_nce(
            anchors,
            torch.cat([positives, *others]),
            temperature=self.config.temperature,
            excluded=same_text(texts[0], texts[1], other_texts),
        )
        if self.head_states is not None:
            with self.accelerator.autocast():
                loss = loss + self.config.mlm_weight * masked_loss(self.head_states, inputs["masked"])[0]
        return loss

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """Make one step, then add the vectors of its sentences, by the momentum encoder, to the queue."""
        torch.manual_seed(_seed(self.config.seed, "dropout", self.state.global_step))
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self.momentum_encoder is not None:
            inputs = self._prepare_inputs(inputs)
            follow(self.momentum_encoder, self.encoder, self.config.momentum)
            [texts, *_] = inputs["texts"]
            sentences = {name: inputs[name][: len(texts)] for name in ("input_ids", "attention_mask")}
            with torch.no_grad():
                self.queue.push(self._encode(self.momentum_encoder, sentences), texts)
        return loss

    def _encode(self, encoder: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Return the vectors of sentences, (batch, d) float32."""
        with self.accelerator.autocast():
            output = encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        return POOLERS[self.config.pooling](output, batch["attention_mask"])

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint. Our file comes first, since a checkpoint with the trainer's state counts as complete."""
        if self.momentum_encoder is not None:
            folder = Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
            folder.mkdir(parents=True, exist_ok=True)
            weights = {f"encoder.{name}": weight for name, weight in self.momentum_encoder.named_parameters()}
            queue = {"queue.vectors": self.queue.vectors.contiguous(), "queue.texts": self.queue.texts.contiguous()}
            save_file({**weights, **queue}, folder / MOMENTUM)
        super()._save_checkpoint(model, trial)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights, and the momentum encoder and the queue."""
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.momentum_encoder is not None:
            saved = load_file(Path(resume_from_checkpoint) / MOMENTUM, device=str(self.args.device))
            self.queue.vectors, self.queue.texts = saved.pop("queue.vectors"), saved.pop("queue.texts")
            with torch.no_grad():
                for name, weight in self.momentum_encoder.named_parameters():
                    weight.copy_(saved[f"encoder.{name}"])


class LossLog(TrainerCallback):
    """Passes the training loss on to `log`, one line each time."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Report the step and the loss."""
        if logs and "loss" in logs:
            self.log(f"step {state.global_step} of {state.max_steps}: loss {float(logs['loss']):.4f}")


def pretrain_by_contrast(
    checkpoint: Checkpoint,
    rows: Sequence[tuple[str, ...]],
    output_dir: Path,
    config: ContrastiveConfig,
    *,
    resume: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train an encoder by contrast and save it, in half precision, with its tokenizer and `REPORT`.

    Batches have sentences of similar length, as in `pretrain`, and all batches have the same size. Sentences left over
    at the end of an epoch are not used in it. The negatives of a sentence are all other sentences of its batch with
    another text.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model to train, in place; from `open_encoder`.
    rows : sequence of (str,) or of (str, str, str)
        One sentence each or, for the supervised objective, premise, entailment and contradiction. Rows with an empty
        text, and repetitions, are left out.
    output_dir : Path
        Where the model goes; its folder ``training`` holds the checkpoints to resume from.
    config : ContrastiveConfig
        How to train.
    resume : bool, default=False
        Go on from the last checkpoint in `output_dir`, if there is one. If the training has finished, nothing is made.
    log : callable, optional
        Called with a line on the loss, every 50 steps, or if it has finished already.

    Returns
    -------
    dict
        What `REPORT` holds: objective, model, config, numbers of rows, steps, and `Measures` before and after.

    Raises
    ------
    InputError
        If too few rows for one batch remain beside the held-out ones.
    """
    rows = list(dict.fromkeys(tuple(text.strip() for text in row) for row in rows))
    rows = [row for row in rows if all(row)]
    train, held_out = _split(rows, config)
    if len(train) < config.batch_size:
        what = "triples" if config.supervised else "sentences"
        raise InputError(
            f"There must be at least {config.batch_size} different {what}, one batch, beside {len(held_out)} that are"
            f" held out. Got {len(rows)} in all. Give more, or a smaller batch size."
        )
    identity = {
        "config": config.record(),
        "model": checkpoint.revision,
        "sizes": sizes(checkpoint),
        "texts": digest([text for row in train for text in row]),
    }
    if has_finished(output_dir, identity, resume=resume, log=log):
        return dict(read_json(output_dir / REPORT))
    training = output_dir / TRAINING
    make_ready(checkpoint, config)
    tokenizer, longest = checkpoint.tokenizer, checkpoint.longest()
    masks = WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, config.mask_ratio, 0.0, config.seed)
    with global_generators(config.seed):
        before = measure(checkpoint, held_out, config)
        trainer = ContrastiveTrainer(
            model=checkpoint.model,
            args=arguments(checkpoint, training, config, dataloader_drop_last=True),
            processing_class=tokenizer,
            train_dataset=Tuples(tokenizer, train, min(config.max_length, longest)),
            data_collator=Views(
                tokenizer.pad_token_id,
                config.seed,
                config.duplication_rate if config.objective == "esimcse" else None,
                longest,
                masks if config.mlm_weight else None,
            ),
            callbacks=[LossLog(log), KeepCheckpoints()],
            config=config,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=last_checkpoint(training) if resume else None)
        after = measure(checkpoint, held_out, config)
    report = {
        "objective": config.objective,
        "model": checkpoint.name,
        "revision": checkpoint.revision,
        "config": config.record(),
        "rows": len(train),
        "held_out": len(held_out),
        "steps": trainer.state.global_step,
        "before": asdict(before),
        "after": asdict(after),
    }
    with replacing(output_dir / REPORT) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    save(checkpoint, output_dir)
    return report


def _split(
    rows: list[tuple[str, ...]], config: ContrastiveConfig
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Hold out some first sentences with all their rows. The first row of each is measured."""
    first: dict[str, tuple[str, ...]] = {}
    for row in rows:
        first.setdefault(row[0], row)
    count = max(2, min(config.held_out, len(first) // 10))
    chosen = set(generator(config.seed, "held_out").permutation(len(first))[:count].tolist())
    held_out = [row for i, row in enumerate(first.values()) if i in chosen]
    away = {row[0] for row in held_out}
    return [row for row in rows if row[0] not in away], held_out


def _seed(seed: int, stream: str, number: int) -> int:
    """Return a seed for code of other libraries, for one number of a stream."""
    return int(generator(seed, stream, number).integers(2**63))
