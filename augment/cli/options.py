"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.core import ParameterSource

from augment.cli import completion
from augment.cli.help import option, section
from augment.errors import InputError, did_you_mean
from augment.name_lists import read_list, split
from augment.word_lists import LANGUAGES

if TYPE_CHECKING:
    from augment.data.layout import Layout
    from augment.execution.choice import Execution

_Command = TypeVar("_Command", bound=Callable[..., Any])

LAYOUT = (
    "text_column",
    "label_column",
    "label_separator",
    "columns",
    "label_map",
    "labels",
    "drop_unlabelled",
    "single_label",
    "split",
    "delimiter",
    "quoting",
    "encoding",
)


def with_file_name(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a path without a name, such as `.`: other paths are derived from the name."""
    if value is not None and not value.name:
        raise click.BadParameter(f"{str(value)!r} has no name of its own. Give that of a file or a folder.")
    return value


def _character(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the character that a word stands for: a tab is hard to type."""
    return "\t" if value in ("tab", "\\t") else value


_TEXT_COLUMN = option(
    "--text-column", metavar="NAME", show_default="text, sentence, review, …", help="Column of the texts."
)
_LABEL_COLUMN = option(
    "--label-column",
    metavar="NAME|A,B,…",
    show_default="label, gold_label, sentiment, …",
    help="Column of the labels, or a column of 0 and 1 for each label.",
)
_LABEL_SEPARATOR = option(
    "--label-separator", metavar="MARK", help="What is between the labels of one cell, e.g. '|', if rows have several."
)
_WITHOUT_HEADER = (
    option("--no-header", is_flag=True, help="The csv or tsv file has no header; give --columns."),
    option("--columns", metavar="A,B,…", help="Column names of a file without a header."),
)
_LABELS = (
    option(
        "--label-map",
        metavar="stars",
        shell_complete=completion.words("stars"),
        help="1,2 → negative, 3 → neutral, 4,5 → positive.",
    ),
    option("--labels", metavar="A,B,…", help="Use rows of these classes only."),
    option("--drop-unlabelled", is_flag=True, help="Leave rows without a usable label out."),
    option("--single-label", is_flag=True, help="Take labels such as plot|acting as one class each."),
)
_FORM = (
    option("--split", default="train", metavar="NAME", help="Split of a saved folder or hub id."),
    option(
        "--delimiter",
        metavar="CHARACTER",
        callback=_character,
        shell_complete=completion.words("tab"),
        show_default="found in the first lines",
        help="What is between the fields of a csv or tsv file; tab for a tab.",
    ),
    option(
        "--quoting",
        type=click.Choice(["minimal", "none"]),
        show_default="minimal",
        help="none: quotes are plain characters of a csv or tsv file.",
    ),
    option(
        "--encoding",
        metavar="NAME",
        shell_complete=completion.words("utf-8", "utf-16", "windows-1252", "latin-1"),
        show_default="utf-8",
        help="Encoding of a text file without a byte order mark, e.g. windows-1252.",
    ),
)
layout_options = section("Input", _TEXT_COLUMN, _LABEL_COLUMN, _LABEL_SEPARATOR, *_WITHOUT_HEADER, *_LABELS, *_FORM)
"""The options that say how a labelled input is laid out."""
text_layout_options = section("Input", _TEXT_COLUMN, *_WITHOUT_HEADER, *_FORM)
"""The same, for a command that reads no labels."""


parameters_option = option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Parameter of the strategy; repeatable."
)
"""The option ``--param``, which `values_of` reads."""
guards_option = option(
    "--guard",
    "guards",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    shell_complete=completion.CHOSEN_GUARDS,
    help="Ask this guard of new texts as well; repeatable. only:NAME: without the default guards. none: no guard but"
    " those of every run. See `augment guards`.",
)
"""The option ``--guard``."""


OUTPUT_FORMATS = "File to write: .csv, .tsv, .jsonl, .json, .parquet, .xlsx, or a folder."
"""The help of an output that is a table."""
QUIET = option("-q", "--quiet", is_flag=True, help="Print errors only.")
"""The option ``--quiet``."""


CSV_SAFE = option(
    "--csv-safe", is_flag=True, help="Put ' before cells of csv and tsv that a spreadsheet takes for formulas."
)


