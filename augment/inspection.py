"""What a labelled table holds, and which sampling strategy suits it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from augment.corpus import Corpus
from augment.strategy import class_counts
from augment.words import folded, word_spans

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NEARLY_BALANCED = 0.9
MOST_GROWTH = 2.0


@dataclass(frozen=True)
class Inspection:
    """The findings."""

    counts: dict[str, int]
    """Class name → rows."""
    synthetic: int
    """Rows that are synthetic already."""
    empty: int
    """Rows without a text."""
    duplicates: int
    """Rows whose text, case and punctuation folded, stands in an earlier row."""
    conflicting: int
    """Texts, folded, that stand under more than one label."""
    lengths: dict[float, int]
    """Quantile → words of a text."""
    suggestion: str | None
    """A `--sampling-strategy`, or None if the classes are balanced as they are."""


def inspect(corpus: Corpus) -> Inspection:
    """Look a labelled table over.

    Parameters
    ----------
    corpus : Corpus
        From `augment.corpus.read`.

    Returns
    -------
    Inspection
    """
    names = corpus.label_names
    labels = [names[label] for label in corpus.labels]
    texts = [text if text and text.strip() else None for text in corpus.texts]
    found: dict[str, set[str]] = defaultdict(set)
    for text, label in zip(texts, labels, strict=True):
        if text:
            found[folded(text)].add(label)
    words = [len(word_spans(text)) for text in texts if text]
    counts = class_counts(labels)
    return Inspection(
        counts=counts,
        synthetic=int(corpus.is_synthetic.sum()),
        empty=texts.count(None),
        duplicates=len(words) - len(found),
        conflicting=sum(len(under) > 1 for under in found.values()),
        lengths={q: int(n) for q, n in zip(QUANTILES, np.quantile(words or [0], QUANTILES), strict=True)},
        suggestion=suggest(Counter(counts)),
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
    >>> suggest({"a": 95, "b": 100}) is None
    True
    """
    largest = max(counts.values())
    rare = {name: count for name, count in counts.items() if count < NEARLY_BALANCED * largest}
    totals = {name: min(largest, int(MOST_GROWTH * count)) for name, count in rare.items()}
    return ",".join(f"{name}={total}" for name, total in totals.items()) or None
