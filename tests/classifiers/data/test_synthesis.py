"""Rows that a training is given besides its own: made once, redrawn, as vectors, drawn in balance; no leak in any."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from small_trainings import RARE, TRAIN, Stop, same, weights
from small_trainings import VALIDATION as LIKE_TRAINING
from transformers import TrainerCallback

from augment import upsample
from augment.data.corpus import read
from augment.errors import InputError, OutputError, TrainingError
from classifiers.config import Features, Redraw, Static, TrainConfig
from classifiers.data.batching import TrainingRows
from classifiers.data.schedules import ClassBalanced, EveryRow, RealAtLast, Redrawn, bucketed
from classifiers.data.splits import Split, described, near_copies, training_data
from classifiers.data.synthesis import Synthesis
from classifiers.data.text_sets import Sets
from classifiers.losses import Loss
from classifiers.training import head_training
from classifiers.training.run import train

pytestmark = pytest.mark.numeric

WORDS = {"strategy": "nlpaug:random_word", "guards": ["none"]}
"""A quick strategy."""
VALIDATION = [f"and on monday {text[:-2]} in the old town ." for text in LIKE_TRAINING[0]], LIKE_TRAINING[1]
"""Rows that are no near copies of training rows."""


@pytest.fixture
def config(bert):
    def made(**values):
        quick = {"encoder": str(bert), "learning_rate": 3e-3, "epochs": 3.0, "device": "cpu", "dtype": "float32"}
        return TrainConfig(**{**quick, **values})

    return made


def data(training=RARE, validation=VALIDATION, against=None):
    return training_data(
        described(training, "the training data"),
        None if validation is None else described(validation, "the validation data"),
        against,
    )


class Watch(TrainerCallback):
    """Keeps the texts and weights of each batch that the model sees."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.steps = []

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        def look(module, given, named):
            if module.training:
                self.steps.append(self.tokenizer.batch_decode(named["input_ids"], skip_special_tokens=True))

        self.hook = model.register_forward_pre_hook(look, with_kwargs=True)

    def on_train_end(self, args, state, control, **kwargs):
        self.hook.remove()

    def epochs(self, steps):
        return [[t for batch in self.steps[i : i + steps] for t in batch] for i in range(0, len(self.steps), steps)]


@pytest.fixture
def watch(bert):
    from transformers import AutoTokenizer

    return Watch(AutoTokenizer.from_pretrained(bert))


# Made once


def test_static_rows_are_those_of_augment_upsample_and_seen_in_every_epoch(config, watch):
    train(config(augmentation=WORDS), RARE, VALIDATION, callbacks=[watch])
    (texts, _), _ = upsample(
        RARE, strategy="nlpaug:random_word", guards=["none"], against=VALIDATION[0], seed=0, only_synthetic=True
    )
    known = Counter(text.replace(" ", "") for text in [*RARE[0], *texts])
    for epoch in watch.epochs(6):  # 120 rows and 72 new ones
        assert Counter(text.replace(" ", "") for text in epoch) == known


def test_soft_labels_of_the_teacher_are_what_synthetic_rows_are_trained_on(config):
    synthesis = Synthesis(Static(**WORDS | {"soft_labels": True}), data(), 0, "cpu")
    made = synthesis.make(0)
    assert made.rows.soft_labels.shape == (72, 2)
    assert np.allclose(made.rows.soft_labels.sum(axis=1), 1, atol=1e-4)
    assert made.rows.soft_labels[:, 0].mean() > 0.5  # neutral
    hard, soft = (
        train(config(augmentation=WORDS | {"soft_labels": flag, "guards": ["none"]}), RARE, VALIDATION)
        for flag in (False, True)
    )
    assert not same(weights(hard), weights(soft))


def test_a_configured_strategy_is_taken_as_well_as_a_name(config):
    from augment.registry import STRATEGIES

    strategy = STRATEGIES.create("nlpaug:random_word", {})
    named, built = (
        train(config(augmentation={"strategy": s, "guards": ["none"]}), RARE) for s in ("nlpaug:random_word", strategy)
    )
    assert same(weights(named), weights(built))
    assert built.config.model_dump()["augmentation"]["strategy"]["name"] == "nlpaug:random_word"


# Redrawn


