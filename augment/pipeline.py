"""`Pipeline`, the one of imbalanced-learn in which sample weights and groups follow the rows that a sampler makes."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import imblearn.pipeline
import numpy as np
from sklearn.utils import Bunch, _safe_indexing

from augment.errors import InputError


class Pipeline(imblearn.pipeline.Pipeline):
    """Pipeline whose steps after a sampler get metadata of the rows that the sampler gives.

    In imbalanced-learn's own, `sample_weight` and `groups` keep the length that they had before. Here a new row has the
    weight and the group of its source; of two parents, those of the first.

    Parameters
    ----------
    steps : list of (str, estimator)
        As in imbalanced-learn, like the other parameters.
    transform_input : list of str, optional
    memory : str or object with the joblib.Memory interface, optional
    verbose : bool, default=False

    Examples
    --------
    >>> from augment import KeyboardEdit
    >>> from sklearn.dummy import DummyClassifier
    >>> pipeline = Pipeline([("sampler", KeyboardEdit(random_state=0)), ("head", DummyClassifier(strategy="prior"))])
    >>> texts = ["The shop opens at nine.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> fitted = pipeline.fit(texts, ["a", "b", "b", "b"], head__sample_weight=[2, 1, 1, 1])
    >>> [float(share) for share in fitted["head"].class_prior_.round(2)]
    [0.67, 0.33]
    """

    def _fit(self, X: Any, y: Any = None, routed_params: Any = None, raw_params: Any = None) -> Any:
        self._n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return super()._fit(X, y, routed_params, raw_params)

    def _get_metadata_for_step(self, *, step_idx: int, step_params: Any, all_params: Any) -> Any:
        params = super()._get_metadata_for_step(step_idx=step_idx, step_params=step_params, all_params=all_params)
        if not any(params.values()):
            return params
        n_rows = self._n_rows
        for _, step in self.steps[:step_idx]:
            if hasattr(step, "fit_resample"):
                rows = _rows_of(step, n_rows)
                params = {
                    method: Bunch(**{name: _followed(value, n_rows, rows) for name, value in of_method.items()})
                    for method, of_method in params.items()
                }
                n_rows = len(rows)
        return Bunch(**params)


def _rows_of(sampler: Any, n_rows: int) -> np.ndarray:
    """Return, for each row that a fitted sampler has given, the row of its input that it stands for."""
    if hasattr(sampler, "sample_indices_"):  # of imbalanced-learn's samplers that only choose rows
        return np.asarray(sampler.sample_indices_)
    sources = np.asarray(getattr(sampler, "source_indices_", [-1]))
    sources = sources[:, 0] if sources.ndim == 2 else sources
    if (sources < 0).any():
        raise InputError(
            f"{type(sampler).__name__} makes rows that have no single source, so sample weights and groups have no"
            " value for them. Leave these out, or take a sampler such as FillMask or Smote."
        )
    return np.concatenate([np.arange(n_rows), sources])


def _followed(value: Any, n_rows: int, rows: np.ndarray) -> Any:
    """Return the values of some rows, if a value is one for each row."""
    per_row = isinstance(value, Sized) and not isinstance(value, (str, bytes, dict)) and len(value) == n_rows
    return _safe_indexing(value, rows) if per_row else value
