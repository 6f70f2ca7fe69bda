"""Which rows of a review are shown, and in which order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from augment.errors import InputError, did_you_mean
from augment.review.reviewed_table import ReviewedTable

BY_RISK = "risk"
BY_FILE = "file"
_KEPT = 16  # views that are kept


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What the rows of a view have in common, and their order.

    Parameters
    ----------
    label : str, optional
        Their class.
    strategy : str, optional
        What made them.
    score : str, optional
        The name of a score, for `at_most`.
    at_most : float, optional
        The score that they have at most; rows without it are left out.
    disagrees : bool, default=False
        The teacher holds another class for more probable.
    search : str, default=""
        What their text holds, case aside.
    order : str, default="risk"
        ``"risk"``: most doubtful first. ``"file"``: as in the table. Or the name of a score: the lowest first.
    """

    label: str | None = None
    strategy: str | None = None
    score: str | None = None
    at_most: float | None = None
    disagrees: bool = False
    search: str = ""
    order: str = BY_RISK

    @classmethod
    def parsed(cls, words: Mapping[str, str]) -> Filter:
        """Read a filter from the words of an address; empty ones count as not given.

        Raises
        ------
        InputError
            If `at_most` is not a number.
        """
        given: dict[str, Any] = {name: words[name] for name in cls.__dataclass_fields__ if words.get(name)}
        given["disagrees"] = given.get("disagrees") == "yes"
        if "at_most" in given:
            try:
                given["at_most"] = float(given["at_most"])
            except ValueError:
                raise InputError(f"`at_most` must be a number. Got {given['at_most']!r:.40}.") from None
        return cls(**given)


class FilteredRows:
    """The rows of each filter, in order; the last ones are kept, since one filter is asked for again and again.

    Parameters
    ----------
    table : ReviewedTable
    chosen : ndarray of int64, optional
        The rows of a sample, in the order in which they were drawn. They are the only ones that are shown, and come in
        this order. None for all rows.
    """

    def __init__(self, table: ReviewedTable, chosen: np.ndarray | None = None) -> None:
        self.table, self.chosen = table, chosen
        self._kept: OrderedDict[Filter, np.ndarray] = OrderedDict()

    def rows(self, chosen: Filter) -> np.ndarray:
        """Return the rows of a filter, as places among the rows under review; int64.

        Raises
        ------
        InputError
            If a class, a strategy or a score has an unknown name.
        """
        if chosen in self._kept:
            self._kept.move_to_end(chosen)
            return self._kept[chosen]
        table = self.table
        fits = np.ones(len(table.places), dtype=bool)
        if chosen.label is not None:
            fits &= table.labels == table.classes.index(_known(chosen.label, table.classes, "class"))
        if chosen.strategy is not None:
            names, codes = table.strategies
            fits &= codes == names.index(_known(chosen.strategy, names, "strategy"))
        if chosen.score is not None and chosen.at_most is not None:
            fits &= table.scores[_known(chosen.score, table.scores, "score")] <= chosen.at_most
        if chosen.disagrees:
            fits &= table.disagrees
        if chosen.search:
            fits &= self._holding(chosen.search)
        order = self._order(chosen.order)
        rows: np.ndarray = order[fits[order]]
        self._kept[chosen] = rows
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return rows

    def _order(self, order: str) -> np.ndarray:
        if self.chosen is not None:
            return self.chosen
        if order == BY_RISK:
            return self.table.by_risk
        if order == BY_FILE:
            return np.arange(len(self.table.places))
        values = self.table.scores[_known(order, self.table.scores, "order")]
        return np.argsort(np.nan_to_num(values, nan=np.inf), kind="stable")

    def _holding(self, text: str) -> np.ndarray:
        """Return which rows hold a text, case aside."""
        import pyarrow.compute as pc

        column = self.table.corpus.column(self.table.corpus.text_column)
        found = pc.match_substring(column, text, ignore_case=True).fill_null(False).to_numpy()
        holding: np.ndarray = found[self.table.places]
        return holding


def _known(name: str, names: Any, what: str) -> str:
    """Refuse an unknown name."""
    if name not in names:
        raise InputError(f"There is no {what} {name!r:.60} in this table.{did_you_mean(name, names)}")
    return name
