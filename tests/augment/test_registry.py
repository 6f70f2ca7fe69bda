"""Strategies are found by name, and every mistake in their parameters is told in one message."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from augment import registry
from augment.errors import InputError
from augment.text.base import TextStrategy
from augment.vectors.base import VectorSampler

PLUGIN = """
from __future__ import annotations

from typing import Any, Literal

from augment.generation.candidates import Candidate
from augment.text.base import TextStrategy


class Shout(TextStrategy):
    name = "shout"
    summary = "say it louder"

    def __init__(
        self,
        *,
        rate: float = 0.1,
        limit: int | None = 5,
        tags: tuple[str, ...] = (),
        sizes: list[int] = [1],
        loud: bool = True,
        mode: Literal["all", "first"] = "all",
        mark: str = "!",
        sampling_strategy: Any = "auto",
        random_state: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.rate, self.limit, self.tags, self.sizes = rate, limit, tags, sizes
        self.loud, self.mode, self.mark = loud, mode, mark

    def candidates(self, draws):
        return [Candidate(draw.text + self.mark) for draw in draws]
"""
KINDS = {"text": TextStrategy, "vector": VectorSampler}
KNOWN = "It has rate, limit, tags, sizes, loud, mode, mark."


def install(folder: Path, name: str, entry: str, modules: dict[str, str]) -> None:
    """Lay a distribution out as pip would."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[counterpoise.strategies]\n{entry}\n")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    """A folder of installed distributions, with one good plugin in it."""
    install(tmp_path, "loudness", "shout = loudness_plugin:Shout", {"loudness_plugin": PLUGIN})
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]


def refusal(name: str, values: dict) -> str:
    with pytest.raises(InputError) as caught:
        registry.STRATEGIES.create(name, values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read(**values: object) -> object:
    """What one parameter of the plugin becomes."""
    ((key, _),) = values.items()
    return getattr(registry.STRATEGIES.create("shout", values), key)


# By name


@pytest.mark.parametrize("name", sorted(registry.STRATEGIES.own))
def test_our_own_strategies_are_found_under_the_name_that_they_give_themselves(name):
    cls = registry.STRATEGIES.find(name)
    assert issubclass(cls, KINDS[cls.kind])
    assert cls.name == name
    assert cls.summary
    assert {"sampling_strategy", "random_state"}.isdisjoint(registry.STRATEGIES.parameters(cls))
    needy = ("sequential", "one_of", "retrieve", "seq2seq", "llm")  # nothing without others, a pool or a model
    if name not in needy:
        assert registry.STRATEGIES.create(name, {}).get_params() == cls().get_params(), "defaults are the constructor's"


def test_names_are_those_of_one_kind_on_request():
    text, vector = registry.STRATEGIES.names("text"), registry.STRATEGIES.names("vector")
    assert sorted([*text, *vector]) == registry.STRATEGIES.names()
    assert {"fillmask", "shout", "one_of"} <= {*text}
    assert vector == ["adasyn", "borderline-smote", "gan-smote", "gaussian", "kmeans-smote", "smote", "svm-smote"]


def test_an_unknown_strategy_is_refused_with_what_there_is_and_the_closest():
    there_is = ", ".join(registry.STRATEGIES.names())
    with pytest.raises(InputError) as caught:
        registry.STRATEGIES.find("filmask")
    assert str(caught.value) == (f"There is no strategy 'filmask'. There are {there_is}. Did you mean 'fillmask'?")
    assert refusal("xyzzy", {}) == f"There is no strategy 'xyzzy'. There are {there_is}."
    assert refusal("shuot", {}).endswith("Did you mean 'shout'?"), "plugins are suggested too"


# Plugins


def test_a_plugin_is_found_through_its_entry_point_and_loaded_when_asked_for(site):
    assert "shout" in registry.STRATEGIES.names()
    assert registry.STRATEGIES.names() == sorted(registry.STRATEGIES.names())
    assert "loudness_plugin" not in sys.modules, "listing loads nothing"
    strategy = registry.STRATEGIES.create("shout", {"mark": "?!"})
    assert isinstance(strategy, TextStrategy)
    assert strategy.mark == "?!"
    assert Path(sys.modules["loudness_plugin"].__file__).parent == site
    texts, y = ["The shop opens.", "We sat down.", "Lovely.", "Great!", "I loved it."], [0, 0, 1, 1, 1]
    new_texts, new_y = registry.STRATEGIES.create("shout", {"mark": " indeed"}).fit_resample(texts, y)
    assert new_texts[5:] in (["The shop opens. indeed"], ["We sat down. indeed"])
    assert new_y[5:] == [0]


def test_a_plugin_is_gone_when_its_distribution_is(site, monkeypatch):
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(site)])
    assert "shout" not in registry.STRATEGIES.names()


