"""The losses agree with torch, with their papers' equations, and with arithmetic done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from augment.errors import InputError
from classifiers.losses import Loss, adjusted, balanced_class_weights, cross_entropy, focal, r_drop

pytestmark = pytest.mark.numeric

BOTH = pytest.mark.parametrize("loss", [cross_entropy, focal], ids=["cross_entropy", "focal"])


THREE_TO_ONE = torch.log(torch.tensor([[3.0, 1.0]]))  # softmax: 3/4, 1/4


HARD, SOFT = torch.tensor([0]), torch.tensor([[0.5, 0.5]])


def drawn(seed, n=6, n_classes=3, *, dtype=torch.float64, scale=2.0):
    """Logits, codes, soft labels, row weights and class weights."""
    rng = torch.Generator().manual_seed(seed)
    return (
        scale * torch.randn(n, n_classes, generator=rng, dtype=dtype),
        torch.randint(n_classes, (n,), generator=rng),
        torch.rand(n, n_classes, generator=rng, dtype=dtype).softmax(dim=1),
        torch.rand(n, generator=rng, dtype=dtype) + 0.1,
        torch.rand(n_classes, generator=rng, dtype=dtype) + 0.1,
    )


def gradient(function, logits):
    logits = logits.clone().requires_grad_()
    function(logits).sum().backward()
    return logits.grad


SEEDS = st.integers(0, 10_000)


FEW = settings(max_examples=25)


# By hand


@pytest.mark.parametrize(
    ("target", "gamma", "expected"),
    [
        (HARD, 0, -math.log(3 / 4)),
        (HARD, 2, -((1 / 4) ** 2) * math.log(3 / 4)),
        (HARD, 0.5, -(1 / 2) * math.log(3 / 4)),  # (1/4)^½
        (SOFT, 0, -(math.log(3 / 4) + math.log(1 / 4)) / 2),
        (SOFT, 2, -((1 / 16) * math.log(3 / 4) + (9 / 16) * math.log(1 / 4)) / 2),
    ],
)
def test_the_loss_of_one_row_is_the_one_computed_by_hand(target, gamma, expected):
    assert focal(THREE_TO_ONE, target, gamma=gamma).item() == pytest.approx(expected)


def test_the_weighted_mean_is_the_one_computed_by_hand():
    logits, target = THREE_TO_ONE.repeat(2, 1), torch.tensor([0, 1])
    weights = {"row_weights": torch.tensor([1.0, 0.5]), "class_weights": torch.tensor([2.0, 3.0])}
    a, b = -2 * math.log(3 / 4), -0.5 * 3 * math.log(1 / 4)
    assert cross_entropy(logits, target, **weights, reduction="none").tolist() == pytest.approx([a, b])
    assert cross_entropy(logits, target, **weights, reduction="sum").item() == pytest.approx(a + b)
    assert cross_entropy(logits, target, **weights).item() == pytest.approx((a + b) / (2 + 0.5 * 3))


def test_the_smoothed_loss_is_the_one_computed_by_hand():
    # ε = .2 of two classes: the label is (.9, .1)
    expected = -(0.9 * math.log(3 / 4) + 0.1 * math.log(1 / 4))
    assert cross_entropy(THREE_TO_ONE, HARD, label_smoothing=0.2).item() == pytest.approx(expected)


def test_the_mean_of_soft_labels_is_over_the_class_weights_that_they_carry():
    # a label of half and half weighs (2 + 4) / 2 = 3
    loss = cross_entropy(THREE_TO_ONE, SOFT, class_weights=torch.tensor([2.0, 4.0]))
    assert loss.item() == pytest.approx(-(0.5 * 2 * math.log(3 / 4) + 0.5 * 4 * math.log(1 / 4)) / 3)


def test_r_drop_of_one_row_is_the_one_computed_by_hand():
    # p = (3/4, 1/4), q = (1/2, 1/2): KL(p‖q) = 3/4 log(3/2) + 1/4 log(1/2), KL(q‖p) = 1/2 log(2/3) + 1/2 log 2
    kl = 3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2), 1 / 2 * math.log(2 / 3) + 1 / 2 * math.log(2)
    assert r_drop(THREE_TO_ONE, torch.zeros(1, 2)).item() == pytest.approx(sum(kl) / 2)


def test_balanced_weights_are_scikit_learns():
    codes = np.repeat([0, 1, 2], [56, 27, 17])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=codes)
    assert balanced_class_weights([56, 27, 17]).tolist() == expected.tolist()
    assert balanced_class_weights(torch.tensor([56, 27, 17])).tolist() == expected.tolist()


# Against torch


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_cross_entropy_is_torchs(reduction, smoothing, weighted, soft):
    logits, codes, labels, _, classes = drawn(1)
    target, classes = labels if soft else codes, classes if weighted else None
    # where torch divides by n: see the next test
    ratio = len(labels) / (labels @ classes).sum() if soft and weighted and reduction == "mean" else 1.0

    def ours(z):
        return cross_entropy(z, target, class_weights=classes, label_smoothing=smoothing, reduction=reduction)

    def torchs(z):
        return ratio * functional.cross_entropy(z, target, classes, label_smoothing=smoothing, reduction=reduction)

    torch.testing.assert_close(ours(logits), torchs(logits))
    torch.testing.assert_close(gradient(ours, logits), gradient(torchs, logits))


@BOTH
def test_a_one_hot_label_with_class_weights_has_the_mean_of_its_class_unlike_in_torch(loss):
    logits, codes, _, rows, classes = drawn(2)
    one_hot = functional.one_hot(codes, 3).double()
    weights = {"row_weights": rows, "class_weights": classes, "label_smoothing": 0.1}
    assert torch.equal(loss(logits, one_hot, **weights), loss(logits, codes, **weights))
    hard, soft = (functional.cross_entropy(logits, target, classes) for target in (codes, one_hot))
    assert not torch.isclose(hard, soft)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@BOTH
def test_half_precision_is_computed_in_single(loss, dtype):
    logits, codes, labels, rows, _ = drawn(3)
    logits, labels = logits.to(dtype), labels.to(dtype)
    for target in (codes, labels):
        found = loss(logits, target, row_weights=rows)
        assert found.dtype == torch.float32
        wide = target if target is codes else target.float()
        assert torch.equal(found, loss(logits.float(), wide, row_weights=rows))
    assert r_drop(logits, logits.flip(0)).dtype == torch.float32
    assert adjusted(logits, torch.tensor([1, 2, 3]), 1.0).dtype == torch.float32


@BOTH
def test_double_precision_stays(loss):
    logits, codes, *_ = drawn(3)
    assert loss(logits, codes, class_weights=torch.ones(3)).dtype == torch.float64


def test_autocast_does_not_lower_the_precision():
    logits, codes, _, rows, classes = drawn(4, dtype=torch.float32)
    loss = Loss(kind="focal", class_weights=classes, prior=torch.tensor([5, 3, 2]), tau=1.0, alpha=1.0)
    expected = loss(logits, codes, rows, logits.flip(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(logits, codes, rows, logits.flip(0)), expected)


# Against the equations


def published(p, y, gamma, alpha):
    """Lin et al. 2017, equations 2 to 5, for the probability p of y = 1."""
    p_t = p if y == 1 else 1 - p
    alpha_t = alpha if y == 1 else 1 - alpha
    return -alpha_t * (1 - p_t) ** gamma * math.log(p_t)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.0, 5.0])
def test_focal_of_two_classes_is_the_published_binary_one(gamma):
    x, y, alpha = torch.linspace(-6, 6, 13, dtype=torch.float64), [0, 1] * 6 + [0], 0.25
    expected = [published(p, t, gamma, alpha) for p, t in zip(torch.sigmoid(x).tolist(), y, strict=True)]
    logits = torch.stack([torch.zeros_like(x), x], dim=1)
    weights = torch.tensor([1 - alpha, alpha])
    found = focal(logits, torch.tensor(y), gamma=gamma, class_weights=weights.double(), reduction="none")
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 3.0])
def test_focal_of_many_classes_is_the_sum_over_classes(gamma):
    logits, _, labels, rows, classes = drawn(5, n_classes=5)
    p = (logits.exp() / logits.exp().sum(dim=1, keepdim=True)).tolist()
    expected = [
        -r * sum(w * t * (1 - q) ** gamma * math.log(q) for w, t, q in zip(classes.tolist(), ts, ps, strict=True))
        for r, ts, ps in zip(rows.tolist(), labels.tolist(), p, strict=True)
    ]
    found = focal(logits, labels, gamma=gamma, row_weights=rows, class_weights=classes, reduction="none")
    assert found.tolist() == pytest.approx(expected)


def test_adjusted_cross_entropy_is_the_published_sum():
    # Menon et al. 2021: log(1 + Σ over other classes of (π_c / π_y)^τ exp(f_c - f_y))
    logits, codes, *_ = drawn(6)
    prior, tau = torch.tensor([0.56, 0.27, 0.17]), 1.3
    expected = [
        math.log(1 + sum(float(prior[c] / prior[y]) ** tau * math.exp(f[c] - f[y]) for c in range(3) if c != y))
        for f, y in zip(logits.tolist(), codes.tolist(), strict=True)
    ]
    found = cross_entropy(adjusted(logits, prior, tau), codes, reduction="none")
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_r_drop_is_half_of_both_divergences():
    (a, *_), (b, *_) = drawn(7), drawn(8)
    log_p, log_q = a.log_softmax(dim=1), b.log_softmax(dim=1)
    expected = sum(
        functional.kl_div(x, y, reduction="none", log_target=True).sum(dim=1) / 2
        for x, y in ((log_p, log_q), (log_q, log_p))
    )
    torch.testing.assert_close(r_drop(a, b, reduction="none"), expected)
    torch.testing.assert_close(r_drop(a, b), expected.mean())


# Gradients


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("soft", [False, True])
def test_gradients_are_the_derivatives(gamma, soft):
    logits, codes, labels, rows, classes = drawn(9)
    twin = drawn(10)[0]
    loss = Loss(
        kind="focal",
        gamma=gamma,
        class_weights=classes,
        prior=torch.tensor([5, 3, 2]),
        tau=1.0,
        label_smoothing=0.1,
        alpha=0.7,
    )
    target = labels if soft else codes
    inputs = (logits.requires_grad_(), twin.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: loss(a, target, rows, b), inputs)


@pytest.mark.parametrize("soft", [False, True])
def test_focal_at_gamma_0_is_cross_entropy_to_the_last_bit(soft):
    logits, codes, labels, rows, classes = drawn(11, dtype=torch.float32, n=64)
    target = labels if soft else codes
    options = {"row_weights": rows, "class_weights": classes, "label_smoothing": 0.1}

    def as_focal(z):
        return focal(z, target, gamma=0.0, **options)

    def as_cross_entropy(z):
        return cross_entropy(z, target, **options)

    assert torch.equal(as_focal(logits), as_cross_entropy(logits))
    assert torch.equal(gradient(as_focal, logits), gradient(as_cross_entropy, logits))


@pytest.mark.parametrize("gamma", [0.0, 1e-4, 0.1, 0.5, 0.99, 1.0, 3.0, 50.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e4, 100.0, 20.0, 16.0])
def test_sure_predictions_have_finite_losses_and_gradients(gamma, dtype, size):
    logits = torch.tensor([[size, -size, 0], [-size, size, 0], [size, size, size]], dtype=dtype)
    for target in (torch.tensor([0, 0, 0]), torch.full((3, 3), 1 / 3)):
        for smoothing in (0.0, 0.1):

            def loss(z, target=target, smoothing=smoothing):
                return focal(z, target, gamma=gamma, label_smoothing=smoothing, reduction="none")

            assert loss(logits).isfinite().all()
            assert (loss(logits) >= 0).all()
            assert gradient(loss, logits).isfinite().all()
    assert focal(logits[:1], HARD, gamma=gamma).item() == pytest.approx(0, abs=1e-6)
    # wrong, and as sure of it as can be: (1 - p)^γ is 1, and the loss the distance of the logits
    assert focal(logits[1:2], HARD, gamma=gamma).item() == pytest.approx(2 * size, rel=1e-6)
    assert gradient(lambda z: r_drop(z, z.flip(0)), logits).isfinite().all()


@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.9])
def test_near_certainty_the_gradient_of_a_small_power_is_that_of_the_series(gamma):
    # p = 1 - q: to first order in q the loss is q^(1 + γ), and dq/dz is -q
    q = 1e-6
    logits = torch.tensor([[math.log((1 - q) / q), 0.0]], dtype=torch.float64)
    found = gradient(lambda z: focal(z, HARD, gamma=gamma), logits)[0, 0].item()
    assert found == pytest.approx(-(1 + gamma) * q ** (1 + gamma), rel=1e-4)


# Weights


@BOTH
@given(seed=SEEDS, soft=st.booleans())
@FEW
def test_a_row_of_weight_2_counts_as_two_rows(loss, seed, soft):
    logits, codes, labels, _, classes = drawn(seed)
    target = labels if soft else codes
    twice = torch.tensor([0, 1, 1, 2, 3, 4, 5])
    rows = torch.bincount(twice).double()
    for reduction in ("sum", "mean"):
        torch.testing.assert_close(
            loss(logits, target, row_weights=rows, class_weights=classes, reduction=reduction),
            loss(logits[twice], target[twice], class_weights=classes, reduction=reduction),
        )
    torch.testing.assert_close(
        r_drop(logits, logits.flip(0), row_weights=rows), r_drop(logits[twice], logits.flip(0)[twice])
    )


@BOTH
def test_a_row_of_weight_0_is_as_good_as_absent(loss):
    logits, codes, _, rows, _ = drawn(12)
    rows[2] = 0
    kept = torch.tensor([0, 1, 3, 4, 5])

    def whole(z):
        return loss(z, codes, row_weights=rows)

    torch.testing.assert_close(whole(logits), loss(logits[kept], codes[kept], row_weights=rows[kept]))
    assert gradient(whole, logits)[2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("options", [{"row_weights": torch.zeros(6)}, {"class_weights": torch.zeros(3)}])
@BOTH
def test_a_batch_without_weight_has_loss_0_and_no_gradient(loss, options):
    logits, codes, *_ = drawn(13)
    assert loss(logits, codes, **options).item() == 0
    assert not gradient(lambda z: loss(z, codes, **options), logits).any()


def test_classes_of_weight_0_do_not_blow_up_what_smoothing_leaves_of_the_others():
    logits = torch.zeros(1, 2)
    weights = torch.tensor([0.0, 1.0])
    assert cross_entropy(logits, HARD, class_weights=weights, label_smoothing=0.1).item() == 0


def test_an_empty_batch_has_loss_0():
    assert cross_entropy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).item() == 0
    assert cross_entropy(torch.zeros(0, 3), torch.zeros(0, 3)).item() == 0


@BOTH
@given(seed=SEEDS, epsilon=st.floats(0, 0.9))
@FEW
def test_smoothing_a_hard_label_is_giving_the_smoothed_one(loss, seed, epsilon):
    logits, codes, _, rows, classes = drawn(seed)
    labels = functional.one_hot(codes, 3) * (1 - epsilon) + epsilon / 3
    torch.testing.assert_close(
        loss(logits, codes, row_weights=rows, label_smoothing=epsilon), loss(logits, labels, row_weights=rows)
    )
    torch.testing.assert_close(
        loss(logits, codes, class_weights=classes, label_smoothing=epsilon, reduction="none"),
        loss(logits, labels, class_weights=classes, reduction="none"),
    )


@BOTH
@given(seed=SEEDS, shift=st.floats(-50, 50))
@FEW
def test_neither_order_nor_names_nor_a_constant_matter(loss, seed, shift):
    logits, codes, _, rows, classes = drawn(seed)
    expected = loss(logits, codes, row_weights=rows, class_weights=classes)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        loss(logits[order], codes[order], row_weights=rows[order], class_weights=classes), expected
    )
    names = torch.randperm(3, generator=torch.Generator().manual_seed(seed))
    renamed = torch.argsort(names)[codes]
    torch.testing.assert_close(
        loss(logits[:, names], renamed, row_weights=rows, class_weights=classes[names]), expected
    )
    torch.testing.assert_close(loss(logits + shift, codes, row_weights=rows, class_weights=classes), expected)


@given(seed=SEEDS, gamma=st.floats(0, 5), more=st.floats(0, 5))
@FEW
def test_a_larger_gamma_never_makes_a_loss_larger(seed, gamma, more):
    logits, codes, *_ = drawn(seed)
    larger = focal(logits, codes, gamma=gamma + more, reduction="none")
    assert (larger <= focal(logits, codes, gamma=gamma, reduction="none")).all()


# R-Drop


@given(seed=SEEDS)
@FEW
def test_r_drop_is_symmetric_and_0_for_equal_predictions_alone(seed):
    (a, *_), (b, *_) = drawn(seed, dtype=torch.float32), drawn(seed + 1, dtype=torch.float32)
    found = r_drop(a, b, reduction="none")
    assert (found > 0).all()
    assert torch.equal(found, r_drop(b, a, reduction="none"))
    assert not r_drop(a, a, reduction="none").any()
    torch.testing.assert_close(r_drop(a + 3, a, reduction="none"), torch.zeros(6), atol=1e-6, rtol=0)


def test_the_gradient_of_r_drop_reaches_both_sides_and_vanishes_where_they_agree():
    a = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    b = torch.zeros(4, 3, requires_grad=True)
    r_drop(a, b).backward()
    assert a.grad.any()
    assert b.grad.any()
    assert not gradient(lambda z: r_drop(z, a.detach()), a.detach()).any()


# Logit adjustment


@pytest.mark.parametrize(("prior", "tau"), [([1, 2, 3], 0.0), ([4, 4, 4], 1.0)])
def test_no_tau_or_a_uniform_prior_changes_no_gradient(prior, tau):
    logits, codes, *_ = drawn(14)
    plain = gradient(lambda z: cross_entropy(z, codes), logits)
    found = gradient(lambda z: cross_entropy(adjusted(z, torch.tensor(prior), tau), codes), logits)
    torch.testing.assert_close(found, plain)


def test_counts_and_shares_are_the_same_prior():
    logits = drawn(15)[0]
    torch.testing.assert_close(
        adjusted(logits, torch.tensor([56, 27, 17]), 1.0), adjusted(logits, torch.tensor([0.56, 0.27, 0.17]), 1.0)
    )


def test_a_model_fitted_under_adjustment_predicts_as_if_classes_were_balanced():
    # ten equal inputs, nine of class 0: with the prior added they are predicted 9 : 1, without it 1 : 1
    target = torch.tensor([0] * 9 + [1])
    bias = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([bias], max_iter=100, line_search_fn="strong_wolfe")
    loss = Loss(prior=torch.bincount(target), tau=1.0)

    def closure():
        optimiser.zero_grad()
        value = loss(bias.expand(10, 2), target)
        value.backward()
        return value

    optimiser.step(closure)
    assert bias.softmax(dim=1)[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


# All together


def test_the_whole_loss_is_the_sum_of_its_parts():
    logits, codes, _, rows, classes = drawn(16)
    twin, prior = drawn(17)[0], torch.tensor([5, 3, 2])
    loss = Loss(kind="focal", gamma=2.0, class_weights=classes, prior=prior, tau=0.5, label_smoothing=0.1, alpha=0.3)
    options = {"gamma": 2.0, "row_weights": rows, "class_weights": classes, "label_smoothing": 0.1}
    sides = [focal(adjusted(z, prior, 0.5), codes, **options) for z in (logits, twin)]
    expected = (sides[0] + sides[1]) / 2 + 0.3 * r_drop(logits, twin, row_weights=rows)
    assert torch.equal(loss(logits, codes, rows, twin), expected)
    assert torch.equal(loss(logits, codes, rows), sides[0])


def test_the_default_is_plain_cross_entropy_whatever_gamma_and_prior():
    logits, codes, *_ = drawn(18)
    assert torch.equal(Loss(gamma=3.0, prior=torch.tensor([1, 2, 3]))(logits, codes), cross_entropy(logits, codes))


def test_twins_that_agree_have_the_loss_of_one():
    logits, codes, _, rows, _ = drawn(19)
    assert torch.equal(Loss(alpha=1.0)(logits, codes, rows, logits), Loss()(logits, codes, rows))


@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_the_reduction_holds_for_every_part(reduction):
    logits, codes, _, rows, _ = drawn(20)
    twin = drawn(21)[0]
    rowwise = Loss(alpha=0.5, reduction="none")(logits, codes, rows, twin)
    found = Loss(alpha=0.5, reduction=reduction)(logits, codes, rows, twin)
    torch.testing.assert_close(found, rowwise if reduction == "none" else rowwise.sum())


def test_r_drop_without_twins_is_refused_in_training_and_left_out_in_evaluation():
    logits, codes, *_ = drawn(22)
    loss = Loss(alpha=1.0)
    assert torch.equal(loss(logits, codes), cross_entropy(logits, codes))
    with pytest.raises(InputError, match=r"R-Drop needs `twin_logits`. Got none, with alpha=1.0"):
        loss(logits.requires_grad_(), codes)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_weights_and_priors_on_the_cpu_serve_logits_on_a_gpu():
    logits, codes, _, rows, classes = drawn(23)
    loss = Loss(kind="focal", class_weights=classes, prior=torch.tensor([5, 3, 2]), tau=1.0, alpha=0.5)
    found = loss(logits.cuda(), codes.cuda(), rows.cuda(), logits.flip(0).cuda())
    torch.testing.assert_close(found.cpu(), loss(logits, codes, rows, logits.flip(0)))
