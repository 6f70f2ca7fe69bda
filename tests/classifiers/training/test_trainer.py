"""Steps and evaluations: when a training is evaluated, when it ends, and what a step takes together."""

from __future__ import annotations

import pytest
import torch
from small_trainings import RARE, TRAIN, VALIDATION
from transformers import TrainerCallback

from augment.errors import TrainingError
from classifiers.training.run import train

pytestmark = pytest.mark.numeric


def test_evaluation_every_so_many_steps_comes_beside_that_of_every_epoch(config):
    result = train(config(evaluate_steps=2), TRAIN, VALIDATION)  # six steps an epoch
    assert [record["step"] for record in result.history] == [2, 4, 6, 8, 10, 12]


def test_trainings_on_more_and_on_fewer_rows_can_be_evaluated_at_the_same_steps(config):
    equal = config(max_steps=12, evaluate_steps=4, evaluate_by="steps")
    for data in (RARE, TRAIN):
        result = train(equal, data, VALIDATION)
        assert [record["step"] for record in result.history] == [4, 8, 12]
        assert result.best["validation"]["macro_f1"] == max(r["validation"]["macro_f1"] for r in result.history)


class StopAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop = control.should_training_stop or state.global_step >= self.step


@pytest.mark.parametrize(("stop", "evaluated"), [(1, [1]), (8, [4, 8]), (10, [4, 8, 10])])
def test_a_training_by_steps_that_a_rule_of_ones_own_stops_is_evaluated_there(config, tmp_path, stop, evaluated):
    by_steps = config(max_steps=12, evaluate_steps=4, evaluate_by="steps")
    result = train(by_steps, TRAIN, VALIDATION, callbacks=[StopAt(stop)], output_dir=tmp_path / "model")
    assert [record["step"] for record in result.history] == evaluated
    assert result.best["validation"]["macro_f1"] == max(r["validation"]["macro_f1"] for r in result.history)


def test_one_process_trains_on_one_of_several_devices(config, monkeypatch, two_devices):
    found = []
    monkeypatch.setattr(
        "classifiers.training.trainer.ClassifierTrainer.train",
        lambda self, **how: found.append(self.args.train_batch_size),
    )
    with pytest.raises(IndexError):
        train(config(batch_size=32), TRAIN, VALIDATION)
    assert found == [32]


def test_steps_can_be_given_so_that_trainings_on_more_rows_take_as_many(config):
    few, many = (train(config(max_steps=9), data, VALIDATION) for data in (RARE, TRAIN))
    assert few.last["step"] == many.last["step"] == 9


def test_training_stops_early_when_validation_no_longer_improves(config):
    result = train(config(epochs=30.0, patience=2), TRAIN, VALIDATION)
    assert result.last["step"] < 30 * 6
    assert result.best["step"] <= result.last["step"] - 2 * 6


def test_a_training_that_stops_in_the_middle_of_an_epoch_evaluates_no_step_twice(config):
    result = train(config(epochs=20.0, patience=1, evaluate_steps=4), TRAIN, VALIDATION)
    steps = [record["step"] for record in result.history]
    assert steps == sorted(set(steps))
    assert steps[-1] < 20 * 6


def test_only_so_many_training_rows_are_evaluated_and_always_the_same(config):
    result = train(config(train_sample=50), TRAIN, VALIDATION)
    assert [record["train"]["rows"] for record in result.history] == [50, 50]
    assert result.history[0]["train"]["support"] == result.history[1]["train"]["support"]


def test_accumulated_gradients_are_those_of_one_batch(config):
    """Of the same 32 rows, in one batch and in four; they are too small to be clipped."""

    class Gradients(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
            self.found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    texts, labels = TRAIN
    found = []
    for accumulated in (1, 4):
        watch = Gradients()
        asked = config(batch_size=32 // accumulated, gradient_accumulation=accumulated, dropout=0.0, max_steps=1)
        train(
            asked.model_copy(update={"freeze_encoder": True, "head": "bigru", "label_smoothing": 0.9}),
            (texts[::6], labels[::6]),
            callbacks=[watch],
        )
        found.append(watch.found)
    one, four = found
    assert one.keys() == four.keys()
    assert 1e-4 < torch.cat([g.flatten() for g in one.values()]).norm() < 0.95
    for name in one:
        torch.testing.assert_close(one[name], four[name], rtol=1e-3, atol=1e-6)


def test_gradient_accumulation_changes_nothing_in_the_loss_that_is_told(config):
    one, four = (
        train(config(learning_rate=1e-12, epochs=1.0, gradient_accumulation=n, train_sample=500), TRAIN) for n in (1, 4)
    )
    assert one.last["training_loss"] == pytest.approx(four.last["training_loss"], rel=0.05)


def test_a_loss_that_is_no_number_stops_the_training_and_says_where(config):
    with pytest.raises(TrainingError, match=r"The loss is nan at step \d+, .* lower learning_rate \(it is 1e\+20\)"):
        train(config(learning_rate=1e20, epochs=5.0), TRAIN, VALIDATION)
