"""The plan uses every source evenly, keeps a source's variants together, and follows seed, stream and counts alone."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.generation.plan import TOGETHER, Slot, slots

THOROUGHLY = settings(max_examples=80)
SOURCES = st.lists(st.integers(0, 10**12), min_size=1, max_size=25, unique=True)
SEEDS = st.integers(0, 2**64 - 1)
COUNTS = st.integers(0, 200)
ROUND_ROBIN = 0  # with nothing wanted all of the plan is its second part


def first(n: int, sources, seed=0, stream=0, wanted=ROUND_ROBIN, limit=None) -> list[Slot]:
    return list(islice(slots(sources, seed=seed, stream=stream, wanted=wanted, limit=limit), n))


@THOROUGHLY
@given(SOURCES, SEEDS, COUNTS)
def test_among_the_wanted_slots_each_source_is_used_floor_or_ceiling_times(sources, seed, n):
    used = Counter(slot.source for slot in first(n, sources, seed, wanted=n))
    assert sum(used.values()) == n
    assert set(used) <= set(sources)
    assert {used[source] for source in sources} <= {n // len(sources), -(-n // len(sources))}


@THOROUGHLY
@given(SOURCES, SEEDS, COUNTS)
def test_some_wanted_slots_of_one_source_stand_together_in_order(sources, seed, n):
    runs = [
        (group, [slot.variant for slot in run])
        for group, run in groupby(
            first(n, sources, seed, wanted=n), lambda slot: (slot.source, slot.variant // TOGETHER)
        )
    ]
    assert len({group for group, _ in runs}) == len(runs), "no group is split"
    assert all(
        variants == list(range(part * TOGETHER, part * TOGETHER + len(variants))) for (_, part), variants in runs
    )
    assert [part for (_, part), _ in runs] == sorted(part for (_, part), _ in runs), "every source before any again"


@THOROUGHLY
@given(SOURCES, SEEDS, COUNTS, COUNTS)
def test_what_is_wanted_changes_the_order_of_the_plan_and_not_what_is_in_it(sources, seed, wanted, more):
    grouped, even = first(wanted + more, sources, seed, wanted=wanted), first(wanted + more, sources, seed)
    assert set(grouped[:wanted]) == set(even[:wanted])
    assert grouped[wanted:] == even[wanted:]


@THOROUGHLY
@given(SOURCES, SEEDS, COUNTS, COUNTS)
def test_no_slot_comes_twice_and_no_variant_is_left_out(sources, seed, wanted, n):
    numbered = {source: [] for source in sources}
    for slot in first(n, sources, seed, wanted=wanted):
        numbered[slot.source].append(slot.variant)
    assert all(variants == list(range(len(variants))) for variants in numbered.values())


@THOROUGHLY
@given(SOURCES, SEEDS, st.integers(0, 3), COUNTS, st.integers(0, 9))
def test_the_same_arguments_give_the_same_plan_in_any_container(sources, seed, stream, wanted, start):
    plan = first(wanted + 50, sources, seed, stream, wanted)
    assert first(wanted + 50, tuple(sources), seed, stream, wanted) == plan
    assert first(wanted + 50, np.array(sources), seed, stream, wanted) == plan
    assert {type(number) for slot in plan for number in slot} == {int}
    later = islice(slots(sources, seed=seed, stream=stream, wanted=wanted, first=start), wanted + 50)
    assert [Slot(source, variant - start) for source, variant in later] == plan


@THOROUGHLY
@given(SOURCES, SEEDS, COUNTS, st.integers(1, 5))
def test_a_limit_ends_the_plan_when_every_source_has_that_many_variants(sources, seed, wanted, limit):
    limited = list(slots(sources, seed=seed, stream=0, wanted=wanted, limit=limit))
    assert Counter(slot.source for slot in limited) == dict.fromkeys(sources, limit)
    if wanted <= limit * len(sources):
        assert limited == first(len(limited), sources, seed, wanted=wanted), "what is within the limit stays"


@pytest.mark.parametrize(("sources", "limit"), [([], None), ([], 3), ([1, 2], 0)])
@pytest.mark.parametrize("wanted", [0, 7])
def test_no_source_or_no_variant_gives_nothing(sources, limit, wanted):
    assert list(slots(sources, seed=0, stream=0, wanted=wanted, limit=limit)) == []


def test_sources_are_shuffled_and_differently_by_stream_and_by_seed():
    sources = range(30)
    orders = [
        tuple(slot.source for slot in first(30, sources, seed, stream)) for seed in range(4) for stream in range(4)
    ]
    assert len({*orders, tuple(sources)}) == 17


def test_every_source_has_its_chance_to_be_first():
    starts = Counter(first(1, range(4), seed)[0].source for seed in range(400))
    assert all(60 < starts[source] < 140 for source in range(4)), starts


def test_the_callers_sources_are_left_as_they_are():
    sources = np.array([5, 3, 9, 1])
    first(9, sources)
    assert sources.tolist() == [5, 3, 9, 1]
