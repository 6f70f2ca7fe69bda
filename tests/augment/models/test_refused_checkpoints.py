"""What is no masked LM, no encoder or no classifier is refused in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from opened_models import refusal, saved

from augment.errors import InputError, ModelError
from augment.models.checkpoints import load_classifier, load_encoder, load_masked_lm

# What is opened


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("encoder.layer.1.output.dense.bias", "'encoder.layer.1.output.dense.bias'."),
        ("encoder.layer.1.", "'encoder.layer.1.attention.output.LayerNorm.bias' and 15 more weights."),
        ("embeddings.word_embeddings.weight", "'embeddings.word_embeddings.weight'."),
    ],
)
def test_an_encoder_whose_checkpoint_lacks_weights_is_refused(copy, lost, told):
    """Random numbers in their place would go unseen."""
    from safetensors.torch import load_file, save_file

    path = copy / "model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if lost not in name}
    assert len(weights) < len(load_file(path))
    save_file(weights, path, metadata={"format": "pt"})
    assert refusal(copy, opens=load_encoder) == (
        f"The model {str(copy)!r} is not a trained encoder: its checkpoint lacks {told}"
        " Give a folder or hub id whose weights are those of its config.json."
    )


def test_the_weights_of_another_model_make_no_encoder(copy, tiny):
    for other in ("roberta", "distilbert"):
        shutil.copy(tiny(other) / "model.safetensors", copy / "model.safetensors")
        assert "is not a trained encoder: its checkpoint lacks" in refusal(copy, opens=load_encoder)


# What is refused


def test_a_missing_folder(tmp_path):
    missing = tmp_path / "nowhere"
    assert refusal(missing) == (
        f"There is no model folder {str(missing)!r}. Give a save_pretrained folder, a hub id, or 'mini'."
    )
    assert "config.json" in refusal("")
    for name in ("./nowhere", "../nowhere", "~/no/where", "a/b/c"):
        assert repr(name) in refusal(name)


def test_a_file_in_place_of_a_folder(bert):
    assert "There is no model folder" in refusal(bert / "model.safetensors")


@pytest.mark.parametrize("opens", [load_masked_lm, load_encoder])
def test_a_folder_without_a_configuration(copy, opens):
    (copy / "config.json").unlink()
    message = refusal(copy, opens=opens)
    assert str(copy) in message
    assert "it has no config.json. Give a save_pretrained folder." in message


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model_type": "nosuch"}', ""])
def test_a_broken_configuration(copy, content):
    (copy / "config.json").write_text(content)
    assert repr(str(copy)) in refusal(copy)


@pytest.mark.parametrize("opens", [load_masked_lm, load_encoder, load_classifier])
def test_a_configuration_that_fails_at_the_first_text_alone(classifier, tiny, tmp_path, opens):
    """`chunk_size_feed_forward` is not looked at before a model runs."""
    source = classifier if opens is load_classifier else tiny("bert")
    folder = tmp_path / "model"
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"chunk_size_feed_forward": []}))
    message = refusal(folder, opens=opens)
    assert message.startswith(f"The model {str(folder)!r} cannot be run on a text (TypeError: ")
    assert message.endswith("Look for a wrong value in its config.json.")


@pytest.mark.parametrize(("file", "change"), [("tokenizer_config.json", []), ("config.json", {"hidden_size": "x"})])
def test_a_folder_that_is_broken_in_ways_nobody_thought_of(copy, file, change):
    there = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(change if isinstance(change, list) else there | change))
    refusal(copy)


@pytest.mark.parametrize(
    ("longest", "said"),
    [
        ("many", "has model_max_length='many'; expected a number above 0"),
        (2, "takes 2 tokens, of which 2 are special ones, so there is no room for a text. Correct model_max_length"),
    ],
)
def test_a_tokenizer_without_a_number_of_tokens_that_leaves_room_for_a_text(copy, longest, said):
    there = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps(there | {"model_max_length": longest}))
    with pytest.raises(ModelError, match=said):
        load_encoder(str(copy)).longest()


def test_a_token_that_the_model_does_not_know(copy):
    there = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps(there | {"sep_token": "[OTHER]"}))
    assert "has 1 token that the model does not know, e.g. '[OTHER]': the model has" in refusal(copy)


def test_the_home_of_nobody():
    refusal("~nobody-of-this-name/model")


def test_code_that_lies_beside_a_model_is_not_run_nor_asked_about(copy, monkeypatch, capsys):
    config = json.loads((copy / "config.json").read_text()) | {
        "model_type": "evil",
        "auto_map": dict.fromkeys(("AutoConfig", "AutoModel", "AutoModelForMaskedLM"), "evil.Evil"),
    }
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "evil.py").write_text("raise SystemExit('run')\n")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    refusal(copy)
    assert capsys.readouterr().out == ""


def test_an_encoder_without_a_masked_lm_head(bert, tmp_path, shape):
    from transformers import BertConfig, BertModel

    path = saved(BertModel(BertConfig(**shape)), tmp_path / "encoder", bert)
    message = refusal(path)
    assert f"The model {str(path)!r} is not a masked language model: its checkpoint lacks 'cls.predictions" in message
    assert "ForMaskedLM" in message


def test_a_fresh_head_is_given_where_it_is_asked_for(bert, tmp_path, shape):
    from transformers import BertConfig, BertModel

    path = saved(BertModel(BertConfig(**shape)), tmp_path / "encoder", bert)
    opened = load_masked_lm(str(path), device="cpu", new_head=True)
    assert opened.model.get_output_embeddings().weight.shape[0] == shape["vocab_size"]


def test_a_classification_model(bert, tmp_path, shape):
    from transformers import BertConfig, BertForSequenceClassification

    path = saved(BertForSequenceClassification(BertConfig(**shape)), tmp_path / "classifier", bert)
    assert "is not a masked language model: its checkpoint lacks" in refusal(path)


def test_a_causal_model(bert, tmp_path, size):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=size, n_embd=16, n_layer=1, n_head=2, n_positions=32)
    path = saved(GPT2LMHeadModel(config), tmp_path / "causal", bert)
    message = refusal(path)
    assert message.startswith(f"The model {str(path)!r} is not a masked language model. Give one, e.g. 'mini'")


def test_pickled_weights_alone(copy):
    import torch
    from transformers import AutoModelForMaskedLM

    state = AutoModelForMaskedLM.from_pretrained(copy).state_dict()
    (copy / "model.safetensors").unlink()
    torch.save(state, copy / "pytorch_model.bin")
    for opens in (load_masked_lm, load_encoder):
        message = refusal(copy, opens=opens)
        assert "safetensors" in message
        assert repr(str(copy)) in message


def test_no_weights(copy):
    (copy / "model.safetensors").unlink()
    assert "safetensors" in refusal(copy)


@pytest.mark.parametrize("name", ["bert", "roberta", "deberta"])
@pytest.mark.parametrize("opens", [load_masked_lm, load_encoder])
def test_no_tokenizer(tiny, tmp_path, name, opens):
    path = shutil.copytree(tiny(name), tmp_path / "model")
    for file in path.glob("*token*"):
        file.unlink()
    assert "tokenizer" in refusal(path, opens=opens)


@pytest.mark.parametrize("kept", [0, 5, 100, -1000])
def test_corrupted_weights(copy, kept):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert repr(str(copy)) in refusal(copy)


def test_a_corrupted_tokenizer(copy):
    (copy / "tokenizer.json").write_text('{"model": ')
    assert repr(str(copy)) in refusal(copy)


def test_a_tokenizer_without_a_mask(copy):
    path = copy / "tokenizer_config.json"
    state = json.loads(path.read_text())
    backend = json.loads((copy / "tokenizer.json").read_text())
    backend["added_tokens"] = [token for token in backend["added_tokens"] if token["content"] != "[MASK]"]
    (copy / "tokenizer.json").write_text(json.dumps(backend))
    path.write_text(json.dumps({**state, "mask_token": None, "tokenizer_class": "PreTrainedTokenizerFast"}))
    assert "has no mask token" in refusal(copy)


def test_weights_of_another_shape_than_the_configuration(copy):
    path = copy / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_size": 32}))
    assert repr(str(copy)) in refusal(copy)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "nowhere", "", "cpu:x", "meta?"])
def test_a_bad_device(bert, device):
    message = refusal(bert, InputError, device=device)
    assert message == f"The device {device!r} cannot be used: this machine has cpu. Give one of them, or 'auto'."


@pytest.mark.parametrize("dtype", ["float", "int4", "float64", "", "torch.float32", "bf16"])
def test_a_bad_dtype(bert, dtype):
    message = refusal(bert, InputError, dtype=dtype)
    assert message.startswith(f"The dtype must be one of auto, float32, bfloat16, float16, int8. Got {dtype!r}.")


def test_int8_is_refused_where_the_processor_has_no_instructions_for_it(bert, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert refusal(bert, InputError, dtype="int8", device="cpu") == (
        "The dtype 'int8' needs a CPU with VNNI or AVX2 instructions, and cpu has none. Give 'auto'."
    )


def test_int8_without_vnni_has_weights_of_seven_bits_and_says_so(bert, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert load_masked_lm(str(bert), dtype="int8", device="cpu").identity()["weight_bits"] == "7"


@pytest.mark.parametrize(
    ("bfloat16", "vnni", "filling", "encoding"),
    [
        (True, True, "bfloat16", "bfloat16"),
        (False, True, "int8", "float32"),
        (False, False, "float32", "float32"),
    ],
)
def test_auto_takes_what_the_processor_has_instructions_for(bert, monkeypatch, bfloat16, vnni, filling, encoding):
    import torch

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bfloat16)
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: vnni)
    assert load_masked_lm(str(bert), device="cpu").dtype is getattr(torch, filling)
    assert load_encoder(str(bert), device="cpu").dtype is getattr(torch, encoding), "vectors are not rounded unasked"


def test_a_bad_device_is_found_before_a_model_is_opened(tmp_path):
    (tmp_path / "config.json").write_text("not of a model")
    said = refusal(tmp_path, InputError, device="nowhere")
    assert said == "The device 'nowhere' cannot be used: this machine has cpu. Give one of them, or 'auto'."


def test_a_hub_id_without_a_network_is_one_line(tmp_path):
    """In a process of its own, since the switch is read on import."""
    names = ["nosuch", "nosuch/model", "no such model"]
    code = (
        "from augment.models.checkpoints import load_masked_lm\n"
        "from augment.errors import ModelError\n"
        f"for name in {names}:\n"
        "    try:\n"
        "        load_masked_lm(name, device='cpu')\n"
        "    except ModelError as error:\n"
        "        print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    for name, line in zip(names, ran.stdout.splitlines(), strict=True):
        assert line.startswith(
            f"There is no model {name!r} here: it is neither bundled (mini) nor a folder, and the hub"
        )
    assert "Traceback" not in ran.stderr


# Classifiers


def test_a_model_without_a_classification_head_is_no_classifier(bert):
    message = refusal(bert, opens=load_classifier)
    assert message.startswith(f"The model {str(bert)!r} is not a text classifier: its checkpoint lacks '")
    assert "ForSequenceClassification" in message


@pytest.mark.parametrize("names", [{"0": -3, "1": "a", "2": "b"}, {"0": "a", "1": "b", "5": "c"}])
def test_a_classifier_that_does_not_name_its_classes_is_refused(classifier, names):
    config = json.loads((classifier / "config.json").read_text())
    (classifier / "config.json").write_text(json.dumps(config | {"id2label": names}))
    assert "id2label of its config.json must have a text for each number from 0" in refusal(
        classifier, opens=load_classifier
    )


def test_a_classifier_whose_head_is_missing_alone_is_refused(classifier):
    from safetensors.torch import load_file, save_file

    path = classifier / "model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if not name.startswith("classifier.")}
    save_file(weights, path, metadata={"format": "pt"})
    assert "lacks 'classifier.bias'" in refusal(classifier, opens=load_classifier)


def test_a_classifier_without_weights_or_configuration_is_refused(classifier, tmp_path):
    (classifier / "model.safetensors").unlink()
    assert "safetensors" in refusal(classifier, opens=load_classifier)
    assert "dtype" in refusal(classifier, InputError, opens=load_classifier, dtype="int4")
    (classifier / "config.json").unlink()
    assert "config.json" in refusal(classifier, opens=load_classifier)
    assert "no model folder" in refusal(tmp_path / "nowhere", opens=load_classifier)
