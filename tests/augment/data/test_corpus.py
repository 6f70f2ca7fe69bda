"""The columns, the labels and the usable rows of a table are found, or it is refused with one clear line."""

from __future__ import annotations

import collections
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from tables import classed, fingerprint, labelled, put, write

from augment.data.corpus import Corpus, from_table, read, read_texts
from augment.data.layout import Layout
from augment.errors import InputError

SHARED = Path(__file__).parents[4] / "shared" / "data"
DEFAULT = Layout()
HEADERLESS = Layout(header=False, columns=("stars", "body"), text_column="body")


def refusal(source: str | Path, layout: Layout = DEFAULT) -> str:
    """The one line with which a source is refused, without its folder."""
    with pytest.raises(InputError) as caught:
        read(source, layout)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).replace(f"{Path(source).parent}/", "", 1)


def test_held_out_texts_need_no_label_and_fall_back_to_the_default_names(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "id,sentence\n1,a\n2,\n3,NA\n")
    assert read_texts(path, Layout(text_column="body")) == ["a", "NA"]
    with pytest.raises(InputError, match="has no text column under a known name"):
        read_texts(put(tmp_path, "u.csv", "id,x\n1,a\n"))


@pytest.mark.parametrize(("header", "row"), [("stars,body", "5,a"), ("text,id", "a,5"), ("id,sentence", "5,a")])
def test_a_held_out_file_may_have_a_header_where_the_layout_has_none(tmp_path: Path, header: str, row: str) -> None:
    path = put(tmp_path, "t.csv", f"{header}\n{row}\n{row}\n")
    assert read_texts(path, HEADERLESS) == ["a", "a"]
    put(tmp_path, "t.csv", f"{header}\n")
    with pytest.raises(InputError, match="has a header but no rows"):
        read_texts(path, HEADERLESS)


@pytest.mark.parametrize("first", ["5,the text", "Text,Body", "stars,", "5,'body'"])
def test_a_first_line_without_the_name_of_a_text_column_is_a_row(tmp_path: Path, first: str) -> None:
    path = put(tmp_path, "t.csv", f"{first}\n1,b\n1,body\n")
    assert read_texts(path, HEADERLESS) == [*filter(None, [first.split(",")[1]]), "b", "body"]
    put(tmp_path, "t.csv", "text\na\n")
    with pytest.raises(InputError, match=r"has 2 names .* but line 1 has 1 field;"):
        read_texts(path, HEADERLESS)


def test_a_header_is_never_guessed_for_the_labelled_table(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "stars,body\n5,good\n")
    assert read(path, replace(HEADERLESS, label_column="stars")).texts == ["body", "good"]


