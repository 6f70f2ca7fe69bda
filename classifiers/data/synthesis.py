"""`Synthesis`, which makes sets of new texts from the original rows of a training."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment._version import __version__
from augment.errors import InputError
from augment.generation.budget import rows_to_make
from augment.registry import STRATEGIES
from augment.run.redraws import seed_of_set
from classifiers.config import Static
from classifiers.data.splits import SOFT_LABELS, Split, TrainingData, near_copies

if TYPE_CHECKING:
    from augment.run.job import Job
    from augment.text.base import TextStrategy


class SyntheticSet(NamedTuple):
    """A set of new rows, and a report on it."""

    rows: Split
    report: dict[str, Any]
    """`made`, `missing`, `rejected` and `seconds`, as in a manifest."""


class Synthesis:
    """Makes sets of new texts from the original rows of a training.

    An original row that equals or nearly equals a held-out row is not used as a source. No new row equals or nearly
    equals a held-out row.

    Parameters
    ----------
    augmentation : Static or Redraw
    data : TrainingData
    seed : int
        The seed of the training. Each set has its own seed, derived from this one. The set of "static" uses this one.
    device : str
        The device of the models of the strategy, unless its parameters set one.

    Raises
    ------
    InputError
        If the strategy, a parameter or a guard is unknown, or there is nothing to make.
    """

    def __init__(self, augmentation: Static, data: TrainingData, seed: int, device: str) -> None:
        self.augmentation = augmentation
        self.classes = data.classes
        self.seed = seed
        self.device = device
        self._strategy()
        counts: dict[Any, int] = data.originals.joined(data.synthetic).counts(data.classes)
        self.budget = {str(k): n for k, n in rows_to_make(augmentation.sampling_strategy, counts).items()}
        if not sum(self.budget.values()):
            raise InputError(
                "There is nothing to augment: the classes have as many rows as sampling_strategy"
                f" {augmentation.sampling_strategy!r} asks for. Ask for more, e.g. {{{min(counts)!r}: …}}, or leave the"
                " augmentation out."
            )
        self.held_out = data.held_out
        sources = np.flatnonzero(~near_copies(data.originals.texts, self.held_out))
        self.no_sources = len(data.originals) - len(sources)
        self.sources = data.originals.taken(sources)
        for name, left in self.sources.counts(data.classes).items():
            if not left and self.budget.get(name):
                raise InputError(
                    f"Each original row of the class {name!r} equals or nearly equals a held-out row, so no new row"
                    " may be made of it. Give held-out rows that are not training rows."
                )
        self.identity = hashlib.sha256(
            json.dumps([__version__, augmentation.model_dump(), self.budget, seed, data.fingerprints]).encode()
        ).hexdigest()[:16]
        self._job(0)

    def make(self, number: int) -> SyntheticSet:
        """Make a set.

        Parameters
        ----------
        number : int
            0 or more; the same number gives the same rows.
        """
        from augment.run.text_run import Run

        made = Run(self._job(number)).make()
        rows, manifest = list(made.rows), made.manifest
        soft = None
        if self.augmentation.soft_labels:
            order = [sorted(self.classes).index(name) for name in self.classes]
            soft = np.array([row.columns[SOFT_LABELS] for row in rows], dtype=np.float32).reshape(-1, len(order))
            soft = soft[:, order]
        codes = np.array([self.classes.index(row.label) for row in rows], dtype=np.int64)
        report = {name: getattr(manifest, name) for name in ("made", "missing", "rejected", "seconds")}
        return SyntheticSet(Split([row.text for row in rows], codes, soft), report)

    def _strategy(self) -> TextStrategy:
        """Return a new object of the strategy."""
        from augment.text.base import TextStrategy

        strategy, parameters = self.augmentation.strategy, dict(self.augmentation.parameters)
        if isinstance(strategy, str):
            if "device" in STRATEGIES.parameters(STRATEGIES.find(strategy)):
                parameters.setdefault("device", self.device)
            strategy = STRATEGIES.create(strategy, parameters)
        elif parameters:
            raise InputError("The strategy is configured already. Leave the parameters out, or give its name.")
        if not isinstance(strategy, TextStrategy):
            raise InputError(
                f"The strategy {strategy.name!r} makes vectors, and the mode {self.augmentation.mode!r} takes texts."
                " Give the mode 'features', or a text strategy, such as 'fillmask'."
            )
        return strategy

    def _job(self, number: int) -> Job:
        """Plan a set. Mistakes are an error here, before any row is made."""
        from augment.data.containers import as_table
        from augment.data.corpus import from_table
        from augment.data.layout import Layout
        from augment.run.job import HeldOutTexts, plan_job

        augmentation, strategy = self.augmentation, self._strategy()
        guards: list[Any] | None = augmentation.guards
        if augmentation.soft_labels:
            guards = _writing_soft_labels(guards)
        seed = self.seed
        if augmentation.mode != "static":
            seed = seed_of_set(self.seed, number)
        names = [self.classes[code] for code in self.sources.codes]
        counts = self.sources.counts(self.classes)
        return plan_job(
            from_table(as_table((self.sources.texts, names)), "the training rows", Layout(single_label=True)),
            strategy,
            sampling_strategy={name: counts[name] + rows for name, rows in self.budget.items() if rows},
            seed=seed,
            held_out=[HeldOutTexts("the held-out rows", self.held_out)] if self.held_out else (),
            guards=guards,
            max_per_source=augmentation.max_per_source,
        )


def _writing_soft_labels(named: list[str] | None) -> list[Any]:
    """Return the named guards, with one among them that writes soft labels: `agreement`, unless another one does."""
    from augment.guards.agreement import Agreement
    from augment.guards.selection import NONE, choice

    guards, alone = choice(named)
    if not any(guard.columns for guard in guards):
        teacher = next((guard for guard in guards if isinstance(guard, Agreement)), None)
        if teacher is None:
            guards.append(teacher := Agreement())
        teacher.soft_labels = True
    return [NONE, *guards] if alone else guards
