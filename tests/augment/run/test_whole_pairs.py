"""Rows of several texts: one is edited, the others go with it, and whole rows are compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from augment_command import augment, cells, refused, table
from datasets import Dataset, DatasetDict
from swapped_words import LABELS, TEXTS, Swap

from augment import upsample, upsample_file
from augment.data.layout import Layout
from augment.errors import InputError, Interrupted
from augment.review import open_review
from augment.torch import Redrawn

BOTH = ("premise", "hypothesis")
ROWS = [
    {"id": str(i), "premise": text, "hypothesis": f"Somebody says it in room {i}.", "label": label}
    for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
]
COMMAND = "upsample pairs.csv --text-column premise,hypothesis --strategy nlpaug:keyboard"


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table("pairs.csv", ROWS)
    return tmp_path


def new(result: Any) -> list[dict[str, Any]]:
    return [row for row in result.to_dict("records") if row["is_synthetic"]]


@pytest.mark.parametrize("edit", BOTH)
def test_the_named_text_is_edited_and_the_other_goes_with_it(pairs, edit):
    (other,) = {*BOTH} - {edit}
    augment(f"{COMMAND} --edit {edit} -o out.csv --keep-columns id")
    made = [row for row in cells("out.csv") if row["is_synthetic"] == "true"]
    assert len(made) == 4 + 5
    for row in made:
        source = ROWS[int(row["source_row"])]
        assert (row[other], row["label"], row["id"]) == (source[other], source["label"], source["id"])
        assert row[edit] != source[edit]
    record = json.loads(Path("out.csv.manifest.json").read_text())
    assert (record["input"]["text_column"], record["input"]["layout"]["beside"]) == (edit, [other])
    augment("upsample --config out.csv.manifest.json -o again.csv --workers 2 --strategy nlpaug:keyboard")
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


@pytest.mark.parametrize("edit", ["both", "hypothesis,premise"])
def test_both_texts_are_edited_and_the_label_is_kept(pairs, edit):
    table("pairs.csv", [*ROWS, {"id": "empty", "premise": "Alone.", "hypothesis": "", "label": "neutral"}])
    augment(f"{COMMAND} --edit {edit} -o out.csv --keep-columns id --show 2")
    made = [row for row in cells("out.csv") if row["is_synthetic"] == "true"]
    assert len(made) == 3 + 5
    for row in made:
        source = ROWS[int(row["source_row"])]
        assert (row["label"], row["id"]) == (source["label"], source["id"])
        assert row["premise"] != source["premise"]
        assert row["hypothesis"] != source["hypothesis"]
    pairs_made = [(row["premise"], row["hypothesis"]) for row in made]
    assert len({*pairs_made}) == len(made)
    augment(f"{COMMAND} --edit premise -o one.csv --keep-columns id")
    alone = [row["premise"] for row in cells("one.csv") if row["is_synthetic"] == "true"]
    assert alone[:5] == [premise for premise, _ in pairs_made[:5]], "the first text is edited as if it were alone"
    record = json.loads(Path("out.csv.manifest.json").read_text())["input"]
    assert (record["text_column"], record["layout"]["also_edited"]) == ("premise", ["hypothesis"])
    augment("upsample --config out.csv.manifest.json -o again.csv --strategy nlpaug:keyboard")
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


def test_equal_texts_of_a_pair_are_edited_in_different_ways_and_two_of_three_may_be_edited():
    rows = pd.DataFrame({"a": TEXTS, "b": TEXTS, "c": TEXTS, "label": LABELS})
    made, record = upsample(rows, text_column=["a", "b", "c"], edit=["c", "a"], strategy=Swap(), guards=["none"])
    for row in new(made):
        assert row["a"] != row["c"]
        assert row["b"] == TEXTS[row["source_row"]] not in (row["a"], row["c"])
    assert record.input["layout"]["beside"] == ("c", "b")
    assert sum(record.made.values()) == 9


def test_a_pair_passes_if_each_of_its_texts_does_and_whole_pairs_are_compared():
    rows = pd.DataFrame(
        {"a": ["one two"] * 3 + ["x y"] * 4, "b": [f"ab{end}" for end in "cdefghi"], "label": ["r"] * 3 + ["c"] * 4}
    )
    options = {"text_column": ["a", "b"], "edit": "both", "sampling_strategy": {"r": 12}}
    never = [{"a": "one zu0", "b": "zu0"}]
    made, record = upsample(rows, strategy=Swap(pool=1), guards=["none"], against=never, **options)
    assert {(row["a"], row["b"]) for row in new(made)} == {("zu0 two", "zu0")}, "the other edit is held out"
    assert record.rejected["held_out"]
    long = pd.DataFrame({"a": TEXTS, "b": TEXTS[::-1], "label": LABELS})
    guards = ["only:length_ratio:high=1.01"]
    made, _ = upsample(long, strategy=Swap(), guards=guards, text_column=["a", "b"], edit="both")
    for row in new(made):
        assert all(len(row[name]) <= 1.01 * len(long[name][row["source_row"]]) for name in "ab")


def test_whole_rows_are_compared_with_originals_and_with_each_other():
    rows = pd.DataFrame({"premise": ["one two", "one zu0", "one two", "x y", "x y", "x y", "x y"]})
    rows["hypothesis"] = ["a", "b", "c", "d", "e", "f", "g"]
    rows["label"] = ["rare"] * 3 + ["common"] * 4
    keep = {"strategy": Swap(pool=1), "guards": ["none"], "sampling_strategy": {"rare": 8}}
    whole, record = upsample(rows, text_column=BOTH, edit="premise", **keep)
    pairs = list(zip(whole["premise"], whole["hypothesis"], strict=True))
    assert len(pairs) == len({*pairs}), "no pair comes twice"
    assert {"one zu0", "zu0 two"} == {row["premise"] for row in new(whole) if row["hypothesis"] == "a"}
    alone, _ = upsample(rows, text_column="premise", keep_columns=["hypothesis"], **keep)
    assert len(new(alone)) < len(new(whole)), "a text that stands in another pair is as good as any"
    assert record.rejected["duplicate"]


def test_a_long_text_beside_it_does_not_make_all_edits_of_a_text_near_duplicates():
    long = " ".join(f"word{i}" for i in range(200))
    rows = pd.DataFrame({"premise": [long] * 6, "hypothesis": TEXTS[:6], "label": ["rare"] * 2 + ["common"] * 4})
    guards = ["only:near_duplicate"]
    options = {"text_column": BOTH, "edit": "hypothesis", "guards": guards, "sampling_strategy": {"rare": 10}}
    never = [{"premise": long, "hypothesis": "Nothing like the others."}]
    _, record = upsample(rows, strategy=Swap(), against=never, **options)
    assert record.made["rare"] == 8


def test_no_new_pair_is_near_a_held_out_pair_of_a_file_or_of_another_split(pairs):
    rows = [
        {"premise": "one two three", "hypothesis": h, "label": label} for h, label in zip("abcd", "xxyy", strict=True)
    ]
    never = {"premise": "one two zu0", "hypothesis": "a", "label": "x"}
    options = {"strategy": Swap(pool=1), "sampling_strategy": {"x": 8}, "guards": ["none"]}
    options |= {"text_column": BOTH, "edit": "premise"}
    data = {"train": Dataset.from_list(rows), "test": Dataset.from_list([never])}
    made, _ = upsample(DatasetDict(data), **options)
    assert "one two zu0" not in [row["premise"] for row in made["train"] if row["hypothesis"] == "a"]
    made, _ = upsample(data["train"], against=[never | {"hypothesis": "far from any of these words"}], **options)
    assert [row["premise"] for row in made].count("one two zu0") == 2, "only the whole pair is held out"

    table("test.csv", [ROWS[3]])
    augment(f"{COMMAND} --edit premise --against test.csv -o out.csv")
    assert json.loads(Path("out.csv.manifest.json").read_text())["against"][0]["rows"] == 1
    table("texts.csv", [{"premise": "One text alone."}])
    refused(f"{COMMAND} --edit premise --against texts.csv -o o.csv", "texts.csv: has no column 'hypothesis'.")
    refused(f"{COMMAND} --edit premise --against test.csv:column=premise -o o.csv", "Leave 'premise' out.")


def test_rejected_rows_are_replaced_by_other_pairs_and_items_of_a_training_loop_have_both_texts(pairs):
    augment(f"{COMMAND} --edit premise -o out.csv")
    before = cells("out.csv")
    with open_review("out.csv") as review:
        review.decide(len(ROWS), "reject")
    augment("apply out.csv -o applied.csv")
    (row,) = [row for row in cells("applied.csv") if row["reviewed"] == "replacement"]
    assert row["hypothesis"] == ROWS[int(row["source_row"])]["hypothesis"]
    assert row["premise"] not in {old["premise"] for old in before}
    items = Redrawn(pd.DataFrame(ROWS), Swap(), text_column=BOTH, edit="premise")
    assert [items[i]["hypothesis"] != "" for i in range(len(items))] == [True] * (len(ROWS) + 9)
    items = Redrawn(pd.DataFrame(ROWS), Swap(), text_column=BOTH, edit="both")
    assert all("zu" in items[i]["hypothesis"] and "zu" in items[i]["premise"] for i in range(len(ROWS), len(items)))


def test_both_texts_of_a_rejected_pair_are_replaced_and_a_run_that_was_cut_off_gives_the_same_bytes(pairs):
    run = {"strategy": "nlpaug:keyboard", "sampling_strategy": "4x", "keep_columns": ["id"]}
    run |= {"layout": Layout(text_column="premise", beside=("hypothesis",), also_edited=("hypothesis",))}
    calls = 0

    def stop(done: int, total: int, what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    upsample_file("pairs.csv", "out.csv", **run)
    with pytest.raises(Interrupted):
        upsample_file("pairs.csv", "cut.csv", progress=stop, **run)
    upsample_file("pairs.csv", "cut.csv", resume=True, **run)
    assert Path("cut.csv").read_bytes() == Path("out.csv").read_bytes()
    before = cells("out.csv")
    with open_review("out.csv") as review:
        review.decide(len(ROWS), "reject")
    augment("apply out.csv -o applied.csv")
    (row,) = [row for row in cells("applied.csv") if row["reviewed"] == "replacement"]
    for name in BOTH:
        assert row[name] not in {old[name] for old in before}


def test_the_report_shows_the_other_text(pairs):
    augment(f"{COMMAND} --edit hypothesis -o out.csv --report out.html")
    assert TEXTS[4] in Path("out.html").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--text-column premise,hypothesis", "name both columns, and say which is edited: see docs/files.md"),
        (
            "--text-column premise,hypothesis --edit label",
            "--edit must be one or more of 'premise', 'hypothesis'. Got 'label'",
        ),
        ("--text-column premise --edit hypothesis", "--edit names one of several columns of texts"),
        ("--edit hypothesis", "--edit names one of several columns of texts"),
        ("--text-column premise,nothing --edit premise", "pairs.csv: has no text column 'nothing'"),
        ("--text-column premise,label --edit premise", "the column 'label' is named twice"),
        (
            "--text-column premise,hypothesis --edit premise --strategy smote --decode nearest",
            "'smote' makes its vectors anew",
        ),
        ("--text-column premise,hypothesis --edit premise --strategy llm --model x", "'llm' makes its texts anew"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(pairs, options, says):
    strategy = "" if "--strategy" in options else "--strategy random"
    refused(f"upsample pairs.csv -o out.parquet {options} {strategy}", says)


def test_python_asks_which_text_is_edited():
    with pytest.raises(InputError, match=r"names 2 columns\. Say which .* e\.g\. `edit='premise'` or `edit='both'`"):
        upsample(pd.DataFrame(ROWS), text_column=BOTH, strategy=Swap())
    with pytest.raises(InputError, match="`against` must be rows with the texts 'premise', 'hypothesis'"):
        upsample(pd.DataFrame(ROWS), text_column=BOTH, edit="premise", against=["One text."], strategy=Swap())
