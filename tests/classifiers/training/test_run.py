"""Training learns, records what it should, repeats itself to the bit, and goes on after it was killed."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from small_trainings import RARE, TRAIN, VALIDATION, Stop, rows, same, weights
from transformers import AutoModelForSequenceClassification, TrainerCallback, pipeline

import classifiers.model  # noqa: F401 -- makes the architecture known
from augment.errors import InputError, OutputError, TrainingError
from augment.models.checkpoints import load_encoder
from classifiers.config import TrainConfig
from classifiers.data.feed import evaluated_sample
from classifiers.pretraining.loop import arguments
from classifiers.pretraining.masked_lm import PretrainConfig
from classifiers.training.history import read
from classifiers.training.run import train

pytestmark = pytest.mark.numeric


HALF = rows(0, 2, neutral=0.5)


@pytest.fixture
def config(bert):
    def made(**values):
        quick = {"encoder": str(bert), "learning_rate": 3e-3, "epochs": 2.0, "device": "cpu", "dtype": "float32"}
        return TrainConfig(**{**quick, **values})

    return made


@pytest.fixture(scope="module")
def plain(bert):
    """The weights of a training with nothing but defaults."""
    config = TrainConfig(encoder=str(bert), learning_rate=3e-3, epochs=16.0, device="cpu", dtype="float32")
    return weights(train(config, HALF, VALIDATION))


# What comes out


@pytest.mark.parametrize("head", ["linear", "bigru", "bilstm"])
def test_every_head_learns_what_the_verbs_say(config, head):
    # Of 6 seeds all came to 1.0, and the two rows to .76 or more; after 4 epochs some stood at .905.
    result = train(config(head=head, epochs=8.0), TRAIN, VALIDATION)
    assert result.best["validation"]["macro_f1"] > 0.9
    assert result.predict_proba(["the waiter adored the music .", "the waiter opens the shop ."]).argmax(
        1
    ).tolist() == [
        1,
        0,
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("head", ["linear", "bigru", "bilstm"])
def test_a_gpu_is_taken_where_there_is_one(config, head):
    result = train(config(head=head, epochs=4.0, device="auto", dtype="auto"), TRAIN, VALIDATION)
    assert result.model.device.type == "cuda"
    assert result.best["validation"]["macro_f1"] > 0.9


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_half_precision_learns_too_and_keeps_weights_in_float32(config, head):
    # Of 4 seeds all came to 1.0.
    result = train(config(head=head, epochs=8.0, dtype="bfloat16"), TRAIN, VALIDATION)
    assert result.best["validation"]["macro_f1"] > 0.9
    assert {value.dtype for value in weights(result).values()} == {torch.float32}
    assert not same(weights(result), weights(train(config(head=head, epochs=8.0), TRAIN, VALIDATION)))


@pytest.mark.parametrize(
    "values",
    [
        {"loss": "focal"},
        {"class_weights": "balanced"},
        {"class_weights": {"neutral": 2.0, "positive": 1.0}},
        {"logit_adjustment": 1.0},
        {"label_smoothing": 0.1},
        {"r_drop": 0.5},
        {"pooling": "cls"},
        {"pooling": "max"},
        {"gradient_accumulation": 2},
        {"warmup": 0.2},
    ],
)
def test_every_setting_changes_the_weights_and_still_learns(config, plain, values):
    # The least of 6 seeds of the slowest five settings was .92; a guess comes to .5.
    other = train(config(epochs=16.0, **values), HALF, VALIDATION)
    assert not same(plain, weights(other))
    assert other.best["validation"]["macro_f1"] > 0.6


def test_the_defaults_are_those_of_the_papers_table_3():
    defaults = TrainConfig()
    assert (defaults.dropout, defaults.gamma, defaults.max_length, defaults.batch_size) == (0.1, 3.0, 64, 32)
    assert (defaults.learning_rate, defaults.weight_decay, defaults.epochs) == (1e-5, 0.01, 4.0)
    assert defaults.loss == "cross-entropy"


def test_the_folder_holds_what_transformers_opens(config, tmp_path):
    folder = tmp_path / "model"
    result = train(config(), TRAIN, VALIDATION, output_dir=folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "curves.png",
        "history.jsonl",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    ]
    opened = AutoModelForSequenceClassification.from_pretrained(folder)
    assert same(opened.state_dict(), weights(result))
    assert opened.config.id2label == {0: "neutral", 1: "positive"}
    told = pipeline("text-classification", model=str(folder))("the staff praised the view .")[0]
    assert told["score"] == pytest.approx(result.predict_proba(["the staff praised the view ."]).max(), abs=1e-5)
    assert str(tmp_path) not in (folder / "config.json").read_text()


def test_training_data_are_taken_as_table_frame_or_pair(config):
    import pandas as pd

    texts, labels = TRAIN
    forms = [TRAIN, pd.DataFrame({"text": texts, "label": labels}), Dataset.from_dict({"text": texts, "label": labels})]
    first, *others = [weights(train(config(epochs=1.0), form)) for form in forms]
    assert all(same(first, other) for other in others)


# What is recorded


def test_an_epoch_records_all_three_kinds_of_rows_in_eval_mode_and_the_gap(config, tmp_path):
    augmentation = {"strategy": "nlpaug:random_word", "guards": ["none"]}
    result = train(config(augmentation=augmentation), RARE, VALIDATION, output_dir=tmp_path / "model")
    records = read(tmp_path / "model" / "history.jsonl")
    assert records == result.history
    assert [record["epoch"] for record in records] == [1.0, 2.0]
    for record in records:
        assert record["train"]["rows"] == len(RARE[0])  # the original rows alone
        assert record["train"]["support"] == {"neutral": 24, "positive": 96}
        assert record["synthetic"]["support"] == {"neutral": 72, "positive": 0}
        assert record["validation"]["rows"] == len(VALIDATION[0])
        assert record["gap"] == pytest.approx(
            100 * (record["train"]["macro_f1"] - record["validation"]["macro_f1"]), abs=1e-9
        )
        assert record["training_loss"] > 0
    by_hand = result.predict_proba(RARE[0]).argmax(1) == [["neutral", "positive"].index(label) for label in RARE[1]]
    kept = next(record for record in records if record["step"] == result.best["step"])
    assert kept["train"]["accuracy"] == pytest.approx(by_hand.mean())


def test_the_weights_that_are_kept_are_those_that_did_best_on_validation(config):
    result = train(config(epochs=5.0, learning_rate=1e-2), TRAIN, VALIDATION)
    best = max(record["validation"]["macro_f1"] for record in result.history)
    assert result.best["validation"]["macro_f1"] == best
    codes = [["neutral", "positive"].index(label) for label in VALIDATION[1]]
    right = (result.predict_proba(VALIDATION[0]).argmax(1) == codes).mean()
    assert right == pytest.approx(result.best["validation"]["accuracy"])


def test_without_validation_rows_the_last_weights_are_kept(config):
    result = train(config(), TRAIN)
    assert result.best == result.last
    assert result.last["validation"] is None
    assert result.last["gap"] is None
    assert result.mean_gap is None


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


@pytest.fixture
def two_devices(monkeypatch):
    """A machine with two devices, as transformers sees it."""
    from transformers import TrainingArguments

    monkeypatch.setattr(TrainingArguments, "n_gpu", property(lambda self: getattr(self, "_n_gpu", 2) or 2))


def test_one_process_pretrains_on_one_of_several_devices(bert, tmp_path, two_devices):
    found = arguments(load_encoder(str(bert), device="cpu"), tmp_path, PretrainConfig(batch_size=32))
    assert found.train_batch_size == 32


def test_one_process_trains_on_one_of_several_devices(config, monkeypatch, two_devices):
    found = []
    monkeypatch.setattr(
        "classifiers.training.trainer.ClassifierTrainer.train",
        lambda self, **how: found.append(self.args.train_batch_size),
    )
    with pytest.raises(IndexError):
        train(config(batch_size=32), TRAIN, VALIDATION)
    assert found == [32]


def test_a_training_that_would_never_be_evaluated_is_refused():
    with pytest.raises(InputError, match="Give evaluate_steps"):
        TrainConfig(evaluate_by="steps")


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


@pytest.mark.parametrize("rare", [1, 45, 900])
def test_the_rows_that_are_evaluated_hold_every_class_at_its_share(rare):
    codes = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40_000, 50_000, rare]))
    config = TrainConfig(train_sample=2000)
    chosen = evaluated_sample(config, "train", codes)
    assert len(chosen) == len(set(chosen.tolist())) == 2000
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(codes[chosen], minlength=3)
    assert counts[2] == math.ceil(rare * 2000 / len(codes) - 0.01)
    assert counts[0] / counts[1] == pytest.approx(0.8, rel=0.01)
    assert np.array_equal(chosen, evaluated_sample(config, "train", codes))
    other = evaluated_sample(config.model_copy(update={"seed": 1}), "train", codes)
    assert not np.array_equal(chosen, other)
    assert len(evaluated_sample(config, "validation", codes)) == len(codes)


def test_half_precision_of_sixteen_bits_is_refused_on_a_cpu(config, tmp_path):
    with pytest.raises(InputError, match="In float16 a classifier is trained on a GPU alone"):
        train(config(dtype="float16"), TRAIN, VALIDATION, output_dir=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_only_so_many_training_rows_are_evaluated_and_always_the_same(config):
    result = train(config(train_sample=50), TRAIN, VALIDATION)
    assert [record["train"]["rows"] for record in result.history] == [50, 50]
    assert result.history[0]["train"]["support"] == result.history[1]["train"]["support"]


# The same seed


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(config):
    first, second = (weights(train(config(), TRAIN, VALIDATION)) for _ in range(2))
    assert same(first, second)
    assert not same(first, weights(train(config(seed=1), TRAIN, VALIDATION)))


def test_global_generators_are_left_as_they_were_found(config):
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    train(config(epochs=1.0), TRAIN, VALIDATION)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert np.array_equal(before[2], np.random.get_state()[1])  # noqa: NPY002


def test_what_was_drawn_before_changes_nothing(config):
    torch.manual_seed(1)
    first = weights(train(config(epochs=1.0), TRAIN))
    torch.manual_seed(2)
    assert same(first, weights(train(config(epochs=1.0), TRAIN)))


# Stopped and resumed


@pytest.mark.parametrize("step", [3, 7, 11])
def test_a_resumed_training_ends_in_the_same_weights_and_history(config, tmp_path, step):
    asked = config(evaluate_steps=2, r_drop=0.3)
    whole = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "cut", callbacks=[Stop(step)])
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["checkpoints"]
    resumed = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "cut", resume=True)
    assert same(weights(whole), weights(resumed))
    assert read(tmp_path / "cut" / "history.jsonl") == read(tmp_path / "whole" / "history.jsonl")
    assert not (tmp_path / "cut" / "checkpoints").exists()


def test_a_checkpoint_that_was_cut_short_is_passed_over(config, tmp_path):
    asked, folder = config(evaluate_steps=2), tmp_path / "cut"
    whole = train(asked, TRAIN, VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        train(asked, TRAIN, VALIDATION, output_dir=folder, callbacks=[Stop(7)])
    state = folder / "checkpoints" / "train" / "checkpoint-6" / "trainer_state.json"
    state.write_text(state.read_text()[:100])
    assert same(weights(whole), weights(train(asked, TRAIN, VALIDATION, output_dir=folder, resume=True)))


def test_an_unfinished_training_is_neither_taken_for_another_nor_overwritten_unasked(config, tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        train(config(), TRAIN, VALIDATION, output_dir=folder, callbacks=[Stop(3)])
    with pytest.raises(OutputError, match=r"unfinished training. Give --resume"):
        train(config(), TRAIN, VALIDATION, output_dir=folder)
    with pytest.raises(OutputError, match=r"is another one: config.seed was 0 and is 1 now"):
        train(config(seed=1), TRAIN, VALIDATION, output_dir=folder, resume=True)
    with pytest.raises(OutputError, match=r"is another one: data.training was"):
        train(config(), RARE, VALIDATION, output_dir=folder, resume=True)
    train(config(seed=1, epochs=1.0), TRAIN, VALIDATION, output_dir=folder, overwrite=True)
    with pytest.raises(OutputError, match="holds a model already"):
        train(config(), TRAIN, VALIDATION, output_dir=folder)


def test_a_killed_process_is_resumed(config, tmp_path):
    code = (
        textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[4])!r})
        from small_trainings import TRAIN, VALIDATION
        from classifiers.config import TrainConfig
        from classifiers.training.run import train
        config = TrainConfig(**{json.dumps(config(epochs=20.0).model_dump())!s})
        train(config, TRAIN, VALIDATION, output_dir={str(tmp_path / "model")!r})
    """)
        .replace("null", "None")
        .replace("false", "False")
        .replace("true", "True")
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    history = tmp_path / "model" / "checkpoints" / "history.jsonl"
    until = time.monotonic() + 120
    while (not history.exists() or history.read_text().count("\n") < 2) and time.monotonic() < until:
        assert process.poll() is None, process.stderr.read()[-2000:]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "model" / "training.json").exists()
    resumed = train(config(epochs=20.0), TRAIN, VALIDATION, output_dir=tmp_path / "model", resume=True)
    assert [record["epoch"] for record in resumed.history] == list(range(1, 21))
    whole = train(config(epochs=20.0), TRAIN, VALIDATION)
    assert same(weights(whole), weights(resumed))


