"""The findings of a benchmark: tables of arms and cells, and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augment.errors import counted
from benchmarks.report.gains import best_without_rows, data_set, models, over_tasks
from benchmarks.report.looks import rule
from benchmarks.report.paper_numbers import of_the_paper
from benchmarks.report.significance import Comparison, Interval
from benchmarks.report.summary import (
    BASE,
    ArmResults,
    GroupResults,
    f1_on_test,
    gap,
    last_gap,
    last_loss_gap,
    last_train_f1,
    mean_gap,
    own_test,
    rare_classes,
    rare_f1,
    train_f1,
    validation_f1,
)
from benchmarks.results import Record, Results

VERDICTS = {
    "helps and generalises": (
        "macro-F1 is up, with p ≤ .05 after Holm over the arms and an interval above 0, and the gap is known, with "
        "95 % confidence, not to have grown by more than half a point."
    ),
    "helps but overfits": "macro-F1 is up in the same sense, and the gap has grown, or may have.",
    "hurts": "macro-F1 is down in the same sense.",
    "no evidence": "anything else. It does not say that there is no effect.",
}
"""The meaning of each verdict of `benchmarks.report.significance.verdict_of`."""
NOTES = (
    "A verdict needs ten seeds. Underfitting also makes the gap smaller: look at “train F1” beside it.",
    "“bootstrap” resamples seeds and test rows together. It shows what another test set might have given. The verdict "
    "does not use it.",
)
TABLE_NOTE = (
    "Mean ± standard deviation over the seeds, in points; differences with 95 % intervals, paired by seed. Macro-F1 "
    "and F1 are of the task's own test rows. The gap is macro-F1 on original training rows (“train F1”) minus that on "
    "validation rows, with the weights that did best on validation."
)
GAP_NOTE = (
    "Changes of overfitting, with 95 % intervals. The gap and “train F1” are of the weights that were kept, which the "
    "validation rows chose: where they chose an early evaluation the gap is small, so it varies much between seeds. "
    "The gap at the end is of the last evaluation, after equal steps, and varies less; the mean gap is the area "
    "between the curves by their length; the loss gap, in nats, grows long before the others do. At equal steps an arm "
    "that adds rows sees each of them less often, and that alone makes a gap smaller. Arms in feature "
    "space begin with the kept encoder of none and train its head further, so that what they have at the end, and "
    "in the mean, is of another kind."
)
MEASURES_NOTE = (
    "Accuracy, NLL (nats) and ECE on the task's own test rows. Rows made and rejected are of all sets of a training "
    "together. Seconds are of a whole cell with its tests; those of arms in feature space are without the fine- "
    "tuning that they share, and the first of them to run turns the texts into features for the others, too."
)
SUMMARY_NOTE = (
    "Mean changes over the tasks, in points, with 95 % intervals. “macro-F1” and “gap” are of exactly these tasks: the "
    "mean over tasks of each seed, then paired by seed. Draws of several sizes of one data set count as one task. "
    "“on tasks like these” is the mean gain in macro-F1 over all tasks of this kind: its interval counts how much the "
    "tasks differ. “spread” is the standard deviation of the true gains between tasks."
)
Table = tuple[list[str], list[list[Any]]]
"""The headings and cells of a table."""


def overview(group: GroupResults) -> Table:
    """Return the main table: the results of each arm, and its verdict against `none`."""
    rows = []
    for arm in group.arms:
        against = group.against_base.get(arm.name)
        rows.append(
            [
                arm.name,
                _verdict(against),
                _plus_minus(arm, f1_on_test),
                _interval(against.f1 if against else None),
                _plus_minus(arm, gap),
                _interval(against.gap if against else None),
                _number(arm.mean(train_f1)),
                _plus_minus(arm, rare_f1),
                len(arm.seeds),
            ]
        )
    headings = [
        "arm",
        "verdict",
        "macro-F1",
        f"less {BASE}",
        "gap",
        f"gap less {BASE}",
        "train F1",
        _rare_heading(group),
        "seeds",
    ]
    return headings, rows


def _rare_heading(group: GroupResults) -> str:
    """Return the heading of the F1 of the rare classes."""
    rare = rare_classes(group.arms[0].any)
    return f"F1 {rare[0]}" if len(rare) == 1 else f"F1 of {len(rare)} rare classes"


def brief(group: GroupResults) -> Table:
    """Return the columns of `overview` that fit on a terminal."""
    headings, rows = overview(group)
    kept = [i for i, name in enumerate(headings) if name not in ("train F1", f"gap less {BASE}")]
    return [headings[i] for i in kept], [[row[i] for i in kept] for row in rows]


@dataclass(frozen=True)
class Opponent:
    """An arm that others are compared with, and the comparisons."""

    name: str
    why: str
    """The reason for the comparison; may be empty."""
    statistics: Table
    overfitting: Table
    elsewhere: Table | None
    """Comparisons on the test sets of other tasks; None if there are none."""


def opponents(group: GroupResults, against: str | None = None) -> list[Opponent]:
    """Return the comparisons of a group: with `none`, with the best arm without new rows, and with `against`.

    Parameters
    ----------
    group : GroupResults
    against : str, optional
        One more arm that all others are compared with.

    Returns
    -------
    list of Opponent
        Arms that are missing, or have fewer than two seeds in common with others, are left out.
    """
    bases = [(BASE, "", group.against_base)]
    if (best := group.best_without_rows) is not None:
        bases.append((best.name, "the best arm without new rows, chosen on validation rows", group.against_best))
    if against not in (None, BASE):
        bases.append((against, "", group.against(group.arm(against))))
    return [
        Opponent(
            name,
            why,
            _statistics(group, name, compared),
            _overfitting(group, name, compared),
            _elsewhere(group, name, compared),
        )
        for name, why, compared in bases
        if compared
    ]


def _statistics(group: GroupResults, base: str, against: Mapping[str, Comparison]) -> Table:
    """Return the statistics of each comparison."""
    rows = [
        [
            name,
            comparison.seeds,
            _interval(comparison.f1),
            f"{comparison.bootstrap[0]:+.1f} to {comparison.bootstrap[1]:+.1f}",
            _p(comparison.f1.p),
            _p(comparison.adjusted),
            _p(comparison.wilcoxon),
            f"{comparison.gap_upper:+.1f}",
            _interval(group.change(name, base, rare_f1)),
            _verdict(comparison),
        ]
        for name, comparison in against.items()
    ]
    headings = ["arm", "seeds", "macro-F1", "bootstrap", "p", "p, Holm", "p, Wilcoxon", "gap, at most"]
    return [*headings, _rare_heading(group), "verdict"], rows


def _overfitting(group: GroupResults, base: str, arms: Iterable[str]) -> Table:
    """Return how arms change the measures of overfitting, with the kept weights and at the end of the training."""
    columns: list[tuple[str, Callable[[Record], float | None], int]] = [
        ("gap", gap, 1),
        ("train F1", train_f1, 1),
        ("gap at the end", last_gap, 1),
        ("train F1 there", last_train_f1, 1),
        ("loss gap there", last_loss_gap, 2),
        ("mean gap", mean_gap, 1),
    ]
    rows = [[name, *(_interval(group.change(name, base, of), places) for _, of, places in columns)] for name in arms]
    return ["arm", *(name for name, _, _ in columns)], rows


def _elsewhere(group: GroupResults, base: str, arms: Iterable[str]) -> Table | None:
    """Return how arms change macro-F1 on the other test sets; None if there are none."""
    tests = _other_tests(group)
    if not tests:
        return None
    rows = [[name, *(_interval(group.change(name, base, _f1_on(test))) for test in tests)] for name in arms]
    return ["arm", *tests], rows


@dataclass(frozen=True)
class Summary:
    """The mean gains over the tasks of a suite, against one arm."""

    model: str
    """Encoder, head and loss."""
    reference: str
    why: str
    """The reason for the reference; may be empty."""
    table: Table


def summaries(groups: Sequence[GroupResults]) -> list[Summary]:
    """Return the mean gains of each encoder, head and loss that has tasks of several data sets.

    They are against `none`, and against the arm without new rows that is best over all tasks on validation rows.
    """
    found = []
    for model, own in models(groups).items():
        best = best_without_rows(own)
        references = [(BASE, "")]
        references += [(best, "the best arm without new rows, chosen on validation rows")] if best else []
        for reference, why in dict(references).items() if len({*map(data_set, own)}) > 1 else ():
            rows = [
                [
                    gain.arm,
                    len(gain.tasks),
                    gain.seeds,
                    _interval(gain.f1),
                    _p(gain.adjusted),
                    _interval(gain.gap),
                    _interval(gain.elsewhere.mean if gain.elsewhere else None),
                    _number(gain.elsewhere.spread if gain.elsewhere else None),
                ]
                for gain in over_tasks(own, reference)
            ]
            if rows:
                headings = [
                    "arm",
                    "tasks",
                    "seeds",
                    "macro-F1",
                    "p, Holm",
                    "gap",
                    "on tasks like these",
                    "spread",
                ]
                found.append(Summary(" · ".join(model), reference, why, (headings, rows)))
    return found


def measures(group: GroupResults) -> Table:
    """Return the other measures of each arm."""
    columns: list[tuple[str, Callable[[Record], float | None], int]] = [
        ("validation F1", validation_f1, 1),
        ("accuracy", lambda r: 100 * own_test(r)["accuracy"], 1),
        ("NLL", lambda r: own_test(r)["loss"], 3),
        ("ECE", lambda r: 100 * own_test(r)["ece"], 1),
        ("gap at the end", last_gap, 1),
        ("train F1 there", last_train_f1, 1),
        ("loss gap", lambda r: r["best"]["loss_gap"], 3),
        ("mean gap", mean_gap, 1),
        ("gap, synthetic", lambda r: r["best"]["gap_synthetic"], 1),
        ("rows made", lambda r: sum(r["made"]["made"].values()), 0),
        ("rejected", lambda r: sum(r["made"]["rejected"].values()), 0),
        ("seconds", lambda r: r["seconds"], 0),
        ("rows/s", lambda r: r["rows_per_second"], 0),
        ("peak MiB", lambda r: r["peak_mb"], 0),
        ("peak GPU MiB", lambda r: r.get("peak_gpu_mb"), 0),
    ]
    there = [one for one in columns if any(arm.mean(one[1]) is not None for arm in group.arms)]
    rows = [[arm.name, *(_number(arm.mean(of), places) for _, of, places in there)] for arm in group.arms]
    return ["arm", *(name for name, _, _ in there)], rows


def cross_domain(group: GroupResults) -> Table | None:
    """Return macro-F1 on the other test sets; None if there are none."""
    tests = _other_tests(group)
    if not tests:
        return None
    rows = [[arm.name, *(_plus_minus(arm, _f1_on(test)) for test in tests)] for arm in group.arms]
    return ["arm", *tests], rows


def about_rows(group: GroupResults) -> str:
    """Return a sentence on the training rows that were removed as near copies, and on the number that is evaluated."""
    record = group.arms[0].any
    parts = ", ".join(f"{count:,} of {part}" for part, count in record["shared_rows"].items())
    sentence = f"Training rows that equal or nearly equal others were taken out: {parts or 'there were none'}."
    evaluated, rows = record["last"]["train"]["rows"], sum(record["rows"]["train"].values())
    return sentence if evaluated == rows else f"{sentence} Train F1 and the gaps are of {evaluated:,} training rows."


def published(group: GroupResults) -> list[str]:
    """Return a sentence for each number of the paper that belongs to a group."""
    sentences = []
    arm = group.arm(BASE)
    for test in arm.any["tests"] if arm is not None else ():
        assert arm is not None
        trained, tested = sum(arm.any["rows"]["train"].values()), arm.any["tests"][test]["rows"]
        paper, own = of_the_paper(group.key, test, trained, tested), arm.mean(_f1_on(test))
        if paper is not None and own is not None:
            sentences.append(paper.beside(own, test))
    return sentences


def arm_rows(groups: Sequence[GroupResults]) -> Table:
    """Return a line of plain numbers for each arm of each group."""
    numbers: dict[str, Callable[[Record], float | None]] = {
        "macro_f1": f1_on_test,
        "rare_f1": rare_f1,
        "validation_macro_f1": validation_f1,
        "train_macro_f1": train_f1,
        "gap": gap,
        "gap_last": last_gap,
        "nll": lambda record: own_test(record)["loss"],
        "ece": lambda record: 100 * own_test(record)["ece"],
        "rows_made": lambda record: sum(record["made"]["made"].values()),
        "seconds": lambda record: record["seconds"],
    }
    headings = ["task", "encoder", "head", "loss", "arm", "seeds"]
    headings += [f"{name}_{part}" for name in numbers for part in ("mean", "sd")]
    headings += ["f1_change", "f1_low", "f1_high", "p", "p_holm", "p_wilcoxon", "bootstrap_low", "bootstrap_high"]
    headings += ["gap_change", "gap_low", "gap_high", "gap_upper", "verdict"]
    rows = []
    for group in groups:
        for arm in group.arms:
            row: list[Any] = [*group.key, arm.name, len(arm.seeds)]
            row += [value for of in numbers.values() for value in (arm.mean(of), arm.spread(of))]
            if (one := group.against_base.get(arm.name)) is not None:
                row += [one.f1.mean, one.f1.low, one.f1.high, one.f1.p, one.adjusted, one.wilcoxon, *one.bootstrap]
                row += [one.gap.mean, one.gap.low, one.gap.high, one.gap_upper, one.verdict]
            rows.append([_plain(value) for value in row] + [""] * (len(headings) - len(row)))
    return headings, rows


def cell_rows(results: Results) -> Table:
    """Return a line of plain numbers for each cell. Failed cells have their reason."""
    tests = list(dict.fromkeys(test for record in results.done.values() for test in record["tests"]))
    headings = ["task", "encoder", "head", "loss", "arm", "seed", "status", "validation", "train", "gap", "gap_last"]
    classes = sorted({name for record in results.done.values() for name in record["classes"]})
    headings += ["mean_gap", "best_step", "seconds", "rows_per_second", "peak_mb", "peak_gpu_mb", *tests]
    headings += [*(f"f1_{name}" for name in classes), "reason"]
    rows = []
    for record in sorted(
        results.cells.values(), key=lambda r: (r["task"], r["encoder"], r["head"], r["loss"], r["arm"], r["seed"])
    ):
        row = [record[name] for name in ("task", "encoder", "head", "loss", "arm", "seed", "status")]
        if record["status"] == "done":
            row += [validation_f1(record), train_f1(record), gap(record), last_gap(record), record["mean_gap"]]
            row += [record["best"]["step"], *(record[n] for n in ("seconds", "rows_per_second", "peak_mb"))]
            row += [record.get("peak_gpu_mb")]
            row += [100 * record["tests"][t]["macro_f1"] if t in record["tests"] else "" for t in tests]
            f1 = own_test(record)["f1"]
            row += [100 * f1[name] if name in f1 else "" for name in classes]
        rows.append(
            [_plain(value) for value in row] + [""] * (len(headings) - 1 - len(row)) + [record.get("reason", "")]
        )
    return headings, rows


def conclusions(group: GroupResults) -> list[str]:
    """Return the conclusions from a group's numbers, in sentences."""
    sentences = []
    if group.looks:
        stopped = [f"{name} at {seeds}" for name, seeds in group.decided().items() if seeds < group.looks[-1]]
        sentences.append(f"{rule(group.looks)} Decided early: {', '.join(stopped) or 'none of them'}.")
    verdicts: dict[str, list[str]] = {}
    for name, comparison in group.against_base.items():
        verdicts.setdefault(comparison.verdict, []).append(name)
    if group.arm(BASE) is None:
        sentences.append(f"The arm {BASE!r} is not among them, so nothing is compared.")
    if few := verdicts.pop("", None):
        whose = f" ({', '.join(few)})" if verdicts else ""
        sentences.append(f"Fewer than ten seeds{whose} give no verdict: look at the numbers as a first impression.")
    meant = {
        "helps and generalises": f"Better than {BASE} without a larger gap",
        "helps but overfits": f"Better than {BASE}, at a larger gap or one that may be larger",
        "hurts": f"Worse than {BASE}",
        "no evidence": f"Not shown to differ from {BASE}",
    }
    sentences += [f"{meaning}: {', '.join(verdicts[word])}." for word, meaning in meant.items() if word in verdicts]
    best = group.best_without_rows
    if best is not None and any(comparison.verdict for comparison in group.against_best.values()):
        ahead = [name for name, comparison in group.against_best.items() if comparison.verdict.startswith("helps")]
        shown = f"Shown to be better than it: {', '.join(ahead)}." if ahead else "No arm is shown to be better than it."
        sentences.append(f"The best arm without new rows, chosen on validation, is {best.name}. {shown}")
    return sentences


