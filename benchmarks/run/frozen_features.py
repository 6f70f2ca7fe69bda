"""`fit_on_vectors`: a logistic regression on the vectors of a frozen encoder, with the rows or vectors of an arm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.files import replacing
from augment.identity import digest
from benchmarks.grid.cells import Cell
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.tasks import TaskData
from benchmarks.run.outcome import Trained, class_codes, new_row_counts
from classifiers.config import Features
from classifiers.metrics import scores

if TYPE_CHECKING:
    from augment.models.encoder import TextEncoder


def fit_on_vectors(
    cell: Cell, data: TaskData, train: LabelledRows, added: LabelledRows, encoder: str, kept: Path
) -> Trained:
    """Fit and test a logistic regression on the vectors of a frozen encoder.

    The vectors have length 1. With logit adjustment, τ log π is taken from the logit of each class, where π is the
    share of its rows in all rows that the regression is fitted on, by their weights (Menon et al. 2021, equation 9).

    Parameters
    ----------
    cell : Cell
    data : TaskData
    train, added : LabelledRows
        The training rows, and those that the arm adds, which weigh `synthetic_weight` each.
    encoder : str
        A bundled name, a folder or a hub id.
    kept : Path
        Folder of the vectors of training and held-out rows, which many cells use.
    """
    from sklearn.linear_model import LogisticRegression

    from classifiers.data.feed import evaluated_sample
    from classifiers.training.history import recorded
    from classifiers.training.objective import named_weights

    config, classes = cell.config, data.classes
    model = _opened(encoder, config.device, config.max_length)

    def vectors(rows: LabelledRows) -> np.ndarray:
        return _kept_vectors(model, rows.texts, kept)

    held_out = {"validation": data.validation, **data.tests}
    seen = {name: vectors(rows) for name, rows in held_out.items()}
    start = time.perf_counter()
    own, codes = vectors(train), class_codes(train, classes)
    new, new_codes = model.encode(list(added.texts)), class_codes(added, classes)
    if isinstance(config.augmentation, Features):
        new, new_codes = _new_vectors(config.augmentation, own, train, codes, classes, cell.seed)
    weights = np.r_[np.ones(len(own)), np.full(len(new), config.synthetic_weight)]
    mass = np.bincount(np.r_[codes, new_codes], weights=weights, minlength=len(classes))
    by_class: Any = config.class_weights
    if isinstance(by_class, dict):
        by_class = dict(enumerate(named_weights(by_class, mass, classes)))
    regression = LogisticRegression(C=cell.C, class_weight=by_class, max_iter=5000)
    regression.fit(np.concatenate([own, new]), np.r_[codes, new_codes], sample_weight=weights)
    offset = config.logit_adjustment * np.log(mass / mass.sum())
    seconds = time.perf_counter() - start

    def predicted(of: np.ndarray) -> np.ndarray:
        shares = regression.predict_proba(of) * np.exp(-offset)
        scaled: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
        return scaled

    sample = evaluated_sample(config, "train", codes)
    evaluated = {
        "train": scores(predicted(own[sample]), codes[sample], classes),
        "validation": scores(predicted(seen["validation"]), class_codes(data.validation, classes), classes),
    }
    record = recorded("head", 0, 0.0, evaluated)
    made = {"made": {name: int((new_codes == code).sum()) for code, name in enumerate(classes)}} if len(new) else {}
    return Trained(
        record,
        record,
        record["gap"],
        [record],
        {name: predicted(seen[name]) for name in data.tests},
        seconds,
        len(own) + len(new),
        new_row_counts(made),
        model.identity(),
    )


def _new_vectors(
    ways: Features, own: np.ndarray, train: LabelledRows, codes: np.ndarray, classes: Sequence[str], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Make the vectors of an arm in feature space."""
    from classifiers.data.feature_vectors import resampled_vectors
    from classifiers.data.splits import Split

    split = Split(list(train.texts), codes)
    return resampled_vectors(ways, own, split, np.ones(len(own), dtype=bool), classes, seed)


@lru_cache(maxsize=4)
def _opened(name: str, device: str, max_length: int) -> TextEncoder:
    """Return an encoder. A process opens each of a suite once."""
    from augment.models.encoder import TextEncoder

    return TextEncoder(model=name, device=device, max_length=max_length, normalize=True)


def _kept_vectors(encoder: TextEncoder, texts: Sequence[str], kept: Path) -> np.ndarray:
    """Return the vectors of texts, from a file if they were encoded before."""
    identity = [*encoder.parameters().values(), *encoder.identity().values()]
    file = kept / f"{digest([*map(str, identity), *texts]).removeprefix('sha256:')}.npy"
    if not file.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        with replacing(file) as staged, open(staged, "wb") as out:
            np.save(out, encoder.encode(list(texts)))
    vectors: np.ndarray = np.load(file, allow_pickle=False)
    return vectors
