"""Which texts a masked LM learns from: never a held-out one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from augment.errors import InputError
from augment.guards.base import Originals
from augment.text import lessons
from augment.text.lessons import epochs_for, lesson

TEXTS = ["The shop opens at nine.", "the SHOP opens at ten!", "A fine day.", " A fine day.", None, "", "Made by us."]


def originals(held_out=()):
    synthetic = np.array([False] * 6 + [True])
    return Originals(
        texts=TEXTS,
        labels=["good", "bad", "good", "bad", "bad", "bad", "bad"],
        held_out=held_out,
        seed=0,
        is_synthetic=synthetic,
    )


def test_each_real_text_once():
    assert lesson(originals(), ["One more.", "A fine day.", " "]).texts == [*TEXTS[:3], "One more."]


def test_neither_a_held_out_text_nor_one_that_nearly_equals_it():
    pool = ["We sat upstairs by the old window.", "Something else."]
    found = lesson(originals(["The shop opens at nine", "we sat by the old window"]), pool)
    assert found.texts == ["A fine day.", "Something else."]
    with pytest.raises(InputError, match="no text"):
        lesson(originals(["The shop opens at nine", "a fine day"]))


def test_labels_stand_before_texts_and_a_text_of_two_labels_is_learnt_twice():
    found = lesson(originals(), labelled=True)
    assert found.texts[2:] == ["good: A fine day.", "bad: A fine day."]
    assert found.starts[2:] == [6, 5]


def test_of_many_texts_some_are_drawn_by_the_seed(monkeypatch, caplog):
    monkeypatch.setattr(lessons, "MOST", 3)
    pool = [f"Number {i}." for i in range(20)]
    caplog.set_level("INFO", "augment")
    first, again = lesson(originals(), pool).texts, lesson(originals(), pool).texts
    assert first == again
    assert len(first) == 3
    assert "3 of 23 texts" in caplog.text
    assert lesson(replace(originals(), seed=1), pool).texts != first


def test_fewer_texts_are_learnt_from_more_often():
    epochs = [epochs_for(count) for count in (1, 100, 1_000, 5_000, 100_000)]
    assert epochs == sorted(epochs, reverse=True)
