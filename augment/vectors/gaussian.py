"""New vectors from a normal distribution with a shrunk covariance: the baseline of embedding space."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import StrOptions

from augment.seeding import generator
from augment.vectors.base import Drawn, VectorRows, VectorSampler
from augment.vectors.interpolation import Sphere, at_length

Shrinkage = Literal["ledoit-wolf", "oas"]


class Gaussian(VectorSampler):
    """Draws from the normal distribution that has a class's mean and its shrunk covariance.

    Columns that are constant within the class stay so.

    Parameters
    ----------
    sampling_strategy, random_state
        See `augment.vectors.base.VectorSampler`.
    shrinkage : {"ledoit-wolf", "oas"}, default="ledoit-wolf"
        How much of the covariance is replaced by a multiple of the identity, since its estimate from few rows in many
        dimensions is singular.
    sphere : {"auto", "none", "renormalize"}, default="auto"
        See `augment.vectors.base.VectorSampler`.

    References
    ----------
    Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices". Chen et al. 2010,
    "Shrinkage algorithms for MMSE covariance estimation" (OAS).

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0], [9.0, 9.0], [8.0, 9.0], [9.0, 8.0], [7.0, 9.0]])
    >>> vectors, y = Gaussian(random_state=0).fit_resample(X, ["rare"] * 3 + ["often"] * 4)
    >>> vectors.shape, y[-1]
    ((8, 2), 'rare')
    """

    name = "gaussian"
    summary = "draw vectors from a normal distribution like the class's"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **VectorSampler._parameter_constraints,
        "shrinkage": [StrOptions({"ledoit-wolf", "oas"})],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        shrinkage: Shrinkage = "ledoit-wolf",
        sphere: Sphere = "auto",
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, sphere=sphere)
        self.shrinkage = shrinkage

    def draw(self, rows: VectorRows, code: int, wanted: int, seed: int) -> Drawn:  # noqa: D102 -- see the base
        from sklearn.covariance import OAS, LedoitWolf

        own = rows.vectors[rows.of(code)].astype(np.float64)
        varying = np.ptp(own, axis=0) > 0
        estimate = LedoitWolf() if self.shrinkage == "ledoit-wolf" else OAS()
        fitted = estimate.fit(own[:, varying])
        new = np.repeat(own[:1], wanted, axis=0)
        new[:, varying] = generator(seed, "draw").multivariate_normal(
            fitted.location_, fitted.covariance_, wanted, method="eigh"
        )
        if self.sphere == "renormalize" or (self.sphere == "auto" and rows.on_sphere):
            new = at_length(new, float(np.linalg.norm(own, axis=1).mean()))
        return Drawn.without_parents(new.astype(rows.vectors.dtype))
