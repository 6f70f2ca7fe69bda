"""The texts of a table are read one at a time, and look like a list."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from augment.data.lazy_texts import Beside, Texts


def test_texts_are_a_sequence_that_equals_the_list_of_them() -> None:
    expected = ["a", None, "ü", ""]
    found = Texts(Dataset.from_dict({"text": expected}), "text")
    assert len(found) == 4
    assert list(found) == found[:] == expected
    assert found == expected
    assert found != [*expected[:3], "x"]
    assert [found[-2], found[np.int64(0)], found[1:3]] == ["ü", "a", [None, "ü"]]
    assert repr(found) == "<4 texts>"
    with pytest.raises(IndexError):
        found[4]


def test_texts_beside_are_one_text_for_each_row():
    table = Dataset.from_dict({"title": ["a", None, "c"], "place": ["x", "y", ""]})
    found = Beside(table, ["title", "place"])
    assert list(found) == found[:] == ["a\nx", "\ny", "c\n"]
    assert found[1] == "\ny"
