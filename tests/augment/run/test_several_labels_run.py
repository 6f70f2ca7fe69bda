"""Runs on rows of several labels: a new row has all labels of its source, in whatever form they are given."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from augment_command import cells
from click.testing import CliRunner, Result
from datasets import ClassLabel, Dataset, Sequence, Value
from scipy import sparse
from swapped_words import TEXTS, Swap

from augment import upsample, upsample_file
from augment.cli import main
from augment.data.layout import Layout
from augment.errors import InputError, Interrupted
from augment.torch import Redrawn
from classifiers.cli import main as classifiers

SETS = [
    *(["plot"], ["acting", "plot"], ["plot"], ["plot", "music"], ["acting"], ["plot"]),
    *([], ["music", "acting"], ["plot", "acting"], ["plot"], ["effects", "plot"], ["plot", "acting"]),
]
NAMES = ["acting", "effects", "music", "plot"]
MATRIX = np.array([[int(name in own) for name in NAMES] for own in SETS])
WANTED = {"music": 6, "effects": 4}
KEYBOARD = ("--strategy", "nlpaug:keyboard", "--sampling-strategy", "music=6,effects=4")
JOINED = ("upsample", "joined.csv", "--label-separator", "|", *KEYBOARD)
FLAGS = ("upsample", "flags.csv", "--label-column", ",".join(NAMES), *KEYBOARD)


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = zip(TEXTS, SETS, strict=True)
    Path("lists.jsonl").write_text("".join(json.dumps({"text": text, "labels": own}) + "\n" for text, own in rows))
    pd.DataFrame({"text": TEXTS, "label": ["|".join(own) for own in SETS]}).to_csv("joined.csv", index=False)
    flags = dict(zip(NAMES, MATRIX.T, strict=True))
    pd.DataFrame({"text": TEXTS, "id": range(12), **flags}).to_csv("flags.csv", index=False)
    return tmp_path


def record(path: str) -> dict[str, Any]:
    return json.loads(Path(f"{path}.manifest.json").read_text())


def augment(*words: str) -> Result:
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == 0, result.output
    return result


def refused(*words: str, group: Any = main, code: int = 2) -> str:
    result = CliRunner().invoke(group, [*words])
    assert result.exit_code == code, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


def made(data: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return upsample(data, strategy=Swap(), sampling_strategy=WANTED, **options)


def test_all_forms_of_files_give_the_same_rows_and_each_has_all_labels_of_its_source(films):
    augment("upsample", "lists.jsonl", "-o", "lists_out.jsonl", *KEYBOARD)
    augment(*JOINED, "-o", "joined_out.csv")
    augment(*FLAGS, "-o", "flags_out.csv")
    lists = [json.loads(line) for line in Path("lists_out.jsonl").read_text().splitlines()]
    joined, flags = cells("joined_out.csv"), cells("flags_out.csv")
    assert len(lists) == len(joined) == len(flags) > len(TEXTS)
    for one, two, three in zip(lists, joined, flags, strict=True):
        assert one["text"] == two["text"] == three["text"]
        labels = set(one["labels"])
        assert labels == {*filter(None, two["label"].split("|"))} == {name for name in NAMES if three[name] == "1"}
        if one["is_synthetic"]:
            assert one["labels"] == SETS[one["source_row"]]
    records = [record(path) for path in ("lists_out.jsonl", "joined_out.csv", "flags_out.csv")]
    assert records[0]["label_sets"] == records[1]["label_sets"] == records[2]["label_sets"]
    own = records[0]
    found = Counter(label for row in lists for label in row["labels"])
    assert own["counts_after"] == {name: found[name] for name in NAMES}
    assert (found["music"], found["effects"]) == (6, 4)
    assert own["label_sets"]["wanted"] == {"acting": 0, "effects": 3, "music": 4, "plot": 0}
    assert own["label_sets"]["beyond"] == {
        name: found[name] - own["counts_before"][name] for name in ("acting", "plot")
    }
    assert sum(one["made"] for one in own["label_sets"]["sets"]) == len(lists) - len(TEXTS)
    assert own["missing"] == {}


def test_all_forms_of_python_give_the_same_rows():
    frame = pd.DataFrame({"text": TEXTS, "genres": SETS})
    expected, _ = made(frame)
    texts = expected["text"].tolist()
    new = expected[expected["is_synthetic"]]
    assert new["genres"].tolist() == [SETS[row] for row in new["source_row"]]
    sources = [*range(len(TEXTS)), *new["source_row"]]
    table = Dataset.from_dict({"text": TEXTS, "labels": [[NAMES.index(name) for name in own] for own in SETS]})
    named, _ = made(table.cast_column("labels", Sequence(ClassLabel(names=NAMES))))
    assert (list(named["text"]), named[-1]["labels"]) == (texts, [NAMES.index(name) for name in SETS[sources[-1]]])
    flags, _ = made(frame[["text"]].assign(**dict(zip(NAMES, MATRIX.T, strict=True))), label_column=NAMES)
    assert flags["text"].tolist() == texts
    assert (flags[NAMES].to_numpy() == MATRIX[sources]).all()
    columns, _ = made({"text": TEXTS, "genres": SETS})
    assert (columns["text"], columns["genres"]) == (texts, [SETS[row] for row in sources])
    rows, _ = made([{"text": text, "genres": own} for text, own in zip(TEXTS, SETS, strict=True)])
    assert [(row["text"], row["genres"]) for row in rows] == list(zip(texts, columns["genres"], strict=True))
    with pytest.raises(InputError, match=r"must be of one length\. Got text: 12, genres: 11"):
        made({"text": TEXTS, "genres": SETS[1:]})
    joined, _ = made((TEXTS, ["|".join(own) for own in SETS]), label_separator="|")
    assert joined == (texts, ["|".join(SETS[row]) for row in sources])
    for labels in (SETS, [tuple(own) for own in SETS], [{*own} for own in SETS]):
        (found, new_labels), _ = made((TEXTS, labels))
        assert (found, new_labels) == (texts, [labels[row] for row in sources])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, lambda rows: pd.DataFrame(rows, columns=list("aemp"))])
def test_an_indicator_matrix_comes_back_as_one(form):
    named = {"a": 0, "e": 1, "m": 2, "p": 3} if form is not np.asarray and form is not sparse.csr_array else None
    wanted = {"m": 6, "e": 4} if named else {2: 6, 1: 4}
    with pytest.warns(UserWarning, match="Labels beyond their targets, since they stand beside others: "):
        (texts, matrix), manifest = upsample((TEXTS, form(MATRIX)), strategy=Swap(), sampling_strategy=wanted)
    assert type(matrix) is type(form(MATRIX))
    dense = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    assert (dense[: len(TEXTS)] == MATRIX).all()
    assert (len(texts), dense[:, 2].sum(), dense[:, 1].sum()) == (len(dense), 6, 4)
    assert list(manifest.counts_after.values()) == dense.sum(axis=0).tolist()
    with pytest.raises(InputError, match="must be an indicator matrix: 0 and 1"):
        upsample((TEXTS, form(MATRIX * 2)), strategy=Swap())


def test_a_run_that_was_cut_off_gives_the_same_bytes(films):
    run = {"strategy": "nlpaug:keyboard", "sampling_strategy": "5x", "layout": Layout(label_separator="|")}
    with Path("joined.csv").open("a") as file:
        file.write("?!,effects\n")  # gives no row, so that rows of other sets take its place
    calls = 0

    def stop(done: int, total: int, what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(Interrupted):
            upsample_file("joined.csv", "out.csv", progress=stop, **run)
        journal = Path("out.csv.journal").read_text()
        assert '"label":"acting|music"' in journal
        upsample_file("joined.csv", "out.csv", resume=True, **run)
        upsample_file("joined.csv", "whole.csv", **run)
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert {"labels": ["effects"], "made": 0} in record("out.csv")["label_sets"]["sets"]
    assert record("out.csv")["counts_after"]["effects"] == 10
    augment("upsample", "--config", "whole.csv.manifest.json", "-o", "again.csv")
    assert Path("again.csv").read_bytes() == Path("whole.csv").read_bytes()


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(films):
    augment(*JOINED, "-o", "one.csv")
    augment(*JOINED, "-o", "two.csv", "--workers", "2")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_rows_of_other_sets_take_the_place_of_those_that_cannot_be_made():
    texts = [*TEXTS, "?!", "!?", "?"]  # of which the last have no word to swap
    sets = [["rare"], *[["plot"]] * 11, ["rare", "plot"], ["rare", "plot"], ["music"]]
    wanted = {"rare": 15, "plot": 16, "music": 3}
    with pytest.warns(UserWarning, match="Labels with a single row: 'music'"):
        (_, labels), manifest = upsample((texts, sets), strategy=Swap(), sampling_strategy=wanted)
    found = Counter(label for own in labels for label in own)
    assert found == {"rare": 15, "plot": 16, "music": 1} == manifest.counts_after
    assert manifest.missing == {"music": {"rows": 2, "why": "1 source without anything to replace"}}
    assert [(one["labels"], one["made"]) for one in manifest.label_sets["sets"]] == [
        (["music"], 0),
        (["plot", "rare"], 0),
        (["rare"], 12),
        (["plot"], 3),
    ]


def test_rows_that_cannot_be_made_are_told_by_label(films):
    result = augment(*JOINED, "-o", "out.csv", "--max-per-source", "1")
    own = record("out.csv")
    assert own["missing"]["effects"] == {"rows": 2, "why": "no more new rows are allowed of each source"}
    assert "2 of label 'effects' (no more new rows are allowed of each source)" in result.output
    plan = augment(*JOINED, "--dry-run", "--max-per-source", "1").output
    assert "Labels short of their targets, for want of sources: effects -2, music -2." in plan
    strict = refused(*JOINED, "-o", "strict.csv", "--max-per-source", "1", "--strict", code=1)
    assert "2 of label 'effects'" in strict
    assert not Path("strict.csv").exists()


def test_new_rows_are_extended_by_a_second_run(films):
    augment(*JOINED, "-o", "once.csv")
    more = ("--label-separator", "|", "--strategy", "nlpaug:keyboard", "--sampling-strategy", "music=9")
    augment("upsample", "once.csv", "-o", "twice.csv", *more)
    rows = cells("twice.csv")
    texts = [row["text"] for row in rows]
    assert len({*texts}) == len(texts)
    assert sum("music" in row["label"] for row in rows) == 9


def test_inspect_counts_labels_and_names_what_a_file_needs(films):
    shown = augment("inspect", "joined.csv", "--label-separator", "|").output
    assert shown == augment("inspect", "lists.jsonl").output
    for line in (
        " plot         9   75.0%",
        "Rows have several labels, 1.42 in the mean, in 6 different sets. 1 row has none",
    ):
        assert line in shown
    assert "The imbalance ratio of a label is 4.08 in the mean (MeanIR)" in shown
    assert "The sampling strategy 'auto' raises the labels above it: 'effects', 'music'" in shown
    assert "--label-column acting,effects,music,plot" in refused("inspect", "flags.csv")
    for command in (("inspect", "joined.csv"), ("upsample", "joined.csv", "--dry-run")):  # a row has no label
        assert "Give --label-separator '|' to keep the labels apart, or --single-label to take" in refused(*command)
    assert augment("inspect", "joined.csv", "--single-label", "--drop-unlabelled").output.startswith("classes")


def test_what_needs_one_class_for_each_row_is_refused_in_one_line(films):
    assert "'agreement' judges by the one class of a row" in refused(*JOINED, "-o", "out.csv", "--guard", "agreement")
    assert "'relabel' judges by the one class" in refused(*JOINED, "-o", "out.csv", "--guard", "relabel")
    assert "'smote' makes vectors between rows of one class" in refused(
        *JOINED, "-o", "out.parquet", "--strategy", "smote"
    )
    assert "'llm' makes texts of a class anew" in refused(*JOINED, "-o", "out.csv", "--strategy", "llm", "--model", "m")
    assert "--singletons is for classes of one label" in refused(*JOINED, "-o", "out.csv", "--singletons", "skip")
    assert "--report compares classes of one label" in refused(*JOINED, "-o", "out.csv", "--report", "out.html")
    assert "--labels is for rows of one label" in refused(*JOINED, "-o", "out.csv", "--labels", "plot")
    assert "Leave one of them out" in refused(*JOINED, "-o", "out.csv", "--single-label")
    other = refused("upsample", "joined.csv", "--dry-run", "--label-separator", ";")
    assert "no label of column 'label' has ';' in it" in other
    assert other.endswith("Give --label-separator '|'.")
    assert "column 'id' must hold 0 or 1" in refused("upsample", "flags.csv", "--dry-run", "--label-column", "plot,id")
    assert "has no label column 'plit'" in refused("upsample", "flags.csv", "--dry-run", "--label-column", "plot,plit")
    for command in (("split", "joined.csv", "-o", "parts"), ("advise", "joined.csv")):
        assert "are for rows of several labels, which `augment upsample`" in refused(*command, "--label-separator", "|")
    assert "are for rows of several labels" in refused(
        "train", "flags.csv", "-o", "model", "--label-column", "plot,music", group=classifiers
    )
    assert sorted(path.name for path in films.iterdir()) == ["flags.csv", "joined.csv", "lists.jsonl"]
    augment(*JOINED, "-o", "out.csv")
    augment("card", "out.csv", "-o", "card.md")
    assert "| label | rows before | new rows | rows after |" in Path("card.md").read_text()
    assert "a report compares classes of one label each" in refused("report", "out.csv")
    assert "a review decides on one label for each row" in refused("apply", "out.csv", "-o", "applied.csv")


def test_tags_of_words_are_refused_whatever_stands_between_them(films):
    tags = [" ".join(["O"] * len(text.split())) for text in TEXTS]
    with pytest.raises(InputError, match="holds a tag for each token of 'text'"):
        made((TEXTS, tags), label_separator=" ")
    with pytest.raises(InputError, match="holds a tag for each token of 'text'"):
        made((TEXTS, [own.split() for own in tags]))


def test_lists_hold_labels_of_one_type_and_null_is_no_label():
    table = Dataset.from_dict({"text": TEXTS, "label": [None, *SETS[1:]]})
    (_, manifest) = made(table)
    assert manifest.counts_before["plot"] == 8
    kept, _ = made(table, label_column="label")
    assert kept[0]["label"] is None
    with pytest.raises(InputError, match="row 0: the list of labels in column 'label' must hold strings or whole"):
        made(
            Dataset.from_dict({"text": TEXTS, "label": [["a", None], *SETS[1:]]}).cast_column(
                "label", Sequence(Value("string"))
            )
        )


def test_rows_are_drawn_anew_for_each_epoch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rows = Redrawn((TEXTS, SETS), Swap(), sampling_strategy=WANTED)
    first = [rows[i] for i in range(len(TEXTS), len(rows))]
    assert all(labels in SETS for _, labels in first)
    rows.set_epoch(1)
    assert [labels for _, labels in first] == [rows[i][1] for i in range(len(TEXTS), len(rows))]
    assert first != [rows[i] for i in range(len(TEXTS), len(rows))]
