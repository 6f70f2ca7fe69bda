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
@click.option("--dtype", default="float32", show_default=True, help="What masked words are found in, e.g. int8.")
@click.option("--seed", type=int, default=0, show_default=True)
def checkpoint_command(model: str, word_file: str, pair_file: str, reference: str, dtype: str, seed: int) -> None:
    """Measure MODEL as a masked language model and as a sentence encoder; prints JSON."""
    from augment.checkpoints import load_encoder, load_masked_lm
    from augment.corpus import read_texts
    from benchmarks.checkpoint_quality import similarity_correlation, word_accuracy

    masked_lm, texts = load_masked_lm(model, dtype=dtype), read_texts(word_file)
    found = {
        "words": asdict(word_accuracy(masked_lm, texts, seed=seed)),
        "words_without_punctuation": asdict(word_accuracy(masked_lm, texts, seed=seed, punctuation=False)),
        "spearman": similarity_correlation(
            load_encoder(model), load_encoder(reference), read_texts(pair_file), seed=seed
        ),
    }
    click.echo(json.dumps(found, indent=2))


@main.command("throughput")
@click.option(
    "--data", default="sample", show_default=True, metavar="INPUT", help="Labelled rows: file, folder, hub id."
)
@click.option("--label", default="neutral", show_default=True, help="The class that new rows are made of.")
@click.option("--model", default="mini", show_default=True, metavar="NAME", help="Masked LM, the same for all.")
@click.option(
    "--rows", type=click.IntRange(1), default=2000, show_default=True, help="New rows, for each and each round."
)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads of each.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Rounds; medians are shown.")
@click.option(
    "--batch-size", "batch_sizes", type=click.IntRange(1), multiple=True, default=(64,), help="Ours; repeatable."
)
@click.option("--peer-python", metavar="PATH", help="An interpreter with nlpaug 1.1.11 and transformers 4.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every run.")
def throughput_command(
    data: str,
    label: str,
    model: str,
    rows: int,
    threads: int,
    repeats: int,
    batch_sizes: tuple[int, ...],
    peer_python: str | None,
    as_json: bool,
) -> None:
    """Measure rows per second and peak memory of fill-mask upsampling, ours and the peers', on the CPU."""
    from augment.console import show_table
    from augment.corpus import read
    from augment.errors import InputError
    from benchmarks.throughput import Setting, compare, competitors, table

    corpus = read(data)
    labelled = tuple(
        (text, name) for text, name in zip(corpus.texts, corpus.named_labels(), strict=True) if text and text.strip()
    )
    texts = tuple(text for text, name in labelled if name == label)
    if not texts:
        raise InputError(
            f"{data}: no row of class {label!r}; its classes are {', '.join(corpus.label_names.values())}."
        )
    setting = Setting(texts=texts, label=label, labelled=labelled, model=model, rows=rows, threads=threads)
    taking_part = competitors(batch_sizes, peer_python)
    compare(setting, taking_part, repeats=repeats, said=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({c.name: [asdict(run) for run in c.runs] for c in taking_part}, indent=2))
    else:
        title = f"{rows:,} rows of {label!r} from {len(texts):,}, {model}, {threads} threads"
        show_table(title, ["", "rows/s", "first is × faster", "peak MiB"], table(taking_part))


@main.command("guards")
@click.argument("train", metavar="INPUT")
@click.option("--judged-on", required=True, metavar="FILE", help="Held-out labelled rows that the judge is fitted on.")
@click.option("--judge", "judge_model", default="mini", show_default=True, metavar="NAME", help="The judge's encoder.")
@click.option("--label", default="neutral", show_default=True, help="The class that candidates are made of.")
@click.option(
    "--guard", "guards", multiple=True, metavar="NAME[:KEY=VALUE,…]", help="Repeatable; default: one of each."
)
@click.option("--rows", type=click.IntRange(1), default=2000, show_default=True, help="Candidates.")
def guards_command(
    train: str, judged_on: str, judge_model: str, label: str, guards: tuple[str, ...], rows: int
) -> None:
    """Measure what each guard leaves of fill-mask candidates, by a judge that has seen neither."""
    from augment.console import show_table
    from augment.corpus import read
    from augment.fill_mask import FillMask
    from benchmarks.guard_quality import Judge, guard_quality

    asked = guards or ("similarity", "agreement", "near_duplicate", "polarity")
    found = guard_quality(read(train), label, FillMask(), asked, Judge(read(judged_on), judge_model), rows=rows)
    show_table(
        f"fill-mask candidates of class {label!r}",
        ["", "rows", "rejected", f"mean p({label})", "contradicted"],
        [[v.name, v.rows, f"{v.rejected:.1%}", f"{v.own:.3f}", f"{v.contradicted:.1%}"] for v in found],
    )