def test_parameters_are_the_constructors_in_order_without_those_of_every_run():
    listed = registry.STRATEGIES.parameters(registry.STRATEGIES.find("shout"))
    assert list(listed) == ["rate", "limit", "tags", "sizes", "loud", "mode", "mark"]
    assert listed["rate"].default == 0.1


@pytest.mark.parametrize(
    ("entry", "source", "error"),
    [
        (
            "broken_plugin:Broken",
            "import no_such_module_at_all",
            "ModuleNotFoundError: No module named 'no_such_module_at_all'",
        ),
        ("broken_plugin:Broken", "", "AttributeError: module 'broken_plugin' has no attribute 'Broken'"),
        ("broken_plugin:Broken", "raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("no_such_plugin:Broken", "", "ModuleNotFoundError: No module named 'no_such_plugin'"),
    ],
)
def test_a_broken_plugin_is_refused_in_one_line_and_hurts_no_other(site, entry, source, error):
    install(site, "broken-dist", f"broken = {entry}", {"broken_plugin": source})
    assert {"broken", "shout", "fillmask"} <= set(registry.STRATEGIES.names())
    assert refusal("broken", {}) == (
        f"The strategy 'broken' of broken-dist cannot be loaded: {error}. Mend or uninstall that distribution."
    )
    assert read(mark="?") == "?"


def test_a_broken_plugins_error_keeps_its_cause(site):
    install(site, "broken-dist", "broken = broken_plugin:Broken", {"broken_plugin": "1 / 0"})
    with pytest.raises(InputError) as caught:
        registry.STRATEGIES.find("broken")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_our_own_name_cannot_be_taken_by_a_plugin(site):
    install(site, "thief", "fillmask = loudness_plugin:Shout", {})
    assert registry.STRATEGIES.find("fillmask").__module__ == "augment.text.fill_mask"
    assert registry.STRATEGIES.names().count("fillmask") == 1


# Values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": "0.2"}, 0.2),
        ({"rate": "1"}, 1.0),
        ({"rate": "1e-3"}, 0.001),
        ({"rate": 1}, 1.0),
        ({"limit": "7"}, 7),
        ({"limit": "none"}, None),
        ({"limit": "None"}, None),
        ({"limit": None}, None),
        ({"tags": "a,b"}, ("a", "b")),
        ({"tags": "a , new york"}, ("a", "new york")),
        ({"tags": "a"}, ("a",)),
        ({"tags": '["a,b", "c"]'}, ("a,b", "c")),
        ({"tags": "[]"}, ()),
        ({"tags": ["a", "b"]}, ("a", "b")),
        ({"sizes": "1,2"}, [1, 2]),
        ({"sizes": "[3, 4]"}, [3, 4]),
        ({"loud": "true"}, True),
        ({"loud": "False"}, False),
        ({"loud": "no"}, False),
        ({"loud": "0"}, False),
        ({"loud": False}, False),
        ({"mode": "first"}, "first"),
        ({"mark": "none"}, "none"),  # a text may be any text
        ({"mark": "0.5"}, "0.5"),
        ({"mark": "a,b"}, "a,b"),
        ({"mark": ""}, ""),
    ],
)
def test_a_value_is_read_as_the_declared_type(values, expected):
    value = read(**values)
    assert value == expected
    assert type(value) is type(expected)


