"""Suites and arms: what YAML may say, and the cells that come of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from augment.errors import InputError
from augment.registry import STRATEGIES
from benchmarks import results
from benchmarks.grid import suite as suites
from benchmarks.grid.arms import Arm, built_in, resolve
from benchmarks.grid.cells import cells
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import Suite
from benchmarks.grid.tasks import Task, TaskData
from classifiers.config import TrainConfig


def data(rows: int = 100, task: Task | None = None) -> TaskData:
    """Three classes, the second rare; nothing of it is read from a disk."""
    labels = tuple(("no", "so", "yes")[min(i % 5, 2)] for i in range(rows))
    own = LabelledRows(tuple(f"text {i}" for i in range(rows)), labels)
    return TaskData(task or Task(name="sst3"), ("so",), own, own.taken(range(20)), {"sst3": own.taken(range(30))}, {})


def laid_out(suite: Suite, *tasks: TaskData, arms=None, own_arms=None, device="auto"):
    chosen = resolve(arms or suite.arms, own_arms or {})
    return list(cells(suite, tasks or [data()], chosen, seeds=suite.seeds, device=device))


ASKED_FOR = (
    *("none", "random", "undersampling", "balanced-sampler", "class-weights", "focal", "logit-adjustment", "r-drop"),
    *("label-smoothing", "keyboard", "random-word", "fillmask-static", "fillmask-guarded", "fillmask-redraw"),
    *(
        "fillmask-cure",
        "fillmask-adjusted",
        "fillmask-chosen",
        "fillmask-light",
        "smote",
        "borderline-smote",
        "adasyn",
        "gaussian",
    ),
    *("gan-smote", "crt", "back-translation", "llm-new", "llm-paraphrase", "retrieve", "self-training"),
    *("tapt", "tapt-fillmask"),
    *("wrong-label", "rebalanced-others", "real", "more-real", "double-real", "tfidf-svm"),
)


def test_every_arm_that_a_sceptic_asks_for_is_built_in_and_can_be_trained():
    arms = built_in()
    assert set(arms) == set(ASKED_FOR)
    for arm in arms.values():
        assert arm.summary
        TrainConfig(**arm.training)
        if name := arm.augmentation.get("strategy"):
            assert name in STRATEGIES.names()


def test_arms_are_told_apart_by_whether_they_make_rows():
    plain = {name for name, arm in built_in().items() if not arm.makes_rows}
    assert plain == {
        *("none", "random", "undersampling", "balanced-sampler", "class-weights", "focal", "logit-adjustment"),
        *("r-drop", "label-smoothing", "crt", "tapt", "tfidf-svm"),
    }


@pytest.mark.parametrize("name", suites.names())
def test_every_suite_of_the_project_can_be_laid_out(name):
    suite = suites.read(name)
    found = laid_out(suite, *(data(6000, task) for task in suite.tasks))
    grid = len(suite.tasks) * len(suite.encoders) * len(suite.heads) * len(suite.losses)
    arms = [arm for arm in resolve(suite.arms, {}) if arm.replays is None]  # no answers belong to made-up rows
    arms = [arm for arm in arms if arm.name != "back-translation"]  # its models are on the hub
    assert len({cell.place for cell in found}) == len(found) == grid * len(arms) * suite.seeds
    assert len({cell.key for cell in found}) == len(found)


def test_the_suites_are_those_that_were_asked_for():
    assert suites.names() == [
        *(
            "few-shot",
            "few-shot-fine-tuned",
            "few-shot-tuning",
            "imbalance",
            "long-tail",
            "neutral",
            "paper",
            "paper-mini",
            "smoke",
        ),
    ]
    neutral, paper, mini = suites.read("neutral"), suites.read("paper"), suites.read("paper-mini")
    assert neutral.seeds >= 10
    later = {
        "back-translation",
        "fillmask-chosen",
        "fillmask-light",
        "llm-new",
        "llm-paraphrase",
        "retrieve",
        "self-training",
        "tapt",
        "tapt-fillmask",
    }
    later |= {"rebalanced-others", "more-real", "double-real"}  # they came after the results
    assert set(neutral.arms) == {*ASKED_FOR} - later
    assert (len(paper.encoders), len(paper.heads), len(paper.losses)) == (4, 3, 2)
    table_3 = TrainConfig(**paper.training)
    assert table_3 == TrainConfig()
    assert (mini.heads, mini.losses) == (paper.heads, paper.losses)
    assert {**mini.training, "learning_rate": 1.0e-5} == paper.training


def test_all_arms_take_the_same_steps_and_are_evaluated_at_the_same():
    suite = Suite(name="own", tasks=["sst3"], arms=list(ASKED_FOR), seeds=2, training={"epochs": 3.0, "batch_size": 16})
    found = laid_out(suite)
    steps = {(cell.config.max_steps, cell.config.evaluate_steps, cell.config.evaluate_by) for cell in found}
    assert steps == {(20, 5, "steps")}  # 7 steps an epoch, three of them, in four parts of equal length
    assert {cell.config.seed for cell in found} == {0, 1}


def test_seeds_come_one_after_another_and_arms_that_share_an_encoder_last():
    suite = Suite(name="own", tasks=["sst3"], arms=["smote", "none", "crt", "focal"], seeds=2)
    found = laid_out(suite)
    assert [cell.arm.name for cell in found] == ["none", "focal", "smote", "crt"] * 2
    assert [cell.seed for cell in found] == [0] * 4 + [1] * 4
    none, focal, smote, crt = found[:4]
    assert smote.base_key == crt.base_key == none.key == none.base_key
    assert focal.base_key == focal.key != none.key
    assert len({cell.place for cell in found}) == len(found)


def test_an_arm_whose_vectors_weigh_less_takes_the_same_encoder():
    light = {
        "light": {"training": {"augmentation": {"mode": "features", "strategy": "smote"}, "synthetic_weight": 0.5}}
    }
    suite = Suite(name="own", tasks=["sst3"], arms=["none", "light"], seeds=1)
    none, cell = laid_out(suite, own_arms=light)
    assert cell.base_key == none.key
    assert cell.base == none.config
    assert cell.config.synthetic_weight == 0.5


def test_a_key_follows_from_whatever_determines_the_numbers_and_from_nothing_else():
    suite = Suite(name="own", tasks=["sst3"], arms=["none", "focal"], seeds=1)
    keys = [cell.key for cell in laid_out(suite)]
    assert [cell.key for cell in laid_out(suite, device="cpu")] == keys
    assert [cell.key for cell in laid_out(suite, arms=["focal", "none"])] == keys[::-1]
    renamed = {"same": {"summary": "another name", "training": {}}}
    assert laid_out(suite, arms=["same"], own_arms=renamed)[0].key == keys[0]
    for changed in (
        laid_out(suite, data(101)),
        laid_out(suite, data(100, Task(name="sst3", train_rows=50))),
        laid_out(suite.model_copy(update={"training": {"learning_rate": 1e-3}})),
        laid_out(suite.changed((), ["another"])),
    ):
        assert changed[0].key not in keys


def test_ones_own_arms_and_the_strategies_of_plugins_are_found(monkeypatch):
    own = {"gentle": {"training": {"augmentation": {"strategy": "random", "sampling_strategy": 0.5}}}}
    suite = Suite(
        name="own", tasks=["sst3"], arms=["gentle", "svm-smote", {"inline": {"training": {"r_drop": 0.2}}}], seeds=1
    )
    gentle, inline, strategy = laid_out(suite, own_arms=own)
    assert gentle.config.augmentation.sampling_strategy == 0.5
    assert inline.config.r_drop == 0.2
    assert (strategy.config.augmentation.mode, strategy.arm.summary) == (
        "features",
        STRATEGIES.find("svm-smote").summary,
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tasks": ["sst4"]}, "There is no task 'sst4'.*Did you mean 'sst3'"),
        ({"tests": ["yelpp"]}, "There is no task 'yelpp'.*Did you mean 'yelp'"),
        ({"tasks": [{"name": "sst3", "per_clas": 5}]}, "has no key 'per_clas'.*Did you mean 'per_class'"),
        ({"tasks": [{"name": "sst3", "per_class": 1}]}, "'tasks.0.per_class' must be 2 or more"),
        ({"tasks": [{"name": "sst3", "per_class": 5, "train_rows": 50}]}, "'per_class' and 'train_rows', which draw"),
        ({"tasks": [{"name": "sst3", "tail": 0.3}]}, "'tail' without 'ratio'"),
        ({"tasks": [{"name": "sst3", "tail": 0.3, "ratio": 0.1, "label": "so"}]}, "'tail' and 'label', which both"),
        ({"tasks": [{"name": "sst3", "classes_seed": 0}]}, "'classes_seed' without 'classes'"),
        ({"tasks": [{"name": "sst3", "label": ["so", "so"]}]}, "must name one class or more, each once"),
        ({"tasks": [{"name": "sst3", "label": []}]}, "must name one class or more, each once"),
        ({"tasks": [{"name": "sst3", "pool": "left-out"}]}, "draws no rows, so that none are left for the pool"),
        ({"sedes": 3}, "has no key 'sedes'.*Did you mean 'seeds'"),
        ({"seeds": 0}, "'seeds' must be 1 or more"),
        ({"seeds": 20, "looks": [10]}, "'looks' must ascend and end with 'seeds', 20. Got"),
        ({"seeds": 20, "looks": [5, 20]}, "'looks.*' must be 10 or more"),
        ({"arms": ["fil-mask"]}, "There is no arm 'fil-mask'"),
        ({"arms": ["focl"]}, "There is no arm 'focl'.*Did you mean 'focal'"),
        ({"arms": ["none", "none"]}, "The arm 'none' is named twice"),
        ({"arms": [{"odd": {"trainin": {}}}]}, "The arm 'odd' has no key 'trainin'.*Did you mean 'training'"),
        ({"arms": [{"odd": {"training": {"losss": "focal"}}}]}, "arm 'odd': A training has no key 'losss'"),
        ({"arms": []}, "'arms' must"),
        ({"arms": [{"odd": 3}]}, "The arm 'odd' must have keys and values"),
        ({"arms": [{"odd": None}]}, "The arm 'odd' must have keys and values"),
        ({"arms": [{"odd": {"training": {"epochs": 40.0}}}]}, "The arm 'odd' sets 'epochs', which is the same for all"),
        ({"arms": [{"odd": {"training": {"encoder": "x"}}}]}, "The arm 'odd' sets 'encoder'"),
        ({"arms": [{"odd": {"training": {"augmentation": "smote"}}}]}, "The augmentation must be a mapping"),
        (
            {"arms": [{"odd": {"training": {"augmentation": {"strategy": "fillmsk"}}}}]},
            "fillmsk.*Did you mean 'fillmask'",
        ),
        (
            {"arms": [{"odd": {"training": {"augmentation": {"mode": "features", "strategy": "fillmask"}}}}]},
            "makes texts, and the mode 'features' takes vectors",
        ),
        ({"arms": [{"odd": {"training": {"augmentation": {"guards": ["polarty"]}}}}]}, "polarty"),
        (
            {"arms": [{"odd": {"training": {"augmentation": {"parameters": "x"}}}}]},
            "The arm 'odd' has parameters='x'; expected keys and values",
        ),
        (
            {"arms": [{"odd": {"training": {"augmentation": {"parameters": {"models": [3]}}}}}]},
            r"has models=\[3\]; expected a list of names",
        ),
        (
            {"arms": [{"odd": {"training": {"augmentation": {"strategy": [3]}}}}]},
            r"has strategy=\[3\]; expected a name",
        ),
        (
            {"arms": [{"odd": {"rows": "real", "training": {"augmentation": {"mode": "balanced"}}}}]},
            "adds rows in two ways",
        ),
        (
            {"arms": [{"odd": {"model": "tfidf-svm", "rows": "real"}}]},
            "`training`, `rows` and `pretraining` have no effect",
        ),
        ({"training": {"seed": 3}}, "sets 'seed' for all"),
        ({"training": {"patience": 1}}, "sets 'patience' for all"),
        ({"training": {"device": "cpu"}}, "sets 'device' for all"),
        ({"training": {"learning_rat": 3}}, "no key 'learning_rat'.*Did you mean 'learning_rate'"),
        ({"heads": ["liner"]}, "`head` must be .*Got 'liner'"),
    ],
)
def test_what_is_wrong_in_a_suite_is_one_sentence(values, message):
    with pytest.raises(InputError, match=message):
        laid_out(Suite(**({"name": "own", "tasks": ["sst3"], "arms": ["none"], "seeds": 1} | values)))


RESULTS = Path(__file__).parents[3] / "docs" / "results"


@pytest.mark.parametrize("name", ["imbalance", "neutral"])
def test_the_published_results_are_results_of_the_suite_as_it_is(name):
    """A setting that is added to tasks or suites must not change those that do not set it: their keys would change."""
    recorded = results.read(RESULTS / name).suite
    assert {key: value for key, value in recorded.items() if key != "data"} == suites.read(name).identity


def test_settings_of_a_task_are_written_where_they_are_set():
    plain = {"name": "sst3", "train_from": "train", "train_rows": None, "ratio": None, "label": None}
    assert Task(name="sst3").model_dump(mode="json") == plain
    few = {"per_class": 5, "classes": 2, "pool": "texts.csv"}
    assert Task(name="sst3", **few).model_dump(mode="json") == plain | few
    assert Suite(name="own", tasks=[Task(name="sst3", **few)], arms=["none"]).identity["tasks"] == [plain | few]


def test_a_key_that_yaml_reads_as_something_else_is_said(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("tasks: [sst3]\narms: [none]\non: 3\n")
    with pytest.raises(InputError, match=r"own\.yaml: has the key True, which is not a text\. Put it in quotes"):
        suites.read(str(path))


def test_other_tasks_keep_the_imbalance_and_lose_what_belongs_to_the_suites_own():
    changed = suites.read("imbalance").changed(["csv:own.csv"], ["another"])
    assert [(task.name, task.ratio, task.label, task.train_rows) for task in changed.tasks] == [
        ("csv:own.csv", 0.05, None, None),
        ("csv:own.csv", 0.1, None, None),
    ]
    assert (changed.tests, changed.encoders) == (None, ["another"])


def test_other_tasks_are_drawn_alike_without_what_names_classes_or_files():
    own = {"name": "banking77", "per_class": 5, "classes": 20, "pool": "left-out"}
    long = {"name": "sst3", "ratio": 0.1, "tail": 0.3, "pool": "texts.csv"}
    changed = Suite(name="own", tasks=[own, own | {"classes": 10}, long], arms=["none"]).changed(["csv:own.csv"], ())
    assert changed.tasks == [
        Task(name="csv:own.csv", per_class=5, pool="left-out"),
        Task(name="csv:own.csv", ratio=0.1, tail=0.3),
    ]


def test_real_rows_are_left_out_where_there_are_none():
    suite = Suite(name="own", tasks=["sst3"], arms=["none", "real"], seeds=1)
    assert [cell.arm.name for cell in laid_out(suite)] == ["none"]
    assert [cell.arm.name for cell in laid_out(suite, data(100, Task(name="sst3", ratio=0.1)))] == ["none", "real"]


def test_a_loss_of_an_arm_and_one_of_the_grid_are_two_cells():
    suite = Suite(name="own", tasks=["sst3"], losses=["cross-entropy", "focal"], arms=["none", "focal"], seeds=1)
    found = laid_out(suite)
    assert len({cell.place for cell in found}) == len(found) == 4


def test_the_content_of_an_encoders_folder_is_part_of_a_key(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    suite = Suite(name="own", tasks=["sst3"], encoders=[str(tmp_path)], arms=["none"], seeds=1)
    before = laid_out(suite)[0].key
    assert laid_out(suite)[0].key == before
    (tmp_path / "config.json").write_text('{"changed": true}')
    assert laid_out(suite)[0].key != before


def test_a_recurrent_head_is_trained_on_its_own():
    suite = Suite(name="own", tasks=["sst3"], heads=["linear", "bigru"], arms=["crt"], seeds=1)
    assert [cell.shares_encoder for cell in laid_out(suite)] == [True, False]


def test_a_suite_is_a_name_or_a_yaml_file(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("tasks: [sst3]\narms: [none, focal]\nseeds: 3\n")
    assert suites.read(str(path)).name == "mine"
    with pytest.raises(InputError, match=r"There is no suite 'nuetral'.*Did you mean 'neutral'"):
        suites.read("nuetral")
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read"):
        suites.read(str(tmp_path / "absent.yaml"))
    path.write_text("tasks: [sst3\n")
    with pytest.raises(InputError, match=r"mine\.yaml: is not plain YAML"):
        suites.read(str(path))
    path.write_text("- sst3\n")
    with pytest.raises(InputError, match=r"must hold keys and values. Got list"):
        suites.read(str(path))


def test_an_arm_of_yaml_cannot_run_code(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("tasks: [sst3]\narms: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError, match="is not plain YAML"):
        suites.read(str(path))


def test_the_same_arm_may_be_given_under_a_name_of_ones_own():
    (arm,) = resolve(["mine"], {"mine": {"training": {"loss": "focal"}}})
    assert arm == Arm(name="mine", training={"loss": "focal"})
