"""Sample weights and groups follow the rows that a sampler makes, to all steps after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import SMOTE as TheirSmote
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from swapped_words import SHUFFLED, SHUFFLED_LABELS, Swap

from augment import Gaussian, Pipeline, Smote
from augment.errors import InputError

WEIGHTS = [float(row) for row in range(12)]
GROUPS = [f"group {row % 5}" for row in range(12)]


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what its fit gets."""

    def fit(self, X, y, sample_weight=None, groups=None, note=None):
        self.got = {"X": list(X), "sample_weight": sample_weight, "groups": groups, "note": note}
        return self


def test_weights_and_groups_of_texts_are_those_of_their_sources():
    with sklearn.config_context(enable_metadata_routing=True):
        head = Recorder().set_fit_request(sample_weight=True, groups=True, note=True)
        model = Pipeline([("rows", Swap(random_state=0)), ("head", head)])
        model.fit(SHUFFLED, SHUFFLED_LABELS, sample_weight=pd.Series(WEIGHTS), groups=GROUPS, note="twelve rows!")
    got, sources = head.got, model["rows"].source_indices_
    assert len(got["X"]) == 21
    assert list(got["sample_weight"]) == WEIGHTS + [WEIGHTS[row] for row in sources]
    assert got["groups"] == GROUPS + [GROUPS[row] for row in sources]
    assert got["note"] == "twelve rows!", "what is not one value for each row stays"


def test_several_samplers_are_followed_one_after_the_other():
    X, y = np.random.default_rng(0).normal(size=(12, 2)), np.array(SHUFFLED_LABELS)
    first = Smote(k_neighbors=1, random_state=0, sampling_strategy={"neutral": 5})
    steps = [("rows", first), ("copies", RandomOverSampler(random_state=0)), ("head", Recorder())]
    model = Pipeline(steps).fit(X, y, head__sample_weight=np.array(WEIGHTS))
    after_first = np.array(WEIGHTS + [WEIGHTS[row] for row in first.source_indices_[:, 0]])
    expected = after_first[model["copies"].sample_indices_]
    assert model["head"].got["sample_weight"].tolist() == expected.tolist()
    assert len(expected) == len(model["head"].got["X"]) == 21


@pytest.mark.parametrize("sampler", [Gaussian(random_state=0), TheirSmote(k_neighbors=1)])
def test_rows_without_a_source_are_refused_where_they_would_need_a_weight(sampler):
    X = np.random.default_rng(0).normal(size=(12, 2))
    model = Pipeline([("rows", sampler), ("head", Recorder())])
    with pytest.raises(InputError, match="have no single source"):
        model.fit(X, SHUFFLED_LABELS, head__sample_weight=WEIGHTS)
    model.fit(X, SHUFFLED_LABELS)
