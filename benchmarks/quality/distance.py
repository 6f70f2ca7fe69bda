"""How far new rows are from their sources and from each other: fluency must not be bought with copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from augment.errors import InputError
from augment.generation.candidates import Candidate
from augment.guards.base import Originals
from augment.guards.near_duplicate import NearDuplicate, shingles, similarity
from augment.report.text_measures import Piece, changed_words, distinct, self_bleu, word_counts
from augment.seeding import Subset, generator
from benchmarks.quality.compared_rows import Pair

BIN = 0.05
"""Rows whose shares of changed words lie in the same interval of this width count as equally changed."""


@dataclass(frozen=True)
class Distance:
    """How far the new rows of an arm are from their sources and from each other; nan where texts are too short."""

    changed: float
    """The mean share of words that differ from the source."""
    one_word: float
    """The share of rows in which one word differs."""
    near_source: float
    """The share of rows that nearly repeat their source, by the measure of the guard `near_duplicate`."""
    near_each_other: float
    """The share of rows that nearly repeat an earlier new row, likewise."""
    distinct_1: float
    distinct_2: float
    distinct_3: float
    self_bleu: float


def distance(pairs: Sequence[Pair]) -> Distance:
    """Measure the new rows of an arm.

    Parameters
    ----------
    pairs : sequence of Pair
        At least one.

    Returns
    -------
    Distance
    """
    guard, new = NearDuplicate(), [pair.new for pair in pairs]
    guard.fit(Originals(texts=[], labels=[], held_out=[], seed=0))
    repeats = 0
    for text in new:
        repeats += not guard.admits(Candidate(text))
        guard.remember(text)
    near = [
        similarity(shingles(pair.new, guard.shingle), sorted(shingles(pair.source, guard.shingle))) >= guard.threshold
        for pair in pairs
    ]
    changed = np.array([changed_count(pair.source, pair.new) for pair in pairs])
    return Distance(
        changed=float(changed_shares(pairs).mean()),
        one_word=float((changed == 1).mean()),
        near_source=float(np.mean(near)),
        near_each_other=repeats / len(new),
        distinct_1=distinct(new, 1),
        distinct_2=distinct(new, 2),
        distinct_3=distinct(new, 3),
        self_bleu=self_bleu(new),
    )


def changed_count(source: str, new: str) -> int:
    """Count the words that differ between a text and its source; of replaced words, the longer side counts.

    Examples
    --------
    >>> changed_count("We sat by the door.", "We sat near the old door.")
    2
    """
    return max(_changed(pieces) for pieces in changed_words(source, new))


def changed_shares(pairs: Sequence[Pair]) -> np.ndarray:
    """Return the share of words that differ from the source, of each new row.

    Parameters
    ----------
    pairs : sequence of Pair

    Returns
    -------
    ndarray of float64, shape (n,)
        0 to 1; more is cut to 1.
    """
    words = np.maximum(word_counts([pair.source for pair in pairs]), 1)
    shares: np.ndarray = np.minimum(np.array([changed_count(pair.source, pair.new) for pair in pairs]) / words, 1.0)
    return shares


def equally_changed(arms: Sequence[Sequence[Pair]], *, copies: Sequence[bool], seed: int) -> list[list[Pair]]:
    """Thin arms out until all have the same number of rows with each share of changed words.

    Parameters
    ----------
    arms : sequence of sequences of Pair
    copies : sequence of bool
        Which arms change nothing by design. They are thinned to the same number of rows.
    seed : int

    Returns
    -------
    list of lists of Pair
        In the order of `arms`; the rows in their order.

    Raises
    ------
    InputError
        If no share of changed words is found in every arm.
    """
    bins = [np.floor(changed_shares(pairs) / BIN + 1e-9).astype(np.int64) for pairs in arms]
    compared = [own for own, copied in zip(bins, copies, strict=True) if not copied]
    if not compared:
        return [list(pairs) for pairs in arms]
    size = 1 + max(int(own.max()) for own in compared)
    quota = np.min([np.bincount(own, minlength=size) for own in compared], axis=0)
    if not quota.any():
        raise InputError(
            "No share of changed words is found in every arm, so they cannot be compared at equal shares. Leave out"
            " `equal_changes`, or give parameters that change about as many words."
        )
    thinned = []
    for place, (pairs, own, copied) in enumerate(zip(arms, bins, copies, strict=True)):
        order = generator(seed, "subset", place, Subset.THINNED_PAIRS).permutation(len(pairs))
        kept = order[: int(quota.sum())]
        if not copied:
            kept = np.concatenate([order[own[order] == share][:n] for share, n in enumerate(quota)])
        thinned.append([pairs[i] for i in np.sort(kept)])
    return thinned


def _changed(pieces: Sequence[Piece]) -> int:
    """Count the words of the changed pieces."""
    return int(word_counts([piece.text for piece in pieces if piece.changed]).sum())
