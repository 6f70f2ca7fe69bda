"""The history of a training: a record of each evaluation, the file of records, and the curves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from augment.errors import InputError, OutputError
from augment.files import opened, replacing
from augment.plain_data import parse_json
from classifiers import metrics
from classifiers.metrics import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "history.jsonl"
CURVES = "curves.png"
Phase = Literal["train", "head"]
"""train: the model, or only the head if the encoder is frozen. head: a new head, on resampled vectors."""
Record = dict[str, Any]
"""One evaluation, as `recorded` returns it."""


def recorded(
    phase: Phase, step: int, epoch: float, scores: Mapping[str, Scores], *, training_loss: float | None = None
) -> Record:
    """Return the record of one evaluation.

    Parameters
    ----------
    phase : {"train", "head"}
    step : int
        Optimizer steps so far, in this phase.
    epoch : float
        Epochs so far, in this phase.
    scores : mapping of str to Scores
        "train": the scores of original training rows, always the same ones. "validation" and "synthetic": the scores of
        such rows, if there are any.
    training_loss : float, optional
        The mean training loss since the last evaluation.

    Returns
    -------
    dict
        Plain data: `phase`, `step`, `epoch`, `training_loss`, the three scores (None if missing), and `gap`, `loss_gap`
        and `gap_synthetic`, see `classifiers.metrics`. `gap_synthetic` is also None if a class with synthetic rows has
        no validation rows.
    """
    train, validation, synthetic = (scores.get(name) for name in ("train", "validation", "synthetic"))
    comparable = (
        synthetic and validation and all(validation.support[n] for n, rows in synthetic.support.items() if rows)
    )
    return {
        "phase": phase,
        "step": step,
        "epoch": round(epoch, 4),
        "training_loss": training_loss,
        "gap": metrics.gap(train, validation) if train and validation else None,
        "loss_gap": metrics.loss_gap(train, validation) if train and validation else None,
        "gap_synthetic": metrics.gap_synthetic(synthetic, validation)
        if synthetic and validation and comparable
        else None,
        "train": train.to_dict() if train else None,
        "synthetic": synthetic.to_dict() if synthetic else None,
        "validation": validation.to_dict() if validation else None,
    }


def macro_f1(record: Record, kind: str) -> float:
    """Return the macro-F1 of one kind of rows of a record, in points.

    For synthetic rows it is the mean over the classes that have some.

    Parameters
    ----------
    record : dict
    kind : {"train", "synthetic", "validation"}
        A kind for which the record has scores.
    """
    scores = record[kind]
    if kind != "synthetic":
        return 100 * float(scores["macro_f1"])
    present = [name for name, rows in scores["support"].items() if rows]
    return 100 * float(sum(scores["f1"][name] for name in present)) / len(present)


def sentence(record: Record) -> str:
    """Return the results of an evaluation in one line.

    Examples
    --------
    >>> train = metrics.scores([[0.9, 0.1], [0.2, 0.8]], [0, 1], ["no", "yes"])
    >>> sentence(recorded("train", 20, 1.0, {"train": train}))
    'step 20 (epoch 1): macro-F1 train 100.0, loss train 0.164'
    """
    kinds = [name for name in ("train", "synthetic", "validation") if record[name]]
    f1 = ", ".join(f"{name} {macro_f1(record, name):.1f}" for name in kinds)
    loss = ", ".join(f"{name} {record[name]['loss']:.3f}" for name in kinds)
    gap = "" if record["gap"] is None else f", gap {record['gap']:.1f}"
    where = "head, " if record["phase"] == "head" else ""
    return f"{where}step {record['step']} (epoch {record['epoch']:g}): macro-F1 {f1}{gap}, loss {loss}"


def line(record: Record) -> str:
    """Return a record as a line of the history file."""
    return json.dumps(record, ensure_ascii=False) + "\n"


class History:
    """The records of a training. Each is written to the file at once.

    Parameters
    ----------
    path : Path, optional
        A file with one record in JSON per line. None keeps the records only in memory.
    log : callable, optional
        Called with a sentence for each record.
    writes : bool, default=True
        Whether this process writes the file. If several processes train one model, all read the file and one writes it.
    """

    def __init__(
        self, path: Path | None = None, log: Callable[[str], None] = lambda line: None, *, writes: bool = True
    ) -> None:
        self.path = path
        self.log = log
        self.writes = writes
        self.records: list[Record] = []

    def add(self, record: Record) -> None:
        """Append a record."""
        self.records.append(record)
        self.log(sentence(record))
        if self.path is not None and self.writes:
            try:
                with opened(self.path) as file:
                    file.write(line(record).encode())
                    os.fsync(file.fileno())
            except OutputError:
                raise
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be written ({error.strerror}); free the disk.") from error

    def go_back_to(self, phase: Phase, step: int) -> None:
        """Keep the records of the file up to a step of a phase, and drop later ones.

        Parameters
        ----------
        phase : {"train", "head"}
        step : int
            0 keeps no record of this phase.
        """
        records = read(self.path) if self.path is not None and self.path.exists() else self.records
        order = ("train", "head")
        self.records = [
            record for record in records if (order.index(record["phase"]), record["step"]) <= (order.index(phase), step)
        ]
        if self.path is not None and self.writes:
            with replacing(self.path) as temporary:
                temporary.write_text("".join(map(line, self.records)), encoding="utf-8")

    def summary(self, best_step: int | None = None) -> dict[str, Any]:
        """Return a summary of the last phase.

        Parameters
        ----------
        best_step : int, optional
            The step of the evaluation whose weights were kept; None for the last.

        Returns
        -------
        dict
            `best` and `last` are records. `mean_gap` is the area between the curves over the steps
            (`classifiers.metrics.area_between`), or None without validation rows.
        """
        last = self.records[-1]
        phase = [record for record in self.records if record["phase"] == last["phase"]]
        best = next((record for record in phase if record["step"] == best_step), last)
        curves = [r for r in phase if r["gap"] is not None]
        mean_gap = None
        if curves:
            mean_gap = metrics.area_between(
                [r["step"] for r in curves],
                [r["train"]["macro_f1"] for r in curves],
                [r["validation"]["macro_f1"] for r in curves],
            )
        return {"best": best, "last": last, "mean_gap": mean_gap}


def read(path: Path) -> list[Record]:
    """Read a file of records. An incomplete last line is left out.

    Raises
    ------
    InputError
        If another line is not a record.
    """
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")  # class names may have other line separators
    records = []
    for number, line in enumerate(lines):
        try:
            record = parse_json(line, str(path))
            if not {"phase", "step"} <= set(record):
                raise ValueError
            records.append(record)
        except (ValueError, TypeError):
            if number < len(lines) - 1:
                raise InputError(f"{path}: line {number + 1} is not a record of a training. Remove it.") from None
    return records


def draw(records: Sequence[Record], path: Path, *, best_step: int | None = None) -> None:
    """Draw macro-F1, its gap, and the loss over the steps, as a PNG.

    Parameters
    ----------
    records : sequence of dict
        Records of one phase or both. The steps of the head continue those of the first phase.
    path : Path
        The file; it is replaced.
    best_step : int, optional
        The step of the last phase that is marked.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    before = max((r["step"] for r in records if r["phase"] == "train"), default=0)
    steps = [r["step"] + before * (r["phase"] == "head") for r in records]
    best = None if best_step is None else best_step + before * (records[-1]["phase"] == "head")
    values: dict[Axes, Callable[[Record, str], float]] = {left: macro_f1, right: lambda r, kind: r[kind]["loss"]}
    for axes, value in values.items():
        for kind, colour in COLOURS.items():
            points = [(step, value(r, kind)) for step, r in zip(steps, records, strict=True) if r[kind]]
            if points:
                axes.plot(
                    *zip(*points, strict=True), "o-", color=colour, label=NAMES[kind], markersize=4, linewidth=1.8
                )
        _finish(axes, before if before and before < max(steps) else None, best)
    both = [
        (step, macro_f1(r, "train"), macro_f1(r, "validation"))
        for step, r in zip(steps, records, strict=True)
        if r["gap"] is not None
    ]
    if both:
        at, train, validation = zip(*both, strict=True)
        left.fill_between(at, train, validation, color=COLOURS["train"], alpha=0.1, linewidth=0, label="gap")
        middle = (at[-1], (train[-1] + validation[-1]) / 2)
        left.annotate(f"gap {train[-1] - validation[-1]:.1f}", middle, (-4, 0), textcoords="offset points", ha="right")
    left.set_ylabel("macro-F1, points")
    right.set_ylabel("loss (mean −log p)")
    left.legend(frameon=False, fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


NAMES = {"train": "original training rows", "synthetic": "synthetic rows", "validation": "validation rows"}
COLOURS = {"train": "#2f7fc1", "synthetic": "#e0712c", "validation": "#3a9a5b"}


def _finish(axes: Axes, head_from: int | None, best: int | None) -> None:
    """Label an axis, and mark the start of the head phase and the evaluation that was kept."""
    axes.set_xlabel("steps of the optimizer")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.margins(x=0.04)
    if head_from is not None:
        axes.axvline(head_from, color="#8f959e", linewidth=1, linestyle=":")
    if best is not None:
        axes.axvline(best, color="#8f959e", linewidth=1, linestyle="--")
        axes.annotate(
            "kept",
            (best, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -9),
            textcoords="offset points",
            fontsize=8,
            color="#666b73",
        )
