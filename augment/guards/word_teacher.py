"""A teacher that knows classes by their words: naive Bayes, fitted in some hundredths of a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from augment.words import folded_words

SMOOTHING = 0.1
"""What is added to the weight of every word in every class."""
MAX_WORDS = 20_000
"""Maximum number of words that count, the most frequent ones. It bounds the memory, not the quality."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits, along the last axis."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: np.ndarray = odds / odds.sum(axis=-1, keepdims=True)
    return shares


class WordTeacher:
    """Multinomial naive Bayes on the TF-IDF weights of words, one for each fold, fitted on the rows of the others.

    Every class has the same prior.

    Parameters
    ----------
    texts : sequence of str, length n
    labels : ndarray of int, shape (n,)
        The class of each text, from 0.
    folds : ndarray of int, shape (n,)
        Its fold, from 0.
    n_classes : int
    n_folds : int

    References
    ----------
    Rennie et al. 2003, "Tackling the poor assumptions of naive Bayes text classifiers", section 4 (the weights).
    """

    def __init__(
        self, texts: Sequence[str], labels: np.ndarray, folds: np.ndarray, n_classes: int, n_folds: int
    ) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectorizer = TfidfVectorizer(
            analyzer=folded_words, sublinear_tf=True, max_features=MAX_WORDS, dtype=np.float32
        )
        weights = self.vectorizer.fit_transform(texts)
        self.logits = np.zeros((n_folds, n_classes, weights.shape[1]), dtype=np.float32)
        for fold in range(n_folds):
            for label in range(n_classes):
                rows = np.flatnonzero((labels == label) & (folds != fold))
                total = np.asarray(weights[rows].sum(axis=0), dtype=np.float64).ravel() + SMOOTHING
                self.logits[fold, label] = np.log(total / total.sum())

    def probabilities(self, texts: Sequence[str], folds: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, (n, classes). Each row is computed by itself.

        Parameters
        ----------
        texts : sequence of str, length n
        folds : ndarray of int, shape (n,)
            The teacher of which fold scores each text: it has not seen the rows of that fold.

        Returns
        -------
        ndarray of float64, shape (n, classes)
        """
        shares = np.zeros((len(texts), self.logits.shape[1]))
        if not len(texts):
            return shares
        weights = self.vectorizer.transform(texts)
        for i, fold in enumerate(folds):
            first, last = weights.indptr[i : i + 2]
            row = self.logits[fold][:, weights.indices[first:last]] * weights.data[first:last]
            logits = row.sum(axis=1, dtype=np.float64)
            shares[i] = softmax(logits)
        return shares
