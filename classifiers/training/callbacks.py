"""Callbacks of the trainer: they set the epoch, ask for extra evaluations, and show progress."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from classifiers.data.schedules import Bucketed

Progress = Callable[[int], contextlib.AbstractContextManager[Callable[[int], None]]]
"""Takes the number of steps and returns a context manager. Its value is called with the number of steps just taken."""


class FollowEpoch(TrainerCallback):
    """Sets the epoch of the sampler. With several processes the trainer itself does not do it."""

    def __init__(self, sampler: Bucketed) -> None:
        self.sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Set the epoch."""
        self.sampler.set_epoch(int(state.epoch or 0))


class EvaluateEvery(TrainerCallback):
    """Evaluates after a fixed number of steps as well as after each epoch, and never twice at the same step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.evaluated = 0

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Remember the step of this evaluation."""
        self.evaluated = state.global_step

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Skip the evaluation of the epoch if this step has one already."""
        if self.evaluated == state.global_step:  # the training was stopped in the middle of the epoch
            control.should_evaluate = control.should_save = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for an evaluation if the number of steps is reached."""
        ends_epoch = state.epoch is not None and state.epoch == int(state.epoch)
        if state.global_step % self.steps == 0 and not ends_epoch and not control.should_training_stop:
            control.should_evaluate = True
            control.should_save = args.save_strategy != "no"


class EvaluateWhenStopped(TrainerCallback):
    """Evaluates once more if another callback stops the training between two evaluations."""

    def __init__(self) -> None:
        self.evaluated = -1

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Remember the step of this evaluation."""
        self.evaluated = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for an evaluation if the training stops here without one."""
        if control.should_training_stop and self.evaluated != state.global_step:
            control.should_evaluate = True
            control.should_save = args.save_strategy != "no"

    on_epoch_end = on_step_end


class ShowProgress(TrainerCallback):
    """Shows how many steps the training has taken."""

    def __init__(self, shown: Progress) -> None:
        self.shown = shown

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the progress display."""
        self.stack = contextlib.ExitStack()
        self.advance = self.stack.enter_context(self.shown(state.max_steps))
        self.advance(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count one step."""
        self.advance(1)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the progress display."""
        self.stack.close()