def test_every_epoch_sees_another_set_and_the_originals_once(config, watch):
    train(config(augmentation=WORDS | {"mode": "redraw", "variants": 2}), RARE, callbacks=[watch])
    own = Counter(text.replace(" ", "") for text in RARE[0])
    sets = []
    for epoch in watch.epochs(6):
        seen = Counter(text.replace(" ", "") for text in epoch)
        assert own <= seen
        sets.append(seen - own)
        assert sets[-1].total() == 72
    assert len(sets) == 3
    assert sets[0] == sets[2]
    assert sets[0] != sets[1]


def test_sets_made_in_the_background_are_those_that_would_have_been_made_before(config):
    before, meanwhile = (
        train(config(augmentation=WORDS | {"mode": "redraw", "variants": n}), RARE, VALIDATION) for n in (3, None)
    )
    assert same(weights(before), weights(meanwhile))


def test_sets_that_do_not_come_again_are_not_kept_among_the_rows(config):
    schedules, whole = [], Redrawn.parts

    def watched(schedule, epoch):
        schedules.append(schedule)
        return whole(schedule, epoch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Redrawn, "parts", watched)
        train(config(augmentation=Redraw(**WORDS, variants=None), epochs=4.0), RARE)
    assert len(schedules) >= 4
    assert len(schedules[-1].rows) == len(schedules[-1].rows.codes) == len(RARE[0]) + 72


