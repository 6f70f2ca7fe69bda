"""The command `augment`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augment._version import __version__
from augment.cli.console import Commands, show_table
from augment.cli.options import layout_of, layout_options, with_file_name
from augment.cli.split import split_command
from augment.cli.upsample import upsample_command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="augment")
def main() -> None:
    """Make new, different, checked rows for the rare classes of a labelled text file."""


@click.command("report")
@click.argument("output", metavar="OUTPUT", type=Path, callback=with_file_name)
@click.option("-o", "--output", "path", type=Path, metavar="FILE", help="HTML file.  [default: OUTPUT.report.html]")
@click.option("--overwrite", is_flag=True, help="Replace an existing report.")
@click.option("--sample", type=int, metavar="N", help="Maximum number of texts to look at.  [default: 10000]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the samples.")
@click.option("--model", default="mini", show_default=True, metavar="NAME", help="Encoder of the similarities.")
def report_command(output: Path, path: Path | None, overwrite: bool, sample: int | None, seed: int, model: str) -> None:
    """Write an HTML report about OUTPUT, a table that `augment upsample` has written."""
    from augment.report.html import write_report
    from augment.report.text_findings import SAMPLE

    path = path or output.with_name(f"{output.name}.report.html")
    write_report(output, path, overwrite=overwrite, sample=SAMPLE if sample is None else sample, seed=seed, model=model)
    click.echo(f"Report: {path}")


@click.command("inspect")
@click.argument("source", metavar="INPUT")
@layout_options
def inspect_command(source: str, **others: Any) -> None:
    """Show class counts, duplicates and lengths of INPUT, and suggest a sampling strategy."""
    from augment.data import corpus
    from augment.data.inspection import inspect

    inspection = inspect(corpus.read(source, layout_of((source,), **others)))
    total = sum(inspection.counts.values())
    show_table(
        "classes", ["class", "rows", "share"], [[k, n, f"{n / total:.1%}"] for k, n in inspection.counts.items()]
    )
    click.echo(
        f"\n{total:,} rows, {inspection.synthetic:,} of them synthetic, {inspection.empty:,} without a text.\n"
        f"{inspection.duplicates:,} repeat an earlier text (case and punctuation folded);"
        f" {inspection.conflicting:,} texts stand under more than one label.\n"
        f"Words per text: {', '.join(f'{n} at {q:.0%}' for q, n in inspection.lengths.items())}."
    )
    if inspection.suggestion is None:
        click.echo("The classes are balanced: no upsampling is needed.")
    else:
        click.echo(f"Suggested: --sampling-strategy {inspection.suggestion}  (at most as many new rows as real ones)")


@click.command("strategies")
def strategies_command() -> None:
    """List the strategies, what they do, and their parameters with defaults."""
    from augment.registry import STRATEGIES

    _show_registry(STRATEGIES)


@click.command("guards")
def guards_command() -> None:
    """List the guards, what they check, and their parameters with defaults."""
    from augment.guards.selection import ALWAYS, DEFAULT
    from augment.registry import GUARDS

    _show_registry(GUARDS)
    click.echo(f"\nAlways asked: {', '.join(ALWAYS)}.")
    click.echo(f"Asked where they suit, unless --guard names others: {', '.join(DEFAULT)}.")


def _show_registry(registry: Any) -> None:
    """Print names, summaries and parameters with their defaults."""
    for name in registry.names():
        cls = registry.find(name)
        click.echo(f"{name}{f' ({cls.kind})' if hasattr(cls, 'kind') else ''}: {cls.summary}")
        for parameter in registry.parameters(cls).values():
            default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
            click.echo(f"    {parameter.name}{default}")


for command in (
    upsample_command,
    report_command,
    inspect_command,
    split_command,
    strategies_command,
    guards_command,
):
    main.add_command(command)
