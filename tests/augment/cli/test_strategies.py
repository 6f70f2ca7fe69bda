"""`augment strategies`: every strategy with its parameters."""

from __future__ import annotations

import re

import pytest
from augment_command import augment

from augment import registry

pytestmark = pytest.mark.usefixtures("place")


def test_strategies_lists_every_strategy_with_its_parameters_and_their_defaults():
    said = augment("strategies").stdout
    for name in registry.STRATEGIES.names():
        cls = registry.STRATEGIES.find(name)
        block = re.search(rf"^{re.escape(name)} \({cls.kind}\): .*\n((?:    .*\n)*)", said, re.MULTILINE)
        assert block, name
        assert cls.summary in block[0]
        for parameter in registry.STRATEGIES.parameters(cls).values():
            default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
            assert f"    {parameter.name}{default}\n" in block[1]
    assert "mask_ratio=0.15" in said
    assert "stems=('zu',)" in said
    assert "random_state" not in said


def test_the_list_of_strategies_says_what_each_makes():
    said = augment("strategies").stdout
    kinds = dict(re.findall(r"^(\S+) \((\w+)\): ", said, re.M))
    assert kinds == {name: registry.STRATEGIES.find(name).kind for name in registry.STRATEGIES.names()}
    assert {kinds["fillmask"], kinds["smote"]} == {"text", "vector"}
    assert "search" not in said
