"""The command `benchmarks`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from augment import __version__
from augment.console import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="benchmarks")
def main() -> None:
    """Measure what is claimed."""


@main.command("checkpoint")
@click.argument("model")
@click.option("--words", "word_file", required=True, metavar="FILE", help="Sentences whose words are masked.")
@click.option("--pairs", "pair_file", required=True, metavar="FILE", help="Sentences that pairs are drawn from.")
@click.option("--reference", required=True, metavar="NAME", help="Encoder whose similarities are the measure.")
@click.option("--seed", type=int, default=0, show_default=True)
def checkpoint_command(model: str, word_file: str, pair_file: str, reference: str, seed: int) -> None:
    """Measure MODEL as a masked language model and as a sentence encoder; prints JSON."""
    from augment.checkpoints import load_encoder, load_masked_lm
    from augment.corpus import read_texts
    from benchmarks.checkpoint_quality import similarity_correlation, word_accuracy

    masked_lm, texts = load_masked_lm(model), read_texts(word_file)
    found = {
        "words": asdict(word_accuracy(masked_lm, texts, seed=seed)),
        "words_without_punctuation": asdict(word_accuracy(masked_lm, texts, seed=seed, punctuation=False)),
        "spearman": similarity_correlation(
            load_encoder(model), load_encoder(reference), read_texts(pair_file), seed=seed
        ),
    }
    click.echo(json.dumps(found, indent=2))
