"""The main job for vector strategies: encode, resample, look up, assemble, record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from augment import registry
from augment._version import __version__
from augment.errors import InputError
from augment.execution.choice import Execution
from augment.identity import digest, installed_versions
from augment.models.encoder import TextEncoder
from augment.run.encoding import encode
from augment.run.job import Job
from augment.run.manifest import recorded
from augment.run.vector_table import Decode, Vectors
from augment.vectors.row_keys import row_keys
from augment.vectors.upsampler import nearest, resampled


def identity(job: Job, encoder: TextEncoder) -> dict[str, Any]:
    """Return everything that determines the vectors, as plain data.

    Parameters
    ----------
    job : Job
    encoder : TextEncoder

    Returns
    -------
    dict
    """
    return {
        "version": __version__,
        "versions": installed_versions(),
        "input": job.corpus.fingerprint,
        "text_column": job.corpus.text_column,
        "label_column": job.corpus.label_column,
        "against": [{"name": file.name, "texts": digest(file.texts)} for file in job.held_out],
        "strategy": {**registry.STRATEGIES.to_config(job.strategy), "identity": job.strategy.identity()},
        "encoder": {**encoder.parameters(), "identity": encoder.identity()},
        "budget": job.budget,
        "copied": list(job.single_rows.copied),
        "seed": job.seed,
    }


def make(
    job: Job,
    encoder: TextEncoder,
    *,
    execution: Execution | None = None,
    decode: Decode | None = None,
    only_synthetic: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Vectors:
    """Make the vectors.

    Parameters
    ----------
    job : Job
        From `augment.run.job.plan_job`, with a vector strategy.
    encoder : TextEncoder
    execution : Execution, optional
        Who encodes the texts. Only this process by default. Changes the speed, not the result.
    decode : {"nearest"}, optional
        Look up the nearest real text of each new vector.
    only_synthetic : bool, default=False
        Recorded in the manifest.
    progress : callable, optional
        Called with the number of texts just encoded.

    Returns
    -------
    Vectors

    Raises
    ------
    InputError
        If the strategy cannot make the vectors.
    """
    start = time.perf_counter()
    corpus = job.corpus
    texts = [text or "" for text in corpus.texts]
    held_out = [text for file in job.held_out for text in file.texts]
    encoded = encode(encoder, texts, held_out, execution or Execution(), progress)
    vectors = encoded.vectors
    usable = np.zeros(len(vectors), dtype=bool)
    for rows in job.sources.values():
        usable[rows] = True
    job.strategy.set_params(random_state=job.seed)
    new = resampled(job.strategy, vectors, corpus.named_labels(), usable, job.budget, copied=job.single_rows.copied)
    nearest_rows = nearest(vectors, new.vectors, usable) if decode else None
    if held_out and np.isin(row_keys(new.vectors), row_keys(encoded.held_out)).any():
        raise InputError(
            "A new vector equals that of a held-out text, since a row of the input has that text. Remove such rows from"
            " the input, or choose another seed."
        )
    made = {label: new.labels.count(label) for label in job.budget}
    manifest = recorded(job, made=made, only_synthetic=only_synthetic, seconds=time.perf_counter() - start)
    manifest.encoder = {**encoder.parameters(), "identity": encoded.identity}
    manifest.decode = decode
    manifest.cut_texts = encoded.cut
    return Vectors(vectors, new, nearest_rows, manifest)
