"""The loss that a training is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from classifiers.training.objective import loss_of

pytestmark = pytest.mark.numeric


def test_class_weights_have_a_mean_of_one_over_the_rows(config):
    mass = np.array([60.0, 96.0])
    for weights_ in ("balanced", {"neutral": 5.0, "positive": 1.0}):
        loss = loss_of(config(class_weights=weights_), mass, ["neutral", "positive"])
        assert (mass * loss.class_weights.numpy()).sum() == pytest.approx(mass.sum(), rel=1e-6)
