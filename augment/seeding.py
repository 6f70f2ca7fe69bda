"""Randomness without shared streams: counter-based generators, and seeding of other libraries in a block."""

from __future__ import annotations

import contextlib
import enum
import random
import secrets
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from augment.errors import InputError

STREAMS = (
    *("plan", "draw", "order", "mask", "teacher", "positions", "report", "part", "choice"),
    *("vectors", "surplus", "network"),
    *("epoch", "sample", "redraw", "balance"),
    *("repetition", "dropout", "held_out"),
    *("subset", "fillings", "beams"),
    *("review", "text", "words"),
)
"""The purposes that random numbers are drawn for. Each has its own generators. Add new ones at the end only."""


class Subset(enum.IntEnum):
    """What the stream "subset" chooses: the second number of its key. The first one is of the class or the fold.

    A number never changes, or the rows of earlier runs would. `FEW_ROWS` and `TEXTS_TO_LEARN` had the same one from
    the start.
    """

    FEW_ROWS = 0
    TEXTS_TO_LEARN = 0
    PART_OF_A_SPLIT = 1
    HALF_OF_THE_DEV_ROWS = 2
    ADDED_ROWS = 3
    CLASSES = 4
    POOL = 5
    COMPARED_HALVES = 10
    QUOTAS = 11
    PARTNERS = 12
    THINNED_PAIRS = 13
    RESAMPLED_FOLD = 14
    ORDER_OF_A_SHEET = 15
    ROWS_OF_A_SHEET = 16


def generator(seed: int, stream: str, *key: int) -> np.random.Generator:
    """Return the generator of one key. It does not depend on what was drawn before.

    The same key gives the same numbers in any process, in any order, in any batch, which is
    what makes a run independent of batch size, workers and resuming.

    Parameters
    ----------
    seed : int
        The seed of the run, 0 to 2**64 - 1.
    stream : str
        One of `STREAMS`.
    *key : int
        At most three numbers, each 0 to 2**64 - 1, e.g. source row, variant, attempt. A missing one counts as 0.
        Two uses of a stream must differ in one of them, or be given different seeds.

    Returns
    -------
    numpy.random.Generator
        Philox keyed by (seed, stream), its counter set by the key (Salmon et al. 2011, "Parallel
        random numbers: as easy as 1, 2, 3"). Two keys share no number below 2**64 draws.

    Examples
    --------
    >>> generator(0, "draw", 3, 1).random() == generator(0, "draw", 3, 1).random()
    True
    >>> generator(0, "draw", 3, 1).random() == generator(0, "draw", 3, 2).random()
    False
    """
    counter = np.zeros(4, dtype=np.uint64)
    counter[1 : 1 + len(key)] = key
    return np.random.Generator(
        np.random.Philox(key=np.array([seed, STREAMS.index(stream)], np.uint64), counter=counter)
    )


def seed_of(random_state: Any) -> int:
    """Turn a random state into one integer seed.

    Parameters
    ----------
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        A generator gives the seed by one draw. None gives a fresh seed.

    Returns
    -------
    int
        0 or more.

    Raises
    ------
    InputError
        If it has another type.
    """
    if random_state is None:
        return secrets.randbits(32)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)) or random_state < 0:
        raise InputError(
            f"`random_state` must be an integer of 0 or more, a numpy generator, or None. Got {random_state!r}."
        )
    return int(random_state)


@contextlib.contextmanager
def global_generators(seed: int, *, torch_too: bool = True) -> Iterator[None]:
    """Seed the global generators of random, numpy and torch for a block, then put them back.

    Only for other libraries, which use them and sometimes reseed them. Code of this package uses `generator`.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1; numpy's legacy generator takes its lower half.
    torch_too : bool, default=True
        Whether to include those of torch, if it is loaded. Leave them out for code that uses random and numpy only:
        they take most of a millisecond, and initialise a CUDA device.
    """
    torch = sys.modules.get("torch") if torch_too else None
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng() if torch is not None else contextlib.nullcontext():
        try:
            if torch is not None:
                torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 -- the legacy stream is the one that foreign code reads
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
