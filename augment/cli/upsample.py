"""The command `augment upsample`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.console import note, waited
from augment.cli.display import bar, show_table
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import (
    AMOUNT,
    CONFIG,
    CSV_SAFE,
    EDIT,
    EXECUTION,
    GUARDED,
    LANGUAGE,
    OUTPUT_FORMATS,
    QUIET,
    chosen_options,
    device_option,
    execution_of,
    layout_options,
    output_option,
    parameters_option,
)
from augment.errors import counted


@command(
    "upsample",
    examples={
        "Show the plan for a file, and write nothing:": "augment upsample reviews.csv --dry-run",
        "Balance its classes:": "augment upsample reviews.csv -o balanced.csv",
    },
)
@click.argument("source", metavar="INPUT", required=False, shell_complete=completion.INPUTS)
@section(
    "What to make",
    option(
        "--strategy",
        default="fillmask",
        metavar="NAME",
        shell_complete=completion.strategy_names(),
        help="How rows are made. See `augment strategies`.",
    ),
    *AMOUNT,
)
@section(
    "How to make it",
    parameters_option,
    LANGUAGE,
    option(
        "--model",
        metavar="NAME",
        shell_complete=completion.MODELS,
        show_default="mini",
        help="Model of the strategy: bundled name, folder or hub id; of llm also a name that its endpoint knows.",
    ),
    option("--adapt", is_flag=True, help="Train the masked LM on the texts of INPUT first, for some minutes."),
    option(
        "--adapt-on",
        metavar="FILE",
        help="Train it on the texts of this file, too, as FILE or FILE:column=NAME:split=NAME.",
    ),
    option(
        "--encoder",
        metavar="NAME",
        shell_complete=completion.MODELS,
        show_default="mini",
        help="What makes vectors: bundled name, folder or hub id.",
    ),
    option(
        "--pooling",
        metavar="HOW",
        shell_complete=completion.POOLINGS,
        show_default="mean",
        help="Pooling of the encoder: mean, cls, cls_mlp, max.",
    ),
    option("--normalize/--no-normalize", default=None, show_default="normalize", help="Whether vectors have length 1."),
    option("--revision", metavar="COMMIT", help="Revision of a hub id."),
)
@section(
    "Guards",
    *GUARDED,
)
@section(
    "Output",
    output_option(OUTPUT_FORMATS),
    option(
        "--output-encoding",
        metavar="NAME",
        show_default="that of an input of the same format, or utf-8",
        help="Encoding of the output.",
    ),
    CSV_SAFE,
    option("--overwrite", is_flag=True, help="Replace an existing output, and unfinished work."),
    option("--only-synthetic", is_flag=True, help="Write only the new rows."),
    option(
        "--keep-columns",
        metavar="all|none|A,B,…",
        shell_complete=completion.words("all", "none"),
        show_default="none, with a note",
        help="Columns that new rows copy from their source row. Others stay empty.",
    ),
    option("--decode", type=click.Choice(["nearest"]), help="Name the nearest real text of each new vector."),
    option("--report", type=Path, metavar="FILE", help="Write an HTML report about the new rows as well."),
    option(
        "--show", type=click.IntRange(0), default=0, show_default=False, help="Print N new rows beside their sources."
    ),
)
@layout_options
@section("Input", EDIT)
@section(
    "Running",
    CONFIG,
    option("--dry-run", is_flag=True, help="Check everything, print the plan, and stop."),
    option("--resume", is_flag=True, help="Continue an interrupted run of the same command, if there is one."),
    option("--yes", is_flag=True, help="Make more than 10,000,000 new rows."),
    option("--strict", is_flag=True, help="Fail on empty texts, and (exit 1) on rows that could not be made."),
    *EXECUTION,
    option("--batch-size", type=int, help="Rows of a forward pass; changes memory, not the result."),
    device_option(show_default="auto"),
    option(
        "--dtype",
        metavar="DTYPE",
        shell_complete=completion.DTYPES,
        show_default="auto",
        help="Numbers that the model computes with: auto, float32, bfloat16, float16, int8.",
    ),
    QUIET,
)
@click.pass_context
def upsample_command(
    context: click.Context,
    /,
    output: Path | None,
    config: Path | None,
    parameters: tuple[str, ...],
    show: int,
    report: Path | None,
    dry_run: bool,
    overwrite: bool,
    output_encoding: str | None,
    csv_safe: bool,
    resume: bool,
    strict: bool,
    yes: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Balance the classes of INPUT: a file, a saved folder, a hub id, or `sample`.

    The output holds the rows of INPUT as they are, and then the new ones. A manifest beside it
    tells how they were made.
    """
    # Before pyarrow is imported: its own allocator keeps what was freed, a quarter of the peak at a million rows.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    _refuse_idle(context)
    # Whether a strategy has the parameters is known once it is loaded, and models are looked for after that.
    known = [] if parameters or config else [others[name] for name in _model_options(others["strategy"])]
    check_there([others["source"]], beside=others["against"], models=known, paths=[config])
    from augment.report.beside_output import check_report_of, write_report_of
    from augment.run.destination import Destination
    from augment.run.file_run import make_file, plan_file
    from augment.run.notes import on_job
    from augment.run.request import settle
    from augment.run.text_run import forecast

    execution = execution_of(context, others)
    destination = None
    if output is not None:
        destination = Destination(
            output=output,
            overwrite=overwrite,
            resume=resume,
            encoding=output_encoding,
            csv_safe=csv_safe,
            report=report is not None,
        )
        destination.check()
        if report is not None:
            check_report_of(destination, report)
    request = settle(config, chosen_options(context, parameters, others))
    if not getattr(request.strategy, "asks", False):  # what a service calls its model, it knows alone
        check_there(models=[others["model"], others["encoder"]])
    if dry_run or destination is None:
        job = plan_file(request, destination, execution=execution, strict=strict, yes=yes)
        if not quiet:
            _show_plan(job)
            if line := forecast(job, output):
                note(line, err=False)
            for line in on_job(job):
                note(line, err=False)
        return
    if request.other_versions() and not quiet:
        click.echo(f"{config} was made with {request.other_versions()}: rows may differ.", err=True)
    with bar(quiet=quiet) as advance:
        result = make_file(
            request,
            destination,
            execution=execution,
            strict=strict,
            yes=yes,
            progress=advance,
            on_plan=None if quiet else _say_notes,
            examples=0 if quiet else show,
        )
    if result.manifest.missing:
        click.echo(result.manifest.shortfall(), err=True)
    if not quiet and not result.was_finished:
        _show_result(result, destination.output, waited(context))
        if result.vectors is not None:
            _show_vectors(result, show)
    if report is not None and not (result.was_finished and report.exists()):
        with bar(quiet=quiet) as advance:
            write_report_of(destination, report, seed=request.seed, progress=advance)
        if not quiet:
            click.echo(f"\nReport: {report}")


