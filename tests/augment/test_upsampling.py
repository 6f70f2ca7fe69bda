"""The main job from Python: what was given comes back with new rows, by one seed, with a record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from swapped_words import LABELS, SHUFFLED, SHUFFLED_LABELS, TEXTS, Stubborn, Swap, pair

from augment.errors import InputError
from augment.guards.selection import ALWAYS
from augment.upsampling import upsample
from augment.words import folded

ROOT = Path(__file__).parents[2]
PROVENANCE = ["is_synthetic", "source_row", "strategy", "variant"]


# The way in


def test_the_package_gives_the_function_whatever_was_imported_before():
    """In one process, that forgets the package in between."""
    code = """
import sys
for statements in (
    "from augment import upsample",
    "from augment import FillMask, upsample; import augment; upsample = augment.upsample",
    "import augment.cli.entry; from augment.registry import STRATEGIES; from augment import upsample",
):
    for name in [name for name in sys.modules if name.partition(".")[0] == "augment"]:
        del sys.modules[name]
    found = {}
    exec(statements, found)
    print(found["upsample"].__doc__.splitlines()[0] if callable(found["upsample"]) else found["upsample"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert [line[:19] for line in done.stdout.splitlines()] == ["Balance the classes"] * 3, done.stdout + done.stderr


def test_the_package_gives_the_function_in_this_process_too_where_its_modules_are_long_imported():
    from augment import upsample as public

    (_, labels), _ = public((SHUFFLED, SHUFFLED_LABELS), strategy=Swap())
    assert Counter(labels) == {"neutral": 7, "negative": 7, "positive": 7}


# The same kind back


def test_a_pair_of_lists_comes_back_as_one_with_the_originals_first_and_untouched():
    texts, labels = list(SHUFFLED), list(SHUFFLED_LABELS)
    (new_texts, new_labels), manifest = upsample((texts, labels), strategy=Swap())
    assert (texts, labels) == (SHUFFLED, SHUFFLED_LABELS), "what was given is not changed"
    assert isinstance(new_texts, list)
    assert isinstance(new_labels, list)
    assert (new_texts[:12], new_labels[:12]) == (SHUFFLED, SHUFFLED_LABELS)
    assert Counter(new_labels) == {"neutral": 7, "negative": 7, "positive": 7} == manifest.counts_after
    assert len(new_texts) == len(new_labels) == 21


def test_labels_of_a_series_are_read_by_position_whatever_its_index():
    order = np.random.default_rng(0).permutation(len(SHUFFLED))
    frame = pd.DataFrame({"text": SHUFFLED, "label": SHUFFLED_LABELS}).iloc[order]
    series = upsample((frame.text, frame.label), strategy=Swap())
    lists = upsample((frame.text.tolist(), frame.label.tolist()), strategy=Swap())
    assert [part.tolist() for part in series[0]] == [*lists[0]]
    assert all(isinstance(part, pd.Series) for part in series[0])
    assert Counter(series[0][1]) == series[1].counts_after


@pytest.mark.parametrize("only_synthetic", [False, True])
def test_texts_and_labels_come_back_in_the_containers_that_they_came_in(only_synthetic):
    codes = [LABELS.index(label) for label in SHUFFLED_LABELS]
    lists, _ = upsample((SHUFFLED, codes), strategy=Swap(), only_synthetic=only_synthetic)
    for texts, labels in [
        (np.array(SHUFFLED), np.array(codes, dtype=np.int8)),
        (np.array(SHUFFLED, dtype=np.dtypes.StringDType()), np.array(codes, dtype=np.uint64)),
        (tuple(SHUFFLED), pd.Series(codes, dtype="Int64")),
        (pl.Series("t", SHUFFLED), pl.Series("l", codes, dtype=pl.Int16)),
    ]:
        (new_texts, new_labels), _ = upsample((texts, labels), strategy=Swap(), only_synthetic=only_synthetic)
        assert (list(new_texts), list(new_labels)) == lists
        assert (type(new_texts), type(new_labels)) == (type(texts), type(labels))
        assert new_labels.dtype == labels.dtype


def test_integer_labels_of_a_pair_stay_integers():
    _, labels, manifest = pair((SHUFFLED, [2 if label == "positive" else 0 for label in SHUFFLED_LABELS]))
    assert labels == [0, 0]
    assert all(type(label) is int for label in labels)
    assert manifest.counts_after == {"0": 7, "2": 7}


def test_whole_numbers_that_pandas_made_floats_are_known_by_their_value():
    data = pd.DataFrame({"text": TEXTS, "label": np.where(np.array(LABELS) == LABELS[0], 0.0, 2.0)})
    rows = int((data.label == 2).sum())
    _, manifest = upsample(data, strategy=Swap(), sampling_strategy={2: rows + 3})
    assert manifest.rows_made == 3


def test_a_dataset_comes_back_as_a_dataset_with_its_class_names_and_other_columns():
    features = Features(
        {"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=["neutral", "negative", "positive"])}
    )
    given = Dataset.from_dict(
        {
            "id": [2**60 + i for i in range(12)],
            "text": SHUFFLED,
            "label": [features["label"].str2int(label) for label in SHUFFLED_LABELS],
        },
        features=features,
    )
    before = given.to_dict()
    made, manifest = upsample(given, strategy=Swap())
    assert isinstance(made, Dataset)
    assert given.to_dict() == before
    assert given.column_names == ["id", "text", "label"]
    assert made.column_names == ["id", "text", "label", *PROVENANCE]
    assert {name: made.features[name] for name in features} == dict(features)
    assert made.select(range(12)).select_columns(["id", "text", "label"]).to_dict() == before
    assert made["is_synthetic"][:] == [False] * 12 + [True] * 9
    assert made["source_row"][:12] == made["variant"][:12] == made["strategy"][:12] == [None] * 12
    assert made["id"][12:] == [None] * 9
    for row in made.select(range(12, 21)):
        assert row["label"] == before["label"][row["source_row"]]
        assert row["strategy"] == "swap"
        assert row["text"] != before["text"][row["source_row"]]
    assert manifest.counts_after == {"negative": 7, "neutral": 7, "positive": 7}


def test_a_dataset_that_is_a_view_of_another_is_read_in_its_own_order():
    whole = Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS})
    order = [11, 3, 7, 0, 1, 2, 5, 8, 10]
    made, _ = upsample(whole.select(order).with_format("numpy"), strategy=Swap())
    assert made.with_format(None)["text"][: len(order)] == [SHUFFLED[i] for i in order]
    for row in made.with_format(None).select(range(len(order), len(made))):
        assert row["label"] == SHUFFLED_LABELS[order[row["source_row"]]]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [2**60 + 1 + i for i in range(12)],
            "text": SHUFFLED,
            "label": pd.Categorical(SHUFFLED_LABELS, categories=["positive", "neutral", "negative"], ordered=True),
            "checked": [True, False] * 6,
            "score": [i / 3 for i in range(12)],
        },
        index=[7] * 6 + [-1] * 6,
    )


