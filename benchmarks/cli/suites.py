"""The commands `benchmarks run`, `report`, `compare` and `list`."""

from __future__ import annotations

import json
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import CLUSTER, QUIET, execution_of, layout_of, layout_options
from augment.errors import CounterpoiseError, ModelError, counted, counted_of
from augment.name_lists import read_list
from augment.plain_data import as_expected

if TYPE_CHECKING:
    from benchmarks.results import Results
    from benchmarks.run.suite_run import SuiteRun

ANEW = "Get the results again as `benchmarks run` has written them."


def _listed(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    """Read a list of names."""
    names = None if value is None else read_list(value)
    if names == []:
        raise click.BadParameter("has no name. Give one or more, separated by commas.")
    return names


def _suites() -> list[str]:
    """Return the built-in suites, without what it takes to run one."""
    return sorted(path.name.removesuffix(".yaml") for path in (files("benchmarks.grid") / "suites").iterdir())


def _arms() -> list[str]:
    from augment.registry import STRATEGIES
    from benchmarks.grid.arms import built_in

    return list(dict.fromkeys([*built_in(), *STRATEGIES.names()]))


@command(
    "run",
    examples={
        "See what a suite does, and how long it takes:": "benchmarks run --suite imbalance --dry-run",
        "Compare two arms on a file of your own:": (
            "benchmarks run --task csv:reviews.csv --arms none,fillmask --seeds 3"
        ),
    },
)
@section(
    "What to run",
    option(
        "--suite",
        "name",
        default="smoke",
        metavar="NAME|FILE",
        shell_complete=completion.looked_up(_suites, paths="file"),
        help="Suite to run.",
    ),
    option("--seeds", type=click.IntRange(1), show_default="as in the suite", help="Number of seeds."),
    option(
        "--arms",
        callback=_listed,
        metavar="NAME,…",
        shell_complete=completion.looked_up(_arms, listed=True),
        help="Only these arms or strategies.",
    ),
    option(
        "--arm-file",
        type=Path,
        metavar="FILE",
        help="YAML file with your own arms, in the form of benchmarks/grid/arms.yaml.",
    ),
    option(
        "--task",
        "tasks",
        multiple=True,
        metavar="NAME",
        help="Instead of the suite's tasks; csv:FILE for your own. Repeatable.",
    ),
    option(
        "--encoder",
        "encoders",
        multiple=True,
        metavar="NAME",
        shell_complete=completion.MODELS,
        help="Instead of the suite's encoders; a folder, hub id or mini. Repeatable.",
    ),
)
@section(
    "Output",
    option("-o", "--out", type=Path, metavar="DIR", show_default="benchmark-SUITE", help="Folder of the results."),
)
@section(
    "Input",
    option("--data-dir", type=Path, metavar="DIR", show_default="the hub", help="Folder with the known data sets."),
)
@layout_options
@section(
    "Running",
    option("--dry-run", is_flag=True, help="Show the grid and the estimated time, and run nothing."),
    option(
        "--jobs",
        type=click.IntRange(1),
        show_default="one per core, at most 4; on a GPU 1",
        help="Cells that run at the same time.",
    ),
    *CLUSTER,
    option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where the models run."),
    QUIET,
)
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
    **options: Any,
) -> None:
    """Train and test every arm of a suite with every seed. An interrupted run goes on where it stopped.

    The options for columns, labels and splits describe csv:FILE.
    """
    files = [Path(task.removeprefix("csv:")) for task in tasks if task.startswith("csv:") and task != "csv:"]
    execution = execution_of(click.get_current_context(), options, workers=jobs or 1)
    suite = Path(name) if name.endswith((".yaml", ".yml")) else None
    check_there(models=encoders, paths=[suite, arm_file, data_dir, *files])
    from benchmarks.run.suite_run import plan_suite

    plan = plan_suite(
        name,
        seeds=seeds,
        arms=arms,
        arm_file=arm_file,
        tasks=tasks,
        encoders=encoders,
        data_dir=data_dir,
        out=out,
        jobs=jobs,
        device=device,
        layout=layout_of(**options),
        ray=execution.ray,
    )
    for line in plan.notes():
        _log(line, quiet=quiet)
    if dry_run:
        plan.results()  # those of another suite are refused here as well
        if not quiet:
            show_grid(plan)
        return
    carry_out(plan, quiet=quiet, table=not quiet)