def seed_option(help: str = "Seed of all random draws.", **kwargs: Any) -> Callable[[_Command], _Command]:
    """Return the option ``--seed``. ``--random-state`` is taken for the same; two that differ are refused."""
    return option(
        "--seed", aliases=("--random-state",), multiple=True, callback=_one_seed, type=int, help=help, **kwargs
    )


def output_option(help: str, *, metavar: str = "FILE", **kwargs: Any) -> Callable[[_Command], _Command]:
    """Return the option ``--output``, a path with a name, as `option` takes the rest."""
    return option("-o", "--output", type=Path, metavar=metavar, callback=with_file_name, help=help, **kwargs)


def device_option(**default: Any) -> Callable[[_Command], _Command]:
    """Return the option ``--device``, with its default as `option` takes it."""
    words = "Where the model runs: auto, cpu, cuda, cuda:1, …"
    return option("--device", metavar="DEVICE", shell_complete=completion.DEVICES, help=words, **default)


def _one_seed(context: click.Context, parameter: click.Parameter, values: tuple[int, ...]) -> int | None:
    if len(set(values)) > 1:
        raise click.UsageError(
            f"The seed is given as {' and as '.join(map(str, values))}. --seed and --random-state are the same option:"
            " give one of them, once."
        )
    return values[-1] if values else None


def layout_of(sources: Sequence[str] | None = None, /, *, labelled: bool = True, **others: Any) -> Layout:
    """Build the layout from `layout_options` or `text_layout_options`; refuse what has no effect on the sources."""
    from augment.data.layout import Layout, check_layout, of_labels

    for name in ("columns", "labels"):
        if others.get(name) is not None:
            others[name] = _names(name, others[name])
    given = {name: others[name] for name in LAYOUT if name in others}
    if labelled:
        column = given.pop("label_column", None)
        several = None if column is None else _several("label-column", column)
        given |= of_labels(several, given.pop("label_separator", None))
    layout = Layout(header=not others["no_header"], **given)
    if sources is not None:
        check_layout(layout, sources, labelled=labelled)
    return layout


def kept_columns(text: str) -> Literal["all"] | tuple[str, ...]:
    """Read `--keep-columns`: all, none, or names with commas between them."""
    if text == "all":
        return "all"
    return () if text == "none" else _names("keep-columns", text)


def _names(option: str, text: str) -> tuple[str, ...]:
    """Read the names of an option."""
    try:
        names = tuple(read_list(text))
    except InputError as error:
        raise InputError(f"--{option}: {error}") from None
    if not names:
        raise InputError(f"--{option} takes one name or more, with commas between. Got {text!r}.")
    return names


def _several(option: str, text: str) -> str | tuple[str, ...]:
    """Read an option that takes one name or several."""
    if "," not in text:
        return text
    names = _names(option, text)
    return names if len(names) > 1 else names[0]


def values_of(params: tuple[str, ...]) -> dict[str, str]:
    """Split NAME=VALUE options."""
    values = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise InputError(f"A parameter is written NAME=VALUE, e.g. --param mask_ratio=.2. Got {param!r}.")
        values[name.replace("-", "_")] = value
    return values


AMOUNT = (
    option(
        "--sampling-strategy",
        default="auto",
        metavar="WHICH",
        shell_complete=completion.AMOUNTS,
        help="Which classes grow, and how far: auto (all to the size of the largest), minority, 'not minority',"
        " 'not majority', all, a share of the largest such as 0.5, 1.5x, +500, or class=ROWS,… with ROWS 90, +50 or"
        " 2x. 'a, b'=90 for a class with a comma.",
    ),
    option(
        "--singletons",
        type=click.Choice(["skip", "copy", "error"]),
        show_default="refuse them if the strategy needs two",
        help="Classes with a single text: leave them as they are, repeat their row, or refuse the data.",
    ),
    option("--max-per-source", type=int, help="Maximum number of new rows from one source row."),
    seed_option("Seed of all random draws. The same seed gives the same rows.", default=(0,)),
)
"""The options that say which rows are made."""
LANGUAGE = option(
    "--language",
    type=click.Choice(list(LANGUAGES)),
    show_default="en",
    help="Language of the texts: its negations are protected, and its words of praise and blame guarded.",
)
EDIT = option(
    "--edit",
    metavar="both|A,B,…",
    help="Which texts of a row are edited, with --text-column premise,hypothesis: names, or both.",
)
CONFIG = option(
    "--config",
    type=Path,
    metavar="FILE",
    help="Repeat the run of a manifest, or carry out a file like it; INPUT and options override it.",
)
GUARDED = (
    guards_option,
    option(
        "--polarity",
        metavar="POLE=CLASS,…",
        help="Which classes are of which pole, as positive=praise,neutral=info. Short for --guard polarity:….",
    ),
    option(
        "--against",
        multiple=True,
        metavar="FILE",
        help="Held-out file that no new row may equal, as FILE or FILE:column=NAME:split=NAME. Repeatable.",
    ),
)
"""The options that say what rows must pass."""


