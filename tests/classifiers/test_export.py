"""A classifier as a graph of ONNX: what a program without torch gets, and what is never left behind."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertModel,
    GPT2Config,
    GPT2ForSequenceClassification,
)

from augment.errors import ModelError, OutputError
from augment.models.checkpoints import load_encoder
from augment.models.pooling import POOLERS
from classifiers import export, onnx_graph
from classifiers.cli.entry import main
from classifiers.evaluation import open_scorer
from classifiers.export import export_onnx
from classifiers.heads import HEADS
from classifiers.model import EncoderClassifier

pytestmark = [
    pytest.mark.numeric,
    pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs the extra onnx"),
]

CLASSES = ["négatif", "neutral", "positive, or so"]
TEXTS = [
    "",
    " \n",
    "😀😀 the film",
    "日本語のテキスト",
    "the\0film",
    "The film was bad. " * 40,
    "a" * 10_000,
    "It was the best film of the year and the best day of my life.",
    "Good.",
]
SERVE = """
import json, sys
import numpy as np
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

session = InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
tokenizer = Tokenizer.from_file("tokenizer.json")
answers = []
for batch in json.loads(sys.stdin.read()):
    rows = tokenizer.encode_batch(batch)
    ids, mask = (np.array([getattr(row, name) for row in rows], np.int64) for name in ("ids", "attention_mask"))
    answers += session.run(["probabilities"], {"input_ids": ids, "attention_mask": mask})[0].tolist()
print(json.dumps([classes, answers, "torch" in sys.modules]))
"""
"""A program that serves the graph, as docs/classifier.md shows one."""


def saved(encoder, folder, **parts):
    checkpoint = load_encoder(str(encoder), device="cpu", dtype="float32")
    model = EncoderClassifier.from_encoder(checkpoint, CLASSES, max_length=20, **parts)
    model.save_pretrained(folder)
    checkpoint.tokenizer.save_pretrained(folder)
    return folder


def served(folder, batches):
    """Return what another process gets from an export: the classes, and the probabilities of all texts."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", SERVE], input=json.dumps(batches), capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    classes, answers, has_torch = json.loads(done.stdout)
    assert not has_torch
    return classes, np.array(answers)


