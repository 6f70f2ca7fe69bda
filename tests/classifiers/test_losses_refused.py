"""Losses refuse what cannot be used, and say what they expected."""

from __future__ import annotations

import math

import pytest
import torch

from augment.errors import InputError
from classifiers.losses import LOSSES, Loss, adjusted, balanced_class_weights, cross_entropy, focal, r_drop

pytestmark = pytest.mark.numeric

BOTH = pytest.mark.parametrize("loss", [cross_entropy, focal], ids=["cross_entropy", "focal"])


# What cannot be used


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "focl"}, "must be one of cross-entropy, focal. Got 'focl'. Did you mean 'focal'"),
        ({"gamma": -1.0}, "`gamma` must be at least 0 and finite. Got -1.0"),
        ({"gamma": math.nan}, "`gamma` must be at least 0 and finite. Got nan"),
        ({"alpha": math.inf}, "`alpha` must be at least 0 and finite. Got inf"),
        ({"tau": -0.5, "prior": torch.tensor([1, 1])}, "`tau` must be at least 0"),
        ({"tau": 1.0}, "A logit adjustment needs `prior`, the class counts. Got tau=1.0 alone"),
        ({"prior": torch.tensor([3, 0])}, r"`prior` must hold a number above 0 for every class. Got \[3, 0\]"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be at least 0 and below 1. Got 1.0"),
        ({"reduction": "meen"}, "`reduction` must be one of none, mean, sum. Got 'meen'. Did you mean 'mean'"),
    ],
)
def test_a_loss_that_cannot_be_is_refused_when_it_is_made(options, message):
    with pytest.raises(InputError, match=message):
        Loss(**options)


ROWS = {"target": torch.tensor([0, 1])}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": torch.tensor([0, 3])}, "must lie between 0 and 2. Got 0 to 3"),
        ({"target": torch.tensor([-100, 1])}, "must lie between 0 and 2. Got -100 to 1"),
        (
            {"target": torch.tensor([0])},
            r"int64 of shape \(2,\) or float of shape \(2, 3\). Got torch.int64 of shape \(1,",
        ),
        ({"target": torch.tensor([0, 1], dtype=torch.int32)}, r"Got torch.int32 of shape \(2,\)"),
        ({"target": torch.ones(2, 2) / 2}, r"Got torch.float32 of shape \(2, 2\)"),
        ({"target": torch.ones(2, 3)}, "add up to 1 in every row. Got a smallest number of 1 and sums of 3 to 3"),
        ({"target": torch.tensor([[1.5, -0.5, 0.0]] * 2)}, "Soft labels must be at least 0"),
        ({"target": torch.full((2, 3), math.nan)}, "Soft labels must be at least 0"),
        ({**ROWS, "logits": torch.zeros(3)}, r"`logits` must be float of shape \(rows, classes\). Got"),
        ({**ROWS, "logits": torch.zeros(2, 3, dtype=torch.int64)}, "Got torch.int64"),
        (
            {**ROWS, "row_weights": torch.ones(3)},
            r"`row_weights` must have shape \(2,\). Got \(3,\). Give one for every row",
        ),
        (
            {**ROWS, "row_weights": torch.tensor([1.0, -1.0])},
            "`row_weights` must be finite and at least 0. Got -1 to 1",
        ),
        ({**ROWS, "class_weights": torch.ones(2)}, r"`class_weights` must have shape \(3,\). Got \(2,\)"),
        ({**ROWS, "class_weights": torch.tensor([1, math.nan, 1])}, "`class_weights` must be finite"),
        ({**ROWS, "label_smoothing": -0.1}, "`label_smoothing` must be at least 0"),
        ({**ROWS, "reduction": "avg"}, "`reduction` must be one of"),
    ],
)
@BOTH
def test_arguments_that_do_not_fit_are_refused(loss, changed, message):
    with pytest.raises(InputError, match=message):
        loss(**{"logits": torch.zeros(2, 3), **changed})


def test_other_mistakes_are_refused():
    with pytest.raises(InputError, match="`gamma` must be at least 0"):
        focal(torch.zeros(2, 3), ROWS["target"], gamma=-1)
    with pytest.raises(InputError, match=r"must have the shape of `logits`, \(2, 3\). Got \(3, 3\)"):
        r_drop(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(InputError, match="`twin_logits` must be float"):
        r_drop(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(InputError, match=r"`prior` must have shape \(3,\)"):
        adjusted(torch.zeros(2, 3), torch.tensor([1, 2]), 1.0)
    with pytest.raises(InputError, match="`prior` must hold a number above 0"):
        adjusted(torch.zeros(2, 3), torch.tensor([1, 2, 0]), 1.0)
    for counts in ([3, 0], [], [[1, 2]]):
        with pytest.raises(InputError, match="`counts` must hold a number above 0"):
            balanced_class_weights(counts)


def test_every_kind_can_be_made():
    assert [Loss(kind=kind).kind for kind in LOSSES] == ["cross-entropy", "focal"]
