"""Suites, which combine tasks, encoders, heads, losses, arms and seeds, and their cells."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from augment._version import __version__
from augment.data.layout import Layout
from augment.errors import InputError, did_you_mean
from augment.generation.budget import rows_to_make
from augment.guards.selection import choice
from augment.models.checkpoints import folder_hash
from augment.registry import STRATEGIES
from augment.settings import Settings, problems
from benchmarks.grid.arms import Arm, load_mapping
from benchmarks.grid.kept_answers import kept_draws
from benchmarks.grid.sources import OWN, LabelledRows, check_name
from benchmarks.grid.tasks import LEFT_OUT, Task, TaskData, load
from classifiers.config import Features, Static, TrainConfig
from classifiers.data.feature_vectors import vector_sampler

FOLDER = Path(__file__).parent / "suites"
"""The folder of the built-in suites."""
OF_A_CELL = (
    *("encoder", "head", "loss", "seed", "augmentation", "device"),
    *("max_steps", "evaluate_steps", "evaluate_by", "patience"),
)
"""Settings of a training that a suite may not set for all arms. The grid, the arms or the command line set them."""

LATER = ("looks",)
"""Settings that came after the first results. Where they are not set, folders of older results can go on."""

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
    losses: Names = ["cross-entropy"]  # noqa: RUF012
    arms: Annotated[list[str | dict[str, Any]], Field(min_length=1)]
    """Names, or ``{name: {…}}`` in the form of `benchmarks/grid/arms.yaml`."""
    seeds: Annotated[int, Field(ge=1)] = 10
    """The number of seeds, from 0 on."""
    looks: list[Annotated[int, Field(ge=10)]] | None = None
    """The numbers of seeds at which the suite is judged, ascending; the last is `seeds`. Arms that are decided at a
    look get no more seeds: see `benchmarks.report.looks`. By default it is judged once, at the end."""
    training: dict[str, Any] = {}  # noqa: RUF012
    """Settings of `classifiers.TrainConfig` for all arms. `epochs` counts passes through the rows of the arm `none`."""
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
        defaults = {name: Suite.model_fields[name].default for name in LATER}
        return {name: value for name, value in identity.items() if name not in LATER or value != defaults[name]}

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
    data = [load(task, data_dir, suite.tests, layout) for task in suite.tasks]
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


Place = tuple[str, str, str, str, str, int]
"""Task, encoder, head, loss, arm, seed."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training and its tests."""

    task: int
    """Its place in the suite."""
    title: str
    """Of the task."""
    encoder: str
    head: str
    loss: str
    arm: Arm
    seed: int
    config: TrainConfig
    """All settings of the training."""
    key: str
    """A hash of all that determines its numbers."""
    base_key: str
    """The key of the same training without augmentation. An arm in feature space uses its encoder."""

    @property
    def group(self) -> tuple[str, str, str, str]:
        """The group in which arms are compared."""
        return self.title, self.encoder, self.head, self.loss

    @property
    def place(self) -> Place:
        """The place of its result. Each place has at most one result."""
        return (*self.group, self.arm.name, self.seed)

    @property
    def shares_encoder(self) -> bool:
        """Whether it trains a new head on an encoder that is fine-tuned once for all such arms.

        A recurrent head is fine-tuned together with its encoder, so it cannot share one.
        """
        return self.arm.trains_head_anew and self.head == "linear"

    @property
    def base(self) -> TrainConfig:
        """The training without augmentation whose encoder it uses, if its arm shares one."""
        return _without_new_rows(self.config)


def contents(encoders: Sequence[str]) -> dict[str, str]:
    """Return a hash of the content of each encoder, by name. Encoders on the hub are left out."""
    hashes = {encoder: folder_hash(encoder) for encoder in encoders}
    return {encoder: content for encoder, content in hashes.items() if content}


def _without_new_rows(config: TrainConfig) -> TrainConfig:
    """Return the same training without augmentation, and without settings of new rows."""
    return config.model_copy(update={"augmentation": None, "synthetic_weight": 1.0})


