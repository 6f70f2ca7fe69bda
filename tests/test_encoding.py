"""Texts become the mean of their token states, to the bit the same whatever stands beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import DTYPES

from augment.encoding import Encoders, TextEncoder
from augment.errors import ModelError

ODD = ["", " ", "x", "été, déjà vu", "No spaces" + "!" * 40, "日本語"]


def encoder(folder, **options):
    return TextEncoder(model=str(folder), device="cpu", **{"dtype": "float32", **options})


def plain(folder, texts):
    """One text at a time, by transformers alone."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    with torch.no_grad():
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True)
            states = model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state
            rows.append(states[0].mean(dim=0).numpy())
    return np.stack(rows)


@pytest.fixture
def texts(sentences):
    return [*sentences[:12], *ODD, " ".join(sentences), sentences[0]]


def test_vectors_are_the_mean_of_the_token_states(folder, texts):
    found = encoder(folder).encode(texts)
    expected = plain(folder, texts)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_are_bit_identical_whatever_the_batch_and_the_order(folder, texts, dtype):
    opened = encoder(folder, dtype=dtype)
    expected = opened.encode(texts)
    for size in (1, 3, 7):
        opened.batch_size = size
        assert np.array_equal(opened.encode(texts), expected), size
        assert np.array_equal(opened.encode(texts[::-1])[::-1], expected), size
    assert np.array_equal(np.concatenate([opened.encode([text]) for text in texts]), expected)
    assert np.array_equal(expected[0], expected[-1])


def test_what_is_longer_than_the_model_takes_is_cut(bert, sentences):
    text = " ".join(sentences)
    opened = encoder(bert)
    cut = opened.prepare().tokenizer(text, truncation=True, max_length=64)["input_ids"]
    assert len(cut) == 64
    assert np.array_equal(opened.encode([text, text + " and more"])[0], opened.encode([text + " and more"])[0])
    short = encoder(bert, max_length=8)
    assert np.array_equal(short.encode([text]), short.encode([" ".join(text.split()[:10])]))
    assert not np.array_equal(short.encode([text]), opened.encode([text]))


@pytest.mark.parametrize("none", [[], ()])
def test_no_texts_give_no_vectors_of_the_right_width(bert, none):
    for normalize in (True, False):
        assert encoder(bert, normalize=normalize).encode(none).shape == (0, 64)
    assert encoder(bert).encode(none).dtype == np.float32


def test_normalized_vectors_have_length_one_and_the_same_direction(bert, texts):
    units, vectors = encoder(bert, normalize=True).encode(texts), encoder(bert).encode(texts)
    assert np.allclose(np.linalg.norm(units, axis=1), 1, atol=1e-6)
    assert np.allclose(units * np.linalg.norm(vectors, axis=1, keepdims=True), vectors, rtol=1e-4, atol=1e-5)


def test_any_sequence_of_texts_is_taken(bert, sentences):
    expected = encoder(bert).encode(sentences[:3])
    assert np.array_equal(encoder(bert).encode(tuple(sentences[:3])), expected)
    assert np.array_equal(encoder(bert).encode(np.array(sentences[:3], dtype=object)), expected)


def test_a_model_that_there_is_not_is_refused_when_it_is_needed():
    refused = TextEncoder(model="/no/such/folder")
    with pytest.raises(ModelError, match="no model folder"):
        refused.encode(["a"])


# Encoders


def counted(encoders, model):
    """Count the texts that an encoder is really asked for."""
    asked: list[str] = []
    opened = encoders.get(model)
    encode = opened.encode
    opened.encode = lambda texts: (asked.extend(texts), encode(texts))[1]
    return asked


def test_what_was_encoded_once_is_found_again_and_given_the_same(bert, texts):
    encoders, model = Encoders(device="cpu"), str(bert)
    asked = counted(encoders, model)
    expected = TextEncoder(model=model, device="cpu", normalize=True).encode(texts)
    assert np.array_equal(encoders.encode(model, texts), expected)
    assert np.array_equal(encoders.encode(model, texts[5:] + texts[:5]), np.concatenate([expected[5:], expected[:5]]))
    assert sorted(asked) == sorted(set(texts)), "each text once, also where it is given twice"


def test_texts_used_least_lately_are_forgotten_first_and_come_out_the_same(bert, sentences):
    model = str(bert)
    expected = Encoders(device="cpu").encode(model, sentences[:6])
    encoders = Encoders(device="cpu", remembered=3)
    asked = counted(encoders, model)
    assert np.array_equal(encoders.encode(model, sentences[:6]), expected), "also more at once than are remembered"
    assert len(asked) == 6
    asked.clear()
    encoders.encode(model, sentences[3:5])  # 5 is now the one that was used least lately
    encoders.encode(model, [sentences[0]])
    assert asked == [sentences[0]]
    asked.clear()
    assert np.array_equal(encoders.encode(model, sentences[3:5]), expected[3:5])
    assert asked == []
    assert np.array_equal(encoders.encode(model, [sentences[5]]), expected[5:6])
    assert asked == [sentences[5]]


def test_what_a_caller_does_to_its_vectors_is_not_remembered(bert, sentences):
    encoders = Encoders(device="cpu")
    first = encoders.encode(str(bert), sentences[:2])
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(encoders.encode(str(bert), sentences[:2]), kept)


def test_a_remembered_vector_keeps_no_others_alive(bert, sentences):
    encoders = Encoders(device="cpu")
    encoders.encode(str(bert), sentences)
    (known,) = encoders._vectors.values()
    assert all(vector.base is None for vector in known.values())


def test_each_model_has_its_own_encoder_and_memory(tiny, sentences):
    encoders = Encoders(device="cpu")
    one, other = str(tiny("bert")), str(tiny("roberta"))
    assert encoders.encode(one, sentences[:2]).shape == (2, 64)
    assert encoders.encode(other, sentences[:2]).shape == (2, 32)
    assert encoders.get(one) is encoders.get(one) is not encoders.get(other)
    assert encoders.encode(one, []).shape == (0, 64)
