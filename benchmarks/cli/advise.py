"""The command `benchmarks advise`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.advise import ASKED, advised, asked_options
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.options import layout_of, layout_options
from benchmarks.cli.suites import carry_out, show_grid


@command(
    "advise",
    examples={
        "Measure for half an hour what is advised:": "benchmarks advise reviews.csv --minutes 30",
        "See what would run:": "benchmarks advise reviews.csv --dry-run",
    },
)
@click.argument("source", metavar="FILE", shell_complete=completion.INPUTS)
@section(
    "What to run",
    option(
        "--minutes",
        type=click.IntRange(1),
        default=30,
        help="Time to spend: as many seeds as fit, and two at least.",
    ),
)
@asked_options
@section(
    "Output",
    option("-o", "--out", type=Path, metavar="DIR", show_default="advised-FILE", help="Folder of the results."),
)
@layout_options
@section(
    "Running",
    option("--dry-run", is_flag=True, help="Show the arms and the time of two seeds, and run nothing."),
    option(
        "--jobs",
        type=click.IntRange(1),
        show_default="one per core, at most 4; on a GPU 1",
        help="Cells that run at the same time.",
    ),
    option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where the models run."),
    option("-q", "--quiet", is_flag=True, help="Print the result and errors only."),
)
@click.pass_context
def advise_command(
    context: click.Context,
    /,
    source: str,
    minutes: int,
    out: Path | None,
    jobs: int | None,
    device: str,
    dry_run: bool,
    quiet: bool,
    **columns: Any,
) -> None:
    """Measure what `augment advise` says on FILE: without new rows, with the best loss, and with the best new rows.

    FILE is split 70 : 15 : 15. An interrupted run goes on where it stopped.
    """
    advice, _ = advised(context, source, **columns)
    from benchmarks.report.advised import findings
    from benchmarks.run.advised_suite import AdvisedSuite, seeds_that_fit

    suite = AdvisedSuite(
        advice=advice,
        task=source if source == "sample" else f"csv:{source}",
        minutes=minutes,
        folder=out or Path(f"advised-{Path(source).stem}"),
        jobs=jobs,
        device=device,
        layout=layout_of(**{name: value for name, value in columns.items() if name not in ASKED}),
    )
    with tempfile.TemporaryDirectory() as folder:  # nothing is written if the file cannot be split
        plan = suite.plan(suite.begun(), Path(folder))
        plan.results()
    if not quiet:
        for line in advice.lines[:-2]:  # the last two say how to measure it
            note(line)
    if dry_run:
        if not quiet:
            show_grid(plan)
        return
    seeds = suite.begun()
    results = carry_out(suite.plan(seeds), quiet=quiet, table=False)
    fitting = seeds_that_fit(results, minutes, plan.jobs, [arm.name for arm in suite.arms])
    if fitting > seeds:
        if not quiet:
            note(f"{fitting} seeds fit in {minutes} minutes.")
        results = carry_out(suite.plan(fitting), quiet=quiet, table=not quiet)
    first = advice.first.arm.name
    for line in findings(results, first, [arm.name for arm in suite.arms if arm.name not in ("none", first)]):
        click.echo(line)