@pytest.mark.parametrize("variants", [2, None])
def test_a_redrawn_training_is_resumed_to_the_same_weights(config, tmp_path, variants):
    asked = config(augmentation=WORDS | {"mode": "redraw", "variants": variants}, real_only=0.25, evaluate_steps=4)
    whole = train(asked, RARE, VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        train(asked, RARE, VALIDATION, output_dir=tmp_path / "cut", callbacks=[Stop(9)])
    resumed = train(asked, RARE, VALIDATION, output_dir=tmp_path / "cut", resume=True)
    assert same(weights(whole), weights(resumed))
    assert whole.history == resumed.history


def test_sets_are_kept_in_the_folder_and_not_made_twice(tmp_path):
    synthesis = Synthesis(Redraw(**WORDS), data(), 0, "cpu")
    first = Sets(synthesis, 2, tmp_path).get(1)
    synthesis.make = None
    again = Sets(synthesis, 2, tmp_path).get(3)
    assert again.rows.texts == first.rows.texts
    assert np.array_equal(again.rows.codes, first.rows.codes)
    assert len(list(tmp_path.iterdir())) == 1


def test_of_a_set_that_came_out_short_some_rows_are_taken_again():
    class Short:
        count, begin = 1, staticmethod(lambda number: None)
        synthesis = SimpleNamespace(budget={"neutral": 5}, classes=["neutral", "positive"])

        def get(self, number):
            return SimpleNamespace(rows=Split(["a", "b"], np.array([0, 0])))

    rows = TrainingRows([[1], [2], [3]], Split(["x", "y", "z"], np.array([0, 1, 1])), 2)
    schedule = Redrawn(rows, Short(), lambda texts: [[9]] * len(texts), 2, 0.5)
    assert len(schedule) == 8
    assert Counter(schedule.parts(0)[0].tolist()) == {0: 1, 1: 1, 2: 1, 3: 3, 4: 2}
    assert rows.weights.tolist() == [1, 1, 1, 0.5, 0.5]


def test_a_short_set_is_filled_up_class_by_class_and_with_rows_of_the_file_where_it_has_none():
    class Short:
        count, begin = 1, staticmethod(lambda number: None)
        synthesis = SimpleNamespace(budget={"a": 2, "b": 4, "c": 3}, classes=["a", "b", "c"])

        def get(self, number):
            return SimpleNamespace(rows=Split(["1", "2", "3"], np.array([0, 1, 0])))

    file = Split([*"uvwxyz"], np.array([0, 1, 2, 2, 2, 2]))
    rows = TrainingRows([[1]] * 6, file, 3)
    (part,) = Redrawn(rows, Short(), lambda texts: [[9]] * len(texts), 3, 0.5).parts(0)
    assert part[:6].tolist() == list(range(6))
    assert Counter(rows.codes[part[6:]].tolist()) == {0: 2, 1: 4, 2: 3}
    assert Counter(part[6:].tolist()) == {6: 1, 8: 1, 7: 4, 2: 1, 3: 1, 4: 1}


def ends(code, number):
    os._exit(code)


def sleeps(seconds, number):
    time.sleep(seconds)


def test_the_process_in_the_background_may_die_and_that_is_said(monkeypatch):
    from classifiers.data import synthesis

    monkeypatch.setattr(synthesis, "_make", ends)
    monkeypatch.setattr(Sets, "_read", lambda self, number: None)
    sets = Sets(9, None)
    sets.begin(1)
    with pytest.raises(TrainingError, match="The process that makes new rows has died"):
        sets._made_ahead(1)
    sets.close()


def test_the_process_in_the_background_ends_in_the_midst_of_a_set(monkeypatch):
    from classifiers.data import synthesis

    monkeypatch.setattr(synthesis, "_make", sleeps)
    monkeypatch.setattr(Sets, "_read", lambda self, number: None)
    sets = Sets(600, None)
    sets.begin(1)
    start = time.monotonic()
    sets.close()
    assert time.monotonic() - start < 60


def test_the_last_steps_see_original_rows_alone(config, watch):
    asked = config(augmentation=WORDS, real_only=0.4, max_steps=15)  # six steps an epoch
    train(asked, RARE, callbacks=[watch])
    own = {text.replace(" ", "") for text in RARE[0]}
    foreign = [sum(text.replace(" ", "") not in own for text in batch) for batch in watch.steps]
    assert sum(foreign[:6]) == 72
    assert sum(foreign[6:9]) > 0
    assert foreign[9:] == [0] * 6


def test_real_rows_at_last_come_once_before_any_comes_again():
    schedule = RealAtLast(EveryRow(10), originals=6, from_row=14, seed=0)
    assert [sorted(part.tolist()) for part in schedule.parts(0)] == [list(range(10))]
    mixed, real = schedule.parts(1)
    assert len(mixed) == 4
    assert sorted(real.tolist()) == list(range(6))
    (last,) = schedule.parts(2)
    assert sorted(last[:6].tolist()) == list(range(6))
    assert len(set(last[6:].tolist())) == 4


@pytest.mark.parametrize("values", [{"logit_adjustment": 1.0}, {"class_weights": "balanced"}])
def test_at_last_the_loss_is_mended_for_the_classes_of_real_rows(config, monkeypatch, values):
    """Mixed rows are in balance here and need no correction; the real ones that follow are 24 to 96."""
    corrections = []
    whole = Loss.__call__

    def watched(loss, *args):
        found = loss.prior if "logit_adjustment" in values else 1 / loss.class_weights
        corrections.append((found[1] / found[0]).item())
        return whole(loss, *args)

    monkeypatch.setattr(Loss, "__call__", watched)
    train(config(augmentation=WORDS, real_only=0.25, max_steps=16, **values), RARE)
    assert corrections == pytest.approx([1.0] * 12 + [4.0] * 4)


def test_at_last_a_row_weighs_what_it_weighs_without_synthetic_rows(config):
    asked = {"evaluate_by": "steps", "evaluate_steps": 4, "max_steps": 16, "dropout": 0.0, "learning_rate": 1e-12}
    mixed = train(config(augmentation=WORDS, real_only=0.25, synthetic_weight=0.3, **asked), RARE)
    # Of 5 seeds the two differed by .071 at most, as a few rows come twice; with the weights of before by .26 or more.
    assert mixed.last["training_loss"] == pytest.approx(mixed.last["train"]["loss"], rel=0.15)


# Drawn in balance


@pytest.mark.parametrize("undersample", [False, True])
def test_balanced_draws_take_every_class_as_often(undersample):
    codes = np.array([0] * 7 + [1] * 50 + [2] * 43)
    schedule = ClassBalanced(codes, seed=3, undersample=undersample)
    draws = [schedule.parts(epoch)[0] for epoch in range(200)]
    assert all(len(draw) == len(schedule) == (21 if undersample else 100) for draw in draws)
    for draw in draws:
        counts = np.bincount(codes[draw])
        assert counts.max() - counts.min() <= (0 if undersample else 1)
    if undersample:
        assert all(len(set(draw.tolist())) == 21 for draw in draws)
    assert np.bincount(np.concatenate(draws), minlength=100).min() > 0
    assert not np.array_equal(draws[0], draws[1])
    assert np.array_equal(draws[0], ClassBalanced(codes, seed=3, undersample=undersample).parts(0)[0])


@pytest.mark.parametrize("draw", ["sampler", "undersample"])
def test_balanced_training_finds_the_rare_class_and_makes_no_rows(config, draw):
    # Of 5 seeds the least was .92; a guess comes to .5.
    result = train(config(augmentation={"mode": "balanced", "draw": draw}, epochs=30.0), RARE, LIKE_TRAINING)
    assert result.best["validation"]["macro_f1"] > 0.6
    assert result.best["synthetic"] is None
    assert "made" not in result.rows


# Vectors


FEATURES = {"mode": "features", "strategy": "smote", "head_epochs": 5.0}


@pytest.mark.parametrize("head", ["linear", "bigru"])
def test_the_head_is_trained_anew_on_resampled_features_and_the_encoder_stays(config, head):
    plain = train(config(head=head), RARE, VALIDATION)
    result = train(config(head=head, augmentation=FEATURES), RARE, VALIDATION)
    assert [record["phase"] for record in result.history] == ["train"] * 3 + ["head"] * 5
    assert result.rows["made"] == {"neutral": 72, "positive": 0}
    assert result.last["synthetic"]["support"] == {"neutral": 72, "positive": 0}
    assert result.last["train"]["rows"] == 120
    before, after = weights(plain), weights(result)
    kept = [name for name in before if not name.startswith(("head.dense", "head.out"))]
    assert same({n: before[n] for n in kept}, {n: after[n] for n in kept})
    assert not torch.equal(before["head.out.weight"], after["head.out.weight"])
    codes = np.array([["neutral", "positive"].index(label) for label in VALIDATION[1]])
    by_text = (result.predict_proba(VALIDATION[0]).argmax(axis=1) == codes).mean()
    assert by_text == pytest.approx(result.best["validation"]["accuracy"])


def test_new_vectors_can_weigh_less(config):
    ways = {"mode": "features", "strategy": "smote"}
    full, half = (
        train(config(augmentation=ways, synthetic_weight=w, epochs=1.0), RARE, VALIDATION) for w in (1.0, 0.5)
    )
    assert not same(weights(full), weights(half))
    with pytest.raises(InputError, match="no synthetic rows that synthetic_weight could be for"):
        train(config(augmentation={"mode": "features", "strategy": None}, synthetic_weight=0.5), RARE, VALIDATION)


def test_a_class_without_validation_rows_stops_no_training(config, tmp_path):
    only = [text for text, label in zip(*VALIDATION, strict=True) if label == "positive"]
    result = train(config(augmentation=WORDS, epochs=1.0), RARE, (only, ["positive"] * len(only)))
    assert result.last["gap_synthetic"] is None
    assert result.last["synthetic"]["recall"]["neutral"] > 0


def test_without_a_strategy_the_features_are_drawn_in_balance(config):
    result = train(config(augmentation={**FEATURES, "strategy": None}), RARE, VALIDATION)
    assert result.last["synthetic"] is None
    assert result.last["phase"] == "head"


def test_features_of_a_frozen_encoder_are_computed_once_and_kept(config, tmp_path, monkeypatch):
    from classifiers.data.inputs import FrozenFeatures

    asked = config(freeze_encoder=True, augmentation=FEATURES, cache_dir=str(tmp_path / "cache"))
    first = train(asked, RARE, VALIDATION)
    assert [record["phase"] for record in first.history] == ["head"] * 5
    kept = sorted((tmp_path / "cache").iterdir())
    assert len(kept) == 2  # the training rows and the validation rows
    monkeypatch.setattr(FrozenFeatures, "_computed", None)
    assert same(weights(first), weights(train(asked, RARE, VALIDATION)))
    monkeypatch.undo()
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert same(weights(first), weights(train(asked, RARE, VALIDATION)))


def test_a_frozen_encoder_keeps_its_weights_with_either_kind_of_head(config, bert, tmp_path):
    from augment.models.checkpoints import load_encoder

    own = load_encoder(str(bert), device="cpu").model.state_dict()
    for head in ("linear", "bilstm"):
        asked = config(freeze_encoder=True, head=head, cache_dir=str(tmp_path), learning_rate=1e-2, epochs=6.0)
        result = train(asked, TRAIN, VALIDATION)
        encoder = result.model.encoder.state_dict()
        assert same(encoder, {name: own[name] for name in encoder})
        # Of 6 seeds the last was .72 of the first at most.
        assert result.last["train"]["loss"] < result.history[0]["train"]["loss"]


def test_features_of_a_recurrent_head_on_a_frozen_encoder_are_refused_with_the_reason(config):
    with pytest.raises(InputError, match="states of its recurrent layer, which are random"):
        config(head="bigru", freeze_encoder=True, augmentation=FEATURES)


def test_features_are_resumed_after_the_first_phase_to_the_same_weights(config, tmp_path):
    asked = config(augmentation=FEATURES)
    whole = train(asked, RARE, VALIDATION)

    class StopInTheHead(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if args.output_dir.endswith("head") and state.global_step == 8:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(asked, RARE, VALIDATION, output_dir=tmp_path / "cut", callbacks=[StopInTheHead()])
    resumed = train(asked, RARE, VALIDATION, output_dir=tmp_path / "cut", resume=True)
    assert same(weights(whole), weights(resumed))
    assert whole.history == resumed.history


# Files that hold synthetic rows already


@pytest.fixture
def upsampled():
    table = Dataset.from_dict({"text": RARE[0], "label": RARE[1]})
    return upsample(table, strategy="nlpaug:random_word", guards=["none"], against=VALIDATION[0])[0]


def test_synthetic_rows_of_a_file_are_known_and_kept_out_of_the_original_ones(config, upsampled):
    result = train(config(), upsampled, VALIDATION)
    assert result.rows["original"] == {"neutral": 24, "positive": 96}
    assert result.rows["synthetic"] == {"neutral": 72, "positive": 0}
    assert result.last["train"]["support"] == {"neutral": 24, "positive": 96}
    assert result.last["synthetic"]["support"] == {"neutral": 72, "positive": 0}
    lighter = train(config(synthetic_weight=0.3), upsampled, VALIDATION)
    assert not same(weights(result), weights(lighter))


def test_soft_labels_of_a_file_are_read_in_the_order_of_the_manifest(upsampled):
    frame = upsampled.to_pandas()
    frame["label_probs"] = [json.dumps([0.9, 0.1]) if made else None for made in frame["is_synthetic"]]
    found = data(frame).synthetic.soft_labels
    assert np.allclose(found, [0.9, 0.1])
    frame["label_probs"] = [[0.9, 0.3] if made else None for made in frame["is_synthetic"]]
    with pytest.raises(InputError, match="'label_probs' must hold 2 probabilities"):
        data(frame)


def test_a_file_whose_synthetic_rows_have_parents_in_validation_is_refused(upsampled):
    parents = [row for row in upsampled["source_row"] if row is not None]
    text = upsampled["text"][parents[0]]
    for copy in (text, text.upper(), text.replace("the", "a", 1)):
        with pytest.raises(InputError, match="rows that such were made of equal or nearly equal a held-out row"):
            data(upsampled, ([*VALIDATION[0], copy], [*VALIDATION[1], "neutral"]))


def test_a_file_whose_synthetic_rows_themselves_stand_in_validation_is_refused(upsampled):
    made = upsampled.filter(lambda row: row["is_synthetic"])["text"][0]
    with pytest.raises(InputError, match=r"[1-9] synthetic rows and"):
        data(upsampled, ([*VALIDATION[0], made], [*VALIDATION[1], "neutral"]))


def test_parents_are_found_by_their_numbers_in_the_file_also_where_rows_are_kept_out():
    from augment.data.corpus import Layout, from_table

    texts = [
        "no label here at all",
        "it opens at nine o'clock sharp",
        "a table stands by the window",
        "what a day we had",
    ]
    made = ["it closes at nine or ten sharp"]
    table = Dataset.from_dict(
        {
            "text": texts + made,
            "label": [None, "neutral", "neutral", "positive", "neutral"],
            "is_synthetic": [False] * 4 + [True],
            "source_row": [None] * 4 + [1],
        }
    )
    corpus = from_table(table, "rows", Layout(drop_unlabelled=True))
    with pytest.raises(InputError, match="1 rows that such were made of"):
        data(corpus, ([texts[1]], ["neutral"]))
    assert len(data(corpus, ([texts[2]], ["neutral"])).synthetic) == 1


def test_synthetic_validation_rows_are_refused(upsampled):
    with pytest.raises(InputError, match="72 validation rows are synthetic"):
        data(RARE, upsampled)


def test_rows_near_a_validation_row_are_no_sources_and_no_new_row_is_near_one():
    texts, labels = VALIDATION
    near = [*texts, *(text.replace(" .", " !").upper() for text in RARE[0][:4])]
    found = data(RARE, (near, [*labels, *["neutral"] * 4]))
    synthesis = Synthesis(Static(**WORDS), found, 0, "cpu")
    assert synthesis.no_sources == near_copies(RARE[0], near).sum() >= 4
    assert not set(synthesis.sources.texts) & set(RARE[0][:4])
    made = synthesis.make(0)
    assert made.rows.texts
    assert not near_copies(made.rows.texts, near).any()


def test_rows_near_a_text_of_a_test_file_are_no_sources_and_no_new_row_is_near_one():
    free = Synthesis(Static(**WORDS), data(), 0, "cpu").make(0).rows.texts
    near = [RARE[0][0].upper(), *free[:6]]
    synthesis = Synthesis(Static(**WORDS), data(against=near), 0, "cpu")
    assert RARE[0][0] not in synthesis.sources.texts
    made = synthesis.make(0).rows.texts
    assert made
    assert not near_copies(made, near).any()


def test_synthetic_rows_of_a_file_keep_away_from_a_test_file_too(config, upsampled):
    made = next(text for text, new in zip(upsampled["text"], upsampled["is_synthetic"], strict=True) if new)
    for text in (made.upper(), RARE[0][0]):
        with pytest.raises(InputError, match="equal or nearly equal a held-out row"):
            train(config(epochs=1.0), upsampled, against=[text])
    with pytest.raises(InputError, match="equal or nearly equal a held-out row"):
        train(config(epochs=1.0, augmentation=Static(**WORDS)), upsampled, VALIDATION, against=[made])


def test_no_vector_is_made_of_a_row_that_stands_in_validation_too(monkeypatch, config):
    asked = []
    whole = head_training.resampled_vectors
    monkeypatch.setattr(head_training, "resampled_vectors", lambda *args: asked.append(args[3]) or whole(*args))
    texts, labels = VALIDATION
    train(config(augmentation=FEATURES, epochs=1.0), RARE, ([*texts, RARE[0][0]], [*labels, RARE[1][0]]))
    assert asked[0].dtype == bool
    assert (~asked[0]).sum() == near_copies(RARE[0], [*texts, RARE[0][0]]).sum() >= 1
    vectors = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    vectors[0] = 1000.0
    split = Split([""] * 40, np.array([0] * 10 + [1] * 30))
    new, codes = whole(Features(strategy="smote"), vectors, split, np.arange(40) > 0, ["a", "b"], 0)
    assert (codes == 0).sum() == 20
    assert np.abs(new).max() < 100


def test_a_training_says_what_it_was_made_of_and_kept_away_from(config, tmp_path):
    asked = config(augmentation=Static(**WORDS), epochs=1.0)
    result = train(asked, RARE, VALIDATION, against=["It opens at ten ."], output_dir=tmp_path)
    assert set(result.data) == {"training", "validation", "against"}
    assert json.loads((tmp_path / "training.json").read_text())["data"] == result.data


def test_a_training_is_not_resumed_with_another_test_file(config, tmp_path):
    asked, watch = config(augmentation=Static(**WORDS), evaluate_steps=1), Stop(2)
    with pytest.raises(KeyboardInterrupt):
        train(asked, RARE, VALIDATION, against=["It opens at ten ."], output_dir=tmp_path, callbacks=[watch])
    with pytest.raises(OutputError, match=r"is another one: data.against was"):
        train(asked, RARE, VALIDATION, against=["It opens at two ."], output_dir=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("augmentation", "against", "said"),
    [
        (None, ["It opens at ten ."], "There are no synthetic rows that `against` could be for"),
        ("none", ["It opens at ten ."], "There are no synthetic rows that `against` could be for"),
        (Static(**WORDS), "test.csv", "must be a sequence of texts"),
    ],
)
def test_held_out_texts_that_are_of_no_use_are_refused(config, augmentation, against, said):
    ways = {"mode": "features", "strategy": None} if augmentation == "none" else augmentation
    with pytest.raises(InputError, match=said):
        train(config(augmentation=ways), RARE, VALIDATION, against=against)


def test_a_class_whose_rows_all_stand_in_validation_cannot_be_augmented():
    with pytest.raises(InputError, match="Each original row of the class 'neutral' equals or nearly equals"):
        Synthesis(Static(**WORDS), data(RARE, RARE), 0, "cpu")


# The weights of rows


def test_rows_that_fill_no_batch_are_any_and_not_the_longest():
    lengths = np.arange(97)
    orders = [bucketed(np.arange(97), lengths, 32, np.random.default_rng(seed)) for seed in range(60)]
    assert all(sorted(order.tolist()) == list(range(97)) for order in orders)
    assert len({order[-1] for order in orders}) > 30
    for order in orders:  # the full batches hold like lengths all the same
        assert sorted(np.ptp(order[start : start + 32]) for start in (0, 32, 64)) <= [32, 32, 32]


def test_every_row_is_in_one_epoch_once_and_batches_hold_like_lengths():
    from classifiers.data.schedules import bucketed

    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 60, 5003)
    order = bucketed(np.arange(5003), lengths, 32, rng)
    assert sorted(order.tolist()) == list(range(5003))
    batches = [lengths[order[i : i + 32]] for i in range(0, 5003, 32)]
    assert np.mean([batch.max() - batch.mean() for batch in batches]) < 2
    assert len(batches[-1]) == 5003 % 32
    means = np.array([batch.mean() for batch in batches])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.25  # long and short batches take turns


def test_reading_the_sample_and_training_on_it_by_name_works(config):
    sample = read("sample")
    result = train(config(epochs=1.0, augmentation={"mode": "balanced"}), sample, sample)
    assert result.classes == ["negative", "neutral", "positive"]


@pytest.mark.parametrize(
    ("values", "mass", "mean"),
    [
        ({}, [24, 96], 1),
        ({"augmentation": WORDS, "synthetic_weight": 0.5}, [24 + 36, 96], (120 + 36) / 192),
        (
            {"augmentation": WORDS | {"mode": "redraw", "variants": 2}, "synthetic_weight": 0.5},
            [24 + 36, 96],
            (120 + 36) / 192,
        ),
        ({"augmentation": {"mode": "balanced"}}, [60, 60], 1),
        ({"augmentation": {"mode": "balanced", "draw": "undersample"}}, [24, 24], 1),
    ],
)
def test_classes_weigh_what_an_epoch_takes_of_them(config, bert, tmp_path, values, mass, mean):
    from augment.models.checkpoints import load_encoder
    from classifiers.data.feed import text_feed
    from classifiers.data.inputs import TokenInputs

    asked, found = config(**values), data()
    synthesis = Synthesis(asked.augmentation, found, 0, "cpu") if isinstance(asked.augmentation, Static) else None
    feed = text_feed(asked, found, TokenInputs(load_encoder(str(bert), device="cpu"), 64), synthesis, tmp_path)
    assert feed.mass.tolist() == pytest.approx(mass)
    assert feed.mean_weight == pytest.approx(mean)
    for epoch in range(3):
        rows = np.concatenate(feed.schedule.parts(epoch))
        assert len(rows) == len(feed.schedule)
        weighed = np.bincount(feed.rows.codes[rows], weights=feed.rows.weights[rows], minlength=2)
        assert weighed.tolist() == pytest.approx(mass)


def test_class_weights_have_a_mean_of_one_over_the_rows(config):
    from classifiers.training.objective import loss_of

    mass = np.array([60.0, 96.0])
    for weights_ in ("balanced", {"neutral": 5.0, "positive": 1.0}):
        loss = loss_of(config(class_weights=weights_), mass, ["neutral", "positive"])
        assert (mass * loss.class_weights.numpy()).sum() == pytest.approx(mass.sum(), rel=1e-6)
