"""Measure how similar the vectors of each strategy are to real rows. The page on GAN-SMOTE shows the results."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from augment.data.corpus import Corpus
from augment.errors import InputError
from augment.models.encoder import TextEncoder
from augment.registry import STRATEGIES
from augment.report.text_measures import Fidelity, reference_fidelity, vector_fidelity
from augment.vectors.upsampler import resampled

DUPLICATES = "duplicates"
"""Random copies of the rows of the class, as a control. They should be worst by distance to the nearest train row."""
ALL = (
    DUPLICATES,
    *("smote", "smote:sphere=slerp", "borderline-smote", "svm-smote", "adasyn", "kmeans-smote"),
    *("gaussian", "gan-smote", "gan-smote:stop_at=real", "gan-smote:generator_input=smote"),
    "gan-smote:generator_input=noise",
)
"""The strategies that are measured by default."""


@dataclass(frozen=True)
class Judged:
    """The measures of one strategy, as the mean over seeds."""

    name: str
    rows: int
    seconds: float
    """Seconds to make the vectors once."""
    fidelity: Fidelity


def vector_quality(
    train: Corpus,
    heldout: Corpus,
    label: str,
    encoder: TextEncoder,
    *,
    strategies: Sequence[str] = ALL,
    seeds: int = 3,
    log: Callable[[str], None] = lambda line: None,
) -> list[Judged]:
    """Raise one class to the size of the largest with every strategy, and compare the new vectors with held-out rows.

    Parameters
    ----------
    train : Corpus
        The rows that new vectors are made from.
    heldout : Corpus
        Held-out rows. No vector is made from them.
    label : str
        The class.
    encoder : TextEncoder
    strategies : sequence of str
        ``name`` or ``name:key=value,…`` of vector strategies, or `DUPLICATES`.
    seeds : int, default=3
        Runs of each, with the seeds from 0 on.
    log : callable, optional
        Called with a line after each run.

    Returns
    -------
    list of Judged
        Real rows first, then the strategies in their order.

    Raises
    ------
    InputError
        If the class or a strategy is unknown, or a strategy does not make vectors.
    """
    samplers = [_sampler(name) for name in strategies]
    labels, other = np.array(train.named_labels()), np.array(heldout.named_labels())
    if not ((labels == label).any() and (other == label).any()):
        raise InputError(f"Both files must have rows of class {label!r}: {train.name} has {', '.join(train.classes)}.")
    vectors, held = (encoder.encode([text or "" for text in corpus.texts]) for corpus in (train, heldout))
    usable = train.has_text & ~train.is_synthetic
    own, rest = usable & (labels == label), usable & (labels != label)
    real = vectors[own], held[other == label]
    others: dict[str, Any] = {
        "others_train": (vectors[rest], labels[rest]),
        "others_heldout": (held[other != label], other[other != label]),
    }
    reference = reference_fidelity(*real, **others)
    judged = [Judged("real rows", len(real[0]), 0.0, reference)]
    wanted = max(train.counts.values()) - train.counts[label]
    for name, sampler in zip(strategies, samplers, strict=True):
        runs, seconds = [], []
        for seed in range(seeds):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of a collapse, which the table shows
                sampler.set_params(random_state=seed)
                new = resampled(sampler, vectors, labels.tolist(), usable, {label: wanted}).vectors
            seconds.append(time.perf_counter() - start)
            runs.append(vector_fidelity(*real, new, reference=reference, **others))
            log(f"{name}, seed {seed}: {seconds[-1]:.1f} s")
        judged.append(Judged(name, wanted, float(np.median(seconds)), _mean(runs, reference)))
    return judged


def _sampler(name: str) -> Any:
    """Return the sampler of a strategy."""
    from imblearn.over_sampling import RandomOverSampler

    if name == DUPLICATES:
        return RandomOverSampler()
    if name.partition(":")[0] not in STRATEGIES.names("vector"):
        raise InputError(f"There is no vector strategy {name!r}. There are {', '.join(STRATEGIES.names('vector'))}.")
    return STRATEGIES.parse(name)


def _mean(runs: Sequence[Fidelity], reference: Fidelity) -> Fidelity:
    """Return the mean of each measure."""
    names = [field.name for field in fields(Fidelity) if field.name != "reference"]
    return Fidelity(
        **{name: float(np.mean([getattr(run, name) for run in runs])) for name in names}, reference=reference
    )