def test_values_for_vectors_are_read_likewise():
    smote = registry.STRATEGIES.create("smote", {"k_neighbors": "3", "sphere": "slerp", "n_jobs": "none"})
    assert (smote.k_neighbors, smote.sphere, smote.n_jobs) == (3, "slerp", None)
    gan = {"n_steps": "25", "learning_rate": "1e-3", "batch_size": "none", "groups": "[[0, 1], [2, 3]]"}
    made = registry.STRATEGIES.create("gan-smote", gan)
    assert (made.n_steps, made.learning_rate, made.batch_size, made.groups) == (25, 1e-3, None, [[0, 1], [2, 3]])
    assert refusal("smote", {"k_neighbors": "few"}) == (
        "`k_neighbors` of Smote must be a whole number of 1 or more. Got 'few'."
    )
    assert "has no parameter 'search'" in refusal("smote", {"search": "x"}), "no text can be a search"


def test_values_for_the_fill_mask_are_read_likewise():
    strategy = registry.STRATEGIES.create(
        "fillmask", {"mask_ratio": "0.2", "top_k": "none", "protect": "a,b", "protect_negations": "false"}
    )
    assert (strategy.mask_ratio, strategy.top_k, strategy.protect) == (0.2, None, ("a", "b"))
    assert strategy.protect_negations is False


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rate": "much"}, "The parameter 'rate' of 'shout' must be float, e.g. 0.1. Got 'much'."),
        ({"rate": "none"}, "The parameter 'rate' of 'shout' must be float, e.g. 0.1. Got 'none'."),
        ({"limit": "few"}, "The parameter 'limit' of 'shout' must be int | None, e.g. 5. Got 'few'."),
        ({"limit": "5.5"}, "The parameter 'limit' of 'shout' must be int | None, e.g. 5. Got '5.5'."),
        ({"loud": "maybe"}, "The parameter 'loud' of 'shout' must be bool, e.g. True. Got 'maybe'."),
        ({"mode": "last"}, "The parameter 'mode' of 'shout' must be one of 'all', 'first', e.g. 'all'. Got 'last'."),
        ({"tags": [1]}, "The parameter 'tags' of 'shout' must be tuple[str, ...], e.g. (). Got [1]."),
        (
            {"tags": '["a", 1]'},
            "The parameter 'tags' of 'shout' cannot be read. A list of names holds texts alone. Got '[\"a\", 1]'.",
        ),
        ({"sizes": "1,b"}, "The parameter 'sizes' of 'shout' must be list[int], e.g. [1]. Got '1,b'."),
        ({"mark": 3}, "The parameter 'mark' of 'shout' must be str, e.g. '!'. Got 3."),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_with_the_type_and_an_example(values, text):
    assert refusal("shout", values) == text


def test_an_unknown_parameter_is_refused_with_those_there_are():
    assert refusal("shout", {"raet": "1"}) == (
        f"The strategy 'shout' has no parameter 'raet'. {KNOWN} Did you mean 'rate'?"
    )
    assert refusal("shout", {"xyz": "1"}) == f"The strategy 'shout' has no parameter 'xyz'. {KNOWN}"


@pytest.mark.parametrize("name", ["seed", "random_state", "sampling_strategy", "guards"])
def test_a_setting_of_the_whole_run_is_no_parameter(name):
    setting = "seed" if name == "random_state" else name
    assert refusal("shout", {name: "1"}) == (
        f"{name!r} is not a parameter of the strategy 'shout' but a setting of the whole run. Give it as `{setting}`."
    )


def test_the_object_itself_is_no_parameter():
    assert refusal("shout", {"self": "1"}).startswith(f"The strategy 'shout' has no parameter 'self'. {KNOWN}")


def test_all_mistakes_are_told_in_one_message_and_in_their_order():
    assert refusal("shout", {"rate": "much", "xyz": "1", "limit": "3", "mode": "last"}) == (
        "The parameter 'rate' of 'shout' must be float, e.g. 0.1. Got 'much'."
        f" The strategy 'shout' has no parameter 'xyz'. {KNOWN}"
        " The parameter 'mode' of 'shout' must be one of 'all', 'first', e.g. 'all'. Got 'last'."
    )


def test_the_callers_values_are_left_as_they_are():
    values = {"rate": "0.2", "tags": "a,b"}
    registry.STRATEGIES.create("shout", values)
    assert values == {"rate": "0.2", "tags": "a,b"}
