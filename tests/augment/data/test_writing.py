"""Tables are written whole or not at all, and come back as they were."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import random
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict, Features, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tables import classed, fingerprint, labelled, put, write

from augment.data import writing
from augment.data.corpus import from_table, read, read_texts
from augment.data.formats.dialect import Dialect
from augment.data.formats.encodings import Encoding
from augment.data.layout import Layout
from augment.data.provenance import PROVENANCE
from augment.data.reading import from_arrow
from augment.data.table_columns import batches
from augment.data.writing import check_output, check_storable, write_batches
from augment.errors import CounterpoiseError, InputError, OutputError
from augment.files import clear_leftovers, staged_text
from augment.generation.loop import Row
from augment.run.text_table import extended_frame, extended_table

FILES = ("t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet")
FORMATS = (*FILES, "folder")

TEXTS = st.one_of(
    st.sampled_from(
        ["NA", "None", "null", "007", "1e5", "nan", "True", '"', '""', ",", "\t", "\n", "\r", "\r\n", " x "]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.text(st.sampled_from("ab\",\t\n\r\\'\u2028\x85\ufeff"), min_size=1),
)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=6))
def test_any_text_comes_back_as_it_was_written(tmp_path: Path, name: str, rows: list[tuple[str, str | None]]) -> None:
    columns = {"text": [t for t, _ in rows], "label": ["x"] * len(rows), "note": [n for _, n in rows]}
    write(Dataset.from_dict(columns, features=Features(dict.fromkeys(columns, Value("string")))), tmp_path / name)
    again = read(tmp_path / name, Layout(quoting="minimal"))
    assert again.texts == [text for text, _ in rows]
    assert list(again.table["note"]) == [note for _, note in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_integer_labels_and_provenance_keep_their_types(tmp_path: Path, name: str) -> None:
    columns = {
        "text": ["a", "b"],
        "label": [0, 1],
        "is_synthetic": [False, True],
        "source_row": [None, 0],
        "strategy": [None, "fillmask"],
        "variant": [None, 3],
    }
    write(Dataset.from_dict(columns), tmp_path / name)
    again = read(tmp_path / name)
    csv_like = name.endswith("sv")
    assert again.labels == (["0", "1"] if csv_like else [0, 1])
    assert again.table.to_dict() == columns | {"label": again.labels}
    assert {c: again.table.features[c].dtype for c in PROVENANCE} == PROVENANCE
    assert again.is_synthetic.dtype == bool
    assert again.is_synthetic.tolist() == [False, True]


@pytest.mark.parametrize("name", FORMATS)
def test_class_labels_stay_in_parquet_and_folders_and_become_names_elsewhere(tmp_path: Path, name: str) -> None:
    write(classed(), tmp_path / name)
    again = read(tmp_path / name)
    if name in ("t.parquet", "folder"):
        assert again.table.features == classed().features
        assert again.labels == [1, 0, 1]
        assert again.label_names == {0: "negative", 1: "neutral"}
        assert again.fingerprint == fingerprint(classed())
    else:
        assert again.labels == ["neutral", "negative", "neutral"]


def test_nested_values_travel_through_jsonl_parquet_and_folders_and_become_json_in_csv(tmp_path: Path) -> None:
    lines = [
        {"text": "a", "label": "x", "votes": {"x": ["w1"], "y": []}},
        {"label": "y", "text": "b", "votes": {"x": [], "y": []}, "n": 2**53 + 1},
    ]
    path = put(tmp_path, "in.jsonl", "\n\n".join(json.dumps(line) for line in lines))
    table = read(path).table
    assert table.column_names == ["text", "label", "votes", "n"]
    assert table[1] == lines[1]
    assert table["n"][0] is None
    for name in ("t.jsonl", "t.parquet", "folder"):
        write(table, tmp_path / name)
        assert read(tmp_path / name).table.to_dict() == table.to_dict()
        assert read(tmp_path / name).fingerprint == fingerprint(table)
    write(table, tmp_path / "t.csv")
    assert json.loads(read(tmp_path / "t.csv").table["votes"][0]) == lines[0]["votes"]


def test_files_are_plain_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    table = Dataset.from_dict({"text": ["é,\n", None], "label": ["x", "x"], "ok": [True, None], "n": [1, None]})
    write(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == 'text,label,ok,n\n"é,\n",x,True,1\n,x,,\n'.encode()
    write(table.select([0]), tmp_path / "t.jsonl")
    assert (tmp_path / "t.jsonl").read_bytes() == '{"text": "é,\\n", "label": "x", "ok": true, "n": 1}\n'.encode()


def test_a_selection_of_rows_is_written_in_its_order(tmp_path: Path) -> None:
    table = labelled(["a", "b", "c", "d"]).select([3, 0, 2])
    for name in FORMATS:
        write(table, tmp_path / name)
        assert read(tmp_path / name).texts == ["d", "a", "c"]


def test_the_same_content_saved_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(read(put(tmp_path, "t.csv", "text,label\na,x\n")).table, tmp_path / name)
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_does_not_follow_the_parts_it_came_in(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.setattr(writing, "BATCH", 7)
    table = labelled([None if i == 3 else "a\r" if i == 9 else f"t{i}" for i in range(30)])
    arrow = table.with_format("arrow")[:]
    written = []
    for sizes in ([30], [7, 7, 7, 7, 2], [1, 13, 0, 16], [1] * 30):
        ends = np.cumsum(sizes)
        parts = (arrow[end - size : end] for end, size in zip(ends, sizes, strict=True))
        write_batches(table.features, parts, tmp_path / name)
        files = [tmp_path / name] if (tmp_path / name).is_file() else sorted((tmp_path / name).iterdir())
        written.append([file.read_bytes() for file in files])
        assert read(tmp_path / name).texts == table["text"][:]
    assert written[1:] == written[:1] * 3


def test_a_saved_folder_has_the_fingerprint_of_its_content(tmp_path: Path) -> None:
    write(classed(), tmp_path / "folder")
    state = json.loads((tmp_path / "folder" / "state.json").read_text())
    assert f"sha256:{state['_fingerprint']}" == fingerprint(classed())
    assert datasets.load_from_disk(str(tmp_path / "folder")).to_dict() == classed().to_dict()
    assert sorted(file.name for file in (tmp_path / "folder").iterdir()) == [
        "data-00000-of-00001.arrow",
        "dataset_info.json",
        "state.json",
    ]


def test_a_nul_far_down_is_named_by_its_row(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(writing, "BATCH", 7)
    table = labelled(["b\0" if i == 17 else f"a{i}" for i in range(30)])
    with pytest.raises(OutputError, match=r"t\.csv, row 17: holds a NUL character"):
        write(table, tmp_path / "t.csv")


# Originals and new rows


def extended(table: Dataset, rows: list[Row], **options: Any) -> Dataset:
    options = {"only_synthetic": False, **options}
    return extended_table(from_table(table, "t", Layout(drop_unlabelled=True)), rows, lambda label: "random", **options)


ROWS = [Row("new a", "x", 0, 0, {"label_probs": [0.25, 0.75]}), Row("new c", "y", 1, 2)]


@pytest.mark.parametrize("only_synthetic", [False, True])
def test_new_rows_follow_the_originals_with_provenance_and_what_was_measured(only_synthetic: bool) -> None:
    table = Dataset.from_dict({"text": ["a", "b", "c"], "note": [1, 2, 3], "label": ["x", None, "y"]})
    found = extended(table, ROWS, only_synthetic=only_synthetic, extra={"label_probs": "list<float>"}).to_dict()
    expected = {
        "text": ["a", "c", "new a", "new c"],
        "note": [1, 3, None, None],
        "label": ["x", "y", "x", "y"],
        "is_synthetic": [False, False, True, True],
        "source_row": [None, None, 0, 2],
        "strategy": [None, None, "random", "random"],
        "variant": [None, None, 0, 2],
        "label_probs": [None, None, [0.25, 0.75], None],
    }
    assert found == {name: values[2 * only_synthetic :] for name, values in expected.items()}


def test_class_labels_stay_and_without_new_rows_the_originals_do() -> None:
    whole = extended(classed(), [Row("new", "negative", 1, 0)])
    assert whole["label"][:] == [1, 0, 1, 0]
    assert whole.features["label"] == classed().features["label"]
    assert extended(classed(), []).select_columns(["text", "label"]).to_dict() == classed().to_dict()


@pytest.mark.parametrize("name", FORMATS)
def test_an_output_is_extended_again_in_every_format(tmp_path: Path, name: str) -> None:
    extra = {"label_probs": "list<float>"}
    write(extended(labelled(["a", "b"], ["x", "y"]), ROWS, extra=extra), tmp_path / name)
    again = read(tmp_path / name)
    found = extended_table(
        again,
        [Row("newer", "x", 0, 1, {"label_probs": [1.0]})],
        lambda label: "more",
        only_synthetic=False,
        extra=extra,
    )
    assert found["source_row"][:] == [None, None, 0, 1, 0]
    assert found["strategy"][:] == [None, None, "random", "random", "more"]
    if name.endswith("sv"):
        assert found["label_probs"][:] == [None, None, "[0.25, 0.75]", None, "[1.0]"]
    else:
        assert found["label_probs"][:] == [None, None, [0.25, 0.75], None, [1.0]]


def test_a_frame_is_extended_by_what_was_measured_too() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    corpus = from_table(Dataset.from_pandas(frame), "t")
    found = extended_frame(
        frame, corpus, ROWS, lambda label: "random", only_synthetic=False, extra={"label_probs": "list<float>"}
    )
    assert found["label_probs"].tolist() == [None, None, [0.25, 0.75], None]
    alone = extended_frame(
        frame, corpus, ROWS, lambda label: "random", only_synthetic=True, extra={"label_probs": "list<float>"}
    )
    assert list(alone.columns) == list(found.columns)


def test_output_is_checked_before_any_work(tmp_path: Path) -> None:
    def message(path: Path, overwrite: bool = False) -> str:
        with pytest.raises(CounterpoiseError) as caught:
            check_output(path, overwrite=overwrite)
        assert len(str(caught.value).splitlines()) == 1
        assert isinstance(caught.value, InputError if "unknown format" in str(caught.value) else OutputError)
        return str(caught.value).replace(f"{tmp_path}", "T")

    file = put(tmp_path, "old.csv", "x")
    (tmp_path / "mine").mkdir()
    put(tmp_path / "mine", "thesis.doc", "x")
    (tmp_path / "d.csv").mkdir()
    put(tmp_path, "plain", "x")
    write(labelled(["a"]), tmp_path / "saved")
    assert message(tmp_path / "no" / "t.csv") == (
        "T/no/t.csv: the folder T/no does not exist; create it, or choose another output."
    )
    assert "the folder T/old.csv is not a folder" in message(file / "t.csv")
    assert message(file) == "T/old.csv: exists already; give `overwrite=True` to replace it, or choose another output."
    assert "exists already" in message(tmp_path / "saved")
    assert message(tmp_path / "t.jsonll").endswith("Did you mean '.jsonl'?")
    assert "holds other things than one saved table" in message(tmp_path / "mine", overwrite=True)
    assert "T/d.csv: is a folder; expected a file" in message(tmp_path / "d.csv", overwrite=True)
    assert "T/plain: is a file, but a name without a suffix" in message(tmp_path / "plain", overwrite=True)
    before = sorted(tmp_path.iterdir())
    for name in ("old.csv", "saved", "new.parquet", "new"):
        check_output(tmp_path / name, overwrite=True)
    assert sorted(tmp_path.iterdir()) == before
    assert file.read_text() == "x"


def test_an_output_that_cannot_be_created_is_found_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\)"):
        check_output(tmp_path / ("x" * 250 + ".csv"), overwrite=False)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_output_and_nothing_else(
    tmp_path: Path, monkeypatch, name: str, failure: BaseException, where: str
) -> None:
    path = tmp_path / name
    write(labelled(["old"]), path)

    def fail(*args: object) -> None:
        raise failure

    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(os, where, fail)
        with pytest.raises(expected) as caught:
            write(labelled(["new"]), path)
    if expected is OutputError:
        assert str(caught.value).startswith(f"{path}: cannot be written (No space left on device); free the disk")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert read(path).texts == ["old"]
    write(labelled(["new"]), path)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert read(path).texts == ["new"]


def test_an_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "folder"
    write(labelled(["old"]), path)
    replace, calls = os.replace, []

    def fail_second(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_second)
        with pytest.raises(OutputError, match="Input/output error"):
            write(labelled(["new"]), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert read(path).texts == ["old"]


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size in bytes."""
    resource = pytest.importorskip("resource", reason="no RLIMIT_FSIZE on Windows")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def stage(text: str, path: Path) -> None:
    with staged_text(text, path):
        pass


