"""SMOTE draws what imbalanced-learn draws, on the line or on the sphere."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from smote_family import overlapping

from augment.vectors.smote import Smote

# Against imbalanced-learn


def test_mean_and_variance_of_new_rows_are_those_of_imbalanced_learns():
    X, y = overlapping(sizes=(150, 400), width=8)
    ours, theirs = (
        cls(sampling_strategy={"c0": 6150}, random_state=1).fit_resample(X, y)[0][550:] for cls in (Smote, SMOTE)
    )
    assert np.allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=4 * np.sqrt(2 / 6000))
    assert np.allclose(ours.var(axis=0) / theirs.var(axis=0), 1, atol=0.08)
    assert (ours.var(axis=0) < X[:150].var(axis=0)).all(), "the shrinkage that SMOTE is known for"


def test_weights_are_uniform_up_to_the_middle_and_every_row_is_a_parent():
    X, y = overlapping(sizes=(30, 60))
    sampler = Smote(sampling_strategy={"c0": 4030}, random_state=0)
    sampler.fit_resample(X, y)
    assert stats.kstest(sampler.weights_ * 2, "uniform").pvalue > 0.001
    assert len(np.unique(sampler.source_indices_)) == 30


# Rows that repeat others


def test_rows_that_stand_three_times_change_nothing(thrice):
    X, y = thrice
    first = np.sort(np.unique(X, axis=0, return_index=True)[1])
    repeated, once = (
        Smote(sampling_strategy={"c0": 345}, random_state=0),
        Smote(sampling_strategy={"c0": 315}, random_state=0),
    )
    rows = repeated.fit_resample(X, y)[0][len(X) :]
    assert np.array_equal(once.fit_resample(X[first], y[first])[0][len(first) :], rows)
    assert np.array_equal(first[once.source_indices_], repeated.source_indices_)


# Kinds of data


def test_a_single_column_is_enough():
    X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0], [14.0]])
    sampler = Smote(k_neighbors=1, random_state=0)
    new = sampler.fit_resample(X, ["a"] * 3 + ["b"] * 5)[0][8:]
    assert ((new > 0) & (new < 2)).all()


# In imbalanced-learn's pipelines


def test_its_parameters_are_searched_in_a_pipeline():
    X, y = overlapping(sizes=(40, 90))
    pipeline = make_pipeline(Smote(random_state=0), LogisticRegression())
    search = GridSearchCV(pipeline, {"smote__k_neighbors": [1, 3, 5], "smote__sphere": ["none", "slerp"]}, cv=3)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 6
    assert search.best_estimator_[0].source_indices_.shape == (50, 2)
    twin = pickle.loads(pickle.dumps(search))
    assert np.array_equal(twin.predict(X), search.predict(X))


def test_what_is_wrong_with_the_search_is_not_said_of_the_data():
    vectors = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    labels = [0] * 10 + [1] * 30
    with pytest.raises(ValueError, match="n_jobs"):
        Smote(n_jobs=0).fit_resample(vectors, labels)
    with pytest.raises(ValueError, match=r"[Cc]osine"):
        Smote(search=NearestNeighbors(algorithm="kd_tree", metric="cosine")).fit_resample(vectors, labels)
