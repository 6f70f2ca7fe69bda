"""The main job from Python: the counts come out exact, and no new row repeats what there is."""

from __future__ import annotations

import math
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from swapped_words import LABELS, SHUFFLED, SHUFFLED_LABELS, TEXTS, Stubborn, Swap, pair

from augment.data.corpus import from_table
from augment.data.layout import Layout
from augment.errors import InputError
from augment.run.job import HeldOutTexts, plan_job
from augment.run.text_run import Run
from augment.upsampling import upsample
from augment.words import folded, folded_words, word_spans


def nearly_equal(one: str, other: str) -> bool:
    """Whether at most one word of each text must go to make them equal; by trying all of them."""
    a, b = folded_words(one), folded_words(other)
    if min(len(a), len(b)) < 4:
        return a == b
    cuts_a = [a, *(a[:i] + a[i + 1 :] for i in range(len(a)))]
    cuts_b = [b, *(b[:i] + b[i + 1 :] for i in range(len(b)))]
    return any(cut in cuts_b for cut in cuts_a)


# How many


def test_the_counts_come_out_exact_after_rejections():
    _, labels, manifest = pair(strategy=Stubborn(), sampling_strategy="all")
    assert manifest.rejected["changed"] == 5 * len(labels) == 45
    assert manifest.counts_after == {"negative": 7, "neutral": 7, "positive": 7}
    assert manifest.missing == {}


def test_the_counts_come_out_exact_when_other_sources_must_stand_in():
    words = {"neutral": ["one", "two", "three", "four five six seven eight nine ten"], "positive": TEXTS}
    texts = [text for of in words.values() for text in of]
    labels = [label for label, of in words.items() for _ in of]
    # Of "one", "two" and "three" a pool of two makes the same two texts; the rest falls to the long text.
    new, _, manifest = pair((texts, labels), strategy=Swap(pool=2))
    assert manifest.counts_after == {"neutral": 12, "positive": 12}
    assert manifest.rejected["duplicate"] > 0
    assert len({folded(text) for text in new}) == 8


def test_a_class_that_cannot_be_filled_ends_short_and_says_by_how_much_and_why():
    data = (["one", "two", *TEXTS], ["neutral"] * 2 + ["positive"] * 12)
    with pytest.warns(UserWarning, match=r"could not be made: 7 of class 'neutral' \(.* rejected as duplicate"):
        new, _, manifest = pair(data, strategy=Swap(pool=3))
    assert sorted(new) == ["zu0", "zu1", "zu2"]
    assert manifest.counts_after == {"neutral": 5, "positive": 12}
    assert manifest.made == {"neutral": 3}
    assert manifest.missing["neutral"]["rows"] == 7
    assert "duplicate" in manifest.missing["neutral"]["why"]


def test_no_source_gives_more_rows_than_it_may():
    _, labels, manifest = pair(sampling_strategy={"negative": 9, "neutral": 9}, max_per_source=2)
    assert Counter(labels) == {"negative": 4, "neutral": 6}
    assert {label: found["rows"] for label, found in manifest.missing.items()} == {"negative": 3}
    assert "allowed of each source" in manifest.missing["negative"]["why"]


COUNTS = st.dictionaries(st.sampled_from(["a", "b", "c", "ä=1"]), st.integers(2, 8), min_size=2)
WORDS = st.sampled_from(["auto", "minority", "not minority", "not majority", "all"])


@st.composite
def requests(draw):
    """Class counts, a sampling strategy for them, and the counts that must come out."""
    counts = draw(COUNTS)
    ordered = dict(sorted(counts.items()))
    largest, smallest = max(ordered, key=ordered.get), min(ordered, key=ordered.get)
    form = draw(st.sampled_from(["word", "share", "totals", "callable"]))
    if form == "word":
        word = draw(WORDS)
        raised = {"minority": {smallest}, "not minority": set(counts) - {smallest}}.get(word, set(counts))
        return counts, word, {k: counts[largest] if k in raised else n for k, n in counts.items()}
    if form == "share":
        share = draw(st.floats(0.01, 1))
        after = {k: max(n, math.floor(share * counts[largest])) for k, n in counts.items()}
        if after == counts:  # a share that every class has reached is refused
            share, after = 1.0, dict.fromkeys(counts, counts[largest])
        return counts, share, after
    totals = {k: n + draw(st.integers(0, 12)) for k, n in counts.items() if draw(st.booleans())} or counts
    return counts, (totals if form == "totals" else lambda now: dict(totals)), counts | totals


