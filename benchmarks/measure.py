"""One cell: rows, a training on them, and its tests."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib.resources
import json
import math
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment._version import __version__
from augment.errors import InputError
from augment.generation.budget import rows_to_make
from augment.seeding import generator
from benchmarks.peak_memory import forget_peak, peak_mb
from benchmarks.results import Record, packed
from benchmarks.suite import Cell
from benchmarks.tasks import Rows, TaskData
from classifiers.config import Features, TrainConfig, makes_rows
from classifiers.data.splits import near_copies
from classifiers.metrics import scores
from classifiers.training.output_folder import RECORD

if TYPE_CHECKING:
    from classifiers.training.result import TrainResult


class Trained(NamedTuple):
    """What a training came to."""

    best: Record
    """The evaluation of the weights that were kept, as `classifiers.training.history.recorded` has it."""
    last: Record
    mean_gap: float | None
    history: list[Record]
    probabilities: dict[str, np.ndarray]
    """Of each test set: (n, classes)."""
    seconds: float
    """Of the training, without the tests."""
    rows_seen: int
    """Rows that it learnt from, those of each step."""
    made: dict[str, Any]
    """What is told of new rows."""
    model: dict[str, str]
    """What identifies the encoder, and what it was computed in."""


def measure(cell: Cell, data: TaskData, shared: Path, *, keep: bool) -> Record:
    """Train one cell and test it.

    Parameters
    ----------
    cell : Cell
    data : TaskData
        Of its task.
    shared : Path
        Folder for encoders that several arms take up, and for their features; each under the key of its cell.
    keep : bool
        Whether the model is kept there.

    Returns
    -------
    dict
        Plain data.

    Raises
    ------
    CounterpoiseError
        If rows cannot be made, or the training fails.
    """
    train, reserve = data.drawn(cell.seed)
    if cell.shares_encoder and not (shared / cell.base_key / RECORD).is_file():
        _fine_tuned(cell.base, data, train, Rows(), shared / cell.base_key)
    _forget_peaks()
    start = time.perf_counter()
    if cell.arm.model == "tfidf-svm":
        found = _tfidf_svm(cell, data, train)
    elif cell.shares_encoder:
        found = _head_on_shared_encoder(cell, data, train, shared)
    else:
        added = _added_rows(cell, data, train, reserve)
        found = _encoder(cell.config, data, train, added, shared / cell.key if keep else None)
        if len(added):
            found = found._replace(made=found.made | {"made": added.counts})
    classes = data.classes
    tests = {name: scores(p, _codes(data.tests[name], classes), classes) for name, p in found.probabilities.items()}
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
        "rare": data.rare,
        "config": cell.config.model_dump(mode="json"),
        "rows": {"train": train.counts, "validation": data.validation.counts},
        "shared_rows": dict(data.shared),
        "data": data.fingerprints() | {"drawn": train.fingerprint},
        "tests": {name: _rounded(found_.to_dict()) for name, found_ in tests.items()},
        "predicted": {name: packed(p.argmax(axis=1)) for name, p in found.probabilities.items()},
        "best": _evaluation(found.best),
        "last": _evaluation(found.last),
        "mean_gap": found.mean_gap,
        "curve": [_point(record) for record in found.history],
        "made": found.made,
        "seconds": round(time.perf_counter() - start, 2),
        "training_seconds": round(found.seconds, 2),
        "rows_per_second": round(found.rows_seen / found.seconds, 1),
        "peak_mb": round(peak_mb()),
        "peak_gpu_mb": _gpu_peak_mb(found.model["device"]),
        "model": found.model,
        "versions": versions(),
        "hardware": hardware(found.model["device"]),
    }


def _forget_peaks() -> None:
    """Give back what earlier cells have left, and have the peaks of memory count from now on."""
    import torch

    gc.collect()
    forget_peak()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


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


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    from importlib.metadata import version

    names = ("torch", "transformers", "imbalanced-learn", "scikit-learn", "numpy")
    own = {"python": platform.python_version(), "counterpoise": __version__, "source": source_hash()}
    return own | {name: version(name) for name in names}


@functools.cache
def source_hash() -> str:
    """Return what identifies the code of our packages; between two releases the version does not."""
    digest = hashlib.sha256()
    for package in ("augment", "benchmarks", "classifiers"):
        root = Path(str(importlib.resources.files(package)))
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}".encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def hardware(device: str) -> dict[str, Any]:
    """Return what it was computed on."""
    import torch

    found = torch.cuda.get_device_name() if device.startswith("cuda") else _cpu()
    return {"device": found, "threads": torch.get_num_threads(), "cores": os.cpu_count()}


def _gpu_peak_mb(device: str) -> int | None:
    """Return the most memory that tensors have had on a GPU, in MiB; None on a CPU."""
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**20) if device.startswith("cuda") else None


def _cpu() -> str:
    """Return the name of the processor, of which Python knows the architecture alone."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _fine_tuned(config: TrainConfig, data: TaskData, train: Rows, added: Rows, keep_in: Path | None) -> TrainResult:
    """Train a classifier, and keep it if there is a folder for it."""
    from classifiers.training.run import train as fit

    held_out = (list(data.validation.texts), list(data.validation.labels))
    return fit(
        config,
        _table(train, added),
        held_out,
        against=data.test_texts if makes_rows(config.augmentation) else (),
        output_dir=keep_in,
        overwrite=keep_in is not None,
    )


