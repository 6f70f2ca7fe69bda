"""What watches a training: progress, evaluations, the history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from classifiers.data.schedules import Bucketed

Progress = Callable[[int], contextlib.AbstractContextManager[Callable[[int], None]]]
"""Given the number of steps, a context whose value is told how many were just taken."""


class _Follow(TrainerCallback):
    """Tells the sampler the epoch: with several processes the trainer does not reach it."""

    def __init__(self, sampler: Bucketed) -> None:
        self.sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.sampler.set_epoch(int(state.epoch or 0))


class _EvaluateEvery(TrainerCallback):
    """Evaluates every so many steps, beside every epoch, and no step twice."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.evaluated = 0

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.evaluated = state.global_step

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.evaluated == state.global_step:  # the training was stopped in the middle of the epoch
            control.should_evaluate = control.should_save = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        ends_epoch = state.epoch is not None and state.epoch == int(state.epoch)
        if state.global_step % self.steps == 0 and not ends_epoch and not control.should_training_stop:
            control.should_evaluate = True
            control.should_save = args.save_strategy != "no"


class _EvaluateWhenStopped(TrainerCallback):
    """Evaluates where a training by steps is stopped between two evaluations, as by a rule of one's own."""

    def __init__(self) -> None:
        self.evaluated = -1

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.evaluated = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if control.should_training_stop and self.evaluated != state.global_step:
            control.should_evaluate = True
            control.should_save = args.save_strategy != "no"

    on_epoch_end = on_step_end


class _Progress(TrainerCallback):
    """Shows how many steps were taken."""

    def __init__(self, shown: Progress) -> None:
        self.shown = shown

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.stack = contextlib.ExitStack()
        self.advance = self.stack.enter_context(self.shown(state.max_steps))
        self.advance(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.advance(1)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.stack.close()
