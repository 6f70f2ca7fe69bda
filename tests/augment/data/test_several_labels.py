"""Rows of several labels are refused with what to do, and labels of one class that look a little like it are taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from datasets import ClassLabel, Dataset
from swapped_words import TEXTS, Swap

from augment import FillMask, VectorUpsampler, upsample
from augment.cli import main
from augment.data import from_table, read
from augment.data.layout import Layout
from augment.data.several_labels import joined_labels
from augment.errors import InputError
from classifiers import TextClassifier, TrainConfig, train
from classifiers.cli import main as classifiers

MANY = (["plot", "plot|acting", "music"] * 4)[:12]
MORE = {"strategy": Swap(), "sampling_strategy": {"plot|acting": 6}}


def corpus(labels: list[Any], layout: Layout = Layout(), **columns: Any) -> Any:
    return from_table(
        Dataset.from_dict({"text": TEXTS[: len(labels)], "label": labels, **columns}), "films.csv", layout
    )


# Several labels in one cell


@pytest.mark.parametrize(
    ("counts", "separator", "rows"),
    [
        ({"plot": 12, "plot|acting": 8, "music": 3}, "|", 8),
        ({"plot": 12, "plot | acting": 8}, "|", 8),
        ({"a;b": 2, "b;c": 2, "d": 90}, ";", 4),
        ({"red|blue": 30, "x|y": 30}, "|", 60),
        ({"anger": 50, "joy": 40, "anger,joy": 3}, ",", 3),
        ({"2": 50, "14": 40, "2,14": 3}, ",", 3),
        ({"Drama, Comedy": 3, "Comedy, Action": 3, "Action, Drama": 3}, ",", 9),
    ],
)
def test_labels_in_one_cell_are_recognised(counts, separator, rows):
    found = joined_labels(counts)
    assert (found.separator, found.rows) == (separator, rows)
    assert found.example in counts


@pytest.mark.parametrize(
    "counts",
    [
        {"food, drink": 5, "ok": 9},
        {"food, drink": 9, "ok": 5},
        {"AC/DC": 8, "The Who": 9, "AC": 2},
        {"yes": 30, "no": 20, "yes|no": 1},
        {"Paris, France": 30, "Lyon, France": 20},
        {"Smith, John": 3, "Smith, Jane": 3, "other": 1},
        {"Other, please say": 9, "Other": 4},
        {"a|": 4, "|b": 4, "|": 4, "a": 3},
        {"C++; C": 4, "Python": 30},
        {"very negative": 10, "negative": 20},
        {"1": 3, "2": 4},
        {"a|b": 9},
    ],
)
def test_labels_of_one_class_are_taken(counts):
    assert joined_labels(counts) is None


def test_the_message_says_how_many_what_and_how_to_take_them():
    with pytest.raises(InputError) as error:
        corpus(MANY)
    assert str(error.value) == (
        "films.csv: 4 of 12 labels of column 'label' look like several labels with '|' between them, e.g."
        " 'plot|acting'. A run balances classes of one label each. Give `single_label=True` to take each such label as"
        " one class."
    )


@pytest.mark.parametrize(
    "layout",
    [
        Layout(single_label=True),
        Layout(labels=("plot", "plot|acting", "music")),
        Layout(labels=("plot", "music")),
    ],
)
def test_whoever_says_what_the_classes_are_is_believed(layout):
    assert set(corpus(MANY, layout).classes) >= {"plot", "music"}


def test_class_names_are_looked_at_too():
    table = Dataset.from_dict({"text": TEXTS, "label": [0, 1, 2] * 4})
    with pytest.raises(InputError, match=r"plot\|acting"):
        from_table(table.cast_column("label", ClassLabel(names=["plot", "plot|acting", "music"])), "t")


@pytest.mark.parametrize("label", ["['plot', 'acting']", '["plot"]', "[0, 1]", "[0 1 1]", "['plot' 'acting']"])
def test_lists_that_were_written_as_text_are_recognised(label):
    with pytest.raises(InputError, match=r"are lists, e\.g\. .*Give `single_label=True`"):
        corpus([label] * 8 + ["[]"] * 4)
    assert corpus([label] * 8 + ["[]"] * 4, Layout(single_label=True)).classes


def test_brackets_alone_are_no_list():
    assert corpus(["[PERSON]", "[CITY]"] * 6).classes == ["[CITY]", "[PERSON]"]


# Lists, tokens and columns of zeros and ones


def test_a_column_of_lists_is_refused(tmp_path):
    path = tmp_path / "films.jsonl"
    path.write_text("".join(json.dumps({"text": text, "labels": ["plot", "acting"]}) + "\n" for text in TEXTS))
    for layout in (Layout(), Layout(label_column="labels")):
        with pytest.raises(InputError, match="the column 'labels' holds a list of labels in each row"):
            read(path, layout)


def test_tags_of_tokens_are_refused(tmp_path):
    path = tmp_path / "names.jsonl"
    rows = [{"id": i, "tokens": text.split(), "ner_tags": [0] * len(text.split())} for i, text in enumerate(TEXTS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match="the column 'ner_tags' holds a tag for each token of 'tokens'"):
        read(path)
    tagged = Dataset.from_dict({"text": TEXTS, "label": [["O"] * len(text.split()) for text in TEXTS]})
    with pytest.raises(InputError, match="the column 'label' holds a tag for each token of 'text'"):
        from_table(tagged, "t")


def test_tags_that_were_written_as_text_are_refused():
    with pytest.raises(InputError, match="as many tags as their text has words"):
        corpus([" ".join(["B-LOC", *["O"] * (len(text.split()) - 1)]) for text in TEXTS])


def test_a_label_beside_tokens_and_tags_is_taken():
    words = [text.split() for text in TEXTS]
    assert corpus(["a", "b"] * 6, tokens=words, tags=[[0] * len(row) for row in words]).classes == ["a", "b"]


def test_labels_of_two_words_on_texts_of_two_words_are_taken():
    table = Dataset.from_dict({"text": ["Too cold", "So nice"] * 6, "label": ["very negative", "very positive"] * 6})
    assert from_table(table, "t").classes == ["very negative", "very positive"]


@pytest.mark.parametrize("kind", [int, str, bool, float])
def test_a_column_for_each_label_is_refused(kind):
    flags = {"toxic": [kind(i % 2) for i in range(12)], "insult": [kind(i % 3 == 0) for i in range(12)]}
    if kind is str:
        flags = {name: [str(int(i % n == 0)) for i in range(12)] for name, n in (("toxic", 2), ("insult", 3))}
    table = Dataset.from_dict({"id": list(range(12)), "text": TEXTS, **flags})
    with pytest.raises(InputError) as error:
        from_table(table, "comments")
    assert "has a column of 0 and 1 for each label ('toxic', 'insult')" in str(error.value)
    assert "e.g. `label_column='toxic'`; new rows can copy the other columns" in str(error.value)


def test_a_column_for_each_class_says_how_to_make_one_of_them():
    table = Dataset.from_dict({"text": TEXTS, "good": [1, 0] * 6, "bad": [0, 1] * 6})
    with pytest.raises(InputError, match=r"Exactly one is 1 in each row: make one column of labels, e\.g\. frame"):
        from_table(table, "t")


def test_one_column_of_zeros_and_ones_may_be_named_as_label_and_others_beside_a_label_do_not_matter():
    flags = {"toxic": [0, 1] * 6, "insult": [0, 0, 1] * 4}
    table = Dataset.from_dict({"text": TEXTS, **flags})
    assert from_table(table, "t", Layout(label_column="toxic")).classes == ["0", "1"]
    assert corpus(["a", "b"] * 6, **flags).classes == ["a", "b"]


# Every way in


def test_python_refuses_them_too_and_takes_them_on_request():
    with pytest.raises(InputError, match=r"plot\|acting"):
        upsample((TEXTS, MANY), strategy=Swap())
    (_, labels), _ = upsample((TEXTS, MANY), strategy=Swap(), single_label=True, sampling_strategy={"plot|acting": 6})
    assert labels.count("plot|acting") == 6
    with pytest.raises(InputError, match=r"plot\|acting"):
        train(TrainConfig(), (TEXTS, MANY))


@pytest.mark.parametrize("labels", [[["a"], ["b"]] * 6, [("a", "b")] * 12, [{"a"}] * 12, list(np.eye(12, dtype=int))])
def test_lists_as_labels_are_refused_by_every_estimator(labels):
    for estimator in (FillMask(), VectorUpsampler()):
        with pytest.raises(InputError, match=r"Row 0 has several labels.*Give one label per row"):
            estimator.fit_resample(TEXTS, labels)
    with pytest.raises(InputError, match="Row 0 has several labels"):
        TextClassifier().fit(TEXTS, labels)


def test_an_estimator_takes_every_text_as_one_class():
    _, labels = Swap(sampling_strategy={"plot|acting": 6}).fit_resample(TEXTS, MANY)
    assert labels.count("plot|acting") == 6


def test_a_classifier_takes_every_text_as_one_class():
    model = TextClassifier(max_steps=1, batch_size=4, augmentation=MORE).fit(TEXTS, MANY)
    assert model.classes_.tolist() == ["music", "plot", "plot|acting"]


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of several labels in an empty folder, and what passes for a saved classifier beside it."""
    for name in ("here", "saved"):
        (tmp_path / name).mkdir()
    (tmp_path / "saved" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "here")
    pd.DataFrame({"text": TEXTS, "label": MANY}).to_csv("films.csv", index=False)


