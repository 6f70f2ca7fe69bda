"""What every pretraining shares: its arguments, and vectors pooled of many texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.models.checkpoints import load_encoder
from classifiers.pretraining.loop import arguments, pooled_vectors
from classifiers.pretraining.masked_lm import PretrainConfig

pytestmark = pytest.mark.numeric


def test_mean_vectors_are_those_of_each_text_alone(bert, sentences):
    encoder = load_encoder(str(bert), device="cpu", dtype="float32")
    seen = []
    for positions, batch in pooled_vectors(encoder, sentences, batch_size=7):
        seen += positions
        for i, vector in zip(positions, batch, strict=True):
            with torch.no_grad():
                states = encoder.model(**encoder.tokenizer(sentences[i], return_tensors="pt")).last_hidden_state[0]
            assert np.allclose(vector, states.mean(0).numpy(), atol=1e-5)
    assert sorted(seen) == list(range(len(sentences)))


def test_one_process_pretrains_on_one_of_several_devices(bert, tmp_path, two_devices):
    found = arguments(load_encoder(str(bert), device="cpu"), tmp_path, PretrainConfig(batch_size=32))
    assert found.train_batch_size == 32
