"""The budget means what imbalanced-learn means by it, and says what is wrong with one that it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy

from augment.errors import CounterpoiseError, InputError
from augment.generation.budget import parse, rows_to_make

THOROUGHLY = settings(deadline=None, max_examples=80)
WORDS = ("minority", "not minority", "not majority", "all", "auto")
REVIEWS = {"neg": 5, "neu": 2, "pos": 6}

COUNTS = st.lists(st.integers(1, 60), min_size=2, max_size=5, unique=True).map(
    lambda sizes: {f"c{i}": size for i, size in enumerate(sizes)}
)
TWO_CLASSES = st.lists(st.integers(1, 120), min_size=2, max_size=2, unique=True).map(
    lambda sizes: dict(zip(("no", "yes"), sizes, strict=True))
)


def labels(counts: dict[str, int]) -> np.ndarray:
    return np.repeat(list(counts), list(counts.values()))


def theirs(sampling_strategy: object, counts: dict[str, int]) -> dict | None:
    """imbalanced-learn's answer; None if it refuses."""
    try:
        return dict(check_sampling_strategy(sampling_strategy, labels(counts), "over-sampling"))
    except ValueError:
        return None


def ours(sampling_strategy: object, counts: dict[str, int]) -> dict | None:
    try:
        return rows_to_make(sampling_strategy, counts)  # type: ignore[arg-type]
    except InputError:
        return None


