"""The teacher on words is asked by default for classes without a pole, and only for those that it recognises."""

from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest

from augment import upsample
from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.agreement import Agreement, bounds
from augment.guards.base import Originals
from augment.guards.selection import select
from augment.models.encoder import Encoders

FOOD = ("soup", "bread", "cake", "pasta", "cheese", "salad", "pie", "stew", "rice", "fish", "ham", "fruit")
ROADS = ("train", "bus", "tram", "ferry", "taxi", "plane", "car", "bike", "truck", "boat", "metro", "van")
TEXTS = {
    "food": [f"The {w} was tasty and we ate {v} with it." for w in FOOD for v in FOOD[:3] if w != v],
    "road": [f"The {w} left the station late behind the {v}." for w in ROADS for v in ROADS[:3] if w != v],
    "lake": ["A swan came near.", "The reeds stood still.", "No wave was seen."],
}


def originals(*classes, mixed_up=False):
    rows = [(text, label) for label in classes for text in TEXTS[label]]
    labels = [label for _, label in rows]
    if mixed_up:
        labels = [labels[i] for i in np.random.default_rng(1).permutation(len(labels))]
    return Originals(texts=[text for text, _ in rows], labels=labels, held_out=[], seed=0)


def fitted(known, *, by_default=False, **options):
    guard = Agreement(model="words", **{"least": None, **options})
    guard.by_default = by_default
    guard.check()
    guard.prepare(Encoders())
    guard.fit(known)
    return guard


def passed(guard, *pairs):
    draws = [Draw(f"source {i}", label, i, 0, 0, 0) for i, (_, label) in enumerate(pairs)]
    return list(guard.judge(draws, [Candidate(text) for text, _ in pairs]).passed)


RIGHT = [("The stew was tasty and we ate bread with it.", "food"), ("The taxi left the station late.", "road")]
WRONG = [(RIGHT[0][0], "road"), (RIGHT[1][0], "food")]


def test_right_labels_pass_and_wrong_ones_do_not():
    guard = fitted(originals("food", "road"))
    assert passed(guard, *RIGHT, *WRONG) == [True, True, False, False]
    assert set(guard.bounds_) == {"food", "road"}
    assert guard.identity()["judged"] == ["food", "road"]


def test_one_in_twenty_rows_lies_below_the_bound_of_its_class():
    guard = fitted(originals("food", "road"))
    known = originals("food", "road")
    folds = np.array([guard._fold(text) for text in known.texts])
    own = guard.words_.probabilities(known.texts, folds)
    for i, label in enumerate(guard.classes_):
        below = [own[n, i] < guard.bounds_[label] for n, name in enumerate(known.labels) if name == label]
        assert np.mean(below) <= 0.05 + 1 / len(below)


def test_a_class_with_few_rows_is_not_judged_and_the_others_are():
    guard = fitted(originals("food", "road", "lake"))
    assert set(guard.bounds_) == {"food", "road"}
    assert passed(guard, ("A taxi left the station late.", "lake"), *WRONG) == [True, False, False]
    assert guard.finding().endswith("(mean of the classes; chance: 33%), and does not judge 'lake'")


def test_a_teacher_that_is_no_better_than_chance_is_not_asked():
    known = originals("food", "road", mixed_up=True)
    guard = fitted(known, by_default=True)
    assert guard.bounds_ == {}
    assert guard.why_unfit() == "its teacher recognises no class of 20 rows or more better than chance does."
    with pytest.raises(InputError, match=r"cannot be fitted: its teacher recognises no class .* Leave it out"):
        fitted(known)
    fitted(known, least=0.01)


def test_classes_are_recognised_above_chance_and_with_enough_rows():
    sure = np.array([[0.9, 0.1]] * 30 + [[0.2, 0.8]] * 19)
    assert bounds(sure, np.repeat([0, 1], [30, 19])) == {0: 0.2}
    always = np.array([[0.9, 0.1]] * 60)
    assert bounds(always, np.repeat([0, 1], 30)) == {}, "a teacher that always says the same recognises nothing"


def test_verdicts_depend_neither_on_the_batch_nor_on_the_process():
    guard = fitted(originals("food", "road"), soft_labels=True)
    other = pickle.loads(pickle.dumps(guard))
    other.prepare(Encoders())
    pairs = [*RIGHT, *WRONG, ("", "food"), ("zyx", "road")]
    draws = [Draw(f"source {i}", label, i, 0, 0, 0) for i, (_, label) in enumerate(pairs)]
    together = guard.judge(draws, [Candidate(text) for text, _ in pairs])
    for i, (draw, (text, _)) in enumerate(zip(draws, pairs, strict=True)):
        alone = other.judge([draw], [Candidate(text)])
        assert alone.passed[0] == together.passed[i]
        assert alone.columns["label_probs"][0] == together.columns["label_probs"][i]
    assert list(guard.judge([], []).passed) == []


def test_no_bound_is_found_for_a_teacher_of_ones_own():
    with pytest.raises(InputError, match="`least` of Agreement must be a number with a `teacher`"):
        Agreement(least=None, teacher="some/model").check()


# By default


@pytest.mark.parametrize(
    ("budget", "asked"),
    [
        ({"food": 5, "road": 0}, True),
        ({"food": 5, "positive": 0}, True),
        ({"food": 5, "positive": 2}, False),
        ({"neutral": 5}, False),
    ],
)
def test_it_is_a_default_where_no_polar_rows_are_made(budget, asked):
    names = [guard.name for guard in select(budget=budget, rows=50)]
    assert ("agreement" in names) is asked
    assert ("polarity" in names) is not asked


def test_a_named_one_takes_its_place_and_a_named_polarity_stands_for_it():
    (guard,) = (one for one in select(["agreement:least=.3"], budget={"food": 5}, rows=9) if one.name == "agreement")
    assert (guard.least, guard.model, guard.by_default) == (0.3, "mini", False)
    named = [one.name for one in select(["polarity:positive=food"], budget={"food": 5}, rows=9)]
    assert "agreement" not in named


def few(known, n=8):
    rows = [(t, x) for t, x in zip(known.texts, known.labels, strict=True)]
    rare = [row for row in rows if row[1] == "food"][: 34 - n]
    return [*rare, *(row for row in rows if row[1] != "food")]


@pytest.mark.parametrize("mixed_up", [False, True])
def test_a_run_says_whether_it_was_asked(caplog, mixed_up):
    rows = few(originals("food", "road", mixed_up=mixed_up))
    with caplog.at_level(logging.INFO, "augment"):
        _, manifest = upsample(([t for t, _ in rows], [x for _, x in rows]), strategy="nlpaug:random_word", seed=1)
    note = manifest.guard_notes["agreement"]
    assert note in caplog.messages
    asked = "agreement" in [guard["name"] for guard in manifest.guards]
    assert asked is not mixed_up
    said = "is not asked: its teacher" if mixed_up else "is asked by default: its teacher"
    assert note.startswith(f"The guard 'agreement' {said} recognises ")
    assert not manifest.missing


def test_copies_are_not_judged_and_nothing_is_said():
    rows = few(originals("food", "road"))
    _, manifest = upsample(([t for t, _ in rows], [x for _, x in rows]), strategy="random")
    assert manifest.guard_notes == {}