@pytest.mark.parametrize("name", [*FORMATS, "m.json"])
def test_a_file_that_cannot_grow_is_reported_and_removed_in_every_format(tmp_path: Path, name: str) -> None:
    draw = random.Random(0)
    texts = [f"{draw.getrandbits(120):030x}" for _ in range(20_000)]
    table = Dataset.from_dict({"text": texts})
    job = partial(stage, "".join(texts)) if name == "m.json" else partial(write, table)
    with pytest.raises(OutputError) as caught, largest_file(50_000):
        job(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: cannot be written")
    assert "File too large" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_nul_cannot_be_written_to_csv_and_can_to_jsonl(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"t\.csv, row 1: holds a NUL character"):
        write(labelled(["a", "b\0"]), tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []
    write(labelled(["a", "b\0"]), tmp_path / "t.jsonl")
    assert read(tmp_path / "t.jsonl").texts == ["a", "b\0"]


def test_a_nul_is_found_before_rows_are_made(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("augment.data.table_columns.BATCH", 2)
    table = Dataset.from_dict({"text": ["a", "b", "c", "d\0"], "label": ["x"] * 4})
    with pytest.raises(OutputError, match=r"t\.csv, row 3: holds a NUL character"):
        check_storable(table.features, batches(table), tmp_path / "t.csv", 4)
    check_storable(table.features, batches(table), tmp_path / "t.jsonl", 4)
    check_storable(table.features, batches(table.select(range(3))), tmp_path / "t.tsv", 4)


YEAR_20000 = pa.array([0, 570_000_000_000], pa.timestamp("s"))


@pytest.mark.parametrize(
    ("columns", "name", "dialect", "says"),
    [
        ({"when": YEAR_20000}, "t.csv", {}, "row 1: column 'when' holds a value that cannot be read"),
        ({"when": YEAR_20000}, "t.jsonl", {}, "row 1: column 'when' holds a value that cannot be read"),
        ({"when": YEAR_20000}, "t.xlsx", {}, "row 1: column 'when' holds a value that cannot be read"),
        ({"a": ["é", "€"]}, "t.csv", {"encoding": Encoding("latin-1")}, "row 1: holds '€', which the encoding"),
        ({"€": ["a", "b"]}, "t.csv", {"encoding": Encoding("latin-1")}, "header: holds '€', which the encoding"),
        ({"a": ["b", "c,d"]}, "t.csv", {"quoting": "none"}, "row 1: holds a separator"),
        ({"a,b": ["c", "d"]}, "t.csv", {"quoting": "none"}, "header: holds a separator"),
        ({f"c{i}": [1, 2] for i in range(9)}, "t.xlsx", {}, "10 columns, and a sheet of xlsx holds 8"),
        ({"a": ["b", "\x01"]}, "t.xlsx", {}, "row 1: holds a control character"),
    ],
)
def test_what_a_format_cannot_hold_is_found_before_rows_are_made(
    tmp_path: Path, monkeypatch, columns: dict[str, Any], name: str, dialect: dict[str, Any], says: str
) -> None:
    monkeypatch.setattr("augment.data.formats.excel_tables.MOST_COLUMNS", 8)
    table = from_arrow(pa.table({"text": ["a", "b"], **columns}), "t")
    spelled = Dialect(delimiter=",", **dialect) if dialect else None
    checked = partial(check_storable, table.features, batches(table), tmp_path / name, 2, spelled)
    written = partial(write_batches, table.features, batches(table), tmp_path / name, spelled)
    for check in (checked, written):
        with pytest.raises(OutputError, match=rf"{re.escape(name)}.*{re.escape(says)}"):
            check()
    assert list(tmp_path.iterdir()) == []
    for other in ("t.parquet", "folder"):
        check_storable(table.features, batches(table), tmp_path / other, 2)


def test_formulas_are_defused_if_that_is_asked_for(tmp_path: Path) -> None:
    texts = ["=1+1", "+49 1", "-5", "-1.5e3", "@me", "\t=1", "- yes", "a=b", ""]
    table = from_arrow(pa.table({"=text": texts, "n": [-1] * 9}), "t")
    for safe in (False, True):
        write_batches(table.features, batches(table), tmp_path / "t.csv", Dialect(delimiter=",", safe=safe))
        with (tmp_path / "t.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        marked = ["'=1+1", "'+49 1", "-5", "-1.5e3", "'@me", "'\t=1", "'- yes", "a=b", ""] if safe else texts
        assert header == ["'=text" if safe else "=text", "n"]
        assert rows == [[text, "-1"] for text in marked]


def test_bytes_that_are_no_text_are_found_in_any_column(tmp_path: Path) -> None:
    bad = pa.array([b"a", b"\xff"]).view(pa.string())
    for columns, column in (({"note": bad}, "note"), ({"text": bad}, "text")):
        pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"], **columns}), tmp_path / "t.parquet")
        with pytest.raises(InputError, match=rf"t\.parquet, row 1: column '{column}' holds bytes that are not UTF-8"):
            read(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 1: column 'text' holds bytes that are not UTF-8"):
        read_texts(tmp_path / "t.parquet")


def test_a_name_that_is_no_text_is_written_with_escapes(tmp_path: Path) -> None:
    with staged_text('{"name": "caf\udce9.csv"}', tmp_path / "m.json"):
        pass
    assert json.loads((tmp_path / "m.json").read_text(encoding="utf-8")) == {"name": "caf\udce9.csv"}


def test_several_splits_are_not_replaced_by_one_table(tmp_path: Path) -> None:
    DatasetDict({"train": labelled(["a"]), "test": labelled(["b"])}).save_to_disk(tmp_path / "d")
    with pytest.raises(OutputError, match="holds other things than one saved table"):
        check_output(tmp_path / "d", overwrite=True)


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    stage("ü\r\n", tmp_path / "m.json")
    assert (tmp_path / "m.json").read_bytes() == "ü\r\n".encode()
    with pytest.raises(OutputError, match="No such file or directory"):
        stage("x", tmp_path / "no" / "m.json")


def test_a_staged_text_appears_only_when_its_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with pytest.raises(OutputError, match=r"^inner$"), staged_text("{}", path):
        raise OutputError("inner")
    assert list(tmp_path.iterdir()) == []
    with staged_text("{}", path):
        assert not path.exists()
    assert path.read_text() == "{}"


def test_what_a_killed_run_has_left_is_cleared_away_and_nothing_else(tmp_path):
    path = tmp_path / "out[1].csv"
    stay = ["other.csv", ".out[1].csv.tmp", ".out[1].csv.0123456.tmp", ".other.csv.01234567.tmp", "out[1].csv"]
    for name in (*stay, ".out[1].csv.0123abcd.tmp"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".out[1].csv.89abcdef.tmp").mkdir()
    clear_leftovers(path)
    assert {entry.name for entry in tmp_path.iterdir()} == set(stay)


def test_an_old_folder_that_was_moved_aside_comes_back_where_its_successor_is_missing(tmp_path):
    old = tmp_path / ".saved.01234567.old"
    old.mkdir()
    (old / "dataset_info.json").write_text("{}")
    clear_leftovers(tmp_path / "saved")
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved"]
    (tmp_path / ".saved.76543210.old").mkdir()
    clear_leftovers(tmp_path / "saved")
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved"]
    assert (tmp_path / "saved" / "dataset_info.json").exists()
