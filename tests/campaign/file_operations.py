"""What a process does to files, one operation after the other, and what can be made to happen at the n-th of them."""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import json
import os
import random
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

KILLS = ("kill before", "kill after", "power cut")
FAULTS = ("ENOSPC", "EIO", "EACCES")
_BY_PATH = ("unlink", "remove", "rmdir", "mkdir", "truncate", "chmod", "replace", "rename")
_BY_DESCRIPTOR = ("fsync", "ftruncate")


class Happening(NamedTuple):
    """What happens at an operation."""

    what: str
    """One of `KILLS` or `FAULTS`."""
    at: int
    """Number of the operation, from 1."""
    lasts: bool = False
    """Whether a fault happens at all later operations, too."""
    seed: int = 0
    """Of what a power cut leaves."""

    def __str__(self) -> str:
        return f"{self.what} at operation {self.at}{' and all later ones' if self.lasts else ''}"


def count(root: Path, diary: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what a child calls before and after its command to write down its operations on files below `root`."""
    operations = _Operations(root, None)
    return operations.install, lambda: diary.write_text(json.dumps(operations.diary))


def let(happening: Happening, root: Path) -> Callable[[], None]:
    """Return what a child calls before its command, so that something happens at an operation on files below `root`."""
    return _Operations(root, happening).install


class _Operations:
    """Stands between this process and `os` and `open`.

    What libraries write from C++ or Rust is not seen, but for the moment when it gets its name.
    """

    def __init__(self, root: Path, happening: Happening | None) -> None:
        self._root, self._happening = f"{root}{os.sep}", happening
        self.diary: list[tuple[str, str]] = []
        self._disk: _Disk | None = None

    def install(self) -> None:
        """Take the places of `open` and of functions of `os`, for the rest of this process."""
        if self._happening is not None and self._happening.what == "power cut":
            self._disk = _Disk(Path(self._root))
        for name in _BY_PATH:
            setattr(os, name, self._by_path(name, getattr(os, name)))
        for name in _BY_DESCRIPTOR:
            setattr(os, name, self._by_descriptor(name, getattr(os, name)))
        self._really_open, os.open = os.open, self._os_open
        self._really_io_open = io.open
        io.open = builtins.open = self._open

    def _does(self, name: str, path: Any, do: Callable[[], Any], half: Callable[[], object] | None = None) -> Any:
        """Carry out an operation, or what happens in its place."""
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(self._root):
            return do()
        self.diary.append((name, path))
        happening, number = self._happening, len(self.diary)
        if happening is not None and (number == happening.at or (happening.lasts and number > happening.at)):
            if happening.what == "kill before" and half is not None and number % 2:
                half()
            if happening.what == "kill after":
                do()
            if happening.what in KILLS:
                if self._disk is not None:
                    self._disk.lose(random.Random(happening.seed))
                os.kill(os.getpid(), signal.SIGKILL)
            if half is not None and happening.what == "ENOSPC":
                half()
            number = getattr(errno, happening.what)
            raise OSError(number, os.strerror(number), path)
        return do()

    def _by_path(self, name: str, really: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, *others: Any, **more: Any) -> Any:
            if isinstance(path, int) or more.get("dir_fd") is not None:
                folder = more.get("dir_fd", path)
                place = os.path.join(
                    os.readlink(f"/proc/self/fd/{folder}"), "" if folder is path else os.fsdecode(path)
                )
            else:
                place = path

            def do() -> Any:
                if self._disk is None:
                    return really(path, *others, **more)
                with self._disk.changed(name, os.path.abspath(os.fsdecode(place)), *others[:1]):
                    return really(path, *others, **more)

            return self._does(name, place, do)

        return operation

    def _by_descriptor(self, name: str, really: Callable[..., Any]) -> Callable[..., Any]:
        def operation(descriptor: Any, *others: Any) -> Any:
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()

            def do() -> Any:
                done = really(descriptor, *others)
                if self._disk is not None and name == "fsync":
                    self._disk.synced(number)
                return done

            return self._does(name, os.readlink(f"/proc/self/fd/{number}"), do)

        return operation

    def _os_open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        place = path if dir_fd is None else os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fsdecode(path))
        return self._does("open", place, lambda: self._really_open(path, flags, mode, dir_fd=dir_fd))

    def _open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if isinstance(file, int):
            return self._opened(file, file, mode, buffering, encoding, errors, newline, closefd, opener)
        more = (mode, buffering, encoding, errors, newline, closefd, opener)
        return self._does("open", file, lambda: self._opened(file, file, *more))

    def _opened(
        self, file: Any, path: Any, mode: str, buffering: int, encoding: Any, errors: Any, newline: Any, *more: Any
    ) -> Any:
        if not set(mode) & set("wax+"):
            return self._really_io_open(file, mode, buffering, encoding, errors, newline, *more)
        raw = _Watched(file, mode.replace("b", "").replace("t", ""), *more)
        raw.does = self._does
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)


class _Watched(io.FileIO):
    """A file whose writes are operations."""

    does: Callable[..., Any]

    def write(self, content: Any) -> int:
        content = memoryview(content).cast("B")
        path = os.readlink(f"/proc/self/fd/{self.fileno()}")
        return self.does(
            "write",
            path,
            lambda: super(_Watched, self).write(content),
            lambda: self._half(content[: len(content) // 2]),
        )

    def _half(self, content: memoryview) -> None:
        super().write(content)


class _Disk:
    """What a disk holds when the power fails: what was waited for, and of the rest as much as chance gives."""

    def __init__(self, root: Path) -> None:
        self._root, self._shadow = root, root / "shadow"
        self._shadow.mkdir(exist_ok=True)
        self._synced = {path.stat().st_ino: path.stat().st_size for path in self._files()}
        self._names: list[Callable[[], None]] = []  # how to take changed names back, since the last sync of a folder
        self._replace, self._truncate = os.replace, os.truncate

    def _files(self) -> list[Path]:
        found = [Path(at) / name for at, _, names in os.walk(self._root) for name in names]
        return [path for path in found if self._shadow not in path.parents and path.is_file()]

    def synced(self, descriptor: int) -> None:
        """Note that a file is on the disk, or, for a folder, that all changed names are."""
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self._names.clear()
        self._synced[status.st_ino] = status.st_size

    @contextlib.contextmanager
    def changed(self, name: str, path: str, new: Any = None) -> Any:
        """Remember how to take back the change of a name that the block makes."""
        place = os.path.abspath(os.fsdecode(new)) if name in ("replace", "rename") else path
        old = None
        if name in ("replace", "rename", "unlink", "remove") and os.path.isfile(place):
            old = str(self._shadow / str(len(os.listdir(self._shadow))))
            os.link(place, old)
        yield
        if name in ("replace", "rename"):
            self._names.append(lambda: (self._moved(place, path), old and self._moved(old, place)))
        elif old is not None:
            self._names.append(lambda: self._moved(old, place))

    def _moved(self, path: str, new: str) -> None:
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(new), exist_ok=True)
            self._replace(path, new)

    def lose(self, rng: random.Random) -> None:
        """Lose what the disk need not hold."""
        for _ in range(rng.randint(0, len(self._names))):
            self._names.pop()()
        for path in self._files():
            status = path.stat()
            safe = self._synced.get(status.st_ino, 0)
            if status.st_size > safe:
                self._truncate(path, rng.randint(safe, status.st_size))
