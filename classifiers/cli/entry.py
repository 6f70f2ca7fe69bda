"""The command `classifiers`."""

from __future__ import annotations

import click

from augment._version import __version__
from augment.cli.console import Commands
from classifiers.cli.commands import evaluate_command, predict_command
from classifiers.cli.pretrain import pretrain_command
from classifiers.cli.train import train_command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="classifiers")
def main() -> None:
    """Train classifiers and encoders on text."""


for command in (train_command, evaluate_command, predict_command, pretrain_command):
    main.add_command(command)