@settings(max_examples=60)
@given(request=requests(), seed=st.integers(0, 2**64 - 1), pool=st.sampled_from([40, 1000]), data=st.randoms())
def test_the_counts_are_exact_for_any_counts_and_any_sampling_strategy(request, seed, pool, data):
    counts, sampling_strategy, after = request
    labels = [label for label, count in counts.items() for _ in range(count)]
    data.shuffle(labels)
    texts = [f"row number {i} has some words in it" for i in range(len(labels))]
    new, new_labels, manifest = pair(
        (texts, labels), strategy=Swap(pool=pool), sampling_strategy=sampling_strategy, seed=seed
    )
    assert manifest.counts_before == counts
    assert manifest.counts_after == after == Counter([*labels, *new_labels])
    assert manifest.missing == {}
    assert len({folded(text) for text in [*texts, *new]}) == len(texts) + len(new)


# From what


@pytest.mark.parametrize("seed", range(4))
def test_sources_are_used_evenly(seed):
    made, _ = upsample(
        Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS}),
        strategy=Swap(pool=10**9),
        sampling_strategy={"neutral": 14, "negative": 13, "positive": 16},
        seed=seed,
    )
    new = made.filter(lambda row: row["is_synthetic"])
    for label, rows in {"neutral": 3, "negative": 2, "positive": 7}.items():
        of = Counter(row["source_row"] for row in new if row["label"] == label)
        assert set(of) == {i for i, found in enumerate(SHUFFLED_LABELS) if found == label}
        assert len(of) == rows
        assert max(of.values()) - min(of.values()) <= 1
    slots = [(row["source_row"], row["variant"]) for row in new]
    assert len(set(slots)) == len(slots), "no variant of a source is made twice"


def test_rows_without_a_text_stay_and_are_never_sources():
    table = Dataset.from_dict(
        {"text": [None, *SHUFFLED, " \t", ""], "label": ["neutral", *SHUFFLED_LABELS, "neutral", "neutral"]}
    )
    made, manifest = upsample(table, strategy=Swap(), sampling_strategy={"neutral": 16})
    assert made["text"][:15] == table["text"][:]
    assert manifest.input["empty_texts"] == 3
    assert manifest.counts_before["neutral"] == 6
    assert manifest.counts_after["neutral"] == 16
    sources = set(made["source_row"][15:])
    assert sources == {i + 1 for i, label in enumerate(SHUFFLED_LABELS) if label == "neutral"}


def test_a_synthetic_row_differs_from_its_source_in_the_replaced_word_alone():
    table = Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS})
    made, _ = upsample(table, strategy=Swap())
    for row in made.select(range(12, len(made))):
        source, new = SHUFFLED[row["source_row"]], row["text"]
        differing = [pair for pair in zip_longest(word_spans(source), word_spans(new)) if None in pair]
        assert differing == []
        changed = [
            (source[slice(*a)], new[slice(*b)])
            for a, b in zip(word_spans(source), word_spans(new), strict=True)
            if source[slice(*a)] != new[slice(*b)]
        ]
        assert len(changed) == 1
        assert changed[0][1].startswith("zu")


# Never a repeat, never a leak


def test_every_synthetic_text_differs_from_every_original_and_every_other_after_folding():
    loud = [text.upper().replace(" ", "  ") for text in SHUFFLED]
    # The pool is so small that many tries repeat a row of another source, or an original.
    sentences = [f"zu{i % 3} item {word} stands here" for i, word in enumerate(["red", "blue", "red", "green"])]
    data = ([*sentences, *SHUFFLED, *loud], ["rare"] * 4 + ["often"] * 24)
    new, _, manifest = pair(data, strategy=Swap(pool=4))
    assert manifest.rejected["duplicate"] > 0
    assert len(new) == 20
    assert len({folded(text) for text in new}) == 20
    assert {folded(text) for text in new}.isdisjoint(folded(text) for text in data[0])


