"""Pure functions that measure texts: diversity, length, similarity to sources, fidelity of vectors."""

from __future__ import annotations

import bisect
import difflib
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from augment.vectors.fidelity import Fidelity as Fidelity
from augment.vectors.fidelity import density_coverage as density_coverage
from augment.vectors.fidelity import reference_fidelity as reference_fidelity
from augment.vectors.fidelity import two_sample_test as two_sample_test
from augment.vectors.fidelity import vector_fidelity as vector_fidelity
from augment.words import WORD, folded_words

SMOOTHING = 0.1
"""The number of matches that counts if BLEU finds none: epsilon of Chen and Cherry 2014, method 1."""


class Piece(NamedTuple):
    """A part of a text."""

    text: str
    changed: bool
    """Whether the other text of the pair has something else in its place."""


def word_counts(texts: Sequence[str]) -> np.ndarray:
    """Count the words of texts.

    Parameters
    ----------
    texts : sequence of str, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
        Words as `augment.words.folded_words` has them.

    Examples
    --------
    >>> word_counts(["Do n't stop!", ""])
    array([2, 0])
    """
    return np.array([len(folded_words(text)) for text in texts], dtype=np.int64)


def distinct(texts: Sequence[str], order: int) -> float:
    """Return the share of different n-grams among all n-grams: distinct-n.

    It falls as the number of words grows, so compare lists of texts of the same size.

    Parameters
    ----------
    texts : sequence of str
        Words count without case and punctuation.
    order : int
        The n of the n-grams, 1 or more.

    Returns
    -------
    float
        Different n-grams over n-grams, in (0, 1]; nan if no text has `order` words.

    References
    ----------
    Li et al. 2016, "A diversity-promoting objective function for neural conversation models", section 5.3.

    Examples
    --------
    >>> distinct(["the old shop", "the old town"], 1)
    0.6666666666666666
    """
    grams = [gram for text in texts for gram in _grams(folded_words(text), order)]
    return len(set(grams)) / len(grams) if grams else math.nan


def self_bleu(texts: Sequence[str], *, order: int = 4) -> float:
    """Return the mean BLEU of each text against all others: near 1 if they repeat each other.

    It grows with the number of texts, so compare lists of the same size. Each text is scored up to the longest n-grams
    that it has. An order without a match counts as `SMOOTHING` matches.

    Parameters
    ----------
    texts : sequence of str
        Words count without case and punctuation; texts without any are left out.
    order : int, default=4
        Longest n-gram, 1 or more.

    Returns
    -------
    float
        0 to 1; nan if there are fewer than two texts with words.

    Notes
    -----
    The matches of a text against all others need, for each n-gram, only the two highest counts in any text and the
    holder of the first; so the time is linear in the number of words and not quadratic in that of texts.

    References
    ----------
    Zhu et al. 2018, "Texygen: a benchmarking platform for text generation models", section 2.2. Papineni et al. 2002,
    "BLEU: a method for automatic evaluation of machine translation", section 2. Chen and Cherry 2014, "A systematic
    comparison of smoothing techniques for sentence-level BLEU", method 1.

    Examples
    --------
    >>> self_bleu(["the shop is old", "the shop is old"])
    1.0
    """
    tokens = [words for words in map(folded_words, texts) if words]
    if len(tokens) < 2:
        return math.nan
    logarithms = np.zeros((len(tokens), order))
    for n in range(1, order + 1):
        counts = [Counter(_grams(words, n)) for words in tokens]
        highest = _two_highest(counts)
        for i, own in enumerate(counts):
            if not own:
                logarithms[i, n - 1] = np.nan
                continue
            matches = 0
            for gram, count in own.items():
                first, holder, second = highest[gram]
                matches += min(count, second if holder == i else first)
            logarithms[i, n - 1] = math.log((matches or SMOOTHING) / own.total())
    lengths = sorted(map(len, tokens))
    penalties = [min(0.0, 1 - _closest_other(lengths, len(words)) / len(words)) for words in tokens]
    return float(np.exp(np.nanmean(logarithms, axis=1) + penalties).mean())


