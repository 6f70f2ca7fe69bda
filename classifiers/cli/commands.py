"""The commands `classifiers evaluate`, `predict` and `export`, and what the commands of `classifiers` share."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.display import progress, show_table
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import (
    CSV_SAFE,
    EXECUTION,
    device_option,
    execution_of,
    layout_of,
    layout_options,
    text_layout_options,
)
from augment.errors import InputError, Interrupted
from classifiers.saved_folder import GRAPH, check_saved

if TYPE_CHECKING:
    from augment.data.layout import Layout


scoring = section(
    "Running",
    option("--max-length", type=click.IntRange(3), show_default="as in training", help="Longest text in tokens."),
    device_option(default="auto"),
    option(
        "--dtype",
        default="float32",
        metavar="DTYPE",
        shell_complete=completion.words("auto", "float32", "bfloat16", "float16"),
        help="Numbers that the model computes with: float32, auto, bfloat16, float16.",
    ),
)
"""The options on how a classifier scores texts."""


@contextmanager
def resumable(folder: Path, unfinished: str) -> Iterator[None]:
    """After Ctrl-C, tell the user how to resume, if the folder `unfinished` of a training exists."""
    try:
        yield
    except KeyboardInterrupt:
        if not (folder / unfinished).is_dir():
            raise
        raise Interrupted(
            f"Interrupted: what is finished is kept in {folder}; give the same command with --resume to go on."
        ) from None


@command(
    "evaluate",
    examples={
        "Measure a model on one file:": "classifiers evaluate model test.csv",
        "Measure it on two, for a program:": "classifiers evaluate model test.csv other_domain.csv --json",
    },
)
@click.argument("model", metavar="DIR", shell_complete=completion.FOLDERS)
@click.argument("sources", metavar="FILE…", nargs=-1, required=True, shell_complete=completion.INPUTS)
@section(
    "Output",
    option("--json", "as_json", is_flag=True, help="Print JSON."),
    option("-q", "--quiet", is_flag=True, help="Show no progress."),
)
@layout_options
@scoring
def evaluate_command(
    model: str,
    sources: tuple[str, ...],
    max_length: int | None,
    device: str,
    dtype: str,
    as_json: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Measure the classifier in DIR on labelled FILEs, of its own domain or of others.

    A csv file without a header whose first field is 1 to 5 is read in the published layout of Yelp or Amazon reviews.
    """
    layout = layout_of(sources, **others)
    check_saved(model)
    check_there(sources, models=[model])
    from classifiers.evaluation import evaluate, open_scorer, read_evaluated, tables

    corpora = [read_evaluated(source, layout) for source in sources]
    scorer = open_scorer(model, max_length=max_length, device=device, dtype=dtype)
    with progress(sum(len(corpus.table) for corpus in corpora), "rows", quiet=quiet) as advance:
        evaluations = [evaluate(scorer, corpus, progress=advance) for corpus in corpora]
    for line in [] if quiet else [line for one in evaluations for line in one.notes]:
        note(line)
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in evaluations], indent=2, ensure_ascii=False))
        return
    for i, (title, headings, rows) in enumerate(tables(evaluations)):
        if i:
            click.echo()
        show_table(title, headings, rows)


