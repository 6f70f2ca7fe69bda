"""GAN-SMOTE makes more rows later, and comes back from a folder as it was."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from small_gans import GROUPS, QUICK, bytes_of, categorical, fitted, monk, new_rows, normal, quick, unit

from augment.errors import InputError, ModelError
from augment.vectors.gan.sampler import GANSMOTE

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant
FITTED: dict[str, Callable[[], GANSMOTE]] = {
    **{mode: lambda mode=mode: fitted(quick(mode), *normal({"few": 40, "often": 300, "rare": 120})) for mode in QUICK},
    "one-hot": lambda: fitted(categorical(), *monk()),
    "unit": lambda: fitted(quick(), unit(normal()[0]).astype(np.float32), normal()[1]),
    "none trained": lambda: fitted(quick(min_rows=9999), *normal()),
    "one-hot, none trained": lambda: fitted(categorical(min_rows=9999), *monk()),
}


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
        case "a pipe":
            model.unlink()
            os.mkfifo(model)
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
BREAKS += ["another mode", "a network too many", "no mode", "binary", *(["a pipe"] if hasattr(os, "mkfifo") else [])]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder that was saved. Not to be changed."""
    path = tmp_path_factory.mktemp("saved")
    fitted(quick(), *normal()).save(path)
    return path


@pytest.mark.parametrize("how", BREAKS)
def test_a_folder_that_is_broken_is_refused_in_one_line(how, saved, tmp_path):
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    spoiled(tmp_path, how)
    with pytest.raises(ModelError) as caught:
        GANSMOTE.load(tmp_path)
    assert str(caught.value).startswith(f"The folder {str(tmp_path)!r} holds no saved GANSMOTE: ")
    assert str(caught.value).endswith("Give one that save has written.")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match=r"'no/such/folder' holds no saved GANSMOTE: .*No such file"):
        GANSMOTE.load("no/such/folder")
