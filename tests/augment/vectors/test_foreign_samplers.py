"""Samplers of imbalanced-learn and of others that are given to a `VectorUpsampler`."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from augment.errors import InputError
from augment.vectors.smote import Adasyn, BorderlineSmote, Smote, SvmSmote
from augment.vectors.upsampler import VectorUpsampler, adopted

pytestmark = pytest.mark.numeric
LABELS = ["neutral"] * 7 + ["positive"] * 15


# Samplers of others


@pytest.mark.parametrize(
    ("sampler", "parents"),
    [
        (SMOTE(random_state=0), True),
        (ADASYN(n_neighbors=3, random_state=0), True),
        (BorderlineSMOTE(random_state=0), True),
        (SMOTE(k_neighbors=NearestNeighbors(n_neighbors=4, metric="cosine"), random_state=0), True),
        (RandomOverSampler(random_state=0), False),
        (RandomOverSampler(random_state=0, shrinkage=0.5), False),
        (BorderlineSMOTE(kind="borderline-2", random_state=0), False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_samplers_of_imbalanced_learn_make_the_rows(encoder, texts, vectors, sampler, parents):
    upsampler = VectorUpsampler(sampler=sampler, encoder=encoder)
    found, labels = upsampler.fit_resample(texts, LABELS)
    assert labels.count("neutral") == labels.count("positive") == 15
    assert np.array_equal(found[:22], vectors)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert upsampler.source_indices_.shape == (8, 2)
    assert (upsampler.source_indices_ >= 0).all() if parents else (upsampler.source_indices_ == -1).all()
    assert np.isnan(upsampler.weights_).all() != parents


def test_copies_of_a_foreign_sampler_are_copies(encoder, texts, vectors):
    found, _ = VectorUpsampler(sampler=RandomOverSampler(random_state=0), encoder=encoder).fit_resample(texts, LABELS)
    assert {row.tobytes() for row in found[22:]} <= {row.tobytes() for row in vectors[:7]}


class Backwards(BaseOverSampler):
    """Copies rows, and returns all in reverse order."""

    def _fit_resample(self, X, y):
        label, count = next(iter(self.sampling_strategy_.items()))
        more = np.flatnonzero(y == label)[[0] * count]
        return np.concatenate([X, X[more]])[::-1], np.concatenate([y, y[more]])[::-1]


class Rounding(Backwards):
    """Copies rows, and rounds all."""

    def _fit_resample(self, X, y):
        X, y = super()._fit_resample(X, y)
        return X[::-1].round(3), y[::-1]


class Miscounting(Backwards):
    """Copies rows, one too few."""

    def _fit_resample(self, X, y):
        X, y = super()._fit_resample(X, y)
        return X[:0:-1], y[:0:-1]


@pytest.mark.parametrize("sampler", [Backwards(), Rounding(), SMOTEENN(random_state=0)])
def test_a_sampler_that_reorders_or_changes_the_originals_is_refused(encoder, texts, sampler):
    with pytest.raises(InputError) as caught:
        VectorUpsampler(sampler=sampler, encoder=encoder).fit_resample(texts, LABELS)
    assert str(caught.value) == (
        f"{type(sampler).__name__} does not return the originals first and as they were."
        " Give an over-sampler that does."
    )


def test_a_sampler_that_misses_the_count_is_refused_with_both(encoder, texts):
    with pytest.raises(InputError) as caught:
        VectorUpsampler(sampler=Miscounting(), encoder=encoder).fit_resample(texts, LABELS)
    assert str(caught.value) == (
        "Miscounting has made 7 rows of class 'neutral' instead of 8. Give one whose counts are exact, such as those of"
        " `augment strategies`."
    )


# imbalanced-learn's samplers in our place


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (SMOTE(), Smote()),
        (
            SMOTE(k_neighbors=3, sampling_strategy={"a": 9}, random_state=4),
            Smote(k_neighbors=3, sampling_strategy={"a": 9}, random_state=4),
        ),
        (SMOTE(sampling_strategy=0.5), Smote(sampling_strategy=0.5)),
        (
            BorderlineSMOTE(k_neighbors=2, m_neighbors=7, random_state=1),
            BorderlineSmote(k_neighbors=2, m_neighbors=7, random_state=1),
        ),
        (
            SVMSMOTE(k_neighbors=2, m_neighbors=7, out_step=0.25, random_state=1),
            SvmSmote(k_neighbors=2, m_neighbors=7, out_step=0.25, random_state=1),
        ),
        (ADASYN(n_neighbors=4, random_state=2), Adasyn(k_neighbors=4, random_state=2)),
    ],
)
def test_a_sampler_of_imbalanced_learn_becomes_the_strategy_with_its_parameters(theirs, ours):
    found = adopted(theirs)
    assert type(found) is type(ours)
    assert found.get_params() == ours.get_params()


def test_a_generator_is_handed_over_and_not_copied():
    state = np.random.RandomState(0)
    assert adopted(SMOTE(random_state=state)).random_state is state


@pytest.mark.parametrize(
    ("cls", "name"), [(SMOTE, "k_neighbors"), (BorderlineSMOTE, "k_neighbors"), (ADASYN, "n_neighbors")]
)
def test_an_estimator_in_the_place_of_a_number_becomes_the_search(cls, name):
    search = NearestNeighbors(n_neighbors=4, metric="manhattan")
    found = adopted(cls(**{name: search}))
    assert found.k_neighbors == 3, "the row itself is no neighbour here"
    assert found.search is search
    X = np.random.default_rng(0).normal(size=(40, 2))
    sampler = found.set_params(random_state=0)
    sampler.fit_resample(X, np.repeat(["few", "many"], [14, 26]))
    order = np.argsort(pairwise_distances(X[:14], metric="manhattan"), axis=1)[:, 1:4]
    assert all(other in order[one] or one in order[other] for one, other in sampler.source_indices_.tolist())


class Inherited(SMOTE):
    """Someone's own."""


@pytest.mark.parametrize(
    "theirs",
    [
        BorderlineSMOTE(kind="borderline-2"),
        SVMSMOTE(svm_estimator=LogisticRegression()),
        BorderlineSMOTE(m_neighbors=NearestNeighbors(n_neighbors=4)),
        KMeansSMOTE(),
        RandomOverSampler(),
        Inherited(),
        Smote(),
        SMOTE(k_neighbors=NearestNeighbors(n_neighbors=1)),
        SMOTE(sampling_strategy=7.0),
        SMOTE(k_neighbors=0),
    ],
    ids=lambda sampler: str(sampler)[:40],
)
def test_what_no_strategy_here_does_is_left_as_it_is(theirs):
    assert adopted(theirs) is theirs


class Three(BaseEstimator):
    """Finds three neighbours, without saying how many; imbalanced-learn takes it."""

    def fit(self, X, y=None):
        self.search_ = NearestNeighbors(n_neighbors=4).fit(X)
        return self

    def kneighbors(self, X, return_distance=True):
        return self.search_.kneighbors(X, return_distance=return_distance)

    def kneighbors_graph(self, X):
        return self.search_.kneighbors_graph(X)


def test_an_estimator_that_does_not_say_how_many_neighbours_it_finds_is_left_to_imbalanced_learn(encoder, texts):
    theirs = SMOTE(k_neighbors=Three(), random_state=0)
    assert adopted(theirs) is theirs
    found, _ = VectorUpsampler(sampler=theirs, encoder=encoder).fit_resample(texts, LABELS)
    assert len(found) == 30
