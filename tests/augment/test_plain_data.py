from __future__ import annotations

import json
from pathlib import Path

import pytest

from augment.errors import InputError
from augment.plain_data import as_expected, parse_json, parse_yaml, read_json, read_yaml

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} {'[' * 50}*a{i - 1}{']' * 50}\n" for i in range(1, 4))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "it has more than 100,000 values"),
        (CHAIN, "line 3, column 59: lists and mappings stand in more than 100 levels"),
        ("a: &b [*b]", "line 1, column 8: the alias 'b' stands within what it names"),
        ("[" * 100_000, "column 101: lists and mappings stand in more than 100 levels"),
        ("a: " + "9" * 5000, "a number has 5,000 characters"),
        ("a: 0x" + "f" * 17, "a whole number has more than 64 bits"),
        ("a: " + ":".join("1" * 5000), "a number has 9,999 characters"),
        ("a: 2001-99-99", "line 1, column 4: a value is a date"),
        ("a: !!int abc", "line 1, column 4: 'abc' is not a valid int"),
        ("a: !!bool abc", "'abc' is not a valid bool"),
        ("a: !!map abc", "expected a mapping node, but found scalar"),
        ("a: !!python/object/apply:os.system [ls]", "a value has the tag 'python/object/apply:os.system'"),
        ("a: !!binary aGk=", "a value has the tag 'binary'"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("? [a]\n: b", "found unhashable key"),
        ("a: *b", "found undefined alias"),
        ("a: \ud800", "surrogates not allowed"),
        ("\t", "cannot start any token"),
        ("--- a\n--- b", "another document"),
    ],
)
def test_yaml_that_is_broken_or_grows_is_told_in_one_line(text: str, says: str):
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "s.yaml")
    assert str(caught.value).startswith("s.yaml: is not plain YAML: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_and_merges_of_an_honest_file_are_read():
    assert parse_yaml("x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: [*x, *x]", "s.yaml") == {
        "x": {"a": 1},
        "y": {"a": 1, "b": 2},
        "z": [{"a": 1}, {"a": 1}],
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "lists or objects in more than 100 levels"),
        ("[" * 101 + "]" * 101, "lists or objects in more than 100 levels"),
        ('{"a": ' + "9" * 5000 + "}", "has more than 64 bits"),
        ('{"a": 18446744073709551616}', "18446744073709551616 has more than 64 bits"),
        ('{"a": 1,\n}', "line 2, column 1"),
        (b"\xff", "invalid start byte"),
    ],
)
def test_json_that_is_broken_or_grows_is_told_in_one_line(text: str | bytes, says: str):
    with pytest.raises(InputError) as caught:
        parse_json(text, "r.json")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_at_the_limits_is_read():
    deep = "[" * 100 + "]" * 100
    assert json.dumps(parse_json(deep, "r.json")) == deep
    assert parse_json('{"seed": 18446744073709551615}', "r.json") == {"seed": 2**64 - 1}


def test_files_are_read_up_to_a_size_and_name_their_place(tmp_path: Path, monkeypatch):
    path = tmp_path / "r.json"
    path.write_text('\ufeff{"a": 1}', encoding="utf-8")
    assert read_json(path) == {"a": 1}
    path.write_text('{"a": 1, "a": 2}')
    with pytest.raises(InputError, match="the key 'a' stands twice in one object"):
        read_json(path)
    path.write_bytes(b'{\n"\xe9": 1}')
    with pytest.raises(InputError, match="is not JSON in UTF-8: line 2 has other bytes"):
        read_json(path)
    monkeypatch.setattr("augment.plain_data.MOST_YAML", 3)
    path.write_text("abcd")
    with pytest.raises(InputError, match="too many for a YAML file"):
        read_yaml(path)
    for wrong in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="cannot be read"):
            read_json(wrong)


def test_a_value_of_another_kind_is_told_in_one_line():
    says = r"m\.json: does not hold what belongs there \(\w+Error: .*\)\. Correct it\."
    for read in (lambda: {}["a"], lambda: [][1], lambda: len(3), lambda: int("x"), lambda: None.a):
        with pytest.raises(InputError, match=says), as_expected("m.json"):
            read()
