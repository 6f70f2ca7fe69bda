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
    "mode": "augment-mode",
    "draw": "draw",
    "variants": "variants",
    "max_per_source": "max-per-source",
    "head_epochs": "head-epochs",
    "head_learning_rate": "head-learning-rate",
}
"""Settings of an augmentation that have an option, by its name."""


@dataclass(frozen=True)
class Source:
    """The user's data, as commands name it."""

    name: str = "FILE"
    options: tuple[str, ...] = ()
    """Words that say how it is laid out, such as ``("--text-column", "body")``."""
    measured: tuple[str, ...] = field(default=())
    """Words that say what the advice was asked for, such as ``("--label", "spam")``."""


def train_command(source: Source, arm: MeasuredArm, cell: MeasuredCell) -> str | None:
    """Return the command that trains a classifier as an arm does.

    Parameters
    ----------
    source : Source
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
    encoder = () if cell.encoder == "mini" else ("--encoder", cell.encoder)
    return _shell("classifiers", "train", source.name, "-o", MODEL, *source.options, *encoder, *options)


def pool_command(source: Source, arm: MeasuredArm, pool: str, output: str) -> str | None:
    """Return the command that adds sentences of unlabelled text, as an arm does; None if no command does."""
    recipe = {"retrieve": (), "self-training": ("--param", "recipe=self-training")}.get(str(arm.settings.get("rows")))
    if recipe is None:
        return None
    words = ("--strategy", "retrieve", "--param", f"pool={pool}", *recipe)
    return _shell("augment", "upsample", source.name, "-o", output, *source.options, *words)


def llm_command(source: Source, model: str) -> str:
    """Return the command that writes the requests to a large language model, and says how many there are."""
    output = "requests.jsonl"
    return _shell("augment", "requests", source.name, "-o", output, *source.options, "--model", model)


def measure_command(source: Source, minutes: int = 30) -> str:
    """Return the command that measures the advice on the user's own rows."""
    words = (*source.options, *source.measured, "--minutes", str(minutes))
    return _shell("benchmarks", "advise", source.name, *words)


def _options(settings: Mapping[str, Any]) -> list[str] | None:
    """Return settings of a training as options; None if one has no option."""
    words: list[str] = []
    for name, value in settings.items():
        if name in _PLAIN:
            words += [_flag(name), _number(value)]
        elif name == "class_weights":
            words += [_flag(name), value if isinstance(value, str) else written_pairs(value.items())]
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
        words += ["--augment", settings["strategy"] or "none"]
    for name, value in settings.items():
        if name in _AUGMENTATION:
            words += [f"--{_AUGMENTATION[name]}", _number(value)]
        elif name == "parameters":
            words += [word for key, one in value.items() for word in ("--param", f"{key}={_number(one)}")]
        elif name == "sampling_strategy":
            how = written_pairs(value.items()) if isinstance(value, Mapping) else str(value)
            words += ["--sampling-strategy", how]
        elif name == "guards":
            words += [word for guard in value for word in ("--guard", guard)]
        elif name == "soft_labels":
            words += ["--soft-labels"] if value else []
        elif name != "strategy":
            return None
    return words


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _number(value: Any) -> str:
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
