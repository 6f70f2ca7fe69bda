"""`augment.vectors.smote.Smote` against imbalanced-learn's bare SMOTE: rows per second and memory on made vectors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from augment.errors import counted
from benchmarks.speed.contest import Competitor, Contest, ContestOptions, Measured, Setting, alone

ROWS, WIDTH = 50_000, 384
SHARES = (0.2, 0.34, 0.46)
"""The shares of the three classes."""


@dataclass(frozen=True, kw_only=True)
class SmoteSetting(Setting):
    """The number and the width of the vectors."""

    rows: int
    width: int


def contests(options: ContestOptions, log: Callable[[str], None]) -> list[Contest]:
    """Return the contest: always 50,000 unit vectors of 384 numbers in three classes.

    Parameters
    ----------
    options : ContestOptions
        Only its threads are used.
    log : callable
        Not used.

    Returns
    -------
    list of Contest
        One.
    """
    setting = SmoteSetting(rows=ROWS, width=WIDTH, threads=options.threads)
    title = f"SMOTE of {ROWS:,} vectors of {WIDTH} float32, three classes, {counted(options.threads, 'thread')}"
    return [Contest("smote", title, "new rows", setting, competitors())]


def competitors() -> list[Competitor]:
    """Return the competitors: ours, and imbalanced-learn."""
    return [
        Competitor("augment Smote", partial(smote, of="augment")),
        Competitor("imbalanced-learn SMOTE", partial(smote, of="imblearn")),
    ]


def smote(setting: SmoteSetting, *, of: Literal["augment", "imblearn"]) -> Measured:
    """Measure one of the two. Ours also removes repetitions, keeps parents, and scales new rows to unit length."""
    return alone(_smote, setting, with_torch=False, of=of)


def _smote(setting: SmoteSetting, of: str) -> tuple[int, float, float]:
    from threadpoolctl import threadpool_limits

    sampler: Any
    start = time.perf_counter()
    if of == "augment":
        from augment.vectors.smote import Smote

        sampler = Smote(random_state=0)
    else:
        from imblearn.over_sampling import SMOTE

        sampler = SMOTE(random_state=0)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(setting.rows, setting.width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    y = rng.permutation(np.searchsorted(np.cumsum(SHARES[:-1]), np.arange(setting.rows) / setting.rows, side="right"))
    with threadpool_limits(setting.threads):
        sampler.fit_resample(vectors[:200], y[:200])
        ready = time.perf_counter()
        made, _ = sampler.fit_resample(vectors, y)
        seconds = time.perf_counter() - ready
    return len(made) - setting.rows, seconds, ready - start
