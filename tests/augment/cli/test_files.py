"""Files as people have them go through the commands: read, noted in one line, recorded, repeated, reported on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from augment import Candidate, Draw, TextStrategy, upsample_file
from augment.cli.entry import main
from augment.data.formats.encodings import mark_of_file
from augment.data.layout import Layout
from augment.errors import OutputError

ROWS = [(f"We sat by the “{word}” door.", "rare") for word in ("old", "red")]
FEW = "text,label\nA café.,a\nA bar.,a\nThe shop.,b\nThe door.,b\nThe hall.,b\n"
ROWS += [(f"A lovely meal number {i}, with tea.", "often") for i in range(5)]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> Result:
    done = CliRunner().invoke(main, line.split())
    assert done.exit_code == 0, done.stderr
    return done


def spelled(
    delimiter: str, quoting: int = csv.QUOTE_MINIMAL, end: str = "\n", header: tuple = ("text", "label")
) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting, quotechar='"', escapechar=None)
    writer.writerows([header, *ROWS])
    return text.getvalue()


FILES = {
    "semicolons": ("in.csv", spelled(";").encode(), ""),
    "bars in a tsv": ("in.tsv", spelled("|").encode(), ""),
    "utf-16": ("in.csv", b"\xff\xfe" + spelled(",", end="\r\n").encode("utf-16-le"), ""),
    "mark and crlf": ("in.csv", b"\xef\xbb\xbf" + spelled(",", end="\r\n").encode(), ""),
    "windows": ("in.csv", spelled(";").encode("windows-1252"), "--encoding windows-1252"),
    "unquoted": ("in.tsv", spelled("\t", csv.QUOTE_NONE).encode(), "--quoting none"),
    "columns without a name": (
        "in.csv",
        b"v1,v2,,,\nrare,\xa3 5 off,,,\nrare,Go,, or, stay\n" + b"often,So,,,\n" * 3,
        "--encoding latin-1 --label-column v1 --text-column v2",
    ),
    "all quoted": ("in.csv", spelled(",", csv.QUOTE_ALL, "\r").encode(), ""),
}


@pytest.mark.parametrize("kind", FILES)
def test_originals_come_back_byte_for_byte_and_the_manifest_repeats_the_run(kind: str, place: Path) -> None:
    name, content, options = FILES[kind]
    (place / name).write_bytes(content)
    out = f"out{Path(name).suffix}"
    run(f"upsample {name} -o {out} --strategy random --seed 3 -q {options}")
    record = json.loads((place / f"{out}.manifest.json").read_text(encoding="utf-8"))
    assert record["output"] == record["input"]["dialect"]
    encoding, end = record["output"]["encoding"], record["output"]["row_end"]
    mark = len(content) - len(content.decode(encoding).lstrip("\ufeff").encode(encoding))
    written = (place / out).read_bytes()
    assert written[:mark] == content[:mark]
    before = content[mark:].decode(encoding).split(end)[:-1]
    after = written[mark:].decode(encoding).split(end)[:-1]
    assert [new.startswith(old) for old, new in zip(before, after, strict=False)] == [True] * len(before)
    again = f"again{Path(name).suffix}"
    run(f"upsample --config {out}.manifest.json -o {again} -q")
    assert (place / again).read_bytes() == written
    run(f"report {out}")
    assert (place / f"{out}.report.html").exists()


def test_another_format_is_plain_utf_8(place: Path) -> None:
    (place / "in.csv").write_bytes(FILES["utf-16"][1])
    run("upsample in.csv -o out.tsv --strategy random -q")
    assert (place / "out.tsv").read_bytes().decode("utf-8").splitlines()[1].split("\t")[:2] == list(ROWS[0])
    assert b"\r" not in (place / "out.tsv").read_bytes()


def test_another_encoding_of_the_output_saves_a_run_that_the_own_one_cannot_hold(place: Path) -> None:
    (place / "in.csv").write_bytes(FEW.encode("cp437"))
    line = "upsample in.csv -o out.csv --encoding cp437 -q --strategy random"
    run(line)
    assert json.loads((place / "out.csv.manifest.json").read_text())["output"]["encoding"] == "cp437"
    run(f"{line} --overwrite --output-encoding utf-8")
    assert "A café." in (place / "out.csv").read_text(encoding="utf-8")
    run("report out.csv")


def test_what_was_found_is_said_once_and_not_if_quiet(place: Path) -> None:
    (place / "in.csv").write_text(spelled(";", header=("Tweet", "label")), encoding="utf-8")
    assert run("inspect in.csv").stderr.splitlines() == [
        "in.csv: its fields are separated by ';' and not by ',', as its first lines show. --delimiter names another.",
        "in.csv: the texts are read from the column 'Tweet'. To change that, give one as --text-column.",
    ]
    assert run("upsample in.csv -o out.csv --strategy random -q").stderr == ""
    assert json.loads((place / "out.csv.manifest.json").read_text())["input"]["text_column"] == "Tweet"


def test_columns_without_a_name_are_called_by_their_place_and_said_once(place: Path) -> None:
    (place / "in.csv").write_text(",text,label,Unnamed: 0,\n1,One.,a,2,3\n4,Two.,a,5,6\n7,Three.,b,8,\n")
    line = "upsample in.csv -o out.csv --strategy random --keep-columns"
    assert run(f"{line} none").stderr.splitlines()[0] == (
        "in.csv: columns without a name in the header are called 'Unnamed: 0_', 'Unnamed: 4' here, and are written back"
        " without one."
    )
    assert json.loads((place / "out.csv.manifest.json").read_text())["output"]["unnamed"] == [
        "Unnamed: 0_",
        "Unnamed: 4",
    ]
    run(f"{line} all --overwrite")
    header, *rows = (place / "out.csv").read_text().splitlines()
    assert header.startswith(",text,label,Unnamed: 0,,is_synthetic,")
    assert rows[-1].startswith("7,Three.,b,8,,true,")


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("positive,A lovely meal by the sea\nnegative,Bad tea.\n", 2),
        ("tea,bad\nwine,good\ncake,bad\n", 2),
        ("5,5,Fine.\n1,2,So so.\n", 3),
    ],
)
def test_a_first_row_in_the_place_of_the_header_is_recognised(place: Path, content: str, fields: int) -> None:
    (place / "in.csv").write_text(content)
    done = CliRunner().invoke(main, ["inspect", "in.csv"])
    mend = f"If line 1 is a row, give --no-header, and names for its {fields} columns as --columns."
    assert done.exit_code == 2
    assert done.stderr.rstrip().endswith(mend)
    (place / "in.csv").write_text("Title,Kind\nTea,bad\nWine,good\n")
    assert "--no-header" not in CliRunner().invoke(main, ["inspect", "in.csv"]).stderr


def test_json_goes_in_and_out(place: Path) -> None:
    (place / "in.json").write_text(json.dumps(ROWS), encoding="utf-8")
    run("upsample in.json -o out.json --strategy random -q")
    rows = json.loads((place / "out.json").read_text(encoding="utf-8"))
    assert [(row["text"], row["label"]) for row in rows[: len(ROWS)]] == ROWS
    assert sum(row["is_synthetic"] for row in rows) == 3
    run("report out.json")


class Curly(TextStrategy):
    """Put quotes around a text that Latin-1 does not have."""

    name = "curly"
    summary = "quote"

    def __init__(self, *, sampling_strategy: Any = "auto", random_state: Any = None, guards: Any = None) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate]:
        return [Candidate(f"“{draw.generator().integers(10)} {draw.text}”") for draw in draws]


def test_a_character_that_the_encoding_lacks_loses_no_work(place: Path) -> None:
    (place / "in.csv").write_bytes(FEW.encode("latin-1"))
    settings: dict[str, Any] = {"strategy": Curly(), "layout": Layout(encoding="latin-1"), "guards": ["none"]}
    with pytest.raises(OutputError, match=r"row 5: holds '“', which the encoding iso8859-1 has not; give `output_enc"):
        upsample_file("in.csv", "out.csv", **settings)
    assert not (place / "out.csv").exists()
    manifest = upsample_file("in.csv", "out.csv", **settings, output_encoding="utf-8", resume=True)
    assert manifest.output["encoding"] == "utf-8"
    assert "“" in (place / "out.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32", "UTF16"])
def test_an_output_in_an_encoding_of_no_named_byte_order_has_a_mark_and_is_read_again(name):
    run(f"upsample sample -o new.csv --strategy random --output-encoding {name}")
    assert mark_of_file("new.csv") is not None
    assert "0 of them synthetic" not in run("inspect new.csv").stdout
    assert Path("new.csv").read_bytes().decode(name).count("\n") == 406
