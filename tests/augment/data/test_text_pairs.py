"""Rows that are pairs of texts: recognised, asked about, and never half lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from augment_command import augment, cells, invoke, refused, table
from datasets import Dataset
from swapped_words import LABELS, TEXTS, Swap

from augment import upsample, upsample_file
from augment.data.text_pairs import pair_of
from augment.errors import InputError

ROWS = [
    {"premise": text, "hypothesis": f"Somebody says it in room {i}.", "label": label}
    for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
]
NEGATIVE = "--sampling-strategy negative=7 --strategy nlpaug:keyboard"


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table("pairs.csv", ROWS)
    return tmp_path


def made(name: str) -> list[dict[str, Any]]:
    return [row for row in cells(name) if row["is_synthetic"] == "true"]


@pytest.mark.parametrize(
    "names",
    [
        ("premise", "hypothesis"),
        ("sentence1", "sentence2"),
        ("Sentence_1", "Sentence_2"),
        ("text_a", "text_b"),
        ("TEXT A", "TEXT B"),
        ("question", "context"),
        ("question1", "question2"),
        ("sent-1", "sent-2"),
    ],
)
def test_the_names_of_public_data_sets_are_recognised_in_any_order(names):
    first, second = names
    assert pair_of(Dataset.from_dict({first: ["a"], second: ["b"], "label": [1]})) == names
    assert pair_of(Dataset.from_dict({second: ["a"], "label": [1], first: ["b"]})) == names


@pytest.mark.parametrize(
    "columns",
    [
        {"text": ["a"], "label": ["b"]},
        {"title": ["a"], "text": ["b"], "label": ["c"]},
        {"premise": ["a"], "label": ["b"]},
        {"text1": ["a"], "text2": [3], "label": ["b"]},
        {"sentence1": ["a"], "text2": ["b"], "label": ["c"]},
        {"question": ["a"], "label": ["b"], "id": ["c"]},
    ],
)
def test_other_columns_are_no_pair(columns):
    assert pair_of(Dataset.from_dict(columns)) is None


def test_without_a_choice_of_the_text_every_command_asks(pairs):
    for command in ("upsample pairs.csv -o out.csv --strategy random", "inspect pairs.csv"):
        line = refused(
            command,
            "pairs.csv: each row is a pair of texts, 'premise' and 'hypothesis'; say which one is read: --text-column"
            " premise, or --text-column hypothesis. Upsampling can copy the other one into new rows.",
        )
        assert "`" not in line, "no name of Python is left"


def test_without_a_choice_of_the_other_text_upsample_asks(pairs):
    refused(
        "upsample pairs.csv -o out.csv --strategy random --text-column premise",
        "new rows of 'premise' would lack 'hypothesis'. Give --keep-columns hypothesis to copy it,"
        " --keep-columns none to leave it empty, or --text-column hypothesis and --keep-columns premise",
    )


def test_the_other_text_is_copied_and_this_one_is_changed(pairs):
    for text, other in (("premise", "hypothesis"), ("hypothesis", "premise")):
        augment(f"upsample pairs.csv -o {text}.csv --text-column {text} --keep-columns {other} {NEGATIVE}")
        assert len(made(f"{text}.csv")) == 5
        for row in made(f"{text}.csv"):
            source = ROWS[int(row["source_row"])]
            assert row[other] == source[other]
            assert row[text] != source[text]
        again = f"upsample --config {text}.csv.manifest.json -o {text}-again.csv"
        assert invoke(again).exit_code == 0
        assert Path(f"{text}-again.csv").read_bytes() == Path(f"{text}.csv").read_bytes()


def test_the_other_text_may_be_left_empty_by_choice(pairs):
    augment(f"upsample pairs.csv -o out.csv --text-column premise --keep-columns none {NEGATIVE}")
    assert {row["hypothesis"] for row in made("out.csv")} == {""}


def test_both_texts_at_once_are_refused_with_the_way(pairs):
    refused(
        "upsample pairs.csv -o out.csv --strategy random --text-column premise,hypothesis",
        "a run reads one of them: --text-column premise, or --text-column hypothesis.",
        "To upsample whole pairs, name both columns, and say which is edited: see docs/files.md.",
    )


def test_a_text_column_of_a_known_name_that_is_half_of_a_pair_is_asked_about(pairs):
    table("qnli.csv", [{"question": "Where?", "sentence": row["premise"], "label": row["label"]} for row in ROWS])
    refused("upsample qnli.csv -o out.csv --strategy random", "new rows of 'sentence' would lack 'question'")
    assert augment("inspect qnli.csv").exit_code == 0


def test_a_held_out_file_of_pairs_is_read_in_the_same_column(pairs):
    table("test.csv", [{"premise": "Never seen before.", "hypothesis": "Here.", "label": "negative"}])
    augment(f"upsample pairs.csv -o out.csv --text-column premise --keep-columns all --against test.csv {NEGATIVE}")
    assert json.loads(Path("out.csv.manifest.json").read_text())["against"][0]["rows"] == 1


def test_python_asks_and_copies_too(pairs):
    frame = pd.DataFrame(ROWS)
    for data in (frame, Dataset.from_pandas(frame)):
        with pytest.raises(InputError, match=r"would lack 'hypothesis'.*keep_columns=\['hypothesis'\]"):
            upsample(data, strategy=Swap(), text_column="premise")
        result, _ = upsample(data, strategy=Swap(), text_column="premise", keep_columns=["hypothesis"])
        assert all(value for value in result["hypothesis"])
    with pytest.raises(InputError, match="would lack 'premise'"):
        upsample_file("pairs.csv", "out.csv", strategy=Swap(), layout=layout("hypothesis"))


def layout(text_column: str) -> Any:
    from augment.data import Layout

    return Layout(text_column=text_column)