def test_a_frame_comes_back_as_a_frame_with_a_fresh_index_and_its_own_category():
    given, untouched = frame(), frame()
    made, manifest = upsample(given, strategy=Swap())
    pd.testing.assert_frame_equal(given, untouched)
    assert isinstance(made, pd.DataFrame)
    assert list(made.columns) == [*untouched.columns, *PROVENANCE]
    assert list(made.index) == list(range(21))
    assert made["label"].dtype == untouched["label"].dtype
    assert made["label"].value_counts().to_dict() == {"neutral": 7, "negative": 7, "positive": 7}
    assert made["text"].tolist()[:12] == SHUFFLED
    assert made["label"].tolist()[:12] == SHUFFLED_LABELS
    assert made["is_synthetic"].tolist() == [False] * 12 + [True] * 9
    assert made["source_row"].isna().tolist() == [True] * 12 + [False] * 9
    for row in made.iloc[12:].itertuples():
        assert row.label == SHUFFLED_LABELS[row.source_row], "source_row counts positions, whatever the index says"
        assert row.strategy == "swap"
    assert made.loc[12:, ["id", "checked", "score"]].isna().all(axis=None)
    assert manifest.counts_after == {"negative": 7, "neutral": 7, "positive": 7}


@pytest.mark.parametrize("column", ["id", "checked", "score"])
def test_other_columns_of_a_frame_keep_every_value_of_the_originals(column):
    made, _ = upsample(frame(), strategy=Swap())
    kept = made[column].tolist()[:12]
    assert kept == frame()[column].tolist()
    assert [type(value) for value in kept] == [type(value) for value in frame()[column].tolist()]


