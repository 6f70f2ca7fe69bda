"""The figures of a benchmark's report, as SVG for a page or as PNG files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from itertools import cycle
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from augment.report.charts import NEW, ORIGINAL, OTHER, svg
from benchmarks.report.paper_numbers import Published, of_the_paper
from benchmarks.report.significance import Interval, paired_interval
from benchmarks.report.summary import BASE, ArmResults, GroupResults, own_test, rare_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOOD = "#3a9a5b"
"""The region where F1 is higher and the gap smaller."""
FURTHER = ("#8c6bb1", "#b59b2f", "#3fa7b5", "#96594a", "#c75f9b")
"""Colours of the classes after the fourth."""
MARKS = "osD^vP*Xh<>pd8"
FILE = re.compile(r"(plane|classes|grid|map|curves-\d+)-\d+(-.*)?\.png")
"""The pattern of the names of figure files."""


class Figure:
    """A figure that can be drawn twice: in a page and in a file.

    Parameters
    ----------
    name : str
        The name of its file, unique in the report.
    label : str
        A description of its content.
    draw : callable
        Called with the axes.
    width, height : float
        In inches of the page.
    """

    def __init__(self, name: str, label: str, draw: Callable[[Axes], None], *, width: float, height: float) -> None:
        self.name = name
        self.label = label
        self.draw = draw
        self.width = width
        self.height = height

    def svg(self) -> str:
        """Return the figure as an element of a page."""
        return svg(self.draw, self.name, self.label, width=self.width, height=self.height)

    def png(self) -> bytes:
        """Return the figure as a PNG file. The same numbers give the same bytes."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(1.5 * self.width, 1.5 * self.height), dpi=110, layout="constrained")
        FigureCanvasAgg(canvas)
        axes = canvas.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        self.draw(axes)
        written = io.BytesIO()
        canvas.savefig(written, format="png", metadata={"Software": None})
        return written.getvalue()


def plane(group: GroupResults, number: int) -> Figure | None:
    """Draw the change of each arm against `none`: macro-F1 on the y axis, the overfitting gap on the x axis.

    None without two seeds of `none` and of another arm.
    """
    compared = group.against_base
    if not compared:
        return None

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=OTHER, linewidth=0.8)
        axes.axvline(0, color=OTHER, linewidth=0.8)
        marks = {NEW: cycle(MARKS), ORIGINAL: cycle(MARKS)}
        for arm in group.arms:
            if (comparison := compared.get(arm.name)) is None:
                continue
            colour = NEW if arm.makes_rows else ORIGINAL
            axes.errorbar(
                comparison.gap.mean,
                comparison.f1.mean,
                xerr=[[comparison.gap.mean - comparison.gap.low], [comparison.gap.high - comparison.gap.mean]],
                yerr=[[comparison.f1.mean - comparison.f1.low], [comparison.f1.high - comparison.f1.mean]],
                fmt=next(marks[colour]),
                color=colour,
                markersize=6,
                linewidth=1,
                alpha=0.85,
                label=arm.name,
            )
        axes.set_xlim(*_span([comparison.gap for comparison in compared.values()]))
        axes.set_ylim(*_span([comparison.f1 for comparison in compared.values()]))
        axes.fill_between([axes.get_xlim()[0], 0], 0, axes.get_ylim()[1], color=GOOD, alpha=0.09, linewidth=0)
        axes.annotate("better, and overfits less", (0.01, 0.985), xycoords="axes fraction", va="top", fontsize=8)
        axes.set_xlabel(f"change of the overfitting gap against {BASE}, points")
        axes.set_ylabel("change of macro-F1 on test rows, points")
        axes.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return Figure(f"plane-{number}", f"F1 against the gap, {group.title}", draw, width=7.4, height=4.6)


