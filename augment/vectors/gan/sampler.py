"""GAN-SMOTE: vectors of a rare class from a generative adversarial network, with SMOTE rows or noise going in."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval, StrOptions

from augment.caller_warnings import warn_caller
from augment.errors import InputError, ModelError, counted
from augment.models.inference import one_thread_each
from augment.parameters import OnlyWith
from augment.seeding import generator, global_generators, seed_of
from augment.vectors.base import ROUNDS, Drawn, VectorRows, VectorSampler
from augment.vectors.fidelity import density_coverage
from augment.vectors.gan.collapse import COMPARED, has_collapsed, spread_and_reach
from augment.vectors.gan.folder import Learnt, read, write
from augment.vectors.gan.one_hot import checked_groups, crossed
from augment.vectors.interpolation import Sphere, at_length
from augment.vectors.row_estimators import Metric
from augment.vectors.row_keys import first_rows
from augment.vectors.small_classes import NeedsNeighbors, SmallClass
from augment.vectors.smote import Smote

GeneratorInput = Literal["residual", "smote", "noise"]

HELD_ASIDE = 0.2
"""Share of a class's rows that the default mode does not train on, to decide when to stop."""

_POOL = 8  # times as many SMOTE rows to train on as real ones, and to look at as held aside
_MOST_POOLED = 20_000
_EPOCHS = 150  # of SMOTified-GAN
_DEFAULTS = {
    # steps of the generator, rows of a batch, learning rate
    "residual": (1000, 128, 5e-4),
    "smote": (None, 128, 2e-4),
    "noise": (3000, 70, 1e-4),
}


