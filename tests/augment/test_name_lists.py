"""Any name can be written in a list, is read again as it was, and goes through a shell."""

from __future__ import annotations

import contextlib
import shlex
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augment.errors import InputError
from augment.name_lists import for_shell, read_list, read_pairs, split, written_list, written_pairs

THOROUGHLY = settings(max_examples=300)
HARD = [
    "",
    " ",
    "food, drink",
    " blank before and behind ",
    "a=b",
    "=",
    ",",
    "'",
    '"',
    "''",
    "it's",
    "'tis",
    'say "hi", twice',
    "'quoted'",
    '"quoted"',
    "two\nlines",
    "\ttab",
    "\r\n",
    "back\\slash",
    "ends in \\",
    "$HOME `ls` !! %PATH% ~ * ?",
    "+500",
    "2x",
    "-5",
    "1",
    "1.0",
    "True",
    "none",
    "[list]",
    '["json"]',
    '{"json": 1}',
    "{braces}",
    "a:b;c|d&e",
    "naïve café",
    "中性，的",
    "👩‍👩‍👧",
    "\u00a0",
    "\u2028",
    "\u202eright to left",
    "\x00",
    "\ud800",
]
NAMES = st.one_of(st.sampled_from(HARD), st.text(max_size=12), st.text("ab,='\" \\\n[{", max_size=12))


@pytest.mark.parametrize("name", HARD)
def test_a_name_is_read_as_it_was_written(name):
    assert read_list(written_list([name])) == [name]
    assert read_pairs(written_pairs([(name, 90)])) == [(name, "90")]
    assert read_pairs(written_pairs([("a", name)])) == [("a", name)]


@THOROUGHLY
@given(st.lists(NAMES, max_size=5))
@example(HARD)
def test_any_list_is_read_as_it_was_written(names):
    text = written_list(names)
    assert read_list(text) == names
    assert text.isprintable() or set("".join(names)) & {"\u200c", "\u200d"}, "one line, and nothing hidden"


@THOROUGHLY
@given(st.lists(st.tuples(NAMES, NAMES), max_size=5))
@example(list(zip(HARD, reversed(HARD), strict=True)))
def test_any_pairs_are_read_as_they_were_written(pairs):
    assert read_pairs(written_pairs(pairs)) == pairs


@THOROUGHLY
@given(st.lists(NAMES, min_size=1, max_size=5))
@example(HARD)
def test_what_is_quoted_for_a_posix_shell_is_one_word_of_it(names):
    text = written_list(names)
    assert shlex.split(for_shell(text, windows=False)) == [text]
    assert "\n" not in for_shell(text, windows=False)


@THOROUGHLY
@given(st.lists(NAMES, min_size=1, max_size=5))
@example(HARD)
def test_what_is_quoted_for_windows_is_quoted_as_python_does(names):
    text = written_list(names) + " "  # Python quotes only words with white space
    assert for_shell(text, windows=True) == subprocess.list2cmdline([text])


@pytest.mark.parametrize(
    ("name", "posix", "windows"),
    [
        ("neutral", "neutral=9", "neutral=9"),
        ("very negative", '"very negative=9"', '"very negative=9"'),
        ("food, drink", "\"'food, drink'=9\"", "\"'food, drink'=9\""),
        ("a=b", "\"'a=b'=9\"", "\"'a=b'=9\""),
        ("it's, so", "\"'it''s, so'=9\"", "\"'it''s, so'=9\""),
        ("5$, less", "''\"'\"'5$, less'\"'\"'=9'", "\"'5$, less'=9\""),
        ("ends in \\", "'ends in \\=9'", '"ends in \\=9"'),
    ],
)
def test_usual_names_are_quoted_in_one_way_for_every_shell(name, posix, windows):
    text = written_pairs([(name, 9)])
    assert for_shell(text, windows=False) == posix
    assert for_shell(text, windows=True) == windows


def test_a_comma_is_quoted_on_windows_since_powershell_would_split_there():
    assert for_shell("a=1,b=2", windows=False) == "a=1,b=2"
    assert for_shell("a=1,b=2", windows=True) == '"a=1,b=2"'


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , very bad ", ["a", "very bad"]),
        ("'food, drink', \"a\\nb\"", ["food, drink", "a\nb"]),
        ("it's,so", ["it's", "so"]),
        ("a=b,'c=d'", ["a=b", "c=d"]),
        (",a,,b,", ["a", "b"]),
        ("''", [""]),
        ("", []),
        ('["a, b", "c"]', ["a, b", "c"]),
        ("[]", []),
        ("[UNK],{x}", ["[UNK]", "{x}"]),
        ('a"b,c"d', ['a"b', 'c"d']),
        ("'back\\slash'", ["back\\slash"]),
    ],
)
def test_a_list_is_read(text, names):
    assert read_list(text) == names


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1,b=2x", [("a", "1"), ("b", "2x")]),
        (" a = 1 , 'b, c' = +5 ", [("a", "1"), ("b, c", "+5")]),
        ("a=b=3", [("a=b", "3")]),
        ("'a=b'=3", [("a=b", "3")]),
        ("a='b=c'", [("a", "b=c")]),
        ("positive='very good, really',negative=bad", [("positive", "very good, really"), ("negative", "bad")]),
        ("a=1,a=2", [("a", "1"), ("a", "2")]),
        ("a=", [("a", "")]),
        ("''=9", [("", "9")]),
        ('{"food, drink": 90, "b": "2x", "c": 0.5}', [("food, drink", "90"), ("b", "2x"), ("c", "0.5")]),
        ('{"a": 1, "a": 2}', [("a", "1"), ("a", "2")]),
        ("{}", []),
        ("", []),
    ],
)
def test_pairs_are_read(text, pairs):
    assert read_pairs(text) == pairs


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (read_list, "'open", "none closes it"),
        (read_list, "'tis,so", "a name that itself begins with a quote stands in quotes"),
        (read_list, "'a'b,c", "none closes it at its end"),
        (read_list, '"a\\q"', "is not JSON: Invalid \\escape"),
        (read_list, '["a"', "is not JSON"),
        (read_list, '["a", 1]', "holds texts alone"),
        (read_pairs, "a", "stands in quotes. Got 'a'."),
        (read_pairs, "=3", "written name=value, and"),
        (read_pairs, "'a=3", "none closes it"),
        (read_pairs, "'a'b=3", "none closes it at its end"),
        (read_pairs, '{"a": [1]}', "The value of 'a' must be a number or a text. Got [1]."),
        (read_pairs, '{"a": true}', "Got true."),
        (read_pairs, '{"a": 1', "is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(read, text, says):
    with pytest.raises(InputError) as caught:
        read(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@THOROUGHLY
@given(st.text("ab,='\" \\\n[]{}:1", max_size=20))
def test_any_text_is_read_or_refused(text):
    for read in (read_list, read_pairs):
        with contextlib.suppress(InputError):
            read(text)


def test_the_parts_of_a_list_keep_their_quotes():
    assert split("a,'b, c'=\"d, e\",f's") == ["a", "'b, c'=\"d, e\"", "f's"]
