"""The command `augment upsample`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from augment.cli.console import progress, show_table
from augment.cli.entry import main
from augment.cli.options import _named, layout_of, layout_options, values_of
from augment.errors import InputError, Interrupted, OutputError, ShortfallError


@main.command("upsample")
@click.argument("source", metavar="INPUT", required=False)
@click.option(
    "-o", "--output", type=Path, callback=_named, help="File to write: .csv, .tsv, .jsonl, .parquet, or a folder."
)
@click.option(
    "--config",
    type=Path,
    metavar="FILE",
    help="Repeat the run of a manifest, or carry out a file like it; INPUT and options that are given go before it.",
)
@click.option("--strategy", default="fillmask", show_default=True, help="See `augment strategies`.")
@click.option(
    "--sampling-strategy",
    default="auto",
    show_default=True,
    metavar="WHICH",
    help="auto, minority, 'not minority', 'not majority', all, a share of the largest class, 2x, or class=total,…",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--against", multiple=True, metavar="FILE", help="Held-out file that no new row may equal; repeatable.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Parameter of the strategy; repeatable.")
@click.option("--model", metavar="NAME", help="Masked LM: bundled name, folder or hub id.  [default: mini]")
@click.option("--encoder", metavar="NAME", help="What makes vectors: bundled name, folder or hub id.  [default: mini]")
@click.option("--pooling", metavar="HOW", help="Of the encoder: mean, cls, cls_mlp, max.  [default: mean]")
@click.option("--normalize/--no-normalize", default=None, help="Whether vectors have length 1.  [default: they have]")
@click.option("--decode", type=click.Choice(["nearest"]), help="Name the nearest real text of each new vector.")
@click.option("--revision", metavar="COMMIT", help="Revision of a hub id.")
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:1, …  [default: auto]")
@click.option("--dtype", metavar="DTYPE", help="auto, float32, bfloat16, float16, int8.  [default: auto]")
@click.option("--batch-size", type=int, metavar="ROWS", help="Rows of a forward pass; changes memory, not the result.")
@click.option(
    "--guard",
    "guards",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="What new rows must pass beside what they always must; repeatable. none: nothing else. See `augment guards`.",
)
@click.option("--workers", type=int, default=1, show_default=True, help="Processes; changes the speed, not the result.")
@click.option("--max-per-source", type=int, metavar="N", help="Most new rows of one source row.")
@click.option("--show", type=int, default=0, metavar="N", help="Print N new rows beside their sources.")
@click.option("--report", type=Path, metavar="FILE", help="Write an HTML report about the new rows as well.")
@click.option("--only-synthetic", is_flag=True, help="Write the new rows alone.")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output, and unfinished work.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted run of the same command has left.")
@click.option("--strict", is_flag=True, help="Fail on empty texts, and (exit 1) on rows that could not be made.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@layout_options
@click.pass_context
def upsample_command(
    context: click.Context,
    output: Path | None,
    config: Path | None,
    params: tuple[str, ...],
    workers: int,
    show: int,
    report: Path | None,
    dry_run: bool,
    overwrite: bool,
    resume: bool,
    strict: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Balance the classes of INPUT: a file, a saved folder, a hub id, or `sample`."""
    # Before pyarrow is imported: its own allocator keeps what was freed, a quarter of the peak at a million rows.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from augment.data import writing as files
    from augment.files import check_writable, clear_leftovers, staged_text
    from augment.report.html import check_report
    from augment.run import config
    from augment.run.job import plan_job
    from augment.run.journal import Journal, check_no_journal, journal_path
    from augment.run.manifest import manifest_path
    from augment.run.text_run import Run
    from augment.run.text_table import extended_batches

    if others["source"] is None and config is None:
        raise click.UsageError("Give INPUT (a file, a saved folder, a hub id, `sample`), or a --config that names it.")
    if not dry_run:
        if output is None:
            raise click.UsageError("Give an output, e.g. -o balanced.csv, or --dry-run to see the plan.")
        # Unfinished work is that of the same command: an output beside it was the last thing that one wrote.
        replace = overwrite or (resume and journal_path(output).exists())
        files.check_output(output, overwrite=replace)
        check_writable(manifest_path(output))
        if not replace and manifest_path(output).exists():
            raise OutputError(
                f"{manifest_path(output)} exists already; give --overwrite to replace it, or another name."
            )
        if not replace:
            check_no_journal(output)
        if report is not None:
            check_report(report, overwrite=overwrite)
    given = {name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    options = {**others, "layout": layout_of(**others), "parameters": values_of(params)}
    asked = config.settle(config, options, given | ({"header"} & {name.removeprefix("no_") for name in given}))
    if asked.encoder is not None:
        _check_for_vectors(asked, output, workers)
    if output is not None and not dry_run:
        _check_is_no_input(output, (asked.source, *asked.against))
    job = plan_job(
        asked.read_input(),
        asked.strategy,
        sampling_strategy=asked.sampling_strategy,
        seed=asked.seed,
        held_out=asked.read_held_out(),
        guards=asked.guards,
        max_per_source=asked.max_per_source,
        strict=strict,
    )
    if asked.encoder is not None:
        from augment.run.vector_table import check_columns  # imbalanced-learn, which text strategies do without

        check_columns(job, asked.decode)
    if dry_run or output is None:
        _show_plan(job)
        return
    if asked.encoder is not None:
        _make_vectors(asked, job, output, replace=replace, show=show, quiet=quiet, config=config)
        if report is not None:
            _report(output, report, overwrite=overwrite, seed=asked.seed, quiet=quiet)
        return
    files.check_storable(job.corpus.table, output)
    run = Run(job, workers=workers)
    asked.check_models(run.guards)
    _say_versions(asked, config, quiet)
    with Journal(journal_path(output), run.identity(), resume=resume) as journal:
        clear_leftovers(output)
        clear_leftovers(manifest_path(output))
        files.check_output(output, overwrite=replace)  # again: another run may have written it in the meantime
        try:
            with progress(sum(job.budget.values()), "rows", quiet=quiet) as advance:
                made = run.make(journal=journal, only_synthetic=asked.only_synthetic, progress=advance)
            manifest = made.manifest
            if strict and manifest.missing:
                journal.remove()
                raise ShortfallError(
                    f"{_shortfall(manifest)} Nothing was written, since --strict asks for all or nothing."
                )
            with staged_text(manifest.to_json(), manifest_path(output)):
                features, batches = extended_batches(
                    job.corpus,
                    made.rows,
                    asked.strategy.name,
                    only_synthetic=asked.only_synthetic,
                    extra=run.columns(),
                )
                files.write_batches(features, batches, output)
        except KeyboardInterrupt:
            if not journal.chunks:
                raise
            raise Interrupted(
                f"Interrupted: what is finished is kept in {journal.path};"
                " give the same command with --resume to go on."
            ) from None
        shown = _spread(made, show)
        journal.remove()
    if manifest.missing:
        click.echo(_shortfall(manifest), err=True)
    if not quiet:
        _show_result(job, manifest, output, shown)
    if report is not None:
        _report(output, report, overwrite=overwrite, seed=asked.seed, quiet=quiet)


def _check_is_no_input(output: Path, sources: Iterable[str]) -> None:
    """Refuse to replace what is read."""
    for source in sources:
        if output.exists() and os.path.exists(source) and output.samefile(source):
            raise OutputError(f"{output}: is an input of this run and is not replaced; choose another output.")


def _check_for_vectors(asked: Any, output: Path | None, workers: int) -> None:
    """Refuse what does not go with a strategy that makes vectors."""
    name = asked.strategy.name
    if output is not None and output.suffix.lower() not in ("", ".parquet"):
        raise InputError(
            f"{output}: the strategy {name!r} makes vectors, which have no text and which {output.suffix} cannot hold."
            " Give a .parquet file or a folder, with --decode nearest to read the nearest real text beside each; or a"
            " strategy that makes texts, such as fillmask."
        )
    if workers > 1:
        raise InputError(f"--workers is for strategies that make texts, and {name!r} makes vectors. Leave it out.")


def _make_vectors(
    asked: Any, job: Any, output: Path, *, replace: bool, show: int, quiet: bool, config: Path | None
) -> None:
    """Carry out the job of a vector strategy."""
    from augment.data import writing as files
    from augment.files import clear_leftovers, staged_text
    from augment.run import vector_run, vector_table
    from augment.run.manifest import manifest_path

    asked.check_models(())
    _say_versions(asked, config, quiet)
    with progress(len(job.corpus.table), "texts", quiet=quiet) as advance:
        made = vector_run.make(
            job, asked.encoder, decode=asked.decode, only_synthetic=asked.only_synthetic, progress=advance
        )
    for path in (output, manifest_path(output)):
        clear_leftovers(path)
    files.check_output(output, overwrite=replace)
    with staged_text(made.manifest.to_json(), manifest_path(output)):
        features, batches = vector_table.vector_batches(job, made, only_synthetic=asked.only_synthetic)
        files.write_batches(features, batches, output)
    if not quiet:
        _show_result(job, made.manifest, output, [])
        _show_vectors(job.corpus.texts, made, show)


def _show_vectors(texts: Any, made: Any, count: int) -> None:
    """Print some new vectors as what they lie between, and what is nearest."""
    new = made.new
    for i in range(0, len(new.labels), max(1, len(new.labels) // max(1, count)))[: max(0, count)]:
        indent = " " * len(new.labels[i])
        first, second = new.parents[i]
        click.echo(f"\n  {new.labels[i]} | {'of no row in particular' if first < 0 else texts[first]}")
        if second >= 0:
            click.echo(f"  {indent} | {new.weights[i]:+.2f} of the way to: {texts[second]}")
        if made.nearest is not None:
            near = texts[made.nearest.rows[i]]
            click.echo(f"  {indent} | nearest ({made.nearest.distances[i]:.2f}): {near}")


def _say_versions(asked: Any, config: Path | None, quiet: bool) -> None:
    if asked.other_versions() and not quiet:
        click.echo(f"{config} was made with {asked.other_versions()}: rows may come out otherwise.", err=True)


def _report(output: Path, report: Path, *, overwrite: bool, seed: int, quiet: bool) -> None:
    from augment.report.html import write_report

    try:
        write_report(output, report, overwrite=overwrite, seed=seed)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {output} is written whole; `augment report {output} -o {report}` makes its report."
        ) from None
    if not quiet:
        click.echo(f"\nReport: {report}")


def _show_plan(job: Any) -> None:
    rows = []
    for label, now in job.counts.items():
        make, sources = job.budget.get(label, 0), len(job.sources[label])
        rows.append([label, now, make, now + make, sources, f"{make / sources:.1f}" if sources else "-"])
    show_table("plan", ["class", "now", "to make", "then", "sources", "new rows per source"], rows)


def _spread(made: Any, count: int) -> list[Any]:
    """Return so many of the new rows, evenly spread."""
    step = max(1, sum(made.manifest.made.values()) // max(1, count))
    return list(islice(made.rows, 0, max(0, count) * step, step))


def _show_result(job: Any, manifest: Any, output: Path, shown: list[Any]) -> None:
    rows = [[k, n, manifest.made.get(k, 0), manifest.counts_after[k]] for k, n in manifest.counts_before.items()]
    show_table(str(output), ["class", "before", "made", "after"], rows)
    total = sum(manifest.made.values())
    if manifest.encoder is None:
        rejected = ", ".join(f"{count:,} {name}" for name, count in manifest.rejected.items()) or "none"
        click.echo(f"\n{total:,} rows made in {manifest.seconds:,.1f} s; candidates rejected: {rejected}.")
    else:
        click.echo(f"\n{total:,} vectors made in {manifest.seconds:,.1f} s.")
    if job.empty:
        click.echo(f"{job.empty:,} rows have no text: they are kept, and nothing was made from them.")
    texts = job.corpus.texts
    for row in shown:
        click.echo(f"\n  {row.label} | {texts[row.source]}\n  {'new':>{len(row.label)}} | {row.text}")


def _shortfall(manifest: Any) -> str:
    """Say which rows are missing and why."""
    parts = [f"{found['rows']:,} of class {label!r} ({found['why']})" for label, found in manifest.missing.items()]
    return f"Rows that could not be made: {'; '.join(parts)}."
