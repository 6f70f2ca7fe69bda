"""Files of a draw: the training rows that the cells of one seed see, and the pool, for other commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from augment.data.layout import Layout
from augment.errors import InputError, did_you_mean
from augment.settings import problems
from benchmarks.grid import suite as suites
from benchmarks.grid.sources import check_name
from benchmarks.grid.tasks import Task, TaskData, load


def find_task(
    name: str,
    parameters: Mapping[str, Any],
    title: str | None,
    data_dir: Path | None,
    layout: Layout | None = None,
) -> TaskData:
    """Read a task by its name, or a task of a suite.

    Parameters
    ----------
    name : str
        A task, with `parameters`; or a suite of the project, or its YAML file.
    parameters : mapping
        Settings of the task: fields of `Task`. A suite has its own.
    title : str or None
        The title of a task of the suite. It may be None if the suite has one task.
    data_dir : Path or None
        Where the known data sets lie; None for the hub.
    layout : Layout, optional
        Of one's own file.

    Returns
    -------
    TaskData

    Raises
    ------
    InputError
        If there is no such task, a setting is unknown or does not fit, or the task cannot be read.
    """
    if name.endswith((".yaml", ".yml")) or name in suites.names():
        if parameters:
            raise InputError(f"The suite {name!r} says how its tasks are drawn, so `parameters` have no effect.")
        return _of_suite(suites.read(name), title, data_dir, layout)
    if title is not None:
        raise InputError(f"{name!r} is not a suite, so `task` has no effect. Leave it out.")
    check_name(name, suites.names())
    try:
        task = Task(**{**parameters, "name": name})
    except ValidationError as error:
        raise InputError(problems(error, Task, f"The task {name!r}")) from None
    suites.check_layout(layout, [task])
    return load(task, data_dir, layout=layout)


def _of_suite(suite: suites.Suite, title: str | None, data_dir: Path | None, layout: Layout | None) -> TaskData:
    """Return a task of a suite by its title, as the cells of the suite see it."""
    data = suites.load_tasks(suite, data_dir, layout)
    titles = [task.title for task in data]
    if title is None and len(data) > 1:
        raise InputError(f"The suite {suite.name!r} has several tasks. Give one as `task`: {_quoted(titles)}.")
    if title is not None and title not in titles:
        raise InputError(
            f"The suite {suite.name!r} has no task {title!r}. It has {_quoted(titles)}.{did_you_mean(title, titles)}"
        )
    return data[0 if title is None else titles.index(title)]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def write_draw(
    data: TaskData,
    seed: int,
    output: Path,
    pool: Path | None = None,
    *,
    overwrite: bool = False,
    csv_safe: bool = False,
) -> None:
    """Write the training rows that the cells of one seed see, and their pool.

    Parameters
    ----------
    data : TaskData
    seed : int
        0 or more.
    output : Path
        Of the rows, with the columns ``text`` and ``label``, in the order of the draw.
    pool : Path, optional
        Of the pool, with the column ``text``.
    overwrite : bool, default=False
        Replace files that exist.
    csv_safe : bool, default=False
        Put an apostrophe before each cell of csv and tsv files that a spreadsheet would take for a formula.

    Raises
    ------
    InputError
        If the task has no pool, or both files are one.
    OutputError
        If a file exists or cannot be written.
    """
    from datasets import Dataset

    from augment.data.formats.dialect import output_dialect
    from augment.data.writing import check_output, write_batches

    if pool is not None and data.task.pool is None:
        raise InputError(f"The task {data.title!r} has no pool. Give it one by the setting 'pool', e.g. left-out.")
    if pool is not None and pool.resolve() == output.resolve():
        raise InputError(f"{output}: is named for the rows and for the pool. Give two files.")
    dialects = {}
    for path in filter(None, (output, pool)):
        check_output(path, overwrite=overwrite)
        dialects[path] = output_dialect(None, "", path, csv_safe=csv_safe)
    rows = data.drawn(seed)[0]
    tables = [(output, {"text": list(rows.texts), "label": list(rows.labels)})]
    tables += [] if pool is None else [(pool, {"text": list(data.pool(seed))})]
    for path, columns in tables:
        table = Dataset.from_dict(columns)
        write_batches(table.features, [table.data.table], path, dialects[path])
