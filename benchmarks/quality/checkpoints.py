"""Measure a small checkpoint as a masked LM, by words, and as a sentence encoder, against a larger encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from augment import words
from augment.errors import InputError
from augment.models.checkpoints import Checkpoint
from augment.models.inference import Inference
from augment.models.length_batches import LENGTH_STEP
from augment.models.masked_lm import HeadStates
from augment.seeding import generator
from classifiers.pretraining.loop import pooled_vectors


@dataclass(frozen=True)
class WordAccuracy:
    """How often a masked LM predicts the masked word."""

    top_1: float
    """Share of masked words that are the most probable prediction, in [0, 1]."""
    top_5: float
    """Share of masked words among the five most probable predictions."""
    words: int
    """The number of masked words."""
    out_of_reach: float
    """Share of words of several pieces or unknown: these count as wrong."""


def word_accuracy(
    masked_lm: Checkpoint,
    texts: Sequence[str],
    *,
    ratio: float = 0.15,
    punctuation: bool = True,
    seed: int = 0,
    batch_size: int = 64,
) -> WordAccuracy:
    """Mask whole words of sentences, and measure how often the model predicts them.

    Words are those of the tokenizer's own pre-tokenization, which separates punctuation. The most probable entry
    of the whole vocabulary counts, whether or not `fillmask` would use it.

    Parameters
    ----------
    masked_lm : Checkpoint
        From `augment.models.checkpoints.load_masked_lm`.
    texts : sequence of str
        Sentences that the model has not seen.
    ratio : float, default=0.15
        Share of the words of a sentence that are masked; at least one is.
    punctuation : bool, default=True
        Whether punctuation marks count as words, as in the tokenizer. They are easier to predict.
    seed : int, default=0
        Chooses the words.
    batch_size : int, default=64

    Returns
    -------
    WordAccuracy
    """
    import torch

    tokenizer, device = masked_lm.tokenizer, masked_lm.device
    longest = min(256, masked_lm.longest() // LENGTH_STEP * LENGTH_STEP)
    head_states, projection = HeadStates(masked_lm.model), masked_lm.model.get_output_embeddings()
    inference = Inference(masked_lm)
    ranks: list[int] = []
    out_of_reach = 0
    for start in range(0, len(texts), batch_size):
        batch = list(texts[start : start + batch_size])
        encoded = tokenizer(
            batch,
            truncation=True,
            max_length=longest,
            padding=True,
            pad_to_multiple_of=LENGTH_STEP,
            return_tensors="pt",
        )
        ids, targets = encoded["input_ids"], []
        for i, text in enumerate(batch):
            pieces: dict[int, list[int]] = {}
            for position, word in enumerate(encoded.word_ids(i)):
                if word is None:
                    continue
                if punctuation or words.ALPHANUMERIC.search(text[slice(*encoded.word_to_chars(i, word))]):
                    pieces.setdefault(word, []).append(position)
            numbers = list(pieces)
            wanted = max(1, int(ratio * len(numbers) + 0.5))
            for chosen in sorted(generator(seed, "draw", start + i).permutation(len(numbers))[:wanted]):
                positions = pieces[numbers[chosen]]
                if len(positions) > 1 or ids[i, positions[0]] == tokenizer.unk_token_id:
                    out_of_reach += 1
                else:
                    targets.append((i, positions[0], int(ids[i, positions[0]])))
                ids[i, positions] = tokenizer.mask_token_id
        if not targets:
            continue
        rows, columns, right = (torch.tensor(column, device=device) for column in zip(*targets, strict=True))

        def ranked(batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
            ids, attention_mask, rows, columns, right = batch
            logits: torch.Tensor = projection(head_states(ids, attention_mask).head[rows, columns]).float()
            return (logits > logits.gather(1, right[:, None])).sum(1)

        inputs = (ids.to(device), encoded["attention_mask"].to(device), rows, columns, right)
        [batch_ranks] = inference.map(ranked, [inputs])
        ranks += batch_ranks.tolist()
    total = len(ranks) + out_of_reach
    if not total:
        raise InputError("There is no word to mask in the texts. Give sentences with words.")
    all_ranks = np.array(ranks)
    return WordAccuracy(
        top_1=float((all_ranks < 1).sum() / total),
        top_5=float((all_ranks < 5).sum() / total),
        words=total,
        out_of_reach=out_of_reach / total,
    )


def similarity_correlation(
    encoder: Checkpoint,
    reference: Checkpoint,
    texts: Sequence[str],
    *,
    pooling: str = "mean",
    pairs: int = 2000,
    seed: int = 0,
) -> float:
    """Compare two encoders by the cosine similarities that they give to the same random pairs of sentences.

    Parameters
    ----------
    encoder, reference : Checkpoint
        From `augment.models.checkpoints.load_encoder`.
    texts : sequence of str
        The sentences.
    pooling : str, default="mean"
        Of the encoder, one of `augment.models.pooling.POOLERS`; the reference is mean-pooled.
    pairs : int, default=2000
        How many pairs of two different sentences.
    seed : int, default=0
        Chooses the pairs.

    Returns
    -------
    float
        Spearman's rank correlation.
    """
    from scipy.stats import spearmanr

    if len(texts) < 2:
        raise InputError(f"Pairs need two different sentences or more. Got {len(texts)}. Give more.")
    rng = generator(seed, "draw")
    first = rng.integers(len(texts), size=pairs)
    second = (first + rng.integers(1, len(texts), size=pairs)) % len(texts)
    similarities = []
    for checkpoint, how in ((encoder, pooling), (reference, "mean")):
        vectors = np.zeros((len(texts), checkpoint.model.config.hidden_size), dtype=np.float32)
        for positions, batch in pooled_vectors(checkpoint, texts, how=how):
            vectors[positions] = batch / np.linalg.norm(batch, axis=1, keepdims=True)
        similarities.append((vectors[first] * vectors[second]).sum(1))
    return float(spearmanr(*similarities).statistic)
