"""The other splits of a data set: named if they are not held out, and held out by the name of the same folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from augment_command import invoke, manifest, refused
from click.testing import CliRunner
from datasets import Dataset, DatasetDict, SplitDict, SplitInfo
from swapped_words import LABELS, TEXTS, Swap

from augment import upsample, upsample_file
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


def test_other_splits_are_named_with_how_to_hold_them_out(films):
    result = invoke(RUN)
    assert result.exit_code == 0, result.output
    says = (
        "films: its other splits 'validation', 'test' are not held out. Give --against films:split=validation --against"
        " films:split=test to do so."
    )
    assert says in result.stderr.splitlines()
    assert says in invoke("upsample films --dry-run --strategy random").stdout.splitlines()
    assert manifest("out.csv")["splits_not_held_out"] == ["validation", "test"]


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


def test_one_split_that_is_held_out_leaves_the_others_to_name(films):
    result = invoke(f"{RUN} --against films:split=validation")
    assert "films: its other split 'test' is not held out. Give --against films:split=test to do so." in result.stderr


def test_a_row_of_a_held_out_split_is_never_made(films):
    """Copies of rows that stand in the other split are refused, which a run without it would make."""
    result = invoke("upsample films -o out.csv --strategy random --against films:split=validation")
    assert result.exit_code == 0, result.output
    made = [row for row in read("out.csv").table.to_list() if row["is_synthetic"]]
    assert made
    assert {row["text"] for row in made}.isdisjoint(TEXTS[:2])


def test_python_warns_and_holds_out_too(films):
    with pytest.warns(
        UserWarning, match=r"not held out\. Give `against=\['films:split=validation', 'films:split=test'"
    ):
        upsample_file("films", "a.csv", strategy=Swap())
    result = upsample_file(
        "films", "b.csv", strategy=Swap(), against=["films:split=validation", "films:column=body:split=test"]
    )
    assert result.splits_not_held_out == []


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


def test_a_data_set_of_splits_in_memory_is_asked_for_one(films):
    whole = DatasetDict.load_from_disk("films")
    with pytest.raises(InputError, match=r"splits: 'train', 'validation', 'test'\. Give one, e\.g\. data\['train'\]"):
        upsample(whole, strategy=Swap())


def test_the_record_is_plain_data(films):
    invoke(RUN)
    assert json.loads(Path("out.csv.manifest.json").read_text())["against"] == []
