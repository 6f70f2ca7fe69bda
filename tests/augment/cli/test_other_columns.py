"""`augment upsample --keep-columns`: columns that new rows copy, and those that are named since they stay empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from augment_command import augment, cells, invoke, manifest, refused, table
from swapped_words import LABELS, TEXTS

from augment.data.layout import Layout

WIDE = [
    {"id": f"{i:02}", "text": text, "label": label, "lang": "de" if i % 2 else "en", "shop": f"s{i % 3}"}
    for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
]


def made(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["is_synthetic"] in (True, "true", "True")]


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
    augment("upsample wide.csv -o one.csv --keep-columns all --strategy random")
    augment("upsample wide.csv -o two.csv --keep-columns all --strategy random --workers 2")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


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


def test_a_vector_strategy_copies_nothing_and_says_so(wide):
    plan = "upsample wide.csv --dry-run --strategy smote --param k_neighbors=1"
    assert "A new vector has several parents" in invoke(plan).stdout
    refused("upsample wide.csv -o out.parquet --strategy smote --keep-columns id", "lies between two rows")
    assert "New rows" not in invoke(f"{plan} --keep-columns none").stdout
