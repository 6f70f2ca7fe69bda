"""Guards are chosen by name and parameters; those that keep what is promised of every row are always there."""

from __future__ import annotations

import pytest

from augment.errors import InputError
from augment.guards.agreement import Agreement
from augment.guards.base import Guard
from augment.guards.changed import Changed
from augment.guards.length_ratio import LengthRatio
from augment.guards.near_duplicate import NearDuplicate
from augment.guards.protected import ProtectedSpan
from augment.guards.selection import ALWAYS, DEFAULT, select
from augment.guards.similarity import Similarity
from augment.registry import GUARDS


class Own(Guard):
    name = "own"
    summary = "one of a plugin"


def names(*given, **options):
    return [guard.name for guard in select(*given, **options)]


def test_guards_stand_in_the_order_in_which_they_are_asked_however_they_are_named():
    everything = ["agreement", "similarity", "polarity", "near_duplicate"]
    expected = [name for name in GUARDS.own if name in {*ALWAYS, *everything}]
    assert names(everything) == names(everything[::-1]) == expected
    assert expected.index("changed") == 0
    assert expected[-1] == "agreement", "the costly ones stand last"


def test_a_named_guard_is_asked_besides_the_default_ones():
    assert names() == names([])
    default = {name.partition(":")[0] for name in DEFAULT}
    assert set(names()) == {*ALWAYS, *default}
    for named in (["similarity"], [Similarity()]):
        assert set(names(named)) == {*ALWAYS, *default, "similarity"}


def test_a_default_guard_that_is_named_has_its_own_parameters_and_the_others_stay():
    chosen = select(["near_duplicate:threshold=.9"])
    assert [guard.name for guard in chosen] == names()
    assert [guard.threshold for guard in chosen if isinstance(guard, NearDuplicate)] == [0.9]


@pytest.mark.parametrize(
    ("named", "left"),
    [
        (["only:similarity"], {"similarity"}),
        (["only:similarity:low=.7", "only:polarity"], {"similarity", "polarity"}),
        (["only:similarity", "polarity"], {"similarity", "polarity"}),
        (["only:none"], set()),
        (["none"], set()),
        (["none", Similarity()], {"similarity"}),
        ([Similarity(), "only:polarity"], {"similarity", "polarity"}),
    ],
)
def test_only_leaves_out_the_default_guards_that_are_not_named(named, left):
    assert set(names(named)) == {*ALWAYS, *left}
    assert set(names(named, budget={"neutral": 5}, rows=20)) == {*ALWAYS, *left}


def test_parameters_follow_only():
    assert [guard.low for guard in select(["only:similarity:low=.7"]) if isinstance(guard, Similarity)] == [0.7]
    with pytest.raises(InputError, match=r"There is no guard 'simlarity'\..*Did you mean 'similarity'\?"):
        select(["only:simlarity"])


def test_default_guards_are_asked_where_they_suit_and_named_ones_everywhere():
    topics = {"sports": 5, "politics": 0}
    assert set(names(budget=topics, rows=20)) == {*ALWAYS, "near_duplicate", "agreement"}
    assert set(names(budget=topics, rows=10**6)) == {*ALWAYS, "agreement"}
    assert set(names(["polarity"], budget=topics, rows=20)) == {*ALWAYS, "near_duplicate", "polarity"}


@pytest.mark.parametrize("label", ["neutral", "Positive", "NEG", "very_negative", "5 stars"])
def test_polarity_is_a_default_where_rows_of_a_polar_class_are_made(label):
    assert "polarity" in names(budget={label: 5, "other": 0}, rows=20)
    assert "polarity" not in names(budget={label: 0, "other": 5}, rows=20)


@pytest.mark.parametrize("name", ALWAYS)
def test_what_is_always_asked_can_be_replaced_but_is_never_absent(name):
    given = GUARDS.find(name)()
    chosen = select(["none", given])
    assert [guard.name for guard in chosen] == list(ALWAYS)
    assert sum(guard is given for guard in chosen) == 1
    assert {guard.name for guard in select(["only:similarity"])} >= {*ALWAYS}


def test_parameters_of_one_that_is_always_asked_take_effect():
    (ratio,) = (guard for guard in select(["length_ratio:low=.8,high=1.5"]) if guard.name == "length_ratio")
    assert isinstance(ratio, LengthRatio)
    assert (ratio.low, ratio.high) == (0.8, 1.5)


def test_every_selection_has_guards_of_its_own():
    for one, other in zip(select(["similarity"]), select(["similarity"]), strict=True):
        assert one is not other


