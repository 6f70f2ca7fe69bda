"""k-means SMOTE stays within clusters in which the class is frequent."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from smote_family import counts, overlapping

from augment.errors import InputError
from augment.vectors.smote import KMeansSmote, Smote

# Where rows come from


def test_kmeans_smote_stays_within_clusters_in_which_the_class_is_frequent():
    X, blob = make_blobs([30, 30, 100, 100], centers=[(-20, 0), (0, 20), (0, 0.0), (20, 0)], random_state=0)
    strays = np.flatnonzero(blob == 3)[:4]
    y = np.where(blob < 2, "few", "many")
    y[strays] = "few"
    by_default, everywhere, smote = (
        cls(random_state=0, sampling_strategy={"few": 200}, **more)
        for cls, more in (
            (KMeansSmote, {"n_clusters": 4}),
            (KMeansSmote, {"n_clusters": 4, "least_share": 0.0}),
            (Smote, {}),
        )
    )
    for sampler in (by_default, everywhere, smote):
        assert len(sampler.fit_resample(X, y)[0]) == 396
    assert set(everywhere.source_indices_.ravel().tolist()) >= set(strays.tolist())
    assert not set(by_default.source_indices_.ravel().tolist()) & set(strays.tolist())
    first, second = (blob[by_default.source_indices_[:, i]] for i in (0, 1))
    assert (first == second).all()
    first, second = (blob[smote.source_indices_[:, i]] for i in (0, 1))
    assert (first != second).any(), "which SMOTE does not mind"


def test_clusters_draw_weights_of_their_own():
    rng = np.random.default_rng(0)
    rare = np.concatenate([rng.normal(center, 0.3, (16, 2)) for center in (0, 20)])
    X = np.concatenate([rare, rng.normal(10, 1, (64, 2))])
    y = np.repeat(["rare", "often"], [32, 64])
    sampler = KMeansSmote(n_clusters=3, random_state=0)
    sampler.fit_resample(X, y)
    assert len(np.unique(sampler.weights_)) == 32


def test_kmeans_smote_has_more_rows_made_where_the_class_is_sparser():
    dense, sparse = (
        make_blobs(40, centers=[c], cluster_std=std, random_state=0)[0] for c, std in (((0, 0), 0.5), ((50, 0), 4.0))
    )
    X = np.concatenate([dense, sparse, make_blobs(200, centers=[(0, 90)], random_state=0)[0]])
    y = np.repeat(["few", "few", "many"], [40, 40, 200])
    new = KMeansSmote(n_clusters=3, random_state=0).fit_resample(X, y)[0][280:]
    assert len(new) == 120
    assert (new[:, 0] > 25).sum() > 2 * (new[:, 0] < 25).sum()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kmeans_smote_does_not_mind_the_scale_of_the_vectors(scale, dtype):
    X, y = make_blobs([120, 120, 400], centers=[(0, 0), (9, 0), (0, 20)], random_state=0)
    y = np.where(y < 2, "few", "many")
    sampler = KMeansSmote(n_clusters=3, random_state=0)
    assert counts(sampler.fit_resample((X * scale).astype(dtype), y)[1]) == {"few": 400, "many": 400}
    assert len(np.unique(np.abs(sampler.source_indices_))) > 100


def test_kmeans_smote_takes_a_cluster_whose_rows_differ_in_length_alone():
    X = np.concatenate(
        [np.arange(1.0, 9)[:, None] * [[1.0, 0.5]], np.random.default_rng(0).normal(size=(20, 2)) - [9, 0]]
    )
    y = np.repeat(["few", "many"], [8, 20])
    assert counts(KMeansSmote(n_clusters=2, metric="cosine", random_state=0).fit_resample(X, y)[1])["few"] == 20


# Small classes


def test_more_clusters_than_rows_are_refused_with_the_number_of_rows():
    with pytest.raises(InputError, match=r"`n_clusters` of KMeansSmote must .* 40\. Got 99"):
        KMeansSmote(n_clusters=99, random_state=0).fit_resample(*overlapping())
