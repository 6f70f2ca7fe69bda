"""Whatever a benchmark can be given has an effect, or is refused with one clear line."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from looked_at_options import check_options_are_looked_at

from augment.errors import InputError
from benchmarks.cli import main
from benchmarks.cli.measures import CONTESTS, LOOKED_AT
from benchmarks.grid import cells as grid
from benchmarks.grid import suite as suites
from benchmarks.grid.arms import Arm


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in main.commands.items()])
def test_every_option_is_looked_at(command: click.Command):
    check_options_are_looked_at(command, {"columns", "options"})


def test_every_option_of_throughput_is_of_some_measure_or_of_all():
    options = {str(p.name) for p in main.commands["throughput"].params if isinstance(p, click.Option)} - {"help"}
    assert options - {*LOOKED_AT} == {"names", "threads", "repeats", "as_json"}
    assert {one for measures in LOOKED_AT.values() for one in measures} <= {*CONTESTS}


PAIRS = [
    ("throughput --of smote --model mini", "--model is for --of fillmask, encoding, training"),
    ("throughput --of smote --data sample", "--data is for --of fillmask, encoding, training"),
    ("throughput --of smote --rows 5", "--rows is for --of fillmask, encoding, training"),
    ("throughput --of smote --batch-size 5", "--batch-size is for --of fillmask, encoding, training"),
    ("throughput --of encoding --label neutral", "--label is for --of fillmask"),
    ("throughput --of training --peer-python python", "--peer-python is for --of fillmask"),
    ("throughput --of fillmask --encoder-python python", "--encoder-python is for --of encoding"),
    ("fluency sample:class=neutral --per-set 10", "--per-set has no effect without --sheet"),
    ("fluency sample:class=neutral --no-classifier --folds 3", "--folds has no effect with --no-classifier"),
    ("fluency sample:class=neutral --key a.csv", "--key is for --score"),
    ("fluency --score a.csv --key b.csv --rows 5", "--rows has no effect with --score"),
    ("run --suite smoke --columns a,b --dry-run", "of a task csv:FILE"),
    ("run --suite smoke --text-column a --dry-run", "of a task csv:FILE"),
]


@pytest.mark.parametrize(("line", "says"), PAIRS)
def test_an_option_without_effect_is_refused_in_one_line(line: str, says: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert len(result.output.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_suite_gives_gamma_and_pooling_to_the_cells_that_look_at_them():
    suite = suites.read("smoke").model_copy(update={"training": {"gamma": 2.0, "pooling": "cls"}})

    def config(arm: Arm, head: str, loss: str) -> Any:
        return grid._config(suite, arm, "mini", head, loss, 0, 100, "cpu")

    plain = Arm.of("plain", {"summary": "", "training": {}})
    assert (config(plain, "linear", "focal").gamma, config(plain, "linear", "focal").pooling) == (2.0, "cls")
    assert (config(plain, "bigru", "cross-entropy").gamma, config(plain, "bigru", "focal").pooling) == (3.0, "mean")
    own = Arm.of("own", {"summary": "", "training": {"gamma": 1.0}})
    with pytest.raises(InputError, match="`gamma` is for the loss 'focal'"):
        config(own, "linear", "cross-entropy")
