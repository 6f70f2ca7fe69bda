"""The exceptions of Counterpoise. Each message is one line: what was expected, what came, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class CounterpoiseError(Exception):
    """Base of every error that the library raises on purpose.

    Its text is one line that names the file, row or option, says what was expected and
    what came, and how to mend it. The command line prints it and exits with `exit_code`.
    """

    exit_code = 2


class InputError(CounterpoiseError, ValueError):
    """A file, a column, a class or a parameter that cannot be used as it is."""


class OutputError(CounterpoiseError, OSError):
    """An output that cannot be written, e.g. because it exists, its folder is missing or the disk is full."""


class FormatError(OutputError):
    """A row that the format of an output cannot hold."""


class ModelError(CounterpoiseError, ValueError):
    """A name or folder that does not hold the model that is needed."""


class ShortfallError(CounterpoiseError):
    """Fewer rows could be made than were requested, and the caller wanted all or nothing."""

    exit_code = 1


class TrainingError(CounterpoiseError):
    """A training that cannot go on."""

    exit_code = 1


class Interrupted(CounterpoiseError):
    """Ctrl-C, after some work was saved."""

    exit_code = 130


def listed(names: Sequence[object], most: int = 8) -> str:
    """Return names in quotes for a message; of very many only the first.

    Parameters
    ----------
    names : sequence
    most : int, default=8
        The largest number of names to show.

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["id", "lang"])
    "'id', 'lang'"
    >>> listed(["a", "b", "c"], most=1)
    "'a' and 2 more"
    """
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, and perhaps its verb, in the singular or the plural.

    Parameters
    ----------
    count : int
        0 or more.
    one : str
        What follows the number 1.
    many : str, optional
        What follows any other number. None for `one` and an "s".

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row"), counted(1, "class is", "classes are")
    ('1 row', '1,200 rows', '1 class is')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def counted_of(count: int, whole: int, noun: str, one: str, many: str) -> str:
    """Return a number, the number that it is a part of with its noun, and the verb.

    Parameters
    ----------
    count, whole : int
        0 or more.
    noun : str
        In the singular.
    one, many : str
        The verb where `count` is 1, and where it is not.

    Returns
    -------
    str

    Examples
    --------
    >>> counted_of(1, 1200, "row", "has", "have"), counted_of(2, 3, "row", "is", "are")
    ('1 of 1,200 rows has', '2 of 3 rows are')
    """
    return f"{count:,} of {counted(whole, noun)} {one if count == 1 else many}"


def did_you_mean(name: str | Iterable[str], known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or an empty string.

    Parameters
    ----------
    name : str, or iterable of str
        The unknown name or names. Of several, those are named that have a close known name.
    known : iterable of str
        The known names.

    Returns
    -------
    str
        A sentence with a leading space, or ``""``.

    Examples
    --------
    >>> did_you_mean("filmask", ["fillmask", "random"])
    " Did you mean 'fillmask'?"
    >>> did_you_mean("xyz", ["fillmask", "random"])
    ''
    >>> did_you_mean(["filmask", "xyz", "randon"], ["fillmask", "random"])
    " Did you mean 'fillmask' for 'filmask', 'random' for 'randon'?"
    """
    names = [name] if isinstance(name, str) else [*map(str, name)]
    choices = [str(k) for k in known]
    close = {n: match for n in names for match in difflib.get_close_matches(n, choices, n=1, cutoff=0.6)}
    if len(names) == 1:
        return "".join(f" Did you mean {match!r}?" for match in close.values())
    meant = ", ".join(f"{match!r} for {n!r}" for n, match in close.items())
    return f" Did you mean {meant}?" if meant else ""