class StopAfterSaving(TrainerCallback):
    """Ends the training by an error just after a step was saved."""

    def __init__(self, step):
        self.step = step

    def on_save(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def test_a_training_that_was_stopped_early_and_then_killed_is_not_gone_on_with(config, tmp_path):
    asked = config(epochs=30.0, patience=2)
    whole = train(asked, TRAIN, VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        train(
            asked,
            TRAIN,
            VALIDATION,
            output_dir=tmp_path / "cut",
            callbacks=[StopAfterSaving(whole.last["step"])],
        )
    (tmp_path / "cut").rename(tmp_path / "moved")
    resumed = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "moved", resume=True)
    assert resumed.history == whole.history
    assert same(weights(whole), weights(resumed))


def test_a_training_whose_folder_was_moved_keeps_the_best_weights(config, tmp_path):
    asked = config(epochs=5.0, learning_rate=1e-2)
    whole = train(asked, TRAIN, VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "cut", callbacks=[StopAfterSaving(24)])
    (tmp_path / "cut").rename(tmp_path / "moved")
    resumed = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "moved", resume=True)
    assert same(weights(whole), weights(resumed))


def test_a_folder_of_that_name_which_is_not_ours_is_left_alone(config, tmp_path):
    (tmp_path / "model" / "checkpoints").mkdir(parents=True)
    (tmp_path / "model" / "checkpoints" / "mine.txt").write_text("mine")
    for more in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputError, match="has a folder 'checkpoints' that is not of a training"):
            train(config(), TRAIN, VALIDATION, output_dir=tmp_path / "model", **more)
    assert (tmp_path / "model" / "checkpoints" / "mine.txt").exists()


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