def carry_out(plan: SuiteRun, *, quiet: bool, table: bool) -> Results:
    """Run the cells of a suite that have no result yet. Show the progress and, with `table`, the results.

    Raises
    ------
    CounterpoiseError
        If cells have failed. Each is named on stderr. The exit code is 1.
    """
    from benchmarks.cli.live import shown
    from benchmarks.run.suite_run import run_suite

    failed, results = run_suite(plan, log=partial(_log, quiet=quiet), watch=partial(shown, quiet=quiet))
    if table:
        _show_arms(results)
        click.echo(f"\nThe report: benchmarks report {plan.folder}")
    for record in failed:
        where = " · ".join(record[part] for part in ("task", "encoder", "head", "loss", "arm"))
        click.echo(f"Failed: {where} · seed {record['seed']}: {record['reason']}", err=True)
    if failed:
        raise _CellsFailed(
            f"{counted_of(len(failed), len(plan.cells), 'cell', 'has', 'have')} failed; the same command runs"
            f" only these again."
        )
    return results


class _CellsFailed(CounterpoiseError):
    """Some cells have failed."""

    exit_code = 1


def _log(line: str, *, quiet: bool) -> None:
    if not quiet:
        note(line)


def show_grid(plan: SuiteRun) -> None:
    """Print the tasks, the arms and the estimated time."""
    from augment.cli.display import duration, show_table
    from benchmarks.run.forecast import estimated

    suite, data, cells, jobs = plan.suite, plan.data, plan.cells, plan.jobs
    results = plan.results()
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
        f"\n{counted(len(cells), 'cell')}: {', '.join(suite.encoders)} × {', '.join(suite.heads)} ×"
        f" {', '.join(suite.losses)};"
        f" {' to '.join(f'{n:,}' for n in dict.fromkeys((steps[0], steps[-1])))} steps each."
    )
    try:
        seconds = estimated(cells, data, results, jobs)
        click.echo(f"About {duration(seconds)} with {jobs} at a time.")
    except ModelError as error:
        click.echo(f"The time cannot be estimated: {error}")


def _show_arms(results: Results) -> None:
    """Print the arms of each group with their means and verdicts."""
    from augment.cli.display import show_table
    from benchmarks.report.findings import brief
    from benchmarks.report.summary import groups

    for group in groups(results):
        headings, rows = brief(group)
        click.echo()
        show_table(group.title, headings, rows)


@command(
    "report",
    examples={
        "Report on the results of a run:": "benchmarks report benchmark-smoke",
        "Compare all arms with one of them, too:": "benchmarks report benchmark-smoke --against random",
    },
)
@click.argument("folder", type=Path, metavar="RESULTS", shell_complete=completion.FOLDERS)
@section(
    "Report",
    option("-o", "--out", type=Path, metavar="DIR", show_default="RESULTS", help="Folder of the report."),
    option("--against", metavar="ARM", help="Compare all arms also with this one."),
)
def report_command(folder: Path, out: Path | None, against: str | None) -> None:
    """Write a report on RESULTS, the folder of a run: HTML, Markdown with figures, LaTeX, and two tables.

    The files are report.html, report.md, report.tex, arms.csv and cells.csv.
    """
    check_there(paths=[folder])
    from benchmarks.report.writing import write

    results = _read(folder)
    with as_expected(str(results.path), ANEW):
        written = write(results, out or folder, against)
    for path in written:
        click.echo(path)


def _read(folder: Path) -> Results:
    """Read results. Warn if the last line is incomplete."""
    from benchmarks.results import read

    results = read(folder)
    if results.cut:
        click.echo(f"{results.path}: the last line is cut short and is left out.", err=True)
    return results


@command(
    "compare",
    examples={
        "Compare the results of two versions:": "benchmarks compare before after",
        "The same for a program:": "benchmarks compare before after --json",
    },
)
@click.argument("before", type=Path, metavar="DIR_A", shell_complete=completion.FOLDERS)
@click.argument("after", type=Path, metavar="DIR_B", shell_complete=completion.FOLDERS)
@section("Output", option("--json", "as_json", is_flag=True, help="Print JSON."))
def compare_command(before: Path, after: Path, as_json: bool) -> None:
    """Show what changed between the results in DIR_A and in DIR_B, arm by arm, and whether it may be noise."""
    check_there(paths=[before, after])
    from augment.cli.display import show_table
    from benchmarks.report.comparison import compare

    earlier, later = _read(before), _read(after)
    with as_expected(f"{earlier.path} or {later.path}", ANEW):
        changes = compare(earlier, later)
    if as_json:
        click.echo(json.dumps(changes.to_dict(), indent=2, ensure_ascii=False))
        return
    for line in changes.notes:
        click.echo(line)
    headings, rows = changes.table()
    show_table(f"macro-F1 in points, {after} less {before}", headings, rows)


@command(
    "list",
    examples={
        "See what there is to run:": "benchmarks list",
        "Run one of the suites:": "benchmarks run --suite neutral",
    },
)
def list_command() -> None:
    """List suites, tasks and arms."""
    from augment.cli.display import show_table
    from benchmarks.grid import suite as suites
    from benchmarks.grid.arms import built_in
    from benchmarks.grid.sources import SOURCES

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
    click.echo("\nThe name of any strategy (`augment strategies`) is also an arm.")
