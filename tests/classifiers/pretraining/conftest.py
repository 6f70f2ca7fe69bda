"""Fixtures: the tiny BERT, to be changed."""

from __future__ import annotations

import pytest
from small_pretrainings import opened


@pytest.fixture
def checkpoint(bert):
    """The tiny BERT, to be changed."""
    return opened(bert)
