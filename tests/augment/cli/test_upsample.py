"""The command `augment`: what it writes, what it says, and what it leaves behind when it cannot."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from augment import registry
from augment.cli.entry import main
from augment.data.reading import Layout
from augment.words import folded, word_spans

ROOT = Path(__file__).parents[3]
SST3 = ROOT.parent / "shared" / "data" / "sst3"
COMMAND = Path(sys.executable).parent / "augment"
HEAVY = {"torch", "transformers", "datasets", "sklearn", "pandas", "pyarrow", "scipy"}
PROVENANCE = ["is_synthetic", "source_row", "strategy", "variant"]

PLUGIN = '''
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from augment.generation.candidates import Candidate
from augment.errors import InputError
from augment.text.base import TextStrategy
from augment.words import Replacement, splice, word_spans


class Swap(TextStrategy):
    """Put one of `pool` made-up words in the place of one word."""

    name = "swap"
    summary = "swap one word for a made-up one"

    def __init__(
        self,
        *,
        pool: int = 10_000,
        case: Literal["lower", "upper"] = "lower",
        stems: tuple[str, ...] = ("zu",),
        limit: int | None = 3,
        pause: float = 0.0,
        beacon: str = "",
        batch_size: int = 8,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.pool, self.case, self.stems, self.limit = pool, case, stems, limit
        self.pause, self.beacon, self.batch_size = pause, beacon, batch_size

    def prepare(self) -> None:
        if self.pool < 1:
            raise InputError(f"`pool` of swap must be 1 or more. Got {self.pool}.")

    def candidates(self, draws):
        if self.beacon:
            Path(self.beacon).touch()
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        time.sleep(self.pause)
        rng = draw.generator()
        spans = word_spans(draw.text)
        if not spans:
            return None
        word = getattr(f"{self.stems[rng.integers(len(self.stems))]}{rng.integers(self.pool)}", self.case)()
        replacement = Replacement(*spans[rng.integers(len(spans))], word)
        return Candidate(splice(draw.text, [replacement]), (replacement,))
'''
NEUTRAL = [
    "The shop on the corner opens at nine.",
    'We sat upstairs, by the "old" window.',
    "The parcel came on Monday; the manual on Tuesday.",
    "Ça se trouve au troisième étage, à gauche.",
]
POSITIVE = [
    "I loved every minute of this film!",
    "They fixed the old machine in an hour.",
    "Everything works as it should, NA or not.",
    "Our guide knew every stone of the city.",
    "The new app is fast\nand simple.",
    "Fresh bread, friendly people and a fine view.",
    "What a charming little book it is.",
    "The best hotel of the whole long trip.",
    "Simply a wonderful evening with great food.",
]
ROWS = [
    *({"id": f"00{i}", "text": text, "label": "neutral"} for i, text in enumerate(NEUTRAL[:2])),
    *({"id": f"01{i}", "text": text, "label": "positive"} for i, text in enumerate(POSITIVE)),
    *({"id": f"02{i}", "text": text, "label": "neutral"} for i, text in enumerate(NEUTRAL[2:])),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of installed distributions with one strategy in it, as pip would lay it out."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "swapping-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: swapping\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[counterpoise.strategies]\nswap = swapping_plugin:Swap\n")
    (folder / "swapping_plugin.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder
    sys.modules.pop("swapping_plugin", None)


@pytest.fixture(autouse=True)
def place(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `in.csv` in it."""
    monkeypatch.chdir(tmp_path)
    table("in.csv", ROWS)
    return tmp_path


