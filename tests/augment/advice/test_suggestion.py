"""Advice from made maps, whose nearest data sets are known."""

from __future__ import annotations

import json
import shlex

import pandas as pd
import pytest
from click.testing import CliRunner
from made_maps import EDITED, arm, cell, gain, written
from small_trainings import RARE

import augment
from augment.advice import Shape, nearest
from augment.cli.entry import main
from classifiers.cli.entry import main as classifiers

PAYS = arm("edits", 2.0, settings=EDITED)
HURTS = arm("edits", -2.0, settings=EDITED)


def data(rare: int, often: int) -> tuple[list[str], list[str]]:
    return [f"text number {i}" for i in range(rare + often)], ["rare"] * rare + ["often"] * often


def advice(tmp_path, cells, rare=40, often=400, **others):
    return augment.advise(data(rare, often), pay_map=written(tmp_path / "map.json", *cells), **others)


def test_the_nearest_data_set_of_each_source_decides(tmp_path):
    near, nearer = cell("one", 70, 700, [HURTS]), cell("one", 45, 420, [PAYS])
    found = advice(tmp_path, [near, nearer, cell("two", 50, 500, [PAYS]), cell("far", 400, 4000, [HURTS])])
    assert [one.task for one in found.near] == ["one, 45 to 420", "two, 50 to 500"]
    assert (found.first.arm.name, found.first.gain.mean) == ("logit-adjustment", 4.0)
    assert (found.rows.arm.name, found.rows.gain.mean, found.rows.pays) == ("edits", 2.0, True)
    assert found.rows.new_rows == 440


@pytest.mark.parametrize(
    ("rare", "often", "classes", "near"),
    [
        (40, 400, 3, True),
        (80, 800, 3, True),
        (81, 810, 3, False),  # more than twice the rows
        (40, 190, 3, False),  # more than twice the ratio
        (40, 400, 6, False),  # "some" classes, and not "few"
        (40, 400, 5, True),
    ],
)
def test_near_is_a_factor_of_two_in_rows_and_ratio_and_a_like_number_of_classes(rare, often, classes, near):
    shape = Shape(classes=classes, smallest=rare, median=float(often), largest=often, rare="rare")
    assert bool(nearest(shape, [cell("one", 40, 400, [PAYS])])) is near


def test_where_nothing_is_near_no_gain_is_promised(tmp_path):
    found = advice(tmp_path, [cell("one", 400, 4000, [PAYS])])
    said = str(found)
    assert "Nothing measured is near. Of 1 data set (mini, fine-tuned) the nearest is one, 400 to 4000" in said
    assert "and it differs: its rarest class has 400 rows, yours 40." in said
    assert "A guess, since it was the best way without new rows on that nearest data set: logit-adjustment" in said
    assert f"    {found.first.command}" in found.lines
    assert "New rows pay" not in said
    assert "points" not in said
    assert found.lines[-1].strip() == found.measure


def test_what_cannot_be_split_is_not_said_to_be_measurable(tmp_path):
    found = advice(tmp_path, [cell("one", 10, 100, [PAYS])], rare=9, often=90)
    assert found.lines[-1] == (
        "It cannot be measured on your rows yet: that takes 10 different texts of each class, and 'rare' has 9."
    )


def test_rows_that_hurt_are_advised_against_and_a_sum_that_may_be_nothing_is_said_to_be_open(tmp_path):
    said = str(advice(tmp_path, [cell("one", 40, 400, [HURTS])]))
    assert "First, without new rows: logit-adjustment (what logit-adjustment does). +4.0 points (3.5 to 4.5)" in said
    assert "Add no new rows: the one way measured is edits, -2.0 points (-2.5 to -1.5) against it" in said
    said = str(advice(tmp_path, [cell("one", 40, 400, [arm("edits", 0.2, settings=EDITED)])]))
    assert "New rows may pay or not: the one way measured is edits" in said
    assert "Measure before you add any." in said


