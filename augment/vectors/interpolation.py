"""Points between two rows: along the line, along the line at full length, along the arc."""

from __future__ import annotations

from typing import Literal

import numpy as np

Sphere = Literal["auto", "none", "renormalize"]


Interpolation = Literal["auto", "none", "renormalize", "slerp"]


_BLOCK = 4096  # rows that are interpolated at a time


def between(
    vectors: np.ndarray, parents: np.ndarray, weights: np.ndarray, *, along: Literal["line", "line, at length", "arc"]
) -> np.ndarray:
    """Put new vectors between pairs of rows, or beyond.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    parents : ndarray of int64, shape (m, 2)
        Rows of `vectors`.
    weights : ndarray of float64, shape (m,)
        Of the second parent.
    along : {"line", "line, at length", "arc"}
        ``"line"``: ``(1 - w) a + w b``. ``"line, at length"``: that, brought to the length ``(1 - w) |a| + w |b|``,
        which the line falls short of. ``"arc"``: spherical interpolation of the directions, at the same length.

    Returns
    -------
    ndarray of the dtype of `vectors`, shape (m, d)
        Computed in float64.

    References
    ----------
    Shoemake 1985, "Animating rotation with quaternion curves", section 3.3 (slerp).

    Examples
    --------
    >>> halfway = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0, 1]]), np.array([0.5])
    >>> between(*halfway, along="line").round(3), between(*halfway, along="arc").round(3)
    (array([[0.5, 0.5]]), array([[0.707, 0.707]]))
    """
    new = np.empty((len(parents), vectors.shape[1]), dtype=vectors.dtype)
    for start in range(0, len(parents), _BLOCK):
        block = slice(start, start + _BLOCK)
        first, second = (vectors[parents[block, i]].astype(np.float64) for i in (0, 1))
        weight = weights[block, None]
        new[block] = _ALONG[along](first, second, weight)
    return new


def at_length(vectors: np.ndarray, lengths: np.ndarray | float) -> np.ndarray:
    """Return vectors scaled to some lengths; a vector of zeros stays as it is.

    Parameters
    ----------
    vectors : ndarray of float, shape (m, d)
    lengths : ndarray of float, shape (m, 1), or float

    Returns
    -------
    ndarray, shape (m, d)
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors * (lengths / np.where(norms == 0, 1, norms))
    return scaled


def _line(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    between: np.ndarray = first + weight * (second - first)
    return between


def _lengths(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the length that a new row has if lengths are interpolated as well."""
    one, other = (np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second))
    lengths: np.ndarray = np.abs(_line(one, other, weight))
    return lengths


def _line_at_length(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return at_length(_line(first, second, weight), _lengths(first, second, weight))


def _arc(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Follow the great circle; where two directions are nearly the same or opposite, the line."""
    one, other = at_length(first, 1.0), at_length(second, 1.0)
    angle = np.arccos(np.clip((one * other).sum(axis=1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    straight = sine < 1e-6
    divisor = np.where(straight, 1.0, sine)
    curved = (np.sin((1 - weight) * angle) * one + np.sin(weight * angle) * other) / divisor
    return at_length(np.where(straight, _line(one, other, weight), curved), _lengths(first, second, weight))


_ALONG = {"line": _line, "line, at length": _line_at_length, "arc": _arc}
