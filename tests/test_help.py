"""The help of every command: its sections, its examples, its form."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from augment.cli.help import Command, Option
from benchmarks.cli.umbrella import main as counterpoise


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with the words that call it."""
    yield path or ("counterpoise",), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, *path, name)


EVERY = dict(walk(counterpoise))
OPTIONS = [
    pytest.param(path, parameter, id=" ".join((*path, parameter.opts[-1])))
    for path, command in EVERY.items()
    for parameter in command.params
    if isinstance(parameter, click.Option) and parameter.name != "version"
]
EXAMPLES = [
    pytest.param(line, id=line) for command in EVERY.values() for line in getattr(command, "examples", {}).values()
]


def context(path: tuple[str, ...]) -> click.Context:
    """Return the context of a command below those of its groups, as a shell opens them."""
    parent = None
    for depth in range(1, len(path) + 1):
        command = EVERY[path[:depth]]
        parent = command.context_class(command, parent, path[depth - 1], **command.context_settings)
    return parent


def shown(path: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the help of a command in a terminal of some width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    return EVERY[path].get_help(context(path))


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_every_option_stands_in_a_section(path: tuple[str, ...], option: click.Option):
    mend = "Make it with `option` inside a `section(…)` of its command; see augment/cli/help.py."
    assert isinstance(option, Option), f"{option.opts[0]} of `{' '.join(path)}` is in no section of the help. {mend}"
    assert option.section, f"{option.opts[0]} of `{' '.join(path)}` is in no section of the help. {mend}"


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_every_option_says_what_it_is_for(path: tuple[str, ...], option: click.Option):
    assert option.help
    assert option.help.endswith((".", "…"))
    assert "[default" not in option.help, "Give the default as `show_default`, so that all look the same."


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_the_words_for_values_are_of_one_style(path: tuple[str, ...], option: click.Option):
    word = option.make_metavar(context(path))
    assert word not in ("TEXT", "PATH", "INTEGER", "FLOAT"), "Give a metavar that says what the value is."
    assert "RANGE" not in word


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_no_line_of_the_help_is_wider_than_the_terminal(
    path: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
):
    for line in shown(path, columns, monkeypatch).splitlines():
        assert len(line) <= columns, line


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("words", ["strategies", "guards", "strategies gan-smote", "guards agreement"])
def test_no_line_on_strategies_and_guards_is_wider_than_the_terminal(
    words: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as end:
        counterpoise.main(["augment", *words.split()])
    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    for line in lines:
        assert len(line) <= columns, line


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_nothing_in_the_help_is_cut_off_and_what_can_be_pasted_is_whole(
    path: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
):
    text = shown(path, columns, monkeypatch)
    flat = " ".join(text.split())
    assert not re.search(r"\w\.\.\.(?!\])", flat)  # [ARGS]... is how click writes a rest
    for option in EVERY[path].params:
        if isinstance(option, Option) and not option.hidden:
            assert option.help in flat
            for quoted in re.findall(r"`[^`]+`|'[^']+'(?!\w)", option.help):
                assert quoted in text


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_two_examples_end_the_help_and_can_be_pasted(
    path: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
):
    command = EVERY[path]
    assert isinstance(command, Command)
    assert len(command.examples) == 2, "Give the command two `examples`; see augment/cli/help.py."
    end = shown(path, columns, monkeypatch).partition("\nExamples:\n")[2]
    pasted = [shlex.split(line) for line in re.sub(r" \\\n *", " ", end).splitlines()[1::2]]
    assert pasted == [shlex.split(line) for line in command.examples.values()]


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_a_command_that_parses(line: str):
    for one in line.split(" && "):
        words = shlex.split(one)
        path = tuple(words) if words[0] == "counterpoise" else ("counterpoise", *words)
        depth = max(n for n in range(1, len(path)) if path[1 : n + 1] in EVERY)
        EVERY[path[1 : depth + 1]].make_context(
            path[depth], list(path[depth + 1 :]), context(path[1:depth] or path[:1])
        )


@pytest.mark.parametrize("name", ["augment", "classifiers", "benchmarks"])
def test_commands_are_listed_with_whole_sentences(name: str, monkeypatch: pytest.MonkeyPatch):
    text = " ".join(shown((name,), 60, monkeypatch).split())
    for command in EVERY[name,].commands.values():
        assert command.get_short_help_str() in text
        assert not command.get_short_help_str().endswith("...")


@pytest.mark.parametrize("words", [["augment", "upsample"], ["classifiers", "train"], ["benchmarks", "run"]])
def test_help_loads_no_library_that_is_slow_to_import(words: list[str]):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [*{words!r}, '--help']\n"
        f"try: runpy.run_module({words[0]!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(*sorted({'torch', 'transformers', 'sklearn', 'pandas', 'pyarrow', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Examples:" in done.stdout
    assert done.stdout.splitlines()[-1] == ""


def test_help_is_plain_text_everywhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in (["augment", "--help"], ["classifiers", "train", "--help"]):
        assert "\x1b" not in CliRunner().invoke(counterpoise, words, color=True).output


def test_the_help_of_a_command_that_reads_no_labels_shows_no_option_on_them(monkeypatch: pytest.MonkeyPatch):
    text = shown(("classifiers", "predict"), 80, monkeypatch)
    assert "--text-column" in text
    assert "--label" not in text
    assert "unlabelled" not in text
