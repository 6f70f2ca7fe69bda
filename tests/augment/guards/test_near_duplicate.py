"""What nearly repeats a new row or a held-out one is found, and nothing else is rejected."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Originals
from augment.guards.near_duplicate import NearDuplicate, banding, shingles
from augment.registry import GUARDS

LONG = "We sat upstairs by the window and ordered two coffees before the train came in from the coast"
ONE_WORD_OFF = LONG.replace("train", "bus")
UNLIKE = "The parcel arrived on Monday with the manual, and the cable came a week later by another carrier"
VOCABULARY = [f"w{i}" for i in range(60)]


def fitted(*held_out: str, **parameters: float) -> NearDuplicate:
    guard = NearDuplicate(**parameters)
    guard.fit(Originals(texts=["an original"], labels=["neutral"], held_out=held_out, seed=0))
    return guard


def judged(guard: NearDuplicate, *new: str) -> list[bool]:
    draws = [Draw("any source", "neutral", 0, variant, 0, 0) for variant in range(len(new))]
    return list(guard.judge(draws, [Candidate(text) for text in new]).passed)


def admitted(guard: NearDuplicate, texts: Iterable[str]) -> list[bool]:
    """Ask for each text in turn, as a run does, and remember those that are admitted."""
    answers = []
    for text in texts:
        answers.append(guard.admits(Candidate(text)))
        if answers[-1]:
            guard.remember(text)
    return answers


def runs(text: str, size: int) -> set[tuple[str, ...]]:
    """The shingles of a lower-case text without punctuation, by the book."""
    words = text.split()
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} or {(word,) for word in words}


def families(rng: random.Random, count: int, variants: int) -> list[str]:
    """Texts of 1 to 40 words and variants of each with some words replaced, shuffled."""
    texts = []
    for _ in range(count):
        words = rng.choices(VOCABULARY, k=rng.randint(1, 40))
        for _ in range(variants):
            changed = list(words)
            for _ in range(rng.randint(0, 3)):
                changed[rng.randrange(len(changed))] = rng.choice(VOCABULARY)
            texts.append(" ".join(changed))
    rng.shuffle(texts)
    return texts


def found_and_due(texts: Sequence[str], threshold: float, size: int, **parameters: int) -> tuple[int, int]:
    """Return how many of the plainly alike are found, and how many there are; nothing unlike may be rejected."""
    guard = fitted(threshold=threshold, shingle=size, **parameters)
    sets = [runs(text, size) for text in texts]
    found = due = 0
    for i, text in enumerate(texts):
        nearest = max((len(sets[i] & other) / len(sets[i] | other) for other in sets[:i]), default=0.0)
        admits = guard.admits(Candidate(text))
        assert admits or nearest >= threshold, (text, nearest)
        if nearest >= min(threshold + 0.1, 1):
            found, due = found + (not admits), due + 1
        guard.remember(text)
    return found, due


@pytest.mark.parametrize(("threshold", "size"), [(0.75, 2), (0.5, 2), (0.6, 1), (0.8, 3), (0.9, 2), (0.3, 2)])
def test_it_agrees_with_the_comparison_of_all_pairs(threshold, size):
    found, due = found_and_due(families(random.Random(size), 80, 8), threshold, size)
    assert due > 60
    assert found >= 0.97 * due


def test_few_hash_functions_find_less_and_still_reject_nothing_unlike():
    texts = families(random.Random(0), 60, 8)
    assert found_and_due(texts, 0.3, 2, permutations=1)[0] < 0.97 * found_and_due(texts, 0.3, 2, permutations=24)[0]


@settings(max_examples=200)
@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8), st.integers(1, 4))
def test_at_similarity_one_it_rejects_exactly_the_same_shingles(one, other, size):
    guard = fitted(threshold=1.0, shingle=size)
    guard.remember(" ".join(one))
    assert guard.admits(Candidate(" ".join(other))) == (runs(" ".join(one), size) != runs(" ".join(other), size))


def test_one_word_in_a_long_text_is_too_few_and_in_a_short_one_it_is_not():
    guard = fitted()
    assert admitted(guard, [LONG, ONE_WORD_OFF, UNLIKE]) == [True, False, True]
    assert admitted(guard, ["We ordered two more coffees", "We ordered two large coffees"]) == [True, True]


def test_case_punctuation_and_spacing_do_not_make_a_difference():
    guard = fitted(threshold=1.0)
    guard.remember("It's late, isn't it?")
    assert not guard.admits(Candidate("IT 'S LATE , IS N'T IT !"))


def test_asking_is_not_accepting_and_order_counts_through_remembering_alone():
    guard = fitted()
    assert guard.admits(Candidate(LONG))
    assert guard.admits(Candidate(ONE_WORD_OFF)), "nothing was accepted yet"
    guard.remember(ONE_WORD_OFF)
    assert not guard.admits(Candidate(LONG))
    assert judged(guard, LONG, ONE_WORD_OFF) == [True, True], "judging by itself knows no other new rows"


def test_originals_are_no_near_duplicates():
    guard = NearDuplicate()
    guard.fit(Originals(texts=[LONG, None], labels=["neutral", "neutral"], held_out=[], seed=0))
    assert judged(guard, ONE_WORD_OFF) == [True]
    assert guard.admits(Candidate(ONE_WORD_OFF))


def test_held_out_texts_are_kept_from_whatever_the_order():
    guard = fitted(UNLIKE, LONG)
    assert judged(guard, ONE_WORD_OFF, "Nothing of the kind", UNLIKE) == [False, True, False]
    assert judged(guard, UNLIKE, "Nothing of the kind", ONE_WORD_OFF) == [False, True, False]
    guard.remember("Nothing of the kind")
    assert judged(guard, "Nothing of the kind", ONE_WORD_OFF) == [True, False]


def test_it_forgets_one_run_when_it_is_fitted_for_another():
    guard = fitted(LONG)
    guard.remember(UNLIKE)
    guard.fit(Originals(texts=[], labels=[], held_out=[], seed=0))
    assert judged(guard, LONG) == [True]
    assert guard.admits(Candidate(UNLIKE))


def test_texts_shorter_than_a_shingle_are_compared_by_their_words():
    guard = fitted(threshold=0.5, shingle=4)
    assert admitted(guard, ["good coffee", "coffee, good!", "bad coffee", "good coffee here"]) == [
        True,
        False,  # the same words
        True,  # one word of three
        False,  # two words of three
    ]
    assert fitted("Fine").judge([], []).passed == []
    assert judged(fitted("Fine"), "fine.", "Fine coffee") == [False, True]


def test_texts_without_words_are_compared_by_their_characters():
    guard = fitted("😀 !")
    assert judged(guard, "😀!", "😢 !", "") == [False, True, True]
    assert admitted(guard, ["", "", "?", "?"]) == [True, False, True, False]


CHILD = """
import json, pickle, sys
from augment.generation.candidates import Candidate, Draw
guard, texts = pickle.load(sys.stdin.buffer)
draws = [Draw("any source", "neutral", 0, 0, 0, 0)] * len(texts)
by_itself = guard.judge(draws, [Candidate(text) for text in texts]).passed
in_order = []
for text in texts:
    in_order.append(guard.admits(Candidate(text)))
    if in_order[-1]:
        guard.remember(text)