def _refuse_idle(context: click.Context) -> None:
    """Refuse a call without an input, and an option that another one, or a missing one, leaves without effect."""
    if context.params["source"] is None and context.params["config"] is None:
        raise click.UsageError("Give INPUT (a file, a saved folder, a hub id, `sample`), or a --config that names it.")
    for other in ("dry_run", "quiet"):
        if context.params["show"] and context.params[other]:
            raise click.UsageError(f"--show has no effect with --{other.replace('_', '-')}. Leave one of them out.")
    if context.params["output"] is None:
        if not context.params["dry_run"]:
            raise click.UsageError("Give an output, e.g. -o balanced.csv, or --dry-run to see the plan.")
        for name in ("report", "overwrite", "output_encoding", "csv_safe", "resume"):
            if context.params[name]:
                raise click.UsageError(
                    f"--{name.replace('_', '-')} has no effect without an output. Leave it out, or give -o."
                )


def _model_options(strategy: str) -> tuple[str, ...]:
    """Return the options that name a model of this strategy, as far as that is known before it is loaded."""
    from augment.registry import STRATEGIES

    if STRATEGIES.own.get(strategy, "").startswith("augment.vectors."):
        return ("encoder",)
    return ("model",) if strategy == "fillmask" else ()


def _say_notes(job: Any) -> None:
    """Print, before any row is made, what the run leaves out or empty."""
    from augment.run.notes import on_job

    for line in on_job(job):
        note(line)


