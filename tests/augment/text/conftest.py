"""Fixtures of the text strategies."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest


@cache
def opened(name: str, **options: Any) -> Any:
    from augment.models.checkpoints import load_masked_lm

    return load_masked_lm(name, **options)


@pytest.fixture(scope="module", autouse=True)
def models_opened_once() -> Any:
    """Open each model once for all tests of the text strategies; none of them changes a file of a model."""
    import augment.text.fill_mask

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augment.text.fill_mask, "load_masked_lm", opened)
        yield
