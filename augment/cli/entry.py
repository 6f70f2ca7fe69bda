"""The command `augment`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.advise import advise_command
from augment.cli.apply import apply_command
from augment.cli.card import card_command
from augment.cli.console import group, note
from augment.cli.descriptions import described, listed
from augment.cli.display import bar, show_table
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import layout_of, layout_options, seed_option, with_file_name
from augment.cli.requests import requests_command
from augment.cli.review import review_command
from augment.cli.split import split_command
from augment.cli.upsample import upsample_command
from augment.errors import counted
from augment.errors import listed as named
from augment.name_lists import for_shell


@group(
    "augment",
    examples={
        "Look at the classes of the bundled sample:": "augment inspect sample",
        "Balance them:": "augment upsample sample -o balanced.csv",
    },
)
def main() -> None:
    """Make new, different, checked rows for the rare classes of a labelled text file."""


@command(
    "report",
    examples={
        "Report on a table that was just written:": "augment report balanced.csv",
        "Look at fewer texts, and choose the file:": "augment report balanced.csv --sample 500 -o report.html",
    },
)
@click.argument("output", metavar="OUTPUT", type=Path, callback=with_file_name, shell_complete=completion.FILES)
@section(
    "What to report",
    option("--sample", type=int, show_default="10000", help="Maximum number of texts to look at."),
    option(
        "--model", default="mini", metavar="NAME", shell_complete=completion.MODELS, help="Encoder of the similarities."
    ),
    seed_option("Seed of the samples.", default=(0,)),
)
@section(
    "Output",
    option("-o", "--output", "path", type=Path, metavar="FILE", show_default="OUTPUT.report.html", help="HTML file."),
    option("--overwrite", is_flag=True, help="Replace an existing report."),
)
def report_command(output: Path, path: Path | None, overwrite: bool, sample: int | None, seed: int, model: str) -> None:
    """Write an HTML report about OUTPUT, a table that `augment upsample` has written."""
    check_there(models=[model], paths=[output])
    from augment.report.html import write_report
    from augment.report.text_findings import SAMPLE

    path = path or output.with_name(f"{output.name}.report.html")
    most = SAMPLE if sample is None else sample
    with bar(quiet=False) as advance:
        write_report(output, path, overwrite=overwrite, sample=most, seed=seed, model=model, progress=advance)
    click.echo(f"Report: {path}")


@command(
    "inspect",
    examples={
        "Count the classes of the bundled sample:": "augment inspect sample",
        "Name the columns of a file:": "augment inspect mail.csv --text-column body --label-column kind",
    },
)
@click.argument("source", metavar="INPUT", shell_complete=completion.INPUTS)
@layout_options
def inspect_command(source: str, **others: Any) -> None:
    """Show class counts, duplicates and lengths of INPUT, and suggest a sampling strategy."""
    check_there([source])
    from augment.data import corpus
    from augment.data.inspection import FEW, inspect
    from augment.data.notes import NOT_SOURCES, all_different, on_reading
    from augment.run.notes import on_label_sets

    table = corpus.read(source, layout_of((source,), **others), several=True)
    inspection = inspect(table)
    total = len(table.table)
    of_sets = table.label_sets is not None
    kind, title = ("label", "labels") if of_sets else ("class", "classes")
    show_table(title, [kind, "rows", "share"], [[k, n, f"{n / total:.1%}"] for k, n in inspection.counts.items()])
    click.echo(
        f"\n{counted(total, 'row')}, {inspection.synthetic:,} of them synthetic.\n"
        f"{counted(inspection.duplicates, 'repeats', 'repeat')} an earlier text (case and punctuation folded);"
        f" {counted(inspection.conflicting, 'text stands', 'texts stand')} under more than one"
        f" {'set of labels' if of_sets else 'label'}.\n"
        f"Words per text: {', '.join(f'{n} at {q:.0%}' for q, n in inspection.lengths.items())}."
    )
    for line in on_reading(table, NOT_SOURCES):
        note(line, err=False)
    for line in [] if table.label_sets is None else on_label_sets(table.label_sets):
        note(line, err=False)
    if all_different(table) is not None:
        return
    if inspection.single:
        fate = "" if of_sets else " --singletons says what becomes of them."
        click.echo(f"{title.capitalize()} of a single row: {named(inspection.single)}.{fate}")
    if inspection.few:
        few = f"{title.capitalize()} of fewer than {FEW} rows: {named(inspection.few)}."
        click.echo(f"{few} Their new rows resemble each other.")
    if len(inspection.counts) == 1:
        click.echo(f"There is only one {kind}. Upsampling needs at least two: look at the label column.")
    elif inspection.suggestion is None:
        click.echo(f"The {title} are balanced: no upsampling is needed.")
    else:
        joint = "=" if inspection.suggestion.startswith("-") else " "  # a class "-a" would be taken for an option
        suggested = f"--sampling-strategy{joint}{for_shell(inspection.suggestion)}"
        click.echo(f"Suggested: {suggested}  (at most as many new rows as real ones)")


@command(
    "strategies",
    examples={
        "List all strategies:": "augment strategies",
        "Show the parameters of one:": "augment strategies fillmask",
    },
)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=completion.strategy_names())
def strategies_command(name: str | None) -> None:
    """List the strategies, or show the parameters of the strategy NAME."""
    from augment.registry import STRATEGIES

    if name is not None:
        line = f"augment upsample sample -o new.csv --strategy {name} --param {{name}}={{value}}"
        click.echo(described(STRATEGIES, name, line))
        return
    titles = {"text": "Strategies that make texts", "vector": "Strategies that make vectors"}
    click.echo(listed(STRATEGIES, titles, "The parameters of one: augment strategies NAME"))


@command(
    "guards",
    examples={
        "List all guards:": "augment guards",
        "Show the parameters of one:": "augment guards agreement",
    },
)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=completion.GUARD_NAMES)
def guards_command(name: str | None) -> None:
    """List the guards, or show the parameters of the guard NAME."""
    from augment.guards.selection import ALWAYS, DEFAULT
    from augment.registry import GUARDS

    if name is not None:
        click.echo(described(GUARDS, name, f"augment upsample sample -o new.csv --guard {name}:{{name}}={{value}}"))
        return
    notes = (
        f"Always asked: {', '.join(ALWAYS)}.",
        f"Asked by default where they suit: {', '.join(DEFAULT)}.",
        "`--guard NAME` asks one more. `--guard only:NAME` and `--guard none` leave the default ones out.",
        "The parameters of one: augment guards NAME",
    )
    click.echo(listed(GUARDS, {"guard": "A new row that passes"}, *notes))


for one in (
    *(upsample_command, requests_command, inspect_command, advise_command, split_command, report_command),
    *(review_command, apply_command, card_command, strategies_command, guards_command),
):
    main.add_command(one)
