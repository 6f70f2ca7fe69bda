"""`TextClassifier`: training and prediction with the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from augment.data.containers import columns, has_text
from augment.data.several_labels import check_one_each
from augment.errors import InputError
from augment.seed_names import SeededByRandomState
from augment.words import folded
from classifiers.config import TrainConfig


class TextClassifier(SeededByRandomState, ClassifierMixin, BaseEstimator):
    """An encoder with a classification head, fitted on texts.

    Its parameters are those of `classifiers.config.TrainConfig`, where each is described. `fit` checks them. Use
    `classifiers.training.train` for checkpoints, curves, reports, the times of evaluations, and test texts that no new
    text may come near.

    Parameters
    ----------
    encoder, revision, head, pooling, freeze_encoder
        The model.
    loss, gamma, class_weights, logit_adjustment, label_smoothing, r_drop
        The loss.
    dropout, max_length, batch_size, gradient_accumulation, learning_rate, weight_decay, warmup, epochs, max_steps
        How the model is trained.
    augmentation : mapping, optional
        How more rows are made or drawn, e.g. ``{"mode": "redraw", "strategy": "fillmask"}``.
    synthetic_weight, real_only
        The weight of the new rows, and the share of the steps, at the end, that leaves them out.
    validation_fraction : float, default=0.0
        The share of each class that is held out, in [0, 1). The best weights on these rows are kept; with 0 the last
        weights are kept.
    patience : int, optional
        Stop after this number of epochs without a better macro-F1 on the held-out rows.
    device, dtype : str, default="auto"
    cache_dir : str, optional
        The folder that keeps the features of a frozen encoder.
    random_state : int, default=0
        0 to 2**32 - 1.

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
        Sorted, of the type that `y` had.
    result_ : TrainResult
        Model, history and gap.
    n_features_in_ : int
        1, the text.

    Examples
    --------
    >>> texts = ["It opens at nine.", "We sat by the door.", "A lovely meal!", "I loved it."] * 4
    >>> model = TextClassifier(learning_rate=5e-4, epochs=3.0, batch_size=8).fit(texts, [0, 0, 1, 1] * 4)
    >>> model.predict(["It opens at ten.", "We loved the meal!"])
    array([0, 1])
    """

    def __init__(
        self,
        *,
        encoder: str = "mini",
        revision: str | None = None,
        head: str = "linear",
        pooling: str = "mean",
        freeze_encoder: bool = False,
        loss: str = "cross-entropy",
        gamma: float = 3.0,
        class_weights: Literal["balanced"] | Mapping[Any, float] | None = None,
        logit_adjustment: float = 0.0,
        label_smoothing: float = 0.0,
        r_drop: float = 0.0,
        dropout: float = 0.1,
        max_length: int = 64,
        batch_size: int = 32,
        gradient_accumulation: int = 1,
        learning_rate: float = 1e-5,
        weight_decay: float = 0.01,
        warmup: float = 0.0,
        epochs: float = 4.0,
        max_steps: int | None = None,
        augmentation: Mapping[str, Any] | None = None,
        synthetic_weight: float = 1.0,
        real_only: float = 0.0,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        device: str = "auto",
        dtype: str = "auto",
        cache_dir: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.encoder = encoder
        self.revision = revision
        self.head = head
        self.pooling = pooling
        self.freeze_encoder = freeze_encoder
        self.loss = loss
        self.gamma = gamma
        self.class_weights = class_weights
        self.logit_adjustment = logit_adjustment
        self.label_smoothing = label_smoothing
        self.r_drop = r_drop
        self.dropout = dropout
        self.max_length = max_length
        self.batch_size = batch_size
        self.gradient_accumulation = gradient_accumulation
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.epochs = epochs
        self.max_steps = max_steps
        self.augmentation = augmentation
        self.synthetic_weight = synthetic_weight
        self.real_only = real_only
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.dtype = dtype
        self.cache_dir = cache_dir
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on texts.

        Parameters
        ----------
        X : list, tuple, ndarray or pandas.Series of str, shape (n,)
            Rows that are None or empty are left out.
        y : the same, of str, int or bool, shape (n,)

        Returns
        -------
        TextClassifier
            Itself.

        Raises
        ------
        InputError
            If a parameter, a text or a label cannot be used.
        """
        from classifiers.data.splits import described
        from classifiers.training.run import train

        texts, labels = columns(X, y)
        usable = has_text(texts)
        check_one_each(labels)
        check_classification_targets(np.asarray(labels))
        if not 0 <= self.validation_fraction < 1:
            raise InputError(f"The validation_fraction must be in [0, 1). Got {self.validation_fraction!r}.")
        known, codes = np.unique(np.asarray(labels), return_inverse=True)
        empty = sorted(set(range(len(known))) - set(codes[usable].tolist()))
        if empty:
            raise InputError(f"The class {known[empty[0]].item()!r} has no row with a text. Add some, or leave it out.")
        self.classes_ = known
        names = [str(label) for label in self.classes_]
        if len(set(names)) < len(names):
            raise InputError(f"The labels must differ as text. Got {', '.join(names)}.")
        config = TrainConfig(**self._settings())
        kept, held_out = self._parts(np.flatnonzero(usable), texts, codes)

        def table(chosen: np.ndarray, name: str) -> Any:
            pair = [texts[i] for i in chosen], [names[codes[i]] for i in chosen]
            return described(pair, name, single_label=True)  # a value of `y` is a class, whatever it looks like

        validation = table(held_out, "the validation data") if len(held_out) else None
        self.result_ = train(config, table(kept, "the training data"), validation)
        self.n_features_in_ = 1
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes, (n, classes) float32, in the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        InputError
            If one of the rows is not a text.
        """
        check_is_fitted(self)
        texts, _ = columns(X, X)
        has_text(texts)
        scorer = self.result_.scorer()
        probabilities = scorer.probabilities([text or "" for text in texts])
        return probabilities[:, [scorer.classes.index(str(label)) for label in self.classes_]]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each text, (n,), with the type of `y`."""
        shares = self.predict_proba(X)
        likeliest: np.ndarray = self.classes_[shares.argmax(axis=1)]
        return likeliest

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn: the input is texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array, tags.input_tags.string = True, False, True
        return tags

    def _settings(self) -> dict[str, Any]:
        """Return the settings for `TrainConfig`. Numbers of numpy, which searches pass, become those of Python."""
        settings = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params(deep=False).items()
            if name != "validation_fraction"
        }
        settings["seed"] = settings.pop("random_state")
        if isinstance(self.class_weights, Mapping):
            settings["class_weights"] = {str(label): float(weight) for label, weight in self.class_weights.items()}
        return settings

    def _parts(self, rows: np.ndarray, texts: Any, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into training and validation rows, with the same share of each class.

        Rows with equal texts (after folding) stay together; the first of them decides their class.
        """
        if not self.validation_fraction:
            return rows, rows[:0]
        from sklearn.model_selection import train_test_split

        first: dict[str, int] = {}
        leaders = np.array([first.setdefault(folded(texts[row]), row) for row in rows])
        distinct = np.array(list(first.values()))
        try:
            _, held_out = train_test_split(
                distinct, test_size=self.validation_fraction, stratify=codes[distinct], random_state=self.random_state
            )
        except ValueError as error:
            raise InputError(f"No validation rows can be held out: {error} Lower validation_fraction.") from None
        is_held_out = np.isin(leaders, held_out)
        return rows[~is_held_out], rows[is_held_out]
