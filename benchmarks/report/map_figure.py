"""The map: a picture of what arms gain over the best arm without new rows, against the number of rows of a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from augment.errors import InputError, OutputError
from augment.files import replacing
from augment.report.charts import OTHER
from benchmarks.report.figures import Figure
from benchmarks.report.gains import best_without_rows, data_set, drawn_task, models, over_tasks
from benchmarks.report.significance import Interval
from benchmarks.report.summary import GroupResults, validation_f1

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CEILING = "more-real"
"""The arm with more real rows, which is drawn dashed."""
MOST_ARMS = 6
"""The largest number of lines, without the ceiling."""
SHOWN = 4
"""The number of lines that are chosen where none are named."""
STYLES = (("#d55e00", "o"), ("#2f7fc1", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#b58900", "v"), ("#8a6fd1", "P"))
"""Colours and marks of the lines. Their contrast is 3 or more on white and on black,
and the marks and the names at the ends tell them apart without colours."""
STYLE = "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
"""The colour of the text in a file, which a page does not set for it."""
Line = dict[int, Interval]
"""The gain of an arm by the number of rows of a class."""


def draw_map(
    groups: Sequence[GroupResults], path: Path, *, arms: Sequence[str] | None = None, reference: str | None = None
) -> Path:
    """Draw the map into a file.

    Parameters
    ----------
    groups : sequence of GroupResults
        Of one encoder, head and loss. They may come from several folders of results. Tasks without `per_class` are
        left out. Draws of several sizes of one data set share a panel.
    path : Path
        ``.svg``, which follows the colours of a dark page, or ``.png``.
    arms : sequence of str, optional
        The arms to show, at most six, beside the ceiling ``more-real``. By default the four arms with new rows that
        are best on validation rows.
    reference : str, optional
        The arm at zero. By default the best arm without new rows over all tasks, chosen on validation rows.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If there is no map to draw, or the library for figures is not installed.
    OutputError
        If the file cannot be written.
    """
    from augment.report import page

    page.check_libraries()
    if path.suffix not in (".svg", ".png"):
        raise InputError(f"{path}: a map is a file .svg or .png. Give another name.")
    if len(models(groups)) > 1:
        raise InputError(f"A map shows one encoder, head and loss. Got {len(models(groups))}; give the groups of one.")
    figure = map_figure(groups, path.stem, arms=arms, reference=reference)
    if figure is None:
        raise InputError("A map needs tasks with two or more values of 'per_class', and an arm without new rows.")
    if path.suffix == ".png":
        content = figure.png()
    else:
        names = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        head, end, rest = figure.svg().replace("<svg", names, 1).partition(">")
        content = (head + end + STYLE + rest).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); give another folder.") from None
    return path


def map_figure(
    groups: Sequence[GroupResults],
    name: str,
    *,
    arms: Sequence[str] | None = None,
    reference: str | None = None,
) -> Figure | None:
    """Return the map as a figure; None if the tasks have fewer than two sizes, or there is no reference.

    Parameters
    ----------
    groups : sequence of GroupResults
        See `draw_map`.
    name : str
        The name of its file.
    arms, reference
        See `draw_map`.

    Raises
    ------
    InputError
        If too many arms are named, or one that was not measured.
    """
    groups = [group for group in groups if _size(group) and drawn_task(group).get("ratio") is None]
    sizes = sorted({_size(group) for group in groups})
    why = "" if reference else ",\nthe best arm without new rows"
    reference = reference or best_without_rows(groups)
    if len(sizes) < 2 or reference is None:
        return None
    shown = _chosen(groups, reference) if arms is None else [arm for arm in arms if arm not in (reference, CEILING)]
    measured = {arm.name for group in groups for arm in group.arms}
    absent = [arm for arm in (*shown, reference) if arm not in measured]
    if absent:
        raise InputError(f"No cell of the arm {absent[0]!r} is done. There are: {', '.join(sorted(measured))}.")
    if len(shown) > MOST_ARMS:
        raise InputError(f"A map shows {MOST_ARMS} arms at most. Got {len(shown)}; leave some out.")
    tasks = sorted({data_set(group) for group in groups})
    panels = {task: _lines([g for g in groups if data_set(g) == task], sizes, reference) for task in tasks}
    first = f"mean of {len(tasks)} tasks"
    if len(tasks) > 1:
        panels = {first: _lines(groups, sizes, reference), **panels}
    styles = dict(zip(shown, STYLES, strict=False)) | {CEILING: (OTHER, "")}
    columns = (len(panels)) // 2

    def draw(axes: Axes) -> None:
        figure = axes.figure
        axes.remove()
        grid = figure.add_gridspec(2, 1 + columns, width_ratios=[1.9, *[1] * columns])
        places = [grid[:, 0], *(grid[i // columns, 1 + i % columns] for i in range(len(panels) - 1))]
        large, *small = [figure.add_subplot(place) for place in places]
        for panel, (title, lines) in zip((large, *small), panels.items(), strict=True):
            _panel(panel, title, {arm: lines[arm] for arm in styles if arm in lines}, styles, sizes)
        for panel in small:  # one scale for the tasks; the mean has its own, since it varies less
            if panel is not small[0]:
                panel.sharey(small[0])
            panel.tick_params(labelleft=True, labelsize=8)
        large.set_xlabel("real rows of each class")
        large.set_ylabel(f"macro-F1 gained over {reference}{why}, points")
        low, high = large.get_ylim()
        _name_lines(large, {arm: line for arm, line in next(iter(panels.values())).items() if arm in styles}, styles)
        large.set_ylim(low, high)

    label = f"Gain over {reference} against rows of each class: {', '.join(shown)}"
    return Figure(name, label, draw, width=5.2 + 2.1 * columns, height=4.2)


def _size(group: GroupResults) -> int:
    """Return the rows of each class of a group's task; 0 if it does not draw so."""
    size = drawn_task(group).get("per_class")
    return size if isinstance(size, int) else 0


