"""Encode the texts of a vector run, in this process or by the workers of an executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from augment.execution.choice import Execution
from augment.execution.executor import Place, in_order
from augment.models.encoder import TextEncoder

PART = 512
"""Texts of a task."""


class Encoded(NamedTuple):
    """The vectors of a run, and what their encoder says of itself where it has computed them."""

    vectors: np.ndarray
    """(n, d) float32."""
    held_out: np.ndarray
    """Those of held-out texts, (h, d) float32."""
    cut: int
    """Texts with more tokens than the encoder reads."""
    identity: dict[str, str]


class EncodingWork:
    """What a worker does: it encodes texts with an encoder of its own.

    Parameters
    ----------
    encoder : TextEncoder
        Its parameters are taken, not its model.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self.parameters = {
            **encoder.parameters(),
            "batch_size": encoder.batch_size,
            "device": encoder.device,
            "dtype": encoder.dtype,
        }

    def open(self, place: Place) -> dict[str, Any]:
        """Open the model."""
        self.encoder = TextEncoder(**{**self.parameters, "device": place.device(self.parameters["device"])})
        identity = self.encoder.identity()
        return {"device": identity["device"], "dtype": identity["dtype"], "identity": identity}

    def do(self, task: Sequence[str]) -> tuple[np.ndarray, int]:
        """Encode texts, and count those that are cut."""
        return self.encoder.encode(task), self.encoder.cut(task)


def encode(
    encoder: TextEncoder,
    texts: Sequence[str],
    held_out: Sequence[str],
    execution: Execution,
    progress: Callable[[int], None] | None,
) -> Encoded:
    """Encode texts. Who does it changes the speed, not the vectors.

    Parameters
    ----------
    encoder : TextEncoder
    texts, held_out : sequence of str
    execution : Execution
    progress : callable, optional
        Called with the number of texts just encoded; those held out are not counted.

    Returns
    -------
    Encoded
    """
    if execution.here:
        vectors = encoder.encode(texts, progress=progress)
        return Encoded(vectors, encoder.encode(held_out), encoder.cut(texts), encoder.identity())
    parts = _parts(texts)
    with execution.start(EncodingWork(encoder)) as executor:
        identity = executor.settled()[0]["identity"]
        blocks: list[np.ndarray] = []
        cut = 0
        for number, (vectors, too_long) in enumerate(in_order(executor, [*parts, *_parts(held_out)])):
            blocks.append(vectors)
            if number < len(parts):
                cut += too_long
                if progress is not None:
                    progress(len(vectors))
    joined = np.concatenate(blocks)  # a table has a row, or it was refused
    return Encoded(joined[: len(texts)], joined[len(texts) :], cut, identity)


def _parts(texts: Sequence[str]) -> list[list[str]]:
    return [list(texts[start : start + PART]) for start in range(0, len(texts), PART)]
