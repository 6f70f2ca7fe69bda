"""What `docs/command_line.md` says of all four commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from augment import __version__
from augment.cli.entry import main as augment
from benchmarks.cli.entry import main as benchmarks
from benchmarks.cli.umbrella import main as counterpoise
from classifiers.cli.entry import main as classifiers

COMMANDS = {"augment": augment, "benchmarks": benchmarks, "classifiers": classifiers, "counterpoise": counterpoise}


def complete(name, shell, **words):
    """Return what a shell is told by a command's completion."""
    environment = {f"_{name.upper()}_COMPLETE": shell, **words}
    result = CliRunner().invoke(COMMANDS[name], [], prog_name=name, env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_each_shell_is_printed(name, shell):
    if shell == "bash" and (os.name == "nt" or not shutil.which("bash")):
        pytest.skip("there is no bash")
    script = complete(name, f"{shell}_source")
    assert f"_{name.upper()}_COMPLETE={shell}_complete" in script
    assert f"_{name}_completion" in script


@pytest.mark.parametrize(
    ("name", "typed", "offered"),
    [
        ("augment", "augment ups", "upsample"),
        ("augment", "augment upsample --gu", "--guard"),
        ("classifiers", "classifiers train --logit", "--logit-adjustment"),
        ("benchmarks", "benchmarks comp", "compare"),
        ("counterpoise", "counterpoise augment ins", "inspect"),
    ],
)
def test_subcommands_and_options_are_completed(name, typed, offered):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    assert f"plain,{offered}" in complete(name, "bash_complete", **words).splitlines()


VALUES = [
    ("augment", "augment upsample --strategy g", {"gaussian", "gan-smote"}),
    ("augment", "augment upsample --guard n", {"near_duplicate", "none"}),
    ("augment", "augment upsample --guard only:pol", {"only:polarity"}),
    ("augment", "augment upsample --sampling-strategy m", {"minority"}),
    ("augment", "augment upsample --pooling c", {"cls", "cls_mlp"}),
    ("augment", "augment upsample --dtype i", {"int8"}),
    ("augment", "augment upsample --device c", {"cpu", "cuda"}),
    ("augment", "augment strategies sp", set()),
    ("augment", "augment strategies sm", {"smote"}),
    ("augment", "augment guards pol", {"polarity"}),
    ("classifiers", "classifiers train --augment fi", {"fillmask"}),
    ("classifiers", "classifiers train --head b", {"bigru", "bilstm"}),
    ("classifiers", "classifiers train --loss f", {"focal"}),
    ("classifiers", "classifiers train --class-weights b", {"balanced"}),
    ("classifiers", "classifiers pretrain --objective e", {"esimcse"}),
    ("benchmarks", "benchmarks run --arms none,fillmask-g", {"none,fillmask-guarded"}),
    ("benchmarks", "benchmarks vectors --strategy r", set()),
]


def offered(name, typed):
    """Return what is offered for the last word, by the kind of it."""
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    kinds: dict[str, set[str]] = {}
    for line in complete(name, "bash_complete", **words).splitlines():
        kind, _, word = line.partition(",")
        kinds.setdefault(kind, set()).add(word)
    return kinds


@pytest.mark.parametrize(("name", "typed", "words"), VALUES, ids=[typed for _, typed, _ in VALUES])
def test_values_are_completed(name, typed, words):
    assert offered(name, typed).get("plain", set()) == words


@pytest.mark.parametrize(
    ("name", "typed", "word", "kind"),
    [
        ("augment", "augment upsample sa", "sample", "file"),
        ("augment", "augment upsample --model m", "mini", "dir"),
        ("augment", "augment upsample --encoder m", "mini", "dir"),
        ("benchmarks", "benchmarks run --suite im", "imbalance", "file"),
    ],
)
def test_paths_are_offered_beside_names(name, typed, word, kind):
    kinds = offered(name, typed)
    assert kinds["plain"] == {word}
    assert kind in kinds


@pytest.mark.parametrize(
    ("name", "typed", "kind"),
    [
        ("augment", "augment upsample --against x", "file"),
        ("augment", "augment report x", "file"),
        ("classifiers", "classifiers train -o x", "dir"),
        ("classifiers", "classifiers predict x", "dir"),
        ("benchmarks", "benchmarks compare x", "dir"),
    ],
)
def test_a_shell_completes_paths_where_paths_are_expected(name, typed, kind):
    assert list(offered(name, typed)) == [kind]


def test_installed_plugins_are_completed(tmp_path, monkeypatch):
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[counterpoise.strategies]\nzzz = zzz:Zzz\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert offered("augment", "augment upsample --strategy zz") == {"plain": {"zzz"}}


@pytest.mark.parametrize(("name", "typed", "words"), VALUES, ids=[typed for _, typed, _ in VALUES])
def test_completing_loads_nothing_that_is_slow(name, typed, words):
    code = (
        "import sys\n"
        f"from {name}.cli import main\n"
        f"try: main(prog_name={name!r})\n"
        "except SystemExit: pass\n"
        "print(*{'torch', 'transformers', 'sklearn', 'pandas', 'pyarrow', 'numpy', 'rich'} & set(sys.modules))"
    )
    environment = os.environ | {
        f"_{name.upper()}_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_version_of_the_distribution(name):
    result = CliRunner().invoke(COMMANDS[name], ["--version"])
    assert result.stdout.strip() == f"{name}, version {__version__}"


@pytest.mark.parametrize("name", ["augment", "benchmarks", "classifiers"])
def test_python_runs_a_package_by_its_name(name):
    command = [sys.executable, "-m", name, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{name}, version {__version__}"
