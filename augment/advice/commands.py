"""The commands that carry advice out, as a user pastes them into a shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augment.advice.measured import MeasuredArm, MeasuredCell
from augment.name_lists import for_shell, written_pairs

FINE_TUNED = "linear"
"""The head that `classifiers train` fine-tunes together with the encoder, and that arms are measured with."""
MODEL = "model"
"""The folder that a printed command writes a classifier to."""
_PLAIN = (
    *("loss", "gamma", "logit_adjustment", "label_smoothing", "r_drop"),
    *("synthetic_weight", "real_only", "epochs", "learning_rate", "batch_size", "max_length"),
)
"""Settings of a training that have an option of their name."""
_AUGMENTATION = {
    "mode": "augment_mode",
    "draw": "draw",
    "variants": "variants",
    "max_per_source": "max_per_source",
    "head_epochs": "head_epochs",
    "head_learning_rate": "head_learning_rate",
}
"""Settings of an augmentation that have an option, by its name."""


@dataclass(frozen=True)
class NamedData:
    """The user's data, as commands name it."""

    name: str = "FILE"
    options: tuple[str, ...] = ()
    """Words that say how it is laid out: options and their values."""
    measured: tuple[str, ...] = field(default=())
    """Words that say what the advice was asked for, e.g. the rare class."""


def train_command(source: NamedData, arm: MeasuredArm, cell: MeasuredCell) -> str | None:
    """Return the command that trains a classifier as an arm does.

    Parameters
    ----------
    source : NamedData
    arm : MeasuredArm
    cell : MeasuredCell
        Where it was measured. Its encoder and its learning rate are those of the command.

    Returns
    -------
    str or None
        None if no command trains like it: another classifier than a fine-tuned encoder, or rows from elsewhere.
    """
    if cell.head != FINE_TUNED or arm.control or set(arm.settings) - {"training"}:
        return None
    settings = {**cell.training, **arm.settings.get("training", {})}
    settings.pop("train_sample", None)  # of the evaluation alone
    options = _options(settings)
    if options is None:
        return None
    encoder = _option("encoder", cell.encoder)
    return _shell("classifiers", "train", source.name, "-o", MODEL, *source.options, *encoder, *options)


def pool_command(source: NamedData, arm: MeasuredArm, cell: MeasuredCell, pool: str, output: str) -> str | None:
    """Return the command that adds sentences of unlabelled text, as an arm does; None if no command does."""
    recipes: dict[Any, list[str]] = {"retrieve": [], "self-training": _option("param", "recipe=self-training")}
    recipe = recipes.get(arm.settings.get("rows"))
    if recipe is None:
        return None
    words = (*_option("strategy", "retrieve"), *_option("param", f"pool={pool}"), *recipe)
    if "sampling_strategy" in cell.adding:
        words += tuple(_option("sampling_strategy", cell.adding["sampling_strategy"]))
    return _shell("augment", "upsample", source.name, "-o", output, *source.options, *words)


def llm_command(source: NamedData, model: str) -> str:
    """Return the command that writes the requests to a large language model, and says how many there are."""
    output = "requests.jsonl"
    return _shell("augment", "requests", source.name, "-o", output, *source.options, *_option("model", model))


def measure_command(source: NamedData, minutes: int = 30) -> str:
    """Return the command that measures the advice on the user's own rows."""
    words = (*source.options, *source.measured, *_option("minutes", minutes))
    return _shell("benchmarks", "advise", source.name, *words)


def _options(settings: Mapping[str, Any]) -> list[str] | None:
    """Return settings of a training as options; None if one has no option."""
    words: list[str] = []
    for name, value in settings.items():
        if name in _PLAIN:
            words += _option(name, value)
        elif name == "class_weights":
            words += _option(name, value if isinstance(value, str) else written_pairs(value.items()))
        elif name == "freeze_encoder" and value:
            words.append(_flag(name))
        elif name == "augmentation" and isinstance(value, Mapping):
            own = _augmentation(value)
            if own is None:
                return None
            words += own
        else:
            return None
    return words


def _augmentation(settings: Mapping[str, Any]) -> list[str] | None:
    """Return settings of an augmentation as options."""
    words: list[str] = []
    if "strategy" in settings:
        words += _option("augment", settings["strategy"] or "none")
    for name, value in settings.items():
        if name in _AUGMENTATION:
            words += _option(_AUGMENTATION[name], value)
        elif name == "parameters":
            words += [word for key, one in value.items() for word in _option("param", f"{key}={_written(one)}")]
        elif name == "sampling_strategy":
            how = written_pairs(value.items()) if isinstance(value, Mapping) else str(value)
            words += _option(name, how)
        elif name == "guards":
            words += [word for guard in value for word in _option("guard", guard)]
        elif name == "soft_labels":
            words += [_flag(name)] if value else []
        elif name != "strategy":
            return None
    return words


def _option(name: str, value: Any) -> list[str]:
    """Return the option of a setting, with its value as it takes it."""
    return [_flag(name), _written(value)]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _written(value: Any) -> str:
    """Write a value as an option takes it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shell(*words: str) -> str:
    return " ".join(for_shell(word) for word in words)


def options_of(values: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    """Return options and their values as words. A flag has the value True."""
    words: list[str] = []
    for name, value in values:
        if value is True:
            words.append(name)
        else:  # a value such as "-a" would be taken for an option
            words += [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]
    return tuple(words)