def _show_plan(job: Any) -> None:
    if job.labels is not None:
        _show_label_plan(job)
        return
    rows = []
    for label, now in job.counts.items():
        make, sources = job.at_most(label), len(job.sources[label])
        rows.append([label, now, make, now + make, sources, f"{make / sources:.1f}" if sources else "-"])
    show_table("plan", ["class", "now", "to make", "then", "sources", "new rows per source"], rows)


def _show_label_plan(job: Any) -> None:
    """Print what each label is to get and gets, if rows have several."""
    from augment.run.notes import off_target

    plan, rows = job.labels, []
    made, used = plan.by_label(job.budget), plan.by_label({name: len(job.sources[name]) for name in job.budget})
    for label, now in job.counts.items():
        make, sources = made[label], used[label]
        each = f"{make / sources:.1f}" if sources else "-"
        rows.append([label, now, now + plan.wanted[label], make, now + make, sources, each])
    columns = ["label", "now", "target", "to make", "then", "sources used", "new rows per source"]
    show_table("plan", columns, rows)
    sets = counted(len(job.budget), "set of labels", "sets of labels")
    click.echo(f"\n{counted(sum(job.budget.values()), 'new row')} of {sets}.")
    if line := off_target(job):
        click.echo(line)


def _show_result(result: Any, output: Path, seconds: float) -> None:
    """Print the counts, and the requested examples beside their sources."""
    from augment.data.notes import cut_texts

    manifest, texts = result.manifest, result.job.corpus.texts
    rows = [[k, n, manifest.made.get(k, 0), manifest.counts_after[k]] for k, n in manifest.counts_before.items()]
    show_table(str(output), ["class" if manifest.label_sets is None else "label", "before", "made", "after"], rows)
    total = manifest.rows_made
    if manifest.encoder is None:
        rejected = ", ".join(f"{count:,} {name}" for name, count in manifest.rejected.items()) or "none"
        click.echo(f"\n{counted(total, 'row')} made in {seconds:,.1f} s; candidates rejected: {rejected}.")
        if line := manifest.excess():
            click.echo(line)
        if total and (line := result.job.strategy.advice()):
            note(line)
    else:
        click.echo(f"\n{counted(total, 'vector')} made in {seconds:,.1f} s.")
        longest = manifest.encoder["max_length"]
        if line := cut_texts(result.job.corpus.name, manifest.cut_texts, len(texts), longest):
            note(line)
    others = result.job.corpus.others
    for row in result.examples:
        old = [texts[row.source], *(column[row.source] for column in others)]
        for before, after in zip(old, (row.text, *row.others), strict=True):
            click.echo(f"\n  {row.label} | {before}\n  {'new':>{len(row.label)}} | {after}")


def _show_vectors(result: Any, count: int) -> None:
    """Print, for some new vectors, the texts that they lie between and the nearest text."""
    new, near, texts = result.vectors.new, result.vectors.nearest, result.job.corpus.texts
    for i in range(0, len(new.labels), max(1, len(new.labels) // max(1, count)))[: max(0, count)]:
        indent = " " * len(new.labels[i])
        first, second = new.parents[i]
        click.echo(f"\n  {new.labels[i]} | {'of no row in particular' if first < 0 else texts[first]}")
        if second >= 0:
            click.echo(f"  {indent} | {new.weights[i]:+.2f} of the way to: {texts[second]}")
        if near is not None:
            click.echo(f"  {indent} | nearest ({near.distances[i]:.2f}): {texts[near.rows[i]]}")
