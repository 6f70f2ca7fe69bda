"""Rounds with a disk that is full, a full folder for temporary files, and a reader of a pipe that is slow or leaves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import re
import resource
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign.fuzz import wrongs
from campaign.kills import Rounds
from campaign.outcome import contents
from campaign.tally import Tally
from campaign.targets import MODELS
from campaign.warm import SETUP, Warm
from campaign.works import Workshop

PAGE = 4096
_TIMES = re.compile(rb"[0-9.]+ s\b")
PRINTS = (
    "augment upsample in.csv -o new.csv --strategy random --sampling-strategy 12x --show 9999",
    "augment strategies fillmask",
    "augment advise in.csv --json",
    "classifiers predict model in.csv",
    "classifiers evaluate model dev.csv --json",
    "benchmarks list",
    "benchmarks compare results results --json",
)
"""Command lines that print more than a small pipe holds."""


class FullDisk:
    """Rounds of a work whose folder, or whose TMPDIR, has little room."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self.kind = f"disk:{rounds.work.name}"

    def round(self, number: int) -> None:
        """Carry the work out on a small disk; then with room, where it must end as if nothing had been."""
        rounds, tally = self._rounds, self._rounds.tally
        rounds.prepare()
        rng = random.Random(f"{tally.seed} {self.kind} {number}")
        place = rounds.shop.fresh(rounds.work)
        tally.add(self.kind, "rounds")
        what = rng.choice(("disk", "disk", "TMPDIR"))
        pages = rng.randint(0, rounds.pages if what == "disk" else 4)
        folder = place if what == "disk" else place.with_name("tmp")
        folder.mkdir(exist_ok=True)
        with _small(folder, pages) as grow:
            if grow is not None:
                rounds.hinder(self.kind, number, place, [f"{pages} pages free on {what}"], then=grow)
                return
        if not tally.skipped:
            tally.skip("small disks: only root can mount a tmpfs. A limit on the size of files takes their place")
        pages += 16  # what the command prints goes to files, too
        rounds.hinder(
            self.kind,
            number,
            rounds.shop.fresh(rounds.work),
            [f"no file above {pages} pages"],
            before=_limit(pages * PAGE),
        )


def _limit(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextlib.contextmanager
def _small(folder: Path, pages: int) -> Iterator[Callable[[], None] | None]:
    """Put a folder on a disk of its own that has some pages free. Yield what gives it more, or None without root."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    used = sum(-(-path.lstat().st_size // PAGE) + 1 for path in aside.rglob("*"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={(used + pages + 1) * PAGE}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield lambda: subprocess.run(["mount", "-o", "remount,size=1g", str(folder)], check=True, capture_output=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


class Pipes:
    """Rounds in which the standard output is a small pipe, whose reader is slow or leaves.

    Parameters
    ----------
    warm, shop, tally
        As for `Rounds`.
    """

    kind = "pipe:stdout"

    def __init__(self, warm: Warm, shop: Workshop, tally: Tally) -> None:
        self.warm, self.shop, self.tally = warm, shop, tally
        self._due: dict[str, bytes] = {}

    def round(self, number: int) -> None:
        """Run a command line whose output is read slowly, or in part."""
        self.warm.start_workers()
        rng = random.Random(f"{self.tally.seed} {self.kind} {number}")
        line = PRINTS[number % len(PRINTS)]
        if line not in self._due:
            self.warm.learn(line.split(), self.shop.fresh(MODELS))
            self._due[line] = self.warm(line.split(), self.shop.fresh(MODELS), patience=SETUP).out
        place = self.shop.fresh(MODELS)
        before = set(contents(place))
        self.tally.add(self.kind, "rounds")
        leaves = rng.randrange(len(self._due[line])) if rng.random() < 0.4 else None
        ended = self.warm(line.split(), place, reader=_reader(self.warm.patience, leaves, rng.uniform(0, 0.02)))
        how = "is slow" if leaves is None else f"leaves after {leaves} bytes"
        found = wrongs(ended, set(contents(place)) - before, place, self.warm.patience)
        if leaves is not None:
            found = [one for one in found if not (one[0] == "refused" and ended.code == 141)]
        elif not found and (ended.code != 0 or _TIMES.sub(b"", ended.out) != _TIMES.sub(b"", self._due[line])):
            found = [("lost", f"exit {ended.code}, {len(ended.out)} bytes and not {len(self._due[line])}")]
        for what, said in found:
            self.tally.find(what, self.kind, number, f"{line!r}, whose reader {how}: {said}", place)


def _reader(patience: float, leaves: int | None, pause: float) -> Callable[[int], bytes]:
    def read(pipe: int) -> bytes:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PAGE)
        found, end = b"", time.monotonic() + patience
        while (leaves is None or len(found) < leaves) and time.monotonic() < end:
            if select.select([pipe], [], [], 1)[0]:
                part = os.read(pipe, 2048)
                if not part:
                    break
                found += part
                time.sleep(pause)
        return found

    return read
