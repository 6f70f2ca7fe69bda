"""The file door does what the command line does: the same bytes, the same refusals, the same way back."""

from __future__ import annotations

import csv
import json
import os
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from augment import FillMask, Layout, Random, Smote, TextEncoder, upsample, upsample_file
from augment.cli import main
from augment.errors import InputError, Interrupted, OutputError, ShortfallError
from augment.generation.loop import CHUNK
from augment.run import Journal
from augment.run.destination import Destination


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.csv"
    rows = [(f"We bought the {i}th ticket at the counter near the old gate.", "neutral") for i in range(4)]
    rows += [(f"What a lovely evening number {i} with friends and music.", "positive") for i in range(9)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def run(*options):
    result = CliRunner().invoke(main, [str(option) for option in options])
    assert result.exit_code == 0, result.output
    return result


def same(one: Path, other: Path) -> bool:
    """Compare two outputs, and their manifests but for the seconds."""
    manifests = [json.loads(Path(f"{path}.manifest.json").read_text()) for path in (one, other)]
    for manifest in manifests:
        manifest.pop("seconds")
    return one.read_bytes() == other.read_bytes() and manifests[0] == manifests[1]


def test_both_doors_write_the_same_bytes_for_texts(source, tmp_path, bert):
    options = ("--model", bert, "--seed", 5, "--sampling-strategy", "neutral=7", "--guard", "none")
    run("upsample", source, "-o", tmp_path / "a.csv", *options)
    manifest = upsample_file(
        *(source, tmp_path / "b.csv"),
        strategy=FillMask(model=str(bert)),
        seed=5,
        sampling_strategy={"neutral": 7},
        guards=["none"],
    )
    assert same(tmp_path / "a.csv", tmp_path / "b.csv")
    assert manifest.counts_after == {"neutral": 7, "positive": 9}


def test_both_doors_write_the_same_bytes_for_vectors(source, tmp_path, bert):
    run(
        *("upsample", source, "-o", tmp_path / "a.parquet", "--strategy", "smote", "--encoder", bert),
        *("--param", "k_neighbors=2", "--decode", "nearest"),
    )
    sampler = Smote(k_neighbors=2)
    upsample_file(
        source,
        tmp_path / "b.parquet",
        strategy=sampler,
        encoder=TextEncoder(model=str(bert), normalize=True),
        decode="nearest",
    )
    assert same(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert sampler.random_state is None  # the caller's own is left as it was


def test_a_manifest_is_repeated_and_an_argument_goes_before_it(source, tmp_path):
    upsample_file(source, tmp_path / "a.csv", strategy="random", seed=3, max_per_source=2)
    config = tmp_path / "a.csv.manifest.json"
    upsample_file(None, tmp_path / "b.csv", config=config)
    assert same(tmp_path / "a.csv", tmp_path / "b.csv")
    assert upsample_file(None, tmp_path / "c.csv", config=config, seed=4).seed == 4


def test_what_an_interrupted_run_left_is_gone_on_with(source, tmp_path):
    whole, output = tmp_path / "whole.csv", tmp_path / "out.csv"
    arguments = {"strategy": "random", "seed": 0, "sampling_strategy": {"neutral": 3000}}
    upsample_file(source, whole, **arguments)

    calls = []

    def stop(done, total, what):
        calls.append(done)
        if sum(calls) > CHUNK:  # a first chunk is in the journal, and the second one is begun
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="repeat the run with `resume=True`"):
        upsample_file(source, output, **arguments, progress=stop)
    assert not output.exists()
    with pytest.raises(OutputError, match="unfinished run"):
        upsample_file(source, output, **arguments)
    upsample_file(source, output, **arguments, resume=True)
    assert output.read_bytes() == whole.read_bytes()
    assert not Destination(output=output).journal.exists()


def test_a_finished_run_is_gone_on_with_by_leaving_it_alone(source, tmp_path, bert, caplog):
    arguments = {"strategy": "random", "seed": 0, "report": tmp_path / "out.html"}
    vectors = {"strategy": Smote(k_neighbors=2), "encoder": str(bert)}
    caplog.set_level("INFO", "augment")
    for name, how in (("out.csv", arguments), ("out.parquet", vectors)):
        upsample_file(source, tmp_path / name, **how, resume=True)  # nothing to go on with: from the beginning
        before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
        again = upsample_file(source, tmp_path / name, **how, resume=True, progress=lambda *call: None)
        assert again.made == {"neutral": 5}
        assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()} == before
        assert f"{name}: this run has finished already." in caplog.messages[-1]
        for other in ({"seed": 1}, {"only_synthetic": True}, {"output_encoding": "utf-16"}):
            if "output_encoding" in other and name == "out.parquet":
                continue
            with pytest.raises(OutputError, match="is there already, made by another run"):
                upsample_file(source, tmp_path / name, **{**how, **other}, resume=True)
        assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()} == before
    (tmp_path / "out.html").unlink()  # killed before it was written
    upsample_file(source, tmp_path / "out.csv", **arguments, resume=True)
    assert (tmp_path / "out.html").exists()


