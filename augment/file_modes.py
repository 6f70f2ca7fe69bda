"""Who may read a new file: no more people than may read the files that it is made from, or the one that it replaces."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

_readers: ContextVar[tuple[tuple[int, int], ...]] = ContextVar("readers", default=())
"""The mode and the group of each file that new files are no more readable than."""


@contextlib.contextmanager
def readable_as(sources: Iterable[str | os.PathLike[str]]) -> Iterator[None]:
    """Make new files of a block no more readable than all of some existing ones.

    It holds for what `replacing` and `opened` make. A file that is replaced keeps its own mode.

    Parameters
    ----------
    sources : iterable of path-like
        Files and folders; what does not exist is left out, e.g. the name of a hub data set.

    Examples
    --------
    >>> import tempfile
    >>> from augment.files import staged_text
    >>> secret, copy = (Path(tempfile.mkdtemp(), name) for name in ("secret.txt", "copy.txt"))
    >>> secret.touch(0o600)
    >>> with readable_as([secret]), staged_text("", copy):
    ...     pass
    >>> os.name == "nt" or oct(copy.stat().st_mode)[-3:] == "600"
    True
    """
    found = []
    for source in sources:
        paths = [Path(source), *(Path(source).rglob("*") if os.path.isdir(source) else ())]
        for path in paths:
            with contextlib.suppress(OSError):
                status = os.stat(path)
                found.append((status.st_mode, status.st_gid))
    token = _readers.set((*_readers.get(), *found))
    try:
        yield
    finally:
        _readers.reset(token)


def allowed(mode: int, group: int) -> int:
    """Return what is left of the mode of a new file or folder where it may be no more readable than others."""
    for other, owner in _readers.get():
        theirs = other & 0o7
        ours = (other >> 3) & 0o7 if owner == group else theirs
        bits = (ours << 3) | theirs
        bits |= (bits & 0o44) >> 2  # a folder that may be read may be entered
        mode &= 0o700 | bits
    return mode


def new_group(folder: Path) -> int:
    """Return the group that a new file in a folder gets; -1 where there are no groups."""
    if not hasattr(os, "getegid"):
        return -1
    status = os.stat(folder)
    return status.st_gid if status.st_mode & stat.S_ISGID else os.getegid()


def set_mode(new: Path, path: Path) -> None:
    """Give what is about to get a name the mode of what it replaces, or one that `readable_as` allows."""
    if os.name == "nt":
        return
    with contextlib.suppress(FileNotFoundError):
        old = os.stat(path)
        if stat.S_ISDIR(old.st_mode) == new.is_dir():
            if old.st_gid != new.stat().st_gid:
                with contextlib.suppress(OSError):  # of a group that the user is not in
                    os.chown(new, -1, old.st_gid)
            whole = old.st_mode & 0o777
            os.chmod(new, whole if new.stat().st_gid == old.st_gid else whole & 0o707)
            for inner in new.rglob("*") if new.is_dir() else ():
                _narrow(inner, whole | (0o111 if inner.is_dir() else 0))
            return
    for inner in (new, *(new.rglob("*") if new.is_dir() else ())):
        status = inner.stat()
        _narrow(inner, allowed(0o777, status.st_gid))


def _narrow(path: Path, mode: int) -> None:
    now = stat.S_IMODE(path.stat().st_mode)
    if now & ~(mode | 0o700):
        os.chmod(path, now & (mode | 0o700))
