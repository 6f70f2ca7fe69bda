"""The command `augment split`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.display import show_table
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import CSV_SAFE, QUIET, layout_of, layout_options, output_option, seed_option


def _shares(context: click.Context, parameter: click.Parameter, value: str) -> list[float]:
    """Read numbers that are separated by commas."""
    try:
        return [float(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"expected numbers, such as .7,.15,.15. Got {value!r}.") from None


@command(
    "split",
    examples={
        "Split a file, and upsample the training part alone:": (
            "augment split reviews.csv -o parts && augment upsample parts/train.csv -o train.csv"
        ),
        "Keep less for the test:": "augment split reviews.csv -o parts --shares 0.8,0.1,0.1",
    },
)
@click.argument("source", metavar="INPUT", shell_complete=completion.INPUTS)
@section(
    "What to make",
    option(
        "--shares",
        default="0.7,0.15,0.15",
        metavar="TRAIN,DEV,TEST",
        callback=_shares,
        help="Share of each part in every class.",
    ),
    seed_option("Seed of the draw.", default=(0,)),
)
@section(
    "Output",
    output_option("New folder for the files train, dev and test.", metavar="DIR", required=True),
    option("--overwrite", is_flag=True, help="Replace the folder of an earlier split."),
    CSV_SAFE,
    QUIET,
)
@layout_options
def split_command(
    source: str,
    output: Path,
    shares: list[float],
    seed: int,
    overwrite: bool,
    csv_safe: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Split INPUT into train, dev and test files. Split first, then upsample the train file alone.

    Each class keeps its share in each file, and equal texts stay in one file.
    """
    check_there([source])
    from augment.data.splitting import split_file

    layout = layout_of((source,), **others)
    result = split_file(source, output, shares=shares, seed=seed, layout=layout, overwrite=overwrite, csv_safe=csv_safe)
    if quiet:
        return
    classes = next(iter(result.counts.values()))
    rows = [[name, *(counts[name] for counts in result.counts.values())] for name in classes]
    show_table(str(output), ["class", *result.counts], rows)
    for line in result.notes:
        note(line, err=False)
