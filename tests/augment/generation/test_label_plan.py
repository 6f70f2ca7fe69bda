"""Rows of sets of labels: exact where possible, never short where there are sources, and sources used evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.errors import InputError
from augment.generation.budget import rows_to_make
from augment.generation.label_plan import label_plan, rows_of_labels, rows_of_sets

LABELS = "abcd"
SETS = st.lists(st.sets(st.sampled_from(LABELS), min_size=1), min_size=1, max_size=8, unique_by=frozenset)


def matrix(sets: list[set[str]]) -> np.ndarray:
    return np.array([[label in one for label in LABELS] for one in sets])


def weights(data: st.DataObject, sets: list, low: int, high: int) -> np.ndarray:
    return np.array(data.draw(st.lists(st.integers(low, high), min_size=len(sets), max_size=len(sets))))


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), min_size=2), st.sampled_from(["all", "2x", 0.7])
)
def test_rows_of_one_label_each_get_what_classes_get(counts, amount):
    members = {label: [label] for label in counts}
    sources = {label: range(count) for label, count in counts.items()}
    try:
        budget = rows_to_make(amount, counts)
    except InputError:
        return
    assert label_plan(amount, counts, members, sources).budget == {k: n for k, n in budget.items() if n}


@given(st.data(), SETS)
def test_a_target_that_some_choice_meets_is_met(data, sets):
    members, sources = matrix(sets), weights(data, sets, 1, 5)
    wanted = weights(data, sets, 0, 9) @ members
    rows = rows_of_sets(wanted, members, sources)
    assert (rows @ members == wanted).all(), rows


@given(st.data(), SETS, st.integers(1, 3) | st.none())
def test_a_label_is_short_only_if_its_sources_are_at_the_limit_and_no_source_is_used_beyond_it(data, sets, limit):
    members, sources = matrix(sets), weights(data, sets, 0, 4)
    wanted = np.array(data.draw(st.lists(st.integers(0, 30), min_size=4, max_size=4)))
    rows = rows_of_sets(wanted, members, sources, max_per_source=limit)
    most = sources * (10**6 if limit is None else limit)
    assert (rows <= most).all()
    assert (rows >= 0).all()
    for label in np.flatnonzero(rows @ members < wanted):
        assert (rows == most)[members[:, label]].all()


@settings(max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=4, max_size=4), st.lists(st.integers(0, 50), min_size=4, max_size=4))
def test_the_sources_of_a_label_are_used_evenly(sources, wanted):
    sets = [{"a"}, {"a", "b"}, {"b"}, {"c"}]
    members = matrix(sets)
    need = np.array([wanted[0], 0, wanted[2], wanted[3]])
    rows = rows_of_sets(need, members, np.array(sources))
    assert rows.tolist() == [need[0], 0, 0, need[2]]
    even = rows_of_sets(np.array([90, 90, 0, 0]), members, np.array([10, 20, 10, 1]))
    assert even.tolist() == [30, 60, 30, 0]


def test_what_stands_beside_a_rare_label_gets_more_rows_than_it_was_to_get():
    members = {"plot": ["plot"], "plot|rare": ["plot", "rare"]}
    plan = label_plan({"rare": 9}, {"plot": 60, "rare": 4}, members, {"plot": range(56), "plot|rare": range(4)})
    made = plan.by_label(plan.budget)
    assert (plan.budget, made) == ({"plot|rare": 5}, {"plot": 5, "rare": 5})
    assert (plan.beyond(made), plan.short(made)) == ({"plot": 5}, {})
    few = label_plan({"rare": 9}, {"plot": 60, "rare": 4}, members, {"plot": [0], "plot|rare": [1]}, max_per_source=2)
    assert few.short(few.by_label(few.budget)) == {"rare": 3}


def test_auto_raises_the_labels_that_are_rarer_than_the_mean_up_to_the_mean():
    counts = {"a": 100, "b": 50, "c": 10, "d": 4}  # ratios 1, 2, 10 and 25, their mean is 9.5
    assert rows_of_labels("auto", counts) == {"c": 1, "d": 7}
    after = {label: 100 / (count + rows_of_labels("auto", counts).get(label, 0)) for label, count in counts.items()}
    assert max(after.values()) <= 9.5
    assert rows_of_labels("auto", {"a": 5, "b": 5}) == {}
    with pytest.raises(InputError, match="at least two"):
        rows_of_labels("auto", {"a": 5})


def test_many_sets_are_planned_in_no_time():
    rng = np.random.default_rng(0)
    members = np.unique(rng.random((5000, 40)) < 0.1, axis=0)
    members = members[members.any(axis=1)]
    sources = rng.integers(1, 4, len(members))
    counts = sources @ members
    wanted = np.maximum(counts.max() - counts, 0)
    rows = rows_of_sets(wanted, members, sources, max_per_source=3)
    assert (rows <= 3 * sources).all()
