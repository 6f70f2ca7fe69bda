"""Columns besides text and label: new rows copy them from their source row where asked, and else say which are empty."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from augment_command import augment, cells, invoke, manifest, refused, table
from datasets import Dataset
from swapped_words import LABELS, TEXTS, Swap

from augment.data.corpus import from_table
from augment.data.layout import Layout
from augment.data.table_columns import BATCH
from augment.errors import InputError
from augment.generation.loop import Row
from augment.run.text_table import extended_batches
from augment.upsampling import upsample, upsample_file

WIDE = [
    {"id": f"{i:02}", "text": text, "label": label, "lang": "de" if i % 2 else "en", "shop": f"s{i % 3}"}
    for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
]
NESTED = {
    "text": TEXTS,
    "label": LABELS,
    "tags": [[f"t{i}", "x"] for i in range(12)],
    "place": [{"city": f"c{i}", "zip": i} for i in range(12)],
    "kind": [i % 2 for i in range(12)],
    "when": pd.date_range("2024-01-01", periods=12).to_list(),
    "score": [i / 4 for i in range(12)],
}


def nested() -> Dataset:
    return Dataset.from_dict(NESTED).cast_column("kind", datasets.ClassLabel(names=["old", "new"]))


def made(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["is_synthetic"] in (True, "true", "True")]


# The command


@pytest.fixture
def wide(place: Path) -> Path:
    table("wide.csv", WIDE)
    return place


def test_the_columns_that_stay_empty_are_named_before_the_rows_are_made(wide):
    result = augment("upsample wide.csv -o out.csv")
    first, *_ = result.stderr.splitlines()
    assert first.startswith("New rows leave the columns 'id', 'lang', 'shop' empty. --keep-columns all")
    assert {(row["id"], row["lang"], row["shop"]) for row in made(cells("out.csv"))} == {("", "", "")}
    assert manifest("out.csv")["keep_columns"] is None
    assert manifest("out.csv")["empty_columns"] == ["id", "lang", "shop"]


def test_the_plan_of_a_dry_run_names_them(wide):
    assert "New rows leave the columns 'id', 'lang', 'shop' empty." in augment("upsample wide.csv --dry-run").stdout
    assert "empty" not in augment("upsample wide.csv --dry-run --keep-columns all").output
    assert augment("upsample wide.csv --dry-run -q").output == ""


@pytest.mark.parametrize(
    ("option", "kept"), [("all", ["id", "lang", "shop"]), ("shop,lang", ["lang", "shop"]), ("none", [])]
)
def test_what_was_chosen_is_copied_from_the_source_row_and_not_mentioned(wide, option, kept):
    result = augment(f"upsample wide.csv -o out.csv --keep-columns {option}")
    assert "New rows leave" not in result.output
    new = made(cells("out.csv"))
    assert len(new) == 9
    for row in new:
        source = WIDE[int(row["source_row"])]
        assert row["text"] != source["text"]
        for name in ("id", "lang", "shop"):
            assert row[name] == (source[name] if name in kept else "")
    assert manifest("out.csv")["empty_columns"] == [name for name in ("id", "lang", "shop") if name not in kept]


def test_the_choice_does_not_change_the_texts(wide):
    augment("upsample wide.csv -o empty.csv")
    augment("upsample wide.csv -o kept.csv --keep-columns all")
    assert [row["text"] for row in cells("empty.csv")] == [row["text"] for row in cells("kept.csv")]


def test_a_manifest_repeats_the_choice_and_an_option_overrides_it(wide):
    augment("upsample wide.csv -o first.csv --keep-columns lang")
    assert augment("upsample --config first.csv.manifest.json -o again.csv").stderr.count("New rows leave") == 0
    assert Path("again.csv").read_bytes() == Path("first.csv").read_bytes()
    augment("upsample --config first.csv.manifest.json -o other.csv --keep-columns id")
    assert manifest("other.csv")["keep_columns"] == ["id"]
    assert all(row["id"] and not row["lang"] for row in made(cells("other.csv")))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ""])
def test_columns_are_copied_in_every_format(wide, suffix):
    augment(f"upsample wide.csv -o out{suffix} --keep-columns all")
    rows = from_disk(f"out{suffix}")
    assert {(row["id"], row["shop"]) for row in made(rows)} <= {(row["id"], row["shop"]) for row in WIDE}


def from_disk(name: str) -> list[dict[str, Any]]:
    from augment.data.reading import load

    return load(name, Layout()).to_list()


def test_workers_make_the_same_bytes(wide, site):
    augment("upsample wide.csv -o one.csv --keep-columns all")
    augment("upsample wide.csv -o two.csv --keep-columns all --workers 2 --strategy random --overwrite")
    augment("upsample wide.csv -o three.csv --keep-columns all --strategy random")
    assert Path("two.csv").read_bytes() == Path("three.csv").read_bytes()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("sop", "wide.csv: has no column 'sop' to keep; the other columns are 'id', 'lang', 'shop'."),
        ("sop", "Did you mean 'shop'?"),
        ("text", "the run writes the column 'text' itself"),
        ("label", "the run writes the column 'label' itself"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(wide, names, says):
    refused(f"upsample wide.csv -o out.csv --keep-columns {names}", says)


def test_a_table_of_text_and_label_alone_has_nothing_to_name(place):
    table("narrow.csv", [{"text": row["text"], "label": row["label"]} for row in WIDE])
    assert "New rows leave" not in augment("upsample narrow.csv -o out.csv").output
    assert manifest("out.csv")["empty_columns"] == []


def test_a_balanced_table_gets_no_new_row_and_so_no_empty_column(place):
    table("even.csv", [row for row in WIDE if row["label"] == "neutral"] * 2)
    table("even.csv", [{**row, "label": "ab"[i % 2]} for i, row in enumerate(cells("even.csv"))])
    assert "New rows leave" not in augment("upsample even.csv --dry-run").output


def test_a_second_run_copies_columns_beside_rows_of_the_first(wide):
    augment("upsample wide.csv -o first.csv --keep-columns all --sampling-strategy negative=3")
    augment("upsample first.csv -o second.csv --keep-columns all --sampling-strategy negative=5")
    rows = made(cells("second.csv"))
    assert len(rows) == 3
    assert all(row["id"] == WIDE[int(row["source_row"])]["id"] for row in rows)


# Python


def test_a_table_of_lists_structs_dates_and_class_names_keeps_its_values():
    result, record = upsample(nested(), strategy=Swap(), keep_columns="all")
    assert result.features["kind"].names == ["old", "new"]
    for row in made(result.to_list()):
        for name in ("tags", "place", "kind", "when", "score"):
            assert row[name] == nested()[row["source_row"]][name]
    assert (record.keep_columns, record.empty_columns) == ("all", [])


def test_a_table_of_lists_structs_dates_and_class_names_leaves_them_empty_without_a_word_if_that_was_asked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, record = upsample(nested(), strategy=Swap(), keep_columns=[])
    assert all(row["tags"] is None and row["place"] is None and row["kind"] is None for row in made(result.to_list()))
    assert (record.keep_columns, record.empty_columns) == ([], ["tags", "place", "kind", "when", "score"])


def test_a_frame_keeps_values_and_types():
    frame = pd.DataFrame({**NESTED, "code": range(12), "group": pd.Categorical(list("abcabcabcabc"))}).iloc[::-1]
    result, _ = upsample(frame, strategy=Swap(), keep_columns=["code", "group", "when", "place"])
    assert (result.code.dtype, result.group.dtype) == (frame.code.dtype, frame.group.dtype)
    new = result[result.is_synthetic]
    assert new.code.tolist() == frame.code.iloc[new.source_row.astype(int)].tolist()
    assert new.group.tolist() == frame.group.iloc[new.source_row.astype(int)].tolist()
    assert new.place.tolist() == frame.place.iloc[new.source_row.astype(int)].tolist()
    assert new.score.isna().all()
    alone, _ = upsample(frame, strategy=Swap(), keep_columns=["code"], only_synthetic=True)
    assert alone.code.tolist() == new.code.tolist()


def test_python_warns_of_empty_columns_once_and_names_its_argument():
    with pytest.warns(UserWarning, match=r"leave the columns 'id', 'lang', 'shop' empty\. `keep_columns='all'`") as told:
        upsample(Dataset.from_list(WIDE), strategy=Swap())
    assert len(told) == 1
    assert told[0].filename == __file__


def test_the_function_for_files_warns_copies_and_repeats(wide):
    with pytest.warns(UserWarning, match=r"leave the columns 'id', 'lang', 'shop' empty") as told:
        upsample_file("wide.csv", "a.csv", strategy=Swap())
    assert told[0].filename == __file__
    upsample_file("wide.csv", "b.csv", strategy=Swap(), keep_columns=["id"])
    assert json.loads(Path("b.csv.manifest.json").read_text())["keep_columns"] == ["id"]
    assert all(row["id"] for row in made(cells("b.csv")))


@pytest.mark.parametrize("value", ["id", 3, ["id", 3], {"id": 1}])
def test_another_kind_of_value_is_refused(value, tmp_path):
    with pytest.raises(InputError, match=r"`keep_columns` must be 'all' or a list of names"):
        upsample(Dataset.from_list(WIDE), strategy=Swap(), keep_columns=value)
    with pytest.raises(InputError, match=r"`keep_columns` must be 'all' or a list of names"):
        upsample_file("sample", tmp_path / "out.csv", strategy="random", keep_columns=value)


def test_a_pair_of_lists_has_no_columns_to_keep():
    with pytest.raises(InputError, match="`keep_columns` is for tables"):
        upsample((TEXTS, LABELS), strategy=Swap(), keep_columns="all")


def test_columns_that_may_not_be_null_are_left_empty_and_kept(tmp_path):
    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("text", "label", "id")])
    columns = {"text": TEXTS, "label": LABELS, "id": [row["id"] for row in WIDE]}
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "in.parquet")
    for keep, expected in (([], {None}), ("all", {row["id"] for row in WIDE})):
        upsample_file(tmp_path / "in.parquet", tmp_path / "out.parquet", strategy=Swap(), keep_columns=keep, overwrite=True)
        rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
        assert {row["id"] for row in made(rows)} <= expected


# Vectors


def test_a_vector_strategy_copies_nothing_and_says_so(wide):
    assert "A new vector has several parents" in invoke("upsample wide.csv --dry-run --strategy smote").stdout
    refused("upsample wide.csv -o out.parquet --strategy smote --keep-columns id", "lies between two rows")
    assert "New rows" not in invoke("upsample wide.csv --dry-run --strategy smote --keep-columns none").stdout


# Big tables


def test_rows_are_taken_from_any_part_of_a_big_table_and_more_than_once():
    count = 2 * BATCH + 5
    corpus = from_table(
        Dataset.from_dict({"text": ["t"] * count, "label": ["a", *["b"] * (count - 1)], "id": list(range(count))}), "t"
    )
    sources = [count - 1, 3, 3, BATCH, *range(BATCH + 7)]
    rows = [Row("new", "b", source, 0) for source in sources]
    _, parts = extended_batches(corpus, rows, "swap", only_synthetic=True, kept=["id"])
    assert [value for part in parts for value in part.column("id").to_pylist()] == sources