@pytest.fixture(scope="module")
def export_and_program(tiny, tmp_path_factory):
    """The folder of a classifier with an export in it, and the program of ONNX that was written."""
    folder = saved(tiny("bert"), tmp_path_factory.mktemp("exported"))
    programs, exported = [], onnx_graph.exported
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_graph, "exported", lambda model: programs.append(exported(model)) or programs[-1])
        done = CliRunner().invoke(main, ["export", str(folder), "--to", "onnx"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{folder / 'onnx' / 'model.onnx'}: ")
    return folder, programs[0]


@pytest.fixture(scope="module")
def exported(export_and_program):
    """The folder of a classifier with an export in it."""
    return export_and_program[0]


@pytest.fixture
def once(export_and_program, monkeypatch):
    """Have torch make the program of `exported` no second time."""
    monkeypatch.setattr(onnx_graph, "exported", lambda model: export_and_program[1])


# What is served


@pytest.mark.parametrize("head", [pytest.param(head, marks=[pytest.mark.slow] * (head == "bigru")) for head in HEADS])
def test_a_program_without_torch_gets_the_probabilities_of_the_model(head, bert, exported, tmp_path):
    folder = exported if head == "linear" else saved(bert, tmp_path, head=head)
    graph = folder / "onnx" if head == "linear" else export_onnx(str(folder))
    assert sorted(path.name for path in graph.iterdir()) == ["model.onnx", "tokenizer.json"]
    expected = open_scorer(str(folder), device="cpu").probabilities(TEXTS)
    classes, answers = served(graph, [TEXTS, *([text] for text in TEXTS)])
    assert classes == CLASSES
    np.testing.assert_allclose(answers, np.tile(expected, (2, 1)), atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", list(POOLERS))
def test_every_pooling_is_exported(pooling, tiny, tmp_path):
    encoder = BertModel.from_pretrained(tiny("bert"))  # with a pooler, which a masked LM lacks
    encoder.save_pretrained(tmp_path / "encoder")
    AutoTokenizer.from_pretrained(tiny("bert")).save_pretrained(tmp_path / "encoder")
    export_onnx(str(saved(tmp_path / "encoder", tmp_path / "model", pooling=pooling)))  # which compares the two


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_every_architecture_is_exported(head, folder, tmp_path):
    export_onnx(str(saved(folder, tmp_path, head=head)))


@pytest.mark.slow
def test_a_classifier_of_transformers_is_exported_too(tiny, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(tiny("distilbert"), num_labels=2)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny("distilbert")).save_pretrained(tmp_path)
    expected = open_scorer(str(tmp_path), device="cpu").probabilities(TEXTS)
    classes, answers = served(export_onnx(str(tmp_path)), [TEXTS])
    assert classes == ["LABEL_0", "LABEL_1"]
    np.testing.assert_allclose(answers, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("knows_it", ["config", pytest.param("tokenizer", marks=pytest.mark.slow), "neither"])
def test_a_gpt2_classifier_is_exported_if_one_of_its_files_has_a_padding_token(knows_it, tiny, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny("roberta"))
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=64)
    config.bos_token_id = config.eos_token_id = tokenizer.eos_token_id
    if knows_it == "config":
        config.pad_token_id = tokenizer.pad_token_id
    if knows_it != "tokenizer":
        tokenizer.pad_token = None
    GPT2ForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    if knows_it == "neither":
        refused = CliRunner().invoke(main, ["export", str(tmp_path), "--to", "onnx"])
        assert refused.exit_code == 2
        assert refused.stderr.count("\n") == 1
        assert "has no padding token" in refused.stderr
        assert "Set `pad_token_id` in its config.json" in refused.stderr
        assert not (tmp_path / "onnx").exists()
        return
    scorer = open_scorer(str(tmp_path), device="cpu")
    classes, answers = served(export_onnx(str(tmp_path)), [TEXTS[1:], *([text] for text in TEXTS[1:])])
    assert classes == ["LABEL_0", "LABEL_1"]
    np.testing.assert_allclose(answers, np.tile(scorer.probabilities(TEXTS[1:]), (2, 1)), atol=1e-4, rtol=0)


# What is written


def test_the_tokenizer_beside_the_graph_cuts_and_pads(exported):
    kept = json.loads((exported / "onnx" / "tokenizer.json").read_text(encoding="utf-8"))
    assert kept["truncation"]["max_length"] == 20
    assert kept["padding"]["strategy"] == "BatchLongest"


def test_the_model_is_not_changed(exported, bert, tmp_path):
    fresh = saved(bert, tmp_path)
    for name in ("config.json", "model.safetensors"):
        assert (exported / name).read_bytes() == (fresh / name).read_bytes()


@pytest.mark.usefixtures("once")
def test_weights_of_a_large_model_are_beside_the_graph(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "INLINE_BYTES", 1000)
    graph = export_onnx(str(exported), tmp_path / "large")
    assert sorted(path.name for path in graph.iterdir()) == ["model.onnx", "model.onnx.data", "tokenizer.json"]
    assert (graph / "model.onnx.data").stat().st_size > 100_000


# What is refused


def refused(*arguments):
    """Return the one line of an error with exit code 2."""
    found = CliRunner().invoke(main, ["export", *map(str, arguments)])
    assert found.exit_code == 2, found.output
    (line,) = found.stderr.strip().splitlines()
    return line


@pytest.mark.usefixtures("once")
def test_an_older_export_is_replaced_only_if_it_is_asked_for(exported):
    before = (exported / "onnx" / "model.onnx").stat().st_mtime_ns
    line = refused(exported, "--to", "onnx")
    assert line.endswith("holds an export already. Give --overwrite, or another folder.")
    assert (exported / "onnx" / "model.onnx").stat().st_mtime_ns == before
    with pytest.raises(OutputError, match=r"Give `overwrite=True`"):
        export_onnx(str(exported))
    export_onnx(str(exported), overwrite=True)
    assert (exported / "onnx" / "model.onnx").stat().st_mtime_ns > before


def test_a_folder_with_something_else_is_never_replaced(exported, tmp_path):
    line = refused(exported, "--to", "onnx", "-o", exported, "--overwrite")
    assert line.endswith("holds something else than an export. Give another.")
    other = tmp_path / "other"
    other.mkdir()
    for name in ("model.onnx", "tokenizer.json", "config.json"):
        (other / name).write_text("mine")
    line = refused(exported, "--to", "onnx", "-o", other, "--overwrite")
    assert line.endswith("holds something else than an export. Give another.")
    assert (other / "config.json").read_text() == "mine"
    (tmp_path / "file").touch()
    assert refused(exported, "--to", "onnx", "-o", tmp_path / "file").endswith("is a file. Give the name of a folder.")


@pytest.mark.usefixtures("once")
def test_a_graph_that_says_something_else_is_not_kept(exported, tmp_path, monkeypatch):
    right = export._served
    monkeypatch.setattr(export, "_served", lambda *given: right(*given) + 2e-4)
    with pytest.raises(ModelError, match=r"probabilities that are 0\.0002 away .* Serve the model's folder"):
        export_onnx(str(exported), tmp_path / "graph")
    assert not list(tmp_path.iterdir())


def test_a_model_that_torch_cannot_export_is_refused_in_one_line(exported, tmp_path, monkeypatch):
    def fail(model):
        raise RuntimeError("no\nway")

    monkeypatch.setattr("classifiers.onnx_graph.exported", fail)
    line = refused(exported, "--to", "onnx", "-o", tmp_path / "graph")
    assert "cannot be exported to ONNX: torch has no way to write it." in line
    assert line.endswith("no way")
    assert not list(tmp_path.iterdir())


def test_missing_libraries_are_named_before_the_model_is_opened(exported, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else there(name))
    monkeypatch.setattr(export, "opened", None)
    line = refused(exported, "--to", "onnx", "-o", "elsewhere")
    assert line == 'Error: An export to ONNX needs onnxscript; run: pip install "counterpoise[onnx]"'


def test_a_hub_id_needs_an_output(tmp_path):
    assert "owner/name" in refused("owner/name", "--to", "onnx")
    assert Path("owner").exists() is False
