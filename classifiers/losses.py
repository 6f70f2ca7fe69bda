"""Losses for classifiers, with row weights and soft labels; `Loss` combines them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from augment.errors import InputError, did_you_mean

LOSSES = ("cross-entropy", "focal")
"""The kinds of `Loss`."""

Reduction = Literal["none", "mean", "sum"]

_SUM_ERROR = 0.01  # how far from 1 a soft label may add up: half precision, many classes


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    row_weights: Tensor | None = None,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the cross-entropy of logits and hard or soft labels.

    The loss of a row is -Σ_c w_c t_c log p_c, with p the softmax of its logits, t its label (one-hot if hard) mixed
    with the uniform distribution, t' = (1 - ε) t + ε / C, and w the class weights.

    Parameters
    ----------
    logits : Tensor of float, shape (n, C)
        Computed in float32, or in float64 if that is what they are.
    target : Tensor of int64, shape (n,), or of float, shape (n, C)
        Class codes in [0, C), or probabilities: each row at least 0 and adding up to 1. No gradient is meant to pass
        through them.
    row_weights : Tensor, shape (n,), optional
        0 or larger; 1 each if not given.
    class_weights : Tensor, shape (C,), optional
        0 or larger; 1 each if not given.
    label_smoothing : float, default=0.0
        ε, in [0, 1).
    reduction : {"mean", "sum", "none"}, default="mean"
        How the losses l of rows with weights r become one. "none" is r l. "sum" is Σ r l. "mean" is Σ r l / Σ r m,
        where m is the class weight of a row's label, Σ_c w_c t_c before smoothing. If all weights of a batch are 0,
        its mean is 0.

    Returns
    -------
    Tensor
        A scalar, or shape (n,) for "none"; float32, or float64 for such logits.

    Raises
    ------
    InputError
        If shapes or types do not fit, or a number is out of range. Numbers within tensors are checked on the CPU only,
        since on a GPU each check would delay the step.

    See Also
    --------
    torch.nn.functional.cross_entropy : The same, except for row weights and the mean over soft labels.

    Notes
    -----
    "mean" is torch's rule for hard labels with class weights, and here also for row weights and soft labels. For soft
    labels torch divides by n instead. Then a one-hot label and the class that it stands for have different losses. A
    batch of real rows with hard labels and synthetic rows with soft labels needs one scale.

    Row weights are relative within a batch: rows of weight .3 count less than rows of weight 1. If every row of a batch
    has the weight .3, the mean is that of the same batch without weights.

    References
    ----------
    Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", section 7, of label smoothing.

    Examples
    --------
    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> cross_entropy(logits, torch.tensor([0, 1]))  # log 2
    tensor(0.6931)
    >>> cross_entropy(logits, torch.tensor([0, 1]), row_weights=torch.tensor([1.0, 0.5]), reduction="none")
    tensor([0.6931, 0.3466])
    """
    return focal(
        logits,
        target,
        gamma=0.0,
        row_weights=row_weights,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 3.0,
    row_weights: Tensor | None = None,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the focal loss, which gives less weight to rows that the model is sure of.

    The loss of a row is -Σ_c w_c t_c (1 - p_c)^γ log p_c, with the letters of `cross_entropy`. At γ = 0 it equals
    `cross_entropy`. The class weights are the α of the paper.

    Parameters
    ----------
    logits, target
        See `cross_entropy`.
    gamma : float, default=3.0
        γ, 0 or larger.
    row_weights, class_weights, label_smoothing, reduction
        See `cross_entropy`. The mean is divided by the weights of the rows, not by the factors (1 - p)^γ.

    Returns
    -------
    Tensor
        A scalar, or shape (n,) for "none"; float32, or float64 for such logits.

    Raises
    ------
    InputError
        See `cross_entropy`; or if `gamma` is negative.

    References
    ----------
    Lin et al. 2017, "Focal loss for dense object detection", equations 4 and, with α, 5. They are for hard labels.

    Examples
    --------
    >>> focal(torch.tensor([[0.0, 0.0]]), torch.tensor([0]), gamma=2.0)  # (1/2)² log 2
    tensor(0.1733)
    """
    _check_number("gamma", gamma)
    _check_number("label_smoothing", label_smoothing, below=1)
    _check_logits("logits", logits)
    t = _probabilities(target, logits)
    classes = None if class_weights is None else _weights("class_weights", class_weights, logits, axis=1)
    mass = torch.ones_like(t[:, 0]) if classes is None else (t * classes).sum(dim=1)
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / t.shape[1]
    log_p = functional.log_softmax(logits.to(t.dtype), dim=1)
    if gamma:
        # 1 - p is kept off 0, where its power has no finite derivative for γ < 1; the loss has, and it is 0 there.
        t = t * (-torch.expm1(log_p)).clamp(min=torch.finfo(t.dtype).tiny) ** gamma
    if classes is not None:
        t = t * classes
    return _reduced(-(t * log_p).sum(dim=1), mass, row_weights, reduction)


def r_drop(
    logits: Tensor, twin_logits: Tensor, *, row_weights: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Return the distance between two predictions for the same rows: half of KL(p‖q) + KL(q‖p).

    Parameters
    ----------
    logits, twin_logits : Tensor of float, shape (n, C)
        Of the same rows under two draws of dropout.
    row_weights, reduction
        See `cross_entropy`; "mean" is Σ r l / Σ r.

    Returns
    -------
    Tensor
        0 or larger, and 0 where predictions agree. A scalar, or shape (n,) for "none"; float32, or float64 for such
        logits.

    Raises
    ------
    InputError
        See `cross_entropy`.

    References
    ----------
    Liang, Wu et al. 2021, "R-Drop: Regularized dropout for neural networks".

    Examples
    --------
    >>> r_drop(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.1155)
    """
    _check_logits("logits", logits)
    _check_logits("twin_logits", twin_logits)
    if twin_logits.shape != logits.shape:
        raise InputError(
            f"`twin_logits` must have the shape of `logits`, {tuple(logits.shape)}. Got {tuple(twin_logits.shape)}."
            " Send the same rows through the model twice."
        )
    dtype = _working(logits)
    log_p, log_q = (functional.log_softmax(x.to(dtype), dim=1) for x in (logits, twin_logits))
    # Every term is 0 or larger, so that no rounding error makes a distance negative.
    losses = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=1) / 2
    return _reduced(losses, torch.ones_like(losses), row_weights, reduction)