@pytest.fixture
def mini(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the bundled model once for all tests of this process."""
    import augment.text.fill_mask

    monkeypatch.setattr(augment.text.fill_mask, "load_masked_lm", opened)


@cache
def opened(name: str, **options: Any) -> Any:
    from augment.models.checkpoints import load_masked_lm

    return load_masked_lm(name, **options)


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any attempt to open a model fail the test."""
    import augment.text.fill_mask

    monkeypatch.setattr(augment.text.fill_mask, "load_masked_lm", lambda *a, **k: pytest.fail("a model was opened"))


def table(name: str, rows: list[dict[str, Any]], *, delimiter: str = ",") -> Path:
    """Write a csv file."""
    with open(name, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return Path(name)


def lines(name: str, *rows: str) -> Path:
    """Write a text file line by line."""
    path = Path(name)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def cells(name: str | Path, *, delimiter: str = ",") -> list[dict[str, str]]:
    """Read a csv file."""
    with open(name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def new_rows(name: str | Path) -> list[dict[str, str]]:
    return [row for row in cells(name) if row["is_synthetic"] == "true"]


def counts(rows: list[dict[str, Any]]) -> dict[Any, int]:
    return dict(Counter(row["label"] for row in rows))


def manifest(name: str | Path) -> dict[str, Any]:
    return json.loads(Path(f"{name}.manifest.json").read_text(encoding="utf-8"))


def snapshot() -> dict[str, bytes | None]:
    """Everything in the working folder, hidden files too."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


def invoke(command: str) -> Result:
    result = CliRunner().invoke(main, shlex.split(command))
    assert isinstance(result.exception, SystemExit | None), f"{command}\n{result.exception!r}"
    assert "Traceback" not in result.output
    return result


def augment(command: str) -> Result:
    """Run a command line that must work, by the cheap strategy unless it names one."""
    result = invoke(with_strategy(command))
    assert result.exit_code == 0, result.output
    return result


def with_strategy(command: str) -> str:
    return f"{command} --strategy swap" if command.startswith("upsample") and "--strategy " not in command else command


def refused(command: str, *says: str, code: int = 2) -> str:
    """Run a command line that must fail in one line and leave everything as it was."""
    before = snapshot()
    result = invoke(with_strategy(command))
    assert result.exit_code == code, result.output
    assert snapshot() == before, "something was left behind or touched"
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for part in says:
        assert part in line, line
    return line


# The main job


def test_the_classes_come_out_balanced_with_the_originals_first_and_unchanged(place):
    result = augment("upsample in.csv -o out.csv --seed 3")
    rows = cells("out.csv")
    assert list(rows[0]) == ["id", "text", "label", *PROVENANCE]
    assert [{k: row[k] for k in ROWS[0]} for row in rows[:13]] == ROWS
    assert [[row[k] for k in PROVENANCE] for row in rows[:13]] == [["false", "", "", ""]] * 13
    assert counts(rows) == {"neutral": 9, "positive": 9}
    assert {row["id"] for row in rows[13:]} == {""}
    for row in rows[13:]:
        source = ROWS[int(row["source_row"])]
        assert (row["is_synthetic"], row["strategy"], row["label"]) == ("true", "swap", source["label"])
        assert len(word_spans(row["text"])) == len(word_spans(source["text"]))
        assert "zu" in row["text"]
    assert len({folded(row["text"]) for row in rows}) == 18
    assert sorted(os.listdir()) == ["in.csv", "out.csv", "out.csv.manifest.json"]
    assert re.search(r"neutral +4 +5 +9\b", result.stdout)
    assert re.search(r"positive +9 +0 +9\b", result.stdout)
    assert result.stderr.splitlines()[-1].startswith("5 of 5 rows")


def test_the_first_rows_of_a_csv_output_are_the_bytes_of_its_input():
    augment("upsample in.csv -o out.csv")
    originals = Path("in.csv").read_text(encoding="utf-8").splitlines()
    written = Path("out.csv").read_text(encoding="utf-8").splitlines()
    for before, after in zip(originals[1:4], written[1:4], strict=True):
        assert after == f"{before},false,,,"


def test_the_manifest_holds_all_that_determines_the_result():
    lines("dev.csv", "text", "Nothing of the kind was ever written here.", "Nor this.")
    augment(
        "upsample in.csv -o out.csv --seed 12 --against dev.csv --param pool=500 --batch-size 3"
        " --sampling-strategy neutral=7 --max-per-source 2"
    )
    found = manifest("out.csv")
    assert found["input"] | {"fingerprint": ""} == {
        "name": "in.csv",
        "fingerprint": "",
        "rows": 13,
        "rows_kept_out": 0,
        "empty_texts": 0,
        "text_column": "text",
        "label_column": "label",
        "layout": json.loads(json.dumps(asdict(Layout()))),
    }
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", found["input"]["fingerprint"])
    (file,) = found["against"]
    assert (file["name"], file["rows"]) == ("dev.csv", 2)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["texts"])
    assert found["strategy"]["name"] == "swap"
    assert found["strategy"]["parameters"] == {
        "pool": 500,
        "case": "lower",
        "stems": ["zu"],
        "limit": 3,
        "pause": 0.0,
        "beacon": "",
        "batch_size": 3,
    }
    assert found["sampling_strategy"] == {"neutral": 7}
    assert (found["seed"], found["max_per_source"], found["only_synthetic"]) == (12, 2, False)
    assert found["counts_before"] == {"neutral": 4, "positive": 9}
    assert found["counts_after"] == {"neutral": 7, "positive": 9}
    assert found["made"] == {"neutral": 3}
    assert found["missing"] == {}
    assert found["versions"]["counterpoise"]


def test_held_out_rows_are_kept_clear_of():
    augment("upsample in.csv -o free.csv --seed 1 --param pool=90")
    free = [row["text"] for row in new_rows("free.csv")]
    table("dev.csv", [{"n": "1", "sentence": text.upper()} for text in free[:2]])
    lines("test.jsonl", *(json.dumps({"text": f"{text} Indeed"}) for text in free[2:]))
    augment("upsample in.csv -o out.csv --seed 1 --param pool=90 --against dev.csv --against test.jsonl")
    assert counts(cells("out.csv")) == {"neutral": 9, "positive": 9}
    assert {folded(row["text"]) for row in new_rows("out.csv")}.isdisjoint(map(folded, free))
    assert manifest("out.csv")["rejected"]["held_out"] >= len(free)
    assert [(file["name"], file["rows"]) for file in manifest("out.csv")["against"]] == [
        ("dev.csv", 2),
        ("test.jsonl", 3),
    ]


def test_source_row_counts_the_rows_of_the_input_even_where_rows_were_dropped():
    rows = [{"text": f"No label has row number {i} here", "label": label} for i, label in enumerate(["", "", ""])]
    rows = [rows[0], *ROWS_WITHOUT_ID[:3], rows[1], *ROWS_WITHOUT_ID[3:], rows[2]]
    table("gaps.csv", rows)
    augment("upsample gaps.csv -o out.csv --drop-unlabelled")
    assert [row["text"] for row in cells("out.csv")[:13]] == [row["text"] for row in ROWS]
    made = new_rows("out.csv")
    assert len(made) == 5
    for row in made:
        source = rows[int(row["source_row"])]
        assert source["label"] == "neutral"
        assert shared_words(row["text"], source["text"]) == len(word_spans(source["text"])) - 1
    assert manifest("out.csv")["input"]["rows_kept_out"] == 3


ROWS_WITHOUT_ID = [{"text": row["text"], "label": row["label"]} for row in ROWS]


def shared_words(one: str, other: str) -> int:
    spans = zip(word_spans(one), word_spans(other), strict=True)
    return sum(one[slice(*a)] == other[slice(*b)] for a, b in spans)


def test_only_the_named_labels_are_used():
    rows = [*ROWS_WITHOUT_ID, {"text": "Neither the one nor the other.", "label": "odd"}, {"text": "No.", "label": ""}]
    table("more.csv", rows)
    augment("upsample more.csv -o out.csv --labels positive,neutral")
    assert counts(cells("out.csv")) == {"neutral": 9, "positive": 9}
    assert manifest("out.csv")["input"]["rows_kept_out"] == 2


def test_an_output_is_extended_by_a_second_run_and_its_synthetic_rows_are_never_sources():
    augment("upsample in.csv -o one.csv --sampling-strategy neutral=8 --param pool=50")
    augment("upsample one.csv -o two.csv --sampling-strategy neutral=20 --param pool=50")
    one, two = cells("one.csv"), cells("two.csv")
    assert two[:17] == one, "what was there stays, with its provenance"
    assert list(two[0]) == ["id", "text", "label", *PROVENANCE]
    assert counts(two) == {"neutral": 20, "positive": 9}
    assert manifest("two.csv")["counts_before"] == {"neutral": 8, "positive": 9}
    added = two[17:]
    assert len(added) == 12
    assert {int(row["source_row"]) for row in added} == {i for i, row in enumerate(ROWS) if row["label"] == "neutral"}
    assert len({folded(row["text"]) for row in two}) == len(two)


def test_an_output_that_is_balanced_already_comes_back_with_nothing_new():
    augment("upsample in.csv -o one.csv")
    augment("upsample one.csv -o two.csv")
    assert cells("two.csv") == cells("one.csv")
    assert sum(manifest("two.csv")["made"].values()) == 0


def test_rows_without_a_text_stay_in_the_output_and_are_counted():
    rows = [{"text": "", "label": "neutral"}, *ROWS_WITHOUT_ID, {"text": "  ", "label": "neutral"}]
    table("holes.csv", rows)
    result = augment("upsample holes.csv -o out.csv")
    written = cells("out.csv")
    assert [{"text": row["text"], "label": row["label"]} for row in written[:15]] == rows
    assert counts(written) == {"neutral": 9, "positive": 9}
    assert {int(row["source_row"]) for row in written[15:]} <= {1, 2, 12, 13}
    assert "2 rows have no text" in result.output
    assert manifest("out.csv")["input"]["empty_texts"] == 2


# Which classes, and how many


@pytest.mark.parametrize(
    ("strategy", "after"),
    [
        ("auto", (12, 12, 12)),
        ("minority", (12, 5, 12)),
        ("'not minority'", (3, 12, 12)),
        ("'not majority'", (12, 12, 12)),
        ("all", (12, 12, 12)),
        ("a=3610", (3610, 5, 12)),
        ("a=4,b=5", (4, 5, 12)),
        ("'a=4, c=15'", (4, 5, 15)),
        (".5", (6, 6, 12)),
        ("0.99", (11, 11, 12)),
        ("1", (12, 12, 12)),
    ],
)
def test_a_sampling_strategy_gives_exactly_these_counts(strategy, after):
    sizes = {"a": 3, "b": 5, "c": 12}
    lines("t.csv", "text,label", *(f"this is row {i} of class {k},{k}" for k, n in sizes.items() for i in range(n)))
    augment(f"upsample t.csv -o out.csv --param pool=1000000 --sampling-strategy {strategy}")
    assert counts(cells("out.csv")) == dict(zip(sizes, after, strict=True))


def test_no_source_gives_more_rows_than_it_may():
    result = augment("upsample in.csv -o out.csv --sampling-strategy neutral=40 --max-per-source 2")
    made = new_rows("out.csv")
    assert Counter(row["source_row"] for row in made) == {"0": 2, "1": 2, "11": 2, "12": 2}
    assert Counter(row["variant"] for row in made) == {"0": 4, "1": 4}
    assert result.stderr.splitlines()[-1].startswith("Rows that could not be made: 28 of class 'neutral'")


def test_a_shortfall_is_said_and_the_rest_is_written():
    result = augment("upsample in.csv -o out.csv --sampling-strategy neutral=5000 --param pool=2")
    made = len(new_rows("out.csv"))
    assert 0 < made < 4996
    found = manifest("out.csv")
    assert found["missing"]["neutral"]["rows"] == 4996 - made
    assert found["counts_after"]["neutral"] == 4 + made
    said = result.stderr.splitlines()[-1]
    assert f"{4996 - made:,} of class 'neutral'" in said
    assert "duplicate" in said


def test_a_shortfall_is_an_error_where_all_or_nothing_is_asked_for():
    before = snapshot()
    result = invoke(
        "upsample in.csv -o out.csv --strategy swap --sampling-strategy neutral=5000 --param pool=2 --strict"
    )
    assert result.exit_code == 1
    assert snapshot() == before
    said = result.stderr.splitlines()[-1]
    assert said.startswith("Error: Rows that could not be made: ")
    assert "of class 'neutral'" in said
    assert "Nothing was written" in said
    assert len([line for line in result.stderr.splitlines() if "rows (" not in line]) == 1


def test_strict_is_content_where_nothing_is_missing():
    augment("upsample in.csv -o out.csv --strict")
    assert counts(cells("out.csv")) == {"neutral": 9, "positive": 9}


# Switches


def test_only_the_new_rows_are_written_on_request():
    augment("upsample in.csv -o whole.csv --seed 2")
    augment("upsample in.csv -o new.csv --seed 2 --only-synthetic")
    assert cells("new.csv") == new_rows("whole.csv")
    assert len(cells("new.csv")) == 5
    assert manifest("new.csv")["only_synthetic"] is True


def test_an_existing_output_is_replaced_only_on_request():
    augment("upsample in.csv -o out.csv --seed 1")
    refused("upsample in.csv -o out.csv --seed 2", "out.csv", "exists already", "--overwrite")
    first = snapshot()
    augment("upsample in.csv -o out.csv --seed 2 --overwrite")
    assert Path("out.csv").read_bytes() != first["out.csv"]
    assert manifest("out.csv")["seed"] == 2
    assert sorted(os.listdir()) == ["in.csv", "out.csv", "out.csv.manifest.json"]


def test_a_manifest_of_something_else_is_not_replaced_either():
    lines("out.csv.manifest.json", "{}")
    refused("upsample in.csv -o out.csv", "out.csv.manifest.json", "exists already", "--overwrite")


def test_a_dry_run_prints_the_plan_writes_nothing_and_opens_no_model(no_model):
    before = snapshot()
    for command in (
        "upsample in.csv --dry-run",
        "upsample in.csv -o out.csv --dry-run --strategy fillmask",
        "upsample in.csv -o in.csv --dry-run --strategy fillmask --model some-folder-that-is-not",
    ):
        result = augment(command)
        assert re.search(r"neutral +4 +5 +9 +4 +1\.2\b", result.stdout), result.stdout
        assert re.search(r"positive +9 +0 +9 +9 ", result.stdout)
        assert result.stderr == ""
        assert snapshot() == before


def test_a_dry_run_counts_the_sources_and_not_the_rows():
    rows = [*ROWS_WITHOUT_ID, {"text": "", "label": "neutral"}]
    table("holes.csv", rows)
    result = augment("upsample holes.csv --dry-run --sampling-strategy neutral=25")
    assert re.search(r"neutral +5 +20 +25 +4 +5\.0\b", result.stdout), result.stdout


def test_a_dry_run_refuses_what_the_run_would_refuse():
    refused("upsample in.csv --dry-run --sampling-strategy neutrl=9", "Did you mean 'neutral'?")
    refused("upsample in.csv --dry-run --against none.csv", "none.csv", "no such file")


def test_quiet_says_nothing_when_all_is_well():
    result = augment("upsample in.csv -o out.csv --quiet")
    assert (result.stdout, result.stderr) == ("", "")
    assert counts(cells("out.csv")) == {"neutral": 9, "positive": 9}
    refused("upsample in.csv -o out.csv -q", "exists already")


def test_new_rows_are_shown_beside_their_sources():
    result = augment("upsample in.csv -o out.csv --show 3")
    shown = re.findall(r"^ +neutral \| (.+)\n +new \| (.+)$", result.stdout, re.MULTILINE)
    made = {row["text"]: ROWS[int(row["source_row"])]["text"] for row in new_rows("out.csv")}
    assert len(shown) == 3
    for source, new in shown:
        assert made[new] == source
    assert " | " not in augment("upsample in.csv -o other.csv").stdout
    assert augment("upsample in.csv -o all.csv --show 99").stdout.count(" new | ") == 5


def test_parameters_of_the_strategy_are_read_by_their_types():
    augment(
        "upsample in.csv -o out.csv --param pool=7000 --param stems=ab,cd --param case=upper --param limit=none"
        " --param batch-size=5"
    )
    found = manifest("out.csv")["strategy"]["parameters"]
    assert (found["pool"], found["stems"], found["case"], found["limit"], found["batch_size"]) == (
        7000,
        ["ab", "cd"],
        "upper",
        None,
        5,
    )
    for row in new_rows("out.csv"):
        assert re.search(r"\b(AB|CD)\d+", row["text"])
    augment("""upsample in.csv -o json.csv --param 'stems=["x,y", "z"]' --param limit=9""")
    found = manifest("json.csv")["strategy"]["parameters"]
    assert (found["stems"], found["limit"]) == (["x,y", "z"], 9)


# Layouts and formats


def test_stars_without_a_header_become_three_classes():
    stars = [5, 4, 3, 1, 5, 3, 2, 5, 4]
    lines("yelp.csv", *(f'"{n}","Title, {i}","It said ""{n} stars"" on line {i}."' for i, n in enumerate(stars)))
    augment("upsample yelp.csv -o out.csv --no-header --columns stars,title,text --label-map stars")
    rows = cells("out.csv")
    assert list(rows[0]) == ["stars", "title", "text", *PROVENANCE]
    names = {1: "negative", 2: "negative", 3: "neutral", 4: "positive", 5: "positive"}
    assert [row["stars"] for row in rows[:9]] == [names[n] for n in stars]
    assert rows[0]["title"] == "Title, 0"
    assert rows[0]["text"] == 'It said "5 stars" on line 0.'
    assert Counter(row["stars"] for row in rows) == {"negative": 5, "neutral": 5, "positive": 5}
    assert {row["title"] for row in rows[9:]} == {""}
    for row in rows[9:]:
        assert row["stars"] == names[stars[int(row["source_row"])]]


def test_columns_are_found_by_the_names_that_are_given():
    renamed = [{"body": row["text"], "text": "other", "class": row["label"]} for row in ROWS]
    table("named.csv", renamed)
    augment("upsample named.csv -o out.csv --text-column body --label-column class")
    rows = cells("out.csv")
    assert Counter(row["class"] for row in rows) == {"neutral": 9, "positive": 9}
    assert {row["text"] for row in rows[:13]} == {"other"}
    assert {row["text"] for row in rows[13:]} == {""}
    assert all("zu" in row["body"] for row in rows[13:])


INTEGERS = [{"text": row["text"], "label": 3 * (row["label"] == "neutral")} for row in ROWS]


@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out"])
@pytest.mark.parametrize("kind", [str, int])
def test_an_output_is_read_back_with_its_types(output, kind):
    rows = ROWS_WITHOUT_ID if kind is str else INTEGERS
    lines("in.jsonl", *(json.dumps(row, ensure_ascii=False) for row in rows))
    augment(f"upsample in.jsonl -o {output}")
    got = typed(output)
    if output.endswith(("csv", "tsv")):  # whose cells are texts, and whose null is the empty cell
        assert [(row["text"], row["label"]) for row in got[:13]] == [(row["text"], str(row["label"])) for row in rows]
        assert [row["is_synthetic"] for row in got] == ["false"] * 13 + ["true"] * 5
        assert {row["source_row"] for row in got[:13]} == {""}
        assert {int(row["source_row"]) for row in got[13:]} <= {0, 1, 11, 12}
        return
    assert [{"text": row["text"], "label": row["label"]} for row in got[:13]] == rows
    assert {type(row["label"]) for row in got} == {kind}
    for row in got[:13]:
        assert [row[name] for name in PROVENANCE] == [False, None, None, None]
    for row in got[13:]:
        assert row["is_synthetic"] is True
        assert row["source_row"] in (0, 1, 11, 12)
        assert (row["strategy"], row["variant"] in (0, 1)) == ("swap", True)
        assert row["label"] == rows[row["source_row"]]["label"]


def typed(output: str) -> list[dict[str, Any]]:
    """Read an output by the library that its format belongs to."""
    match Path(output).suffix:
        case ".csv":
            return cells(output)
        case ".tsv":
            return cells(output, delimiter="\t")
        case ".jsonl":
            return [json.loads(line) for line in Path(output).read_text(encoding="utf-8").splitlines()]
        case ".parquet":
            read = pq.read_table(output)
            assert [read.schema.field(name).type for name in PROVENANCE] == [
                pa.bool_(),
                pa.int64(),
                pa.string(),
                pa.int64(),
            ]
            return read.to_pylist()
        case _:
            return datasets.load_from_disk(output).to_list()


def test_a_class_label_stays_one():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["positive", "unused", "neutral"])}
    )
    values = {"text": [row["text"] for row in ROWS], "label": [2 * (row["label"] == "neutral") for row in ROWS]}
    datasets.DatasetDict({"small": datasets.Dataset.from_dict(values, features=features)}).save_to_disk("saved")
    augment("upsample saved -o out.parquet --split small --sampling-strategy neutral=6")
    read = datasets.Dataset(pq.read_table("out.parquet"))
    assert read.features["label"] == features["label"]
    assert Counter(read["label"][:]) == {0: 9, 2: 6}
    assert manifest("out.parquet")["counts_after"] == {"neutral": 6, "positive": 9}
    augment("upsample saved -o out.csv --split small")
    assert counts(cells("out.csv")) == {"neutral": 9, "positive": 9}
    refused("upsample saved -o more.csv --split smal", "saved", "'smal'", "Did you mean 'small'?")


def test_integer_labels_are_named_by_their_digits():
    lines("in.jsonl", *(json.dumps(row) for row in INTEGERS))
    augment("upsample in.jsonl -o out.jsonl --sampling-strategy 3=5")
    assert Counter(row["label"] for row in typed("out.jsonl")) == {3: 5, 0: 9}
    refused("upsample in.jsonl -o more.jsonl --sampling-strategy 4=5", "'4'", "'0', '3'")


# One seed, one result


@pytest.mark.numeric
def test_a_seed_gives_the_same_bytes_for_any_batch_size_and_another_seed_others(mini):
    outputs = []
    for seed, sizes in enumerate([(1, 64), (2, 3), (5, 7), (4, 13), (11, 256)]):
        written = []
        for size in sizes:
            augment(f"upsample in.csv -o {size}.csv --strategy fillmask --seed {seed} --batch-size {size} -q")
            written.append(Path(f"{size}.csv").read_bytes())
            found = manifest(f"{size}.csv")
            assert found["strategy"]["parameters"]["batch_size"] == size
            assert found["strategy"]["identity"]["revision"].startswith("sha256:")
        assert written[0] == written[1]
        assert counts(cells(f"{size}.csv")) == {"neutral": 9, "positive": 9}
        outputs.append(written[0])
    assert len(set(outputs)) == 5


@pytest.mark.numeric
def test_the_bundled_model_is_what_an_option_a_parameter_and_the_default_name(mini):
    augment("upsample in.csv -o a.csv --strategy fillmask --param mask_ratio=.3 --param top_k=none")
    augment("upsample in.csv -o b.csv --strategy fillmask --param mask_ratio=.3 --param top_k=none --model mini")
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    made = new_rows("a.csv")
    assert len(made) == 5
    assert {folded(row["text"]) for row in made}.isdisjoint(folded(row["text"]) for row in ROWS)
    assert manifest("a.csv")["strategy"]["parameters"]["mask_ratio"] == 0.3


# Other commands


def test_inspect_shows_what_stands_in_a_file():
    table("in.csv", [*ROWS, {"id": "x", "text": NEUTRAL[0].upper(), "label": "positive"}, ROWS[2] | {"text": ""}])
    result = augment("inspect in.csv")
    assert re.search(r"neutral +4 +26\.7%", result.stdout)
    assert re.search(r"positive +11 +73\.3%", result.stdout)
    said = result.stdout.splitlines()
    assert "15 rows, 0 of them synthetic, 1 without a text." in said
    assert any(line.startswith("1 repeat an earlier text") and "; 1 texts stand under" in line for line in said)
    assert any(line.startswith("Words per text: ") and line.endswith(" at 100%.") for line in said)
    assert any(line.startswith("Suggested: --sampling-strategy neutral=8 ") for line in said)
    assert result.stderr == ""


def test_what_inspect_suggests_works_as_it_stands():
    suggested = re.search(r"Suggested: (--sampling-strategy \S+)", augment("inspect in.csv").stdout)[1]
    augment(f"upsample in.csv -o out.csv {suggested}")
    assert counts(cells("out.csv")) == {"neutral": 8, "positive": 9}


def test_inspect_counts_synthetic_rows_and_says_when_nothing_is_needed():
    augment("upsample in.csv -o out.csv")
    result = augment("inspect out.csv")
    assert "18 rows, 5 of them synthetic" in result.stdout
    assert "no upsampling is needed" in result.stdout


def test_strategies_lists_every_strategy_with_its_parameters_and_their_defaults():
    said = augment("strategies").stdout
    for name in registry.STRATEGIES.names():
        cls = registry.STRATEGIES.find(name)
        block = re.search(rf"^{re.escape(name)} \({cls.kind}\): .*\n((?:    .*\n)*)", said, re.MULTILINE)
        assert block, name
        assert cls.summary in block[0]
        for parameter in registry.STRATEGIES.parameters(cls).values():
            default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
            assert f"    {parameter.name}{default}\n" in block[1]
    assert "mask_ratio=0.15" in said
    assert "stems=('zu',)" in said
    assert "random_state" not in said


# Bad input


BAD_FILES = {
    "empty.csv": b"",
    "header.csv": b"text,label\n",
    "quote.csv": b'text,label\ngood,x\n"never closed,y\n',
    "fields.csv": b"text,label\ngood,x\na,b,c\n",
    "twice.csv": b"text,text,label\na,b,c\n",
    "empty.jsonl": b"",
    "broken.jsonl": b'{"text": "a", "label": "x"}\n{"text": "b", "label": \n',
    "list.jsonl": b'{"text": "a", "label": "x"}\n["b", "y"]\n',
    "latin.csv": b"text,label\ngood,x\ncaf\xe9,y\n",
    "nul.csv": b"text,label\ngood,x\nca\0fe,y\n",
    "broken.parquet": b"PAR1 is not enough",
    "words.txt": b"one\n",
}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("absent.csv", ("absent.csv", "no such file")),
        ("inn.csv", ("inn.csv", "Did you mean 'in.csv'?")),
        ("absent/in.csv", ("absent/in.csv", "no such file", "check the path")),
        ("empty.csv", ("empty.csv", "is empty", "expected a header")),
        ("header.csv", ("header.csv", "no rows", "expected at least one")),
        ("quote.csv", ("quote.csv, line 3", "quotes")),
        ("fields.csv", ("fields.csv, line 3", "expected 2 fields, got 3", "quote")),
        ("twice.csv", ("twice.csv", "'text'", "twice")),
        ("empty.jsonl", ("empty.jsonl", "is empty")),
        ("broken.jsonl", ("broken.jsonl, line 2", "no valid JSON", "mend or remove")),
        ("list.jsonl", ("list.jsonl, line 2", "expected a JSON object", '["b", "y"]')),
        ("latin.csv", ("latin.csv, line 3", "not UTF-8", "iconv")),
        ("nul.csv", ("nul.csv, line 3", "NUL")),
        ("broken.parquet", ("broken.parquet", "no readable parquet file")),
        ("words.txt", ("words.txt", "unknown format '.txt'", ".csv, .tsv, .jsonl, .parquet")),
        (".", ("is no folder saved by `datasets`",)),
        ("someone/no-such-data", ("someone/no-such-data", "hub data set", "check the name")),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_line_and_the_mend(source, says):
    for name, content in BAD_FILES.items():
        Path(name).write_bytes(content)
    refused(f"upsample {source} -o out.csv", *says)
    assert invoke(f"inspect {source}").exit_code == 2
    if source != ".":
        refused(f"upsample in.csv -o out.csv --against {source}", *says)


DATA = {
    "columns": ["words,kind", "good,x", "bad,y"],
    "single": ["text,label", "good one,x", "good two,x"],
    "lonely": ["text,label", "good one,x", "bad one,y", "bad two,y"],
    "blank": ["text,label", "good one,x", ",x", "good two,x", "bad one,y", "bad two,y"],
    "unlabelled": ["text,gold_label", "good one,x", "bad one,y", "so so,mixed", "what,"],
    "stars": ["text,label", "good one,5", "bad one,2", "odd one,6"],
    "own": ["text,label,variant", "good one,x,1", "bad one,y,1"],
    "flags": ["text,label,is_synthetic", "good one,x,no", "bad one,y,no"],
}


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("columns", "", ("columns.csv", "no text column", "'words', 'kind'", "--text-column")),
        ("columns", "--text-column words", ("columns.csv", "no label column", "'words', 'kind'", "--label-column")),
        ("columns", "--text-column word", ("no text column 'word'", "Did you mean 'words'?")),
        ("columns", "--text-column words --label-column words", ("columns.csv", "two different columns")),
        ("single", "", ("at least two classes", "'x'")),
        ("lonely", "", ("'x'", "1 usable text", "at least 2", "Add rows")),
        ("blank", "--strict", ("blank.csv", "1 rows have no text", "row 1", "without --strict")),
        ("unlabelled", "", ("unlabelled.csv", "2 of 4 rows", "row 2", "--drop-unlabelled", "--labels")),
        ("unlabelled", "--labels x,z", ("unlabelled.csv", "'z'", "--labels")),
        ("stars", "--label-map stars", ("stars.csv, row 2", "1 to 5 stars", "'6'")),
        ("stars", "--label-map star", ("'star'", "expected 'stars'")),
        ("stars", "--no-header", ("stars.csv", "2 columns", "--columns")),
        ("stars", "--no-header --columns a,b,c", ("stars.csv", "3 columns", "2 fields")),
        ("stars", "--columns text,label", ("stars.csv", "--no-header")),
        ("own", "", ("own.csv", "'variant'", "Rename")),
        ("flags", "", ("flags.csv, row 0", "'is_synthetic'", "true or false", "'no'")),
    ],
)
def test_rows_that_cannot_be_used_are_refused(source, options, says):
    lines(f"{source}.csv", *DATA[source])
    refused(f"upsample {source}.csv -o out.csv {options}", *says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--strategy swpa", ("'swpa'", "Did you mean 'swap'?")),
        ("--strategy filmask", ("svm-smote, swap", "Did you mean 'fillmask'?")),
        ("--param pol=3", ("'pol'", "It has pool, case,", "Did you mean 'pool'?")),
        ("--param pool", ("'pool'", "NAME=VALUE")),
        ("--param =3", ("'=3'", "NAME=VALUE")),
        ("--param pool=many", ("'pool'", "must be int", "'many'")),
        ("--param pool=1.5", ("'pool'", "must be int", "'1.5'")),
        ("--param case=title", ("'case'", "'lower', 'upper'", "'title'")),
        ("--param pol=3 --param case=title", ("'pol'", "'case'")),
        ("--param pool=0", ("`pool`", "1 or more", "Got 0")),
        ("--param random_state=3", ("'random_state'", "no parameter")),
        ("--model mini", ("'swap'", "no parameter 'model'")),
        ("--sampling-strategy neutrl=9", ("'neutrl'", "'neutral', 'positive'", "Did you mean 'neutral'?")),
        ("--sampling-strategy neutral=3", ("'neutral'", "the 4 rows that it has", "Got 3")),
        ("--sampling-strategy neutral=many", ("class=rows", "'neutral=many'")),
        ("--sampling-strategy neutral=-9", ("class=rows", "'neutral=-9'")),
        ("--sampling-strategy neutral=8,neutral=9", ("'neutral'", "twice")),
        ("--sampling-strategy minorty", ("'minorty'", "Did you mean 'minority'?")),
        ("--sampling-strategy 1.5", ("(0, 1]", "1.5")),
        ("--sampling-strategy 0", ("(0, 1]", "Got 0")),
        ("--sampling-strategy nan", ("(0, 1]", "nan")),
        ("--sampling-strategy .2", ("0.2", "larger")),
        ("--seed -1", ("seed", "from 0", "Got -1")),
        ("--seed 18446744073709551616", ("seed", "2**64 - 1")),
        ("--seed x", ("--seed", "'x'", "integer")),
        ("--seed 1.5", ("--seed", "'1.5'", "integer")),
        ("--max-per-source 0", ("per source", "1 or more", "Got 0")),
        ("--batch-size many", ("--batch-size", "'many'")),
        ("--sed 3", ("--sed", "--seed")),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options, says):
    refused(f"upsample in.csv -o out.csv {options}", *says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--param mask_ratio=2", ("`mask_ratio`", "(0, 1]", "Got 2.0")),
        ("--param mask_ratio=0", ("`mask_ratio`", "(0, 1]")),
        ("--param mask_ratio=x", ("'mask_ratio'", "float", "'x'")),
        ("--param mask_ration=.2", ("'mask_ration'", "Did you mean 'mask_ratio'?")),
        ("--param top_k=0 --batch-size 0", ("`top_k`", "`batch_size`", "1 or more")),
        ("--param top_p=1.1", ("`top_p`", "(0, 1]")),
        ("--param temperature=0", ("`temperature`", "above 0")),
        ("--param fill=both", ("'fill'", "'parallel', 'sequential'", "'both'")),
        ("--param protect_patterns=(", ("`protect_patterns`", "'('", "regular expression")),
        ("--dtype float64", ("dtype", "bfloat16", "'float64'")),
        ("--device gpu", ("device", "'gpu'", "'cpu'")),
        ("--model ./absent", ("'./absent'", "no model folder", "save_pretrained")),
        ("--model in.csv", ("'in.csv'", "no model folder")),
        ("--model nothing", ("'nothing'", "config.json")),
        ("--model someone/no-such-model", ("'someone/no-such-model'", "hub")),
    ],
)
def test_what_the_fill_mask_strategy_cannot_use_is_refused(options, says):
    Path("nothing").mkdir()
    refused(f"upsample in.csv -o out.csv --strategy fillmask {options}", *says)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, bert: Path) -> Path:
    """A folder of folders, none of which holds a masked LM."""
    import shutil

    from transformers import AutoModel, GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("no-masked-lm")
    for name in ("encoder", "cut", "pointer", "config", "shape"):
        shutil.copytree(bert, folder / name)
    AutoModel.from_pretrained(bert).save_pretrained(folder / "encoder")
    GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=20)).save_pretrained(folder / "gpt")
    weights = (bert / "model.safetensors").read_bytes()
    (folder / "cut" / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    (folder / "pointer" / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    (folder / "config" / "config.json").write_text("{")
    config = json.loads((bert / "config.json").read_text())
    (folder / "shape" / "config.json").write_text(json.dumps(config | {"hidden_size": 2 * config["hidden_size"]}))
    return folder


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("encoder", "no masked language model"),
        ("gpt", "no masked language model"),
        ("cut", "cannot be loaded"),
        ("pointer", "cannot be loaded"),
        ("config", "cannot be loaded"),
        ("shape", "cannot be loaded"),
    ],
)
def test_a_model_folder_that_is_no_masked_lm_is_refused(models, name, says):
    refused(f"upsample in.csv -o out.csv --strategy fillmask --model {models / name}", says, name)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("none/out.csv", ("none/out.csv", "the folder none", "does not exist", "create it")),
        ("in.csv/out.csv", ("in.csv/out.csv", "is no folder")),
        ("out.txt", ("out.txt", "unknown format '.txt'", ".csv, .tsv, .jsonl, .parquet")),
        ("out.jsnl", ("out.jsnl", "Did you mean '.jsonl'?")),
        ("in.csv", ("in.csv", "exists already", "--overwrite")),
        ("folder", ("folder", "is not replaced")),
        ("folder.csv", ("folder.csv", "is a folder")),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_done(no_model, output, says):
    lines("none.csv", "text")
    for name in ("folder", "folder.csv"):
        Path(name).mkdir()
        Path(name, "mine.txt").write_text("precious")
    refused(f"upsample in.csv -o {output} --strategy fillmask", *says)


def test_an_output_without_a_name_of_its_own_is_refused(no_model):
    refused("upsample in.csv -o . --overwrite", "'.' has no name of its own")
    refused("upsample in.csv -o . --resume", "'.' has no name of its own")
    refused("report .", "'.' has no name of its own")


@pytest.mark.parametrize("output", ["in.csv", "link.csv", "held.csv"])
def test_what_is_read_is_not_replaced(no_model, output):
    Path("link.csv").symlink_to("in.csv")
    table("held.csv", ROWS[:3])
    refused(
        f"upsample in.csv -o {output} --against held.csv --overwrite --only-synthetic",
        output,
        "is an input of this run",
    )


def test_a_nul_is_refused_before_rows_are_made_for_a_csv(no_model):
    Path("in.jsonl").write_text("".join(json.dumps(row | {"note": "a\0b"}) + "\n" for row in ROWS))
    refused("upsample in.jsonl -o out.csv", "out.csv, row 0: holds a NUL character", ".jsonl")
    augment("upsample in.jsonl -o out.jsonl")


def test_a_name_too_long_for_the_manifest_is_refused_before_anything_is_done(no_model):
    refused(f"upsample in.csv -o {'a' * 232}.csv", "cannot be written", "name too long")


def test_an_input_whose_name_is_no_text_is_upsampled():
    shutil.copy("in.csv", b"caf\xe9.csv")
    done = subprocess.run(
        [str(COMMAND).encode(), b"upsample", b"caf\xe9.csv", b"-o", b"out.csv", b"--strategy", b"random"],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("out.csv.manifest.json").read_text())["input"]["name"] == "caf\udce9.csv"


def test_ctrl_c_in_the_report_says_that_the_output_is_written(monkeypatch):
    import augment.report.html

    monkeypatch.setattr(augment.report.html, "write_report", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    result = invoke("upsample in.csv -o out.csv --report out.html --strategy swap")
    assert result.exit_code == 130
    assert "out.csv is written whole; `augment report out.csv -o out.html` makes its report" in result.stderr
    assert Path("out.csv").exists()


@pytest.mark.parametrize("column", ["label", "text"])
def test_columns_of_string_views_are_read(column):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.Table.from_pylist(ROWS)
    place = rows.schema.get_field_index(column)
    pq.write_table(rows.set_column(place, column, rows.column(place).cast(pa.string_view())), "in.parquet")
    augment("upsample in.parquet -o out.csv --drop-unlabelled")
    augment("upsample in.csv -o expected.csv")
    assert cells("out.csv") == cells("expected.csv")


def test_an_output_must_be_named():
    refused("upsample in.csv", "-o", "--dry-run")


def test_a_command_that_there_is_not_is_refused():
    refused("upsamle in.csv", "'upsamle'", "upsample")
    refused("upsample", "INPUT")


# In a process of its own


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_terminal_that_lacks_a_character_shows_its_number(tmp_path, encoding):
    (tmp_path / "in.csv").write_text(
        "text,label\n"
        + "".join(f"“Good” 食 {i} one here,{label}\n" for i, label in enumerate(["中性", "b", "b", "中性", "b"]))
    )
    for words in (["--help"], ["upsample", "in.csv", "-o", "out.csv", "--strategy", "nlpaug:keyboard", "--show", "1"]):
        done = subprocess.run(
            [COMMAND, *words], cwd=tmp_path, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}
        )
        assert done.returncode == 0, done.stderr
    assert b"\\u4e2d\\u6027" in done.stdout
    assert (tmp_path / "out.csv").read_text().count("中性") == 3


def start(arguments: str, site: Path, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(
        [COMMAND, *shlex.split(arguments)],
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_help_answers_within_half_a_second():
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([COMMAND, "upsample", "--help"], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0
        assert "--sampling-strategy" in done.stdout
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "statements",
    [
        "import augment, classifiers, benchmarks",
        "from augment.cli.entry import main; main(['--help'])",
        "from augment.cli.entry import main; main(['upsample', '--help'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statements):
    code = f"""
import sys
try:
    {statements}
except SystemExit as end:
    assert not end.code
print("loaded:", sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stdout + done.stderr


@pytest.mark.parametrize("arguments", ["--help", "strategies", "inspect in.csv"])
def test_a_reader_that_goes_away_ends_the_command_without_a_word(site, arguments):
    process = start(arguments, site)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() in (0, 1)


def test_the_first_line_can_be_taken_alone(site):
    big = [{"text": f"{text} {i}", "label": row["label"]} for i in range(40) for row in ROWS for text in [row["text"]]]
    table("big.csv", big)
    command = f"'{COMMAND}' upsample big.csv -o out.csv --strategy swap --show 9999 2>errors | head -1"
    done = subprocess.run(command, shell=True, env=environment(site), capture_output=True, text=True)
    assert done.stdout.startswith("out.csv")
    assert "Traceback" not in Path("errors").read_text()
    assert "BrokenPipe" not in Path("errors").read_text()
    assert counts(cells("out.csv")) == {"neutral": 360, "positive": 360}


def test_an_interruption_leaves_nothing_behind(site, tmp_path_factory):
    beacon = tmp_path_factory.mktemp("beacon") / "lit"
    before = snapshot()
    process = start(
        f"upsample in.csv -o out.csv --strategy swap --sampling-strategy neutral=900"
        f" --param pause=.05 --param beacon={beacon}",
        site,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    for _ in range(600):
        if beacon.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stdout == ""
    line = stderr.splitlines()[-1]
    assert line.startswith("Error: Interrupted")
    assert stderr.strip() == line, "an empty line may stand before it, since a terminal has just shown ^C"
    assert snapshot() == before


@pytest.mark.parametrize(
    ("room", "output"),
    [(200, "out.csv"), (200, "out.parquet"), (200, "out"), (700, "out.csv --only-synthetic")],
    ids=["table", "parquet", "folder", "manifest"],
)
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind(site, room, output):
    """A limit on the size of files stands in for the disk; the last case has room for the table alone."""
    before = snapshot()
    process = start(
        f"upsample in.csv --strategy swap --quiet -o {output}",
        site,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)),
    )
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2, stderr
    (line,) = stderr.splitlines()
    assert "out" in line
    assert "cannot be written" in line
    assert stdout == ""
    assert snapshot() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_under_the_standard_output_is_said_in_one_line(site):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [COMMAND, "strategies"], env=environment(site), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "No space left" in line


# Real data


@pytest.mark.slow
@pytest.mark.skipif(not SST3.is_dir(), reason="SST-3 is not beside the checkout")
def test_sst3_is_balanced_as_promised(place):
    for name, size in (("one.csv", 64), ("two.csv", 23)):
        command = [COMMAND, "upsample", SST3 / "train.csv", "-o", name, "--strategy", "fillmask", "--seed", "0", "-q"]
        command += ["--against", SST3 / "dev.csv", "--against", SST3 / "test.csv", "--batch-size", str(size)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    originals, rows = cells(SST3 / "train.csv"), cells("one.csv")
    assert len(originals) == 8544
    assert [{"text": row["text"], "label": row["label"]} for row in rows[:8544]] == originals
    assert counts(rows) == {"negative": 3610, "neutral": 3610, "positive": 3610}
    made = rows[8544:]
    assert {row["is_synthetic"] for row in rows[:8544]} == {"false"}
    assert {row["is_synthetic"] for row in made} == {"true"}
    assert counts(made) == {"negative": 300, "neutral": 1986}
    texts = {folded(row["text"]) for row in made}
    assert len(texts) == len(made)
    for name in ("train", "dev", "test"):
        assert texts.isdisjoint(folded(row["text"]) for row in cells(SST3 / f"{name}.csv"))
    for row in made:
        assert originals[int(row["source_row"])]["label"] == row["label"]
    used = Counter(row["source_row"] for row in made if row["label"] == "neutral")
    assert max(used.values()) <= 3
    assert manifest("one.csv")["missing"] == {}
    assert [found["rows"] for found in manifest("one.csv")["against"]] == [
        len(cells(SST3 / "dev.csv")),
        len(cells(SST3 / "test.csv")),
    ]
