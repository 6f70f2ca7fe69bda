"""Schedules: the rows that an epoch takes, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from augment.run.redraws import repeated
from augment.seeding import generator
from classifiers.data.batching import TrainingRows
from classifiers.data.text_sets import Sets

MEGABATCH = 50
"""The number of batches whose rows are sorted by length together, as in transformers."""


class Schedule(Protocol):
    """Decides which rows an epoch takes."""

    def __len__(self) -> int:
        """Return the number of rows of one epoch, the same in every epoch."""

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Return the row numbers of an epoch, in successive parts. The order within a part is drawn by `Bucketed`."""


class EveryRow:
    """Schedule: every row once in each epoch.

    Parameters
    ----------
    rows : int
        The number of rows.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Return all row numbers."""
        return [np.arange(self.rows)]


class NextSet:
    """Schedule: in each epoch every row of the file once, and another set of new rows.

    Parameters
    ----------
    rows : TrainingRows
        The rows of the file. Each set is appended to them when its epoch comes.
    sets : Sets
    prepared : callable
        Turns texts into inputs.
    classes : int
    weight : float
        The weight of a new row.
    """

    def __init__(
        self, rows: TrainingRows, sets: Sets, prepared: Callable[[Sequence[str]], Any], classes: int, weight: float
    ) -> None:
        self.rows = rows
        self.sets = sets
        self.prepared = prepared
        self.classes = classes
        self.weight = weight
        self.file_rows = len(rows)
        self.wanted = sum(sets.synthesis.budget.values())
        self._places: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.file_rows + self.wanted

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of the file and those of the epoch's set.

        If the set has too few rows of a class, they are repeated. If it has none, rows of the file are repeated.
        """
        made = self.sets.get(epoch).rows
        number = epoch if self.sets.count is None else epoch % self.sets.count
        if number not in self._places:
            if self.sets.count is None:  # earlier sets are not used again
                self.rows.cut(self.file_rows)
                self._places.clear()
            start = len(self.rows)
            self.rows.extend(self.prepared(made.texts), made, self.classes, weight=self.weight)
            self._places[number] = self._filled_up(np.arange(start, len(self.rows)))
        self.sets.begin(epoch + 1)
        return [np.concatenate([np.arange(self.file_rows), self._places[number]])]

    def _filled_up(self, places: np.ndarray) -> np.ndarray:
        """Return the places of a set's rows, with repetitions for classes that have fewer rows than their budget."""
        parts, codes = [places], self.rows.codes
        for name, wanted in self.sets.synthesis.budget.items():
            code = list(self.sets.synthesis.classes).index(name)
            own, originals = places[codes[places] == code], np.flatnonzero(codes[: self.file_rows] == code)
            parts.append(repeated(own, originals, wanted))
        return np.concatenate(parts)


class ClassBalanced:
    """Schedule: all classes have the same weight in every epoch, by sampling from the existing rows.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        The class of each row.
    seed : int
    undersample : bool, default=False
        True: draw from each class as many rows as the smallest class has, without replacement. False: draw n rows with
        replacement, equally many of each class (Kang et al. 2020, section 4.1).
    """

    def __init__(self, codes: np.ndarray, seed: int, *, undersample: bool = False) -> None:
        self.by_class = [np.flatnonzero(codes == code) for code in np.unique(codes)]
        self.seed = seed
        self.undersample = undersample
        self.rows = len(self.by_class) * min(map(len, self.by_class)) if undersample else len(codes)

    def __len__(self) -> int:
        return self.rows

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Draw the epoch's rows."""
        rng = generator(self.seed, "balance", epoch)
        if self.undersample:
            each = self.rows // len(self.by_class)
            return [np.concatenate([rng.choice(rows, each, replace=False) for rows in self.by_class])]
        # If the rows cannot be divided evenly, other classes get the remaining rows in each epoch.
        shares = np.full(len(self.by_class), self.rows // len(self.by_class))
        shares[rng.permutation(len(shares))[: self.rows % len(shares)]] += 1
        return [np.concatenate([rng.choice(rows, n) for rows, n in zip(self.by_class, shares, strict=True)])]


class RealAtLast:
    """Schedule: follows another schedule, but takes only original rows at the end of the training.

    The number of rows of an epoch stays the same. Each original is taken once before any is repeated.

    Parameters
    ----------
    schedule : Schedule
    originals : int
        TrainingRows 0 to `originals` - 1 are the original ones.
    from_row : int
        The number of rows, over all epochs, after which only originals are taken.
    seed : int
    """

    def __init__(self, schedule: Any, originals: int, from_row: int, seed: int) -> None:
        self.schedule = schedule
        self.originals = originals
        self.from_row = from_row
        self.seed = seed

    def __len__(self) -> int:
        return len(self.schedule)

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Return first the rows of the other schedule, then the original rows."""
        mixed = min(max(self.from_row - epoch * len(self), 0), len(self))
        parts = []
        if mixed:
            rows = np.concatenate(self.schedule.parts(epoch))
            drawn = rows if mixed == len(rows) else generator(self.seed, "balance", epoch, 1).permutation(rows)[:mixed]
            parts.append(drawn)
        if mixed < len(self):
            rng = generator(self.seed, "balance", epoch, 2)
            rounds = -(-(len(self) - mixed) // self.originals)
            order = np.concatenate([rng.permutation(self.originals) for _ in range(rounds)])
            parts.append(order[: len(self) - mixed])
        return parts


class Bucketed(torch.utils.data.Sampler[int]):
    """Sampler: the order of an epoch's rows is random, but rows of similar length share a batch.

    The order depends only on seed and epoch, so that an interrupted epoch can be resumed.

    Parameters
    ----------
    schedule : Schedule
    lengths : callable
        Returns the current lengths of all rows, int64 (n,).
    batch_size : int
        Rows that are padded together.
    seed : int
    """

    def __init__(self, schedule: Schedule, lengths: Callable[[], np.ndarray], batch_size: int, seed: int) -> None:
        self.schedule = schedule
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch. The trainer calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.schedule)

    def __iter__(self) -> Iterator[int]:
        parts = self.schedule.parts(self.epoch)
        lengths = self.lengths()
        for number, part in enumerate(parts):
            rng = generator(self.seed, "epoch", self.epoch, number)
            yield from bucketed(part, lengths[part], self.batch_size, rng).tolist()


def bucketed(rows: np.ndarray, lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffle rows so that each batch, cut from the front, has rows of similar length.

    The rows are shuffled, then sorted by length within every `MEGABATCH` batches. Then the batches are shuffled, so
    that short and long ones alternate. The rows left over, too few for a batch, come last. They are chosen at random,
    since each row counts more in a small batch.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
    lengths : ndarray of int, shape (n,)
    batch_size : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)
        The same rows.
    """
    full, wide = len(rows) // batch_size, MEGABATCH * batch_size
    order, rest = np.split(rng.permutation(len(rows)), [full * batch_size])
    chunks = [order[start : start + wide] for start in range(0, len(order), wide)]
    order = np.concatenate([chunk[np.argsort(lengths[chunk], kind="stable")] for chunk in chunks] or [order])
    batches = rng.permutation(full)[:, None] * batch_size + np.arange(batch_size)
    grouped: np.ndarray = rows[np.concatenate([order[batches.ravel()], rest])]
    return grouped
