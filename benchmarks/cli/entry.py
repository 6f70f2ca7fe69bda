"""The command `benchmarks`."""

from __future__ import annotations

import click

from augment._version import __version__
from augment.cli.console import Commands
from benchmarks.cli.measures import checkpoint_command, guards_command, throughput_command, vectors_command
from benchmarks.cli.suites import compare_command, list_command, report_command, run_command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="benchmarks")
def main() -> None:
    """Measure what is claimed."""


for command in (
    *(run_command, report_command, compare_command, list_command),
    *(checkpoint_command, guards_command, throughput_command, vectors_command),
):
    main.add_command(command)
