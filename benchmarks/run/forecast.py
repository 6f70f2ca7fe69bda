"""The time that cells take: `work` counts what models do, `estimated` gives seconds, and `Pace` goes by results."""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import mean
from typing import Any, NamedTuple

import numpy as np

from augment.generation.budget import rows_to_make
from augment.models.length_batches import LENGTH_STEP
from augment.plain_data import as_expected
from benchmarks.grid.cells import Cell, real_rows
from benchmarks.grid.kept_answers import kept_draws
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.tasks import TaskData
from benchmarks.results import Record, Results
from benchmarks.run.environment import threads_of
from classifiers.config import Redraw, Static, TrainConfig

MADE = 2
"""Forward passes of the masked language model for each row that fill-mask makes, measured with the bundled model."""
MADE_GUARDED = 20
"""The same with guards: they read each row, others are made for those that they reject, and a teacher is trained."""
START = 8.0
"""Seconds that a process takes to load its libraries, once."""
EACH_CELL = 1.5
"""Seconds that a cell takes besides its models' work: models are loaded, and baselines and heads are fitted."""
MASKED_LM = "mini"
"""The model of fill-mask if an arm names none."""
SAMPLE = 500
"""The most texts of a kind whose tokens are counted."""
SMALL, LARGE = (8, 16), (32, 32)
"""Rows and tokens of each row of the two batches whose training steps are timed."""
TIMED = 6
"""Steps of each kind that are timed. The fastest counts, so that a short burst of another program does not."""


class Load(NamedTuple):
    """What a model does."""

    steps: float = 0
    """Training steps."""
    trained: float = 0
    """Tokens in these steps, padding included."""
    read: float = 0
    """Tokens in forward passes without gradients, padding included."""

    def plus(self, other: Load) -> Load:
        """Return both together."""
        return Load(*(own + more for own, more in zip(self, other, strict=True)))


class Speed(NamedTuple):
    """The seconds of a model for a unit of each part of a `Load`, while as many cells as usual run beside it."""

    step: float
    trained: float
    read: float

    def seconds(self, load: Load) -> float:
        """Return the seconds of a load."""
        return sum(each * number for each, number in zip(self, load, strict=True))


