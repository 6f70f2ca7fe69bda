"""The generators of `augment.vectors.gan.sampler`: from SMOTE rows or noise to new rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SMOTED = (128, 256, 512, 1024), (512, 256, 128)
"""Widths of generator and discriminator of Sharma et al. 2022, section 3."""
SCOTT = (16, 32), (32, 16)
"""Those of Scott and Plested 2019, section 3."""
NOISE = 16
"""Length of the noise vector of its generator."""

_SLOPE = 0.2  # of a leaky ReLU below 0
_WIDTH = 256  # of the residual generator's layers
_ROWS = 4096  # that are generated at a time


class ResidualGenerator(nn.Module):
    """Moves SMOTE rows in the directions in which real rows vary: x + B diag(s) G(w(x), z, y).

    w(x) are the whitened coordinates of x, B the principal directions, s the standard deviations along them, z noise,
    and y the class. The last layer of G starts at zero, so that the first rows are those of SMOTE.

    Parameters
    ----------
    mean : Tensor, shape (d,)
    basis : Tensor, shape (d, c)
        Principal directions.
    scale : Tensor, shape (c,)
        Standard deviations along them.
    classes : int
        How many classes there are.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, basis: Tensor, scale: Tensor, classes: int) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("basis", basis), ("scale", scale)):
            self.register_buffer(name, values)
        self.width, self.classes = len(scale), classes
        self.network = layers([2 * self.width + classes, _WIDTH, _WIDTH, self.width])
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    @classmethod
    def like(cls, rows: np.ndarray, components: int, classes: int) -> Self:
        """Build a generator that moves rows in the principal components of an array.

        Parameters
        ----------
        rows : ndarray of float, shape (n, d)
        components : int
            Maximum number of components.
        classes : int

        Returns
        -------
        ResidualGenerator
        """
        mean = rows.mean(axis=0, dtype=np.float64)
        _, values, directions = np.linalg.svd(rows - mean, full_matrices=False)
        scale = values / np.sqrt(max(1, len(rows) - 1))
        # Directions in which there is nothing but rounding would be blown up by the whitening.
        kept = min(components, int((scale > 1e-6 * scale[0]).sum()))
        return cls(tensor(mean), tensor(directions[:kept].T), tensor(scale[:kept]), classes)

    @classmethod
    def restored(cls, state: Mapping[str, Tensor], groups: Sequence[Sequence[int]]) -> Self:
        """Return one with a saved state; it has no groups."""
        classes = state["network.0.weight"].shape[1] - 2 * len(state["scale"])
        network = cls(state["mean"], state["basis"], state["scale"], classes)
        network.load_state_dict(dict(state))
        return network

    def whitened(self, rows: Tensor) -> Tensor:
        """Return the whitened coordinates of rows, (n, d) → (n, c)."""
        whitened: Tensor = (rows - self.mean) @ self.basis / self.scale
        return whitened

    def forward(self, coordinates: Tensor, condition: Tensor) -> Tensor:
        """Return whitened coordinates after the move, (n, c); `condition` is one-hot, (n, classes)."""
        noise = torch.randn_like(coordinates)
        moved: Tensor = coordinates + self.network(torch.cat([coordinates, noise, condition], dim=1))
        return moved

    def new(self, smote: np.ndarray, place: int) -> np.ndarray:
        """Return new rows of the class at a place, (n, d) float32, one for each SMOTE row."""

        def moved(rows: Tensor) -> Tensor:
            condition = functional.one_hot(torch.full((len(rows),), place), self.classes).float()
            before = self.whitened(rows)
            after: Tensor = self(before, condition)
            return rows + (after - before) * self.scale @ self.basis.T

        return _in_parts(moved, smote)


