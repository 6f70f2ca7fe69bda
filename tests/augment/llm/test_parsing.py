"""Answers as language models give them, and the rows in them."""

from __future__ import annotations

import pytest

from augment.llm.parsing import REASONS, rows_of
from augment.llm.requests import Answer

CASES = [
    ("the schema", '{"rows": ["One.", "Two."]}', "stop", ["One.", "Two."]),
    ("a code fence", 'Here they are:\n```json\n{"rows": ["One.", "Two."]}\n```\nEnjoy!', "stop", ["One.", "Two."]),
    ("prose around", 'Sure! {"rows": ["One.", "Two."]} I hope this helps.', "stop", ["One.", "Two."]),
    ("a bare list", '["One.", "Two."]', "stop", ["One.", "Two."]),
    ("another name", '{"texts": ["One.", "Two."]}', "stop", ["One.", "Two."]),
    ("a list of objects", '[{"text": "One.", "label": "a"}, {"text": "Two.", "label": "a"}]', "stop", ["One.", "Two."]),
    ("an object by number", '{"1": "One.", "2": "Two."}', "stop", ["One.", "Two."]),
    ("brackets before it", 'In {a} [b] way: {"rows": ["One.", "Two."]}', "stop", ["One.", "Two."]),
    (
        "quotes and braces inside",
        r'{"rows": ["{{ \"x\" }} [y]", "Two.\nMore."]}',
        "stop",
        ['{{ "x" }} [y]', "Two.\nMore."],
    ),
    ("a numbered list", "Here are two:\n1. One.\n2) “Two.”", "stop", ["One.", "Two."]),
    ("bullets", '- "One."\n- Two.', "stop", ["One.", "Two."]),
    ("as many lines as rows", "One.\n\nTwo.", "stop", ["One.", "Two."]),
    ("thoughts before it", '<think>Rows? ["no"]</think>\n{"rows": ["One.", "Two."]}', "stop", ["One.", "Two."]),
    ("more than asked for", '{"rows": ["One.", "Two.", "Three."]}', "stop", ["One.", "Two."]),
    ("fewer", '{"rows": ["One."]}', "stop", ["One.", "too_few"]),
    ("an empty row", '{"rows": ["", "Two."]}', "stop", ["empty", "Two."]),
    ("a lone surrogate and a null", r'{"rows": ["a\ud83d", "b\u0000"]}', "stop", ["a�", "b"]),
    ("cut off in a row", '{"rows": ["One.", "Tw', "length", ["One.", "truncated"]),
    ("cut off before any row", '{"rows": [', "length", ["truncated", "truncated"]),
    ("nothing but thoughts", "<think>Hmm, what", "length", ["truncated", "truncated"]),
    ("broken after a row", '{"rows": ["One.", Two]}', "stop", ["One.", "broken_json"]),
    ("no list at all", "It is hard to say.", "stop", ["broken_json", "broken_json"]),
    ("no rows but numbers", '{"rows": [1, 2]}', "stop", ["broken_json", "broken_json"]),
    ("nothing", "  \n", "stop", ["empty", "empty"]),
    ("a filter", '{"rows": ["One.", "Two."]}', "content_filter", ["refusal", "refusal"]),
    ("a refusal", "I'm sorry, but I can't assist with that request.", "stop", ["refusal", "refusal"]),
    ("a refusal as a row", '{"rows": ["I cannot comply with that.", "Two."]}', "stop", ["refusal", "Two."]),
    ("talk as a row", '{"rows": ["Sure, here is one:", "Here are two texts: a"]}', "stop", ["preamble", "preamble"]),
    ("rows that begin alike", '{"rows": ["Sure, it was fine.", "Here is where I live."]}', "stop", None),
    ("customers who cannot", '{"rows": ["I can\'t help liking it.", "Sorry, it is late."]}', "stop", None),
]
SINGLE = [
    ("the schema", '{"rows": ["One."]}', ["One."]),
    ("a text", "It is open.", ["It is open."]),
    ("a quoted text", '"It is open."', ["It is open."]),
    ("a text of lines", "It is open.\nAll day.", ["It is open.\nAll day."]),
    ("quotes within", '"It" is "open"', ['"It" is "open"']),
    ("talk and a text", "Here is a new one:\nIt is open.", ["preamble"]),
    ("sure", "Sure! It is open.", ["preamble"]),
    ("an object", '{"text": "It is open."}', ["It is open."]),
    ("only a bracket", "{", ["broken_json"]),
]


@pytest.mark.parametrize(("text", "finish", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_two_rows_are_found_or_it_is_said_why_not(text, finish, expected):
    found = [row.unusable or row.text for row in rows_of(Answer(text, finish), 2)]
    if expected is None:
        assert not set(found) & set(REASONS)
    else:
        assert found == expected


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in SINGLE], ids=[case[0] for case in SINGLE])
def test_a_single_row_may_stand_without_any_form(text, expected):
    assert [row.unusable or row.text for row in rows_of(Answer(text), 1)] == expected