CLUSTER = (
    option(
        "--executor",
        type=click.Choice(["local", "ray"]),
        default="local",
        help="Where the workers are: on this machine, or on a Ray cluster.",
    ),
    option(
        "--address",
        metavar="HOST:PORT|auto",
        shell_complete=completion.words("auto"),
        show_default="the cluster of this machine, or a Ray of its own",
        help="Head node of the cluster; auto: that of this machine.",
    ),
    option("--worker-cpus", type=float, default=1, metavar="N", help="Cores of each worker on the cluster."),
    option("--worker-gpus", type=float, default=0, metavar="N", help="GPUs of each worker on the cluster."),
    option(
        "--mixed-hardware",
        is_flag=True,
        help="Allow workers on different hardware, in float32.",
    ),
)
"""The options on a cluster; `execution_of` reads them."""
EXECUTION = (
    option("--workers", type=int, default=1, help="Processes, or actors of the cluster; for speed only."),
    *CLUSTER,
)
"""The options that say who does the work; `execution_of` reads them."""
ON_A_CLUSTER = ("address", "worker_cpus", "worker_gpus", "mixed_hardware")


def execution_of(context: click.Context, values: dict[str, Any], *, workers: int | None = None) -> Execution:
    """Take the values of `EXECUTION`, or of `CLUSTER`, out of those of a command, and return what they say.

    Raises
    ------
    InputError
        If one of them cannot be used.
    click.UsageError
        If one is for a cluster, and there is none.
    """
    from augment.execution.choice import Execution, Ray

    workers, executor = values.pop("workers", workers), values.pop("executor")
    of_cluster = {name: values.pop(name) for name in ON_A_CLUSTER}
    for name in ON_A_CLUSTER if executor == "local" else ():
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect without --executor ray. Leave it out.")
    execution = Execution(1 if workers is None else workers, Ray(**of_cluster) if executor == "ray" else None)
    execution.check()
    return execution


def chosen_options(context: click.Context, parameters: tuple[str, ...], others: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave, by the names that `augment.run.request.settle` takes."""
    named = {name for name in others if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    layout = layout_of(**others)
    options = {name: others[name] for name in others if name in named and name not in LAYOUT}
    options |= {name: getattr(layout, name) for name in LAYOUT if name in named}
    if "label_column" in named:
        options["label_columns"] = layout.label_columns
    if others.get("edit") is not None:
        from augment.data.layout import of_rows

        texts = options.get("text_column")
        edit = _several("edit", options.pop("edit"))
        options |= of_rows(texts if texts is None else _several("text-column", texts), edit)
    elif "text_column" in options:
        options |= {"beside": (), "also_edited": ()}
    if "keep_columns" in options:
        options["keep_columns"] = kept_columns(options["keep_columns"])
    if (poles := options.pop("polarity", None)) is not None:
        options["guards"] = (*options.get("guards", ()), _polarity_guard(poles))
    if options.pop("no_header", False):
        options["header"] = False
    values = values_of(parameters)
    if both := sorted(named.intersection(others, values)):
        flag = f"--{both[0].replace('_', '-')}"
        raise click.UsageError(f"{flag} and --param {both[0]}={values[both[0]]} set the same parameter. Leave one out.")
    return {**options, "parameters": values}


def _polarity_guard(poles: str) -> str:
    """Return the guard that `--polarity` is short for."""
    from augment.guards.polarity import NAMES

    named = [part.partition("=") for part in split(poles)]
    wrong = [pole.strip() for pole, equals, _ in named if equals and pole.strip() not in NAMES]
    if not named[0][1] or wrong:
        raise click.UsageError(
            f"--polarity is written POLE=CLASS,… with the poles {', '.join(NAMES)}, e.g. positive=praise. Got"
            f" {poles!r}.{did_you_mean(wrong or poles, NAMES)}"
        )
    return f"polarity:{poles}"
