"""Make feature vectors of rare classes, for a head on a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augment.errors import InputError
from augment.generation.budget import rows_to_make
from augment.registry import STRATEGIES
from classifiers.config import Features
from classifiers.data.splits import Split


def resampled_vectors(
    augmentation: Features, vectors: np.ndarray, split: Split, sources: np.ndarray, classes: Sequence[str], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Make new vectors of the rare classes.

    Parameters
    ----------
    augmentation : Features
        With a strategy.
    vectors : ndarray of float32, shape (n, d)
        Features of original rows.
    split : Split
        Those rows.
    sources : ndarray of bool, shape (n,)
        The rows that vectors may be made of: those without a near copy among held-out rows.
    classes : sequence of str
    seed : int

    Returns
    -------
    vectors : ndarray of float32, shape (m, d)
    codes : ndarray of int64, shape (m,)

    Raises
    ------
    InputError
        If the strategy is unknown or makes texts, or there is nothing to make.
    """
    from augment.vectors.upsampler import resampled

    sampler = vector_sampler(augmentation)
    counts: dict[Any, int] = split.counts(classes)
    budget = rows_to_make(augmentation.sampling_strategy, counts)
    if not sum(budget.values()):
        raise InputError(
            f"There is nothing to resample: the classes have as many rows as sampling_strategy"
            f" {augmentation.sampling_strategy!r} asks for. Leave the augmentation out."
        )
    sampler.set_params(random_state=seed)
    labels = [classes[code] for code in split.codes]
    new = resampled(sampler, vectors, labels, sources, budget)
    return new.vectors, np.array([list(classes).index(label) for label in new.labels], dtype=np.int64)


def vector_sampler(augmentation: Features) -> Any:
    """Return the sampler of an augmentation in feature space.

    Raises
    ------
    InputError
        If the strategy is unknown or makes texts, or a parameter is unknown.
    """
    name = str(augmentation.strategy)
    if STRATEGIES.find(name).kind != "vector":
        raise InputError(
            f"The strategy {name!r} makes texts, and the mode 'features' takes vectors. Give the mode 'static' or"
            f" 'redraw', or one of {', '.join(STRATEGIES.names('vector'))}."
        )
    return STRATEGIES.create(name, augmentation.parameters)
