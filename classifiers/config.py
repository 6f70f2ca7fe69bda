"""What a training is asked for; the defaults are those of the paper's table 3."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_serializer, field_validator, model_validator

from augment.errors import InputError, did_you_mean
from augment.settings import Settings, problems

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Augmentation(Settings):
    """Base of the ways in which a training is given other rows than those of its file."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            mode = type(self).model_fields["mode"].default
            raise InputError(problems(error, type(self), f"The augmentation mode {mode!r}")) from None


def _plain_strategy(value: Any) -> Any:
    """Return a sampling strategy as plain data, its classes by name."""
    if isinstance(value, Mapping):
        for name, total in value.items():
            if not isinstance(total, Integral):
                raise InputError(
                    f"The sampling_strategy gives class {name!r} a total of {total!r:.60}. Give a whole number."
                )
        return {str(name): int(total) for name, total in value.items()}
    if not isinstance(value, (str, float)):
        raise InputError(f"The sampling_strategy must be a word, a share, or totals by class. Got {value!r:.60}.")
    return value


Strategy = Annotated[Any, BeforeValidator(_plain_strategy)]
"""See `augment.generation.budget.rows_to_make`."""


class Balanced(Augmentation):
    """No new rows: every epoch draws its rows so that all classes weigh the same."""

    mode: Literal["balanced"] = "balanced"
    draw: Literal["sampler", "undersample"] = "sampler"
    """sampler: as many rows as there are, each class as often as every other, by drawing with replacement.
    undersample: of each class as many rows as the smallest has, without replacement, others in every epoch."""


class Static(Augmentation):
    """New texts, made once before the training."""

    mode: Literal["static"] = "static"
    strategy: Any = "fillmask"
    """A text strategy: its name, or one that is configured already."""
    parameters: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    """Of the strategy, by name."""
    sampling_strategy: Strategy = "auto"
    """See `augment.generation.budget.rows_to_make`."""
    guards: list[str] | None = None
    """See `augment.guards.selection.select`."""
    max_per_source: Count | None = None
    """Most new texts of one row."""
    soft_labels: bool = False
    """Train synthetic rows on a teacher's probabilities, those of the guard `agreement`, and not on one class."""

    @field_validator("strategy")
    @classmethod
    def _is_a_strategy(cls, value: Any) -> Any:
        if not isinstance(value, str) and not hasattr(value, "to_config"):
            raise InputError(f"The strategy must be a name, or a text strategy of augment. Got {value!r:.60}.")
        return value

    @field_serializer("strategy")
    def _plain(self, value: Any) -> Any:
        return value if isinstance(value, str) else value.to_config()


class Redraw(Static):
    """New texts, others in every epoch."""

    mode: Literal["redraw"] = "redraw"  # type: ignore[assignment]
    variants: Count | None = 4
    """How many sets of new rows there are; epoch after epoch takes the next, and the first again after the last. None:
    one for every epoch, each made in the background while the model trains on the one before."""


class Features(Augmentation):
    """Fine-tune on the original rows, freeze the encoder, and train the head anew on balanced vectors: cRT."""

    mode: Literal["features"] = "features"
    strategy: str | None = "smote"
    """A vector strategy. None: no new vectors, classes are balanced by drawing (Kang et al. 2020, section 4.1)."""
    parameters: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    """Of the strategy, by name."""
    sampling_strategy: Strategy = "auto"
    """See `augment.generation.budget.rows_to_make`."""
    head_epochs: Positive = 10.0
    """Passes of the new head through the vectors."""
    head_learning_rate: Positive = 1e-3
    """Of the new head."""


AUGMENTATIONS: Mapping[str, type[Augmentation]] = {
    "static": Static,
    "redraw": Redraw,
    "features": Features,
    "balanced": Balanced,
}


def makes_rows(augmentation: Any) -> bool:
    """Tell whether an augmentation makes texts or vectors, and does not draw alone."""
    return isinstance(augmentation, Static) or (
        isinstance(augmentation, Features) and augmentation.strategy is not None
    )


