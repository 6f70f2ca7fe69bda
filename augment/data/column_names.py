"""Find the columns of texts and labels by their names."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from augment.errors import InputError, did_you_mean, listed

if TYPE_CHECKING:
    from datasets import Dataset

TEXT_COLUMNS = ("text", "sentence", "review")
"""Default names of the text column. The first that exists is used."""
LABEL_COLUMNS = ("label", "gold_label", "sentiment")
"""Default names of the label column. The first that exists is used."""
USUAL_TEXTS = (
    r"text|sentence|review|tweet|content|comment|message|body|utterance|query|question|post|phrase|headline|sms"
    r"|document|review_?body|review_?text|.+_text"
)
"""Names under which texts also stand, whatever their case, and with a space or hyphen for "_"."""
USUAL_LABELS = (
    r"labels?|gold_label|sentiment|category|intent|class|target|emotion|topic|polarity|stars|star_rating|rating"
    r"|.+_(label|sentiment)"
)
"""Names under which labels also stand, in the same way."""

NO_ARROW_TYPE = "no Arrow type"
"""The only field of a struct that stands for values of a frame that Arrow cannot hold."""

_log = logging.getLogger(__name__)
_OWN = ("nearest_text",)  # a column that a run of vectors writes


class MissingColumn(InputError):
    """The column of texts or of labels is not there, or is not found by its name."""


class _Role(NamedTuple):
    """What a column is for."""

    name: str
    what: str
    exact: tuple[str, ...]
    usual: str
    dtypes: str
    must: str


_TEXT = _Role("text", "texts", TEXT_COLUMNS, USUAL_TEXTS, r"(large_)?string(_view)?", "strings")
_LABEL = _Role(
    "label",
    "labels",
    LABEL_COLUMNS,
    USUAL_LABELS,
    r"u?int\d+|bool|float\d+|(large_)?string(_view)?|null",
    "strings, booleans or numbers",
)


def find_text(table: Dataset, name: str, requested: str | None = None, mend: str = "give one as `text_column`") -> str:
    """Return the name of the column of texts.

    The first of `TEXT_COLUMNS` that exists is taken. Otherwise a column of strings with a name like `USUAL_TEXTS` is
    taken if it is the only one, and the log says so.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    requested : str, optional
        The column that must be taken.
    mend : str, optional
        How to name another column.

    Returns
    -------
    str

    Raises
    ------
    MissingColumn
        If there is no such column.
    InputError
        If several have usual names, or it does not hold strings.
    """
    return _find(table, name, requested, _TEXT, mend)


def find_label(table: Dataset, name: str, requested: str | None = None, first: str | None = None) -> str:
    """Return the name of the column of labels, found as that of texts is.

    Parameters
    ----------
    table : Dataset
    name : str
        The table's name in messages.
    requested : str, optional
        The column that must be taken.
    first : str, optional
        A name that is tried before `LABEL_COLUMNS`.

    Returns
    -------
    str

    Raises
    ------
    MissingColumn
        If there is no such column.
    InputError
        If several have usual names, or it holds neither strings nor booleans nor numbers.
    """
    role = _LABEL if first is None else _LABEL._replace(exact=(first, *LABEL_COLUMNS))
    return _find(table, name, requested, role, "give one as `label_column`")


def known_label(table: Dataset) -> str | None:
    """Return the first column with a name of labels, or None if there is none.

    Parameters
    ----------
    table : Dataset

    Returns
    -------
    str or None
    """
    exact = (column for column in LABEL_COLUMNS if column in table.column_names)
    return next(exact, None) or next(iter(_usual(table, _LABEL)), None)


def _find(table: Dataset, name: str, requested: str | None, role: _Role, mend: str) -> str:
    columns = table.column_names
    if requested is not None and requested not in columns:
        raise MissingColumn(
            f"{name}: has no {role.name} column {requested!r}; the columns are {listed(columns, 20)}: "
            f"{mend}.{did_you_mean(requested, columns)}"
        )
    exact = [column for column in role.exact if column in columns]
    column = requested or (exact[0] if exact else _only_usual(table, name, role, mend))
    if not _fits(table, column, role):
        dtype = _described(table.features[column])
        mend = mend.replace("one", "another", 1) if role.name == "text" else f"convert it, or {mend}"
        raise InputError(f"{name}: {role.name} column {column!r} must hold {role.must}, got {dtype}; {mend}.")
    return column


def _only_usual(table: Dataset, name: str, role: _Role, mend: str) -> str:
    """Return the only column with a usual name."""
    usual = _usual(table, role)
    if len(usual) == 1:
        column = usual[0]
        _log.info("%s: the %s are read from the column %r. To change that, %s.", name, role.what, column, mend)
        return column
    if usual:
        raise InputError(f"{name}: the {role.what} may stand in {listed(usual)}; {mend}.")
    raise MissingColumn(
        f"{name}: has no {role.name} column under a known name ({', '.join(role.exact)} and others like them); "
        f"the columns are {listed(table.column_names, 20)}: {mend}."
    )


def _usual(table: Dataset, role: _Role) -> list[str]:
    """Return the columns with a usual name and a type for the role."""
    return [
        column
        for column in table.column_names
        if re.fullmatch(role.usual, re.sub(r"[\s-]+", "_", column.strip()).casefold())
        and _fits(table, column, role)
        and column not in _OWN
    ]


def _described(feature: Any) -> str:
    """Return what a column holds, for messages."""
    if isinstance(feature, dict) and list(feature) == [NO_ARROW_TYPE]:
        return "values of several types, or of one that Arrow lacks"
    return str(getattr(feature, "dtype", "nested values"))


def _fits(table: Dataset, column: str, role: _Role) -> bool:
    """Return whether a column has a type for the role."""
    return bool(re.fullmatch(role.dtypes, str(getattr(table.features[column], "dtype", ""))))
