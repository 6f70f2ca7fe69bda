"""Shrinking keeps what is kept: pieces, layers, positions, and the logits of each."""

from __future__ import annotations

import pytest
import torch
from small_pretrainings import opened

from augment.errors import InputError, ModelError
from classifiers.pretraining.shrinking import cut_positions, cut_vocabulary, drop_layers, frequent_pieces, shrink

pytestmark = pytest.mark.numeric


def logits_of(checkpoint, text):
    """Logits of every position, and the pieces of the text."""
    batch = checkpoint.tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        logits = checkpoint.model.eval()(**batch).logits[0]
    return logits, checkpoint.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())


TEXT = "the shop on the corner and the old house by the river"


@pytest.mark.parametrize("name", ["bert", "electra"])
def test_a_cut_vocabulary_keeps_the_logits_of_the_pieces_kept(tiny, name, sentences, tmp_path):
    checkpoint = opened(tiny(name))
    pieces = frequent_pieces(checkpoint.tokenizer, sentences, 260)
    before, spelling = logits_of(checkpoint, TEXT)
    assert set(spelling) <= set(pieces), "the text is spelt otherwise after the cut, the logits cannot be compared"
    kept = [checkpoint.tokenizer.get_vocab()[piece] for piece in pieces]
    small = shrink(checkpoint, sentences, vocabulary=260)
    after, new_spelling = logits_of(small, TEXT)
    assert new_spelling == spelling
    assert after.shape[1] == len(pieces) == 260
    assert torch.allclose(after, before[:, kept], atol=1e-5)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    again, _ = logits_of(opened(tmp_path), TEXT)
    assert torch.allclose(again, after, atol=1e-6)
    assert opened(tmp_path).tokenizer.model_max_length == checkpoint.tokenizer.model_max_length


def test_a_cut_tokenizer_numbers_its_pieces_from_nought_and_keeps_the_special_ones(checkpoint, sentences):
    pieces = frequent_pieces(checkpoint.tokenizer, sentences, 250)
    tokenizer = cut_vocabulary(checkpoint.model, checkpoint.tokenizer, pieces)
    assert tokenizer.get_vocab() == {piece: i for i, piece in enumerate(pieces)}
    for name in ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token"):
        assert getattr(tokenizer, name) == getattr(checkpoint.tokenizer, name)
    assert checkpoint.model.config.vocab_size == 250
    assert checkpoint.model.config.pad_token_id == tokenizer.pad_token_id
    ids = tokenizer("The film [MASK] zzz")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[0] == "[CLS]"
    assert tokenizer.convert_ids_to_tokens(ids)[-1] == "[SEP]"
    assert tokenizer.mask_token_id in ids
    assert tokenizer.unk_token_id not in ids


def test_the_pieces_kept_are_the_frequent_ones_in_the_old_order(checkpoint, sentences):
    from collections import Counter

    tokenizer = checkpoint.tokenizer
    counts = Counter(p for text in sentences for p in tokenizer.tokenize(text))
    pieces = frequent_pieces(tokenizer, sentences, 200)
    numbers = [tokenizer.get_vocab()[piece] for piece in pieces]
    assert numbers == sorted(numbers)
    assert len(set(pieces)) == 200
    rare = max(counts[p] for p in counts if p not in pieces)
    characters = [p for p in pieces if len(p.removeprefix("##")) == 1 or p.startswith("[")]
    assert all(counts[p] >= rare for p in pieces if p not in characters)
    assert {"a", "##z", "7", "[MASK]"} <= set(pieces)


def test_too_small_a_vocabulary_is_refused(checkpoint, sentences):
    with pytest.raises(
        InputError, match=r"^The vocabulary size must be at least \d+, the characters alone\. Got 20\.$"
    ):
        shrink(checkpoint, sentences, vocabulary=20)


def test_a_vocabulary_of_another_kind_is_refused(tiny):
    checkpoint = opened(tiny("roberta"))
    with pytest.raises(ModelError, match=r"Only a WordPiece vocabulary can be cut\. This tokenizer is BPE\."):
        cut_vocabulary(checkpoint.model, checkpoint.tokenizer, ["the"])


