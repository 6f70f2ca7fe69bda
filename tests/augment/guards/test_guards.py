"""Each guard accepts and rejects what it says, and nothing else."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard, Originals
from augment.guards.changed import Changed
from augment.guards.duplicate import Duplicate
from augment.guards.held_out import HeldOut
from augment.guards.length_ratio import LengthRatio
from augment.registry import GUARDS

THOROUGHLY = settings(max_examples=100)


def passes(guard: Guard, source: str, *new: str) -> list[bool]:
    draws = [Draw(source, "neutral", 0, variant, 0, 0) for variant in range(len(new))]
    judgement = guard.judge(draws, [Candidate(text) for text in new])
    assert judgement.columns == {}
    return list(judgement.passed)


def originals(*texts: str | None, held_out: Iterable[str] = ()) -> Originals:
    return Originals(texts=texts, labels=["neutral"] * len(texts), held_out=held_out, seed=0)


def against(*held_out: str, near_words: int = 4) -> HeldOut:
    guard = HeldOut(near_words=near_words)
    guard.fit(originals(held_out=held_out))
    return guard


# The base and the registry


def test_a_guard_that_overrides_nothing_lets_everything_pass():
    guard = Guard()
    guard.fit(originals("a", held_out=["a"]))
    assert passes(guard, "a", "a", "") == [True, True]
    guard.remember("a")
    assert guard.admits(Candidate("a"))
    assert guard.identity() == {}


def test_a_guard_leaves_behind_what_it_opened_when_it_is_sent_to_another_process():
    guard = against("Some text of five words")
    guard._opened = lambda: "no lambda can be pickled"
    sent = pickle.loads(pickle.dumps(guard))
    assert not hasattr(sent, "_opened")
    assert passes(sent, "x", "Some text of five words", "Something else") == [False, True]


@pytest.mark.parametrize("name", GUARDS.own)
def test_every_guard_is_built_from_its_own_configuration_and_says_what_it_is(name):
    guard = GUARDS.create(name, {})
    assert isinstance(guard, Guard)
    assert guard.name == name
    assert guard.summary
    assert "\n" not in guard.summary
    config = GUARDS.to_config(guard)
    assert GUARDS.to_config(GUARDS.from_config(json.loads(json.dumps(config)))) == config


def test_guards_are_asked_the_cheap_before_the_costly():
    order = [
        "changed",
        "length_ratio",
        "held_out",
        "duplicate",
        "near_duplicate",
        "polarity",
        "similarity",
        "agreement",
    ]
    assert [name for name in GUARDS.own if name in order] == order


def test_only_held_out_binds_copies():
    assert [name for name in GUARDS.own if GUARDS.find(name).binds_copies] == ["held_out"]


# Changed


def test_changed_rejects_what_differs_in_case_punctuation_and_spacing_alone():
    source = "It's good, isn't it?"
    unchanged = [source, "ITS GOOD ISNT IT", "It 's good , is n't it ?", " it’s good... isn’t it! "]
    assert passes(Changed(), source, *unchanged) == [False] * 4
    assert passes(Changed(), source, "It's bad, isn't it?", "It's good, is it?", "") == [True] * 3


def test_changed_compares_each_candidate_with_its_own_source():
    draws = [Draw("one", "a", 0, 0, 0, 0), Draw("two", "a", 1, 0, 0, 0)]
    assert Changed().judge(draws, [Candidate("two"), Candidate("two")]).passed == [True, False]
    with pytest.raises(ValueError, match="shorter"):
        Changed().judge(draws, [Candidate("two")])


def test_changed_judges_texts_without_words_by_their_characters():
    assert passes(Changed(), "😀 !", "😀!", "😢 !") == [False, True]


# Length


@pytest.mark.parametrize(("length", "passed"), [(0, False), (4, False), (5, True), (10, True), (20, True), (21, False)])
def test_length_ratio_bounds_are_a_half_and_two_and_belong_to_it(length, passed):
    assert passes(LengthRatio(), "x" * 10, "y" * length) == [passed]


def test_length_ratio_takes_its_bounds_and_ignores_surrounding_white_space():
    guard = LengthRatio(low=0.9, high=1.1)
    assert passes(guard, "x" * 10, "y" * 8, "y" * 9, "y" * 11, "y" * 12) == [False, True, True, False]
    assert passes(guard, "  " + "x" * 10 + "\n" * 20, " " * 50 + "y" * 10) == [True]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 2), (-0.5, 2), (1.1, 2), (0.5, 0.9), (float("nan"), 2), (0.5, float("nan"))]
)
def test_length_ratio_refuses_bounds_out_of_range(low, high):
    with pytest.raises(InputError) as caught:
        LengthRatio(low=low, high=high).check()
    assert str(caught.value) in (
        f"`low` of LengthRatio must be a number in (0, 1]. Got {low}.",
        f"`high` of LengthRatio must be a number of 1 or more. Got {high}.",
    )


def test_length_ratio_accepts_the_extremes():
    assert passes(LengthRatio(low=1, high=1), "abc", "xyz", "xy", "wxyz") == [True, False, False]


# Duplicates


def test_duplicate_rejects_originals_and_what_was_accepted_and_nothing_else():
    guard = Duplicate()
    guard.fit(originals("A good film.", None, "Do n't", held_out=["held out"]))
    assert not guard.admits(Candidate("a GOOD film!"))
    assert not guard.admits(Candidate("don't"))
    assert guard.admits(Candidate("held out"))
    assert guard.admits(Candidate("A fine film."))
    assert guard.admits(Candidate("A fine film.")), "asking is not accepting"
    guard.remember("A fine film.")
    assert not guard.admits(Candidate("a fine film"))
    assert guard.admits(Candidate("A finer film."))


def test_duplicate_forgets_one_run_when_it_is_fitted_for_another():
    guard = Duplicate()
    guard.fit(originals("one"))
    guard.remember("two")
    guard.fit(originals("three"))
    assert [guard.admits(Candidate(text)) for text in ("one", "two", "three")] == [True, True, False]


# Held-out rows

HELD = "The film was not very good"


@pytest.mark.parametrize(
    ("new", "passed"),
    [
        (HELD, False),
        ("the FILM was -- not very good!!", False),
        ("The movie was not very good", False),  # replaced
        ("A film was not very good", False),  # at the start
        ("The film was not very bad", False),  # at the end
        ("The film was really not very good", False),  # added
        ("So the film was not very good", False),
        ("The film was not very good overall", False),
        ("The film was not good", False),  # left out
        ("film was not very good", False),
        ("The film was not very", False),
        ("film The was not very good", False),  # one word moved: out of each text one
        ("The movie was not very bad", True),  # two replaced
        ("The film was really not very very good", True),  # two added
        ("The film was good", True),  # two left out
        ("A new film was not very good", True),  # replaced and added
        ("good very not was film The", True),
        ("Nothing of the kind is here", True),
        ("", True),
    ],
)
def test_held_out_rejects_what_is_one_word_away(new, passed):
    assert passes(against(HELD), "any source", new) == [passed]


def test_held_out_folds_the_spacing_of_the_penn_treebank_before_comparing():
    guard = against("It's good, isn't it?", "Do n't")
    rejected = ["It 's good , is n't it ?", "it’s good isn’t it", "Don't", "DON’T!"]
    assert passes(guard, "any source", *rejected) == [False] * 4


def test_held_out_compares_short_texts_for_equality_alone():
    guard = against("not very good")
    assert passes(guard, "x", "Not very good!", "not very bad", "very good", "not very good film") == [
        False,
        True,
        True,
        True,
    ]


def test_held_out_does_not_shorten_a_candidate_to_a_short_held_out_text():
    assert passes(against("very good film"), "x", "a very good film") == [True]
    assert passes(against("a very good film"), "x", "very good film", "a very good old film") == [True, False]


def test_held_out_near_words_moves_the_line():
    assert passes(against("good film", near_words=2), "x", "bad film", "bad day") == [False, True]
    assert passes(against(HELD, near_words=7), "x", "The movie was not very good", HELD) == [True, False]


def test_held_out_judges_against_every_held_out_row_and_no_original():
    guard = HeldOut()
    held_out = iter(["one two three four", "five six seven eight"])
    guard.fit(originals("The originals are no held out rows", held_out=held_out))
    assert passes(guard, "x", "five six seven nine", "one two zero four", "The originals are no held out rows") == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("near_words", [1, 0, -3])
def test_held_out_refuses_near_words_below_two(near_words):
    with pytest.raises(InputError) as caught:
        HeldOut(near_words=near_words).check()
    assert str(caught.value) == f"`near_words` of HeldOut must be a whole number of 2 or more. Got {near_words}."


def common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for a in one:
        last = 0
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], last + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


WORDS = st.lists(st.sampled_from(["aa", "bb", "cc"]), max_size=7)


@settings(max_examples=300)
@given(WORDS, WORDS, st.integers(2, 5))
def test_held_out_agrees_with_the_longest_common_subsequence(held, new, near_words):
    # One word out of each text at most makes them equal: all but one word of the longer are common.
    near = min(len(held), len(new)) >= near_words and common(held, new) >= max(len(held), len(new)) - 1
    guard = against(" ".join(held), near_words=near_words)
    assert passes(guard, "x", " ".join(new)) == [not (near or held == new)]


@THOROUGHLY
@given(st.lists(st.text("abcd", min_size=1, max_size=3), min_size=4, max_size=12), st.data())
def test_held_out_finds_any_one_word_replaced_added_or_left_out(words, data):
    at = data.draw(st.integers(0, len(words) - 1))
    other = data.draw(st.text("xyz", min_size=1, max_size=3))
    replaced, added = [*words[:at], other, *words[at + 1 :]], [*words[:at], other, *words[at:]]
    edited = data.draw(st.sampled_from([replaced, added]))
    assert passes(against(" ".join(words)), "x", " ".join(edited).upper() + ".") == [False]
    assert passes(against(" ".join(edited)), "x", " ".join(words)) == [False], "the other way round"