def _encoder(config: TrainConfig, data: TaskData, train: Rows, added: Rows, keep_in: Path | None) -> Trained:
    """Train an encoder with its head."""
    from augment.models.scorer import TextScorer

    result = _fine_tuned(config, data, train, added, keep_in)
    scorer = TextScorer(result.checkpoint, max_length=config.max_length)
    probabilities = {name: scorer.probabilities(list(rows.texts)) for name, rows in data.tests.items()}
    return _trained(result, probabilities, dict(result.rows))


def _head_on_shared_encoder(cell: Cell, data: TaskData, train: Rows, shared: Path) -> Trained:
    """Train a head on the features of an encoder that was fine-tuned without augmentation, and stays as it is."""
    import torch

    from classifiers.data.inputs import FrozenFeatures

    folder, asked, ways = shared / cell.base_key, cell.config, cell.config.augmentation
    assert isinstance(ways, Features)
    vectors_seen = len(train)
    if ways.strategy is not None:
        counts: dict[Any, int] = dict(train.counts)
        vectors_seen += sum(rows_to_make(ways.sampling_strategy, counts).values())
    steps = math.ceil(vectors_seen / (asked.batch_size * asked.gradient_accumulation)) * ways.head_epochs
    looks = (asked.max_steps or 1) // (asked.evaluate_steps or 1)  # at the validation rows, as many as other arms get
    changes = {
        "encoder": str(folder),
        "freeze_encoder": True,
        "cache_dir": str(folder / "features"),
        "max_steps": None,
        "evaluate_steps": math.ceil(steps / looks),
    }
    result = _fine_tuned(asked.model_copy(update=changes), data, train, Rows(), None)
    config = result.config
    features = FrozenFeatures(result.model, result.checkpoint, config.max_length, folder / "features")
    probabilities = {}
    for name, rows in data.tests.items():
        with torch.inference_mode():
            vectors = torch.from_numpy(features(list(rows.texts))).to(result.checkpoint.device)
            probabilities[name] = result.model.classify(vectors).float().softmax(dim=1).cpu().numpy()
    found = _trained(result, probabilities, dict(result.rows))
    tuned = json.loads((folder / RECORD).read_text(encoding="utf-8"))["encoder"]
    return found._replace(model=found.model | {"model": tuned["model"], "revision": tuned["revision"]})


def _trained(result: Any, probabilities: dict[str, np.ndarray], rows: dict[str, Any]) -> Trained:
    """Take what is kept of a training's result."""
    config = result.config
    seen = result.last["step"] * config.batch_size * config.gradient_accumulation
    return Trained(
        result.best,
        result.last,
        result.mean_gap,
        result.history,
        probabilities,
        result.seconds,
        seen,
        _told(rows),
        result.checkpoint.identity(),
    )


