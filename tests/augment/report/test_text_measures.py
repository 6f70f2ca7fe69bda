"""Diversity, length, similarity, the plane and the marked words, against values worked out by hand or the long way."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.report.text_measures import changed_words, distinct, paired_cosines, project, self_bleu, word_counts
from augment.words import folded_words

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=7).map(" ".join)


def bleu_the_long_way(text: list[str], others: list[list[str]], order: int = 4) -> float:
    """BLEU of one text against all others, with each n-gram looked up in each."""
    logarithms = []
    for n in range(1, order + 1):
        own = Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
        if own:
            found = [Counter(tuple(other[i : i + n]) for i in range(len(other) - n + 1)) for other in others]
            matches = sum(min(count, max(other[gram] for other in found)) for gram, count in own.items())
            logarithms.append(math.log((matches or 0.1) / own.total()))
    closest = min((abs(len(other) - len(text)), len(other)) for other in others)[1]
    penalty = 1.0 if len(text) >= closest else math.exp(1 - closest / len(text))
    return penalty * math.exp(sum(logarithms) / len(logarithms))


def test_distinct_is_different_ngrams_over_ngrams() -> None:
    # the old shop the old town: 4 of 6 words, and of the pairs "the old", "old shop", "the old", "old town" 3 of 4
    texts = ["The old shop.", "the OLD town"]
    assert distinct(texts, 1) == pytest.approx(4 / 6)
    assert distinct(texts, 2) == pytest.approx(3 / 4)
    assert math.isnan(distinct(texts, 4))


def test_ngrams_do_not_run_from_one_text_into_the_next() -> None:
    assert distinct(["a b", "a b"], 2) == 0.5
    assert math.isnan(distinct(["a", "b"], 2))


def test_self_bleu_of_a_pair_worked_out_by_hand() -> None:
    # Of "a b c d" against "a b c e", and the other way round: 3 of 4 words, 2 of 3 pairs, 1 of 2 triples, and in place
    # of none of the one 4-gram a tenth.
    expected = (3 / 4 * 2 / 3 * 1 / 2 * 0.1) ** (1 / 4)
    assert self_bleu(["a b c d", "a b c e"]) == pytest.approx(expected)


def test_shorter_texts_pay_for_their_brevity() -> None:
    # "a b" against "a b c d": all words and pairs match, exp(1 - 4 / 2); the other: 2/4, 1/3, .1/2, .1/1, no penalty
    short, long = math.exp(-1), (1 / 2 * 1 / 3 * 0.05 * 0.1) ** (1 / 4)
    assert self_bleu(["a b", "a b c d"]) == pytest.approx((short + long) / 2)


def test_a_text_is_not_compared_with_itself() -> None:
    assert self_bleu(["a a a a", "b b b b"]) < 0.1
    assert self_bleu(["a b c d", "a b c d"]) == pytest.approx(1)


@given(texts=st.lists(WORDS, min_size=2, max_size=6))
def test_the_fast_way_of_self_bleu_equals_the_long_one(texts: list[str]) -> None:
    tokens = [words for words in map(folded_words, texts) if words]
    if len(tokens) < 2:
        assert math.isnan(self_bleu(texts))
        return
    scores = [bleu_the_long_way(text, tokens[:i] + tokens[i + 1 :]) for i, text in enumerate(tokens)]
    assert self_bleu(texts) == pytest.approx(sum(scores) / len(scores))


def test_words_are_counted_without_punctuation() -> None:
    assert word_counts(["Do n't stop!", "", "¿Qué?"]).tolist() == [2, 0, 1]


def test_cosines_of_pairs() -> None:
    found = paired_cosines(np.array([[1, 0], [1, 1], [0, 0], [2, 0]]), np.array([[0, 5], [1, 0], [1, 0], [-1, 0]]))
    assert found.tolist() == pytest.approx([0, math.sqrt(0.5), 0, -1])


def test_the_plane_keeps_distances_of_flat_data_and_fixes_the_signs() -> None:
    flat = np.array([[0, 0, 7], [6, 0, 7], [0, 2, 7], [6, 2, 7]], dtype=np.float32)
    points, shares = project(flat)
    assert np.abs(points) == pytest.approx(np.array([[3, 1]] * 4))
    assert (points[1] - points[0]).tolist() == pytest.approx([6, 0])  # towards the larger values
    assert (points[2] - points[0]).tolist() == pytest.approx([0, 2], abs=1e-6)
    assert shares.tolist() == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.ones((4, 3)), np.zeros((2, 1))])
def test_data_without_directions_lie_in_one_point(vectors: np.ndarray) -> None:
    points, shares = project(vectors)
    assert not points.any()
    assert points.shape == (len(vectors), 2)
    assert not shares.any()


def marked(source: str, variant: str) -> tuple[str, str]:
    return tuple(
        "".join(f"[{p.text}]" if p.changed else p.text for p in part) for part in changed_words(source, variant)
    )


@pytest.mark.parametrize(
    ("source", "variant", "before", "after"),
    [
        ("a good  film.", "a fine  film.", "a [good]  film.", "a [fine]  film."),
        ("not so bad", "not bad", "not [so] bad", "not bad"),
        ("it is", "it really is", "it is", "it [really] is"),
        ("Fine!", "Fine?", "Fine[!]", "Fine[?]"),
        ("same", "same", "same", "same"),
        ("", "new", "", "[new]"),
        ("两 好 店", "两 坏 店", "两 [好] 店", "两 [坏] 店"),
    ],
)
def test_changed_words_are_marked_in_both_texts(source: str, variant: str, before: str, after: str) -> None:
    assert marked(source, variant) == (before, after)


@given(source=st.text(max_size=40), variant=st.text(max_size=40))
def test_the_pieces_joined_are_the_texts(source: str, variant: str) -> None:
    before, after = changed_words(source, variant)
    assert ("".join(p.text for p in before), "".join(p.text for p in after)) == (source, variant)
