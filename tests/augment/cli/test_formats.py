"""`augment upsample` reads and writes every format and layout with its types."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from augment_command import PROVENANCE, ROWS, ROWS_WITHOUT_ID, augment, cells, counts, lines, manifest, refused, table

# Layouts and formats

pytestmark = pytest.mark.usefixtures("place")


def test_stars_without_a_header_become_three_classes():
    stars = [5, 4, 3, 1, 5, 3, 2, 5, 4]
    lines("yelp.csv", *(f'"{n}","Title, {i}","It said ""{n} stars"" on line {i}."' for i, n in enumerate(stars)))
    augment("upsample yelp.csv -o out.csv --no-header --columns stars,title,text --label-map stars")
    rows = cells("out.csv")
    assert list(rows[0]) == ["stars", "title", "text", *PROVENANCE]
    names = {1: "negative", 2: "negative", 3: "neutral", 4: "positive", 5: "positive"}
    assert [row["stars"] for row in rows[:9]] == [names[n] for n in stars]
    assert rows[0]["title"] == "Title, 0"
    assert rows[0]["text"] == 'It said "5 stars" on line 0.'
    assert Counter(row["stars"] for row in rows) == {"negative": 5, "neutral": 5, "positive": 5}
    assert {row["title"] for row in rows[9:]} == {""}
    for row in rows[9:]:
        assert row["stars"] == names[stars[int(row["source_row"])]]


def test_columns_are_found_by_the_names_that_are_given():
    renamed = [{"body": row["text"], "text": "other", "class": row["label"]} for row in ROWS]
    table("named.csv", renamed)
    augment("upsample named.csv -o out.csv --text-column body --label-column class")
    rows = cells("out.csv")
    assert Counter(row["class"] for row in rows) == {"neutral": 9, "positive": 9}
    assert {row["text"] for row in rows[:13]} == {"other"}
    assert {row["text"] for row in rows[13:]} == {""}
    assert all("zu" in row["body"] for row in rows[13:])


INTEGERS = [{"text": row["text"], "label": 3 * (row["label"] == "neutral")} for row in ROWS]


@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out"])
@pytest.mark.parametrize("kind", [str, int])
def test_an_output_is_read_back_with_its_types(output, kind):
    rows = ROWS_WITHOUT_ID if kind is str else INTEGERS
    lines("in.jsonl", *(json.dumps(row, ensure_ascii=False) for row in rows))
    augment(f"upsample in.jsonl -o {output}")
    got = typed(output)
    if output.endswith(("csv", "tsv")):  # whose cells are texts, and whose null is the empty cell
        assert [(row["text"], row["label"]) for row in got[:13]] == [(row["text"], str(row["label"])) for row in rows]
        assert [row["is_synthetic"] for row in got] == ["false"] * 13 + ["true"] * 5
        assert {row["source_row"] for row in got[:13]} == {""}
        assert {int(row["source_row"]) for row in got[13:]} <= {0, 1, 11, 12}
        return
    assert [{"text": row["text"], "label": row["label"]} for row in got[:13]] == rows
    assert {type(row["label"]) for row in got} == {kind}
    for row in got[:13]:
        assert [row[name] for name in PROVENANCE] == [False, None, None, None]
    for row in got[13:]:
        assert row["is_synthetic"] is True
        assert row["source_row"] in (0, 1, 11, 12)
        assert (row["strategy"], row["variant"] in (0, 1)) == ("swap", True)
        assert row["label"] == rows[row["source_row"]]["label"]


def typed(output: str) -> list[dict[str, Any]]:
    """Read an output by the library that its format belongs to."""
    match Path(output).suffix:
        case ".csv":
            return cells(output)
        case ".tsv":
            return cells(output, delimiter="\t")
        case ".jsonl":
            return [json.loads(line) for line in Path(output).read_text(encoding="utf-8").splitlines()]
        case ".parquet":
            read = pq.read_table(output)
            assert [read.schema.field(name).type for name in PROVENANCE] == [
                pa.bool_(),
                pa.int64(),
                pa.string(),
                pa.int64(),
            ]
            return read.to_pylist()
        case _:
            return datasets.load_from_disk(output).to_list()


def test_a_class_label_stays_one():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["positive", "unused", "neutral"])}
    )
    values = {"text": [row["text"] for row in ROWS], "label": [2 * (row["label"] == "neutral") for row in ROWS]}
    datasets.DatasetDict({"small": datasets.Dataset.from_dict(values, features=features)}).save_to_disk("saved")
    augment("upsample saved -o out.parquet --split small --sampling-strategy neutral=6")
    read = datasets.Dataset(pq.read_table("out.parquet"))
    assert read.features["label"] == features["label"]
    assert Counter(read["label"][:]) == {0: 9, 2: 6}
    assert manifest("out.parquet")["counts_after"] == {"neutral": 6, "positive": 9}
    augment("upsample saved -o out.csv --split small")
    assert counts(cells("out.csv")) == {"neutral": 9, "positive": 9}
    refused("upsample saved -o more.csv --split smal", "saved", "'smal'", "Did you mean 'small'?")


def test_integer_labels_are_named_by_their_digits():
    lines("in.jsonl", *(json.dumps(row) for row in INTEGERS))
    augment("upsample in.jsonl -o out.jsonl --sampling-strategy 3=5")
    assert Counter(row["label"] for row in typed("out.jsonl")) == {3: 5, 0: 9}
    refused("upsample in.jsonl -o more.jsonl --sampling-strategy 4=5", "'4'", "'0', '3'")


# Bad input


@pytest.mark.parametrize("column", ["label", "text"])
def test_columns_of_string_views_are_read(column):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.Table.from_pylist(ROWS)
    place = rows.schema.get_field_index(column)
    pq.write_table(rows.set_column(place, column, rows.column(place).cast(pa.string_view())), "in.parquet")
    augment("upsample in.parquet -o out.csv --drop-unlabelled")
    augment("upsample in.csv -o expected.csv")
    assert cells("out.csv") == cells("expected.csv")
