"""Whatever a training, an evaluation or a pretraining can be given has an effect, or is refused with one clear line."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from looked_at_options import check_options_are_looked_at

from augment import FillMask, Random
from augment.cli.options import LAYOUT, layout_of
from augment.data.reading import Layout
from augment.errors import InputError
from classifiers import TextClassifier, TrainConfig, train
from classifiers.cli import main
from classifiers.cli.train import _settings
from classifiers.training.run import train as train_on

PAIR = (["a b c", "d e f", "g h", "i j"] * 2, ["x", "x", "y", "y"] * 2)


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in main.commands.items()])
def test_every_option_is_looked_at(command: click.Command):
    check_options_are_looked_at(command, {"others", "options"})


# Options of `classifiers train`


HANDLED = {"source", "validation", "against", "output_dir", "resume", "overwrite", "as_json", "quiet"}
"""Those that the command looks at itself."""
AUGMENT = {
    "augment": ["random"],
    "augment_mode": ["balanced"],
    "parameters": ["aug_p=.3", "--augment", "nlpaug:ocr"],
    "sampling_strategy": ["all", "--augment", "random"],
    "guards": ["none", "--augment", "random"],
    "max_per_source": ["2", "--augment", "random"],
    "soft_labels": ["--augment", "fillmask"],
    "variants": ["2", "--augment", "random", "--augment-mode", "redraw"],
    "draw": ["undersample", "--augment-mode", "balanced"],
    "head_epochs": ["2", "--augment-mode", "features"],
    "head_learning_rate": [".1", "--augment-mode", "features"],
}
"""Options on the augmentation, each with a value and the options that it goes with."""
VALUES = {
    "class_weights": "x=2,y=1",
    "report_to": "tensorboard",
    "encoder": "other",
    "revision": "main",
    "cache_dir": "c",
}


def train_options() -> dict[str, click.Option]:
    return {str(p.name): p for p in main.commands["train"].params if isinstance(p, click.Option)}


def parsed(arguments: list[str]) -> dict[str, Any]:
    return main.commands["train"].make_context("train", ["in.csv", "-o", "out", *arguments]).params


def test_every_option_of_train_is_a_setting_or_looked_at():
    named = {*train_options(), "source"} - {"help"}
    assert named == HANDLED | {*AUGMENT} | {*LAYOUT, "no_header"} | {*TrainConfig.model_fields} - {"augmentation"}


@pytest.mark.parametrize("name", [name for name in TrainConfig.model_fields if name != "augmentation"])
def test_every_setting_of_the_command_line_reaches_the_configuration(name: str):
    option = train_options()[name]
    if isinstance(option.type, click.Choice):
        value = [option.type.choices[-1]]
    elif option.is_flag:
        value = []
    else:
        value = [VALUES.get(name, ".5" if option.type is click.FLOAT else "3")]
    settings = _settings(parsed([option.opts[0], *value]))
    assert name in settings
    assert settings[name] != TrainConfig.model_fields[name].default or name == "device"


@pytest.mark.parametrize("name", list(AUGMENT))
def test_every_option_on_the_augmentation_reaches_it(name: str):
    option = train_options()[name]
    value, *beside = AUGMENT[name] if not option.is_flag else (None, *AUGMENT[name])
    given = [option.opts[0], *([] if value is None else [value])]
    ways = _settings(parsed([*given, *beside]))["augmentation"]
    without = _settings(parsed(beside)).get("augmentation")
    assert ways != without
    TrainConfig(augmentation=ways)


def test_new_rows_may_be_drawn_in_the_background():
    asked = ["--augment", "random", "--augment-mode", "redraw", "--variants", "background"]
    assert _settings(parsed(asked))["augmentation"]["variants"] is None


@pytest.mark.parametrize(
    "given",
    [
        *(["--text-column", "a"], ["--label-column", "a"], ["--no-header"], ["--columns", "a,b"], ["--labels", "x"]),
        *(["--label-map", "stars"], ["--drop-unlabelled"], ["--split", "test"]),
    ],
    ids=lambda given: given[0],
)
def test_every_option_on_the_layout_reaches_it(given: list[str]):
    assert layout_of(**parsed(given)) != Layout()


# Settings without effect


FROZEN: dict[str, Any] = {"freeze_encoder": True, "augmentation": {"mode": "features"}}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"gamma": 2.0}, "`gamma` is for the loss 'focal'"),
        ({"pooling": "cls", "head": "bigru"}, "`pooling` is for the head 'linear'"),
        ({"cache_dir": "c"}, "`cache_dir` is for a frozen encoder"),
        ({"cache_dir": "c", "freeze_encoder": True, "head": "bilstm"}, "`cache_dir` is for a frozen encoder"),
        ({"gamma": 2.0, "cache_dir": "c"}, "`gamma` .* `cache_dir`"),
        ({**FROZEN, "epochs": 2.0}, "`epochs` is for a training of the encoder, .* Give `head_epochs`"),
        ({**FROZEN, "learning_rate": 0.1, "max_steps": 3}, "`max_steps` and `learning_rate` are for a training of"),
        ({"augmentation": {"mode": "features", "strategy": None, "parameters": {"a": 1}}}, "`parameters` is for"),
        ({"augmentation": {"mode": "features", "strategy": None, "sampling_strategy": 0.5}}, "`sampling_strategy` is"),
        ({"augmentation": {"strategy": Random(random_state=1)}}, "has its own `random_state`"),
        ({"augmentation": {"strategy": FillMask(guards=["none"])}}, "has its own `guards`"),
        ({"augmentation": {"mode": "redraw", "strategy": Random(sampling_strategy="all")}}, "own `sampling_strategy`"),
        ({"augmentation": {"mode": "balanced", "strategy": "random"}}, "has no key 'strategy'"),
        ({"augmentation": {"mode": "static", "variants": 2}}, "has no key 'variants'"),
    ],
)
def test_a_setting_without_effect_is_refused(settings: dict[str, Any], says: str):
    with pytest.raises(InputError, match=says):
        TrainConfig(**settings)


def test_a_setting_with_effect_is_taken():
    TrainConfig(gamma=2.0, loss="focal", pooling="cls", freeze_encoder=True, cache_dir="c")
    TrainConfig(augmentation={"strategy": Random()})
    TrainConfig(**FROZEN)
    TrainConfig(augmentation={"mode": "features"}, epochs=2.0, learning_rate=0.1)


@pytest.mark.parametrize(
    ("settings", "arguments", "says"),
    [
        ({}, {"resume": True}, "`resume` is for a training with an `output_dir`"),
        ({}, {"overwrite": True}, "`overwrite` is for a training with an `output_dir`"),
        ({}, {"against": ["a text"]}, "`against`"),
        ({"patience": 2}, {}, "patience"),
        ({"real_only": 0.5}, {}, "real_only"),
        ({"synthetic_weight": 2.0}, {}, "synthetic_weight"),
    ],
)
def test_an_argument_without_effect_is_refused(settings: dict[str, Any], arguments: dict[str, Any], says: str):
    assert train is train_on
    with pytest.raises(InputError, match=says):
        train(TrainConfig(**settings), PAIR, **arguments)


def test_a_classifier_refuses_what_has_no_effect_when_it_is_fitted():
    with pytest.raises(InputError, match="`gamma` is for the loss 'focal'"):
        TextClassifier(gamma=1.0).fit(*PAIR)
    with pytest.raises(InputError, match="patience"):
        TextClassifier(patience=2).fit(*PAIR)


# Pairs of options


PAIRS = [
    ("train in.csv -o out --gamma 2", "--gamma is for the loss 'focal'"),
    ("train in.csv -o out --epochs 2 --max-steps 3", "--max-steps takes the place of --epochs"),
    ("train in.csv -o out --guard none", "says how rows are augmented"),
    ("train in.csv -o out --variants 2 --augment random", "has no key 'variants'"),
    ("train in.csv -o out --split test", "--split is for hub ids"),
    ("train in.jsonl -o out --no-header", "--no-header is for csv and tsv files"),
    ("evaluate model in.csv --split test", "--split is for hub ids"),
    ("evaluate model in.jsonl --columns a,b", "--columns is for csv and tsv files"),
    (
        "train in.csv -o out --freeze-encoder --augment-mode features --epochs 2",
        "--epochs is for a training of the encoder",
    ),
    ("predict model in.csv --overwrite", "--overwrite is for an output file"),
    ("predict model in.csv --labels x", "No such option '--labels'"),
    ("predict model in.csv --split test", "--split is for hub ids"),
    ("predict model - --text-column a", "the input is lines of text"),
    ("predict model lines.txt --split test", "the input is lines of text"),
    ("pretrain lines.txt -o out --model mini --split test", "the input is lines of text"),
    ("pretrain in.csv -o out --model mini --label-column label", "--label-column is about labels"),
    ("pretrain lines.txt -o out --model mini --whole-share .3", "--whole-share is for a training with a teacher"),
    ("pretrain lines.txt -o out --model mini --distillation-weight 3", "--distillation-weight is for a training with"),
    ("pretrain lines.txt -o out --model mini --pooling cls", "--pooling is for --objective simcse"),
    ("pretrain lines.txt -o out --model mini --momentum .9", "--momentum is for --objective esimcse"),
    ("pretrain lines.txt -o out --model mini --json", "--json is for --objective simcse"),
    (
        "pretrain lines.txt -o out --model mini --objective simcse --mask-ratio .3",
        "--mask-ratio needs a masked-LM term",
    ),
    ("pretrain lines.txt -o out --model mini --objective simcse --teacher mini", "--teacher is for --objective mlm"),
    (
        "pretrain in.csv -o out --model mini --objective supervised-simcse --text-column a",
        "--text-column is not for --objective supervised-simcse",
    ),
]


@pytest.mark.parametrize(("line", "says"), PAIRS)
def test_an_option_without_effect_is_refused_in_one_line(line: str, says: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = list(zip(*PAIR, strict=True))
    (tmp_path / "in.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    (tmp_path / "in.jsonl").write_text("".join(f'{{"text": "{text}", "label": "{label}"}}\n' for text, label in rows))
    (tmp_path / "lines.txt").write_text("\n".join(PAIR[0]))
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert len(result.output.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
