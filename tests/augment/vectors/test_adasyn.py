"""ADASYN makes the more rows of a row the more others are near it, in exact counts."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import ADASYN
from scipy import stats
from smote_family import counts, others_near, overlapping

from augment.vectors.smote import Adasyn

# Against imbalanced-learn


@pytest.mark.parametrize("wanted", [1, 2, 3, 17])
def test_adasyn_makes_a_few_rows_where_bare_imbalanced_learn_makes_none(wanted):
    X, y = overlapping(sizes=(60, 90))
    totals = {"c0": 60 + wanted}
    if wanted == 1:
        with pytest.raises(ValueError, match="No samples will be generated"):
            ADASYN(sampling_strategy=totals, random_state=0).fit_resample(X, y)
    assert counts(Adasyn(sampling_strategy=totals, random_state=0).fit_resample(X, y)[1])["c0"] == 60 + wanted


# Where rows come from


def test_adasyn_starts_the_more_often_from_a_row_the_more_others_are_near_it():
    X, y = overlapping(sizes=(60, 120), width=2)
    sampler = Adasyn(sampling_strategy={"c0": 2060}, k_neighbors=5, random_state=0)
    sampler.fit_resample(X, y)
    own, others = others_near(X, y, "c0", 5)
    assert (others == 0).any()
    never = set(own[others == 0].tolist())
    assert all({one, other} - never for one, other in sampler.source_indices_.tolist())
    taken = np.bincount(sampler.source_indices_.ravel(), minlength=180)[:60]
    assert stats.spearmanr(taken, others).statistic > 0.5
