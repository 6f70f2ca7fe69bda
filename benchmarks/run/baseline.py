"""`fit_tfidf_svm`, a cheap baseline: TF-IDF and a linear support vector machine."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.grid.cells import Cell
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.tasks import TaskData
from benchmarks.run.outcome import Trained, class_codes, new_row_counts
from classifiers.metrics import scores


def fit_tfidf_svm(cell: Cell, data: TaskData, train: LabelledRows) -> Trained:
    """Fit and test the baseline. Probabilities are made by temperature scaling (Guo et al. 2017)."""
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
    own = np.arange(len(train)), class_codes(train, data.classes)
    scale = minimize_scalar(
        lambda log: -log_softmax(np.exp(log) * out_of_fold, axis=1)[own].mean(), bounds=(-3, 5), method="bounded"
    ).x
    model.fit(train.texts, train.labels)
    seconds = time.perf_counter() - start
    seen = train.taken(evaluated_sample(cell.config, "train", class_codes(train, data.classes)))

    def predicted(rows: LabelledRows) -> np.ndarray:
        shares: np.ndarray = softmax(np.exp(scale) * _margins(model.decision_function(rows.texts)), axis=1)
        return shares

    record = recorded(
        "train",
        0,
        0.0,
        {
            kind: scores(predicted(rows), class_codes(rows, data.classes), data.classes)
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
        new_row_counts({}),
        {"model": "tfidf-svm", "revision": "", "device": "cpu", "dtype": "float64"},
    )


def _margins(decision: np.ndarray) -> np.ndarray:
    """Return a column for each class. For two classes scikit-learn returns only one column."""
    return decision if decision.ndim == 2 else np.stack([-decision / 2, decision / 2], axis=1)