def paired_cosines(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of vectors.

    Parameters
    ----------
    vectors, others : ndarray, shape (n, d)
        Of any length. A vector of zeros has the cosine 0 to all others.

    Returns
    -------
    ndarray of float64, shape (n,)
        In [-1, 1].

    Examples
    --------
    >>> paired_cosines(np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]])).round(6)
    array([1.])
    """
    a, b = np.asarray(vectors, dtype=np.float64), np.asarray(others, dtype=np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: np.ndarray = np.clip((a * b).sum(axis=1) / np.where(norms == 0, 1.0, norms), -1, 1)
    return cosines


def project(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project vectors onto their two directions of most variance.

    The sign of a direction means nothing; here its largest component is positive, so that pictures can be compared.

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
        At least one row.

    Returns
    -------
    points : ndarray of float64, shape (n, 2)
    shares : ndarray of float64, shape (2,)
        Of the variance that each direction holds. Directions that do not exist hold 0.

    References
    ----------
    Pearson 1901, "On lines and planes of closest fit to systems of points in space".
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    points, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    directions = min(2, len(vectors) - 1, vectors.shape[1])
    if directions < 1 or not np.ptp(vectors, axis=0).any():
        return points, shares
    with threadpool_limits(1):  # otherwise the last bits depend on the number of cores
        fitted = PCA(directions, svd_solver="full").fit(np.asarray(vectors, dtype=np.float64))
        axes = fitted.components_
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(directions), largest])[:, None]
        points[:, :directions] = (vectors - fitted.mean_) @ axes.T
    shares[:directions] = fitted.explained_variance_ratio_
    return points, shares


def changed_words(source: str, variant: str) -> tuple[list[Piece], list[Piece]]:
    """Cut a pair of texts into what they share and what was changed, word by word.

    Parameters
    ----------
    source, variant : str
        Punctuation marks count as words. White space is kept, and is never a change.

    Returns
    -------
    tuple of two lists of Piece
        The pieces of the source and of the variant; joined, they give the text.

    Examples
    --------
    >>> changed_words("a good  film.", "a fine  film.")[1]
    [Piece(text='a ', changed=False), Piece(text='fine', changed=True), Piece(text='  film.', changed=False)]
    """
    before, after = _word_places(source), _word_places(variant)
    # Without white space, which would match everywhere and make long texts slow.
    matcher = difflib.SequenceMatcher(
        None, [source[a:b] for a, b in before], [variant[a:b] for a, b in after], autojunk=False
    )
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        _pieces(source, [before[start:end] for _, start, end, _, _ in changes]),
        _pieces(variant, [after[start:end] for _, _, _, start, end in changes]),
    )


def _grams(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    """Return the n-grams of a list of words, in order."""
    return list(zip(*(words[i:] for i in range(order)), strict=False))


def _two_highest(counts: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Return, for each n-gram: its highest count in any text, that text's number, and the highest in any other."""
    highest: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for i, own in enumerate(counts):
        for gram, count in own.items():
            first, holder, second = highest.get(gram, (0, -1, 0))
            highest[gram] = (count, i, first) if count > first else (first, holder, max(second, count))
    return highest


def _closest_other(lengths: Sequence[int], own: int) -> int:
    """Return the length of another text that is closest to a text's own length; the shorter one in a tie.

    `lengths` is sorted and holds the own one as well.
    """
    place = bisect.bisect_left(lengths, own)
    return min((*lengths[max(place - 1, 0) : place], *lengths[place + 1 : place + 2]), key=lambda n: (abs(n - own), n))


def _word_places(text: str) -> list[tuple[int, int]]:
    """Return start and end of every word, and of every other character that is not white space."""
    places, end = [], 0
    for match in WORD.finditer(text):
        places += [(i, i + 1) for i in range(end, match.start()) if not text[i].isspace()]
        places.append(match.span())
        end = match.end()
    return places + [(i, i + 1) for i in range(end, len(text)) if not text[i].isspace()]


def _pieces(text: str, changes: Sequence[Sequence[tuple[int, int]]]) -> list[Piece]:
    """Cut a text at its changes, each of which is a run of words."""
    pieces, end = [], 0
    for run in changes:
        if run:
            pieces += [Piece(text[end : run[0][0]], False), Piece(text[run[0][0] : run[-1][1]], True)]
            end = run[-1][1]
    return [piece for piece in (*pieces, Piece(text[end:], False)) if piece.text]
