"""Messages of the library name parameters of Python, and those of commands name options."""

from __future__ import annotations

import click
import pytest

from augment.cli.option_names import with_options

PARAMETERS = [
    click.Argument(["source"], metavar="INPUT"),
    click.Option(["-o", "--output"]),
    click.Option(["--overwrite"], is_flag=True),
    click.Option(["--no-header"], is_flag=True),
    click.Option(["--normalize/--no-normalize"], default=None),
    click.Option(["guards", "--guard"], multiple=True),
    click.Option(["--text-column"]),
    click.Option(["--mlm-weight"], type=float),
]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Give `source`.", "Give INPUT."),
        ("Give another `output`.", "Give another --output."),
        ("Give `overwrite=True` to replace it.", "Give --overwrite to replace it."),
        ("Give `header=False`.", "Give --no-header."),
        ("Give `normalize=False`.", "Give --no-normalize."),
        ("Give `normalize=True`.", "Give --normalize."),
        ("Name it as `text_column`.", "Name it as --text-column."),
        ("Give `text_column='my text'`.", "Give --text-column 'my text'."),
        ("Give `guards=['polarity']`.", "Give --guard polarity."),
        ("Give `guards=[]`.", "Give --guard none."),
        ("Give `mlm_weight=0.1`.", "Give --mlm-weight 0.1."),
        ("`run.mlm_weight` must be above 0.", "--mlm-weight must be above 0."),
        ("`k_neighbors` of Smote", "`k_neighbors` of Smote"),
        ("a folder saved by `datasets`", "a folder saved by `datasets`"),
        ("see `augment guards`; got 'overwrite=True'", "see `augment guards`; got 'overwrite=True'"),
    ],
)
def test_a_parameter_becomes_the_option_of_its_name(message: str, expected: str):
    assert with_options(message, PARAMETERS) == expected
