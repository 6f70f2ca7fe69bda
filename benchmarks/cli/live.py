"""Progress of a running benchmark: a table that grows on a terminal, or a line for each cell elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from augment.cli.display import can_redraw, duration, terminal
from augment.errors import counted_of
from benchmarks.grid.cells import Cell
from benchmarks.report.summary import f1_on_test, gap
from benchmarks.results import Record, Results

if TYPE_CHECKING:
    from benchmarks.run.suite_run import Watch


@contextmanager
def shown(cells: Sequence[Cell], results: Results, *, quiet: bool) -> Iterator[Watch]:
    """Show the progress of a run.

    Parameters
    ----------
    cells : sequence of Cell
        All of the run.
    results : Results
        The results of the run; they grow while it runs.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        See `benchmarks.run.suite_run.Watch`.
    """
    done = sum(cell.place in results.done for cell in cells)
    if quiet:
        yield lambda record, left, seconds: None
        return
    if done:
        click.echo(f"{counted_of(done, len(cells), 'cell', 'is', 'are')} done already.", err=True)
    console = terminal(stderr=True)
    if not can_redraw(console):
        yield lambda record, left, seconds: click.echo(
            _line(record, len(cells) - len(left), len(cells), seconds), err=True
        )
        return
    from rich.live import Live

    start = time.perf_counter()
    with Live(_view(cells, results, done, None, 0.0), console=console, refresh_per_second=2) as live:

        def update(record: Record, left: Sequence[Cell], seconds: float | None) -> None:
            passed = time.perf_counter() - start
            live.update(_view(cells, results, len(cells) - len(left), seconds if left else None, passed))

        yield update


def _line(record: Record, done: int, total: int, seconds: float | None) -> str:
    """Return the line that is printed when a cell has ended."""
    where = " · ".join((record["task"], record["encoder"], record["head"], record["loss"], record["arm"]))
    if record["status"] == "failed":
        what = f"failed: {record['reason']}"
    else:
        what = f"macro-F1 {f1_on_test(record):.1f}, gap {gap(record):.1f}, {duration(record['seconds'])}"
    left = f"; about {duration(seconds)} left" if seconds else ""
    return f"{done:,} of {total:,}: {where} · seed {record['seed']}: {what}{left}"


def _view(cells: Sequence[Cell], results: Results, ended: int, seconds: float | None, passed: float) -> Any:
    """Return the progress of the run and, below it, the table of the arms so far, as far as it fits on the terminal."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    left = f", about {duration(seconds)} left" if seconds else ""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("arm")
    for name in ("cells", "macro-F1", "gap", "failed"):
        table.add_column(name, justify="right")
    several = len({cell.group for cell in cells}) > 1
    lines: dict[str, list[Cell]] = {}
    for cell in cells:
        name = " · ".join((*cell.group, cell.arm.name)) if several else cell.arm.name
        lines.setdefault(name, []).append(cell)
    for name, own in lines.items():
        records = [results.cells[cell.place] for cell in own if cell.place in results.cells]
        done = [record for record in records if record["status"] == "done"]
        table.add_row(
            Text(name),
            f"{len(done)} of {len(own)}",
            f"{fmean(map(f1_on_test, done)):.1f}" if done else "",
            f"{fmean(map(gap, done)):.1f}" if done else "",
            str(len(records) - len(done) or ""),
        )
    return Group(Text(f"{ended:,} of {len(cells):,} cells, {duration(passed)}{left}"), table)
