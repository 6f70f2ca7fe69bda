"""`loss_of`, which makes the training loss of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from augment.errors import InputError, did_you_mean
from classifiers.config import TrainConfig
from classifiers.losses import Loss, balanced_class_weights


def loss_of(config: TrainConfig, mass: np.ndarray, classes: Sequence[str]) -> Loss:
    """Return the training loss of a configuration.

    Parameters
    ----------
    config : TrainConfig
    mass : ndarray of float64, shape (classes,)
        The total weight of the rows of each class.
    classes : sequence of str

    Returns
    -------
    Loss
        Summed over rows; class weights are scaled to a mean of 1.

    Raises
    ------
    InputError
        If `class_weights` names an unknown class, or leaves one out.
    """
    weights = None
    if config.class_weights == "balanced":
        weights = balanced_class_weights(torch.from_numpy(mass)).float()
    elif config.class_weights is not None:
        weights = torch.from_numpy(named_weights(config.class_weights, mass, classes)).float()
    return Loss(
        kind=config.loss,
        gamma=config.gamma,
        class_weights=weights,
        prior=torch.from_numpy(mass).float() if config.logit_adjustment else None,
        tau=config.logit_adjustment,
        label_smoothing=config.label_smoothing,
        alpha=config.r_drop,
        reduction="sum",
    )


def named_weights(class_weights: Mapping[str, float], mass: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return the weights of classes in their order, scaled to a mean of 1 over the rows.

    Parameters
    ----------
    class_weights : mapping of str to float
        The weight of each class, above 0.
    mass : ndarray of float64, shape (classes,)
        The total weight of the rows of each class.
    classes : sequence of str

    Returns
    -------
    ndarray of float64, shape (classes,)

    Raises
    ------
    InputError
        If a class is unknown, or one is left out.

    Examples
    --------
    >>> named_weights({"rare": 3.0, "frequent": 1.0}, np.array([6.0, 2.0]), ["frequent", "rare"]).round(3).tolist()
    [0.667, 2.0]
    """
    check_class_weights(class_weights, classes)
    weights = np.array([class_weights[name] for name in classes])
    scaled: np.ndarray = weights * mass.sum() / (mass * weights).sum()
    return scaled


def check_class_weights(class_weights: Mapping[str, float], classes: Sequence[str]) -> None:
    """Check that weights are of all classes, and of no other.

    Parameters
    ----------
    class_weights : mapping of str to float
    classes : sequence of str

    Raises
    ------
    InputError
        If a class is unknown, or one is left out.
    """
    if {*class_weights} != {*classes}:
        unknown = [name for name in class_weights if name not in classes]
        raise InputError(
            f"The `class_weights` must name each class once: {', '.join(map(repr, classes))}. Got"
            f" {', '.join(map(repr, class_weights))}.{did_you_mean(unknown, classes)}"
        )
