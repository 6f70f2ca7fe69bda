"""Fixtures of the models: folders that may be spoilt."""

from __future__ import annotations

import json
import shutil

import pytest
from opened_models import saved


@pytest.fixture
def copy(bert, tmp_path):
    """A copy of the tiny BERT's folder, to be spoilt."""
    return shutil.copytree(bert, tmp_path / "copy")


@pytest.fixture
def size(bert):
    """How many pieces the tiny BERT has."""
    return len(json.loads((bert / "tokenizer.json").read_text())["model"]["vocab"])


@pytest.fixture
def shape(size):
    from tiny_models import bert_shape

    return bert_shape(size)


@pytest.fixture
def classifier(bert, tmp_path, shape):
    from transformers import BertConfig, BertForSequenceClassification

    model = BertForSequenceClassification(BertConfig(**shape, id2label={0: "bad", 1: "so-so", 2: "good"}))
    return saved(model, tmp_path / "classifier", bert)
