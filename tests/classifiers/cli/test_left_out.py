"""What a training, an evaluation or a prediction leaves out is counted and said in the same words."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner
from datasets import Dataset, DatasetDict
from small_trainings import TRAIN, VALIDATION

from augment.data.notes import cut_texts, left_out, on_reading, without_text
from augment.models.checkpoints import load_encoder
from classifiers.cli.entry import main

LONG = "the old man loved the view and the staff " * 4


def written(path, rows, names=("text", "label")):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


def run(*arguments, **more):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **more)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """The output of a training on rows of which some are not used, and its folder."""
    folder = tmp_path_factory.mktemp("trained")
    rows = [*zip(*TRAIN, strict=True), ("", "neutral"), (LONG, "positive"), ("What?", ""), ("Who?", "other")]
    written(folder / "train.csv", rows)
    written(folder / "dev.csv", [*zip(*VALIDATION, strict=True), (" ", "positive")])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = run(
            *("train", "train.csv", "--validation", "dev.csv", "-o", "model", "--max-steps", "2"),
            *("--max-length", "12", "--labels", "neutral,positive"),
            *("--encoder", tiny("bert"), "--device", "cpu", "--dtype", "float32"),
        )
    return result, folder, len(rows)


def test_a_training_says_what_it_does_not_read_and_records_it(trained, tiny):
    result, folder, rows = trained
    encoder = tiny("bert")
    said = result.stderr.splitlines()
    assert (
        f"train.csv: 2 of {rows} rows are left out: 1 without a usable label, 1 of other classes than the chosen ones."
        in said
    )
    assert f"train.csv: 1 of {rows - 2} rows has no text. They are left out." in said
    assert f"dev.csv: 1 of {len(VALIDATION[0]) + 1} rows has no text. They are left out." in said
    texts = [text for text, _ in zip(*TRAIN, strict=True)] + [LONG]
    cut = load_encoder(str(encoder), device="cpu").cut(texts, 12)
    assert 0 < cut < len(texts)
    assert f"The training data: {cut} of {len(texts)} texts have more than 12 tokens." in result.stderr
    record = json.loads((folder / "model" / "training.json").read_text())["rows"]
    assert record["omitted"] == {"training": {"without_text": 1, "left_out": 2}, "validation": {"without_text": 1}}
    assert record["cut_texts"]["training"] == cut


def test_an_evaluation_says_and_records_it_in_the_same_words(trained, monkeypatch):
    _, folder, _ = trained
    monkeypatch.chdir(folder)
    written(
        folder / "test.csv",
        [
            ("the staff loved it .", "positive", ""),
            ("", "neutral", ""),
            (LONG, "neutral", ""),
            ("Good!", "positive", "true"),
        ],
        ("text", "label", "is_synthetic"),
    )
    result = run("evaluate", "model", "test.csv", "--json", "--device", "cpu")
    assert "test.csv: 1 of 4 rows has no text. They are left out." in result.stderr
    assert "test.csv: 1 row is synthetic. They are left out." in result.stderr
    assert "test.csv: 1 of 2 texts has more than 12 tokens. What follows is not read; --max-length" in result.stderr
    (one,) = json.loads(result.stdout)
    assert one["omitted"] == {"without_text": 1, "synthetic": 1}
    assert one["cut_texts"] == 1
    assert "no text" not in run("evaluate", "model", "test.csv", "-q", "--device", "cpu").output


def test_a_prediction_says_it_too_and_labels_every_row(trained, monkeypatch):
    _, folder, _ = trained
    monkeypatch.chdir(folder)
    written(folder / "new.csv", [("the staff loved it .",), ("",), (LONG,)], ("text",))
    result = run("predict", "model", "new.csv", "-o", "labels.csv", "--overwrite", "--device", "cpu")
    assert len((folder / "labels.csv").read_text().splitlines()) == 4
    assert "new.csv: 1 of 3 rows has no text. They get the label of an empty text." in result.stderr
    assert "new.csv: 1 of 3 texts has more than 12 tokens." in result.stderr
    piped = run("predict", "model", "-", "--device", "cpu", input="the staff\n\n")
    assert "The standard input: 1 of 2 rows has no text." in piped.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "are not read. Give --validation films:split=dev to evaluate on one."),
        (("--validation", "films:split=dev"), "its other split 'test' is not read."),
        (
            ("--augment", "random", "--sampling-strategy", "+9"),
            "Give --against films:split=dev --against films:split=test to do so.",
        ),
    ],
)
def test_a_training_names_the_other_splits_of_its_folder(trained, tiny, monkeypatch, tmp_path, options, says):
    monkeypatch.chdir(tmp_path)
    parts = {"train": TRAIN, "dev": VALIDATION, "test": VALIDATION}
    tables = {name: Dataset.from_dict({"text": texts, "label": labels}) for name, (texts, labels) in parts.items()}
    DatasetDict(tables).save_to_disk("films")
    quick = ("--max-steps", "1", "--encoder", tiny("bert"), "--device", "cpu", "--dtype", "float32")
    lines = run("train", "films", "-o", "model", *options, *quick).stderr.splitlines()
    assert [line for line in lines if line.startswith("films: its other") and line.endswith(says)], lines


def test_pairs_of_texts_are_said_to_be_read_in_half(trained, monkeypatch):
    _, folder, _ = trained
    monkeypatch.chdir(folder)
    rows = [("the staff loved it .", "They were happy.", "positive"), ("it opens .", "It is open.", "neutral")]
    written(folder / "pairs.csv", rows, ("premise", "hypothesis", "label"))
    result = run("evaluate", "model", "pairs.csv", "--text-column", "premise", "--device", "cpu")
    assert "pairs.csv: each row is a pair of texts; 'premise' is read, and 'hypothesis' is not." in result.stderr


@pytest.mark.parametrize("longest", [5, 8])
def test_a_text_of_exactly_so_many_tokens_is_not_cut(bert, longest):
    checkpoint = load_encoder(str(bert), device="cpu")
    text = "the staff " * 10
    whole = len(checkpoint.tokens([text], 100)[0])
    assert checkpoint.cut([text, "the staff", ""], longest) == 1
    assert checkpoint.cut([text], whole) == 0
    assert checkpoint.cut([text], whole - 1) == 1
    assert checkpoint.cut([], longest) == 0


def test_nothing_to_say_is_no_line():
    from augment.data import from_table
    from augment.data.containers import as_table

    corpus = from_table(as_table((["a", "b"], ["x", "y"])), "rows")
    assert left_out(corpus) is without_text("rows", 0, 2, "") is cut_texts("rows", 0, 2, 64) is None
    assert on_reading(corpus, "They are left out.") == []
