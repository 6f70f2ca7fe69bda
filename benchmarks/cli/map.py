"""The command `benchmarks map`."""

from __future__ import annotations

from pathlib import Path

import click

from augment.cli import completion
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import output_option


@command(
    "map",
    examples={
        "Write a map of your own results:": "benchmarks map benchmark-neutral -o own.json",
        "Check the map of the project:": "benchmarks map docs/results/neutral docs/results/imbalance --check",
    },
)
@click.argument("folders", type=Path, nargs=-1, required=True, metavar="RESULTS…", shell_complete=completion.FOLDERS)
@section(
    "Output",
    output_option("JSON file of the map; an existing one is replaced.", show_default="the map of `augment advise`"),
    option("--check", is_flag=True, help="Write nothing; end with 1 if the file differs from what the results give."),
)
def map_command(folders: tuple[Path, ...], output: Path | None, check: bool) -> None:
    """Write the map of what paid, which `augment advise` reads, from RESULTS, the folders of runs."""
    check_there(paths=folders)
    from augment.advice.measured import PACKAGED
    from augment.errors import counted
    from augment.files import replacing
    from augment.plain_data import as_expected
    from benchmarks.report.pay_map import make_map

    path = output or PACKAGED
    with as_expected(", ".join(map(str, folders)), "Get the results again as `benchmarks run` has written them."):
        found = make_map(folders)
        written = found.written()
    if check:
        if not path.is_file() or path.read_text(encoding="utf-8") != written:
            raise click.ClickException(f"{path}: is not the map of these results. Write it without --check.")
        click.echo(f"{path}: is the map of these results.")
        return
    with replacing(path) as temporary:
        temporary.write_text(written, encoding="utf-8", newline="\n")
    click.echo(f"{path}: {counted(len(found.cells), 'measured data set')}.")
