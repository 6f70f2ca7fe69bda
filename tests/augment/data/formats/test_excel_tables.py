"""The first sheet of an Excel workbook is a table like any other."""

from __future__ import annotations

import datetime
import gc
import importlib.util
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment import Candidate, Draw, TextStrategy, upsample_file
from augment.data.corpus import read
from augment.data.formats import excel_tables
from augment.data.formats.excel_tables import LONGEST
from augment.data.layout import Layout
from augment.data.reading import load
from augment.data.table_columns import batches
from augment.data.writing import write_batches
from augment.errors import InputError, OutputError

openpyxl = pytest.importorskip("openpyxl", reason="the extra `excel` is not installed")
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\r\n\t", exclude_characters="\ufffe\uffff"),
    min_size=1,
) | st.sampled_from(["a\r\nb", "\r", "_x000D_", "_x005F_x000D_", "a_x000d_\r_"])


class Control(TextStrategy):
    """Put a control character into a text."""

    name = "control"
    summary = "control"
    speed_only = ("silent",)

    def __init__(self, *, silent: bool = False, sampling_strategy: Any = "auto", random_state: Any = None) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.silent = silent

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate]:
        assert not self.silent, "a row is made"
        return [Candidate(draw.text.replace("sat", "stood\x01")) for draw in draws]


def book(path: Path, *rows: list, sheets: int = 1) -> Path:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for number in range(1, sheets):
        made.create_sheet(f"other {number}")
    made.save(path)
    return path


def write(table: Dataset, path: Path) -> None:
    write_batches(table.features, batches(table), path)


def test_cells_keep_their_type_where_the_column_has_one(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 5, 1)
    path = book(
        tmp_path / "t.xlsx",
        ["text", "label", "n", "x", "mixed", "day", "empty"],
        ["a", True, 1, 1, "007", day, None],
        [None, None, None, None, None, None, None],
        ["b", False, 2, 0.5, 7, None, None],
    )
    assert load(path, Layout()).to_dict() == {
        "text": ["a", "b"],
        "label": [True, False],
        "n": [1, 2],
        "x": [1.0, 0.5],
        "mixed": ["007", "7"],
        "day": [day, None],
        "empty": [None, None],
    }
    assert read(path).counts == {"False": 1, "True": 1}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_comes_back_as_it_was_written(tmp_path: Path, texts: list[str]) -> None:
    write(Dataset.from_dict({"text": texts, "label": ["x"] * len(texts)}), tmp_path / "t.xlsx")
    assert read(tmp_path / "t.xlsx").texts == texts


def test_numbers_and_dates_come_back_to_the_last_digit(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 5, 1, 12, 3, 4, 567000)
    columns = {"n": [2**53 + 1, None], "id": [1234567890123456789, -1], "x": [0.1 + 0.2, 1e300], "day": [day, None]}
    write(Dataset.from_dict({"text": ["a", "b"], **columns}), tmp_path / "t.xlsx")
    assert load(tmp_path / "t.xlsx", Layout()).to_dict() == {"text": ["a", "b"], **columns}
    cell = openpyxl.load_workbook(tmp_path / "t.xlsx").active["E2"]
    assert (cell.is_date, cell.value) == (True, day)


def test_what_changes_on_the_way_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = book(tmp_path / "t.xlsx", ["text", "mixed", "time"], ["a", "007", datetime.time(9)], ["b", 7, None])
    old = datetime.datetime(1850, 1, 1)
    table = Dataset.from_dict({"x": [float("nan"), float("-inf"), 1.5], "day": [old] * 3})
    with caplog.at_level(logging.INFO, "augment"):
        load(path, Layout())
        write(table, tmp_path / "new.xlsx")
    assert [message.removeprefix(f"{path}: ") for message in caplog.messages] == [
        "the cells of columns 'mixed', 'time' are not all text, all numbers, all dates or all yes and no; they are read"
        " as text.",
        "Excel has neither NaN nor infinite numbers: 2 are empty cells.",
        "Excel has no cells for dates before March 1900, with a time zone or of less than a millisecond, nor for times"
        " alone: 3 are text.",
    ]
    assert load(tmp_path / "new.xlsx", Layout()).to_dict() == {
        "x": [None, None, 1.5],
        "day": [str(old)] * 3,
    }


def test_a_text_that_looks_like_a_formula_is_a_text(tmp_path: Path) -> None:
    write(Dataset.from_dict({"text": ["=1+1", "+2"], "label": ["x", "y"]}), tmp_path / "t.xlsx")
    cell = openpyxl.load_workbook(tmp_path / "t.xlsx").active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.xlsx", "two.xlsx"):
        write(Dataset.from_dict({"text": ["a"], "label": ["x"]}), tmp_path / name)
        openpyxl.load_workbook(tmp_path / name)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