def test_guards_of_the_strategy_join_in_unless_they_are_chosen_with_other_parameters():
    own = ProtectedSpan()
    assert own in select(None, [own])
    mine = ProtectedSpan(protect=("x",))
    chosen = select([mine], [own])
    assert mine in chosen
    assert own not in chosen
    assert "protected_span" in names(["none"], own=[own])


def test_a_guard_of_the_strategy_takes_the_place_of_the_default_one_with_its_name():
    own = Agreement(model="mini", least=None)
    own.by_default = True
    assert own in select(None, [own])
    assert names(None, own=[own]).count("agreement") == 1
    assert "agreement" not in names(["none"], own=[own])


def test_guards_that_compare_with_the_source_are_asked_of_rows_that_are_no_edits_only_if_they_are_named():
    chosen = names(None, edits=False, budget={"positive": 3}, rows=9)
    assert set(chosen) == {"held_out", "duplicate", "near_duplicate", "agreement"}
    assert "length_ratio" in names(["length_ratio"], edits=False)
    assert "protected_span" in names(None, own=[ProtectedSpan()], edits=False)


def test_a_guard_that_the_registry_does_not_know_stands_last():
    assert names([Own(), "agreement", Changed()])[-2:] == ["agreement", "own"]


@pytest.mark.parametrize(
    "twice", [["similarity", "only:similarity:low=.7"], [Similarity(), "similarity"], [Own(), Own()]]
)
def test_a_guard_named_twice_is_refused(twice):
    with pytest.raises(InputError, match=r"The guard '(similarity|own)' is named twice\. Name it once"):
        select(twice)


@pytest.mark.parametrize("chosen", ["similarity", "none", Similarity()])
def test_a_single_guard_in_place_of_a_list_is_refused(chosen):
    with pytest.raises(InputError, match=r"The guards must be a list, e\.g\. \['similarity'"):
        select(chosen)


def test_an_unknown_guard_or_parameter_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"There is no guard 'simlarity'\..*Did you mean 'similarity'\?"):
        select(["simlarity"])
    with pytest.raises(InputError, match=r"The guard 'similarity' has no parameter 'lo'\. It has low, high, model\."):
        select(["similarity:lo=.5"])
    with pytest.raises(InputError, match=r"`low` of Similarity must be a number in \[-1, 1\)\. Got 'much'"):
        select(["similarity:low=much"])
    with pytest.raises(InputError, match=r"`low` of Similarity must be below `high`\. Got low=0\.9, high=0\.1"):
        select(["similarity:low=.9,high=.1"])
    with pytest.raises(InputError, match=r"The guard 'changed' has no parameter 'x'\. It has none"):
        select(["changed:x=1"])


# NAME:key=value,…


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agreement", {}),
        ("agreement:", {}),
        ("agreement:least=.3", {"least": 0.3}),
        ("agreement: least =.3, folds=4", {"least": 0.3, "folds": 4}),
        ("agreement:soft_labels=true,teacher=a/b=c,d", {"soft_labels": True, "teacher": "a/b=c,d"}),
        ("agreement:teacher=C:\\models,least=.1", {"teacher": "C:\\models", "least": 0.1}),
        ("agreement:teacher=none", {"teacher": None}),
    ],
)
def test_a_guard_is_read_from_one_text(text, expected):
    guard = GUARDS.parse(text)
    assert isinstance(guard, Agreement)
    assert GUARDS.to_config(guard) == GUARDS.to_config(Agreement(**expected))


@pytest.mark.parametrize("text", ["similarity:.7", "similarity:=.7", "similarity:,low=.7", "similarity:low,high=.9"])
def test_what_is_no_pair_of_name_and_value_is_refused(text):
    with pytest.raises(InputError, match=r"A guard is written NAME or NAME:key=value,…\. Got 'similarity:"):
        GUARDS.parse(text)


def test_a_parameter_named_twice_is_refused():
    with pytest.raises(InputError, match="names the parameter 'low' twice"):
        GUARDS.parse("similarity:low=.7,low=.8")


def test_values_may_hold_commas():
    guard = GUARDS.parse("protected_span:protect=not at all,never,protect_negations=false")
    assert guard.protect == ("not at all", "never")


def test_a_configuration_builds_the_same_guard_again():
    for guard in select(["similarity:low=.7", "agreement:least=.3,soft_labels=true"]):
        again = GUARDS.from_config(GUARDS.to_config(guard))
        assert type(again) is type(guard)
        assert GUARDS.to_config(again) == GUARDS.to_config(guard)
