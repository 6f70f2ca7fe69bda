"""Columns besides text and label, from Python: copied where asked, and else named in a warning."""

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
from augment_command import cells, invoke, table
from datasets import Dataset
from swapped_words import LABELS, TEXTS, Swap

from augment.data.corpus import from_table
from augment.data.layout import Layout
from augment.data.table_columns import BATCH
from augment.errors import InputError
from augment.generation.loop import Row
from augment.run.text_table import extended_batches
from augment.text.nlpaug_edits import KeyboardEdit
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
    with pytest.warns(
        UserWarning, match=r"leave the columns 'id', 'lang', 'shop' empty\. `keep_columns='all'`"
    ) as told:
        upsample(Dataset.from_list(WIDE), strategy=Swap())
    assert len(told) == 1
    assert told[0].filename == __file__


def test_the_function_for_files_warns_and_copies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table("wide.csv", WIDE)
    with pytest.warns(UserWarning, match=r"leave the columns 'id', 'lang', 'shop' empty") as told:
        upsample_file("wide.csv", "a.csv", strategy=Swap())
    assert told[0].filename == __file__
    upsample_file("wide.csv", "b.csv", strategy=Swap(), keep_columns=["id"])
    assert json.loads(Path("b.csv.manifest.json").read_text())["keep_columns"] == ["id"]
    assert all(row["id"] for row in made(cells("b.csv")))


def test_python_warns_of_what_the_command_notes(tmp_path, monkeypatch):
    """Of empty texts, of a class of one row, and of rows that are left out, in the same words."""
    monkeypatch.chdir(tmp_path)
    rows = [*({"text": text, "label": "often"} for text in TEXTS[:4]), {"text": " ", "label": "often"}]
    table("few.csv", [*rows, {"text": "One text.", "label": "rare"}, {"text": "What?", "label": ""}])
    line = "upsample few.csv --drop-unlabelled --strategy nlpaug:keyboard --guard none --dry-run"
    noted = [line for line in invoke(line).stdout.splitlines() if line.startswith(("few.csv", "Classes"))]
    left_out, empty, single = noted
    assert left_out == "few.csv: 1 of 7 rows is left out: 1 without a usable label."
    assert empty == "few.csv: 1 of 6 rows has no text. They are kept, and nothing is made from them."
    assert single.startswith("Classes with a single row: 'rare'.")
    options = {"strategy": KeyboardEdit(), "guards": ["none"]}
    with pytest.warns(UserWarning, match="is left out") as told:
        upsample_file("few.csv", "out.csv", layout=Layout(drop_unlabelled=True), **options)
    words = [str(one.message).replace("`singletons='skip'`", "--singletons skip") for one in told]
    assert words == noted
    pair = ([*TEXTS[:4], "", "One text."], ["often"] * 5 + ["rare"])
    with pytest.warns(UserWarning, match="has no text") as told:
        upsample(pair, **options)
    assert str(told[0].message).replace("the data", "few.csv") == empty
    assert str(told[1].message).startswith("Classes with a single row: 'rare'.")
    with pytest.warns(UserWarning, match="has no text") as told:
        upsample(pair, singletons="skip", **options)
    assert len(told) == 1, "what was asked for is no warning"


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
        upsample_file(
            tmp_path / "in.parquet", tmp_path / "out.parquet", strategy=Swap(), keep_columns=keep, overwrite=True
        )
        rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
        assert {row["id"] for row in made(rows)} <= expected


def test_rows_are_taken_from_any_part_of_a_big_table_and_more_than_once():
    count = 2 * BATCH + 5
    corpus = from_table(
        Dataset.from_dict({"text": ["t"] * count, "label": ["a", *["b"] * (count - 1)], "id": list(range(count))}), "t"
    )
    sources = [count - 1, 3, 3, BATCH, *range(BATCH + 7)]
    rows = [Row("new", "b", source, 0) for source in sources]
    _, parts = extended_batches(corpus, rows, lambda label: "swap", only_synthetic=True, kept=["id"])
    assert [value for part in parts for value in part.column("id").to_pylist()] == sources
