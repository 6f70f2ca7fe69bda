"""A logistic regression on frozen vectors: scikit-learn's own numbers, with the rows, weights and prior of an arm."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_tasks import laid_out, made_task
from sklearn.linear_model import LogisticRegression

from augment.errors import InputError
from augment.models.encoder import TextEncoder
from benchmarks.grid.sources import LabelledRows
from benchmarks.run.frozen_features import fit_on_vectors
from benchmarks.run.outcome import class_codes

TASK = made_task()
ADDED = LabelledRows(("the staff saw a table .", "nobody opened it .", "we closed at six ."), ("neutral",) * 3)
CLASSES = ["negative", "neutral", "positive"]


def fitted(cell, encoder, folder, added=LabelledRows()):
    return fit_on_vectors(cell, TASK, TASK.drawn(cell.seed)[0], added, str(encoder), folder)


def vectors(encoder, texts):
    return TextEncoder(model=str(encoder), device="cpu", normalize=True).encode(list(texts))


@pytest.mark.parametrize(
    ("training", "added", "weights", "by_class", "tau"),
    [
        ({}, False, (1, 1), None, 0),
        ({"synthetic_weight": 0.2}, True, (1, 0.2), None, 0),
        ({"class_weights": "balanced"}, False, (1, 1), "balanced", 0),
        # 8 + 6 · 3 + 8 over 22 rows
        (
            {"class_weights": {"positive": 1, "neutral": 3, "negative": 1}},
            False,
            (1, 1),
            np.array([1, 3, 1]) * 22 / 34,
            0,
        ),
        ({"logit_adjustment": 1.5, "synthetic_weight": 0.5}, True, (1, 0.5), None, 1.5),
    ],
    ids=["plain", "weight of new rows", "balanced", "weights by name", "adjusted"],
)
def test_the_probabilities_are_those_of_scikit_learn(bert, tmp_path, training, added, weights, by_class, tau):
    (cell,) = laid_out(TASK, str(bert), {"own": {"training": training, "C": 5.0}})
    new = ADDED if added else LabelledRows()
    outcome = fitted(cell, bert, tmp_path, new)
    train = TASK.drawn(0)[0]
    each = np.r_[np.full(len(train), weights[0]), np.full(len(new), weights[1])]
    codes = class_codes(train.joined(new), CLASSES)
    if isinstance(by_class, np.ndarray):
        by_class = dict(enumerate(by_class))
    own = LogisticRegression(C=5.0, class_weight=by_class, max_iter=5000)
    own.fit(vectors(bert, train.joined(new).texts), codes, sample_weight=each)
    prior = np.array([each[codes == code].sum() for code in range(3)]) / each.sum()
    logits = own.predict_log_proba(vectors(bert, TASK.test_texts)) - tau * np.log(prior)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert outcome.probabilities["sample"] == pytest.approx(expected, abs=1e-6)
    assert outcome.rows_seen == len(each)


def test_weights_of_unknown_classes_are_refused(bert, tmp_path):
    (cell,) = laid_out(TASK, str(bert), {"own": {"training": {"class_weights": {"neutral": 2, "good": 1}}}})
    with pytest.raises(InputError, match="must name each class once: 'negative', 'neutral', 'positive'"):
        fitted(cell, bert, tmp_path)


def test_new_vectors_lie_between_vectors_of_their_class(bert, tmp_path, monkeypatch):
    (cell,) = laid_out(TASK, str(bert), "smote", sampling_strategy="auto")
    reached = {}
    fit = LogisticRegression.fit

    def watched(self, X, y, sample_weight=None):
        reached.update(X=X, y=y)
        return fit(self, X, y, sample_weight=sample_weight)

    monkeypatch.setattr(LogisticRegression, "fit", watched)
    outcome = fitted(cell, bert, tmp_path)
    own = vectors(bert, TASK.drawn(0)[0].texts)
    assert np.array_equal(reached["X"][: len(own)], own)
    new, rare = reached["X"][len(own) :], own[reached["y"][: len(own)] == 1]
    assert outcome.made["made"] == {"negative": 0, "neutral": 2, "positive": 0}
    assert reached["y"][len(own) :].tolist() == [1, 1]
    for vector in new:  # its length is set afterwards, so it lies in a plane with two of them
        pairs = (np.stack(pair, axis=1) for pair in itertools.combinations(rare, 2))
        apart = [np.linalg.norm(pair @ np.linalg.lstsq(pair, vector)[0] - vector) for pair in pairs]
        assert min(apart) < 1e-5


def test_vectors_are_encoded_once_for_each_encoder_and_read_to_the_same_bits(bert, tiny, tmp_path, monkeypatch):
    other = tiny("roberta")
    (cell,) = laid_out(TASK, str(bert), "none")
    before = {encoder: fitted(cell, encoder, tmp_path).probabilities["sample"] for encoder in (bert, other)}
    assert len(list(tmp_path.iterdir())) == 6, "training, validation and test rows by two encoders"
    assert not np.array_equal(before[bert], before[other])

    width = vectors(bert, ["one text"]).shape[1]

    def refused(self, texts, **more):
        assert not len(texts), "these were encoded before"
        return np.zeros((0, width), np.float32)

    monkeypatch.setattr(TextEncoder, "encode", refused)
    assert np.array_equal(fitted(cell, bert, tmp_path).probabilities["sample"], before[bert])
