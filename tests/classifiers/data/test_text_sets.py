"""Sets of new rows: kept in a folder, and made by a process in the background."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from small_trainings import WORDS, prepared

from augment.errors import TrainingError
from classifiers.config import Redraw
from classifiers.data.synthesis import Synthesis
from classifiers.data.text_sets import Sets

pytestmark = pytest.mark.numeric


def test_sets_are_kept_in_the_folder_and_not_made_twice(tmp_path):
    synthesis = Synthesis(Redraw(**WORDS), prepared(), 0, "cpu")
    first = Sets(synthesis, 2, tmp_path).get(1)
    synthesis.make = None
    again = Sets(synthesis, 2, tmp_path).get(3)
    assert again.rows.texts == first.rows.texts
    assert np.array_equal(again.rows.codes, first.rows.codes)
    assert len(list(tmp_path.iterdir())) == 1


def ends(code, number):
    os._exit(code)


def sleeps(seconds, number):
    time.sleep(seconds)


def test_the_process_in_the_background_may_die_and_that_is_said(monkeypatch):
    from classifiers.data import text_sets

    monkeypatch.setattr(text_sets, "_make", ends)
    monkeypatch.setattr(Sets, "_read", lambda self, number: None)
    sets = Sets(9, None)
    sets.begin(1)
    with pytest.raises(TrainingError, match="The process that makes new rows has died"):
        sets._made_ahead(1)
    sets.close()


def test_the_process_in_the_background_ends_in_the_midst_of_a_set(monkeypatch):
    from classifiers.data import text_sets

    monkeypatch.setattr(text_sets, "_make", sleeps)
    monkeypatch.setattr(Sets, "_read", lambda self, number: None)
    sets = Sets(600, None)
    sets.begin(1)
    start = time.monotonic()
    sets.close()
    assert time.monotonic() - start < 60
