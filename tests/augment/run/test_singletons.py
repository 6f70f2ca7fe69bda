"""Runs over classes with a single row, from the command and from Python."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from swapped_words import TEXTS, Swap

from augment import FillMask, OneOf, Random, Sequential, Smote, upsample, upsample_file
from augment.cli import main
from augment.errors import InputError, Interrupted
from augment.text.nlpaug_edits import KeyboardEdit, RandomWordEdit

ONES = [
    "The grey cat of our neighbours sat on the red mat before the kitchen door.",
    "A large brown dog slept in the warm sun behind the house of the baker.",
    "Two small birds sang in the old apple tree until the first stars came out.",
]
ROWS = [*((text, "often") for text in TEXTS[:9]), *((text, "rare") for text in TEXTS[9:])]
ROWS += [(text, f"one{i}") for i, text in enumerate(ONES)]
COUNTS = {"often": 9, "one0": 1, "one1": 1, "one2": 1, "rare": 3}
SINGLE = ["one0", "one1", "one2"]


class Paired(Swap):
    """A strategy that needs two rows of a class."""

    name = "paired"

    @property
    def fewest_rows(self):
        return 2


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with three classes of one row."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(ROWS, columns=["text", "label"]).to_csv("in.csv", index=False)
    return Path("in.csv")


def run(line: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == code, result.output
    return result.output


def made(path: str) -> pd.DataFrame:
    table = pd.read_csv(path) if path.endswith("csv") else pd.read_parquet(path)
    assert list(zip(table["text"][: len(ROWS)], table["label"][: len(ROWS)], strict=True)) == ROWS
    return table[len(ROWS) :]


@pytest.mark.parametrize(
    "strategy",
    [
        Random(),
        KeyboardEdit(),
        RandomWordEdit(),
        Sequential(steps=[RandomWordEdit(), KeyboardEdit()]),
        OneOf(choices=[RandomWordEdit(), KeyboardEdit()]),
    ],
    ids=lambda strategy: strategy.name,
)
def test_a_strategy_that_works_on_one_text_makes_all_rows_of_a_class_from_its_one_row(strategy):
    texts, labels = map(list, zip(*ROWS, strict=True))
    (new, y), manifest = upsample((texts, labels), strategy=strategy, seed=1)
    assert manifest.counts_after == dict.fromkeys(COUNTS, 9)
    assert manifest.single_classes == []
    assert manifest.singletons is None
    assert Counter(y) == dict.fromkeys(COUNTS, 9)
    assert len({*new}) == len(new) or strategy.copies
    assert len(strategy.fit_resample(texts, labels)[0]) == 45


def test_a_masked_lm_makes_rows_of_a_class_of_one_row(bert):
    texts, labels = map(list, zip(*ROWS, strict=True))
    strategy = FillMask(model=str(bert), mask_ratio=0.5, top_k=50)
    (_, y), manifest = upsample((texts, labels), strategy=strategy, sampling_strategy={"one0": 4}, guards=["none"])
    assert Counter(y)["one0"] == 4
    assert manifest.missing == {}


def test_the_command_says_that_new_rows_come_from_one_row(source):
    says = "Classes with a single row: 'one0', 'one1', 'one2'. All their new rows are made from it"
    assert says in run("upsample in.csv --dry-run --strategy random")
    assert says in run("upsample in.csv -o out.csv --strategy random")
    assert says not in run("upsample in.csv --dry-run --strategy random --sampling-strategy rare=9")


def test_skipped_classes_stay_as_they_are_and_are_named(source):
    says = "Classes with a single text: 'one0', 'one1', 'one2'. They stay as they are."
    assert says in run("upsample in.csv --dry-run --strategy random --singletons skip")
    assert says in run("upsample in.csv -o out.csv --strategy random --singletons skip")
    record = json.loads(Path("out.csv.manifest.json").read_text(encoding="utf-8"))
    assert (record["singletons"], record["single_classes"]) == ("skip", SINGLE)
    assert record["counts_after"] == {**COUNTS, "rare": 9}
    assert {*made("out.csv")["label"]} == {"rare"}


def test_other_classes_get_the_same_rows_whatever_becomes_of_single_ones(source):
    wholes = {}
    for singletons in (None, "skip", "copy"):
        upsample_file("in.csv", f"{singletons}.csv", strategy=Swap(), seed=3, singletons=singletons)
        table = made(f"{singletons}.csv")
        wholes[singletons] = table[table["label"] == "rare"].to_csv(index=False)
    assert wholes[None] == wholes["skip"] == wholes["copy"]


def test_copied_classes_repeat_their_row_and_say_so_in_every_row(source):
    manifest = upsample_file("in.csv", "out.csv", strategy=Paired(), seed=3, singletons="copy")
    assert manifest.counts_after == dict.fromkeys(COUNTS, 9)
    assert (manifest.singletons, manifest.single_classes) == ("copy", SINGLE)
    new = made("out.csv")
    single = new["label"].isin(SINGLE)
    texts = dict(zip(SINGLE, ONES, strict=True))
    assert (new[single]["text"] == new[single]["label"].map(texts)).all()
    assert {*new[single]["strategy"]} == {"random"}
    assert {*new[~single]["strategy"]} == {"paired"}
    assert [ROWS[int(row)][1] for row in new["source_row"]] == new["label"].tolist()
    assert new[single].groupby("label")["variant"].apply(list).tolist() == [list(range(8))] * 3
    data = pd.DataFrame(ROWS, columns=["text", "label"])
    frame, _ = upsample(data, strategy=Paired(), seed=3, singletons="copy")
    for name in ("text", "label", "strategy", "variant"):
        assert frame[name][len(ROWS) :].tolist() == new[name].tolist()


def test_a_strategy_that_needs_two_rows_refuses_all_single_classes_at_once(source):
    for options in ({}, {"singletons": "error"}):
        with pytest.raises(
            InputError, match=r"'paired' needs at least 2 .* 'one0' \(1\), 'one1' \(1\), 'one2' \(1\)\."
        ):
            upsample_file("in.csv", "out.csv", strategy=Paired(), **options)
    with pytest.raises(InputError, match=r"'one0' \(1\), 'one1' \(1\), 'one2' \(1\)\."):
        Paired().fit_resample(*map(list, zip(*ROWS, strict=True)))
    composed = Sequential(steps=[Paired(), Swap()])
    assert composed.fewest_rows == OneOf(choices=[Swap(), Paired()]).fewest_rows == 2
    with pytest.raises(InputError, match="'sequential' needs at least 2"):
        upsample(tuple(map(list, zip(*ROWS, strict=True))), strategy=composed)
    assert sorted(path.name for path in source.absolute().parent.iterdir()) == ["in.csv"]


def test_no_class_of_one_row_is_no_mistake_since_a_script_runs_over_many_files(source):
    pd.DataFrame(ROWS[:12], columns=["text", "label"]).to_csv("none.csv", index=False)
    for name in ("skip", "copy"):
        said = run(f"upsample none.csv -o {name}.csv --strategy random --singletons {name}")
        assert f"--singletons {name}: no class has a single text." in said
    assert "single" not in run("upsample none.csv -o error.csv --strategy random --singletons error")
    plain = run("upsample none.csv -o plain.csv --strategy random")
    assert "single" not in plain
    written = [Path(f"{name}.csv").read_bytes() for name in ("skip", "copy", "error", "plain")]
    assert len({*written}) == 1


def test_a_manifest_repeats_what_became_of_single_classes(source):
    run("upsample in.csv -o first.csv --strategy random --singletons copy --seed 4")
    run("upsample --config first.csv.manifest.json -o again.csv")
    assert Path("again.csv").read_bytes() == Path("first.csv").read_bytes()
    run("upsample --config first.csv.manifest.json -o other.csv --singletons skip")
    assert {*made("other.csv")["label"]} == {"rare"}
    Path("wrong.json").write_text('{"singletons": "drop"}')
    says = run("upsample in.csv --config wrong.json --dry-run", code=2)
    assert "'singletons' must be 'skip', 'copy' or 'error'. Got 'drop'." in says


def test_a_run_that_was_interrupted_among_the_copies_ends_in_the_same_bytes(source):
    options = {
        "strategy": Paired(),
        "seed": 3,
        "singletons": "copy",
        "sampling_strategy": {"one0": 2500, "one1": 9, "rare": 1300},
    }
    upsample_file("in.csv", "whole.csv", **options)

    def stop(done: int, total: int, what: str) -> None:
        stop.rows += done
        if stop.rows > 3000:
            raise KeyboardInterrupt

    stop.rows = 0
    with pytest.raises(Interrupted):
        upsample_file("in.csv", "out.csv", progress=stop, **options)
    with pytest.raises(InputError, match="belongs to another run: budget"):
        upsample_file("in.csv", "out.csv", resume=True, **{**options, "singletons": "skip"})
    upsample_file("in.csv", "out.csv", resume=True, **options)
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()


# Vectors


def test_vectors_of_single_classes_are_refused_skipped_or_copied(source, bert):
    options = {"strategy": Smote(small_class="lower"), "encoder": str(bert), "seed": 2}
    with pytest.raises(InputError, match=r"'smote' needs at least 2 .* 'one0' \(1\), 'one1' \(1\), 'one2' \(1\)\."):
        upsample_file("in.csv", "refused.parquet", **options)
    skipped = upsample_file("in.csv", "skip.parquet", singletons="skip", **options)
    assert skipped.counts_after == {**COUNTS, "rare": 9}
    copied = upsample_file("in.csv", "copy.parquet", singletons="copy", **options)
    assert copied.counts_after == dict.fromkeys(COUNTS, 9)
    new, vectors = made("copy.parquet"), pd.read_parquet("copy.parquet")["vector"]
    single = new["label"].isin(SINGLE)
    assert single.sum() == 24
    assert {*new[single]["strategy"]} == {"random"}
    assert {*new[~single]["strategy"]} == {"smote"}
    assert new[single]["neighbor_row"].isna().all()
    for row, parent in new[single]["source_row"].items():
        assert (vectors[row] == vectors[parent]).all()
    rare = pd.read_parquet("skip.parquet")[len(ROWS) :]
    assert (new[~single]["vector"].map(list).tolist()) == rare["vector"].map(list).tolist()
    record = json.loads(Path("copy.parquet.manifest.json").read_text(encoding="utf-8"))
    assert (record["singletons"], record["single_classes"]) == ("copy", SINGLE)
    run("upsample --config copy.parquet.manifest.json -o again.parquet -q")
    assert made("again.parquet").astype(str).equals(new.astype(str))


def test_if_every_class_is_copied_the_sampler_has_nothing_to_do(source, bert):
    pd.DataFrame([*ROWS[:9], *ROWS[12:]], columns=["text", "label"]).to_csv("ones.csv", index=False)
    options = f"--strategy smote --encoder {bert} --singletons copy"
    run(f"upsample ones.csv -o out.parquet {options}")
    new = pd.read_parquet("out.parquet")[12:]
    assert Counter(new["label"]) == dict.fromkeys(SINGLE, 8)


def test_classes_with_fewer_rows_than_neighbours_are_named_in_the_plan(source):
    says = run("upsample in.csv --dry-run --strategy smote --singletons skip", code=2)
    assert (
        "The strategy 'smote' needs at least 6 different texts of a class. These have fewer: 'rare' (3). Add rows,"
        " leave the class out of the sampling strategy, lower k_neighbors, or give small_class 'lower' or 'duplicate'."
        in says
    )
    assert "--param" not in says
    run("upsample in.csv --dry-run --strategy smote --param small_class=lower --singletons skip")
    run("upsample in.csv --dry-run --strategy smote --param small_class=duplicate")
    run("upsample in.csv --dry-run --strategy gaussian --singletons copy")
