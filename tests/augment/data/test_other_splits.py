"""The other splits of a data set are held out and kept; a split that cannot be held out is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from augment_command import invoke, manifest, refused
from click.testing import CliRunner
from datasets import ClassLabel, Dataset, DatasetDict, Features, SplitDict, SplitInfo, Value
from swapped_words import LABELS, TEXTS, Swap

from augment import Gaussian, Random, upsample, upsample_file
from augment.data import read
from augment.data.layout import Layout
from augment.data.named_files import NamedFile
from augment.errors import InputError
from classifiers.cli.entry import main as classifiers

RUN = "upsample films -o out.csv --strategy nlpaug:keyboard"


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved folder of three splits, of which the last has its texts under another name."""
    monkeypatch.chdir(tmp_path)
    train = Dataset.from_dict({"text": TEXTS, "label": LABELS})
    test = Dataset.from_dict({"body": ["Never seen.", "Nor this."], "label": ["neutral", "negative"]})
    DatasetDict(train=train, validation=train.select([0, 1]), test=test).save_to_disk("films")
    return tmp_path


def test_other_splits_are_held_out_by_themselves(films):
    result = invoke(RUN)
    assert result.exit_code == 0, result.output
    assert "films: its splits 'validation', 'test' are held out." in result.stderr.splitlines()
    record = manifest("out.csv")
    assert record["splits_not_held_out"] == []
    assert [(f["split"], f["text_column"]) for f in record["against"]] == [("validation", "text"), ("test", "body")]
    assert invoke("upsample --config out.csv.manifest.json -o again.csv").exit_code == 0
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


def test_a_split_without_a_known_text_column_is_named_with_how_to_hold_it_out(films):
    whole = DatasetDict.load_from_disk("films")
    whole["test"] = whole["test"].rename_column("body", "words")
    whole.save_to_disk("odd")
    says = "odd: its other split 'test' is not held out. Give --against odd:split=test to do so."
    result = invoke("upsample odd --dry-run --strategy random")
    assert says in result.stdout.splitlines()
    assert "odd: its split 'validation' is held out." in result.stdout.splitlines()
    refused("upsample odd -o out.csv --strategy random --against odd:split=test", "odd:column=NAME")
    held = invoke("upsample odd --dry-run --strategy random --against odd:column=words:split=test")
    assert "odd: its splits 'validation', 'test' are held out." in held.stdout.splitlines()


def test_splits_of_the_same_folder_are_held_out_and_recorded_and_repeated(films):
    result = invoke(f"{RUN} --against films:split=validation --against films:column=body:split=test")
    assert result.exit_code == 0, result.output
    assert "not held out" not in result.stderr
    record = manifest("out.csv")
    assert record["splits_not_held_out"] == []
    assert [(f["name"], f["split"], f["text_column"], f["rows"]) for f in record["against"]] == [
        ("films", "validation", None, 2),
        ("films", "test", "body", 2),
    ]
    assert invoke("upsample --config out.csv.manifest.json -o again.csv").exit_code == 0
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


def test_a_row_of_a_held_out_split_is_never_made(films):
    """Copies of rows that stand in the other split are refused, which a run without it would make."""
    result = invoke("upsample films -o out.csv --strategy random")
    assert result.exit_code == 0, result.output
    made = [row for row in read("out.csv").table.to_list() if row["is_synthetic"]]
    assert made
    assert {row["text"] for row in made}.isdisjoint(TEXTS[:2])


def test_a_vector_strategy_names_the_splits_that_it_does_not_hold_out(films):
    says = "films: its other splits 'validation', 'test' are not held out. Give --against films:split=validation"
    assert says in invoke("upsample films --dry-run --strategy gaussian").stdout
    with pytest.warns(UserWarning, match=r"not held out\. Give `against=\['films:split=validation'"):
        upsample_file("films", "a.parquet", strategy=Gaussian())


def test_a_folder_keeps_all_splits_with_the_columns_of_the_first(films):
    """A data set whose splits have different columns cannot be pushed to the hub."""
    whole = films_of_classes()
    whole.save_to_disk("named")
    assert invoke("upsample named -o balanced --strategy nlpaug:keyboard").exit_code == 0
    made = DatasetDict.load_from_disk("balanced")
    assert list(made) == ["validation", "train", "test"]
    assert made["train"].features == made["validation"].features
    assert made["train"].features["label"] == whole["train"].features["label"]
    assert made["validation"].select_columns(["text", "label"]).to_dict() == whole["validation"].to_dict()
    assert made["validation"]["is_synthetic"][:] == [False, False]
    assert made["test"].to_dict() == whole["test"].to_dict(), "a split of other columns stays as it is"
    assert read("balanced").counts == {"negative": 7, "neutral": 7, "positive": 7}
    assert invoke("report balanced -o report.html").exit_code == 0
    # All of it is replaced, made again from itself, and left out on request.
    assert invoke("upsample named -o balanced --strategy nlpaug:keyboard --overwrite").exit_code == 0
    assert invoke("upsample balanced -o more --strategy nlpaug:keyboard --sampling-strategy 2x").exit_code == 0
    assert len(DatasetDict.load_from_disk("more")["train"]) == 42
    assert invoke("upsample named -o new --strategy nlpaug:keyboard --only-synthetic").exit_code == 0
    assert len(Dataset.load_from_disk("new")) == 9


def films_of_classes() -> DatasetDict:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neutral", "negative", "positive"])})
    labels = [features["label"].str2int(label) for label in LABELS]
    train = Dataset.from_dict({"text": TEXTS, "label": labels}, features=features)
    return DatasetDict(validation=train.select([0, 1]), train=train, test=Dataset.from_dict({"body": ["Not this."]}))


