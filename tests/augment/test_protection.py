"""What is not an ordinary word, and what is protected, is never offered for replacement; everything else is."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.errors import InputError
from augment.protection import FRAGMENTS, is_ordinary, is_possessive, literals, protection, replaceable
from augment.words import Span, folded, word_spans

THOROUGHLY = settings(max_examples=80)

PIECES = [
    "It's",
    "they’ll",
    "well-made",
    "don’t",
    " ",
    "\n",
    "-",
    "'",
    "_",
    "2nd",
    "@",
    "://",
    ".",
    "&",
    "<b>",
    "I",
    "的",
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join))


def free(text: str, *phrases: str, patterns: tuple[str, ...] = (), negations: bool = True) -> list[str]:
    spans = replaceable(text, protection(phrases, patterns, negations=negations))
    return [text[start:end] for start, end in spans]


NEGATIONS = (
    ["not", "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot", "without"]
    + ["hardly", "barely", "scarcely", "n't", "n’t", "no-one", "ai n't"]
    + ["isn't", "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't", "can't", "couldn't", "won't", "wouldn't"]
    + ["hasn't", "haven't", "hadn't", "shouldn't", "mustn't", "mightn't", "needn't", "ain't"]
    + ["isn’t", "wasn’t", "don’t", "can’t", "won’t", "dont", "isnt", "wasnt"]
    + ["ca n't", "do n't", "wo n't", "is n't", "did n’t", "could n't"]
)


@pytest.mark.parametrize("case", [str.lower, str.upper, str.capitalize])
@pytest.mark.parametrize(
    ("around", "left"),
    [("They said {} good things", ["They", "said", "good", "things"]), ("{} good", ["good"]), ("good {}.", ["good"])],
    ids=["within", "at the start", "at the end"],
)
def test_negations_are_protected_in_any_case_and_spelling(case, around, left):
    found = {negation: free(around.format(case(negation))) for negation in NEGATIONS}
    assert found == dict.fromkeys(NEGATIONS, left)


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
    with pytest.raises(ValueError, match="missing"):
        protection((), ["("])
    with pytest.raises(ValueError, match="multiply to more than 10,000"):
        protection((), ["(a{1000}){1000}"])


def test_a_pattern_that_does_not_come_to_an_end_is_told(monkeypatch):
    monkeypatch.setattr("augment.protection.SECONDS", 0.1)
    with pytest.raises(InputError, match=r"'\(a\|aa\)\+\$' has not come to an end in 0\.1 s on the text 'aaa"):
        replaceable("a" * 60 + "!", protection((), ["(a|aa)+$"]))


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


# What is not an ordinary word


WHOLES = (
    ["https://t.co/AbCd1234", "http://x.y/z", "www.example.com", "www.example.com.", "example.co.uk", "t.co"]
    + ["shop.de/en"]
    + ["jo.doe@example.co.uk", "(jo@example.org)", "<jo@example.org>"]
    + ["odd.#CheckTheCounthttps://t.co/AbCd", "Look:https://t.co/abc", "and(http://x.y/z)ok", "here.http://x.y"]
    + ["@user", "#tag", "....#day#no4", "🇫🇷#Paris#metro's", "#SaveOurShop!", "cc:@user", "hi@user"]
    + ["10:30pm", "7:05", "9:50AM", "24hrs", "20min", "12/05/2010", "2010-05-12T10:00Z", "'90s", "1990s"]
    + ["£3.50", "$1,200", "$30each", "5-0", "3.5%", "10k", "2nd", "EUR4.8m", "5-star", "30-minute", "2½-hour", "x2"]
    + ["AB12CD", "GBP4US", "COVID-19", "UA1159", "C12", "B2B", "H2O", "m²"]
    + ["AT&T", "H&M", "R&B", "Q&A", "U.S.", "U.S", "J.K.", "D.C.,", "e.g.", "B.", "R", "Mr.", "Dr.", "etc.)", "vs."]
    + ["d*mn", "sh*t", "f***", "***k", "f---ing", "a$$", "b!tch", "sh!t", "f@ck", "s#it"]
    + [":D", ":-P", ":p", ";D", "=D", "xD", "XDD", "D:", "<3", "o_O", "T_T", "^o^", "great:D", "love<3"]
    + ["setup.py", "notes.txt", "/etc/passwd", "src/lib/main", "C:\\models", "~/notes", "node.js", "v1.2", "a_name"]
    + ["w/o", "s/he", "n/a", "film(s)", "C++", "C#", "a=b", "a<b", "key:value", "50°C", "Brand™", "writer\\/director"]
    + ["&amp;", "food&amp;wine", "incre&iacute;ble", "&#233;t&#xE9;", "\\nThe", "-LRB-", "-RRB-", "co\u00adop"]
    + ["</b>", "<br/>", "<a href='x y'>", "3rd Feb", "2 May", "Feb. 3", "3rd of February", "5 pm", "10 a.m."]
)


@pytest.mark.parametrize("around", ["{}", "we saw {} here", "we saw ({}), here", '"{}" here', "we saw\n{}"])
def test_what_is_no_ordinary_word_is_left_whole(around):
    found = {whole: free(around.format(whole)) for whole in WHOLES}
    assert found == dict.fromkeys(WHOLES, re.findall("we|saw|here", around))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("and/or", ["and", "or"]),
        ("word,other", ["word", "other"]),
        ("so...good and so…good", ["so", "good", "and", "so", "good"]),
        ("film—great film–great film--great", ["film", "great"] * 3),
        ("(word) [word] {word} (“word”)", ["word"] * 4),
        ("\"word\" 'word' ‘word’ «word» ``word''", ["word"] * 5),
        ("well-made T-shirt O'Brien rock'n'roll", ["well-made", "T-shirt", "O'Brien", "rock'n'roll"]),
        ("Note: this; that, that. So?! Really!!!", ["Note", "this", "that", "that", "So", "Really"]),
        ("the end.The start!Then", ["the", "end", "The", "start", "Then"]),
        ("word:) :) word :-( ... word", ["word", "word", "word"]),
        ("good😀film thanks😀🎉 family👨‍👩‍👧 •item →next", ["good", "film", "thanks", "family", "item", "next"]),
        ("¿Qué? ¡Sí! Ärger, naïve cafe\u0301", ["Qué", "Sí", "Ärger", "naïve", "cafe\u0301"]),
        ("यह फ़िल्म। це фільм, 영화는 좋다", ["यह", "फ़िल्म", "це", "фільм", "영화는", "좋다"]),
        ("<b>so</b> good<br/>Great", ["so", "good", "Great"]),
        ("a film by AT&T and I", ["a", "film", "by", "and", "I"]),
        ("in 2010,they had 2 films of the 2nd 1990s in 3-D", ["in", "they", "had", "films", "of", "the", "in"]),
        ("May I march on", ["May", "I", "march", "on"]),
        ("if a < b & c", ["if", "a", "b", "c"]),
    ],
)
def test_what_ordinary_punctuation_bounds_is_a_word(text, words):
    assert free(text) == words


@pytest.mark.parametrize(
    "text",
    ["菜很好吃，服务也很快。", "汤太咸了", "駅の近くに店があります。", "อาหารอร่อยมากครับ", "iPhone很好", "很好film"],
)
def test_a_run_of_letters_in_a_script_without_spaces_is_no_word(text):
    assert free(text) == []
    assert free(f"good {text} film") == ["good", "film"]


def test_literals_are_found_as_wholes():
    text = "see(me@home.org)! <a href='x y'>food &amp; wine</a> at 10:30pm on 3rd Feb"
    assert [text[start:end] for start, end in literals(text)] == [
        "see(me@home.org)!",
        "<a href='x y'>",
        "&amp;",
        "</a>",
        "10:30pm",
        "3rd",
        "3rd Feb",
    ]


@THOROUGHLY
@given(TEXTS)
def test_replaceable_words_are_words_of_letters_outside_every_protected_match_and_literal(text):
    patterns = protection(["well-made"], [r"\d+"])
    spans = [*literals(text), *(match.span() for pattern in patterns for match in pattern.finditer(text))]
    protected = {i for start, end in spans for i in range(start, end)}
    every = word_spans(text)
    for span in replaceable(text, patterns):
        assert span in every
        assert protected.isdisjoint(range(*span))
        assert not any(c.isnumeric() for c in text[slice(*span)])
        assert any(c.isalpha() for c in text[slice(*span)])


@THOROUGHLY
@given(
    st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=1),
    st.sampled_from([" ", ", ", "... ", "--", " (", "\n"]),
)
def test_every_plain_word_is_replaceable(words, between):
    assert free(between.join(words)) == words


def test_a_huge_cell_takes_no_time():
    """A time that grows with the square of the length would be ten times the limit and more."""
    parts = ["a", " ", "a@", "it 's ", "<br/>", "x>", "<a ", "<", "&a", "a&b;", "\\n", "no ", "a,", "a/", "ab/", "a."]
    parts += ["...", "a'", "'", "I'm ", "2", "3 Feb ", "的", "a-", "😀", "\u200d", "Mr. ", "A.", ":"]
    patterns = protection()
    seconds = {}
    for part in parts:
        text = part * (40_000 // len(part))
        start = time.process_time()
        folded(text)
        word_spans(text)
        replaceable(text, patterns)
        seconds[part] = time.process_time() - start
    assert {part: taken for part, taken in seconds.items() if taken > 1} == {}


# Clitics


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'm here and I’m sure, as we're", ["here", "and", "sure", "as"]),
        ("they'll say you'd go, we've seen who'd", ["say", "go", "seen"]),
        ("Mary'll come, the men've gone, should've", ["come", "the", "gone"]),
        ("I 'm here , they 'll say you ’re", ["here", "say"]),
        ("it's that's there's Here's what's let's IT’S", []),
        ("it 's what 's everyone 's", []),
        ("the film's plot, Bob’s cat, the film 's plot", ["the", "film", "plot", "Bob", "cat", "the", "film", "plot"]),
        ("the boys' room, the actors ' room", ["the", "room", "the", "room"]),
        ("lovin' it, go get 'em 'til 'bout noon", ["it", "go", "get", "noon"]),
        ("she said 'yes' and 'the end'", ["she", "said", "yes", "and", "the", "end"]),
        ("they like , and ' sly ' too", ["they", "like", "and", "sly", "too"]),
        ("`` Great Lakes '' is", ["Great", "Lakes", "is"]),
        ("y'all ma'am o'clock", ["y'all", "ma'am", "o'clock"]),
    ],
)
def test_a_word_that_an_apostrophe_holds_is_not_replaceable(text, words):
    assert free(text) == words


def test_the_two_parts_of_a_split_contraction_are_not_replaceable_even_where_negations_are():
    assert free("we ca n't go , is n't it", negations=False) == ["we", "go", "it"]


def test_possessives_are_told_from_other_words():
    text = "the film's plot, the film 's plot"
    assert [text[slice(*span)] for span in word_spans(text) if is_possessive(text, span)] == ["film", "film"]


# What may fill a mask


def test_fragments_are_no_words():
    words = [*sorted(FRAGMENTS), "Doesn", "ST", "s", "B", "2nd", "70s", "f1", "-", "", "a b", "'s", "e.g", "的"]
    assert [word for word in words if is_ordinary(word)] == []


def test_words_are_words():
    words = ["film", "Film", "I", "a", "A", "well-made", "won", "haven", "naïve", "é", "день"]
    assert [word for word in words if not is_ordinary(word)] == []