def adjusted(logits: Tensor, prior: Tensor, tau: float) -> Tensor:
    """Return logits + τ log π, for use in the training loss only.

    A model that is trained on these and used without the adjustment predicts as if all classes were equally frequent
    (τ = 1).

    Parameters
    ----------
    logits : Tensor of float, shape (n, C)
    prior : Tensor, shape (C,)
        How frequent each class is in the training data, as counts or shares; larger than 0.
    tau : float
        τ, 0 or larger; 0 changes nothing.

    Returns
    -------
    Tensor
        Shape (n, C); float32, or float64 for such logits.

    Raises
    ------
    InputError
        If shapes do not fit, a class has no row, or `tau` is negative.

    References
    ----------
    Menon et al. 2021, "Long-tail learning via logit adjustment", the logit adjusted softmax cross-entropy.

    Examples
    --------
    >>> adjusted(torch.tensor([[1.0, 1.0]]), torch.tensor([3, 1]), 1.0)  # 1 + log(3/4), 1 + log(1/4)
    tensor([[ 0.7123, -0.3863]])
    """
    _check_number("tau", tau)
    _check_logits("logits", logits)
    _check_counts("prior", prior)
    shares = _weights("prior", prior, logits, axis=1)
    return logits.to(shares.dtype) + tau * torch.log(shares / shares.sum())


