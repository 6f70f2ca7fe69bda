"""Can a judge tell new rows from real ones? It reads an encoder's token states, and is cross-validated by source."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.errors import InputError
from augment.seeding import Subset, generator
from benchmarks.quality.compared_rows import Pair

if TYPE_CHECKING:
    from torch import Tensor

FOLDS = 5
SETTINGS: dict[str, Any] = {
    "max_length": 96,
    "hidden": 128,
    "epochs": 4,
    "least_steps": 200,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "changed_token_weight": 4.0,
    "resamples": 400,
}
"""How the judge is trained (`least_steps` for few rows) and its interval computed. A result is computed again if one of
these differs."""
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class ToldApart:
    """How well a judge tells new rows from real rows: .5 for rows that read like real ones."""

    auc: float
    """The area under the ROC curve, averaged over the folds."""
    low: float
    high: float
    """The 95 % interval of `auc` if other sources and real rows had been drawn; the judges stay as they are."""


def told_apart(
    pairs: Sequence[Pair],
    encoder: str,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    log: Callable[[str], None] | None = None,
) -> ToldApart:
    """Train a judge on the rows of all folds but one, test it on the rows of that one, and so on.

    The encoder stays as it is. A small network gives each token a score from the token's states in three layers, and
    the score of a row is the highest of its tokens. It learns from two losses: which rows are new, and which tokens of
    the new rows are not in their source. A row that is judged shows nothing but its text.

    Parameters
    ----------
    pairs : sequence of Pair
        The new and the real rows.
    encoder : str
        A bundled name, a folder or a hub id.
    folds : int, default=5
        2 or more.
    seed : int, default=0
        Of the folds, the network and the interval.
    log : callable, optional
        Called with a line after each fold.

    Returns
    -------
    ToldApart

    Raises
    ------
    InputError
        If there are fewer sources than folds.
    ModelError
        If the encoder cannot be opened.

    References
    ----------
    Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests", section 3. The loss for each token is that of
    replaced token detection: Clark et al. 2020, ELECTRA, section 2.
    """
    texts, is_new, groups = rows_of(pairs)
    if len(set(groups[is_new])) < folds:
        raise InputError(
            f"A cross-validation by source needs as many sources as `folds`, which are {folds}. Got"
            f" {len(set(groups[is_new]))}. Give fewer."
        )
    states, places = token_states(texts, encoder)
    sources = [*(pair.source for pair in pairs), *(pair.real for pair in pairs)]
    changed = [changed_tokens(*row) for row in zip(sources, texts, places, strict=True)]
    areas, resampled = [], []
    for number, (training, test) in enumerate(folds_by_source(is_new, groups, folds=folds, seed=seed % 2**32), 1):
        scores = _judged(states, changed, is_new, training, test, seed=seed)
        areas.append(_auc(is_new[test], scores, np.ones(len(test))))
        resampled.append(_resampled(is_new[test], scores, groups[test], seed=seed, fold=number))
        if log is not None:
            log(f"fold {number} of {folds}: AUC {areas[-1]:.3f}")
    low, high = np.quantile(np.mean(resampled, axis=0), [0.025, 0.975])
    return ToldApart(float(np.mean(areas)), float(low), float(high))


def rows_of(pairs: Sequence[Pair]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the rows that a judge sees.

    Parameters
    ----------
    pairs : sequence of Pair

    Returns
    -------
    texts : list of str
        The new rows, and then the real ones.
    is_new : ndarray of bool, shape (n,)
    groups : ndarray of int64, shape (n,)
        Rows of one number must be in one fold: that of the source, or of the real row itself.
    """
    texts = [*(pair.new for pair in pairs), *(pair.real for pair in pairs)]
    groups = [*(pair.source_row for pair in pairs), *(pair.real_row for pair in pairs)]
    return texts, np.arange(len(texts)) < len(pairs), np.array(groups, dtype=np.int64)