def _no_stream(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Return None for ``-``, the standard output."""
    return None if str(value) == "-" else value


@command(
    "predict",
    examples={
        "Label the texts of a table:": "classifiers predict model new.csv -o labelled.csv",
        "Label the lines of a text file, and print the labels:": "classifiers predict model lines.txt",
    },
)
@click.argument("model", metavar="DIR", shell_complete=completion.FOLDERS)
@click.argument("source", metavar="[FILE|-]", default="-", shell_complete=completion.INPUTS)
@section(
    "Output",
    option(
        "-o",
        "--output",
        type=Path,
        metavar="FILE|-",
        callback=_no_stream,
        show_default="standard output",
        help="File to write.",
    ),
    option("--overwrite", is_flag=True, help="Replace an existing output."),
    CSV_SAFE,
    option(
        "--format",
        "form",
        type=click.Choice(["csv", "jsonl"]),
        show_default="from the output's name, or csv",
        help="Form of the output.",
    ),
)
@text_layout_options
@scoring
@section("Workers", *EXECUTION)
def predict_command(
    model: str,
    source: str,
    output: Path | None,
    form: str | None,
    max_length: int | None,
    device: str,
    dtype: str,
    overwrite: bool,
    csv_safe: bool,
    **others: Any,
) -> None:
    """Label texts with the classifier in DIR.

    The texts are the text column of a table, or the lines of a .txt FILE or of the standard input (-).
    """
    execution = execution_of(click.get_current_context(), others)
    if overwrite and output is None:
        raise InputError("--overwrite is for an output file, and none is given. Give --output, or leave it out.")
    if output is not None and output.exists() and not overwrite:
        raise InputError(f"{output} exists already; give --overwrite to replace it, or another name.")
    if form is None and output is not None:
        form = output.suffix.lower().removeprefix(".")
        if form not in ("csv", "jsonl"):
            raise InputError(f"{output}: predictions are written as .csv or .jsonl. Give such a name, or --format.")
    form = form or "csv"
    if csv_safe and form != "csv":
        raise InputError("--csv-safe is for csv, and the predictions are written as jsonl. Leave it out.")
    lines = source == "-" or source.endswith(".txt")
    layout = line_layout(**others) if lines else layout_of((source,), **others)
    check_saved(model)
    check_there([] if source == "-" else [source], models=[model])
    from augment.execution import in_order
    from augment.file_modes import readable_as
    from augment.files import replacing
    from classifiers.prediction import CHUNK, PredictionWork, Seen, in_parts, predictions, write_csv, write_jsonl

    interactive = source == "-" and sys.stdin.isatty()
    parts = in_parts(_texts(source, layout), 1 if interactive else CHUNK)
    work, seen = PredictionWork(model, max_length=max_length, device=device, dtype=dtype), Seen()
    with ExitStack() as stack:
        if execution.here:
            opened = work.open(execution.place)
            rows = predictions(map(work.do, parts), opened["classes"], seen=seen)
        else:
            executor = stack.enter_context(execution.start(work))
            opened = executor.settled()[0]
            rows = predictions(in_order(executor, parts), opened["classes"], seen=seen)
        file = sys.stdout
        if output is not None:
            stack.enter_context(readable_as([source]))
            file = stack.enter_context(stack.enter_context(replacing(output)).open("w", encoding="utf-8", newline=""))
        write = partial(write_csv, classes=opened["classes"], safe=csv_safe) if form == "csv" else write_jsonl
        write(rows, file)
    for line in seen.notes("The standard input" if source == "-" else source, opened["longest"]):
        note(line)


@command(
    "export",
    examples={
        "Write a graph that onnxruntime serves:": "classifiers export model --to onnx",
        "Write it elsewhere:": "classifiers export model --to onnx -o served",
    },
)
@click.argument("model", metavar="DIR", shell_complete=completion.FOLDERS)
@section(
    "Output",
    option("--to", "form", type=click.Choice(["onnx"]), required=True, help="Form of the export."),
    option("-o", "--output-dir", type=Path, metavar="DIR", show_default="DIR/onnx", help="Folder for the export."),
    option("--overwrite", is_flag=True, help="Replace an older export."),
)
def export_command(model: str, form: str, output_dir: Path | None, overwrite: bool) -> None:
    """Write the classifier in DIR for programs that have no torch.

    The folder holds the graph, model.onnx, and its tokenizer, tokenizer.json. Before it appears, onnxruntime runs the
    graph, and its probabilities are compared with those of the model.
    """
    check_saved(model)
    from classifiers.export import TOLERANCE, export_onnx

    written = {"onnx": export_onnx}[form](model, output_dir, overwrite=overwrite)
    size = sum(path.stat().st_size for path in written.iterdir()) / 1e6
    click.echo(f"{written / GRAPH}: {size:.1f} MB with its tokenizer; the model's probabilities to {TOLERANCE:g}.")


def line_layout(**others: Any) -> Layout:
    """Refuse options on columns and labels, since lines of text have none; return a layout with their encoding."""
    from augment.data.layout import Layout

    layout = layout_of(**others)
    if layout != Layout(encoding=layout.encoding):
        raise InputError("Options on columns, labels and splits are for tables, and the input is lines of text.")
    return layout


def _texts(source: str, layout: Any) -> Iterator[str]:
    """Yield the texts of a file or of the standard input. A wrong table is an error at once."""
    if source == "-" or source.endswith(".txt"):
        from augment.data.formats.text_lines import text_lines

        return text_lines(source, layout.encoding)
    from augment.data.corpus import open_texts

    return (text or "" for text in open_texts(source, layout))
