"""Fillings are put together to candidates, the best first."""

from __future__ import annotations

import numpy as np
import pytest

from augment.models.word_pieces import TokenizedText
from augment.text.masked_text import Filling, Wording, dealt, masked
from augment.words import word_spans

TEXT = "Red fox jumped over lazy dogs"


@pytest.fixture
def masking():
    spans = word_spans(TEXT)
    tokens = TokenizedText(list(range(6)), [span.start for span in spans], [span.end for span in spans])
    covers = [tokens.cover(span) for span in spans]
    wording = Wording(TEXT, tokens, 0, spans, spans, covers, [0.0] * 6, list(range(6)))
    return masked(wording, [5, 0, 1], mask_id=99, language="en", content=True)


def filling(masking, fills):
    made = Filling(masking, sorted(fills), iter(()).__next__)
    for mask, (word, score) in fills.items():
        made.fill(mask, word, 0, 0, score)
    return made


def test_masks_stand_for_the_chosen_words_in_the_order_of_the_text(masking):
    assert masking.ids == (99, 99, 2, 3, 4, 99)
    assert [masking.old(i) for i in range(3)] == ["Red", "fox", "dogs"]


def test_the_best_fills_of_different_words_come_together(masking):
    fillings = [
        filling(masking, {i: fill})
        for i, fill in [
            (0, ("blue", 1.0)),
            (0, ("pink", 5.0)),
            (1, ("cat", 4.0)),
            (2, ("cats", 3.0)),
            (2, ("cat", 9.0)),
        ]
    ]
    found = dealt(fillings, 2, word_spans)
    assert [made.text for made, _ in found] == [
        "Pink fox jumped over lazy cat",
        "Red cat jumped over lazy cats",
    ]
    assert [score for _, score in found] == [5.0, 3.0]


def test_a_filling_of_several_words_stays_whole(masking):
    whole = [
        filling(masking, {0: ("blue", 1.0), 1: ("cat", 3.0)}),
        filling(masking, {1: ("cow", 2.0), 2: ("cats", 5.0)}),
    ]
    assert [(made.text, score) for made, score in dealt(whole, 2, word_spans)] == [
        ("Red cow jumped over lazy cats", 2.0),
        ("Blue cat jumped over lazy dogs", 1.0),
    ]


def test_no_candidate_comes_twice_and_without_a_fill_there_is_the_text_itself(masking):
    twice = [filling(masking, {0: ("blue", score)}) for score in (1.0, 2.0)]
    assert [(made.text, score) for made, score in dealt(twice, 1, word_spans)] == [
        ("Blue fox jumped over lazy dogs", 2.0)
    ]
    assert [(made.text, score) for made, score in dealt([filling(masking, {})], 1, word_spans)] == [(TEXT, -np.inf)]
