"""`added_rows`, the rows that an arm adds before the training."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from augment.errors import InputError
from augment.files import replacing
from augment.generation.budget import rows_to_make
from augment.plain_data import read_json
from augment.registry import STRATEGIES
from augment.seeding import Subset, generator
from benchmarks.grid.cells import Cell, real_rows, wanted_rows
from benchmarks.grid.kept_answers import Recipe, kept_draws, template
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.tasks import LEFT_OUT, TaskData
from classifiers.config import Static
from classifiers.data.splits import near_copies


class AddedRows(NamedTuple):
    """The rows that an arm adds."""

    rows: LabelledRows = LabelledRows()
    report: Mapping[str, Any] = {}
    """In the form of `augment.Manifest`: ``made``, ``missing``, ``rejected``, ``seconds``. Empty if the arm adds no
    rows."""


def added_rows(cell: Cell, data: TaskData, shared: Path) -> AddedRows:
    """Return the rows that an arm adds to the training rows, from a file if another cell has made them.

    Parameters
    ----------
    cell : Cell
    data : TaskData
    shared : Path
        The folder of what several cells use.

    Returns
    -------
    AddedRows
        None of them is a near copy of a held-out row. Empty if the arm adds no rows, or makes them in the training.

    Raises
    ------
    CounterpoiseError
        If rows cannot be made.
    """
    if not cell.makes_rows_first:
        return AddedRows()
    file = shared / "added" / f"{cell.rows_key}.json"
    if file.is_file():
        texts, labels, report = read_json(file)
        return AddedRows(LabelledRows(tuple(texts), tuple(labels)), report)
    added = _made(cell, data, shared / "vectors")
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as staged:
        staged.write_text(json.dumps([added.rows.texts, added.rows.labels, added.report]), encoding="utf-8")
    return added


def _made(cell: Cell, data: TaskData, vectors: Path) -> AddedRows:
    train, reserve = data.drawn(cell.seed)
    arm, held_out = cell.arm, [*data.validation.texts, *data.test_texts]
    lacking: dict[str, int] = {}
    if arm.replays is not None:
        rows = replayed_rows(train, arm.replays)
    elif arm.takes_left_out_rows:
        there = real_rows(arm.rows, cell.sampling_strategy, data, train, reserve)
        wanted = wanted_rows(arm.rows, cell.sampling_strategy, data, train)
        lacking = {name: count - there.get(name, 0) for name, count in wanted.items() if count > there.get(name, 0)}
        rows = _drawn(there, reserve, cell.seed, lambda name, label: label == name)
    elif arm.rows in ("wrong-label", "rebalanced-others"):
        rows = _drawn(_budget(cell, train), train, cell.seed, lambda name, label: label != name)
        if arm.rows == "wrong-label":
            rows = LabelledRows(tuple(_filled(list(rows.texts), cell.seed, cell.config.device)), rows.labels)
    elif arm.rows in ("retrieve", "self-training"):
        return _retrieved(cell, data, train, held_out, vectors)
    else:
        ways = cell.config.augmentation
        assert isinstance(ways, Static)
        return _upsampled(cell, train, held_out, ways)
    return _without_copies(rows, held_out, lacking)


def _without_copies(rows: LabelledRows, held_out: Sequence[str], lacking: Mapping[str, int]) -> AddedRows:
    """Leave out near copies of held-out rows, and report them as missing, beside the real rows that are not there."""
    copies = near_copies(list(rows.texts), held_out)
    left_out = rows.taken(np.flatnonzero(copies)).counts
    kept = rows.taken(np.flatnonzero(~copies))
    reasons = {
        name: [
            *(["no more rows were left out of the draw"] if name in lacking else []),
            *(["near copies of held-out rows"] if name in left_out else []),
        ]
        for name in {**lacking, **left_out}
    }
    return AddedRows(
        kept,
        {
            "made": kept.counts,
            "missing": {
                name: {"rows": lacking.get(name, 0) + left_out.get(name, 0), "why": "; ".join(why)}
                for name, why in reasons.items()
            },
            "rejected": {"held_out": sum(left_out.values())} if left_out else {},
        },
    )


def _budget(cell: Cell, train: LabelledRows) -> dict[str, int]:
    counts: dict[Any, int] = dict(train.counts)
    return {str(name): rows for name, rows in rows_to_make(cell.sampling_strategy, counts).items() if rows}


def _drawn(
    wanted: Mapping[str, int], source: LabelledRows, seed: int, fits: Callable[[str, np.ndarray], np.ndarray]
) -> LabelledRows:
    """Draw rows for each class among those whose label fits, each as often as every other."""
    labels = np.array(source.labels)
    texts: list[str] = []
    names: list[str] = []
    for name, count in wanted.items():
        number = [*source.counts].index(name) if name in source.counts else len(source.counts)
        order = generator(seed, "subset", number, Subset.ADDED_ROWS).permutation(np.flatnonzero(fits(name, labels)))
        texts += [source.texts[i] for i in np.resize(order, count)]
        names += [name] * count
    return LabelledRows(tuple(texts), tuple(names))


def _upsampled(cell: Cell, train: LabelledRows, held_out: Sequence[str], ways: Static) -> AddedRows:
    """Make the rows of a text strategy."""
    strategy = ways.strategy
    if isinstance(strategy, str):
        strategy = STRATEGIES.create(strategy, ways.parameters)
    return _from_strategy(
        train, strategy, ways.sampling_strategy, cell.seed, held_out, ways.guards, ways.max_per_source
    )


def _retrieved(cell: Cell, data: TaskData, train: LabelledRows, held_out: Sequence[str], vectors: Path) -> AddedRows:
    """Take sentences of the pool.

    Where the pool is what a draw leaves out, the file holds the drawn rows too, and the strategy leaves these out. So
    the file is the same for all seeds, and is encoded once.
    """
    from augment.text.retrieve import Retrieve

    recipe: Any = "self-training" if cell.arm.rows == "self-training" else "nearest"
    with tempfile.TemporaryDirectory() as folder:
        pool = Path(folder, "pool.jsonl")
        texts = data.unlabelled(cell.seed) if data.task.pool == LEFT_OUT else data.pool_file
        pool.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        strategy = Retrieve(
            pool=str(pool), recipe=recipe, encoder=cell.encoder, device=cell.config.device, cache_dir=str(vectors)
        )
        return _from_strategy(train, strategy, cell.sampling_strategy, cell.seed, held_out)


def _from_strategy(
    train: LabelledRows,
    strategy: Any,
    sampling_strategy: Any,
    seed: int,
    held_out: Sequence[str],
    guards: list[str] | None = None,
    max_per_source: int | None = None,
) -> AddedRows:
    from augment import upsample

    (texts, labels), manifest = upsample(
        (list(train.texts), list(train.labels)),
        strategy=strategy,
        sampling_strategy=sampling_strategy,
        seed=seed,
        against=held_out,
        guards=guards,
        max_per_source=max_per_source,
        only_synthetic=True,
        single_label=True,
    )
    report = {name: getattr(manifest, name) for name in ("made", "missing", "rejected", "seconds")}
    return AddedRows(LabelledRows(tuple(texts), tuple(labels)), report)


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
        share_requests=draw.share_requests,
        template=str(template(recipe)),
        answers=str(draw.answers(recipe)),
    )
    rows = (list(train.texts), list(train.labels))
    (texts, labels), manifest = upsample(
        rows,
        strategy=strategy,
        guards=draw.guards,
        sampling_strategy=draw.sampling_strategy,
        seed=0,
        only_synthetic=True,
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