def test_a_full_disk_is_one_error_and_what_was_finished_is_gone_on_with(config, tmp_path, monkeypatch):
    asked, folder = config(evaluate_steps=2), tmp_path / "model"
    whole = train(asked, TRAIN, VALIDATION)
    saves = []
    save = torch.save

    def full(*arguments, **more):
        saves.append(1)
        if len(saves) > 8:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 24640 vs 24532")
        return save(*arguments, **more)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"cannot be written .*; free the disk .* --resume"):
        train(asked, TRAIN, VALIDATION, output_dir=folder)
    monkeypatch.undo()
    assert same(weights(whole), weights(train(asked, TRAIN, VALIDATION, output_dir=folder, resume=True)))


# What cannot be done


def test_a_loss_that_is_no_number_stops_the_training_and_says_where(config):
    with pytest.raises(TrainingError, match=r"The loss is nan at step \d+, .* lower learning_rate \(it is 1e\+20\)"):
        train(config(learning_rate=1e20, epochs=5.0), TRAIN, VALIDATION)


def test_labels_that_only_validation_has_are_refused(config):
    texts, labels = VALIDATION
    with pytest.raises(InputError, match=r"the validation data: has the class 'positiv', .* Did you mean 'positive'"):
        train(config(), TRAIN, (texts, [label.replace("positive", "positiv") for label in labels]))


