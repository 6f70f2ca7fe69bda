"""The record of a training: what an evaluation holds, what a file holds after an interruption, and what is drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from augment.errors import InputError
from classifiers.metrics import scores
from classifiers.training import history
from classifiers.training.history import History, draw, macro_f1, read, recorded, sentence

CLASSES = ["negative", "neutral", "positive"]


def scored(accuracy, codes=(0, 1, 2, 1, 0, 2, 2, 0, 1, 0), seed=0):
    """Scores of predictions of which about so many are right."""
    codes = np.array(codes)
    rng = np.random.default_rng(seed)
    predicted = np.where(rng.random(len(codes)) < accuracy, codes, (codes + 1) % 3)
    return scores(0.7 * np.eye(3)[predicted] + 0.1, codes, CLASSES)


def record(phase, step, train=0.9, validation=0.6, synthetic=None):
    found = {"train": scored(train), "validation": scored(validation)}
    if synthetic is not None:
        found["synthetic"] = scored(synthetic, [1] * 8)
    return recorded(phase, step, step / 10, found, training_loss=1.0)


def test_a_record_is_plain_data_with_the_gap_in_points():
    found = record("train", 10, train=1.0, validation=0.5, synthetic=1.0)
    assert json.loads(json.dumps(found)) == found
    assert found["gap"] == pytest.approx(100 * (1 - found["validation"]["macro_f1"]))
    assert found["loss_gap"] > 0
    assert found["gap_synthetic"] == pytest.approx(100 * (1 - found["validation"]["recall"]["neutral"]))


def test_what_was_not_evaluated_is_none():
    found = recorded("train", 5, 1.0, {"train": scored(1.0)})
    assert found["validation"] is found["synthetic"] is found["gap"] is found["gap_synthetic"] is None


def test_a_class_with_synthetic_rows_alone_leaves_their_gap_open_and_nothing_else():
    found = recorded(
        "train",
        5,
        1.0,
        {"train": scored(1.0), "validation": scored(0.5, [0, 2] * 4), "synthetic": scored(1.0, [1] * 8)},
    )
    assert found["gap_synthetic"] is None
    assert found["gap"] is not None
    assert found["synthetic"]["recall"]["neutral"] == 1.0


def test_the_macro_f1_of_synthetic_rows_is_that_of_the_classes_that_have_some():
    found = record("train", 5, synthetic=0.7)
    assert macro_f1(found, "synthetic") == pytest.approx(100 * found["synthetic"]["f1"]["neutral"])
    assert macro_f1(found, "synthetic") > 100 * found["synthetic"]["macro_f1"]
    assert macro_f1(found, "train") == pytest.approx(100 * found["train"]["macro_f1"])
    assert "synthetic" in sentence(found)
    assert "gap" in sentence(found)


def test_a_file_grows_by_a_line_for_each_record_and_is_read_again(tmp_path):
    path, told = tmp_path / "history.jsonl", []
    kept = History(path, told.append)
    for step in (5, 10):
        kept.add(record("train", step))
        assert read(path) == kept.records
    assert len(told) == 2


def test_a_last_line_that_was_cut_short_is_left_out_and_another_is_an_error(tmp_path):
    path = tmp_path / "history.jsonl"
    kept = History(path)
    for step in (5, 10):
        kept.add(record("train", step))
    path.write_text(path.read_text()[:-40])
    assert [found["step"] for found in read(path)] == [5]
    path.write_text("[1]\n" + path.read_text())
    with pytest.raises(InputError, match="line 1 is not a record"):
        read(path)


@pytest.mark.parametrize(
    ("phase", "step", "left"),
    [("train", 10, [("train", 5), ("train", 10)]), ("train", 0, []), ("head", 0, [("train", n) for n in (5, 10, 15)])],
)
def test_going_back_forgets_what_came_after_a_step_of_a_phase(tmp_path, phase, step, left):
    path = tmp_path / "history.jsonl"
    kept = History(path)
    for at in (5, 10, 15):
        kept.add(record("train", at))
    kept.add(record("head", 3))
    again = History(path)
    again.go_back_to(phase, step)
    assert [(found["phase"], found["step"]) for found in again.records] == left
    assert read(path) == again.records
    in_memory = History()
    in_memory.records = list(kept.records)
    in_memory.go_back_to(phase, step)
    assert in_memory.records == again.records


def test_the_summary_is_of_the_last_phase():
    kept = History()
    for at, validation in ((5, 0.2), (10, 0.9), (15, 0.5)):
        kept.add(record("train", at, validation=validation))
    summary = kept.summary(10)
    assert (summary["best"]["step"], summary["last"]["step"]) == (10, 15)
    gaps = [found["gap"] for found in kept.records]
    assert summary["mean_gap"] == pytest.approx(np.trapezoid(gaps, [5, 10, 15]) / 10)
    kept.add(record("head", 4))
    assert kept.summary(4)["best"]["phase"] == "head"
    assert kept.summary(4)["mean_gap"] == pytest.approx(kept.records[-1]["gap"])


def test_curves_are_drawn_of_every_shape_of_history(tmp_path):
    shapes = {
        "one": [record("train", 5)],
        "all": [record("train", s, synthetic=0.9) for s in (5, 10)]
        + [record("head", s, synthetic=0.9) for s in (3, 6)],
        "alone": [recorded("train", s, s, {"train": scored(0.8)}) for s in (1, 2)],
    }
    for name, records in shapes.items():
        for best in (None, records[-1]["step"]):
            draw(records, tmp_path / f"{name}.png", best_step=best)
            assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 3


def test_the_same_history_draws_the_same_bytes(tmp_path):
    records = [record("train", s, synthetic=0.9) for s in (5, 10)]
    draw(records, tmp_path / "a.png")
    draw(records, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_full_disk_leaves_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")
    from matplotlib.figure import Figure

    def full(self, target, **kwargs):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match="No space left"):
        draw([record("train", 5)], path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["curves.png"]
    assert history.CURVES == "curves.png"