@pytest.mark.parametrize("text", ["a" * (LONGEST + 1), "a\x00b", "a\x0bb"])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_what_a_cell_cannot_hold_is_refused_by_row(tmp_path: Path, text: str) -> None:
    with pytest.raises(OutputError, match=r"t\.xlsx, row 1: holds .* in one cell, which xlsx cannot; write \.jsonl"):
        write(Dataset.from_dict({"text": ["a", text]}), tmp_path / "t.xlsx")
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_what_a_sheet_cannot_hold_is_refused_before_any_row_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"text": ["a.", "b.", "c.", "d\x01."], "label": ["x", "x", "x", "y"]}
    write(Dataset.from_dict(rows), tmp_path / "t.jsonl")
    silent = Control(silent=True)
    with pytest.raises(OutputError, match="row 3: holds a control character in one cell"):
        upsample_file(tmp_path / "t.jsonl", tmp_path / "out.xlsx", strategy=silent)
    monkeypatch.setattr(excel_tables, "MOST_ROWS", 6)
    with pytest.raises(OutputError, match=r"out\.xlsx: would have 6 rows, and a sheet of xlsx holds 5; write \.csv"):
        upsample_file(tmp_path / "t.jsonl", tmp_path / "out.xlsx", strategy=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]


def test_new_rows_that_a_sheet_cannot_hold_go_on_in_another_format(tmp_path: Path) -> None:
    write(
        Dataset.from_dict(
            {"text": ["We met at the gate.", "They ran home.", "We sat by the old door."], "label": ["x", "x", "y"]}
        ),
        tmp_path / "t.jsonl",
    )
    settings_ = {"guards": ["none"], "seed": 1}
    with pytest.raises(OutputError, match=r"row 3: holds a control .* renamed first, e\.g\. to out\.jsonl\.journal\.$"):
        upsample_file(tmp_path / "t.jsonl", tmp_path / "out.xlsx", strategy=Control(), **settings_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.xlsx.journal", "t.jsonl"]
    (tmp_path / "out.xlsx.journal").rename(tmp_path / "out.jsonl.journal")
    upsample_file(tmp_path / "t.jsonl", tmp_path / "out.jsonl", strategy=Control(silent=True), resume=True, **settings_)
    assert read(tmp_path / "out.jsonl").texts[3] == "We stood\x01 by the old door."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.manifest.json", "t.jsonl"]


def test_broken_and_empty_workbooks_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="is not a readable Excel workbook"):
        load(tmp_path / "t.xlsx", Layout())
    for rows in ([], [["text", "label"]]):
        with pytest.raises(InputError, match="has no rows; expected a first row with the names"):
            load(book(tmp_path / "t.xlsx", *rows), Layout())
    with pytest.raises(InputError, match="column 2 has no name in the first row"):
        load(book(tmp_path / "t.xlsx", ["text", None, "label"], ["a", "b", "x"]), Layout())
    with pytest.raises(InputError, match="the column name 'text' stands twice"):
        load(book(tmp_path / "t.xlsx", ["text", "text"], ["a", "b"]), Layout())


def test_other_sheets_are_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "augment"):
        load(book(tmp_path / "t.xlsx", ["text", "label"], ["a", "x"], sheets=3), Layout())
    assert [message.partition(": ")[2] for message in caplog.messages] == ["the sheet 'Sheet' is read, the first of 3."]


def test_a_missing_library_is_named_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = book(tmp_path / "t.xlsx", ["text", "label"], ["a", "x"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for source, output in ((path, "out.csv"), ("sample", "out.xlsx")):
        with pytest.raises(InputError, match=r"Excel files need openpyxl\. Install it: pip install 'counterpoise\[exc"):
            upsample_file(source, tmp_path / output, strategy="random")


def test_a_workbook_is_upsampled(tmp_path: Path) -> None:
    rows = [[f"text number {i}", "rare" if i < 2 else "often"] for i in range(6)]
    path = book(tmp_path / "t.xlsx", ["Text", "Label"], *rows)
    upsample_file(path, tmp_path / "out.xlsx", strategy="random", report=None)
    again = read(tmp_path / "out.xlsx")
    assert again.counts == {"often": 4, "rare": 4}
    assert again.is_synthetic.tolist() == [False] * 6 + [True] * 2
    assert json.loads((tmp_path / "out.xlsx.manifest.json").read_text())["output"] is None
