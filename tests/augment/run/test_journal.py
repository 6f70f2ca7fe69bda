"""What is finished stands on the disk: a torn end is cut off, and no journal is taken for another run's."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment.errors import InputError, OutputError
from augment.generation.loop import Outcome, Row
from augment.run.journal import Journal, check_no_journal, journal_path

IDENTITY = {
    "version": "1.0",
    "input": "sha256:ab",
    "against": [{"name": "dev.csv", "texts": "sha256:cd"}],
    "strategy": {"name": "fillmask", "top_k": 50, "protect": ["not", "never"], "revision": "sha256:ef"},
    "guards": [
        {"name": "changed", "parameters": {}},
        {"name": "similarity", "parameters": {"low": 0.6, "high": 0.98, "model": "mini"}, "revision": "sha256:ef"},
    ],
    "budget": {"neutral": 2000, "négatif": 0},
    "first_variants": {"neutral": 0},
    "seed": 2**64 - 1,
    "max_per_source": None,
}
STRANGE = ["", "\n\r\0\x85\u2028", "é😀", "\ud83d alone \udc00", "\ud83d\udc00", "00000000 {}\n", '"\\', " x "]
OUTCOMES = [
    Outcome("neutral", 8, [Row(t, "neutral", i, i % 3, {}) for i, t in enumerate(STRANGE)], {"changed": 3}, [4, 2**40]),
    Outcome(
        "neutral",
        2,
        [Row("another class", "négatif", 5, 1, {"source_label": "neutral"})],
        {},
        [],
        {"agreement": [3, 7]},
    ),
    Outcome("négatif", 1, [Row("a", "négatif", 9, 0, {"label_probs": [0.1, 1e-6, 0.899999], "odd": None})], {}, [0]),
]


def opened(path: Path, *, resume: bool = True, **changed: Any) -> Journal:
    return Journal(path, {**IDENTITY, **changed}, resume=resume)


def kept(path: Path, outcomes: list[Outcome] = OUTCOMES) -> bytes:
    """Write a journal as a run does that dies after these chunks."""
    journal = opened(path, resume=False)
    for outcome in outcomes:
        journal.append(outcome)
    journal._file.close()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.csv.journal"


# What stands in it


def test_chunks_come_back_as_they_were_as_often_as_asked(path):
    kept(path)
    with opened(path) as journal:
        assert journal.chunks == 3
        for _ in range(2):
            assert list(journal.outcomes()) == OUTCOMES
            assert list(journal) == [row for outcome in OUTCOMES for row in outcome.rows]
    assert path.exists(), "it is kept until its rows stand elsewhere"


def test_what_was_appended_can_be_read_while_more_is_appended(path):
    with opened(path) as journal:
        for n, outcome in enumerate(OUTCOMES):
            journal.append(outcome)
            assert list(journal.outcomes()) == OUTCOMES[: n + 1]


TEXT = st.text(st.characters(), max_size=20)
ROWS = st.tuples(TEXT, st.integers(0, 2**62), st.integers(0, 2**31), st.dictionaries(TEXT, st.lists(st.floats(0, 1))))
COUNTS = st.dictionaries(TEXT, st.integers(0, 10**9))
CHUNKS = st.tuples(TEXT, st.lists(ROWS, max_size=4), COUNTS, st.lists(st.integers(0, 2**62)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHUNKS, max_size=4), st.integers(0, 4))
def test_any_chunks_come_back_however_they_are_split_into_runs(path, chunks, first):
    outcomes = [
        Outcome(label, len(rows), [Row(text, label, *rest) for text, *rest in rows], rejected, barren)
        for label, rows, rejected, barren in chunks
    ]
    kept(path, outcomes[:first])
    with opened(path) as journal:
        for outcome in outcomes[first:]:
            journal.append(outcome)
        assert list(journal.outcomes()) == outcomes
    path.unlink(missing_ok=True)


def test_without_resume_what_stood_there_is_discarded(path):
    kept(path)
    with opened(path, resume=False) as journal:
        assert (journal.chunks, list(journal)) == (0, [])
        journal.append(OUTCOMES[2])
    with opened(path) as journal:
        assert list(journal.outcomes()) == OUTCOMES[2:]


# A torn end


@pytest.mark.parametrize("last", OUTCOMES, ids=["rows", "empty", "columns"])
def test_a_last_chunk_cut_anywhere_is_dropped_and_the_others_stand(path, last):
    whole = kept(path, [*OUTCOMES, last])
    before = len(kept(path, OUTCOMES))
    for cut in range(before, len(whole)):
        path.write_bytes(whole[:cut])
        with opened(path) as journal:
            assert list(journal.outcomes()) == OUTCOMES, cut
            assert path.stat().st_size == before, "what is cut off does not stay"
            journal.append(last)
        assert path.read_bytes() == whole, cut


def test_a_first_line_cut_anywhere_is_a_new_journal(path):
    whole = kept(path, [])
    for cut in range(0, len(whole), 5):
        path.write_bytes(whole[:cut])
        journal = opened(path)
        assert journal.chunks == 0
        assert path.read_bytes() == whole
        journal._file.close()


def test_a_last_chunk_of_blocks_that_never_reached_the_disk_is_dropped(path):
    whole, before = kept(path), len(kept(path, OUTCOMES[:2]))
    path.write_bytes(whole[:before] + bytes(len(whole) - before))
    with opened(path) as journal:
        assert list(journal.outcomes()) == OUTCOMES[:2]


def test_damage_before_the_end_is_refused_and_nothing_is_touched(path):
    whole = kept(path)
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 4
    ends = [sum(map(len, lines[:n])) for n in range(5)]
    for n in range(3):
        where = (
            "is damaged or not a journal;" if n == 0 else f"is damaged in chunk {n}, or its lines are in another order;"
        )
        mend = (
            "begin anew with `overwrite=True`." if n == 0 else "bring them back, or begin anew with `overwrite=True`."
        )
        for at in (ends[n], ends[n] + 4, ends[n] + 12, ends[n + 1] - 2):
            damaged = bytearray(whole)
            damaged[at] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(InputError, match=where) as caught:
                opened(path)
            assert str(caught.value) == f"{path}: {where} {mend}"
            assert path.read_bytes() == damaged
    path.write_bytes(whole[: ends[1] + 5] + whole[ends[2] :])
    with pytest.raises(InputError, match="damaged in chunk 1"):
        opened(path)


def test_a_chunk_left_out_of_the_middle_is_not_seen_here_but_one_that_changes_while_it_is_read_is(path):
    kept(path)
    with opened(path) as journal:
        found = journal.outcomes()
        next(found)
        damaged = path.read_bytes()[:-9] + b"xxxxxxxx\n"
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="changed while it was read"):
            list(journal.outcomes())


@pytest.mark.parametrize("content", [b"two\nlines\n", b"my notes\n\n", b"%PDF\n\x00\nxx", b"\n\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged or not a journal"):
        opened(path)
    assert path.read_bytes() == content


# Another run's


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"version": "1.1"}, 'version was "1.0" and is "1.1" now'),
        ({"input": "sha256:xy"}, 'input was "sha256:ab" and is "sha256:xy" now'),
        ({"seed": 0}, "seed was 18446744073709551615 and is 0 now"),
        ({"budget": {"neutral": 2001, "négatif": 0}}, "budget.neutral was 2000 and is 2001 now"),
        ({"budget": {"neutral": 2000}}, "budget.négatif was 0 and is null now"),
        ({"first_variants": {"neutral": 3}}, "first_variants.neutral was 0 and is 3 now"),
        ({"max_per_source": 4}, "max_per_source was null and is 4 now"),
        ({"strategy": {**IDENTITY["strategy"], "top_k": 49}}, "strategy.top_k was 50 and is 49 now"),
        ({"strategy": {**IDENTITY["strategy"], "protect": ["not"]}}, 'strategy.protect[1] was "never" and is null now'),
        ({"strategy": {"name": "random"}}, 'strategy.name was "fillmask" and is "random" now'),
        ({"guards": IDENTITY["guards"][:1]}, 'guards[1] was {"name": "similarity", '),
        ({"guards": IDENTITY["guards"][::-1]}, 'guards[0].name was "changed" and is "similarity" now'),
        ({"against": []}, 'against[0] was {"name": "dev.csv", "texts": "sha256:cd"} and is null now'),
        ({"further": 1}, "further was null and is 1 now"),
    ],
)
def test_another_run_is_refused_and_told_what_differs_first(path, changed, says):
    whole = kept(path)
    with pytest.raises(InputError) as caught:
        opened(path, **changed)
    assert f"{path}: belongs to another run: {says}" in str(caught.value)
    assert "Repeat the run as it was with `resume=True`, or begin anew with `overwrite=True`." in str(caught.value)
    assert path.read_bytes() == whole
    with opened(path, resume=False, **changed) as journal:
        assert journal.chunks == 0


def test_a_change_deep_in_a_long_list_of_guards_is_named(path):
    kept(path)
    guards = json.loads(json.dumps(IDENTITY["guards"]))
    guards[1]["parameters"]["low"] = 0.7
    with pytest.raises(InputError, match=r"guards\[1\]\.parameters\.low was 0\.6 and is 0\.7 now"):
        opened(path, guards=guards)


def test_tuples_and_the_order_of_keys_are_no_difference(path):
    kept(path)
    strategy = {**dict(reversed(IDENTITY["strategy"].items())), "protect": ("not", "never")}
    with opened(path, strategy=strategy) as journal:
        assert journal.chunks == 3


def test_a_journal_of_another_schema_is_refused(path, monkeypatch):
    kept(path)
    monkeypatch.setattr("augment.run.journal.SCHEMA", 5)
    with pytest.raises(InputError, match="schema was 4 and is 5 now"):
        opened(path)


# Two at once


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_run_is_refused_while_the_first_holds_the_journal(path, resume):
    code = (
        "import sys\nfrom pathlib import Path\nfrom augment.errors import OutputError\n"
        "from augment.run.journal import Journal\n"
        f"try:\n    Journal(Path(sys.argv[1]), {{}}, resume={resume})\n"
        "except OutputError as error:\n    print(error)\n"
    )
    with opened(path) as journal:
        journal.append(OUTCOMES[0])
        before = path.read_bytes()
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert done.stdout == f"{path}: another run is writing this output; wait for it, or choose another.\n"
        assert path.read_bytes() == before
        journal.append(OUTCOMES[1])
        assert list(journal.outcomes()) == OUTCOMES[:2]
    opened(path)._file.close()


def test_a_file_system_without_locks_is_said_and_leaves_no_journal(path, monkeypatch):
    def refuse(*given, **options):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("filelock.lock_descriptor", refuse)
    with pytest.raises(OutputError, match=r"cannot be locked \(Function not implemented\)"):
        opened(path)
    assert not path.exists()


def test_a_refused_journal_can_be_opened_again_in_the_same_process(path):
    kept(path)
    with pytest.raises(InputError):
        opened(path, seed=1)
    with opened(path) as journal:
        assert journal.chunks == 3


# Disks


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size in bytes; it stands in for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("spare", [0, 1, 7, 100])
def test_a_full_disk_leaves_the_earlier_chunks_and_room_can_be_made(path, spare):
    before = kept(path, OUTCOMES[:2])
    with opened(path) as journal:
        with room_for(len(before) + spare), pytest.raises(OutputError) as caught:
            journal.append(OUTCOMES[0])
        assert str(caught.value) == (
            f"{path}: cannot be written (File too large); free the disk and go on with `resume=True`."
        )
        assert path.read_bytes() == before, "nothing is left half written"
        assert journal.chunks == 2
        journal.append(OUTCOMES[2])
    with opened(path) as journal:
        assert list(journal.outcomes()) == [*OUTCOMES[:2], OUTCOMES[2]]


def test_a_disk_that_is_full_until_the_end_is_said_once_and_leaves_the_earlier_chunks(path):
    before = kept(path, OUTCOMES[:2])
    with room_for(len(before) + 20), pytest.raises(OutputError, match="File too large"), opened(path) as journal:
        journal.append(OUTCOMES[0])
    assert path.read_bytes() == before


@pytest.mark.parametrize("resume", [True, False])
def test_a_disk_without_room_for_the_first_line_is_said_and_nothing_is_left(path, resume):
    with room_for(50), pytest.raises(OutputError, match=r"cannot be written \(File too large\); free the disk"):
        opened(path, resume=resume)
    assert not path.exists()


def test_a_disk_that_says_it_is_full_only_when_it_is_waited_for_keeps_what_was_there(path, monkeypatch):
    before = kept(path, OUTCOMES[:1])

    def fail(number: int) -> None:
        raise OSError(28, os.strerror(28))

    with opened(path) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(OutputError, match="No space left on device"):
                journal.append(OUTCOMES[1])
        assert path.read_bytes() == before
        journal.append(OUTCOMES[2])
        assert list(journal.outcomes()) == [OUTCOMES[0], OUTCOMES[2]]


def test_a_journal_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "out.csv.journal").mkdir()
    with pytest.raises(OutputError, match=r"out\.csv\.journal: is a folder; expected a file there"):
        opened(tmp_path / "out.csv.journal")


# Coming and going


def test_a_journal_without_a_chunk_is_gone_at_the_end_also_after_an_error(path):
    with opened(path):
        assert path.exists()
    assert not path.exists()
    with pytest.raises(RuntimeError), opened(path):
        raise RuntimeError
    assert not path.exists()


def test_an_empty_journal_of_the_same_run_is_gone_too_and_one_with_chunks_stays_after_an_error(path):
    kept(path, [])
    with opened(path):
        pass
    assert not path.exists()
    with contextlib.suppress(KeyboardInterrupt), opened(path) as journal:
        journal.append(OUTCOMES[0])
        raise KeyboardInterrupt
    assert path.exists()


def test_a_journal_that_was_removed_is_gone_and_leaves_cleanly(path):
    with opened(path) as journal:
        journal.append(OUTCOMES[0])
        journal.remove()
        assert not path.exists()
    assert not path.exists()


def test_unfinished_work_is_not_begun_anew_unasked(tmp_path):
    output = tmp_path / "out.parquet"
    check_no_journal(output)
    kept(journal_path(output), OUTCOMES[:1])
    with pytest.raises(OutputError) as caught:
        check_no_journal(output)
    for part in (f"{output}.journal", "`resume=True`", "`overwrite=True`"):
        assert part in str(caught.value)


def test_an_interruption_while_the_head_is_written_takes_a_new_journal_away_and_leaves_an_old_one(path, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opened(path, resume=False)
    assert not path.exists()
    before = kept(path)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "_read_up", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opened(path)
    assert path.read_bytes() == before


def test_lines_in_another_order_or_twice_are_damage(path):
    with opened(path, resume=False) as journal:
        for outcome in OUTCOMES:
            journal.append(outcome)
    header, *lines = path.read_bytes().splitlines(keepends=True)
    for wrong in ([lines[1], lines[0], *lines[2:]], [lines[0], *lines]):
        path.write_bytes(b"".join([header, *wrong]))
        with pytest.raises(InputError, match=r"is damaged in chunk \d, or its lines are in another"):
            opened(path)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": None},
        {"rows": [[1]]},
        {"rows": [["1", 0, "x", "text", {}]]},
        {"rows": [[9, 0, "x", "text", {}]]},
        {"rows": [[1, 0, "unknown", "text", {}]]},
        {"rows": [[1, 0, "x", 5, {}]]},
        {"slots": "many"},
        {"rejected": {"a": "b"}},
        {"barren": None},
        {"ruled_out": {"agreement": [-1]}},
    ],
)
def test_a_chunk_of_another_form_is_told_in_one_line(path, change):
    with opened(path, resume=False) as journal:
        journal.append(OUTCOMES[0])
        journal._write({"label": "x", "slots": 1, "rows": [], "rejected": {}, "barren": [], "ruled_out": {}, **change})
    with pytest.raises(InputError, match=r"journal, chunk 2: does not hold what belongs there .* Begin anew"):
        Journal(path, IDENTITY, resume=True, sources=9, classes={row.label for row in OUTCOMES[0].rows} | {"x"})
