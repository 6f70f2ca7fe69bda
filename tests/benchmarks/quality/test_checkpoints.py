"""Words found are counted as a slow count counts them, and a model agrees with itself."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch

from augment.errors import InputError
from augment.models.checkpoints import load_encoder, load_masked_lm
from augment.seeding import generator
from benchmarks.quality.checkpoints import similarity_correlation, word_accuracy

pytestmark = pytest.mark.numeric


def opened(folder):
    return load_masked_lm(str(folder), device="cpu", dtype="float32")


def slow_accuracy(checkpoint, texts, ratio, seed):
    """One text at a time, words by a regular expression, ranks by sorting the whole model's logits."""
    tokenizer = checkpoint.tokenizer
    ranks, out_of_reach = [], 0
    for number, text in enumerate(texts):
        encoded = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
        offsets, ids = encoded["offset_mapping"][0].tolist(), encoded["input_ids"][0]
        spans = [match.span() for match in re.finditer(r"\w+", text)]
        wanted = max(1, int(ratio * len(spans) + 0.5))
        right = []
        for i in sorted(generator(seed, "draw", number).permutation(len(spans))[:wanted]):
            start, end = spans[i]
            places = [p for p, (a, b) in enumerate(offsets) if a < b and start <= a and b <= end]
            if len(places) == 1 and ids[places[0]] != tokenizer.unk_token_id:
                right.append((places[0], int(ids[places[0]])))
            else:
                out_of_reach += 1
            ids[places] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = checkpoint.model(input_ids=ids[None]).logits[0]
        ranks += [sorted(logits[p].tolist(), reverse=True).index(float(logits[p, piece])) for p, piece in right]
    total = len(ranks) + out_of_reach
    shares = [sum(rank < bound for rank in ranks) / total for bound in (1, 5)]
    return (*shares, total, out_of_reach / total)


TEXTS = ("The shop sells extraordinarily blue things.", "Москва film", "A sad song about 1234 days, and the garden!")


@pytest.mark.parametrize("ratio", [0.15, 0.5, 1.0])
@pytest.mark.parametrize("batch_size", [5, 64])
def test_accuracy_is_that_of_a_slow_count(bert, sentences, ratio, batch_size):
    checkpoint, texts = opened(bert), [*sentences[:12], *TEXTS]
    found = word_accuracy(checkpoint, texts, ratio=ratio, seed=3, batch_size=batch_size, punctuation=False)
    assert dataclasses.astuple(found) == pytest.approx(slow_accuracy(checkpoint, texts, ratio, 3))
    assert found.out_of_reach > 0
    assert found.words > 15


def test_a_model_that_always_says_the_finds_the_and_nothing_else(rigged):
    """Favourites are "the", "good", "film", "day", in this order: the first is top 1, all are top 5."""
    checkpoint = opened(rigged("bert"))
    assert dataclasses.astuple(word_accuracy(checkpoint, ["the the the", "The THE"], ratio=1.0)) == (1.0, 1.0, 5, 0.0)
    found = word_accuracy(checkpoint, ["the good film day", "good shop people the"], ratio=1.0)
    assert found.top_1 == 2 / 8
    assert 6 / 8 <= found.top_5 <= 7 / 8  # "shop" and "people": one of them at most takes the fifth place
    assert (found.words, found.out_of_reach) == (8, 0.0)


def test_punctuation_marks_are_words_unless_they_are_left_out(bert):
    with_marks, without = (
        word_accuracy(opened(bert), ["the good film, the shop!"], ratio=1.0, punctuation=marks).words
        for marks in (True, False)
    )
    assert (with_marks, without) == (7, 5)


def test_another_seed_masks_other_words(bert, sentences):
    checkpoint = opened(bert)
    found = {word_accuracy(checkpoint, [*sentences, *TEXTS], ratio=0.4, seed=seed) for seed in range(5)}
    assert len(found) > 1
    assert word_accuracy(checkpoint, sentences, seed=1) == word_accuracy(checkpoint, sentences, seed=1)


def test_batch_size_changes_nothing(bert, sentences):
    found = [word_accuracy(opened(bert), sentences, ratio=0.4, batch_size=size) for size in (1, 7, 64)]
    assert found[0] == found[1] == found[2]


def test_a_word_out_of_reach_counts_as_wrong(bert):
    found = word_accuracy(opened(bert), ["Москва"])
    assert (found.top_1, found.out_of_reach) == (0, 1)


@pytest.mark.parametrize("texts", [["!!!"], []])
def test_texts_without_a_word_are_refused(bert, texts):
    with pytest.raises(InputError, match="no word to mask"):
        word_accuracy(opened(bert), texts, punctuation=False)


def test_a_text_longer_than_the_model_takes_is_cut(bert, sentences):
    assert word_accuracy(opened(bert), [" ".join(sentences)]).words > 0


def test_a_model_correlates_perfectly_with_itself_and_not_with_noise(bert, tiny, sentences):
    encoder, other = (load_encoder(str(path), device="cpu", dtype="float32") for path in (bert, tiny("roberta")))
    assert similarity_correlation(encoder, encoder, sentences, pairs=200) == pytest.approx(1.0)
    assert similarity_correlation(encoder, other, sentences, pairs=200) < 0.9


def test_a_pair_takes_two_sentences(bert):
    with pytest.raises(InputError, match=r"Pairs need two different sentences or more\. Got 1"):
        similarity_correlation(opened(bert), opened(bert), ["The shop opens at nine ."])


def test_correlation_is_that_of_a_slow_count(bert, tiny, sentences):
    from scipy.stats import spearmanr

    encoders = [load_encoder(str(path), device="cpu", dtype="float32") for path in (bert, tiny("electra"))]
    rng = generator(4, "draw")
    first = rng.integers(len(sentences), size=60)
    second = (first + rng.integers(1, len(sentences), size=60)) % len(sentences)
    columns = []
    for encoder in encoders:
        with torch.no_grad():
            vectors = [
                encoder.model(**encoder.tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
                for text in sentences
            ]
        units = [vector / np.linalg.norm(vector) for vector in vectors]
        columns.append([float(units[i] @ units[j]) for i, j in zip(first, second, strict=True)])
    found = similarity_correlation(*encoders, sentences, pairs=60, seed=4)
    assert found == pytest.approx(spearmanr(*columns).statistic, abs=1e-3)
    assert all(i != j for i, j in zip(first, second, strict=True))


def test_the_encoder_is_pooled_as_asked_and_the_reference_by_the_mean(bert, sentences):
    encoder = load_encoder(str(bert), device="cpu", dtype="float32")
    assert similarity_correlation(encoder, encoder, sentences, pooling="mean", pairs=200) == pytest.approx(1.0)
    assert similarity_correlation(encoder, encoder, sentences, pooling="cls", pairs=200) < 0.95
