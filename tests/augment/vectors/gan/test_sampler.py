"""GAN-SMOTE: starts as SMOTE, stops in time, tells a collapse, and comes back from a folder as it was."""

from __future__ import annotations

import json
import pickle
import random
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.pipeline import Pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from augment.errors import InputError, ModelError
from augment.report.text_measures import reference_fidelity, vector_fidelity
from augment.vectors.gan.networks import ResidualGenerator
from augment.vectors.gan.sampler import GANSMOTE
from augment.vectors.gan.training import GanSettings, train_residual
from augment.vectors.smote import Smote

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Of so few rows, threads wait for each other longer than they work."""
    with threadpool_limits(1):
        yield


QUICK: dict[str, dict[str, Any]] = {
    "residual": {"n_steps": 25, "n_critic": 1, "batch_size": 32},
    "smote": {"generator_input": "smote", "n_steps": 3, "batch_size": 32},
    "noise": {"generator_input": "noise", "n_steps": 25},
}
"""Of each mode, what trains it in a blink."""
SIZES = {"often": 260, "rare": 130}


def quick(mode: str = "residual", **others: Any) -> GANSMOTE:
    return GANSMOTE(**{"random_state": 0, **QUICK[mode], **others})


def normal(sizes: dict[Any, int] | None = None, width: int = 8, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Rows of classes that lie beside each other, wider in their first columns than in their last."""
    sizes = SIZES if sizes is None else sizes
    rng = np.random.default_rng(7)
    scale = np.linspace(3, 0.3, width)
    rows = [rng.normal(size=(count, width)) * scale + 0.5 * i for i, count in enumerate(sizes.values())]
    return np.concatenate(rows).astype(dtype), np.repeat(list(sizes), list(sizes.values()))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def new_rows(sampler: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    vectors, _ = sampler.fit_resample(X, y)
    return vectors[len(X) :]


def bytes_of(sampler: Any, X: np.ndarray, y: np.ndarray) -> bytes:
    return new_rows(sampler, X, y).tobytes()


# An over-sampler as imbalanced-learn knows them


@parametrize_with_checks(
    [
        GANSMOTE(random_state=0, n_steps=25, n_critic=1),
        GANSMOTE(random_state=0, n_steps=5, generator_input="smote"),
        GANSMOTE(random_state=0, n_steps=25, generator_input="noise"),
    ]
)
def test_every_mode_keeps_the_contract_of_imbalanced_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([GANSMOTE(random_state=0)])
def test_the_untouched_default_keeps_the_contract_of_imbalanced_learn(estimator, check):
    check(estimator)


def test_it_is_cloned_with_its_parameters_and_without_what_it_has_learnt():
    sampler = quick("noise", on_collapse="warn", min_rows=50)
    sampler.fit_resample(*normal())
    copy = clone(sampler)
    assert copy.get_params() == sampler.get_params()
    assert not hasattr(copy, "history_")
    assert copy.set_params(patience=9).get_params()["patience"] == 9
    assert sampler.patience == 4


def test_it_is_searched_over_within_a_pipeline():
    X, y = normal({"often": 400, "rare": 220})
    pipeline = Pipeline([("gan", quick()), ("classifier", LogisticRegression(max_iter=500))])
    grid = {"gan__stop_at": ["smote", "real"], "gan__n_components": [2, 8]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="f1_macro", error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    best = search.best_estimator_.named_steps["gan"]
    assert best.history_[-1]["step"] == 25
    assert best.sampling_strategy_ == {"rare": 180}
    assert search.best_score_ > 0.5


@pytest.mark.parametrize("mode", QUICK)
def test_a_pandas_frame_goes_in_and_one_comes_out(mode):
    X, y = normal(dtype=np.float32)
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    rows, labels = quick(mode).fit_resample(frame, pd.Series(y, name="kind"))
    assert isinstance(rows, pd.DataFrame)
    assert list(rows.columns) == list(frame.columns)
    assert {*rows.dtypes} == {np.dtype("float32")}
    pd.testing.assert_frame_equal(rows.iloc[: len(X)], frame)
    assert (labels.name, labels.value_counts().to_dict()) == ("kind", {"often": 260, "rare": 260})
    assert np.array_equal(rows.to_numpy()[len(X) :], new_rows(quick(mode), X, y)), "the container has no part in it"


@pytest.mark.parametrize("mode", QUICK)
def test_originals_stay_and_no_new_row_is_one_of_them_or_there_twice(mode):
    X, y = normal(dtype=np.float32)
    before = X.copy()
    sampler = quick(mode, sampling_strategy={"rare": 500})
    rows, labels = sampler.fit_resample(X, y)
    assert np.array_equal(rows[: len(X)], before)
    assert np.array_equal(X, before)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert labels[len(X) :].tolist() == ["rare"] * 370
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert sampler.source_indices_.shape == (370, 2)
    assert np.isin(sampler.source_indices_, [-1] if mode == "noise" else np.flatnonzero(y == "rare")).all()
    assert np.isnan(sampler.weights_).all() == (mode == "noise")


@pytest.mark.parametrize("mode", ["residual", "smote"])
def test_new_rows_have_the_length_of_a_sphere_where_all_rows_lie_on_it(mode):
    X, y = normal(width=12)
    X = unit(X)
    assert np.abs(np.linalg.norm(new_rows(quick(mode), X, y), axis=1) - 1).max() < 1e-5
    assert np.abs(np.linalg.norm(new_rows(quick(mode, sphere="none"), X, y), axis=1) - 1).max() > 1e-3
    doubled = new_rows(quick(mode, sphere="renormalize"), 2 * X, y)
    assert np.abs(np.linalg.norm(doubled, axis=1) - 2).max() < 1e-5


# It starts as SMOTE


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


# One seed, one result


@pytest.mark.parametrize("mode", QUICK)
def test_a_seed_gives_the_same_bytes_and_another_one_others(mode):
    X, y = normal()
    first, again, other = (quick(mode, random_state=seed) for seed in (3, 3, 4))
    assert bytes_of(first, X, y) == bytes_of(again, X, y) != bytes_of(other, X, y)
    assert first.history_ == again.history_ != other.history_
    assert first.collapse_ == again.collapse_
    assert bytes_of(first, X, y) == bytes_of(again, X, y), "also the second time"
    drawn = [bytes_of(quick(mode, random_state=np.random.default_rng(5)), X, y) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert bytes_of(quick(mode, random_state=None), X, y) != bytes_of(quick(mode, random_state=None), X, y)


@pytest.mark.parametrize("mode", QUICK)
def test_the_number_of_threads_is_left_as_found_and_changes_no_byte(mode, one_and_two_threads):
    X, y = normal(width=96, dtype=np.float32)
    found = []
    for threads in one_and_two_threads:
        torch.set_num_threads(threads)
        sampler = quick(mode)
        with threadpool_limits(threads, user_api="blas"):
            rows = new_rows(sampler, X, y)
        found.append((rows.tobytes(), sampler.sample("rare", 50, random_state=1).tobytes(), sampler.history_))
        assert torch.get_num_threads() == threads
    assert found[0] == found[1]


@pytest.mark.parametrize("mode", QUICK)
def test_global_generators_are_left_as_found_and_have_no_part_in_the_rows(mode):
    X, y = normal()
    found = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        before = global_states()
        sampler = quick(mode)
        found.append((bytes_of(sampler, X, y), sampler.sample("rare", 9, random_state=1).tobytes()))
        assert global_states() == before
    assert found[0] == found[1]


def global_states() -> tuple[str, str, bytes]:
    return repr(random.getstate()), repr(np.random.get_state()), torch.get_rng_state().numpy().tobytes()  # noqa: NPY002


def test_rows_of_one_class_do_not_hang_on_how_many_are_made_of_another():
    X, y = normal({"often": 300, "one": 120, "two": 140})
    few, many = (quick("noise", sampling_strategy={"one": 150, "two": two}) for two in (150, 290))
    assert np.array_equal(new_rows(few, X, y)[:30], new_rows(many, X, y)[:30])


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


# It stops in time


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


# Which classes


def test_several_classes_share_one_network_and_each_is_looked_at(tmp_path):
    X, y = normal({"often": 300, "one": 120, "two": 150})
    sampler = quick()
    _, labels = sampler.fit_resample(X, y)
    assert {label: int((labels == label).sum()) for label in ("often", "one", "two")} == dict.fromkeys(
        ("often", "one", "two"), 300
    )
    assert [look["classes"] for look in sampler.history_] == [["one", "two"]] * 2
    assert all([*look["coverage"]] == ["one", "two"] for look in sampler.history_)
    assert [*sampler.collapse_] == ["one", "two"]
    sampler.save(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["networks"] == [[1, 2]]


def test_the_network_is_told_which_class_it_makes_rows_of():
    X, y = normal({"often": 300, "one": 120, "two": 150})
    sampler = quick(n_steps=1)
    sampler.fit_resample(X, y)
    before = {label: sampler.sample(label, 50, random_state=0) for label in ("one", "two")}
    layers = [layer for layer in sampler._generators[2].network if hasattr(layer, "weight")]
    with torch.no_grad():  # a network that moves the second class alone
        for layer in layers:
            layer.weight.zero_()
            layer.bias.zero_()
        layers[0].weight[:, -1] = 1.0
        layers[1].weight.fill_(1.0)
        layers[2].weight.fill_(1.0)
    after = {label: sampler.sample(label, 50, random_state=0) for label in ("one", "two")}
    assert np.abs(after["one"] - before["one"]).max() < 0.1
    assert np.abs(after["two"] - before["two"]).min() > 10


@pytest.mark.parametrize("mode", QUICK)
def test_a_small_class_is_left_to_smote_with_a_warning_and_the_others_are_trained(mode):
    X, y = normal({"few": 60, "often": 240, "rare": 120})
    sampler, plain = quick(mode), Smote(random_state=0)
    with pytest.warns(UserWarning, match="trains no network") as caught:
        new = new_rows(sampler, X, y)
    (said,) = (str(warning.message) for warning in caught if "trains no network" in str(warning.message))
    assert said == (
        "The class 'few' has 60 different rows, and GANSMOTE trains no network on fewer than min_rows=100: its new rows"
        " are those of SMOTE."
    )
    of_smote = new_rows(plain, X, y)
    assert np.array_equal(new[:180], of_smote[:180])
    assert not np.isclose(new[180:], of_smote[180:], atol=1e-6).all()
    assert {label for look in sampler.history_ for label in look["classes"]} == {"rare"}
    assert [*sampler.collapse_] == ["rare"]
    assert np.array_equal(sampler.source_indices_[:180], plain.source_indices_[:180])


def test_rows_that_repeat_others_do_not_make_a_class_large():
    X, y = normal({"often": 300, "rare": 130})
    X[300 + 90 :] = X[300 : 300 + 40]
    sampler = quick()
    with pytest.warns(UserWarning, match="The class 'rare' has 90 different rows, and GANSMOTE trains no network"):
        sampler.fit_resample(X, y)
    assert (sampler.history_, sampler.collapse_) == ([], {})


def test_a_class_that_is_not_to_grow_is_neither_trained_nor_warned_of():
    X, y = normal({"few": 60, "often": 240, "rare": 120})
    sampler = quick(sampling_strategy={"rare": 240})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler.fit_resample(X, y)
    assert sampler.history_[0]["classes"] == ["rare"]


@pytest.mark.parametrize("mode", QUICK)
def test_as_few_rows_are_trained_on_as_min_rows_allows(mode):
    """The default mode holds some of them aside."""
    for least in range(1, 40):
        sampler = quick(mode, n_steps=1, min_rows=least)
        try:
            sampler.check()
        except InputError:
            continue
        sampler.fit_resample(*normal({"often": 60, "rare": least}, width=3))
        assert sampler.history_[0]["classes"] == ["rare"]
        break
    else:
        pytest.fail("40 rows are enough")


def test_a_class_too_small_for_its_neighbours_is_refused_as_by_smote():
    X, y = normal({"few": 4, "often": 240})
    with (
        pytest.warns(UserWarning, match="trains no network"),
        pytest.raises(InputError, match=r"`k_neighbors` .* class 'few', which has 4 different rows\. Got 5\."),
    ):
        quick().fit_resample(X, y)
    with pytest.warns(UserWarning, match="trains no network"):
        assert len(new_rows(quick(small_class="lower"), X, y)) == 236


# Collapse


def wide() -> tuple[np.ndarray, np.ndarray]:
    X, y = normal(width=16)
    return 30 * X, y


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


# It learns


def test_rows_spread_more_like_real_ones_than_those_of_smote():
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


# More rows later, and from a folder


MONK = (3, 3, 2, 3, 4, 2)
"""Values of the six attributes of the Monk's problems (Thrun et al. 1991)."""
GROUPS = [list(range(end - size, end)) for end, size in zip(np.cumsum(MONK).tolist(), MONK, strict=True)]


def one_hot(values: np.ndarray) -> np.ndarray:
    rows = np.zeros((len(values), sum(MONK)))
    for place, group in enumerate(GROUPS):
        rows[np.arange(len(values)), np.array(group)[values[:, place]]] = 1
    return rows


def categories(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[:, group].argmax(axis=1) for group in GROUPS], axis=1)


def are_one_hot(rows: np.ndarray) -> bool:
    return all(np.isin(rows[:, group], (0, 1)).all() and (rows[:, group].sum(axis=1) == 1).all() for group in GROUPS)


def monk(rare: int = 130) -> tuple[np.ndarray, np.ndarray]:
    """All rows of the first Monk's problem that are not of its class, and some that are."""
    values = np.array(list(product(*map(range, MONK))))
    own = (values[:, 0] == values[:, 1]) | (values[:, 4] == 0)
    assert own.sum() == 216
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(own))[:rare]
    X = one_hot(np.concatenate([values[~own], values[chosen]]))
    return X, np.repeat(["often", "rare"], [216, rare])


def categorical(**others: Any) -> GANSMOTE:
    return GANSMOTE(
        **{"generator_input": "noise", "output": "onehot", "groups": GROUPS, "n_steps": 25, "random_state": 0, **others}
    )


FITTED: dict[str, Callable[[], GANSMOTE]] = {
    **{mode: lambda mode=mode: fitted(quick(mode), *normal({"few": 40, "often": 300, "rare": 120})) for mode in QUICK},
    "one-hot": lambda: fitted(categorical(), *monk()),
    "unit": lambda: fitted(quick(), unit(normal()[0]).astype(np.float32), normal()[1]),
    "none trained": lambda: fitted(quick(min_rows=9999), *normal()),
    "one-hot, none trained": lambda: fitted(categorical(min_rows=9999), *monk()),
}


def fitted(sampler: GANSMOTE, X: Any, y: Any) -> GANSMOTE:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler.fit_resample(X, y)
    return sampler


@pytest.mark.parametrize("kind", FITTED)
def test_what_was_saved_gives_the_same_rows(kind, tmp_path):
    sampler = FITTED[kind]()
    folder = tmp_path / "deep" / "down"
    sampler.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    back = GANSMOTE.load(folder)
    for label in sampler.sampling_strategy_:
        for seed in (0, 9):
            rows = sampler.sample(label, 70, random_state=seed)
            assert rows.shape == (70, sampler._rows.vectors.shape[1])
            again = back.sample(label, 70, random_state=seed)
            assert again.dtype == rows.dtype
            assert np.array_equal(again, rows)
        assert not np.array_equal(rows, sampler.sample(label, 70, random_state=1))
    assert back.history_ == sampler.history_
    assert back.collapse_ == sampler.collapse_
    unseen = ("sampling_strategy", "random_state")
    kept = {name: value for name, value in sampler.get_params().items() if name not in unseen}
    assert {name: value for name, value in back.get_params().items() if name not in unseen} == kept


@pytest.mark.parametrize("mode", QUICK)
def test_integer_classes_come_back_as_integers(mode, tmp_path):
    sampler = fitted(quick(mode), *normal({7: 130, 3: 260}))
    sampler.save(tmp_path)
    back = GANSMOTE.load(tmp_path)
    assert np.array_equal(back.sample(7, 5, random_state=0), sampler.sample(7, 5, random_state=0))
    assert back.collapse_ == sampler.collapse_
    assert back.history_ == sampler.history_


def test_what_is_saved_twice_or_over_something_older_is_the_newer(tmp_path):
    old, new = (fitted(quick("noise", random_state=seed), *normal()) for seed in (0, 1))
    old.save(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    old.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    new.save(str(tmp_path))
    rows = GANSMOTE.load(str(tmp_path)).sample("rare", 5, random_state=0)
    assert np.array_equal(rows, new.sample("rare", 5, random_state=0))


def test_what_was_loaded_is_saved_and_fitted_again(tmp_path):
    sampler = fitted(quick(), *normal())
    sampler.save(tmp_path / "one")
    GANSMOTE.load(tmp_path / "one").save(tmp_path / "two")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    again = GANSMOTE.load(tmp_path / "one").set_params(random_state=0)
    assert bytes_of(again, *normal()) == bytes_of(quick(), *normal())


@pytest.mark.parametrize(
    "groups", [GROUPS, [range(group[0], group[-1] + 1) for group in GROUPS], [np.array(group) for group in GROUPS]]
)
def test_groups_are_saved_in_whatever_form_they_were_given(groups, tmp_path):
    sampler = fitted(categorical(groups=groups), *monk())
    sampler.save(tmp_path)
    back = GANSMOTE.load(tmp_path)
    assert np.array_equal(back.sample("rare", 9, random_state=0), sampler.sample("rare", 9, random_state=0))


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    fitted(quick("noise", n_steps=np.int64(2), learning_rate=np.float32(0.5)), *normal()).save(tmp_path)
    loaded = GANSMOTE.load(tmp_path)
    assert (loaded.n_steps, loaded.learning_rate) == (2, 0.5)


@pytest.mark.parametrize("mode", QUICK)
def test_it_is_pickled_with_what_it_has_learnt(mode):
    sampler = fitted(quick(mode), *normal())
    back = pickle.loads(pickle.dumps(sampler))
    assert np.array_equal(back.sample("rare", 9, random_state=0), sampler.sample("rare", 9, random_state=0))


def test_more_rows_are_like_those_that_were_made_and_none_without_a_seed_is_the_same():
    X, y = normal()
    sampler = fitted(quick(n_steps=50), X, y)
    more = sampler.sample("rare", 200)
    assert not np.array_equal(more, sampler.sample("rare", 200))
    assert np.abs(more.std(axis=0) / new_rows(sampler, X, y).std(axis=0) - 1).max() < 0.35  # of 5 seeds .24 at most
    assert sampler.sample("rare", 1, random_state=0).shape == (1, 8)


@pytest.mark.parametrize("mode", QUICK)
def test_more_rows_are_none_of_those_that_were_made_whatever_the_seed(mode):
    X, y = normal()
    sampler = quick(mode)
    made = new_rows(sampler, X, y)
    more = sampler.sample("rare", len(made), random_state=0)
    assert not {row.tobytes() for row in made} & {row.tobytes() for row in more}


@pytest.mark.parametrize("mode", QUICK)
def test_boolean_classes_come_back_as_booleans(mode, tmp_path):
    sampler = fitted(quick(mode), *normal({True: 130, False: 260}))
    sampler.save(tmp_path)
    back = GANSMOTE.load(tmp_path)
    assert np.array_equal(back.sample(True, 5, random_state=0), sampler.sample(True, 5, random_state=0))
    assert back.history_ == sampler.history_


def test_neighbours_must_be_fewer_than_the_rows_that_are_trained_on():
    X, y = normal({"often": 60, "rare": 40})
    with pytest.raises(InputError, match="must be smaller than 32: of the 40 different rows of class 'rare' a fifth"):
        quick(k_neighbors=35, min_rows=30).fit_resample(X, y)


def test_nothing_is_made_or_saved_before_there_is_something_learnt(tmp_path):
    for act in (lambda: GANSMOTE().sample("rare", 1), lambda: GANSMOTE().save(tmp_path / "none")):
        with pytest.raises(NotFittedError, match="GANSMOTE has learnt nothing yet: call fit_resample"):
            act()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("label", "count"), [("raer", 3), (0, 3), ("rare", 0), ("rare", -1)])
def test_rows_of_no_class_and_no_rows_are_refused(label, count):
    sampler = fitted(quick("noise"), *normal())
    with pytest.raises(InputError, match=rf"'rare'.* 1 or more\. Got {count} of {label!r}\."):
        sampler.sample(label, count)


def test_rows_of_a_class_that_none_were_made_of_are_refused():
    sampler = fitted(quick("noise"), *normal())
    with pytest.raises(InputError, match=r"^Rows can be made of 'rare'"):
        sampler.sample("often", 3)


def spoiled(folder: Path, how: str) -> None:
    """Break a folder that was saved."""
    config, model = folder / "config.json", folder / "model.safetensors"
    content = json.loads(config.read_text())
    match how:
        case "no config":
            config.unlink()
        case "no model":
            model.unlink()
        case "no JSON":
            config.write_text("{")
        case "a list":
            config.write_text("[]")
        case "cut":
            model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
        case "a pointer":
            model.write_text("version https://git-lfs.github.com/spec/v1\n")
        case "no labels":
            del content["labels"]
        case "another parameter":
            content["parameters"]["stepps"] = 3
        case "another mode":
            content["parameters"]["generator_input"] = "smote"
        case "a network too many":
            content["networks"].append([0])
        case "no mode":
            content["parameters"]["generator_input"] = "none"
        case "binary":
            config.write_bytes(b"\xff\xfe\x00")
    if how in ("no labels", "another parameter", "another mode", "a network too many", "no mode"):
        config.write_text(json.dumps(content))


BREAKS = ["no config", "no model", "no JSON", "a list", "cut", "a pointer", "no labels", "another parameter"]
BREAKS += ["another mode", "a network too many", "no mode", "binary"]


@pytest.mark.parametrize("how", BREAKS)
def test_a_folder_that_is_broken_is_refused_in_one_line(how, tmp_path):
    fitted(quick(), *normal()).save(tmp_path)
    spoiled(tmp_path, how)
    with pytest.raises(ModelError) as caught:
        GANSMOTE.load(tmp_path)
    assert str(caught.value).startswith(f"The folder {str(tmp_path)!r} holds no saved GANSMOTE: ")
    assert str(caught.value).endswith("Give one that save has written.")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match=r"'no/such/folder' holds no saved GANSMOTE: .*No such file"):
        GANSMOTE.load("no/such/folder")


# Rows of categories


def test_every_row_of_categories_is_one_and_as_many_as_asked_for():
    X, y = monk()
    rows, labels = categorical(sampling_strategy={"rare": 1130}).fit_resample(X, y)
    assert np.array_equal(rows[: len(X)], X)
    assert labels[len(X) :].tolist() == ["rare"] * 1000
    assert are_one_hot(rows[len(X) :])
    assert len(np.unique(rows[len(X) :], axis=0)) > 50


@pytest.mark.parametrize("n_steps", [1, 300])
def test_categories_are_as_frequent_as_in_the_class(n_steps):
    X, y = monk()
    new = new_rows(categorical(n_steps=n_steps, sampling_strategy={"rare": 2130}), X, y)
    shares, others = (X[y == label].mean(axis=0) for label in ("rare", "often"))
    for group in GROUPS:
        assert chisquare(new[:, group].sum(axis=0), 2000 * shares[group]).pvalue > 0.001  # of 8 seeds .025 or more
    assert chisquare(new[:, GROUPS[4]].sum(axis=0), 2000 * others[GROUPS[4]] + 1e-9).pvalue < 1e-6, "it could fail"


@pytest.mark.slow
def test_categories_are_as_frequent_as_in_the_class_after_the_default_training_too():
    X, y = monk()
    new = new_rows(categorical(n_steps=None, sampling_strategy={"rare": 1130}), X, y)
    assert are_one_hot(new)
    for group in GROUPS:
        assert chisquare(new[:, group].sum(axis=0), 1000 * X[y == "rare"].mean(axis=0)[group]).pvalue > 0.001


@pytest.mark.parametrize("min_rows", [30, 9999], ids=["trained", "left to smote"])
def test_a_category_that_the_class_never_has_never_appears(min_rows):
    X, y = monk(216)
    never = GROUPS[3][1]
    keep = (y == "often") | (X[:, never] == 0)
    X, y = X[keep], y[keep]
    X = np.concatenate([X, X[y == "often"]])
    y = np.concatenate([y, y[y == "often"]])
    sampler = categorical(min_rows=min_rows, sampling_strategy={"rare": 2000})
    fitted(sampler, X, y)
    new = sampler.sample("rare", 3000, random_state=0)
    assert are_one_hot(new)
    assert not new[:, never].any()
    assert new[:, GROUPS[3][0]].any()
    assert new[:, GROUPS[3][2]].any()


def test_a_class_of_too_few_rows_is_crossed_from_two_parents():
    X, y = monk(40)
    sampler = categorical()
    with pytest.warns(UserWarning, match="The class 'rare' has 40 rows, and GANSMOTE trains no network"):
        new = new_rows(sampler, X, y)
    assert are_one_hot(new)
    first, second = (categories(X[sampler.source_indices_[:, i]]) for i in (0, 1))
    found = categories(new)
    assert ((found == first) | (found == second)).all(), "every category is one of the parents'"
    assert ((found != first).any(axis=1)).any()
    assert (found == first).mean() > (found == second).mean(), "the nearer has the larger share"
    assert {*y[sampler.source_indices_.ravel()]} == {"rare"}


@pytest.mark.parametrize("mode", [{}, {"min_rows": 9999}], ids=["trained", "left to smote"])
def test_continuous_columns_beside_groups_stay_within_the_range_of_their_class(mode):
    X, y = monk()
    rng = np.random.default_rng(3)
    columns = np.stack([rng.normal(1000, 5, len(X)), np.where(y == "rare", rng.uniform(-2, -1, len(X)), 9)], axis=1)
    X = np.concatenate([columns[:, :1], X, columns[:, 1:]], axis=1)
    sampler = categorical(groups=[[column + 1 for column in group] for group in GROUPS], **mode)
    new = new_rows(fitted(sampler, X, y), X, y)
    assert are_one_hot(new[:, 1:-1])
    for column in (0, -1):
        own = X[y == "rare", column]
        assert new[:, column].min() >= own.min() - 1e-6 * np.abs(own).max()
        assert new[:, column].max() <= own.max() + 1e-6 * np.abs(own).max()
        assert len({*new[:, column]}) > 40


def test_a_frame_of_booleans_comes_back_as_one():
    X, y = monk()
    frame = pd.DataFrame(X.astype(bool), columns=[f"is {i}" for i in range(X.shape[1])])
    rows, _ = categorical().fit_resample(frame, pd.Series(y))
    assert {*rows.dtypes} == {np.dtype(bool)}
    assert are_one_hot(rows.to_numpy())
    assert len(rows) == 432


def test_rows_of_categories_may_repeat_real_ones_and_each_other():
    X, y = monk()
    X, y = np.concatenate([X, X[y == "rare"][:5]]), np.concatenate([y, ["rare"] * 5])
    new = new_rows(categorical(sampling_strategy={"rare": 1135}), X, y)
    assert len(np.unique(new, axis=0)) < len(new) == 1000
    assert (new[:, None] == X[y == "rare"][None]).all(axis=2).any()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"output": "continuous"}, "`groups` are for one-hot rows. Give output='onehot' with them, or leave them out."),
        ({"generator_input": "residual"}, "One-hot rows are made from noise"),
        ({"generator_input": "smote"}, "Give generator_input='noise'. Got 'smote'."),
        ({"groups": None}, "`groups` must be lists of columns, no column twice, e.g. [[0, 1, 2], [3, 4]], each from 0"),
        ({"groups": []}, "`groups` must be lists of columns"),
        ({"groups": [[0, 1, 2], []]}, "`groups` must be lists of columns"),
        ({"groups": [[0, 1, 2], [2, 3, 4]]}, "no column twice"),
        ({"groups": [[0, 1, 1]]}, "no column twice"),
        ({"groups": [[15, 16, 17]]}, "each from 0 to 16. Got [[15, 16, 17]]."),
        ({"groups": [[-1, 0, 1]]}, "each from 0 to 16. Got [[-1, 0, 1]]."),
        ({"groups": [0, 1, 2]}, "`groups` must be lists of columns"),
        ({"groups": [[0, 1]]}, "has not exactly one 1 in the columns [0, 1]. Mend the row, or the `groups`."),
        ({"groups": [[0, 1, 2, 3]]}, "has not exactly one 1 in the columns [0, 1, 2, 3]."),
    ],
)
def test_groups_that_do_not_fit_are_refused_in_one_line(parameters, says):
    with pytest.raises(InputError) as caught:
        categorical(**parameters).fit_resample(*monk())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0.5, 2, -1, 0])
