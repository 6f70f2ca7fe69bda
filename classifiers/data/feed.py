"""`Feed`, all that a model learns from: the rows, when an epoch takes them, and their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from accelerate import PartialState

from augment.seeding import generator
from classifiers.config import Balanced, Redraw, Static, TrainConfig
from classifiers.data.batching import TrainingRows
from classifiers.data.inputs import FrozenFeatures, TokenInputs
from classifiers.data.schedules import ClassBalanced, EveryRow, NextSet, RealAtLast, Schedule
from classifiers.data.splits import Split, TrainingData
from classifiers.data.synthesis import Synthesis
from classifiers.data.text_sets import Sets

Inputs = TokenInputs | FrozenFeatures
KINDS = ("train", "synthetic", "validation")
"""The kinds of rows that are evaluated: original training rows, synthetic rows, held-out rows."""


class Finish(NamedTuple):
    """The end of a training that uses original rows only. Each of them has the weight 1."""

    step: int
    """The number of steps before it."""
    mass: np.ndarray
    """The total weight of its rows of each class; float64, shape (classes,)."""


@dataclass(frozen=True, eq=False)
class Feed:
    """All that a model learns from in one phase of a training."""

    rows: TrainingRows
    schedule: Schedule
    collate: Callable[..., Any]
    mass: np.ndarray
    """The total weight of the rows of each class in an epoch; float64, shape (classes,)."""
    mean_weight: float
    """The mean weight of a row in an epoch."""
    synthetic: Split | None = None
    """The synthetic rows that are evaluated."""
    sets: Sets | None = None
    """The sets of new texts."""
    finish: Finish | None = None
    """The end of `schedule`, if it uses original rows only."""


def text_feed(
    config: TrainConfig,
    data: TrainingData,
    inputs: Inputs,
    synthesis: Synthesis | None,
    folder: Path,
    log: Callable[[str], None] = lambda line: None,
) -> Feed:
    """Return the feed of a training on texts.

    Parameters
    ----------
    config : TrainConfig
    data : TrainingData
    inputs : TokenInputs or FrozenFeatures
        They turn texts into inputs of the model.
    synthesis : Synthesis, optional
        Makes new texts, in the modes "static" and "redraw".
    folder : Path
        The folder that keeps new rows.
    log : callable, optional
        Called with a line when new rows are made.

    Returns
    -------
    Feed
    """
    ways, classes = config.augmentation, len(data.classes)
    split, new, weight = data.originals.joined(data.synthetic), data.synthetic, config.synthetic_weight
    sets = None
    if synthesis is not None:
        redrawn = isinstance(ways, Redraw)
        sets = Sets(synthesis, ways.variants if isinstance(ways, Redraw) else 1, folder, log)
        first = sets.get(0).rows
        new = new.joined(first)
        if not redrawn:
            split = split.joined(first)
    weights = np.where(np.arange(len(split)) < len(data.originals), 1.0, weight).astype(np.float32)
    rows = TrainingRows(
        inputs(split.texts), split, classes, weights=weights, soft=isinstance(ways, Static) and ways.soft_labels
    )
    mass: np.ndarray = np.bincount(split.codes, weights=weights, minlength=classes)
    schedule: Schedule = EveryRow(len(rows))
    if isinstance(ways, Balanced):
        schedule = ClassBalanced(rows.codes, config.seed, undersample=ways.draw == "undersample")
        mass = mass / np.bincount(rows.codes, minlength=classes) * (len(schedule) / classes)
    elif isinstance(ways, Redraw) and sets is not None:
        schedule = NextSet(rows, sets, inputs, classes, weight)
        mass = mass + weight * np.array([sets.synthesis.budget.get(name, 0) for name in data.classes])
    mean_weight = float(mass.sum() / len(schedule))
    finish = None
    if config.real_only:
        steps, taken = _before_the_finish(config, len(schedule))
        schedule = RealAtLast(schedule, len(data.originals), taken, config.seed)
        finish = Finish(steps, np.bincount(data.originals.codes, minlength=classes).astype(np.float64))
    return Feed(rows, schedule, inputs.collate, mass, mean_weight, new if len(new) else None, sets, finish)


def _before_the_finish(config: TrainConfig, epoch: int) -> tuple[int, int]:
    """Return the number of steps before the finish on original rows, and the number of rows in these steps."""
    step = config.batch_size * config.gradient_accumulation * PartialState().num_processes
    steps = math.ceil(epoch / step)
    mixed = math.floor((config.max_steps or math.ceil(config.epochs * steps)) * (1 - config.real_only))
    return mixed, mixed // steps * epoch + mixed % steps * step


def evaluated_rows(
    config: TrainConfig, classes: int, kinds: Mapping[str, tuple[Split | None, Callable[[np.ndarray], Any]]]
) -> dict[str, TrainingRows]:
    """Choose the rows that every evaluation uses, always the same.

    Parameters
    ----------
    config : TrainConfig
    classes : int
        The number of classes.
    kinds : mapping of str to (Split or None, callable)
        For "train" (the original training rows), "synthetic" and "validation": the rows, and a function that returns
        inputs for row numbers.

    Returns
    -------
    dict of str to TrainingRows
        At most `config.train_sample` training rows and as many synthetic rows. Kinds without rows are left out.
    """
    evaluated = {}
    for kind, (split, inputs_of) in kinds.items():
        if split is None or not len(split):
            continue
        rows = evaluated_sample(config, kind, split.codes)
        evaluated[kind] = TrainingRows(
            inputs_of(rows), Split([split.texts[i] for i in rows], split.codes[rows]), classes
        ).by_length()
    return evaluated


def evaluated_sample(config: TrainConfig, kind: str, codes: np.ndarray) -> np.ndarray:
    """Return the rows of a kind that are evaluated: at most `config.train_sample`, or all of "validation".

    Parameters
    ----------
    config : TrainConfig
    kind : str
        One of `KINDS`.
    codes : ndarray of int64, shape (n,)
        The rows' classes.

    Returns
    -------
    ndarray of int64
        Row numbers, ascending. Each class has its share, rounded up, so that no class is left out.
    """
    if kind == "validation" or len(codes) <= config.train_sample:
        return np.arange(len(codes))
    order = generator(config.seed, "sample", KINDS.index(kind)).permutation(len(codes))
    place = np.empty(len(codes))  # of each row among those of its class, from 0 to 1
    for code in np.unique(codes):
        own = order[codes[order] == code]
        place[own] = np.arange(len(own)) / len(own)
    return np.sort(order[np.argsort(place[order], kind="stable")[: config.train_sample]])
