"""How alike two words of a vocabulary are, by a language model's own word embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

MOST = 20_000
"""Words of the vocabulary that the mean and the common direction are computed from."""


class WordLikeness:
    """Compares words by the cosine of their input embeddings, without what all words share.

    The mean of all words and the direction in which they differ most say how frequent a word is, and little about its
    meaning. Both are taken out (Mu and Viswanath 2018, "All-but-the-top", with one direction). No forward pass is
    needed.

    Parameters
    ----------
    weights : Tensor
        Input embeddings, (size, d).
    entries : sequence of int
        Entries that are whole words, likeliest the more frequent first; at least two.
    """

    def __init__(self, weights: Tensor, entries: Sequence[int]) -> None:
        self._weights = weights
        self._directions = np.zeros(weights.shape, dtype=np.float32)  # the memory is taken as words come
        self._known = np.zeros(len(weights), dtype=bool)
        chosen = np.asarray(entries[:MOST])
        vectors = self._rows(chosen)
        self._mean = vectors.mean(axis=0)
        vectors -= self._mean
        self._common = np.linalg.eigh(vectors.T @ vectors)[1][:, -1]
        vectors = self._without_common(vectors)
        unlike = (vectors[:-1] * vectors[1:]).sum(axis=1)  # words that follow each other have nothing to do with it
        self._spread = float(np.sqrt(np.mean(unlike**2))) or 1.0

    def likeness(self, pieces: Sequence[int], entries: np.ndarray) -> np.ndarray:
        """Return how alike entries are to a word.

        Parameters
        ----------
        pieces : sequence of int
            The entries that spell the word.
        entries : ndarray of int64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
            Cosines, in standard deviations of the cosines of unlike words: 0 for an unlike word.
        """
        word = self._without_common((self._rows(np.asarray(pieces)) - self._mean).mean(axis=0, keepdims=True))[0]
        new = entries[~self._known[entries]]
        if len(new):
            self._directions[new] = self._without_common(self._rows(new) - self._mean)
            self._known[new] = True
        # einsum adds in one order, however many threads the products of matrices may use.
        cosines: np.ndarray = np.einsum("nd,d->n", self._directions[entries], word.astype(np.float32))
        return cosines.astype(np.float64) / self._spread

    def table(self, words: Sequence[Sequence[int]], entries: np.ndarray) -> np.ndarray:
        """Return how alike entries are to each of some words: what `likeness` finds, to about a hundredth.

        The coordinates are rounded to whole numbers. Their products are exact in whatever order they are added, so no
        thread or processor changes a bit.

        Parameters
        ----------
        words : sequence of sequence of int
            The entries that spell each word, at least one; at least one word.
        entries : ndarray of int64, shape (m,)

        Returns
        -------
        ndarray of float32, shape (words, m)
        """
        lengths = np.array([len(pieces) for pieces in words])
        rows = self._rows(np.concatenate([np.asarray(pieces, dtype=np.int64) for pieces in words])) - self._mean
        spelt = np.add.reduceat(rows, np.cumsum(lengths) - lengths, axis=0) / lengths[:, None]
        own, own_step = _rounded(self._without_common(spelt))
        others, step = _rounded(self._without_common(self._rows(entries) - self._mean))
        found: np.ndarray = own @ others.T
        found *= own_step
        found *= step.T / np.float32(self._spread)
        return found

    def _rows(self, entries: np.ndarray) -> np.ndarray:
        """Return embeddings, (n, d) float64."""
        rows: np.ndarray = self._weights[entries].detach().cpu().double().numpy()
        return rows

    def _without_common(self, vectors: np.ndarray) -> np.ndarray:
        """Take the common direction out of centred vectors, and give them length 1."""
        rest: np.ndarray = vectors - np.outer(vectors @ self._common, self._common)
        rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), np.finfo(float).tiny)
        return rest


def _rounded(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round vectors (n, d) to whole numbers, so small that float32 adds d products exactly; return the steps (n, 1)."""
    most = min(127, int((2**24 / vectors.shape[1]) ** 0.5))
    steps = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / most
    return np.rint(vectors / steps).astype(np.float32), steps.astype(np.float32)
