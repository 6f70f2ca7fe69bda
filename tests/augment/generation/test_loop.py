"""Rows are made until the budget is met, in the order of the plan, or the run says what is missing and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.generation.loop import CHUNK, FEWEST, Outcome, Row, Tally, generate
from augment.generation.plan import TRIES, Slot, slots
from augment.generation.trials import binding, try_draws
from augment.generation.turns import WAITING
from augment.guards.base import Guard, Originals
from augment.guards.changed import Changed
from augment.guards.duplicate import Duplicate
from augment.guards.held_out import HeldOut
from augment.guards.length_ratio import LengthRatio
from augment.guards.selection import select

THOROUGHLY = settings(max_examples=80)
NAMES = ["Anna", "Boris", "Chloe", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas"]
TEXTS = {i: f"{name} opened the shop at nine." for i, name in enumerate(NAMES)}


class Scripted:
    """A strategy that a function of one draw defines; it records what it was asked."""

    def __init__(self, write: Callable[[Draw], str | None], *, copies: bool = False) -> None:
        self.write = write
        self.copies = copies
        self.asked: list[Draw] = []

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        self.asked += draws
        texts = [self.write(draw) for draw in draws]
        return [None if text is None else Candidate(text) for text in texts]


def numbered(draw: Draw) -> str:
    """The source and a number from the draw's own generator: always new."""
    return f"{draw.text} {draw.generator().integers(10**12)}"


def same(draw: Draw) -> str:
    return draw.text


def never(draw: Draw) -> None:
    return None


def run(
    strategy: Scripted,
    budget: dict[Any, int],
    *,
    sources: dict[Any, Sequence[int]] | None = None,
    guards: Sequence[Guard] = (),
    texts: dict[int, str] = TEXTS,
    **options: Any,
) -> tuple[list[Row], Tally]:
    tally = Tally()
    sources = sources or {label: range(len(texts)) for label in budget}
    options = {"seed": 0, **options}
    outcomes = made(strategy, texts=texts, sources=sources, budget=budget, guards=guards, tally=tally, **options)
    return [row for outcome in outcomes for row in outcome.rows], tally


def made(strategy: Scripted, *, guards: Sequence[Guard], **options: Any) -> Iterator[Outcome]:
    asked = binding(guards, copies=strategy.copies)
    return generate(partial(try_draws, strategy, asked), guards=asked, **options)


def fitted(held_out: Sequence[str] = ()) -> list[Guard]:
    return seen(select(["none"]), held_out)


def seen(guards: list[Guard], held_out: Sequence[str] = ()) -> list[Guard]:
    for guard in guards:
        guard.fit(Originals(texts=list(TEXTS.values()), labels=["a"] * len(TEXTS), held_out=held_out, seed=0))
    return guards


def planned(rows: Sequence[Row]) -> list[Slot]:
    return [Slot(row.source, row.variant) for row in rows]


# The budget


@pytest.mark.parametrize("wanted", [0, 1, 9, 10, 11, 37])
def test_budget_is_met_exactly_after_rejections(wanted):
    strategy = Scripted(lambda draw: draw.text if draw.generator().random() < 0.7 else numbered(draw))
    rows, tally = run(strategy, {"neutral": wanted}, guards=fitted())
    assert len(rows) == tally.made["neutral"] == wanted
    assert tally.missing == {}
    assert tally.rejections()["changed"] == len(strategy.asked) - wanted
    assert (tally.rejections()["changed"] > 0) == (wanted > 1)
    assert len({row.text for row in rows}.difference(TEXTS.values())) == wanted
    assert all(row.label == "neutral" and row.text.startswith(TEXTS[row.source]) for row in rows)


def test_budget_is_met_exactly_for_every_class_across_chunks():
    budget = {"neg": 2 * CHUNK + 5, "neu": 0, "pos": CHUNK}
    tally, chunks = Tally(), []
    sources = {"neg": [0, 1, 2], "neu": [3], "pos": [4, 5]}
    strategy = Scripted(lambda draw: None if draw.source == 1 else numbered(draw))
    for outcome in made(strategy, texts=TEXTS, sources=sources, budget=budget, guards=fitted(), seed=1, tally=tally):
        assert len(outcome.rows) <= outcome.slots <= CHUNK
        assert {row.label for row in outcome.rows} <= {outcome.label}
        chunks += outcome.rows
    assert Counter(row.label for row in chunks) == {"neg": 2 * CHUNK + 5, "pos": CHUNK}
    assert tally.made == Counter(budget)
    assert tally.missing == {}
    assert {row.source for row in chunks if row.label == "pos"} == {4, 5}
    assert len(set(planned(chunks))) == len(chunks), "no variant twice"


