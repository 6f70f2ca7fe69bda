"""GAN-SMOTE trained in a blink, and rows to train it on."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np

from augment.vectors.gan.sampler import GANSMOTE

QUICK: dict[str, dict[str, Any]] = {
    "residual": {"n_steps": 25, "n_critic": 1, "batch_size": 32},
    "smote": {"generator_input": "smote", "n_steps": 3, "batch_size": 32},
    "noise": {"generator_input": "noise", "n_steps": 25},
}
"""Of each mode, what trains it in a blink."""
SIZES = {"often": 260, "rare": 130}


def quick(mode: str = "residual", **others: Any) -> GANSMOTE:
    return GANSMOTE(**{"random_state": 0, **QUICK[mode], **others})


def normal(sizes: dict[Any, int] | None = None, width: int = 8, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Rows of classes that lie beside each other, wider in their first columns than in their last."""
    sizes = SIZES if sizes is None else sizes
    rng = np.random.default_rng(7)
    scale = np.linspace(3, 0.3, width)
    rows = [rng.normal(size=(count, width)) * scale + 0.5 * i for i, count in enumerate(sizes.values())]
    return np.concatenate(rows).astype(dtype), np.repeat(list(sizes), list(sizes.values()))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def new_rows(sampler: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    vectors, _ = sampler.fit_resample(X, y)
    return vectors[len(X) :]


def bytes_of(sampler: Any, X: np.ndarray, y: np.ndarray) -> bytes:
    return new_rows(sampler, X, y).tobytes()


def wide() -> tuple[np.ndarray, np.ndarray]:
    X, y = normal(width=16)
    return 30 * X, y


MONK = (3, 3, 2, 3, 4, 2)
"""Values of the six attributes of the Monk's problems (Thrun et al. 1991)."""
GROUPS = [list(range(end - size, end)) for end, size in zip(np.cumsum(MONK).tolist(), MONK, strict=True)]


def one_hot(values: np.ndarray) -> np.ndarray:
    rows = np.zeros((len(values), sum(MONK)))
    for place, group in enumerate(GROUPS):
        rows[np.arange(len(values)), np.array(group)[values[:, place]]] = 1
    return rows


def monk(rare: int = 130) -> tuple[np.ndarray, np.ndarray]:
    """All rows of the first Monk's problem that are not of its class, and some that are."""
    values = np.array(list(product(*map(range, MONK))))
    own = (values[:, 0] == values[:, 1]) | (values[:, 4] == 0)
    assert own.sum() == 216
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(own))[:rare]
    X = one_hot(np.concatenate([values[~own], values[chosen]]))
    return X, np.repeat(["often", "rare"], [216, rare])


def categorical(**others: Any) -> GANSMOTE:
    return GANSMOTE(
        **{"generator_input": "noise", "output": "onehot", "groups": GROUPS, "n_steps": 25, "random_state": 0, **others}
    )


def fitted(sampler: GANSMOTE, X: Any, y: Any) -> GANSMOTE:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler.fit_resample(X, y)
    return sampler