print(json.dumps([list(by_itself), in_order]))
"""


def test_another_process_with_another_hash_seed_gives_the_same_verdicts():
    texts = families(random.Random(5), 40, 6)
    # Two hash functions miss many of the alike, and which ones they miss must be the same everywhere.
    guard = fitted(*texts[:60], threshold=0.3, permutations=2)
    sent = pickle.dumps((guard, texts))
    here = [judged(guard, *texts), admitted(guard, texts)]
    assert all(True in answers and False in answers for answers in here)
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    child = subprocess.run([sys.executable, "-c", CHILD], input=sent, capture_output=True, check=True, env=environment)
    assert json.loads(child.stdout) == here


def test_a_fitted_guard_survives_pickling_with_all_it_remembers():
    guard = fitted(UNLIKE)
    guard.remember(LONG)
    copy = pickle.loads(pickle.dumps(guard))
    assert judged(copy, UNLIKE, LONG) == [False, True]
    assert not copy.admits(Candidate(ONE_WORD_OFF))
    copy.remember("Something else that only the copy has seen")
    assert guard.admits(Candidate("Something else that only the copy has seen"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0},
        {"threshold": -0.5},
        {"threshold": 1.01},
        {"threshold": float("nan")},
        {"shingle": 0},
        {"permutations": 0},
    ],
)
def test_it_refuses_parameters_out_of_range(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(InputError) as caught:
        NearDuplicate(**wrong).check()
    expected = "number in (0, 1]" if name == "threshold" else "whole number of 1 or more"
    assert str(caught.value) == f"`{name}` of NearDuplicate must be a {expected}. Got {value}."


@settings(max_examples=200)
@given(st.floats(0.01, 1.0), st.integers(1, 128))
def test_bands_fit_into_the_permutations_and_find_what_they_promise(threshold, permutations):
    bands, rows = banding(threshold, permutations)
    assert 1 <= bands * rows <= permutations
    chance = 1 - (1 - threshold**rows) ** bands
    assert chance >= 0.95 or (rows == 1 and bands == permutations)


def test_shingles_stay_within_the_memory_that_is_promised():
    guard = fitted()
    for number in range(100):
        guard.remember(" ".join(random.Random(number).choices(VOCABULARY, k=17)))
    assert len(pickle.dumps(guard)) < 100 * 400, "an index that keeps more than shingles and bands of each row"


def test_the_command_line_can_name_it_and_its_version_is_on_record():
    guard = GUARDS.create("near_duplicate", {"threshold": "0.9", "shingle": "3"})
    assert (guard.threshold, guard.shingle, guard.permutations) == (0.9, 3, 24)
    assert list(guard.identity()) == ["rensa"]
    assert shingles("a b c d", 3) == shingles("A b, c d!", 3)


def test_importing_it_loads_no_index_library():
    code = "import sys, augment.guards.near_duplicate; sys.exit('rensa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rows_of_an_earlier_run_are_not_nearly_repeated_and_real_rows_may_be():
    guard = NearDuplicate()
    guard.fit(
        Originals(
            texts=[LONG, UNLIKE],
            labels=["neutral", "neutral"],
            held_out=[],
            seed=0,
            is_synthetic=np.array([True, False]),
        )
    )
    assert admitted(guard, [ONE_WORD_OFF, UNLIKE]) == [False, True]
    guard.fit(Originals(texts=[LONG, UNLIKE], labels=["neutral", "neutral"], held_out=[], seed=0))
    assert admitted(guard, [ONE_WORD_OFF]) == [True]
