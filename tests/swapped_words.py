"""A cheap strategy that swaps a word, and a few texts to upsample by it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from augment.generation.candidates import Candidate
from augment.text.base import TextStrategy
from augment.upsampling import upsample
from augment.words import Replacement, splice, word_spans

TEXTS = [
    "The shop on the corner opens at nine.",
    "We sat upstairs, by the window!",
    "The parcel came on Monday; the manual on Tuesday.",
    "Ça va mieux, merci à vous tous.",
    "I loved every minute of this film.",
    "They fixed the old machine in an hour.",
    "Everything works as it should.",
    "Our guide knew every stone of the city.",
    "The new app is fast and simple.",
    "Fresh bread, friendly people and a fine view.",
    "What a charming little book it is.",
    "The best hotel of the whole long trip.",
]
LABELS = ["neutral"] * 3 + ["negative"] * 2 + ["positive"] * 7
SHUFFLED = [TEXTS[i] for i in (4, 0, 9, 3, 5, 1, 8, 7, 2, 6, 10, 11)]
SHUFFLED_LABELS = [LABELS[TEXTS.index(text)] for text in SHUFFLED]


class Swap(TextStrategy):
    """Put one of `pool` made-up words in the place of one word."""

    name = "swap"
    summary = "swap one word for a made-up one"

    def __init__(self, *, pool: int = 10_000, sampling_strategy: Any = "auto", random_state: Any = None) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.pool = pool

    def candidates(self, draws):
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        rng = draw.generator()
        spans = word_spans(draw.text)
        if not spans:
            return None
        replacement = Replacement(*spans[rng.integers(len(spans))], f"zu{rng.integers(self.pool)}")
        return Candidate(splice(draw.text, [replacement]), (replacement,))


class Stubborn(Swap):
    """Give the source back, in capitals, from the first tries at every row."""

    name = "stubborn"

    def _one(self, draw):
        return Candidate(draw.text.upper() + "!") if draw.attempt < 5 else super()._one(draw)


def pair(data: tuple[list, list] | None = None, **options: Any) -> tuple[list[str], list, Any]:
    """Upsample a pair of lists; give the new rows alone, and the manifest."""
    texts, labels = data or (SHUFFLED, SHUFFLED_LABELS)
    (all_texts, all_labels), manifest = upsample((texts, labels), strategy=options.pop("strategy", Swap()), **options)
    assert all_texts[: len(texts)] == texts
    assert all_labels[: len(texts)] == labels
    assert Counter(map(str, all_labels)) == manifest.counts_after
    return all_texts[len(texts) :], all_labels[len(texts) :], manifest
