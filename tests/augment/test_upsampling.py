"""The main job from Python: the counts come out exact, the originals stay, and no new row repeats what there is."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data.corpus import from_table
from augment.data.inspection import inspect, suggest
from augment.data.reading import Layout
from augment.errors import InputError
from augment.generation.candidates import Candidate
from augment.guards.selection import ALWAYS, DEFAULT
from augment.run.job import HeldOutTexts, plan_job
from augment.run.text_run import Run
from augment.text.base import TextStrategy
from augment.upsampling import upsample
from augment.words import Replacement, folded, folded_words, splice, word_spans

ROOT = Path(__file__).parents[2]
PROVENANCE = ["is_synthetic", "source_row", "strategy", "variant"]
TEXTS = [
    "The shop on the corner opens at nine.",
    "We sat upstairs, by the window!",
    "The parcel came on Monday; the manual on Tuesday.",
    "Ça va mieux, merci à vous tous.",
    "I loved every minute of this film.",
    "They fixed the old machine in an hour.",
    "Everything works as it should.",
    "Our guide knew every stone of the city.",
    "The new app is fast and simple.",
    "Fresh bread, friendly people and a fine view.",
    "What a charming little book it is.",
    "The best hotel of the whole long trip.",
]
LABELS = ["neutral"] * 3 + ["negative"] * 2 + ["positive"] * 7
SHUFFLED = [TEXTS[i] for i in (4, 0, 9, 3, 5, 1, 8, 7, 2, 6, 10, 11)]
SHUFFLED_LABELS = [LABELS[TEXTS.index(text)] for text in SHUFFLED]


class Swap(TextStrategy):
    """Put one of `pool` made-up words in the place of one word."""

    name = "swap"
    summary = "swap one word for a made-up one"

    def __init__(self, *, pool: int = 10_000, sampling_strategy: Any = "auto", random_state: Any = None) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.pool = pool

    def candidates(self, draws):
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        rng = draw.generator()
        spans = word_spans(draw.text)
        if not spans:
            return None
        replacement = Replacement(*spans[rng.integers(len(spans))], f"zu{rng.integers(self.pool)}")
        return Candidate(splice(draw.text, [replacement]), (replacement,))


class Stubborn(Swap):
    """Give the source back, in capitals, from the first tries at every row."""

    name = "stubborn"

    def _one(self, draw):
        return Candidate(draw.text.upper() + "!") if draw.attempt < 5 else super()._one(draw)


def pair(data: tuple[list, list] | None = None, **options: Any) -> tuple[list[str], list, Any]:
    """Upsample a pair of lists; give the new rows alone, and the manifest."""
    texts, labels = data or (SHUFFLED, SHUFFLED_LABELS)
    (all_texts, all_labels), manifest = upsample((texts, labels), strategy=options.pop("strategy", Swap()), **options)
    assert all_texts[: len(texts)] == texts
    assert all_labels[: len(texts)] == labels
    assert Counter(map(str, all_labels)) == manifest.counts_after
    return all_texts[len(texts) :], all_labels[len(texts) :], manifest


def nearly_equal(one: str, other: str) -> bool:
    """Whether at most one word of each text must go to make them equal; by trying all of them."""
    a, b = folded_words(one), folded_words(other)
    if min(len(a), len(b)) < 4:
        return a == b
    cuts_a = [a, *(a[:i] + a[i + 1 :] for i in range(len(a)))]
    cuts_b = [b, *(b[:i] + b[i + 1 :] for i in range(len(b)))]
    return any(cut in cuts_b for cut in cuts_a)


# The way in


@pytest.mark.parametrize(
    "statements",
    [
        "from augment import upsample",
        "from augment import FillMask, upsample; import augment; upsample = augment.upsample",
        "import augment.cli.entry; from augment.registry import STRATEGIES; from augment import upsample",
    ],
)
def test_the_package_gives_the_function_whatever_was_imported_before(statements):
    code = f"{statements}\nprint(callable(upsample), upsample.__doc__.splitlines()[0])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("True Balance the classes"), done.stdout + done.stderr


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
    assert series[0] == lists[0]
    assert Counter(series[0][1]) == series[1].counts_after


def test_integer_labels_of_a_pair_stay_integers():
    _, labels, manifest = pair((SHUFFLED, [2 if label == "positive" else 0 for label in SHUFFLED_LABELS]))
    assert labels == [0, 0]
    assert all(type(label) is int for label in labels)
    assert manifest.counts_after == {"0": 7, "2": 7}


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
        ({"text": TEXTS, "label": LABELS}, "Got dict"),
        ((TEXTS, [*LABELS[:-1], None]), "row 11"),
        (([*TEXTS[:-1], 5.0], LABELS), "float"),
        (pd.DataFrame({"words": TEXTS, "label": LABELS}), "'words', 'label'"),
        ((TEXTS, ["neutral"] * 12), "at least two classes"),
        ((TEXTS, ["neutral"] + ["positive"] * 11), "'neutral'"),
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


@settings(max_examples=60, deadline=None)
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
    assert [guard["name"] for guard in found["guards"]] == [*ALWAYS, *DEFAULT]
    assert found["seconds"] >= 0
    assert {"python", "datasets", "numpy"} <= set(found["versions"])
    assert manifest.to_json().endswith("}\n")


# Inspection, counted by hand


def test_an_inspection_counts_what_a_person_would_count():
    rows = [
        ("Good film.", "positive"),
        ("good FILM!", "positive"),  # repeats row 0
        ("good film", "negative"),  # repeats row 0 again, under another label
        ("One two three four", "negative"),
        ("It's fine", "neutral"),  # "It" and "fine": the clitic is no word of its own
        ("a b c d e f g h i j", "positive"),
        ("Another one here", "positive"),
        (None, "positive"),
        ("  ", "negative"),
        ("made up", "neutral"),
    ]
    table = Dataset.from_dict(
        {
            "text": [text for text, _ in rows],
            "label": [label for _, label in rows],
            "is_synthetic": [False] * 9 + [True],
        }
    )
    found = inspect(from_table(table, "memory", Layout()))
    assert found.counts == {"negative": 3, "neutral": 2, "positive": 5}
    assert found.synthetic == 1
    assert found.empty == 2
    assert found.duplicates == 2
    assert found.conflicting == 1
    # Words of the eight texts: 2 2 2 4 2 10 3 2, in order 2 2 2 2 2 3 4 10.
    assert {q: found.lengths[q] for q in (0.05, 0.25, 0.5, 1.0)} == {0.05: 2, 0.25: 2, 0.5: 2, 1.0: 10}
    assert found.lengths[0.75] == 3
    assert found.lengths[0.95] == 7  # 4 + .65 (10 - 4) = 7.9
    assert found.suggestion == "negative=5,neutral=4"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"a": 10, "b": 9}, None),
        ({"a": 10, "b": 8}, "b=10"),
        ({"a": 10, "b": 5}, "b=10"),
        ({"a": 100, "b": 3, "c": 90}, "b=6"),
        ({"a": 100, "b": 3, "c": 89}, "b=6,c=100"),
    ],
)
def test_the_suggestion_raises_rare_classes_to_at_most_twice_their_rows(counts, expected):
    assert suggest(counts) == expected


def test_what_an_inspection_suggests_can_be_asked_for():
    from augment.generation.budget import parse

    table = from_table(Dataset.from_dict({"text": SHUFFLED, "label": SHUFFLED_LABELS}), "memory", Layout())
    suggestion = inspect(table).suggestion
    assert suggestion == "negative=4,neutral=6"
    assert plan_job(table, Swap(), sampling_strategy=parse(suggestion)).budget == {"negative": 2, "neutral": 3}


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
