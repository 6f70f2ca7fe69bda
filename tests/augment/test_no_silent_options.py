"""Whatever can be given has an effect, or is refused with one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from looked_at_options import check_options_are_looked_at
from sklearn.utils._param_validation import Interval, StrOptions

from augment import GANSMOTE, FillMask, OneOf, Random, Sequential, Smote, upsample, upsample_file
from augment.cli import main
from augment.data.reading import Layout
from augment.errors import InputError
from augment.guards import Agreement
from augment.models.checkpoints import load_encoder
from augment.parameters import Patterns, TextTuple, constraints
from augment.registry import GUARDS, STRATEGIES, Registry
from augment.segmenters import Segmenters
from augment.text.nlpaug_edits import KeyboardEdit

ROWS = (["one two", "three four", "five", "six", "seven"], ["rare", "rare", "often", "often", "often"])
REQUIRED: dict[str, dict[str, Any]] = {"sequential": {"steps": [Random()]}, "one_of": {"choices": [Random()]}}
REQUIRED["llm"] = {"model": "m"}
REQUIRED["seq2seq"] = {"models": ("some/model",)}
REQUIRED["retrieve"] = {"pool": "pool.txt"}
"""Parameters without a default."""
ENGLISH_ALONE = {("nlpaug:spelling", "language"), ("nlpaug:synonym", "language")}
"""Parameters with a single value."""
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    ("fillmask", "adapt_on"): {"adapt": True},
    ("seq2seq", "src_lang"): {"tgt_lang": ("other",)},
    ("seq2seq", "tgt_lang"): {"src_lang": ("other",)},
    ("one_of", "weights"): {"choices": [Random()]},
    ("agreement", "teacher"): {},
    **{("llm", name): {"engine": "local"} for name in ("revision", "device", "dtype", "batch_size")},
    ("relabel", "least"): {"keep": True},
    ("relabel", "by"): {"model": "m"},
    **{("relabel", name): {"by": "llm", "model": "m"} for name in ("base_url", "key_file", "answers")},
    ("relabel", "class_descriptions"): {"by": "llm", "model": "m"},
}


def others(allowed: Any, default: Any) -> Iterator[Any]:
    """Values that a parameter may have beside its default."""
    for constraint in allowed:
        if isinstance(constraint, Interval):
            step = 1 if constraint.type is Integral else 0.01
            around = default if isinstance(default, (int, float)) else 1
            yield from (around + step, around - step, around * 2, around / 2)
        elif isinstance(constraint, StrOptions):
            yield from sorted(constraint.options)
        elif isinstance(constraint, Segmenters):
            yield "icu"
        elif hasattr(constraint, "example"):
            yield constraint.example
        elif isinstance(constraint, (TextTuple, Patterns)):
            yield ("other",)
        elif constraint is str:
            yield f"{default}-other"
        elif constraint == "boolean":
            yield not default
        elif constraint == "array-like":
            yield [[0, 1]]
        elif constraint is None:
            yield None
        else:
            yield from ([Random(), KeyboardEdit()], (2.0,))


def every_parameter() -> Iterator[Any]:
    for registry in (STRATEGIES, GUARDS):
        for name in registry.own:
            for parameter in registry.parameters(registry.find(name)):
                if (name, parameter) in ENGLISH_ALONE:
                    continue
                yield pytest.param(registry, name, parameter, id=f"{name}-{parameter}")


@pytest.mark.parametrize(("registry", "name", "parameter"), every_parameter())
def test_every_parameter_is_checked_and_told_in_the_manifest(registry: Registry, name: str, parameter: str):
    cls = registry.find(name)
    required = {**REQUIRED.get(name, {}), **BESIDE.get((name, parameter), {})}
    plain = registry.to_config(cls(**required))["parameters"]
    default = registry.parameters(cls)[parameter].default
    address = ["http://localhost:1/v1"] if parameter == "base_url" else []  # any other text is refused
    for value in (*address, *others(constraints(cls)[parameter], default)):
        thing = cls(**{**required, parameter: value})
        try:
            thing.check()
        except InputError:
            continue
        changed = registry.to_config(thing)["parameters"]
        if changed[parameter] != plain[parameter]:
            break
    else:
        pytest.fail(f"No other value of {parameter} is allowed, or none is told.")
    assert {key for key in plain if changed[key] != plain[key]} == {parameter}
    again = registry.from_config({"name": name, "parameters": changed})
    assert registry.to_config(again)["parameters"] == changed
    with pytest.raises(InputError, match=f"`{parameter}` of {cls.__name__} must be .* Got "):
        cls(**{**required, parameter: object()}).check()


@pytest.mark.parametrize("name", list(STRATEGIES.own))
def test_parameters_of_speed_alone_reach_the_object(name: str):
    cls = STRATEGIES.find(name)
    for parameter in cls.speed_only:
        assert getattr(cls(**REQUIRED.get(name, {}), **{parameter: 3}), parameter) == 3


@pytest.mark.parametrize("name", list(STRATEGIES.own))
def test_what_a_run_sets_is_kept_by_every_strategy(name: str):
    cls = STRATEGIES.find(name)
    settings: dict[str, Any] = {"sampling_strategy": "all", "random_state": 7}
    if cls.kind == "text":
        settings["guards"] = ["none"]
    built = cls(**REQUIRED.get(name, {}), **settings)
    assert {key: getattr(built, key) for key in settings} == settings


# Compositions, guards and samplers


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"random_state": 0}, "random_state"),
        ({"sampling_strategy": {"rare": 9}}, "sampling_strategy"),
        ({"guards": ["none"]}, "guards"),
    ],
)
def test_a_part_with_settings_of_its_own_is_refused(settings: dict[str, Any], named: str):
    for composition in (Sequential(steps=[KeyboardEdit(**settings)]), OneOf(choices=[KeyboardEdit(**settings)])):
        says = rf"\[0\]` of {type(composition).__name__} has its own `{named}`"
        with pytest.raises(InputError, match=says):
            composition.fit_resample(*ROWS)
        with pytest.raises(InputError, match=says):
            upsample(ROWS, strategy=composition)


def test_a_guard_that_does_not_judge_copies_is_refused_for_a_strategy_that_copies():
    for guards in (["near_duplicate"], ["similarity:low=.5"]):
        with pytest.raises(InputError, match="does not judge copies, and 'random' copies rows by design"):
            Random(guards=guards).fit_resample(*ROWS)
        with pytest.raises(InputError, match="does not judge copies"):
            upsample(ROWS, strategy="random", guards=guards)
    for guards in (["none"], ["held_out:near_words=5"], []):
        assert upsample(ROWS, strategy="random", guards=guards)[1].counts_after["rare"] == 3


def test_a_guard_out_of_range_is_refused_before_a_model_is_opened():
    strategy = FillMask(model="/no/such/folder", guards=[Agreement(least=3, folds=1)])
    with pytest.raises(InputError, match=r"`least` of Agreement must .* `folds` of Agreement must"):
        strategy.fit_resample(*ROWS)


@pytest.mark.parametrize("changes", [{"folds": 3}, {"max_rows": 100}, {"model": "other"}])
def test_settings_of_the_default_teacher_are_refused_beside_another_teacher(changes: dict[str, Any]):
    with pytest.raises(InputError, match=r"must be left at .* unless `teacher` is None"):
        Agreement(teacher="some/model", **changes).check()
    Agreement(**changes).check()


@pytest.mark.parametrize("changes", [{"n_critic": 2}, {"packing": 1}, {"stop_at": "real"}, {"n_components": 9}])
def test_settings_of_the_default_network_are_refused_beside_another_mode(changes: dict[str, Any]):
    for mode in ("noise", "smote"):
        with pytest.raises(InputError, match="unless `generator_input` is 'residual'"):
            GANSMOTE(generator_input=mode, **changes).check()
    GANSMOTE(**changes).check()


def test_a_sampler_takes_no_further_arguments():
    X = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(InputError, match=r"takes X and y alone\. Got sample_weight"):
        Smote().fit_resample(X, [0] * 10 + [1] * 20, sample_weight=np.ones(30))


def test_a_revision_of_a_local_model_is_refused(bert):
    for name in (str(bert), "mini"):
        with pytest.raises(InputError, match=r"has no revision 'main'\. Leave it out"):
            load_encoder(name, revision="main")


# Commands


def commands(group: click.Group = main) -> list[Any]:
    return [pytest.param(command, id=name) for name, command in group.commands.items()]


@pytest.mark.parametrize("command", commands())
def test_every_option_is_looked_at(command: click.Command):
    check_options_are_looked_at(command, {"others"})


PASSED = {
    "strategy": "random",
    "sampling_strategy": "all",
    "singletons": "skip",
    "seed": "3",
    "against": "other.csv",
    "model": "other",
    "adapt": None,
    "adapt_on": "pool.csv",
    "language": "de",
    "encoder": "other",
    "pooling": "max",
    "normalize": None,
    "decode": "nearest",
    "revision": "main",
    "device": "cpu",
    "dtype": "float32",
    "batch_size": "3",
    "guards": "none",
    "max_per_source": "2",
    "only_synthetic": None,
    "keep_columns": "id",
    "text_column": "a",
    "label_column": "b",
    "label_separator": "|",
    "no_header": None,
    "columns": "a,b",
    "label_map": "stars",
    "labels": "x,y",
    "drop_unlabelled": None,
    "single_label": None,
    "split": "test",
    "delimiter": ";",
    "quoting": "none",
    "encoding": "latin-1",
}
"""Options of `augment upsample` that say what is asked for, each with a value."""
HANDLED = {
    "output",
    "edit",
    "polarity",
    "config",
    "parameters",
    "workers",
    "executor",
    "address",
    "worker_cpus",
    "worker_gpus",
    "mixed_hardware",
    "show",
    "report",
    "dry_run",
    "overwrite",
    "output_encoding",
    "csv_safe",
    "resume",
    "strict",
    "yes",
    "quiet",
}
"""Those that the command looks at itself; the pairs below and the tests of the command have their effects."""


def test_every_option_of_upsample_is_known_here():
    options = {parameter.name for parameter in main.commands["upsample"].params if isinstance(parameter, click.Option)}
    assert options - {"help"} == {*PASSED, *HANDLED}


@pytest.mark.parametrize("name", list(PASSED))
def test_every_option_of_upsample_is_passed_on(name: str, monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, Any] = {}

    def settle(path: Any, options: dict[str, Any]) -> Any:
        seen.update(options)
        raise InputError("seen")

    monkeypatch.setattr("augment.run.request.settle", settle)
    monkeypatch.setattr("augment.cli.upsample.check_there", lambda *sources, **others: None)
    (option,) = [p for p in main.commands["upsample"].params if p.name == name]
    value = PASSED[name]
    result = CliRunner().invoke(
        main, ["upsample", "in.csv", "--dry-run", option.opts[0], *([] if value is None else [value])]
    )
    assert "Error: seen" in result.output
    assert {"no_header": "header"}.get(name, name) in seen


PAIRS = [
    ("upsample sample --dry-run --show 2", "--show has no effect with --dry-run"),
    ("upsample sample --dry-run --report r.html", "--report has no effect without an output"),
    ("upsample sample --dry-run --overwrite", "--overwrite has no effect without an output"),
    ("upsample sample --dry-run --output-encoding utf-16", "--output-encoding has no effect without an output"),
    ("upsample sample -o out.parquet --output-encoding utf-16", "--output-encoding is for text files"),
    ("upsample sample -o out.csv --output-encoding utf-77", "There is no encoding 'utf-77'"),
    ("upsample sample --dry-run --csv-safe", "--csv-safe has no effect without an output"),
    ("upsample sample -o out.jsonl --csv-safe", "--csv-safe is for csv and tsv files"),
    ("upsample sample --dry-run --resume", "--resume has no effect without an output"),
    ("upsample sample --dry-run -o in.csv", "exists already"),
    ("upsample in.csv --dry-run -o in.csv --overwrite", "is an input of this run"),
    ("upsample sample -o out.csv -q --show 2", "--show has no effect with --quiet"),
    ("upsample sample --dry-run --strategy random --decode nearest", "--decode is for strategies that make vectors"),
    ("upsample sample --dry-run --strategy random --pooling max", "--pooling is for strategies that make vectors"),
    ("upsample sample --dry-run --strategy random --model mini", "has no parameter 'model'"),
    ("upsample sample --dry-run --strategy random --guard near_duplicate", "does not judge copies"),
    ("upsample sample --dry-run --strategy smote --guard near_duplicate", "guards"),
    ("upsample sample --dry-run --strategy smote --max-per-source 2", "for texts"),
    ("upsample sample --dry-run --address auto", "--address has no effect without --executor ray"),
    ("upsample sample --dry-run --worker-gpus 1 --workers 2", "--worker-gpus has no effect without --executor ray"),
    ("upsample sample --dry-run --mixed-hardware", "--mixed-hardware has no effect without --executor ray"),
    ("upsample sample --dry-run --executor ray --worker-cpus 0", "--worker-cpus must be a number, above 0. Got 0"),
    ("upsample sample --dry-run --executor ray --worker-gpus 1.5", "--worker-gpus above 1 must be a whole number"),
    ("upsample sample --dry-run --executor ray --address ray://h:1", "is for programs outside the cluster"),
    ("upsample sample --dry-run --strategy smote --model mini", "has no --model"),
    ("upsample sample --dry-run --strategy smote --keep-columns all", "a new vector lies between two rows"),
    ("upsample in.csv --dry-run --strategy random --keep-columns id", "has no column 'id' to keep"),
    ("upsample in.csv --dry-run --strategy random --keep-columns text", "writes the column 'text' itself"),
    ("upsample sample --dry-run --split test", "--split is for hub ids and folders"),
    ("upsample in.jsonl --dry-run --no-header", "--no-header is for csv and tsv files"),
    ("upsample in.jsonl --dry-run --columns a,b", "--columns is for csv and tsv files"),
    ("upsample in.jsonl --dry-run --delimiter ;", "--delimiter is for csv and tsv files"),
    ("upsample in.jsonl --dry-run --quoting none", "--quoting is for csv and tsv files"),
    ("upsample sample --dry-run --encoding latin-1", "--encoding is for text files"),
    ("upsample marked.csv --dry-run --encoding latin-1", "--encoding has no effect: marked.csv begins with a byte"),
    ("inspect in.csv --encoding latin-7777", "There is no encoding 'latin-7777'"),
    ("inspect in.csv --encoding idna", "There is no encoding 'idna'"),
    ("inspect in.csv --label-separator=", "--label-separator must be a text, such as '|'"),
    ("inspect in.csv --delimiter ab", "The delimiter must be one character"),
    ("upsample in.csv --dry-run --edit text", "--edit names one of several columns of texts"),
    ("upsample in.csv --dry-run --columns a,b", "give --no-header with them"),
    ("upsample in.csv --dry-run --split test", "--split is for hub ids and folders"),
    ("inspect in.csv --split test", "--split is for hub ids and folders"),
    ("inspect in.jsonl --no-header --columns a,b", "--no-header is for csv and tsv files"),
    ("upsample in.csv --dry-run --config vectors.json", "'encoder' is for strategies that make vectors"),
    ("upsample in.csv --dry-run --config texts.json", "'guards' is for strategies that make texts"),
]


@pytest.mark.parametrize(("line", "says"), PAIRS)
def test_an_option_without_effect_is_refused_in_one_line(line: str, says: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = list(zip(*ROWS, strict=True))
    (tmp_path / "in.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    (tmp_path / "in.jsonl").write_text("".join(f'{{"text": "{text}", "label": "{label}"}}\n' for text, label in rows))
    (tmp_path / "marked.csv").write_text("text,label\none,a\n", encoding="utf-16")
    (tmp_path / "vectors.json").write_text('{"strategy": {"name": "random"}, "encoder": {"model": "mini"}}')
    (tmp_path / "texts.json").write_text('{"strategy": {"name": "smote"}, "guards": [{"name": "near_duplicate"}]}')
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert len(result.output.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_layout_without_effect_is_refused_in_python_too(tmp_path):
    with pytest.raises(InputError, match="`split` is for hub ids"):
        upsample_file("sample", tmp_path / "out.csv", strategy="random", layout=Layout(split="test"))