def test_what_is_made_of_a_secret_file_is_secret(source, tmp_path):
    os.chmod(source, 0o600)
    modes = set()

    def look(*call):
        modes.update(path.stat().st_mode & 0o077 for path in tmp_path.iterdir() if path.name != "rows")

    upsample_file(source, tmp_path / "out.csv", strategy="random", report=tmp_path / "out.html", progress=look)
    look()
    assert len(list(tmp_path.iterdir())) >= 4
    assert modes == {0}
    os.chmod(tmp_path / "out.csv", 0o640)
    upsample_file(source, tmp_path / "out.csv", strategy="random", overwrite=True)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["out.csv", "out.csv.manifest.json", "out.csv.journal", "out.html"])
def test_what_is_no_file_is_in_the_way_before_anything_is_done(source, tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OutputError, match=f"{name}: is a device, a pipe or a socket"):
        upsample_file(source, tmp_path / "out.csv", strategy="random", overwrite=True, report=tmp_path / "out.html")
    assert {path.name for path in tmp_path.iterdir()} == {source.name, name}


def test_a_folder_in_the_place_of_the_manifest_is_told_before_anything_is_done(source, tmp_path):
    (tmp_path / "out.csv.manifest.json").mkdir()
    with pytest.raises(OutputError, match="is a folder; expected a file there"):
        upsample_file(source, tmp_path / "out.csv", strategy="random", overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, "out.csv.manifest.json"}


def test_impossible_sizes_are_refused_and_very_large_ones_are_asked_about(source, tmp_path, monkeypatch):
    def make(total, **options):
        upsample_file(source, tmp_path / "out.csv", strategy="random", sampling_strategy={"neutral": total}, **options)

    with pytest.raises(InputError, match="would have more than 2,147,483,647 rows"):
        make(10**20, yes=True)
    with pytest.raises(InputError, match=r"would make 19,999,998 new rows, more than 10,000,000\. Give `yes=True`"):
        make(20_000_002)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10**6}))
    with pytest.raises(OutputError, match=r"out\.csv: would need about \d[\d,.]* GB .* has 0\.0 GB free"):
        make(20_000_002, yes=True)
    assert {path.name for path in tmp_path.iterdir()} == {source.name}


def test_progress_is_told_from_nothing_to_all(source, tmp_path):
    calls = []
    upsample_file(source, tmp_path / "a.csv", strategy="random", progress=lambda *call: calls.append(call))
    assert calls[0] == (0, 5, "rows")
    assert sum(done for done, _, _ in calls) == 5


def test_an_output_is_replaced_only_when_that_is_asked_for(source, tmp_path):
    output = tmp_path / "a.csv"
    upsample_file(source, output, strategy="random")
    before = output.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        upsample_file(source, output, strategy="random", seed=1)
    assert output.read_bytes() == before
    upsample_file(source, output, strategy="random", seed=1, overwrite=True)
    assert output.read_bytes() != before