def cells(
    suite: Suite,
    data: Sequence[TaskData],
    arms: Sequence[Arm],
    *,
    seeds: int,
    device: str = "auto",
) -> Iterator[Cell]:
    """Yield the cells of a suite, seed by seed. So an interrupted run has all arms of its first seeds.

    Parameters
    ----------
    suite : Suite
    data : sequence of TaskData
        Of its tasks.
    arms : sequence of Arm
        What `benchmarks.grid.arms.resolve` returns.
    seeds : int
    device : str, default="auto"
        The device of `classifiers.TrainConfig`; it does not identify a cell.

    Yields
    ------
    Cell
        Arms that share an encoder come after the others of their group and seed. An arm that needs rows left out of the
        draw, or answers of a large language model, is skipped if there are none.

    Raises
    ------
    InputError
        If a setting of an arm cannot be used.
    """
    chosen = sorted(arms, key=lambda arm: arm.trains_head_anew)
    hashes = contents(suite.encoders)
    for seed in range(seeds):
        for number, task in enumerate(data):
            drawn, reserve = task.drawn(seed)
            rows = len(drawn)
            for encoder in suite.encoders:
                for head in suite.heads:
                    for loss in suite.losses:
                        for arm in chosen:
                            if not _has_rows(arm, drawn, reserve):
                                continue
                            config = _config(suite, arm, encoder, head, loss, seed, rows, device)
                            content = hashes.get(encoder, "")
                            yield Cell(
                                task=number,
                                title=task.title,
                                encoder=encoder,
                                head=head,
                                loss=loss,
                                arm=arm,
                                seed=seed,
                                config=config,
                                key=_key(task, config, content, arm.rows, arm.model),
                                base_key=_key(task, _without_new_rows(config), content),
                            )


def _has_rows(arm: Arm, drawn: LabelledRows, reserve: LabelledRows) -> bool:
    """Return whether the rows that an arm adds are there."""
    if arm.replays is not None:
        return drawn.fingerprint in kept_draws()
    return arm.rows != "real" or bool(real_rows(drawn, reserve))


def _check_augmentation(ways: Any) -> None:
    """Check that the strategy and the guards exist, before anything is trained."""
    if isinstance(ways, Features) and ways.strategy is not None:
        vector_sampler(ways)
    elif isinstance(ways, Static):
        if isinstance(ways.strategy, str):
            STRATEGIES.find(ways.strategy)
        choice(ways.guards)


def _config(
    suite: Suite, arm: Arm, encoder: str, head: str, loss: str, seed: int, rows: int, device: str
) -> TrainConfig:
    """Return the settings of a cell's training. Steps and evaluations are the same, whatever rows an arm adds."""
    settings = {"encoder": encoder, "head": head, "loss": loss, "device": device, **suite.training, **arm.training}
    if settings["loss"] != "focal" and "gamma" not in arm.training:  # a suite gives it once for all of its losses
        settings.pop("gamma", None)
    if settings["head"] != "linear" and "pooling" not in arm.training:
        settings.pop("pooling", None)
    try:
        config = TrainConfig(**settings, seed=seed)
        _check_augmentation(config.augmentation)
    except InputError as error:
        raise InputError(f"The suite {suite.name!r}, arm {arm.name!r}: {error}") from None
    steps = math.ceil(rows / (config.batch_size * config.gradient_accumulation)) * config.epochs
    between = max(1, round(steps / suite.evaluations))
    equal = {"max_steps": between * suite.evaluations, "evaluate_steps": between, "evaluate_by": "steps"}
    return config.model_copy(update=equal)


def real_rows(drawn: LabelledRows, reserve: LabelledRows) -> dict[str, int]:
    """Return, for each class that lacks rows, how many of these the data set has outside the draw."""
    counts: dict[Any, int] = dict(drawn.counts)
    there = reserve.counts
    available = {str(n): min(lacking, there.get(str(n), 0)) for n, lacking in rows_to_make("auto", counts).items()}
    return {name: count for name, count in available.items() if count}


def _key(task: TaskData, config: TrainConfig, encoder: str, rows: str = "given", model: str = "encoder") -> str:
    """Hash all that determines the numbers of a cell."""
    content = {
        "version": __version__,
        "task": task.task.model_dump(mode="json"),
        "data": task.fingerprints(),
        "encoder": encoder,
        "rows": rows,
        "model": model,
        "config": config.model_dump(mode="json", exclude={"device", "report_to", "cache_dir"}),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
