"""Cells, the trainings and tests that a suite is made of: `cells` lays them out, each with its settings and keys."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment._version import __version__
from augment.errors import InputError
from augment.generation.budget import rows_to_make
from augment.guards.selection import choice
from augment.models import hub
from augment.models.revisions import folder_hash
from augment.registry import STRATEGIES
from augment.text.retrieve import Retrieve
from benchmarks.grid.arms import Arm
from benchmarks.grid.kept_answers import kept_draws
from benchmarks.grid.sources import LabelledRows, digest
from benchmarks.grid.suite import LOGISTIC_REGRESSION, Suite
from benchmarks.grid.tasks import TaskData
from classifiers.config import Features, Static, TrainConfig
from classifiers.data.feature_vectors import vector_sampler

ON_VECTORS = {"augmentation", "class_weights", "logit_adjustment", "synthetic_weight"}
"""Settings of a training that mean something for a logistic regression on vectors."""
BY_COUNT = ("more-real", "double-real")
"""Rows of an arm whose number follows from the draw, whatever the suite's `sampling_strategy`."""

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

    sampling_strategy: Any
    """The rows that the arm adds before the training."""
    C: float
    """The inverse strength of the regularisation of a logistic regression."""
    rows_key: str
    """A hash of all that determines the rows that are made first. Cells with other encoders share them."""
    pretraining_key: str | None
    """A hash of all that determines the encoder that is trained on the task's texts first. Cells share it."""

    @property
    def group(self) -> tuple[str, str, str, str]:
        """The group in which arms are compared."""
        return self.title, self.encoder, self.head, self.loss

    @property
    def place(self) -> Place:
        """The place of its result. Each place has at most one result."""
        return (*self.group, self.arm.name, self.seed)

    @property
    def on_vectors(self) -> bool:
        """Whether a logistic regression is fitted on the vectors of the frozen encoder."""
        return self.head == LOGISTIC_REGRESSION

    @property
    def makes_rows_first(self) -> bool:
        """Whether rows are made before the training, which cells with other encoders share."""
        return self.arm.rows != "given" or (self.on_vectors and isinstance(self.config.augmentation, Static))

    @property
    def shares_encoder(self) -> bool:
        """Whether it trains a new head on an encoder that is fine-tuned once for all such arms.

        A recurrent head is fine-tuned together with its encoder, so it cannot share one. Nor can a head on an encoder
        that is trained on the task's texts first.
        """
        return self.arm.trains_head_anew and self.head == "linear" and self.arm.pretraining is None

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
    for seed in range(suite.first_seed, suite.first_seed + seeds):
        for number, task in enumerate(data):
            drawn = task.drawn(seed)[0]
            there = [arm for arm in chosen if why_absent(arm, suite, task, seed) is None]
            for encoder, head, loss in itertools.product(suite.encoders, suite.heads, suite.losses):
                for arm in there:
                    on_vectors = head == LOGISTIC_REGRESSION
                    if on_vectors and not (fits_vectors(arm) and loss == suite.losses[0]):
                        continue
                    if arm.C is not None and not on_vectors:
                        continue
                    config = _config(suite, arm, encoder, head, loss, seed, len(drawn), device)
                    yield _cell(suite, number, task, arm, config, (encoder, head, loss), hashes.get(encoder, ""))


def _cell(
    suite: Suite,
    number: int,
    task: TaskData,
    arm: Arm,
    config: TrainConfig,
    group: tuple[str, str, str],
    content: str,
) -> Cell:
    """Return a cell, with the keys of what it makes. `content` is the hash of the encoder's content."""
    encoder, head, loss = group
    amount: dict[str, Any] = {}
    if arm.rows not in ("given", *BY_COUNT) and suite.sampling_strategy != "auto":
        amount = {"sampling_strategy": suite.sampling_strategy}
    fitted: dict[str, Any] = {"head": head, "C": arm.C or suite.C} if head == LOGISTIC_REGRESSION else {}
    answered: dict[str, Any] = {}
    if arm.replays is not None:
        answered = {"answers": kept_draws()[task.drawn(config.seed)[0].fingerprint].content(arm.replays)}
    adapted = None
    if arm.pretraining is not None:
        texts = digest(task.unlabelled(config.seed))
        adapted = _hash(
            {
                "version": __version__,
                "encoder": encoder,
                "content": content,
                "settings": arm.pretraining,
                "texts": texts,
            }
        )
    trained_on = amount | answered | ({} if adapted is None else {"pretraining": adapted})
    maker = config.augmentation.model_dump(mode="json") if isinstance(config.augmentation, Static) else None
    by = [encoder, content] if arm.rows in ("retrieve", "self-training") else None
    made = {"version": __version__, "task": task.task.model_dump(mode="json"), "data": task.fingerprints()}
    return Cell(
        task=number,
        title=task.title,
        encoder=encoder,
        head=head,
        loss=loss,
        arm=arm,
        seed=config.seed,
        config=config,
        key=_key(task, config, content, arm.rows, arm.model, trained_on | fitted),
        base_key=_key(task, _without_new_rows(config), content),
        sampling_strategy=suite.sampling_strategy,
        C=arm.C or suite.C,
        rows_key=_hash(made | {"rows": arm.rows, "by": by, "maker": maker, "seed": config.seed} | amount | answered),
        pretraining_key=adapted,
    )


