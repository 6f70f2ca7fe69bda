"""Borderline-SMOTE starts from rows in danger."""

from __future__ import annotations

from smote_family import is_near, others_near, overlapping

from augment.vectors.smote import BorderlineSmote


def test_borderline_smote_starts_from_rows_in_danger_alone():
    X, y = overlapping(sizes=(60, 120), width=2)
    sampler = BorderlineSmote(sampling_strategy={"c0": 400}, m_neighbors=6, k_neighbors=3, random_state=0)
    sampler.fit_resample(X, y)
    own, others = others_near(X, y, "c0", 6)
    danger = set(own[(others >= 3) & (others < 6)].tolist())
    assert 5 < len(danger) < 55
    for one, other in sampler.source_indices_.tolist():
        starts = [(a, b) for a, b in ((one, other), (other, one)) if a in danger]
        assert any(is_near(X, y, 3, a, b) for a, b in starts)
    assert set(sampler.source_indices_.ravel().tolist()) - danger, "towards others, too"