def test_the_name_of_a_corpus_is_the_source_as_given(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("sample").name == "sample"
    assert read(put(tmp_path, "t.csv", "text,label\na,x\n")).name == str(tmp_path / "t.csv")


def test_importing_loads_no_heavy_library() -> None:
    code = (
        "import sys, augment.data.corpus, augment.data.reading, augment.data.writing; "
        "print({'torch', 'datasets', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_rows_without_a_usable_label_are_an_error_until_the_caller_decides() -> None:
    table = labelled(["a", "b", "c", "d", "e"], ["x", None, "mixed", "", "y"])
    assert from_table(table, "t", Layout(drop_unlabelled=True)).labels == ["x", "mixed", "y"]
    table = table.rename_column("label", "gold_label")
    with pytest.raises(InputError) as caught:
        from_table(table, "t")
    assert str(caught.value) == (
        "t: 3 of 5 rows have no usable label in column 'gold_label' (null, empty or 'mixed'), the first is row 1. "
        "Leave such rows out: those of a file with `drop_unlabelled=True`, or with `labels`, which names the classes to"
        " keep."
    )
    kept = from_table(table, "t", Layout(drop_unlabelled=True))
    assert kept.texts == ["a", "e"]
    assert kept.labels == ["x", "y"]
    assert kept.dropped == 3
    assert kept.rows.dtype == np.int64
    assert kept.rows.tolist() == [0, 4]
    assert from_table(table, "t", Layout(labels=("mixed", "y"))).rows.tolist() == [2, 4]
    with pytest.raises(
        InputError, match="no row has the label 'Y'; column 'gold_label' holds 'mixed', 'x', 'y': correct"
    ):
        from_table(table, "t", Layout(labels=("x", "Y")))


def test_nothing_usable_is_an_error_even_when_rows_may_be_dropped() -> None:
    with pytest.raises(InputError, match="no row has a usable label in column 'label'"):
        from_table(labelled(["a", "b"], [None, None]), "t", Layout(drop_unlabelled=True))


def test_a_class_label_of_minus_one_is_no_label_and_names_choose_classes() -> None:
    table = classed().to_dict() | {"label": [1, -1, 2]}
    table = Dataset.from_dict(table, features=classed().features)
    assert from_table(table, "t", Layout(drop_unlabelled=True)).labels == [1, 2]
    assert from_table(table.rename_column("label", "gold_label"), "t", Layout(drop_unlabelled=True)).labels == [1]
    assert from_table(table, "t", Layout(labels=("mixed",))).labels == [2]
    assert from_table(table, "t", Layout(labels=("neutral",))).label_names == {1: "neutral"}


@pytest.mark.parametrize("stars", [[1, 2, 3, 4, 5, 3], ["1", "2", "3", "4", "5", "3"]])
def test_stars_become_three_classes_in_place(stars: list) -> None:
    table = Dataset.from_dict({"stars": stars, "text": list("abcdef")})
    mapped = from_table(table, "t", Layout(label_map="stars"))
    assert mapped.labels == ["negative", "negative", "neutral", "positive", "positive", "neutral"]
    assert mapped.label_column == "stars"
    assert mapped.table.column_names == ["stars", "text"]
    assert list(table["stars"]) == stars


def test_stars_are_read_from_class_names_too() -> None:
    features = Features(
        {"label": ClassLabel(names=["1 star", "2 star", "3 stars", "4 stars"]), "text": Value("string")}
    )
    table = Dataset.from_dict({"label": [0, 2, 3], "text": list("abc")}, features=features)
    assert from_table(table, "t", Layout(label_map="stars")).labels == ["negative", "neutral", "positive"]


def test_what_is_no_star_is_refused_by_row() -> None:
    table = labelled(["a", "b"], ["5", "0"])
    with pytest.raises(InputError, match=r"^t, row 1: expected 1 to 5 stars in column 'label', got '0'; correct"):
        from_table(table, "t", Layout(label_map="stars"))
    with pytest.raises(InputError, match=r"Unknown label map 'star'; expected 'stars'\. Did you mean 'stars'\?"):
        from_table(table, "t", Layout(label_map="star"))


def test_provenance_that_cannot_be_parsed_is_refused_by_row(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "text,label,is_synthetic,variant\na,x,TRUE,1\nb,x,False,two\n")
    assert refusal(path) == "t.csv, row 1: column 'variant' expected an integer, got 'two'; rename or correct it."
    put(tmp_path, "t.csv", "text,label,is_synthetic\na,x,yes\n")
    assert "row 0: column 'is_synthetic' expected true or false, got 'yes'" in refusal(path)
    put(tmp_path, "t.csv", "text,label,variant\na,x,XL\n")
    assert list(read(path).table["variant"]) == ["XL"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.csv",
            "text,lable\na,x\n",
            "t.csv: has no label column under a known name (label, gold_label, sentiment ",
        ),
        ("t.csv", "words,label\na,x\n", "the columns are 'words', 'label': give one as `text_column`."),
        ("t.jsonl", '{"text": 1, "label": "x"}', "t.jsonl: text column 'text' must hold strings, got int64; give"),
        ("t.jsonl", '{"text": "a", "label": 1.5}', "column 'label' must hold classes, got the number 1.5; convert it"),
        (
            "t.jsonl",
            '{"text": "a", "label": {"x": 1}}',
            "must hold strings, booleans or numbers, got nested",
        ),
        ("t.jsonl", '{"text": "a", "label": ["x"]}', "the column 'label' holds a list of labels in each row"),
    ],
)
def test_a_table_without_usable_columns_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    assert message in refusal(put(tmp_path, name, content))


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(InputError, match="t: the table has no rows"):
        from_table(labelled([]), "t")