def refusal(sampling_strategy: object, counts: dict) -> str:
    with pytest.raises(InputError) as caught:
        rows_to_make(sampling_strategy, counts)  # type: ignore[arg-type]
    assert isinstance(caught.value, CounterpoiseError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Against imbalanced-learn


@pytest.mark.parametrize("word", WORDS)
@THOROUGHLY
@given(counts=COUNTS)
def test_words_give_the_same_classes_and_numbers_as_imbalanced_learn(word, counts):
    assert rows_to_make(word, counts) == theirs(word, counts)


@THOROUGHLY
@given(TWO_CLASSES, st.one_of(st.floats(0.01, 1), st.integers(1, 100).map(lambda n: n / 100)))
def test_a_share_of_two_classes_is_accepted_refused_and_counted_as_by_imbalanced_learn(counts, share):
    assert ours(share, counts) == theirs(share, counts)


@THOROUGHLY
@given(COUNTS, st.data())
def test_totals_are_accepted_refused_and_counted_as_by_imbalanced_learn(counts, data):
    names = data.draw(st.sets(st.sampled_from([*counts, "unknown"]), min_size=1))
    totals = {name: counts.get(name, 9) + data.draw(st.integers(-2, 20)) for name in sorted(names)}
    expected = theirs(totals, counts)
    assert ours(totals, counts) == expected
    assert ours(lambda _: totals, counts) == theirs(lambda _: totals, counts) == expected


@pytest.mark.parametrize(
    ("sampling_strategy", "counts"),
    [
        ({"neu": 1}, REVIEWS),
        ({"neu": -1}, REVIEWS),
        ({"other": 9}, REVIEWS),
        ("majority", REVIEWS),
        ("most", REVIEWS),
        (0.0, {"a": 5, "b": 2}),
        (-0.5, {"a": 5, "b": 2}),
        (1.01, {"a": 5, "b": 2}),
        (0.4, {"a": 5, "b": 2}),
        (0.3, {"a": 5, "b": 2}),
        ("auto", {"a": 5}),
    ],
)
def test_both_refuse(sampling_strategy, counts):
    assert theirs(sampling_strategy, counts) is None
    assert ours(sampling_strategy, counts) is None


# Beyond imbalanced-learn


@THOROUGHLY
@given(COUNTS, st.floats(0.01, 1))
def test_a_share_raises_every_class_to_it_and_no_further(counts, share):
    made = ours(share, counts)
    largest = max(counts.values())
    if made is None:
        assert all(count >= int(share * largest) for count in counts.values())
        return
    assert made
    for label, count in counts.items():
        after = count + made.get(label, 0)
        assert after > share * largest - 1, "at least the share, rounded down"
        assert label not in made or after <= share * largest


@THOROUGHLY
@given(COUNTS, st.integers(1, 9))
def test_a_multiple_leaves_the_classes_their_proportions(counts, times):
    made = ours(f"{times}x", counts)
    assert {label: count + made[label] for label, count in counts.items()} == {k: times * n for k, n in counts.items()}


@pytest.mark.parametrize("word", ["0x", "x", "2.5x", "-2x", "2 x", "2X", "2xx", "٢x", "9999999x"])
def test_a_multiple_is_a_whole_number_of_times(word):
    assert "'2x' or so" in refusal(word, REVIEWS)


def test_a_share_of_one_of_balanced_classes_makes_nothing():
    assert rows_to_make(1.0, {"a": 4, "b": 4}) == {}


def test_the_order_is_that_of_the_counts():
    assert list(rows_to_make({"pos": 9, "neg": 9}, REVIEWS)) == ["neg", "pos"]
    assert list(rows_to_make("all", {"z": 1, "a": 3, "m": 2})) == ["z", "a", "m"]


def test_of_classes_of_one_size_one_alone_is_the_smallest_or_the_largest():
    assert rows_to_make("minority", {"a": 2, "b": 2, "c": 5}) == {"a": 3}
    assert rows_to_make("auto", {"a": 5, "b": 2, "c": 5}) == {"b": 3, "c": 0}


def test_a_callable_is_given_the_counts():
    assert rows_to_make(lambda counts: {"neu": counts["pos"] * 2}, REVIEWS) == {"neu": 10}


def test_totals_may_be_numpy_integers_or_whole_floats_and_come_back_as_int():
    made = rows_to_make({"neu": np.int64(4), "neg": 7.0}, REVIEWS)
    assert made == {"neg": 2, "neu": 2}
    assert {type(rows) for rows in made.values()} == {int}


def test_the_inputs_are_left_as_they_are():
    counts, totals = dict(REVIEWS), {"neu": 4}
    rows_to_make(totals, counts)
    assert (counts, totals) == (REVIEWS, {"neu": 4})


# Refusals


@pytest.mark.parametrize(
    ("sampling_strategy", "counts", "text"),
    [
        (
            "auto",
            {"neg": 3},
            "Upsampling needs at least two classes. Got 1: 'neg'. Give data with another, or look at the label column.",
        ),
        (
            "auto",
            {},
            "Upsampling needs at least two classes. Got 0: . Give data with another, or look at the label column.",
        ),
        (
            "minorty",
            REVIEWS,
            "The sampling_strategy must be one of 'minority', 'not minority', 'not majority', 'all', 'auto', '2x' or"
            " so, a share in (0, 1], or totals by class. Got 'minorty'. Did you mean 'minority'?",
        ),
        (
            "xyz",
            REVIEWS,
            "The sampling_strategy must be one of 'minority', 'not minority', 'not majority', 'all', 'auto', '2x' or"
            " so, a share in (0, 1], or totals by class. Got 'xyz'.",
        ),
        (0.0, REVIEWS, "The sampling_strategy as a share of the largest class must lie in (0, 1]. Got 0."),
        (1.5, REVIEWS, "The sampling_strategy as a share of the largest class must lie in (0, 1]. Got 1.5."),
        (2, REVIEWS, "The sampling_strategy as a share of the largest class must lie in (0, 1]. Got 2."),
        (
            float("nan"),
            REVIEWS,
            "The sampling_strategy as a share of the largest class must lie in (0, 1]. Got nan.",
        ),
        (
            0.25,
            {"neg": 100, "neu": 30},
            "Every class has at least 0.25 of the largest class's rows (rounded down); there is nothing to make."
            " The smallest has 0.3: give a larger share.",
        ),
        (
            {"neutral": 9},
            {"negative": 5, "neutrale": 2},
            "The class 'neutral' of the sampling_strategy is not in the data, which has 'negative', 'neutrale'."
            " Did you mean 'neutrale'?",
        ),
        ({7: 9}, {1: 5, 2: 2}, "The class 7 of the sampling_strategy is not in the data, which has 1, 2."),
        ({"neu": 2.5}, REVIEWS, "The total for class 'neu' must be a whole number of rows. Got 2.5."),
        ({"neu": True}, REVIEWS, "The total for class 'neu' must be a whole number of rows. Got True."),
        ({"neu": "4"}, REVIEWS, "The total for class 'neu' must be a whole number of rows. Got '4'."),
        (
            {"neu": 1},
            REVIEWS,
            "The total for class 'neu' must be at least the 2 rows that it has: upsampling removes none. Got 1.",
        ),
        (
            True,
            REVIEWS,
            "The sampling_strategy must be a word, a share, a mapping of class to total, or a callable. Got True.",
        ),
        (
            ["neu"],
            REVIEWS,
            "The sampling_strategy must be a word, a share, a mapping of class to total, or a callable. Got ['neu'].",
        ),
        (
            None,
            REVIEWS,
            "The sampling_strategy must be a word, a share, a mapping of class to total, or a callable. Got None.",
        ),
    ],
)
def test_a_refusal_says_what_was_expected_what_came_and_the_mend(sampling_strategy, counts, text):
    assert refusal(sampling_strategy, counts) == text


# The command line's form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", "auto"),
        ("not minority", "not minority"),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1", 1.0),
        ("2x", "2x"),
        ("neutral=3610", {"neutral": 3610}),
        (" neutral = 10 , very negative=20 ", {"neutral": 10, "very negative": 20}),
        ("a=b=3", {"a=b": 3}),
        ("none=1,0=2", {"none": 1, "0": 2}),
    ],
)
def test_parse_reads_words_shares_and_totals(text, expected):
    assert parse(text) == expected
    assert type(parse(text)) is type(expected)


@THOROUGHLY
@given(st.dictionaries(st.text("abc =-", min_size=1).map(str.strip).filter(bool), st.integers(0, 10**9), min_size=1))
def test_totals_survive_being_written_and_parsed(totals):
    assert parse(",".join(f"{name}={total}" for name, total in totals.items())) == totals


@pytest.mark.parametrize(
    ("text", "part"), [("a=", "a="), ("=3", "=3"), ("a=1,", ""), ("a=1,b", "b"), ("a=-1", "a=-1"), ("a=1.5", "a=1.5")]
)
def test_parse_refuses_what_is_no_total(text, part):
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value) == f"Totals by class are written class=rows, e.g. neutral=3610. Got {part!r}."


def test_parse_refuses_a_class_given_twice():
    with pytest.raises(InputError) as caught:
        parse("a=1,a=2")
    assert str(caught.value) == "The class 'a' is given twice in the sampling strategy 'a=1,a=2'. Give it once."
