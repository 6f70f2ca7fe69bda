"""`augment upsample` with a vector strategy: what it writes, what it records, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from threadpoolctl import threadpool_limits

from augment import upsample
from augment.cli.entry import main
from augment.errors import InputError
from augment.models.encoder import TextEncoder
from augment.registry import STRATEGIES

COMMAND = Path(sys.executable).parent / "augment"
SAMPLE = Path(__file__).parents[3] / "augment" / "data" / "samples" / "reviews.csv"
SIZES = {"negative": 12, "neutral": 8, "positive": 20}
"""Rows of each class of `in.csv`."""
COLUMNS = ["text", "label", "is_synthetic", "source_row", "strategy", "variant"]
COLUMNS += ["vector", "neighbor_row", "neighbor_weight"]
NEEDS = {"gan-smote": "--param n_steps=25"}
"""Of a strategy, the options that it is to be run with."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Of so few rows, threads wait for each other longer than they work."""
    with threadpool_limits(1):
        yield


@cache
def opened(name: str, **options: Any) -> Any:
    from augment.models.checkpoints import load_encoder

    return load_encoder(name, **options)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences: list[str], bert: Path) -> Path:
    """The working folder, with `in.csv` and the folder `tiny` of an encoder in it; each model is opened once."""
    import augment.models.encoder

    monkeypatch.setattr(augment.models.encoder, "load_encoder", opened)
    monkeypatch.chdir(tmp_path)
    table("in.csv", rows_of(sentences))
    os.symlink(bert, "tiny")
    return tmp_path


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any attempt to open a model fail the test."""
    import augment.models.encoder

    monkeypatch.setattr(augment.models.encoder, "load_encoder", lambda *a, **k: pytest.fail("a model was opened"))


def rows_of(sentences: list[str]) -> list[dict[str, str]]:
    """The rows of `in.csv`: the classes stand mixed."""
    labels = [label for label, count in SIZES.items() for _ in range(count)]
    order = np.random.default_rng(0).permutation(len(labels))
    return [{"text": text, "label": labels[i]} for text, i in zip(sentences, order, strict=True)]


def table(name: str, rows: list[dict[str, Any]]) -> None:
    """Write a csv file."""
    with open(name, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def run(command: str) -> Result:
    """Run a command line that must work."""
    done = CliRunner().invoke(main, shlex.split(command))
    assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
    return done


def made(options: str = "", output: str = "out.parquet", strategy: str = "smote", source: str = "in.csv") -> Any:
    """Balance a file by a tiny encoder and return the rows that were written, as plain data."""
    encoder = "" if "--encoder" in options else "--encoder ./tiny"
    run(f"upsample {source} -o {output} --strategy {strategy} {encoder} {options}")
    return read(output)


def read(output: str) -> pd.DataFrame:
    """Read an output, nulls as None, by the library that its format belongs to."""
    found = datasets.load_from_disk(output).data.table if Path(output).is_dir() else pq.read_table(output)
    return pd.DataFrame({name: found[name].to_pylist() for name in found.column_names}, dtype=object)


def matrix(rows: pd.DataFrame) -> np.ndarray:
    return np.array(rows["vector"].tolist(), dtype=np.float32)


def new_of(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_synthetic"].astype(bool)]


def old_of(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["is_synthetic"].astype(bool)]


def manifest(name: str) -> dict[str, Any]:
    return json.loads(Path(f"{name}.manifest.json").read_text(encoding="utf-8"))


def settings(name: str) -> dict[str, Any]:
    """What a manifest says of the run itself, and not of how long it took."""
    return {key: value for key, value in manifest(name).items() if key != "seconds"}


def snapshot() -> dict[str, bytes | None]:
    """Everything in the working folder but the encoder."""
    found = [path for path in Path().rglob("*") if path.parts[0] != "tiny"]
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


def refused(command: str, *says: str) -> str:
    """Run a command line that must fail in one line and leave everything as it was."""
    before = snapshot()
    done = CliRunner().invoke(main, shlex.split(command))
    assert isinstance(done.exception, SystemExit), f"{command}\n{done.output}\n{done.exception!r}"
    assert done.exit_code == 2, done.output
    assert snapshot() == before, "something was left behind or touched"
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if " texts (" not in line]  # how far it was by then
    (line,) = lines
    assert line.startswith("Error: ")
    for part in says:
        assert part in line, line
    return line


def lengths(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors.astype(np.float64), axis=1)


def between(rows: pd.DataFrame, new: pd.DataFrame) -> np.ndarray:
    """Where new rows lie by what is said of their parents, before they are brought to length."""
    vectors = matrix(rows).astype(np.float64)
    first, second = (vectors[new[name].astype(int)] for name in ("source_row", "neighbor_row"))
    weight = new["neighbor_weight"].to_numpy(dtype=np.float64)[:, None]
    return (1 - weight) * first + weight * second


# What is written


@pytest.mark.numeric
def test_the_sample_is_balanced_by_vectors_with_the_originals_first_and_unchanged():
    done = run("upsample sample --strategy smote -o out.parquet --seed 3")
    schema = pq.read_schema("out.parquet")
    assert schema.names == COLUMNS
    assert schema.field("vector").type == pa.list_(pa.float32(), 384)
    assert [schema.field(name).type for name in COLUMNS[2:6]] == [pa.bool_(), pa.int64(), pa.string(), pa.int64()]
    assert [schema.field(name).type for name in COLUMNS[7:]] == [pa.int64(), pa.float64()]
    with open(SAMPLE, encoding="utf-8", newline="") as file:
        originals = list(csv.DictReader(file))
    rows = read("out.parquet")
    old, new = rows[:300], rows[300:]
    assert old[["text", "label"]].to_dict("records") == originals
    assert Counter(rows["label"]) == dict.fromkeys(SIZES, 135)
    assert [*old["is_synthetic"], *new["is_synthetic"]] == [False] * 300 + [True] * 105
    assert old[["source_row", "strategy", "variant", "neighbor_row", "neighbor_weight"]].isna().all(axis=None)
    assert new[["text", "variant"]].isna().all(axis=None)
    assert {*new["strategy"]} == {"smote"}
    encoded = TextEncoder(normalize=True).encode([row["text"] for row in originals])
    assert np.array_equal(matrix(old), encoded), "the vectors of the texts, to the bit"
    line = between(rows, new)
    assert np.abs(matrix(new) - line / lengths(line)[:, None]).max() < 1e-6
    assert (lengths(line) < 0.999).any(), "the line alone falls short"
    assert not (matrix(new)[:, None] == encoded[None]).all(axis=2).any()
    for name in ("source_row", "neighbor_row"):
        assert [originals[row]["label"] for row in new[name]] == new["label"].tolist()
    assert (new["source_row"] != new["neighbor_row"]).all()
    assert new["neighbor_weight"].between(0, 0.5).all()
    assert sorted(os.listdir()) == ["in.csv", "out.parquet", "out.parquet.manifest.json", "tiny"]
    assert re.search(r"neutral +45 +90 +135\b", done.stdout)
    assert "105 vectors made in" in done.stdout
    assert "rejected" not in done.stdout
    assert done.stderr.splitlines()[-1].startswith("300 of 300 texts")


def test_counts_are_exactly_those_that_were_asked_for():
    for wanted, counts in (
        ("auto", (20, 20, 20)),
        ("minority", (12, 20, 20)),
        (".7", (14, 14, 20)),
        ("neutral=61,positive=23", (12, 61, 23)),
        ("neutral=8", (12, 8, 20)),
    ):
        rows = made(f"--sampling-strategy {wanted} --overwrite")
        assert Counter(rows["label"]) == dict(zip(SIZES, counts, strict=True))
        assert manifest("out.parquet")["counts_after"] == Counter(rows["label"])
        assert sum(manifest("out.parquet")["made"].values()) == len(rows) - 40


def test_a_folder_holds_what_a_parquet_file_does():
    rows = made("--decode nearest")
    made("--decode nearest", output="out")
    saved = datasets.load_from_disk("out")
    assert saved.features["vector"] == datasets.List(datasets.Value("float32"), length=64)
    assert saved.column_names == [*COLUMNS, "nearest_text", "nearest_distance"]
    pd.testing.assert_frame_equal(read("out"), rows)
    assert datasets.Dataset.from_parquet("out.parquet").features == saved.features
    assert settings("out") == settings("out.parquet")


def test_only_the_new_rows_are_written_on_request():
    whole = made("--decode nearest")
    alone = made("--decode nearest --only-synthetic", output="new.parquet")
    pd.testing.assert_frame_equal(alone, new_of(whole).reset_index(drop=True))
    assert len(alone) == 20
    assert pq.read_schema("new.parquet").field("vector").type == pa.list_(pa.float32(), 64)
    assert manifest("new.parquet")["only_synthetic"] is True


def test_data_that_are_balanced_already_get_their_vectors_and_nothing_new():
    rows = made("--labels negative,positive --sampling-strategy positive=20 --decode nearest")
    assert len(rows) == 32
    assert matrix(rows).shape == (32, 64)
    assert not rows["is_synthetic"].any()
    assert manifest("out.parquet")["made"] == {"positive": 0}
    none = made("--sampling-strategy positive=20 --only-synthetic", output="none.parquet")
    assert (len(none), list(none.columns)) == (0, COLUMNS)


def test_other_columns_stay_and_are_null_in_new_rows(sentences):
    table("more.csv", [{"id": f"0{i}", **row, "stars": i} for i, row in enumerate(rows_of(sentences))])
    rows = made(source="more.csv")
    assert list(rows.columns) == ["id", "text", "label", "stars", *COLUMNS[2:]]
    assert old_of(rows)["id"].tolist() == [f"0{i}" for i in range(40)]
    assert new_of(rows)[["id", "stars", "text"]].isna().all(axis=None)


@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.jsonl", "out.CSV"])
def test_a_format_of_texts_is_refused_before_anything_is_read_and_the_message_says_what_to_do(no_model, output):
    refused(
        f"upsample in.csv -o {output} --strategy smote",
        f"{output}: the strategy 'smote' makes vectors, which have no text and which .{output[4:]} cannot hold.",
        "Give a .parquet file or a folder, with --decode nearest to read the nearest real text beside each;",
        "or a strategy that makes texts, such as fillmask.",
    )


# Where new vectors lie


@pytest.mark.numeric
def test_the_nearest_text_is_the_real_nearest():
    rows = made("--decode nearest")
    old, new = old_of(rows), new_of(rows)
    assert old[["nearest_text", "nearest_distance"]].isna().all(axis=None)
    apart = np.linalg.norm(matrix(new)[:, None].astype(np.float64) - matrix(old)[None], axis=2)
    assert new["nearest_text"].tolist() == [old["text"][row] for row in apart.argmin(axis=1)]
    assert np.allclose(new["nearest_distance"].astype(float), apart.min(axis=1), atol=1e-5)
    assert manifest("out.parquet")["decode"] == "nearest"
    without = made(output="without.parquet")
    assert list(without.columns) == COLUMNS
    assert manifest("without.parquet")["decode"] is None
    pd.testing.assert_frame_equal(without, rows[COLUMNS])


@pytest.mark.numeric
def test_without_normalizing_vectors_have_their_length_and_new_ones_lie_on_the_line(sentences):
    rows = made("--no-normalize")
    encoded = TextEncoder(model="./tiny").encode(sentences)
    assert np.array_equal(matrix(old_of(rows)), encoded)
    assert np.ptp(lengths(encoded)) > 0.1
    assert np.abs(matrix(new_of(rows)) - between(rows, new_of(rows))).max() < 1e-5
    assert manifest("out.parquet")["encoder"]["normalize"] is False
    unit = made("--normalize", output="unit.parquet")
    assert np.abs(lengths(matrix(unit)) - 1).max() < 1e-5
    assert made(output="default.parquet").equals(unit)


@pytest.mark.numeric
def test_pooling_and_encoder_are_those_that_were_named(sentences):
    found = {}
    for pooling in ("mean", "cls", "max"):
        rows = made(f"--pooling {pooling} --overwrite")
        found[pooling] = TextEncoder(model="./tiny", pooling=pooling, normalize=True).encode(sentences)
        assert np.array_equal(matrix(old_of(rows)), found[pooling])
        encoder = manifest("out.parquet")["encoder"]
        assert (encoder["model"], encoder["pooling"], encoder["identity"]["model"]) == ("./tiny", pooling, "./tiny")
    assert not np.allclose(found["mean"], found["max"])
    wide = made("--encoder mini --overwrite")
    assert np.array_equal(matrix(old_of(wide)), TextEncoder(normalize=True).encode(sentences))


@pytest.mark.numeric
def test_parameters_of_the_strategy_are_carried_out(sentences):
    rows = made("--param k_neighbors=3 --param sphere=slerp --sampling-strategy neutral=60,negative=60,positive=60")
    parameters = manifest("out.parquet")["strategy"]["parameters"]
    assert (parameters["k_neighbors"], parameters["sphere"]) == (3, "slerp")
    old, new, vectors = old_of(rows), new_of(rows), matrix(rows).astype(np.float64)
    labels = old["label"].to_numpy()
    for first, second in zip(new["source_row"], new["neighbor_row"], strict=True):
        among_three = []
        for row, other in ((first, second), (second, first)):
            own = np.flatnonzero((labels == labels[row]) & (np.arange(40) != row))
            among_three.append(other in own[np.argsort(-(vectors[own] @ vectors[row]))[:3]])
        assert any(among_three), "one of them is among the three nearest of the other"
    weight = new["neighbor_weight"].to_numpy(dtype=np.float64)[:, None]
    one, other = (vectors[new[name].astype(int)] for name in ("source_row", "neighbor_row"))
    angle = np.arccos((one * other).sum(axis=1, keepdims=True))
    arc = (np.sin((1 - weight) * angle) * one + np.sin(weight * angle) * other) / np.sin(angle)
    assert np.abs(matrix(new) - arc).max() < 1e-5
    line = between(rows, new)
    assert np.abs(arc - line / lengths(line)[:, None]).max() > 1e-4, "it could be told from the line"


@pytest.mark.numeric
@pytest.mark.parametrize("strategy", STRATEGIES.names("vector"))
def test_every_vector_strategy_makes_exactly_what_was_asked_for(strategy):
    done = run(f"upsample sample -o out.parquet --strategy {strategy} --decode nearest {NEEDS.get(strategy, '')}")
    rows = read("out.parquet")
    assert Counter(rows["label"]) == dict.fromkeys(SIZES, 135)
    old, new, vectors = old_of(rows), new_of(rows), matrix(rows)
    assert {*new["strategy"]} == {strategy}
    assert np.abs(lengths(vectors) - 1).max() < 1e-5
    assert not (vectors[300:, None] == vectors[None, :300]).all(axis=2).any()
    assert len(np.unique(vectors[300:], axis=0)) == 105
    assert set(new["nearest_text"]) <= set(old["text"])
    if strategy == "gaussian":
        stored = pq.read_table("out.parquet")
        for name in ("source_row", "neighbor_row", "neighbor_weight"):
            assert stored[name].null_count == 405, "null, and not nan"
    else:
        for name in ("source_row", "neighbor_row"):
            assert old["label"][new[name]].tolist() == new["label"].tolist()
        assert (new["neighbor_weight"].astype(float).min() < 0) == (strategy == "svm-smote")
        off = np.abs(vectors[300:] - between(rows, new) / lengths(between(rows, new))[:, None]).max(axis=1)
        moved = new["label"].to_numpy() == ("negative" if strategy == "gan-smote" else "")
        assert (off[~moved] < 1e-6).all()
        assert (off[moved] > 1e-6).all()
    warned = [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    if strategy == "gan-smote":  # one class is trained, the other is too small
        (said,) = warned
        assert "The class 'neutral' has 45 different rows, and GANSMOTE trains no network on fewer" in said
    else:
        assert warned == []


# Which rows


def test_rows_are_counted_in_the_input_even_where_some_were_dropped(sentences):
    gaps = [{"text": "There is no label here.", "label": label} for label in ("", "", "")]
    rows = rows_of(sentences)
    rows = [gaps[0], *rows[:7], gaps[1], *rows[7:], gaps[2]]
    table("gaps.csv", rows)
    for options, dropped in (("--drop-unlabelled", 3), ("--labels neutral,positive", 15)):
        written = made(f"{options} --overwrite", source="gaps.csv")
        assert manifest("out.parquet")["input"]["rows_kept_out"] == dropped
        new = new_of(written)
        assert len(new) == (20 if dropped == 3 else 12)
        for name in ("source_row", "neighbor_row"):
            assert [rows[row]["label"] for row in new[name]] == new["label"].tolist()
        encoded = TextEncoder(model="./tiny", normalize=True).encode([row["text"] for row in rows])
        line = between(pd.DataFrame({"vector": list(encoded)}), new)
        assert np.abs(matrix(new) - line / lengths(line)[:, None]).max() < 1e-6


def test_rows_without_a_text_stay_and_are_no_sources_and_nearest_to_none(sentences):
    rows = [{"text": "", "label": "neutral"}, *rows_of(sentences), {"text": "  ", "label": "neutral"}]
    table("holes.csv", rows)
    done = run("upsample holes.csv -o out.parquet --strategy smote --encoder ./tiny --decode nearest")
    written = read("out.parquet")
    assert Counter(written["label"]) == dict.fromkeys(SIZES, 20)
    assert [text or "" for text in written["text"][:42]] == [row["text"] for row in rows]
    new = new_of(written)
    assert len(new) == 18
    for name in ("source_row", "neighbor_row"):
        assert {*new[name]}.isdisjoint({0, 41})
    assert all(text.strip() for text in new["nearest_text"])
    assert "2 rows have no text" in done.stdout
    refused("upsample holes.csv -o strict.parquet --strategy smote --strict", "2 rows have no text", "row 0")


def test_a_text_that_stands_twice_is_once_a_source_and_no_neighbour_of_itself(sentences):
    rows = rows_of(sentences)
    neutral = [i for i, row in enumerate(rows) if row["label"] == "neutral"]
    rows += [rows[neutral[0]]] * 5
    table("twice.csv", rows)
    new = new_of(made("--sampling-strategy neutral=80", source="twice.csv"))
    assert {*new["source_row"], *new["neighbor_row"]} == {*neutral}
    for first, second in zip(new["source_row"], new["neighbor_row"], strict=True):
        assert rows[first]["text"] != rows[second]["text"]


def test_rows_that_a_text_strategy_made_are_encoded_and_are_no_sources(sentences):
    run("upsample in.csv -o texts.csv --strategy nlpaug:keyboard --sampling-strategy neutral=12 --guard none -q")
    rows = made("--decode nearest", source="texts.csv")
    assert Counter(rows["label"]) == dict.fromkeys(SIZES, 20)
    texts, vectors = rows[:44], rows[44:]
    assert texts["is_synthetic"].tolist() == [False] * 40 + [True] * 4
    assert texts["strategy"][40:].tolist() == ["nlpaug:keyboard"] * 4
    assert texts["source_row"][40:].notna().all()
    encoded = TextEncoder(model="./tiny", normalize=True).encode(texts["text"].tolist())
    assert np.array_equal(matrix(texts), encoded)
    assert len(vectors) == 16
    assert max(*vectors["source_row"], *vectors["neighbor_row"]) < 40
    assert {*vectors["nearest_text"]} <= {*texts["text"][:40]}


def test_a_class_label_stays_one():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["positive", "unused", "neutral"])}
    )
    values = {"text": [f"Room {i} is on the floor above." for i in range(30)], "label": [2] * 10 + [0] * 20}
    datasets.DatasetDict({"small": datasets.Dataset.from_dict(values, features=features)}).save_to_disk("saved")
    for output in ("out.parquet", "out"):
        run(f"upsample saved -o {output} --split small --strategy smote --encoder ./tiny")
        found = datasets.load_from_disk("out") if output == "out" else datasets.Dataset(pq.read_table(output))
        assert found.features["label"] == features["label"]
        assert found["label"][:] == [2] * 10 + [0] * 20 + [2] * 10
        assert {*found["source_row"][30:]} <= {*range(10)}
        assert manifest(output)["counts_after"] == {"neutral": 20, "positive": 20}


def test_integer_labels_stay_integers(sentences):
    lines = (json.dumps({"text": text, "label": 3 * (i < 10)}) for i, text in enumerate(sentences))
    Path("in.jsonl").write_text("".join(f"{line}\n" for line in lines))
    rows = made("--sampling-strategy 3=25", source="in.jsonl")
    assert Counter(rows["label"]) == {3: 25, 0: 30}
    assert {type(label) for label in rows["label"]} == {int}


# One seed, one result


@pytest.mark.numeric
@pytest.mark.parametrize("strategy", ["smote", "gaussian", "gan-smote --param n_steps=3 --param min_rows=30"])
def test_a_seed_gives_the_same_bytes_for_any_batch_size_and_another_seed_others(strategy, sentences):
    rows = [{"text": f"{text} It is room {i}.", "label": row["label"]} for row in rows_of(sentences) for i in range(4)
            for text in [row["text"]]]  # fmt: skip
    table("big.csv", rows)
    for name, options in {"a": "", "b": "--batch-size 7", "c": "--batch-size 1", "d": "--seed 1"}.items():
        made(f"{options} -q", output=f"{name}.parquet", strategy=strategy, source="big.csv")
    first, *others = (Path(f"{name}.parquet").read_bytes() for name in "abcd")
    assert [other == first for other in others] == [True, True, False]
    assert settings("a.parquet") == settings("b.parquet"), "the size of a batch is no part of it"
    assert np.array_equal(matrix(read("a.parquet"))[:160], matrix(read("d.parquet"))[:160])


@pytest.mark.numeric
def test_the_bundled_encoder_gives_the_same_bytes_for_any_batch_size():
    for name, options in {"a": "", "b": "--batch-size 7"}.items():
        run(f"upsample sample --strategy smote -o {name}.parquet -q {options}")
    assert Path("a.parquet").read_bytes() == Path("b.parquet").read_bytes()
    assert settings("a.parquet") == settings("b.parquet")


# The manifest


def test_the_manifest_holds_all_that_determines_the_result():
    made("--seed 12 --param k_neighbors=4 --decode nearest --pooling cls --sampling-strategy neutral=11")
    found = manifest("out.parquet")
    assert found["encoder"] | {"identity": {}} == {
        "model": "./tiny",
        "revision": None,
        "pooling": "cls",
        "max_length": 256,
        "normalize": True,
        "identity": {},
    }
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", found["encoder"]["identity"]["revision"])
    assert found["strategy"]["name"] == "smote"
    assert found["strategy"]["parameters"]["k_neighbors"] == 4
    assert {"sampling_strategy", "random_state"}.isdisjoint(found["strategy"]["parameters"])
    assert (found["seed"], found["decode"], found["guards"]) == (12, "nearest", [])
    assert found["sampling_strategy"] == {"neutral": 11}
    assert found["made"] == {"neutral": 3}
    assert (found["missing"], found["rejected"]) == ({}, {})
    assert found["versions"]["imbalanced-learn"]


@pytest.mark.parametrize(
    "options",
    [
        "--strategy smote --encoder ./tiny --seed 7 --decode nearest --pooling max --no-normalize --only-synthetic",
        "--strategy gaussian --encoder ./tiny --param shrinkage=oas --sampling-strategy .9 --labels neutral,positive",
        "--strategy borderline-smote --encoder ./tiny --param m_neighbors=8 --param sphere=none --against dev.csv",
        "--strategy smote",
    ],
)
def test_a_run_is_repeated_from_its_manifest_to_the_byte(options):
    table("dev.csv", [{"text": "Nothing of the kind was ever written here."}])
    run(f"upsample in.csv -o one.parquet {options}")
    run("upsample --config one.parquet.manifest.json -o two.parquet")
    assert Path("two.parquet").read_bytes() == Path("one.parquet").read_bytes()
    assert settings("two.parquet") == settings("one.parquet")


def test_an_option_that_is_given_goes_before_the_file():
    made("--seed 5 --decode nearest --param k_neighbors=2")
    again = "upsample --config out.parquet.manifest.json"
    run(f"{again} -o other.parquet --seed 6 --param k_neighbors=3 --pooling max --no-normalize --encoder mini")
    found = manifest("other.parquet")
    assert (found["seed"], found["decode"], found["strategy"]["parameters"]["k_neighbors"]) == (6, "nearest", 3)
    encoder = {name: found["encoder"][name] for name in ("model", "pooling", "normalize")}
    assert encoder == {"model": "mini", "pooling": "max", "normalize": False}
    run(f"{again} -o gaussian.parquet --strategy gaussian")
    found = manifest("gaussian.parquet")
    assert (found["strategy"]["name"], found["encoder"]["model"], found["seed"]) == ("gaussian", "./tiny", 5)
    run(f"{again} -o texts.csv --strategy random")
    found = manifest("texts.csv")
    assert (found["strategy"]["name"], found["encoder"], found["seed"]) == ("random", None, 5)


def test_a_file_by_hand_may_leave_the_encoder_or_parts_of_it_out():
    asked = {"input": {"name": "in.csv"}, "strategy": {"name": "smote"}, "encoder": {"model": "./tiny"}}
    Path("run.json").write_text(json.dumps(asked))
    run("upsample --config run.json -o one.parquet")
    made(output="two.parquet")
    assert Path("one.parquet").read_bytes() == Path("two.parquet").read_bytes()
    Path("run.json").write_text(json.dumps({**asked, "encoder": {"model": "./tiny", "poling": "max"}}))
    refused("upsample --config run.json -o x.parquet", "'encoder' has no key 'poling'", "Did you mean 'pooling'?")
    Path("run.json").write_text(json.dumps({**asked, "encoder": {"model": "./tiny", "pooling": "maxx"}}))
    refused("upsample --config run.json -o x.parquet", "run.json: `pooling` of the encoder must be one of")


def test_another_encoder_is_refused_until_its_identity_is_removed_or_an_encoder_is_given():
    made()
    changed = manifest("out.parquet")
    changed["encoder"]["identity"]["revision"] = "sha256:0"
    Path("run.json").write_text(json.dumps(changed))
    said = refused("upsample --config run.json -o two.parquet", "The encoder is not what it was when run.json was made")
    assert 'revision was "sha256:0"' in said
    assert "remove 'identity' of the encoder from the file to run all the same" in said
    refused("upsample --config run.json -o two.parquet --batch-size 3", "The encoder is not what it was")
    run("upsample --config run.json -o given.parquet --encoder ./tiny")
    del changed["encoder"]["identity"]
    Path("run.json").write_text(json.dumps(changed))
    run("upsample --config run.json -o removed.parquet")
    assert Path("removed.parquet").read_bytes() == Path("given.parquet").read_bytes()


def test_an_encoder_that_was_exchanged_under_its_name_is_noticed(tiny):
    made()
    os.unlink("tiny")
    shutil.copytree(tiny("electra"), "tiny")
    opened.cache_clear()
    refused("upsample --config out.parquet.manifest.json -o two.parquet", "The encoder is not what it was")
    opened.cache_clear()


# Held-out texts


def test_held_out_texts_are_recorded_and_a_text_in_both_hurts_nobody(sentences):
    table("dev.csv", [{"text": sentences[0]}, {"text": "Nothing of the kind was ever written here."}])
    rows = made("--against dev.csv")
    made(output="free.parquet")
    assert Path("out.parquet").read_bytes() == Path("free.parquet").read_bytes()
    (file,) = manifest("out.parquet")["against"]
    assert (file["name"], file["rows"]) == ("dev.csv", 2)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["texts"])
    assert len(new_of(rows)) == 20


def test_a_copy_of_a_held_out_text_is_refused(sentences):
    neutral = [row["text"] for row in rows_of(sentences) if row["label"] == "neutral"]
    copies = "--strategy smote --encoder ./tiny --param k_neighbors=9 --param small_class=duplicate"
    copies += " --sampling-strategy neutral=40"
    table("dev.csv", [{"text": text} for text in neutral])
    refused(f"upsample in.csv -o out.parquet {copies} --against dev.csv", "A new vector equals that of a held-out text")
    run(f"upsample in.csv -o out.parquet {copies}")
    new = new_of(read("out.parquet"))
    assert new["neighbor_row"].isna().all()
    assert new["neighbor_weight"].isna().all()
    vectors = matrix(read("out.parquet"))
    assert np.array_equal(vectors[40:], vectors[new["source_row"].astype(int)])


# Switches


def test_a_dry_run_prints_the_plan_writes_nothing_and_opens_no_model(no_model):
    before = snapshot()
    for command in (
        "upsample in.csv --dry-run --strategy smote",
        "upsample in.csv -o out.parquet --dry-run --strategy gan-smote --encoder some-folder-that-is-not",
    ):
        done = run(command)
        assert re.search(r"neutral +8 +12 +20 +8 +1\.5\b", done.stdout), done.stdout
        assert done.stderr == ""
        assert snapshot() == before


def test_a_dry_run_refuses_what_the_run_would_refuse(no_model, sentences):
    table("own.csv", [{**row, "vector": 1} for row in rows_of(sentences)])
    for command, says in (
        ("own.csv --strategy smote", "has a column 'vector' of its own"),
        ("in.csv --strategy smote --guard changed", "'smote' makes vectors: guards"),
        ("in.csv --strategy smote --workers 2", "--workers is for strategies that make texts"),
        ("in.csv --strategy smote --pooling men", "Did you mean 'mean'?"),
        ("in.csv --strategy smote --param k_neighbors=0", "'k_neighbors' parameter of Smote"),
    ):
        refused(f"upsample {command} --dry-run", says)


def test_an_existing_output_is_replaced_only_on_request():
    for output in ("out.parquet", "out"):
        made("--seed 1", output=output)
        refused(f"upsample in.csv -o {output} --strategy smote", output, "exists already", "--overwrite")
        first = manifest(output)
        made("--seed 2 --overwrite", output=output)
        assert (first["seed"], manifest(output)["seed"]) == (1, 2)
        made("--seed 1", output=f"1.{output}" if "." in output else "again")
        assert not read(output).equals(read(f"1.{output}" if "." in output else "again"))
    names = ["1.out.parquet", "again", "out", "out.parquet"]
    assert sorted(os.listdir()) == sorted([*names, *(f"{name}.manifest.json" for name in names), "in.csv", "tiny"])


def test_quiet_says_nothing_when_all_is_well():
    done = run("upsample in.csv -o out.parquet --strategy smote --encoder ./tiny --quiet --show 3")
    assert (done.stdout, done.stderr) == ("", "")
    assert Counter(read("out.parquet")["label"]) == dict.fromkeys(SIZES, 20)


def test_new_vectors_are_shown_by_their_parents_and_the_nearest_text():
    command = "upsample in.csv --strategy smote --encoder ./tiny"
    said = run(f"{command} -o out.parquet --show 4 --decode nearest").stdout
    shown = re.findall(
        r"^  (\w+) \| (.+)\n +\| ([+-]\d\.\d\d) of the way to: (.+)\n +\| nearest \((\d\.\d\d)\): (.+)$", said, re.M
    )
    assert len(shown) == 4
    rows = read("out.parquet")
    text, new = rows["text"], new_of(rows)
    known = {
        (row.label, text[row.source_row], f"{row.neighbor_weight:+.2f}", text[row.neighbor_row])
        + (f"{row.nearest_distance:.2f}", row.nearest_text)
        for row in new.itertuples()
    }
    assert {*shown} <= known
    assert {label for label, *_ in shown} == {"negative", "neutral"}
    assert " | " not in run(f"{command} -o none.parquet").stdout
    assert run(f"{command} -o all.parquet --show 99").stdout.count("of the way to: ") == 20
    assert "nearest" not in run(f"{command} -o few.parquet --show 2").stdout


def test_vectors_of_no_row_in_particular_are_shown_as_such():
    said = run("upsample in.csv -o out.parquet --strategy gaussian --encoder ./tiny --show 2 --decode nearest").stdout
    assert len(re.findall(r"^  \w+ \| of no row in particular\n +\| nearest \(", said, re.M)) == 2
    assert "of the way to" not in said


def test_a_report_about_vectors_is_written_on_request():
    pytest.importorskip("matplotlib")
    done = run("upsample in.csv -o out.parquet --strategy smote --encoder ./tiny --report out.html")
    assert "Report: out.html" in done.stdout
    assert "smote" in Path("out.html").read_text(encoding="utf-8")


# What is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--strategy smote --guard changed", ("'smote' makes vectors", "guards", "Leave them out")),
        ("--strategy smote --guard none", ("'smote' makes vectors", "guards")),
        ("--strategy smote --max-per-source 3", ("'smote' makes vectors", "most per source", "Leave them out")),
        ("--strategy smote --workers 2", ("--workers", "'smote' makes vectors", "Leave it out")),
        ("--strategy smote --model mini", ("'smote' has no --model", "--encoder")),
        ("--strategy fillmask --encoder mini", ("--encoder is for", "'fillmask' makes texts", "Leave it out")),
        ("--strategy fillmask --decode nearest", ("--decode is for", "'fillmask' makes texts")),
        ("--strategy random --pooling max", ("--pooling is for", "'random' makes texts")),
        ("--strategy random --no-normalize", ("normalize is for", "'random' makes texts")),
        ("--strategy smote --pooling men", ("`pooling`", "mean, cls, cls_mlp, max", "'men'", "Did you mean 'mean'?")),
        ("--strategy smote --decode furthest", ("--decode", "'nearest'", "furthest")),
        ("--strategy smote --batch-size 0", ("`batch_size` of the encoder", "1 or more", "Got 0")),
        ("--strategy smote --param k_neigbors=3", ("'smote' has no parameter", "Did you mean 'k_neighbors'?")),
        ("--strategy smote --param k_neighbors=few", ("'k_neighbors'", "must be int", "'few'")),
        ("--strategy smote --param k_neighbors=0", ("'k_neighbors'", "Smote", "Got 0")),
        ("--strategy smote --param sphere=round", ("'sphere'", "'slerp'", "'round'")),
        ("--strategy gan-smote --param n_steps=0", ("'n_steps'", "Got 0")),
        ("--strategy gan-smote --param sphere=slerp", ("'sphere'", "'renormalize'", "'slerp'")),
        ("--strategy smote --param random_state=3", ("no parameter 'random_state'",)),
        ("--strategy smot", ("There is no strategy 'smot'", "Did you mean 'smote'?")),
        ("--strategy smote --sampling-strategy neutrl=9", ("'neutrl'", "Did you mean 'neutral'?")),
        ("--strategy smote --seed -1", ("seed", "Got -1")),
        (
            "--strategy smote --param k_neighbors=8",
            ("`k_neighbors` of Smote", "'neutral'", "8 different rows", "Got 8"),
        ),
        ("--strategy kmeans-smote --param n_clusters=99", ("`n_clusters` of KMeansSmote", "99", "Lower it")),
        ("--strategy borderline-smote --param m_neighbors=40", ("`m_neighbors` of BorderlineSmote", "40", "Lower it")),
        ("--strategy gan-smote --param output=onehot", ("generator_input='noise'",)),
        ("--strategy smote --encoder ./absent", ("'./absent'", "no model folder")),
        ("--strategy smote --encoder in.csv", ("'in.csv'", "no model folder")),
        ("--strategy smote --encoder someone/no-such-model", ("'someone/no-such-model'", "hub")),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options, says):
    named = "" if "--encoder" in options or "makes texts" in str(says) else "--encoder ./tiny"
    refused(f"upsample in.csv -o out.parquet {options} {named}", *says)


@pytest.mark.parametrize("column", ["vector", "neighbor_row", "neighbor_weight"])
def test_a_column_under_a_name_that_is_written_is_refused(column, sentences):
    table("own.csv", [{**row, column: "mine"} for row in rows_of(sentences)])
    refused(
        "upsample own.csv -o out.parquet --strategy smote", f"own.csv: has a column {column!r} of its own", "Rename"
    )


def test_a_column_of_decoding_is_in_the_way_only_of_decoding(sentences):
    table("own.csv", [{**row, "nearest_text": "mine"} for row in rows_of(sentences)])
    refused(
        "upsample own.csv -o out.parquet --strategy smote --decode nearest", "has a column 'nearest_text'", "Rename"
    )
    assert old_of(made(source="own.csv"))["nearest_text"].tolist() == ["mine"] * 40


def test_an_output_with_vectors_is_not_upsampled_by_vectors_again():
    made()
    refused("upsample out.parquet -o two.parquet --strategy smote", "out.parquet: has a column 'vector' of its own")


def test_an_output_with_vectors_is_extended_by_texts():
    """Rows without a text stay; the new ones have no vector."""
    before = made("--sampling-strategy neutral=12")
    run("upsample out.parquet -o two.parquet --strategy nlpaug:keyboard --guard none")
    after = read("two.parquet")
    pd.testing.assert_frame_equal(after[:44], before)
    assert Counter(after["label"]) == dict.fromkeys(SIZES, 20)
    assert after["vector"][44:].isna().all()
    assert after["text"][44:].notna().all()
    run("upsample out.parquet -o two --strategy nlpaug:keyboard --guard none")
    pd.testing.assert_frame_equal(read("two"), after)


def test_a_vector_strategy_is_no_part_of_a_text_strategy():
    for name, holds in (("sequential", "steps"), ("one_of", "choices")):
        part = {"name": name, "parameters": {holds: [{"name": "random"}, {"name": "smote"}]}}
        Path("run.json").write_text(json.dumps({"strategy": part}))
        refused(
            "upsample in.csv -o out.csv --config run.json",
            f"`{name}.{holds}[1]` cannot be 'smote', which makes vectors and no texts.",
        )


def test_the_function_for_texts_refuses_vectors_and_names_what_makes_them(sentences):
    rows = rows_of(sentences)
    data = ([row["text"] for row in rows], [row["label"] for row in rows])
    for strategy in ("smote", STRATEGIES.create("gan-smote", {})):
        with pytest.raises(InputError, match=r"makes vectors and no texts\. Give it to augment\.VectorUpsampler"):
            upsample(data, strategy=strategy)


def test_the_list_of_strategies_says_what_each_makes():
    said = run("strategies").stdout
    kinds = dict(re.findall(r"^(\S+) \((\w+)\): ", said, re.M))
    assert kinds == {name: STRATEGIES.find(name).kind for name in STRATEGIES.names()}
    assert {kinds["fillmask"], kinds["smote"]} == {"text", "vector"}
    assert "search" not in said


# In a process of its own


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind():
    """A limit on the size of files stands in for the disk."""
    before = snapshot()
    done = subprocess.run(
        [COMMAND, *shlex.split("upsample in.csv --strategy smote --encoder ./tiny --quiet -o out.parquet")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY)),
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "out" in line
    assert "cannot be written" in line
    assert snapshot() == before


def test_the_manifest_of_a_text_run_is_repeated_with_vectors_without_what_is_for_texts():
    texts = run("upsample in.csv -o texts.csv --strategy random --max-per-source 9 --guard none")
    assert texts.exit_code == 0, texts.stderr
    done = run("upsample --config texts.csv.manifest.json --strategy smote --encoder ./tiny -o out.parquet")
    assert done.exit_code == 0, done.stderr
    assert manifest("out.parquet")["counts_after"] == manifest("texts.csv")["counts_after"]
    assert (manifest("out.parquet")["guards"], manifest("out.parquet")["max_per_source"]) == ([], None)
    asked = "--config texts.csv.manifest.json --strategy smote --encoder ./tiny -o other.parquet --guard changed"
    refused(f"upsample {asked}", "'smote' makes vectors: guards")


def test_a_text_run_loads_no_samplers():
    program = (
        "import sys\nfrom augment.cli.entry import main\n"
        "try:\n    main(['upsample', 'in.csv', '-o', 'texts.csv', '--strategy', 'random', '-q'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "assert 'imblearn' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