class TextLengths(NamedTuple):
    """The lengths of a task's texts, in tokens of one model."""

    train: np.ndarray
    """Of training rows; int64, (n,). A sample is enough."""
    held_out: float
    """The mean padded length of validation and test rows."""


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

    @classmethod
    def of(cls, results: Results, jobs: int) -> Pace:
        """Return the pace of finished cells; raise InputError if their records are damaged."""
        pace = cls(jobs)
        with as_expected(str(results.path), "Get the results again as `benchmarks run` has written them."):
            for record in results.done.values():
                pace.add(record)
        return pace

    def add(self, record: Record) -> None:
        """Add the time of a finished cell, if it trained an encoder."""
        if record["status"] == "done" and record["model"]["model"] == record["encoder"]:
            where = tuple(record[part] for part in ("task", "encoder", "head", "loss", "arm"))
            self.seconds.setdefault(where, []).append(float(record["seconds"]))

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
            An arm without a finished cell takes the mean of the others of its group. A group without one takes the mean
            of those with the same encoder and head, or else of all.
        """
        if not self.seconds:
            return None

        def expected(cell: Cell) -> float:
            if cell.arm.model != "encoder":
                return 0.0
            alike: tuple[Callable[[tuple[str, ...]], bool], ...] = (
                lambda where: where == (*cell.group, cell.arm.name),
                lambda where: where[:4] == cell.group,
                lambda where: where[1:3] == (cell.encoder, cell.head),
                lambda where: True,
            )
            return next(mean(known) for fits in alike if (known := self._means(fits)))

        begun = [max(0.0, expected(cell) - passed) for cell, passed in running]
        return max([(sum(map(expected, waiting)) + sum(begun)) / self.jobs, *begun])

    def _means(self, fits: Callable[[tuple[str, ...]], bool]) -> list[float]:
        return [mean(times) for where, times in self.seconds.items() if fits(where)]


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
    by_pace = Pace.of(results, jobs).left(left)
    if by_pace is not None:
        return by_pace + (START if left else 0.0)
    tokens: dict[tuple[str, int], TextLengths] = {}
    speeds: dict[str, Speed] = {}
    used = sorted({(model, cell.task) for cell in left for model in _models(cell, data[cell.task])})
    for model in sorted({model for model, _ in used}):
        tasks = [task for known, task in used if known == model]
        speeds[model], counted = _measured(model, left[0].config, [data[task] for task in tasks], jobs)
        tokens |= {(model, task): of_task for task, of_task in zip(tasks, counted, strict=True)}
    return seconds(work(left, data, tokens), speeds, len(left), jobs)


def seconds(loads: Mapping[str, Load], speeds: Mapping[str, Speed], cells: int, jobs: int) -> float:
    """Return the seconds that cells take.

    Parameters
    ----------
    loads : mapping of str to Load
        By model.
    speeds : mapping of str to Speed
        Of each model.
    cells : int
        The number of cells.
    jobs : int
        Cells that run side by side.

    Returns
    -------
    float

    Examples
    --------
    >>> loads = {"mini": Load(steps=100, trained=40_000, read=20_000)}
    >>> seconds(loads, {"mini": Speed(step=0.1, trained=4e-4, read=1e-4)}, cells=4, jobs=2)
    25.0
    """
    if not cells:
        return 0.0
    working = sum(speeds[model].seconds(load) for model, load in loads.items())
    return START + (EACH_CELL * cells + working) / min(jobs, cells)


def work(
    cells: Sequence[Cell], data: Sequence[TaskData], tokens: Mapping[tuple[str, int], TextLengths]
) -> dict[str, Load]:
    """Return what cells take of each model. What cells share is counted once.

    Parameters
    ----------
    cells : sequence of Cell
    data : sequence of TaskData
    tokens : mapping of (str, int) to TextLengths
        By model and place of the task.

    Returns
    -------
    dict of str to Load
    """
    loads: defaultdict[str, Load] = defaultdict(Load)
    fine_tuned = {cell.key for cell in cells if not cell.shares_encoder}
    made: set[str] = set()
    encoded: set[tuple[str, str]] = set()

    def add(model: str, load: Load) -> None:
        loads[model] = loads[model].plus(load)

    for cell in cells:
        if cell.arm.model != "encoder":
            continue
        task = data[cell.task]
        train, own = task.drawn(cell.seed)[0], tokens[cell.encoder, cell.task]
        if cell.shares_encoder:
            if cell.base_key not in fine_tuned:
                fine_tuned.add(cell.base_key)
                add(cell.encoder, _training(cell.base, task, train, 0, own))
            add(cell.encoder, _encoding(task, train, own, cell.base_key, encoded))
            continue
        if cell.pretraining_key is not None and cell.pretraining_key not in made:
            made.add(cell.pretraining_key)
            add(cell.encoder, _pretraining(cell, task, own))
        if not (cell.makes_rows_first and cell.rows_key in made):
            made |= {cell.rows_key} if cell.makes_rows_first else set()
            passes, model = _making(cell, task)
            if passes:
                add(model, Load(read=passes * _padded_mean(tokens[model, cell.task].train)))
            if cell.arm.rows in ("retrieve", "self-training") and (cell.encoder, cell.title) not in encoded:
                encoded.add((cell.encoder, cell.title))
                pool = task.pool_file or task.train.texts
                add(cell.encoder, Load(read=len(pool) * _padded_mean(own.train)))
        new = _new_rows(cell, task)
        if cell.on_vectors:
            add(cell.encoder, _encoding(task, train, own, cell.pretraining_key or cell.encoder, encoded))
            add(cell.encoder, Load(read=new * _padded_mean(own.train)))
        else:
            add(cell.encoder, _training(cell.config, task, train, new, own))
            add(cell.encoder, Load(read=own.held_out * sum(map(len, task.tests.values()))))
    return {model: load for model, load in loads.items() if any(load)}


def _encoding(
    task: TaskData, train: LabelledRows, own: TextLengths, encoder: str, encoded: set[tuple[str, str]]
) -> Load:
    """Return the passes of encoding a cell's rows. Rows that are in `encoded` with this encoder cost nothing."""
    read = 0.0
    for rows in (train, task.validation, *task.tests.values()):
        if (encoder, rows.fingerprint) not in encoded:
            encoded.add((encoder, rows.fingerprint))
            read += len(rows) * (_padded_mean(own.train) if rows is train else own.held_out)
    return Load(read=read)


