"""`augment upsample`: what it writes, what it says, and what its switches do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from augment_command import (
    COMMAND,
    PROVENANCE,
    ROOT,
    ROWS,
    ROWS_WITHOUT_ID,
    augment,
    cells,
    counts,
    invoke,
    lines,
    manifest,
    refused,
    snapshot,
    table,
)

from augment.data.layout import Layout
from augment.words import folded, word_spans

SST3 = ROOT.parent / "shared" / "data" / "sst3"

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def mini(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the bundled model once for all tests of this process."""
    import augment.text.fill_mask

    monkeypatch.setattr(augment.text.fill_mask, "load_masked_lm", opened)


@cache
def opened(name: str, **options: Any) -> Any:
    from augment.models.checkpoints import load_masked_lm

    return load_masked_lm(name, **options)


def new_rows(name: str | Path) -> list[dict[str, str]]:
    return [row for row in cells(name) if row["is_synthetic"] == "true"]


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
        "dialect": {
            "encoding": "utf-8",
            "byte_order_mark": False,
            "row_end": "\n",
            "delimiter": ",",
            "quoting": "minimal",
        },
    }
    assert found["output"] == found["input"]["dialect"]
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
    assert "holes.csv: 2 of 15 rows have no text. They are kept, and nothing is made from them." in result.stderr
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
        " --keep-columns none"
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
    Path("unreadable").mkdir()
    Path("unreadable/config.json").write_text("no model")
    before = snapshot()
    for command in (
        "upsample in.csv --dry-run",
        "upsample in.csv -o out.csv --dry-run --strategy fillmask",
        "upsample in.csv -o out.csv --dry-run --overwrite --strategy fillmask --model unreadable",
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
    refused("upsample in.csv --dry-run --guard polarity:positive=good", "names the class 'good'", "'positive'")
    refused("upsample in.csv --dry-run --strategy fillmask --device cuda:99", "'cuda:99' cannot be used", "cpu")


def test_a_dry_run_says_which_rows_the_sources_cannot_give():
    plan = augment("upsample in.csv --dry-run --max-per-source 1 --sampling-strategy neutral=+10").stdout
    assert "neutral 4 4 8 4 1.0" in " ".join(plan.split())
    assert "since --max-per-source 1: neutral: 6 of 10 (it has 4 sources)." in " ".join(plan.split())


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


# One seed, one result


@pytest.mark.numeric
def test_a_seed_gives_the_same_bytes_for_any_batch_size_and_another_seed_others(mini):
    outputs = []
    for seed, sizes in enumerate([(1, 64), (5, 7), (2, 3)]):
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
    assert len(set(outputs)) == 3


@pytest.mark.numeric
def test_the_bundled_model_is_what_an_option_a_parameter_and_the_default_name(mini):
    augment("upsample in.csv -o a.csv --strategy fillmask --param mask_ratio=.3 --param top_k=none")
    augment("upsample in.csv -o b.csv --strategy fillmask --param mask_ratio=.3 --param top_k=none --model mini")
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    made = new_rows("a.csv")
    assert len(made) == 5
    assert {folded(row["text"]) for row in made}.isdisjoint(folded(row["text"]) for row in ROWS)
    assert manifest("a.csv")["strategy"]["parameters"]["mask_ratio"] == 0.3


def test_the_classes_of_each_pole_can_be_named(mini):
    table("own.csv", [{"text": row["text"], "label": {"neutral": "info"}.get(row["label"], "Lob")} for row in ROWS])
    augment("upsample own.csv -o a.csv --strategy fillmask --polarity positive=Lob,neutral=info")
    augment("upsample own.csv -o b.csv --strategy fillmask --guard polarity:positive=Lob,neutral=info")
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    (guard,) = [guard for guard in manifest("a.csv")["guards"] if guard["name"] == "polarity"]
    assert guard["identity"]["poles"] == {"Lob": "positive", "info": "neutral"}


@pytest.mark.parametrize("poles", ["''", "pos=Lob", "positive", "positive=Lob,neutrl=info"])
def test_what_names_no_class_of_a_pole_is_refused_in_the_words_of_the_option(mini, poles):
    line = refused(
        f"upsample in.csv -o a.csv --strategy fillmask --polarity {poles}",
        "--polarity is written POLE=CLASS,… with the poles positive, negative, neutral, e.g. positive=praise. Got",
    )
    assert "guard" not in line
    assert ("Did you mean 'neutral'?" in line) == ("neutrl" in poles)


def test_a_pole_of_no_class_of_the_data_is_refused(mini):
    refused("upsample in.csv -o a.csv --strategy fillmask --polarity positive=Gelb", "'Gelb'", "no such class")


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