def environments(results: Results) -> list[str]:
    """Return lines on the hardware and versions of the cells, and on the hashes of the suite's files."""
    cells_of: Counter[str] = Counter()
    for record in results.done.values():
        on = f"{record['hardware']['device']}, {counted(record['hardware']['threads'], 'thread')}"
        cells_of[f"{record['model'].get('dtype', '')} on {on}; {_pairs(record['versions'])}"] += 1
    lines = [f"{counted(cells, 'cell')}: {what}." for what, cells in sorted(cells_of.items())]
    return lines + [f"SHA-256, from the front: {_pairs(files)}." for files in results.files]


def _other_tests(group: GroupResults) -> list[str]:
    """Return the names of the other test sets."""
    return list(group.arms[0].any["tests"])[1:]


def _f1_on(test: str) -> Callable[[Record], float]:
    """Return a function that reads macro-F1 on a test set, in points."""
    return lambda record: 100 * float(record["tests"][test]["macro_f1"])


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _number(value: float | None, places: int = 1) -> str:
    return "" if value is None else f"{value:,.{places}f}"


def _plus_minus(arm: ArmResults, of: Callable[[Record], float | None]) -> str:
    """Format mean and standard deviation over the seeds."""
    mean, spread = arm.mean(of), arm.spread(of)
    return _number(mean) + (f" ± {spread:.1f}" if spread is not None else "")


def _interval(interval: Interval | None, places: int = 1) -> str:
    """Format a difference with its 95 % interval."""
    if interval is None:
        return ""
    return f"{interval.mean:+.{places}f} ({interval.low:+.{places}f} to {interval.high:+.{places}f})"


def _verdict(comparison: Comparison | None) -> str:
    return "" if comparison is None else comparison.verdict


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _plain(value: Any) -> Any:
    """Format a value for tables that programs read."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value
