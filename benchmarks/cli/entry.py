"""The command `benchmarks`."""

from __future__ import annotations

from augment.cli.console import group
from benchmarks.cli.advise import advise_command
from benchmarks.cli.draw import draw_command
from benchmarks.cli.fluency import fluency_command
from benchmarks.cli.map import map_command
from benchmarks.cli.measures import checkpoint_command, guards_command, throughput_command, vectors_command
from benchmarks.cli.suites import compare_command, list_command, report_command, run_command


@group(
    "benchmarks",
    examples={
        "See what the smallest suite does, and how long it takes:": "benchmarks run --dry-run",
        "Run it, and write a report:": "benchmarks run && benchmarks report benchmark-smoke",
    },
)
def main() -> None:
    """Measure whether new rows help, how good they are, and how fast they are made."""


for command in (
    *(run_command, report_command, compare_command, list_command, advise_command, draw_command, map_command),
    *(checkpoint_command, guards_command, throughput_command, vectors_command, fluency_command),
):
    main.add_command(command)
