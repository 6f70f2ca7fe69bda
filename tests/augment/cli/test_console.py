"""The commands `classifiers pretrain` and `benchmarks checkpoint`, from option to file and figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from augment.models.checkpoints import load_masked_lm
from benchmarks.cli.entry import main as benchmarks
from classifiers.cli.entry import main as classifiers


@pytest.fixture
def corpus(tmp_path: Path, sentences: list[str]) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(sentences), encoding="utf-8")
    return path


def pretrain(*arguments: object) -> Result:
    quick = ("--epochs", "1", "--batch-size", "8", "--device", "cpu")
    return CliRunner().invoke(classifiers, ["pretrain", *map(str, arguments), *quick])


def refusal(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_pretraining_cuts_trains_and_writes_a_masked_lm(bert, corpus, tmp_path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("text,label\nThe shop is open.,neutral\n,neutral\n")
    target = tmp_path / "small"
    done = pretrain(corpus, table, "-o", target, "--model", bert, "--teacher", bert, "--layers", 1, "--positions", 32)
    assert done.exit_code == 0, done.stderr
    config = load_masked_lm(str(target), device="cpu").model.config
    assert (config.num_hidden_layers, config.max_position_embeddings) == (1, 32)
    assert not list(target.glob("*.bin")), "weights are safetensors"


def test_a_finished_model_is_not_trained_over_and_an_unfinished_one_only_on_request(bert, corpus, tmp_path) -> None:
    assert "holds a model already" in refusal(pretrain(corpus, "-o", bert, "--model", bert))
    begun = tmp_path / "begun"
    (begun / "training").mkdir(parents=True)
    assert "--resume" in refusal(pretrain(corpus, "-o", begun, "--model", bert))
    assert pretrain(corpus, "-o", begun, "--model", bert, "--resume").exit_code == 0


def test_ctrl_c_says_how_to_go_on_and_the_same_command_with_resume_does(bert, corpus, tmp_path, monkeypatch) -> None:
    from classifiers.pretraining.masked_lm import PretrainTrainer

    model = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(PretrainTrainer, "training_step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        stopped = pretrain(corpus, "-o", model, "--model", bert)
    assert stopped.exit_code == 130
    assert f"what is finished is kept in {model}; give the same command with --resume" in stopped.stderr
    assert "another" in refusal(pretrain(corpus, "-o", model, "--model", bert, "--layers", 1, "--resume"))
    assert pretrain(corpus, "-o", model, "--model", bert, "--resume").exit_code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), (b"caf\xe9\n", "not UTF-8"), (b"\n \n", "no text to train on")],
    ids=["missing", "latin-1", "empty"],
)
def test_a_text_file_that_cannot_be_used_is_refused(bert, tmp_path, content, says) -> None:
    path = tmp_path / "texts.txt"
    if content is not None:
        path.write_bytes(content)
    assert says in refusal(pretrain(path, "-o", tmp_path / "model", "--model", bert))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--mask-ratio", "1"), "--mask-ratio must be below 1"),
        (("--layers", "9"), "number of layers must be between 1 and"),
        (("--vocabulary", "3"), "vocabulary size must be at least"),
        (("--device", "abacus"), "'abacus'"),
        (("--batch-size", "0"), "--batch-size must be 1 or more. Got 0"),
        (("--max-length", "2"), "--max-length must be 3 or more. Got 2"),
        (("--seed", "-1"), "--seed must be 0 or more. Got -1"),
    ],
)
def test_an_option_out_of_range_is_refused(bert, corpus, tmp_path, options, says) -> None:
    arguments = [str(corpus), "-o", str(tmp_path / "model"), "--model", str(bert), *options]
    assert says in refusal(CliRunner().invoke(classifiers, ["pretrain", *arguments]))


def test_a_checkpoint_measured_against_itself_agrees_with_itself(bert, tmp_path, sentences) -> None:
    table = tmp_path / "texts.jsonl"
    table.write_text("".join(json.dumps({"sentence": text}) + "\n" for text in sentences))
    arguments = ["checkpoint", str(bert), "--words", str(table), "--pairs", str(table), "--reference", str(bert)]
    done = CliRunner().invoke(benchmarks, arguments)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["spearman"] == pytest.approx(1)
    for measure in ("words", "words_without_punctuation"):
        assert 0 <= found[measure]["top_1"] <= found[measure]["top_5"] <= 1
    assert found["words"]["words"] >= found["words_without_punctuation"]["words"]


def test_a_checkpoint_is_measured_by_its_first_token_and_by_no_pooler_that_it_lacks(bert, tmp_path, sentences) -> None:
    table = tmp_path / "texts.jsonl"
    table.write_text("".join(json.dumps({"sentence": text}) + "\n" for text in sentences))
    arguments = ["checkpoint", str(bert), "--words", str(table), "--pairs", str(table), "--reference", str(bert)]
    done = CliRunner().invoke(benchmarks, [*arguments, "--pooling", "cls"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["spearman"] < 0.95
    assert "Give the pooling 'cls'." in refusal(CliRunner().invoke(benchmarks, [*arguments, "--pooling", "cls_mlp"]))