def test_a_strategy_that_is_never_rejected_fills_the_first_slots_of_the_plan():
    rows, tally = run(Scripted(numbered), {"neutral": 23}, guards=fitted(), seed=5)
    assert planned(rows) == list(islice(slots(range(10), seed=5, stream=0, wanted=23), 23))
    assert not tally.rejections()


@THOROUGHLY
@given(
    st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 6)), st.integers(0, 4)),
    st.integers(0, 5),
    st.integers(0, 20),
    st.sampled_from([None, 1, 2, 5]),
    st.integers(2, 3),
    st.integers(0, 2**64 - 1),
)
def test_rows_are_the_first_slots_of_the_plan_that_can_be_filled(first_good, fertile, wanted, limit, attempts, seed):
    # A slot succeeds from a drawn attempt on; one source always does, so that the class cannot end early.
    def good_from(slot: Slot) -> int:
        return 0 if slot.source == fertile else first_good.get((slot.source, slot.variant), 0)

    strategy = Scripted(lambda d: numbered(d) if d.attempt >= good_from(Slot(d.source, d.variant)) else d.text)
    rows, tally = run(
        strategy,
        {"neutral": wanted},
        sources={"neutral": range(6)},
        guards=[Changed()],
        seed=seed,
        max_per_source=limit,
        max_attempts=attempts,
    )
    plan = takewhile(lambda slot: slot.variant < 60, slots(range(6), seed=seed, stream=0, wanted=wanted, limit=limit))
    expected = list(islice((slot for slot in plan if good_from(slot) < attempts), wanted))
    assert planned(rows) == expected
    assert tally.made["neutral"] == len(expected)
    assert tally.missing == ({"neutral": wanted - len(expected)} if wanted > len(expected) else {})
    assert all(limit is None or row.variant < limit for row in rows)


# Slots that are tried once


