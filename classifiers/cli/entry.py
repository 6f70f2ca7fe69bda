"""The command `classifiers`."""

from __future__ import annotations

from augment.cli.console import group
from classifiers.cli.commands import evaluate_command, export_command, predict_command
from classifiers.cli.pretrain import pretrain_command
from classifiers.cli.train import train_command


@group(
    "classifiers",
    examples={
        "Train, and keep the weights that do best on dev.csv:": (
            "classifiers train train.csv --validation dev.csv -o model"
        ),
        "Measure the model on new rows:": "classifiers evaluate model test.csv",
    },
)
def main() -> None:
    """Train classifiers and encoders on text."""


for command in (train_command, evaluate_command, predict_command, export_command, pretrain_command):
    main.add_command(command)
