"""New rows that a training makes: their labels, and that none is near a held-out row."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_trainings import APART, RARE, WORDS, Stop, prepared, same, weights

from augment.errors import InputError, OutputError
from classifiers.config import Static
from classifiers.data.splits import near_copies
from classifiers.data.synthesis import Synthesis
from classifiers.training.run import train

pytestmark = pytest.mark.numeric


def test_soft_labels_of_the_teacher_are_what_synthetic_rows_are_trained_on(config):
    synthesis = Synthesis(Static(**WORDS | {"soft_labels": True}), prepared(), 0, "cpu")
    made = synthesis.make(0)
    assert made.rows.soft_labels.shape == (72, 2)
    assert np.allclose(made.rows.soft_labels.sum(axis=1), 1, atol=1e-4)
    assert made.rows.soft_labels[:, 0].mean() > 0.5  # neutral
    hard, soft = (
        train(config(augmentation=WORDS | {"soft_labels": flag, "guards": ["none"]}), RARE, APART)
        for flag in (False, True)
    )
    assert not same(weights(hard), weights(soft))


def test_a_class_without_validation_rows_stops_no_training(config, tmp_path):
    only = [text for text, label in zip(*APART, strict=True) if label == "positive"]
    result = train(config(augmentation=WORDS, epochs=1.0), RARE, (only, ["positive"] * len(only)))
    assert result.last["gap_synthetic"] is None
    assert result.last["synthetic"]["recall"]["neutral"] > 0


def test_rows_near_a_validation_row_are_no_sources_and_no_new_row_is_near_one():
    texts, labels = APART
    near = [*texts, *(text.replace(" .", " !").upper() for text in RARE[0][:4])]
    found = prepared(RARE, (near, [*labels, *["neutral"] * 4]))
    synthesis = Synthesis(Static(**WORDS), found, 0, "cpu")
    assert synthesis.no_sources == near_copies(RARE[0], near).sum() >= 4
    assert not set(synthesis.sources.texts) & set(RARE[0][:4])
    made = synthesis.make(0)
    assert made.rows.texts
    assert not near_copies(made.rows.texts, near).any()


def test_rows_near_a_text_of_a_test_file_are_no_sources_and_no_new_row_is_near_one():
    free = Synthesis(Static(**WORDS), prepared(), 0, "cpu").make(0).rows.texts
    near = [RARE[0][0].upper(), *free[:6]]
    synthesis = Synthesis(Static(**WORDS), prepared(against=near), 0, "cpu")
    assert RARE[0][0] not in synthesis.sources.texts
    made = synthesis.make(0).rows.texts
    assert made
    assert not near_copies(made, near).any()


def test_a_training_says_what_it_was_made_of_and_kept_away_from(config, tmp_path):
    asked = config(augmentation=Static(**WORDS), epochs=1.0)
    result = train(asked, RARE, APART, against=["It opens at ten ."], output_dir=tmp_path)
    assert set(result.data) == {"training", "validation", "against"}
    assert json.loads((tmp_path / "training.json").read_text())["data"] == result.data


def test_a_training_is_not_resumed_with_another_test_file(config, tmp_path):
    asked, watch = config(augmentation=Static(**WORDS), evaluate_steps=1), Stop(2)
    with pytest.raises(KeyboardInterrupt):
        train(asked, RARE, APART, against=["It opens at ten ."], output_dir=tmp_path, callbacks=[watch])
    with pytest.raises(OutputError, match=r"is another one: data.against was"):
        train(asked, RARE, APART, against=["It opens at two ."], output_dir=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("augmentation", "against", "said"),
    [
        (None, ["It opens at ten ."], "There are no synthetic rows, so `against` has no effect"),
        ("none", ["It opens at ten ."], "There are no synthetic rows, so `against` has no effect"),
        (Static(**WORDS), "test.csv", "must be a sequence of texts"),
    ],
)
def test_held_out_texts_that_are_of_no_use_are_refused(config, augmentation, against, said):
    ways = {"mode": "features", "strategy": None} if augmentation == "none" else augmentation
    with pytest.raises(InputError, match=said):
        train(config(augmentation=ways), RARE, APART, against=against)


def test_a_class_whose_rows_all_stand_in_validation_cannot_be_augmented():
    with pytest.raises(InputError, match="Each original row of the class 'neutral' equals or nearly equals"):
        Synthesis(Static(**WORDS), prepared(RARE, RARE), 0, "cpu")
