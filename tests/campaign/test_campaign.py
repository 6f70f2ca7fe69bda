"""The campaign itself: a short one finds nothing, and it notices each kind of damage that it looks for."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from campaign.__main__ import main, rounds
from campaign.tally import Tally
from campaign.warm import Warm
from campaign.works import Workshop

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the campaign needs Linux")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the campaign sets be put back."""
    for name in ("HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM", "OMP_NUM_THREADS", "NO_COLOR", "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


def found_by(kind: str, tmp_path: Path, most: int) -> Tally:
    """Carry out rounds of a kind until one finds something."""
    warm, tally = Warm(), Tally(0, tmp_path / "found")
    shop = Workshop(warm, tmp_path / "work")
    a_round = rounds(warm, shop, tally)[kind]
    for number in range(most):
        a_round(number)
        if not tally.clean:
            break
    return tally


def test_a_short_campaign_finds_nothing_and_says_so(tmp_path, capfd):
    arguments = ["--folder", str(tmp_path), "--minutes", ".02", "--only", "kills:split,faults:split,fuzz:gan:config"]
    assert main(arguments) == 0
    assert "nothing was found" in capfd.readouterr().out


def test_a_missing_fsync_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("augment.files.flush", lambda path: None)
    monkeypatch.setattr("campaign.kills.KILLS", ("power cut",))
    tally = found_by("kills:split", tmp_path, most=40)
    assert tally.total("different") + tally.total("lost") + tally.total("refused") > 0


def test_a_line_that_a_journal_loses_is_noticed(tmp_path, monkeypatch):
    from augment.run.journal import Journal

    append, number = Journal.append, itertools.count()

    def forgetful(self, outcome):
        append(self, outcome)
        if next(number) % 4 == 2:
            place, _, checksum = self._places.pop()
            self._file.truncate(place)
            self._end, self._checksum = place, checksum

    monkeypatch.setattr(Journal, "append", forgetful)
    assert not found_by("kills:random", tmp_path, most=20).clean
