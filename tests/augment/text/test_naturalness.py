"""The estimate of what readers find natural grows with what it is made of, and is a share."""

from __future__ import annotations

import math

import pytest

from augment.text.naturalness import LARGEST, likeliest, logit, probability


@pytest.mark.parametrize("fit", [-9.0, -2.0, 4.0])
def test_it_grows_with_fit_and_meaning(fit):
    assert logit(fit, 0.2) < logit(fit, 0.6) < logit(fit + 1, 0.6)
    assert logit(fit, LARGEST) == likeliest(fit)


def test_it_is_a_share_however_bad_a_filling_is():
    shares = [probability(logit) for logit in (-math.inf, -800.0, -1.0, 0.0, 1.0, 800.0)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[3] == 0.5
    assert shares[-1] == 1
