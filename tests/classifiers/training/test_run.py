"""Training learns, records what it should, and repeats itself to the bit."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from datasets import Dataset
from small_trainings import RARE, TRAIN, VALIDATION, quick_config, rows, same, weights
from transformers import AutoModelForSequenceClassification, pipeline

import classifiers.model  # noqa: F401 -- makes the architecture known
from augment.errors import InputError
from classifiers.training.history import read
from classifiers.training.run import train

pytestmark = pytest.mark.numeric

HALF = rows(0, 2, neutral=0.5)


@pytest.fixture(scope="module")
def plain(bert):
    """The weights of a training of one epoch with nothing but defaults."""
    return weights(train(quick_config(bert, epochs=1.0), HALF, VALIDATION))


@pytest.fixture(scope="module")
def learnt(bert):
    """Trainings of eight epochs by head, each run once."""
    results = {}

    def trained(head):
        if head not in results:
            results[head] = train(quick_config(bert, head=head, epochs=8.0), TRAIN, VALIDATION)
        return results[head]

    return trained


# What comes out


@pytest.mark.parametrize("head", ["linear", "bigru", "bilstm"])
def test_every_head_learns_what_the_verbs_say(learnt, head):
    # Of 6 seeds all came to 1.0, and the two rows to .76 or more; after 4 epochs some stood at .905.
    result = learnt(head)
    assert result.best["validation"]["macro_f1"] > 0.9
    said = ["the waiter adored the music .", "the waiter opens the shop ."]
    assert result.predict_proba(said).argmax(1).tolist() == [1, 0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("head", ["linear", "bigru", "bilstm"])
def test_a_gpu_is_taken_where_there_is_one(config, head):
    result = train(config(head=head, epochs=4.0, device="auto", dtype="auto"), TRAIN, VALIDATION)
    assert result.model.device.type == "cuda"
    assert result.best["validation"]["macro_f1"] > 0.9


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_half_precision_learns_too_and_keeps_weights_in_float32(config, learnt, head):
    # Of 4 seeds all came to 1.0.
    result = train(config(head=head, epochs=8.0, dtype="bfloat16"), TRAIN, VALIDATION)
    assert result.best["validation"]["macro_f1"] > 0.9
    assert {value.dtype for value in weights(result).values()} == {torch.float32}
    assert not same(weights(result), weights(learnt(head)))


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
def test_every_setting_changes_the_weights(config, plain, values):
    assert not same(plain, weights(train(config(epochs=1.0, **values), HALF, VALIDATION)))


@pytest.mark.parametrize(
    "values",
    [
        {"loss": "focal", "class_weights": "balanced", "pooling": "cls", "warmup": 0.2},
        {"logit_adjustment": 1.0, "label_smoothing": 0.1, "r_drop": 0.5, "pooling": "max", "gradient_accumulation": 2},
    ],
    ids=["focal", "cross-entropy"],
)
def test_settings_together_still_learn(config, values):
    result = train(config(epochs=16.0, **values), HALF, VALIDATION)
    assert result.best["validation"]["macro_f1"] > 0.6  # a guess comes to .5


def test_the_folder_holds_what_transformers_opens(config, tmp_path):
    folder = tmp_path / "model"
    result = train(config(), TRAIN, VALIDATION, output_dir=folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
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


def test_half_precision_of_sixteen_bits_is_refused_on_a_cpu(config, tmp_path):
    with pytest.raises(InputError, match="Training in float16 needs a GPU"):
        train(config(dtype="float16"), TRAIN, VALIDATION, output_dir=tmp_path / "model")
    assert not (tmp_path / "model").exists()


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


def test_labels_that_only_validation_has_are_refused(config):
    texts, labels = VALIDATION
    with pytest.raises(InputError, match=r"the validation data: has the class 'positiv', .* Did you mean 'positive'"):
        train(config(), TRAIN, (texts, [label.replace("positive", "positiv") for label in labels]))


def test_one_class_or_a_class_without_texts_is_refused(config):
    with pytest.raises(InputError, match="only one class, 'positive'"):
        train(config(), (["a b", "c d"], ["positive"] * 2))
    with pytest.raises(InputError, match="the class 'neutral' has no original row with a text"):
        train(config(), (["", " ", "c d"], ["neutral", "neutral", "positive"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"class_weights": {"neutral": 1.0}}, "must name each class once: 'neutral', 'positive'. Got 'neutral'"),
        ({"real_only": 0.5}, "no synthetic rows, so real_only has no effect"),
        ({"synthetic_weight": 0.5}, "no synthetic rows, so synthetic_weight has no effect"),
        ({"augmentation": {"strategy": "fillmsk"}}, "no strategy 'fillmsk'.*Did you mean 'fillmask'"),
        ({"augmentation": {"strategy": "smote"}}, "makes vectors, and the mode 'static' takes texts"),
        ({"augmentation": {"mode": "features", "strategy": "fillmask"}}, "makes texts, and the mode 'features'"),
        ({"augmentation": {"strategy": "random"}}, "nothing to augment"),
        ({"report_to": ["tensorbord"]}, "no report target 'tensorbord'"),
        ({"encoder": "no/such/folder"}, "no model folder 'no/such/folder'"),
    ],
)
def test_settings_that_do_not_suit_the_data_are_refused_before_anything_is_trained(config, tmp_path, values, message):
    balanced = rows(0, 2)
    with pytest.raises(ValueError, match=message):
        train(config(**values), balanced, VALIDATION, output_dir=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_patience_without_validation_rows_is_refused(config):
    with pytest.raises(InputError, match="patience needs validation rows"):
        train(config(patience=2), TRAIN)