@pytest.mark.parametrize("wanted", [10, 25])
def test_where_a_slot_is_tried_once_a_source_that_has_its_share_waits_for_the_others(wanted):
    def seldom(draw):
        return numbered(draw) if draw.source < 5 or draw.variant % WAITING == WAITING - 1 else draw.text

    rows, tally = run(Scripted(seldom), {"neutral": wanted}, guards=fitted(), max_attempts=1)
    share = -(-wanted // len(TEXTS))
    assert tally.made["neutral"] == wanted
    given = Counter(row.source for row in rows)
    assert max(given.values()) <= share + 1
    assert all(given[source] >= 1 for source in range(5, 10)), "each was tried often enough"
    hopeless = Scripted(lambda draw: numbered(draw) if draw.source < 5 else draw.text)
    rows, tally = run(hopeless, {"neutral": wanted}, guards=fitted(), max_attempts=1)
    given = Counter(row.source for row in rows)
    assert sum(given.values()) == wanted, "the others give the rows of those that give none"
    assert max(given.values()) - min(given.values()) <= 1


@pytest.mark.parametrize("sources", [10, 300])
def test_after_a_rejection_the_rest_of_its_pool_is_passed_over(sources):
    texts = {i: f"text {i}" for i in range(sources)}
    strategy = Scripted(lambda draw: numbered(draw) if draw.variant >= 8 else draw.text)
    rows, tally = run(strategy, {"neutral": sources}, texts=texts, guards=[Changed()], max_attempts=1, per_pool=4)
    assert len(rows) == sources
    assert {row.variant for row in rows} == {8}
    assert all(draw.variant % 4 == 0 for draw in strategy.asked), "one of each pool"
    assert tally.rejections() == {"changed": 2 * sources}


def test_a_source_that_is_to_give_many_rows_gives_several_of_a_pool_until_one_is_rejected():
    strategy = Scripted(lambda draw: numbered(draw) if draw.variant % 4 < 2 else draw.text)
    rows, _ = run(strategy, {"neutral": 60}, guards=fitted(), max_attempts=1, per_pool=4)
    given = Counter(row.source for row in rows)
    assert set(given.values()) == {6}
    assert max(row.variant for row in rows) < 16


@pytest.mark.parametrize("wanted", [1, 9, 700])
def test_as_many_slots_are_tried_together_as_will_probably_be_needed(wanted):
    texts = {i: f"text {i}" for i in range(3000)}
    strategy = Scripted(lambda draw: numbered(draw) if draw.generator().random() < 0.2 else draw.text)
    tally = Tally()
    sources = {"neutral": range(3000)}
    budget = {"neutral": wanted}
    options = {"texts": texts, "sources": sources, "budget": budget, "guards": [Changed()], "seed": 4}
    chunks = [(o.slots, len(o.rows)) for o in made(strategy, **options, tally=tally, max_attempts=1)]
    assert sum(rows for _, rows in chunks) == tally.made["neutral"] == wanted
    assert len(chunks) <= 12, "and not one for each of the last rows"
    assert sum(slots for slots, _ in chunks) <= 5 * wanted * 1.5 + 100, "but not many more than needed"


def test_what_is_tried_after_the_last_row_comes_to_nothing():
    strategy = Scripted(numbered)
    rows, tally = run(strategy, {"neutral": 5}, guards=fitted(), max_attempts=1)
    assert planned(rows) == list(islice(slots(range(10), seed=0, stream=0, wanted=5), 5))
    assert len(strategy.asked) == 10, "two slots for a row, before anything is known"
    assert tally.made["neutral"] == 5
    assert not tally.rejections()


class Told:
    """Notes what it is told of, and tries nothing."""

    def __init__(self) -> None:
        self.soon: list[list[Draw]] = []
        self.later: list[list[Draw]] = []
        self.left: list[int] = []
        self.unneeded: list[int] = []

    def expect(
        self,
        soon: Sequence[Draw],
        later: Iterator[Draw],
        *,
        left: int,
        needed: Callable[[Draw], bool] | None = None,
    ) -> None:
        before = [draw for draws in self.later for draw in draws]
        self.unneeded.append(sum(not needed(draw) for draw in before) if needed else 0)
        self.soon.append(list(soon))
        self.later.append(list(later))
        self.left.append(left)

    def again(self, draws: Sequence[Draw]) -> None:
        assert not draws, "a slot is tried once"


def test_where_many_tries_fail_more_draws_are_told_of_before_they_are_needed():
    texts = {i: f"text {i}" for i in range(900)}
    told = Told()
    strategy = Scripted(lambda draw: numbered(draw) if draw.source % 3 == 0 else draw.text)
    budget = {"neutral": 250}
    rows, _ = run(strategy, budget, texts=texts, guards=[Changed()], max_attempts=1, ahead=told)
    assert len(rows) == 250
    assert len(told.soon[0]) == 500
    assert len(told.later[0]) == 250, "half as many again"
    lacking, now, later = 250 - len(strategy.asked[:500]) // 3, len(told.soon[1]), len(told.later[1])
    assert now == pytest.approx(3 * lacking, abs=45)
    assert told.left[1] == pytest.approx(1.5 * now, abs=2)
    assert later + len(told.later[0]) <= 900


def test_draws_of_sources_that_have_given_their_share_are_not_needed_any_more():
    texts = {i: f"text {i}" for i in range(100)}
    told = Told()
    strategy = Scripted(lambda draw: numbered(draw) if draw.source % 2 or draw.variant > 1 else draw.text)
    rows, _ = run(strategy, {"neutral": 100}, texts=texts, guards=[Changed()], max_attempts=1, ahead=told)
    assert len(rows) == len({row.source for row in rows}) == 100
    assert len(told.soon[0]) == 100, "each source once"
    ahead = {draw.source for draw in told.later[0]}
    assert ahead, "some of them once more, should they fail"
    assert told.unneeded[1] == sum(source % 2 for source in ahead)
    asked = Counter((draw.source, draw.variant) for draw in strategy.asked)
    assert set(asked.values()) == {1}
    assert sum(asked[source, 1] for source in range(1, 100, 2)) == 0, "none of them is asked for"


def test_small_classes_are_tried_in_chunks_that_are_worth_it():
    strategy = Scripted(lambda draw: numbered(draw) if draw.variant == 30 else draw.text)
    options = {"texts": TEXTS, "sources": {"neutral": [0, 1]}, "budget": {"neutral": 2}, "guards": [Changed()]}
    chunks = [o.slots for o in made(strategy, **options, seed=0, tally=Tally(), max_attempts=1)]
    assert len(chunks) <= 6
    assert max(chunks) <= FEWEST


# What a strategy is asked


def test_every_draw_carries_its_source_and_no_draw_is_asked_twice():
    strategy = Scripted(lambda draw: draw.text if draw.generator().random() < 0.5 else numbered(draw))
    run(strategy, {"a": 20, "b": 20}, sources={"a": range(5), "b": range(5, 10)}, guards=fitted(), seed=9)
    assert len({draw[2:] for draw in strategy.asked}) == len(strategy.asked)
    attempts: dict[Slot, list[int]] = {}
    for draw in strategy.asked:
        assert (draw.text, draw.seed) == (TEXTS[draw.source], 9)
        assert draw.label == ("a" if draw.source < 5 else "b")
        attempts.setdefault(Slot(draw.source, draw.variant), []).append(draw.attempt)
    assert all(tried == list(range(len(tried))) for tried in attempts.values())


def test_a_slot_is_tried_as_often_as_asked_and_no_more_once_it_is_filled():
    strategy = Scripted(lambda draw: numbered(draw) if draw.attempt == 2 else draw.text)
    rows, tally = run(strategy, {"neutral": 10}, guards=[Changed()], max_attempts=3)
    assert len(rows) == 10
    assert Counter(draw.attempt for draw in strategy.asked) == {0: 10, 1: 10, 2: 10}
    rows, tally = run(strategy, {"neutral": 10}, guards=[Changed()], max_attempts=2)
    assert (rows, tally.missing) == ([], {"neutral": 10})


def test_a_strategy_that_loses_a_draw_is_not_believed():
    class Forgetful(Scripted):
        def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
            return super().candidates(draws)[1:]

    with pytest.raises(ValueError, match="3 draws gave 2 candidates"):
        run(Forgetful(numbered), {"neutral": 3})


def test_the_result_does_not_depend_on_how_the_strategy_batches_its_draws():
    class OneByOneFromTheEnd(Scripted):
        def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
            return [candidate for draw in reversed(draws) for candidate in super(type(self), self).candidates([draw])][
                ::-1
            ]

    def write(draw: Draw) -> str:
        return draw.text if draw.generator().random() < 0.4 else f"{draw.text} {draw.generator().integers(40)}"

    one, one_tally = run(Scripted(write), {"neutral": 50}, guards=fitted(), seed=2)
    other, other_tally = run(OneByOneFromTheEnd(write), {"neutral": 50}, guards=fitted(), seed=2)
    assert one == other
    assert one_tally == other_tally
    assert one_tally.rejections()["duplicate"], "the guards that depend on order did take part"


def test_another_seed_gives_other_rows():
    assert run(Scripted(numbered), {"a": 5}, seed=1)[0] != run(Scripted(numbered), {"a": 5}, seed=2)[0]
    assert run(Scripted(numbered), {"a": 5}, seed=1)[0] == run(Scripted(numbered), {"a": 5}, seed=1)[0]


def test_two_classes_get_different_streams():
    texts = {i: f"text {i}" for i in range(40)}
    rows, _ = run(Scripted(numbered), {"a": 20, "b": 20}, sources={"a": range(20), "b": range(20, 40)}, texts=texts)
    assert [row.source for row in rows[:20]] != [row.source - 20 for row in rows[20:]]


def test_a_classs_rows_do_not_depend_on_how_many_another_class_gets():
    def rows_of_b(wanted_of_a: int) -> list[Row]:
        sources = {"a": range(5), "b": range(5, 10)}
        rows, _ = run(Scripted(numbered), {"a": wanted_of_a, "b": 12}, sources=sources, guards=fitted())
        return [row for row in rows if row.label == "b"]

    assert rows_of_b(0) == rows_of_b(1) == rows_of_b(30)


# Sources that give nothing


def test_sources_that_give_nothing_are_replaced_by_others():
    strategy = Scripted(lambda draw: None if draw.source in (2, 5, 7) else numbered(draw))
    rows, tally = run(strategy, {"neutral": 35}, guards=fitted())
    assert len(rows) == 35
    assert tally.missing == {}
    assert tally.barren == {"neutral": 3}
    assert not tally.rejections()
    assert Counter(row.source for row in rows) == dict.fromkeys(set(range(10)) - {2, 5, 7}, 5)


def test_a_barren_source_is_never_asked_again_in_a_later_chunk():
    strategy = Scripted(lambda draw: None if draw.source == 4 else numbered(draw))
    run(strategy, {"neutral": 100}, guards=fitted())
    first_chunk = [slot for slot in islice(slots(range(10), seed=0, stream=0, wanted=100), 100) if slot.source == 4]
    assert [Slot(d.source, d.variant) for d in strategy.asked if d.source == 4] == first_chunk


def test_a_class_whose_sources_all_give_nothing_ends_at_once_and_says_why():
    strategy = Scripted(never)
    rows, tally = run(strategy, {"neutral": 30})
    assert rows == []
    assert tally.missing == {"neutral": 30}
    assert tally.barren == {"neutral": 10}
    assert tally.why_missing("neutral") == "10 sources without anything to replace"
    assert len(strategy.asked) == 30, "no second try where there is nothing to try"


def test_a_class_without_sources_is_missing_whole_and_the_next_is_made():
    rows, tally = run(Scripted(numbered), {"a": 4, "b": 4}, sources={"a": [], "b": [1, 2]})
    assert Counter(row.label for row in rows) == {"b": 4}
    assert tally.missing == {"a": 4}


# Sources that a guard rules out


class Ruling(Guard):
    """Rule some sources out, and reject nothing."""

    name = "ruling"
    summary = "rules sources out"

    def __init__(self, sources: Sequence[int]) -> None:
        self.sources = sources

    def rules_out(self, draws: Sequence[Draw]) -> list[bool]:
        return [draw.source in self.sources for draw in draws]


def test_nothing_is_made_of_sources_that_a_guard_rules_out_and_others_get_their_rows():
    strategy = Scripted(numbered)
    rows, tally = run(strategy, {"neutral": 35}, guards=[Ruling([2, 5, 7])])
    assert tally.left_out() == {"ruling": {"neutral": 3}}
    assert (tally.missing, tally.barren.total(), tally.rejections().total()) == ({}, 0, 0)
    assert Counter(row.source for row in rows) == dict.fromkeys(set(range(10)) - {2, 5, 7}, 5)
    assert len(strategy.asked) == 35, "not a try at the others"


@pytest.mark.parametrize(("ruled_out", "limit"), [(range(10), None), (range(6), 4), ([3], 4)])
def test_sources_that_were_ruled_out_are_tried_after_all_if_the_others_do_not_suffice(ruled_out, limit):
    rows, tally = run(Scripted(numbered), {"neutral": 40}, guards=[Ruling(ruled_out)], max_per_source=limit)
    assert Counter(row.source for row in rows) == dict.fromkeys(range(10), 4)
    assert len(set(planned(rows))) == 40
    assert (tally.missing, tally.left_out()) == ({}, {})


@pytest.mark.parametrize("limit", [None, 30])
def test_finished_chunks_of_a_plan_with_ruled_out_sources_are_not_made_again(limit):
    def chunks(done: Sequence[Outcome] = ()) -> list[Outcome]:
        options: dict[str, Any] = {"sources": {"neutral": range(10)}, "budget": {"neutral": 60}, "seed": 3}
        guards = [Ruling([0, 1, 2, 3, 4, 5, 6, 7, 8])]
        return [
            *made(
                Scripted(numbered),
                guards=guards,
                texts=TEXTS,
                tally=Tally(),
                done=done,
                max_per_source=limit,
                **options,
            )
        ]

    whole = chunks()
    assert sum(len(chunk.rows) for chunk in whole) == 60
    assert all(chunks(whole[:done]) == whole for done in range(len(whole) + 1))


# Ending short


@pytest.mark.parametrize("max_attempts", [1, 8])
@pytest.mark.parametrize("wanted", [1, 3, 10, 5000])
def test_a_strategy_that_always_returns_the_source_ends_short_and_says_why(wanted, max_attempts):
    strategy = Scripted(same)
    rows, tally = run(strategy, {"neutral": wanted}, guards=fitted(), max_attempts=max_attempts)
    assert rows == []
    assert tally.missing == {"neutral": wanted}
    assert tally.made["neutral"] == 0
    assert tally.rejections() == {"changed": len(strategy.asked)}
    assert {draw.source for draw in strategy.asked} == set(range(10)), "every source had its chance"
    assert len(strategy.asked) <= max_attempts * max(20, CHUNK), "and the end came soon"
    assert tally.why_missing("neutral") == f"{len(strategy.asked):,} candidates rejected as changed"


def test_a_strategy_that_can_make_only_so_many_different_rows_ends_short():
    strategy = Scripted(lambda draw: f"{draw.text} {draw.variant % 3}")
    rows, tally = run(strategy, {"neutral": 100}, guards=fitted())
    assert len(rows) == len({row.text for row in rows}) == 30
    assert tally.missing == {"neutral": 70}
    assert set(tally.rejections()) == {"duplicate"}


def test_one_class_ends_short_and_the_others_are_made():
    strategy = Scripted(lambda draw: draw.text if draw.label == "b" else numbered(draw))
    rows, tally = run(strategy, {"a": 12, "b": 12, "c": 12}, guards=fitted())
    assert Counter(row.label for row in rows) == {"a": 12, "c": 12}
    assert tally.missing == {"b": 12}


def test_max_per_source_is_respected_and_ends_short():
    rows, tally = run(Scripted(numbered), {"neutral": 50}, guards=fitted(), max_per_source=3)
    assert Counter(row.source for row in rows) == dict.fromkeys(range(10), 3)
    assert {row.variant for row in rows} == {0, 1, 2}
    assert tally.missing == {"neutral": 20}
    assert tally.why_missing("neutral") == "no more new rows are allowed of each source"


def test_max_per_source_that_suffices_changes_nothing():
    free, _ = run(Scripted(numbered), {"neutral": 25}, guards=fitted())
    assert run(Scripted(numbered), {"neutral": 25}, guards=fitted(), max_per_source=3)[0] == free


class Wish(Guard):
    """Wants rows of some sources alone, until rows are lacking."""

    name = "wish"
    relents = True

    def __init__(self, sources: Sequence[int]) -> None:
        self.sources = sources

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        return Judgement([draw.lenient or draw.source in self.sources for draw in draws])


@pytest.mark.parametrize("tries", [1, TRIES])
@pytest.mark.parametrize("wished", [(), (3,), range(5), range(10)])
@pytest.mark.parametrize(("wanted", "limit"), [(1, None), (10, None), (25, None), (10, 1), (20, 3)])
def test_a_guard_that_relents_never_costs_a_row(wished, wanted, limit, tries):
    guards = [*fitted(), Wish(wished)]
    rows, tally = run(Scripted(numbered), {"neutral": wanted}, guards=guards, max_per_source=limit, max_attempts=tries)
    assert tally.made["neutral"] == len(rows) == len(set(planned(rows))) == wanted
    assert tally.missing == {}
    assert limit is None or max(Counter(row.source for row in rows).values()) <= limit
    if len(wished) >= 5 and limit is None:
        assert {row.source for row in rows} <= set(wished), "the others are not needed"


class WishAndRule(Wish):
    """Rules two sources out as well."""

    def rules_out(self, draws: Sequence[Draw]) -> list[bool]:
        return [draw.source > 7 for draw in draws]


@pytest.mark.parametrize("tries", [1, TRIES])
@pytest.mark.parametrize("usable", [range(10), range(8), (8, 9)])
def test_a_guard_that_relents_and_rules_sources_out_never_costs_a_row(usable, tries):
    """Where only sources are left that it rules out, they are tried, and the guard relents for them, too."""
    strategy = Scripted(lambda draw: numbered(draw) if draw.source in usable else None)
    rows, tally = run(strategy, {"neutral": 12}, guards=[*fitted(), WishAndRule((3,))], max_attempts=tries)
    assert tally.made["neutral"] == len(rows) == len(set(planned(rows))) == 12
    assert ({row.source for row in rows} <= {8, 9}) == (usable == (8, 9))
    assert tally.missing == {}


@pytest.mark.parametrize("tries", [1, TRIES])
def test_a_run_with_a_guard_that_relents_is_resumed_at_every_chunk(tries):
    def outcomes(done: Sequence[Outcome] = ()) -> list[Outcome]:
        guards = [*fitted(), Wish((3,))]
        options = {"sources": {"a": range(10)}, "budget": {"a": 60}, "seed": 0, "tally": Tally(), "done": done}
        return list(made(Scripted(numbered), texts=TEXTS, guards=guards, max_attempts=tries, **options))

    whole = outcomes()
    assert len(whole) > 2
    for number in range(len(whole)):
        assert outcomes(whole[:number]) == whole


def test_why_missing_names_barren_sources_first_and_then_guards_by_what_they_rejected():
    tally = Tally()
    tally.rejected["neutral"].update(changed=2, duplicate=70, length_ratio=9)
    tally.rejected["positive"].update(held_out=5)
    tally.barren["neutral"] = 4
    assert tally.why_missing("neutral") == (
        "4 sources without anything to replace, 70 candidates rejected as duplicate,"
        " 9 candidates rejected as length_ratio, 2 candidates rejected as changed"
    )


def test_why_missing_names_the_limit_beside_what_was_rejected():
    strategy = Scripted(lambda draw: numbered(draw) if draw.source % 2 else draw.text)
    _, tally = run(strategy, {"neutral": 200}, guards=fitted(), max_per_source=1)
    assert tally.missing["neutral"] > 100
    said = tally.why_missing("neutral")
    assert "candidates rejected as" in said
    assert said.endswith(", no more new rows are allowed of each source")


# Guards


def test_of_candidates_that_are_equal_the_first_in_the_plan_is_accepted():
    strategy = Scripted(lambda draw: numbered(draw) if draw.attempt else "All say the same thing here.")
    rows, tally = run(strategy, {"neutral": 10}, guards=fitted())
    assert len(rows) == 10
    assert [row.text for row in rows].count("All say the same thing here.") == 1
    assert rows[0].text == "All say the same thing here."
    assert tally.rejections() == {"duplicate": 9}


def test_a_rejection_counts_under_the_first_guard_that_makes_it():
    guards = seen([Changed(), LengthRatio(), Duplicate()])
    strategy = Scripted(lambda draw: draw.text + "!" * 99)
    _, tally = run(strategy, {"neutral": 2}, guards=guards, max_attempts=1)
    assert set(tally.rejections()) == {"changed"}, "it is too long, and equals an original, too"
    _, tally = run(strategy, {"neutral": 2}, guards=[guards[1], guards[0], guards[2]], max_attempts=1)
    assert set(tally.rejections()) == {"length_ratio"}
    _, tally = run(strategy, {"neutral": 2}, guards=guards[::-1], max_attempts=1)
    assert set(tally.rejections()) == {"length_ratio"}, (
        "what a guard says by itself comes before what depends on others"
    )


def test_an_unusable_candidate_counts_under_its_reason_and_its_row_is_tried_again():
    class Model:
        copies = False

        def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
            refused = Candidate("I cannot do that.", unusable="refusal")
            return [refused if draw.attempt < 2 else Candidate(numbered(draw), columns={"n": 7}) for draw in draws]

    rows, tally = run(Model(), {"neutral": 12})  # type: ignore[arg-type]
    assert len(rows) == 12
    assert tally.rejections() == {"refusal": 24}
    assert not any(tally.barren.values())
    assert all(row.columns["n"] == 7 and "cannot" not in row.text for row in rows)


def test_copies_meet_only_the_guards_that_bind_copies():
    held_out = [TEXTS[3], TEXTS[6].upper()]
    guards = seen([Changed(), HeldOut(near_words=50), Duplicate()], held_out)
    rows, tally = run(Scripted(same, copies=True), {"neutral": 40}, guards=guards, max_attempts=2)
    assert Counter(row.source for row in rows) == dict.fromkeys(set(range(10)) - {3, 6}, 5)
    assert all(row.text == TEXTS[row.source] for row in rows)
    assert set(tally.rejections()) == {"held_out"}
    rows, tally = run(Scripted(same, copies=False), {"neutral": 40}, guards=guards, max_attempts=2)
    assert rows == []


# Rows that belong to another class


class Mover(Guard):
    """A teacher that a function of one text defines; it keeps a row under the class that it says."""

    name = "mover"

    def __init__(self, says: Callable[[str], Any]) -> None:
        self.says = says

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        return Judgement([True] * len(draws), {}, [self.says(candidate.text) for candidate in candidates])


class Seen(Guard):
    """Notes the classes under which it is asked to judge."""

    name = "seen"

    def __init__(self) -> None:
        self.pairs: set[tuple[Any, str]] = set()

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        self.pairs |= {(draw.label, candidate.text) for draw, candidate in zip(draws, candidates, strict=True)}
        return super().judge(draws, candidates)


@THOROUGHLY
@given(
    st.lists(st.sampled_from("abcx"), min_size=7, max_size=7),
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)),
    st.sampled_from([None, 3]),
    st.integers(0, 2**32),
    st.integers(0, 9),
)
def test_any_teacher_and_any_budget_give_exact_counts_and_no_row_twice(says, wanted, limit, seed, first):
    def once(done: Sequence[Outcome] = ()) -> tuple[list[Outcome], Tally]:
        tally = Tally()
        strategy = Scripted(lambda draw: f"{draw.text} {draw.generator().integers(60)}")
        guards = [*fitted(), Mover(lambda text: says[int(text.split()[-1]) % 7]), seen_by]
        options: dict[str, Any] = {"seed": seed, "max_per_source": limit, "max_attempts": 3, "done": done}
        sources = {"a": range(4), "b": range(4, 7), "c": range(7, 8)}
        return list(
            made(strategy, texts=TEXTS, sources=sources, budget=budget, guards=guards, tally=tally, **options)
        ), tally

    budget, seen_by = dict(zip("abc", wanted, strict=True)), Seen()
    outcomes, tally = once()
    rows = [row for outcome in outcomes for row in outcome.rows]
    assert Counter(row.label for row in rows) == +tally.made
    assert {label: tally.made[label] + tally.missing.get(label, 0) for label in budget} == budget
    assert len({row.text for row in rows}) == len(rows)
    assert {row.label for row in rows} <= set(says)
    assert {(row.label, row.text) for row in rows} <= seen_by.pairs
    assert all(says[int(row.text.split()[-1]) % 7] == row.label for row in rows)
    assert once(outcomes[: first % (len(outcomes) + 1)]) == (outcomes, tally)


