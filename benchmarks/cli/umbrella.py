"""The command `counterpoise`: the three commands of the distribution under one name."""

from __future__ import annotations

import click

from augment._version import __version__
from augment.cli.console import Commands
from augment.cli.entry import main as augment
from benchmarks.cli.entry import main as benchmarks
from classifiers.cli.entry import main as classifiers


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="counterpoise")
def main() -> None:
    """Upsample the rare class of a labelled text data set, train on it, and measure whether that helped."""


for name, command in {"augment": augment, "classifiers": classifiers, "benchmarks": benchmarks}.items():
    main.add_command(command, name)
