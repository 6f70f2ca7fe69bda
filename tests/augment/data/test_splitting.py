"""Splitting a table: shares in each class, equal texts on one side, the same split each time, and refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from augment_command import invoke
from hypothesis import given
from hypothesis import strategies as st

from augment.data import read, split_file, split_rows
from augment.errors import InputError, OutputError


def sentences(label: str, count: int, start: int = 0) -> list[tuple[str, str]]:
    return [(f"Sentence number {i} about {label}.", label) for i in range(start, start + count)]


def write_csv(path: Path, rows, names=("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])
    return path


def contents(folder: Path) -> dict[str, list[list[str]]]:
    return {file.name: list(csv.reader(file.open(encoding="utf-8", newline=""))) for file in sorted(folder.iterdir())}


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), min_size=60, max_size=120), st.integers(0, 5))
def test_every_row_is_in_one_part_and_equal_texts_are_in_the_same(rows, seed):
    texts = [f"Text {number}{label}." for number, label in rows] + [f"More {i}" for i in range(20)]
    labels = [label for _, label in rows] + ["a", "b"] * 10
    parts = split_rows(texts, labels, "the data", seed=seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(texts)))
    of = {int(row): part for part, chosen in parts.items() for row in chosen}
    for i, text in enumerate(texts):
        assert of[i] == of[texts.index(text)]


def test_texts_that_differ_in_case_and_punctuation_alone_stay_together():
    texts = [f"Row {i}." for i in range(30)] + [f"ROW {i}" for i in range(30)]
    parts = split_rows(texts, ["a"] * 15 + ["b"] * 15 + ["a"] * 15 + ["b"] * 15, "the data")
    for rows in parts.values():
        assert {int(i) % 30 for i in rows if i < 30} == {int(i) % 30 for i in rows if i >= 30}


@pytest.mark.parametrize(("count", "sizes"), [(3, [1, 1, 1]), (5, [3, 1, 1]), (10, [7, 1, 2]), (100, [70, 15, 15])])
def test_a_small_class_has_a_row_in_every_part(count, sizes):
    parts = split_rows([f"Row {i}" for i in range(2 * count)], ["a", "b"] * count, "the data")
    assert [len(rows) for rows in parts.values()] == [2 * size for size in sizes]


def test_all_classes_that_are_too_small_are_named():
    rows = sentences("much", 9) + sentences("few", 2) + sentences("one", 1)
    with pytest.raises(InputError, match=r"needs 3 different texts to be split, and 'few' has 2, 'one' has 1\."):
        split_rows(*zip(*rows, strict=True), "the data")


def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    texts, labels = zip(*(sentences("a", 50) + sentences("b", 50)), strict=True)
    first, again, other = (split_rows(texts, labels, "the data", seed=seed)["train"].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_the_files_hold_the_rows_as_they_were_with_all_columns(tmp_path):
    rows = [(text, label, f"{i:03}") for i, (text, label) in enumerate(sentences("a", 20) + sentences("b, c", 20))]
    source = write_csv(tmp_path / "reviews.csv", rows, ("text", "label", "id"))
    result = split_file(source, tmp_path / "parts")
    files = contents(tmp_path / "parts")
    assert list(files) == ["dev.csv", "test.csv", "train.csv"]
    assert all(file[0] == ["text", "label", "id"] for file in files.values())
    assert sorted(tuple(row) for file in files.values() for row in file[1:]) == sorted(rows)
    for file in files.values():
        assert file[1:] == sorted(file[1:], key=lambda row: row[2])
    assert result.counts["train"] == {"a": 14, "b, c": 14}
    assert sum(sum(counts.values()) for counts in result.counts.values()) == 40


def test_rows_without_a_text_are_left_out_and_counted(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", [*sentences("a", 10), ("", "a"), ("  ", "b"), *sentences("b", 10)])
    assert split_file(source, tmp_path / "parts").without_text == 2
    done = invoke(f"split {source} -o {tmp_path / 'again'}")
    assert "reviews.csv: 2 of 22 rows have no text. They are left out." in done.stdout


def test_two_parts_can_be_made(tmp_path):
    done = invoke(f"split sample -o {tmp_path / 'parts'} --shares .8,.2 --seed 3")
    assert done.exit_code == 0, done.stderr
    assert sorted(contents(tmp_path / "parts")) == ["dev.csv", "train.csv"]
    assert read(tmp_path / "parts" / "train.csv").counts == {"negative": 96, "neutral": 36, "positive": 108}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (".7,.2", "must be two or three numbers that add up to 1"),
        ("1", "must be two or three numbers that add up to 1"),
        ("1,0", "must be two or three numbers that add up to 1"),
        (".5,.6,-.1", "must be two or three numbers that add up to 1"),
        (".25,.25,.25,.25", "must be two or three numbers that add up to 1"),
        ("a,b", "expected numbers, such as .7,.15,.15"),
    ],
)
def test_shares_that_cannot_be_used_are_refused(tmp_path, shares, message):
    done = invoke(f"split sample -o {tmp_path / 'parts'} --shares {shares}")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "parts").exists()


def test_a_folder_is_replaced_only_if_it_is_asked_for_and_holds_a_split(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", sentences("a", 10) + sentences("b", 10))
    split_file(source, tmp_path / "parts")
    with pytest.raises(OutputError, match="exists already"):
        split_file(source, tmp_path / "parts")
    split_file(source, tmp_path / "parts", shares=(0.5, 0.5), overwrite=True)
    assert sorted(contents(tmp_path / "parts")) == ["dev.csv", "train.csv"]
    (tmp_path / "parts" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not the folder of a split"):
        split_file(source, tmp_path / "parts", overwrite=True)
    assert (tmp_path / "parts" / "notes.txt").read_text() == "mine"


def test_synthetic_rows_are_refused(tmp_path):
    assert invoke(f"upsample sample --strategy random -o {tmp_path / 'balanced.csv'}").exit_code == 0
    with pytest.raises(InputError, match="105 rows are synthetic"):
        split_file(tmp_path / "balanced.csv", tmp_path / "parts")
    assert not (tmp_path / "parts").exists()


def test_formulas_are_made_harmless_on_request(tmp_path):
    source = write_csv(tmp_path / "in.csv", [(f"=SUM({n};{n})", "ab"[n % 2]) for n in range(20)])
    split_file(source, tmp_path / "parts", csv_safe=True)
    texts = read(tmp_path / "parts" / "train.csv").texts
    assert texts
    assert all(text.startswith("'=SUM(") for text in texts)
