"""Rows between two others: on the line, at its length, or along the arc."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from augment.vectors.interpolation import at_length, between

THOROUGHLY = settings(max_examples=60)
VECTORS = hnp.arrays(
    np.float64, (6, 3), elements=st.floats(-8, 8, width=32).filter(lambda number: number == 0 or abs(number) > 1e-3)
)
PAIRS = hnp.arrays(np.int64, (5, 2), elements=st.integers(0, 5))
WEIGHTS = hnp.arrays(np.float64, 5, elements=st.floats(-1, 1, width=32))


@THOROUGHLY
@given(VECTORS, PAIRS, WEIGHTS, st.sampled_from(["float32", "float64"]))
def test_a_line_is_the_weighted_mean(vectors, pairs, weights, dtype):
    vectors = vectors.astype(dtype)
    new = between(vectors, pairs, weights, along="line")
    first, second = vectors[pairs[:, 0]].astype(float), vectors[pairs[:, 1]].astype(float)
    expected = (1 - weights[:, None]) * first + weights[:, None] * second
    assert new.dtype == dtype
    assert np.allclose(new, expected, rtol=0, atol=2e-6 if dtype == "float32" else 1e-14)


@THOROUGHLY
@given(VECTORS, PAIRS, WEIGHTS)
def test_at_length_rows_keep_the_direction_of_the_line_and_have_the_length_between_their_parents(
    vectors, pairs, weights
):
    line, new = (between(vectors, pairs, weights, along=along) for along in ("line", "line, at length"))
    lengths = np.linalg.norm(vectors[pairs], axis=2)
    expected = np.abs((1 - weights) * lengths[:, 0] + weights * lengths[:, 1])
    somewhere = np.linalg.norm(line, axis=1) > 1e-6
    assert np.isfinite(new).all()
    assert np.allclose(np.linalg.norm(new, axis=1)[somewhere], expected[somewhere])
    cosines = (line * new).sum(axis=1) - np.linalg.norm(line, axis=1) * np.linalg.norm(new, axis=1)
    assert np.allclose(cosines[somewhere], 0, atol=1e-6)


@THOROUGHLY
@given(VECTORS, PAIRS, WEIGHTS)
def test_an_arc_turns_by_the_weight_of_the_angle_within_the_plane_of_the_parents(vectors, pairs, weights):
    new = between(vectors, pairs, weights, along="arc")
    assert np.isfinite(new).all()
    lengths = np.linalg.norm(vectors[pairs], axis=2)
    for row, (first, second) in enumerate(vectors[pairs]):
        if lengths[row].min() == 0:
            continue
        one, other = first / lengths[row, 0], second / lengths[row, 1]
        angle = np.arccos(np.clip(one @ other, -1, 1))
        if not 1e-2 < angle < np.pi - 1e-2:
            continue
        length = abs((1 - weights[row]) * lengths[row, 0] + weights[row] * lengths[row, 1])
        across = other - (one @ other) * one
        turned = np.cos(weights[row] * angle) * one + np.sin(weights[row] * angle) * across / np.linalg.norm(across)
        assert np.allclose(new[row], length * turned, atol=1e-8)


@pytest.mark.parametrize("along", ["line, at length", "arc"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0.0, 0.0], [1.0, 0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1.0, 0.0], [-1.0, 0.0]),
        ([1.0, 0.0], [1.0, 0.0]),
        ([1.0, 0.0], [1.0, 1e-9]),
        ([3.0, 0.0], [-1.0, 1e-12]),
    ],
)
def test_zeros_and_equal_and_opposite_directions_give_numbers(along, first, second):
    vectors = np.array([first, second])
    new = between(vectors, np.array([[0, 1]] * 3), np.array([0.25, 0.5, -0.5]), along=along)
    assert np.isfinite(new).all()
    assert (np.linalg.norm(new, axis=1) <= 1.5 * np.linalg.norm(vectors, axis=1).max() + 1e-9).all()


def test_ends_are_the_parents_whatever_the_way():
    vectors = np.random.default_rng(0).normal(size=(2, 50))
    for along in ("line", "line, at length", "arc"):
        ends = between(vectors, np.array([[0, 1], [0, 1]]), np.array([0.0, 1.0]), along=along)
        assert np.allclose(ends, vectors)


def test_thousands_of_pairs_are_done_in_blocks_without_a_seam():
    rng = np.random.default_rng(0)
    vectors, pairs, weights = rng.normal(size=(30, 4)), rng.integers(0, 30, (9000, 2)), rng.uniform(0, 0.5, 9000)
    for along in ("line", "line, at length", "arc"):
        whole = between(vectors, pairs, weights, along=along)
        for row in (0, 4095, 4096, 8191, 8192, 8999):
            part = slice(row, row + 1)
            assert np.array_equal(between(vectors, pairs[part], weights[part], along=along), whole[part])


def test_at_length_scales_and_leaves_zeros():
    scaled = at_length(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[10.0], [10.0]]))
    assert scaled.tolist() == [[6, 8], [0, 0]]