@pytest.mark.parametrize("keep", [[], "all"])
def test_a_frame_may_have_columns_that_arrow_lacks(keep):
    """They come back as they were, since the frame itself is extended and not a copy of it."""
    given = frame().assign(
        period=pd.period_range("2020", periods=12, freq="M"),
        interval=pd.interval_range(0, 12),
        complex=np.arange(12) * 1j,
        mixed=[1, "a"] * 6,
        sparse=pd.arrays.SparseArray([0, 1] * 6),
        thing=[object()] * 12,
    )
    given = given.rename(columns={"mixed": 5})
    given = given.set_index(pd.MultiIndex.from_product([["x"], range(12)]))
    made, _ = upsample(given, strategy=Swap(), keep_columns=keep)
    assert list(made.columns) == [*given.columns, *PROVENANCE]
    for name in given.columns:
        assert made[name].tolist()[:12] == given[name].tolist()
        if keep and name != "text":
            assert made[name].dtype == given[name].dtype
            assert made[name].tolist()[12:] == [given[name].iloc[row] for row in made["source_row"].iloc[12:]]


@pytest.mark.parametrize("dtype", ["string[pyarrow]", "string[python]", "object", pd.ArrowDtype(pa.large_string())])
def test_texts_of_a_frame_keep_their_type(dtype):
    given = pd.DataFrame({"text": SHUFFLED, "label": SHUFFLED_LABELS})
    made, _ = upsample(given.astype({"text": dtype}), strategy=Swap())
    assert made["text"].dtype == given.astype({"text": dtype})["text"].dtype
    assert made["text"].tolist() == upsample(given, strategy=Swap())[0]["text"].tolist()


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: frame().assign(text=[*SHUFFLED[:-1], 5.0]), "'text' must hold strings, got values of several types"),
        (lambda: frame().assign(label=[1, "a"] * 6), "'label' must hold strings, booleans or numbers, got values of"),
        (lambda: pd.concat([frame(), frame()[["label"]]], axis=1), "several columns of the name 'label'"),
        (lambda: pd.concat({"a": frame()}, axis=1), "names of several levels"),
        (lambda: pl.DataFrame({"text": SHUFFLED, "label": SHUFFLED_LABELS}).lazy(), "Got LazyFrame. Collect it first."),
        (lambda: pl.Series(SHUFFLED), "must be a frame of rows and columns. Got Series"),
    ],
)
def test_frames_that_cannot_be_used_are_refused_in_one_line(made, says):
    with pytest.raises(InputError) as caught:
        upsample(made(), strategy=Swap())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": range(12),
            "text": SHUFFLED,
            "label": pl.Series(SHUFFLED_LABELS, dtype=pl.Enum(["positive", "neutral", "negative"])),
            "shop": pl.Series(["a", "b"] * 6, dtype=pl.Categorical),
            "parts": [["1", "2"]] * 12,
        }
    )


def test_a_frame_of_polars_comes_back_as_one_with_its_types():
    given = polars_frame()
    made, manifest = upsample(given, strategy=Swap(), keep_columns=["shop"])
    assert isinstance(made, pl.DataFrame)
    assert {name: made.schema[name] for name in given.columns} == dict(given.schema)
    assert made.columns == [*given.columns, *PROVENANCE]
    assert made.select(given.columns).head(12).equals(given)
    new = made.tail(9)
    assert new["id"].is_null().all()
    assert new["is_synthetic"].all()
    sources = given[new["source_row"].to_list()]
    assert new["label"].to_list() == sources["label"].to_list()
    assert new["shop"].to_list() == sources["shop"].to_list()
    assert manifest.counts_after == {"negative": 7, "neutral": 7, "positive": 7}
    frame = pd.DataFrame({"text": SHUFFLED, "label": SHUFFLED_LABELS})
    assert new["text"].to_list() == upsample(frame, strategy=Swap())[0]["text"].tolist()[12:]
    assert upsample(made, strategy=Swap(), sampling_strategy={"neutral": 9}, seed=1)[0].height == 23
    assert upsample(given, strategy=Swap(), keep_columns=["shop"], only_synthetic=True)[0].equals(new)