def _span(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Return the limits of an axis. Intervals are cut far beyond the means, as with few seeds they can be very wide."""
    means = [0.0, *(interval.mean for interval in intervals)]
    least, most = min(means), max(means)
    reach = 1 + (most - least)
    low = max(least - reach, min(least, *(interval.low for interval in intervals)) - 0.2)
    high = min(most + reach, max(most, *(interval.high for interval in intervals)) + 0.2)
    return min(low, -1.0), max(high, 1.0)


def curves(group: GroupResults, arm: ArmResults, number: int) -> Figure:
    """Draw an arm's learning curves: macro-F1 of original training rows and of validation rows, one line each seed."""

    def draw(axes: Axes) -> None:
        for cell in arm.cells.values():
            phase = cell["curve"][-1][0]
            points = np.array([point[1:] for point in cell["curve"] if point[0] == phase], dtype=float)
            axes.plot(points[:, 0], 100 * points[:, 1], color=ORIGINAL, linewidth=0.9, alpha=0.6)
            axes.plot(points[:, 0], 100 * points[:, 2], color=NEW, linewidth=0.9, alpha=0.6)
        axes.set_ylim(*_limits(group))
        axes.set_xlabel("steps")
        axes.set_ylabel("macro-F1")

    name = f"curves-{number}-{group.arms.index(arm)}-{_slug(arm.name)}"
    return Figure(name, f"Learning curves of {arm.name}", draw, width=3.2, height=2.2)


def _limits(group: GroupResults) -> tuple[float, float]:
    """Return the limits of the F1 axis, the same for all arms of a group."""
    values = [value for arm in group.arms for cell in arm.cells.values() for p in cell["curve"] for value in p[2:4]]
    return 100 * min(values) - 2, 100 * max(values) + 2


def class_bars(group: GroupResults, number: int) -> Figure:
    """Draw the F1 of each class on the task's own test rows, for each arm, with intervals over the seeds."""
    classes = group.arms[0].any["classes"]

    def draw(axes: Axes) -> None:
        height = 0.8 / len(classes)
        colours = cycle((OTHER, ORIGINAL, GOOD, *FURTHER))
        rare = rare_classes(group.arms[0].any)
        order = [*(name for name in classes if name not in rare), *rare]
        for place, name in enumerate(order):
            means, errors = [], []
            for arm in group.arms:
                values = arm.values(lambda record, name=name: 100 * own_test(record)["f1"][name])  # type: ignore[misc]
                means.append(fmean(values))
                interval = paired_interval(values, [0.0] * len(values)) if len(values) > 1 else Interval(0, 0, 0, 1)
                errors.append(interval.high - interval.mean)
            rows = np.arange(len(group.arms)) + (place - (len(classes) - 1) / 2) * height
            colour = NEW if name in rare else next(colours)
            axes.barh(rows, means, height=height, xerr=errors, color=colour, label=name, error_kw={"linewidth": 0.7})
        axes.set_yticks(range(len(group.arms)), [arm.name for arm in group.arms])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("F1 on test rows, points")
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return Figure(
        f"classes-{number}", f"F1 by class, {group.title}", draw, width=7.4, height=0.8 + 0.36 * len(group.arms)
    )


def grid(groups: Sequence[GroupResults], test: str, number: int) -> Figure | None:
    """Draw the paper's grid of one test set: macro-F1 of each encoder, head and loss, and the paper's numbers.

    None if no model was tested on it.
    """
    bars: list[tuple[str, float, Published | None]] = []
    for group in groups:
        arm = group.arm(BASE)
        if arm is not None and test in arm.any["tests"]:
            value = arm.mean(lambda record: 100 * record["tests"][test]["macro_f1"])
            bars.append((" · ".join(group.key[1:]), value or 0.0, of_the_paper(group.key, test)))
    if not bars:
        return None

    def draw(axes: Axes) -> None:
        axes.barh(range(len(bars)), [value for _, value, _ in bars], height=0.62, color=ORIGINAL)
        for place, (_, _, published) in enumerate(bars):
            if published is not None:
                value = published.macro_f1
                note = f" the paper{' (see above)' if published.theirs else ''}: {value:g}"
                axes.plot([value] * 2, [place - 0.4, place + 0.4], color=NEW, linewidth=2)
                axes.annotate(note, (value, place), fontsize=8, va="center")
        axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
        axes.invert_yaxis()
        axes.set_xlabel(f"macro-F1 on {test}, points")

    return Figure(f"grid-{number}", f"The paper's grid, {test}", draw, width=7.4, height=0.8 + 0.3 * len(bars))


def _slug(name: str) -> str:
    """Turn the name of an arm into the name of a file."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)