def fits_vectors(arm: Arm) -> bool:
    """Tell whether a logistic regression on vectors can do what an arm does."""
    changed = {**arm.augmentation}
    mode = changed.get("mode", "static")
    once = mode == "static" or (mode == "features" and changed.get("strategy", "smote") is not None)
    return (
        arm.model == "encoder"
        and set(arm.training) <= ON_VECTORS
        and (not changed or once)
        and not changed.get("soft_labels")
    )


def why_absent(arm: Arm, suite: Suite, task: TaskData, seed: int) -> str | None:
    """Return why a task has no cell of an arm with a seed; None if it has one.

    Parameters
    ----------
    arm : Arm
    suite : Suite
    task : TaskData
    seed : int

    Returns
    -------
    str or None
        The end of a sentence: "since …".
    """
    drawn, reserve = task.drawn(seed)
    if arm.replays is not None:
        draw = kept_draws().get(drawn.fingerprint)
        there = draw is not None and arm.replays in draw.recipes
        return None if there else "no answers to requests of these rows are kept"
    if arm.rows == "self-training":
        fewest = Retrieve(pool="", recipe="self-training").fewest_rows
        texts: dict[str, set[str]] = {}
        for text, label in zip(drawn.texts, drawn.labels, strict=True):
            texts.setdefault(label, set()).add(text)
        if min(map(len, texts.values())) < fewest:
            return f"a class has fewer than {fewest} different texts"
    if arm.takes_pool and task.task.pool is None:
        return "the task has no pool of unlabelled text"
    counts: dict[Any, int] = dict(drawn.counts)
    if arm.rows == "double-real" and len(set(counts.values())) == 1:
        return "no class has fewer rows than others"
    if arm.takes_left_out_rows and not real_rows(arm.rows, suite.sampling_strategy, task, drawn, reserve):
        return "no row of a class that lacks rows was left out"
    strategy = suite.sampling_strategy
    if arm.rows == "given":
        if not arm.adds_rows_in_training:
            return None
        for name in arm.augmentation.get("parameters", {}).get("models", ()):
            if not Path(name).is_dir() and not hub.reachable() and not hub.is_cached("models", name):
                return f"the hub cannot be reached, and its model {name} is not kept here"
        strategy = arm.augmentation.get("sampling_strategy", strategy)
    return None if sum(rows_to_make(strategy, counts).values()) else "no class lacks rows"


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
    settings: dict[str, Any] = {"encoder": encoder, "device": device, **arm.training}
    if arm.adds_rows_in_training and suite.sampling_strategy != "auto":
        settings["augmentation"] = {"sampling_strategy": suite.sampling_strategy, **arm.augmentation}
    if head == LOGISTIC_REGRESSION:
        settings |= {"freeze_encoder": True}
        settings |= {name: suite.training[name] for name in ("train_sample", "max_length") if name in suite.training}
    else:
        settings = {"head": head, "loss": loss, **suite.training} | settings
        if settings["loss"] != "focal" and "gamma" not in arm.training:  # a suite gives it once for all of its losses
            settings.pop("gamma", None)
        if settings["head"] != "linear" and "pooling" not in arm.training:
            settings.pop("pooling", None)
    try:
        config = TrainConfig(**settings, seed=seed)
        _check_augmentation(config.augmentation)
    except InputError as error:
        raise InputError(f"The suite {suite.name!r}, arm {arm.name!r}: {error}") from None
    if head == LOGISTIC_REGRESSION:
        return config
    steps = math.ceil(rows / (config.batch_size * config.gradient_accumulation)) * config.epochs
    between = max(1, round(steps / suite.evaluations))
    equal = {"max_steps": between * suite.evaluations, "evaluate_steps": between, "evaluate_by": "steps"}
    return config.model_copy(update=equal)


def wanted_rows(rows: str, sampling_strategy: Any, task: TaskData, drawn: LabelledRows) -> dict[str, int]:
    """Return, for each class, how many rows that the draw has left out an arm would add; see `real_rows`."""
    counts: dict[Any, int] = dict(drawn.counts)
    budget = rows_to_make("2x" if rows in BY_COUNT else sampling_strategy, counts)
    return {str(name): count for name, count in budget.items() if rows != "double-real" or name in task.rare}


def real_rows(
    rows: str, sampling_strategy: Any, task: TaskData, drawn: LabelledRows, reserve: LabelledRows
) -> dict[str, int]:
    """Return, for each class, how many rows that the draw has left out an arm adds.

    Parameters
    ----------
    rows : {"real", "more-real", "double-real"}
        See `benchmarks.grid.arms.Arm.rows`.
    sampling_strategy : str, float or mapping
        That of the suite; "real" takes it.
    task : TaskData
    drawn, reserve : LabelledRows
        See `TaskData.drawn`.

    Returns
    -------
    dict of str to int
        As many as there are. Classes without any are left out.
    """
    there = reserve.counts
    wanted = wanted_rows(rows, sampling_strategy, task, drawn)
    available = {name: min(count, there.get(name, 0)) for name, count in wanted.items()}
    return {name: count for name, count in available.items() if count}


def _key(
    task: TaskData,
    config: TrainConfig,
    encoder: str,
    rows: str = "given",
    model: str = "encoder",
    more: Mapping[str, Any] | None = None,
) -> str:
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
    return _hash({**content, **(more or {})})


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
