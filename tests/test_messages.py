"""Messages of Python functions name parameters, and messages of commands name options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from augment import upsample_file
from augment.cli.option_names import with_options
from augment.data import Layout, read
from augment.errors import CounterpoiseError
from benchmarks.cli.umbrella import main
from benchmarks.run.suite_run import plan_suite
from classifiers import TrainConfig, train
from classifiers.pretraining import pretrain_files

ROOT = Path(__file__).parents[1]
LIBRARY = sorted(
    path
    for package in ("augment", "classifiers", "benchmarks")
    for path in (ROOT / package).rglob("*.py")
    if "cli" not in path.relative_to(ROOT).parts
)
OPTION = re.compile(r"(?<![\w-])--[a-z]")
A_COMMAND = re.compile(r"`(augment|classifiers|benchmarks) [^`]*`")


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module that are not docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            alone |= {id(part) for part in node.values}
            yield "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def test_the_library_names_no_option():
    assert len(LIBRARY) > 100
    found = [
        (path.relative_to(ROOT).as_posix(), text)
        for path in LIBRARY
        for text in texts(path)
        if OPTION.search(A_COMMAND.sub("", text))
    ]
    assert found == [], "Write `name=value`, which a command translates."


def told(call: Any) -> str:
    with pytest.raises(CounterpoiseError) as caught:
        call()
    return str(caught.value)


def written(place: Path, *rows: str) -> str:
    path = place / "rows.csv"
    path.write_text("\n".join(("text,label", *rows)), encoding="utf-8")
    return str(path)


CALLS = {
    "an output that exists": (
        lambda folder: upsample_file(folder / "rows.csv", folder / "rows.csv"),
        "augment upsample {folder}/rows.csv -o {folder}/rows.csv",
        "`overwrite=True`",
    ),
    "a count below one": (
        lambda folder: upsample_file("sample", folder / "out.csv", workers=0),
        "augment upsample sample -o {folder}/out.csv --workers 0",
        "`workers`",
    ),
    "a layout that has no effect": (
        lambda folder: upsample_file("sample", folder / "out.csv", layout=Layout(split="dev")),
        "augment upsample sample -o {folder}/out.csv --split dev",
        "`split`",
    ),
    "vectors in a format of texts": (
        lambda folder: upsample_file("sample", folder / "out.csv", strategy="smote"),
        "augment upsample sample -o {folder}/out.csv --strategy smote",
        "`decode='nearest'`",
    ),
    "a column that is not there": (
        lambda folder: read("sample", Layout(text_column="nosuch")),
        "augment inspect sample --text-column nosuch",
        "`text_column`",
    ),
    "a setting of a training": (
        lambda folder: train(TrainConfig(epochs=-1.0), "sample"),
        "classifiers train sample -o {folder}/model --epochs -1",
        "`epochs`",
    ),
    "an option of a pretraining": (
        lambda folder: pretrain_files([f"{folder}/rows.txt"], folder / "model", model="mini", condition="label"),
        "classifiers pretrain {folder}/rows.txt -o {folder}/model --model mini --condition label",
        "`condition='none'`",
    ),
    "a folder without the data of a task": (
        lambda folder: plan_suite("neutral", data_dir=folder),
        "benchmarks run --suite neutral --data-dir {folder} --dry-run",
        "`data_dir`",
    ),
}


@pytest.mark.parametrize(("call", "command", "parameter"), CALLS.values(), ids=CALLS)
def test_a_message_names_parameters_in_python_and_options_in_a_command(
    call: Any, command: str, parameter: str, tmp_path: Path
):
    written(tmp_path, "one,x", "two,x", "three,y", "four,y")
    (tmp_path / "rows.txt").write_text("One sentence.\nAnd another.\n", encoding="utf-8")
    of_python = told(lambda: call(tmp_path))
    assert parameter in of_python
    assert not OPTION.search(of_python)
    result = CliRunner().invoke(main, shlex.split(command.format(folder=tmp_path)))
    assert result.exit_code == 2, result.output
    assert OPTION.search(result.stderr), result.stderr
    assert result.stderr == f"Error: {with_options(of_python, parameters(command))}\n"
    assert parameter not in result.stderr


def parameters(command: str) -> list[click.Parameter]:
    """Return the parameters of the command that a command line runs."""
    group, name, *_ = command.split()
    return main.commands[group].commands[name].params
