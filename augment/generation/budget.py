"""How many rows of each class to make: turn imbalanced-learn's `sampling_strategy` into counts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from numbers import Real
from typing import Any, TypeAlias

from augment.errors import InputError, counted, did_you_mean, listed
from augment.name_lists import QUOTES, read_mapping, written_pairs

Label: TypeAlias = Hashable
Counts: TypeAlias = Mapping[Label, int]
Amount: TypeAlias = int | str
"""The rows of a class: a total, ``"+500"`` for so many more, or ``"1.5x"`` for so many times its rows."""
SamplingStrategy: TypeAlias = str | float | Mapping[Label, Amount] | Callable[[Counts], Mapping[Label, Amount]]

MOST_ROWS = 2**31 - 1
"""Rows that a class can have."""
MANY_ROWS = 10_000_000
"""New rows of a run above which it asks whether that is meant."""

_ROWS = re.compile(r"[0-9]{1,12}")
_MORE = re.compile(r"\+([0-9]{1,12})")
_TIMES = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)x")


def rows_to_make(sampling_strategy: SamplingStrategy, counts: Counts) -> dict[Label, int]:
    """Return how many rows of each class are to be made.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable
        - ``"minority"``, ``"not minority"``, ``"not majority"`` (``"auto"``), ``"all"``: raise these
          classes to the size of the largest;
        - ``"2x"``, ``"1.5x"``: every class to so many times its rows, so that the proportions stay. The total is
          rounded down: 1.5 times 5 rows are 7;
        - ``"+500"``: so many new rows of every class;
        - a float in (0, 1]: raise every class to this share of the largest, less a fraction of a row. For two
          classes it is imbalanced-learn's ratio; for more, imbalanced-learn has none;
        - a mapping of class to amount: a total that the class is to have afterwards, or ``"+500"`` or ``"1.5x"`` as
          above. Other classes get no rows;
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
        For fewer than two classes, an unknown word, a share outside (0, 1], a share or a multiple that gives no row,
        unknown classes, or amounts that are below the present count, are no amounts or are above `MOST_ROWS`. All such
        classes are named.

    References
    ----------
    imbalanced-learn, `imblearn.utils.check_sampling_strategy`.

    Examples
    --------
    >>> rows_to_make("auto", {"neg": 5, "neu": 2, "pos": 6})
    {'neg': 1, 'neu': 4}
    >>> rows_to_make({"neu": 5, "pos": "+3"}, {"neg": 5, "neu": 2, "pos": 6})
    {'neu': 3, 'pos': 3}
    >>> rows_to_make(0.5, {"neg": 5, "neu": 2, "pos": 6})
    {'neu': 1}
    >>> rows_to_make("1.5x", {"neg": 5, "neu": 2, "pos": 6})
    {'neg': 2, 'neu': 1, 'pos': 3}
    """
    if len(counts) < 2:
        raise InputError(
            f"Upsampling needs at least two classes. Got {len(counts)}: {', '.join(map(repr, counts))}."
            " Give data with another, or look at the label column."
        )
    if callable(sampling_strategy):
        sampling_strategy = sampling_strategy(counts)
    if isinstance(sampling_strategy, Mapping):
        rows = _from_amounts(sampling_strategy, counts)
    elif isinstance(sampling_strategy, str):
        rows = _from_word(sampling_strategy, counts)
    elif isinstance(sampling_strategy, Real) and not isinstance(sampling_strategy, bool):
        rows = _from_share(float(sampling_strategy), counts)
    else:
        raise InputError(
            "`sampling_strategy` must be a word, a share, a mapping of class to amount, or a callable."
            f" Got {sampling_strategy!r:.80}."
        )
    if too_many := [label for label, more in rows.items() if counts[label] + more > MOST_ROWS]:
        raise InputError(
            f"The class{'es' * (len(too_many) > 1)} {listed(too_many)} would have more than {MOST_ROWS:,} rows, which"
            " no run can make. Give a smaller amount."
        )
    return rows


def check_many(budget: Mapping[Any, int], *, yes: bool) -> None:
    """Ask whether a very large number of rows is meant.

    Parameters
    ----------
    budget : mapping of label to int
        From `rows_to_make`.
    yes : bool
        Whether that has been said.

    Raises
    ------
    InputError
        If more than `MANY_ROWS` rows are to be made, and that has not been said.

    Examples
    --------
    >>> check_many({"neutral": 20_000_000}, yes=True)
    """
    rows = sum(budget.values())
    if rows > MANY_ROWS and not yes:
        raise InputError(
            f"This run would make {rows:,} new rows, more than {MANY_ROWS:,}. Give `yes=True` if that is meant."
        )


def _from_word(word: str, counts: Counts) -> dict[Label, int]:
    if _is_amount(word):
        return _from_amount(word, counts)
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
            f"`sampling_strategy` must be one of {', '.join(map(repr, chosen))}, a multiple such as '1.5x', a number"
            f" of new rows such as '+500', a share in (0, 1], or amounts by class. Got {word!r}."
            f"{did_you_mean(word, chosen)}"
        )
    return {label: counts[largest] - count for label, count in counts.items() if label in chosen[word]}


def _from_amount(amount: str, counts: Counts) -> dict[Label, int]:
    """Apply one amount to every class."""
    totals = {label: _total(amount, count) for label, count in counts.items()}
    largest = max(counts.values())
    if _total(amount, largest) < largest:
        raise InputError(f"The multiple must be 1x or more: upsampling removes no rows. Got {amount!r}.")
    times = _TIMES.fullmatch(amount)
    if times and Fraction(times[1]) > 1 and totals == dict(counts):
        raise InputError(
            f"{amount!r} of the largest class, {counted(largest, 'row')}, is less than one further row; there is"
            f" nothing to make."
            " Give a larger multiple."
        )
    return {label: totals[label] - count for label, count in counts.items()}


def _from_share(share: float, counts: Counts) -> dict[Label, int]:
    if not 0 < share <= 1:
        more = f" For so many new rows of each class give '+{share:.0f}', for a total 'CLASS={share:.0f}'."
        raise InputError(
            f"`sampling_strategy` as a share of the largest class must lie in (0, 1]. Got {share:g}."
            f"{more if share > 1 and share.is_integer() else ''}"
        )
    total = math.floor(share * max(counts.values()))
    to_make = {label: total - count for label, count in counts.items() if count < total}
    if not to_make and share < 1:
        raise InputError(
            f"Every class has at least {share:g} of the largest class's rows (rounded down); there is nothing to make."
            f" The smallest has {min(counts.values()) / max(counts.values()):.3g}: give a larger share."
        )
    return to_make


def _from_amounts(amounts: Mapping[Label, Amount], counts: Counts) -> dict[Label, int]:
    wrong, totals = [], {}
    if unknown := [label for label in amounts if label not in counts]:
        wrong.append(
            f"The class{'es' * (len(unknown) > 1)} {listed(unknown)} of `sampling_strategy`"
            f" {'is' if len(unknown) == 1 else 'are'} not in the data, which has {listed([*counts], 20)}."
            f"{did_you_mean(map(str, unknown), map(str, counts))}"
        )
    for label, amount in amounts.items():
        if not _is_amount(amount):
            wrong.append(
                f"The rows of class {label!r} must be a whole number, e.g. 90, so many more, e.g. '+50', or a multiple"
                f" of its rows, e.g. '1.5x'. Got {amount!r}."
            )
        elif label in counts:
            totals[label] = _total(amount, counts[label])
            if totals[label] < counts[label]:
                wrong.append(
                    f"The total for class {label!r} must be at least the {counted(counts[label], 'row')} that it has:"
                    f" upsampling removes none. Got {amount}."
                )
    if wrong:
        raise InputError(" ".join(wrong))
    return {label: totals[label] - count for label, count in counts.items() if label in totals}


def is_relative(sampling_strategy: Any) -> bool:
    """Return whether a sampling strategy has amounts such as ``"+500"`` or ``"1.5x"``, which imbalanced-learn lacks.

    Parameters
    ----------
    sampling_strategy : object

    Returns
    -------
    bool

    Examples
    --------
    >>> is_relative("1.5x"), is_relative({"spam": "+500"}), is_relative({"spam": 90}), is_relative("auto")
    (True, True, False, False)
    """
    values = sampling_strategy.values() if isinstance(sampling_strategy, Mapping) else [sampling_strategy]
    return any(isinstance(value, str) and _is_amount(value) for value in values)


def _is_amount(amount: Any) -> bool:
    """Return whether a value says how many rows a class is to have."""
    if isinstance(amount, str):
        return bool(_MORE.fullmatch(amount) or _TIMES.fullmatch(amount))
    number = isinstance(amount, Real) and not isinstance(amount, bool)
    return number and math.isfinite(amount) and math.floor(amount) == amount


def _total(amount: Amount, count: int) -> int:
    """Return the rows that a class of `count` rows is to have."""
    if not isinstance(amount, str):
        return int(amount)
    if more := _MORE.fullmatch(amount):
        return count + int(more[1])
    return math.floor(Fraction(amount.removesuffix("x")) * count)  # a float of 1.15 would lose a row of 100


def parse(text: str) -> SamplingStrategy:
    """Read a sampling strategy from the command line.

    Parameters
    ----------
    text : str
        A word, a share, an amount for every class, or amounts by class as `augment.name_lists.read_pairs` has them.

    Returns
    -------
    str, float or dict of str to (int or str)

    Raises
    ------
    InputError
        If amounts are not written as such, or a class is given twice.

    Examples
    --------
    >>> parse("auto"), parse(".5"), parse("neutral=3610,'food, drink'=2x")
    ('auto', 0.5, {'neutral': 3610, 'food, drink': '2x'})
    """
    if "=" not in text and not text.lstrip().startswith((*QUOTES, "{")):
        try:
            return text if _is_amount(text) else float(text)
        except ValueError:
            return text
    amounts: dict[Label, Amount] = {
        name: int(amount) if _ROWS.fullmatch(amount) else amount for name, amount in read_mapping(text).items()
    }
    wrong = [(str(name), amount) for name, amount in amounts.items() if not _is_amount(amount)]
    if wrong or not amounts:
        raise InputError(
            "Amounts by class are written class=rows, e.g. neutral=3610, neutral=+500 or neutral=1.5x. Got"
            f" {(written_pairs(wrong) or text)!r}."
        )
    return amounts
