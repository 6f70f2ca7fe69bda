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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_version_of_the_distribution(name):
    result = CliRunner().invoke(COMMANDS[name], ["--version"])
    assert result.stdout.strip() == f"{name}, version {__version__}"


@pytest.mark.parametrize("name", ["augment", "benchmarks", "classifiers"])
def test_python_runs_a_package_by_its_name(name):
    command = [sys.executable, "-m", name, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{name}, version {__version__}"
