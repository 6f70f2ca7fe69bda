"""The command `classifiers pretrain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from augment.cli.options import layout_of, layout_options
from augment.errors import InputError
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


@click.command("pretrain")
@click.argument("sources", metavar="TEXT…", nargs=-1, required=True)
@click.option("-o", "--output-dir", type=Path, required=True, help="Folder of the new model.")
@click.option("--model", required=True, metavar="NAME", help="The model to start from: bundled name, folder or hub id.")
@click.option(
    "--objective",
    type=click.Choice(["mlm", "simcse", "esimcse", "supervised-simcse"]),
    default="mlm",
    show_default=True,
    help="mlm: masked words. simcse: two dropout masks of a sentence. esimcse: also repeated words and a queue."
    " supervised-simcse: TEXT are tables of premise, entailment, contradiction.",
)
@click.option(
    "--condition",
    type=click.Choice(["none", "label"]),
    default="none",
    show_default=True,
    help="mlm. label: TEXT are labelled tables. Each text follows the words of its label; they are never masked.",
)
@click.option("--teacher", metavar="NAME", help="mlm: encoder. The model learns to match its mean-pooled vectors.")
@click.option("--vocabulary", type=int, metavar="N", help="Keep the N word pieces that the texts use most.")
@click.option("--layers", type=int, metavar="N", help="Keep N of the encoder's layers.")
@click.option("--positions", type=int, metavar="N", help="Keep N position embeddings.")
@click.option("--epochs", type=float, help="[default: mlm 8, others 1]")
@click.option("--learning-rate", type=float, help="[default: mlm 6e-4, others 3e-5]")
@click.option("--batch-size", type=int, help="[default: 64]")
@click.option("--max-length", type=int, metavar="N", help="Longest text in word pieces.  [default: mlm 128, others 32]")
@click.option("--dropout", type=float, help="Dropout in training.  [default: mlm 0, others .1]")
@click.option("--mask-ratio", type=float, help="Share of the words that are masked.  [default: mlm .2, others .15]")
@click.option("--whole-share", type=float, help="mlm: share of sentences left unmasked.  [default: .15]")
@click.option("--distillation-weight", type=float, help="mlm: weight of the teacher.  [default: 2]")
@click.option("--mlm-weight", type=float, help="Contrastive: weight of a masked-LM term.  [default: 0, none]")
@click.option("--pooling", metavar="HOW", help="Contrastive: mean, cls, cls_mlp or max.  [default: mean]")
@click.option("--temperature", type=float, help="Contrastive: cosines are divided by it.  [default: .05]")
@click.option("--held-out", type=int, metavar="N", help="Contrastive: sentences to measure on.  [default: 500]")
@click.option("--duplication-rate", type=float, help="esimcse: largest share of repeated word pieces.  [default: .32]")
@click.option("--momentum", type=float, help="esimcse: share kept by the momentum encoder.  [default: .995]")
@click.option("--queue-ratio", type=float, help="esimcse: length of the queue in batches.  [default: 2.5]")
@click.option("--premise-column", metavar="NAME", help="supervised-simcse.  [default: premise, or sent0]")
@click.option("--entailment-column", metavar="NAME", help="supervised-simcse.  [default: entailment, or sent1]")
@click.option(
    "--contradiction-column", metavar="NAME", help="supervised-simcse.  [default: contradiction, or hard_neg]"
)
@click.option("--seed", type=int, help="[default: 0]")
@click.option("--device", default="auto", show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in the output folder.")
@click.option("--json", "as_json", is_flag=True, help="Contrastive: print what was measured as JSON.")
@layout_options
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
    from classifiers.pretraining.file_pretraining import pretrain_files

    _refuse_foreign(objective)
    for name in ("whole_share", "distillation_weight"):
        if options[name] is not None and teacher is None:
            raise InputError(
                f"--{name.replace('_', '-')} is for a training with a teacher. Give --teacher, or leave it out."
            )
    settings = {name: options.pop(name) for name in SETTINGS}
    overrides = {name: value for name, value in settings.items() if value is not None}
    tables = [source for source in sources if not source.endswith(".txt")]
    layout = layout_of(tables, labelled=condition == "label", **options) if tables else line_layout(**options)
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
            log=lambda line: click.echo(line, err=True),
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
        click.echo(f"{measure}, {report['held_out']} held-out rows: {before:.3f} before, {after:.3f} after.")


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
