"""Texts in, vectors and labels out: which texts are sources, and what is known of a new row."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import FunctionTransformer

from augment.errors import InputError, ModelError
from augment.models.encoder import TextEncoder
from augment.vectors.gaussian import Gaussian
from augment.vectors.smote import Adasyn, Smote
from augment.vectors.upsampler import Nearest, VectorUpsampler, adopted, nearest, resampled

pytestmark = pytest.mark.numeric
LABELS = ["neutral"] * 7 + ["positive"] * 15


def lengths(found):
    return np.linalg.norm(found, axis=1)


# What comes back


def test_the_texts_vectors_come_first_and_the_new_ones_after_them(encoder, texts, vectors):
    upsampler = VectorUpsampler(sampler=Smote(k_neighbors=3, random_state=0), encoder=encoder)
    found, labels = upsampler.fit_resample(texts, LABELS)
    assert found.shape == (30, 384)
    assert found.dtype == np.float32
    assert np.array_equal(found[:22], vectors)
    assert labels == LABELS + ["neutral"] * 8
    assert upsampler.sampling_strategy_ == {"neutral": 8}
    assert upsampler.source_indices_.shape == (8, 2)
    assert ((upsampler.source_indices_ >= 0) & (upsampler.source_indices_ < 7)).all()
    assert np.allclose(lengths(found), 1, atol=1e-5)
    line = [
        (1 - weight) * found[first] + weight * found[second]
        for (first, second), weight in zip(upsampler.source_indices_, upsampler.weights_, strict=True)
    ]
    assert np.allclose(found[22:], line / lengths(line)[:, None], atol=1e-6)


def test_the_rows_are_those_that_the_sampler_makes_of_the_vectors(encoder, texts, vectors):
    for sampler in (Smote(random_state=3), Gaussian(random_state=3), Adasyn(k_neighbors=2, random_state=3)):
        found, labels = VectorUpsampler(sampler=sampler, encoder=encoder).fit_resample(texts, LABELS)
        expected = clone(sampler).fit_resample(vectors, np.array(LABELS))
        assert np.array_equal(found, expected[0])
        assert labels == expected[1].tolist()


def test_by_default_the_bundled_encoder_gives_unit_vectors_to_smote(texts, vectors):
    upsampler = VectorUpsampler()
    found, labels = upsampler.fit_resample(texts, LABELS)
    assert np.array_equal(found[:22], vectors)
    assert len(found) == len(labels) == 30
    assert (upsampler.weights_ > 0).all()


@pytest.mark.parametrize("of_texts", [list, tuple, np.array, pd.Series, lambda texts: np.array(texts, dtype=object)])
def test_texts_come_in_any_container(encoder, texts, of_texts):
    upsampler = VectorUpsampler(sampler=Smote(random_state=0), encoder=encoder)
    found, _ = upsampler.fit_resample(of_texts(texts), LABELS)
    assert np.array_equal(found, upsampler.fit_resample(texts, LABELS)[0])


@pytest.mark.parametrize(
    "container", [list, tuple, np.array, lambda labels: pd.Series(labels, name="label", index=np.arange(22) * 2)]
)
@pytest.mark.parametrize("names", [{"neutral": "neutral", "positive": "positive"}, {"neutral": 1, "positive": 0}])
def test_labels_come_back_in_the_container_that_was_given(encoder, texts, container, names):
    y = [names[label] for label in LABELS]
    given = container(y)
    _, labels = VectorUpsampler(sampler=Smote(random_state=0), encoder=encoder).fit_resample(texts, given)
    assert type(labels) is type(given)
    assert list(labels) == y + [names["neutral"]] * 8
    if isinstance(given, pd.Series):
        assert labels.name == "label"
        assert labels.index.tolist() == list(range(30))
    if hasattr(given, "dtype"):
        assert labels.dtype == given.dtype


@pytest.mark.parametrize(
    ("sampling_strategy", "made"),
    [
        ("auto", {"neutral": 8}),
        ("all", {"neutral": 8, "positive": 0}),
        (0.8, {"neutral": 5}),
        ({"neutral": 9, "positive": 20}, {"neutral": 2, "positive": 5}),
        (lambda counts: {"neutral": counts["positive"] * 2}, {"neutral": 23}),
        ({"neutral": 7}, {"neutral": 0}),
    ],
)
def test_the_samplers_own_strategy_says_how_many_rows_are_made(encoder, texts, sampling_strategy, made):
    sampler = Smote(sampling_strategy=sampling_strategy, random_state=0)
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder, decode="nearest")
    found, labels = upsampler.fit_resample(texts, LABELS)
    assert upsampler.sampling_strategy_ == made
    assert len(found) == len(labels) == 22 + sum(made.values())
    assert {label: labels[22:].count(label) for label in made} == made
    assert upsampler.source_indices_.shape == (sum(made.values()), 2)
    assert len(upsampler.nearest_texts_) == sum(made.values())
    assert sampler.sampling_strategy is sampling_strategy, "the one that was given is left as it is"
    assert not hasattr(sampler, "source_indices_")


def test_a_share_of_the_largest_holds_for_more_than_two_classes_too(encoder, texts):
    y = ["a"] * 4 + ["b"] * 6 + ["c"] * 12
    sampler = SMOTE(sampling_strategy=0.75, k_neighbors=3, random_state=0)
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder)
    upsampler.fit_resample(texts, y)
    assert upsampler.sampling_strategy_ == {"a": 5, "b": 3}


# Texts that are none


@pytest.mark.parametrize("nothing", [None, "", "  \n"])
@pytest.mark.parametrize("make", [Smote(k_neighbors=3), SMOTE(k_neighbors=3), RandomOverSampler(), Gaussian()])
def test_missing_texts_stay_and_are_no_sources(encoder, texts, vectors, nothing, make):
    gappy = [nothing if row in (0, 4, 9, 21) else text for row, text in enumerate(texts)]
    sampler = clone(make).set_params(random_state=0, sampling_strategy={"neutral": 40})
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder, decode="nearest")
    found, labels = upsampler.fit_resample(gappy, LABELS)
    assert len(found) == len(labels) == 55
    assert labels[:22] == LABELS
    kept = [row for row in range(22) if row not in (0, 4, 9, 21)]
    assert np.array_equal(found[kept], vectors[kept])
    expected = clone(sampler).set_params(sampling_strategy={"neutral": 38})
    if isinstance(expected, SMOTE):
        expected = adopted(expected)
    assert np.array_equal(found[22:], expected.fit_resample(vectors[kept], np.array(LABELS)[kept])[0][18:])
    parents = upsampler.source_indices_
    if isinstance(make, (Smote, SMOTE)):
        assert set(parents.ravel().tolist()) == {1, 2, 3, 5, 6}
        assert all(texts[row] == gappy[row] for row in parents.ravel())
    else:
        assert (parents == -1).all()
    assert not {0, 4, 9, 21} & set(upsampler.nearest_.rows.tolist())
    assert all(text.strip() for text in upsampler.nearest_texts_)


def test_parents_are_numbers_of_the_rows_that_were_given(encoder, texts, vectors):
    order = np.random.default_rng(0).permutation(22)
    gappy = [texts[row] if row != 2 else None for row in order]
    labels = [LABELS[row] for row in order]
    upsampler = VectorUpsampler(sampler=Smote(k_neighbors=2, sphere="none", random_state=0), encoder=encoder)
    found, _ = upsampler.fit_resample(gappy, labels)
    assert {labels[row] for row in upsampler.source_indices_.ravel()} == {"neutral"}
    weights = upsampler.weights_[:, None]
    first, second = (found[upsampler.source_indices_[:, i]] for i in (0, 1))
    assert np.allclose(found[22:], (1 - weights) * first + weights * second, atol=1e-6)


def test_a_text_that_stands_twice_is_no_neighbour_of_its_own(encoder, texts):
    upsampler = VectorUpsampler(sampler=SMOTE(k_neighbors=2, random_state=0), encoder=encoder)
    found, _ = upsampler.fit_resample([*texts[:7], *texts[:7], *texts[7:], *texts[7:]], LABELS[:7] * 2 + LABELS[7:] * 2)
    first, second = (found[upsampler.source_indices_[:, i]] for i in (0, 1))
    assert (first != second).any(axis=1).all()
    assert upsampler.source_indices_.max() < 7


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (
            range(7),
            "The strategy 'smote' needs at least 6 different texts of a class. These have fewer: 'neutral' (0).",
        ),
        (
            range(5),
            "The strategy 'smote' needs at least 6 different texts of a class. These have fewer: 'neutral' (2).",
        ),
    ],
)
def test_a_class_that_too_few_texts_are_left_of_is_named(encoder, texts, missing, message):
    gappy = [None if row in missing else text for row, text in enumerate(texts)]
    with pytest.raises(InputError) as caught:
        VectorUpsampler(sampler=Smote(random_state=0), encoder=encoder).fit_resample(gappy, LABELS)
    assert str(caught.value).startswith(message)


def test_classes_of_a_single_text_are_refused_skipped_or_copied_as_in_a_run(encoder, texts, vectors):
    labels = ["neutral"] * 6 + ["one"] + ["positive"] * 14 + ["two"]
    for sampler in (Smote(random_state=0), SMOTE(random_state=0)):
        for choice in (None, "error"):
            with pytest.raises(InputError, match=r"'smote' needs at least 6 .* 'one' \(1\), 'two' \(1\)\. Add"):
                VectorUpsampler(sampler=sampler, encoder=encoder, singletons=choice).fit_resample(texts, labels)
        made = {}
        for choice in ("skip", "copy"):
            upsampler = VectorUpsampler(sampler=sampler, encoder=encoder, singletons=choice)
            found, y = upsampler.fit_resample(texts, labels)
            made[choice] = found[22:][np.array(y[22:]) == "neutral"]
            assert [y.count(label) for label in ("neutral", "one", "two")] == [14] + [1 if choice == "skip" else 14] * 2
        assert upsampler.sampling_strategy_ == {"neutral": 8, "one": 13, "two": 13}
        assert np.array_equal(made["skip"], made["copy"])
        for label, row in (("one", 6), ("two", 21)):
            copies = np.array(y[22:]) == label
            assert (found[22:][copies] == vectors[row]).all()
            assert (upsampler.source_indices_[copies] == (row, -1)).all()
    foreign = VectorUpsampler(sampler=RandomOverSampler(random_state=0), encoder=encoder)
    assert foreign.fit_resample(texts, labels)[1].count("one") == 14, (
        "a sampler of others says itself what it cannot do"
    )
    with pytest.raises(
        InputError, match=r"`singletons='error'`: these classes have fewer than 2 .* 'one' \(1\), 'two'"
    ):
        clone(foreign).set_params(singletons="error").fit_resample(texts, labels)


def test_data_whose_other_class_has_no_text_left_is_refused_in_our_words(encoder, texts):
    gappy = [*texts[:7], *[None] * 15]
    with pytest.raises(InputError):
        VectorUpsampler(sampler=Smote(random_state=0), encoder=encoder).fit_resample(gappy, LABELS)


# Samplers of others


def test_resampled_works_on_vectors_alone(vectors):
    usable = np.array([row % 5 != 0 for row in range(22)])
    new = resampled(Smote(k_neighbors=2, random_state=0), vectors, LABELS, usable, {"neutral": 6, "positive": 0})
    assert new.vectors.shape == (6, 384)
    assert new.vectors.dtype == np.float32
    assert new.labels == ["neutral"] * 6
    assert set(new.parents.ravel().tolist()) <= {1, 2, 3, 4, 6}
    none = resampled(Smote(), vectors, LABELS, usable, {"neutral": 0})
    assert (none.vectors.shape, none.labels, none.parents.shape, none.weights.shape) == ((0, 384), [], (0, 2), (0,))


# The nearest sentence


@pytest.mark.parametrize(
    "sampler", [Smote(random_state=0), Gaussian(random_state=0), RandomOverSampler(random_state=0)]
)
def test_the_nearest_sentence_is_that_of_brute_force(encoder, texts, vectors, sampler):
    gappy = [None if row == 3 else text for row, text in enumerate(texts)]
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder, decode="nearest")
    found, _ = upsampler.fit_resample(gappy, LABELS)
    every = np.linalg.norm(found[22:, None].astype(float) - vectors[None].astype(float), axis=2)
    every[:, 3] = np.inf
    assert upsampler.nearest_.rows.tolist() == every.argmin(axis=1).tolist()
    assert np.allclose(upsampler.nearest_.distances, every.min(axis=1), atol=1e-3)
    assert upsampler.nearest_texts_ == [texts[row] for row in every.argmin(axis=1)]
    assert upsampler.nearest_.rows.dtype == np.int64
    assert upsampler.nearest_.distances.dtype == np.float64


class Always(BaseOverSampler):
    """Makes the same vector again and again."""

    def __init__(self, *, sampling_strategy="auto", vector=None):
        super().__init__(sampling_strategy=sampling_strategy)
        self.vector = vector

    def _fit_resample(self, X, y):
        label, count = next(iter(self.sampling_strategy_.items()))
        return np.concatenate([X, [self.vector] * count]), np.concatenate([y, [label] * count])


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_a_text_that_is_none_is_nearest_to_nothing(encoder, texts, nothing):
    gappy = [nothing if row == 3 else text for row, text in enumerate(texts)]
    sampler = Always(vector=encoder.encode([nothing or ""])[0])
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder, decode="nearest")
    found, _ = upsampler.fit_resample(gappy, LABELS)
    assert np.array_equal(found[22:], found[[3] * 8])
    assert 3 not in upsampler.nearest_.rows
    assert (upsampler.nearest_.distances > 0.1).all()


def test_of_an_interpolated_vector_the_nearest_sentence_is_often_its_first_parent(encoder, texts):
    sampler = Smote(k_neighbors=2, sampling_strategy={"neutral": 57}, random_state=0)
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder, decode="nearest")
    upsampler.fit_resample(texts, LABELS)
    assert (upsampler.nearest_.rows == upsampler.source_indices_[:, 0]).mean() > 0.9


def test_without_being_asked_nothing_is_looked_up(encoder, texts):
    upsampler = VectorUpsampler(encoder=encoder)
    upsampler.fit_resample(texts, LABELS)
    assert not hasattr(upsampler, "nearest_texts_")


def test_nothing_has_nothing_nearest(vectors):
    found = nearest(vectors, vectors[:0], np.ones(22, dtype=bool))
    assert isinstance(found, Nearest)
    assert (found.rows.shape, found.distances.shape) == ((0,), (0,))


# Parameters


def test_a_configured_encoder_is_used(texts, tiny):
    own = TextEncoder(model=str(tiny("bert")), pooling="cls", max_length=8, device="cpu")
    found, _ = VectorUpsampler(sampler=Smote(random_state=0), encoder=own).fit_resample(texts, LABELS)
    assert np.array_equal(found[:22], own.encode(texts))
    assert not np.allclose(lengths(found[:22]), 1)
    assert found.shape[1] == own.prepare().model.config.hidden_size


def test_the_name_of_an_encoder_stands_for_unit_vectors_of_its_mean(texts, tiny):
    folder = str(tiny("bert"))
    found, _ = VectorUpsampler(sampler=Smote(random_state=0), encoder=folder).fit_resample(texts, LABELS)
    assert np.array_equal(found[:22], TextEncoder(model=folder, normalize=True).encode(texts))


def test_it_is_cloned_and_configured_as_scikit_learn_does(encoder, texts):
    upsampler = VectorUpsampler(sampler=Smote(k_neighbors=2, random_state=0), encoder="mini", decode="nearest")
    assert upsampler.get_params(deep=False) == {
        "sampler": upsampler.sampler,
        "encoder": "mini",
        "decode": "nearest",
        "singletons": None,
    }
    assert upsampler.get_params()["sampler__k_neighbors"] == 2
    upsampler.set_params(sampler__k_neighbors=4, decode=None, encoder=encoder)
    twin = clone(upsampler)
    assert twin.sampler is not upsampler.sampler
    assert (twin.sampler.k_neighbors, twin.decode) == (4, None)
    assert isinstance(twin.encoder, TextEncoder)
    assert np.array_equal(twin.fit_resample(texts, LABELS)[0], upsampler.fit_resample(texts, LABELS)[0])


def test_it_survives_being_pickled(encoder, texts):
    upsampler = VectorUpsampler(sampler=Smote(random_state=0), encoder=encoder, decode="nearest")
    expected = upsampler.fit_resample(texts, LABELS)[0]
    twin = pickle.loads(pickle.dumps(upsampler))
    assert twin.nearest_texts_ == upsampler.nearest_texts_
    assert np.array_equal(twin.fit_resample(texts, LABELS)[0], expected)


def test_the_same_seed_gives_the_same_bytes_and_none_others(encoder, texts):
    one, again, other, another = (
        VectorUpsampler(sampler=Smote(random_state=seed), encoder=encoder).fit_resample(texts, LABELS)[0][22:]
        for seed in (0, 0, None, None)
    )
    assert one.tobytes() == again.tobytes()
    assert not {row.tobytes() for row in other} & {row.tobytes() for row in another}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"decode": "text"}, InputError, "`decode` must be 'nearest' or None. Got 'text'."),
        ({"singletons": "drop"}, InputError, "`singletons` must be one of 'skip', 'copy', 'error'. Got 'drop'."),
        ({"encoder": "no-such-encoder"}, ModelError, "no-such-encoder"),
        ({"texts": ["a"] * 21}, InputError, "one label for each text. Got 21 texts and 22 labels."),
        ({"texts": "abc"}, InputError, "`texts` must be one-dimensional"),
        ({"texts": ["a"] * 21 + [3.5]}, InputError, "Row 21 must hold a text. Got float: 3.5."),
        ({"texts": [float("nan")] + ["a"] * 21}, InputError, "Row 0 must hold a text. Got float: nan."),
        ({"y": ["neutral"] * 22}, InputError, "at least two classes. Got 1: 'neutral'."),
        ({"y": [None] + LABELS[1:]}, InputError, "Row 0 has no label."),
        ({"y": [1] + LABELS[1:]}, InputError, "The labels must be of one type"),
        ({"sampler": Smote(k_neighbors=0)}, InputError, "`k_neighbors` of Smote"),
        ({"sampler": Smote(sampling_strategy="most")}, InputError, "must be one of 'minority'"),
        ({"sampler": SMOTE(sampling_strategy={"neutral": 3})}, InputError, "at least the 7 rows that it has"),
        ({"sampler": SMOTE(sampling_strategy={"bad": 30})}, InputError, "The class 'bad' of `sampling_strategy`"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(encoder, texts, change, error, message):
    given = {
        "texts": texts,
        "y": LABELS,
        "sampler": Smote(),
        "encoder": encoder,
        "decode": None,
        "singletons": None,
        **change,
    }
    upsampler = VectorUpsampler(**{name: given[name] for name in ("sampler", "encoder", "decode", "singletons")})
    with pytest.raises(error) as caught:
        upsampler.fit_resample(given["texts"], given["y"])
    assert message in str(caught.value)
    assert not hasattr(upsampler, "source_indices_")


# In imbalanced-learn's pipelines


def test_a_pipeline_from_texts_to_a_classifier_fits_predicts_and_is_pickled(texts, encoder):
    pipeline = make_pipeline(
        FunctionTransformer(TextEncoder(normalize=True).encode), Smote(random_state=0), LogisticRegression()
    )
    pipeline.fit(texts, LABELS)
    predicted = pipeline.predict(texts)
    assert set(predicted) == {"neutral", "positive"}
    assert (predicted == LABELS).mean() > 0.8
    assert len(pipeline[1].source_indices_) == 8
    twin = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(twin.predict_proba(texts), pipeline.predict_proba(texts))
    by_hand = LogisticRegression().fit(*Smote(random_state=0).fit_resample(encoder.encode(texts), LABELS))
    assert np.allclose(pipeline.predict_proba(texts), by_hand.predict_proba(encoder.encode(texts)))


def test_such_a_pipeline_is_cross_validated_on_texts(texts, encoder):
    pipeline = make_pipeline(
        FunctionTransformer(encoder.encode), Smote(k_neighbors=2, random_state=0), LogisticRegression()
    )
    scores = cross_val_score(pipeline, texts, LABELS, cv=2, error_score="raise")
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()


def test_the_neighbours_are_searched_over_on_vectors(vectors):
    search = GridSearchCV(
        make_pipeline(Smote(random_state=0), LogisticRegression()),
        {"smote__k_neighbors": [1, 2]},
        cv=2,
        error_score="raise",
    )
    search.fit(vectors, LABELS)
    assert search.best_params_["smote__k_neighbors"] in (1, 2)
    assert len(search.predict(vectors)) == 22


# Imports


def test_no_vector_strategy_loads_torch_before_it_is_needed():
    code = (
        "import sys, augment.vectors.smote, augment.vectors.upsampler, augment.vectors.gaussian\n"
        "import augment.vectors.gan.sampler\n"
        "print(*sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
