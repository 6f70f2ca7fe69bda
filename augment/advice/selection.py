"""Advise what to do first for a rare class: which loss, which new rows, what to expect, and how to measure it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from augment.advice.commands import FINE_TUNED, NamedData, llm_command, measure_command, pool_command, train_command
from augment.advice.measured import PLAIN, MeasuredArm, MeasuredCell, PayMap, Points, Regime, read_map
from augment.advice.nearness import Shape, distance, nearest
from augment.advice.suggestion import Advice, Suggestion
from augment.data.containers import as_table
from augment.data.corpus import Corpus, from_table
from augment.data.inspection import inspect
from augment.data.layout import Layout
from augment.errors import InputError, did_you_mean, listed
from augment.generation.budget import rows_to_make

DEFAULT_ENCODER = "mini"
LEAST_FOR_AN_INTERVAL = 3
"""Data sets that it takes for an interval where their gains have none of their own."""


def pooled(gains: Sequence[Points]) -> Points:
    """Put the gains on several data sets together.

    Parameters
    ----------
    gains : sequence of Points
        One for each data set, at least one.

    Returns
    -------
    Points
        Their mean. The interval of a single one is its own. That of several reaches from the lowest bound to the
        highest: another data set may be like any of them. If one has no interval, and there are three or more, it is
        the t-interval of their means.

    Examples
    --------
    >>> both = pooled([Points(mean=1.0, low=0.5, high=1.5), Points(mean=3.0, low=1.0, high=5.0)])
    >>> both.mean, both.low, both.high
    (2.0, 0.5, 5.0)
    """
    mean = fmean(gain.mean for gain in gains)
    lows = [gain.low for gain in gains if gain.low is not None]
    highs = [gain.high for gain in gains if gain.high is not None]
    if len(lows) == len(highs) == len(gains):
        return Points(mean=mean, low=min(lows), high=max(highs))
    if len(gains) < LEAST_FOR_AN_INTERVAL:
        return Points(mean=mean)
    from scipy import stats

    means = [gain.mean for gain in gains]
    width = float(stats.t.ppf(0.975, len(means) - 1) * stats.sem(means))
    return Points(mean=mean, low=mean - width, high=mean + width)


def advise(
    data: Any,
    *,
    label: str | None = None,
    pool: str | os.PathLike[str] | None = None,
    llm: str | None = None,
    encoder: str | None = None,
    head: str | None = None,
    pay_map: str | os.PathLike[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    single_label: bool = False,
) -> Advice:
    """Advise what to do first for the rare class of a labelled data set.

    The advice is that of the nearest data sets of a map, on which every way to treat a rare class was measured.

    Parameters
    ----------
    data : datasets.Dataset, pandas.DataFrame, or (texts, labels)
        The training rows.
    label : str, optional
        The rare class. None for the smallest one.
    pool : path-like, optional
        A file of unlabelled texts of the same kind, if there is one.
    llm : str, optional
        A large language model that may write rows, as its service calls it, if there is one.
    encoder : str, optional
        The encoder that will be trained, by its name in the map. None for any.
    head : str, optional
        ``"linear"`` for an encoder that is fine-tuned, ``"logistic-regression"`` for a frozen one. None for any.
    pay_map : path-like, optional
        Another map, that `benchmarks map` has written. None for the one that comes with the project.
    text_column, label_column : str, optional
        See `augment.upsample`.
    single_label : bool, default=False
        See `augment.upsample`.

    Returns
    -------
    Advice
        `lines` are for people, `to_dict` is for programs.

    Raises
    ------
    InputError
        If the data or an argument cannot be used, or the data has one class.

    Examples
    --------
    >>> from augment import advise
    >>> texts = [f"row {number}" for number in range(890)]
    >>> advice = advise((texts, ["neutral"] * 40 + ["positive"] * 850))
    >>> advice.shape.rare, advice.near[0].source, advice.first.pays
    ('neutral', 'sst3', True)
    """
    layout = Layout(text_column=text_column, label_column=label_column, single_label=single_label)
    return advise_on(
        from_table(as_table(data), "the data", layout),
        label=label,
        pool=None if pool is None else os.fspath(pool),
        llm=llm,
        encoder=encoder,
        head=head,
        pay_map=read_map(pay_map),
    )


def advise_on(
    corpus: Corpus,
    *,
    pay_map: PayMap,
    label: str | None = None,
    pool: str | None = None,
    llm: str | None = None,
    encoder: str | None = None,
    head: str | None = None,
    source: NamedData | None = None,
) -> Advice:
    """Advise on a labelled table.

    Parameters
    ----------
    corpus : Corpus
        From `augment.data.read`.
    pay_map : PayMap
        From `augment.advice.read_map`.
    label, pool, llm, encoder, head
        See `advise`.
    source : NamedData, optional
        How commands name the data. None for the word FILE.

    Returns
    -------
    Advice

    Raises
    ------
    InputError
        See `advise`.
    """
    found = inspect(corpus)
    if len(found.counts) < 2:
        raise InputError(
            f"{corpus.name}: all rows have the label {next(iter(found.counts))!r}; advice takes two classes or more."
        )
    if label is not None and label not in found.counts:
        raise InputError(
            f"{corpus.name}: has no row of the class {label!r}. `label` is one of {listed([*found.counts])}."
            f"{did_you_mean(label, found.counts)}"
        )
    shape = Shape.of(found.counts, label)
    cells = _of_classifier(shape, pay_map, encoder, head)
    near = nearest(shape, cells)
    first_of_all = min(cells, key=lambda cell: distance(shape, cell))
    used = near or [first_of_all]
    source = source or NamedData()

    def chosen(wanted: Callable[[MeasuredArm], bool]) -> tuple[Suggestion | None, int]:
        return _best(used, wanted, found.counts, lambda arm, cell: _command(source, arm, cell, pool, llm))

    rows, tried = chosen(lambda arm: arm.makes_rows and not arm.needs)
    return Advice(
        name=corpus.name,
        shape=shape,
        inspection=found,
        near=near,
        nearest=first_of_all,
        measured=len({cell.task for cell in cells}),
        encoder=cells[0].encoder,
        head=cells[0].head,
        first=_first(used, source),
        rows=rows,
        with_pool=chosen(lambda arm: arm.needs == ["pool"])[0],
        with_llm=chosen(lambda arm: "llm" in arm.needs)[0],
        ceiling=chosen(lambda arm: "labels" in arm.needs)[0],
        tried=tried,
        regime=_regime(shape, pay_map, cells[0]),
        pool=pool,
        llm=llm,
        measure=measure_command(source),
    )


def _of_classifier(shape: Shape, pay_map: PayMap, encoder: str | None, head: str | None) -> list[MeasuredCell]:
    """Return the cells of one classifier that was asked for.

    One with near data sets goes first, of such one that is fine-tuned, then the bundled encoder, and then the one with
    the most near data sets.
    """
    for name, value in (("encoder", encoder), ("head", head)):
        known = sorted({str(getattr(cell, name)) for cell in pay_map.cells})
        if value is not None and value not in known:
            raise InputError(
                f"The map has no cell with `{name}={value!r}`. It has {listed(known)}.{did_you_mean(value, known)}"
            )
    groups: dict[tuple[str, str], list[MeasuredCell]] = {}
    for cell in pay_map.cells:
        if encoder in (None, cell.encoder) and head in (None, cell.head):
            groups.setdefault((cell.encoder, cell.head), []).append(cell)
    if not groups:
        raise InputError(f"The map has no cell with both `encoder={encoder!r}` and `head={head!r}`. Leave one out.")

    def rank(cells: list[MeasuredCell]) -> tuple[bool, bool, bool, int]:
        near = len(nearest(shape, cells))
        return near > 0, cells[0].head == FINE_TUNED, cells[0].encoder == DEFAULT_ENCODER, near

    return max(groups.values(), key=rank)


def _first(cells: Sequence[MeasuredCell], source: NamedData) -> Suggestion:
    """Return the arm without new rows that is the best of the most data sets; of equals that of the nearest."""
    votes = Counter(cell.best for cell in cells)
    name = max(votes, key=lambda one: votes[one])
    places = [(cell, arm) for cell in cells if (arm := cell.arm(name)) is not None]
    gains = [arm.over_none for _, arm in places if arm.over_none is not None]
    cell, arm = places[0]
    return Suggestion(
        arm=arm,
        gain=pooled(gains) if gains and name != PLAIN else None,
        gap=None,
        sources=len(places),
        command=train_command(source, arm, cell),
        new_rows=None,
    )


def _best(
    cells: Sequence[MeasuredCell],
    wanted: Callable[[MeasuredArm], bool],
    counts: dict[str, int],
    command: Callable[[MeasuredArm, MeasuredCell], str | None],
) -> tuple[Suggestion | None, int]:
    """Return the best of the arms that are wanted, and the number of these.

    An arm counts if it was measured on half of the data sets or more. Arms whose whole interval is above 0 come first,
    and of these the one with the highest lower bound. Of the others it is the one with the highest mean. Arms with too
    few seeds for an interval come last.
    """
    places: dict[str, list[tuple[MeasuredCell, MeasuredArm, Points]]] = {}
    for cell in cells:
        for arm in cell.arms:
            if arm.gain is not None and not arm.control and wanted(arm):
                places.setdefault(arm.name, []).append((cell, arm, arm.gain))
    places = {name: found for name, found in places.items() if 2 * len(found) >= len(cells)}
    gains = {name: pooled([gain for _, _, gain in found]) for name, found in places.items()}
    if not gains:
        return None, 0

    def rank(name: str) -> tuple[bool, bool, float]:
        gain = gains[name]
        if gain.low is None:
            return False, False, gain.mean
        return True, gain.low > 0, gain.low if gain.low > 0 else gain.mean

    name = max(gains, key=rank)
    cell, arm, _ = places[name][0]
    gaps = [arm.gap.mean for _, arm, _ in places[name] if arm.gap is not None]
    return Suggestion(
        arm=arm,
        gain=gains[name],
        gap=fmean(gaps) if gaps else None,
        sources=len(places[name]),
        command=command(arm, cell),
        new_rows=_new_rows(arm, counts),
    ), len(gains)


def _new_rows(arm: MeasuredArm, counts: dict[str, int]) -> int | None:
    """Return the number of rows that an arm makes for these class counts."""
    augmentation = arm.settings.get("training", {}).get("augmentation")
    if not arm.makes_rows or not augmentation:
        return None
    totals: dict[Any, int] = dict(counts)
    try:
        return sum(rows_to_make(augmentation.get("sampling_strategy", "auto"), totals).values())
    except InputError:  # an amount that names classes of its own data
        return None


def _command(source: NamedData, arm: MeasuredArm, cell: MeasuredCell, pool: str | None, llm: str | None) -> str | None:
    """Return the command that trains with an arm or makes its rows."""
    if "labels" in arm.needs:
        return None
    if "llm" in arm.needs:
        return None if llm is None else llm_command(source, llm)
    if "pool" in arm.needs:
        return None if pool is None else pool_command(source, arm, cell, pool, "with_pool.csv")
    return train_command(source, arm, cell)


def _regime(shape: Shape, pay_map: PayMap, like: MeasuredCell) -> Regime | None:
    """Return the regime that a data set belongs to, with the classifier of a cell."""
    for regime in pay_map.regimes:
        same = (regime.encoder, regime.head, regime.balanced) == (like.encoder, like.head, shape.ratio >= 0.5)
        if same and regime.at_least <= shape.smallest and (regime.below is None or shape.smallest < regime.below):
            return regime
    return None
