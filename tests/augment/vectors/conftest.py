"""Fixtures of the vector strategies."""

from __future__ import annotations

import numpy as np
import pytest
from smote_family import overlapping

from augment.models.encoder import TextEncoder


@pytest.fixture(scope="module", autouse=True)
def always_one_thread(one_thread: None) -> None:
    """Every test of vectors has few rows."""


@pytest.fixture
def thrice():
    """A class in which every row stands three times, and a larger one."""
    X, y = overlapping(sizes=(15, 60))
    rows = np.random.default_rng(0).permutation(np.concatenate([np.repeat(np.arange(15), 3), np.arange(15, 75)]))
    return X[rows], y[rows]


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder(normalize=True, device="cpu")


@pytest.fixture(scope="module")
def texts(sentences):
    return sentences[:22]


@pytest.fixture(scope="module")
def vectors(encoder, texts):
    """The texts' vectors. Not to be changed."""
    found = encoder.encode(texts)
    found.setflags(write=False)
    return found
