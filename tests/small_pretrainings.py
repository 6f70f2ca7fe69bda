"""Small texts that a tiny model is pretrained on in seconds, and what such trainings are looked at with."""

from __future__ import annotations

import random

import numpy as np
import torch
from safetensors.torch import load_file

from augment.models.checkpoints import load_masked_lm
from augment.models.word_masks import Sentences, WordMasks

WHO = ("the doctor", "my sister", "the waiter", "our guide", "the old man")
DID = ("opens", "closes", "knew", "asked for", "loved")
WHAT = ("the shop", "a good book", "the blue bus", "a quiet room", "the story", "a table", "the music", "the view")
TRIPLES = [
    (f"{who} {did} {what} .", f"{who} {did} it .", f"nobody {did} {what} .")
    for who in WHO
    for did in DID
    for what in WHAT
]
"""A sentence, one that follows from it, and one that contradicts it."""
TEXTS = [text for text, _, _ in TRIPLES]
"""200 short sentences."""
ROWS = [(text,) for text in TEXTS]


def opened(path):
    return load_masked_lm(str(path), device="cpu", dtype="float32")


def in_pieces(tokenizer, texts, epochs=1):
    """Texts in word pieces, as the trainer takes them in so many epochs."""
    data = Sentences(tokenizer, texts, [0] * len(texts), 40)
    return [data[i, epoch] for epoch in range(epochs) for i in range(len(data))]


def with_masks(checkpoint, rows, ratio, whole, seed):
    """Rows of word pieces as a batch, words masked."""
    tokenizer = checkpoint.tokenizer
    return WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, ratio, whole, seed)(rows)


def encoder_without_head(bert, folder, **more):
    from transformers import AutoModel, AutoTokenizer

    with torch.random.fork_rng():
        torch.manual_seed(3)
        AutoModel.from_pretrained(bert, **more).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bert).save_pretrained(folder)
    return folder


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first, second):
    """Whether the models in two folders have the same weights to the bit."""
    first, second = weights(first), weights(second)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def generator_states():
    """States of the global generators."""
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