class TranslatingGenerator(nn.Module):
    """Turns SMOTE rows into new ones: the generator of SMOTified-GAN.

    Parameters
    ----------
    mean, scale : Tensor, shape (d,)
        Of the real rows.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        widths = [len(mean), *SMOTED[0]]
        inner: list[nn.Module] = []
        for before, after in pairwise(widths):
            inner += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        self.network = nn.Sequential(*inner, nn.Linear(widths[-1], len(mean)))

    @classmethod
    def like(cls, rows: np.ndarray) -> Self:
        """Build a generator for rows, (n, d); constant columns are not scaled."""
        scale = rows.std(axis=0, dtype=np.float64)
        return cls(tensor(rows.mean(axis=0, dtype=np.float64)), tensor(np.where(scale == 0, 1, scale)))

    @classmethod
    def restored(cls, state: Mapping[str, Tensor], groups: Sequence[Sequence[int]]) -> Self:
        """Return one with a saved state; it has no groups."""
        network = cls(state["mean"], state["scale"])
        network.load_state_dict(dict(state))
        return network.eval()

    def standardised(self, rows: Tensor) -> Tensor:
        """Return rows with mean 0 and variance 1, (n, d)."""
        return (rows - self.mean) / self.scale

    def forward(self, rows: Tensor) -> Tensor:
        """Return new rows, (n, d) → (n, d), both standardised."""
        made: Tensor = self.network(rows)
        return made

    def new(self, smote: np.ndarray, place: int) -> np.ndarray:
        """Return new rows, (n, d) float32, one for each SMOTE row."""
        return _in_parts(lambda rows: self(self.standardised(rows)) * self.scale + self.mean, smote)


class NoiseGenerator(nn.Module):
    """Makes rows from noise: the generator of Scott and Plested.

    Parameters
    ----------
    lowest, highest : Tensor, shape (d,)
        New rows lie between them.
    groups : sequence of sequences of int
        Columns of which exactly one is 1; empty for continuous rows.
    """

    lowest: Tensor
    highest: Tensor
    offset: Tensor

    def __init__(self, lowest: Tensor, highest: Tensor, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.register_buffer("lowest", lowest)
        self.register_buffer("highest", highest)
        self.register_buffer("offset", torch.zeros_like(lowest))
        self.groups = [torch.tensor(list(group)) for group in groups]
        self.network = layers([NOISE, *SCOTT[0], len(lowest)])

    @classmethod
    def like(cls, rows: np.ndarray, groups: Sequence[Sequence[int]]) -> Self:
        """Build a generator whose rows lie in the range of an array (n, d)."""
        lowest, highest = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
        for group in groups:  # of a category that the class never has, too
            lowest[list(group)], highest[list(group)] = 0, 1
        return cls(tensor(lowest), tensor(highest), groups)

    @classmethod
    def restored(cls, state: Mapping[str, Tensor], groups: Sequence[Sequence[int]]) -> Self:
        """Build a generator from a saved state."""
        network = cls(state["lowest"], state["highest"], groups)
        network.load_state_dict(dict(state))
        return network

    def scaled(self, rows: Tensor) -> Tensor:
        """Return rows between 0 and 1, (n, d)."""
        span = self.highest - self.lowest
        return (rows - self.lowest) / torch.where(span == 0, torch.ones_like(span), span)

    def forward(self, count: int) -> Tensor:
        """Return rows between 0 and 1, (count, d); of a group, probabilities."""
        logits = self.network(torch.randn(count, NOISE)) + self.offset
        rows = torch.sigmoid(logits).clone()  # what the sigmoid gave is needed for its gradient
        for group in self.groups:
            rows[:, group] = torch.softmax(logits[:, group], dim=1)
        return rows

    def new(self, smote: np.ndarray, place: int) -> np.ndarray:
        """Return new rows, (n, d) float32, as many as there are SMOTE rows; their values are not used."""

        def generate(rows: Tensor) -> Tensor:
            shares: Tensor = self(len(rows))
            for group in self.groups:  # one column of each, by its probability
                drawn = torch.multinomial(shares[:, group], 1)[:, 0]
                shares[:, group] = functional.one_hot(drawn, len(group)).to(shares.dtype)
            return shares * (self.highest - self.lowest) + self.lowest

        return _in_parts(generate, smote)

    @torch.no_grad()
    def calibrate(self, rows: np.ndarray, *, draws: int = 8192, rounds: int = 50) -> None:
        """Shift the logits until the mean probabilities of each group are its frequencies.

        The network learns which categories go together; their frequencies are set here.

        Parameters
        ----------
        rows : ndarray, shape (n, d)
            Real rows.
        draws : int, default=8192
            Number of noise rows that the means are taken of.
        rounds : int, default=50
            Number of corrections. A few are usually enough.
        """
        logits = self.network(torch.randn(draws, NOISE))
        frequencies = tensor(rows.mean(axis=0, dtype=np.float64))
        for group in self.groups:
            target = frequencies[group].clamp(min=1e-9)
            for _ in range(rounds):
                current = torch.softmax(logits[:, group] + self.offset[group], dim=1).mean(0)
                self.offset[group] += target.log() - current.clamp(min=1e-9).log()


def layers(widths: Sequence[int], *, norm: bool = False, dropout: float = 0.0) -> Any:
    """Return fully connected layers with leaky ReLUs between them.

    Parameters
    ----------
    widths : sequence of int
        Of the input, of each layer, of the output.
    norm : bool, default=False
        Normalise what goes into each ReLU over the row.
    dropout : float, default=0.0
        Behind each ReLU.

    Returns
    -------
    torch.nn.Sequential
    """
    inner: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        inner.append(nn.Linear(before, after))
        inner += [nn.LayerNorm(after)] if norm else []
        inner.append(nn.LeakyReLU(_SLOPE))
        inner += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*inner, nn.Linear(widths[-2], widths[-1]))


@torch.no_grad()
def _in_parts(generate: Any, rows: np.ndarray) -> np.ndarray:
    """Run a generator over rows, a part at a time."""
    whole = tensor(rows)
    parts = [generate(whole[start : start + _ROWS]) for start in range(0, len(whole), _ROWS)]
    return torch.cat(parts).numpy()


def tensor(values: np.ndarray) -> Tensor:
    """Return an array as a float32 tensor."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
