"""`augment upsample` with a vector strategy: its switches, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from augment_command import files_up_to, invoke, manifest, table
from vector_tables import SIZES, made, new_of, old_of, read, refused, rows_of, run, snapshot

from augment import upsample
from augment.errors import InputError
from augment.registry import STRATEGIES

pytestmark = pytest.mark.usefixtures("one_thread", "vector_place")


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any attempt to open a model fail the test."""
    import augment.models.encoder

    monkeypatch.setattr(augment.models.encoder, "load_encoder", lambda *a, **k: pytest.fail("a model was opened"))


# What is written


@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.jsonl", "out.CSV"])
def test_a_format_of_texts_is_refused_before_anything_is_read_and_the_message_says_what_to_do(no_encoder, output):
    refused(
        f"upsample in.csv -o {output} --strategy smote",
        f"{output}: the strategy 'smote' makes vectors, which have no text and which .{output[4:]} cannot hold.",
        "Give a .parquet file or a folder, with --decode nearest to read the nearest real text beside each;",
        "or a strategy that makes texts, such as fillmask.",
    )


# Switches


def test_a_dry_run_prints_the_plan_writes_nothing_and_opens_no_model(no_encoder):
    Path("unreadable").mkdir()
    Path("unreadable/config.json").write_text("no model")
    before = snapshot()
    for command in (
        "upsample in.csv --dry-run --strategy smote",
        "upsample in.csv -o out.parquet --dry-run --strategy gan-smote --encoder unreadable",
    ):
        done = run(command)
        assert re.search(r"neutral +8 +12 +20 +8 +1\.5\b", done.stdout), done.stdout
        assert done.stderr == ""
        assert snapshot() == before


def test_a_dry_run_refuses_what_the_run_would_refuse(no_encoder, sentences):
    table("own.csv", [{**row, "vector": 1} for row in rows_of(sentences)])
    for command, says in (
        ("own.csv --strategy smote", "has a column 'vector' of its own"),
        ("in.csv --strategy smote --guard changed", "'smote' makes vectors: guards"),
        ("in.csv --strategy smote --pooling men", "Did you mean 'mean'?"),
        ("in.csv --strategy smote --param k_neighbors=0", "`k_neighbors` of Smote"),
    ):
        refused(f"upsample {command} --dry-run", says)


