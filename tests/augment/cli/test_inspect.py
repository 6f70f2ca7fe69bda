"""`augment inspect`: what stands in a file, and what it suggests."""

from __future__ import annotations

import re
import shlex

import pytest
from augment_command import NEUTRAL, ROWS, augment, cells, counts, table
from click.testing import CliRunner

from augment.cli import main

pytestmark = pytest.mark.usefixtures("place")


def test_inspect_shows_what_stands_in_a_file():
    table("in.csv", [*ROWS, {"id": "x", "text": NEUTRAL[0].upper(), "label": "positive"}, ROWS[2] | {"text": ""}])
    result = augment("inspect in.csv")
    assert re.search(r"neutral +4 +26\.7%", result.stdout)
    assert re.search(r"positive +11 +73\.3%", result.stdout)
    said = result.stdout.splitlines()
    assert "15 rows, 0 of them synthetic." in said
    assert "in.csv: 1 of 15 rows has no text. They are kept, and nothing is made from them." in said
    assert any(line.startswith("1 repeats an earlier text") and "; 1 text stands under" in line for line in said)
    assert any(line.startswith("Words per text: ") and line.endswith(" at 100%.") for line in said)
    assert any(line.startswith("Suggested: --sampling-strategy neutral=8 ") for line in said)
    assert result.stderr == ""


def test_alike_classes_and_a_single_class_are_told():
    spelled = {"Neutral ": 2, "neutral": 3, "positive": 5}
    labels = [label for label, many in spelled.items() for _ in range(many)]
    rows = [{"text": f"Bus {i} is late again.", "label": label} for i, label in enumerate(labels)]
    table("in.csv", rows)
    line = "in.csv: names of classes differ only in case or white space: 'Neutral ', 'neutral'. Each is a class."
    assert line in augment("inspect in.csv").stdout.splitlines()
    assert line in augment("upsample in.csv -o out.csv --strategy random").stderr.splitlines()
    assert line in augment("upsample in.csv --strategy random --dry-run").stdout.splitlines()
    table("one.csv", [row | {"label": "positive"} for row in rows])
    said = augment("inspect one.csv").stdout
    assert "There is only one class. Upsampling needs at least two" in said
    assert "balanced" not in said


def test_a_run_that_has_nothing_to_make_says_so_first():
    table("in.csv", [{"text": f"Bus {i} is late again.", "label": label} for i in range(4) for label in ("a", "b")])
    told = augment("upsample in.csv -o out.csv --strategy random").stderr.splitlines()
    assert told[0] == "All classes have the rows that --sampling-strategy asks for: no row is made."


def test_what_inspect_suggests_works_as_it_stands():
    suggested = re.search(r"Suggested: (--sampling-strategy \S+)", augment("inspect in.csv").stdout)[1]
    augment(f"upsample in.csv -o out.csv {suggested}")
    assert counts(cells("out.csv")) == {"neutral": 8, "positive": 9}


@pytest.mark.parametrize(
    "label",
    [
        "food, drink",
        "very bad",
        "a=b",
        "it's, so",
        '"quoted"',
        "'tis",
        "$HOME, `ls`!",
        "back\\slash, or not",
        "+500",
        "2x",
        "1.0",
        "-5",
        "-a",
        "two\nlines",
        "👩‍👩‍👧, 家",
        "100% sure",
    ],
)
def test_what_inspect_suggests_can_be_pasted_into_a_shell_whatever_the_label(label):
    rows = [
        {"text": f"The number {i} bus is late again today.", "label": label if i < 3 else "other"} for i in range(9)
    ]
    table("hard.csv", rows)
    line = next(line for line in augment("inspect hard.csv").stdout.splitlines() if line.startswith("Suggested: "))
    words = shlex.split(line.removeprefix("Suggested: ").rpartition("  (")[0])
    done = CliRunner().invoke(main, ["upsample", "hard.csv", "-o", "out.csv", "--strategy", "random", *words])
    assert done.exit_code == 0, done.output
    assert counts(cells("out.csv")) == {label: 6, "other": 6}


def test_inspect_names_classes_of_one_row_and_of_few_rows():
    table("rare.csv", [*ROWS, {"id": "x", "text": "A class of its own.", "label": "odd"}])
    said = augment("inspect rare.csv").stdout.splitlines()
    assert "Classes of a single row: 'odd'. --singletons says what becomes of them." in said
    assert "Classes of fewer than 10 rows: 'neutral', 'positive'. Their new rows resemble each other." in said
    table("even.csv", [{"text": f"Text {i}.", "label": "ab"[i % 2]} for i in range(20)])
    assert "Classes of" not in augment("inspect even.csv").stdout


def test_inspect_counts_synthetic_rows_and_says_when_nothing_is_needed():
    augment("upsample in.csv -o out.csv")
    result = augment("inspect out.csv")
    assert "18 rows, 5 of them synthetic" in result.stdout
    assert "no upsampling is needed" in result.stdout


def test_labels_that_are_all_different_are_asked_about():
    table("ids.csv", [{"text": f"a short text {i}", "label": f"id{i}"} for i in range(30)])
    said = augment("inspect ids.csv").stdout
    assert "ids.csv: 30 different labels in 30 rows: is 'label' the label column?" in " ".join(said.split())
    assert "balanced" not in said
    swapped = augment("upsample ids.csv --dry-run --text-column label --label-column text").output
    assert "are the two columns swapped?" in " ".join(swapped.split())
