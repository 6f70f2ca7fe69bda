"""The file of decisions: nothing that was decided is lost, and nothing counts that is not on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from augment_command import files_up_to

from augment.errors import InputError, OutputError
from augment.review.decisions import Decisions, read_decisions

TABLE = {"name": "t.csv", "fingerprint": "sha256:1", "rows": 9}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.jsonl"


def test_a_review_goes_on_where_it_was_and_an_undo_is_a_record_of_its_own(path: Path) -> None:
    with Decisions(path, TABLE) as first:
        first.decide(3, "reject", reviewer="Ada")
        first.decide(3, "relabel", "b")
        first.decide(5, "accept")
        assert first.undo().row == 5
        assert first.undo().verdict == "relabel"
    with Decisions(path, TABLE) as again:
        assert again.history.version == 5
        assert again.history.of(3).verdict == "reject"
        assert again.history.of(5) is None
        assert again.undo().row == 3
        assert again.undo() is None
    assert read_decisions(path, TABLE) == {}
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record.get("undo") for record in records[1:]] == [None, None, None, 3, 2, 1]
    assert records[1]["reviewer"] == "Ada"
    assert records[1]["time"].endswith("Z")


def test_each_decision_is_in_the_file_before_the_next(path: Path) -> None:
    with Decisions(path, TABLE) as decisions:
        for row in range(3):
            decisions.decide(row, "accept")
            assert len(read_decisions(path, TABLE)) == row + 1


def test_a_line_that_a_crash_has_cut_short_is_dropped(path: Path) -> None:
    with Decisions(path, TABLE) as decisions:
        decisions.decide(1, "accept")
        decisions.decide(2, "reject")
    path.write_bytes(path.read_bytes()[:-9])
    assert list(read_decisions(path, TABLE)) == [1]
    with Decisions(path, TABLE) as decisions:
        decisions.decide(4, "reject")
    assert list(read_decisions(path, TABLE)) == [1, 4]


def test_a_decision_that_cannot_be_written_does_not_count(path: Path) -> None:
    with Decisions(path, TABLE) as decisions:
        decisions.decide(1, "accept")
        with files_up_to(path.stat().st_size + 10), pytest.raises(OutputError, match="does not count; free the disk"):
            decisions.decide(2, "accept")
        decisions.decide(3, "accept")
        assert decisions.history.version == 2
    assert list(read_decisions(path, TABLE)) == [1, 3]


def test_two_reviews_cannot_hold_one_file(path: Path) -> None:
    with Decisions(path, TABLE), pytest.raises(OutputError, match="another review has these decisions open"):
        Decisions(path, TABLE)


def test_decisions_on_another_table_are_refused(path: Path) -> None:
    with Decisions(path, TABLE) as decisions:
        decisions.decide(1, "accept")
    before = path.read_bytes()
    with pytest.raises(InputError, match="other content than 't\\.csv' has now"):
        Decisions(path, {**TABLE, "fingerprint": "sha256:2"})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "is not a decision|Expecting"),
        ('{"row": 1, "decision": "maybe"}', "has the decision 'maybe'"),
        ('{"row": 1, "decision": "relabel"}', "a relabel without a class"),
        ('{"row": 99, "decision": "accept"}', "speaks of row 99"),
        ('{"undo": 7}', "is not the last decision"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(path: Path, line: str, says: str) -> None:
    with Decisions(path, TABLE) as decisions:
        decisions.decide(1, "accept")
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=f"line 3: .*({says})"):
        read_decisions(path, TABLE)


def test_a_review_without_a_decision_leaves_no_file(path: Path) -> None:
    with Decisions(path, TABLE):
        assert path.exists()
    assert not path.exists()
