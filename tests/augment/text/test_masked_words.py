"""Words are drawn in rounds, the easily replaced ones sooner, and masked some at a time."""

from __future__ import annotations

import numpy as np
import pytest

from augment.text.masked_words import masked_words


def drawn(n=9, turn=0, least=2, together=2, weight=1.0, ease=None):
    ease = [0.0] * n if ease is None else ease
    return masked_words(ease, turn=turn, least=least, together=together, weight=weight, rng_of=np.random.default_rng)


@pytest.mark.parametrize(("n", "least", "together"), [(9, 2, 2), (9, 2, 4), (9, 4, 2), (5, 8, 3), (1, 2, 1), (7, 3, 1)])
def test_each_word_comes_in_a_round_and_no_masking_repeats_one(n, least, together):
    at_once = min(max(least, together), n)
    turns = -(-n // at_once)
    for number in range(3):
        found = [drawn(n, number * turns + turn, least, together) for turn in range(turns)]
        assert {word for maskings in found for words in maskings for word in words} == set(range(n))
        for maskings in found:
            assert len({word for words in maskings for word in words}) == at_once
            for words in maskings:
                assert len(set(words)) == len(words) == min(together, at_once)


def test_rounds_differ():
    assert len({str(drawn(turn=turn)) for turn in range(0, 50, 5)}) > 5


def test_a_replaceability_is_the_logit_of_coming_first():
    ease = [0.0, 1.0, 2.0]
    first = np.bincount([drawn(ease=ease, turn=2 * turn)[0][0] for turn in range(4000)], minlength=3) / 4000
    expected = np.exp(ease) / np.exp(ease).sum()
    np.testing.assert_allclose(first, expected, atol=0.03)
    even = np.bincount([drawn(ease=ease, turn=2 * turn, weight=0)[0][0] for turn in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(even, 1 / 3, atol=0.03)
