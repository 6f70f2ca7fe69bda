"""Content words are what is left without function words, numbers, units and names."""

from __future__ import annotations

import pytest

from augment.text.content_words import is_content
from augment.words import word_spans


def content(text, language="en"):
    return [text[slice(*span)] for span in word_spans(text) if is_content(text, span, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It takes three hours and five Minutes by train.", ["train"]),
        ("The parcel of two kilos came at noon and not in the morning.", ["parcel", "not"]),
        ("How old is the shop? Somehow old shops close.", ["shop", "Somehow", "old", "shops", "close"]),
        ("how  quickly", []),
        ("The road is long and the sea is far.", ["road", "sea"]),
    ],
)
def test_units_and_what_follows_how_are_left_alone(text, expected):
    assert content(text) == expected


def test_the_words_of_english_are_not_looked_for_in_other_languages():
    assert content("das ist die time how alt", "de") == ["time", "how", "alt"]