def test_other_arrow_streams_come_back_as_arrow_tables():
    """Each column in its own type; a reader of a stream, which can be read once, is read once."""
    table = pa.table(
        {
            "text": pa.array(SHUFFLED, pa.large_string()),
            "label": pa.array(SHUFFLED_LABELS).dictionary_encode(),
            "pause": pa.array([(0, 1, 2)] * 12, pa.month_day_nano_interval()),
        }
    )
    made, _ = upsample(table, strategy=Swap(), keep_columns="all")
    assert isinstance(made, pa.Table)
    assert made.column_names == ["text", "label", "pause", *PROVENANCE]
    assert [made.schema.field(name).type for name in table.column_names] == table.schema.types
    assert made.select(table.column_names)[:12].equals(table.unify_dictionaries())
    assert made["pause"].null_count == 0
    assert upsample(table.to_reader(), strategy=Swap(), keep_columns="all")[0].equals(made)


def test_a_frame_that_was_upsampled_is_extended():
    first, _ = upsample(frame(), strategy=Swap(), sampling_strategy={"negative": 5})
    again, manifest = upsample(first, strategy=Swap(), sampling_strategy={"negative": 9}, seed=1)
    assert manifest.counts_before["negative"] == 5
    assert manifest.counts_after["negative"] == 9
    assert again["text"].tolist()[: len(first)] == first["text"].tolist()
    assert set(again["source_row"].iloc[len(first) :]) <= {i for i in range(12) if SHUFFLED_LABELS[i] == "negative"}


