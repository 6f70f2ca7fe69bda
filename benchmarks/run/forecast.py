"""The time that cells take: `work` counts it in forward passes, `estimated` in seconds, and `Pace` while they run."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from augment.generation.budget import rows_to_make
from benchmarks.grid.arms import Arm
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Cell
from benchmarks.grid.tasks import TaskData
from benchmarks.results import Record, Results
from classifiers.config import Redraw, Static, TrainConfig

# All were measured with the bundled model on two cores.
TRAINED = 3
"""Forward passes that a row costs in a training step."""
MADE = 4
"""Forward passes of the masked language model for each row that fill-mask makes."""
MADE_GUARDED = 8
"""The same with guards: they read each row, and others are made for those that they reject."""
START = 8.0
"""Seconds that a process takes to load its libraries, once."""
EACH_CELL = 1.0
"""Seconds that a cell takes besides its passes: models are loaded, and baselines and heads are fitted."""
MASKED_LM = "mini"
"""The model of fill-mask if an arm names none."""


class Pace:
    """Estimates the remaining time from the times of finished cells.

    Parameters
    ----------
    jobs : int
        Cells that run side by side.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.seconds: dict[tuple[str, ...], list[float]] = {}

    def add(self, record: Record) -> None:
        """Add the time of a finished cell, if it trained an encoder."""
        if record["status"] == "done" and record["model"]["model"] == record["encoder"]:
            where = tuple(record[part] for part in ("task", "encoder", "head", "loss", "arm"))
            self.seconds.setdefault(where, []).append(record["seconds"])

    def left(self, waiting: Sequence[Cell], running: Sequence[tuple[Cell, float]] = ()) -> float | None:
        """Return the estimated seconds until all cells have ended, or None before the first result.

        Parameters
        ----------
        waiting : sequence of Cell
        running : sequence of (Cell, float), default=()
            Cells that have begun, and the seconds since then.

        Returns
        -------
        float or None
            An arm without a finished cell takes the mean of the others.
        """
        if not self.seconds:
            return None
        typical = mean(mean(times) for times in self.seconds.values())

        def expected(cell: Cell) -> float:
            known = self.seconds.get((*cell.group, cell.arm.name), [typical])
            return mean(known) if cell.arm.model == "encoder" else 0.0

        begun = [max(0.0, expected(cell) - passed) for cell, passed in running]
        return max([(sum(map(expected, waiting)) + sum(begun)) / self.jobs, *begun])


def estimated(cells: Sequence[Cell], data: Sequence[TaskData], results: Results, jobs: int) -> float:
    """Return the estimated seconds of cells, from finished cells or else from a test of the models.

    Parameters
    ----------
    cells : sequence of Cell
    data : sequence of TaskData
    results : Results
        The results of earlier runs.
    jobs : int

    Returns
    -------
    float
    """
    left = [cell for cell in cells if cell.place not in results.done]
    pace = Pace(jobs)
    for record in results.done.values():
        pace.add(record)
    by_pace = pace.left(left)
    if by_pace is not None:
        return by_pace + (START if left else 0.0)
    passes = work(left, data)
    rates = {model: _rows_per_second(model, left[0].config.device, data) for model in passes}
    return seconds(passes, rates, len(left), jobs)


def seconds(passes: Mapping[str, float], rates: Mapping[str, float], cells: int, jobs: int) -> float:
    """Return the seconds that cells take.

    Parameters
    ----------
    passes : mapping of str to float
        Forward passes of rows, by model.
    rates : mapping of str to float
        Rows per second of each model when it has the whole machine.
    cells : int
        The number of cells.
    jobs : int
        Cells that run side by side.

    Returns
    -------
    float

    Examples
    --------
    >>> seconds({"mini": 3000, "large": 100}, {"mini": 300, "large": 10}, cells=4, jobs=2)
    30.0
    """
    if not cells:
        return 0.0
    return START + EACH_CELL * cells / min(jobs, cells) + sum(n / rates[model] for model, n in passes.items())


def work(cells: Sequence[Cell], data: Sequence[TaskData]) -> dict[str, float]:
    """Return the forward passes of rows that cells take, by model. An encoder that cells share is counted once."""
    passes: defaultdict[str, float] = defaultdict(float)
    fine_tuned = {cell.key for cell in cells if not cell.shares_encoder}
    with_features: set[str] = set()
    for cell in cells:
        task = data[cell.task]
        train = task.drawn(cell.seed)[0]
        tests = sum(map(len, task.tests.values()))
        if cell.arm.model != "encoder":
            continue
        if not cell.shares_encoder:
            passes[cell.encoder] += _training(cell.config, task, train, _new_rows(cell, train)) + tests
            made, model = _making(cell, train)
            passes[model] += made
            continue
        if cell.base_key not in fine_tuned:
            fine_tuned.add(cell.base_key)
            passes[cell.encoder] += _training(cell.base, task, train, 0)
        if cell.base_key not in with_features:
            with_features.add(cell.base_key)
            passes[cell.encoder] += len(train) + len(task.validation) + tests
    return {model: number for model, number in passes.items() if number}


def _training(config: TrainConfig, task: TaskData, train: LabelledRows, new: int) -> float:
    """Return the passes of a training and its evaluations."""
    steps, between = config.max_steps or 0, config.evaluate_steps or 1
    taken = steps * config.batch_size * config.gradient_accumulation * (2 if config.r_drop else 1)
    evaluated = len(task.validation) + min(config.train_sample, len(train)) + min(config.train_sample, new)
    return TRAINED * taken + evaluated * steps / between


def _new_rows(cell: Cell, train: LabelledRows) -> int:
    """Return the number of new texts that an arm trains on in one epoch."""
    counts: dict[Any, int] = dict(train.counts)
    ways = cell.config.augmentation
    if isinstance(ways, Static):
        return sum(rows_to_make(ways.sampling_strategy, counts).values())
    return sum(rows_to_make("auto", counts).values()) if _wrong(cell.arm) else 0


def _making(cell: Cell, train: LabelledRows) -> tuple[float, str]:
    """Return the passes of making new texts, and the model. Other strategies than fill-mask count as free."""
    wanted, config = _new_rows(cell, train), cell.config
    ways = config.augmentation
    if _wrong(cell.arm):
        return MADE * wanted, MASKED_LM
    if not isinstance(ways, Static) or ways.strategy != "fillmask":
        return 0, MASKED_LM
    sets = 1
    if isinstance(ways, Redraw):
        mixed = (config.max_steps or 0) * config.batch_size * config.gradient_accumulation * (1 - config.real_only)
        epochs = math.ceil(mixed / (len(train) + wanted))
        sets = epochs if ways.variants is None else min(epochs, ways.variants)
    each = MADE if ways.guards == ["none"] else MADE_GUARDED
    return each * wanted * sets, ways.parameters.get("model", MASKED_LM)


def _wrong(arm: Arm) -> bool:
    """Tell whether an arm's rows are made by fill-mask before the training."""
    return arm.rows == "wrong-label"


def _rows_per_second(model: str, device: str, data: Sequence[TaskData]) -> float:
    """Measure the speed of a model when it has the whole machine."""
    from augment.models.encoder import TextEncoder

    texts = list(data[0].train.texts[:256])
    encoder = TextEncoder(model=model, device=device)
    encoder.encode(texts[:32])
    start = time.perf_counter()
    encoder.encode(texts)
    return len(texts) / (time.perf_counter() - start)
