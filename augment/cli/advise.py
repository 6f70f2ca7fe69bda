"""The command `augment advise`, and the options that `benchmarks advise` shares with it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from augment.cli import completion
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import LAYOUT, layout_of, layout_options

if TYPE_CHECKING:
    from augment.advice.commands import NamedData
    from augment.advice.suggestion import Advice
    from augment.data.corpus import Corpus

ASKED = ("label", "pool", "llm", "encoder", "head", "pay_map")
"""The options of `asked_options`."""
asked_options = section(
    "What to advise on",
    option("--label", metavar="NAME", show_default="the smallest class", help="Rare class."),
    option("--pool", metavar="FILE", help="Unlabelled texts of the same kind, if you have any."),
    option("--llm", metavar="NAME", help="Large language model that may write rows, as its service calls it."),
    option(
        "--encoder",
        metavar="NAME",
        shell_complete=completion.MODELS,
        show_default="any in the map",
        help="Encoder that you train.",
    ),
    option(
        "--head",
        metavar="NAME",
        shell_complete=completion.words("linear", "logistic-regression"),
        show_default="any in the map",
        help="How you train: linear (the encoder is fine-tuned), logistic-regression (it is frozen).",
    ),
    option(
        "--map",
        "pay_map",
        type=Path,
        metavar="FILE",
        show_default="that of the project",
        help="Another map, which `benchmarks map` has written.",
    ),
)
"""The options that say what the advice is for."""


@command(
    "advise",
    examples={
        "Ask about the bundled sample:": "augment advise sample",
        "Ask about a class, with unlabelled texts at hand:": (
            "augment advise mail.csv --label complaint --pool old-mail.txt"
        ),
    },
)
@click.argument("source", metavar="INPUT", shell_complete=completion.INPUTS)
@asked_options
@section("Output", option("--json", "as_json", is_flag=True, help="Print JSON."))
@layout_options
@click.pass_context
def advise_command(context: click.Context, /, source: str, as_json: bool, **others: Any) -> None:
    """Say what to do first for the rare class of INPUT: which loss, which new rows, and what to expect.

    The advice is that of a map: measured data sets, each with many ways to treat a rare class. It says which of them
    are near, or that none is.
    """
    advice, _ = advised(context, source, **others)
    if as_json:
        click.echo(json.dumps(advice.to_dict(), indent=2, ensure_ascii=False))
        return
    for line in advice.lines:
        note(line, err=False)


def advised(context: click.Context, source: str, **others: Any) -> tuple[Advice, Corpus]:
    """Read a table, and return the advice on it.

    Parameters
    ----------
    context : click.Context
        Of the command, which has `asked_options` and `layout_options`.
    source : str
        A file, a saved folder, a hub id, or ``sample``.
    **others : object
        The values of these options.

    Returns
    -------
    Advice, Corpus
    """
    asked = {name: others.pop(name) for name in ASKED}
    check_there([source], beside=[] if asked["pool"] is None else [asked["pool"]], paths=[asked["pay_map"]])
    from augment.advice.measured import read_map
    from augment.advice.selection import advise_on
    from augment.data import corpus
    from augment.plain_data import as_expected

    own_map = asked.pop("pay_map")
    pay_map = read_map(own_map)
    table = corpus.read(source, layout_of((source,), **others))
    with contextlib.nullcontext() if own_map is None else as_expected(str(own_map)):
        return advise_on(table, pay_map=pay_map, source=_source(context, source), **asked), table


def _source(context: click.Context, name: str) -> NamedData:
    """Return how the printed commands name the table: with the options that this command was given."""
    from augment.advice.commands import NamedData, options_of

    words: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
        if given and parameter.name in (*LAYOUT, "no_header", *ASKED):
            words[parameter.name in ASKED].append((parameter.opts[0], context.params[str(parameter.name)]))
    return NamedData(name, options_of(words[False]), options_of(words[True]))
