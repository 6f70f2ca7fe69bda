"""Inputs that are damaged by chance: every reader answers in seconds, with an exit code and one line."""

from __future__ import annotations

import contextlib
import os
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from campaign.outcome import names
from campaign.tally import Tally
from campaign.targets import LINES, MODELS, TARGETS, option_lines, read_gan
from campaign.warm import Ended, Warm
from campaign.works import Workshop
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

BATCH = 20
"""Inputs that hypothesis draws from one seed. An input is repeated by drawing its batch, and running it alone."""
OPTIONS, THINGS = "options", "things"
SORTS = (
    "pipe",
    "socket",
    "folder",
    "nothing",
    "empty",
    "unreadable",
    "link to itself",
    "link to /dev/zero",
    "link away",
)
"""What may stand where a command expects a file."""


class Case(NamedTuple):
    """An input."""

    words: tuple[str, ...]
    """The command line."""
    file: str = ""
    what: bytes | str = b""
    """What stands in the place of the file: its content, or one of `SORTS`."""


class Fuzz:
    """Fuzzes one target: a file that commands read, the options of all commands, or things that are no files.

    Parameters
    ----------
    warm : Warm
    shop : Workshop
    name : str
        Of a target, or `OPTIONS` or `THINGS`.
    tally : Tally
    """

    def __init__(self, warm: Warm, shop: Workshop, name: str, tally: Tally) -> None:
        self.warm, self.shop, self.tally = warm, shop, tally
        self.kind = f"fuzz:{name}"
        self._place = MODELS
        self._lines: tuple[str, ...] = LINES if name == OPTIONS else ()
        self._cases: st.SearchStrategy[Case] | None = None
        self._target = next((target for target in TARGETS if target.name == name), None)
        if self._target is not None:
            self._place, self._lines = self._target.base, self._target.lines

    def prepare(self) -> None:
        """Check that every command line accepts its base."""
        if self._cases is not None:
            return
        self.warm.programs["gan"] = read_gan
        if self._place.workers:
            self.warm.start_workers()
        for line in self._lines:
            ended = self.warm.learn(self.shop.words(line), self.shop.fresh(self._place))
            assert ended.code == 0, f"{line}: exit {ended.code}, {ended.said()}"
        self._cases = self._drawn()

    def _drawn(self) -> st.SearchStrategy[Case]:
        target, words = self._target, self.shop.words
        if target is not None:
            content = (self.shop.fresh(target.base) / target.file).read_bytes()
            lines = st.sampled_from([tuple(words(line)) for line in target.lines])
            return st.builds(Case, lines, st.just(target.file), target.damage(content))
        if self.kind == f"fuzz:{OPTIONS}":
            return option_lines().map(lambda line: Case(tuple(words(line, "\x1f"))))
        readers = [(tuple(words(line)), target.file) for target in TARGETS for line in target.lines]
        return st.tuples(st.sampled_from(readers), st.sampled_from(SORTS)).map(lambda case: Case(*case[0], case[1]))

    def batch(self, number: int, only: int | None = None) -> None:
        """Draw a batch of inputs, and give each to a command, or one alone."""
        self.prepare()
        count = 0

        @seed(zlib.crc32(f"{self.tally.seed} {self.kind} {number}".encode()))
        @settings(
            max_examples=BATCH,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(self._cases)
        def run(case: Case) -> None:
            nonlocal count
            if only is None or only == count:
                self._run(number * BATCH + count, case)
            count += 1

        run()

    def _run(self, number: int, case: Case) -> None:
        place = self.shop.fresh(self._place)
        with _put(place / case.file, case.what) if case.file else contextlib.nullcontext():
            before = names(place)
            self.tally.add(self.kind, "rounds")
            ended = self.warm(case.words, place)
            new = names(place) - before
        for what, said in wrongs(ended, new, place, self.warm.patience):
            how = case.what if isinstance(case.what, str) else "damaged" * bool(case.file)
            self.tally.find(what, self.kind, number, f"{' '.join(case.words)!r} {how} {case.file}\n  {said}", place)


@contextlib.contextmanager
def _put(path: Path, what: bytes | str) -> Iterator[None]:
    """Put something in the place of a file for a block."""
    path.unlink()
    with contextlib.ExitStack() as stack:
        if isinstance(what, bytes):
            path.write_bytes(what)
        elif what == "pipe":
            os.mkfifo(path)
        elif what == "socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(os.path.relpath(path))
        elif what == "folder":
            path.mkdir()
        elif what in ("empty", "unreadable"):
            path.touch(0o000 if what == "unreadable" else 0o600)
        elif what.startswith("link"):
            path.symlink_to({"link to itself": path.name, "link to /dev/zero": "/dev/zero"}.get(what, "away"))
        yield


def wrongs(ended: Ended, new: set[str], place: Path, patience: float) -> list[tuple[str, str]]:
    """Return what no command may do with any input: kinds of findings, and what was said."""
    if ended.hung:
        return [("hangs", f"over {patience:.0f} s ({ended.cpu:.0f} CPU s)")]
    if ended.traceback:
        return [("tracebacks", ended.said())]
    found = []
    lines = ended.err.splitlines()
    errors = [line for line in lines if line.startswith("Error")]
    if ended.code not in (0, 1, 2):
        found.append(("refused", f"exit {ended.code}: {ended.said()}"))
    elif ended.code and len(errors) != 1 and "Usage:" not in ended.err:
        found.append(("refused", f"exit {ended.code} and not one line: {ended.said()}"))
    left = {name for name in new if ".tmp" in name or ".old" in name}
    if ended.code == 2:
        left |= {name for name in new if Path(name).name not in ended.err}
    temporary = place.with_name("tmp")
    left |= {f"TMPDIR/{name}" for name in os.listdir(temporary)} if temporary.exists() else set()
    if left:
        found.append(("leftovers", f"exit {ended.code}, {sorted(left)}; {ended.said()}"))
    return found
