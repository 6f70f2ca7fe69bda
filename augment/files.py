"""Replace files and folders as a whole: a new version appears complete, or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from augment.errors import InputError, OutputError, did_you_mean
from augment.file_modes import allowed, new_group, set_mode
from augment.plain_data import is_special

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
        If it is not; the message names one beside it that may have been meant. Or if it, or something in the folder,
        is a device, a pipe or a socket, for which a command might wait for ever.
    """
    inner: list[str] = []
    if os.path.isdir(path):
        with contextlib.suppress(OSError):  # who opens it says so
            inner = os.listdir(path)
    for one in (path, *(path / name for name in inner)):
        if is_special(one):
            raise InputError(f"{one}: is a device, a pipe or a socket; expected a file. Write its content to one.")
    if not os.path.exists(path):  # os.path and not pathlib, whose questions raise on a name that is too long
        beside = [entry.name for entry in path.parent.iterdir()] if os.path.isdir(path.parent) else []
        raise InputError(f"{path}: no such file or folder; check the path.{did_you_mean(path.name, beside)}")


def check_ordinary(path: Path, *, file: bool = False) -> None:
    """Refuse a place where something stands that is neither followed, nor replaced, nor waited for.

    Parameters
    ----------
    path : Path
        Where something will be written, or is expected to have been written.
    file : bool, default=False
        Refuse a folder as well.

    Raises
    ------
    OutputError
        If a symbolic link, a device, a named pipe or a socket stands there.
    """
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):  # nothing is there, or nothing can be; who writes there says so
        return
    if stat.S_ISLNK(mode):
        raise OutputError(f"{path}: is a symbolic link, which is neither followed nor replaced; name the file itself.")
    if stat.S_ISDIR(mode) and file:
        raise OutputError(f"{path}: is a folder; expected a file there. Move it away, or choose another output.")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OutputError(f"{path}: is a device, a pipe or a socket, and no file; choose another output.")


def check_writable(path: Path, *, file: bool = False) -> None:
    """Check that something of this name can be written.

    Parameters
    ----------
    path : Path
    file : bool, default=False
        Whether it will be a file, and not a folder.

    Raises
    ------
    OutputError
        If it cannot be written, or something stands there that is not replaced: see `check_ordinary`.
    """
    check_ordinary(path, file=file)
    with replacing(path) as temporary:
        temporary.touch(exist_ok=False)
        temporary.unlink()


def check_room(path: Path, size: int) -> None:
    """Check that a disk has room for a file before it is made.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    size : int
        An estimate, in bytes.

    Raises
    ------
    OutputError
        If there is less room.
    """
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise OutputError(
            f"{path}: would need about {size / 1e9:,.1f} GB while it is made, and its disk has {free / 1e9:,.1f} GB"
            " free; free the disk, choose another output, or make fewer rows."
        )


def opened(path: Path) -> BinaryIO:
    """Open a file that grows, without a buffer, to be read and appended to. A new one heeds `readable_as`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    binary file
        What is written goes to its end.

    Raises
    ------
    OSError
        If it cannot be opened.
    OutputError
        If something stands there that is not written to: see `check_ordinary`.
    """
    check_ordinary(path, file=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return open(os.open(path, flags, allowed(0o666, new_group(path.parent))), "r+b", buffering=0)


def append(file: BinaryIO, end: int, line: bytes) -> int:
    """Append a line to a file that grows, and wait until it is on the disk.

    Parameters
    ----------
    file : binary file
        See `opened`.
    end : int
        Where the file ends, in bytes. A line that cannot be written whole leaves it there.
    line : bytes
        With its end.

    Returns
    -------
    int
        Where the file ends now.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    left = memoryview(line)
    file.seek(end)
    try:
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise
    return end + len(line)


def delete_opened(file: BinaryIO, path: Path) -> None:
    """Delete a file that grows, and close it."""
    if os.name == "nt":  # where a file that is open cannot be deleted
        file.close()
    path.unlink(missing_ok=True)
    file.close()


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
        clear_leftovers(path, alone=True)
        yield


def clear_leftovers(path: Path, *, alone: bool = False) -> None:
    """Remove what killed processes left beside an output.

    Half-written files are deleted. An old folder that was moved aside is moved back if the new one is not in place.

    Parameters
    ----------
    path : Path
        The output.
    alone : bool, default=False
        No other process can be writing it. Otherwise only what no process holds is touched; see `_claimed`.
    """
    name = glob.escape(f".{path.name}.")
    for old in path.parent.glob(f"{name}{_RANDOM}.old"):
        with _claimed(old) as free:
            if not (free or alone):
                continue
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(old, path)
    for temporary in path.parent.glob(f"{name}{_RANDOM}.tmp"):
        with _claimed(temporary) as free:
            if not (free or alone):
                continue
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _claimed(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a folder as one that a living process writes. Yield False if another holds it, or nothing can be held."""
    try:
        import fcntl
    except ModuleNotFoundError:  # on Windows, where a folder cannot be locked
        yield False
        return

    handle, held = -1, False
    try:
        with contextlib.suppress(OSError):  # of file systems without locks
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = True
        yield held
    finally:
        if handle >= 0:
            os.close(handle)


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
        temporary.write_bytes(text.encode(errors="backslashreplace"))  # a file name may not be valid Unicode
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
        Where to write a file or a folder. If the block raises, it is deleted. If the process is killed, the next one
        that writes to `path` deletes it.

    Raises
    ------
    OutputError
        If the block raises an `OSError`: `path` cannot be written.
    """
    import pyarrow as pa

    check_ordinary(path)
    try:
        clear_leftovers(path)
        with _private_folder(path) as private:
            temporary = private / path.name
            yield temporary
            if os.path.lexists(temporary):
                flush(temporary)
                set_mode(temporary, path)
                check_ordinary(path)
                if temporary.is_dir() and path.is_dir():
                    _swap_folders(temporary, path)
                else:
                    os.replace(temporary, path)
                flush_names(path.parent)
    except OutputError:
        raise
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OutputError(
            f"{path}: cannot be written ({reason}); free the disk or change its rights, or {mend}."
        ) from None


@contextlib.contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside `path` that nobody else can read, hold it for a block, and remove it."""
    while True:
        private = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        private.mkdir(0o700)
        with _claimed(private, wait=True):
            if not private.exists():  # another process has taken it for a leftover, just before it was held
                continue
            try:
                yield private
            finally:
                try:
                    private.rmdir()  # it is empty if all went well
                except OSError:
                    shutil.rmtree(private, ignore_errors=True)
            return


def _swap_folders(new: Path, path: Path) -> None:
    """Replace an old folder by a new one. A plain rename can do this only if the old folder is empty."""
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    with _claimed(path):
        os.replace(path, old)
        try:
            os.replace(new, path)
        except BaseException:
            os.replace(old, path)
            raise
        shutil.rmtree(old, ignore_errors=True)


def flush(path: Path) -> None:
    """Wait until a file, or all of a folder, is on the disk.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    for inner in path.iterdir() if path.is_dir() else ():
        flush(inner)
    if path.is_dir():
        flush_names(path)
        return
    handle = os.open(path, (os.O_RDWR if os.name == "nt" else os.O_RDONLY) | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_names(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that.

    Parameters
    ----------
    folder : Path
    """
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # of file systems that cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
