"""The contrastive loss is that of the papers; repetition, the queue and the measures do what they say and no more."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from augment.seeding import generator
from classifiers.pretraining.contrastive_losses import (
    NegativeQueue,
    alignment,
    follow,
    info_nce,
    repeated,
    same_text,
    uniformity,
)

pytestmark = pytest.mark.numeric


def some(rows, width=8, seed=0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def at(*degrees):
    """Vectors in the plane, of different lengths."""
    return torch.tensor(
        [[r * math.cos(math.radians(d)), r * math.sin(math.radians(d))] for r, d in enumerate(degrees, 1)]
    )


# The loss


def test_the_loss_of_simcse_is_the_cross_entropy_of_the_matrix_of_cosines():
    anchors, positives = some(7), some(7, seed=1)
    cosines = nn.functional.cosine_similarity(anchors[:, None], positives[None], dim=2)
    expected = nn.functional.cross_entropy(cosines / 0.05, torch.arange(7))
    assert float(info_nce(anchors, positives)) == pytest.approx(float(expected), abs=1e-5)


def test_the_loss_of_simcse_is_that_worked_out_by_hand():
    # Equation 4 with cosines 1 and cos 60 = .5 of the first anchor, cos 30 and 0 of the second, at temperature .5.
    loss = info_nce(at(0, 90), at(0, 60), temperature=0.5)
    first = -math.log(math.exp(2) / (math.exp(2) + math.exp(1)))
    cosine = math.cos(math.radians(30)) / 0.5
    second = -math.log(math.exp(cosine) / (math.exp(cosine) + 1))
    assert float(loss) == pytest.approx((first + second) / 2, abs=1e-6)


def test_hard_negatives_stand_in_every_denominator():
    premises, entailments, contradictions = some(5), some(5, seed=1), some(5, seed=2)
    found = float(info_nce(premises, torch.cat([entailments, contradictions]), temperature=0.1))

    def e(i, vectors, j):
        return math.exp(float(nn.functional.cosine_similarity(premises[i], vectors[j], dim=0)) / 0.1)

    losses = []  # equation 5 of Gao et al. 2021, as it is written there
    for i in range(5):
        below = sum(e(i, entailments, j) + e(i, contradictions, j) for j in range(5))
        losses.append(-math.log(e(i, entailments, i) / below))
    assert found == pytest.approx(sum(losses) / 5, abs=1e-5)


def test_an_excluded_candidate_is_as_good_as_absent():
    anchors, positives, queue = some(4), some(4, seed=1), some(3, seed=2)
    excluded = torch.zeros((4, 7), dtype=torch.bool)
    excluded[:, 5] = True
    without = info_nce(anchors, torch.cat([positives, queue[[0, 2]]]))
    assert torch.allclose(info_nce(anchors, torch.cat([positives, queue]), excluded=excluded), without)


def test_the_loss_and_its_gradient_are_finite_where_all_but_the_positive_is_excluded():
    anchors = some(3).requires_grad_()
    loss = info_nce(anchors, anchors, excluded=~torch.eye(3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert anchors.grad.isfinite().all()


def test_the_loss_does_not_know_lengths_and_half_precision_is_near():
    anchors, positives = some(6), some(6, seed=1)
    loss = float(info_nce(anchors, positives))
    assert float(info_nce(anchors * 7, positives * torch.arange(1, 7)[:, None])) == pytest.approx(loss, abs=1e-4)
    assert float(info_nce(anchors.half(), positives.half())) == pytest.approx(loss, abs=0.02)
    assert info_nce(anchors.half(), positives.half()).dtype is torch.float32


def test_the_gradient_brings_positives_together_and_negatives_apart():
    anchors, positives = some(6).requires_grad_(), some(6, seed=1)
    loss = info_nce(anchors, positives)
    loss.backward()
    assert float(info_nce((anchors - 0.05 * anchors.grad).detach(), positives)) < float(loss.detach())


def test_candidates_that_say_the_same_are_no_negatives():
    #           premises 0 0 3, entailments 1 2 1, contradictions 4 0 1
    same = same_text(torch.tensor([0, 0, 3]), torch.tensor([1, 2, 1]), torch.tensor([4, 0, 1]))
    assert same.int().tolist() == [
        [0, 1, 1, 0, 1, 1],  # the same premise's other entailment; its own entailment twice; itself
        [1, 0, 0, 0, 1, 0],  # the third entailment is another's
        [1, 0, 0, 0, 0, 1],
    ]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.lists(st.integers(0, 6), max_size=6), st.data())
def test_exclusions_are_those_of_a_slow_count(premises, others, data):
    positives = data.draw(st.lists(st.integers(0, 6), min_size=len(premises), max_size=len(premises)))
    found = same_text(torch.tensor(premises), torch.tensor(positives), torch.tensor(others, dtype=torch.int64))
    for i, (premise, positive) in enumerate(zip(premises, positives, strict=True)):
        for j, candidate in enumerate([*positives, *others]):
            expected = candidate in (premise, positive) or (j < len(premises) and premises[j] == premise)
            assert bool(found[i, j]) == (expected and i != j)


# Word repetition


@st.composite
def sentences(draw):
    """Pieces, all different, and which of them are special: some at both ends."""
    count, before, after = draw(st.integers(0, 40)), draw(st.integers(0, 2)), draw(st.integers(0, 2))
    repeatable = np.array([False] * before + [True] * count + [False] * after, dtype=bool)
    return np.arange(100, 100 + len(repeatable)), repeatable


@settings(max_examples=200)
@given(sentences(), st.floats(0, 1), st.integers(0, 50), st.integers(0, 2**32))
def test_repetition_only_repeats_and_never_a_special_token(sentence, rate, room, seed):
    pieces, repeatable = sentence
    found = repeated(pieces, repeatable, rate, room, generator(seed, "repetition"))
    numbers, counts = np.unique(found, return_counts=True)
    assert found.tolist() == sorted(found), "the order of the pieces is another"
    assert numbers.tolist() == pieces.tolist(), "a piece is missing, or new"
    assert set(counts) <= {1, 2}
    assert (counts[~repeatable] == 1).all()
    words = int(repeatable.sum())
    assert len(found) - len(pieces) <= min(max(2, int(rate * words)), words, room)


@pytest.mark.parametrize(("words", "most"), [(1, 1), (2, 2), (5, 2), (9, 2), (10, 3), (25, 8)])
def test_how_many_are_repeated_is_even_from_none_to_the_published_most(words, most):
    pieces, repeatable = np.arange(words + 2), np.array([False, *[True] * words, False])
    lengths = [len(repeated(pieces, repeatable, 0.32, 99, generator(s, "repetition"))) for s in range(1500)]
    times = np.bincount(np.array(lengths) - len(pieces), minlength=most + 1)
    assert len(times) == most + 1
    assert times / 1500 == pytest.approx(1 / (most + 1), abs=0.05)


def test_every_piece_is_repeated_as_often_as_another():
    pieces, repeatable = np.arange(12), np.array([False, *[True] * 10, False])
    found = [repeated(pieces, repeatable, 0.32, 99, generator(0, "repetition", row)) for row in range(3000)]
    often = np.bincount(np.concatenate(found), minlength=12) / 3000 - 1
    assert often[[0, 11]].tolist() == [0, 0]
    assert often[1:11] == pytest.approx(0.15, abs=0.03)


def test_repetition_leaves_its_input_alone_and_follows_from_its_generator():
    pieces, repeatable = np.arange(30), np.arange(30) % 7 > 0
    found = [repeated(pieces, repeatable, 0.9, 99, generator(s, "repetition", 1, 2)).tolist() for s in (3, 3, 4)]
    assert found[0] == found[1] != found[2]
    assert pieces.tolist() == list(range(30))


# Momentum and queue


def test_the_follower_moves_by_exactly_its_share():
    leader, follower = nn.Linear(3, 2), nn.Linear(3, 2).requires_grad_(False)
    before, aim = copy.deepcopy(follower), copy.deepcopy(leader)
    follow(follower, leader, 0.75)
    for own, old, new in zip(follower.parameters(), before.parameters(), leader.parameters(), strict=True):
        assert torch.allclose(own, 0.75 * old + 0.25 * new, rtol=0, atol=1e-7)
    assert all(torch.equal(a, b) for a, b in zip(leader.parameters(), aim.parameters(), strict=True))
    follow(follower, leader, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(follower.parameters(), leader.parameters(), strict=True))
    still = copy.deepcopy(follower)
    follow(follower, nn.Linear(3, 2), 1.0)
    assert all(torch.equal(a, b) for a, b in zip(follower.parameters(), still.parameters(), strict=True))


def test_the_queue_is_first_in_first_out_and_holds_nothing_before_it_is_filled():
    queue, pushed = NegativeQueue(5, 4), some(12, 4)
    assert queue.vectors.shape == (0, 4)
    assert queue.texts.shape == (0,)
    for end, kept in ((2, [0, 1]), (4, [0, 1, 2, 3]), (6, [1, 2, 3, 4, 5]), (12, [7, 8, 9, 10, 11])):
        start = {2: 0, 4: 2, 6: 4, 12: 6}[end]
        queue.push(pushed[start:end], torch.arange(start, end))
        assert queue.texts.tolist() == kept
        assert torch.equal(queue.vectors, pushed[kept])


def test_an_empty_queue_is_no_negative():
    anchors, positives, queue = some(4), some(4, seed=1), NegativeQueue(9, 8)
    assert torch.equal(info_nce(anchors, torch.cat([positives, queue.vectors])), info_nce(anchors, positives))
    queue.push(some(2, seed=3), torch.tensor([7, 8]))
    assert info_nce(anchors, torch.cat([positives, queue.vectors])) > info_nce(anchors, positives)


# Alignment and uniformity


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((0, 90), (0, 90), 0), ((0, 0), (180, 180), 4), ((0, 0), (90, 0), 1), ((0, 30), (60, 90), 1)],
    ids=["equal", "opposite", "half", "sixty-degrees"],
)
def test_alignment_is_that_worked_out_by_hand(first, second, expected):
    assert alignment(at(*first), at(*second)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        ((10, 10, 10), 0),
        ((0, 180), -8),
        ((0, 90), -4),
        ((0, 90, 180), math.log((2 * math.exp(-4) + math.exp(-8)) / 3)),
    ],
    ids=["one-point", "opposite", "right-angle", "three"],
)
def test_uniformity_is_that_worked_out_by_hand(degrees, expected):
    assert uniformity(at(*degrees)) == pytest.approx(expected, abs=1e-5)


def test_the_measures_are_those_of_the_papers_own_code():
    first, second = (nn.functional.normalize(vectors, dim=1) for vectors in (some(40), some(40, seed=1)))
    assert alignment(first, second) == pytest.approx(float((first - second).norm(dim=1).pow(2).mean()), abs=1e-5)
    assert uniformity(first) == pytest.approx(float(torch.pdist(first).pow(2).mul(-2).exp().mean().log()), abs=1e-5)


def test_spread_vectors_are_more_uniform_than_a_cone():
    vectors = some(200, 32)
    assert uniformity(vectors) < uniformity(vectors + 1) < uniformity(vectors + 5) < 0
