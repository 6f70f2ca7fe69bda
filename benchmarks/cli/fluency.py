"""The command `benchmarks fluency`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from augment.cli import completion
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import seed_option

if TYPE_CHECKING:
    from benchmarks.quality.fluency import Result

OF_SCORES = ("files", "score", "key_file", "json_file")
"""Parameters that `--score` looks at."""
OF_THE_SHEET = ("per_set", "ask_label")
OF_THE_CLASSIFIER = ("encoder", "folds")


@command(
    "fluency",
    examples={
        "Measure fill-mask on the bundled sample:": "benchmarks fluency 'sample:class=*' --json fluency.json",
        "Compare two settings, and write a sheet for readers:": (
            "benchmarks fluency reviews.csv:class=neutral --arm few=fillmask:mask_ratio=.1"
            " --arm many=fillmask:mask_ratio=.3 --sheet sheet.csv --ask-label"
        ),
    },
)
@click.argument("files", metavar="FILE:class=NAME…", nargs=-1, shell_complete=completion.INPUTS)
@section(
    "What to measure",
    option(
        "--arm",
        "arms",
        multiple=True,
        metavar="[NAME=]STRATEGY[:KEY=VALUE,…]",
        shell_complete=completion.strategy_names("text"),
        show_default="fillmask",
        help="Strategy to measure, with its parameters; repeatable. Real rows, random word deletions and the former"
        " fill-mask are measured beside it.",
    ),
    option("--rows", type=click.IntRange(2), default=400, help="New rows of each arm and file."),
    option(
        "--guard",
        "guards",
        multiple=True,
        metavar="NAME[:KEY=VALUE,…]",
        shell_complete=completion.CHOSEN_GUARDS,
        help="As for `augment upsample`, for all arms; repeatable.",
    ),
    option(
        "--equal-changes",
        is_flag=True,
        help="Thin the arms out until they have the same number of rows with each share of changed words.",
    ),
    seed_option(default=(0,)),
)
@section(
    "Told apart",
    option(
        "--encoder",
        default="mini",
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="Encoder through which a judge tells new rows from real ones.",
    ),
    option("--folds", type=click.IntRange(2), default=5, help="Folds of the cross-validation."),
    option("--no-classifier", is_flag=True, help="Measure distances only; nothing is trained."),
)
@section(
    "Read blind",
    option(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="Write a csv sheet for blind readers, and its key beside it.",
    ),
    option("--per-set", type=click.IntRange(2), default=50, help="Rows of each file on the sheet, half of them real."),
    option("--ask-label", is_flag=True, help="Show the class on the sheet, so that readers can judge it."),
    option("--score", is_flag=True, help="Score readers' answers: each FILE has the columns id, natural, label."),
    option("--key", "key_file", type=Path, metavar="FILE", help="The key of the sheet, for --score."),
)
@section(
    "Output",
    option(
        "--json",
        "json_file",
        type=Path,
        metavar="FILE",
        help="Write the figures there too. Results that it has already are not computed again.",
    ),
)
@click.pass_context
def fluency_command(
    context: click.Context,
    /,
    files: tuple[str, ...],
    arms: tuple[str, ...],
    rows: int,
    guards: tuple[str, ...],
    equal_changes: bool,
    seed: int,
    encoder: str,
    folds: int,
    no_classifier: bool,
    sheet: Path | None,
    per_set: int,
    ask_label: bool,
    score: bool,
    key_file: Path | None,
    json_file: Path | None,
) -> None:
    """Measure whether new rows read like real ones.

    Each FILE:class=NAME is a class of a file; FILE:class=* is all of its classes. With --score, each FILE has the
    answers of one reader.
    """
    _refuse_idle(context)
    if score:
        check_there(paths=[Path(file) for file in files] + [key_file])
        _score([Path(file) for file in files], key_file, json_file)
        return
    check_there(beside=[file.partition(":class=")[0] for file in files], models=[None if no_classifier else encoder])
    from benchmarks.quality.compared_rows import ClassOfFile, NamedStrategy
    from benchmarks.quality.fluency import FluencyResults, arms_of, made_set, measure
    from benchmarks.quality.reading_sheet import check_free, drawn_rows, write_sheet

    chosen, named = [ClassOfFile.parsed(file) for file in files], [NamedStrategy.parsed(arm) for arm in arms]
    compared, results = arms_of(named), FluencyResults(json_file)
    if sheet is not None:
        check_free(sheet)
    settings: dict[str, Any] = {"guards": guards or None, "equal_changes": equal_changes, "log": note}
    made = [made_set(one, compared, rows=rows, seed=seed, **settings) for one in chosen]
    if sheet is not None:
        read = [arm.name for arm in compared[: max(1, len(named))]]
        key = write_sheet(drawn_rows(made, read, per_set=per_set, seed=seed), sheet, ask_label=ask_label)
        note(f"The sheet is {sheet}. Keep its key, {key}, from the readers.")
    judged = None if no_classifier else encoder
    found = [
        result for one in made for result in measure(one, compared, results, encoder=judged, folds=folds, **settings)
    ]
    _show(found)


def _refuse_idle(context: click.Context) -> None:
    """Refuse a call without files, and options that another one, or a missing one, leaves without effect."""
    values = context.params
    given = {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    }
    if not values["files"]:
        what = "FILE: the answers of one reader" if values["score"] else "FILE:class=NAME, e.g. sample:class=neutral"
        raise click.UsageError(f"Give one or more {what}.")
    if values["score"]:
        if idle := [name for key, name in given.items() if key not in OF_SCORES]:
            raise click.UsageError(f"{idle[0]} has no effect with --score. Leave it out.")
        if values["key_file"] is None:
            raise click.UsageError("--score needs the key of the sheet: --key FILE.")
        if len(values["files"]) > 2:
            raise click.UsageError(f"--score compares two readers. Got {len(values['files'])} files. Give one or two.")
    elif values["key_file"] is not None:
        raise click.UsageError("--key is for --score. Leave it out.")
    for needed, names in {"sheet": OF_THE_SHEET, "no_classifier": OF_THE_CLASSIFIER}.items():
        wrong = bool(values[needed]) if needed == "no_classifier" else values[needed] is None
        if wrong and (idle := [given[name] for name in names if name in given]):
            other = "with --no-classifier" if needed == "no_classifier" else "without --sheet"
            raise click.UsageError(f"{idle[0]} has no effect {other}. Leave it out.")


def _show(found: list[Result]) -> None:
    """Print a table for each set."""
    from augment.cli.display import show_table

    for name in dict.fromkeys(result["set"] for result in found):
        own = [result for result in found if result["set"] == name]
        first, second = [], []
        for result in own:
            told, far = result["told_apart"], result["distance"]
            judged = (
                [] if told is None else [_number(told["auc"]), f"{_number(told['low'])} to {_number(told['high'])}"]
            )
            shares = [f"{far[key]:.1%}" for key in ("changed", "one_word", "near_source", "near_each_other")]
            numbers = [_number(far[key]) for key in ("distinct_1", "distinct_2", "distinct_3", "self_bleu")]
            first.append([result["arm"], result["rows"], *judged, *shares])
            second.append([result["arm"], *numbers])
        judged = ["AUC", "95 %"] if own[0]["told_apart"] else []
        show_table(name, ["", "rows", *judged, "changed", "one word", "near source", "near others"], first)
        click.echo()
        show_table(name, ["", "distinct-1", "distinct-2", "distinct-3", "self-BLEU"], second)
        click.echo()


def _score(files: list[Path], key_file: Path | None, json_file: Path | None) -> None:
    """Print what the readers say."""
    from augment.cli.display import show_table
    from augment.files import staged_text
    from benchmarks.quality.reading_sheet import agreement, read_answers, read_key, readings

    assert key_file is not None, "refused without it"
    key = read_key(key_file)
    answers = [read_answers(file, key) for file in files]
    shares = readings(key, answers)
    rows = []
    for one in shares:
        label = ["-", "-"] if one.label is None else [f"{one.label.share:.1%}", _interval(one.label)]
        rows.append([one.set, one.arm, one.natural.rows, f"{one.natural.share:.1%}", _interval(one.natural), *label])
    show_table("read blind", ["set", "rows of", "rows", "natural", "95 %", "label right", "95 % "], rows)
    agreed = []
    if len(answers) == 2:
        asked = all(one.label is not None for reader in answers for one in reader.values())
        agreed = [agreement(question, *answers) for question in (("natural", "label") if asked else ("natural",))]
    for both in agreed:
        click.echo(
            f"{both.question}: the readers agree on {both.same:.1%} of {both.rows:,} rows, kappa {_number(both.kappa)}"
        )
    if json_file is not None:
        record = {"readings": [asdict(one) for one in shares], "agreement": [asdict(one) for one in agreed]}
        with staged_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", json_file):
            pass


def _interval(share: Any) -> str:
    return f"{share.low:.1%} to {share.high:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}".removeprefix("0")
