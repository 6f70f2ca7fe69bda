"""A seed is one thing under two names: `seed`, and scikit-learn's `random_state`."""

from __future__ import annotations

import json
import pickle

import pytest
from click.testing import CliRunner
from sklearn.base import clone

from augment import GANSMOTE, FillMask, Gaussian, OneOf, Random, Smote, VectorUpsampler, upsample, upsample_file
from augment.cli.entry import main as augment
from augment.data import split_file
from augment.errors import InputError
from augment.registry import GUARDS, STRATEGIES
from augment.text.base import TextStrategy
from classifiers import TextClassifier, TrainConfig
from classifiers.cli.entry import main as classifiers

DIFFER = "`seed` and `random_state` are the same setting. Got 1 and 2"
TEXTS = [f"The shop {i} opens at nine." for i in range(6)]
DATA = (TEXTS, ["a"] * 2 + ["b"] * 4)


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(augment, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.stderr


def manifest(path) -> dict:
    return json.loads(path.with_name(f"{path.name}.manifest.json").read_text(encoding="utf-8"))


def test_commands_take_both_names(tmp_path):
    for name in ("--seed", "--random-state"):
        output = tmp_path / f"{name}.csv"
        run("upsample", "sample", "-o", output, "--strategy", "random", name, 5, "-q")
        assert manifest(output)["seed"] == 5
    assert (tmp_path / "--seed.csv").read_bytes() == (tmp_path / "--random-state.csv").read_bytes()


@pytest.mark.parametrize("words", [["upsample", "sample", "--dry-run"], ["split", "sample", "-o", "parts"]])
def test_commands_refuse_seeds_that_differ(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "--seed and --random-state are the same option" in run(*words, "--seed", 1, "--random-state", 2, code=2)
    run(*words, "--seed", 2, "--random-state", 2)


def test_training_takes_both_names():
    words = ["train.csv", "-o", "out", "--random-state", "4"]
    assert classifiers.commands["train"].make_context("train", words).params["seed"] == 4


def test_the_help_names_one():
    for name in ("upsample", "split", "report"):
        shown = CliRunner().invoke(augment, [name, "--help"]).output
        assert "--seed" in shown
        assert "--random-state" not in shown


def test_functions_take_both_names(tmp_path):
    one, other = (upsample(DATA, strategy="random", **{name: 7}) for name in ("seed", "random_state"))
    assert one[1].seed == other[1].seed == 7
    assert one[0] == other[0]
    for name in ("seed", "random_state"):
        made = upsample_file("sample", tmp_path / f"{name}.csv", strategy="random", **{name: 7})
        assert made.seed == 7
        split_file("sample", tmp_path / f"{name}-parts", **{name: 7})
    for part in ("train", "dev", "test"):
        split = [(tmp_path / f"{name}-parts" / f"{part}.csv").read_bytes() for name in ("seed", "random_state")]
        assert split[0] == split[1]


@pytest.mark.parametrize(
    "call",
    [
        lambda path: upsample(DATA, strategy="random", seed=1, random_state=2),
        lambda path: upsample_file("sample", path / "a.csv", strategy="random", seed=1, random_state=2),
        lambda path: split_file("sample", path / "parts", seed=1, random_state=2),
    ],
    ids=["upsample", "upsample_file", "split_file"],
)
def test_functions_refuse_seeds_that_differ(call, tmp_path):
    with pytest.raises(InputError, match=DIFFER):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_configurations_take_both_names():
    assert TrainConfig(random_state=3) == TrainConfig(seed=3)
    assert TrainConfig(seed=3, random_state=3).seed == 3
    assert TrainConfig(seed=3).changed(random_state=4).seed == 4
    assert TrainConfig(random_state=3).model_dump()["seed"] == 3
    with pytest.raises(InputError, match=r"'seed' and 'random_state' are the same setting\. Got 1 and 2"):
        TrainConfig(seed=1, random_state=2)


def test_configuration_files_take_both_names(tmp_path):
    for name in ("seed", "random_state"):
        config = tmp_path / f"{name}.json"
        config.write_text(json.dumps({name: 6, "strategy": {"name": "random"}}), encoding="utf-8")
        run("upsample", "sample", "-o", tmp_path / f"{name}.csv", "--config", config, "-q")
        assert manifest(tmp_path / f"{name}.csv")["seed"] == 6
    config.write_text(json.dumps({"seed": 1, "random_state": 2}), encoding="utf-8")
    said = run("upsample", "sample", "--dry-run", "--config", config, code=2)
    assert "'seed' and 'random_state' are the same setting" in said


@pytest.mark.parametrize("cls", [FillMask, Random, OneOf, Smote, Gaussian, GANSMOTE, TextClassifier])
def test_a_class_that_is_given_seed_says_how_the_parameter_is_called(cls):
    with pytest.raises(TypeError, match=f"^{cls.__name__} has no parameter 'seed'. .* random_state"):
        cls(seed=3)


@pytest.mark.parametrize("name", ["seed", "random_state"])
def test_who_seeds_the_upsampler_of_vectors_is_sent_to_its_sampler(name):
    with pytest.raises(TypeError, match=f"VectorUpsampler has no parameter {name!r}. Its sampler has the seed"):
        VectorUpsampler(**{name: 3})


def test_objects_are_cloned_and_pickled_as_ever():
    for built in (FillMask(random_state=3), Smote(random_state=3), TextClassifier(random_state=3)):
        assert clone(built).random_state == 3
        assert pickle.loads(pickle.dumps(built)).get_params() == built.get_params()


def test_a_class_of_ones_own_may_have_a_parameter_seed():
    class Own(TextStrategy):
        name, summary = "own", "does nothing"

        def __init__(self, *, seed: int = 0, random_state: int | None = None) -> None:
            super().__init__(random_state=random_state)
            self.seed = seed

        def candidates(self, draws):
            return [None for _ in draws]

    assert Own(seed=4).seed == 4


@pytest.mark.parametrize("name", ["seed", "random_state"])
def test_a_seed_among_the_parameters_of_a_strategy_is_sent_to_the_run(name):
    with pytest.raises(InputError, match=f"{name!r} is not a parameter .* the whole run. Give it as `seed`"):
        STRATEGIES.create("fillmask", {name: "3"})
    assert "Give it as --seed." in run("upsample", "sample", "--dry-run", "--param", f"{name}=3", code=2)
    with pytest.raises(InputError, match="has no parameter"):
        GUARDS.create("similarity", {name: "3"})