@pytest.mark.parametrize(
    ("group", "command"),
    [
        (main, "upsample films.csv -o out.csv --strategy random"),
        (main, "upsample films.csv --dry-run"),
        (main, "inspect films.csv"),
        (classifiers, "train films.csv -o model"),
        (classifiers, "evaluate ../saved films.csv"),
    ],
)
def test_every_command_that_reads_labels_refuses_them_in_one_line(films, group, command):
    result = CliRunner().invoke(group, command.split())
    assert result.exit_code == 2, result.output
    (line,) = result.output.splitlines()
    assert "look like several labels with '|' between them" in line
    apart = "Give --label-separator '|' to keep the labels apart, or --single-label to take"
    assert (apart if command.split()[0] in ("upsample", "inspect") else "Give --single-label to take") in line
    assert sorted(Path().iterdir()) == [Path("films.csv")]


def test_the_switch_is_recorded_and_repeated(films):
    run = "upsample films.csv -o out.csv --strategy random --single-label"
    assert CliRunner().invoke(main, run.split()).exit_code == 0
    assert json.loads(Path("out.csv.manifest.json").read_text())["input"]["layout"]["single_label"] is True
    again = "upsample --config out.csv.manifest.json -o again.csv"
    assert CliRunner().invoke(main, again.split()).exit_code == 0
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


def test_columns_of_0_and_1_and_lists_beside_a_column_of_labels_are_no_labels(tmp_path):
    rows = [
        {
            "text": f"Row {i} of many.",
            "category": "ab"[i % 2],
            "has_url": i % 2,
            "is_reply": i % 3 % 2,
            "tags": ["x", "y"],
        }
        for i in range(12)
    ]
    pd.DataFrame(rows).to_json(tmp_path / "in.jsonl", orient="records", lines=True)
    assert read(tmp_path / "in.jsonl").label_column == "category"
