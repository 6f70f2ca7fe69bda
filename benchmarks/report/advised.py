"""Say in a line or two what the measured advice came to on the user's own rows."""

from __future__ import annotations

from collections.abc import Sequence

from augment.advice.measured import PLAIN
from augment.errors import counted
from benchmarks.report.significance import LEAST_SEEDS, Interval
from benchmarks.report.summary import GroupResults, f1_on_test, gap, groups, own_test, rare_classes
from benchmarks.results import Results

FEW_TEST_ROWS = 30
"""With fewer test rows of the rare class a single row moves its F1 by points."""


def findings(results: Results, first: str, others: Sequence[str]) -> list[str]:
    """Return what was found, a line for each comparison.

    Parameters
    ----------
    results : Results
        Of one task and one classifier.
    first : str
        The advised arm without new rows. It is compared with the rows as they are.
    others : sequence of str
        The advised arms with new rows. Each is compared with `first`.

    Returns
    -------
    list of str
    """
    lines = []
    for group in groups(results):
        pairs = [(first, PLAIN), *((other, first) for other in others)]
        lines += [line for one, base in pairs if one != base and (line := _compared(group, one, base)) is not None]
        record = group.arms[0].any
        support = own_test(record)["support"]
        few = min(int(support[name]) for name in rare_classes(record))
        if few < FEW_TEST_ROWS:
            lines.append(
                f"The test part has {counted(few, 'row')} of the rare class, and the intervals say nothing of other"
                " test rows: do not trust small differences."
            )
    return lines


def _compared(group: GroupResults, one: str, base: str) -> str | None:
    """Say how two arms differ; None if one of them has no result."""
    arm, other = group.arm(one), group.arm(base)
    if arm is None or other is None:
        return None
    found = group.change(one, base, f1_on_test)
    if found is None:
        return f"{one} against {base}: fewer than two seeds, which prove nothing. Give more minutes."
    of_gap = group.change(one, base, gap)
    change = "" if of_gap is None else f"; the gap changes by {of_gap.mean:+.1f}"
    seeds = len(set(arm.seeds) & set(other.seeds))
    return (
        f"{one} against {base}, {counted(seeds, 'seed')}: {found.mean:+.1f} points of macro-F1 (95 % interval"
        f" {found.low:.1f} to {found.high:.1f}){change}. {_meaning(found, seeds)}"
    )


def _meaning(found: Interval, seeds: int) -> str:
    """Say what an interval proves."""
    if found.low > 0:
        what = "It pays on your rows."
    elif found.high < 0:
        what = "It hurts on your rows."
    else:
        what = "No evidence that it pays on your rows."
    return what if seeds >= LEAST_SEEDS else f"{what} (Ten seeds are needed for a verdict.)"
