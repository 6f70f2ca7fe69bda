"""`augment card` says what an output was made from, and uploads it with its rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value, load_dataset
from fake_hub import FakeHub, listening
from huggingface_hub import DatasetCard, constants
from small_trainings import RARE

from augment.cli import main
from augment.models import hub as reaching

HOSTILE = "</td><script>alert(1)</script>|`x`\n---\n# [a](http://evil)"


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with open("mail.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(*RARE, strict=True)])
    done = card("upsample", str(tmp_path / "mail.csv"), "-o", "out.csv", "--strategy", "nlpaug:random_word", "-q")
    assert done.exit_code == 0, done.output
    return tmp_path / "out.csv"


def card(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_the_card_is_valid_and_says_what_was_made_from_what(output: Path) -> None:
    manifest = json.loads(Path("out.csv.manifest.json").read_text())
    done = card("card", "out.csv", "--license", "cc-by-4.0", "--source-license", "mine", "--language", "en")
    assert (done.exit_code, done.output) == (0, "Card: out.csv.card.md\n")
    text = Path("out.csv.card.md").read_text()
    read = DatasetCard(text)
    assert read.data.to_dict() == {
        "license": "cc-by-4.0",
        "language": ["en"],
        "task_categories": ["text-classification"],
        "size_categories": ["n<1K"],
        "pretty_name": "out",
        "tags": ["counterpoise", "synthetic"],
    }
    made = manifest["made"]["neutral"]
    assert f"| neutral | {manifest['counts_before']['neutral']} | {made} |" in text
    assert f"{made} rows were made by a program, from {manifest['input']['rows']} rows of mail.csv" in text
    assert "nlpaug:random_word" in text
    assert f"{sum(manifest['rejected'].values()):,} were rejected." in text
    assert "| the source, mail.csv | mine |" in text
    assert "| the model that made the new rows | not told" in text
    assert str(output.parent) not in text  # the folders of this machine
    again = card("card", "out.csv")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


def test_texts_of_users_stay_texts(output: Path) -> None:
    manifest = json.loads(Path("out.csv.manifest.json").read_text())
    manifest["counts_before"][HOSTILE] = 1
    manifest["guard_notes"] = {"polarity": HOSTILE}
    Path("out.csv.manifest.json").write_text(json.dumps(manifest))
    assert card("card", "out.csv", "--title", HOSTILE, "--source-license", HOSTILE).exit_code == 0
    text = Path("out.csv.card.md").read_text()
    read = DatasetCard(text)
    assert read.data.pretty_name == HOSTILE
    assert text.count("\n---\n") == 1  # the end of the front matter, after its first line
    assert "<script" not in read.text
    assert "</td>" not in read.text
    assert "[a](http" not in read.text


def test_a_table_that_was_changed_gets_no_card(output: Path) -> None:
    Path("out.csv").write_text("".join(Path("out.csv").read_text().splitlines(keepends=True)[:-1]))
    done = card("card", "out.csv")
    assert done.exit_code == 2
    assert "One was changed since" in done.stderr
    assert not Path("out.csv.card.md").exists()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with listening() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_TOKEN", "hf_made_up")
        yield hub


def test_card_and_rows_are_uploaded_once(output: Path, hub: FakeHub) -> None:
    done = card("card", "out.csv", "--push-to-hub", "ada/mail", "--private")
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"Commit: {hub.address}/datasets/ada/mail/commit/")
    files = hub.repositories["ada/mail"]
    assert sorted(files) == [".gitattributes", "README.md", "data/train.parquet"]
    assert hub.private == {"ada/mail": True}
    read = DatasetCard(files["README.md"].decode())
    [configuration] = read.data.configs
    assert configuration["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    rows = pq.read_table(io.BytesIO(files["data/train.parquet"]))
    with open("out.csv", newline="", encoding="utf-8") as file:
        assert rows["text"].to_pylist() == [row["text"] for row in csv.DictReader(file)]
    before = dict(files)
    again = card("card", "out.csv", "--push-to-hub", "ada/mail")
    assert again.exit_code == 2
    assert "holds files already. Give --overwrite" in again.stderr
    assert files == before
    assert card("card", "out.csv", "--push-to-hub", "ada/mail", "--title", "new", "--overwrite").exit_code == 0
    assert b"# new" in files["README.md"]


def test_what_the_hub_refuses_is_one_line(output: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.refuses = 403
    done = card("card", "out.csv", "--push-to-hub", "ada/mail")
    assert done.exit_code == 2
    assert "The hub refuses 'ada/mail' (status 403). Log in" in done.stderr
    assert done.stderr.count("\n") == 1
    monkeypatch.setattr(reaching, "reachable", lambda: False)
    assert "cannot be reached" in card("card", "out.csv", "--push-to-hub", "ada/mail").stderr


def test_a_folder_with_splits_goes_to_the_hub_whole(tmp_path: Path, hub: FakeHub, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    features = Features(text=Value("string"), label=ClassLabel(names=sorted(set(RARE[1]))), stars=Value("int8"))
    rows = Dataset.from_dict({"text": RARE[0], "label": RARE[1], "stars": [3] * len(RARE[0])}, features=features)
    held_out = Dataset.from_dict(
        {"text": ["Held out, and unlike all others."], "label": RARE[1][:1], "stars": [1]}, features=features
    )
    splits = {"train": rows, "validation": held_out, "test": held_out.map(lambda row: {"text": row["text"].upper()})}
    DatasetDict(splits).save_to_disk("mail")
    done = card("upsample", "mail", "-o", "out", "--strategy", "nlpaug:random_word", "-q")
    assert done.exit_code == 0, done.output
    done = card("card", "out", "--push-to-hub", "ada/mail")
    assert done.exit_code == 0, done.output

    files = hub.repositories["ada/mail"]
    for name, content in files.items():
        if name.endswith(".parquet"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_bytes(content)
    Path("README.md").write_bytes(files["README.md"])
    [configuration] = DatasetCard.load("README.md").data.configs
    found = {split["split"]: split["path"] for split in configuration["data_files"]}
    assert found == {split: f"data/{split}.parquet" for split in splits}
    read = load_dataset("parquet", data_files=found, cache_dir="cache")
    assert read["validation"]["text"][:] == held_out["text"][:]
    assert read["train"].features == read["test"].features
    assert read["train"].features["label"] == features["label"]
    assert [read["train"]["is_synthetic"].count(new) for new in (False, True)] == [120, 72]
    text = " ".join(files["README.md"].decode().split())
    assert "192 rows in the split train. 72 rows were made by a program" in text
    assert "The other splits have no new rows: validation (1 row), test (1 row)." in text
    assert "Held out from the new rows: validation of mail (1 row), test of mail (1 row)." in text