def test_an_arm_that_is_better_everywhere_goes_before_one_with_a_higher_mean(tmp_path):
    one = cell("one", 40, 400, [arm("steady", 1.0), arm("lucky", 9.0)])
    two = cell("two", 40, 400, [arm("steady", 1.2), arm("lucky", -1.0), arm("elsewhere", 30.0)])
    three = cell("three", 40, 400, [arm("steady", 1.1), arm("lucky", -1.0)])
    found = advice(tmp_path, [one, two, three])
    assert found.rows.arm.name == "steady"
    assert (found.rows.gain.low, found.rows.gain.high) == (0.5, 1.7)
    assert found.tried == 2  # one of three data sets is too few


def test_what_needs_more_than_the_rows_is_a_question_until_the_user_has_it(tmp_path):
    arms = [
        arm("from-pool", 3.0, needs=["pool"], settings={"rows": "retrieve"}),
        arm("llm-new", 6.0, needs=["llm"], settings={"rows": "llm-new"}),
        arm("real", 9.0, needs=["labels"], settings={"rows": "real"}),
        arm("wrong", 20.0, control=True),
    ]
    cells = [cell("one", 40, 400, [*arms, HURTS], adding={"sampling_strategy": "2x"})]
    found = advice(tmp_path, cells)
    assert found.rows.arm.name == "edits"
    said = str(found)
    assert "Unlabelled texts of this kind pay: from-pool, +3.0 points (2.5 to 3.5) against it. Do you have any?" in said
    assert "Rows of a large language model pay: llm-new, +6.0" in said
    assert "They cost money" in said
    assert "more real rows: real (what real does), +9.0" in said
    found = advice(tmp_path, cells, pool="pool.txt", llm="a-model")
    assert "--strategy retrieve --param pool=pool.txt --sampling-strategy 2x" in found.with_pool.command
    assert found.with_llm.command.startswith("augment requests FILE -o requests.jsonl --model a-model")
    assert "Do you have any?" not in str(found)
    assert "Measure it on your own rows (none, logit-adjustment, edits, from-pool):" in str(found)
    assert len(found.lines) <= 12


def test_a_single_seed_has_no_interval_and_does_not_pay(tmp_path):
    lonely = {**arm("llm-new", 6.0, needs=["llm"]), "seeds": 1, "gain": {"mean": 6.0}}
    found = advice(tmp_path, [cell("one", 40, 400, [lonely])])
    assert not found.with_llm.pays
    assert "Rows of a large language model may pay or not: llm-new, +6.0 points (no interval" in str(found)
    measured = arm("llm-paraphrase", 0.3, needs=["llm"])
    found = advice(tmp_path, [cell("one", 40, 400, [lonely, measured])])
    assert found.with_llm.arm.name == "llm-paraphrase", "what has an interval goes first"


def test_the_class_that_the_user_names_is_the_rare_one(tmp_path):
    found = augment.advise(
        (["a b"] * 60, ["x"] * 10 + ["y"] * 20 + ["z"] * 30),
        label="y",
        pay_map=written(tmp_path / "map.json", cell("one", 20, 30, [PAYS])),
    )
    assert (found.shape.rare, found.shape.smallest, len(found.near)) == ("y", 20, 1)


def test_a_fine_tuned_classifier_goes_first_and_another_can_be_named(tmp_path):
    frozen = cell("one", 40, 400, [PAYS], head="logistic-regression")
    both = [frozen, cell("one", 40, 400, [HURTS])]
    assert not advice(tmp_path, both).rows.pays
    named = advice(tmp_path, both, head="logistic-regression")
    assert named.rows.pays
    assert named.rows.command is None  # nothing that is printed may train something else
    assert advice(tmp_path, [frozen]).head == "logistic-regression"


