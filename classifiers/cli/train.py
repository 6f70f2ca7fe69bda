"""The command `classifiers train`."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from augment.cli import completion
from augment.cli.console import note
from augment.cli.display import progress, show_table
from augment.cli.help import command, number, option, section
from augment.cli.inputs import check_there
from augment.cli.options import (
    QUIET,
    guards_option,
    layout_of,
    layout_options,
    parameters_option,
    seed_option,
    values_of,
)
from augment.errors import InputError
from augment.name_lists import read_mapping
from classifiers.cli.commands import resumable
from classifiers.config import AUGMENTATIONS, Static, TrainConfig, makes_rows

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from augment.data.corpus import Corpus
    from augment.data.named_files import NamedFile
    from classifiers.training.result import TrainResult


SETTINGS: Mapping[str, Sequence[str]] = {
    "Model": ("encoder", "revision", "head", "pooling", "freeze_encoder", "dropout", "max_length", "cache_dir"),
    "Loss": ("loss", "gamma", "class_weights", "logit_adjustment", "label_smoothing", "r_drop"),
    "Optimization": (
        *("epochs", "max_steps", "batch_size", "gradient_accumulation", "learning_rate", "weight_decay", "warmup"),
        "seed",
    ),
    "Augmentation": ("synthetic_weight", "real_only"),
    "Evaluation": ("evaluate_by", "evaluate_steps", "train_sample", "patience"),
    "Running": ("device", "dtype", "report_to"),
}
"""The settings of `TrainConfig` that are options, by section of the help."""


def setting_options(title: str) -> Callable[[Any], Any]:
    """Return a decorator that adds an option for each setting of a section; None means that it was not given."""
    return section(title, *(_option(name, TrainConfig.model_fields[name]) for name in SETTINGS[title]))


def _option(name: str, field: FieldInfo) -> Callable[[Any], Any]:
    sentence = (field.description or "").partition(". ")[0].partition("; see `")[0].replace("\n", " ").rstrip(".:")
    sentence = re.sub("`([a-z_]+)`", lambda setting: f"--{setting[1].replace('_', '-')}", sentence) + "."
    default = field.get_default(call_default_factory=True)
    shown: str | None = number(default) if isinstance(default, float) else str(default)
    if default is None or default is False or default == []:
        shown = None
    if name == "seed":
        return seed_option(sentence, show_default=shown)
    options = {"default": None, "help": sentence, "show_default": shown, **_kind(name, field.annotation)}
    return option(f"--{name.replace('_', '-')}", name, **options)


def _kind(name: str, annotation: Any) -> dict[str, Any]:
    """Return the arguments of `click.option` for the type of a setting."""
    if name == "class_weights":
        return {"metavar": "balanced|CLASS=WEIGHT,…", "shell_complete": completion.words("balanced")}
    if name == "report_to":
        known = completion.words("tensorboard", "wandb", "mlflow")
        return {"multiple": True, "metavar": "NAME", "shell_complete": known}
    if name == "encoder":
        return {"metavar": "NAME", "shell_complete": completion.MODELS}
    if annotation is bool:
        return {"is_flag": True}
    if typing.get_origin(annotation) is Literal:
        return {"type": click.Choice(typing.get_args(annotation))}
    kinds = {kind for kind in typing.get_args(annotation) or (annotation,) if kind is not type(None)}
    kinds = {typing.get_args(kind)[0] if typing.get_args(kind) else kind for kind in kinds}
    if str in kinds:
        return {"metavar": {"cache_dir": "DIR", "revision": "COMMIT"}.get(name, "NAME")}
    return {"type": int if int in kinds else float}


@command(
    "train",
    examples={
        "Train, and keep the weights that do best on other rows:": (
            "classifiers train train.csv --validation dev.csv -o model"
        ),
        "Add new rows of the rare classes, drawn anew each epoch:": (
            "classifiers train train.csv --validation dev.csv -o model --augment fillmask --augment-mode redraw"
        ),
    },
)
@click.argument("source", metavar="TRAIN", shell_complete=completion.INPUTS)
@section(
    "Output",
    option("-o", "--output-dir", type=Path, metavar="DIR", required=True, help="Folder for the model and its record."),
    option("--overwrite", is_flag=True, help="Replace an existing model, and unfinished work."),
    option("--json", "as_json", is_flag=True, help="Print the record as JSON."),
)
@setting_options("Model")
@setting_options("Loss")
@setting_options("Optimization")
@section(
    "Augmentation",
    option(
        "--augment",
        metavar="STRATEGY",
        shell_complete=completion.strategy_names(),
        help="See `augment strategies`. With --augment-mode features, none samples without new vectors.",
    ),
    option(
        "--augment-mode",
        type=click.Choice(list(AUGMENTATIONS)),
        show_default="static, or features for a strategy that makes vectors",
        help="static: rows made once. redraw: drawn anew each epoch. features: vectors for a new head."
        " balanced: no new rows.",
    ),
    parameters_option,
    option(
        "--sampling-strategy",
        metavar="WHICH",
        shell_complete=completion.AMOUNTS,
        show_default="auto",
        help="How many rows, as in `augment upsample`.",
    ),
    guards_option,
    option(
        "--against",
        multiple=True,
        metavar="FILE",
        help="Held-out file that no new text may come near, as FILE or FILE:column=NAME:split=NAME. Repeatable.",
    ),
    option("--max-per-source", type=int, help="Largest number of new texts of one row."),
    option("--soft-labels", is_flag=True, default=None, help="Train new texts on the probabilities of a teacher."),
    option(
        "--variants",
        metavar="K|background",
        shell_complete=completion.words("background"),
        show_default="4",
        help="redraw: number of sets that take turns, or a new set for each epoch.",
    ),
    option(
        "--draw",
        type=click.Choice(["sampler", "undersample"]),
        show_default="sampler",
        help="balanced: how rows are drawn.",
    ),
    option("--head-epochs", type=float, show_default="10", help="features: epochs of the head."),
    option("--head-learning-rate", type=float, show_default="0.001", help="features: learning rate of the head."),
)
@setting_options("Augmentation")
@section(
    "Evaluation",
    option(
        "--validation",
        metavar="FILE",
        help="Labelled rows; the weights that do best on them are kept. FILE or FILE:column=NAME, also :label=NAME and"
        " :split=NAME.",
    ),
)
@setting_options("Evaluation")
@layout_options
@section(
    "Running",
    option("--resume", is_flag=True, help="Go on with an interrupted training of the same command."),
    QUIET,
)
@setting_options("Running")
def train_command(
    source: str,
    validation: str | None,
    against: tuple[str, ...],
    output_dir: Path,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Train an encoder with a classification head on TRAIN: a file, a saved folder, a hub id, or `sample`."""
    config = TrainConfig(**_settings(others))  # so that wrong settings are an error before torch is loaded
    check_there([source], beside=[*against, *([] if validation is None else [validation])], models=[config.encoder])
    from augment.data.corpus import read
    from augment.data.named_files import NamedFile

    beside = [NamedFile.parsed(name) for name in against]
    validated = [] if validation is None else [NamedFile.parsed(validation)]
    layout = layout_of((source, *(file.name for file in (*beside, *validated))), **others)
    rows = read(source, layout)
    held_out = validated[0].labelled(layout) if validated else None
    never = [text for file in beside for text in file.texts(layout)]
    if (line := _on_splits(config, rows, beside, validated)) is not None and not quiet:
        note(line)
    from classifiers.training.run import train  # torch, after the files were looked at

    with resumable(output_dir, "checkpoints"):
        result = train(
            config,
            rows,
            held_out,
            against=never,
            output_dir=output_dir,
            resume=resume,
            overwrite=overwrite,
            progress=lambda steps: progress(steps, "steps", quiet=quiet),
            log=None if quiet else note,
        )
    from accelerate import PartialState

    from classifiers.saved_folder import RECORD

    if not PartialState().is_main_process:
        return
    if as_json:
        click.echo((output_dir / RECORD).read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        _show(result, output_dir)


def _on_splits(config: TrainConfig, rows: Corpus, beside: list[NamedFile], validated: list[NamedFile]) -> str | None:
    """Return one line on the splits of the training data that are neither read nor held out, or None."""
    from augment.data.notes import not_held_out, on_splits, other_splits

    files = [*beside, *validated]
    if makes_rows(config.augmentation) or rows.is_synthetic.any():
        return not_held_out(rows, files)
    line = on_splits(rows, files)
    if line is None or validated:
        return line
    return f"{line} Give `validation='{rows.name}:split={other_splits(rows)[0]}'` to evaluate on one."


def _settings(others: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the options; those of the augmentation are in a mapping of their own."""
    settings = {name: others[name] for name in TrainConfig.model_fields if name in others and others[name] is not None}
    settings["report_to"] = list(settings.pop("report_to", ()))
    if settings.get("class_weights") not in (None, "balanced"):
        settings["class_weights"] = _weights(settings["class_weights"])
    if not settings["report_to"]:
        del settings["report_to"]
    own = ("sampling_strategy", "max_per_source", "soft_labels", "draw", "head_epochs", "head_learning_rate")
    ways = {name: others[name] for name in own if others[name] is not None}
    if others["guards"]:
        ways["guards"] = list(others["guards"])
    if others["parameters"]:
        ways["parameters"] = values_of(others["parameters"])
    if others["variants"] is not None:
        ways["variants"] = _variants(others["variants"])
    if "sampling_strategy" in ways:
        from augment.generation.budget import parse

        ways["sampling_strategy"] = parse(ways["sampling_strategy"])
    mode, strategy = others["augment_mode"], others["augment"]
    if strategy is not None:
        from augment.registry import STRATEGIES

        if mode is None:
            mode = "features" if strategy != "none" and STRATEGIES.find(strategy).kind == "vector" else "static"
        ways["strategy"] = None if strategy == "none" and mode == "features" else strategy
    if others["epochs"] is not None and others["max_steps"] is not None:
        raise InputError("--max-steps takes the place of --epochs. Give one of them.")
    if mode is None and ways:
        raise InputError(
            f"The option --{min(ways).replace('_', '-')} says how rows are augmented. Name a strategy with --augment,"
            " or give --augment-mode balanced."
        )
    if mode is not None and issubclass(AUGMENTATIONS[mode], Static) and strategy is None:
        raise InputError(f"The mode {mode!r} needs a strategy for new texts. Name one with --augment, e.g. fillmask.")
    return settings if mode is None else {**settings, "augmentation": {"mode": mode, **ways}}


def _weights(text: str) -> dict[str, float]:
    """Read CLASS=WEIGHT, separated by commas."""
    try:
        return {name: float(weight) for name, weight in read_mapping(text).items()}
    except ValueError as error:
        why = f" {error}" if isinstance(error, InputError) else ""
        raise InputError(f"--class-weights must be 'balanced' or CLASS=WEIGHT,… Got {text!r}.{why}") from None


def _variants(text: str) -> int | None:
    if text == "background":
        return None
    if not text.isdigit():
        raise InputError(f"--variants must be a number of sets, or 'background'. Got {text!r}.")
    return int(text)


def _show(result: TrainResult, folder: Path) -> None:
    """Print the scores of the kept weights and, if they differ, of the last weights."""
    from classifiers.training.history import macro_f1

    rows = []
    kept = {"kept": result.best} | ({} if result.last is result.best else {"last": result.last})
    for name, record in kept.items():
        for kind in ("train", "synthetic", "validation"):
            if (scores := record[kind]) is None:
                continue
            # Of synthetic rows only the scores that do not depend on the mix of their classes.
            present = [c for c in result.classes if kind != "synthetic" or scores["support"][c]]
            f1 = [f"{100 * scores['f1'][c]:.1f}" if c in present else "-" for c in result.classes]
            numbers = [macro_f1(record, kind), 100 * scores["accuracy"], 100 * scores["ece"]]
            macro, accuracy, ece = (f"{number:.1f}" for number in numbers)
            rows.append([f"{name}, step {record['step']}", kind, macro, accuracy, *f1, ece, f"{scores['loss']:.3f}"])
    headings = ["weights", "rows", "macro-F1", "accuracy", *(f"F1 {name}" for name in result.classes), "ECE", "loss"]
    show_table(str(folder), headings, rows)
    if result.best["gap"] is not None:
        click.echo(
            f"\nGap between original training rows and validation rows: {result.best['gap']:.1f} points of macro-F1"
            f" with the weights that are kept, {result.last['gap']:.1f} at the end, {result.mean_gap:.1f} on average."
        )
    curves = folder / "curves.png"
    click.echo(f"Curves: {curves}" if curves.exists() else 'For curves.png: pip install "counterpoise[report]"')