class TrainConfig(Settings):
    """How to train an encoder with a classification head.

    Raises
    ------
    InputError
        Naming every value that cannot be used.

    Examples
    --------
    >>> TrainConfig(head="bigru", loss="focal").gamma
    3.0
    >>> TrainConfig(augmentation={"mode": "balanced"}).augmentation.draw
    'sampler'
    >>> TrainConfig(loss="focl")
    Traceback (most recent call last):
        ...
    augment.errors.InputError: 'loss' must be 'cross-entropy' or 'focal'. Got 'focl'. Did you mean 'focal'?
    """

    encoder: str = "mini"
    """A bundled name, a folder, or a hub id."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    head: Literal["linear", "bigru", "bilstm"] = "linear"
    """What stands between encoder and classes; see `classifiers.heads`."""
    pooling: Literal["mean", "cls", "cls_mlp", "max"] = "mean"
    """What the linear head reads of the token states; see `augment.models.pooling`."""
    freeze_encoder: bool = False
    """Train the head alone."""
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    """What is minimised. See `classifiers.losses`, which the next six belong to as well."""
    gamma: NotNegative = 3.0
    """Of the focal loss."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """"balanced": the fewer rows of a class, the more each weighs; or a weight for each class."""
    logit_adjustment: NotNegative = 0.0
    """τ; 1 is the published value, 0 leaves it out."""
    label_smoothing: Share = 0.0
    """ε, what each class gets of the target, together; 0 leaves it out."""
    r_drop: NotNegative = 0.0
    """α, the weight of the consistency of two passes; 0 leaves it out."""
    dropout: Share = 0.1
    """Of the head; the encoder has its own."""
    max_length: Annotated[int, Field(ge=3)] = 64
    """Most tokens of a text, special ones included; what is longer is cut."""
    batch_size: Count = 32
    """Rows of one step of one process."""
    gradient_accumulation: Count = 1
    """Batches whose gradients make up one step of the optimizer."""
    learning_rate: Positive = 1e-5
    """Of AdamW; it falls to 0 in a straight line."""
    weight_decay: NotNegative = 0.01
    """Of AdamW."""
    warmup: Share = 0.0
    """Share of the steps in which the learning rate rises."""
    epochs: Positive = 4.0
    """Passes through the training rows, synthetic ones included."""
    max_steps: Count | None = None
    """Steps of the optimizer, in place of `epochs`, so that trainings on more and on fewer rows can be compared."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of everything that is drawn; the same one gives the same weights on the same machine."""
    evaluate_steps: Count | None = None
    """Evaluate every so many steps."""
    evaluate_by: Literal["epochs", "steps"] = "epochs"
    """epochs: after each one, and every `evaluate_steps` besides. steps: every `evaluate_steps` alone, so that
    trainings on more and on fewer rows choose their best weights among equally many."""
    train_sample: Count = 2000
    """Most original training rows, and most synthetic ones, that are evaluated each time: each class at its share,
    always the same."""
    patience: Count | None = None
    """Stop after so many evaluations in which the validation macro-F1 has not risen."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where; "auto" takes CUDA when there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """What linear maps are computed in; weights are float32. "auto" takes bfloat16 where the device computes in it."""
    augmentation: Balanced | Static | Redraw | Features | None = None
    """What of these, as an object or as a mapping with its `mode`; without a mode it is "static"."""
    synthetic_weight: Positive = 1.0
    """Of a synthetic row in the loss, where an original row has 1."""
    real_only: Share = 0.0
    """Share of the training's steps, at its end, that see original rows alone, where there are synthetic ones."""
    cache_dir: str | None = None
    """Where the features of a frozen encoder are kept, see `classifiers.data.inputs.features_cache`."""
    report_to: list[str] = []  # noqa: RUF012 -- pydantic copies it
    """What transformers reports to besides: "tensorboard", "wandb", "mlflow", …"""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(problems(error, TrainConfig, "A training")) from None

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
        raise InputError(f"The class_weights must be 'balanced' or a weight for each class. Got {value!r:.60}.")

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
        if mode not in AUGMENTATIONS:
            raise InputError(
                f"The augmentation mode must be one of {', '.join(AUGMENTATIONS)}. Got {mode!r}."
                f"{did_you_mean(mode, AUGMENTATIONS)}"
            )
        return AUGMENTATIONS[mode](**value)

    @model_validator(mode="after")
    def _goes_together(self) -> TrainConfig:
        if self.evaluate_by == "steps" and self.evaluate_steps is None:
            raise InputError("A training that is evaluated by steps needs to know how many. Give evaluate_steps.")
        recurrent = self.head != "linear"
        if self.freeze_encoder and recurrent and isinstance(self.augmentation, Features):
            raise InputError(
                f"The features of the head {self.head!r} are the states of its recurrent layer, which are random as"
                " long as nothing was trained. Give the head 'linear', or leave freeze_encoder out."
            )
        return self
