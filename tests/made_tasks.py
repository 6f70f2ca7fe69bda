"""A task of made sentences, whose verbs give the class away, for tests of single cells."""

from __future__ import annotations

from typing import Any

from benchmarks.grid.arms import resolve
from benchmarks.grid.cells import Cell, cells
from benchmarks.grid.sources import LabelledRows
from benchmarks.grid.suite import LOGISTIC_REGRESSION, Suite
from benchmarks.grid.tasks import Task, TaskData

WHO = ("the doctor", "my sister", "the waiter", "our guide", "the old man", "the staff", "a neighbour", "the driver")
DID = {
    "negative": ("hated", "forgot", "broke"),
    "neutral": ("opened", "closed", "saw"),
    "positive": ("loved", "enjoyed", "praised"),
}
WHAT = ("the shop by the harbour", "a book about the sea", "the bus to the station", "a quiet room in the garden")


def rows(*what: str) -> LabelledRows:
    every = [
        (f"{who} {verb} {thing} .", label)
        for label, verbs in DID.items()
        for who in WHO
        for verb in verbs
        for thing in what
    ]
    return LabelledRows(tuple(text for text, _ in every), tuple(label for _, label in every))


def made_task(**settings: Any) -> TaskData:
    """24 training rows of each class, of which a seed draws eight, and six of neutral."""
    drawn = {"per_class": 8, "ratio": 0.75, "label": "neutral", "pool": "left-out"} | settings
    held_out = rows(*WHAT[2:])
    return TaskData(
        Task(name="sample", **drawn),
        ("neutral",),
        rows(WHAT[0]),
        held_out.taken(range(0, len(held_out), 5)),
        {"sample": held_out.taken(range(1, len(held_out), 5))},
        {},
    )


def laid_out(task: TaskData, encoder: str, *arms: Any, seeds: int = 1, **settings: Any) -> list[Cell]:
    """Cells of the head `logistic-regression`."""
    suite = {"name": "own", "tasks": [task.task.model_dump()], "encoders": [encoder], "heads": [LOGISTIC_REGRESSION]}
    made = Suite(**{**suite, "arms": list(arms), "sampling_strategy": "2x", **settings})
    return list(cells(made, [task], resolve(made.arms, {}), seeds=seeds, device="cpu"))