def folds_by_source(
    is_new: np.ndarray, groups: np.ndarray, *, folds: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the training rows and the test rows of each fold. No group has rows in both.

    Parameters
    ----------
    is_new : ndarray of bool, shape (n,)
        Each fold has about the same share of new rows.
    groups : ndarray of int64, shape (n,)
    folds : int
    seed : int
        0 to 2**32 - 1.

    Yields
    ------
    tuple of two ndarrays of int64
    """
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros(len(groups)), is_new, groups)


def token_states(texts: Sequence[str], encoder: str) -> tuple[list[Tensor], list[list[tuple[int, int]]]]:
    """Encode texts token by token.

    The last layer of a sentence encoder is made for the topic. What is wrong with a word shows in earlier layers.

    Parameters
    ----------
    texts : sequence of str
    encoder : str

    Returns
    -------
    states : list of Tensor
        For each text float16, shape (tokens, 3 d): the layers at one third and two thirds of the depth, and the last.
    places : list of list of tuple of int
        Start and end in the text of each token; equal for special tokens.
    """
    import torch

    from augment.models.checkpoints import load_encoder
    from augment.models.inference import Inference
    from augment.models.length_batches import LengthBatch, length_batches, padded

    checkpoint = load_encoder(encoder)
    longest = checkpoint.longest(SETTINGS["max_length"])
    rows = checkpoint.tokenizer(list(texts), truncation=True, max_length=longest, return_offsets_mapping=True)
    ids = rows["input_ids"]

    def compute(batch: LengthBatch) -> Tensor:
        inputs, mask = padded(
            [ids[i] for i in batch.rows], batch.length, checkpoint.tokenizer.pad_token_id, checkpoint.device
        )
        layers = checkpoint.model(input_ids=inputs, attention_mask=mask, output_hidden_states=True).hidden_states
        depth = len(layers) - 1
        taken = [layers[-(-depth * third // 3)] for third in (1, 2, 3)]
        return torch.cat(taken, dim=-1).half().cpu()

    states: list[Tensor] = [torch.zeros(0)] * len(ids)
    batches = length_batches([len(row) for row in ids], longest, 64)
    for batch, part in zip(batches, Inference(checkpoint).map(compute, batches), strict=True):
        for i, own in zip(batch.rows, part, strict=True):
            states[i] = own[: len(ids[i])].clone()
    return states, rows["offset_mapping"]


def changed_tokens(source: str, new: str, places: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return which tokens of a new row belong to a changed word, or stand beside a place where words were deleted.

    Parameters
    ----------
    source, new : str
    places : sequence of tuple of int
        Start and end in `new` of each token.

    Returns
    -------
    ndarray of bool, shape (tokens,)

    Examples
    --------
    >>> changed_tokens("a good old film", "a fine film", [(0, 0), (0, 1), (2, 6), (7, 11)]).tolist()
    [False, False, True, False]
    """
    if source == new:
        return np.zeros(len(places), dtype=bool)
    before, after = _WORD.findall(source), list(_WORD.finditer(new))
    matcher = difflib.SequenceMatcher(None, before, [word.group() for word in after], autojunk=False)
    marked = np.zeros(len(new) + 1, dtype=bool)
    for kind, _, _, first, last in matcher.get_opcodes():
        if kind == "delete":
            first, last = first - 1, last + 1
        if kind != "equal":
            for word in after[max(first, 0) : last]:
                marked[word.start() : word.end()] = True
    return np.array([bool(marked[start:end].any()) for start, end in places], dtype=bool)


def _judged(
    states: list[Tensor],
    changed: list[np.ndarray],
    is_new: np.ndarray,
    training: np.ndarray,
    test: np.ndarray,
    *,
    seed: int,
) -> np.ndarray:
    """Train a judge on some rows, and return its scores of others."""
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

    from augment.models.inference import one_thread_each

    with one_thread_each(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        sample = torch.cat([states[i] for i in training[:: max(1, len(training) // 500)]]).float()
        mean, spread = sample.mean(0), sample.std(0) + 1e-4
        network = nn.Sequential(
            nn.Linear(len(mean), SETTINGS["hidden"]),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(SETTINGS["hidden"], 1),
        )

        def scored(rows: np.ndarray) -> tuple[Tensor, Tensor]:
            """Return the scores of all tokens of some rows, and those of the rows."""
            tokens = network((torch.cat([states[i] for i in rows]).float() - mean) / spread)[:, 0]
            lengths = [len(states[i]) for i in rows]
            return tokens, torch.stack([own.max() for own in tokens.split(lengths)])

        optimizer = torch.optim.AdamW(
            network.parameters(), lr=SETTINGS["learning_rate"], weight_decay=SETTINGS["weight_decay"]
        )
        batches = -(-len(training) // SETTINGS["batch_size"])
        epochs = max(SETTINGS["epochs"], -(-SETTINGS["least_steps"] // batches))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, SETTINGS["learning_rate"], total_steps=epochs * batches
        )
        weight = torch.tensor(SETTINGS["changed_token_weight"])
        for _ in range(epochs):
            for rows in np.array_split(rng.permutation(training), batches):
                tokens, judged = scored(rows)
                of_tokens = torch.from_numpy(np.concatenate([changed[i] & is_new[i] for i in rows])).float()
                of_rows = torch.from_numpy(is_new[rows]).float()
                loss = loss_of(tokens, of_tokens, pos_weight=weight) + loss_of(judged, of_rows)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        network.eval()
        with torch.inference_mode():
            scores = [scored(test[i : i + 64])[1] for i in range(0, len(test), 64)]
    return torch.cat(scores).numpy()


def _resampled(is_new: np.ndarray, scores: np.ndarray, groups: np.ndarray, *, seed: int, fold: int) -> np.ndarray:
    """Return the AUCs of a fold for samples of its sources and of its real rows, drawn with replacement."""
    rng, areas = generator(seed, "subset", fold, Subset.RESAMPLED_FOLD), []
    kinds = [np.unique(groups[is_new == kind], return_inverse=True)[1] for kind in (True, False)]
    for _ in range(SETTINGS["resamples"]):
        weights = np.zeros(len(scores))
        for kind, own in zip((True, False), kinds, strict=True):
            count = int(own.max()) + 1
            weights[is_new == kind] = np.bincount(rng.integers(count, size=count), minlength=count)[own]
        areas.append(_auc(is_new, scores, weights))
    return np.array(areas)


def _auc(is_new: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted share of pairs of a new and a real row in which the new one scores higher; a tie is half."""
    places = np.unique(scores, return_inverse=True)[1]
    real = np.bincount(places, np.where(is_new, 0.0, weights))
    below = np.cumsum(real) - real / 2
    new = np.where(is_new, weights, 0.0)
    return float((new * below[places]).sum() / (new.sum() * real.sum()))
