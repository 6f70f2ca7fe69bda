"""Which rows an epoch takes, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from augment.seeding import generator
from classifiers.data.batching import TrainingRows
from classifiers.data.text_sets import Sets

MEGABATCH = 50
"""Batches' worth of rows that are sorted by length together, as in transformers."""


class Schedule(Protocol):
    """Which rows an epoch takes, and in what order."""

    def __len__(self) -> int:
        """Return the rows of one epoch, which are as many in every epoch."""

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Return row numbers in parts that follow on each other; the order within each is drawn elsewhere."""


class EveryRow:
    """Every row once.

    Parameters
    ----------
    rows : int
        How many there are.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def parts(self, epoch: int) -> list[np.ndarray]:
        """Return all row numbers."""
        return [np.arange(self.rows)]


class Redrawn:
    """Schedule: every row of the file once, and a set of new rows that is another in every epoch.

    Parameters
    ----------
    rows : TrainingRows
        Those of the file; sets are appended to it when their turn comes.
    sets : Sets
    prepared : callable
        Makes inputs of texts.
    classes : int
    weight : float
        Of a new row.
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

        Of a class of which the set is short, its rows are taken again; of one of which it has none, rows of the file.
        """
        made = self.sets.get(epoch).rows
        number = epoch if self.sets.count is None else epoch % self.sets.count
        if number not in self._places:
            if self.sets.count is None:  # no earlier set comes again
                self.rows.cut(self.file_rows)
                self._places.clear()
            start = len(self.rows)
            self.rows.extend(self.prepared(made.texts), made, self.classes, weight=self.weight)
            self._places[number] = self._filled_up(np.arange(start, len(self.rows)))
        self.sets.begin(epoch + 1)
        return [np.concatenate([np.arange(self.file_rows), self._places[number]])]

    def _filled_up(self, places: np.ndarray) -> np.ndarray:
        """Return the places of a set's rows, and more of the classes that it lacks, so that each has its budget."""
        parts, codes = [places], self.rows.codes
        for name, wanted in self.sets.synthesis.budget.items():
            code = list(self.sets.synthesis.classes).index(name)
            own = places[codes[places] == code]
            if len(own) < wanted:
                pool = own if len(own) else np.flatnonzero(codes[: self.file_rows] == code)
                parts.append(np.resize(pool, wanted)[len(own) :])
        return np.concatenate(parts)


class ClassBalanced:
    """Schedule: all classes weigh the same in every epoch, by drawing among the rows that there are.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        The class of each row.
    seed : int
    undersample : bool, default=False
        Draw of each class as many rows as the smallest has, without replacement; else n rows with replacement, each
        class as often as every other (Kang et al. 2020, section 4.1).
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
        # Which classes get the rows that are over differs from epoch to epoch.
        shares = np.full(len(self.by_class), self.rows // len(self.by_class))
        shares[rng.permutation(len(shares))[: self.rows % len(shares)]] += 1
        return [np.concatenate([rng.choice(rows, n) for rows, n in zip(self.by_class, shares, strict=True)])]


class RealAtLast:
    """Schedule: as another one, but for original rows alone at the end of the training.

    An epoch keeps its number of rows: each original is taken once before any is taken again.

    Parameters
    ----------
    schedule : Schedule
    originals : int
        TrainingRows 0 to `originals` - 1 are the original ones.
    from_row : int
        How many rows the training takes, over all epochs, before only originals are taken.
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
        """Return the mixed rows, and the original ones that follow on them."""
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
    """The order of an epoch's rows: at random, but so that rows of like length fall into one batch.

    It follows from seed and epoch alone, so that an interrupted epoch goes on where it stood.

    Parameters
    ----------
    schedule : Schedule
    lengths : callable
        Gives the lengths of all rows that there are now, int64 (n,).
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
        """Go to an epoch; the trainer calls this before each."""
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
    """Shuffle rows so that batches cut from the front hold rows of like length.

    The rows are shuffled, sorted by length within every `MEGABATCH` batches, and the batches shuffled again, so that
    short and long ones take turns. Rows that fill no batch come last: any, since in a small one each weighs more.

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
