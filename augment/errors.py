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


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names in quotes for a message; of very many only the first.

    Parameters
    ----------
    names : sequence of str
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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or an empty string.

    Parameters
    ----------
    name : str
        The unknown name.
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
    """
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
