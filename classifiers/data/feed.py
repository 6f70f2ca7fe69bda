"""What a training is fed: the rows of its file and new ones, when they are taken, and what they weigh."""

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
from classifiers.data.schedules import ClassBalanced, EveryRow, RealAtLast, Redrawn, Schedule
from classifiers.data.splits import Split, TrainingData
from classifiers.data.synthesis import Synthesis
from classifiers.data.text_sets import Sets

Inputs = TokenInputs | FrozenFeatures
KINDS = ("train", "synthetic", "validation")
"""What is evaluated: original training rows, synthetic ones, held-out ones."""


class Finish(NamedTuple):
    """The end of a training, which sees original rows alone; each of them weighs 1."""

    step: int
    """How many steps are taken before it."""
    mass: np.ndarray
    """What its rows of each class weigh together; float64, shape (classes,)."""


@dataclass(frozen=True, eq=False)
class Feed:
    """What a model learns from in one phase."""

    rows: TrainingRows
    schedule: Schedule
    collate: Callable[..., Any]
    mass: np.ndarray
    """What the rows of each class weigh together in an epoch; float64, shape (classes,)."""
    mean_weight: float
    """Of a row in an epoch."""
    synthetic: Split | None = None
    """The synthetic rows that are evaluated."""
    sets: Sets | None = None
    """What makes new texts."""
    finish: Finish | None = None
    """How `schedule` ends, if it ends on original rows alone."""


def text_feed(
    config: TrainConfig,
    data: TrainingData,
    inputs: Inputs,
    synthesis: Synthesis | None,
    folder: Path,
    log: Callable[[str], None] = lambda line: None,
) -> Feed:
    """Put together what a model learns from texts.

    Parameters
    ----------
    config : TrainConfig
    data : TrainingData
    inputs : TokenInputs or FrozenFeatures
        What the model takes of texts.
    synthesis : Synthesis, optional
        Makes new texts, in the modes "static" and "redraw".
    folder : Path
        New rows are kept there.
    log : callable, optional
        Told what is made.

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
        schedule = Redrawn(rows, sets, inputs, classes, weight)
        mass = mass + weight * np.array([sets.synthesis.budget.get(name, 0) for name in data.classes])
    mean_weight = float(mass.sum() / len(schedule))
    finish = None
    if config.real_only:
        steps, taken = _before_the_finish(config, len(schedule))
        schedule = RealAtLast(schedule, len(data.originals), taken, config.seed)
        finish = Finish(steps, np.bincount(data.originals.codes, minlength=classes).astype(np.float64))
    return Feed(rows, schedule, inputs.collate, mass, mean_weight, new if len(new) else None, sets, finish)


def _before_the_finish(config: TrainConfig, epoch: int) -> tuple[int, int]:
    """Return how many steps, of epochs of so many rows, come before only original rows do, and the rows they take."""
    step = config.batch_size * config.gradient_accumulation * PartialState().num_processes
    steps = math.ceil(epoch / step)
    mixed = math.floor((config.max_steps or math.ceil(config.epochs * steps)) * (1 - config.real_only))
    return mixed, mixed // steps * epoch + mixed % steps * step


def evaluated_rows(
    config: TrainConfig, classes: int, kinds: Mapping[str, tuple[Split | None, Callable[[np.ndarray], Any]]]
) -> dict[str, TrainingRows]:
    """Choose the rows that are evaluated again and again, always the same.

    Parameters
    ----------
    config : TrainConfig
    classes : int
        How many there are.
    kinds : mapping of str to (Split or None, callable)
        "train" for the original training rows, "synthetic", "validation": the rows, and what gives the inputs of some
        of them by their numbers.

    Returns
    -------
    dict of str to TrainingRows
        Of training and synthetic rows a sample of `config.train_sample`; kinds without rows are left out.
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
    """Return which rows of a kind are evaluated: at most `config.train_sample`, or all of "validation".

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
        Ascending. Each class at its share, rounded up, so that none is left out.
    """
    if kind == "validation" or len(codes) <= config.train_sample:
        return np.arange(len(codes))
    order = generator(config.seed, "sample", KINDS.index(kind)).permutation(len(codes))
    place = np.empty(len(codes))  # of each row among those of its class, from 0 to 1
    for code in np.unique(codes):
        own = order[codes[order] == code]
        place[own] = np.arange(len(own)) / len(own)
    return np.sort(order[np.argsort(place[order], kind="stable")[: config.train_sample]])
