"""Replace files and folders as a whole: a new version appears complete, or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from augment.errors import InputError, OutputError, did_you_mean

_RANDOM = "[0-9a-f]" * 8  # the random part of a temporary name


def user_cache(kind: str) -> Path:
    """Return a folder for what can be computed again. Nothing in it is ever deleted.

    Parameters
    ----------
    kind : str
        What is kept there.

    Returns
    -------
    Path
        ``counterpoise/KIND`` under ``$XDG_CACHE_HOME``, or under ``~/.cache`` if that is not set.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "counterpoise" / kind


def check_exists(path: Path) -> None:
    """Check that a file or folder that is read is there.

    Raises
    ------
    InputError
        If it is not; the message names one beside it that may have been meant.
    """
    if not os.path.exists(path):  # os.path and not pathlib, whose questions raise on a name that is too long
        beside = [entry.name for entry in path.parent.iterdir()] if os.path.isdir(path.parent) else []
        raise InputError(f"{path}: no such file or folder; check the path.{did_you_mean(path.name, beside)}")


def check_writable(path: Path) -> None:
    """Check that a file of this name can be written.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.touch(exist_ok=False)
        temporary.unlink()


def lock(file: IO[bytes], path: Path, mend: str) -> bool:
    """Lock an open file against other processes, until it is closed.

    Parameters
    ----------
    file : binary file
        Opened to be written. On Windows no other handle can read its first byte while it is locked.
    path : Path
        The file's name in messages.
    mend : str
        What the message tells the user to choose if the file system has no locks.

    Returns
    -------
    bool
        False if another process holds the lock.

    Raises
    ------
    OutputError
        If the file system has no locks.
    """
    from filelock import lock_descriptor

    try:
        return lock_descriptor(file.fileno(), blocking=False)
    except OSError as error:
        raise OutputError(f"{path}: cannot be locked ({error.strerror}); choose {mend}.") from None


@contextlib.contextmanager
def held(path: Path, on_wait: Callable[[], None], *, mend: str) -> Iterator[None]:
    """Hold the lock of a file that several processes would make alike, and remove what a killed one has left.

    The caller looks first and again within the block, since another process may have made the file meanwhile. The lock
    is a file ``NAME.lock`` beside it, which stays.

    Parameters
    ----------
    path : Path
        The file. Its folder is made.
    on_wait : callable
        Called once if another process holds the lock, before this one waits.
    mend : str
        What messages tell the user to do otherwise.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    place = path.with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(place, "ab")  # noqa: SIM115 -- closed below
    except OSError as error:
        raise OutputError(f"{place.parent}: cannot be written ({error.strerror}); {mend}.") from None
    with file:
        waiting = False
        while not lock(file, place, f"a cache on another file system: {mend}"):
            if not waiting:
                on_wait()
                waiting = True
            time.sleep(0.2)
        with replacing(path, mend=mend) as temporary:  # the folder may be one that was made before
            temporary.touch(exist_ok=False)
            temporary.unlink()
        clear_leftovers(path)
        yield


def clear_leftovers(path: Path) -> None:
    """Remove the files that a killed run left beside an output; no other process may be writing it.

    Half-written files are deleted. An old folder that was moved aside is moved back if the new one is not in place.

    Parameters
    ----------
    path : Path
        The output.
    """
    path = _place(path)
    name = glob.escape(f".{path.name}.")
    for old in path.parent.glob(f"{name}{_RANDOM}.old"):
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(old, path)
    for temporary in path.parent.glob(f"{name}{_RANDOM}.tmp"):
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def staged_text(text: str, path: Path) -> Iterator[None]:
    """Write a small text file that appears, or replaces an old one, when the block is left without an error.

    So a manifest and the table that is written within the block appear together or not at all. A full disk cannot come
    between them: both are written in full before either gets its name.

    Parameters
    ----------
    text : str
        The content, written in UTF-8 with its line ends as they are.
    path : Path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written; then nothing is left behind, and an old file stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "manifest.json")
    >>> with staged_text("{}", path):
    ...     path.exists()
    False
    >>> path.read_text()
    '{}'
    """
    with replacing(path) as temporary:
        with open(temporary, "xb") as handle:
            handle.write(text.encode(errors="backslashreplace"))  # a file name may not be valid Unicode
            flush_to_disk(handle)
        yield


@contextlib.contextmanager
def replacing(path: Path, *, mend: str = "choose another output") -> Iterator[Path]:
    """Provide a temporary path beside `path`, and move what is written there to `path` afterwards.

    Parameters
    ----------
    path : Path
    mend : str, default="choose another output"
        What the message tells the user to do otherwise if it cannot be written.

    Yields
    ------
    Path
        Where to write a file or a folder. If the block raises, it is deleted.

    Raises
    ------
    OutputError
        If the block raises an `OSError`: `path` cannot be written.
    """
    import pyarrow as pa

    path = _place(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            _swap_folders(temporary, path)
        elif temporary.exists():
            os.replace(temporary, path)
    except OutputError:
        raise
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OutputError(
            f"{path}: cannot be written ({reason}); free the disk or change its rights, or {mend}."
        ) from None
    finally:
        if os.path.isdir(temporary):
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _place(path: Path) -> Path:
    """Follow a symbolic link, so that its target is replaced and not the link."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _swap_folders(new: Path, path: Path) -> None:
    """Replace an old folder by a new one. A plain rename can do this only if the old folder is empty."""
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def flush_to_disk(handle: BinaryIO) -> None:
    """Wait until a file is on the disk."""
    handle.flush()
    os.fsync(handle.fileno())
