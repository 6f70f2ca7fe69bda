"""Train a new head on class-balanced features of a frozen encoder (cRT)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from classifiers.config import Features
from classifiers.data.batching import TrainingRows, vectors
from classifiers.data.feature_vectors import resampled_vectors
from classifiers.data.feed import Feed, evaluated_rows
from classifiers.data.inputs import FrozenFeatures
from classifiers.data.schedules import ClassBalanced, EveryRow, Schedule
from classifiers.data.splits import Split, TrainingData, near_copies
from classifiers.training.trainer import TrainingSetup, fit


def retrain_head(
    setting: TrainingSetup, ways: Features, data: TrainingData, features: FrozenFeatures
) -> tuple[int | None, dict[str, Any]]:
    """Freeze the encoder, and train a new head on class-balanced features of the original rows.

    Parameters
    ----------
    setting : TrainingSetup
        Its model's encoder is frozen, and the layers between features and logits start from new weights.
    ways : Features
        How the features are balanced, and how long the head is trained.
    data : TrainingData
    features : FrozenFeatures
        The features of the model in its current state.

    Returns
    -------
    best_step : int or None
        As `classifiers.training.trainer.fit` returns it.
    new_rows : dict
        ``made``: class → new vectors.

    Raises
    ------
    InputError
        If the strategy cannot make the vectors.

    References
    ----------
    Kang et al. 2020, "Decoupling representation and classifier for long-tailed recognition", section 4.1 (cRT);
    Dablain et al. 2022, "Efficient augmentation for imbalanced deep learning" (resampling between the two).
    """
    config, classes = setting.config, data.classes
    setting.model.freeze_encoder()
    setting.model.reset_head(config.seed)
    own = np.asarray(features(data.originals.texts))
    new, codes = own[:0], data.originals.codes[:0]
    if ways.strategy is not None:
        sources = ~near_copies(data.originals.texts, data.held_out)
        new, codes = resampled_vectors(ways, own, data.originals, sources, classes, config.seed)
    made = Split([""] * len(new), codes)
    split = data.originals.joined(made)
    weights = np.repeat(np.array([1.0, config.synthetic_weight], dtype=np.float32), [len(own), len(new)])
    rows = TrainingRows(np.concatenate([own, new]), split, len(classes), weights=weights)
    schedule: Schedule = EveryRow(len(rows))
    mass: np.ndarray = np.bincount(split.codes, weights=weights, minlength=len(classes))
    if ways.strategy is None:
        schedule, mass = ClassBalanced(rows.codes, config.seed), np.full(len(classes), len(rows) / len(classes))
    held_out = data.validation
    evaluated = evaluated_rows(
        config,
        len(classes),
        {
            "train": (data.originals, lambda chosen: own[chosen]),
            "synthetic": (made, lambda chosen: new[chosen]),
            "validation": (held_out, lambda chosen: features(held_out.texts if held_out else [])),
        },
    )
    best = fit(
        replace(setting, resume=False),
        Feed(rows, schedule, vectors, mass, float(mass.sum() / len(rows))),
        evaluated,
        phase="head",
        learning_rate=ways.head_learning_rate,
        epochs=ways.head_epochs,
    )
    return best, {"made": made.counts(classes)}
