"""How a text file is spelled is found in its first lines, and comes back in what is written."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

import pytest
from datasets import Dataset, Features, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment.data import corpus
from augment.data.formats.dialect import Dialect, find_dialect
from augment.data.formats.encodings import BYTE_ORDER_MARKS, Encoding, guessed_encoding
from augment.data.layout import Layout
from augment.data.reading import load, load_spelled
from augment.data.table_columns import batches
from augment.data.writing import write_batches
from augment.errors import InputError, OutputError

MARKS = {"utf-8": b"", **{f"{name} with its mark": mark for mark, name in BYTE_ORDER_MARKS.items()}}
EASY = st.text("abcé,;|\" x'", min_size=1, max_size=6)
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)


def put(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return path


def found(path: Path, **layout: object) -> Dialect:
    dialect = find_dialect(path, Layout(**layout))  # type: ignore[arg-type]
    assert dialect is not None
    return dialect


def rewritten(path: Path, layout: Layout) -> bytes:
    """The bytes of a file that was read and written again as it was spelled."""
    table, dialect = load_spelled(path, layout)
    again = path.with_name(f"again{path.suffix}")
    write_batches(table.features, batches(table), again, dialect)
    return again.read_bytes()


# The delimiter


@pytest.mark.parametrize(
    ("name", "content", "delimiter"),
    [
        ("t.csv", "text,label\na,x\n", ","),
        ("t.tsv", "text\tlabel\na\tx\n", "\t"),
        ("t.csv", "text;label\nGood, bad, ugly;x\n1,5;y\n", ";"),
        ("t.csv", "text\tlabel\nGood, bad, ugly\tx\n", "\t"),
        ("t.csv", "text|label\na|x\n", "|"),
        ("t.tsv", "text,label\na,x\n", ","),
        ("t.tsv", "text\tlabel\nGood, bad; ugly|\tx\nnot, so; bad\ty\n", "\t"),
        ("t.csv", '"text";"label"\n"a;\nb";x\n', ";"),
        ("t.csv", 'text,label\n"a;b",x\n"c;d",y\n', ","),
        ("t.csv", "text\nGood; bad\nso; so\n", ","),
        ("t.tsv", "text\nGood, bad\nso, so\n", "\t"),
        ("t.csv", "text;label\r\na;x\r\n", ";"),
        ("t.csv", "text;label\ra;x\r", ";"),
        ("t.csv", "text,label\na;b,x\nc;d,e,y\n", ","),
        ("t.csv", f"text;label\n{'a, b' * 40_000};x\n", ";"),
        ("t.csv", f"{'t' * 200_000};label\na;x\n", ";"),
    ],
)
def test_the_delimiter_is_the_one_that_splits_the_first_lines_evenly(
    tmp_path: Path, name: str, content: str, delimiter: str
) -> None:
    assert found(put(tmp_path, name, content)).delimiter == delimiter


def test_a_file_without_a_header_is_split_into_as_many_fields_as_are_named(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "Good, nice;5\nBad, bad;1\n")
    assert found(path, header=False, columns=("text", "stars")).delimiter == ","
    path = put(tmp_path, "t.csv", "a, b;c;5\nd, e;f;1\n")
    assert found(path, header=False, columns=("title", "text", "stars")).delimiter == ";"


def test_two_delimiters_that_fit_are_asked_about(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "a;b|c\n1;2|3\n")
    with pytest.raises(InputError, match=r"may be separated by ';' or '\|'; name the delimiter with `delimiter`\."):
        load(path, Layout())
    assert load(path, Layout(delimiter="|")).column_names == ["a;b", "c"]


def test_another_delimiter_than_that_of_the_name_is_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = put(tmp_path, "t.tsv", "text;label\na;x\n")
    with caplog.at_level(logging.INFO, "augment"):
        load(path, Layout())
        load(path, Layout(delimiter=";"))
        load(put(tmp_path, "t.csv", "text,label\na,x\n"), Layout())
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: its fields are separated by ';' and not by a tab, as its first lines show. `delimiter` names another."
    ]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r", "\0"])
def test_a_delimiter_that_is_none_is_refused(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(InputError, match="The delimiter must be one character"):
        load(put(tmp_path, "t.csv", "text,label\na,x\n"), Layout(delimiter=delimiter))


# Quotes


def test_without_quoting_a_quote_is_a_character_like_any_other(tmp_path: Path) -> None:
    rows = ['"If it rains, we stay in" she wrote.', 'A 12" pizza', '"whole"', 'an odd " one', "a\rb"]
    path = put(tmp_path, "t.tsv", "label\ttext\n" + "".join(f"ham\t{row}\n" for row in rows))
    with pytest.raises(InputError, match=r"line 2: broken quotes .* give `quoting='none'`\."):
        load(path, Layout())
    layout = Layout(quoting="none")
    assert load(path, layout)["text"][:] == rows
    assert rewritten(path, layout) == path.read_bytes()


def test_rows_that_two_stray_quotes_would_join_are_asked_about(tmp_path: Path) -> None:
    rows = [("ham", "Fine."), ("ham", '"Late again'), ("spam", "Win!"), ("ham", 'he said"'), ("ham", "Bye.")]
    path = put(tmp_path, "t.tsv", "label\ttext\n" + "".join(f"{label}\t{text}\n" for label, text in rows))
    with pytest.raises(InputError, match=r"line 3: a quote opens here and closes 2 lines below, and each of these"):
        load(path, Layout())
    assert load(path, Layout(quoting="none"))["text"][:] == [text for _, text in rows]
    assert len(load(path, Layout(quoting="minimal"))) == 3
    many = put(tmp_path, "t.tsv", 'label\ttext\nham\t"two\nlines"\nham\t"a\tb\nc"\n')
    assert load(many, Layout())["text"][:] == ["two\nlines", "a\tb\nc"]


def test_a_field_count_that_is_wrong_without_quoting_is_told(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", 'text,label\n"a, b",x\n')
    with pytest.raises(InputError, match=r"line 2: expected 2 fields, got 3; no field may hold the separator"):
        load(path, Layout(quoting="none"))


def test_another_quoting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The quoting must be minimal or none\. Got 'non'\. Did you mean 'none'\?"):
        load(put(tmp_path, "t.csv", "text,label\na,x\n"), Layout(quoting="non"))


@pytest.mark.parametrize("text", ["tab\there", "line\nend"])
def test_what_a_file_without_quoting_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    table = Dataset.from_dict({"text": ["a", text], "label": ["x", "x"]})
    dialect = Dialect(delimiter="\t", quoting="none")
    with pytest.raises(OutputError, match=r"t\.tsv, row 1: holds a separator or a line end, which a file without"):
        write_batches(table.features, batches(table), tmp_path / "t.tsv", dialect)
    assert list(tmp_path.iterdir()) == []


# Encodings


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json"])
@pytest.mark.parametrize(("mark", "name"), BYTE_ORDER_MARKS.items())
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, mark: bytes, name: str, suffix: str) -> None:
    content = {
        ".csv": "text,label\r\nné “ü”,x\r\n",
        ".tsv": "text\tlabel\r\nné “ü”\tx\r\n",
        ".jsonl": '{"text": "né “ü”", "label": "x"}\r\n',
        ".json": '[\r\n{"text": "né “ü”", "label": "x"}\r\n]\r\n',
    }[suffix]
    path = put(tmp_path, f"t{suffix}", mark + content.encode(name))
    for layout in (Layout(), Layout(encoding="latin-1")):
        assert load(path, layout)["text"][:] == ["né “ü”"]
        assert rewritten(path, layout) == path.read_bytes()


def test_an_encoding_is_named_where_no_mark_tells_it(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "text,label\nà l’aube,x\n", "windows-1252")
    with pytest.raises(InputError, match=r"line 2: is not UTF-8 .* perhaps `encoding='windows-1252'`\."):
        load(path, Layout())
    layout = Layout(encoding="Windows-1252")
    assert load(path, layout)["text"][:] == ["à l’aube"]
    assert rewritten(path, layout) == path.read_bytes()
    with pytest.raises(
        InputError, match=r"line 3: is not UTF-16-LE \(byte 16 of the file\); give another `encoding`\."
    ):
        load(put(tmp_path, "t.csv", b"t\0,\0l\0\n\0a\0,\0b\0\n\0\0\xd8"), Layout(encoding="utf-16"))


@pytest.mark.parametrize(
    ("content", "guess"),
    [
        ("text,label\nà l’aube,x\n".encode("cp1252"), "windows-1252"),
        (b"text,label\n\x81,x\n", "latin-1"),
        ("text,label\na,x\n".encode("utf-16-le"), "utf-16-le"),
        ("text,label\na,x\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_the_advice_for_a_wrong_encoding_works(tmp_path: Path, content: bytes, guess: str) -> None:
    path = put(tmp_path, "t.csv", content)
    assert guessed_encoding(path) == guess
    with pytest.raises(InputError, match=f"`encoding={guess!r}`"):
        load(path, Layout())
    assert load(path, Layout(encoding=guess)).column_names == ["text", "label"]


@pytest.mark.parametrize("name", ["latin-17", "base64", "rot13", "", "utf 8\0"])
def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="There is no encoding"):
        load(put(tmp_path, "t.csv", "text,label\na,x\n"), Layout(encoding=name))


@pytest.mark.parametrize("mark", ["utf-8", "utf-16-le"])
def test_a_file_that_belies_its_mark_is_refused(tmp_path: Path, mark: str) -> None:
    start = {name: mark for mark, name in BYTE_ORDER_MARKS.items()}[mark]
    path = put(tmp_path, "t.csv", start + "text,label\na,x\n".encode(mark) + b"\xff\xdf\xff")
    with pytest.raises(InputError, match="though its byte order mark says so"):
        load(path, Layout())


def test_a_character_that_the_encoding_has_not_is_told_in_csv_and_escaped_in_json(tmp_path: Path) -> None:
    table = Dataset.from_dict({"text": ["né", "“né”"], "label": ["x", "x"]})
    latin = Encoding("latin-1")
    with pytest.raises(OutputError, match=r"t\.csv, row 1: holds '“', which the encoding latin-1 has not; give"):
        write_batches(table.features, batches(table), tmp_path / "t.csv", Dialect(delimiter=",", encoding=latin))
    path = tmp_path / "t.jsonl"
    write_batches(table.features, batches(table), path, Dialect(encoding=latin))
    assert load(path, Layout(encoding="latin-1"))["text"][:] == ["né", "“né”"]


# Back as it was


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(EASY, EASY), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    row_end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(sorted(MARKS)),
    quoting=st.sampled_from(["minimal", "all"]),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_a_file_that_is_read_and_written_again_has_the_same_bytes(
    tmp_path: Path,
    rows: list[tuple[str, str]],
    delimiter: str,
    row_end: str,
    mark: str,
    quoting: str,
    suffix: str,
) -> None:
    text = io.StringIO(newline="")
    style = csv.QUOTE_ALL if quoting == "all" else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator=row_end, quoting=style).writerows([("text", "label"), *rows])
    content = MARKS[mark] + text.getvalue().encode(mark.partition(" ")[0])
    path = put(tmp_path, f"t{suffix}", content)
    layout = Layout(delimiter=delimiter)
    read = load(path, layout)
    assert list(zip(read["text"], read["label"], strict=True)) == rows
    assert rewritten(path, layout) == content


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(ANY, st.none() | ANY), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    row_end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(sorted(MARKS)),
    quoting=st.sampled_from(["minimal", "all"]),
)
def test_any_text_comes_back_in_any_dialect(
    tmp_path: Path, rows: list[tuple[str, str | None]], delimiter: str, row_end: str, mark: str, quoting: str
) -> None:
    encoding = Encoding(mark.partition(" ")[0], MARKS[mark])
    dialect = Dialect(encoding=encoding, row_end=row_end, delimiter=delimiter, quoting=quoting)
    features = Features({"text": Value("string"), "note": Value("string")})
    columns = {"text": [text for text, _ in rows], "note": [note for _, note in rows]}
    table = Dataset.from_dict(columns, features=features)
    path = tmp_path / "t.csv"
    write_batches(features, batches(table), path, dialect)
    again, spelled = load_spelled(path, Layout(delimiter=delimiter, quoting="minimal"))
    assert again.to_dict() == columns
    assert spelled is not None
    assert (spelled.encoding, spelled.row_end, spelled.delimiter) == (encoding, row_end, delimiter)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(ANY, ANY), min_size=1, max_size=5),
    row_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(sorted(MARKS)),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
)
def test_unquoted_files_come_back_as_they_were(
    tmp_path: Path, rows: list[tuple[str, str]], row_end: str, mark: str, delimiter: str
) -> None:
    clean = [[cell.translate({ord(c): "_" for c in f"\r\n{delimiter}"}) for cell in row] for row in rows]
    text = row_end.join(delimiter.join(row) for row in [["text", "label"], *clean]) + row_end
    path = put(tmp_path, "t.tsv", MARKS[mark] + text.encode(mark.partition(" ")[0]))
    layout = Layout(quoting="none", delimiter=delimiter)
    read = load(path, layout)
    assert [list(row) for row in zip(read["text"], read["label"], strict=True)] == clean
    assert rewritten(path, layout) == path.read_bytes()


def test_a_file_of_an_old_mac_comes_back_as_it_was(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", 'text,label\r"a\nb",x\r"c\rd",y\r')
    assert load(path, Layout())["text"][:] == ["a\nb", "c\rd"]
    assert rewritten(path, Layout()) == path.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\xff\xfe", "the file is empty"),
        (b"\n\r\n\n", "the file is empty"),
        (b"text", "has a header but no rows"),
        (b"text;label\r\n", "has a header but no rows"),
        (b"text\0label\n", "holds a NUL character; expected text. Mend: remove it."),
    ],
)
def test_odd_files_are_refused_in_one_line(tmp_path: Path, suffix: str, content: bytes, says: str) -> None:
    for quoting in (None, "minimal", "none"):
        with pytest.raises(InputError, match=says) as caught:
            load(put(tmp_path, f"t{suffix}", content), Layout(quoting=quoting))
        assert len(str(caught.value).splitlines()) == 1


def test_only_the_first_lines_are_looked_at(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "text;label\n" + "a, b;x\n" * 100_000)
    assert found(path).delimiter == ";"
    assert len(corpus.read(path).texts) == 100_000
