"""The rows that arms add before a training: which they are, how many are missing, and that none is held out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_tasks import DID, laid_out, made_task

from augment import upsample
from benchmarks.run.added_rows import added_rows
from benchmarks.run.cell import measure

TASK = made_task()
COUNTS = {"negative": 8, "neutral": 6, "positive": 8}
TRUTH = {verb: label for label, verbs in DID.items() for verb in verbs}
RANDOM_WORD = {"mode": "static", "strategy": "nlpaug:random_word", "guards": ["none"]}


def truth(text: str) -> str:
    (label,) = {label for verb, label in TRUTH.items() if f" {verb} " in text}
    return label


@pytest.mark.parametrize("arm", ["real", "more-real", "double-real"])
def test_real_rows_were_left_out_of_the_draw_and_keep_their_label(bert, tmp_path, arm):
    (cell,) = laid_out(TASK, str(bert), arm, sampling_strategy="auto")
    (rows, report), (train, reserve) = added_rows(cell, TASK, tmp_path), TASK.drawn(0)
    expected = {"real": {"neutral": 2}, "more-real": COUNTS, "double-real": {"neutral": 6}}[arm]
    assert rows.counts == report["made"] == expected
    assert set(rows.texts) <= set(reserve.texts) - set(train.texts)
    assert len(set(rows.texts)) == len(rows)
    assert [truth(text) for text in rows.texts] == list(rows.labels)


def test_real_rows_that_were_not_left_out_are_missing_and_the_reason_is_told(bert, tmp_path):
    task = made_task(per_class=16)
    (cell,) = laid_out(task, str(bert), "more-real")
    report = added_rows(cell, task, tmp_path).report
    assert report["made"] == {"negative": 8, "neutral": 12, "positive": 8}
    why = "no more rows were left out of the draw"
    assert report["missing"] == {"negative": {"rows": 8, "why": why}, "positive": {"rows": 8, "why": why}}


def test_rows_of_other_classes_come_under_the_label_of_the_class(bert, tmp_path):
    (cell,) = laid_out(TASK, str(bert), "rebalanced-others")
    rows = added_rows(cell, TASK, tmp_path).rows
    assert rows.counts == COUNTS
    assert set(rows.texts) <= set(TASK.drawn(0)[0].texts)
    assert all(truth(text) != label for text, label in zip(rows.texts, rows.labels, strict=True))


@pytest.mark.filterwarnings("ignore:The teacher does not recognise", "ignore:Rows that could not be made")
@pytest.mark.parametrize("arm", ["retrieve", "self-training"])
def test_sentences_come_from_the_pool_and_those_that_are_missing_are_in_the_record(bert, tmp_path, arm):
    (cell,) = laid_out(TASK, str(bert), arm)
    (rows, report), (train, reserve) = added_rows(cell, TASK, tmp_path), TASK.drawn(0)
    assert len(rows)
    assert set(rows.texts) <= set(reserve.texts) - set(train.texts)
    assert len(set(rows.texts)) == len(rows)
    made = measure(cell, TASK, tmp_path, keep=False)["made"]
    assert {name: n for name, n in made["made"].items() if n} == rows.counts
    assert {name: made["made"].get(name, 0) + made["missing"].get(name, 0) for name in COUNTS} == COUNTS
    assert made["missing"] == {name: why["rows"] for name, why in report["missing"].items()}
    assert made["rejected"] == report["rejected"]
    assert list((tmp_path / "vectors").glob("*.npy")), "vectors of the pool are kept"


@pytest.mark.parametrize("arm", ["more-real", "retrieve"])
@pytest.mark.filterwarnings("ignore:Rows that could not be made")
def test_nothing_near_a_held_out_row_is_added_and_the_record_says_how_much_is_missing(bert, tmp_path, arm):
    reserve = TASK.drawn(0)[1]
    held_out = reserve.taken(range(0, len(reserve), 2))
    shouted = replace(held_out, texts=tuple(text.upper() for text in held_out.texts))
    task = replace(TASK, tests={"sample": shouted})
    (cell,) = laid_out(task, str(bert), arm)
    rows, report = added_rows(cell, task, tmp_path)
    assert not set(held_out.texts) & set(rows.texts)
    if arm == "more-real":
        missing = {name: why["rows"] for name, why in report["missing"].items()}
        assert {name: rows.counts.get(name, 0) + missing.get(name, 0) for name in COUNTS} == COUNTS
        assert report["rejected"] == {"held_out": sum(missing.values())}


def test_rows_of_a_strategy_are_those_of_upsample_and_are_made_once_for_all_encoders(bert, tiny, tmp_path, monkeypatch):
    arm = {"own": {"training": {"augmentation": RANDOM_WORD}}}
    (cell,) = laid_out(TASK, str(bert), arm)
    (other,) = laid_out(TASK, str(tiny("roberta")), arm)
    train = TASK.drawn(0)[0]
    (texts, labels), _ = upsample(
        (list(train.texts), list(train.labels)),
        strategy="nlpaug:random_word",
        sampling_strategy="2x",
        seed=0,
        guards=["none"],
        only_synthetic=True,
    )
    made = added_rows(cell, TASK, tmp_path)
    assert (list(made.rows.texts), list(made.rows.labels)) == (texts, labels)
    monkeypatch.setattr("benchmarks.run.added_rows._made", None)  # it can no longer be called
    assert added_rows(other, TASK, tmp_path) == made


def test_a_pool_of_a_file_is_encoded_once_for_all_seeds(bert, tmp_path):
    texts = tuple(TASK.drawn(0)[1].texts[:20])
    task = replace(made_task(pool="pool.txt"), pool_file=texts)
    for cell in laid_out(task, str(bert), "retrieve", seeds=2, sampling_strategy={"neutral": "+1"}):
        assert set(added_rows(cell, task, tmp_path).rows.texts) <= set(texts)
    assert len(list((tmp_path / "vectors").glob("*.npy"))) == 1
