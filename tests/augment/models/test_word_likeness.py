"""Words are alike by their embeddings, once what all words share is taken out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.models.checkpoints import load_masked_lm
from augment.models.masked_lm import WordVocabulary
from augment.models.word_likeness import WordLikeness


def weights(n=400, d=16):
    """Embeddings with a large common mean and one large common direction; 0 and 1 are twins, 2 is their opposite."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(n, d, generator=generator)
    rows[1], rows[2] = rows[0], -rows[0]
    frequency = torch.rand(n, 1, generator=generator) * 20
    return rows + 7 + frequency * torch.nn.functional.normalize(torch.ones(d) - 2 * torch.eye(d)[0], dim=0)


def test_twins_are_alike_whatever_their_frequency():
    likeness = WordLikeness(weights(), range(400))
    found = likeness.likeness([0], np.arange(400))
    assert found[0] == found.max()
    assert found[1] == pytest.approx(found[0], rel=0.05)
    assert found[2] == found.min()


def test_unlike_words_have_a_spread_of_one():
    likeness = WordLikeness(weights(), range(400))
    others = np.concatenate([likeness.likeness([i], np.arange(i + 1, 400)) for i in range(3, 60)])
    assert others.mean() == pytest.approx(0, abs=0.15)
    assert others.std() == pytest.approx(1, abs=0.15)


def test_a_word_of_several_pieces_is_their_mean():
    table = weights()
    table[5] = (table[0] + table[3]) / 2
    likeness = WordLikeness(table, range(400))
    entries = np.arange(400)
    np.testing.assert_allclose(likeness.likeness([0, 3], entries), likeness.likeness([5], entries), atol=1e-5)


def test_a_table_of_words_says_the_same_in_small_steps():
    likeness = WordLikeness(weights(), range(400))
    words, entries = [[0], [0, 3], [7]], np.arange(50, 250)
    table = likeness.table(words, entries)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, [likeness.likeness(word, entries) for word in words], atol=0.05)


@pytest.mark.parametrize("d", [16, 384, 1024, 4096])
def test_a_table_is_exact_in_any_order(d):
    likeness = WordLikeness(weights(200, d), range(200))
    table = likeness.table([[i] for i in range(40)], np.arange(200))
    assert (table == [likeness.table([[i]], np.arange(200))[0] for i in range(40)]).all()
    backwards = likeness.table([[i] for i in reversed(range(40))], np.arange(200)[::-1].copy())
    assert (table == backwards[::-1, ::-1]).all()


def test_mini_finds_words_of_a_kind():
    checkpoint = load_masked_lm("mini", device="cpu", dtype="float32")
    vocabulary = WordVocabulary(checkpoint.tokenizer, checkpoint.model.config.vocab_size)
    entries = [entry for entry, word in enumerate(vocabulary.words) if word is not None]
    likeness = WordLikeness(checkpoint.model.get_input_embeddings().weight, entries)
    for word, nearest in (("monday", "tuesday"), ("film", "movie"), ("noodles", "pasta")):
        found = likeness.likeness([vocabulary.words.index(word)], np.array(entries))
        best = [vocabulary.words[entries[i]] for i in np.argsort(-found)[:6]]
        assert best[0] == word
        assert nearest in best
