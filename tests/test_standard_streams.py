"""The name `-` is refused wherever the standard input or output is not used, and makes no file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from augment import upsample_file
from augment.errors import InputError, OutputError
from benchmarks.cli.umbrella import main

REFUSED = [
    "augment upsample - -o out.csv",
    "augment upsample sample -o -",
    "augment upsample sample -o out.csv --report -",
    "augment upsample sample -o out.csv --against -",
    "augment upsample --config - -o out.csv",
    "augment inspect -",
    "augment report -",
    "augment split - -o parts",
    "augment split sample -o -",
    "classifiers train - -o model",
    "classifiers train sample -o -",
    "classifiers train sample --validation - -o model",
    "classifiers evaluate model in.csv -",
    "classifiers pretrain - -o model --model mini",
    "benchmarks run --out -",
    "benchmarks report -",
    "benchmarks compare one -",
]


@pytest.mark.parametrize("line", REFUSED)
def test_a_stream_is_refused_in_one_line(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, line.split(), input="text,label\na,x\n")
    assert done.exit_code == 2
    assert "was given as '-', the standard input or output, which this command does not use." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_task_and_python_refuse_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["benchmarks", "run", "--task", "csv:-", "--dry-run"])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: -: ")
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(InputError, match="the standard input is not read as a table"):
        upsample_file("-", "out.csv", strategy="random")
    with pytest.raises(OutputError, match="the standard output cannot take it"):
        upsample_file("sample", "-", strategy="random")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["augment upsample sample -o sample", "augment split sample -o sample"])
def test_no_output_gets_the_name_of_the_bundled_reviews(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, line.split())
    assert done.exit_code == 2
    assert "sample: is the name of the bundled reviews" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_that_name_is_noted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sample").mkdir()
    done = CliRunner().invoke(main, ["augment", "inspect", "sample"])
    assert done.stderr == ("sample: the bundled reviews are read, and not what has this name here; that is ./sample.\n")
    assert "is not a folder saved by `datasets`" in CliRunner().invoke(main, ["augment", "inspect", "./sample"]).stderr
    with pytest.raises(InputError, match="is not a folder saved by"):
        upsample_file(Path("sample"), "out.csv", strategy="random")
