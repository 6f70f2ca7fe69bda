"""The settings of a training: defaults, types, and what is refused before any data is read."""

from __future__ import annotations

import numpy as np
import pytest

from augment.errors import InputError
from classifiers.config import TrainConfig

pytestmark = pytest.mark.numeric


def test_the_defaults_are_those_of_the_papers_table_3():
    defaults = TrainConfig()
    assert (defaults.dropout, defaults.gamma, defaults.max_length, defaults.batch_size) == (0.1, 3.0, 64, 32)
    assert (defaults.learning_rate, defaults.weight_decay, defaults.epochs) == (1e-5, 0.01, 4.0)
    assert defaults.loss == "cross-entropy"


def test_a_training_that_would_never_be_evaluated_is_refused():
    with pytest.raises(InputError, match="Give `evaluate_steps`"):
        TrainConfig(evaluate_by="steps")


def test_totals_and_weights_may_be_numbers_of_numpy_and_must_be_whole_or_positive():
    assert TrainConfig(class_weights={"a": np.float32(2), "b": 1}).class_weights == {"a": 2.0, "b": 1.0}
    ways = {"strategy": "random", "sampling_strategy": {"neutral": np.int64(9)}}
    assert TrainConfig(augmentation=ways).augmentation.sampling_strategy == {"neutral": 9}
    with pytest.raises(InputError, match=r"gives class 'neutral' a total of 1000\.0\. Give a whole number"):
        TrainConfig(augmentation=ways | {"sampling_strategy": {"neutral": 1e3}})
