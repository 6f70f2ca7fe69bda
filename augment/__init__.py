"""Counterpoise, `augment`: make new rows for the rare classes of a labelled text data set."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augment.text.base import TextStrategy as TextStrategy
    from augment.text.fill_mask import FillMask as FillMask
    from augment.upsampling import upsample as upsample

__all__ = ["FillMask", "TextStrategy", "upsample"]

_HOMES = {"FillMask": "augment.text.fill_mask", "TextStrategy": "augment.text.base", "upsample": "augment.upsampling"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that importing the package is cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
