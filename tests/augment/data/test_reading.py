"""Every kind of file is read as it is, or refused with one clear line."""

from __future__ import annotations

import gc
import json
import logging
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from tables import labelled, put, write

from augment.data import mapped_tables, named_sources
from augment.data.layout import Layout
from augment.data.reading import load
from augment.errors import InputError, OutputError
from augment.models import hub

DEFAULT = Layout()


def texts(source: str | Path, layout: Layout = DEFAULT) -> list[str | None]:
    return load(source, layout)["text"][:]


def refusal(source: str | Path, layout: Layout = DEFAULT) -> str:
    """The one line with which a source is refused, without its folder."""
    with pytest.raises(InputError) as caught:
        load(source, layout)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).replace(f"{Path(source).parent}/", "", 1)


def test_cells_of_csv_are_strings_and_only_the_empty_field_is_null(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", 'text,label,x\r\nNA,007,None\r\n"a ""b"", \r\nc",1,\r\n\r\n\\N,null,""\r\n')
    assert load(path, DEFAULT).to_dict() == {
        "text": ["NA", 'a "b", \r\nc', "\\N"],
        "label": ["007", "1", "null"],
        "x": ["None", None, None],
    }


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert texts(put(tmp_path, "t.csv", b"\xef\xbb\xbftext,label\na,x\n")) == ["a"]
    assert texts(put(tmp_path, "t.jsonl", b'\xef\xbb\xbf{"text": "a", "label": "x"}')) == ["a"]


def test_a_file_longer_than_a_batch_is_whole_and_its_errors_name_the_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mapped_tables, "ROWS", 7)
    path = put(tmp_path, "t.csv", "text,label\n" + "".join(f"t{i},x\n" for i in range(20)))
    assert texts(path) == [f"t{i}" for i in range(20)]
    rows = [{"text": f"t{i}", "label": i, **({"late": i / 2} if i > 15 else {})} for i in range(20)]
    path = put(tmp_path, "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    again = load(path, DEFAULT)
    assert again["label"][:] == list(range(20))
    assert again["late"][:] == [None] * 16 + [8.0, 8.5, 9.0, 9.5]
    rows[17]["label"] = "x"
    put(tmp_path, "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert refusal(path).startswith("t.jsonl, line 18: column 'label' holds \"x\", which does not fit type int64")


FORMATS = ("t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet", "folder")


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_table_is_mapped_from_a_file_that_no_folder_shows(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.setattr(mapped_tables, "ROWS", 7)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    expected = [None if i == 5 else f"t{i}" for i in range(20)]
    write(labelled(expected), tmp_path / name)
    gc.collect()  # what earlier tests have left
    allocated = pa.total_allocated_bytes()
    table = load(tmp_path / name, DEFAULT)
    assert pa.total_allocated_bytes() == allocated, "nothing lies in memory"
    assert list((tmp_path / "temporary").iterdir()) == []
    assert table["text"][:] == expected
    mapped_tables.release()
    assert table["text"][:] == expected


def test_no_room_for_the_temporary_file_is_one_clear_line(tmp_path: Path, monkeypatch) -> None:
    path = put(tmp_path, "t.csv", "text,label\n" + "".join(f"{'a' * 500},{i}\n" for i in range(20)))
    monkeypatch.setattr(mapped_tables, "ROWS", 7)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError) as caught:
        load(path, DEFAULT)
    assert str(caught.value) == (
        f"{tmp_path / 'gone'}: cannot hold a temporary copy of the data (No such file or directory); free the disk, "
        "or name a folder with room in TMPDIR."
    )
    monkeypatch.setattr("tempfile.tempdir", None)
    resource = pytest.importorskip("resource", reason="no RLIMIT_FSIZE on Windows")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot hold a temporary copy of the data \(.*File too large"):
            load(path, DEFAULT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_types_that_change_after_a_batch_become_the_one_that_holds_all(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mapped_tables, "ROWS", 2)
    rows = [{"x": None}, {"x": 1}, {"x": 2}, {"x": 0.5}, {"y": [], "x": 3}, {"y": [{"z": "a"}]}, {"y": None}]
    table = load(put(tmp_path, "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows)), DEFAULT)
    assert table.to_dict() == {
        "x": [None, 1.0, 2.0, 0.5, 3.0, None, None],
        "y": [None, None, None, None, [], [{"z": "a"}], None],
    }


def test_fields_longer_than_the_csv_module_allows_are_read_and_its_limit_is_put_back(
    tmp_path: Path, monkeypatch
) -> None:
    import csv

    limit = csv.field_size_limit()
    path = put(tmp_path, "t.csv", f"text,label\n{'a' * 200_000},x\nb,x\n")
    assert texts(path) == ["a" * 200_000, "b"]
    assert csv.field_size_limit() == limit
    monkeypatch.setattr(mapped_tables, "ROWS", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError) as caught:  # its frames are kept alive, and must not keep the reader open
        load(path, DEFAULT)
    assert csv.field_size_limit() == limit, caught


def test_dictionary_columns_of_pandas_are_read_as_strings(tmp_path: Path) -> None:
    columns = {"text": pa.array(["a", "b"]), "label": pa.array(["x", "y"]).dictionary_encode()}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet", DEFAULT)["label"][:] == ["x", "y"]


def test_a_split_of_a_saved_dataset_dict_is_read(tmp_path: Path) -> None:
    DatasetDict({"train": labelled(["a"]), "dev": labelled(["b"])}).save_to_disk(tmp_path / "d")
    assert texts(tmp_path / "d") == ["a"]
    assert texts(str(tmp_path / "d"), Layout(split="dev")) == ["b"]
    assert refusal(tmp_path / "d", Layout(split="deb")) == (
        "d: has no split 'deb', only 'train', 'dev'; give one of them as `split`. Did you mean 'dev'?"
    )


def test_sample_is_the_bundled_file_and_one_of_that_name_is_noted(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named_sources, "SAMPLE", put(tmp_path, "bundled.csv", "text,label\nbundled,x\n"))
    assert texts("sample") == ["bundled"]
    labelled(["own"]).save_to_disk("sample")
    with caplog.at_level(logging.INFO, "augment"):
        assert texts("./sample") == texts(Path("sample")) == ["own"]
        assert caplog.messages == []
        assert texts("sample") == ["bundled"]
    assert caplog.messages == [
        "sample: the bundled reviews are read, and not what has this name here; that is ./sample."
    ]


def test_the_standard_input_is_no_table() -> None:
    assert refusal("-").startswith("-: the standard input is not read as a table; save it first")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "t.csv: the file is empty; expected a header line and rows."),
        ("t.csv", "text,label\n", "t.csv: has a header but no rows; expected at least one row"),
        ("t.csv", 'text,label\na,x\n"b,x\n', "t.csv, line 3: broken quotes in the record that starts here"),
        ("t.csv", 'text,label\n"a\nb",x\n"b"c,x\n', "t.csv, line 4: broken quotes in the record that starts here"),
        ("t.csv", "text,label\na,x\n\na,b,x\n", "t.csv, line 4: expected 2 fields, got 3; quote fields that hold"),
        ("t.csv", "text,label\na\0,x\n", "t.csv, line 2: holds a NUL character; expected text. Mend: remove it."),
        ("t.csv", "text,label,text\na,x,b\n", "t.csv: the column name 'text' stands twice; give every column its own"),
        (
            "t.csv",
            b"text,label\n\xc3\xa9,x\ncaf\xe9,x\n",
            "t.csv, line 3: is not UTF-8 (byte 19 of the file); name the",
        ),
        ("t.jsonl", "\n", "t.jsonl: the file is empty; expected one JSON object per line."),
        ("t.jsonl", '{"text": "a"}\n{"text"\n', "t.jsonl, line 2: is not valid JSON (Expecting ':' delimiter"),
        ("t.jsonl", '{"a": 1, "a": 2}\n', "t.jsonl, line 1: is not valid JSON (duplicate key in 'a', 'a')"),
        ("t.jsonl", '\n["a"]\n', 't.jsonl, line 2: expected a JSON object such as {"text": …, "label": …}, got ["a"]'),
        (
            "t.jsonl",
            '{"x": 1}\n{"x": null}\n{"x": "a"}\n',
            "t.jsonl, line 3: column 'x' holds \"a\", which does not fit",
        ),
        (
            "t.jsonl",
            '{"x": [1]}\n{"x": ["a"]}\n',
            "t.jsonl, line 2: column 'x' holds [\"a\"], which does not fit type l",
        ),
        (
            "t.jsonl",
            '{"x": "\\ud83d\\ude00"}\n{"y": 1}\n{"x": "so \\ud83d"}\n',
            "t.jsonl, line 3: column 'x' holds \\ud83d, which is half of a character (a surrogate without its partner)",
        ),
        (
            "t.json",
            '[{"x": "a"}, {"x": "\\udc00"}]',
            "t.json, record 2: column 'x' holds \\udc00, which is half of a character",
        ),
        (
            "t.jsonl",
            '{"\\udfff": 1}\n',
            "t.jsonl, line 1: column '\\udfff' holds \\udfff, which is half of a character",
        ),
        ("t.json", "", "t.json: is not valid JSON (Expecting value"),
        ("t.json", "[]", "t.json: expected a list of objects such as {"),
        (
            "t.json",
            '{"text":\n["a"]}',
            't.json: expected a list of objects such as {"text": …, "label": …}, or',
        ),
        ("t.json", '[{"x": 1}, ["a", "b", "c"]]', "t.json, record 2: expected a JSON object such as"),
        (
            "t.json",
            '[{"x": 1}, {"x": "a"}]',
            "t.json, record 2: column 'x' holds \"a\", which does not fit type",
        ),
        ("t.jsonl", b'{"x": 1}\n{"x": "\xff"}\n', "t.jsonl, line 2: is not UTF-8 (byte 16 of the file)"),
        ("t.parquet", b"PAR1nothing", "t.parquet: is not a readable parquet file"),
        (
            "t.jsn",
            "",
            "t.jsn: unknown format '.jsn'; expected .csv, .tsv, .jsonl, .json, .parquet, .xlsx, or a name",
        ),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    assert message in refusal(put(tmp_path, name, content))


def test_a_file_without_a_header_needs_fitting_names(tmp_path: Path) -> None:
    path = put(tmp_path, "t.tsv", "5\tgood\n1\tbad\n")
    assert refusal(path, Layout(header=False)) == (
        "t.tsv: a file without a header needs names for its 2 columns; give `columns`."
    )
    assert refusal(path, Layout(header=False, columns=("a", "b", "c"))) == (
        "t.tsv: `columns` has 3 names (a, b, c) but line 1 has 2 fields; name every field."
    )
    assert "`columns` are the names of a file without a header" in refusal(path, Layout(columns=("a", "b")))
    assert texts(path, Layout(header=False, columns=("label", "text"))) == ["good", "bad"]


def test_a_missing_file_is_never_taken_for_a_hub_id(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(put(tmp_path, "reviews.csv", "").parent)
    expected = "no such file or folder; check the path. Did you mean 'reviews.csv'?"
    assert refusal("revews.csv").endswith(expected)
    assert refusal(tmp_path / "revews").endswith(expected)
    assert "no such file" in refusal("./a/b/c")
    assert "unknown format '.jsn'" in refusal("data/t.jsn")


def test_a_hub_id_without_network_is_one_clear_line(monkeypatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refusal("counterpoise-nobody/no-such-data")
    assert (
        "no such file or folder, and the hub (https://huggingface.co) cannot be reached to look for a data" in message
    )
    assert "check the name, or give a file" in message


def test_a_hub_id_is_fetched_with_its_split(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: asked.append((a, k)) or labelled(["a"]))
    assert texts("owner/name", Layout(split="dev")) == ["a"]
    assert texts("owner/name:second", Layout(split="dev")) == ["a"]
    assert asked == [(("owner/name",), {"split": "dev"}), (("owner/name", "second"), {"split": "dev"})]


def test_a_folder_that_is_no_saved_dataset_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    assert "is not a folder saved by `datasets`" in refusal(tmp_path)
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "t.parquet")
    assert refusal(tmp_path / "t.parquet").endswith("the table has no rows; expected at least one.")


@pytest.mark.parametrize("failure", [None, ConnectionError("no network")])
def test_a_fetch_from_the_hub_logs_nothing_and_restores_the_loggers(monkeypatch, failure: Exception | None) -> None:
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", said.append)
    loggers = [logging.getLogger(name) for name in ("datasets.load", "huggingface_hub.utils._http")]

    def say() -> None:
        for logger in loggers:
            logger.error("Retrying in 8s [Retry 5/5].")

    def fetch(*args: object, **kwargs: object) -> Dataset:
        say()
        if failure is not None:
            raise failure
        return labelled(["a"])

    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", fetch)
    for logger in loggers:
        monkeypatch.setattr(logger, "handlers", [handler])
    if failure is None:
        assert texts("owner/name") == ["a"]
    else:
        assert "could not be fetched (no network)" in refusal("owner/name")
    assert said == []
    say()
    assert len(said) == 2
