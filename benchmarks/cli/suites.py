"""The commands `benchmarks run`, `report`, `compare` and `list`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augment.cli.options import layout_of, layout_options
from augment.errors import CounterpoiseError, InputError, ModelError

if TYPE_CHECKING:
    from benchmarks.grid.suite import Cell, Suite
    from benchmarks.grid.tasks import TaskData
    from benchmarks.results import Record, Results, RunRecord


def _listed(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    """Split a list at its commas."""
    found = None if value is None else [part.strip() for part in value.split(",") if part.strip()]
    if found == []:
        raise click.BadParameter("names none.")
    return found


@click.command("run")
@click.option("--suite", "name", default="smoke", show_default=True, metavar="NAME|FILE", help="What is measured.")
@click.option("--seeds", type=click.IntRange(1), help="How many; by default as the suite says.")
@click.option("--arms", callback=_listed, metavar="NAME,…", help="Of these arms alone, or of strategies.")
@click.option(
    "--arm-file", type=Path, metavar="FILE", help="YAML with arms of your own, in the form of benchmarks/arms.yaml."
)
@click.option(
    "--task", "tasks", multiple=True, metavar="NAME", help="In place of the suite's; csv:FILE is yours. Repeatable."
)
@click.option(
    "--encoder", "encoders", multiple=True, metavar="NAME", help="In place of the suite's; a folder, hub id or mini."
)
@click.option("--data-dir", type=Path, metavar="DIR", help="Where known data sets lie.  [default: the hub]")
@click.option("-o", "--out", type=Path, metavar="DIR", help="Folder of the results.  [default: benchmark-SUITE]")
@click.option("--jobs", type=click.IntRange(1), help="Cells side by side.  [default: by cores, at most 4; on a GPU 1]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--dry-run", is_flag=True, help="Show the grid and the time it may take, and run nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@layout_options
def run_command(
    name: str,
    seeds: int | None,
    arms: list[str] | None,
    arm_file: Path | None,
    tasks: tuple[str, ...],
    encoders: tuple[str, ...],
    data_dir: Path | None,
    out: Path | None,
    jobs: int | None,
    device: str,
    dry_run: bool,
    quiet: bool,
    **columns: Any,
) -> None:
    """Train every arm of a suite with every seed, and test it; go on where an interrupted run stopped.

    The options on columns, labels and splits are those of csv:FILE.
    """
    from augment.data.reading import Layout
    from benchmarks.grid import suite as suites
    from benchmarks.grid.arms import BUILT_IN, load_mapping, resolve
    from benchmarks.grid.tasks import OWN
    from benchmarks.results import FILE, Results, RunRecord, read

    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"{data_dir}: there is no such folder. Give the one that holds sst3, dynasent-v1.1, ….")
    suite = suites.read(name).changed(tasks, encoders)
    own_arms = {} if arm_file is None else load_mapping(arm_file)
    chosen = resolve(arms or suite.arms, own_arms)
    layout = layout_of(**columns)
    if layout != Layout() and not any(task.name.startswith(OWN) for task in suite.tasks):
        raise InputError("Options on columns, labels and splits are of --task csv:FILE, and no task is such a file.")
    data = suites.load_tasks(suite, data_dir, layout)
    cells = list(suites.cells(suite, data, chosen, seeds=seeds or suite.seeds, device=device))
    if not cells:
        raise InputError("No arm is left: 'real' needs rows that the task leaves out, by train_rows or a ratio.")
    for number, task in enumerate(data):
        there = {cell.arm.name for cell in cells if cell.task == number}
        if (absent := [arm.name for arm in chosen if arm.name not in there]) and not quiet:
            click.echo(f"{task.title}: without {', '.join(absent)}, since no row was left out of the draw.", err=True)
    folder = out or Path(f"benchmark-{suite.name}")
    jobs = jobs or _default_jobs(device)
    files = {"suite": suites.path_of(name), "arms": BUILT_IN} | ({} if arm_file is None else {"own arms": arm_file})
    asked = RunRecord(
        suite=suite.identity | {"data": {task.title: task.fingerprints() for task in data}},
        files={what: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for what, path in files.items()},
        encoders=suites.contents(suite.encoders),
    )
    if dry_run:
        found = read(folder) if (folder / FILE).exists() else Results(folder / FILE)
        found.check(asked, cells)
        _show_grid(suite, data, cells, found, jobs)
        return
    failed, found = _run(asked, data, cells, folder, jobs, quiet)
    if not quiet:
        _show_arms(found)
        click.echo(f"\nThe report: benchmarks report {folder}")
    for record in failed:
        where = " · ".join(record[part] for part in ("task", "encoder", "head", "loss", "arm"))
        click.echo(f"Failed: {where} · seed {record['seed']}: {record['reason']}", err=True)
    if failed:
        raise _CellsFailed(
            f"{len(failed)} of {len(cells)} cells have failed; the same command tries them again, and them alone."
        )


class _CellsFailed(CounterpoiseError):
    """Some cells came to nothing."""

    exit_code = 1


def _run(
    asked: RunRecord, data: Sequence[TaskData], cells: Sequence[Cell], folder: Path, jobs: int, quiet: bool
) -> tuple[list[Record], Results]:
    """Run what is not done yet."""
    from benchmarks.cli.live import shown
    from benchmarks.results import appending
    from benchmarks.run.runner import run

    cores = os.cpu_count() or 1
    with appending(folder) as (results, appender):
        if results.cut:
            click.echo(f"{results.path}: the last line was cut short and has been taken away.", err=True)
        results.check(asked, cells)
        appender.begin(asked)
        for task in data:
            if task.absent and not quiet:
                click.echo(f"{task.title}: not tested on {', '.join(task.absent)}, whose rows are not there.", err=True)
            if task.shared and not quiet:
                parts = ", ".join(f"{count:,} of {part}" for part, count in task.shared.items())
                click.echo(f"{task.title}: training rows that nearly equal others are taken out: {parts}.", err=True)
            for test, rows in task.tests.items():
                appender.add_test(rows.fingerprint, test, rows.labels)
        with shown(cells, results, quiet=quiet) as told:
            failed = run(cells, data, results, appender, folder, jobs=jobs, threads=max(1, cores // jobs), told=told)
    return failed, results


def _default_jobs(device: str) -> int:
    """Return one for each core, at most four; on a GPU one."""
    import torch

    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    return 1 if on_gpu else min(4, os.cpu_count() or 1)


def _show_grid(suite: Suite, data: Sequence[TaskData], cells: Sequence[Cell], results: Results, jobs: int) -> None:
    """Print what would be run."""
    from augment.cli.console import show_table
    from benchmarks.cli.live import duration
    from benchmarks.run.runner import estimated

    rows = []
    for task in data:
        drawn = task.drawn(0)[0].counts
        rows.append(
            [
                task.title,
                ", ".join(f"{n:,} {label}" for label, n in drawn.items()),
                len(task.validation),
                ", ".join(f"{test} {len(of_test):,}" for test, of_test in task.tests.items()),
            ]
        )
    show_table("tasks", ["", "training rows", "validation", "test rows"], rows)
    click.echo()
    arms = {cell.arm.name: cell.arm for cell in cells}
    done = results.done
    show_table(
        "arms",
        ["", "", "cells", "done"],
        [
            [
                name,
                arm.summary,
                sum(c.arm.name == name for c in cells),
                sum(c.place in done and c.arm.name == name for c in cells),
            ]
            for name, arm in arms.items()
        ],
    )
    steps = sorted({cell.config.max_steps or 0 for cell in cells})
    click.echo(
        f"\n{len(cells):,} cells: {', '.join(suite.encoders)} × {', '.join(suite.heads)} × {', '.join(suite.losses)};"
        f" {' to '.join(f'{n:,}' for n in dict.fromkeys((steps[0], steps[-1])))} steps each."
    )
    try:
        seconds = estimated(cells, data, results, jobs)
        click.echo(f"About {duration(seconds)} with {jobs} at a time.")
    except ModelError as error:
        click.echo(f"How long it takes cannot be said: {error}")


def _show_arms(results: Results) -> None:
    """Print each group's arms, their means and what is proved."""
    from augment.cli.console import show_table
    from benchmarks.report.findings import brief
    from benchmarks.report.summary import groups

    for group in groups(results):
        headings, rows = brief(group)
        click.echo()
        show_table(group.title, headings, rows)