class GANSMOTE(NeedsNeighbors, VectorSampler):
    """Makes vectors of a class by a generative adversarial network.

    There are three modes, by the input of the generator:

    - ``"residual"``: SMOTE rows, which it moves. A conditional Wasserstein GAN with gradient penalty and packing, one
      for all classes that rows are made of, in the whitened principal components. Its last layer starts at zero, so
      that it starts as SMOTE; it is stopped when its rows begin to reach fewer of the real rows held aside (a fifth of
      the class) than those of SMOTE.
    - ``"smote"``: SMOTE rows, which it replaces: SMOTified-GAN. One for each class.
    - ``"noise"``: noise: the plain GAN that Scott and Plested used in place of SMOTE. One for each class; for one-hot
      rows too.

    A class with fewer than `min_rows` different rows is left to SMOTE, with a warning; of one-hot rows repeats count.
    After the training, a collapse is looked for and reported.

    Parameters
    ----------
    sampling_strategy, random_state
        See `augment.vectors.base.VectorSampler`.
    generator_input : {"residual", "smote", "noise"}, default="residual"
        The input of the generator, see above.
    output : {"continuous", "onehot"}, default="continuous"
        ``"onehot"`` needs `groups` and ``generator_input="noise"``; columns in no group stay continuous.
    groups : sequence of sequences of int, optional
        Columns of which exactly one is 1 in every row.
    k_neighbors, metric
        Of the SMOTE rows, see `augment.vectors.smote.SmoteFamily`.
    sphere : {"auto", "none", "renormalize"}, default="auto"
        See `augment.vectors.base.VectorSampler`.
    small_class
        Of the SMOTE rows, see `augment.vectors.smote.SmoteFamily`.
    n_components : int, default=128
        Principal components that the default mode moves rows in; fewer if there are not as many.
    n_steps : int, optional
        Steps of the generator; of ``"residual"`` at most. By default 1,000, 150 epochs, or 3,000, by mode.
    batch_size : int, optional
        Rows of a batch; by default 128, 128, or 70.
    learning_rate : float, optional
        Of Adam; by default 5e-4, 2e-4, or 1e-4.
    packing : int, default=2
        Rows that the critic of the default mode looks at together.
    n_critic : int, default=5
        Steps of the critic for each step of the generator.
    gradient_penalty : float, default=10.0
        Weight of the critic's gradient penalty, 0 or more.
    stop_at : {"smote", "real"}, default="smote"
        The default mode is stopped when its rows reach fewer of the real rows held aside than those of SMOTE do, or
        than other real rows do. SMOTE reaches more, since its rows lie nearer to the middle; ``"real"`` lets them
        spread as real rows do.
    patience : int, default=4
        Number of checks, one every 25 steps, that may reach fewer rows before the training is stopped.
    min_rows : int, default=100
        Different rows of a class (one-hot: rows) below which no network is trained, 30 or more.
    on_collapse : {"warn", "raise"}, default="warn"
        What is done about a collapse.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class → rows to make.
    source_indices_, weights_
        Of the SMOTE rows that went in, see `augment.vectors.base.VectorSampler`. The new rows are not between them.
    history_ : list of dict
        Of every look during training: ``classes``, ``step``, ``critic_loss``, ``generator_loss`` (means since the last
        look), and in the default mode ``coverage``, by class, of the rows held aside; at step 0 that of SMOTE. The look
        whose weights were taken has ``chosen`` True.
    collapse_ : dict
        Class → ``distance_ratio`` (how far new rows are apart, over real ones) and ``coverage`` (of real rows).

    References
    ----------
    Scott and Plested 2019, "GAN-SMOTE: a generative adversarial network approach to synthetic minority oversampling",
    section 3. Sharma et al. 2022, "SMOTified-GAN for class imbalanced pattern classification problems", section 3.
    Gulrajani et al. 2017, "Improved training of Wasserstein GANs", algorithm 1. Lin et al. 2018, "PacGAN". Naeem et al.
    2020, "Reliable fidelity and diversity metrics for generative models", equation 5 (coverage).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(400, 8)), np.repeat(["rare", "often"], [120, 280])
    >>> sampler = GANSMOTE(n_steps=25, random_state=0)
    >>> vectors, labels = sampler.fit_resample(X, y)
    >>> vectors.shape, [look["step"] for look in sampler.history_]
    ((560, 8), [0, 25])
    """

    name = "gan-smote"
    summary = "move smote vectors by a generative adversarial network"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **VectorSampler._parameter_constraints,
        "generator_input": [StrOptions({"residual", "smote", "noise"})],
        "output": [StrOptions({"continuous", "onehot"})],
        "groups": ["array-like", None],
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions({"euclidean", "cosine"})],
        "small_class": [StrOptions({"raise", "lower", "duplicate"})],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 2, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "packing": [Interval(Integral, 1, None, closed="left")],
        "n_critic": [Interval(Integral, 1, None, closed="left")],
        "gradient_penalty": [Interval(Real, 0, None, closed="left")],
        "stop_at": [StrOptions({"smote", "real"})],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "min_rows": [Interval(Integral, 30, None, closed="left")],
        "on_collapse": [StrOptions({"warn", "raise"})],
    }
    _parameter_rules: ClassVar[tuple[OnlyWith, ...]] = (
        OnlyWith(
            ("n_components", "packing", "n_critic", "gradient_penalty", "stop_at", "patience"),
            "generator_input",
            "residual",
        ),
    )

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        generator_input: GeneratorInput = "residual",
        output: Literal["continuous", "onehot"] = "continuous",
        groups: list[list[int]] | None = None,
        k_neighbors: int = 5,
        metric: Metric = "euclidean",
        sphere: Sphere = "auto",
        small_class: SmallClass = "raise",
        n_components: int = 128,
        n_steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        packing: int = 2,
        n_critic: int = 5,
        gradient_penalty: float = 10.0,
        stop_at: Literal["smote", "real"] = "smote",
        patience: int = 4,
        min_rows: int = 100,
        on_collapse: Literal["warn", "raise"] = "warn",
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, sphere=sphere)
        self.generator_input = generator_input
        self.output = output
        self.groups = groups
        self.k_neighbors = k_neighbors
        self.metric = metric
        self.small_class = small_class
        self.n_components = n_components
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.packing = packing
        self.n_critic = n_critic
        self.gradient_penalty = gradient_penalty
        self.stop_at = stop_at
        self.patience = patience
        self.min_rows = min_rows
        self.on_collapse = on_collapse

    @property
    def fewest_rows(self) -> int:
        """As for SMOTE; a class that a network learns from noise needs no neighbours."""
        smote = super().fewest_rows
        return min(smote, self.min_rows) if self.generator_input == "noise" else smote

    def takes_repeats(self) -> bool:  # noqa: D102 -- see the base
        return self.output == "onehot"

    def learn(self, rows: VectorRows, seed: int) -> None:
        """Check the parameters against the rows, train the networks, and look for a collapse.

        Parameters
        ----------
        rows, seed
            See `augment.vectors.base.VectorSampler.learn`.

        Raises
        ------
        InputError
            If the rows do not suit `output`, `groups` or `k_neighbors`, or a network has collapsed and `on_collapse` is
            ``"raise"``.

        Warns
        -----
        UserWarning
            For each class that is too small for a network, and each network that has collapsed.
        """
        self._groups = self._groups_of(rows)
        self._codes = sorted(
            int(np.searchsorted(rows.labels, label)) for label, wanted in self.sampling_strategy_.items() if wanted
        )
        trained = [code for code in self._codes if len(rows.of(code)) >= self.min_rows]
        self._warn_of_small_classes(rows, [code for code in self._codes if code not in trained])
        self._check_neighbors(rows, trained)
        self._rows, self._smote = rows, self._smote_of(rows)
        child = int(generator(seed, "network").integers(2**32))
        self._train(rows, trained, child)
        self.collapse_: dict[Any, dict[str, float]] = {}
        for code in trained:
            self._look_for_collapse(rows, code, child)

    def draw(self, rows: VectorRows, code: int, wanted: int, seed: int) -> Drawn:  # noqa: D102 -- see the base
        network = self._generators.get(code)
        if self._groups and network is None:
            return crossed(rows, self._smote.draw(rows, code, wanted, seed), self._groups, seed)
        if self.generator_input == "noise" and network is not None:
            drawn = Drawn.without_parents(np.zeros((wanted, rows.vectors.shape[1])))
        else:
            drawn = self._smote.draw(rows, code, wanted, seed)
        if network is None:
            return drawn
        with global_generators(seed), one_thread_each():
            vectors = network.new(drawn.vectors, sorted(self._generators).index(code))
        return Drawn(self._brought_to_length(rows, code, vectors), drawn.parents, drawn.weights)

    def sample(self, label: Any, count: int, *, random_state: Any = None) -> np.ndarray:
        """Make more vectors of a class, without training again.

        Parameters
        ----------
        label : object
            A class that got new rows.
        count : int
            1 or more.
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None

        Returns
        -------
        ndarray of float, shape (count, d)

        Raises
        ------
        NotFittedError
            Before `fit_resample` or `load`.
        InputError
            If the class got no new rows.
        """
        if not hasattr(self, "_rows"):
            raise NotFittedError(f"This {type(self).__name__} has learnt nothing yet: call fit_resample or load first.")
        known = [self._rows.label(code) for code in self._codes]
        if label not in known or count < 1:
            raise InputError(f"Rows can be made of {', '.join(map(repr, known))}, 1 or more. Got {count} of {label!r}.")
        code = int(np.searchsorted(self._rows.labels, label))
        # A turn that fit_resample never reaches; otherwise the rows would be the same.
        child = int(generator(seed_of(random_state), "vectors", code, ROUNDS).integers(2**32))
        return self.draw(self._rows, code, count, child).vectors

    def save(self, folder: str | Path) -> None:
        """Write what was learnt to a folder: the networks, and the real rows that SMOTE needs.

        Parameters
        ----------
        folder : str or Path
            It is created if it is missing.

        Raises
        ------
        NotFittedError
            Before `fit_resample`.
        """
        if not hasattr(self, "_rows"):
            raise NotFittedError(f"This {type(self).__name__} has learnt nothing yet: call fit_resample first.")
        parameters = {k: v for k, v in self.get_params().items() if k not in ("sampling_strategy", "random_state")}
        learnt = Learnt(
            parameters={**parameters, "groups": self._groups or None},
            rows=self._rows,
            generators=self._generators,
            groups=self._groups,
            codes=self._codes,
            history=self.history_,
            collapse=self.collapse_,
        )
        write(learnt, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a folder that `save` has written; `sample` works as before.

        Parameters
        ----------
        folder : str or Path

        Returns
        -------
        GANSMOTE

        Raises
        ------
        ModelError
            If the folder does not hold what `save` writes.
        """
        learnt = read(folder, _networks(), cls.__name__)
        try:
            sampler = cls(**learnt.parameters)
            sampler._smote = sampler._smote_of(learnt.rows)
            sampler._rows, sampler._generators = learnt.rows, learnt.generators
            sampler._groups, sampler._codes = learnt.groups, learnt.codes
            sampler.history_, sampler.collapse_ = learnt.history, learnt.collapse
            for code in learnt.codes:  # what was edited so that it can be read, but not used
                sampler.sample(learnt.rows.label(code), 1, random_state=0)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise ModelError(
                f"The folder {str(folder)!r} holds no saved {cls.__name__}: {' '.join(str(error).split())[:200]}. Give"
                " one that save has written."
            ) from error
        return sampler

    def _groups_of(self, rows: VectorRows) -> list[list[int]]:
        """Return the groups of one-hot columns, checked; none for continuous rows."""
        if self.output == "onehot" and self.generator_input != "noise":
            raise InputError(
                "One-hot rows are made from noise, since SMOTE rows are not one-hot. Give generator_input='noise'. Got"
                f" {self.generator_input!r}."
            )
        if self.output == "continuous" and self.groups is not None:
            raise InputError("`groups` are for one-hot rows. Give output='onehot' with them, or leave them out.")
        return checked_groups(self.groups, rows) if self.output == "onehot" else []

    def _warn_of_small_classes(self, rows: VectorRows, codes: Sequence[int]) -> None:
        """Warn of each class that no network is trained for."""
        for code in codes:
            warn_caller(
                f"The class {rows.label(code)!r} has"
                f" {counted(len(rows.of(code)), 'row' if self._groups else 'different row')},"
                f" and {type(self).__name__} trains no network on fewer than min_rows={self.min_rows}: its new rows are"
                " those of SMOTE."
            )

    def _check_neighbors(self, rows: VectorRows, trained: Sequence[int]) -> None:
        """Raise an error if classes have too few rows for SMOTE once some are held aside."""
        if self.generator_input != "residual" or self.small_class != "raise":
            return
        few = []
        for code in trained:
            n_own = len(rows.of(code))
            kept = n_own - int(HELD_ASIDE * n_own)
            if self.k_neighbors >= kept:
                few.append(f"{kept}: of the {n_own} different rows of class {rows.label(code)!r} a fifth is held aside")
        if few:
            raise InputError(
                f"`k_neighbors` of {type(self).__name__} must be smaller than {', and than '.join(few)}. Got"
                f" {self.k_neighbors}. Lower it, or give small_class='lower'."
            )

    def _train(self, rows: VectorRows, trained: Sequence[int], seed: int) -> None:
        """Train the networks: one for all classes, or one for each."""
        self._generators: dict[int, Any] = {}
        self.history_: list[dict[str, Any]] = []
        with global_generators(seed), one_thread_each():
            if self.generator_input == "residual":
                self._train_residual(rows, trained, seed)
            else:
                for code in trained:
                    self._train_plain(rows, code, seed)

    def _smote_of(self, rows: VectorRows) -> Smote:
        """Return the SMOTE sampler for some rows."""
        smote = Smote(
            k_neighbors=self.k_neighbors, metric=self.metric, sphere=self.sphere, small_class=self.small_class
        )
        smote.learn(rows, 0)
        return smote

    def _settings(self, rows: int) -> Any:
        """Return the training settings for a number of rows."""
        from augment.vectors.gan.training import GanSettings

        n_steps, batch_size, learning_rate = _DEFAULTS[self.generator_input]
        batch_size = self.batch_size or min(batch_size, rows)
        return GanSettings(
            n_steps=self.n_steps or n_steps or _EPOCHS * -(-rows // batch_size),
            batch_size=batch_size,
            learning_rate=self.learning_rate or learning_rate,
            packing=self.packing,
            n_critic=self.n_critic,
            gradient_penalty=self.gradient_penalty,
            patience=self.patience,
        )

    def _train_residual(self, rows: VectorRows, trained: Sequence[int], seed: int) -> None:
        """Train the one network of the default mode."""
        from augment.vectors.gan.networks import ResidualGenerator
        from augment.vectors.gan.training import train_residual

        if not trained:
            return
        aside = np.zeros(len(rows.codes), dtype=bool)
        for code in trained:
            own = generator(seed, "part", code).permutation(rows.of(code))
            aside[own[: int(HELD_ASIDE * len(own))]] = True
        seen = np.flatnonzero(~aside)
        learnt = VectorRows(rows.vectors[seen], rows.codes[seen], rows.labels, rows.numbers[seen], rows.on_sphere)
        smote = self._smote_of(learnt)
        real, pools, kept, shown = [], [], [], []
        for code in trained:
            real.append(learnt.vectors[learnt.of(code)])
            kept.append(rows.vectors[rows.of(code)][aside[rows.of(code)]])
            pools.append(smote.draw(learnt, code, min(_POOL * len(real[-1]), _MOST_POOLED), seed).vectors)
            shown.append(smote.draw(learnt, code, _POOL * len(kept[-1]), seed + 1).vectors)

        def covered(network: Any) -> list[float]:
            with global_generators(seed):  # the same noise at every look, and none that the training misses
                new = [network.new(pool, place) for place, pool in enumerate(shown)]
            new = [
                self._brought_to_length(learnt, code, rows_of_class)
                for code, rows_of_class in zip(trained, new, strict=True)
            ]
            return [density_coverage(held, moved)[1] for held, moved in zip(kept, new, strict=True)]

        network = ResidualGenerator.like(np.concatenate(real), self.n_components, len(trained))
        floor = covered(network)  # that of SMOTE, since it is not trained yet
        if self.stop_at == "real":
            reached = [density_coverage(held, others)[1] for held, others in zip(kept, real, strict=True)]
            floor = list(map(min, floor, reached))
        network, looks = train_residual(network, real, pools, covered, floor, self._settings(sum(map(len, real))))
        names = [rows.label(code) for code in trained]
        for look in looks:
            look["coverage"] = dict(zip(names, look["coverage"], strict=True))
        self.history_ += [{"classes": names, **look} for look in looks]
        self._generators = dict.fromkeys(trained, network)

    def _train_plain(self, rows: VectorRows, code: int, seed: int) -> None:
        """Train the network of one class."""
        from augment.vectors.gan import networks, training

        own = rows.vectors[rows.of(code)]
        settings = self._settings(len(own))
        network: Any
        if self.generator_input == "smote":
            network = networks.TranslatingGenerator.like(own)
            smote = self._smote.draw(rows, code, min(_POOL * len(own), _MOST_POOLED), seed).vectors
            looks = training.train_plain(training.translating_steps(network, own, smote, settings), settings.n_steps)
        else:
            network = networks.NoiseGenerator.like(own, self._groups)
            looks = training.train_plain(training.noise_steps(network, own, settings), settings.n_steps)
            network.calibrate(own)
        self.history_ += [{"classes": [rows.label(code)], **look} for look in looks]
        self._generators[code] = network.eval()

    def _brought_to_length(self, rows: VectorRows, code: int, vectors: np.ndarray) -> np.ndarray:
        """Return new vectors at the length of their class, if they are to have it, in the type of the real ones."""
        if not self._groups and (self.sphere == "renormalize" or (self.sphere == "auto" and rows.on_sphere)):
            vectors = at_length(vectors, float(np.linalg.norm(rows.vectors[rows.of(code)], axis=1).mean()))
        return vectors.astype(rows.vectors.dtype)

    def _look_for_collapse(self, rows: VectorRows, code: int, seed: int) -> None:
        """Compare new rows with real ones, and say so if the network has collapsed."""
        own = rows.vectors[rows.of(code)]
        own = own[first_rows(own, np.zeros(len(own), dtype=np.int64))]
        real = own[generator(seed, "report", code).permutation(len(own))[:COMPARED]]
        measures = spread_and_reach(real, self.draw(rows, code, len(real), seed).vectors)
        self.collapse_[rows.label(code)] = measures
        if not has_collapsed(measures):
            return
        message = (
            f"The network of class {rows.label(code)!r} has collapsed: its rows are {measures['distance_ratio']:.2f}"
            f" times as far apart as real ones and reach {measures['coverage']:.0%} of those. Use smote, the default"
            " generator_input, or more steps."
        )
        if self.on_collapse == "raise":
            raise InputError(message)
        warn_caller(message)


def _networks() -> dict[str, Any]:
    """Return the generator of each mode."""
    from augment.vectors.gan.networks import NoiseGenerator, ResidualGenerator, TranslatingGenerator

    return {"residual": ResidualGenerator, "smote": TranslatingGenerator, "noise": NoiseGenerator}
