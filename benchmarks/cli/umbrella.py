"""The command `counterpoise`: the three commands of the distribution under one name."""

from __future__ import annotations

from augment.cli.console import group
from augment.cli.entry import main as augment
from benchmarks.cli.entry import main as benchmarks
from classifiers.cli.entry import main as classifiers


@group(
    "counterpoise",
    examples={
        "Balance the bundled sample:": "counterpoise augment upsample sample -o balanced.csv",
        "Train on the result:": "counterpoise classifiers train balanced.csv -o model",
    },
)
def main() -> None:
    """Upsample the rare class of a labelled text data set, train on it, and measure whether that helped."""


for name, command in {"augment": augment, "classifiers": classifiers, "benchmarks": benchmarks}.items():
    main.add_command(command, name)
