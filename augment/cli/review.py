"""The command `augment review`."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.display import bar
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import layout_of, layout_options, seed_option, with_file_name


@command(
    "review",
    examples={
        "Read new rows, the most doubtful ones first:": "augment review balanced.csv",
        "Read 100 rows that are drawn at random:": ("augment review balanced.csv --sample 100 --reviewer Ada"),
    },
)
@click.argument("source", metavar="TABLE", shell_complete=completion.INPUTS)
@section(
    "What to review",
    option("--sample", type=int, metavar="N", help="Review N rows that are drawn at random, and estimate the others."),
    seed_option("Seed of the sample.", default=(0,)),
    option(
        "--decisions",
        type=Path,
        metavar="FILE",
        callback=with_file_name,
        show_default="TABLE.decisions.jsonl",
        help="File of the decisions. An earlier one is gone on with.",
    ),
    option("--reviewer", metavar="NAME", help="Your name, to be kept with each decision."),
    option("--summary", is_flag=True, help="Print how far the review is, and stop."),
)
@section(
    "The page",
    option(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="Address to listen on. Others can reach what is not loopback.",
    ),
    option("--port", type=click.IntRange(1, 65535), show_default="a free one", help="Port to listen on."),
    option("--no-browser", is_flag=True, help="Print the address, and open no browser."),
)
@layout_options
def review_command(
    source: str,
    sample: int | None,
    seed: int,
    decisions: Path | None,
    reviewer: str | None,
    summary: bool,
    host: str,
    port: int | None,
    no_browser: bool,
    **others: Any,
) -> None:
    """Open a local page to accept, reject or relabel the rows of TABLE, one key each.

    TABLE is an output of `augment upsample`, of which the new rows are shown beside their sources, or any table with
    texts and labels. Each decision is on the disk before the next row is shown. Ctrl-C ends the page; the same command
    goes on later. `augment apply` writes the table that follows from the decisions.
    """
    check_there([source])
    from augment.review.server import check_libraries, is_loopback, serve
    from augment.review.session import open_review

    if not summary:
        check_libraries()
    with (
        _ended_as_by_ctrl_c(),
        bar(quiet=False) as advance,
        open_review(
            source,
            decisions=decisions,
            layout=layout_of((source,), **others),
            reviewer=reviewer,
            sample=sample,
            seed=seed,
            progress=advance,
        ) as review,
    ):
        if not summary:
            if not is_loopback(host):
                note(
                    f"Warning: the page listens on {host}. Who can reach this machine and knows the address with its"
                    " token can read the rows and decide on them; nothing is encrypted."
                )
            serve(review, host=host, port=port or 0, browser=not no_browser, log=_say_address)
        _say_state(review, source)


@contextlib.contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """End the block in order, too, if the terminal is closed or the system asks for it."""
    names = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]
    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _say_address(address: str) -> None:
    """Print where the page is."""
    click.echo(f"The page is at {address}\nEnd it with Ctrl-C.")


def _say_state(review: Any, source: str) -> None:
    """Print how far a review is, and what to do next."""
    tally = review.tally()
    click.echo(
        f"{tally.read:,} of {tally.rows:,} rows read: {tally.accepted:,} accepted, {tally.rejected:,} rejected,"
        f" {tally.relabelled:,} relabelled."
    )
    click.echo(review.outlook())
    if tally.read:
        click.echo(f"The decisions are in {review.decisions.path}. `augment apply {source}` carries them out.")
