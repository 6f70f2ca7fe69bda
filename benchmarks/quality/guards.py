"""Measure what each guard rejects, and whether an independent judge agrees. The default guards are based on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from augment.data.corpus import Corpus
from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.generation.plan import slots
from augment.guards.base import Guard, Originals
from augment.models.encoder import Encoders, TextEncoder
from augment.registry import GUARDS
from augment.text.base import TextStrategy

CONTRADICTED = 0.2
"""If the judge gives the class of a row a lower probability than this, the row is contradicted."""


@dataclass(frozen=True)
class Verdict:
    """The judge's result on texts that should belong to one class."""

    name: str
    rows: int
    rejected: float
    """Share of the candidates that the guard rejects."""
    own: float
    """Mean probability that the judge gives the class; nan without rows."""
    contradicted: float
    """Share of rows whose class gets a probability below `CONTRADICTED`; nan without rows."""


class HeldOutJudge:
    """A logistic regression on sentence vectors, fitted on rows that neither strategy nor guards have seen.

    Parameters
    ----------
    corpus : Corpus
        Held-out rows; every class weighs the same.
    model : str
        Encoder. It should differ from the encoder of the guards.
    """

    def __init__(self, corpus: Corpus, model: str) -> None:
        from sklearn.linear_model import LogisticRegression

        self.encoder = TextEncoder(model=model, normalize=True)
        rows = [(text, label) for text, label in zip(corpus.texts, corpus.named_labels(), strict=True) if text]
        self.fitted = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000).fit(
            self.encoder.encode([text for text, _ in rows]), [label for _, label in rows]
        )

    def own(self, texts: Sequence[str], label: str) -> np.ndarray:
        """Return the probability of a class for each text, (n,)."""
        if not texts:
            return np.zeros(0)
        shares: np.ndarray = self.fitted.predict_proba(self.encoder.encode(texts))
        return shares[:, list(self.fitted.classes_).index(label)]


def guard_quality(
    corpus: Corpus,
    label: str,
    strategy: TextStrategy,
    guards: Sequence[str],
    judge: HeldOutJudge,
    *,
    rows: int,
    seed: int = 0,
) -> list[Verdict]:
    """Make candidates of one class without guards, and measure which of them each guard keeps.

    Parameters
    ----------
    corpus : Corpus
        The training rows.
    label : str
        The class that candidates are made of.
    strategy : TextStrategy
        Makes them.
    guards : sequence of str
        As after ``--guard``; each is applied alone.
    judge : HeldOutJudge
        It must not have seen any of these rows.
    rows : int
        The number of candidates.
    seed : int, default=0

    Returns
    -------
    list of Verdict
        For the real rows of the class, the real rows of other classes (a judge that cannot tell them apart is useless),
        the candidates without guards, and the candidates that each guard keeps.

    Raises
    ------
    InputError
        If the class has no rows in one of the files, or no candidate can be made of it.
    """
    labels = corpus.named_labels()
    pairs = list(zip(corpus.texts, labels, strict=True))
    own = [i for i, (text, name) in enumerate(pairs) if name == label and text]
    if not own:
        raise InputError(f"{corpus.name}: there is no row of class {label!r}. Got {', '.join(sorted(set(labels)))}.")
    if label not in judge.fitted.classes_:
        raise InputError(
            f"The rows of the judge do not have the class {label!r}. They have {', '.join(judge.fitted.classes_)}."
        )
    strategy.check()
    strategy.prepare()
    plan = slots(own, seed=seed, stream=0, wanted=rows)
    chosen = [next(plan) for _ in range(rows)]
    draws = [Draw(str(pairs[slot.source][0]), label, slot.source, slot.variant, 0, seed) for slot in chosen]
    made = [(d, c) for d, c in zip(draws, strategy.candidates(draws), strict=True) if c is not None]
    if not made:
        raise InputError(f"{corpus.name}: the strategy {strategy.name!r} can make nothing of the class {label!r}.")
    originals, encoders = (
        Originals(texts=[text for text, _ in pairs], labels=labels, held_out=[], seed=seed),
        Encoders(),
    )

    def verdict(name: str, texts: Sequence[str], rejected: float = 0.0) -> Verdict:
        scores = judge.own(texts, label)
        if not len(scores):
            return Verdict(name, 0, rejected, math.nan, math.nan)
        return Verdict(name, len(texts), rejected, float(scores.mean()), float((scores < CONTRADICTED).mean()))

    verdicts = [
        verdict("real rows of the class", [str(pairs[i][0]) for i in own]),
        verdict("real rows of other classes", [text for text, name in pairs if name != label and text]),
        verdict("candidates, no guard", [candidate.text for _, candidate in made]),
    ]
    for name in guards:
        kept = _kept(GUARDS.parse(name), made, originals, encoders)
        verdicts.append(verdict(name, [candidate.text for candidate in kept], 1 - len(kept) / len(made)))
    return verdicts


def _kept(
    guard: Guard, made: Sequence[tuple[Draw, Candidate]], originals: Originals, encoders: Encoders
) -> list[Candidate]:
    """Return the candidates that one guard keeps, in order."""
    guard.prepare(encoders)
    guard.fit(originals)
    passed = guard.judge([draw for draw, _ in made], [candidate for _, candidate in made]).passed
    kept = []
    for ok, (_, candidate) in zip(passed, made, strict=True):
        if ok and guard.admits(candidate):
            guard.remember(candidate.text)
            kept.append(candidate)
    return kept
