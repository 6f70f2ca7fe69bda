"""A held-out file may have its texts in a column of another name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from augment import upsample_file
from augment.cli import main
from augment.data.layout import Layout
from augment.data.named_files import NamedFile
from augment.errors import InputError

ROWS = [("one two three", "a"), ("four five six", "a"), ("seven eight nine", "a"), ("ten eleven", "b"), ("twelve", "b")]


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "in.csv", "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS))
    put(tmp_path, "other.tsv", "id\twords\ty\n1\tten eleven\tx\n2\ttwelve\tx\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        ("t.tsv", "t.tsv", None),
        ("t.tsv:column=Tweet", "t.tsv", "Tweet"),
        (r"C:\data\t.tsv", r"C:\data\t.tsv", None),
        (r"C:\data\t.tsv:column=Tweet", r"C:\data\t.tsv", "Tweet"),
        ("owner/name:configuration", "owner/name:configuration", None),
        ("owner/name:configuration:column=a b", "owner/name:configuration", "a b"),
        ("a:column=b.csv:column=c=d:e", "a:column=b.csv", "c=d:e"),
        ("column=b.csv", "column=b.csv", None),
    ],
)
def test_the_column_stands_behind_the_file(text: str, name: str, column: str | None) -> None:
    assert NamedFile.parsed(text) == NamedFile(name, column)
    assert NamedFile.parsed(Path(text)) == NamedFile(str(Path(name)), column)
    assert str(NamedFile(name, column)) == text


@pytest.mark.parametrize("text", [":column=Tweet", "t.tsv:column="])
def test_a_missing_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is written FILE:column=NAME"):
        NamedFile.parsed(text)


def test_a_file_that_has_the_whole_name_is_meant_as_it_is(place: Path) -> None:
    put(place, "odd:column=words", "") if Path("odd").drive == "" else pytest.skip("no colon in names on Windows")
    assert NamedFile.parsed("odd:column=words") == NamedFile("odd:column=words")


def test_the_advice_for_a_held_out_file_works_and_leaves_the_input_alone(place: Path) -> None:
    command = ["upsample", "in.csv", "-o", "out.csv", "--strategy", "random", "--against"]
    refused = CliRunner().invoke(main, [*command, "other.tsv"])
    assert refused.exit_code == 2
    assert refused.stderr == (
        "Error: other.tsv: has no text column under a known name (text, sentence, review and others like them); the"
        " columns are 'id', 'words', 'y': name one with the file, as in other.tsv:column=NAME.\n"
    )
    done = CliRunner().invoke(main, [*command, "other.tsv:column=words"])
    assert done.exit_code == 0
    assert "1 of class 'b'" in done.stderr, "its sources are held out"
    wrong = CliRunner().invoke(main, [*command, "other.tsv:column=word", "--overwrite"])
    assert "has no text column 'word'" in wrong.stderr
    assert "Did you mean 'words'?" in wrong.stderr


def test_a_validation_file_may_have_both_columns_under_other_names(place: Path) -> None:
    Path("foreign.csv").write_text("Kommentar,Klasse\nfine,a\nbad,b\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"as in foreign\.csv:column=NAME\.$"):
        NamedFile.parsed("foreign.csv").labelled(Layout())
    with pytest.raises(InputError, match=r"as in foreign\.csv:label=NAME\.$"):
        NamedFile.parsed("foreign.csv:column=Kommentar").labelled(Layout())
    named = NamedFile.parsed("foreign.csv:column=Kommentar:label=Klasse")
    assert named.labelled(Layout()).labels == ["a", "b"]
    with pytest.raises(InputError, match="Leave ':label=' out"):
        named.texts(Layout())


def test_a_manifest_repeats_the_column(place: Path) -> None:
    with pytest.warns(UserWarning, match="could not be made"):
        manifest = upsample_file("in.csv", "one.csv", strategy="random", against="other.tsv:column=words")
    assert manifest.against[0]["name"] == "other.tsv"
    assert manifest.against[0]["text_column"] == "words"
    with pytest.warns(UserWarning, match="could not be made"):
        again = upsample_file(None, "two.csv", config="one.csv.manifest.json")
    assert again.against == manifest.against
    config = put(place, "run.json", json.dumps({"against": [{"name": "other.tsv", "text_column": "words"}]}))
    with pytest.warns(UserWarning, match="could not be made"):
        assert upsample_file("in.csv", "three.csv", strategy="random", config=config).against == manifest.against
    assert (place / "one.csv").read_bytes() == (place / "two.csv").read_bytes() == (place / "three.csv").read_bytes()


def test_the_other_fields_of_the_layout_hold_for_both(place: Path) -> None:
    put(place, "headless.csv", "x;one two three\n")
    layout = Layout(header=False, columns=("note", "body"), text_column="note")
    assert NamedFile("headless.csv", "body").texts(layout) == ["one two three"]
    assert NamedFile("headless.csv").texts(layout) == ["x"]