@click.command("report")
@click.argument("folder", type=Path, metavar="DIR")
@click.option("-o", "--out", type=Path, metavar="DIR2", help="Where it is written.  [default: DIR]")
@click.option("--against", metavar="ARM", help="Compare all arms with this one, too.")
def report_command(folder: Path, out: Path | None, against: str | None) -> None:
    """Write what the results in DIR say: report.html, report.md with its figures, report.tex, arms.csv, cells.csv."""
    from benchmarks.report.writing import write

    for path in write(_read(folder), out or folder, against):
        click.echo(path)


def _read(folder: Path) -> Results:
    """Read results, and say if the last of them is cut short."""
    from benchmarks.results import read

    found = read(folder)
    if found.cut:
        click.echo(f"{found.path}: the last line is cut short and is left out.", err=True)
    return found


@click.command("compare")
@click.argument("before", type=Path, metavar="DIR_A")
@click.argument("after", type=Path, metavar="DIR_B")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare_command(before: Path, after: Path, as_json: bool) -> None:
    """Show what changed from the results in DIR_A to those in DIR_B, arm by arm, and whether it may be noise."""
    from augment.cli.console import show_table
    from benchmarks.report.comparison import compare

    found = compare(_read(before), _read(after))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    for line in found.notes:
        click.echo(line)
    headings, rows = found.table()
    show_table(f"macro-F1 in points, {after} less {before}", headings, rows)


@click.command("list")
def list_command() -> None:
    """List suites, tasks and arms."""
    from augment.cli.console import show_table
    from benchmarks.grid import suite as suites
    from benchmarks.grid.arms import built_in
    from benchmarks.grid.tasks import SOURCES

    rows = []
    for name in suites.names():
        suite = suites.read(name)
        rows.append([name, suite.description, len(suite.arms), suite.seeds])
    show_table("suites", ["", "", "arms", "seeds"], rows)
    click.echo()
    tasks = [
        [name, "trained and tested on" if "train" in source.files else "tested on"] for name, source in SOURCES.items()
    ]
    tasks += [["sample", "the reviews that come with the project"]]
    tasks += [["csv:FILE", "a labelled file, split 70 : 15 : 15; or a folder with train.csv, dev.csv and test.csv"]]
    show_table("tasks", ["", ""], tasks)
    click.echo()
    show_table("arms", ["", ""], [[name, arm.summary] for name, arm in built_in().items()])
    click.echo("\nThe name of any strategy (`augment strategies`) is an arm, too.")