def test_a_file_or_a_folder_of_one_table_has_no_other_splits(films):
    Dataset.from_dict({"text": TEXTS, "label": LABELS}).save_to_disk("single")
    assert read("single").other_splits == read("sample").other_splits == ()
    assert read("films").other_splits == ("validation", "test")
    assert read("films", Layout(split="validation")).other_splits == ("train", "test")


def test_the_splits_of_a_hub_data_set_are_known_from_what_was_fetched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = Dataset.from_dict({"text": TEXTS, "label": LABELS})
    table.info.splits = SplitDict({name: SplitInfo(name, 1, 12) for name in ("train", "test", "unsupervised")})
    monkeypatch.setattr("datasets.load_dataset", lambda *names, split: table)
    monkeypatch.setattr("augment.models.hub.reachable", lambda: True)
    assert read("someone/films").other_splits == ("test", "unsupervised")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("F:split=test", NamedFile("F", None, "test")),
        ("owner/name:conf:split=test", NamedFile("owner/name:conf", None, "test")),
        ("F:split=test:column=a b", NamedFile("F", "a b", "test")),
        ("F:column=a b:split=test", NamedFile("F", "a b", "test")),
        ("C:/F:column=x", NamedFile("C:/F", "x", None)),
        ("F", NamedFile("F", None, None)),
    ],
)
def test_the_name_of_a_file_is_read_by_one_grammar(text, expected):
    assert NamedFile.parsed(text) == expected
    assert NamedFile.parsed(str(expected)) == expected


@pytest.mark.parametrize("text", ["F:split=", ":split=test", "F:column=:split=a"])
def test_a_name_that_says_too_little_is_refused(text):
    with pytest.raises(InputError, match="with its split FOLDER:split=NAME, and with both"):
        NamedFile.parsed(text)


@pytest.mark.parametrize(
    "option", ["upsample films --strategy random -o out.csv --against", "train films -o model --validation"]
)
def test_a_folder_of_several_splits_is_never_read_without_the_name_of_one(films, option):
    says = (
        "films: has the splits 'train', 'validation', 'test'; name the one that is meant, e.g. films:split=validation."
    )
    if option.startswith("upsample"):
        refused(f"{option} films", says)
    else:
        result = CliRunner().invoke(classifiers, [*option.split(), "films"])
        assert (result.exit_code, result.stderr) == (2, f"Error: {says}\n")
        assert not Path("model").exists()
    DatasetDict(test=Dataset.from_dict({"text": ["Never seen."]})).save_to_disk("single")
    assert NamedFile("single").texts(Layout()) == ["Never seen."], "the only one needs no name"


def test_a_hub_data_set_of_several_splits_is_asked_about_too(monkeypatch):
    table = Dataset.from_dict({"text": TEXTS, "label": LABELS})
    table.info.splits = SplitDict({name: SplitInfo(name, 1, 12) for name in ("train", "test")})
    monkeypatch.setattr("datasets.load_dataset", lambda *names, split: table)
    monkeypatch.setattr("augment.models.hub.reachable", lambda: True)
    for read_named in (NamedFile("someone/films").texts, NamedFile("someone/films").labelled):
        with pytest.raises(
            InputError, match=r"has the splits 'train', 'test'; name .* e\.g\. someone/films:split=test"
        ):
            read_named(Layout())


def test_a_split_names_the_splits_that_it_does_not_read(films):
    says = "films: its other splits 'validation', 'test' are not read."
    assert says in invoke("split films -o parts --shares .5,.5").stdout.splitlines()


def test_a_split_of_what_has_none_is_refused_in_one_line(films):
    Path("test.csv").write_text("text\nNever seen.\n")
    refused(f"{RUN} --against test.csv:split=test", "test.csv:split=test: a split is for hub ids and folders")
    refused(f"{RUN} --against films:split=tset", "has no split 'tset'", "Did you mean 'test'?")


def test_a_data_set_of_splits_in_memory_comes_back_with_new_rows_in_train(films):
    whole = films_of_classes()
    made, record = upsample(whole, strategy=Random())
    assert list(made) == list(whole)
    assert record.counts_after == {"negative": 7, "neutral": 7, "positive": 7}
    assert made["train"].features == made["validation"].features
    assert made["validation"].select_columns(["text", "label"]).to_dict() == whole["validation"].to_dict()
    assert made["test"].to_dict() == whole["test"].to_dict()
    assert set(made["train"]["text"][12:]).isdisjoint(TEXTS[:2]), "copies of held-out rows are refused"
    assert [(file["split"], file["rows"]) for file in record.against] == [("validation", 2), ("test", 1)]
    assert record.splits_not_held_out == []
    new, _ = upsample(whole, strategy=Random(), only_synthetic=True)
    assert {name: len(rows) for name, rows in new.items()} == {"train": 9}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a", "b"], r"the splits 'a', 'b', and none has the name 'train'\..*upsample\(data\['a'\], against"),
        ([], "has no split"),
    ],
)
def test_a_data_set_in_memory_without_a_training_split_is_refused(names, says):
    with pytest.raises(InputError, match=says):
        upsample(DatasetDict({name: Dataset.from_dict({"text": TEXTS, "label": LABELS}) for name in names}))


def test_a_split_in_memory_without_texts_is_refused_by_its_name(films):
    whole = films_of_classes()
    whole["test"] = Dataset.from_dict({"words": ["Nor this."]})
    with pytest.raises(InputError, match=r"the split 'test': has no text column .* or leave the split 'test' out"):
        upsample(whole, strategy=Swap())


def test_the_record_is_plain_data(films):
    invoke(RUN)
    assert len(json.loads(Path("out.csv.manifest.json").read_text())["against"]) == 2