def test_a_frame_and_the_names_of_its_columns_are_taken_as_upsample_takes_them(tmp_path):
    texts, labels = data(40, 400)
    frame = pd.DataFrame({"body": texts, "kind": labels})
    path = written(tmp_path / "map.json", cell("one", 40, 400, [PAYS]))
    found = augment.advise(frame, text_column="body", label_column="kind", pay_map=path)
    assert found.to_dict()["rows"]["gain"] == gain(2.0)
    assert json.loads(json.dumps(found.to_dict()))["lines"] == found.lines


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a file whose nearest measured data set is known."""
    monkeypatch.chdir(tmp_path)
    texts, labels = RARE
    pd.DataFrame({"body": texts, "kind": labels}).to_csv("mail.csv", index=False)
    rare = labels.count("neutral")
    written(tmp_path / "map.json", cell("one", rare, len(labels) - rare, [PAYS], classes=2))
    return tmp_path


def test_the_printed_commands_train_as_they_stand(place, bert):
    line = "advise mail.csv --map map.json --text-column body --label-column kind"
    ended = CliRunner().invoke(main, line.split())
    assert ended.exit_code == 0, ended.output
    printed = [shlex.split(one) for one in ended.stdout.splitlines() if one.startswith("    ")]
    assert [words[:2] for words in printed] == [["classifiers", "train"]] * 2 + [["benchmarks", "advise"]]
    assert " ".join(printed[2][2:]) == "mail.csv --text-column body --label-column kind --map map.json --minutes 30"
    for words in printed[:2]:
        done = CliRunner().invoke(classifiers, [*words[1:], "--encoder", str(bert), "--overwrite", "--json"])
        assert done.exit_code == 0, done.output
        config = json.loads(done.stdout)["config"]
        assert (config["learning_rate"], config["epochs"]) == (0.0003, 1.0)
    assert config["augmentation"]["strategy"] == "nlpaug:random_word"
    assert (config["augmentation"]["variants"], config["synthetic_weight"]) == (2, 0.5)
    assert config["augmentation"]["sampling_strategy"] == "2x"


def test_a_map_whose_arms_hold_something_else_is_one_line(place):
    document = json.loads((place / "map.json").read_text())
    for entry in document["cells"][0]["arms"]:
        entry["settings"] = {"training": 0.5}
    (place / "map.json").write_text(json.dumps(document))
    line = "advise mail.csv --map map.json --text-column body --label-column kind"
    ended = CliRunner().invoke(main, line.split())
    assert ended.exit_code == 2, ended.output
    assert ended.stderr.startswith("Error: map.json: does not hold what belongs there")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nowhere.csv", "nowhere.csv: no such file"),
        ("mail.csv --text-column body --label-column kin", "kin"),
        ("one.csv", "one.csv: all rows have the label 'a'; advice takes two classes or more."),
        ("holes.csv", "--drop-unlabelled"),
        ("two.csv --label c", "two.csv: has no row of the class 'c'. --label is one of 'a', 'b'."),
        ("two.csv --head linar", "The map has no cell with --head linar. It has 'linear'. Did you mean 'linear'?"),
        ("two.csv --map empty.json", "empty.json: the map is empty."),
        ("two.csv --map two.csv", "two.csv: is not JSON"),
        ("two.csv --map gone.json", "gone.json: no such file"),
        ("two.csv --pool gone.txt", "gone.txt: no such file"),
    ],
)
def test_bad_input_is_one_line_with_2(place, line, says):
    (place / "one.csv").write_text("text,label\ngood,a\nbetter,a\n")
    (place / "two.csv").write_text("text,label\ngood,a\nbad,b\n")
    (place / "holes.csv").write_text("text,label\ngood,a\nbad,b\nso so,\n")
    written(place / "empty.json")
    words = line.split()
    ended = CliRunner().invoke(main, ["advise", *words, *([] if "--map" in words else ["--map", "map.json"])])
    assert ended.exit_code == 2
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""
