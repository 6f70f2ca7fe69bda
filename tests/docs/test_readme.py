"""The README, pasted from top to bottom into an empty folder: every command works, and prints what the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from augment.cli import main as augment
from benchmarks.cli import main as benchmarks
from classifiers.cli import main as classifiers

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(sh|console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = {"augment": augment, "benchmarks": benchmarks, "classifiers": classifiers}
INSTALL = ("git ", "cd ", "make ", "pip ")
"""What the section on installation starts with. It needs a network, and CI itself is that test."""
VARIES = (
    (re.compile(r"[\d.,]+ s\b"), "… s"),
    (re.compile(r"candidates rejected: .*"), "candidates rejected: …"),
    (re.compile(r"(neutral \||negative \||new \|) .*"), r"\1 …"),
)
"""What differs between machines: times, and what the model draws and which of it reads natural, which follow the
processor's arithmetic."""


def blocks() -> Iterator[tuple[str, str]]:
    for language, code in BLOCK.findall(README.read_text(encoding="utf-8")):
        yield language, re.sub(r"\\\n\s*", "", code) if language != "python" else code


def commands(code: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with what the page shows below it."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def invoke(command: str) -> Result:
    words = shlex.split(command, comments=True)
    done = CliRunner().invoke(COMMANDS[words[0]], words[1:])
    assert done.exit_code == 0, f"{command}\n{done.stderr}\n{done.exception!r}"
    return done


def alike(text: str) -> list[str]:
    """Return lines without what differs between machines."""
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def walk(*, measure: bool) -> None:
    for language, code in blocks():
        if language == "python":
            exec(compile(code, "README.md", "exec"), {})
        elif language == "sh":
            for command in code.splitlines():
                if not command.startswith(INSTALL) and (measure or not command.startswith("benchmarks ")):
                    invoke(command)
        else:
            for command, shown in commands(code):
                assert alike(invoke(command).stdout) == alike(shown)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_readme_pasted_into_an_empty_folder_works(empty_folder: Path) -> None:
    walk(measure=False)


@pytest.mark.slow
def test_its_benchmark_does_too(empty_folder: Path) -> None:
    walk(measure=True)
    assert (empty_folder / "benchmark-smoke" / "report.html").exists()


def test_no_two_commands_write_the_same_file() -> None:
    written = [
        re.search(r"(?:-o|--output) (\S+)", command)
        for language, code in blocks()
        if language != "python"
        for command in code.splitlines()
    ]
    names = [match[1] for match in written if match]
    assert len(names) == len(set(names))
    assert len(names) > 3


def test_it_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_its_picture_shows_the_sample() -> None:
    picture = (README.parent / "docs/images/overview.svg").read_text(encoding="utf-8")
    assert "docs/images/overview.svg" in README.read_text(encoding="utf-8").split("## ")[0]
    assert all(f">{count}</text>" in picture for count in (120, 45, 135))
