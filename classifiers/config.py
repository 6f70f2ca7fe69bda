"""`TrainConfig`, the settings of a training. The defaults are those of the paper's table 3."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from augment.errors import InputError, did_you_mean
from augment.settings import Configuration

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Augmentation(Configuration):
    """Base class of the augmentation modes of a training."""


def _plain_strategy(value: Any) -> Any:
    """Return a sampling strategy as plain data, with class names as keys."""
    if isinstance(value, Mapping):
        for name, total in value.items():
            if not isinstance(total, Integral):
                raise InputError(
                    f"The `sampling_strategy` gives class {name!r} a total of {total!r:.60}. Give a whole number."
                )
        return {str(name): int(total) for name, total in value.items()}
    if not isinstance(value, (str, float)):
        raise InputError(f"The `sampling_strategy` must be a word, a share, or totals by class. Got {value!r:.60}.")
    return value


Strategy = Annotated[Any, BeforeValidator(_plain_strategy)]
"""See `augment.generation.budget.rows_to_make`."""


class Balanced(Augmentation):
    """No new rows. Each epoch draws from the training rows so that all classes have the same weight."""

    what: ClassVar[str] = "The augmentation mode 'balanced'"

    mode: Literal["balanced"] = "balanced"
    draw: Literal["sampler", "undersample"] = "sampler"
    """sampler: the epoch keeps its number of rows, and each class is drawn equally often, with replacement.
    undersample: each class has as many rows as the smallest one, drawn anew each epoch without replacement."""


class Static(Augmentation):
    """New texts that are made once, before the training."""

    what: ClassVar[str] = "The augmentation mode 'static'"

    mode: Literal["static"] = "static"
    strategy: Any = "fillmask"
    """A text strategy: its name, or an object that is configured already."""
    parameters: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    """The parameters of the strategy, by name."""
    sampling_strategy: Strategy = "auto"
    """See `augment.generation.budget.rows_to_make`."""
    guards: list[str] | None = None
    """See `augment.guards.selection.select`."""
    max_per_source: Count | None = None
    """The largest number of new texts of one row."""
    soft_labels: bool = False
    """Train synthetic rows on the probabilities of a teacher (the guard `agreement`), not on one class."""

    @field_validator("strategy")
    @classmethod
    def _is_a_strategy(cls, value: Any) -> Any:
        if not isinstance(value, str) and not hasattr(value, "to_config"):
            raise InputError(f"The strategy must be a name, or a text strategy of augment. Got {value!r:.60}.")
        if not isinstance(value, str):
            from augment.text.base import own_settings

            if own := own_settings(value):
                raise InputError(
                    f"The strategy {value.name!r} has its own {' and '.join(f'`{name}`' for name in own)}, and those of"
                    " the augmentation and of the training count. Give them there."
                )
        return value

    @field_serializer("strategy")
    def _plain(self, value: Any) -> Any:
        return value if isinstance(value, str) else value.to_config()


class Redraw(Static):
    """New texts that are drawn anew each epoch."""

    what: ClassVar[str] = "The augmentation mode 'redraw'"

    mode: Literal["redraw"] = "redraw"  # type: ignore[assignment]
    variants: Count | None = 4
    """The number of sets of new rows. Each epoch takes the next set, and the first set follows the last. None: one set
    for each epoch, made in the background while the model trains on the previous set."""


class Features(Augmentation):
    """Fine-tune on the original rows, freeze the encoder, then train a new head on balanced vectors (cRT)."""

    what: ClassVar[str] = "The augmentation mode 'features'"

    mode: Literal["features"] = "features"
    strategy: str | None = "smote"
    """A vector strategy. None: no new vectors; the classes are balanced by sampling (Kang et al. 2020, section 4.1)."""
    parameters: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    """The parameters of the strategy, by name."""
    sampling_strategy: Strategy = "auto"
    """See `augment.generation.budget.rows_to_make`."""
    head_epochs: Positive = 10.0
    """The number of epochs of the new head."""
    head_learning_rate: Positive = 1e-3
    """The learning rate of the new head."""

    @model_validator(mode="after")
    def _has_effect(self) -> Features:
        idle = [name for name in ("parameters", "sampling_strategy") if name in self.model_fields_set]
        idle = [name for name in idle if getattr(self, name) not in ({}, "auto")]
        if self.strategy is None and idle:
            raise InputError(
                f"{' and '.join(f'`{name}`' for name in idle)} is for a strategy, and without one classes are balanced"
                " by drawing. Name a strategy, or leave it out."
            )
        return self


AUGMENTATIONS: Mapping[str, type[Augmentation]] = {
    "static": Static,
    "redraw": Redraw,
    "features": Features,
    "balanced": Balanced,
}


def makes_rows(augmentation: Any) -> bool:
    """Tell whether an augmentation makes new texts or vectors. Sampling alone makes none."""
    return isinstance(augmentation, Static) or (
        isinstance(augmentation, Features) and augmentation.strategy is not None
    )


class TrainConfig(Configuration):
    """How to train an encoder with a classification head.

    Raises
    ------
    InputError
        If a value cannot be used. The message names every such value.

    Examples
    --------
    >>> TrainConfig(head="bigru", loss="focal").gamma
    3.0
    >>> TrainConfig(augmentation={"mode": "balanced"}).augmentation.draw
    'sampler'
    >>> TrainConfig(loss="focl")
    Traceback (most recent call last):
        ...
    augment.errors.InputError: `loss` must be 'cross-entropy' or 'focal'. Got 'focl'. Did you mean 'focal'?
    """

    what: ClassVar[str] = "A training"

    encoder: str = "mini"
    """The encoder: a bundled name, a folder, or a hub id."""
    revision: str | None = None
    """The branch, tag or commit of a hub id."""
    head: Literal["linear", "bigru", "bilstm"] = "linear"
    """The layers between the encoder and the classes; see `classifiers.heads`."""
    pooling: Literal["mean", "cls", "cls_mlp", "max"] = "mean"
    """How the linear head makes one vector of the token states; see `augment.models.pooling`."""
    freeze_encoder: bool = False
    """Train the head only; the encoder does not change."""
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    """The loss function. See `classifiers.losses` for it and for the next six settings."""
    gamma: NotNegative = 3.0
    """γ of the focal loss."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """Class weights in the loss: "balanced" (rows of rare classes count more), or a weight for each class."""
    logit_adjustment: NotNegative = 0.0
    """τ of the logit adjustment; 1 is the published value, 0 switches it off."""
    label_smoothing: Share = 0.0
    """ε of the label smoothing, the share of the target that all classes get equally; 0 switches it off."""
    r_drop: NotNegative = 0.0
    """α of R-Drop, the weight of the difference between two passes; 0 switches it off."""
    dropout: Share = 0.1
    """Dropout of the head; the encoder has its own."""
    max_length: Annotated[int, Field(ge=3)] = 64
    """The largest number of tokens of a text, special tokens included; longer texts are cut."""
    batch_size: Count = 32
    """The number of rows in a batch of one process."""
    gradient_accumulation: Count = 1
    """The number of batches whose gradients are combined for one step of the optimizer."""
    learning_rate: Positive = 1e-5
    """The learning rate of AdamW, which falls linearly to 0."""
    weight_decay: NotNegative = 0.01
    """The weight decay of AdamW."""
    warmup: Share = 0.0
    """The share of the steps in which the learning rate rises."""
    epochs: Positive = 4.0
    """The number of passes through the training rows, synthetic rows included."""
    max_steps: Count | None = None
    """The number of optimizer steps, instead of `epochs`. So trainings on different numbers of rows are comparable."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """The seed of every random draw; the same seed gives the same weights on the same machine."""
    evaluate_steps: Count | None = None
    """The number of steps between two evaluations."""
    evaluate_by: Literal["epochs", "steps"] = "epochs"
    """epochs: evaluate after each epoch, and also every `evaluate_steps` steps if given. steps: evaluate only every
    `evaluate_steps` steps. Then trainings on different numbers of rows are evaluated equally often."""
    train_sample: Count = 2000
    """The largest number of original training rows, and of synthetic rows, in each evaluation. The sample keeps the
    class shares and is always the same."""
    patience: Count | None = None
    """Stop after this number of evaluations without a better validation macro-F1."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """The device; "auto" takes CUDA if it is available."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The dtype of linear layers; weights are float32. "auto" takes bfloat16 if the device supports it."""
    augmentation: Balanced | Static | Redraw | Features | None = None
    """One of these objects, or a mapping with its `mode`. The default mode is "static"."""
    synthetic_weight: Positive = 1.0
    """The weight of a synthetic row in the loss; an original row has 1."""
    real_only: Share = 0.0
    """The share of the steps, at the end of the training, that use original rows only."""
    cache_dir: str | None = None
    """The folder that keeps the features of a frozen encoder; see `classifiers.data.inputs.features_cache`."""
    report_to: list[str] = []  # noqa: RUF012 -- pydantic copies it
    """More targets that transformers reports to: "tensorboard", "wandb", "mlflow", …"""

    @field_validator("class_weights", mode="before")
    @classmethod
    def _weighs(cls, value: Any) -> Any:
        if value is None or value == "balanced":
            return value
        if isinstance(value, Mapping):
            weights = {str(name): weight for name, weight in value.items()}
            wrong = [w for w in weights.values() if isinstance(w, bool) or not isinstance(w, Real) or not float(w) > 0]
            if wrong:
                raise InputError(f"A weight of a class must be above 0. Got {wrong[0]!r:.60}.")
            return {name: float(weight) for name, weight in weights.items()}
        raise InputError(f"The `class_weights` must be 'balanced' or a weight for each class. Got {value!r:.60}.")

    @field_validator("augmentation", mode="before")
    @classmethod
    def _of_its_mode(cls, value: Any) -> Any:
        if value is None or isinstance(value, Augmentation):
            return value
        if not isinstance(value, Mapping):
            raise InputError(
                f"The augmentation must be a mapping with a mode, e.g. {{'mode': 'redraw'}}. Got {value!r:.60}."
            )
        mode = value.get("mode", "static")
        if not isinstance(mode, str) or mode not in AUGMENTATIONS:
            raise InputError(
                f"The augmentation mode must be one of {', '.join(AUGMENTATIONS)}. Got {mode!r}."
                f"{did_you_mean(str(mode), AUGMENTATIONS)}"
            )
        return AUGMENTATIONS[mode](**value)

    @model_validator(mode="after")
    def _goes_together(self) -> TrainConfig:
        wrong = []
        if self.evaluate_by == "steps" and self.evaluate_steps is None:
            wrong.append(
                "A training that is evaluated by steps needs the number of steps between evaluations. Give"
                " `evaluate_steps`."
            )
        recurrent = self.head != "linear"
        if self.freeze_encoder and recurrent and isinstance(self.augmentation, Features):
            wrong.append(
                f"The features of the head {self.head!r} are the states of its recurrent layer. They are random before"
                " any training. Give the head 'linear', or leave `freeze_encoder` out."
            )
        elif self.freeze_encoder and isinstance(self.augmentation, Features):
            idle = [name for name in ("epochs", "max_steps", "learning_rate") if self._differs(name)]
            if idle:
                verb = "is" if len(idle) == 1 else "are"
                wrong.append(
                    f"{' and '.join(f'`{name}`' for name in idle)} {verb} for a training of the encoder, and that is"
                    " frozen. The mode 'features' trains the head alone. Give `head_epochs` or `head_learning_rate`."
                )
        if self.loss != "focal" and self._differs("gamma"):
            wrong.append(f"`gamma` is for the loss 'focal', and the loss is {self.loss!r}. Leave it out.")
        if recurrent and self.pooling != "mean":
            wrong.append(f"`pooling` is for the head 'linear', and the head is {self.head!r}. Leave it out.")
        if self.cache_dir is not None and (recurrent or not self.freeze_encoder):
            wrong.append("`cache_dir` is for a frozen encoder and the head 'linear'. Leave it out.")
        if wrong:
            raise InputError(" ".join(wrong))
        return self

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)
