"""Warnings that point at the line of the user's code that led to them."""

from __future__ import annotations

import sys
import warnings

_NOT_THE_CALLER = ("augment", "classifiers", "benchmarks", "imblearn", "sklearn")
"""The packages of this distribution, and those whose methods call ours."""


def warn_caller(message: str) -> None:
    """Warn, and point at the nearest line that called this library from outside.

    Parameters
    ----------
    message : str

    Warns
    -----
    UserWarning
    """
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_CALLER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
