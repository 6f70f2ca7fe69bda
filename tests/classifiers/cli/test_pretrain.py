"""The command `classifiers pretrain`, trained by contrast: what it prints, refuses and leaves behind."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from small_pretrainings import ROWS, TRIPLES, encoder_without_head

from augment.models.checkpoints import load_masked_lm
from classifiers.cli.entry import main
from classifiers.pretraining.contrastive import REPORT

pytestmark = pytest.mark.numeric


def pretrain(*arguments):
    return CliRunner().invoke(main, ["pretrain", *map(str, arguments), "--device", "cpu"])


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(row[0] for row in ROWS))
    return path


@pytest.fixture
def triples(tmp_path):
    path = tmp_path / "nli.tsv"
    path.write_text("sent0\tsent1\thard_neg\n" + "".join("\t".join(row) + "\n" for row in TRIPLES))
    return path


def test_the_command_prints_the_measures(bert, texts, tmp_path):
    done = pretrain(texts, "-o", tmp_path / "out", "--model", bert, "--objective", "esimcse", "--batch-size", 32)
    assert done.exit_code == 0, done.stderr
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    lines = done.stdout.splitlines()
    assert lines[1] == (
        f"uniformity, 20 held-out rows: {report['before']['uniformity']:.3f} before,"
        f" {report['after']['uniformity']:.3f} after."
    )
    assert lines[2] == f"The model is in {tmp_path / 'out'}."


def test_the_command_prints_json_and_nothing_else(bert, triples, tmp_path):
    done = pretrain(
        *(triples, "-o", tmp_path / "out", "--model", bert, "--objective", "supervised-simcse", "--json"),
        *("--batch-size", 16, "--mlm-weight", 0.1, "--mask-ratio", 0.3, "--seed", 4, "--pooling", "cls"),
    )
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "out" / REPORT).read_text())
    asked = {"batch_size": 16, "mlm_weight": 0.1, "mask_ratio": 0.3, "seed": 4, "pooling": "cls", "dropout": 0.1}
    assert asked.items() <= report["config"].items()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--objective", "simcse", "--dropout", 0), "needs a dropout above 0"),
        (("--objective", "simcse", "--pooling", "cls_mlp"), "Give the pooling 'cls'."),
        (("--objective", "simcse", "--batch-size", 500), "at least 500 different sentences"),
        (("--objective", "simcse", "--teacher", "mini"), "--teacher is for --objective mlm. Got --objective simcse."),
        (("--objective", "simcse", "--momentum", 0.9), "--momentum is for --objective esimcse."),
        (("--objective", "simcse", "--mask-ratio", 0.1), "Give --mlm-weight .1 too"),
        (("--objective", "esimcse", "--condition", "label"), "--condition is for --objective mlm."),
        (("--temperature", 0.1), "--temperature is for --objective simcse, esimcse, supervised-simcse."),
        (("--json",), "--json is for --objective simcse"),
        (("--objective", "supervised-simcse"), ".txt"),
    ],
)
def test_the_command_refuses_in_one_line_and_leaves_nothing(bert, texts, tmp_path, options, says):
    done = pretrain(texts, "-o", tmp_path / "out", "--model", bert, *options)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_command_cuts_the_vocabulary_where_there_is_a_head_alone(bert, texts, tmp_path):
    plain = encoder_without_head(bert, tmp_path / "plain")
    asked = (texts, "--model", plain, "--objective", "simcse", "--batch-size", 32, "--vocabulary", 260, "--layers", 1)
    done = pretrain(*asked, "-o", tmp_path / "refused")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "--mlm-weight 0.1" in done.stderr
    assert not (tmp_path / "refused").exists()
    done = pretrain(*asked, "-o", tmp_path / "out", "--mlm-weight", 0.1)
    assert done.exit_code == 0, done.stderr
    config = load_masked_lm(str(tmp_path / "out"), device="cpu").model.config
    assert config.vocab_size <= 260
    assert config.num_hidden_layers == 1


def test_the_command_names_the_columns_that_it_lacks(bert, triples, tmp_path):
    done = pretrain(
        *(triples, "-o", tmp_path / "out", "--model", bert, "--objective", "supervised-simcse"),
        *("--premise-column", "sent0", "--entailment-column", "sent9"),
    )
    assert done.exit_code == 2
    assert "has no column 'sent9'" in done.stderr
