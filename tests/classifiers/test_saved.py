"""A saved classifier says one thing: to this package, to `pipeline`, alone and in a batch, of texts of any kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from small_trainings import TRAIN, quick_config
from transformers import AutoTokenizer, PreTrainedTokenizerFast, pipeline

from augment.errors import InputError
from augment.models.checkpoints import load_encoder
from classifiers import TextClassifier, train
from classifiers.cli.entry import main
from classifiers.evaluation import open_scorer
from classifiers.heads import HEADS
from classifiers.model import EncoderClassifier

pytestmark = pytest.mark.numeric

LONGEST = 20
"""Tokens of a text in the trainings of this file; the encoder takes 64."""
CASE = Path(__file__).parents[3] / "shared" / "cases" / "long_text.txt"
ODD = {
    "empty": "",
    "blank": " \t ",
    "line end": "\n",
    "two lines": "the shop\nis open",
    "emoji": "😀😀 the film 👩‍👩‍👧",
    "punctuation": "?!.,'",
    "not Latin": "日本語のテキスト и русский",
    "NUL": "the\0film\0",
    "only NUL": "\0",
    "one token less than are read": "the " * (LONGEST - 3),
    "as many tokens as are read": "the " * (LONGEST - 2),
    "one token more than is read": "the " * (LONGEST - 1) + "film",
    "more tokens than the encoder takes": "the doctor loved the music . " * 50 + "the waiter closes a table",
    "10,000 characters without a space": "a" * 10_000,
    "10,000 characters": "a film . " * 1111,
}


@pytest.fixture(scope="module")
def with_head(tiny, tmp_path_factory):
    """Give a result and its folder, by the name of the head."""
    made = {}

    def trained(head):
        if head not in made:
            folder = tmp_path_factory.mktemp("saved") / head
            config = quick_config(tiny("bert"), head=head, max_length=LONGEST, epochs=1.0)
            made[head] = train(config, TRAIN, output_dir=folder), folder
        return made[head]

    return trained


@pytest.fixture(params=HEADS)
def trained(request, with_head):
    return with_head(request.param)


@pytest.fixture
def linear(with_head):
    return with_head("linear")


def said_by_pipeline(folder, texts, classes, **how):
    """Return the probabilities that a plain pipeline tells, in the order of the classes."""
    told = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)(texts, **how)
    shares = [{one["label"]: one["score"] for one in answer} for answer in told]
    return torch.tensor([[answer[name] for name in classes] for answer in shares])


# One answer


def test_a_pipeline_says_what_this_package_says(trained):
    result, folder = trained
    texts = [*TRAIN[0][:3], *ODD.values()]
    ours = torch.tensor(open_scorer(str(folder), device="cpu").probabilities(texts))
    assert ours.std(dim=0).max() > 0.01, "texts that all get one answer would show nothing"
    for said in (
        said_by_pipeline(folder, texts, result.classes),
        said_by_pipeline(folder, texts, result.classes, batch_size=4),
        said_by_pipeline(folder, texts, result.classes, truncation=True),
        torch.tensor(result.predict_proba(texts)),
    ):
        torch.testing.assert_close(said, ours, atol=1e-5, rtol=0)


@pytest.mark.skipif(not CASE.exists(), reason="the shared cases are not beside this checkout")
def test_the_last_sentences_of_a_long_text_are_read_by_nobody(trained):
    _, folder = trained
    text = CASE.read_text(encoding="utf-8")
    ours = open_scorer(str(folder), device="cpu").probabilities([text])
    said = said_by_pipeline(folder, [text], trained[0].classes)
    torch.testing.assert_close(said, torch.tensor(ours), atol=1e-5, rtol=0)


def test_the_command_says_what_a_pipeline_says(trained, tmp_path, monkeypatch):
    result, folder = trained
    texts = [text for text in ODD.values() if "\n" not in text]
    (tmp_path / "lines.txt").write_text("\n".join(texts), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["predict", str(folder), "lines.txt", "--format", "jsonl", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    said = said_by_pipeline(folder, texts, result.classes)
    assert [row["text"] for row in rows] == texts
    assert [row["label"] for row in rows] == [result.classes[i] for i in said.argmax(dim=1)]
    ours = torch.tensor([[row[f"p_{name}"] for name in result.classes] for row in rows])
    torch.testing.assert_close(ours, said, atol=1e-5, rtol=0)


def test_an_estimator_says_what_its_saved_model_says(bert, tmp_path):
    model = TextClassifier(encoder=str(bert), max_length=LONGEST, max_steps=2, device="cpu", dtype="bfloat16")
    model.fit(*TRAIN)
    model.result_.model.save_pretrained(tmp_path)
    model.result_.checkpoint.tokenizer.save_pretrained(tmp_path)
    texts = list(ODD.values())
    said = said_by_pipeline(tmp_path, texts, model.result_.classes)
    torch.testing.assert_close(said, torch.tensor(model.predict_proba(texts)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("head", ["linear", "bigru"])
def test_every_architecture_cuts_in_the_model_where_its_tokenizer_would(folder, head):
    checkpoint = load_encoder(str(folder), device="cpu", dtype="float32")
    model = EncoderClassifier.from_encoder(checkpoint, ["a", "b"], head=head, max_length=LONGEST)
    texts = ["The film was bad. " * 30, "Good.", "The shop opens at nine, and the film, the day and the " * 2]
    how = {"padding": True, "return_tensors": "pt"}
    with torch.no_grad():
        whole = model(**checkpoint.tokenizer(texts, **how)).logits
        cut = model(**checkpoint.tokenizer(texts, truncation=True, max_length=LONGEST, **how)).logits
    torch.testing.assert_close(whole, cut, atol=1e-5, rtol=0)
    assert not torch.allclose(whole[0], whole[1], atol=1e-3)


def test_a_tokenizer_without_special_tokens_gives_one_answer_too(bert, tmp_path):
    """It finds no token at all in some texts, and cuts at the very end of others."""
    checkpoint = load_encoder(str(bert), device="cpu", dtype="float32")
    backend = checkpoint.tokenizer.backend_tokenizer
    bare = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64)
    bare.backend_tokenizer.post_processor = None
    bare.save_pretrained(tmp_path / "encoder")
    checkpoint.model.save_pretrained(tmp_path / "encoder")
    opened = load_encoder(str(tmp_path / "encoder"), device="cpu", dtype="float32")
    assert opened.tokenizer("")["input_ids"] == []
    model = EncoderClassifier.from_encoder(opened, ["a", "b"], max_length=LONGEST)
    model.save_pretrained(tmp_path / "model")
    opened.tokenizer.save_pretrained(tmp_path / "model")
    texts = list(ODD.values())
    ours = torch.tensor(open_scorer(str(tmp_path / "model"), device="cpu").probabilities(texts))
    for how in ({}, {"batch_size": 3}):
        said = said_by_pipeline(tmp_path / "model", texts, ["a", "b"], **how)
        torch.testing.assert_close(said, ours, atol=1e-5, rtol=0)


# What is saved


def test_the_saved_tokenizer_carries_the_length_of_the_training(linear):
    _, folder = linear
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == LONGEST
    assert len(tokenizer(ODD["10,000 characters"], truncation=True)["input_ids"]) == LONGEST
    kept = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert kept["truncation"]["max_length"] == LONGEST
    assert kept["padding"] is None


def test_an_export_of_the_model_before_goes_with_it(bert, tmp_path):
    (tmp_path / "model" / "onnx").mkdir(parents=True)
    (tmp_path / "model" / "onnx" / "model.onnx").touch()
    (tmp_path / "model" / "config.json").write_text("{}")
    train(quick_config(bert, max_steps=1), TRAIN, output_dir=tmp_path / "model", overwrite=True)
    assert not (tmp_path / "model" / "onnx").exists()


def test_a_training_from_a_saved_classifier_may_read_longer_texts(linear):
    _, folder = linear
    assert load_encoder(str(folder), device="cpu").longest() == 64


def test_a_length_above_that_of_the_training_is_refused(linear):
    _, folder = linear
    with pytest.raises(InputError, match=f"cuts texts at {LONGEST} tokens.* of 21 has no effect. Leave it out"):
        open_scorer(str(folder), max_length=LONGEST + 1)
    open_scorer(str(folder), max_length=LONGEST - 1, device="cpu")


def test_a_classifier_of_an_earlier_version_is_cut_where_its_record_says(linear, tmp_path):
    _, folder = linear
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for name in ("max_tokens", "end_tokens", "empty_token", "encoder_max_tokens"):
        config.pop(name)
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 64
    tokenizer.save_pretrained(tmp_path)
    old, new = (open_scorer(str(one), device="cpu").probabilities([*ODD.values()]) for one in (tmp_path, folder))
    assert (old == new).all()
    (tmp_path / "training.json").unlink()
    assert (open_scorer(str(tmp_path), device="cpu").probabilities([*ODD.values()]) != new).any()


# Opened by transformers


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("import classifiers; from transformers import pipeline", marks=pytest.mark.slow),
        "from transformers import pipeline; import classifiers",
        pytest.param(
            "import transformers, classifiers, transformers.modeling_utils; from transformers import pipeline",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_importing_classifiers_is_enough_for_a_pipeline(lines, linear):
    code = (
        f"{lines}\nimport sys\n"
        f"print(pipeline('text-classification', model={str(linear[1])!r})('Good.')[0]['label'])\n"
        "from importlib.abc import MetaPathFinder\n"
        "print(*[one for one in sys.meta_path if type(one).__module__.startswith('classifiers')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    label, left = done.stdout.splitlines() or ["", ""]
    assert label in linear[0].classes, done.stderr[-500:]
    assert left == "", "the finder is gone once it has found"


def test_a_program_that_first_looks_for_the_module_and_fails_to_import_it_opens_the_configuration_all_the_same(linear):
    code = f"""
import importlib.util, inspect, sys
import classifiers
AWAITED = "transformers.models.auto.configuration_auto"

def import_fails():
    import transformers.models.auto as auto
    sys.modules["transformers.configuration_utils"] = None
    try:
        importlib.import_module(AWAITED)
    except ImportError:
        del sys.modules["transformers.configuration_utils"]
    else:
        raise AssertionError("the import was to fail")

importlib.util.find_spec(AWAITED)
import_fails()
from transformers import AutoConfig
print(type(AutoConfig.from_pretrained({str(linear[1])!r})).__name__)
module = sys.modules[AWAITED]
print(type(module.__loader__).__name__, module.__spec__.loader is module.__loader__)
print('class AutoConfig' in inspect.getsource(module))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    opened, *unchanged = done.stdout.split()
    assert opened == "EncoderClassifierConfig"
    assert unchanged == ["SourceFileLoader", "True", "True"], "what transformers knows of its own module"
