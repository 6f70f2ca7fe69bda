"""How the generators of `augment.vectors.gan.sampler` are trained, and when the training stops."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from augment.vectors.gan.networks import (
    SCOTT,
    SMOTED,
    NoiseGenerator,
    ResidualGenerator,
    TranslatingGenerator,
    layers,
    tensor,
)

CHECK = 25
"""Steps of the generator between two looks at how it does."""

_FLIPPED = 0.3  # of the bits that a discriminator of one-hot rows is shown at first
_CRITIC = 512  # width of the critic's layers
_DECAY = 0.99  # of the moving average of the generator's weights, by step

Look = dict[str, Any]
"""Measurements at one step of a training, as plain data."""


@dataclass(frozen=True, kw_only=True)
class GanSettings:
    """Settings of a training; see `augment.vectors.gan.sampler.GANSMOTE`."""

    n_steps: int
    batch_size: int
    learning_rate: float
    packing: int
    n_critic: int
    gradient_penalty: float
    patience: int


class Losses(NamedTuple):
    """The losses of one step of the generator."""

    critic: float
    generator: float


def train_residual(
    generator: ResidualGenerator,
    real: Sequence[np.ndarray],
    smote: Sequence[np.ndarray],
    covered: Callable[[ResidualGenerator], Sequence[float]],
    floor: Sequence[float],
    settings: GanSettings,
) -> tuple[ResidualGenerator, list[Look]]:
    """Train a residual generator until its rows reach too few real ones.

    Parameters
    ----------
    generator : ResidualGenerator
        The generator to train. Before training it gives SMOTE rows.
    real : sequence of ndarray, shape (n, d)
        The real rows of each class.
    smote : sequence of ndarray, shape (m, d)
        SMOTE rows of each class to draw from.
    covered : callable
        Returns, for each class, the share of the rows held aside that a generator's rows reach.
    floor : sequence of float
        The minimum of that share for each class.
    settings : GanSettings

    Returns
    -------
    generator : ResidualGenerator
        With the weights, a moving average, of the last look at which no class was below the floor.
    looks : list of dict
    """
    averaged = copy.deepcopy(generator)
    chosen = copy.deepcopy(averaged)
    looks: list[Look] = [{"step": 0, "coverage": list(covered(averaged)), "chosen": True}]
    steps = residual_steps(generator, averaged, real, smote, settings)
    below = 0
    while looks[-1]["step"] < settings.n_steps and below < settings.patience:
        losses = list(islice(steps, min(CHECK, settings.n_steps - looks[-1]["step"])))
        coverage = covered(averaged)
        holds = all(reached >= least - 1e-9 for reached, least in zip(coverage, floor, strict=True))
        if holds:
            chosen = copy.deepcopy(averaged)
            for look in looks:
                look["chosen"] = False
        below = 0 if holds else below + 1
        step = looks[-1]["step"] + len(losses)
        looks.append({"step": step, **_means(losses), "coverage": list(coverage), "chosen": holds})
    return chosen, looks


def train_plain(steps: Iterator[Losses], n_steps: int) -> list[Look]:
    """Train for `n_steps` steps, and return the measurements of every `CHECK` steps."""
    looks: list[Look] = []
    done = 0
    while done < n_steps:
        losses = list(islice(steps, min(CHECK, n_steps - done)))
        done += len(losses)
        looks.append({"step": done, **_means(losses), "chosen": done == n_steps})
    return looks


def residual_steps(
    generator: ResidualGenerator,
    averaged: ResidualGenerator,
    real: Sequence[np.ndarray],
    smote: Sequence[np.ndarray],
    settings: GanSettings,
) -> Iterator[Losses]:
    """Train a conditional Wasserstein GAN with gradient penalty, a step of the generator at a time, without end.

    The critic looks at several whitened rows of one class at a time, and at which class it is.

    Parameters
    ----------
    generator : ResidualGenerator
        Is trained.
    averaged : ResidualGenerator
        Follows it: a moving average of its weights.
    real, smote, settings
        See `train_residual`.

    Yields
    ------
    Losses
        The critic's without the penalty: less the estimated distance.

    References
    ----------
    Gulrajani et al. 2017, "Improved training of Wasserstein GANs", algorithm 1. Lin et al. 2018, "PacGAN: the power of
    two samples in generative adversarial networks", section 2.
    """
    classes, packing = generator.classes, settings.packing
    critic = layers([packing * generator.width + classes, _CRITIC, _CRITIC, 1], norm=True)
    of_critic, of_generator = (
        torch.optim.Adam(module.parameters(), settings.learning_rate, (0.0, 0.9))
        for module in (critic, generator.network)
    )
    white_real, white_smote = ([generator.whitened(tensor(rows)) for rows in kind] for kind in (real, smote))
    packs = torch.arange(max(settings.batch_size // packing, classes)) % classes
    of_pack = functional.one_hot(packs, classes).float()
    of_row = of_pack.repeat_interleave(packing, 0)

    def drawn(rows: Sequence[Tensor]) -> Tensor:
        return torch.cat([rows[code][torch.randint(len(rows[code]), (packing,))] for code in packs.tolist()])

    def generated() -> Tensor:
        rows: Tensor = generator(drawn(white_smote), of_row)
        return rows.view(len(packs), -1)

    def judged(packed: Tensor) -> Tensor:
        scores: Tensor = critic(torch.cat([packed, of_pack], 1))
        return scores

    while True:
        for _ in range(settings.n_critic):
            shown = drawn(white_real).view(len(packs), -1)
            with torch.no_grad():
                new = generated()
            distance = judged(shown).mean() - judged(new).mean()
            _step(of_critic, settings.gradient_penalty * _penalty(judged, shown, new) - distance)
        generator_loss = -judged(generated()).mean()
        _step(of_generator, generator_loss)
        with torch.no_grad():
            for slow, fast in zip(averaged.parameters(), generator.parameters(), strict=True):
                slow.lerp_(fast, 1 - _DECAY)
        yield Losses(-float(distance.detach()), float(generator_loss.detach()))


def translating_steps(
    generator: TranslatingGenerator, real: np.ndarray, smote: np.ndarray, settings: GanSettings
) -> Iterator[Losses]:
    """Train a SMOTified-GAN, a step at a time, without end.

    Parameters
    ----------
    generator : TranslatingGenerator
        Is trained.
    real : ndarray, shape (n, d)
        Real rows of the class.
    smote : ndarray, shape (m, d)
        SMOTE rows to draw from.
    settings : GanSettings

    Yields
    ------
    Losses

    References
    ----------
    Sharma et al. 2022, "SMOTified-GAN for class imbalanced pattern classification problems", section 3.
    """
    critic = layers([real.shape[1], *SMOTED[1], 1])
    of_critic, of_generator = (
        torch.optim.Adam(module.parameters(), settings.learning_rate, (0.5, 0.999)) for module in (critic, generator)
    )
    judged = functional.binary_cross_entropy_with_logits
    one, zero = torch.ones(settings.batch_size, 1), torch.zeros(settings.batch_size, 1)
    real_rows, smote_rows = (generator.standardised(tensor(rows)) for rows in (real, smote))
    while True:
        new = generator(smote_rows[torch.randint(len(smote_rows), (settings.batch_size,))])
        seen = critic(real_rows[torch.randint(len(real_rows), (settings.batch_size,))])
        critic_loss = judged(seen, one) + judged(critic(new.detach()), zero)
        _step(of_critic, critic_loss)
        generator_loss = judged(critic(new), one)
        _step(of_generator, generator_loss)
        yield Losses(float(critic_loss.detach()), float(generator_loss.detach()))


def noise_steps(generator: NoiseGenerator, real: np.ndarray, settings: GanSettings) -> Iterator[Losses]:
    """Train the GAN of Scott and Plested, a step at a time: squared error, dropout .3, a statistic of the batch.

    Real rows are noised, less from step to step: of one-hot groups some are drawn anew, and continuous rows are shaken.

    Parameters
    ----------
    generator : NoiseGenerator
        Is trained.
    real : ndarray, shape (n, d)
        Real rows of the class.
    settings : GanSettings

    Yields
    ------
    Losses
        Of each of the `n_steps`.

    References
    ----------
    Scott and Plested 2019, "GAN-SMOTE: a generative adversarial network approach to synthetic minority oversampling",
    section 3.
    """
    shown = generator.scaled(tensor(real))
    critic = layers([real.shape[1] + 1, *SCOTT[1], 1], dropout=0.3)
    of_critic, of_generator = (
        torch.optim.Adam(module.parameters(), settings.learning_rate) for module in (critic, generator.network)
    )
    one, zero = torch.ones(settings.batch_size, 1), torch.zeros(settings.batch_size, 1)
    for step in range(settings.n_steps):
        batch = shown[torch.randint(len(shown), (settings.batch_size,))]
        seen = _noised(batch, generator.groups, 1 - step / settings.n_steps)
        new = generator(settings.batch_size)
        critic_loss = functional.mse_loss(critic(_with_spread(seen)), one)
        critic_loss = critic_loss + functional.mse_loss(critic(_with_spread(new.detach())), zero)
        _step(of_critic, critic_loss)
        generator_loss = functional.mse_loss(critic(_with_spread(new)), one)
        _step(of_generator, generator_loss)
        yield Losses(float(critic_loss.detach()), float(generator_loss.detach()))


def _means(losses: Sequence[Losses]) -> Look:
    critic, of_generator = np.mean(losses, axis=0)
    return {"critic_loss": float(critic), "generator_loss": float(of_generator)}


def _penalty(judged: Callable[[Tensor], Tensor], shown: Tensor, new: Tensor) -> Tensor:
    """Return how far the critic's slope is from 1 between real and new rows (Gulrajani et al. 2017, equation 3)."""
    share = torch.rand(len(shown), 1)
    between = (share * shown + (1 - share) * new).requires_grad_(True)
    (slope,) = torch.autograd.grad(judged(between).sum(), between, create_graph=True)
    off: Tensor = slope.norm(dim=1) - 1
    return (off**2).mean()


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _with_spread(rows: Tensor) -> Tensor:
    """Add the column that shows a discriminator how far a row is from the others of its batch, in L1."""
    return torch.cat([rows, torch.cdist(rows, rows, p=1).mean(1, keepdim=True)], dim=1)


def _noised(rows: Tensor, groups: Sequence[Tensor], left: float) -> Tensor:
    """Noise real rows between 0 and 1; `left` is the share of the noise that remains."""
    if not groups:
        return rows + 0.1 * left * torch.randn_like(rows)
    noised = rows.clone()
    for group in groups:
        anew = torch.rand(len(rows)) < _FLIPPED * left
        drawn = functional.one_hot(torch.randint(len(group), (len(rows),)), len(group)).to(rows.dtype)
        noised[:, group] = torch.where(anew[:, None], drawn, rows[:, group])
    return noised
