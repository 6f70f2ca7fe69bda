"""The command `classifiers pretrain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from augment.cli import completion
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import device_option, layout_of, layout_options, seed_option
from augment.errors import InputError, counted
from classifiers.cli.commands import line_layout, resumable

if TYPE_CHECKING:
    from classifiers.pretraining.file_pretraining import Objective


CONTRASTIVE = ("simcse", "esimcse", "supervised-simcse")


SETTINGS = (
    *("epochs", "learning_rate", "batch_size", "max_length", "dropout", "mask_ratio", "whole_share", "seed"),
    *("distillation_weight", "mlm_weight", "pooling", "temperature", "held_out"),
    *("duplication_rate", "momentum", "queue_ratio"),
)
"""Options of `pretrain` that are settings of its configuration. Without them the defaults of the configuration hold."""


FOREIGN = {
    **dict.fromkeys(("condition", "teacher", "whole_share", "distillation_weight"), ("mlm",)),
    **dict.fromkeys(("mlm_weight", "pooling", "temperature", "held_out", "as_json"), CONTRASTIVE),
    **dict.fromkeys(("duplication_rate", "momentum", "queue_ratio"), ("esimcse",)),
    **dict.fromkeys(("premise_column", "entailment_column", "contradiction_column"), ("supervised-simcse",)),
}
"""Options of `pretrain` that only some objectives use, with these objectives."""


@command(
    "pretrain",
    examples={
        "Adapt the bundled model to the sentences of a file:": "classifiers pretrain lines.txt --model mini -o adapted",
        "Learn similarities instead:": "classifiers pretrain lines.txt --model mini --objective simcse -o encoder",
    },
)
@click.argument("sources", metavar="TEXT…", nargs=-1, required=True, shell_complete=completion.INPUTS)
@section(
    "Model",
    option(
        "--model",
        required=True,
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="The model to start from: bundled name, folder or hub id.",
    ),
    option(
        "--objective",
        type=click.Choice(["mlm", "simcse", "esimcse", "supervised-simcse"]),
        default="mlm",
        help="mlm: masked words. simcse: two dropout masks of a sentence. esimcse: also repeated words and a queue."
        " supervised-simcse: TEXT are tables of premise, entailment, contradiction.",
    ),
    option("--vocabulary", type=int, help="Keep the N word pieces that the texts use most."),
    option("--layers", type=int, help="Keep N of the encoder's layers."),
    option("--positions", type=int, help="Keep N position embeddings."),
)
@section(
    "Training",
    option("--epochs", type=float, show_default="mlm 8, others 1", help="Passes through the texts."),
    option("--learning-rate", type=float, show_default="mlm 6e-4, others 3e-5", help="Learning rate of AdamW."),
    option("--batch-size", type=int, show_default="64", help="Texts in a batch."),
    option("--max-length", type=int, show_default="mlm 128, others 32", help="Longest text in word pieces."),
    option("--dropout", type=float, show_default="mlm 0, others 0.1", help="Dropout in training."),
    option("--mask-ratio", type=float, show_default="mlm 0.2, others 0.15", help="Share of the words that are masked."),
    seed_option(show_default="0"),
)
@section(
    "Only --objective mlm",
    option(
        "--condition",
        type=click.Choice(["none", "label"]),
        default="none",
        help="label: TEXT are labelled tables. Each text follows the words of its label; they are never masked.",
    ),
    option(
        "--teacher",
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="Encoder. The model learns to match its mean-pooled vectors.",
    ),
    option("--distillation-weight", type=float, show_default="2", help="Weight of the teacher."),
    option("--whole-share", type=float, show_default="0.15", help="Share of sentences left unmasked."),
)
@section(
    "Only --objective simcse, esimcse and supervised-simcse",
    option("--mlm-weight", type=float, show_default="0, none", help="Weight of a masked-LM term."),
    option(
        "--pooling",
        metavar="HOW",
        shell_complete=completion.POOLINGS,
        show_default="mean",
        help="mean, cls, cls_mlp or max.",
    ),
    option("--temperature", type=float, show_default="0.05", help="Cosines are divided by it."),
    option("--held-out", type=int, show_default="500", help="Sentences to measure on."),
    option("--json", "as_json", is_flag=True, help="Print what was measured as JSON."),
)
@section(
    "Only --objective esimcse",
    option("--duplication-rate", type=float, show_default="0.32", help="Largest share of repeated word pieces."),
    option("--momentum", type=float, show_default="0.995", help="Share kept by the momentum encoder."),
    option("--queue-ratio", type=float, show_default="2.5", help="Length of the queue in batches."),
)
@section(
    "Only --objective supervised-simcse",
    option("--premise-column", metavar="NAME", show_default="premise, or sent0", help="Column of the sentences."),
    option(
        "--entailment-column",
        metavar="NAME",
        show_default="entailment, or sent1",
        help="Column of the sentences that follow from them.",
    ),
    option(
        "--contradiction-column",
        metavar="NAME",
        show_default="contradiction, or hard_neg",
        help="Column of the sentences that contradict them.",
    ),
)
@layout_options
@section(
    "Output",
    option("-o", "--output-dir", type=Path, required=True, metavar="DIR", help="Folder of the new model."),
)
@section(
    "Running",
    option("--resume", is_flag=True, help="Go on from the last checkpoint in the output folder."),
    device_option(default="auto"),
)
def pretrain_command(
    sources: tuple[str, ...],
    output_dir: Path,
    model: str,
    objective: Objective,
    condition: Literal["none", "label"],
    teacher: str | None,
    vocabulary: int | None,
    layers: int | None,
    positions: int | None,
    premise_column: str | None,
    entailment_column: str | None,
    contradiction_column: str | None,
    device: str,
    resume: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a language model on TEXT: .txt files with one sentence per line, or tables with a text column.

    With --objective mlm it learns to predict masked words. With the other objectives it learns to give similar vectors
    to similar sentences.
    """
    _refuse_foreign(objective)
    check_there(sources, models=[model, teacher])
    from classifiers.pretraining.file_pretraining import pretrain_files

    for name in ("whole_share", "distillation_weight"):
        if options[name] is not None and teacher is None:
            raise InputError(
                f"--{name.replace('_', '-')} is for a training with a teacher. Give --teacher, or leave it out."
            )
    settings = {name: options.pop(name) for name in SETTINGS}
    overrides = {name: value for name, value in settings.items() if value is not None}
    tables = [source for source in sources if not source.endswith(".txt")]
    layout = layout_of(sources, labelled=condition == "label", **options) if tables else line_layout(**options)
    if objective == "supervised-simcse" and layout.text_column is not None:
        raise InputError("--text-column is not for --objective supervised-simcse: name three columns instead.")
    with resumable(output_dir, "training"):
        report = pretrain_files(
            sources,
            output_dir,
            model=model,
            objective=objective,
            condition=condition,
            teacher=teacher,
            vocabulary=vocabulary,
            layers=layers,
            positions=positions,
            triple_columns=(premise_column, entailment_column, contradiction_column),
            layout=layout,
            settings=overrides,
            device=device,
            resume=resume,
            log=note,
        )
    if report is not None:
        _show(report, as_json=as_json)
    if not as_json:
        click.echo(f"The model is in {output_dir}.")


def _show(report: dict[str, Any], *, as_json: bool) -> None:
    """Print what a contrastive objective measured."""
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for measure in ("alignment", "uniformity"):
        before, after = (report[when][measure] for when in ("before", "after"))
        click.echo(f"{measure}, {counted(report['held_out'], 'held-out row')}: {before:.3f} before, {after:.3f} after.")


def _refuse_foreign(objective: str) -> None:
    """Refuse options of the command line that the objective does not use."""
    context = click.get_current_context()

    def was_given(name: str) -> bool:
        return context.get_parameter_source(name) is not ParameterSource.DEFAULT

    for name, objectives in FOREIGN.items():
        if objective not in objectives and was_given(name):
            raise InputError(
                f"The option --{name.removeprefix('as_').replace('_', '-')} is for --objective {', '.join(objectives)}."
                f" Got --objective {objective}. Leave it out."
            )
    if objective != "mlm" and was_given("mask_ratio") and not context.params["mlm_weight"]:
        raise InputError("The option --mask-ratio needs a masked-LM term. Give --mlm-weight .1 too, or leave it out.")
