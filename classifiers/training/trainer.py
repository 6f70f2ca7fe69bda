"""`ClassifierTrainer`, a trainer of transformers with our losses, order of rows and history; `fit` runs one phase."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import EvalLoopOutput, align_special_tokens

from augment.errors import TrainingError
from augment.files import flush, replacing
from augment.models.checkpoints import Checkpoint
from augment.plain_data import read_json
from classifiers.config import TrainConfig
from classifiers.data.batching import TrainingRows
from classifiers.data.feed import Feed, Finish
from classifiers.data.schedules import Bucketed
from classifiers.metrics import Scores, scores
from classifiers.model import EncoderClassifier
from classifiers.training.callbacks import EvaluateEvery, EvaluateWhenStopped, FollowEpoch, Progress, ShowProgress
from classifiers.training.history import History, Phase, recorded
from classifiers.training.objective import loss_of
from classifiers.training.resuming import KeepCheckpoints, last_checkpoint, writing

CHOSEN_BY = "eval_validation_macro_f1"
"""The metric that chooses the best weights."""
EVAL_BATCH = 128
LOG_STEPS = 10
"""The number of steps whose mean loss is reported at a time."""
DONE = "done"
"""The folder with the weights of a finished phase."""


class ClassifierTrainer(Trainer):
    """Trainer of an `EncoderClassifier`.

    Parameters
    ----------
    *args
        Of `transformers.Trainer`.
    feed : Feed
        The training rows. The loss of a batch, summed over its rows, is divided by their number and by the mean weight
        of a row in an epoch. So the weight of a row does not depend on the other rows of its batch. The mean weight,
        the class weights and the logit adjustment are those of the rows in use: in the finish, of the original rows.
    config : TrainConfig
        It has the settings of the loss.
    history : History
        It takes the record of each evaluation.
    classes : sequence of str
    phase : {"train", "head"}
        The phase in the history.
    **kwargs
        Arguments of `transformers.Trainer`. The evaluation data are a dict with "train" and, if there are such rows,
        "validation" and "synthetic".
    """

    def __init__(
        self,
        *args: Any,
        feed: Feed,
        config: TrainConfig,
        history: History,
        classes: Sequence[str],
        phase: Phase,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.feed = feed
        self.loss = loss_of(config, feed.mass, classes)
        self.finish = feed.finish or Finish(sys.maxsize, feed.mass)
        self.loss_at_last = loss_of(config, self.finish.mass, classes)
        self.history = history
        self.classes = list(classes)
        self.phase = phase
        self.sampler = Bucketed(feed.schedule, feed.rows.lengths, self.args.train_batch_size, self.args.seed)
        self.add_callback(FollowEpoch(self.sampler))
        self._scores: dict[str, Scores] = {}
        self._minimised = torch.zeros((), device=self.args.device)
        self._batches = 0

    def _get_train_sampler(self, train_dataset: Any = None) -> Bucketed:
        """Return the sampler; it can resume an interrupted epoch."""
        return self.sampler

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss of one batch, a scalar: the configured loss in training, the cross-entropy in evaluation."""
        model_inputs = {name: inputs[name] for name in ("input_ids", "attention_mask", "features") if name in inputs}
        if not model.training:
            logits = model(**model_inputs).logits
            loss = nn.functional.cross_entropy(logits.float(), inputs["labels"])
            return (loss, {"logits": logits}) if return_outputs else loss
        minimised, mean_weight = self.loss, self.feed.mean_weight
        if self.state.global_step >= self.finish.step:
            minimised, mean_weight = self.loss_at_last, 1.0
        target, twin = inputs.get("targets", inputs["labels"]), None
        if minimised.alpha:  # one pass with each row twice, under different dropout
            model_inputs = {name: torch.cat([values, values]) for name, values in model_inputs.items()}
            logits, twin = model(**model_inputs).logits.chunk(2)
        else:
            logits = model(**model_inputs).logits
        loss = minimised(logits, target, inputs["weights"], twin) / (len(logits) * mean_weight)
        self._minimised += loss.detach()
        self._batches += 1
        return (loss, {"logits": logits}) if return_outputs else loss

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Train on one batch, and check that the loss is finite."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss.item()} at step {self.state.global_step + 1}, so the training was stopped. Try a"
                f" lower learning_rate (it is {self.args.learning_rate:g}), some warmup, or dtype float32."
            )
        return loss

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        with writing(Path(self.args.output_dir or ".")):
            super()._save_checkpoint(model, trial)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Predict rows, and compute their scores."""
        kwargs["prediction_loss_only"] = False
        output = super().evaluation_loop(*args, **kwargs)
        prefix = kwargs["metric_key_prefix"]
        logits = np.asarray(output.predictions, dtype=np.float64)
        if not np.isfinite(logits).all():
            raise TrainingError(
                f"The model's outputs are no longer numbers after step {self.state.global_step}. Try a lower"
                f" learning_rate (it is {self.args.learning_rate:g}), some warmup, or dtype float32."
            )
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        result = scores(shares / shares.sum(axis=1, keepdims=True), output.label_ids, self.classes)
        self._scores[prefix.removeprefix("eval_")] = result
        numbers = {"loss": result.loss, "accuracy": result.accuracy, "macro_f1": result.macro_f1, "ece": result.ece}
        numbers |= {f"f1_{name}": value for name, value in result.f1.items()}
        metrics: Any = output.metrics
        metrics.update({f"{prefix}_{name}": value for name, value in numbers.items()})
        return output

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> Any:
        """Evaluate all kinds of rows, and record the result."""
        whole = eval_dataset is None and metric_key_prefix == "eval"
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        if whole:
            minimised = self.accelerator.gather(self._minimised).mean().item()
            mean = minimised / self._batches if self._batches else None
            self._minimised.zero_()
            self._batches = 0
            record = recorded(
                self.phase, self.state.global_step, self.state.epoch or 0.0, self._scores, training_loss=mean
            )
            gaps = {
                f"eval_{name}": record[name]
                for name in ("gap", "loss_gap", "gap_synthetic")
                if record[name] is not None
            }
            if record["validation"] is not None:  # under one name, whatever the classes are called
                rows = record["train"]["support"]
                gaps["eval_rarest_class_f1"] = record["validation"]["f1"][min(rows, key=rows.__getitem__)]
            self.log(gaps)
            metrics |= gaps
            self.history.add(record)
        return metrics


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSetup:
    """The model, the folder and the callbacks of a training, the same in all its phases."""

    config: TrainConfig
    checkpoint: Checkpoint
    """The encoder's tokenizer, device, and dtype of linear layers."""
    model: EncoderClassifier
    """The model, which is trained in place. Weights without a gradient stay as they are."""
    history: History
    folder: Path
    """The folder for checkpoints."""
    keep: bool = False
    """Keep all that is needed to resume, not only the best weights."""
    resume: bool = False
    """Go on from the last complete checkpoint in the folder, if there is one."""
    callbacks: Sequence[TrainerCallback] = ()
    progress: Progress | None = None


