"""Classes with a single row: which they are, and what becomes of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from augment.errors import InputError
from augment.generation.singletons import different_texts, single_rows


class Maker(NamedTuple):
    """A strategy that needs so many rows."""

    fewest_rows: int = 2
    fewest_rows_advice: str = ""
    name: str = "pairs"


TEXTS = ["a", "b", "c", "same", "same", "d", "e", "f"]
SOURCES = {
    "pair": np.array([0, 1]),
    "one": np.array([2]),
    "twice": np.array([3, 4]),
    "three": np.array([5, 6, 7]),
    "none": np.array([], dtype=np.int64),
}
ALL = dict.fromkeys(SOURCES, 9)
WITH_A_TEXT = {label: 9 for label in ALL if label != "none"}


def refusal(singletons, maker, budget=ALL):
    with pytest.raises(InputError) as caught:
        single_rows(singletons, maker, TEXTS, SOURCES, budget)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_strategy_that_can_takes_a_single_row_as_any_other():
    found = single_rows(None, Maker(1), TEXTS, SOURCES, WITH_A_TEXT)
    assert found.classes == found.skipped == found.copied == ()


def test_a_row_that_stands_twice_is_a_single_one_and_classes_without_rows_to_make_are_not_looked_at():
    for budget in (WITH_A_TEXT, {**WITH_A_TEXT, "none": 0}):
        assert single_rows("copy", Maker(), TEXTS, SOURCES, budget).copied == ("one", "twice")
    assert single_rows("copy", Maker(), TEXTS, SOURCES, {"one": 0, "pair": 3}).copied == ()


@pytest.mark.parametrize("fewest", [1, 2])
def test_a_class_is_skipped_if_it_has_one_text_or_none_and_copied_if_it_has_one(fewest):
    skipped = single_rows("skip", Maker(fewest), TEXTS, SOURCES, ALL)
    assert (skipped.request, skipped.skipped, skipped.copied) == ("skip", ("one", "twice", "none"), ())
    copied = single_rows("copy", Maker(fewest), TEXTS, SOURCES, WITH_A_TEXT)
    assert (copied.request, copied.skipped, copied.copied) == ("copy", (), ("one", "twice"))


def test_all_classes_that_are_too_small_are_named_at_once():
    assert refusal(None, Maker()) == (
        "The strategy 'pairs' needs at least 2 different texts of a class. These have fewer: 'one' (1), 'twice' (1),"
        " 'none' (0). Add rows, or leave the classes out of the sampling strategy. `singletons='skip'` leaves"
        " classes with a single text as they are, `singletons='copy'` repeats it."
    )
    assert refusal("error", Maker()) == refusal(None, Maker())
    assert refusal(None, Maker(3, "lower the neighbours")) == (
        "The strategy 'pairs' needs at least 3 different texts of a class. These have fewer: 'pair' (2), 'one' (1),"
        " 'twice' (1), 'none' (0). Add rows, leave the classes out of the sampling strategy, lower the neighbours."
        " `singletons='skip'` leaves classes with a single text as they are, `singletons='copy'` repeats it."
    )


def test_a_class_with_two_rows_is_none_of_a_single_row_also_where_the_strategy_needs_three():
    for singletons in ("skip", "copy"):
        assert refusal(singletons, Maker(3), WITH_A_TEXT) == (
            "The strategy 'pairs' needs at least 3 different texts of a class. These have fewer: 'pair' (2). Add rows,"
            " or leave the class out of the sampling strategy."
        )


def test_a_strategy_that_can_is_held_back_by_error():
    assert refusal("error", Maker(1), {"one": 3, "pair": 3}) == (
        "`singletons='error'`: these classes have fewer than 2 different texts: 'one' (1). Add rows, or leave the class"
        " out of the sampling strategy. `singletons='skip'` leaves classes with a single text as they are,"
        " `singletons='copy'` repeats it."
    )
    assert single_rows("error", Maker(1), TEXTS, SOURCES, {"pair": 3}).classes == ()


def test_a_class_without_a_text_can_neither_be_made_nor_copied():
    message = (
        "No row of 'none' has a usable text, and 1 is needed to make new ones. Add rows, or leave the class out of the"
        " sampling strategy."
    )
    for singletons in (None, "copy"):
        assert refusal(singletons, Maker(1)) == message


def test_another_word_is_refused_with_the_nearest():
    assert refusal("skp", Maker()) == (
        "`singletons` must be one of 'skip', 'copy', 'error'. Got 'skp'. Did you mean 'skip'?"
    )
    assert "Got True." in refusal(True, Maker())


def test_of_very_many_classes_the_first_are_named():
    sources = {f"c{i}": np.array([0]) for i in range(1000)}
    with pytest.raises(InputError) as caught:
        single_rows(None, Maker(), TEXTS, sources, dict.fromkeys(sources, 1))
    assert "'c19' (1) and 980 more." in str(caught.value)
    assert "'c20'" not in str(caught.value)


def test_texts_are_counted_no_further_than_needed():
    class Counted(list):
        read = 0

        def __getitem__(self, row):
            self.read += 1
            return super().__getitem__(row)

    texts = Counted(str(i) for i in range(1000))
    assert different_texts(texts, range(1000), 2) == 2
    assert texts.read < 10