def _training(config: TrainConfig, task: TaskData, train: LabelledRows, new: int, own: TextLengths) -> Load:
    """Return the work of a training and its evaluations."""
    steps, between = config.max_steps or 0, config.evaluate_steps or 1
    batches = steps * config.gradient_accumulation
    each = _tokens_of_a_batch(own.train, len(train) + new, config.batch_size) * (2 if config.r_drop else 1)
    seen = min(config.train_sample, len(train)) + min(config.train_sample, new)
    evaluated = len(task.validation) * own.held_out + seen * _padded_mean(own.train)
    return Load(batches, batches * each, evaluated * steps / between)


def _tokens_of_a_batch(lengths: np.ndarray, rows: int, batch_size: int) -> float:
    """Return the mean number of tokens of a training batch, padding included."""
    from classifiers.data.schedules import MEGABATCH, bucketed

    rng = np.random.default_rng(0)
    drawn = np.resize(rng.permutation(lengths), min(rows, MEGABATCH * batch_size))
    order = drawn[bucketed(np.arange(len(drawn)), drawn, batch_size, rng)]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return mean(len(batch) * -(-int(batch.max()) // LENGTH_STEP) * LENGTH_STEP for batch in batches)


def _padded_mean(lengths: np.ndarray) -> float:
    return float(np.mean(-(-lengths // LENGTH_STEP) * LENGTH_STEP))


def _pretraining(cell: Cell, task: TaskData, own: TextLengths) -> Load:
    """Return the work of the masked-LM training of a cell's encoder."""
    from classifiers.pretraining.masked_lm import PretrainConfig

    settings = PretrainConfig(**(cell.arm.pretraining or {}))
    texts = len(task.unlabelled(cell.seed))
    steps = math.ceil(settings.epochs * math.ceil(texts / settings.batch_size))
    return Load(steps, steps * _tokens_of_a_batch(own.train, texts, settings.batch_size))


def _new_rows(cell: Cell, task: TaskData) -> int:
    """Return the number of new texts that an arm trains on in one epoch."""
    train, reserve = task.drawn(cell.seed)
    arm, ways = cell.arm, cell.config.augmentation
    if arm.takes_left_out_rows:
        return sum(real_rows(arm.rows, cell.sampling_strategy, task, train, reserve).values())
    strategy = cell.sampling_strategy
    if arm.rows == "given":
        if not isinstance(ways, Static):
            return 0
        strategy = ways.sampling_strategy
    elif arm.replays is not None:
        strategy = kept_draws()[train.fingerprint].sampling_strategy
    counts: dict[Any, int] = dict(train.counts)
    return sum(rows_to_make(strategy, counts).values())


def _making(cell: Cell, task: TaskData) -> tuple[float, str]:
    """Return the passes of making new texts, and the model. Other strategies than fill-mask count as free."""
    wanted, config = _new_rows(cell, task), cell.config
    ways = config.augmentation
    if cell.arm.rows == "wrong-label":
        return MADE * wanted, MASKED_LM
    if not isinstance(ways, Static) or ways.strategy != "fillmask":
        return 0, MASKED_LM
    sets = 1
    if isinstance(ways, Redraw):
        mixed = (config.max_steps or 0) * config.batch_size * config.gradient_accumulation * (1 - config.real_only)
        epochs = math.ceil(mixed / (sum(task.kept.values()) + wanted))
        sets = epochs if ways.variants is None else min(epochs, ways.variants)
    each = MADE if ways.guards == ["none"] else MADE_GUARDED
    return each * wanted * sets, ways.parameters.get("model", MASKED_LM)


def _models(cell: Cell, task: TaskData) -> set[str]:
    """Return the models that a cell uses."""
    if cell.arm.model != "encoder":
        return set()
    passes, model = _making(cell, task)
    return {cell.encoder, model} if passes else {cell.encoder}


def _measured(model: str, config: TrainConfig, tasks: Sequence[TaskData], jobs: int) -> tuple[Speed, list[TextLengths]]:
    """Measure the speed of a model as cells have it: `jobs` at a time, each on its share of the cores."""
    import torch

    from augment.models.checkpoints import load_encoder
    from classifiers.training.run import new_model

    checkpoint = load_encoder(model, device=config.device)
    longest = checkpoint.longest(config.max_length)

    def lengths(texts: Sequence[str]) -> np.ndarray:
        some = [texts[i] for i in np.linspace(0, len(texts) - 1, min(len(texts), SAMPLE)).astype(int)]
        return np.array([len(ids) for ids in checkpoint.tokens(some, longest)])

    tokens = []
    for task in tasks:
        held_out = [task.validation, *task.tests.values()]
        means = [_padded_mean(lengths(rows.texts)) for rows in held_out]
        tokens.append(
            TextLengths(lengths(task.drawn(0)[0].texts), float(np.average(means, weights=[*map(len, held_out)])))
        )

    on_gpu = checkpoint.device.type != "cpu"
    # The processor's time of this thread: other programs do not count, which may run now and not later.
    clock = time.perf_counter if on_gpu else time.thread_time
    half = checkpoint.dtype if checkpoint.dtype in (torch.bfloat16, torch.float16) else None
    plain = config.model_copy(update={"head": "linear", "pooling": "mean", "freeze_encoder": False})

    def timed(_: int) -> Speed:
        classifier = new_model(plain, checkpoint, ["no", "yes"])
        optimizer = torch.optim.AdamW(classifier.parameters(), fused=True)

        def loss_of(rows: int, length: int) -> torch.Tensor:
            ids = torch.full((rows, length), checkpoint.unknown_token, device=checkpoint.device)
            with torch.autocast(checkpoint.device.type, dtype=half, enabled=half is not None):
                loss: torch.Tensor = classifier(ids, torch.ones_like(ids), labels=torch.zeros_like(ids[:, 0])).loss
            return loss

        def step(rows: int, length: int) -> float:
            start = clock()
            loss = loss_of(rows, length)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            loss.item()  # waits for a GPU
            return clock() - start

        def read(rows: int, length: int) -> float:
            start = clock()
            with torch.no_grad():
                loss_of(rows, length).item()
            return clock() - start

        classifier.train()
        step(*SMALL)  # the first step makes the state of the optimizer
        small, large = (min(step(*shape) for _ in range(TIMED)) for shape in (SMALL, LARGE))
        classifier.eval()
        read(*SMALL)
        reading = min(read(*LARGE) for _ in range(TIMED)) / math.prod(LARGE)
        each = max(0.0, large - small) / (math.prod(LARGE) - math.prod(SMALL))
        return Speed(max(0.0, small - each * math.prod(SMALL)), each, reading)

    threads = threads_of(jobs)
    beside = min(jobs, os.cpu_count() or 1)  # more would wait for each other, and each has a model of its own
    with ThreadPoolExecutor(beside, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        speeds = list(pool.map(timed, range(beside)))
    return Speed(*map(mean, zip(*speeds, strict=True))), tokens