def _chosen(groups: Sequence[GroupResults], reference: str) -> list[str]:
    """Return the arms with new rows that are best on validation rows, of those that most groups have."""
    means: dict[str, list[float]] = {}
    for group in groups:
        base = group.arm(reference)
        for arm in group.arms:
            seeds = [seed for seed in arm.seeds if base is not None and seed in base.cells]
            if arm.makes_rows and arm.name != CEILING and seeds and base is not None:
                gained = fmean(arm.values(validation_f1, seeds)) - fmean(base.values(validation_f1, seeds))
                means.setdefault(arm.name, []).append(gained)
    common = [name for name, values in means.items() if 2 * len(values) > len(groups)]
    return sorted(common, key=lambda name: -fmean(means[name]))[:SHOWN]


def _lines(groups: Sequence[GroupResults], sizes: Sequence[int], reference: str) -> dict[str, Line]:
    """Return the gain of each arm by size, as the mean over the groups' tasks."""
    lines: dict[str, Line] = {}
    tasks = {data_set(group) for group in groups}
    for size in sizes:
        for gain in over_tasks([group for group in groups if _size(group) == size], reference):
            if len(gain.tasks) == len(tasks):  # a mean over fewer tasks would not be comparable
                lines.setdefault(gain.arm, {})[size] = gain.f1
    return lines


def _panel(
    axes: Axes, title: str, lines: dict[str, Line], styles: dict[str, tuple[str, str]], sizes: Sequence[int]
) -> None:
    """Draw the lines of a task."""
    axes.plot([sizes[0], sizes[-1]], [0, 0], color=OTHER, linewidth=1, clip_on=False)
    for arm, line in lines.items():
        colour, mark = styles[arm]
        dash = (0, (4, 2)) if arm == CEILING else "-"
        means, lows, highs = ([getattr(one, part) for one in line.values()] for part in ("mean", "low", "high"))
        if len(line) > 1:
            axes.fill_between(list(line), lows, highs, color=colour, alpha=0.13, linewidth=0, clip_on=False)
        else:  # a band of one point would not be seen
            axes.vlines(list(line), lows, highs, color=colour, linewidth=1.8, clip_on=False)
        axes.plot(
            list(line), means, color=colour, marker=mark, markersize=4, linewidth=1.8, linestyle=dash, clip_on=False
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.locator_params(axis="y", integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=9.5)


def _name_lines(axes: Axes, lines: dict[str, Line], styles: dict[str, tuple[str, str]]) -> None:
    """Write the name of each line beside its end, so that no two names overlap."""
    low, high = axes.get_ylim()
    order = sorted(lines, key=lambda arm: lines[arm][max(lines[arm])].mean)
    ends = [max(lines[arm]) for arm in order]
    steps = 0.05 * (high - low) * np.arange(len(order))
    means = np.array([lines[arm][end].mean for arm, end in zip(order, ends, strict=True)])
    places = optimize.isotonic_regression(means - steps).x + steps  # as near to the ends as they may be
    for arm, end, place in zip(order, ends, places, strict=True):
        text = f"{arm} (real rows doubled)" if arm == CEILING else arm
        axes.annotate(
            text,
            (end, place),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=styles[arm][0],
            annotation_clip=False,
        )