def test_an_existing_output_is_replaced_only_on_request():
    for output in ("out.parquet", "out"):
        made("--seed 1", output=output)
        refused(f"upsample in.csv -o {output} --strategy smote", output, "exists already", "--overwrite")
        first = manifest(output)
        made("--seed 2 --overwrite", output=output)
        assert (first["seed"], manifest(output)["seed"]) == (1, 2)
        made("--seed 1", output=f"1.{output}" if "." in output else "again")
        assert not read(output).equals(read(f"1.{output}" if "." in output else "again"))
    names = ["1.out.parquet", "again", "out", "out.parquet"]
    assert sorted(os.listdir()) == sorted([*names, *(f"{name}.manifest.json" for name in names), "in.csv", "tiny"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that is killed")
def test_a_run_that_was_killed_between_output_and_manifest_is_gone_on_with(monkeypatch):
    made("--seed 1", output="whole.parquet")
    child = os.fork()
    if child == 0:
        try:
            import augment.run.destination as module

            write = module.write_batches
            monkeypatch.setattr(module, "write_batches", lambda *arguments: (write(*arguments), os._exit(9)))
            made("--seed 1")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert Path("out.parquet").exists()
    assert not Path("out.parquet.manifest.json").exists()
    made("--seed 1 --resume")
    assert Path("out.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    assert {path.name for path in Path().glob(".*")} == set()
    assert not Path("out.parquet.journal").exists()


def test_quiet_says_nothing_when_all_is_well():
    done = run("upsample in.csv -o out.parquet --strategy smote --encoder ./tiny --quiet")
    assert (done.stdout, done.stderr) == ("", "")
    assert Counter(read("out.parquet")["label"]) == dict.fromkeys(SIZES, 20)


def test_new_vectors_are_shown_by_their_parents_and_the_nearest_text():
    command = "upsample in.csv --strategy smote --encoder ./tiny"
    said = run(f"{command} -o out.parquet --show 4 --decode nearest").stdout
    shown = re.findall(
        r"^  (\w+) \| (.+)\n +\| ([+-]\d\.\d\d) of the way to: (.+)\n +\| nearest \((\d\.\d\d)\): (.+)$", said, re.M
    )
    assert len(shown) == 4
    rows = read("out.parquet")
    text, new = rows["text"], new_of(rows)
    known = {
        (row.label, text[row.source_row], f"{row.neighbor_weight:+.2f}", text[row.neighbor_row])
        + (f"{row.nearest_distance:.2f}", row.nearest_text)
        for row in new.itertuples()
    }
    assert {*shown} <= known
    assert {label for label, *_ in shown} == {"negative", "neutral"}
    assert " | " not in run(f"{command} -o none.parquet").stdout
    assert run(f"{command} -o all.parquet --show 99").stdout.count("of the way to: ") == 20
    assert "nearest" not in run(f"{command} -o few.parquet --show 2").stdout


def test_vectors_of_no_row_in_particular_are_shown_as_such():
    said = run("upsample in.csv -o out.parquet --strategy gaussian --encoder ./tiny --show 2 --decode nearest").stdout
    assert len(re.findall(r"^  \w+ \| of no row in particular\n +\| nearest \(", said, re.M)) == 2
    assert "of the way to" not in said


def test_a_report_about_vectors_is_written_on_request():
    pytest.importorskip("matplotlib")
    done = run("upsample in.csv -o out.parquet --strategy smote --encoder ./tiny --report out.html")
    assert "Report: out.html" in done.stdout
    assert "smote" in Path("out.html").read_text(encoding="utf-8")


# What is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--strategy smote --guard changed", ("'smote' makes vectors", "guards", "Leave them out")),
        ("--strategy smote --guard none", ("'smote' makes vectors", "guards")),
        ("--strategy smote --max-per-source 3", ("'smote' makes vectors", "most per source", "Leave them out")),
        ("--strategy smote --model mini", ("'smote' has no --model", "--encoder")),
        ("--strategy fillmask --encoder mini", ("--encoder is for", "'fillmask' makes texts", "Leave it out")),
        ("--strategy fillmask --decode nearest", ("--decode is for", "'fillmask' makes texts")),
        ("--strategy random --pooling max", ("--pooling is for", "'random' makes texts")),
        ("--strategy random --no-normalize", ("normalize is for", "'random' makes texts")),
        (
            "--strategy smote --pooling men",
            ("--pooling", "'cls_mlp', 'max' or 'mean'", "'men'", "Did you mean 'mean'?"),
        ),
        ("--strategy smote --decode furthest", ("--decode", "'nearest'", "furthest")),
        ("--strategy smote --batch-size 0", ("--batch-size of TextEncoder", "1 or more", "Got 0")),
        ("--strategy smote --param k_neigbors=3", ("'smote' has no parameter", "Did you mean 'k_neighbors'?")),
        ("--strategy smote --param k_neighbors=few", ("`k_neighbors`", "must be a whole number", "'few'")),
        ("--strategy smote --param k_neighbors=0", ("`k_neighbors`", "Smote", "Got 0")),
        ("--strategy smote --param sphere=round", ("`sphere`", "'slerp'", "'round'")),
        ("--strategy gan-smote --param n_steps=0", ("`n_steps`", "Got 0")),
        ("--strategy gan-smote --param sphere=slerp", ("`sphere`", "'renormalize'", "'slerp'")),
        ("--strategy smote --param random_state=3", ("'random_state'", "Give it as --seed")),
        ("--strategy smot", ("There is no strategy 'smot'", "Did you mean 'smote'?")),
        ("--strategy smote --sampling-strategy neutrl=9", ("'neutrl'", "Did you mean 'neutral'?")),
        ("--strategy smote --seed -1", ("seed", "Got -1")),
        (
            "--strategy smote --param k_neighbors=8",
            ("'smote' needs at least 9 different texts", "'neutral' (8)", "lower k_neighbors"),
        ),
        ("--strategy kmeans-smote --param n_clusters=99", ("`n_clusters` of KMeansSmote", "99", "Lower it")),
        ("--strategy borderline-smote --param m_neighbors=40", ("`m_neighbors` of BorderlineSmote", "40", "Lower it")),
        ("--strategy gan-smote --param output=onehot", ("generator_input='noise'",)),
        ("--strategy smote --encoder ./absent", ("'./absent'", "no model folder")),
        ("--strategy smote --encoder in.csv", ("'in.csv'", "no model folder")),
        ("--strategy smote --encoder someone/no-such-model", ("'someone/no-such-model'", "hub")),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options, says):
    named = "" if "--encoder" in options or "makes texts" in str(says) else "--encoder ./tiny"
    refused(f"upsample in.csv -o out.parquet {options} {named}", *says)


@pytest.mark.parametrize("column", ["vector", "neighbor_row", "neighbor_weight"])
def test_a_column_under_a_name_that_is_written_is_refused(column, sentences):
    table("own.csv", [{**row, column: "mine"} for row in rows_of(sentences)])
    refused(
        "upsample own.csv -o out.parquet --strategy smote", f"own.csv: has a column {column!r} of its own", "Rename"
    )


def test_a_column_of_decoding_is_in_the_way_only_of_decoding(sentences):
    table("own.csv", [{**row, "nearest_text": "mine"} for row in rows_of(sentences)])
    refused(
        "upsample own.csv -o out.parquet --strategy smote --decode nearest", "has a column 'nearest_text'", "Rename"
    )
    assert old_of(made(source="own.csv"))["nearest_text"].tolist() == ["mine"] * 40


def test_an_output_with_vectors_is_not_upsampled_by_vectors_again():
    made()
    refused("upsample out.parquet -o two.parquet --strategy smote", "out.parquet: has a column 'vector' of its own")


def test_an_output_with_vectors_is_extended_by_texts():
    """Rows without a text stay; the new ones have no vector."""
    before = made("--sampling-strategy neutral=12")
    run("upsample out.parquet -o two.parquet --strategy nlpaug:keyboard --guard none")
    after = read("two.parquet")
    pd.testing.assert_frame_equal(after[:44], before)
    assert Counter(after["label"]) == dict.fromkeys(SIZES, 20)
    assert after["vector"][44:].isna().all()
    assert after["text"][44:].notna().all()
    run("upsample out.parquet -o two --strategy nlpaug:keyboard --guard none")
    pd.testing.assert_frame_equal(read("two"), after)


def test_a_vector_strategy_is_no_part_of_a_text_strategy():
    for name, holds in (("sequential", "steps"), ("one_of", "choices")):
        part = {"name": name, "parameters": {holds: [{"name": "random"}, {"name": "smote"}]}}
        Path("run.json").write_text(json.dumps({"strategy": part}))
        refused(
            "upsample in.csv -o out.csv --config run.json",
            f"`{name}.{holds}[1]` cannot be 'smote', which makes vectors, not texts.",
        )


def test_the_function_for_texts_refuses_vectors_and_names_what_makes_them(sentences):
    rows = rows_of(sentences)
    data = ([row["text"] for row in rows], [row["label"] for row in rows])
    for strategy in ("smote", STRATEGIES.create("gan-smote", {})):
        with pytest.raises(InputError, match=r"makes vectors, not texts\. Give it to augment\.VectorUpsampler"):
            upsample(data, strategy=strategy)


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind():
    """A limit on the size of files stands in for the disk."""
    before = snapshot()
    with files_up_to(6000):
        done = invoke("upsample in.csv --strategy smote --encoder ./tiny --quiet -o out.parquet")
    assert done.exit_code == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "out" in line
    assert "cannot be written" in line
    assert snapshot() == before


def test_the_manifest_of_a_text_run_is_repeated_with_vectors_without_what_is_for_texts():
    texts = run("upsample in.csv -o texts.csv --strategy random --max-per-source 9 --guard none")
    assert texts.exit_code == 0, texts.stderr
    done = run("upsample --config texts.csv.manifest.json --strategy smote --encoder ./tiny -o out.parquet")
    assert done.exit_code == 0, done.stderr
    assert manifest("out.parquet")["counts_after"] == manifest("texts.csv")["counts_after"]
    assert (manifest("out.parquet")["guards"], manifest("out.parquet")["max_per_source"]) == ([], None)
    asked = "--config texts.csv.manifest.json --strategy smote --encoder ./tiny -o other.parquet --guard changed"
    refused(f"upsample {asked}", "'smote' makes vectors: guards")


def test_a_text_run_loads_no_samplers_and_without_a_model_no_torch():
    program = (
        "import sys\nfrom augment.cli.entry import main\n"
        "try:\n    main(['upsample', 'in.csv', '-o', 'texts.csv', '--strategy', 'random', '-q'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "assert not {'imblearn', 'nlpaug', 'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
