"""The map, on made groups."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from augment.errors import InputError
from benchmarks.report.map_figure import draw_map, map_figure
from benchmarks.report.summary import ArmResults, GroupResults
from benchmarks.results import Results

ARMS = {"none": 0, "logit-adjustment": 0.5, "random": 0.2, "fillmask": 4, "retrieve": 2, "llm-new": 8, "smote": 1}
SIZES = (5, 10, 20, 50)
TASKS = ("airline", "banking77", "clinc150", "sst3")


def made_group(task: str, size: int, arms=(*ARMS, "more-real"), encoder: str = "mini") -> GroupResults:
    found = []
    for arm in arms:
        gain = 14 * (5 / size) ** 0.3 if arm == "more-real" else ARMS[arm] * (5 / size) ** 0.7
        noise = np.random.default_rng([size, *task.encode(), *arm.encode()]).normal(0, 1.2, 10)
        f1 = (50 + gain + noise) / 100
        plain = arm in ("none", "logit-adjustment", "random")
        cells = {
            seed: {
                "tests": {task: {"macro_f1": value}},
                "best": {"gap": 20.0, "validation": {"macro_f1": value}},
                "makes_rows": not plain,
                "drawn": {"task": {"name": task, "per_class": size, "ratio": None}},
            }
            for seed, value in enumerate(f1)
        }
        found.append(ArmResults(arm, cells))
    return GroupResults((f"{task}, {size} a class", encoder, "linear", "cross-entropy"), found, Results(Path()))


@pytest.fixture(scope="module")
def few_shot() -> list[GroupResults]:
    return [made_group(task, size) for task in TASKS for size in SIZES]


def test_the_map_is_a_small_file_that_stands_by_itself_and_names_its_lines(few_shot, tmp_path):
    path = draw_map(few_shot, tmp_path / "map.svg")
    text = path.read_text()
    assert text.startswith("<svg xmlns=")
    assert "prefers-color-scheme:dark" in text
    assert len(text) < 150_000
    said = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    for name in (
        "mean of 4 tasks",
        *TASKS,
        "llm-new",
        "fillmask",
        "retrieve",
        "smote",
        "more-real (real rows doubled)",
    ):
        assert said.count(name) == 1, name
    assert "macro-F1 gained over logit-adjustment," in said
    assert text == draw_map(few_shot, tmp_path / "map.svg").read_text()


def test_lines_are_the_mean_gains_and_those_that_are_named(few_shot, tmp_path):
    figure = map_figure(few_shot, "map", arms=["fillmask"], reference="none")
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 4))
    figure.draw(canvas.add_subplot())
    assert [axes.get_title(loc="left") for axes in canvas.axes] == ["mean of 4 tasks", *TASKS]
    line = next(line for line in canvas.axes[0].lines if line.get_marker() == "o")
    assert list(line.get_xdata()) == [*SIZES]
    assert line.get_ydata() == pytest.approx([4 * (5 / size) ** 0.7 for size in SIZES], abs=0.8)
    one = draw_map(few_shot[:4], tmp_path / "one.png", arms=["fillmask", "llm-new"])
    assert one.read_bytes().startswith(b"\x89PNG")


def test_what_is_not_a_map_is_said(few_shot, tmp_path):
    other = made_group("sst3", 5, encoder="other")
    for groups, arms, message in (
        ([few_shot[0]], None, "two or more values of 'per_class'"),
        ([*few_shot, other], None, "shows one encoder, head and loss. Got 2"),
        (few_shot, ["fillmsk"], "No cell of the arm 'fillmsk' is done"),
    ):
        with pytest.raises(InputError, match=message):
            draw_map(groups, tmp_path / "map.svg", arms=arms)
    assert not list(tmp_path.iterdir())
