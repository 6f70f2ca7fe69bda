"""Choose the texts that a masked language model learns from before it fills them, and for how long."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

from augment.errors import InputError
from augment.generation.candidates import Candidate
from augment.guards.base import Originals
from augment.guards.held_out import HeldOut
from augment.models.adapted_weights import Lesson, adapted
from augment.models.checkpoints import Checkpoint
from augment.models.label_prefix import conditioned
from augment.seeding import Subset, generator

MOST = 20_000
"""Of more texts so many are drawn at random."""
EPOCHS = (2, 10)
"""The fewest and the most epochs by default."""
LEARNT = 6_400
"""By default a model sees so many texts, repetitions counted, if that is possible with these epochs."""

_log = logging.getLogger(__name__)


def learnt_weights(
    checkpoint: Checkpoint,
    originals: Originals,
    *,
    adapt: int | bool,
    pool: Sequence[str] = (),
    labelled: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, Any]:
    """Train a model on the texts of a run, or find in the cache what it has learnt from them before.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model, which may be changed: open it anew for another use.
    originals : Originals
        As in `lesson`.
    adapt : int or bool
        The number of epochs; True for that of `epochs_for`.
    pool, labelled
        As in `lesson`.
    progress : callable, optional
        See `augment.text.base.TextStrategy.learn`.

    Returns
    -------
    dict
        The fields of `augment.models.adapted_weights.Adapted`.

    Raises
    ------
    InputError
        If there is no text to learn from.
    OutputError
        If the cache cannot be written.
    """
    texts = lesson(originals, pool, labelled=labelled)
    found = adapted(
        checkpoint,
        texts,
        epochs=epochs_for(len(texts.texts)) if adapt is True else int(adapt),
        seed=originals.seed,
        log=_log.info,
        progress=progress,
    )
    return found._asdict()


def lesson(originals: Originals, pool: Sequence[str] = (), *, labelled: bool = False) -> Lesson:
    """Choose texts to learn from: the real rows of the input, and a pool of other texts if there is one.

    Empty texts, repetitions, rows that an earlier run has made, and texts that equal or nearly equal a held-out one
    (`augment.guards.held_out.HeldOut`) are left out.

    Parameters
    ----------
    originals : Originals
        The rows of the input, and the held-out texts.
    pool : sequence of str, default=()
        Other texts, which have no labels.
    labelled : bool, default=False
        Show the words of the label before each text (`augment.models.label_prefix`).

    Returns
    -------
    Lesson
        At most `MOST` texts.

    Raises
    ------
    InputError
        If no text is left.
    """
    own = [
        (text.strip(), str(label) if labelled else None)
        for row, (text, label) in enumerate(zip(originals.texts, originals.labels, strict=True))
        if text and originals.is_real(row)
    ]
    items = [item for item in dict.fromkeys((*own, *((text.strip(), None) for text in pool))) if item[0]]
    guard = HeldOut()
    guard.fit(originals)
    free = guard.judge([], [Candidate(text) for text, _ in items]).passed
    items = [item for item, is_free in zip(items, free, strict=True) if is_free]
    if not items:
        raise InputError("There is no text to learn from. Leave `adapt` out, or give more texts.")
    if len(items) > MOST:
        _log.info(f"The model learns from {MOST:,} of {len(items):,} texts, drawn at random.")
        order = generator(originals.seed, "subset", 0, Subset.TEXTS_TO_LEARN).permutation(len(items))
        kept = sorted(order[:MOST].tolist())
        items = [items[place] for place in kept]
    shown = [(text, 0) if label is None else conditioned(text, label) for text, label in items]
    return Lesson([text for text, _ in shown], [start for _, start in shown])


def epochs_for(texts: int) -> int:
    """Return how often a model learns from so many texts by default: the fewer they are, the more often.

    Examples
    --------
    >>> epochs_for(300), epochs_for(2_000), epochs_for(20_000)
    (10, 4, 2)
    """
    fewest, most = EPOCHS
    return min(most, max(fewest, math.ceil(LEARNT / texts)))
