"""Models are opened in one place, and known by their content."""

from __future__ import annotations

import os
import re
import shutil

import pytest
from opened_models import refusal, saved

from augment.models.checkpoints import load_classifier, load_encoder, load_masked_lm
from augment.models.named_models import BUNDLED

# What is opened


def test_a_masked_lm_is_ready_for_inference(folder):
    import torch

    opened = load_masked_lm(str(folder), device="cpu", dtype="bfloat16")
    assert opened.name == str(folder)
    assert not opened.model.training
    assert {parameter.dtype for parameter in opened.model.parameters()} == {torch.float32}
    assert opened.tokenizer.is_fast
    assert opened.dtype is torch.bfloat16
    assert opened.device == torch.device("cpu")
    with opened.inference():
        assert torch.is_inference_mode_enabled()
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype is torch.bfloat16
    assert not torch.is_inference_mode_enabled()
    with load_masked_lm(str(folder), device="cpu", dtype="float32").inference():
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype is torch.float32


def test_opened_weights_are_the_saved_ones(bert):
    import torch
    from safetensors.torch import load_file

    state = load_masked_lm(str(bert), device="cpu").model.state_dict()
    for name, weights in load_file(bert / "model.safetensors").items():
        assert torch.equal(state[name], weights), name


def test_half_precision_weights_are_opened_in_float32(copy):
    import torch
    from transformers import AutoModelForMaskedLM

    AutoModelForMaskedLM.from_pretrained(copy).half().save_pretrained(copy)
    assert next(load_masked_lm(str(copy), device="cpu").model.parameters()).dtype is torch.float32


def test_a_home_folder_is_expanded(copy, monkeypatch):
    monkeypatch.setenv("HOME", str(copy.parent))
    assert load_masked_lm("~/copy", device="cpu").name == "~/copy"


def test_an_encoder_is_any_model_with_token_states(bert, tmp_path, shape):
    from transformers import BertConfig, BertModel

    plain = saved(BertModel(BertConfig(**shape)), tmp_path / "plain", bert)
    for path in (plain, bert):
        opened = load_encoder(str(path), device="cpu", dtype="float32")
        batch = opened.tokenizer(["a film"], return_tensors="pt")
        with opened.inference():
            width = opened.model.config.hidden_size
            assert opened.model(**batch).last_hidden_state.shape == (1, batch["input_ids"].shape[1], width)


def test_what_an_encoders_checkpoint_lacks_of_a_pooler_is_told_and_the_same_every_time(folder, architecture):
    import torch

    opened = load_encoder(str(folder), device="cpu", dtype="float32")
    pooler = {"albert": ("pooler.bias", "pooler.weight")}
    pooler |= dict.fromkeys(["bert", "roberta", "mpnet"], ("pooler.dense.bias", "pooler.dense.weight"))
    assert opened.untrained == pooler.get(architecture, ())
    again = load_encoder(str(folder), device="cpu", dtype="float32").model.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in opened.model.state_dict().items())
    assert opened.identity() == {
        "model": str(folder),
        "revision": opened.revision,
        "device": "cpu",
        "dtype": "float32",
    }


def test_an_encoder_saved_with_its_pooler_lacks_nothing(bert, tmp_path, shape):
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    path = saved(BertModel(BertConfig(**shape)), tmp_path / "plain", bert)
    opened = load_encoder(str(path), device="cpu", dtype="float32")
    assert opened.untrained == ()
    opened.require_pooler()
    weights = load_file(path / "model.safetensors")["pooler.dense.weight"]
    assert opened.model.pooler.dense.weight.equal(weights)


def test_a_classifiers_own_pooler_is_taken(classifier):
    assert load_encoder(str(classifier), device="cpu").untrained == ()


def test_loading_leaves_the_verbosity_and_the_global_generators_alone(bert):
    import random

    import numpy as np
    import torch
    from transformers.utils import logging

    def state():
        generators = random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
        return logging.get_verbosity(), logging.is_progress_bar_enabled(), generators

    before = state()
    load_masked_lm(str(bert), device="cpu")
    load_encoder(str(bert), device="cpu")
    refusal("/no/such/folder")
    assert state() == before


# Classifiers


def test_a_classifier_is_ready_for_inference_with_its_own_head(classifier):
    import torch
    from safetensors.torch import load_file

    opened = load_classifier(str(classifier), device="cpu", dtype="float32")
    assert not opened.model.training
    assert opened.model.config.id2label == {0: "bad", 1: "so-so", 2: "good"}
    weights = load_file(classifier / "model.safetensors")["classifier.weight"]
    assert torch.equal(opened.model.classifier.weight, weights)
    assert opened.longest() == 64
    assert opened.revision == load_classifier(str(classifier), device="cpu").revision


def revision(path):
    return load_masked_lm(str(path), device="cpu", dtype="float32").revision


# What identifies a model


def test_identity_follows_the_content_and_not_the_path(bert, copy):
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", revision(bert))
    assert revision(copy) == revision(bert) == load_encoder(str(copy), device="cpu").revision
    os.utime(copy / "model.safetensors", (0, 0))
    (copy / "README.md").write_text("about")
    assert revision(copy) == revision(bert)


def test_another_weight_is_another_identity(bert, copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights["cls.predictions.bias"][7] += 1e-3
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert revision(copy) != revision(bert)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_another_configuration_or_tokenizer_is_another_identity(bert, copy, name):
    path = copy / name
    path.write_text(path.read_text() + "\n")
    assert revision(copy) != revision(bert)


def test_two_folders_of_one_name_are_not_mixed_up(tiny, tmp_path, monkeypatch):
    """Also under one relative name, seen from two places."""
    first = shutil.copytree(tiny("bert"), tmp_path / "a" / "model")
    second = shutil.copytree(tiny("roberta"), tmp_path / "b" / "model")
    assert load_masked_lm(str(first), device="cpu").model.config.model_type == "bert"
    assert load_masked_lm(str(second), device="cpu").model.config.model_type == "roberta"
    found = []
    for parent in (first.parent, second.parent):
        monkeypatch.chdir(parent)
        opened = load_masked_lm("model", device="cpu")
        found.append((opened.model.config.model_type, opened.revision))
    assert [kind for kind, _ in found] == ["bert", "roberta"]
    assert found[0][1] != found[1][1]


def test_the_bundled_model_wins_over_a_folder_of_its_name(copy, monkeypatch):
    copy.rename(copy.parent / "mini")
    monkeypatch.chdir(copy.parent)
    assert load_masked_lm("mini", device="cpu").revision == revision(BUNDLED["mini"]) != revision("./mini")


def test_a_hub_id_is_identified_by_the_commit_that_it_was_loaded_from(bert, tmp_path, monkeypatch):
    """From the hub's cache as it lies on a disk."""
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--tiny"
    shutil.copytree(bert, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for load in (load_encoder, load_masked_lm):
        for named in (None, "main"):
            assert load("someone/tiny", revision=named, device="cpu").revision == commit
