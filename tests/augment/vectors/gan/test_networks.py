"""The networks of GAN-SMOTE start as SMOTE, and move rows by the scale of their principal components."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_gans import new_rows, normal, quick

from augment.vectors.gan.networks import ResidualGenerator
from augment.vectors.smote import Smote

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant


def test_an_untrained_residual_network_gives_back_what_it_is_given():
    X, _ = normal(width=12, dtype=np.float32)
    network = ResidualGenerator.like(X, 5, 2)
    last = network.network[-1]
    assert not last.weight.any()
    assert not last.bias.any()
    assert any(layer.weight.any() for layer in network.network if hasattr(layer, "weight")), "the others are not zero"
    for place in (0, 1):
        assert np.abs(network.new(100 + 50 * X, place) - (100 + 50 * X)).max() < 1e-4
    with torch.no_grad():
        last.bias += 1
    assert np.abs(network.new(X, 0) - X).max() > 0.1, "once it is not zero, rows move"


def test_a_residual_network_moves_rows_in_the_principal_components_alone_and_by_their_scale():
    X, _ = normal({"a": 400}, width=12, dtype=np.float32)
    network = ResidualGenerator.like(X, 3, 1)
    with torch.no_grad():
        network.network[-1].bias += 1
    moved = (network.new(X, 0) - X).astype(np.float64)
    _, values, directions = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(directions[:3] @ moved[0]), values[:3] / np.sqrt(399), rtol=1e-2)
    assert np.abs(directions[3:] @ moved.T).max() < 1e-4


def test_the_default_mode_gives_smote_rows_until_it_has_learnt():
    X, y = normal()
    sampler, plain = quick(n_steps=1, learning_rate=1e-12), Smote(random_state=0)
    assert np.abs(new_rows(sampler, X, y) - new_rows(plain, X, y)).max() < 1e-5
    assert np.array_equal(sampler.source_indices_, plain.source_indices_)
    assert np.array_equal(sampler.weights_, plain.weights_)
    learnt = quick(n_steps=50)
    assert np.abs(new_rows(learnt, X, y) - new_rows(plain, X, y)).max() > 1e-3
    assert np.array_equal(learnt.source_indices_, plain.source_indices_), "the parents are those of the SMOTE rows"


def test_the_first_look_is_at_smote_and_whatever_is_trained_later_has_no_part_in_it():
    X, y = normal()
    looks = []
    for others in ({"n_steps": 1}, {"n_steps": 25, "learning_rate": 0.1}, {"n_steps": 1, "n_components": 2}):
        sampler = quick(**others)
        sampler.fit_resample(X, y)
        looks.append({**sampler.history_[0], "chosen": None})
    assert looks[0] == looks[1] == looks[2]
    assert (looks[0]["step"], looks[0]["classes"]) == (0, ["rare"])
    assert {*looks[0]} == {"classes", "step", "coverage", "chosen"}
    assert 0.5 < looks[0]["coverage"]["rare"] <= 1
