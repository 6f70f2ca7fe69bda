"""GAN-SMOTE as an over-sampler: originals stay, one seed gives one result, small classes are left to SMOTE."""

from __future__ import annotations

import json
import random
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.pipeline import Pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from small_gans import QUICK, bytes_of, new_rows, normal, quick, unit
from threadpoolctl import threadpool_limits

from augment.errors import InputError
from augment.vectors.gan.sampler import GANSMOTE
from augment.vectors.smote import Smote

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant


# An over-sampler as imbalanced-learn knows them


@parametrize_with_checks(
    [
        GANSMOTE(random_state=0, n_steps=2, n_critic=1),
        GANSMOTE(random_state=0, n_steps=1, generator_input="smote"),
        GANSMOTE(random_state=0, n_steps=2, generator_input="noise"),
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
    grid = {"gan__stop_at": ["smote", "real"]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="f1_macro", error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 2
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
    with pytest.raises(
        InputError, match=r"`k_neighbors` of GANSMOTE .* class 'few', which has 4 different rows\. Got 5"
    ):
        quick().fit_resample(X, y)
    with pytest.warns(UserWarning, match="trains no network"):
        assert len(new_rows(quick(small_class="lower"), X, y)) == 236


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
    says = rf"must be .*Got {re.escape(repr(value))}(\.| instead\.)( Did you mean '\w+'\?)?$"
    with pytest.raises(ValueError, match=rf"^The '{name}' parameter of GANSMOTE {says}"):
        GANSMOTE(**wrong).fit_resample(*normal())
    with pytest.raises(InputError, match=rf"^`{name}` of GANSMOTE {says}"):
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