def test_a_class_that_ended_short_is_filled_by_rows_of_others_and_a_later_class_gets_fewer_slots():
    strategy = Scripted(lambda draw: None if draw.source == 0 else numbered(draw))
    turns = iter(["a", "c", "b", "x"] * 99)
    guards = [*fitted(), Mover(lambda text: next(turns))]
    rows, tally = run(strategy, {"a": 3, "b": 8, "c": 5}, sources={"a": [0], "b": [1, 2], "c": [3]}, guards=guards)
    assert (tally.made, tally.missing) == (Counter(a=3, b=8, c=5), {})
    assert {row.source for row in rows if row.label == "a"} <= {1, 2}
    assert {row.source for row in rows if row.label == "c"} <= {1, 2}
    assert not any(draw.source == 3 for draw in strategy.asked), "c was full before its turn"
    assert tally.rejected["b"]["mover"] > 0, "rows of a class that needs none"


# Progress


def test_progress_sums_to_the_rows_made_and_comes_before_each_chunk():
    strategy = Scripted(lambda draw: None if draw.source == 1 else numbered(draw))
    steps: list[int] = []
    tally, count = Tally(), 0
    for outcome in made(
        strategy,
        texts=TEXTS,
        sources={"a": range(3), "b": range(3, 10)},
        budget={"a": CHUNK + 50, "b": 9},
        guards=[],
        seed=0,
        tally=tally,
        progress=steps.append,
    ):
        count += len(outcome.rows)
        assert sum(steps) == count == sum(tally.made.values())
    assert sum(steps) == CHUNK + 59


