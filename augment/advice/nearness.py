"""Which measured data sets are like the user's own: rows of the rare class, balance, and number of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from augment.advice.measured import MeasuredCell
from augment.errors import counted

FACTOR = 2.0
"""A near data set has between half and twice as many rows of its smallest class. The same holds for the ratio."""
CLASSES = (6, 31)
"""The first numbers of classes that count as "some" and as "many". Fewer are "few". A near data set is of one kind."""
ROUNDING = 1e-9


@dataclass(frozen=True)
class Shape:
    """What a data set looks like."""

    classes: int
    smallest: int
    """Rows of the rare class."""
    median: float
    """Rows of a class."""
    largest: int
    rare: str
    """The rare class."""

    @property
    def ratio(self) -> float:
        """Rows of the rare class divided by those of the largest class."""
        return self.smallest / self.largest

    @classmethod
    def of(cls, counts: dict[str, int], rare: str | None = None) -> Shape:
        """Describe class counts.

        Parameters
        ----------
        counts : dict of str to int
            Class name → rows, of two classes or more.
        rare : str, optional
            The class that the user wants to improve. None for the smallest.

        Examples
        --------
        >>> shape = Shape.of({"spam": 40, "ham": 800})
        >>> shape.rare, shape.ratio
        ('spam', 0.05)
        """
        name = rare if rare is not None else min(counts, key=lambda one: (counts[one], one))
        return cls(
            classes=len(counts),
            smallest=counts[name],
            median=float(median(counts.values())),
            largest=max(counts.values()),
            rare=name,
        )


def is_near(shape: Shape, cell: MeasuredCell) -> bool:
    """Tell whether a measured data set is like another one.

    Parameters
    ----------
    shape : Shape
    cell : MeasuredCell

    Returns
    -------
    bool
        Whether the rows of the rare class differ by a factor of 2 at most, so does the ratio to the largest class, and
        both have few (2 to 5), some (6 to 30) or many classes.
    """
    return not differences(shape, cell)


def differences(shape: Shape, cell: MeasuredCell) -> list[str]:
    """Say why a measured data set is not like another one; see `is_near`.

    Parameters
    ----------
    shape : Shape
    cell : MeasuredCell

    Returns
    -------
    list of str
        A clause for each reason, with both figures. Empty if it is near.

    Examples
    --------
    >>> from augment.advice.measured import read_map
    >>> cell = read_map().cells[0]
    >>> large = Shape(cell.classes, 5 * cell.rows.smallest, cell.rows.median, 5 * cell.rows.largest, "a")
    >>> [clause[:16] for clause in differences(large, cell)]
    ['its rarest class']
    """
    limit = math.log2(FACTOR) + ROUNDING
    rows, ratio = _parts(shape, cell)
    found = []
    if rows > limit:
        found.append(f"its rarest class has {counted(cell.rows.smallest, 'row')}, yours {shape.smallest:,}")
    if ratio > limit:
        found.append(f"that class has {_percent(cell.ratio)} of the rows of the largest, yours {_percent(shape.ratio)}")
    if _kind(shape.classes) != _kind(cell.classes):
        found.append(f"it has {counted(cell.classes, 'class', 'classes')}, yours {shape.classes:,}")
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def nearest(shape: Shape, cells: Sequence[MeasuredCell]) -> list[MeasuredCell]:
    """Return the near data sets, the nearest of each source.

    Parameters
    ----------
    shape : Shape
    cells : sequence of MeasuredCell
        Of one classifier.

    Returns
    -------
    list of MeasuredCell
        The nearest first. Empty if nothing is near.
    """
    best: dict[str, MeasuredCell] = {}
    for cell in sorted((cell for cell in cells if is_near(shape, cell)), key=lambda cell: distance(shape, cell)):
        best.setdefault(cell.source, cell)
    return list(best.values())


def distance(shape: Shape, cell: MeasuredCell) -> float:
    """Return how far a measured data set is from another one: the sum of the logarithms of three factors, base 2."""
    return sum(_parts(shape, cell)) + abs(math.log2(shape.classes / cell.classes))


def _parts(shape: Shape, cell: MeasuredCell) -> tuple[float, float]:
    """Return the logarithms, base 2, of the factors by which the rows of the rare class and the ratio differ."""
    return (
        abs(math.log2(shape.smallest / cell.rows.smallest)),
        abs(math.log2(shape.ratio / cell.ratio)),
    )


def _kind(classes: int) -> int:
    return sum(classes >= first for first in CLASSES)
