"""Counterpoise, `classifiers`: train encoders with a classification head, on augmented data or not."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifiers.config import TrainConfig as TrainConfig
    from classifiers.estimator import TextClassifier as TextClassifier
    from classifiers.training import train as train

__all__ = ["TextClassifier", "TrainConfig", "train"]

_HOMES = {
    "TextClassifier": "classifiers.estimator",
    "TrainConfig": "classifiers.config",
    "train": "classifiers.training",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that importing the package is cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
