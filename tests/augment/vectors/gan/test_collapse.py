"""A collapse of GAN-SMOTE is told, and a healthy network is not called collapsed."""

from __future__ import annotations

import warnings

import pytest
from small_gans import quick, wide

from augment.errors import InputError
from augment.vectors.gan.sampler import GANSMOTE

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant


def test_a_collapse_is_warned_of_and_raised_on_request():
    X, y = wide()
    collapsing = {"generator_input": "noise", "n_steps": 1, "random_state": 0}
    sampler = GANSMOTE(**collapsing)
    with pytest.warns(UserWarning, match="collapsed") as caught:
        sampler.fit_resample(X, y)
    (said,) = (str(warning.message) for warning in caught)
    found = sampler.collapse_["rare"]
    assert found["distance_ratio"] < 0.5
    assert said.startswith(
        f"The network of class 'rare' has collapsed: its rows are {found['distance_ratio']:.2f} times"
    )
    with pytest.raises(InputError, match=r"^The network of class 'rare' has collapsed") as refused:
        GANSMOTE(**collapsing, on_collapse="raise").fit_resample(X, y)
    assert str(refused.value) == said
    assert "\n" not in said


@pytest.mark.parametrize("on_collapse", ["warn", "raise"])
def test_a_healthy_network_is_not_called_collapsed(on_collapse):
    X, y = wide()
    sampler = quick(on_collapse=on_collapse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler.fit_resample(X, y)
    assert {label: {*found} for label, found in sampler.collapse_.items()} == {"rare": {"distance_ratio", "coverage"}}
    found = sampler.collapse_["rare"]
    assert 0.7 < found["distance_ratio"] < 1.2  # of 5 seeds .82 to .85, and of those that collapse .12 at most
    assert 0.7 < found["coverage"] <= 1  # .99 or more
    assert {type(value) for value in found.values()} == {float}
