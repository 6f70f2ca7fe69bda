"""Words are found and replaced by offset, and every other character stays what it was."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augment.words import (
    Replacement,
    Span,
    folded,
    folded_words,
    match_case,
    splice,
    word_spans,
)

THOROUGHLY = settings(max_examples=80)

PIECES = [
    "It's",
    "they’ll",
    "well-made",
    "isn't",
    "don’t",
    "n't",
    " ",
    "  ",
    "\n",
    "-",
    "'",
    "’",
    "_",
    "2nd",
    "42",
    "I",
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join))


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, list[Replacement]]:
    """A text and disjoint, ascending replacements in it."""
    text = draw(TEXTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return text, [
        Replacement(start, end, draw(st.text(max_size=4))) for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]


# Spans


@THOROUGHLY
@given(TEXTS)
def test_word_spans_are_disjoint_ascending_and_inside_the_text(text):
    bounds = [0, *(bound for span in word_spans(text) for bound in span), len(text)]
    assert bounds == sorted(bounds)
    for span in word_spans(text):
        assert span.start < span.end
        assert text[span.start].isalnum()
        assert text[span.end - 1].isalnum()


@THOROUGHLY
@given(TEXTS)
@example("'D")
@example("x 'D")
@example("''s a")
def test_no_letter_or_digit_stays_outside_the_words_but_those_of_clitics(text):
    spans = word_spans(text)
    gaps = zip([0, *(span.end for span in spans)], [*(span.start for span in spans), len(text)], strict=True)
    for start, end in gaps:
        gap = re.sub(r"['’ʼ](s|d|m|ll|re|ve)(?![^\W_])", "", text[start:end], flags=re.IGNORECASE)
        assert not any(c.isalnum() for c in gap), gap


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\t...", []),
        ("It's a well-made film, isn't it?", ["It", "a", "well-made", "film", "isn't", "it"]),
        ("they'll they’re we've I'd I'm IT'S", ["they", "they", "we", "I", "I", "IT"]),
        ("O'Brien's rock'n'roll", ["O'Brien", "rock'n'roll"]),
        ("'quoted' dogs' -dash- a--b", ["quoted", "dogs", "dash", "a", "b"]),
        ("snake_case __init__", ["snake", "case", "init"]),
        ("a 2nd 42", ["a", "2nd", "42"]),
        ("Größe naïve 電影 фильм", ["Größe", "naïve", "電影", "фильм"]),
        ("good😀film", ["good", "film"]),
    ],
)
def test_words_of_a_text(text, words):
    assert found(text) == words


def test_clitics_stay_when_their_word_is_replaced():
    text = "It's true: they’ll say I'm late."
    replaced = splice(text, [Replacement(*span, "X") for span in word_spans(text)])
    assert replaced == "X's X: X’ll X X'm X."


# Splicing


@THOROUGHLY
@given(edits())
def test_splice_keeps_everything_outside_the_spans_byte_for_byte(edit):
    text, replacements = edit
    new = splice(text, replacements)
    at = end = 0
    for replacement in replacements:
        kept = text[end : replacement.start]
        assert new[at : at + len(kept)] == kept
        at += len(kept)
        assert new[at : at + len(replacement.new)] == replacement.new
        at, end = at + len(replacement.new), replacement.end
    assert new[at:] == text[end:]


@THOROUGHLY
@given(edits())
def test_splice_equals_one_replacement_after_the_other_from_the_right(edit):
    text, replacements = edit
    expected = text
    for start, end, new in reversed(replacements):
        expected = expected[:start] + new + expected[end:]
    assert splice(text, replacements) == expected


@THOROUGHLY
@given(TEXTS)
def test_splice_of_nothing_or_of_every_word_by_itself_is_the_identity(text):
    assert splice(text, []) == text
    assert splice(text, [Replacement(*span, text[span.start : span.end]) for span in word_spans(text)]) == text


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 3), (2, 5)],  # overlap
        [(4, 5), (0, 1)],  # out of order
        [(0, 3), (0, 3)],  # twice
        [(3, 2)],  # backwards
        [(-1, 2)],  # before the text
        [(4, 7)],  # past its end
    ],
)
def test_splice_refuses_spans_that_overlap_are_out_of_order_or_lie_outside(spans):
    with pytest.raises(ValueError, match="disjoint, ascending and inside the text"):
        splice("abcdef", [Replacement(start, end, "x") for start, end in spans])


def test_splice_accepts_neighbours_insertions_and_the_whole_text():
    assert splice("abcdef", [Replacement(0, 3, "X"), Replacement(3, 6, "Y")]) == "XY"
    assert splice("ab", [Replacement(0, 0, "<"), Replacement(1, 1, "|"), Replacement(2, 2, ">")]) == "<a|b>"
    assert splice("abc", [Replacement(0, 3, "")]) == ""


# Case


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("a good film", "good", "Great", "great"),
        ("a good film", "good", "McGee", "mcgee"),
        ("Good film", "Good", "great", "Great"),
        ("Good film", "Good", "GREAT", "Great"),
        ("in Paris", "Paris", "london", "London"),
        ("a GOOD film", "GOOD", "great", "GREAT"),
        ("A film", "A", "one", "One"),
        ("eBook here", "eBook", "Paper", "paper"),
        ("the 2nd film", "2nd", "Third", "third"),
        ("Ärger hier", "Ärger", "öl", "Öl"),
        ("we saw", "we", "i", "I"),
        ("WE SAW", "WE", "i", "I"),
        ("then we saw", "we", "I", "I"),
        ("Then I left", "I", "we", "we"),
        ("I left", "I", "we", "We"),
        ("  I left", "I", "we", "We"),
        ('"I left"', "I", "we", "We"),
        ("It ended. I left", "I", "we", "We"),
        ("It ended! (I left)", "I", "we", "We"),
        ('He said: "Go." I left', "I", "we", "We"),
        ("Well… I left", "I", "we", "We"),
        ("Well, I left", "I", "we", "we"),
        ("Version 2.I here", "I", "we", "we"),
    ],
)
def test_a_new_word_takes_the_case_of_the_old(text, old, new, expected):
    start = text.index(old)
    assert match_case(new, text, Span(start, start + len(old))) == expected


# Folding


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Do n't", "DON'T"),
        ("do n’t", "don't"),
        ("It 's good , is n't it ?", "It's good, isn't it?"),
        ("-LRB- x -RRB-", "lrb x rrb"),
        ("Straße", "STRASSE"),
        ("cafe\u0301", "Café"),
        ("ﬁne", "FINE"),
        ("ＧＯＯＤ", "good"),
        ("snake_case", "snakecase"),
        (" ! ? ", "!?"),
    ],
)
def test_texts_that_differ_in_case_punctuation_spacing_or_form_alone_fold_to_one(one, other):
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("good", "goods"), ("a b", "b a"), ("!", "?"), ("😀", "😢"), ("1", "2"), ("", "!"), ("cafe", "café")],
)
def test_texts_with_other_words_or_no_words_at_all_fold_apart(one, other):
    assert folded(one) != folded(other)


@THOROUGHLY
@given(st.lists(st.text("abcXYZ019", min_size=1), min_size=1), st.data())
def test_folding_sees_the_words_alone(words, data):
    between = st.text(" \t\n.,!?-'’\"", min_size=1, max_size=3)
    text = "".join(part for word in words for part in (data.draw(between), word.swapcase())) + data.draw(between)
    assert folded_words(text) == [word.lower() for word in words]
    assert folded(text) == folded("".join(words)) == "".join(words).lower()


def test_accents_and_vowel_signs_that_stand_alone_belong_to_their_word():
    for word in ("cafe\u0301", "हिन्दी", "naïve"):
        assert [word[start:end] for start, end in word_spans(word)] == [word]
    assert folded("कि") != folded("की")
