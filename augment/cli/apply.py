"""The command `augment apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.display import bar, show_table
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import (
    CSV_SAFE,
    OUTPUT_FORMATS,
    QUIET,
    layout_of,
    layout_options,
    output_option,
    with_file_name,
)
from augment.errors import counted


@command(
    "apply",
    examples={
        "Write the table that follows from a review:": "augment apply balanced.csv -o reviewed.csv",
        "Only leave rejected rows out:": "augment apply balanced.csv -o reviewed.csv --no-replace",
    },
)
@click.argument("table", metavar="TABLE", shell_complete=completion.INPUTS)
@section(
    "What to apply",
    option(
        "--decisions",
        type=Path,
        metavar="FILE",
        callback=with_file_name,
        show_default="TABLE.decisions.jsonl",
        help="File of the decisions.",
    ),
    option(
        "--source",
        metavar="INPUT",
        shell_complete=completion.INPUTS,
        show_default="where the manifest says",
        help="Input of the run that has made TABLE.",
    ),
    option(
        "--replace/--no-replace",
        default=True,
        show_default="replace",
        help="Whether new rows take the place of rejected and relabelled ones.",
    ),
)
@section(
    "Output",
    output_option(OUTPUT_FORMATS, required=True),
    option("--overwrite", is_flag=True, help="Replace an existing output."),
    CSV_SAFE,
)
@layout_options
@section(
    "Running",
    option("--workers", type=int, default=1, help="Processes; changes the speed, not the result."),
    QUIET,
)
def apply_command(
    table: str,
    decisions: Path | None,
    source: str | None,
    replace: bool,
    output: Path,
    overwrite: bool,
    csv_safe: bool,
    workers: int,
    quiet: bool,
    **others: Any,
) -> None:
    """Write the table that follows from the decisions of `augment review` on TABLE.

    Rejected rows are replaced by new ones of the same plan, and relabelled rows are moved, so that every class keeps
    its number of rows. Columns of the output and its manifest tell what a person decided.
    """
    check_there([table, source], paths=[decisions])
    from augment.review.replacement import apply_decisions

    with bar(quiet=quiet) as advance:
        applied = apply_decisions(
            table,
            output,
            decisions=decisions,
            source=source,
            replace=replace,
            layout=layout_of((table,), **others),
            workers=workers,
            overwrite=overwrite,
            csv_safe=csv_safe,
            progress=advance,
        )
    for label, lack in applied.missing.items():
        click.echo(f"{counted(lack['rows'], 'row')} of class {label!r} could not be made ({lack['why']}).", err=True)
    if quiet:
        return
    rows = [
        [
            name,
            before,
            applied.rejected.get(name, 0),
            applied.moved.get(name, 0),
            applied.left_out.get(name, 0),
            applied.made.get(name, 0),
            applied.counts_after[name],
        ]
        for name, before in applied.counts_before.items()
    ]
    show_table(str(output), ["class", "before", "rejected", "moved", "gave way", "made", "after"], rows)
    decided = applied.decided
    click.echo(
        f"\n{counted(sum(decided.values()), 'decision')}: {decided['accept']:,} accepted, {decided['reject']:,}"
        f" rejected, {decided['relabel']:,} relabelled."
    )
    for line in applied.notes:
        note(line)
