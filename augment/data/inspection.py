"""Describe a labelled table, and suggest a sampling strategy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from augment.data.corpus import Corpus
from augment.name_lists import written_pairs
from augment.words import folded, key, word_spans

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NEARLY_BALANCED = 0.9
FEW = 10
"""A class with fewer rows is very rare: five folds, or five neighbours and a fifth held aside, need more."""
MOST_GROWTH = 2.0


@dataclass(frozen=True)
class Inspection:
    """The result of `inspect`."""

    counts: dict[str, int]
    """Class name → rows. If rows have several labels: label → rows that have it."""
    synthetic: int
    """Rows that are synthetic already."""
    empty: int
    """Rows without a text."""
    duplicates: int
    """Rows whose text, case and punctuation folded, stands in an earlier row."""
    conflicting: int
    """Texts, folded, that stand under more than one label."""
    different: dict[str, int]
    """Class name → different texts, folded. One that stands under several labels counts for its first row alone."""
    lengths: dict[float, int]
    """Quantile → words of a text."""
    single: list[str]
    """Classes of one row."""
    few: list[str]
    """Classes of more rows than one and fewer than `FEW`."""
    suggestion: str | None
    """A `--sampling-strategy`, or None if the classes are balanced as they are."""


def inspect(corpus: Corpus) -> Inspection:
    """Describe a labelled table. Only a hash and the length of each text are kept in memory.

    Parameters
    ----------
    corpus : Corpus
        From `augment.data.corpus.read`.

    Returns
    -------
    Inspection
    """
    rows = np.flatnonzero(corpus.has_text)
    keys, words = np.empty(len(rows), np.uint64), np.empty(len(rows), np.int32)
    for place, text in enumerate(
        text for text, has_text in zip(corpus.texts, corpus.has_text, strict=True) if has_text
    ):
        keys[place], words[place] = key(folded(str(text))), len(word_spans(str(text)))
    # Equal texts side by side, and among them the labels in order.
    codes = corpus.codes[rows]
    order = np.lexsort((codes, keys))
    again = np.diff(keys[order]) == 0
    other = again & (np.diff(codes[order]) != 0)
    counts = corpus.label_counts
    firsts = np.bincount(codes[np.unique(keys, return_index=True)[1]], minlength=len(corpus.classes))
    quantiles = np.quantile(words if len(words) else [0], QUANTILES)
    return Inspection(
        counts=counts,
        synthetic=int(corpus.is_synthetic.sum()),
        empty=len(corpus.texts) - len(rows),
        duplicates=int(again.sum()),
        conflicting=len(np.unique(keys[order][1:][other])),
        different=dict(zip(corpus.classes, firsts.tolist(), strict=True)),
        lengths={q: int(n) for q, n in zip(QUANTILES, quantiles, strict=True)},
        single=[name for name, count in counts.items() if count == 1],
        few=[name for name, count in counts.items() if 1 < count < FEW],
        suggestion=suggest(counts),
    )


def suggest(counts: dict[str, int]) -> str | None:
    """Suggest totals: every rare class up to the largest, but at most twice its own rows.

    More synthetic rows than real ones are rarely worth their overfitting (Okimura et al. 2022); what is still
    missing then is better left to class weights or a balanced sampler.

    Parameters
    ----------
    counts : dict of str to int
        Class name → rows.

    Returns
    -------
    str or None
        What `--sampling-strategy` takes; None if every class has 90 % of the largest's rows.

    Examples
    --------
    >>> suggest({"negative": 3310, "neutral": 1624, "positive": 3610})
    'neutral=3248'
    >>> suggest({"food, drink": 40, "other": 100})
    "'food, drink'=80"
    >>> suggest({"a": 95, "b": 100}) is None
    True
    """
    largest = max(counts.values())
    rare = {name: count for name, count in counts.items() if count < NEARLY_BALANCED * largest}
    totals = {name: min(largest, int(MOST_GROWTH * count)) for name, count in rare.items()}
    return written_pairs(totals.items()) or None
