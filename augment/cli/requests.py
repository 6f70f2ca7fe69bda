"""The command `augment requests`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import (
    AMOUNT,
    CONFIG,
    EDIT,
    GUARDED,
    LANGUAGE,
    QUIET,
    chosen_options,
    layout_options,
    output_option,
    parameters_option,
)
from augment.errors import counted

MOST_IN_A_BATCH = 50_000
"""Requests that the Batch API of OpenAI takes in one file."""


@command(
    "requests",
    examples={
        "Write what a model is to answer:": "augment requests reviews.csv -o requests.jsonl --model gpt-5-mini",
        "Write what is missing after the first answers:": (
            "augment requests reviews.csv -o more.jsonl --model gpt-5-mini --param answers=answers.jsonl"
        ),
    },
)
@click.argument("source", metavar="INPUT", required=False, shell_complete=completion.INPUTS)
@section(
    "What to make",
    option("--strategy", default="llm", metavar="NAME", help="A strategy that asks a language model: llm."),
    *AMOUNT,
)
@section(
    "How to make it",
    parameters_option,
    LANGUAGE,
    option("--model", metavar="NAME", help="The model that will answer, as its service calls it."),
)
@section("Guards", *GUARDED)
@section(
    "Output",
    output_option("File of requests to write, .jsonl.", required=True),
    option("--overwrite", is_flag=True, help="Replace an existing file."),
    QUIET,
)
@layout_options
@section("Input", EDIT)
@section("Running", CONFIG)
@click.pass_context
def requests_command(
    context: click.Context,
    /,
    output: Path,
    config: Path | None,
    parameters: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Write the requests to a language model that upsampling INPUT needs, as an OpenAI Batch API file.

    Each line is a request. Have a service answer them, and name the file of its results with
    --param answers=FILE: here for what is still missing, and in `augment upsample` for the rows.
    """
    if others["source"] is None and config is None:
        raise click.UsageError("Give INPUT (a file, a saved folder, a hub id, `sample`), or a --config that names it.")
    check_there([others["source"]], beside=others["against"], paths=[config])
    from augment.file_modes import readable_as
    from augment.files import replacing
    from augment.llm.answers import batch_line
    from augment.run.file_run import plan_file, rejected_answers
    from augment.run.notes import on_job
    from augment.run.request import settle
    from augment.run.text_run import unanswered_requests

    _check_free(output, overwrite=overwrite)
    options = chosen_options(context, parameters, others)
    request = settle(config, {"strategy": others["strategy"], **options} if config is None else options)
    job = plan_file(request)
    if not quiet:
        for line in on_job(job):
            note(line)
    requests = unanswered_requests(job)
    request.check_models(())
    if not requests:
        if not quiet:
            click.echo("Nothing is missing: every request of this run has an answer.")
        return
    with (
        readable_as([request.source]),
        replacing(output) as temporary,
        temporary.open("x", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(f"{batch_line(one)}\n" for one in requests)
    if quiet:
        return
    click.echo(f"{output}: {counted(len(requests), 'request')} without an answer.")
    if sentence := rejected_answers(job.strategy).strip():
        note(sentence)
    if len(requests) > MOST_IN_A_BATCH:
        note(f"The Batch API of OpenAI takes {MOST_IN_A_BATCH:,} requests in a file: split it by lines.", err=False)


def _check_free(output: Path, *, overwrite: bool) -> None:
    """Refuse, before any work is done, a name that cannot be written, or stands for something else."""
    from augment.errors import InputError, OutputError
    from augment.files import check_writable

    if output.suffix.lower() != ".jsonl":
        raise InputError(f"{output}: requests are written as JSON lines; expected the suffix .jsonl.")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; give `overwrite=True` to replace it, or choose another name.")
    check_writable(output)
