"""The estimate of what readers find natural grows with what it is made of, and is a share."""

from __future__ import annotations

import math

import numpy as np
import pytest

from augment.generation.candidates import Candidate
from augment.models.steadiness import ChangedText, Effects
from augment.text.naturalness import estimated, logit, probability


@pytest.mark.parametrize("fit", [-9.0, -2.0, 4.0])
def test_it_grows_with_fit_and_meaning(fit):
    assert logit(fit, 0.2) < logit(fit, 0.6) < logit(fit + 1, 0.6)


def test_it_is_a_share_however_bad_a_filling_is():
    shares = [probability(logit) for logit in (-math.inf, -800.0, -1.0, 0.0, 1.0, 800.0)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[3] == 0.5
    assert shares[-1] == 1


def test_each_filling_gets_what_was_measured_of_it():
    fillings = [("old", Candidate("new"), -2.0), ("other", Candidate("changed"), -3.0)]
    asked = []

    def compare(changes):
        asked.extend(changes)
        return Effects(np.array([0.95, 0.9]), np.array([0.4, 0.7]))

    first, second = estimated(fillings, compare)
    assert asked == [ChangedText("old", "new", ()), ChangedText("other", "changed", ())]
    assert (first.text, first.steadiness, first.naturalness) == ("new", 0.95, probability(logit(-2.0, 0.4)))
    assert (second.text, second.steadiness, second.naturalness) == ("changed", 0.9, probability(logit(-3.0, 0.7)))
