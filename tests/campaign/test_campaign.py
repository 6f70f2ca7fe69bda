"""The campaign itself: a short one finds nothing, and it notices each kind of damage that it looks for."""

from __future__ import annotations

import contextlib
import io
import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest
from campaign.__main__ import main, rounds
from campaign.tally import Tally
from campaign.warm import Warm
from campaign.works import Workshop

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the campaign needs Linux")


@pytest.fixture(scope="module")
def new_process() -> Iterator[ProcessPoolExecutor]:
    """Give a process that has run nothing: forks of one that has run other tests may wait for ever for its threads."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def said_by_main(*arguments: str) -> tuple[int, str]:
    """Carry out a campaign. Return its exit code and what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        return main(list(arguments)), out.getvalue()


def found_by(kind: str, folder: Path, most: int) -> Tally:
    """Carry out rounds of a kind until one finds something."""
    warm, tally = Warm(), Tally(0, folder / "found")
    shop = Workshop(warm, folder / "work")
    a_round = rounds(warm, shop, tally)[kind]
    for number in range(most):
        a_round(number)
        if not tally.clean:
            break
    return tally


def found_without_fsync(folder: Path) -> Tally:
    """Let nothing reach the disk before a rename, and cut the power."""
    with patch("augment.files.flush", lambda path: None), patch("campaign.kills.KILLS", ("power cut",)):
        return found_by("kills:split", folder, most=40)


def found_with_lost_lines(folder: Path) -> Tally:
    """Let the journal lose every fourth line."""
    from augment.run.journal import Journal

    append, number = Journal.append, itertools.count()

    def forgetful(self, outcome):
        append(self, outcome)
        if next(number) % 4 == 2:
            place, _, checksum = self._places.pop()
            self._file.truncate(place)
            self._end, self._checksum = place, checksum

    with patch.object(Journal, "append", forgetful):
        return found_by("kills:random", folder, most=20)


def test_a_short_campaign_finds_nothing_and_says_so(new_process, tmp_path):
    names = "kills:split,faults:split,fuzz:gan:config"
    code, said = new_process.submit(
        said_by_main, "--folder", str(tmp_path), "--minutes", ".02", "--only", names
    ).result()
    assert code == 0, said
    assert "nothing was found" in said


def test_a_missing_fsync_is_noticed(new_process, tmp_path):
    tally = new_process.submit(found_without_fsync, tmp_path).result()
    assert tally.total("different") + tally.total("lost") + tally.total("refused") > 0


def test_a_line_that_a_journal_loses_is_noticed(new_process, tmp_path):
    assert not new_process.submit(found_with_lost_lines, tmp_path).result().clean
