"""The command `classifiers pretrain`."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from augment.cli.options import layout_of, layout_options
from augment.errors import InputError, ModelError, OutputError
from classifiers.cli.commands import line_layout, resumable, text_lines

if TYPE_CHECKING:
    from augment.data.layout import Layout


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
    objective: str,
    condition: str,
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
    from augment.models.checkpoints import load_encoder, load_masked_lm
    from augment.models.label_prefix import conditioned
    from augment.seeding import global_generators
    from classifiers.pretraining.contrastive import ContrastiveConfig, open_encoder, pretrain_by_contrast
    from classifiers.pretraining.masked_lm import PretrainConfig, pretrain
    from classifiers.pretraining.sentences import read_triples
    from classifiers.pretraining.shrinking import shrink

    _refuse_foreign(objective)
    for name in ("whole_share", "distillation_weight"):
        if options[name] is not None and teacher is None:
            raise InputError(
                f"--{name.replace('_', '-')} is for a training with a teacher. Give --teacher, or leave it out."
            )
    if (output_dir / "config.json").exists():
        raise OutputError(f"The folder {str(output_dir)!r} holds a model already. Give another.")
    if (output_dir / "training").exists() and not resume:
        raise OutputError(
            f"The folder {str(output_dir)!r} holds an unfinished training. Give --resume to go on, or another folder."
        )
    settings = {name: options.pop(name) for name in SETTINGS}
    overrides = {name: value for name, value in settings.items() if value is not None}
    tables = [source for source in sources if not source.endswith(".txt")]
    layout = layout_of(tables, labelled=condition == "label", **options) if tables else line_layout(**options)
    if objective == "supervised-simcse" and layout.text_column is not None:
        raise InputError("--text-column is not for --objective supervised-simcse: name three columns instead.")
    click.get_current_context().with_resource(resumable(output_dir, "training"))
    smaller = {"vocabulary": vocabulary, "layers": layers, "positions": positions}
    if objective == "mlm":
        config = PretrainConfig(**overrides)
        texts, labels = _read(sources, layout, labelled=condition == "label")
        with global_generators(config.seed):
            checkpoint = load_masked_lm(model, device=device, new_head=True)
        shown = texts if labels is None else [conditioned(*row)[0] for row in zip(texts, labels, strict=True)]
        checkpoint = shrink(checkpoint, shown, **smaller)
        taught_by = load_encoder(teacher, device=device) if teacher else None
        pretrain(checkpoint, texts, output_dir, config, labels=labels, teacher=taught_by, resume=resume)
        click.echo(f"The model is in {output_dir}.")
        return
    contrast = ContrastiveConfig(**{"objective": objective, **overrides})
    rows: list[tuple[str, ...]]
    if contrast.supervised:
        columns = (premise_column, entailment_column, contradiction_column)
        rows = [triple for source in sources for triple in read_triples(source, layout, columns)]
    else:
        rows = [(text,) for text in _read(sources, layout, labelled=False)[0]]
    checkpoint = open_encoder(model, contrast, device=device)
    if vocabulary is not None and checkpoint.model.get_output_embeddings() is None:
        raise ModelError(
            f"The vocabulary of {model!r} cannot be cut, since it has no masked-LM head. Leave --vocabulary out, or"
            " give it a head with --mlm-weight .1."
        )
    checkpoint = shrink(checkpoint, [text for row in rows for text in row], **smaller)
    report = pretrain_by_contrast(
        checkpoint, rows, output_dir, contrast, resume=resume, log=lambda line: click.echo(line, err=True)
    )
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for measure in ("alignment", "uniformity"):
        before, after = (report[when][measure] for when in ("before", "after"))
        click.echo(f"{measure}, {report['held_out']} held-out rows: {before:.3f} before, {after:.3f} after.")
    click.echo(f"The model is in {output_dir}.")


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


def _read(sources: tuple[str, ...], layout: Layout, *, labelled: bool) -> tuple[list[str], list[str] | None]:
    """Return all texts and, if `labelled`, the names of their labels, without the rows that upsampling has made."""
    from augment.data.corpus import read, read_texts

    if not labelled:
        texts = [text_lines(source) if source.endswith(".txt") else read_texts(source, layout) for source in sources]
        return list(chain.from_iterable(texts)), None
    for source in sources:
        if source.endswith(".txt"):
            raise InputError(f"The text file {source!r} has no labels. Give a table, or --condition none.")
    rows = [
        (text, label)
        for corpus in (read(source, layout) for source in sources)
        for text, label, made in zip(corpus.texts, corpus.named_labels(), corpus.is_synthetic, strict=True)
        if text and not made
    ]
    return [text for text, _ in rows], [label for _, label in rows]
