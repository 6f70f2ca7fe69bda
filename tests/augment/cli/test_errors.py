"""`augment` refuses what it cannot use in one line, before anything is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from augment_command import ROWS, augment, invoke, lines, refused, table

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
    "words.doc": b"one\n",
}

pytestmark = pytest.mark.usefixtures("place")


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
        ("broken.jsonl", ("broken.jsonl, line 2", "not valid JSON", "mend or remove")),
        ("list.jsonl", ("list.jsonl, line 2", "expected a JSON object", '["b", "y"]')),
        ("latin.csv", ("latin.csv, line 3", "not UTF-8", "--encoding windows-1252")),
        ("nul.csv", ("nul.csv, line 3", "NUL")),
        ("broken.parquet", ("broken.parquet", "not a readable parquet file")),
        ("words.doc", ("words.doc", "unknown format '.doc'", ".csv, .tsv, .jsonl, .json, .parquet, .xlsx")),
        (".", ("is not a folder saved by `datasets`",)),
        ("someone/no-such-data", ("someone/no-such-data", "data set of that name", "check the name")),
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
    "hollow": ["text,label", ",x", "bad one,y", "bad two,y", ",z"],
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
        (
            "lonely",
            "--singletons error",
            ("'x' (1)", "fewer than 2 different texts", "Add rows", "--singletons skip leaves", "--singletons copy"),
        ),
        ("lonely", "--singletons drop", ("--singletons", "'drop'", "'skip', 'copy', 'error'")),
        ("hollow", "", ("No row of 'x', 'z' has a usable text", "Add rows, or leave the classes out")),
        ("blank", "--strict", ("blank.csv", "1 row has no text", "row 1", "without --strict")),
        ("unlabelled", "", ("unlabelled.csv", "2 of 4 rows", "row 2", "--drop-unlabelled", "--labels")),
        ("unlabelled", "--labels x,z", ("unlabelled.csv", "'z'", "--labels")),
        ("stars", "--label-map stars", ("stars.csv, row 2", "1 to 5 stars", "'6'")),
        ("stars", "--label-map star", ("'star'", "expected 'stars'")),
        ("stars", "--no-header", ("stars.csv", "2 columns", "--columns")),
        ("stars", "--no-header --columns a,b,c", ("stars.csv", "--columns", "3 names", "2 fields")),
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
        ("--param random_state=3", ("'random_state'", "Give it as --seed")),
        ("--model mini", ("'swap'", "no parameter 'model'")),
        ("--sampling-strategy neutrl=9", ("'neutrl'", "'neutral', 'positive'", "Did you mean 'neutral'?")),
        ("--sampling-strategy neutral=3", ("'neutral'", "the 4 rows that it has", "Got 3")),
        ("--sampling-strategy neutral=many", ("class=rows", "'neutral=many'")),
        ("--sampling-strategy neutral=-9", ("class=rows", "'neutral=-9'")),
        ("--sampling-strategy neutral=8,neutral=9", ("'neutral'", "more than once")),
        ("--sampling-strategy minorty", ("'minorty'", "Did you mean 'minority'?")),
        ("--sampling-strategy 1.5", ("(0, 1]", "1.5")),
        ("--sampling-strategy 0", ("(0, 1]", "Got 0")),
        ("--sampling-strategy nan", ("(0, 1]", "nan")),
        ("--sampling-strategy .2", ("0.2", "larger")),
        ("--seed -1", ("seed", "from 0", "Got -1")),
        ("--seed 18446744073709551616", ("seed", "2**64 - 1")),
        ("--seed x", ("--seed", "'x'", "integer")),
        ("--seed 1.5", ("--seed", "'1.5'", "integer")),
        ("--max-per-source 0", ("--max-per-source", "1 or more", "Got 0")),
        ("--batch-size many", ("--batch-size", "'many'")),
        ("--sed 3", ("--sed", "--seed")),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options, says):
    refused(f"upsample in.csv -o out.csv {options}", *says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--strategy random --model no/such", "The strategy 'random' has no parameter 'model'."),
        ("--strategy smote --model no/such", "The strategy 'smote' has no --model"),
        ("--strategy fillmask --model no/such --param nosuch=1", "'fillmask' has no parameter 'nosuch'."),
    ],
)
def test_parameters_are_judged_before_a_model_is_looked_for(monkeypatch, options, says):
    monkeypatch.setattr("augment.models.hub.reachable", lambda: pytest.fail("the hub was asked"))
    refused(f"upsample in.csv -o out.csv {options}", says)


@pytest.mark.parametrize("name", ["--polarity", "--seed", "--labels", "--param", "--model"])
def test_an_option_is_not_taken_for_the_value_of_another_one(name):
    refused(f"upsample in.csv {name} -o out.csv", f"{name} lacks its value: '-o' comes next", f"write {name}=-o.")
    refused(f"upsample in.csv -o {name} x", f"-o lacks its value: '{name}' comes next", f"write -o{name}.")


def test_a_value_that_begins_with_a_dash_can_be_meant():
    table("in.csv", [{"text": row["text"], "label": {"neutral": "-n"}.get(row["label"], "-5")} for row in ROWS])
    augment("upsample in.csv -o out.csv --labels=-n,-5 --sampling-strategy=-n=8")
    augment("upsample in.csv -o more.csv --labels -5,-n --seed 3")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--param mask_ratio=2", ("`mask_ratio`", "(0, 1]", "Got 2.0")),
        ("--param mask_ratio=0", ("`mask_ratio`", "(0, 1]")),
        ("--param mask_ratio=x", ("`mask_ratio`", "a number in (0, 1]", "'x'")),
        ("--param mask_ration=.2", ("'mask_ration'", "Did you mean 'mask_ratio'?")),
        ("--param top_k=0 --batch-size 0", ("`top_k`", "--batch-size", "1 or more")),
        ("--param top_p=1.1", ("`top_p`", "(0, 1]")),
        ("--param temperature=0", ("`temperature`", "above 0")),
        ("--param fill=both", ("`fill`", "'parallel' or 'sequential'", "'both'")),
        ("--param protect_patterns=(", ("`protect_patterns`", "'('", "regular expression")),
        ("--dtype float64", ("dtype", "bfloat16", "'float64'")),
        ("--adapt --param adapt=3", ("--adapt and --param adapt=3", "Leave one")),
        ("--device gpu", ("device", "'gpu'", "this machine has cpu")),
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
        ("encoder", "not a masked language model"),
        ("gpt", "not a masked language model"),
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
        ("in.csv/out.csv", ("in.csv/out.csv", "is not a folder")),
        ("out.txt", ("out.txt", "unknown format '.txt'", ".csv, .tsv, .jsonl, .json, .parquet, .xlsx")),
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
    Path("link.csv").hardlink_to("in.csv")
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


def test_an_output_must_be_named():
    refused("upsample in.csv", "-o", "--dry-run")


def test_several_held_out_files_and_a_number_of_rows_are_told_in_their_form():
    refused("upsample in.csv -o out.csv --against in.csv in.csv", "--against A --against B")
    refused("upsample in.csv -o out.csv --sampling-strategy 100", "must lie in (0, 1]", "'+100'", "'CLASS=100'")


def test_a_command_that_there_is_not_is_refused():
    refused("upsamle in.csv", "'upsamle'", "upsample")
    refused("upsample", "INPUT")