def test_progress_counts_no_row_that_was_not_made():
    steps: list[int] = []
    run(Scripted(same), {"neutral": 5}, guards=fitted(), progress=steps.append)
    assert sum(steps) == 0


# Going on


def uninterrupted(budget: dict[Any, int], **options: Any) -> tuple[list[Outcome], Tally, Scripted]:
    tally, strategy = Tally(), hard()
    sources = {"a": [0, 1, 2, 3], "b": [4, 5, 6], "c": [7]}
    done = options.pop("done", ())
    found = made(
        strategy,
        texts=TEXTS,
        sources={label: sources[label] for label in budget},
        budget=budget,
        guards=fitted(),
        seed=3,
        tally=tally,
        done=done,
        **options,
    )
    return list(found), tally, strategy


def hard() -> Scripted:
    """Much is rejected, by itself and for what came before; two sources are barren; a class ends short."""

    def write(draw: Draw) -> str | None:
        if draw.source in (1, 5):
            return None
        number = draw.generator().integers(9 if draw.label == "c" else 2500)
        return draw.text if number % 3 == 0 else f"{draw.text} {number}"

    return Scripted(write)


GOING_ON = {"a": 1300, "b": 2 * CHUNK, "c": 40}


def test_a_run_that_goes_on_after_any_chunk_makes_the_same_rows_and_counts_the_same():
    whole, tally, strategy = uninterrupted(GOING_ON)
    assert len(whole) > 6
    assert tally.missing["c"] > 0
    assert +tally.barren == {"a": 1, "b": 1}
    assert tally.rejected["a"]["duplicate"] > 0
    for count in range(len(whole) + 1):
        again, told, asked = uninterrupted(GOING_ON, done=whole[:count])
        assert again == whole
        assert told == tally
        assert asked.asked == strategy.asked[-len(asked.asked) :] if asked.asked else count == len(whole)


def test_what_was_done_is_not_made_again_and_is_no_progress():
    whole, _, _ = uninterrupted(GOING_ON)
    steps: list[int] = []
    again, _, strategy = uninterrupted(GOING_ON, done=iter(whole), progress=steps.append)
    assert again == whole
    assert strategy.asked == []
    assert steps == []


@pytest.mark.parametrize("budget", [{"b": 2 * CHUNK, "a": CHUNK + 788}, {"a": 7}, {"c": 40}])
def test_what_was_done_for_another_budget_is_refused(budget):
    whole, _, _ = uninterrupted(GOING_ON)
    with pytest.raises(ValueError, match=rf"A chunk of {CHUNK} slots of 'a' belongs to another plan\."):
        uninterrupted(budget, done=whole)
