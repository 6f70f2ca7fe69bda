"""The table of a run by a vector strategy: its columns, and where its vectors lie."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from augment_command import manifest, table
from vector_tables import SIZES, between, lengths, made, matrix, new_of, old_of, read, rows_of, run, settings

from augment.models.encoder import TextEncoder
from augment.registry import STRATEGIES

SAMPLE = Path(__file__).parents[3] / "augment" / "data" / "samples" / "reviews.csv"
COLUMNS = ["text", "label", "is_synthetic", "source_row", "strategy", "variant"]
COLUMNS += ["vector", "neighbor_row", "neighbor_weight"]
NEEDS = {"gan-smote": "--param n_steps=25"}
"""Of a strategy, the options that it is to be run with."""

pytestmark = pytest.mark.usefixtures("one_thread", "vector_place")


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
    options = f"--encoder ./tiny --decode nearest {NEEDS.get(strategy, '')}"
    done = run(f"upsample sample -o out.parquet --strategy {strategy} {options}")
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
