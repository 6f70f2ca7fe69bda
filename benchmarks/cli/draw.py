"""The command `benchmarks draw`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import (
    CSV_SAFE,
    QUIET,
    layout_of,
    layout_options,
    output_option,
    seed_option,
    values_of,
    with_file_name,
)


def _names() -> list[str]:
    """Return the tasks and the built-in suites."""
    from benchmarks.grid import suite
    from benchmarks.grid.sources import SOURCES

    return [*SOURCES, "sample", *suite.names()]


@command(
    "draw",
    examples={
        "Write ten rows of each of 20 classes, and a pool:": (
            "benchmarks draw banking77 --param per_class=10 --param classes=20 --param pool=left-out -o train.csv"
            " --pool pool.csv"
        ),
        "Write the rows that seed 3 of a suite trains on:": "benchmarks draw smoke --seed 3 -o train.csv",
    },
)
@click.argument("name", metavar="TASK|SUITE", shell_complete=completion.looked_up(_names, paths="file"))
@section(
    "What to draw",
    option(
        "--param",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Setting of TASK, as in the YAML of a suite, e.g. per_class=10; repeatable.",
    ),
    option("--task", metavar="TITLE", help="Task of SUITE, if it has several."),
    seed_option("Seed of the draw.", default=(0,)),
)
@section(
    "Output",
    output_option("File of the training rows.", required=True),
    option(
        "--pool",
        type=Path,
        metavar="FILE",
        callback=with_file_name,
        help="File of the texts without labels, if the task has a pool.",
    ),
    option("--overwrite", is_flag=True, help="Replace files that exist."),
    CSV_SAFE,
    QUIET,
)
@section(
    "Input",
    option("--data-dir", type=Path, metavar="DIR", show_default="the hub", help="Folder with the known data sets."),
)
@layout_options
def draw_command(
    name: str,
    parameters: tuple[str, ...],
    task: str | None,
    seed: int,
    output: Path,
    pool: Path | None,
    overwrite: bool,
    csv_safe: bool,
    quiet: bool,
    data_dir: Path | None,
    **columns: Any,
) -> None:
    """Write the training rows that the cells of one seed see.

    TASK is a task of `benchmarks list`, or csv:FILE for your own. SUITE is a suite, or its YAML file. The options for
    columns, labels and splits describe csv:FILE.
    """
    own = Path(name.removeprefix("csv:")) if name.startswith("csv:") and name != "csv:" else None
    check_there(paths=[Path(name) if name.endswith((".yaml", ".yml")) else own, data_dir])
    from augment.cli.display import show_table
    from augment.errors import counted
    from augment.plain_data import parse_yaml
    from benchmarks.grid.draw_files import find_task, write_draw

    given = {}
    for key, value in values_of(parameters).items():
        given[key] = parse_yaml(value, f"--param {key}={value:.60}")
    data = find_task(name, given, task, data_dir, layout_of(**columns))
    write_draw(data, seed, output, pool, overwrite=overwrite, csv_safe=csv_safe)
    if quiet:
        return
    for line in data.draw_notes:
        note(line)
    rows = data.drawn(seed)[0]
    show_table(f"{data.title}, seed {seed}", ["class", "rows"], [[*pair] for pair in rows.counts.items()])
    click.echo(f"{counted(len(rows), 'row')} of {counted(len(rows.counts), 'class', 'classes')}: {output}")
    if pool is not None:
        click.echo(f"{counted(len(data.pool(seed)), 'text')} without labels: {pool}")
    click.echo(f"Cells that train on these rows have {rows.fingerprint} as data.drawn in their record.")
