"""Words are found, protected and replaced by offset, and every other character stays what it was."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augment.words import (
    LITERAL,
    Replacement,
    Span,
    folded,
    folded_words,
    match_case,
    protection,
    replaceable,
    splice,
    word_spans,
)

THOROUGHLY = settings(deadline=None, max_examples=80)

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


def free(text: str, *phrases: str, patterns: tuple[str, ...] = (), negations: bool = True) -> list[str]:
    spans = replaceable(text, protection(phrases, patterns, negations=negations))
    return [text[start:end] for start, end in spans]


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


# Protection


@pytest.mark.parametrize(
    "negation",
    ["not", "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot", "without"]
    + ["hardly", "barely", "scarcely", "n't", "n’t", "no-one", "ai n't"]
    + ["isn't", "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't", "can't", "couldn't", "won't", "wouldn't"]
    + ["hasn't", "haven't", "hadn't", "shouldn't", "mustn't", "mightn't", "needn't", "ain't"]
    + ["isn’t", "wasn’t", "don’t", "can’t", "won’t", "dont", "isnt", "wasnt"]
    + ["ca n't", "do n't", "wo n't", "is n't", "did n’t", "could n't"],
)
@pytest.mark.parametrize("case", [str.lower, str.upper, str.capitalize])
def test_negations_are_protected_in_any_case_and_spelling(negation, case):
    text = f"They said {case(negation)} good things"
    assert free(text) == ["They", "said", "good", "things"]
    assert free(f"{case(negation)} good") == ["good"], "at the start"
    assert free(f"good {case(negation)}.") == ["good"], "at the end"


@pytest.mark.parametrize("text", ["notable knot", "Nora nonetheless", "another north", "wants a donut", "isthmus tint"])
def test_words_that_only_contain_a_negation_are_free(text):
    assert free(text) == text.split()


def test_negations_are_free_when_asked_for():
    assert free("It was not bad and isn't", negations=False) == ["It", "was", "not", "bad", "and", "isn't"]


def test_protection_of_nothing_leaves_every_word_free():
    assert protection(negations=False) == []
    assert protection(["", "  "], negations=False) == []
    assert replaceable("no way", []) == [Span(0, 2), Span(3, 6)]


@pytest.mark.parametrize(
    "text",
    ["The new york film", "The NEW YORK film", "The New  York film", "The New\n\tYork film", "The New\xa0York film"],
)
def test_phrases_are_protected_in_any_case_and_with_any_white_space(text):
    assert free(text, " New York ") == ["The", "film"]


def test_phrases_are_whole_words_and_literal():
    assert free("art artful cart ART", "art") == ["artful", "cart"]
    assert free("a.c abc", "a.c") == ["abc"]
    assert free("C++ is a language, Cxx", "c++") == ["is", "a", "language", "Cxx"]


def test_a_word_that_touches_a_protected_phrase_is_protected_as_a_whole():
    assert free("a well-made film", "made") == ["a", "film"]


def test_patterns_are_regular_expressions_blind_to_case_and_may_be_several():
    assert free("Room 12b at @Anna's #Place, fine", patterns=(r"[@#]\w+", r"ROOM \w+")) == ["at", "fine"]


def test_a_pattern_that_is_no_regular_expression_is_refused():
    with pytest.raises(re.error):
        protection((), ["("])


def test_numbers_are_never_replaced_and_words_with_digits_are():
    assert free("the 2 films of the 2nd 1990s in 3-D") == ["the", "films", "of", "the", "2nd", "1990s", "in", "3-D"]


@THOROUGHLY
@given(TEXTS)
def test_replaceable_words_are_words_with_a_letter_outside_every_protected_match(text):
    patterns = protection(["well-made"], [r"\d+"])
    protected = {
        i for pattern in (LITERAL, *patterns) for match in pattern.finditer(text) for i in range(*match.span())
    }
    expected = [
        span
        for span in word_spans(text)
        if any(c.isalpha() for c in text[slice(*span)]) and protected.isdisjoint(range(*span))
    ]
    assert replaceable(text, patterns) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail a.b@c.de or @me <b>x@y.z</b>", ["a.b@c.de", "@me", "<b>", "x@y.z", "</b>"]),
        ("<a href='x y'>me@home.org now", ["<a href='x y'>", "me@home.org"]),
        ("see(me@home.org)!", ["see(me@home.org)!"]),
        ("by <me@home.org> or <1@home.org", ["<me@home.org>", "1@home.org"]),
        ("food &amp; wine at AT&T; 5 &lt; 6 &#233;t&#xE9; &c", ["&amp;", "AT&T;", "&lt;", "&#233;t&#xE9;"]),
        ("incre&iacute;ble producci&oacute;n", ["incre&iacute;ble", "producci&oacute;n"]),
        (r"great.\nThe food \"was\" C:\models", [r"\nThe", r"\models"]),
    ],
)
def test_addresses_tags_and_character_references_are_found(text, found):
    assert [match[0] for match in LITERAL.finditer(text)] == found


def test_a_huge_cell_takes_no_time():
    start = time.process_time()
    patterns = protection()
    for part in ("a", " ", "a@", "it 's ", "<br/>", "x>", "<a ", "&a", "a&b;", "\\n", "no "):
        text = part * (200_000 // len(part))
        folded(text)
        word_spans(text)
        replaceable(text, patterns)
    assert time.process_time() - start < 20


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


def test_a_clitic_set_off_by_a_space_is_no_word():
    assert free("it 's a film they 'll like , and ' sly ' too") == [
        "it",
        "a",
        "film",
        "they",
        "like",
        "and",
        "sly",
        "too",
    ]


@pytest.mark.parametrize(
    ("phrases", "text", "left"),
    [
        (["not bad"], "not bad at all", ["at", "all"]),
        (["new", "new york"], "in new york today", ["in", "today"]),
        (["new york", "york city"], "in new york city today", ["in", "today"]),
        ((), "no one came", ["came"]),
        ((), "we can not and may n't go", ["we", "and", "go"]),
        ((), "I donʼt and shan't", ["I", "and"]),
    ],
)
def test_what_one_protection_finds_hides_no_other(phrases, text, left):
    assert free(text, *phrases) == left


def test_patterns_keep_their_own_groups_and_flags():
    assert free("zoo book cat", patterns=(r"(z)oo", r"\w*(\w)\1\w*")) == ["cat"]
    assert free("one Two", patterns=("(?i)ONE", "(?P<a>x)", "(?P<a>two)")) == []


def test_a_pattern_that_matches_nothing_protects_nothing():
    assert free("a fine day", patterns=("x*",)) == ["a", "fine", "day"]


def test_accents_and_vowel_signs_that_stand_alone_belong_to_their_word():
    for word in ("cafe\u0301", "हिन्दी", "naïve"):
        assert [word[start:end] for start, end in word_spans(word)] == [word]
    assert folded("कि") != folded("की")


def test_addresses_names_and_tags_are_left_alone():
    text = "see https://x.org/a-b?c=d or www.x.org <br /> mail me@x.org, ask @me #tag </p> if a < b"
    assert free(text) == ["see", "or", "mail", "ask", "if", "a", "b"]
