"""Parts of contrastive learning: the loss, positives and negatives, and two measures of sentence vectors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def info_nce(
    anchors: Tensor, candidates: Tensor, *, temperature: float = 0.05, excluded: Tensor | None = None
) -> Tensor:
    """Return the InfoNCE loss: the cross-entropy of each anchor's positive among all candidates, by cosine similarity.

    With the other view of each sentence as candidates this is unsupervised SimCSE (Gao et al. 2021, equation 4); with
    the entailments and, after them, the contradictions of each premise it is supervised SimCSE (equation 5); with the
    repetitions and, after them, a queue of other sentences it is ESimCSE (Wu et al. 2022, section 3.2).

    Parameters
    ----------
    anchors : Tensor of shape (batch, d)
        Any floating dtype, any length but 0.
    candidates : Tensor of shape (at least batch, d)
        First the positive of each anchor, in the same order, then the negatives of all anchors.
    temperature : float, default=0.05
        What cosines are divided by; above 0.
    excluded : Tensor of bool, shape (batch, candidates), optional
        Candidates that are not negatives of an anchor; see `same_text`. Never its own positive.

    Returns
    -------
    Tensor
        A scalar, float32: the mean cross-entropy of the positives.

    References
    ----------
    Gao, Yao and Chen 2021, "SimCSE: simple contrastive learning of sentence embeddings". Wu et al. 2022, "ESimCSE:
    enhanced sample building method for contrastive learning of unsupervised sentence embedding".

    Examples
    --------
    >>> import math
    >>> right = torch.eye(2)
    >>> float(info_nce(right, right, temperature=1.0)) - math.log(1 + math.exp(-1)) < 1e-6
    True
    """
    anchors, candidates = (nn.functional.normalize(vectors.float(), dim=1) for vectors in (anchors, candidates))
    similarities = anchors @ candidates.T / temperature
    if excluded is not None:
        similarities = similarities.masked_fill(excluded, -torch.inf)
    return nn.functional.cross_entropy(similarities, torch.arange(len(anchors), device=anchors.device))


def same_text(anchors: Tensor, positives: Tensor, others: Tensor) -> Tensor:
    """Find the candidates that are not negatives, since their text equals an anchor or its positive.

    Parameters
    ----------
    anchors, positives : Tensor of int64, shape (batch,)
        The number of each anchor's text, and of its positive's; equal texts have equal numbers.
    others : Tensor of int64, shape (m,)
        The numbers of the candidates after the positives.

    Returns
    -------
    Tensor of bool, shape (batch, batch + m)
        Where a candidate is the anchor's text or its positive's, or the positive of an equal anchor. False on the
        diagonal of the first `batch` columns.

    Examples
    --------
    >>> same_text(torch.tensor([0, 1]), torch.tensor([2, 2]), torch.tensor([1, 5])).int().tolist()
    [[0, 1, 0, 0], [1, 0, 1, 0]]
    """
    candidates = torch.cat([positives, others])
    same = (candidates == anchors[:, None]) | (candidates == positives[:, None])
    same[:, : len(anchors)] |= anchors == anchors[:, None]
    same.fill_diagonal_(False)
    return same


def repeated(
    pieces: np.ndarray, repeatable: np.ndarray, rate: float, room: int, rng: np.random.Generator
) -> np.ndarray:
    """Repeat some word pieces of a sentence. This makes the positive of ESimCSE, which has another length.

    Parameters
    ----------
    pieces : ndarray of int64, shape (n,)
        A sentence with its special tokens.
    repeatable : ndarray of bool, shape (n,)
        Which pieces are not special.
    rate : float
        At most this share of them is repeated, or two of them if that is more; in [0, 1].
    room : int
        The largest number of repetitions, for any rate: the tokens that the model takes beyond n.
    rng : numpy.random.Generator
        Draws the number of repetitions, uniformly from 0 to the largest, and the pieces.

    Returns
    -------
    ndarray of int64, shape (n + repetitions,)
        Each repetition stands behind its piece.

    References
    ----------
    Wu et al. 2022, section 3.1 ("sub-word repetition"): ``dup_len`` in [0, max(2, int(dup_rate * N))].

    Examples
    --------
    >>> words = np.array([False, True, True, True, False])
    >>> repeated(np.array([101, 7, 8, 9, 102]), words, 0.32, 8, np.random.default_rng(4)).tolist()
    [101, 7, 7, 8, 8, 9, 102]
    """
    places = np.flatnonzero(repeatable)
    most = min(max(2, int(rate * len(places))), len(places), room)
    times = np.ones(len(pieces), dtype=np.int64)
    times[rng.permutation(places)[: rng.integers(most + 1)]] = 2
    return np.repeat(pieces, times)


@torch.no_grad()
def follow(follower: nn.Module, leader: nn.Module, momentum: float) -> None:
    """Move every parameter of a module a little towards another's, in place.

    Parameters
    ----------
    follower, leader : Module
        Of one architecture.
    momentum : float
        The share that the follower keeps of itself, in [0, 1]: λ of θ_m ← λ θ_m + (1 − λ) θ_e.

    References
    ----------
    Wu et al. 2022, section 3.2, after He et al. 2020, "Momentum contrast for unsupervised visual representation
    learning".
    """
    for own, other in zip(follower.parameters(), leader.parameters(), strict=True):
        own.mul_(momentum).add_(other, alpha=1 - momentum)


class NegativeQueue:
    """A queue of the vectors of recent sentences. The oldest vectors leave first.

    Parameters
    ----------
    capacity : int
        Most vectors; 1 or more.
    width : int
        Numbers of each.
    device : torch.device, default="cpu"

    Attributes
    ----------
    vectors : Tensor of float32, shape (m, width)
        The oldest first; m is 0 to begin with, and at most `capacity`.
    texts : Tensor of int64, shape (m,)
        The number of each vector's text.
    """

    def __init__(self, capacity: int, width: int, device: torch.device | str = "cpu") -> None:
        self.capacity = capacity
        self.vectors = torch.zeros((0, width), device=device)
        self.texts = torch.zeros(0, dtype=torch.int64, device=device)

    def push(self, vectors: Tensor, texts: Tensor) -> None:
        """Append the vectors of a batch, (batch, width) without gradients, and the numbers of its texts, (batch,)."""
        self.vectors = torch.cat([self.vectors, vectors.float()])[-self.capacity :]
        self.texts = torch.cat([self.texts, texts])[-self.capacity :]


def alignment(first: Tensor, second: Tensor) -> float:
    """Return the mean squared distance between the vectors of positive pairs: L_align with α = 2, lower is better.

    Parameters
    ----------
    first, second : Tensor of shape (n, d)
        Row by row the vectors of a pair; they are brought to length 1.

    Returns
    -------
    float
        The mean squared distance, in [0, 4].

    References
    ----------
    Wang and Isola 2020, "Understanding contrastive representation learning through alignment and uniformity on the
    hypersphere", section 5.

    Examples
    --------
    >>> alignment(torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    1.0
    """
    first, second = (nn.functional.normalize(vectors.float(), dim=1) for vectors in (first, second))
    return float((first - second).square().sum(dim=1).mean())


def uniformity(vectors: Tensor) -> float:
    """Return how unevenly vectors lie on the sphere: L_uniform with t = 2, lower is better.

    Parameters
    ----------
    vectors : Tensor of shape (n, d)
        Of different sentences, at least two; they are brought to length 1.

    Returns
    -------
    float
        The logarithm of the mean of exp(−2 · squared distance) over all pairs, in [−8, 0]; 0 where all are one.

    References
    ----------
    Wang and Isola 2020, section 5; over the pairs of different rows, as in their figure 6.

    Examples
    --------
    >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    -8.0
    """
    distances = torch.pdist(nn.functional.normalize(vectors.float(), dim=1)).square()
    return float(distances.mul(-2).exp().mean().log())
