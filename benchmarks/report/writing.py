"""Write the report of a benchmark from its results: a page, Markdown with pictures, LaTeX, and tables of numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from augment.errors import InputError, OutputError, did_you_mean
from augment.files import replacing
from augment.markdown import escaped, table_lines
from augment.report import page
from benchmarks.report import figures
from benchmarks.report.figures import Figure
from benchmarks.report.findings import (
    GAP_NOTE,
    MEASURES_NOTE,
    NOTES,
    SUMMARY_NOTE,
    TABLE_NOTE,
    VERDICTS,
    about_rows,
    arm_rows,
    cell_rows,
    conclusions,
    cross_domain,
    environments,
    measures,
    opponents,
    overview,
    published,
    summaries,
)
from benchmarks.report.gains import models
from benchmarks.report.map_figure import map_figure
from benchmarks.report.summary import GroupResults, groups
from benchmarks.results import Results

FIGURES = "figures"


def write(
    results: Results, folder: Path, against: str | None = None, *, names: Sequence[str] | None = None
) -> list[Path]:
    """Write the report.

    Parameters
    ----------
    results : Results
    folder : Path
        It is made if needed. An earlier report in it is replaced.
    against : str, optional
        One more arm that all others are compared with, besides `none` and the best arm without new rows.
    names : sequence of str, optional
        The texts to write, of `report.html`, `report.md`, `report.tex`, `arms.csv` and `cells.csv`. By default all.

    Returns
    -------
    list of Path
        The files, the same bytes for the same results.

    Raises
    ------
    InputError
        If no cell is done yet, the arm `against` was not measured, or the library for figures is not installed.
    OutputError
        If the files cannot be written.
    """
    page.check_libraries()
    all_groups = groups(results)
    if not all_groups:
        raise InputError(f"{results.path}: no cell is done yet. Run the benchmark first.")
    arms = list(dict.fromkeys(arm.name for group in all_groups for arm in group.arms))
    if against is not None and against not in arms:
        close = did_you_mean(against, arms) or f" There are: {', '.join(arms)}."
        raise InputError(f"{results.path}: no cell of an arm {against!r} is done.{close}")
    drawn = [*_maps(all_groups), *_figures(results, all_groups)]
    texts: dict[str, Callable[[], str]] = {
        "report.html": lambda: _html(results, all_groups, drawn, against),
        "report.md": lambda: _markdown(results, all_groups, drawn, against),
        "report.tex": lambda: "\n".join(map(_latex, all_groups)),
        "arms.csv": lambda: _csv(*arm_rows(all_groups)),
        "cells.csv": lambda: _csv(*cell_rows(results)),
    }
    # All is made before the first file is written: results that cannot be shown leave an earlier report as it was.
    pictures = {folder / FIGURES / f"{figure.name}.png": figure.png() for _, figure in drawn}
    written = {folder / name: text().encode() for name, text in texts.items() if names is None or name in names}
    try:
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
        for path, content in (pictures | written).items():
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        for picture in (folder / FIGURES).iterdir():
            if figures.FILE.fullmatch(picture.name) and picture not in pictures:  # of an earlier report, on other arms
                picture.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); give another folder as `out`.") from None
    return [*written, *pictures]


def _maps(all_groups: Sequence[GroupResults]) -> Iterator[tuple[None, Figure]]:
    """Yield the map of each encoder, head and loss whose tasks have several sizes."""
    for number, own in enumerate(models(all_groups).values()):
        if (drawn := map_figure(own, f"map-{number}")) is not None:
            yield None, drawn


def _figures(results: Results, all_groups: Sequence[GroupResults]) -> Iterator[tuple[GroupResults | None, Figure]]:
    """Yield every figure with its group, or None if it has no group."""
    for number, group in enumerate(all_groups):
        if (plane := figures.plane(group, number)) is not None:
            yield group, plane
        yield group, figures.class_bars(group, number)
        for arm in group.arms:
            if len(arm.any["curve"]) > 1:
                yield group, figures.curves(group, arm, number)
    if results.suite.get("name") in ("paper", "paper-mini"):
        tests = dict.fromkeys(test for group in all_groups for arm in group.arms for test in arm.any["tests"])
        for number, test in enumerate(tests):
            if (drawn := figures.grid(all_groups, test, number)) is not None:
                yield None, drawn


def _html(
    results: Results,
    all_groups: Sequence[GroupResults],
    drawn: Sequence[tuple[GroupResults | None, Figure]],
    against: str | None,
) -> str:
    """Return the report as one HTML page that needs no other file."""
    from markupsafe import Markup

    sections = []
    for group in all_groups:
        own = [figure for of, figure in drawn if of is group]
        sections.append(
            {
                "group": group,
                "rows": group.arms[0].any["rows"],
                "about_rows": about_rows(group),
                "conclusions": conclusions(group),
                "overview": overview(group),
                "published": published(group),
                "opponents": opponents(group, against),
                "cross_domain": cross_domain(group),
                "measures": measures(group),
                "large": [Markup(f.svg()) for f in own if not f.name.startswith("curves")],
                "small": [
                    (f.label.removeprefix("Learning curves of "), Markup(f.svg()))
                    for f in own
                    if f.name.startswith("curves")
                ],
            }
        )
    return page.render(
        "benchmarks.report",
        "benchmark.html.j2",
        {},
        name=results.suite.get("name", ""),
        environments=environments(results),
        sections=sections,
        maps=[Markup(figure.svg()) for of, figure in drawn if of is None and _is_map(figure)],
        summaries=summaries(all_groups),
        summary_note=SUMMARY_NOTE,
        grids=[Markup(figure.svg()) for of, figure in drawn if of is None and not _is_map(figure)],
        failed=_failed(results),
        source=results.path.name,
        verdicts=VERDICTS,
        notes=NOTES,
        table_note=TABLE_NOTE,
        gap_note=GAP_NOTE,
        measures_note=MEASURES_NOTE,
    )


def _markdown(
    results: Results,
    all_groups: Sequence[GroupResults],
    drawn: Sequence[tuple[GroupResults | None, Figure]],
    against: str | None,
) -> str:
    """Return the report as Markdown, with links to its figures."""
    lines = [f"# Benchmark {escaped(results.suite.get('name', ''))}", ""]
    over = summaries(all_groups)
    maps = [f"![{escaped(figure.label)}]({FIGURES}/{figure.name}.png)\n" for of, figure in drawn if _is_map(figure)]
    lines += ["## Over the tasks", "", *maps] if over or maps else []
    for one in over:
        lines += ["### " + escaped(f"{one.model}, against " + ", ".join(filter(None, (one.reference, one.why)))), ""]
        lines += table_lines(*one.table)
    lines += [SUMMARY_NOTE, ""] if over else []
    for group in all_groups:
        rows = group.arms[0].any["rows"]
        own = [figure for of, figure in drawn if of is group]
        lines += [f"## {escaped(group.title)}", ""]
        train, validation = (escaped(_counts(rows[part])) for part in ("train", "validation"))
        lines += [f"Training rows: {train} (the first seed's). Validation: {validation}."]
        lines += [escaped(about_rows(group))]
        lines += ["", *(f"- {escaped(sentence)}" for sentence in (*conclusions(group), *published(group))), ""]
        lines += [*table_lines(*overview(group)), TABLE_NOTE, ""]
        for figure in own:
            if not figure.name.startswith("curves"):
                lines += [f"![{escaped(figure.label)}]({FIGURES}/{figure.name}.png)", ""]
        compared = opponents(group, against)
        for other in compared:
            lines += ["### Against " + escaped(", ".join(filter(None, (other.name, other.why)))), ""]
            lines += [*table_lines(*other.statistics), "Overfitting:", "", *table_lines(*other.overfitting)]
            if other.elsewhere is not None:
                lines += ["Macro-F1 on other test sets:", "", *table_lines(*other.elsewhere)]
        if compared:
            lines += [GAP_NOTE, ""]
        if (table := cross_domain(group)) is not None:
            lines += ["### Macro-F1 on other test sets", "", *table_lines(*table)]
        lines += ["### What else was measured", "", *table_lines(*measures(group)), MEASURES_NOTE, ""]
        lines += [
            "### Learning curves",
            "",
            "Blue: original training rows. Orange: validation rows. One line each seed.",
            "",
        ]
        lines += [f"![{escaped(f.label)}]({FIGURES}/{f.name}.png)" for f in own if f.name.startswith("curves")]
        lines += [""]
    for of, figure in drawn:
        if of is None and not _is_map(figure):
            lines += [f"![{escaped(figure.label)}]({FIGURES}/{figure.name}.png)", ""]
    if failed := _failed(results):
        lines += ["## Cells that failed", "", *(f"- {escaped(line)}" for line in failed), ""]
    lines += ["## How to read it", "", *(f"- *{word}*: {meaning}" for word, meaning in VERDICTS.items()), ""]
    lines += [" ".join(NOTES), ""]
    lines += ["## With what", "", *(f"- {escaped(sentence)}" for sentence in environments(results)), ""]
    return "\n".join(lines)


def _is_map(figure: Figure) -> bool:
    return figure.name.startswith("map")


def _latex(group: GroupResults) -> str:
    """Return the table of a group for LaTeX, with booktabs."""
    headings, rows = overview(group)
    lines = [
        "\\begin{table}",
        f"\\caption{{{_tex(group.title)}: mean and standard deviation over seeds, in points.}}",
        "\\begin{tabular}{ll" + "r" * (len(headings) - 2) + "}",
        "\\toprule",
        " & ".join(map(_tex, headings)) + " \\\\",
        "\\midrule",
        *(" & ".join(_tex(str(cell)) for cell in row) + " \\\\" for row in rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
        "",
    ]
    return "\n".join(lines)


def _tex(text: str) -> str:
    """Escape the special characters of LaTeX."""
    plain = text.replace("\\", "\\textbackslash ")
    for mark in "&%$#_{}":
        plain = plain.replace(mark, "\\" + mark)
    return (
        plain.replace("~", "\\textasciitilde ")
        .replace("^", "\\textasciicircum ")
        .replace("±", "$\\pm$")
        .replace("−", "--")
    )


def _csv(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return written.getvalue()


def _failed(results: Results) -> list[str]:
    """Return a line for each cell that has failed."""
    return [
        " · ".join((r["task"], r["encoder"], r["head"], r["loss"], r["arm"], f"seed {r['seed']}")) + f": {r['reason']}"
        for r in results.cells.values()
        if r["status"] == "failed"
    ]


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in rows.items())
