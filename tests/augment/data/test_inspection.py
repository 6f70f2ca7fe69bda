"""An inspection counts what a person would count."""

from __future__ import annotations

import pytest
from datasets import Dataset
from swapped_words import SHUFFLED, SHUFFLED_LABELS, Swap

from augment.data.corpus import from_table
from augment.data.inspection import inspect, suggest
from augment.data.layout import Layout
from augment.run.job import plan_job


def test_an_inspection_counts_what_a_person_would_count():
    rows = [
        ("Good film.", "positive"),
        ("good FILM!", "positive"),  # repeats row 0
        ("good film", "negative"),  # repeats row 0 again, under another label
        ("One two three four", "negative"),
        ("It's fine", "neutral"),  # "It" and "fine": the clitic is no word of its own
        ("a b c d e f g h i j", "positive"),
        ("Another one here", "positive"),
        (None, "positive"),
        ("  ", "negative"),
        ("made up", "neutral"),
    ]
    table = Dataset.from_dict(
        {
            "text": [text for text, _ in rows],
            "label": [label for _, label in rows],
            "is_synthetic": [False] * 9 + [True],
        }
    )
    found = inspect(from_table(table, "memory", Layout()))
    assert found.counts == {"negative": 3, "neutral": 2, "positive": 5}
    assert found.synthetic == 1
    assert found.empty == 2
    assert found.duplicates == 2
    assert found.conflicting == 1
    # Words of the eight texts: 2 2 2 4 2 10 3 2, in order 2 2 2 2 2 3 4 10.
    assert {q: found.lengths[q] for q in (0.05, 0.25, 0.5, 1.0)} == {0.05: 2, 0.25: 2, 0.5: 2, 1.0: 10}
    assert found.lengths[0.75] == 3
    assert found.lengths[0.95] == 7  # 4 + .65 (10 - 4) = 7.9
    assert found.suggestion == "negative=5,neutral=4"
    assert found.single == []
    assert found.few == ["negative", "neutral", "positive"]


def test_classes_of_one_row_and_of_few_rows_are_named():
    labels = ["one"] + ["two"] * 2 + ["nine"] * 9 + ["ten"] * 10 + ["another one"]
    table = Dataset.from_dict({"text": [f"text {i}" for i in range(len(labels))], "label": labels})
    found = inspect(from_table(table, "memory", Layout()))
    assert found.single == ["another one", "one"]
    assert found.few == ["nine", "two"]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"a": 10, "b": 9}, None),
        ({"a": 10, "b": 8}, "b=10"),
        ({"a": 10, "b": 5}, "b=10"),
        ({"a": 100, "b": 3, "c": 90}, "b=6"),
        ({"a": 100, "b": 3, "c": 89}, "b=6,c=100"),
    ],
)
def test_the_suggestion_raises_rare_classes_to_at_most_twice_their_rows(counts, expected):
    assert suggest(counts) == expected


def test_what_an_inspection_suggests_can_be_asked_for():
    from augment.generation.budget import parse

    table = from_table(Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS}), "memory", Layout())
    suggestion = inspect(table).suggestion
    assert suggestion == "negative=4,neutral=6"
    assert plan_job(table, Swap(), sampling_strategy=parse(suggestion)).budget == {"negative": 2, "neutral": 3}