def balanced_class_weights(counts: Tensor | Sequence[int]) -> Tensor:
    """Return class weights that give all classes the same total weight, n / (C n_c).

    Parameters
    ----------
    counts : Tensor or sequence of int, shape (C,)
        Rows of each class, 1 or more.

    Returns
    -------
    Tensor of float64, shape (C,)
        scikit-learn's ``class_weight="balanced"``. The weights of all rows add up to n.

    Raises
    ------
    InputError
        If a class has no row.

    Examples
    --------
    >>> balanced_class_weights([6, 2])
    tensor([0.6667, 2.0000], dtype=torch.float64)
    """
    rows = torch.as_tensor(counts, dtype=torch.float64)
    _check_counts("counts", rows)
    return rows.sum() / (len(rows) * rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss:
    """The training loss, built from the functions of this module.

    It is L(z), or ½ (L(z) + L(z')) + α · `r_drop` (z, z') if there are twin logits z'. L is `cross_entropy` or `focal`
    on `adjusted` logits. `r_drop` uses the plain logits, since the model predicts with these.

    Raises
    ------
    InputError
        If `kind` is unknown, a number is out of range, or `tau` is given without `prior`.

    References
    ----------
    The factor ½ is that of the code that Liang, Wu et al. 2021 published with R-Drop. The equation of the paper adds
    L(z) and L(z') instead, so its α is twice this one.

    Examples
    --------
    >>> loss = Loss(kind="focal", gamma=2.0, class_weights=balanced_class_weights([6, 2]))
    >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    tensor(0.1733)
    """

    kind: str = "cross-entropy"
    """One of `LOSSES`."""
    gamma: float = 3.0
    """γ of the focal loss, 0 or larger; the cross-entropy does not use it."""
    class_weights: Tensor | None = None
    """Shape (C,), 0 or larger."""
    prior: Tensor | None = None
    """Counts or shares of the classes, shape (C,), larger than 0; used only with `tau`."""
    tau: float = 0.0
    """τ of the logit adjustment, 0 or larger."""
    label_smoothing: float = 0.0
    """ε, in [0, 1)."""
    alpha: float = 0.0
    """α of R-Drop, 0 or larger."""
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise InputError(
                f"The loss must be one of {', '.join(LOSSES)}. Got {self.kind!r}.{did_you_mean(self.kind, LOSSES)}"
            )
        for name in ("gamma", "tau", "alpha"):
            _check_number(name, getattr(self, name))
        _check_number("label_smoothing", self.label_smoothing, below=1)
        _check_reduction(self.reduction)
        if self.prior is not None:
            _check_counts("prior", self.prior)
        elif self.tau:
            raise InputError(
                f"A logit adjustment needs `prior`, the class counts. Got tau={self.tau} alone. Give both."
            )

    def __call__(
        self,
        logits: Tensor,
        target: Tensor,
        row_weights: Tensor | None = None,
        twin_logits: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        logits : Tensor of float, shape (n, C)
        target : Tensor of int64, shape (n,), or of float, shape (n, C)
        row_weights : Tensor, shape (n,), optional
            See `cross_entropy`.
        twin_logits : Tensor of float, shape (n, C), optional
            The same rows under another draw of dropout. R-Drop needs them if the logits have a gradient. An evaluation
            does not need them and leaves R-Drop out.

        Returns
        -------
        Tensor
            A scalar, or shape (n,) for "none"; float32, or float64 for such logits.

        Raises
        ------
        InputError
            See `cross_entropy`; or if twin logits are missing.
        """
        if twin_logits is None:
            if self.alpha and logits.requires_grad:
                raise InputError(
                    f"R-Drop needs `twin_logits`. Got none, with alpha={self.alpha}."
                    " Send the batch through the model twice, or set alpha to 0."
                )
            return self._supervised(logits, target, row_weights)
        loss = (self._supervised(logits, target, row_weights) + self._supervised(twin_logits, target, row_weights)) / 2
        if self.alpha:
            loss = loss + self.alpha * r_drop(logits, twin_logits, row_weights=row_weights, reduction=self.reduction)
        return loss

    def _supervised(self, logits: Tensor, target: Tensor, row_weights: Tensor | None) -> Tensor:
        """Return the loss of one prediction."""
        if self.prior is not None and self.tau:
            logits = adjusted(logits, self.prior, self.tau)
        return focal(
            logits,
            target,
            gamma=self.gamma if self.kind == "focal" else 0.0,
            row_weights=row_weights,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


def _reduced(losses: Tensor, mass: Tensor, row_weights: Tensor | None, reduction: Reduction) -> Tensor:
    """Apply row weights and reduce the losses of rows; `mass` is the class weight of each row's label, both (n,)."""
    _check_reduction(reduction)
    if row_weights is not None:
        rows = _weights("row_weights", row_weights, losses, axis=0)
        losses, mass = losses * rows, mass * rows
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    total = mass.sum()
    return losses.sum() / torch.where(total > 0, total, torch.inf)


def _working(logits: Tensor) -> torch.dtype:
    """Return the dtype in which the loss of these logits is computed."""
    return torch.promote_types(logits.dtype, torch.float32)


def _probabilities(target: Tensor, logits: Tensor) -> Tensor:
    """Return labels as probabilities, (n, C), in the working type."""
    n, n_classes = logits.shape
    looked_at = target.device.type == "cpu"
    if target.dtype == torch.int64 and target.shape == (n,):
        if looked_at and n and not 0 <= int(target.min()) <= int(target.max()) < n_classes:
            raise InputError(
                f"Class codes must lie between 0 and {n_classes - 1}. Got {int(target.min())} to {int(target.max())}."
                " Number the classes of the task from 0 on."
            )
        return functional.one_hot(target, n_classes).to(_working(logits))
    if not target.is_floating_point() or target.shape != logits.shape:
        raise InputError(
            f"`target` must be int64 of shape ({n},) or float of shape ({n}, {n_classes})."
            f" Got {target.dtype} of shape {tuple(target.shape)}. Give class codes or probabilities."
        )
    target = target.to(_working(logits))
    if looked_at and not bool((target >= 0).all() & ((target.sum(dim=1) - 1).abs() < _SUM_ERROR).all()):
        raise InputError(
            "Soft labels must be at least 0 and add up to 1 in every row."
            f" Got a smallest number of {float(target.min()):.3g} and sums of {float(target.sum(dim=1).min()):.3g}"
            f" to {float(target.sum(dim=1).max()):.3g}. Take the softmax of logits."
        )
    return target


def _weights(name: str, weights: Any, like: Tensor, *, axis: int) -> Tensor:
    """Return weights in the working type and on the device of a tensor, one for each index of its axis."""
    tensor = torch.as_tensor(weights)
    if tensor.shape != (like.shape[axis],):
        what = "row" if axis == 0 else "class"
        raise InputError(
            f"`{name}` must have shape ({like.shape[axis]},). Got {tuple(tensor.shape)}. Give one for every {what}."
        )
    if tensor.device.type == "cpu" and not bool(((tensor >= 0) & (tensor < torch.inf)).all()):
        raise InputError(
            f"`{name}` must be finite and at least 0. Got {tensor.min():.3g} to {tensor.max():.3g}. Correct them."
        )
    return tensor.to(device=like.device, dtype=_working(like))


def _check_logits(name: str, logits: Tensor) -> None:
    """Raise if logits are not a table of floats."""
    if not logits.is_floating_point() or logits.dim() != 2:
        raise InputError(
            f"`{name}` must be float of shape (rows, classes). Got {logits.dtype} of shape {tuple(logits.shape)}."
            " Give the output of the last layer."
        )


def _check_counts(name: str, counts: Tensor) -> None:
    """Raise if a class has no rows."""
    if counts.dim() != 1 or not len(counts) or not bool(((counts > 0) & (counts < torch.inf)).all()):
        raise InputError(
            f"`{name}` must hold a number above 0 for every class. Got {counts.tolist()}."
            " Leave classes without training rows out of the task."
        )


def _check_number(name: str, value: float, below: float = math.inf) -> None:
    """Raise if a parameter is negative, or not below a limit."""
    if not 0 <= value < below:
        limit = "finite" if below == math.inf else f"below {below:g}"
        raise InputError(f"`{name}` must be at least 0 and {limit}. Got {value!r}. 0 switches it off.")


def _check_reduction(reduction: str) -> None:
    """Raise if the reduction is unknown."""
    known = get_args(Reduction)
    if reduction not in known:
        raise InputError(
            f"`reduction` must be one of {', '.join(known)}. Got {reduction!r}.{did_you_mean(reduction, known)}"
        )
