"""The budget means what imbalanced-learn means by it, and says what is wrong with one that it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy

from augment.errors import CounterpoiseError, InputError
from augment.generation.budget import parse, rows_to_make
from augment.name_lists import written_pairs

THOROUGHLY = settings(max_examples=80)
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


AMOUNTS = st.one_of(
    st.integers(0, 10**6).map("+{}".format),
    st.integers(1, 99).map("{}x".format),
    st.decimals(1, 20, places=3).map("{}x".format),
)


@THOROUGHLY
@given(COUNTS, AMOUNTS, st.data())
def test_an_amount_is_the_same_for_every_class_and_for_one(counts, amount, data):
    chosen = data.draw(st.sampled_from(sorted(counts)))
    alone = rows_to_make({chosen: amount}, counts)
    every = ours(amount, counts)
    assert list(alone) == [chosen]
    assert alone == {chosen: 0} if every is None else alone[chosen] == every[chosen]


@THOROUGHLY
@given(COUNTS, st.decimals(1, 20, places=3))
def test_a_multiple_is_rounded_down_and_exact(counts, times):
    made = ours(f"{times}x", counts)
    if made is None:
        assert times > 1, "a multiple that gives no row is refused"
        assert int(times * max(counts.values())) == max(counts.values())
        return
    for label, count in counts.items():
        assert 0 <= times * count - (count + made[label]) < 1


@THOROUGHLY
@given(COUNTS, st.integers(0, 10**6))
def test_so_many_new_rows_are_made_of_every_class(counts, more):
    assert rows_to_make(f"+{more}", counts) == dict.fromkeys(counts, more)


def test_a_multiple_is_counted_in_decimals():
    assert rows_to_make({"a": "1.15x"}, {"a": 100, "b": 7}) == {"a": 15}, "114.99999999999999 as a float"
    assert rows_to_make("1.5x", {"a": 5, "b": 2, "c": 1}) == {"a": 2, "b": 1, "c": 0}


def test_classes_may_have_amounts_of_each_kind():
    assert rows_to_make({"pos": 9, "neg": "+500", "neu": "1.5x"}, REVIEWS) == {"neg": 500, "neu": 1, "pos": 3}
    assert rows_to_make(lambda counts: {"neu": "2x"}, REVIEWS) == {"neu": 2}
    assert rows_to_make({"neu": "1x", "neg": "+0"}, REVIEWS) == {"neg": 0, "neu": 0}


@pytest.mark.parametrize(
    "word", ["x", "-2x", "2 x", "2X", "2xx", "٢x", "9999999x", ".5x", "1.x", "1e3x", "+", "+-1", "+1.5", "+ 5", "+1x"]
)
def test_what_is_no_multiple_and_no_number_of_new_rows_is_refused(word):
    assert "a multiple such as '1.5x', a number of new rows such as '+500'" in refusal(word, REVIEWS)
    assert f"Got {word!r}." in refusal({"neu": word}, REVIEWS)


def test_numbers_and_truth_values_are_classes_like_others():
    assert rows_to_make({1: "+2"}, {0: 3, 1: 1}) == {1: 2}
    assert rows_to_make({True: 4}, {False: 3, True: 1}) == {True: 3}
    assert rows_to_make({1.0: 4}, {1.0: 3, 5.0: 9}) == {1.0: 1}


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

AMOUNT = (
    "The rows of class 'neu' must be a whole number, e.g. 90, so many more, e.g. '+50', or a multiple of its rows, e.g."
    " '1.5x'."
)


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
            "`sampling_strategy` must be one of 'minority', 'not minority', 'not majority', 'all', 'auto', a multiple"
            " such as '1.5x', a number of new rows such as '+500', a share in (0, 1], or amounts by class. Got"
            " 'minorty'. Did you mean 'minority'?",
        ),
        (
            "xyz",
            REVIEWS,
            "`sampling_strategy` must be one of 'minority', 'not minority', 'not majority', 'all', 'auto', a multiple"
            " such as '1.5x', a number of new rows such as '+500', a share in (0, 1], or amounts by class. Got 'xyz'.",
        ),
        (0.0, REVIEWS, "`sampling_strategy` as a share of the largest class must lie in (0, 1]. Got 0."),
        (1.5, REVIEWS, "`sampling_strategy` as a share of the largest class must lie in (0, 1]. Got 1.5."),
        (
            2,
            REVIEWS,
            "`sampling_strategy` as a share of the largest class must lie in (0, 1]. Got 2. For so many new rows of"
            " each class give '+2', for a total 'CLASS=2'.",
        ),
        (
            float("nan"),
            REVIEWS,
            "`sampling_strategy` as a share of the largest class must lie in (0, 1]. Got nan.",
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
            "The class 'neutral' of `sampling_strategy` is not in the data, which has 'negative', 'neutrale'."
            " Did you mean 'neutrale'?",
        ),
        ({7: 9}, {1: 5, 2: 2}, "The class 7 of `sampling_strategy` is not in the data, which has 1, 2."),
        ({"neu": 2.5}, REVIEWS, f"{AMOUNT} Got 2.5."),
        ({"neu": True}, REVIEWS, f"{AMOUNT} Got True."),
        ({"neu": "4"}, REVIEWS, f"{AMOUNT} Got '4'."),
        (
            {"neutral": 9, "net": "+1", "x": 3},
            REVIEWS,
            "The classes 'neutral', 'net', 'x' of `sampling_strategy` are not in the data, which has 'neg', 'neu',"
            " 'pos'. Did you mean 'neu' for 'neutral', 'neu' for 'net'?",
        ),
        (
            {"neg": 3, "neu": "0.5x", "nea": 1, "pos": "6"},
            REVIEWS,
            "The class 'nea' of `sampling_strategy` is not in the data, which has 'neg', 'neu', 'pos'. Did you mean"
            " 'neu'? The total for class 'neg' must be at least the 5 rows that it has: upsampling removes none. Got 3."
            " The total for class 'neu' must be at least the 2 rows that it has: upsampling removes none. Got 0.5x."
            f" {AMOUNT.replace('neu', 'pos')} Got '6'.",
        ),
        ("0.5x", REVIEWS, "The multiple must be 1x or more: upsampling removes no rows. Got '0.5x'."),
        (
            "1.1x",
            REVIEWS,
            "'1.1x' of the largest class, 6 rows, is less than one further row; there is nothing to make. Give a larger"
            " multiple.",
        ),
        (
            {"neu": 1},
            REVIEWS,
            "The total for class 'neu' must be at least the 2 rows that it has: upsampling removes none. Got 1.",
        ),
        (
            True,
            REVIEWS,
            "`sampling_strategy` must be a word, a share, a mapping of class to amount, or a callable. Got True.",
        ),
        (
            ["neu"],
            REVIEWS,
            "`sampling_strategy` must be a word, a share, a mapping of class to amount, or a callable. Got ['neu'].",
        ),
        (
            None,
            REVIEWS,
            "`sampling_strategy` must be a word, a share, a mapping of class to amount, or a callable. Got None.",
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
        ("+500", "+500"),
        ("1.5x", "1.5x"),
        ("+5", "+5"),
        ("spam=+500,ham=2x,other=1200", {"spam": "+500", "ham": "2x", "other": 1200}),
        ("'food, drink'=90,\"two\\nlines\"=1.5x", {"food, drink": 90, "two\nlines": "1.5x"}),
        ('{"food, drink": 90, "ham": "2x"}', {"food, drink": 90, "ham": "2x"}),
        ("+500=+500,2x=2x,1.0=3,True=4,=== =5", {"+500": "+500", "2x": "2x", "1.0": 3, "True": 4, "===": 5}),
        ("a=1,", {"a": 1}),
    ],
)
def test_parse_reads_words_shares_and_amounts(text, expected):
    assert parse(text) == expected
    assert type(parse(text)) is type(expected)


@THOROUGHLY
@given(st.dictionaries(st.text(), st.one_of(st.integers(0, 10**9), AMOUNTS), min_size=1))
def test_amounts_of_any_classes_survive_being_written_and_parsed(amounts):
    assert parse(written_pairs(amounts.items())) == amounts


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a=", "a=''"),
        ("a=-1", "a=-1"),
        ("a=1.5", "a=1.5"),
        ("a=0.5,b=2", "a=0.5"),
        ("a=9999999999999", "a=9999999999999"),
        ('{"a": -3}', "a=-3"),
    ],
)
def test_parse_refuses_what_is_no_amount(text, part):
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value) == (
        f"Amounts by class are written class=rows, e.g. neutral=3610, neutral=+500 or neutral=1.5x. Got {part!r}."
    )


@pytest.mark.parametrize("text", ["=3", "a=1,b", "food, drink=9", "'food, drink'"])
def test_parse_refuses_a_class_without_rows_and_rows_without_a_class(text):
    with pytest.raises(InputError, match=r"written name=value, and a name with a comma stands in quotes\. Got "):
        parse(text)


def test_parse_names_everything_that_is_wrong():
    with pytest.raises(InputError, match=r"Got 'b=many,c=-2'\."):
        parse("a=1,b=many,c=-2")
    with pytest.raises(InputError, match=r"A name stands once\. Got 'a', 'd' more than once in 'a=1,a=2,d=1"):
        parse("a=1,a=2,d=1,d=1,d=1")
    with pytest.raises(InputError, match=r"class=rows.* Got '\{\}'\."):
        parse("{}")
