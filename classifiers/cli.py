"""The command `classifiers`."""

from __future__ import annotations

from pathlib import Path

import click

from augment import __version__
from augment.console import Commands
from augment.errors import InputError, OutputError


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="classifiers")
def main() -> None:
    """Train encoders on text."""


@main.command("pretrain")
@click.argument("sources", metavar="TEXT…", nargs=-1, required=True)
@click.option("-o", "--output-dir", type=Path, required=True, help="Folder of the new model.")
@click.option("--model", required=True, metavar="NAME", help="What to start from: bundled name, folder or hub id.")
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
def pretrain_command(
    sources: tuple[str, ...],
    output_dir: Path,
    model: str,
    teacher: str | None,
    vocabulary: int | None,
    layers: int | None,
    positions: int | None,
    device: str,
    resume: bool,
    **training: float,
) -> None:
    """Train a masked language model on TEXT: .txt files with a sentence a line, or tables with a text column."""
    from augment.checkpoints import load_encoder, load_masked_lm
    from augment.corpus import read_texts
    from augment.seeding import global_generators
    from classifiers.pretraining import PretrainConfig, pretrain
    from classifiers.shrinking import shrink

    if (output_dir / "config.json").exists():
        raise OutputError(f"The folder {str(output_dir)!r} holds a model already. Give another.")
    if (output_dir / "training").exists() and not resume:
        raise OutputError(
            f"The folder {str(output_dir)!r} holds an unfinished training. Give --resume to go on, or another folder."
        )
    config = PretrainConfig(**training)  # type: ignore[arg-type]
    texts = [text for source in sources for text in (_lines(source) if source.endswith(".txt") else read_texts(source))]
    with global_generators(config.seed):
        checkpoint = load_masked_lm(model, device=device, new_head=True)
    checkpoint = shrink(checkpoint, texts, vocabulary=vocabulary, layers=layers, positions=positions)
    pretrain(
        checkpoint,
        texts,
        output_dir,
        config,
        teacher=load_encoder(teacher, device=device) if teacher else None,
        resume=resume,
    )
    click.echo(f"The model is in {output_dir}.")


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file]
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path!r}. Give a text file with a sentence a line, or a table.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}). Convert it.") from error
