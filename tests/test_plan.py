"""The plan uses every source evenly, and is a function of seed, stream and sources alone."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.plan import Slot, slots

THOROUGHLY = settings(deadline=None, max_examples=80)
SOURCES = st.lists(st.integers(0, 10**12), min_size=1, max_size=25, unique=True)
SEEDS = st.integers(0, 2**64 - 1)


def first(n: int, sources, seed=0, stream=0, limit=None) -> list[Slot]:
    return list(islice(slots(sources, seed=seed, stream=stream, limit=limit), n))


@THOROUGHLY
@given(SOURCES, SEEDS, st.integers(0, 200))
def test_after_any_number_of_slots_each_source_was_used_floor_or_ceiling_times(sources, seed, n):
    used = Counter(slot.source for slot in first(n, sources, seed))
    assert sum(used.values()) == n
    assert set(used) <= set(sources)
    assert {used[source] for source in sources} <= {n // len(sources), -(-n // len(sources))}


@THOROUGHLY
@given(SOURCES, SEEDS, st.integers(0, 200))
def test_variants_are_numbered_from_zero_without_gaps_for_each_source(sources, seed, n):
    numbered = {source: [] for source in sources}
    for slot in first(n, sources, seed):
        numbered[slot.source].append(slot.variant)
    assert all(variants == list(range(len(variants))) for variants in numbered.values())


@THOROUGHLY
@given(SOURCES, SEEDS, st.integers(0, 3), st.integers(0, 120), st.integers(0, 120))
def test_the_same_arguments_give_the_same_plan_and_a_longer_one_begins_with_a_shorter(sources, seed, stream, n, m):
    n, m = min(n, m), max(n, m)
    assert first(n, sources, seed, stream) == first(m, sources, seed, stream)[:n]
    assert first(n, tuple(sources), seed, stream) == first(n, sources, seed, stream)


@THOROUGHLY
@given(SOURCES, SEEDS, st.integers(1, 5))
def test_a_limit_ends_the_plan_when_every_source_has_that_many_variants(sources, seed, limit):
    limited = list(slots(sources, seed=seed, stream=0, limit=limit))
    assert Counter(slot.source for slot in limited) == dict.fromkeys(sources, limit)
    assert limited == first(len(limited), sources, seed), "a limit cuts the plan and changes nothing before"


@pytest.mark.parametrize(("sources", "limit"), [([], None), ([], 3), ([1, 2], 0)])
def test_no_source_or_no_variant_gives_nothing(sources, limit):
    assert list(slots(sources, seed=0, stream=0, limit=limit)) == []


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
    sources = [5, 3, 9, 1]
    first(9, sources)
    assert sources == [5, 3, 9, 1]