def deep(layers, name="bert"):
    """A BERT or DistilBERT of several layers."""
    from tiny_models import bert_shape
    from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

    if name == "bert":
        return BertForMaskedLM(BertConfig(**bert_shape(30, num_hidden_layers=layers)))
    return DistilBertForMaskedLM(DistilBertConfig(vocab_size=30, dim=16, n_heads=2, hidden_dim=16, n_layers=layers))


@pytest.mark.parametrize(
    ("total", "keep", "expected"),
    [(6, 6, [0, 1, 2, 3, 4, 5]), (6, 2, [0, 5]), (6, 4, [0, 2, 3, 5]), (5, 3, [0, 2, 4]), (6, 1, [0]), (1, 1, [0])],
)
def test_layers_kept_are_spread_with_the_first_and_the_last(total, keep, expected):
    model = deep(total)
    layers = list(model.bert.encoder.layer)
    drop_layers(model, keep)
    assert [layers.index(layer) for layer in model.bert.encoder.layer] == expected
    assert model.config.num_hidden_layers == keep


@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_a_model_of_fewer_layers_is_saved_and_opened_as_such(name, tmp_path):
    from transformers import AutoModelForMaskedLM

    model, ids = deep(4, name).eval(), torch.tensor([[1, 2, 3]])
    drop_layers(model, 2)
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert again.config.num_hidden_layers == 2
    with torch.no_grad():
        assert torch.allclose(again(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-6)


@pytest.mark.parametrize("keep", [0, 3, -1])
def test_a_number_of_layers_out_of_range_is_refused(checkpoint, keep):
    with pytest.raises(InputError, match=rf"^The number of layers must be between 1 and 2\. Got {keep}\.$"):
        drop_layers(checkpoint.model, keep)


def test_layers_that_cannot_be_found_are_refused(tiny):
    with pytest.raises(ModelError, match="No list of 2 layers was found in AlbertForMaskedLM"):
        drop_layers(opened(tiny("albert")).model, 1)


@pytest.mark.parametrize("name", ["bert", "distilbert", "electra"])
def test_cut_positions_change_no_logit_of_a_text_that_fits(tiny, name, tmp_path):
    checkpoint = opened(tiny(name))
    before, _ = logits_of(checkpoint, "the shop closes")
    small = shrink(checkpoint, [], positions=16)
    after, _ = logits_of(small, "the shop closes")
    assert torch.equal(after, before)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    again = opened(tmp_path)
    assert again.tokenizer.model_max_length == again.model.config.max_position_embeddings == 16
    assert torch.allclose(logits_of(again, "the shop closes")[0], before, atol=1e-6)
    batch = again.tokenizer("shop " * 50, truncation=True, return_tensors="pt")
    assert again.model(**batch).logits.shape[1] == 16


def test_cut_positions_of_a_roberta_take_texts_as_long_as_they_say(tiny):
    small = shrink(opened(tiny("roberta")), [], positions=16)
    batch = small.tokenizer("shop " * 50, truncation=True, return_tensors="pt")
    assert batch["input_ids"].shape[1] == small.tokenizer.model_max_length
    small.model(**batch)


def test_positions_that_were_not_learned_cannot_be_cut(checkpoint):
    del checkpoint.model.base_model.embeddings.position_embeddings
    with pytest.raises(ModelError, match="has no learned positions to cut"):
        cut_positions(checkpoint.model, 16)


@pytest.mark.parametrize("length", [7, 65, 0])
def test_a_number_of_positions_out_of_range_is_refused(checkpoint, length):
    with pytest.raises(InputError, match=rf"^The number of positions must be between 8 and 64\. Got {length}\.$"):
        cut_positions(checkpoint.model, length)


def test_a_shrunken_model_fills_masks(checkpoint, sentences, tmp_path):
    from augment.generation.candidates import Draw
    from augment.text.fill_mask import FillMask

    small = shrink(checkpoint, sentences, vocabulary=280, layers=1, positions=24)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    made = FillMask(model=str(tmp_path), device="cpu")
    made.prepare()
    assert made._engine.pieces.window == 22
    assert made.candidates([Draw(TEXT * 9, "x", 0, 0, 0, 0)])[0].replacements