def test_an_input_is_never_replaced(source):
    before = source.read_bytes()
    with pytest.raises(OutputError, match="is an input of this run"):
        upsample_file(source, source, strategy="random", overwrite=True)
    assert source.read_bytes() == before


def test_missing_rows_are_a_warning_or_with_strict_an_error_and_nothing_written(source, tmp_path):
    arguments = {"strategy": "random", "max_per_source": 1}
    with pytest.warns(UserWarning, match="1 of class 'neutral'"):
        manifest = upsample_file(source, tmp_path / "a.csv", **arguments)
    assert manifest.missing["neutral"]["rows"] == 1
    with pytest.raises(ShortfallError, match="1 of class 'neutral'"):
        upsample_file(source, tmp_path / "b.csv", **arguments, strict=True)
    assert not list(tmp_path.glob("b.csv*"))


def test_held_out_files_layouts_and_new_rows_alone(source, tmp_path):
    bare = tmp_path / "bare.csv"
    bare.write_text("".join(source.read_text().splitlines(keepends=True)[1:]))
    layout = Layout(header=False, columns=("words", "class"), text_column="words", label_column="class")
    manifest = upsample_file(
        bare, tmp_path / "a.jsonl", strategy="random", layout=layout, against=[bare], only_synthetic=True
    )
    assert manifest.missing  # a copy equals a held-out text
    assert manifest.input["layout"]["header"] is False
    assert (tmp_path / "a.jsonl").read_text() == ""


