"""The commands `benchmarks checkpoint`, `throughput`, `guards` and `vectors`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource

from augment.cli import completion
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import seed_option
from augment.errors import counted


@command(
    "checkpoint",
    examples={
        "Compare the bundled model with its teacher:": (
            "benchmarks checkpoint mini --words lines.txt --pairs lines.txt"
            " --reference sentence-transformers/all-MiniLM-L6-v2"
        ),
        "Compare your own with the bundled one, in 8 bits:": (
            "benchmarks checkpoint adapted --words lines.txt --pairs lines.txt --reference mini --dtype int8"
        ),
    },
)
@click.argument("model", shell_complete=completion.MODELS)
@section(
    "What to measure on",
    option("--words", "word_file", required=True, metavar="FILE", help="Sentences whose words are masked."),
    option("--pairs", "pair_file", required=True, metavar="FILE", help="Sentences that pairs are drawn from."),
    option(
        "--reference",
        required=True,
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="Encoder whose similarities are taken as the truth.",
    ),
)
@section(
    "How",
    option(
        "--pooling",
        type=click.Choice(["mean", "cls", "cls_mlp", "max"]),
        default="mean",
        help="Pooling of MODEL; the reference is mean-pooled.",
    ),
    option(
        "--dtype",
        default="float32",
        metavar="DTYPE",
        shell_complete=completion.DTYPES,
        help="Dtype of the masked language model, e.g. int8.",
    ),
    seed_option(default=(0,)),
)
def checkpoint_command(
    model: str, word_file: str, pair_file: str, reference: str, pooling: str, dtype: str, seed: int
) -> None:
    """Measure MODEL as a masked language model and as a sentence encoder; prints JSON."""
    check_there([word_file, pair_file], models=[model, reference])
    from augment.data.corpus import read_texts
    from augment.models.checkpoints import load_encoder, load_masked_lm
    from benchmarks.quality.checkpoints import similarity_correlation, word_accuracy

    masked_lm, texts = load_masked_lm(model, dtype=dtype), read_texts(word_file)
    encoder = load_encoder(model)
    if pooling == "cls_mlp":
        encoder.require_pooler()
    measures = {
        "words": asdict(word_accuracy(masked_lm, texts, seed=seed)),
        "words_without_punctuation": asdict(word_accuracy(masked_lm, texts, seed=seed, punctuation=False)),
        "spearman": similarity_correlation(
            encoder, load_encoder(reference), read_texts(pair_file), pooling=pooling, seed=seed
        ),
    }
    click.echo(json.dumps(measures, indent=2))


CONTESTS = {
    "fillmask": "benchmarks.speed.fill_mask",
    "encoding": "benchmarks.speed.encoding",
    "smote": "benchmarks.speed.smote",
    "training": "benchmarks.speed.training",
    "workers": "benchmarks.speed.workers",
}
"""Contests by name: the module whose function `contests` makes them."""


OPENING_MODELS = {"fillmask", "encoding", "training"}
"""The contests that open the model of --model."""


LOOKED_AT = {
    "data": ("fillmask", "encoding", "training", "workers"),
    "label": ("fillmask", "workers"),
    "model": ("fillmask", "encoding", "training", "workers"),
    "rows": ("fillmask", "encoding", "training", "workers"),
    "batch_sizes": ("fillmask", "encoding", "training"),
    "peer_python": ("fillmask",),
    "encoder_python": ("encoding",),
}
"""Options of `throughput` that not all measures look at, and the measures that do."""


def _refuse_idle(names: Sequence[str]) -> None:
    """Refuse options of the command line that none of the chosen measures looks at."""
    context = click.get_current_context()
    for parameter in context.command.params:
        measures = LOOKED_AT.get(str(parameter.name), tuple(CONTESTS))
        given = context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
        if names and given and not set(names) & set(measures):
            raise click.UsageError(f"{parameter.opts[0]} is for --of {', '.join(measures)}. Leave it out.")


@command(
    "throughput",
    examples={
        "Measure everything on the bundled sample:": "benchmarks throughput",
        "Measure the making of rows, in more rounds:": "benchmarks throughput --of fillmask --repeats 5",
    },
)
@section(
    "What to measure",
    option(
        "--of",
        "names",
        type=click.Choice(list(CONTESTS)),
        multiple=True,
        show_default="all that the model can do, without workers",
        help="What is measured; repeatable.",
    ),
    option(
        "--data",
        default="sample",
        metavar="INPUT",
        shell_complete=completion.INPUTS,
        help="Labelled rows: file, folder, hub id.",
    ),
    option("--label", default="neutral", metavar="CLASS", help="The class of the new rows (only fillmask)."),
    option(
        "--model",
        default="mini",
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="Masked LM or encoder, for all.",
    ),
    option(
        "--rows",
        type=click.IntRange(1),
        default=2000,
        help="New rows, texts to encode, or rows to train on, in each run.",
    ),
    option(
        "--batch-size",
        "batch_sizes",
        type=click.IntRange(1),
        multiple=True,
        show_default="fillmask 64 (ours only), encoding 32 and 64, training 32",
        help="Batch size; repeatable.",
    ),
)
@section(
    "How",
    option("--threads", type=click.IntRange(1), default=2, help="Threads of each run."),
    option("--repeats", type=click.IntRange(1), default=3, help="Rounds; medians are shown."),
    option("--peer-python", metavar="FILE", help="An interpreter with nlpaug 1.1.11 and transformers 4."),
    option(
        "--encoder-python",
        metavar="FILE",
        help="An interpreter with sentence-transformers, if it is not installed here.",
    ),
)
@section("Output", option("--json", "as_json", is_flag=True, help="Print JSON with every run."))
def throughput_command(names: tuple[str, ...], repeats: int, as_json: bool, **options: Any) -> None:
    """Measure speed and peak memory of our code and of other libraries, on the CPU.

    fillmask: new rows per second. encoding: texts per second. smote: new vectors per second, from 50,000 vectors of 384
    numbers. training: rows per second, and the loss. workers: new rows per second of several workers, and the
    work of their driver.
    """
    check_there([options["data"]], models=[options["model"]])
    from augment.cli.console import note
    from augment.cli.display import show_table
    from augment.errors import ModelError
    from benchmarks.speed.contest import Contest, ContestOptions, compare, limits, losses, measures_core, table

    _refuse_idle(names)

    contests: list[Contest] = []
    refusals: dict[str, ModelError] = {}
    for name in dict.fromkeys(names or (name for name in CONTESTS if name != "workers")):
        try:
            contests += import_module(CONTESTS[name]).contests(ContestOptions(**options), note)
        except ModelError as error:
            refusals[name] = error
    for name, refusal in refusals.items():
        if (
            names or set(refusals) >= OPENING_MODELS
        ):  # then the model cannot be opened, and contests without a model are not meant
            raise refusal
        note(f"{name} is left out. {refusal}")
    for contest in contests:
        compare(contest, repeats=repeats, log=note)
    if as_json:
        runs = {contest.name: {c.name: [asdict(run) for run in c.runs] for c in contest.field_} for contest in contests}
        click.echo(json.dumps(runs, indent=2))
        return
    for contest in contests:
        headings = ["", f"{contest.unit}/s", "first is × faster", "peak MiB"]
        headings += ["driver, of a core"] if measures_core(contest.field_) else []
        show_table(contest.title, headings, table(contest.field_))
        if reached := limits(contest.field_):
            click.echo()
            show_table(
                "what the matrix products alone would allow, at the rate of large ones in the same run",
                ["", f"{contest.unit}/s at most", "share reached"],
                reached,
            )
        if parts := losses(contest.field_):
            click.echo()
            show_table("mean loss, part by part", ["", *(f"part {i + 1}" for i in range(len(parts[0]) - 1))], parts)


@command(
    "guards",
    examples={
        "Measure each guard:": "benchmarks guards train.csv --judged-on test.csv",
        "Measure one, with other bounds:": (
            "benchmarks guards train.csv --judged-on test.csv --guard similarity:low=.6"
        ),
    },
)
@click.argument("train", metavar="INPUT", shell_complete=completion.INPUTS)
@section(
    "What to measure",
    option(
        "--guard",
        "guards",
        multiple=True,
        metavar="NAME[:KEY=VALUE,…]",
        shell_complete=completion.GUARD_NAMES,
        show_default="one of each",
        help="Guard to measure; repeatable.",
    ),
    option("--label", default="neutral", metavar="CLASS", help="The class of the candidates."),
    option("--rows", type=click.IntRange(1), default=2000, help="Number of candidates."),
)
@section(
    "Judge",
    option("--judged-on", required=True, metavar="FILE", help="Held-out labelled rows to fit the judge on."),
    option(
        "--judge",
        "judge_model",
        default="mini",
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="The judge's encoder.",
    ),
)
def guards_command(
    train: str, judged_on: str, judge_model: str, label: str, guards: tuple[str, ...], rows: int
) -> None:
    """Measure which fill-mask candidates each guard keeps, by an independent judge."""
    check_there([train, judged_on], models=[judge_model])
    from augment.cli.display import show_table
    from augment.data.corpus import read
    from augment.text.fill_mask import FillMask
    from benchmarks.quality.guards import HeldOutJudge, guard_quality

    names = guards or ("similarity", "agreement", "near_duplicate", "polarity")
    verdicts = guard_quality(
        read(train), label, FillMask(), names, HeldOutJudge(read(judged_on), judge_model), rows=rows
    )
    show_table(
        f"fill-mask candidates of class {label!r}",
        ["", "rows", "rejected", f"mean p({label})", "contradicted"],
        [[v.name, v.rows, f"{v.rejected:.1%}", f"{v.own:.3f}", f"{v.contradicted:.1%}"] for v in verdicts],
    )


@command(
    "vectors",
    examples={
        "Measure all strategies that make vectors:": "benchmarks vectors train.csv --held-out test.csv",
        "Measure two of them:": (
            "benchmarks vectors train.csv --held-out test.csv --strategy smote --strategy gaussian"
        ),
    },
)
@click.argument("train", metavar="INPUT", shell_complete=completion.INPUTS)
@section(
    "What to measure",
    option(
        "--strategy",
        "strategies",
        multiple=True,
        metavar="NAME[:KEY=VALUE,…]",
        shell_complete=completion.strategy_names("vector"),
        show_default="all",
        help="Strategy to measure; repeatable.",
    ),
    option("--held-out", required=True, metavar="FILE", help="Labelled rows. No vector is made from them."),
    option("--label", default="neutral", metavar="CLASS", help="The class of the vectors."),
    option(
        "--encoder",
        default="mini",
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="Encoder that turns texts into vectors.",
    ),
    option("--seeds", type=click.IntRange(1), default=3, help="Runs of each strategy; means are shown."),
)
@section("Output", option("--json", "as_json", is_flag=True, help="Print JSON."))
def vectors_command(
    train: str, held_out: str, label: str, encoder: str, strategies: tuple[str, ...], seeds: int, as_json: bool
) -> None:
    """Measure how similar the vectors of each strategy are to held-out real rows."""
    check_there([train, held_out], models=[encoder])
    from augment.cli.console import note
    from augment.cli.display import show_table
    from augment.data.corpus import read
    from augment.models.encoder import TextEncoder
    from benchmarks.quality.vectors import ALL, vector_quality

    judged = vector_quality(
        read(train),
        read(held_out),
        label,
        TextEncoder(model=encoder, normalize=True),
        strategies=strategies or ALL,
        seeds=seeds,
        log=note,
    )
    if as_json:
        click.echo(json.dumps([asdict(one) for one in judged], indent=2))
        return
    headings = ("2-sample k-NN", "real found", "MLP", "density", "coverage", "variance", "near train", "near held-out")
    rows = []
    for one in judged:
        f = one.fidelity
        near = (f.nearest_train, f.nearest_heldout)
        numbers = (f.two_sample_knn, f.two_sample_knn_real, f.two_sample_mlp, f.density, f.coverage, f.variance_ratio)
        rows.append([one.name, *(f"{number:.3f}" for number in (*numbers, *near, f.tstr_f1, one.seconds))])
    show_table(
        f"vectors of class {label!r}, mean of {counted(seeds, 'run')}", ["", *headings, "transfer F1", "seconds"], rows
    )
