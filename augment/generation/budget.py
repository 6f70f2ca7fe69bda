"""How many rows of each class to make: turn imbalanced-learn's `sampling_strategy` into counts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping
from numbers import Real
from typing import TypeAlias

from augment.errors import InputError, did_you_mean

Label: TypeAlias = Hashable
Counts: TypeAlias = Mapping[Label, int]
SamplingStrategy: TypeAlias = str | float | Mapping[Label, int] | Callable[[Counts], Mapping[Label, int]]


def rows_to_make(sampling_strategy: SamplingStrategy, counts: Counts) -> dict[Label, int]:
    """Return how many rows of each class are to be made.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable
        - ``"minority"``, ``"not minority"``, ``"not majority"`` (``"auto"``), ``"all"``: raise these
          classes to the size of the largest;
        - ``"2x"``, or another whole number: every class to that many times its rows, so that the proportions stay;
        - a float in (0, 1]: raise every class to this share of the largest, less a fraction of a row. For two
          classes it is imbalanced-learn's ratio; for more, imbalanced-learn has none;
        - a mapping of class to total: how many rows the class is to have afterwards;
        - a callable that takes the counts and returns such a mapping.
    counts : mapping of label to int
        The rows of each class at present, 1 or more.

    Returns
    -------
    dict of label to int
        Classes that were named or chosen, in the order of `counts`; 0 for those large enough.

    Raises
    ------
    InputError
        For fewer than two classes, an unknown word, a share outside (0, 1] or one that every class
        has reached, an unknown class, or a total that is not an integer or is below the present count.

    References
    ----------
    imbalanced-learn, `imblearn.utils.check_sampling_strategy`.

    Examples
    --------
    >>> rows_to_make("auto", {"neg": 5, "neu": 2, "pos": 6})
    {'neg': 1, 'neu': 4}
    >>> rows_to_make({"neu": 5}, {"neg": 5, "neu": 2, "pos": 6})
    {'neu': 3}
    >>> rows_to_make(0.5, {"neg": 5, "neu": 2, "pos": 6})
    {'neu': 1}
    >>> rows_to_make("2x", {"neg": 5, "neu": 2, "pos": 6})
    {'neg': 5, 'neu': 2, 'pos': 6}
    """
    if len(counts) < 2:
        raise InputError(
            f"Upsampling needs at least two classes. Got {len(counts)}: {', '.join(map(repr, counts))}."
            " Give data with another, or look at the label column."
        )
    if callable(sampling_strategy):
        sampling_strategy = sampling_strategy(counts)
    if isinstance(sampling_strategy, Mapping):
        return _from_totals(sampling_strategy, counts)
    if isinstance(sampling_strategy, str):
        return _from_word(sampling_strategy, counts)
    if isinstance(sampling_strategy, Real) and not isinstance(sampling_strategy, bool):
        return _from_share(float(sampling_strategy), counts)
    raise InputError(
        "The sampling_strategy must be a word, a share, a mapping of class to total, or a callable."
        f" Got {sampling_strategy!r}."
    )


def _from_word(word: str, counts: Counts) -> dict[Label, int]:
    if times := re.fullmatch(r"0*([1-9][0-9]{0,5})x", word):
        return {label: (int(times[1]) - 1) * count for label, count in counts.items()}
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    chosen = {
        "minority": {smallest},
        "not minority": set(counts) - {smallest},
        "not majority": set(counts) - {largest},
        "all": set(counts),
    }
    chosen["auto"] = chosen["not majority"]
    if word not in chosen:
        raise InputError(
            f"The sampling_strategy must be one of {', '.join(map(repr, chosen))}, '2x' or so, a share in (0, 1], or"
            f" totals by class. Got {word!r}.{did_you_mean(word, chosen)}"
        )
    return {label: counts[largest] - count for label, count in counts.items() if label in chosen[word]}


def _from_share(share: float, counts: Counts) -> dict[Label, int]:
    if not 0 < share <= 1:
        raise InputError(f"The sampling_strategy as a share of the largest class must lie in (0, 1]. Got {share:g}.")
    total = math.floor(share * max(counts.values()))
    to_make = {label: total - count for label, count in counts.items() if count < total}
    if not to_make and share < 1:
        raise InputError(
            f"Every class has at least {share:g} of the largest class's rows (rounded down); there is nothing to make."
            f" The smallest has {min(counts.values()) / max(counts.values()):.3g}: give a larger share."
        )
    return to_make


def _from_totals(totals: Mapping[Label, int], counts: Counts) -> dict[Label, int]:
    for label, total in totals.items():
        if label not in counts:
            raise InputError(
                f"The class {label!r} of the sampling_strategy is not in the data, which has"
                f" {', '.join(map(repr, counts))}.{did_you_mean(str(label), map(str, counts))}"
            )
        if isinstance(total, bool) or not isinstance(total, Real) or not math.isfinite(total) or int(total) != total:
            raise InputError(f"The total for class {label!r} must be a whole number of rows. Got {total!r}.")
        if total < counts[label]:
            raise InputError(
                f"The total for class {label!r} must be at least the {counts[label]} rows that it has: upsampling"
                f" removes none. Got {total}."
            )
    return {label: int(totals[label]) - count for label, count in counts.items() if label in totals}


def parse(text: str) -> SamplingStrategy:
    """Read a sampling strategy from the command line.

    Parameters
    ----------
    text : str
        A word, a share, or totals as ``class=rows`` with commas between.

    Returns
    -------
    str, float or dict of str to int

    Raises
    ------
    InputError
        If a total is not a whole number, or a class is given twice.

    Examples
    --------
    >>> parse("auto"), parse(".5"), parse("neutral=3610,negative=3610")
    ('auto', 0.5, {'neutral': 3610, 'negative': 3610})
    """
    if "=" not in text:
        try:
            return float(text)
        except ValueError:
            return text
    totals: dict[Label, int] = {}
    for part in text.split(","):
        name, _, total = (piece.strip() for piece in part.rpartition("="))
        if not name or not total.isdecimal():
            raise InputError(f"Totals by class are written class=rows, e.g. neutral=3610. Got {part!r}.")
        if name in totals:
            raise InputError(f"The class {name!r} is given twice in the sampling strategy {text!r}. Give it once.")
        totals[name] = int(total)
    return totals