@pytest.mark.parametrize("kind", ["pair", "frame", "dataset"])
def test_only_synthetic_gives_what_the_whole_ends_with(kind):
    given = {
        "pair": (SHUFFLED, SHUFFLED_LABELS),
        "frame": frame(),
        "dataset": Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS, "id": list(range(12))}),
    }[kind]
    whole, _ = upsample(given, strategy=Swap(), seed=3)
    new, manifest = upsample(given, strategy=Swap(), seed=3, only_synthetic=True)
    assert manifest.only_synthetic
    if kind == "pair":
        assert new == (whole[0][12:], whole[1][12:])
        assert len(new[0]) == 9
        return
    assert list(new["text"]) == list(whole["text"])[12:]
    assert list(new["source_row"]) == list(whole["source_row"])[12:]
    names = new.columns if kind == "frame" else new.column_names
    assert list(names) == list(whole.columns if kind == "frame" else whole.column_names)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((TEXTS, LABELS[:-1]), "equally long lists"),
        ({*TEXTS}, "Got set"),
        ((TEXTS, [*LABELS[:-1], None]), "row 11"),
        (([*TEXTS[:-1], 5.0], LABELS), "float"),
        (pd.DataFrame({"words": TEXTS, "label": LABELS}), "'words', 'label'"),
        ((TEXTS, ["neutral"] * 12), "at least two classes"),
        ((["", *TEXTS[1:]], ["neutral"] + ["positive"] * 11), "No row of 'neutral' has a usable text"),
    ],
)
def test_data_that_cannot_be_used_are_refused_in_one_line(data, says):
    with pytest.raises(InputError) as caught:
        upsample(data, strategy=Swap())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": -1}, "Got -1"),
        ({"seed": 2**64}, "2**64 - 1"),
        ({"seed": "0"}, "Got '0'"),
        ({"max_per_source": 0}, "1 or more"),
        ({"strategy": "fillmaks"}, "Did you mean 'fillmask'?"),
        ({"sampling_strategy": {"neutrl": 9}}, "Did you mean 'neutral'?"),
        ({"sampling_strategy": {"neutral": 2}}, "3 rows"),
        ({"sampling_strategy": 1.5}, "(0, 1]"),
        ({"text_column": "txt"}, "Did you mean 'text'?"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(options, says):
    with pytest.raises(InputError) as caught:
        upsample((SHUFFLED, SHUFFLED_LABELS), **{"strategy": Swap(), **options})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# One seed, one result


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    assert pair(seed=1)[:2] == pair(seed=1)[:2]
    assert pair(seed=1)[0] != pair(seed=2)[0]
    assert pair(seed=2**64 - 1)[0] != pair(seed=0)[0]


def test_classes_draw_from_streams_of_their_own():
    texts = [*TEXTS[:4], *TEXTS[:4], *TEXTS]
    made, _ = upsample(
        Dataset.from_dict({"text": texts, "label": ["a"] * 4 + ["b"] * 4 + ["c"] * 12}), strategy=Swap(), seed=0
    )
    rows = {label: [r["source_row"] % 4 for r in made if r["is_synthetic"] and r["label"] == label] for label in "ab"}
    assert len(rows["a"]) == len(rows["b"]) == 8
    assert rows["a"] != rows["b"]


# The record


def test_the_manifest_says_what_was_asked_and_what_was_made():
    _, _, manifest = pair(strategy=Stubborn(pool=77), sampling_strategy={"neutral": 5}, seed=4, max_per_source=3)
    found = json.loads(manifest.to_json())
    assert found["schema"] == 1
    assert found["input"]["rows"] == 12
    assert found["input"]["fingerprint"].startswith("sha256:")
    assert (found["input"]["text_column"], found["input"]["label_column"]) == ("text", "label")
    assert found["strategy"]["name"] == "stubborn"
    assert found["strategy"]["parameters"] == {"pool": 77}
    assert found["sampling_strategy"] == {"neutral": 5}
    assert (found["seed"], found["max_per_source"], found["only_synthetic"]) == (4, 3, False)
    assert found["counts_before"] == {"negative": 2, "neutral": 3, "positive": 7}
    assert found["counts_after"] == {"negative": 2, "neutral": 5, "positive": 7}
    assert found["made"] == {"neutral": 2}
    assert found["missing"] == {}
    assert found["rejected"] == {"changed": 10}
    assert [guard["name"] for guard in found["guards"]] == [*ALWAYS, "near_duplicate", "polarity"]
    assert found["seconds"] >= 0
    assert {"python", "datasets", "numpy"} <= set(found["versions"])
    assert manifest.to_json().endswith("}\n")


# Inspection, counted by hand


def test_a_class_goes_by_its_name_even_where_the_name_is_a_number():
    features = Features({"text": Value("string"), "label": ClassLabel(names=["1", "2", "3"])})
    table = Dataset.from_dict({"text": TEXTS, "label": [0] * 2 + [1] * 3 + [2] * 7}, features=features)
    _, manifest = upsample(table, strategy=Swap(), sampling_strategy={"1": 4})
    assert manifest.counts_after == {"1": 4, "2": 3, "3": 7}


# The bundled model


def test_the_bundled_model_makes_different_checked_rows_and_the_same_for_any_batch_size():
    from augment import FillMask

    given = Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS})
    made = [
        upsample(given, strategy=FillMask(batch_size=size, protect=("the",)), seed=6, against=["We sat upstairs."])
        for size in (2, 64)
    ]
    (table, manifest), (other, _) = made
    assert table.to_dict() == other.to_dict()
    assert manifest.counts_after == {"negative": 7, "neutral": 7, "positive": 7}
    new = table["text"][12:]
    assert len({folded(text) for text in [*SHUFFLED, *new]}) == 21
    for row in table.select(range(12, 21)):
        source = SHUFFLED[row["source_row"]]
        the = [word.lower() for word in source.split()].count("the")
        assert [word.lower() for word in row["text"].split()].count("the") >= the, "protected words stay"
    assert manifest.strategy["parameters"]["model"] == manifest.strategy["identity"]["model"] == "mini"
    assert manifest.strategy["identity"]["revision"].startswith("sha256:")
