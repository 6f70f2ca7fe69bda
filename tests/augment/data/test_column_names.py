"""The columns of texts and labels are found by their names, or asked about."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from datasets import Dataset

from augment import upsample
from augment.data.column_names import find_label, find_text
from augment.data.corpus import from_table, read
from augment.data.layout import Layout
from augment.data.table_columns import batches
from augment.data.writing import write_batches
from augment.errors import InputError


def table(*columns: str, **typed: list) -> Dataset:
    return Dataset.from_dict({**{name: ["a", "b"] for name in columns}, **typed})


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (("label", "review", "sentence", "text", "sentiment"), "text", "label"),
        (("Text", "review", "sentiment", "Label"), "review", "sentiment"),
        (("gold_label", "sentiment", "tweet", "sentence"), "sentence", "gold_label"),
        (("Text", "Label"), "Text", "Label"),
        (("Tweet", "airline_sentiment", "airline_sentiment_confidence"), "Tweet", "airline_sentiment"),
        (("Review Text", "Rating", "Title"), "Review Text", "Rating"),
        (("reviewText", "stars"), "reviewText", "stars"),
        (("clean-text", "CLASS"), "clean-text", "CLASS"),
        (("utterance", "intent"), "utterance", "intent"),
        (("content", "target", "id"), "content", "target"),
        (("text", "labels"), "text", "labels"),
        (("text", "labels", "label"), "text", "label"),
    ],
)
def test_an_exact_name_comes_first_and_then_the_only_usual_one(columns: tuple[str, ...], text: str, label: str) -> None:
    found = table(*columns)
    assert find_text(found, "t") == text
    assert find_label(found, "t") == label


def test_several_usual_names_are_asked_about() -> None:
    with pytest.raises(InputError) as caught:
        find_text(table("Text", "Tweet", "id"), "t.csv")
    assert str(caught.value) == "t.csv: the texts may stand in 'Text', 'Tweet'; give one as `text_column`."
    with pytest.raises(InputError, match=r"the labels may stand in 'category', 'stars'; give one as `label_column`\."):
        find_label(table("category", "stars"), "t.csv")
    assert find_label(table("category", "stars"), "t.csv", first="stars") == "stars"


def test_a_usual_name_of_a_column_of_another_type_does_not_count() -> None:
    assert find_text(table("tweet", message=[1, 2], body=[["x"], ["y"]]), "t") == "tweet"
    assert find_label(table("intent", target=[["x"], ["y"]]), "t") == "intent"


@pytest.mark.parametrize("values", [["x", "y"], [0, 1], [True, False]])
def test_labels_of_one_value_each_are_read_and_several_in_a_row_are_refused(values: list) -> None:
    assert from_table(table("text", labels=values), "t").label_column == "labels"
    for several in ([["x"], ["y"]], ["x|y", "y|x"], ["['x', 'y']", "['x']"]):
        with pytest.raises(InputError, match="balances classes of one label each"):
            from_table(table("text", labels=several), "t")


def test_names_that_are_only_like_usual_ones_do_not_count() -> None:
    for name in ("texts", "text_id", "context", "label_id", "sentiment_score", "premise", "nearest_text"):
        with pytest.raises(InputError, match="under a known name"):
            find_text(table(name), "t")
        with pytest.raises(InputError, match="under a known name"):
            find_label(table(name), "t")


def test_a_usual_name_is_noted_and_an_exact_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "augment"):
        from_table(table("text", "label"), "t")
        from_table(table("Tweet", "Label"), "t", Layout(text_column="Tweet", label_column="Label"))
        assert caplog.messages == []
        from_table(table("Tweet", "label"), "t")
    assert caplog.messages == [
        "t: the texts are read from the column 'Tweet'. To change that, give one as `text_column`."
    ]


def test_python_gets_no_warning_for_a_usual_name(recwarn: pytest.WarningsRecorder) -> None:
    import pandas as pd

    frame = pd.DataFrame({"Tweet": ["one", "two", "three", "four", "five"], "Label": ["x", "x", "x", "y", "y"]})
    assert upsample(frame, strategy="random")[1].counts_after == {"x": 3, "y": 3}
    assert [str(warning.message) for warning in recwarn] == []


# Labels that are no strings


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_booleans_are_classes_and_come_back_as_booleans(tmp_path: Path) -> None:
    lines = [f'{{"text": "t{i}", "label": {"true" if i % 3 else "false"}}}\n' for i in range(6)]
    corpus = read(put(tmp_path, "t.jsonl", "".join(lines)))
    assert corpus.counts == {"False": 2, "True": 4}
    assert corpus.labels == [False, True, True, False, True, True]
    for name in ("t.jsonl", "t.json", "t.parquet", "folder"):
        write_batches(corpus.table.features, batches(corpus.table), tmp_path / name)
        assert read(tmp_path / name).labels == corpus.labels
    write_batches(corpus.table.features, batches(corpus.table), tmp_path / "t.csv")
    assert read(tmp_path / "t.csv").counts == corpus.counts
    assert (tmp_path / "t.csv").read_text().splitlines()[1] == "t0,False"


def test_whole_floats_are_classes_and_not_a_number_is_no_label() -> None:
    data = Dataset.from_dict({"text": ["a", "b", "c"], "label": [1.0, 5.0, float("nan")]})
    with pytest.raises(InputError, match=r"1 of 3 rows has no usable label .* the first is row 2"):
        from_table(data, "t")
    corpus = from_table(data, "t", Layout(drop_unlabelled=True))
    assert corpus.counts == {"1.0": 1, "5.0": 1}
    assert corpus.labels == [1.0, 5.0]


@pytest.mark.parametrize("stars", [[1.0, 3.0, 5.0], ["1.0", "3.00", "5"], ["1 star", "3 stars", "5.0 stars"]])
def test_stars_may_be_written_with_a_decimal_point(stars: list) -> None:
    data = Dataset.from_dict({"text": ["a", "b", "c"], "stars": stars})
    corpus = from_table(data, "t", Layout(label_map="stars"))
    assert corpus.labels == ["negative", "neutral", "positive"]


def test_decimal_stars_stay_as_they_are_without_the_map(tmp_path: Path) -> None:
    corpus = read(put(tmp_path, "t.csv", "text,label\na,1.0\nb,5.0\n"))
    assert corpus.labels == ["1.0", "5.0"]