def test_a_named_column_that_is_missing_is_refused_with_a_guess(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", "body,label\na,x\n")
    assert refusal(path, Layout(text_column="bodi")) == (
        "t.csv: has no text column 'bodi'; the columns are 'body', 'label': "
        "give one as `text_column`. Did you mean 'body'?"
    )
    assert "is given as text column and as label column" in refusal(path, Layout(text_column="label"))


def test_the_fingerprint_follows_content_and_not_chunks_places_or_selections(tmp_path: Path) -> None:
    table = labelled(["a", None, "ü"])
    chunked = pa.concat_tables([table.data.table.slice(0, 1), table.data.table.slice(1)])
    write(table, tmp_path / "d")
    same = [
        Dataset(chunked),
        labelled(["ü", "a", None]).select([1, 2, 0]),
        datasets.load_from_disk(str(tmp_path / "d")),
        table.with_format("numpy"),
    ]
    assert {fingerprint(other) for other in same} == {fingerprint(table)}
    assert fingerprint(table).startswith("sha256:")
    assert len(fingerprint(table)) == 71
    different = [
        labelled(["a", "None", "ü"]),
        labelled(["a", "", "ü"]),
        labelled([None, "a", "ü"]),
        table.rename_column("text", "review"),
        table.select_columns(["label", "text"]),
        table.cast_column("text", Value("large_string")),
        classed(),
        classed().cast_column("label", ClassLabel(names=["a", "b", "c"])),
        classed().cast_column("label", Value("int64")),
    ]
    assert len({fingerprint(other) for other in [table, *different]}) == 10


def test_the_fingerprint_does_not_see_what_stands_behind_a_null() -> None:
    offsets, mask = pa.py_buffer(np.array([0, 1, 2, 3], np.int32)), pa.py_buffer(b"\x05")
    dirty = pa.Array.from_buffers(pa.string(), 3, [mask, offsets, pa.py_buffer(b"axb")])
    numbers = pa.Array.from_buffers(pa.int64(), 3, [mask, pa.py_buffer(np.array([1, 7, 2]))])
    clean = {"text": ["a", None, "b"], "n": [1, None, 2]}
    assert fingerprint(Dataset(pa.table({"text": dirty, "n": numbers}))) == fingerprint(Dataset.from_dict(clean))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([True, None, False]),
        pa.array([0.5, None, float("nan")]),
        pa.array([0.5, None, 1.5], pa.float16()),
        pa.array([[1], None, []]),
        pa.array([b"a", None, b""]),
        pa.array([{"a": 1}, None, {"a": None}]),
        pa.array(["a", None, ""], pa.large_string()),
        pa.nulls(3),
    ],
    ids=lambda values: str(values.type),
)
def test_the_fingerprint_holds_for_every_type_and_any_slice(values: pa.Array) -> None:
    whole, sliced = pa.table({"x": values}), pa.table({"x": pa.concat_arrays([values[2:], values])[1:]})
    assert fingerprint(Dataset(sliced)) == fingerprint(Dataset(whole))
    assert fingerprint(Dataset(whole.take([1, 0, 2]))) != fingerprint(Dataset(whole)) or values.null_count == 3


def test_classes_and_codes_say_the_class_of_every_row() -> None:
    strings = from_table(labelled(list("abcd"), ["y", "x", "y", "z"]), "t")
    assert (strings.classes, strings.codes.tolist()) == (["x", "y", "z"], [1, 0, 1, 2])
    assert strings.codes.dtype == np.int32
    assert strings.counts == {"x": 1, "y": 2, "z": 1}
    assert strings.named_labels() == ["y", "x", "y", "z"]
    names = from_table(classed(), "t")
    assert (names.classes, names.codes.tolist()) == (["negative", "neutral"], [1, 0, 1])
    numbers = from_table(labelled(list("abc"), [10, 9, 10]), "t")
    assert (numbers.classes, numbers.codes.tolist()) == (["9", "10"], [1, 0, 1])
    assert list(numbers.counts) == ["10", "9"], "in order of the names"


def test_rows_with_nothing_but_white_space_have_no_text() -> None:
    texts = ["a", None, "", " \n\x1c\u2003", " b "]
    assert from_table(labelled(texts), "t").has_text.tolist() == [True, False, False, False, True]


def test_rows_that_are_kept_out_of_a_long_table_leave_it_mapped_and_typed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("augment.data.table_columns.BATCH", 7)
    features = Features({"text": Value("string"), "label": ClassLabel(names=["x", "y"])})
    labels = [-1 if i % 3 == 0 or 7 <= i < 14 else i % 2 for i in range(40)]
    table = Dataset.from_dict({"text": [f"t{i}" for i in range(40)], "label": labels}, features=features)
    kept = from_table(table, "t", Layout(drop_unlabelled=True))
    assert kept.rows.tolist() == [i for i in range(40) if labels[i] >= 0]
    assert kept.texts == [f"t{i}" for i in kept.rows]
    assert kept.table.features == features
    assert kept.dropped == 40 - len(kept.rows)


def shared(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not there: the shared data lie beside the checkout, not in it")
    return SHARED / name


def counts(read_corpus: Corpus) -> dict:
    return dict(collections.Counter(read_corpus.labels))


@pytest.mark.parametrize(("name", "count"), [("round01-yelp", 1200), ("round02-dynabench", 240)])
@pytest.mark.parametrize("part", ["dev", "test"])
def test_dynasent_is_read_by_its_own_names(name: str, count: int, part: str) -> None:
    whole = read(shared(f"dynasent-v1.1/dynasent-v1.1-{name}-{part}.jsonl"))
    assert (whole.text_column, whole.label_column) == ("sentence", "gold_label")
    assert counts(whole) == {"negative": count, "neutral": count, "positive": count}
    assert "label_distribution" in whole.table.column_names
    assert whole.dropped == 0


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("yelp", ("stars", "text"), {"negative": 66, "neutral": 52, "positive": 2855}),
        ("amazon", ("stars", "title", "text"), {"negative": 199, "neutral": 355, "positive": 4494}),
    ],
)
def test_starred_reviews_without_a_header_become_three_classes(name: str, columns: tuple, expected: dict) -> None:
    path = shared(f"{name}_review_full/test.csv")
    assert counts(read(path, Layout(header=False, columns=columns, label_map="stars"))) == expected


def test_sst3_is_read_as_it_is() -> None:
    assert counts(read(shared("sst3/train.csv"))) == {"negative": 3310, "neutral": 1624, "positive": 3610}
