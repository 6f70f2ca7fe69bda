"""Suites, which combine tasks, encoders, heads, losses, arms and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from augment.data.layout import Layout
from augment.errors import InputError, did_you_mean
from augment.settings import Settings, problems
from benchmarks.grid.arms import load_mapping
from benchmarks.grid.sources import OWN, check_name
from benchmarks.grid.tasks import LEFT_OUT, Task, TaskData, load, read_parts, without_later

FOLDER = Path(__file__).parent / "suites"
"""The folder of the built-in suites."""
OF_A_CELL = (
    *("encoder", "head", "loss", "seed", "augmentation", "device"),
    *("max_steps", "evaluate_steps", "evaluate_by", "patience"),
)
"""Settings of a training that a suite may not set for all arms. The grid, the arms or the command line set them."""

LOGISTIC_REGRESSION = "logistic-regression"
"""The head that is fitted on the vectors of a frozen encoder."""
_LATER = ("looks", "sampling_strategy", "C", "first_seed")  # where they are not set, older results can go on

Names = Annotated[list[str], Field(min_length=1)]


def _task(value: Any) -> Any:
    """Turn the name of a task into a task."""
    return {"name": value} if isinstance(value, str) else value


class Suite(Settings):
    """A grid: tasks × encoders × heads × losses × arms × seeds."""

    name: str
    description: str = ""
    tasks: Annotated[list[Annotated[Task, BeforeValidator(_task)]], Field(min_length=1)]
    tests: list[str] | None = None
    """Tasks whose test rows are also used for tests; by default all that are available."""
    encoders: Names = ["mini"]  # noqa: RUF012 -- pydantic copies it
    heads: Names = ["linear"]  # noqa: RUF012
    """Heads of `classifiers.TrainConfig`, which are fine-tuned with the encoder; or "logistic-regression", which is
    fitted on the vectors of the frozen encoder."""
    losses: Names = ["cross-entropy"]  # noqa: RUF012
    arms: Annotated[list[str | dict[str, Any]], Field(min_length=1)]
    """Names, or ``{name: {…}}`` in the form of `benchmarks/grid/arms.yaml`."""
    seeds: Annotated[int, Field(ge=1)] = 10
    """The number of seeds."""
    first_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The first of them; the others follow. A suite that chooses settings takes seeds that no other suite has."""
    looks: list[Annotated[int, Field(ge=10)]] | None = None
    """The numbers of seeds at which the suite is judged, ascending; the last is `seeds`. Arms that are decided at a
    look get no more seeds: see `benchmarks.report.looks`. By default it is judged once, at the end."""
    training: dict[str, Any] = {}  # noqa: RUF012
    """Settings of `classifiers.TrainConfig` for all arms. `epochs` counts passes through the rows of the arm `none`."""
    sampling_strategy: Any = "auto"
    """The rows that arms add if they do not say it themselves; see `augment.generation.budget.rows_to_make`."""
    C: Annotated[float, Field(gt=0)] = 10.0
    """The inverse strength of the regularisation of the head "logistic-regression"."""
    evaluations: Annotated[int, Field(ge=1)] = 4
    """The number of evaluations of each training, at equal distances. The last is at the end."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(problems(error, Suite, f"The suite {values.get('name', '')!r}")) from None
        for name in (*(task.name for task in self.tasks), *(self.tests or ())):
            check_name(name)
        if self.looks is not None and (self.looks != sorted(set(self.looks)) or self.looks[-1:] != [self.seeds]):
            raise InputError(
                f"The suite {self.name!r}: 'looks' must ascend and end with 'seeds', {self.seeds}. Got {self.looks}."
            )
        taken = [name for name in OF_A_CELL if name in self.training]
        if taken:
            raise InputError(
                f"The suite {self.name!r} sets {taken[0]!r} for all arms, which it may not. Leave it out: the grid, the"
                " arms or `device` set it."
            )

    @property
    def identity(self) -> dict[str, Any]:
        """What must stay the same in a folder of results. Arms, seeds, encoders, heads and losses may be added."""
        identity = self.model_dump(mode="json", exclude={"description", "arms", "seeds", "encoders", "heads", "losses"})
        return without_later(Suite, identity, _LATER)

    def changed(self, tasks: Sequence[str], encoders: Sequence[str]) -> Suite:
        """Return the suite with other tasks, drawn in the same way, or other encoders, if any are given."""
        draws = list({repr(draw): draw for draw in map(_draw, self.tasks)}.values())
        changes: dict[str, Any] = {}
        if tasks:
            changes = {"tasks": [{"name": name, **draw} for name in tasks for draw in draws], "tests": None}
        changes |= {"encoders": list(encoders)} if encoders else {}
        return Suite(**(self.model_dump() | changes)) if changes else self


def _draw(task: Task) -> dict[str, Any]:
    """Return the settings of a draw that fit other tasks: none that names classes, rows or files of this one."""
    draw = {"ratio": task.ratio, "tail": task.tail, "per_class": task.per_class}
    drawn = task.ratio is not None or task.per_class is not None
    return draw | ({"pool": LEFT_OUT} if task.pool == LEFT_OUT and drawn else {})


def check_layout(layout: Layout | None, tasks: Sequence[Task]) -> None:
    """Refuse a layout if no task is the user's own file.

    Raises
    ------
    InputError
        If the layout has no effect.
    """
    if layout not in (None, Layout()) and not any(task.name.startswith(OWN) for task in tasks):
        raise InputError("Options on columns, labels and splits are of a task csv:FILE, and no task is such a file.")


def load_tasks(suite: Suite, data_dir: Path | None, layout: Layout | None = None) -> list[TaskData]:
    """Read the tasks of a suite. `layout` describes the user's own files.

    Raises
    ------
    InputError
        If two tasks have the same title, `layout` describes none of them, or a task cannot be read: see
        `benchmarks.grid.tasks.load`.
    """
    check_layout(layout, suite.tasks)
    read = lru_cache(read_parts)  # tasks of a data set often differ only in their draws
    data = [load(task, data_dir, suite.tests, layout, read=read) for task in suite.tasks]
    titles = [task.title for task in data]
    for title in titles:
        if titles.count(title) > 1:
            raise InputError(f"The suite {suite.name!r} has two tasks {title!r}. Name it once.")
    return data


def read(name: str) -> Suite:
    """Read a suite.

    Parameters
    ----------
    name : str
        The name of a suite in `FOLDER`, or the path of a YAML file.

    Returns
    -------
    Suite

    Raises
    ------
    InputError
        If the suite does not exist, or one of its keys is unknown.
    """
    path = path_of(name)
    return Suite(**{"name": path.stem, **load_mapping(path)})


def path_of(name: str) -> Path:
    """Return the file of a suite.

    Raises
    ------
    InputError
        If the project has no suite of this name.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        known = names()
        if name not in known:
            raise InputError(
                f"There is no suite {name!r}. There is {', '.join(known)}, or give a YAML file."
                f"{did_you_mean(name, known)}"
            )
        path = FOLDER / f"{name}.yaml"
    return path


def names() -> list[str]:
    """Return the names of the built-in suites."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))
