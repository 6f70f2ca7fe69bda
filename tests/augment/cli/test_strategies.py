"""`augment strategies` and `augment guards`: short lists, and every parameter of one."""

from __future__ import annotations

import re
import shlex

import pytest
from augment_command import augment, invoke

from augment import registry
from augment.cli.descriptions import meanings
from augment.cli.options import values_of
from augment.cli.upsample import upsample_command

pytestmark = pytest.mark.usefixtures("place")

EVERY = [(which, name) for which in (registry.STRATEGIES, registry.GUARDS) for name in which.own]


def flat(text: str) -> str:
    return " ".join(text.split())


def test_strategies_are_listed_by_what_they_make_with_what_they_do():
    said = augment("strategies").stdout
    texts, _, vectors = said.partition("Strategies that make vectors:")
    for name in registry.STRATEGIES.names():
        cls = registry.STRATEGIES.find(name)
        assert re.search(rf"^  {re.escape(name)} ", texts if cls.kind == "text" else vectors, re.M), name
        assert cls.summary in flat(said)
    assert "mask_ratio" not in said


def test_guards_are_listed_with_what_they_check():
    said = augment("guards").stdout
    for name in registry.GUARDS.names():
        assert re.search(rf"^  {name} ", said, re.M), name
        assert registry.GUARDS.find(name).summary in flat(said)


@pytest.mark.parametrize(("which", "name"), EVERY, ids=lambda value: value if isinstance(value, str) else "")
def test_one_is_shown_with_the_meaning_the_range_and_the_default_of_every_parameter(which, name):
    said = augment(f"{'strategies' if which is registry.STRATEGIES else 'guards'} {name}").stdout
    cls = which.find(name)
    parameters = which.parameters(cls)
    shown = re.findall(r"^  ([a-z_]+)  +\S", said, re.M)
    assert shown == list(parameters)
    for parameter, text in meanings(cls).items():
        if parameter in parameters:
            assert text in flat(said)
    assert flat(said).count("[default: ") + flat(said).count("[required]") == len(parameters)
    assert {"random_state", "search", "sampling_strategy"}.isdisjoint(shown)


@pytest.mark.parametrize(("which", "name"), EVERY, ids=lambda value: value if isinstance(value, str) else "")
def test_every_parameter_has_a_meaning_that_sends_nobody_elsewhere(which, name):
    cls = which.find(name)
    known = meanings(cls)
    poor = {p: known.get(p) for p in which.parameters(cls) if len(known.get(p, "")) < 20 or "See `" in known[p]}
    assert poor == {}


@pytest.mark.parametrize(("which", "name"), EVERY, ids=lambda value: value if isinstance(value, str) else "")
def test_the_example_is_a_command_that_works(which, name):
    said = augment(f"{'strategies' if which is registry.STRATEGIES else 'guards'} {name}").stdout
    example = shlex.split(re.sub(r" \\\n *", " ", said.partition("Example:\n")[2]))
    if example:
        assert example[0] == "augment"
        options = upsample_command.make_context("upsample", example[2:]).params
        for guard in options["guards"]:
            registry.GUARDS.parse(guard).check()
        if options["parameters"]:
            registry.STRATEGIES.create(options["strategy"], values_of(options["parameters"])).check()
            assert options["strategy"] == name


def test_a_range_and_a_default_are_told_in_words():
    said = flat(augment("strategies fillmask").stdout)
    assert "mask_ratio a number in (0, 1] [default: 0.08] Share of a text's words that are replaced" in said
    assert said.endswith("augment upsample sample -o new.csv --strategy fillmask --param \\ mask_ratio=0.08")


def test_a_plugin_without_a_docstring_is_shown_with_its_defaults():
    said = flat(augment("strategies swap").stdout)
    assert "case Literal['lower', 'upper'] [default: lower]" in said.replace('"', "'")
    assert "stems tuple[str, ...] [default: zu]" in said


@pytest.mark.parametrize("command", ["strategies", "guards"])
def test_an_unknown_name_is_refused_with_the_closest(command):
    wrong = {"strategies": "filmask", "guards": "agrement"}[command]
    close = {"strategies": "fillmask", "guards": "agreement"}[command]
    result = invoke(f"{command} {wrong}")
    assert result.exit_code == 2
    assert f"Did you mean {close!r}?" in result.stderr
    assert not result.stdout
