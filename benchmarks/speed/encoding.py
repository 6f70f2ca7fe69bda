"""`TextEncoder` against sentence-transformers: texts per second of the same model, in the same batches and dtype."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from augment.errors import CounterpoiseError, InputError
from augment.models.encoder import TextEncoder
from benchmarks.speed.contest import Competitor, Contest, ContestOptions, Measured, Setting, alone, elsewhere

PEER = Path(__file__).parent / "sentence_transformers_peer.py"
"""The script for the interpreter that has sentence-transformers."""
MAX_LENGTH = 256
"""Longest text in tokens, for both."""
COMPARED = 256
"""The number of texts whose vectors are compared before the measurement."""
TOLERANCE = 1e-4
"""The largest allowed difference between two vectors of one text, in any dimension."""


@dataclass(frozen=True, kw_only=True)
class EncodingSetting(Setting):
    """Texts to encode as the mean of the token states, in float32, not normalized."""

    texts: tuple[str, ...]
    model: str
    """A folder, a hub id, or a bundled name."""
    batch_size: int


def contests(options: ContestOptions, log: Callable[[str], None]) -> list[Contest]:
    """Return a contest for each batch size.

    Parameters
    ----------
    options : ContestOptions
        The texts of its data are used in order, and repeated if there are too few. Its `batch_sizes` are used by both;
        the default is 32 and 64.
    log : callable
        Called with the difference between the vectors, or with the way to get sentence-transformers if it is missing.

    Returns
    -------
    list of Contest
        One for each batch size. Without sentence-transformers only ours is measured.

    Raises
    ------
    InputError
        If there are no texts, or the given interpreter cannot run sentence-transformers.
    ModelError
        If the model is not an encoder.
    CounterpoiseError
        If the two do not give the same vectors.
    """
    from augment.data.corpus import read

    texts = [text for text in read(options.data).texts if text and text.strip()]
    if not texts:
        raise InputError(f"{options.data}: no row has a text. Give one with texts to encode.")
    chosen = tuple(texts[i % len(texts)] for i in range(options.rows))
    settings = [
        EncodingSetting(texts=chosen, model=options.model, batch_size=size, threads=options.threads)
        for size in options.batch_sizes or (32, 64)
    ]
    python = options.encoder_python or (sys.executable if importlib.util.find_spec("sentence_transformers") else None)
    if python is None:
        _encoder(settings[0]).prepare()
        log(
            "encoding: sentence-transformers is left out, since it is not installed here: run"
            " pip install 'counterpoise[peers]', or give `encoder_python` an interpreter that has it."
        )
    else:
        apart = largest_difference(settings[0], python=python)
        log(f"encoding: the vectors of {min(len(chosen), COMPARED):,} texts differ by {apart:.1e} at most.")
    return [
        Contest(
            f"encoding, batch size {setting.batch_size}",
            f"{options.rows:,} texts, {options.model}, batch size {setting.batch_size}, float32,"
            f" {options.threads} threads",
            "texts",
            setting,
            competitors(python),
        )
        for setting in settings
    ]


def competitors(python: str | None) -> list[Competitor]:
    """Return the competitors: ours, and sentence-transformers if an interpreter for it is given."""
    field_ = [Competitor("TextEncoder", encoding)]
    if python is not None:
        field_.append(Competitor("sentence-transformers", partial(sentence_transformers, python=python)))
    return field_


def encoding(setting: EncodingSetting) -> Measured:
    """Measure our encoder, tokenization included."""
    return alone(_encoding, setting)


def sentence_transformers(setting: EncodingSetting, *, python: str, vectors: str | None = None) -> Measured:
    """Measure ``SentenceTransformer.encode``, tokenization included, in an interpreter that has it.

    Parameters
    ----------
    setting : EncodingSetting
    python : str
        The interpreter.
    vectors : str, optional
        A file for the vectors, as ``.npy``. It is written after the measurement.

    Raises
    ------
    InputError
        If that interpreter cannot run it.
    """
    from augment.models.named_models import BUNDLED

    request = {
        "texts": setting.texts,
        "model": str(BUNDLED.get(setting.model, setting.model)),
        "batch_size": setting.batch_size,
        "max_length": MAX_LENGTH,
        "threads": setting.threads,
        "vectors": vectors,
    }
    return elsewhere(PEER, python, request, name="sentence-transformers", needs="sentence-transformers 5")


def largest_difference(setting: EncodingSetting, *, python: str) -> float:
    """Encode some of the texts with both encoders, and compare the vectors.

    Parameters
    ----------
    setting : EncodingSetting
        Its first `COMPARED` texts are used.
    python : str
        An interpreter with sentence-transformers.

    Returns
    -------
    float
        The largest difference between two vectors of one text, in any dimension.

    Raises
    ------
    CounterpoiseError
        If it is above `TOLERANCE`. Then the two do not do the same work, and a comparison of speed has no meaning.
    """
    setting = replace(setting, texts=setting.texts[:COMPARED])
    ours = _encoder(setting).encode(setting.texts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        sentence_transformers(setting, python=python, vectors=str(path))
        theirs = np.load(path)
    apart = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    if not apart <= TOLERANCE:
        raise CounterpoiseError(
            f"The vectors of sentence-transformers lie {apart:.1e} from ours, more than {TOLERANCE:.0e}. So the two do"
            f" not do the same work. Give a model whose pooling is the mean. Got {setting.model!r}."
        )
    return apart


def _encoder(setting: EncodingSetting) -> TextEncoder:
    return TextEncoder(
        model=setting.model, max_length=MAX_LENGTH, batch_size=setting.batch_size, device="cpu", dtype="float32"
    )


def _encoding(setting: EncodingSetting) -> tuple[int, float, float, tuple[float, ...], float]:
    from benchmarks.speed.product_limit import counted_products

    start = time.perf_counter()
    encoder = _encoder(setting)
    encoder.encode(setting.texts[:64])
    before = time.perf_counter() - start
    with counted_products(encoder.prepare().model) as products:
        ready = time.perf_counter()
        vectors = encoder.encode(setting.texts)
        seconds = time.perf_counter() - ready
    return len(vectors), seconds, before, (), products.seconds()
