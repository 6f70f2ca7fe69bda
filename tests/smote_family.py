"""The SMOTE family and the data that small samplers suit."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances

from augment.vectors.smote import Adasyn, BorderlineSmote, KMeansSmote, Smote, SvmSmote

FAMILY = (Smote, BorderlineSmote, SvmSmote, Adasyn, KMeansSmote)


def made(cls, **parameters):
    """A sampler that small data suits."""
    small = {BorderlineSmote: {"m_neighbors": 4}, SvmSmote: {"m_neighbors": 4}, KMeansSmote: {"n_clusters": 1}}
    return cls(**{"random_state": 0, **small.get(cls, {}), **parameters})


def counts(labels):
    return dict(zip(*(values.tolist() for values in np.unique(labels, return_counts=True)), strict=True))


def overlapping(seed=0, sizes=(14, 26), width=3, dtype=np.float64):
    """Rows of classes that lie among each other, each row once."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(0.7 * i, 1, size=(size, width)) for i, size in enumerate(sizes)])
    return X.astype(dtype), np.repeat([f"c{i}" for i in range(len(sizes))], sizes)


def assert_on_the_line(new, first, second, weights):
    line = (1 - weights[:, None]) * first.astype(float) + weights[:, None] * second.astype(float)
    scale = np.maximum(np.abs(first), np.abs(second)).astype(float) + 1e-30
    assert (np.abs(new - line) / scale).max(initial=0) <= 4 * np.finfo(new.dtype).eps


def is_near(X, y, k, row, other):
    """Tell whether a row is among the k nearest of another, of the different rows of its class, or ties with them."""
    own = np.unique(X[y == y[row]], axis=0).astype(float)
    distances = np.sort(np.linalg.norm(own - X[row].astype(float), axis=1))
    return np.linalg.norm(X[row].astype(float) - X[other]) <= distances[k] + 1e-5


def others_near(X, y, label, m):
    """Count, of each row of a class, the neighbours among the m nearest of all that are of other classes."""
    own = np.flatnonzero(y == label)
    near = np.argsort(pairwise_distances(X[own], X), axis=1)[:, 1 : m + 1]
    return own, (y[near] != label).sum(axis=1)


def small(rows):
    X, y = overlapping(sizes=(rows, 30))
    return X, y