def fit(
    setting: TrainingSetup,
    feed: Feed,
    evaluated: Mapping[str, TrainingRows],
    *,
    phase: Phase,
    learning_rate: float,
    epochs: float,
    max_steps: int | None = None,
) -> int | None:
    """Train a model in one phase. It ends with the best weights on the validation rows.

    Parameters
    ----------
    setting : TrainingSetup
    feed : Feed
        The rows to learn from.
    evaluated : mapping of str to TrainingRows
        "train" and, if there are such rows, "validation" and "synthetic".
    phase : {"train", "head"}
        The phase; each has its own folder.
    learning_rate, epochs, max_steps
        The settings of this phase.

    Returns
    -------
    int or None
        The step of the evaluation whose weights the model has; None without validation rows.

    Raises
    ------
    TrainingError
        If the loss is no longer a finite number.
    """
    config, checkpoint, model = setting.config, setting.checkpoint, setting.model
    folder, keep = setting.folder / phase, setting.keep
    validated, cpu = "validation" in evaluated, checkpoint.device.type == "cpu"
    every = "epoch" if config.evaluate_by == "epochs" else "steps"
    saves = every if keep or validated else "no"
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        max_steps=max_steps or -1,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=EVAL_BATCH,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup,
        optim="adamw_torch_fused",
        bf16=checkpoint.dtype is torch.bfloat16,
        fp16=checkpoint.dtype is torch.float16,
        use_cpu=cpu,
        dataloader_pin_memory=not cpu,
        eval_strategy=every,
        eval_steps=config.evaluate_steps,
        save_strategy=saves,
        save_steps=config.evaluate_steps or 500,
        save_total_limit=2,
        save_only_model=not keep,
        restore_callback_states_from_checkpoint=True,
        load_best_model_at_end=validated,
        metric_for_best_model=CHOSEN_BY if validated else None,
        greater_is_better=True if validated else None,
        logging_steps=LOG_STEPS,
        logging_nan_inf_filter=False,
        report_to=config.report_to or "none",
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=config.seed,
    )
    on_one_device(arguments)
    # As a trainer does that it is given to; one that was stopped after its last step is given to none.
    align_special_tokens(model, checkpoint.tokenizer)
    model.config.use_cache = arguments.use_cache
    if setting.resume and (folder / DONE / "best_step.json").exists():
        model.load_state_dict(load_file(folder / DONE / "model.safetensors"), strict=False)
        setting.history.go_back_to(phase, sys.maxsize)
        best_step: int | None = read_json(folder / DONE / "best_step.json")
        return best_step
    resume_from = last_checkpoint(folder) if setting.resume else None
    setting.history.go_back_to(phase, 0 if resume_from is None else int(resume_from.rpartition("-")[2]))
    trainer = ClassifierTrainer(
        model=model,
        args=arguments,
        processing_class=checkpoint.tokenizer,
        train_dataset=feed.rows,
        eval_dataset=dict(evaluated),
        data_collator=feed.collate,
        feed=feed,
        config=config,
        history=setting.history,
        classes=model.classes,
        phase=phase,
        callbacks=[KeepCheckpoints(), *setting.callbacks],
    )
    trainer.remove_callback(PrinterCallback)
    if config.evaluate_steps is not None and every == "epoch":
        trainer.add_callback(EvaluateEvery(config.evaluate_steps))
    if every == "steps":
        trainer.add_callback(EvaluateWhenStopped())
    if config.patience is not None and validated:
        trainer.add_callback(EarlyStoppingCallback(config.patience))
    if setting.progress is not None and trainer.is_world_process_zero():
        trainer.add_callback(ShowProgress(setting.progress))
    if resume_from is None or not _ended(resume_from):
        trainer.train(resume_from_checkpoint=resume_from)
        best = trainer.state.best_global_step
        # What accelerate put around its forward pass would compute in the dtype of the training for ever.
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    else:  # the process was stopped between the last step and this line
        best = TrainerState.load_from_json(str(Path(resume_from) / "trainer_state.json")).best_global_step
        kept = Path(resume_from) if best is None else folder / f"checkpoint-{best}"
        model.load_state_dict(load_file(kept / "model.safetensors"), strict=False)
    if keep and trainer.is_world_process_zero():
        with writing(folder / DONE):
            model.save_pretrained(folder / DONE)
            flush(folder / DONE)
            with replacing(folder / DONE / "best_step.json") as temporary:
                temporary.write_text(json.dumps(best), encoding="utf-8")
    return best


def on_one_device(arguments: TrainingArguments) -> None:
    """Make one process use one device. For several devices there is torchrun."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1


def _ended(checkpoint: str) -> bool:
    """Tell whether the training of a checkpoint was finished, after all steps or by an early stop."""
    state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
    control = state.stateful_callbacks.get("TrainerControl", {})
    return bool(control.get("args", {}).get("should_training_stop"))