def test_a_report_is_written_beside(source, tmp_path):
    pytest.importorskip("matplotlib")
    upsample_file(source, tmp_path / "a.csv", strategy="random", report=tmp_path / "a.html")
    assert "neutral" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "filmask"}, "Did you mean 'fillmask'"),
        ({"strategy": "random", "decode": "nearest"}, "makes texts"),
        ({"strategy": "smote", "guards": ["none"]}, "guards and a most per source are for texts"),
        ({"strategy": "random", "workers": 0}, "1 or more"),
        ({"strategy": "random", "seed": -1}, "whole number from 0"),
        ({"source": None}, "Give a source"),
        ({"source": "nowhere.csv", "strategy": "random"}, "nowhere.csv"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_left(source, tmp_path, arguments, message):
    output = tmp_path / ("out.parquet" if arguments.get("strategy") == "smote" else "out.csv")
    with pytest.raises(InputError, match=message):
        upsample_file(**{"source": source, "output": output, **arguments})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


# What a strategy says of its runs


@pytest.fixture
def built():
    return Random(sampling_strategy={"neutral": 6}, random_state=3, guards=["none"])


def test_a_strategys_own_settings_are_those_of_its_runs(source, tmp_path, built):
    pair = (["a b c", "d e f", "g", "h", "i"], ["neutral"] * 2 + ["positive"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_memory = upsample(pair, strategy=built)[1]
        on_disk = upsample_file(source, tmp_path / "a.csv", strategy=built)
    for manifest in (in_memory, on_disk):
        assert manifest.counts_after["neutral"] == 6
        assert manifest.seed == 3
        assert "near_duplicate" not in {guard["name"] for guard in manifest.guards}


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        (
            {"sampling_strategy": {"neutral": 8}},
            r"`sampling_strategy=\{'neutral': 8\}` .* `sampling_strategy=\{'neutral': 6\}`",
        ),
        ({"seed": 4}, "`seed=4` .* `random_state=3`"),
        ({"guards": ["held_out"]}, r"`guards=\['held_out'\]` .* `guards=\['none'\]`"),
    ],
)
def test_a_conflicting_argument_wins_and_a_warning_names_both(source, tmp_path, built, argument, names):
    pair = (["a b c", "d e f", "g", "h", "i"], ["neutral"] * 2 + ["positive"] * 3)
    with pytest.warns(UserWarning, match=names):
        in_memory = upsample(pair, strategy=built, **argument)[1]
    with pytest.warns(UserWarning, match=names):
        on_disk = upsample_file(source, tmp_path / "a.csv", strategy=built, **argument)
    for manifest in (in_memory, on_disk):
        assert manifest.seed == argument.get("seed", 3)
        assert manifest.counts_after["neutral"] == argument.get("sampling_strategy", {"neutral": 6})["neutral"]


def test_the_same_value_twice_is_no_conflict(built):
    pair = (["a b c", "d e f", "g", "h", "i"], ["neutral"] * 2 + ["positive"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        upsample(pair, strategy=built, seed=3, sampling_strategy={"neutral": 6}, guards=["none"])


def test_a_destination_replaces_only_its_own_unfinished_work(tmp_path):
    output = tmp_path / "a.csv"
    assert not Destination(output=output).may_replace()
    assert not Destination(output=output, resume=True).may_replace()
    with Journal(Destination(output=output).journal, {}, resume=False):
        assert Destination(output=output, resume=True).may_replace()
        assert not Destination(output=output).may_replace()
    assert Destination(output=output, overwrite=True).may_replace()


# What Python callers may get wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": 3}, r"must be a name, e\.g\. 'fillmask', .* Got 3\."),
        ({"strategy": Random}, "must be a name"),
        ({"strategy": "random", "max_per_source": True}, "whole number, 1 or more. Got True"),
        ({"strategy": "random", "max_per_source": "3"}, "whole number, 1 or more. Got '3'"),
        ({"strategy": "random", "max_per_source": 2.5}, "whole number, 1 or more. Got 2.5"),
        ({"strategy": "random", "workers": "2"}, "whole number, 1 or more. Got '2'"),
        ({"strategy": "random", "seed": False}, "whole number from 0"),
        ({"strategy": "smote", "decode": "nearst"}, "Did you mean 'nearest'"),
        ({"strategy": "smote", "workers": 0}, "1 or more"),
        ({"source": ""}, "No input is named"),
    ],
)
def test_values_of_a_wrong_kind_are_refused_in_one_line(source, tmp_path, arguments, message):
    output = tmp_path / ("out.parquet" if arguments.get("strategy") == "smote" else "out.csv")
    with pytest.raises(InputError, match=message):
        upsample_file(**{"source": source, "output": output, **arguments})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


def test_a_foreign_sampler_is_refused_by_both_doors(source, tmp_path):
    from imblearn.over_sampling import SMOTE

    for call in (
        lambda: upsample_file(source, tmp_path / "a.parquet", strategy=SMOTE()),
        lambda: upsample((["a b", "c d", "e"], ["x", "x", "y"]), strategy=SMOTE()),
    ):
        with pytest.raises(InputError, match="must be a name"):
            call()


def test_the_warning_says_what_comes_from_a_file_and_points_at_the_caller(source, tmp_path):
    upsample_file(source, tmp_path / "a.csv", strategy="random", seed=0)
    config = tmp_path / "a.csv.manifest.json"
    with pytest.warns(UserWarning, match="`seed=0` of .*manifest.json goes before `random_state=3`") as caught:
        upsample_file(None, tmp_path / "b.csv", strategy=Random(random_state=3), config=config)
    assert caught[0].filename == __file__


def test_overwriting_with_vectors_discards_unfinished_texts(source, tmp_path, bert):
    output = tmp_path / "o.parquet"
    journal = Destination(output=output).journal
    journal.write_bytes(b"of a killed run\n")
    with pytest.raises(OutputError, match="unfinished run"):
        upsample_file(source, output, strategy=Smote(k_neighbors=2), encoder=str(bert))
    upsample_file(source, output, strategy=Smote(k_neighbors=2), encoder=str(bert), overwrite=True)
    assert not journal.exists()


def test_missing_rows_are_told_even_if_the_report_fails(source, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise OutputError("no room for the report")

    monkeypatch.setattr("augment.report.html.write_report", fails)
    with pytest.warns(UserWarning, match="could not be made"), pytest.raises(OutputError, match="no room"):
        upsample_file(source, tmp_path / "a.csv", strategy="random", max_per_source=1, report=tmp_path / "a.html")
    assert (tmp_path / "a.csv").exists()
