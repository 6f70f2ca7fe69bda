"""A head trained on vectors: resampled, drawn in balance, or of a frozen encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_trainings import APART, RARE, TRAIN, same, weights
from transformers import TrainerCallback

from augment.errors import InputError
from classifiers.config import Features, TrainConfig
from classifiers.data.splits import Split, near_copies
from classifiers.training import head_training
from classifiers.training.run import train

pytestmark = pytest.mark.numeric

FEATURES = {"mode": "features", "strategy": "smote", "head_epochs": 5.0}


@pytest.mark.parametrize("head", ["linear", "bigru"])
def test_the_head_is_trained_anew_on_resampled_features_and_the_encoder_stays(config, head):
    plain = train(config(head=head), RARE, APART)
    result = train(config(head=head, augmentation=FEATURES), RARE, APART)
    assert [record["phase"] for record in result.history] == ["train"] * 2 + ["head"] * 5
    assert result.rows["made"] == {"neutral": 72, "positive": 0}
    assert result.last["synthetic"]["support"] == {"neutral": 72, "positive": 0}
    assert result.last["train"]["rows"] == 120
    before, after = weights(plain), weights(result)
    kept = [name for name in before if not name.startswith(("head.dense", "head.out"))]
    assert same({n: before[n] for n in kept}, {n: after[n] for n in kept})
    assert not torch.equal(before["head.out.weight"], after["head.out.weight"])
    codes = np.array([["neutral", "positive"].index(label) for label in APART[1]])
    by_text = (result.predict_proba(APART[0]).argmax(axis=1) == codes).mean()
    assert by_text == pytest.approx(result.best["validation"]["accuracy"])


def test_new_vectors_can_weigh_less(config):
    ways = {"mode": "features", "strategy": "smote"}
    full, half = (train(config(augmentation=ways, synthetic_weight=w, epochs=1.0), RARE, APART) for w in (1.0, 0.5))
    assert not same(weights(full), weights(half))
    with pytest.raises(InputError, match="no synthetic rows, so synthetic_weight has no effect"):
        train(config(augmentation={"mode": "features", "strategy": None}, synthetic_weight=0.5), RARE, APART)


def test_without_a_strategy_the_features_are_drawn_in_balance(config):
    result = train(config(augmentation={**FEATURES, "strategy": None}), RARE, APART)
    assert result.last["synthetic"] is None
    assert result.last["phase"] == "head"


def test_features_of_a_frozen_encoder_are_computed_once_and_kept(config, tmp_path, monkeypatch):
    from classifiers.data.inputs import FrozenFeatures

    unused = {name: TrainConfig.model_fields[name].default for name in ("epochs", "learning_rate")}
    asked = config(freeze_encoder=True, augmentation=FEATURES, cache_dir=str(tmp_path / "cache"), **unused)
    first = train(asked, RARE, APART)
    assert [record["phase"] for record in first.history] == ["head"] * 5
    kept = sorted((tmp_path / "cache").iterdir())
    assert len(kept) == 2  # the training rows and the validation rows
    monkeypatch.setattr(FrozenFeatures, "_computed", None)
    assert same(weights(first), weights(train(asked, RARE, APART)))
    monkeypatch.undo()
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert same(weights(first), weights(train(asked, RARE, APART)))


def test_a_frozen_encoder_keeps_its_weights_with_either_kind_of_head(config, bert, tmp_path):
    from augment.models.checkpoints import load_encoder

    own = load_encoder(str(bert), device="cpu").model.state_dict()
    for head in ("linear", "bilstm"):
        asked = config(
            freeze_encoder=True,
            head=head,
            cache_dir=str(tmp_path) if head == "linear" else None,
            learning_rate=1e-2,
            epochs=6.0,
        )
        result = train(asked, TRAIN, APART)
        encoder = result.model.encoder.state_dict()
        assert same(encoder, {name: own[name] for name in encoder})
        # Of 6 seeds the last was .72 of the first at most.
        assert result.last["train"]["loss"] < result.history[0]["train"]["loss"]


def test_features_of_a_recurrent_head_on_a_frozen_encoder_are_refused_with_the_reason(config):
    with pytest.raises(InputError, match="states of its recurrent layer"):
        config(head="bigru", freeze_encoder=True, augmentation=FEATURES)


def test_features_are_resumed_after_the_first_phase_to_the_same_weights(config, tmp_path):
    asked = config(augmentation=FEATURES)
    whole = train(asked, RARE, APART)

    class StopInTheHead(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if args.output_dir.endswith("head") and state.global_step == 8:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(asked, RARE, APART, output_dir=tmp_path / "cut", callbacks=[StopInTheHead()])
    resumed = train(asked, RARE, APART, output_dir=tmp_path / "cut", resume=True)
    assert same(weights(whole), weights(resumed))
    assert whole.history == resumed.history


def test_no_vector_is_made_of_a_row_that_stands_in_validation_too(monkeypatch, config):
    asked = []
    whole = head_training.resampled_vectors
    monkeypatch.setattr(head_training, "resampled_vectors", lambda *args: asked.append(args[3]) or whole(*args))
    texts, labels = APART
    train(config(augmentation=FEATURES, epochs=1.0), RARE, ([*texts, RARE[0][0]], [*labels, RARE[1][0]]))
    assert asked[0].dtype == bool
    assert (~asked[0]).sum() == near_copies(RARE[0], [*texts, RARE[0][0]]).sum() >= 1
    vectors = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    vectors[0] = 1000.0
    split = Split([""] * 40, np.array([0] * 10 + [1] * 30))
    new, codes = whole(Features(strategy="smote"), vectors, split, np.arange(40) > 0, ["a", "b"], 0)
    assert (codes == 0).sum() == 20
    assert np.abs(new).max() < 100
