"""`TextClassifier` keeps scikit-learn's contract."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from small_trainings import RARE, TRAIN, VALIDATION

from augment.errors import InputError
from classifiers import TextClassifier

pytestmark = pytest.mark.numeric

TEXTS, LABELS = TRAIN
SEEN = ["the waiter adored the music .", "the waiter opens the shop ."]


@pytest.fixture
def classifier(bert):
    return TextClassifier(encoder=str(bert), learning_rate=3e-3, epochs=4.0, device="cpu", dtype="float32")


def test_it_learns_and_predicts_labels_of_the_type_that_it_was_given(classifier):
    # Of 6 seeds all came to 1.0 after 8 epochs, and these two rows to .8 or more.
    classifier.set_params(epochs=8.0).fit(TEXTS, LABELS)
    assert classifier.classes_.tolist() == ["neutral", "positive"]
    assert classifier.predict(SEEN).tolist() == ["positive", "neutral"]
    shares = classifier.predict_proba(SEEN)
    assert shares.shape == (2, 2)
    assert np.allclose(shares.sum(axis=1), 1)
    assert classifier.score(*VALIDATION) > 0.9


def test_numbers_are_ordered_as_numbers_and_come_back_as_numbers(classifier):
    codes = np.where(np.array(LABELS) == "neutral", 2, 10)
    classifier.set_params(epochs=8.0).fit(TEXTS, codes)
    assert classifier.classes_.tolist() == [2, 10]
    assert classifier.predict(SEEN).tolist() == [10, 2]
    assert classifier.predict_proba(SEEN).argmax(axis=1).tolist() == [1, 0]


@pytest.fixture(scope="module")
def plain(bert):
    """What a classifier of one epoch says that was given lists."""
    settings = {"learning_rate": 3e-3, "epochs": 1.0, "device": "cpu", "dtype": "float32"}
    return TextClassifier(encoder=str(bert), **settings).fit(TEXTS, LABELS).predict_proba(SEEN)


@pytest.mark.parametrize("container", [tuple, np.array, pd.Series])
def test_containers_give_the_same(classifier, plain, container):
    classifier.set_params(epochs=1.0)
    assert np.array_equal(
        clone(classifier).fit(container(TEXTS), container(LABELS)).predict_proba(container(SEEN)), plain
    )


def test_a_series_with_an_index_of_its_own_is_read_in_its_order(classifier, plain):
    classifier.set_params(epochs=1.0)
    index = range(len(TEXTS), 0, -1)
    assert np.array_equal(classifier.fit(pd.Series(TEXTS, index), pd.Series(LABELS, index)).predict_proba(SEEN), plain)


def test_parameters_are_got_set_and_cloned(classifier):
    assert is_classifier(classifier)
    other = clone(classifier.set_params(head="bigru", gamma=2.0))
    assert other.get_params() == classifier.get_params()
    assert not hasattr(other, "classes_")
    with pytest.raises(ValueError, match="Invalid parameter 'hed'"):
        classifier.set_params(hed="linear")


def test_before_it_is_fitted_it_predicts_nothing(classifier):
    with pytest.raises(NotFittedError):
        classifier.predict(SEEN)


def test_it_is_pickled_with_what_it_learnt(classifier):
    classifier.set_params(epochs=1.0).fit(TEXTS, LABELS)
    again = pickle.loads(pickle.dumps(classifier))
    assert np.array_equal(again.predict_proba(SEEN), classifier.predict_proba(SEEN))


def test_it_works_in_a_pipeline_and_under_cross_validation(classifier):
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    classifier.set_params(epochs=10.0)
    model = Pipeline([("lower", lower), ("classifier", classifier)])
    found = cross_val_score(model, TEXTS, LABELS, cv=StratifiedKFold(2), scoring="f1_macro", error_score="raise")
    assert found.mean() > 0.8


def test_a_grid_search_takes_its_parameters(classifier):
    search = GridSearchCV(
        classifier.set_params(epochs=10.0),
        {"learning_rate": np.array([1e-7, 3e-3]), "batch_size": np.array([32])},
        cv=2,
        error_score="raise",
    ).fit(TEXTS, LABELS)
    assert search.best_params_["learning_rate"] == 3e-3
    assert search.predict(SEEN).tolist() == ["positive", "neutral"]


def test_a_part_of_each_class_is_held_out_where_it_is_asked_for(classifier):
    classifier.set_params(validation_fraction=0.25, epochs=1.0).fit(*RARE)
    rows = classifier.result_.rows
    assert rows["original"] == {"neutral": 18, "positive": 72}
    assert rows["validation"] == {"neutral": 6, "positive": 24}


def test_copies_of_a_text_are_not_held_out_from_themselves(classifier):
    texts, labels = [*RARE[0], *(text.upper() for text in RARE[0])], [*RARE[1], *RARE[1]]
    classifier.set_params(validation_fraction=0.25)
    kept, held_out = classifier._parts(np.arange(len(texts)), texts, np.unique(labels, return_inverse=True)[1])
    assert sorted([*kept, *held_out]) == list(range(len(texts)))
    assert {texts[i].lower() for i in kept}.isdisjoint(texts[i].lower() for i in held_out)
    assert len(held_out) == len(texts) // 4


def test_augmentation_reaches_the_training(classifier):
    classifier.set_params(augmentation={"strategy": "random"}, epochs=1.0).fit(*RARE)
    assert classifier.result_.rows["made"][0]["made"] == {"neutral": 72}


def test_rows_without_a_text_are_left_out(classifier):
    classifier.set_params(epochs=1.0).fit([*TEXTS, None, " "], [*LABELS, "neutral", "positive"])
    assert sum(classifier.result_.rows["original"].values()) == len(TEXTS)
    assert classifier.predict_proba([None, ""]).shape == (2, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"head": "dense"}, "`head` must be 'linear', 'bigru' or 'bilstm'. Got 'dense'"),
        ({"learning_rate": -1.0}, "`learning_rate` must be above 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be in"),
        ({"random_state": -1}, "`seed` must be 0 or more"),
    ],
)
def test_parameters_are_checked_when_it_is_fitted(classifier, values, message):
    with pytest.raises(InputError, match=message):
        classifier.set_params(**values).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ([["a"], ["b"]], [0, 1], "must hold a text"),
        (["a", "b"], [0, 1, 1], "one label for each text"),
        ("ab", [0, 1], "one-dimensional"),
        (["a", 3.0], [0, 1], "must hold a text"),
        (["a", "b"], [0.5, 1.5], "continuous"),
        (["a", "b"], ["x", "x"], "only one class"),
        (["a", "b", "", " "], ["x", "y", "z", "z"], "The class 'z' has no row with a text"),
    ],
)
def test_what_are_no_texts_and_labels_are_refused(classifier, texts, labels, message):
    with pytest.raises(ValueError, match=message):
        classifier.fit(texts, labels)