def test_a_row_that_is_not_one_hot_is_named(value):
    X, y = monk()
    X[123, GROUPS[4]] = [value, 0, 0, 0]
    with pytest.raises(InputError, match=r"^Row 123 has not exactly one 1 in the columns \[11, 12, 13, 14\]\."):
        categorical().fit_resample(X, y)


# Parameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"generator_input": "rows"},
        {"output": "discrete"},
        {"groups": 3},
        {"k_neighbors": 0},
        {"metric": "manhattan"},
        {"sphere": "slerp"},
        {"small_class": "ignore"},
        {"n_components": 0},
        {"n_steps": 0},
        {"n_steps": 2.5},
        {"batch_size": 1},
        {"learning_rate": 0},
        {"learning_rate": "fast"},
        {"packing": 0},
        {"n_critic": 0},
        {"gradient_penalty": -1},
        {"stop_at": "loss"},
        {"patience": 0},
        {"min_rows": 9},
        {"on_collapse": "ignore"},
        {"random_state": "now"},
    ],
    ids=lambda wrong: "-".join(map(str, *wrong.items())),
)
def test_a_parameter_out_of_range_is_refused_in_one_line(wrong):
    ((name, value),) = wrong.items()
    says = rf"^The '{name}' parameter of GANSMOTE must be .*Got {re.escape(repr(value))} instead\.$"
    with pytest.raises(ValueError, match=says):
        GANSMOTE(**wrong).fit_resample(*normal())
    with pytest.raises(InputError, match=says):
        GANSMOTE(**wrong).check()


def test_parameters_are_given_by_name_alone_and_none_is_unknown():
    with pytest.raises(TypeError):
        GANSMOTE("auto")
    with pytest.raises(TypeError, match="n_stepps"):
        GANSMOTE(n_stepps=3)
    GANSMOTE().check()


def test_warnings_name_the_line_that_asked():
    X, y = normal({"often": 240, "rare": 40})
    with pytest.warns(UserWarning, match="trains no network") as told:
        quick().fit_resample(X, y)
    assert [warning.filename for warning in told] == [__file__]
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(400, 16)) * 100
    with pytest.warns(UserWarning, match="has collapsed") as told:
        quick("noise", n_steps=1).fit_resample(wide, np.repeat(["often", "rare"], [280, 120]))
    assert [warning.filename for warning in told] == [__file__]
