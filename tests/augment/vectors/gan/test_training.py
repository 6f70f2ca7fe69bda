"""The training of GAN-SMOTE: what is seen of it, when it stops, and that it learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from small_gans import new_rows, normal, quick
from vector_measures import leave_out_the_network

from augment.report.text_measures import reference_fidelity, vector_fidelity
from augment.vectors.gan.networks import ResidualGenerator
from augment.vectors.gan.sampler import GANSMOTE
from augment.vectors.gan.training import GanSettings, train_residual
from augment.vectors.smote import Smote

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant


# What was seen during training


def test_looks_are_taken_every_25_steps_and_after_the_last():
    sampler = quick(n_steps=60, patience=99)
    sampler.fit_resample(*normal())
    assert [look["step"] for look in sampler.history_] == [0, 25, 50, 60]
    for look in sampler.history_[1:]:
        assert {*look} == {"classes", "step", "critic_loss", "generator_loss", "coverage", "chosen"}
        assert np.isfinite([look["critic_loss"], look["generator_loss"]]).all()
        assert [*look["coverage"]] == ["rare"]
        assert 0 <= look["coverage"]["rare"] <= 1
    assert json.loads(json.dumps(sampler.history_)) == sampler.history_, "plain data"


@pytest.mark.parametrize("mode", ["smote", "noise"])
def test_the_other_modes_train_one_network_a_class_to_the_last_step(mode):
    X, y = normal({"often": 200, "one": 110, "two": 120})
    sampler = quick(mode, n_steps=30)
    sampler.fit_resample(X, y)
    assert [(look["classes"], look["step"], look["chosen"]) for look in sampler.history_] == [
        (["one"], 25, False),
        (["one"], 30, True),
        (["two"], 25, False),
        (["two"], 30, True),
    ]
    assert all({*look} == {"classes", "step", "critic_loss", "generator_loss", "chosen"} for look in sampler.history_)
    assert np.isfinite([[look["critic_loss"], look["generator_loss"]] for look in sampler.history_]).all()


def test_the_default_number_of_steps_is_that_of_each_mode():
    X, y = normal({"often": 45, "rare": 30}, width=2)
    sampler = GANSMOTE(generator_input="smote", random_state=0, batch_size=15, min_rows=30)
    sampler.fit_resample(X, y)
    assert sampler.history_[-1]["step"] == 300, "150 epochs of two batches"


def trained(coverages: list[tuple[float, ...]], floor: tuple[float, ...], **others: Any) -> Any:
    """Train an instant, and have a look report these coverages, one after the other."""
    real = [normal({"a": 20}, width=4, dtype=np.float32)[0] + place for place in range(len(floor))]
    shown = iter(coverages)
    generators: list[Any] = []

    def covered(generator: ResidualGenerator) -> tuple[float, ...]:
        generators.append({name: value.clone() for name, value in generator.state_dict().items()})
        return next(shown)

    asked = {"n_steps": 25 * (len(coverages) - 1), "patience": 99, **others}
    settings = GanSettings(batch_size=4, learning_rate=1e-2, packing=1, n_critic=1, gradient_penalty=10.0, **asked)
    torch.manual_seed(0)
    network = ResidualGenerator.like(np.concatenate(real), 4, len(real))
    chosen, looks = train_residual(network, real, real, covered, floor, settings)
    same = [all(torch.equal(state[name], value) for name, value in chosen.state_dict().items()) for state in generators]
    assert same == [look["chosen"] for look in looks], "the weights are those of the chosen look and of no other"
    assert [look["coverage"] for look in looks] == [list(coverage) for coverage in coverages[: len(looks)]]
    return [look["chosen"] for look in looks].index(True), looks[-1]["step"]


# It stops in time


@pytest.mark.parametrize(
    ("coverages", "patience", "chosen", "last"),
    [
        ([0.8, 0.8, 0.9], 1, 2, 50),
        ([0.8, 0.7, 0.9], 1, 0, 25),
        ([0.8, 0.7, 0.9], 2, 2, 50),
        ([0.8, 0.9, 0.7, 0.7, 0.9], 2, 1, 75),
        ([0.8, 0.7, 0.8, 0.7, 0.8, 0.7], 2, 4, 125),
        ([0.8, 0.7, 0.7, 0.7], 9, 0, 75),
        ([0.8, 0.8 - 1e-12, 0.8 - 1e-6], 9, 1, 50),
    ],
)
def test_training_ends_after_so_many_looks_in_a_row_below_the_floor_and_the_last_one_above_it_is_chosen(
    coverages, patience, chosen, last
):
    found = trained([(coverage,) for coverage in coverages], (0.8,), patience=patience)
    assert found == (chosen, last)


def test_a_look_is_below_the_floor_if_one_class_is():
    both = [(0.5, 0.9), (0.5, 0.8), (0.6, 0.9), (0.4, 1.0), (1.0, 0.8)]
    assert trained(both, (0.5, 0.9)) == (2, 100)


def accepted(history: list[dict[str, Any]]) -> list[bool]:
    """Say of each look whether no class was below what SMOTE reaches."""
    floor = history[0]["coverage"]
    return [all(look["coverage"][label] >= floor[label] - 1e-9 for label in floor) for look in history]


def test_the_floor_is_what_smote_reaches_of_every_class():
    X, y = normal({"often": 300, "one": 120, "two": 150})
    sampler = quick(n_steps=1000, learning_rate=0.03, patience=2)
    sampler.fit_resample(X, y)
    assert sampler.history_[-1]["step"] < 1000
    holds = accepted(sampler.history_)
    assert holds[-3:] == [True, False, False]
    assert [look["chosen"] for look in sampler.history_] == [place == len(holds) - 3 for place in range(len(holds))]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[float]], Iterator[float]]], list[list[float]]]:
    """Have the looks report what is told, made from the floor, in place of what was learnt; return the floors."""

    def telling(told: Callable[[list[float]], Iterator[float]]) -> list[list[float]]:
        floors: list[list[float]] = []

        def train(network: Any, real: Any, pools: Any, covered: Any, floor: list[float], settings: GanSettings) -> Any:
            floors.append(floor)
            values = told(floor)

            def report(generator: Any) -> list[float]:
                covered(generator)
                return [next(values)] * len(floor)

            return train_residual(network, real, pools, report, floor, settings)

        monkeypatch.setattr("augment.vectors.gan.training.train_residual", train)
        return floors

    return telling


def test_a_training_that_was_stopped_gives_the_rows_of_one_that_ended_there(shown):
    """The coverage is told and not learnt: above the floor at the start and at step 25, below it at step 50."""
    X, y = normal()
    shown(lambda floor: iter([1.0, 1.0, min(floor) - 0.1]))
    stopped = quick(n_steps=1000, learning_rate=0.03, patience=1, random_state=3)
    rows = new_rows(stopped, X, y)
    assert [(look["step"], look["chosen"]) for look in stopped.history_] == [(0, False), (25, True), (50, False)]
    shown(lambda floor: iter([1.0, 1.0]))
    assert np.array_equal(rows, new_rows(quick(n_steps=25, learning_rate=0.03, random_state=3), X, y))
    assert not np.array_equal(rows, new_rows(Smote(random_state=3), X, y))


def test_stopping_at_real_rows_is_never_earlier_and_sometimes_later_than_at_smote(shown, monkeypatch):
    """Coverages are told: .9 by SMOTE, then .8, while real rows reach .7, which only one of the two stops at."""
    X, y = normal({"often": 300, "rare": 200})
    ends, histories = {}, []
    for reached in (0.7, 1.0):
        for stop_at in ("smote", "real"):
            floors = shown(lambda floor: iter([0.9, *[0.8] * 4]))
            covered = iter([(1.0, 0.9), (1.0, reached)])  # of SMOTE, and of real rows where they are asked for
            with monkeypatch.context() as patch:
                patch.setattr("augment.vectors.gan.sampler.density_coverage", lambda *rows: next(covered, (1.0, 1.0)))
                sampler = quick(n_steps=100, learning_rate=0.01, patience=1, stop_at=stop_at)
                sampler.fit_resample(X, y)
            (chosen,) = (look["step"] for look in sampler.history_ if look["chosen"])
            ends[reached, stop_at] = floors, chosen, sampler.history_[-1]["step"]
            histories.append([{**look, "chosen": None} for look in sampler.history_])
    assert ends == {
        (0.7, "smote"): ([[0.9]], 0, 25),
        (0.7, "real"): ([[0.7]], 100, 100),
        (1.0, "smote"): ([[0.9]], 0, 25),
        (1.0, "real"): ([[0.9]], 0, 25),
    }
    assert len(histories[1]) == 5
    assert all(history == histories[1][:2] for history in (histories[0], *histories[2:])), "the same until they stop"


# It learns


def test_rows_spread_more_like_real_ones_than_those_of_smote(monkeypatch):
    leave_out_the_network(monkeypatch)
    rng = np.random.default_rng(1)
    scale = np.linspace(3, 0.3, 16)
    real, held, often = (rng.normal(size=(count, 16)) * scale for count in (400, 200, 800))
    X, y = np.concatenate([real, often + 9]), np.repeat(["rare", "often"], [400, 800])
    reference = reference_fidelity(real, held)
    samplers = {
        "smote": Smote(sphere="none", random_state=0),
        "gan": GANSMOTE(sphere="none", stop_at="real", n_steps=150, n_critic=2, batch_size=64, random_state=0),
    }
    found = {
        name: vector_fidelity(real, held, new_rows(sampler, X, y), reference=reference)
        for name, sampler in samplers.items()
    }
    # Of 5 seeds: .73 to .81 for SMOTE, .09 to .15 more for the other, whose coverage was .94 or more.
    assert found["smote"].variance_ratio < 0.85, "SMOTE is too narrow"
    assert found["smote"].variance_ratio + 0.04 < found["gan"].variance_ratio < 1.1
    assert found["gan"].coverage > 0.85


@pytest.mark.parametrize("mode", ["smote", "noise"])
def test_the_published_networks_come_nearer_to_the_class(mode):
    X, y = normal({"often": 400, "rare": 200}, width=4)
    real = X[y == "rare"]
    few, many = ({"smote": (2, 60), "noise": (2, 600)})[mode]
    off = []
    for n_steps in (few, many):
        new = new_rows(quick(mode, n_steps=n_steps, learning_rate=1e-3), X, y)
        off.append(np.abs(np.log(new.std(axis=0) / real.std(axis=0))).mean())
    assert off[1] < 0.5 * off[0]  # of 4 seeds .22 of it at most
