"""`added_rows`, which makes the rows that an arm adds before the training."""

from __future__ import annotations

from typing import Any

import numpy as np

from augment.errors import InputError
from augment.generation.budget import rows_to_make
from augment.seeding import generator
from benchmarks.grid.kept_answers import Recipe, kept_draws, template
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Cell
from benchmarks.grid.tasks import TaskData
from classifiers.data.splits import near_copies


def added_rows(cell: Cell, data: TaskData, train: LabelledRows, reserve: LabelledRows) -> LabelledRows:
    """Return the rows that an arm adds to the training rows. None of them is a near copy of a held-out row."""
    if cell.arm.rows == "given":
        return LabelledRows()
    if cell.arm.replays is not None:
        return _clear(replayed_rows(train, cell.arm.replays), data)
    counts: dict[Any, int] = dict(train.counts)
    budget = rows_to_make("auto", counts)
    labels = np.array(reserve.labels if cell.arm.rows == "real" else train.labels)
    texts: list[str] = []
    names: list[str] = []
    for number, (name, wanted) in enumerate(budget.items()):
        if not wanted:
            continue
        if cell.arm.rows == "real":
            pool, source = np.flatnonzero(labels == name), reserve
        else:
            pool, source = np.flatnonzero(labels != name), train
        order = generator(cell.seed, "subset", number, 3).permutation(pool)
        if cell.arm.rows == "real":
            own = [source.texts[i] for i in order[:wanted]]
        else:
            own = _filled([source.texts[i] for i in np.resize(order, wanted)], cell.seed, cell.config.device)
        texts += own
        names += [str(name)] * len(own)
    if not texts:
        raise InputError("No class lacks rows, so there are none to add. Give the task a ratio.")
    return _clear(LabelledRows(tuple(texts), tuple(names)), data)


def _clear(rows: LabelledRows, data: TaskData) -> LabelledRows:
    """Leave near copies of held-out rows out."""
    return rows.taken(np.flatnonzero(~near_copies(list(rows.texts), [*data.validation.texts, *data.test_texts])))


def replayed_rows(train: LabelledRows, recipe: Recipe) -> LabelledRows:
    """Make the rows that a large language model has written for training rows, from the answers that are kept.

    Parameters
    ----------
    train : LabelledRows
        A draw of `benchmarks.grid.kept_answers.kept_draws`.
    recipe : {"new", "paraphrase"}

    Returns
    -------
    LabelledRows

    Raises
    ------
    InputError
        If a request of these rows has no answer.
    """
    from augment import LLM, upsample

    draw = kept_draws()[train.fingerprint]
    strategy = LLM(
        model="large-language-model",
        engine="replay",
        recipe=recipe,
        rows_per_request=draw.rows_per_request,
        template=str(template(recipe)),
        answers=str(draw.answers(recipe)),
    )
    rows = (list(train.texts), list(train.labels))
    (texts, labels), manifest = upsample(
        rows, strategy=strategy, sampling_strategy=draw.sampling_strategy, seed=0, only_synthetic=True
    )
    if manifest.missing:
        raise InputError(f"The answers that are kept no longer suffice: {manifest.shortfall()}")
    return LabelledRows(tuple(texts), tuple(labels))


def _filled(texts: list[str], seed: int, device: str) -> list[str]:
    """Return each text with words replaced by the fill-mask strategy. Texts without a replacement stay as they are."""
    from augment.generation.candidates import Draw
    from augment.text.fill_mask import FillMask

    # as in the published results: one filling of any words
    strategy = FillMask(mask_ratio=0.15, where="any", likeness=0, choose=1, device=device, random_state=seed)
    strategy.prepare()
    draws = [Draw(text, "", i, 0, 0, seed) for i, text in enumerate(texts)]
    made = strategy.candidates(draws)
    return [text if candidate is None else candidate.text for text, candidate in zip(texts, made, strict=True)]
