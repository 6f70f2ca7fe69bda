"""`measure`, which runs one cell: it draws the rows, trains on them, and tests the model."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.generation.budget import rows_to_make
from augment.plain_data import read_json
from benchmarks.grid.cells import Cell
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.tasks import TaskData
from benchmarks.peak_memory import peak_mb
from benchmarks.results import Record, packed
from benchmarks.run.adapted_encoder import adapted_encoder
from benchmarks.run.added_rows import added_rows
from benchmarks.run.baseline import fit_tfidf_svm
from benchmarks.run.environment import gpu_peak_mb, hardware, reset_peak_memory, versions
from benchmarks.run.frozen_features import fit_on_vectors
from benchmarks.run.outcome import Trained, class_codes, new_row_counts, outcome_of
from classifiers.config import Features, TrainConfig, makes_rows
from classifiers.metrics import scores
from classifiers.saved_folder import RECORD

if TYPE_CHECKING:
    from classifiers.training.result import TrainResult


def measure(cell: Cell, data: TaskData, shared: Path, *, keep: bool) -> Record:
    """Train one cell and test it.

    Parameters
    ----------
    cell : Cell
    data : TaskData
        The data of its task.
    shared : Path
        Folder for encoders that several arms use, and for their features. Each has the key of its cell as its name.
    keep : bool
        Whether to keep the model in this folder.

    Returns
    -------
    dict
        The record of the cell, as plain data.

    Raises
    ------
    CounterpoiseError
        If rows cannot be made, or the training fails.
    """
    train = data.drawn(cell.seed)[0]
    if cell.shares_encoder and not (shared / cell.base_key / RECORD).is_file():
        _fine_tuned(cell.base, data, train, LabelledRows(), shared / cell.base_key)
    reset_peak_memory()
    start = time.perf_counter()
    if cell.arm.model == "tfidf-svm":
        outcome = fit_tfidf_svm(cell, data, train)
    elif cell.shares_encoder:
        outcome = _head_on_shared_encoder(cell, data, train, shared)
    else:
        added = added_rows(cell, data, shared)
        encoder = cell.encoder if cell.pretraining_key is None else str(adapted_encoder(cell, data, shared))
        if cell.on_vectors:
            outcome = fit_on_vectors(cell, data, train, added.rows, encoder, shared / "vectors")
        else:
            config = cell.config.model_copy(update={"encoder": encoder})
            outcome = _encoder(config, data, train, added.rows, shared / cell.key if keep else None)
        if added.report:
            outcome = outcome._replace(made=new_row_counts({"made": [added.report]}))
        if cell.pretraining_key is not None:
            outcome = outcome._replace(model=outcome.model | {"model": cell.encoder, "revision": cell.pretraining_key})
    classes = data.classes
    tests = {
        name: scores(p, class_codes(data.tests[name], classes), classes) for name, p in outcome.probabilities.items()
    }
    return {
        "key": cell.key,
        "status": "done",
        "task": cell.title,
        "encoder": cell.encoder,
        "head": cell.head,
        "loss": cell.loss,
        "arm": cell.arm.name,
        "summary": cell.arm.summary,
        "makes_rows": cell.arm.makes_rows,
        "seed": cell.seed,
        "classes": classes,
        "rare": data.rare[0] if len(data.rare) == 1 else list(data.rare),
        "config": cell.config.model_dump(mode="json"),
        "rows": {"train": train.counts, "validation": data.validation.counts},
        "drawn": data.draw_record(cell.seed),
        "shared_rows": dict(data.shared),
        "data": data.fingerprints() | {"drawn": train.fingerprint},
        "tests": {name: _rounded(test_scores.to_dict()) for name, test_scores in tests.items()},
        "predicted": {name: packed(p.argmax(axis=1)) for name, p in outcome.probabilities.items()},
        "best": _evaluation(outcome.best),
        "last": _evaluation(outcome.last),
        "mean_gap": outcome.mean_gap,
        "curve": [_point(record) for record in outcome.history],
        "made": outcome.made,
        "seconds": round(time.perf_counter() - start, 2),
        "training_seconds": round(outcome.seconds, 2),
        "rows_per_second": round(outcome.rows_seen / outcome.seconds, 1),
        "peak_mb": round(peak_mb()),
        "peak_gpu_mb": gpu_peak_mb(outcome.model["device"]),
        "model": outcome.model,
        "versions": versions(),
        "hardware": hardware(outcome.model["device"]),
    }


def failure(cell: Cell, reason: str) -> Record:
    """Return the record of a cell that could not be measured."""
    return {
        "key": cell.key,
        "status": "failed",
        "task": cell.title,
        "encoder": cell.encoder,
        "head": cell.head,
        "loss": cell.loss,
        "arm": cell.arm.name,
        "seed": cell.seed,
        "reason": " ".join(reason.split()),
    }


def _fine_tuned(
    config: TrainConfig, data: TaskData, train: LabelledRows, added: LabelledRows, keep_in: Path | None
) -> TrainResult:
    """Train a classifier, and keep it in a folder if one is given."""
    from classifiers.data.splits import described
    from classifiers.training.run import train as fit

    held_out = (list(data.validation.texts), list(data.validation.labels))
    return fit(
        config,
        # The labels were checked when they were read.
        described(_table(train, added), "the training data", single_label=True),
        described(held_out, "the validation data", single_label=True),
        against=data.test_texts if makes_rows(config.augmentation) else (),
        output_dir=keep_in,
        overwrite=keep_in is not None,
    )


def _encoder(
    config: TrainConfig, data: TaskData, train: LabelledRows, added: LabelledRows, keep_in: Path | None
) -> Trained:
    """Train and test an encoder with its head."""
    from augment.models.scorer import TextScorer

    result = _fine_tuned(config, data, train, added, keep_in)
    scorer = TextScorer(result.checkpoint, max_length=config.max_length)
    probabilities = {name: scorer.probabilities(list(rows.texts)) for name, rows in data.tests.items()}
    return outcome_of(result, probabilities, dict(result.rows))


def _head_on_shared_encoder(cell: Cell, data: TaskData, train: LabelledRows, shared: Path) -> Trained:
    """Train and test a head on the features of a frozen encoder that was fine-tuned without augmentation."""
    import torch

    from classifiers.data.inputs import FrozenFeatures

    folder, cell_config, ways = shared / cell.base_key, cell.config, cell.config.augmentation
    assert isinstance(ways, Features)
    vectors_seen = len(train)
    if ways.strategy is not None:
        counts: dict[Any, int] = dict(train.counts)
        vectors_seen += sum(rows_to_make(ways.sampling_strategy, counts).values())
    steps = math.ceil(vectors_seen / (cell_config.batch_size * cell_config.gradient_accumulation)) * ways.head_epochs
    # As many evaluations as other arms get.
    evaluations = (cell_config.max_steps or 1) // (cell_config.evaluate_steps or 1)
    changes = {
        "encoder": str(folder),
        "freeze_encoder": True,
        "cache_dir": str(folder / "features"),
        "max_steps": None,
        "evaluate_steps": math.ceil(steps / evaluations),
    }
    result = _fine_tuned(cell_config.model_copy(update=changes), data, train, LabelledRows(), None)
    config = result.config
    features = FrozenFeatures(result.model, result.checkpoint, config.max_length, folder / "features")
    probabilities = {}
    for name, rows in data.tests.items():
        with torch.inference_mode():
            vectors = torch.from_numpy(features(list(rows.texts))).to(result.checkpoint.device)
            probabilities[name] = result.model.classify(vectors).float().softmax(dim=1).cpu().numpy()
    outcome = outcome_of(result, probabilities, dict(result.rows))
    tuned = read_json(folder / RECORD)["encoder"]
    return outcome._replace(model=outcome.model | {"model": tuned["model"], "revision": tuned["revision"]})


def _table(train: LabelledRows, added: LabelledRows) -> Any:
    """Return training rows in a form for `classifiers.train`.

    Added rows are marked as synthetic, so that the gap is measured on the same rows for every arm.
    """
    if not len(added):
        return list(train.texts), list(train.labels)
    from datasets import Dataset

    whole = train.joined(added)
    marks = [False] * len(train) + [True] * len(added)
    return Dataset.from_dict({"text": list(whole.texts), "label": list(whole.labels), "is_synthetic": marks})


def _evaluation(record: Record) -> dict[str, Any]:
    """Return the numbers of an evaluation that a record keeps."""
    kinds = {kind: record[kind] and _rounded(record[kind]) for kind in ("train", "synthetic", "validation")}
    numbers = {name: record[name] for name in ("step", "gap", "loss_gap", "gap_synthetic")}
    return _rounded(numbers) | kinds


def _point(record: Record) -> list[Any]:
    """Return a point of the learning curves: phase, step, macro-F1 of training and validation rows, their losses."""
    train, validation = record["train"], record["validation"]
    numbers = [train["macro_f1"], validation["macro_f1"], train["loss"], validation["loss"]]
    return [record["phase"], record["step"], *(round(number, 5) for number in numbers)]


def _rounded(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Round floating-point numbers to seven decimal places."""
    return {
        key: _rounded(value) if isinstance(value, Mapping) else round(value, 7) if isinstance(value, float) else value
        for key, value in numbers.items()
    }
