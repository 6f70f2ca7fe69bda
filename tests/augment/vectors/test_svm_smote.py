"""SVM-SMOTE makes all rows, and goes beyond the border by its step at most."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import SVMSMOTE
from sklearn.datasets import make_blobs
from smote_family import assert_on_the_line, counts, overlapping

from augment.errors import InputError
from augment.vectors.smote import SvmSmote


def in_danger():
    """Rows of which all support vectors of the small class lie at the border: SVM-SMOTE has none to go beyond."""
    rng = np.random.RandomState(42)  # the data of imbalanced-learn's check_samplers_fit
    return rng.random_sample((30, 2)), np.array([1] * 20 + [0] * 10)


# Against imbalanced-learn


@pytest.mark.parametrize("seed", range(12))
def test_svm_smote_makes_all_rows_where_bare_imbalanced_learn_makes_half_of_them(seed):
    X, y = in_danger()
    assert 13 <= counts(SVMSMOTE(random_state=seed).fit_resample(X, y)[1])[0] <= 17
    sampler = SvmSmote(random_state=seed)
    assert counts(sampler.fit_resample(X, y)[1]) == {0: 20, 1: 20}
    assert (sampler.weights_ > 0).all()
    assert counts(SvmSmote(random_state=seed, sampling_strategy={0: 11}).fit_resample(X, y)[1])[0] == 11


# Where rows come from


def test_svm_smote_extrapolates_no_further_than_its_step_and_in_between_as_well():
    X, y = overlapping(sizes=(60, 120), width=4)
    for out_step in (0.1, 0.5, 1.0):
        sampler = SvmSmote(out_step=out_step, sampling_strategy={"c0": 560}, random_state=0)
        new = sampler.fit_resample(X, y)[0][180:]
        weights = sampler.weights_
        assert weights.max() > 0.4
        assert -out_step <= weights.min() < -0.9 * out_step
        beyond = weights < 0
        first, second = (X[sampler.source_indices_[:, i]] for i in (0, 1))
        assert_on_the_line(new, first, second, weights)
        away, between = (np.linalg.norm(new - end, axis=1) for end in (first, second))
        apart = np.linalg.norm(first - second, axis=1)
        assert np.allclose(between[beyond], (away + apart)[beyond]), "the first parent lies between it and the second"


def test_svm_smote_with_no_step_stays_between():
    X, y = overlapping(sizes=(60, 120), width=4)
    sampler = SvmSmote(out_step=0.0, sampling_strategy={"c0": 560}, random_state=0)
    assert counts(sampler.fit_resample(X, y)[1])["c0"] == 560
    assert (sampler.weights_ > 0).all()


# Small classes


def test_a_class_each_of_whose_rows_lies_alone_among_others_is_noise_to_svm_smote():
    X, y = make_blobs([7] * 14, cluster_std=0.01, centers=np.arange(28).reshape(14, 2) * 9, random_state=0)
    few = np.unique(y, return_index=True)[1]
    labels = np.full(98, "many")
    labels[few] = "few"
    with pytest.raises(ValueError, match="All support vectors are considered as noise"):
        SVMSMOTE(m_neighbors=5).fit_resample(X, labels)
    with pytest.raises(InputError) as caught:
        SvmSmote(m_neighbors=5).fit_resample(X, labels)
    assert str(caught.value).startswith("SvmSmote can make no rows of class 'few': ")
