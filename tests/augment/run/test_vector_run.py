"""A run by a vector strategy: which rows it makes, and what it records so that it can be repeated."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from augment_command import manifest, table
from vector_tables import SIZES, between, lengths, made, matrix, new_of, opened, read, refused, rows_of, run, settings

from augment.models.encoder import TextEncoder

# Which rows

pytestmark = pytest.mark.usefixtures("one_thread", "vector_place")


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
    assert "holes.csv: 2 of 42 rows have no text" in done.stderr
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
        run(f"upsample in.csv --strategy smote -o {name}.parquet -q {options}")
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
    refused("upsample --config run.json -o x.parquet", "run.json: --pooling of TextEncoder must be")


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
