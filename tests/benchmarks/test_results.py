"""The file of results: written line by line, repaired after a crash, and refused if it is another's."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from augment.errors import InputError, OutputError
from benchmarks import results
from benchmarks.cli.entry import main
from benchmarks.results import RunRecord, appending, packed, unpacked

SUITE = {"name": "own", "training": {"epochs": 4.0}}
RUN = RunRecord(SUITE, {"own.yaml": "abc"}, {"bert": "sha256:0"})


def record(key: str, status: str = "done") -> dict:
    filled_in = {name: {} for name in results.REQUIRED["cell", status]}
    return filled_in | {"key": key, "status": status, "task": key} | dict.fromkeys(results.PLACE[1:5], "") | {"seed": 0}


def keys(found: results.Results) -> list[str]:
    return [cell["key"] for cell in found.done.values()]


def filled(folder: Path, *keys: str) -> Path:
    with appending(folder) as (_, appender):
        appender.begin(RUN)
        appender.add_test("f00", "sst3", ("no", "yes", "no"))
        for key in keys:
            appender.add_cell(record(key))
    return folder / results.FILE


@given(st.lists(st.integers(0, 255), max_size=300))
def test_codes_come_back_as_they_were(codes):
    assert unpacked(packed(np.array(codes, dtype=np.int64))).tolist() == codes


def test_what_is_written_is_read_again(tmp_path):
    filled(tmp_path, "a", "b")
    found = results.read(tmp_path)
    assert keys(found) == ["a", "b"]
    assert (found.suite, found.files, found.encoders) == (SUITE, [{"own.yaml": "abc"}], {"bert": "sha256:0"})
    cell = record("a") | {"classes": ["yes", "no"], "data": {"tests": {"sst3": "f00"}}}
    assert found.truth(cell, "sst3").tolist() == [1, 0, 1]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_last_line_that_was_cut_short_is_taken_away_and_said(tmp_path, cut):
    path = filled(tmp_path, "a", "b")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert keys(results.read(tmp_path)) == ["a"]
    assert results.read(tmp_path).cut
    with appending(tmp_path) as (found, appender):
        assert found.cut
        assert keys(found) == ["a"]
        appender.add_cell(record("b"))
    assert path.read_bytes() == whole


def test_damage_elsewhere_is_refused(tmp_path):
    path = filled(tmp_path, "a", "b")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2][:-9] + b"\n", lines[3]]))
    with pytest.raises(InputError, match="line 3 is damaged"):
        results.read(tmp_path)


def test_a_record_with_another_kind_of_value_is_refused(tmp_path):
    path = filled(tmp_path, "a", "b")
    whole = path.read_text()
    path.write_text(whole.replace('"seed":0', '"seed":"0"', 1))
    with pytest.raises(InputError, match="line 3 is not a record of a benchmark"):
        results.read(tmp_path)
    path.write_text(whole.replace('{"bert":"sha256:0"}', "0.5", 1))
    with pytest.raises(InputError, match="line 1: does not hold what belongs there"):
        results.read(tmp_path)
    path.write_text(whole)
    for command in ("compare", "report"):
        ended = CliRunner().invoke(main, [command, *[str(tmp_path)] * (1 + (command == "compare"))])
        assert ended.exit_code == 2, ended.output
        assert "does not hold what belongs there" in ended.output
        assert len(ended.output.splitlines()) == 1


def test_another_schema_is_refused(tmp_path):
    path = filled(tmp_path, "a")
    with path.open("a") as file:
        file.write(json.dumps({"schema": 2, "kind": "cell"}) + "\n")
    with pytest.raises(InputError, match="line 4 has the schema 2, and this version reads 1"):
        results.read(tmp_path)
    path.write_text('{"arm": "none"}\n')
    with pytest.raises(InputError, match="line 1 has the schema None"):
        results.read(tmp_path)


def test_another_benchmark_is_refused(tmp_path):
    filled(tmp_path, "a")
    found = results.read(tmp_path)
    found.check(RUN._replace(files={"own.yaml": "changed"}, encoders={"roberta": "sha256:1"}), [])
    with pytest.raises(InputError, match=r"another benchmark: training\.epochs was 4\.0 and is 5\.0 now"):
        found.check(RUN._replace(suite={"name": "own", "training": {"epochs": 5.0}}), [])


def test_another_encoder_of_the_same_name_is_refused(tmp_path):
    filled(tmp_path, "a")
    with appending(tmp_path) as (found, appender):
        appender.begin(RUN._replace(encoders={"roberta": "sha256:1"}))
        for encoders in ({"bert": "sha256:2"}, {"roberta": "sha256:0"}):
            with pytest.raises(InputError, match="has results of another encoder"):
                found.check(RUN._replace(encoders=encoders), [])
    results.read(tmp_path).check(RUN._replace(encoders={"bert": "sha256:0", "roberta": "sha256:1"}), [])


def test_results_that_name_no_encoders_can_be_added_to(tmp_path):
    path = filled(tmp_path, "a")
    path.write_text(path.read_text().replace(',"encoders":{"bert":"sha256:0"}', ""))
    found = results.read(tmp_path)
    assert found.encoders == {}
    found.check(RUN, [])


def test_two_runs_do_not_write_to_one_file(tmp_path):
    with appending(tmp_path), pytest.raises(OutputError, match="another run is writing here"), appending(tmp_path):
        pass


def test_a_cell_that_failed_and_then_went_well_is_done(tmp_path):
    with appending(tmp_path) as (_, appender):
        appender.add_cell(record("a", "failed"))
        appender.add_cell(record("b", "failed"))
        appender.add_cell(record("a"))
    found = results.read(tmp_path)
    assert (len(found.cells), keys(found)) == (2, ["a"])


@pytest.mark.parametrize(
    "line", ['{"kind": "cell"}', '{"kind": "run"}', '{"kind": "cell", "status": "done", "key": "x"}', "{}"]
)
def test_a_line_that_is_no_record_is_refused(tmp_path, line):
    path = filled(tmp_path, "a")
    with path.open("a") as file:
        file.write(json.dumps({"schema": 1} | json.loads(line)) + "\n")
    with pytest.raises(InputError, match="line 4 is not a record of a benchmark"):
        results.read(tmp_path)


def test_other_files_of_a_later_sitting_are_noted(tmp_path):
    filled(tmp_path, "a")
    for files in ({"own.yaml": "abc"}, {"own.yaml": "changed"}):
        with appending(tmp_path) as (_, appender):
            appender.begin(RUN._replace(files=files))
    assert results.read(tmp_path).files == [{"own.yaml": "abc"}, {"own.yaml": "changed"}]


def test_no_results_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"there are no results .*\. Make some with `benchmarks run"):
        results.read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), appending(tmp_path / "file"):
        pass


def test_a_full_disk_leaves_whole_lines(tmp_path):
    path = filled(tmp_path, "a")
    before = path.read_bytes()
    with appending(tmp_path) as (_, appender):

        class Full:
            """A file on a disk that takes ten bytes more."""

            def __init__(self, file) -> None:
                self.file = file
                self.left = 10

            def write(self, data) -> int:
                if not self.left:
                    raise OSError(28, "No space left on device")
                written = self.file.write(bytes(data[: self.left]))
                self.left -= written
                return written

            def __getattr__(self, name):
                return getattr(self.file, name)

        appender.file = Full(appender.file)
        with pytest.raises(OutputError, match=r"No space left on device.*the same command again"):
            appender.add_cell(record("b"))
    assert path.read_bytes() == before


def test_packed_results_are_read_and_not_added_to(tmp_path):
    path = filled(tmp_path, "a", "b")
    packed_file = tmp_path / results.PACKED
    packed_file.write_bytes(lzma.compress(path.read_bytes()))
    path.unlink()
    assert keys(results.read(tmp_path)) == ["a", "b"]
    with pytest.raises(OutputError, match="is packed; unpack it with `xz -d`"), appending(tmp_path):
        pass
    assert not path.exists()
    packed_file.write_bytes(packed_file.read_bytes()[:-20])
    with pytest.raises(InputError, match="is damaged"):
        results.read(tmp_path)
