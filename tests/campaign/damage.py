"""Strategies of hypothesis that damage what a command reads: values, trees of JSON and YAML, tables and bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

ODD = (
    *(None, True, -1, 0, 1, 7, 10**9, 2**63 - 1, 2**64 - 1, 2**70, -(2**63), 1.5, 1e308, float("nan"), float("inf")),
    *("", "x", "none", "a=b", "\ud800", "\0", "<script>alert(1)</script>", "=1+1", "9" * 5000, "1.5x", "+5", "(a+)+$"),
    *("a{99999999999}", "../../etc/passwd", "/dev/zero", "in.csv", "{{ x }}", "mini", "auto", "2001-99-99"),
    *([], {}, [1], [[]], {"a": 1}, [None], ["a"], [{}], {"name": "random"}, {"few": 5}, [["a", 1]]),
)
"""Values that a reader may trip over."""
PIECES = (
    *(
        b"\0",
        b"\xff",
        b"\n",
        b"\r",
        b'"',
        b",",
        b"{",
        b"}",
        b"[",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"'",
        b"\t",
        b"=",
        b":",
    ),
    *(b"-" * 50, b"9" * 5000, b"[" * 2000, b"&a ", b"*a", b"!!int abc", b"!!python/object:os.system ", b"\xed\xa0\x80"),
    *(
        b"\\u",
        b"\\ud800",
        b"1e999",
        b"NaN",
        b"null",
        b"\x1a",
        b"<<: ",
        b"? ",
        b"|",
        b",,,,,,",
        b"\x85",
        b"\xe2\x80\xa8",
    ),
)
values = st.sampled_from(ODD).map(copy.deepcopy) | st.text(max_size=8) | st.integers() | st.floats()


def _places(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths to all values of a tree."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*place, key)
        if isinstance(value, (dict, list)):
            yield from _places(value, (*place, key))


@st.composite
def trees(draw: st.DrawFn, tree: Any) -> Any:
    """A tree of plain data in which one or two places hold something else."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(tree))
        if not places:
            return tree
        *way, key = draw(st.sampled_from(places))
        inner = tree
        for step in way:
            inner = inner[step]
        what = draw(st.sampled_from(("other", "other", "other", "gone", "more", "twin")))
        if what == "gone":
            del inner[key]
        elif what == "more" and isinstance(inner, dict):
            inner[draw(st.sampled_from(("x", "", "name", "seed", "parameters", "schema", "1")))] = draw(values)
        elif what == "twin":
            inner[key] = inner[draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner))))]
            inner[key] = copy.deepcopy(inner[key])
        else:
            inner[key] = draw(values)
    return tree


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a few changes."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        what = draw(st.sampled_from(("flip", "insert", "insert", "remove", "repeat", "cut", "swap")))
        if what == "flip" and at < len(changed):
            changed[at] = draw(st.integers(0, 255))
        elif what == "insert":
            changed[at:at] = draw(st.sampled_from(PIECES))
        elif what == "remove":
            del changed[at : at + draw(st.sampled_from((1, 3, 30, 300)))]
        elif what == "repeat":
            changed[at:at] = changed[at : at + draw(st.sampled_from((5, 50, 500)))]
        elif what == "swap":
            lines = bytes(changed).split(b"\n")
            first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[first], lines[second] = lines[second], lines[first]
            changed = bytearray(b"\n".join(lines))
        else:
            del changed[at:]
    return bytes(changed)


def json_files(content: bytes) -> st.SearchStrategy[bytes]:
    """A damaged JSON file."""
    tree = json.loads(content)
    return trees(tree).map(lambda tree: json.dumps(tree).encode()) | damaged(content)


@st.composite
def json_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of JSON lines, one of which is damaged; or any bytes of it are."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(content))
    lines = content.splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    lines[at] = json.dumps(draw(trees(json.loads(lines[at])))).encode()
    return b"\n".join(lines) + b"\n"


@st.composite
def journals(draw: st.DrawFn, content: bytes) -> bytes:
    """A journal whose damaged line has a right checksum, so that what it says is looked at."""
    import zlib

    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(content))
    texts = [line.partition(b" ")[2] for line in content.splitlines()]
    at = draw(st.integers(0, len(texts) - 1))
    texts[at] = json.dumps(draw(trees(json.loads(texts[at])))).encode()
    written, checksum = b"", 0
    for text in texts:
        checksum = zlib.crc32(text, checksum)
        written += b"%08x %s\n" % (checksum, text)
    return written


def yaml_files(content: bytes) -> st.SearchStrategy[bytes]:
    """A damaged YAML file."""

    def dumped(tree: Any) -> bytes:
        return yaml.safe_dump(tree, allow_unicode=False).encode(errors="surrogatepass")

    return trees(yaml.safe_load(content)).map(dumped) | damaged(content)


@st.composite
def parquet_files(draw: st.DrawFn, content: bytes) -> bytes:
    """A parquet file with a column of another kind, or with damaged bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if draw(st.booleans()):
        return draw(damaged(content))
    table = pq.read_table(pa.BufferReader(content))
    rows, name = len(table), draw(st.sampled_from(table.column_names))
    columns = (
        *(pa.nulls(rows), pa.array(range(rows)), pa.array([0.5] * rows), pa.array([["a"]] * rows)),
        *(pa.array([b"\xff"] * rows), pa.array([b"\xff"] * rows).view(pa.string()), pa.array([{"a": 1}] * rows)),
        *(pa.array(["a"] * rows).dictionary_encode(), pa.array([10**12] * rows, pa.timestamp("ns"))),
        *(pa.array([["a", None]] * rows), pa.array([None, *["a"] * (rows - 1)]), pa.array(["\0"] * rows)),
        *(
            pa.array([True] * rows),
            pa.array(["x"] * rows, pa.large_string()),
            pa.array([2**64 - 1] * rows, pa.uint64()),
        ),
    )
    new = draw(
        st.sampled_from(
            (name, "source_row", "is_synthetic", "strategy", "text ", "", "\ud800".encode("utf-8", "replace").decode())
        )
    )
    table = table.drop_columns([name]).append_column(new, draw(st.sampled_from(columns)))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def _cells() -> st.SearchStrategy[Any]:
    return st.sampled_from((None, "", "a", "=1+1", "#REF!", True, 1.5, 10**15, "x" * 40_000, "\ufffe", "_x0000_"))


@st.composite
def xlsx_files(draw: st.DrawFn, content: bytes) -> bytes:
    """A workbook with other cells, or with damaged bytes."""
    import io

    import openpyxl

    if draw(st.integers(0, 2)) == 0:
        return draw(damaged(content))
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.active
    for _ in range(draw(st.integers(1, 3))):
        row, column = draw(st.integers(1, sheet.max_row + 3)), draw(st.integers(1, sheet.max_column + 3))
        sheet.cell(row, column).value = draw(_cells())
    if draw(st.booleans()):
        book.create_sheet("second", 0 if draw(st.booleans()) else None)
    if draw(st.booleans()):
        sheet.merge_cells("A1:B2")
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