def _told(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of new rows: of all sets that were made, together."""
    made = rows.get("made", {})
    reports = made if isinstance(made, list) else [{"made": made}] if made else []
    return {
        "made": _summed(report.get("made", {}) for report in reports),
        "missing": _summed({k: v["rows"] for k, v in report.get("missing", {}).items()} for report in reports),
        "rejected": _summed(report.get("rejected", {}) for report in reports),
        "seconds": round(sum(report.get("seconds", 0.0) for report in reports), 2),
        "no_sources": rows.get("no_sources", 0),
        "sets": len(reports),
    }


def _summed(counts: Any) -> dict[str, int]:
    """Add counts up by name."""
    found: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            found[name] = found.get(name, 0) + count
    return found


def _added_rows(cell: Cell, data: TaskData, train: Rows, reserve: Rows) -> Rows:
    """Return the rows of an arm that are none of the task's training rows, and come near none of its held-out ones."""
    if cell.arm.rows == "given":
        return Rows()
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
    clear = np.flatnonzero(~near_copies(texts, [*data.validation.texts, *data.test_texts]))
    return Rows(tuple(texts), tuple(names)).taken(clear)


def _filled(texts: list[str], seed: int, device: str) -> list[str]:
    """Return each text with words replaced by the fill-mask strategy; those that it can do nothing with as they are."""
    from augment.generation.candidates import Draw
    from augment.text.fill_mask import FillMask

    strategy = FillMask(device=device, random_state=seed)
    strategy.prepare()
    draws = [Draw(text, "", i, 0, 0, seed) for i, text in enumerate(texts)]
    made = strategy.candidates(draws)
    return [text if found is None else found.text for text, found in zip(texts, made, strict=True)]


def _tfidf_svm(cell: Cell, data: TaskData, train: Rows) -> Trained:
    """Fit the cheap baseline: no encoder and no steps; probabilities by temperature scaling (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax, softmax
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    from classifiers.data.feed import evaluated_sample
    from classifiers.training.history import recorded

    start = time.perf_counter()
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LinearSVC(class_weight="balanced", random_state=cell.seed),
    )
    folds = min(5, *train.counts.values())
    out_of_fold = _margins(cross_val_predict(model, train.texts, train.labels, cv=folds, method="decision_function"))
    own = np.arange(len(train)), _codes(train, data.classes)
    scale = minimize_scalar(
        lambda log: -log_softmax(np.exp(log) * out_of_fold, axis=1)[own].mean(), bounds=(-3, 5), method="bounded"
    ).x
    model.fit(train.texts, train.labels)
    seconds = time.perf_counter() - start
    seen = train.taken(evaluated_sample(cell.config, "train", _codes(train, data.classes)))

    def predicted(rows: Rows) -> np.ndarray:
        return softmax(np.exp(scale) * _margins(model.decision_function(rows.texts)), axis=1)

    record = recorded(
        "train",
        0,
        0.0,
        {
            kind: scores(predicted(rows), _codes(rows, data.classes), data.classes)
            for kind, rows in (("train", seen), ("validation", data.validation))
        },
    )
    return Trained(
        record,
        record,
        record["gap"],
        [record],
        {name: predicted(rows) for name, rows in data.tests.items()},
        seconds,
        len(train),
        _told({}),
        {"model": "tfidf-svm", "revision": "", "device": "cpu", "dtype": "float64"},
    )


def _margins(found: np.ndarray) -> np.ndarray:
    """Return a column for each class; of two classes scikit-learn has one for both."""
    return found if found.ndim == 2 else np.stack([-found / 2, found / 2], axis=1)


def _codes(rows: Rows, classes: list[str]) -> np.ndarray:
    return np.array([classes.index(label) for label in rows.labels], dtype=np.int64)


def _table(train: Rows, added: Rows) -> Any:
    """Return training rows as `classifiers.train` takes them.

    Those that were added are marked as no originals, so that the gap is measured on the same rows whatever the arm.
    """
    if not len(added):
        return list(train.texts), list(train.labels)
    from datasets import Dataset

    whole = train.joined(added)
    marks = [False] * len(train) + [True] * len(added)
    return Dataset.from_dict({"text": list(whole.texts), "label": list(whole.labels), "is_synthetic": marks})


def _evaluation(record: Record) -> dict[str, Any]:
    """Return the numbers of an evaluation."""
    kinds = {kind: record[kind] and _rounded(record[kind]) for kind in ("train", "synthetic", "validation")}
    numbers = {name: record[name] for name in ("step", "gap", "loss_gap", "gap_synthetic")}
    return _rounded(numbers) | kinds


def _point(record: Record) -> list[Any]:
    """Return the point of the learning curves: phase, step, macro-F1 of training and validation rows, their losses."""
    train, validation = record["train"], record["validation"]
    numbers = [train["macro_f1"], validation["macro_f1"], train["loss"], validation["loss"]]
    return [record["phase"], record["step"], *(round(number, 5) for number in numbers)]


def _rounded(found: Mapping[str, Any]) -> dict[str, Any]:
    """Cut floating-point numbers to seven digits behind the point."""
    return {
        key: _rounded(value) if isinstance(value, Mapping) else round(value, 7) if isinstance(value, float) else value
        for key, value in found.items()
    }
