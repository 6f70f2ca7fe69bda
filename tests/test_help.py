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

from benchmarks.cli.umbrella import main as counterpoise


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with the words that call it."""
    yield path or ("counterpoise",), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, *path, name)


EVERY = dict(walk(counterpoise))
OPTIONS = {
    " ".join((*path, parameter.opts[-1])): (path, parameter)
    for path, command in EVERY.items()
    for parameter in command.params
    if isinstance(parameter, click.Option) and parameter.name != "version"
}


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


def test_every_option_stands_in_a_section():
    outside = [name for name, (_, option) in OPTIONS.items() if not getattr(option, "section", None)]
    assert outside == [], "Make it with `option` inside a `section(…)` of its command; see augment/cli/help.py."


def test_every_option_says_what_it_is_for():
    texts = {name: option.help or "" for name, (_, option) in OPTIONS.items()}
    assert [name for name, text in texts.items() if not text.endswith((".", "…"))] == []
    by_hand = [name for name, text in texts.items() if "[default" in text]
    assert by_hand == [], "Give the default as `show_default`, so that all look the same."


def test_the_words_for_values_are_of_one_style():
    words = {name: option.make_metavar(context(path)) for name, (path, option) in OPTIONS.items()}
    vague = [name for name, word in words.items() if word in ("TEXT", "PATH", "INTEGER", "FLOAT") or "RANGE" in word]
    assert vague == [], "Give a metavar that says what the value is."


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_line_of_the_help_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch):
    lines = [(path, line) for path in EVERY for line in shown(path, columns, monkeypatch).splitlines()]
    assert [(path, line) for path, line in lines if len(line) > columns] == []


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
def test_nothing_in_the_help_is_cut_off_and_what_can_be_pasted_is_whole(columns: int, monkeypatch: pytest.MonkeyPatch):
    helps = {path: shown(path, columns, monkeypatch) for path in EVERY}
    flat = {path: " ".join(text.split()) for path, text in helps.items()}
    short = r"\w\.\.\.(?!\])"  # [ARGS]... is how click writes a rest
    assert [path for path, text in flat.items() if re.search(short, text)] == []
    texts = {name: (path, option.help) for name, (path, option) in OPTIONS.items() if not option.hidden}
    assert [name for name, (path, text) in texts.items() if text not in flat[path]] == []
    quoted = {name: re.findall(r"`[^`]+`|'[^']+'(?!\w)", text) for name, (_, text) in texts.items()}
    assert [(name, one) for name in texts for one in quoted[name] if one not in helps[texts[name][0]]] == []


def test_every_command_has_two_examples():
    without = [path for path, command in EVERY.items() if len(getattr(command, "examples", {})) != 2]
    assert without == [], "Give the command two `examples`; see augment/cli/help.py."


@pytest.mark.parametrize("columns", [60, 100])
def test_examples_end_the_help_and_can_be_pasted(columns: int, monkeypatch: pytest.MonkeyPatch):
    for path, command in EVERY.items():
        end = shown(path, columns, monkeypatch).partition("\nExamples:\n")[2]
        pasted = [shlex.split(line) for line in re.sub(r" \\\n *", " ", end).splitlines()[1::2]]
        assert pasted == [shlex.split(line) for line in command.examples.values()]


def test_every_example_is_a_command_that_parses():
    wrong = {}
    for line in (line for command in EVERY.values() for line in command.examples.values()):
        for one in line.split(" && "):
            words = shlex.split(one)
            path = tuple(words) if words[0] == "counterpoise" else ("counterpoise", *words)
            depth = max(n for n in range(1, len(path)) if path[1 : n + 1] in EVERY)
            command, parent = EVERY[path[1 : depth + 1]], context(path[1:depth] or path[:1])
            try:
                command.make_context(path[depth], list(path[depth + 1 :]), parent)
            except click.ClickException as error:
                wrong[one] = error.message
    assert wrong == {}


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
