"""What the README and the docs show runs as it is written."""

from __future__ import annotations

import ast
import csv
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from augment import registry
from augment.cli import main as augment
from augment.data import named_sources, read
from benchmarks.cli import main as benchmarks
from benchmarks.cli.umbrella import main as counterpoise
from classifiers.cli import main as classifiers

ROOT = Path(__file__).parents[2]
SST3 = ROOT.parent / "shared" / "data" / "sst3"
BLOCK = re.compile(r"^```(python|sh)( notest)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
COMMANDS = {"augment": augment, "benchmarks": benchmarks, "classifiers": classifiers, "counterpoise": counterpoise}
GROUND = {
    "augment.checks",
    "augment.seeding",
    "benchmarks.results",
    "classifiers.losses",
    "classifiers.metrics",
    "classifiers.model",
}
"""Modules that pages import from though they are no wings."""
OTHERS = ("lightning", "setfit")
"""Libraries that pages show, and that we do not need."""
ROWS = {"negative": 60, "neutral": 45, "positive": 70}
"""Rows of the sample that the pages are run on: all of the rare class, and enough of the others to make it rare."""


def blocks(page: str, language: str, *, untested: bool = False) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = [code for kind, notest, code in BLOCK.findall(text) if kind == language and (untested or not notest)]
    return [re.sub(r"\\\n\s*", "", code) for code in shown] if language == "sh" else shown


def run(command: str, folder: Path) -> None:
    """Run a line of a shell: our own commands in this process, what else there is in a shell."""
    if re.search(r"[|><&;$`]", command) or (words := shlex.split(command))[0] not in COMMANDS:
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    else:
        done = CliRunner().invoke(COMMANDS[words[0]], words[1:])
        assert done.exit_code == 0, f"{command}\n{done.stderr}\n{done.exception!r}"


def is_written_again(command: str, folder: Path) -> bool:
    """Whether a command writes anew what one before it on the page has written."""
    output = re.search(r" -o (\S+)", command)
    return output is not None and (folder / output[1]).exists()


def write(rows: Any, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the pages speak of, and a smaller sample behind its name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sample = read("sample")
    every = list(zip(sample.texts, sample.named_labels(), strict=True))
    rows = [row for label, most in ROWS.items() for row in [row for row in every if row[1] == label][:most]]
    small = tmp_path / "samples" / "reviews.csv"
    small.parent.mkdir()
    write(rows, small)
    monkeypatch.setattr(named_sources, "SAMPLE", small)
    write(rows[::3], tmp_path / "train.csv")
    write(rows[1::9], tmp_path / "dev.csv")
    (tmp_path / "yelp.csv").write_text('"3","It is open."\n"5","Great!"\n"4","Nice."\n"3","It has two doors."\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("README.md", "docs/tutorial.md")])
def test_the_commands_and_the_code_of_a_page_run(page: str, place: Path) -> None:
    for block in blocks(page, "sh"):
        for command in block.splitlines():
            if not command.startswith("make "):
                run(f"{command} --overwrite" if is_written_again(command, place) else command, place)
    lacking = set()
    for code in blocks(page, "python"):
        wanted = {name for name in OTHERS if re.search(rf"^(import|from) {name}\b", code, re.MULTILINE)}
        if missing := {name for name in wanted if importlib.util.find_spec(name) is None}:
            lacking |= missing
            continue
        exec(compile(code.replace('"google-bert/bert-base-german-cased"', '"mini"'), page, "exec"), {})
    if lacking:
        pytest.skip(f"not installed, so their examples were not run: {', '.join(sorted(lacking))}")


def test_a_loop_that_exists_changes_by_five_lines_at_most() -> None:
    changed = [re.findall(r"  # new\b", code) for code in blocks("docs/training_loops.md", "python")]
    assert all(1 <= len(lines) <= 5 for lines in changed)


@pytest.mark.slow
@pytest.mark.skipif(not SST3.is_dir(), reason="SST-3 is not beside the checkout")
def test_the_tutorial_runs_on_sst3(place: Path) -> None:
    shutil.copytree(SST3, place / "sst3")
    for block in blocks("docs/tutorial.md", "sh"):
        for command in block.splitlines():
            run(command, place)
    for code in blocks("docs/tutorial.md", "python"):
        exec(compile(code, "docs/tutorial.md", "exec"), {})


@pytest.mark.parametrize("page", PAGES)
def test_no_page_imports_from_deeper_than_a_wing(page: str) -> None:
    """A wing hands out what users need, and a module within it may move."""
    for code in blocks(page, "python", untested=True):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.split(".")[0] in COMMANDS and name not in GROUND:
                    assert name.count(".") <= 1, f"{page} imports from {name}"
                    found = importlib.util.find_spec(name)
                    assert found is not None, f"{page} imports from {name}"
                    assert found.submodule_search_locations, f"{page} imports from {name}"


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for block in blocks("README.md", "sh"):
        for target in re.findall(r"^make (\S+)", block, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_page_of_strategies_lists_every_registered_one_of_ours() -> None:
    page = (ROOT / "docs/strategies.md").read_text(encoding="utf-8")
    for name in registry.STRATEGIES.own:
        cls = registry.STRATEGIES.find(name)
        assert f"| `{name}` | {cls.kind} | {cls.summary} |" in page


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_the_reference_of_the_classifier_lists_every_setting_with_its_default_and_meaning() -> None:
    page = (ROOT / "docs/classifier_reference.md").read_text(encoding="utf-8")
    for row in setting_rows():
        assert row in page


def setting_rows() -> list[str]:
    from classifiers.config import AUGMENTATIONS, Redraw, Static, TrainConfig

    def row(first: str, name: str, field: Any) -> str:
        default = field.get_default(call_default_factory=True)
        shown = "none" if default in (None, [], {}) else f"`{default}`"
        return f"| {first}`{name}` | {shown} | {' '.join(field.description.split())} |"

    rows = [row("", name, field) for name, field in TrainConfig.model_fields.items()]
    for mode, cls in AUGMENTATIONS.items():
        for name, field in cls.model_fields.items():
            if name != "mode" and not (cls is Redraw and name in Static.model_fields):
                modes = "`static`, `redraw`" if cls is Static else f"`{mode}`"
                rows.append(row(f"{modes} | ", name, field))
    return rows