def test_one_class_or_a_class_without_texts_is_refused(config):
    with pytest.raises(InputError, match="one class only, 'positive'"):
        train(config(), (["a b", "c d"], ["positive"] * 2))
    with pytest.raises(InputError, match="the class 'neutral' has no original row with a text"):
        train(config(), (["", " ", "c d"], ["neutral", "neutral", "positive"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"class_weights": {"neutral": 1.0}}, "must name each class once: neutral, positive. Got neutral"),
        ({"real_only": 0.5}, "no synthetic rows that real_only could be for"),
        ({"synthetic_weight": 0.5}, "no synthetic rows that synthetic_weight could be for"),
        ({"augmentation": {"strategy": "fillmsk"}}, "no strategy 'fillmsk'.*Did you mean 'fillmask'"),
        ({"augmentation": {"strategy": "smote"}}, "makes vectors, and the mode 'static' takes texts"),
        ({"augmentation": {"mode": "features", "strategy": "fillmask"}}, "makes texts, and the mode 'features'"),
        ({"augmentation": {"strategy": "random"}}, "nothing to augment"),
        ({"report_to": ["tensorbord"]}, "nothing to report to under the name 'tensorbord'"),
        ({"encoder": "no/such/folder"}, "no model folder 'no/such/folder'"),
    ],
)
def test_settings_that_do_not_suit_the_data_are_refused_before_anything_is_trained(config, tmp_path, values, message):
    balanced = rows(0, 2)
    with pytest.raises(ValueError, match=message):
        train(config(**values), balanced, VALIDATION, output_dir=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_totals_and_weights_may_be_numbers_of_numpy_and_must_be_whole_or_positive():
    assert TrainConfig(class_weights={"a": np.float32(2), "b": 1}).class_weights == {"a": 2.0, "b": 1.0}
    ways = {"strategy": "random", "sampling_strategy": {"neutral": np.int64(9)}}
    assert TrainConfig(augmentation=ways).augmentation.sampling_strategy == {"neutral": 9}
    with pytest.raises(InputError, match=r"gives class 'neutral' a total of 1000\.0\. Give a whole number"):
        TrainConfig(augmentation=ways | {"sampling_strategy": {"neutral": 1e3}})


def test_patience_without_validation_rows_is_refused(config):
    with pytest.raises(InputError, match="patience counts evaluations on validation rows"):
        train(config(patience=2), TRAIN)
