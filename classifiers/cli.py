"""The command `classifiers`."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augment import __version__
from augment.cli import layout_of, layout_options
from augment.console import Commands
from augment.errors import InputError, OutputError

if TYPE_CHECKING:
    from augment.corpus import Layout


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="classifiers")
def main() -> None:
    """Train encoders on text."""


@main.command("pretrain")
@click.argument("sources", metavar="TEXT…", nargs=-1, required=True)
@click.option("-o", "--output-dir", type=Path, required=True, help="Folder of the new model.")
@click.option("--model", required=True, metavar="NAME", help="What to start from: bundled name, folder or hub id.")
@click.option(
    "--objective",
    type=click.Choice(["mlm"]),
    default="mlm",
    show_default=True,
    expose_value=False,
    help="What is learnt: mlm, the masked words.",
)
@click.option(
    "--condition",
    type=click.Choice(["none", "label"]),
    default="none",
    show_default=True,
    help="label: TEXT are labelled tables; the words of its label stand before each text and are never masked.",
)
@click.option("--teacher", metavar="NAME", help="Encoder whose mean-pooled sentence vectors are to be matched.")
@click.option("--vocabulary", type=int, metavar="N", help="Keep the N word pieces that the texts use most.")
@click.option("--layers", type=int, metavar="N", help="Keep N of the encoder's layers.")
@click.option("--positions", type=int, metavar="N", help="Keep N position embeddings.")
@click.option("--epochs", type=float, default=8.0, show_default=True)
@click.option("--learning-rate", type=float, default=6e-4, show_default=True)
@click.option("--batch-size", type=int, default=64, show_default=True)
@click.option("--mask-ratio", type=float, default=0.2, show_default=True, help="Share of the words that are masked.")
@click.option("--whole-share", type=float, default=0.15, show_default=True, help="Share of sentences left unmasked.")
@click.option("--distillation-weight", type=float, default=2.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in the output folder.")
@layout_options
def pretrain_command(
    sources: tuple[str, ...],
    output_dir: Path,
    model: str,
    condition: str,
    teacher: str | None,
    vocabulary: int | None,
    layers: int | None,
    positions: int | None,
    epochs: float,
    learning_rate: float,
    batch_size: int,
    mask_ratio: float,
    whole_share: float,
    distillation_weight: float,
    seed: int,
    device: str,
    resume: bool,
    **layout_values: Any,
) -> None:
    """Train a masked language model on TEXT: .txt files with a sentence a line, or tables with a text column."""
    from augment.checkpoints import load_encoder, load_masked_lm
    from augment.conditioning import conditioned
    from augment.seeding import global_generators
    from classifiers.pretraining import PretrainConfig, pretrain
    from classifiers.shrinking import shrink

    if (output_dir / "config.json").exists():
        raise OutputError(f"The folder {str(output_dir)!r} holds a model already. Give another.")
    if (output_dir / "training").exists() and not resume:
        raise OutputError(
            f"The folder {str(output_dir)!r} holds an unfinished training. Give --resume to go on, or another folder."
        )
    config = PretrainConfig(
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        mask_ratio=mask_ratio,
        whole_share=whole_share,
        distillation_weight=distillation_weight,
        seed=seed,
    )
    texts, labels = _read(sources, layout_of(**layout_values), labelled=condition == "label")
    with global_generators(config.seed):
        checkpoint = load_masked_lm(model, device=device, new_head=True)
    shown = texts if labels is None else [conditioned(*row)[0] for row in zip(texts, labels, strict=True)]
    checkpoint = shrink(checkpoint, shown, vocabulary=vocabulary, layers=layers, positions=positions)
    pretrain(
        checkpoint,
        texts,
        output_dir,
        config,
        labels=labels,
        teacher=load_encoder(teacher, device=device) if teacher else None,
        resume=resume,
    )
    click.echo(f"The model is in {output_dir}.")


def _read(sources: tuple[str, ...], layout: Layout, *, labelled: bool) -> tuple[list[str], list[str] | None]:
    """Return all texts and, of tables, the names of their labels; labelled rows that upsampling made are left out."""
    from augment.corpus import read, read_texts

    if not labelled:
        texts = [_lines(source) if source.endswith(".txt") else read_texts(source, layout) for source in sources]
        return list(chain.from_iterable(texts)), None
    for source in sources:
        if source.endswith(".txt"):
            raise InputError(f"The text file {source!r} holds no labels. Give a table, or --condition none.")
    rows = [
        (text, label)
        for corpus in (read(source, layout) for source in sources)
        for text, label, made in zip(corpus.texts, corpus.named_labels(), corpus.is_synthetic, strict=True)
        if text and not made
    ]
    return [text for text, _ in rows], [label for _, label in rows]


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file]
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path!r}. Give a text file with a sentence a line, or a table.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}). Convert it.") from error