def test_no_synthetic_row_equals_a_held_out_row_and_the_counts_stay_exact():
    new, labels, _ = pair(seed=5)
    held_out = [text.upper().replace(",", " ,") for text in new]
    guarded, guarded_labels, manifest = pair(seed=5, against=held_out)
    assert Counter(guarded_labels) == Counter(labels)
    assert manifest.rejected["held_out"] >= len(new), "each of them came up again, and was rejected"
    assert {folded(text) for text in guarded}.isdisjoint(map(folded, held_out))
    assert [(file["name"], file["rows"]) for file in manifest.against] == [("against", len(held_out))]


@pytest.mark.parametrize(
    "change",
    [
        lambda words: [*words[:2], "quite", *words[2:]],  # a word more
        lambda words: words[:1] + words[2:],  # a word less
        lambda words: [*words[:-1], "instead"],  # another word
    ],
)
def test_no_synthetic_row_nearly_equals_a_held_out_row(change):
    data = (TEXTS, LABELS)
    new, labels, _ = pair(data, strategy=Swap(pool=50), seed=2)
    held_out = [" ".join(change(text.split())) for text in new]
    assert all(nearly_equal(a, b) for a, b in zip(new, held_out, strict=True))
    guarded, guarded_labels, manifest = pair(data, strategy=Swap(pool=50), seed=2, against=held_out)
    assert Counter(guarded_labels) == Counter(labels)
    assert manifest.rejected["held_out"] >= len(new)
    assert not [(a, b) for a in guarded for b in held_out if nearly_equal(a, b)]


@pytest.mark.parametrize(
    "table",
    [pd.DataFrame, pl.DataFrame, pa.table, Dataset.from_dict, dict, lambda held: pd.DataFrame(held).to_dict("records")],
)
def test_held_out_rows_may_be_a_table_like_the_data(table):
    new, _, _ = pair(seed=5)
    wanted, _, as_list = pair(seed=5, against=new)
    guarded, _, manifest = pair(seed=5, against=table({"label": ["any"] * len(new), "text": new}))
    assert guarded == wanted
    assert [file["texts"] for file in manifest.against] == [file["texts"] for file in as_list.against]


def test_what_is_no_held_out_text_is_refused_and_never_taken_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dev.csv").write_text("text,label\na,b\n")
    for against, says in (
        (["dev.csv"], r"'dev\.csv' is a file\. augment\.data\.corpus\.read_texts\('dev\.csv'\) reads them"),
        ("dev.csv", "must be a sequence of texts"),
        ((TEXTS, LABELS), "must be a sequence of texts"),
        (pd.DataFrame({"label": ["a"], "number": [1]}), "`against`: has no text column"),
    ):
        with pytest.raises(InputError, match=says):
            pair(against=against)


def test_held_out_rows_that_are_far_from_everything_change_nothing():
    far = ["Nothing of the kind was ever written here before.", "zu1", "", "!?"]
    assert pair(seed=5, against=far)[:2] == pair(seed=5)[:2]


def test_several_held_out_files_are_all_heeded_and_recorded():
    table = from_table(Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS}), "memory", Layout())
    free = [row.text for row in Run(plan_job(table, Swap(), seed=9)).make().rows]
    files = [HeldOutTexts("dev.csv", free[::2]), HeldOutTexts("test.csv", free[1::2])]
    made = Run(plan_job(table, Swap(), seed=9, held_out=files)).make()
    assert {row.text for row in made.rows}.isdisjoint(free)
    assert len(made.rows) == len(free)
    assert [(file["name"], file["rows"]) for file in made.manifest.against] == [("dev.csv", 5), ("test.csv", 4)]
    assert made.manifest.against[0]["texts"] != made.manifest.against[1]["texts"]


def test_rows_that_stand_among_the_held_out_ones_are_told():
    with pytest.warns(
        UserWarning, match="the data: 2 of 12 rows equal a held-out row, and new rows of them resemble it"
    ):
        pair((TEXTS, LABELS), against=[TEXTS[0].upper(), TEXTS[3], TEXTS[-1] + " Indeed it was."])
