"""Inputs that are damaged by chance: every reader answers in seconds, with an exit code and one line."""

from __future__ import annotations

import os
from pathlib import Path

from campaign.outcome import contents
from campaign.tally import Tally
from campaign.targets import LINES, MODELS, TARGETS, Target, option_lines, read_gan
from campaign.warm import Ended, Warm
from campaign.works import Workshop
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

BATCH = 20
"""Inputs that hypothesis draws from one seed. An input is repeated by drawing its batch, and running it alone."""
OPTIONS = "options"


class Fuzz:
    """Fuzzes one target: a file that commands read, or the options of all commands.

    Parameters
    ----------
    warm : Warm
    shop : Workshop
    name : str
        Of a target, or `OPTIONS`.
    tally : Tally
    """

    def __init__(self, warm: Warm, shop: Workshop, name: str, tally: Tally) -> None:
        self.warm, self.shop, self.tally = warm, shop, tally
        self.kind = f"fuzz:{name}"
        self._target = next((target for target in TARGETS if target.name == name), None)
        self._base: bytes = b""

    @property
    def lines(self) -> tuple[str, ...]:
        return LINES if self._target is None else self._target.lines

    def prepare(self) -> None:
        """Check that every command line accepts its base."""
        if self._base:
            return
        self.warm.programs["gan"] = read_gan
        self._place = MODELS if self._target is None else self._target.base
        if self._place.workers:
            self.warm.start_workers()
        for line in self.lines:
            place = self.shop.fresh(self._place)
            base = (place / self._target.file).read_bytes() if self._target else b"-"
            ended = self.warm.learn(self.shop.words(line), place)
            assert ended.code == 0, f"{line}: exit {ended.code}, {ended.said()}"
        self._base = base

    def batch(self, number: int, only: int | None = None) -> None:
        """Draw a batch of inputs, and give each to a command, or one alone."""
        self.prepare()
        count = 0
        strategy = option_lines() if self._target is None else _cases(self._target, self._base)

        @seed(hash_of(self.tally.seed, self.kind, number))
        @settings(
            max_examples=BATCH,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def run(case: str | tuple[str, bytes]) -> None:
            nonlocal count
            if only is None or only == count:
                self._run(number * BATCH + count, case)
            count += 1

        run()

    def _run(self, number: int, case: str | tuple[str, bytes]) -> None:
        place = self.shop.fresh(self._place)
        if isinstance(case, tuple):
            line, content = case
            words = self.shop.words(line)
            (place / self._target.file).write_bytes(content)
        else:
            words = [word.replace("BERT", str(self.shop.bert)) for word in case.split("\x1f")]
            if any("\0" in word for word in words):
                return
        before = set(contents(place))
        self.tally.add(self.kind, "rounds")
        ended = self.warm(words, place)
        for what, said in wrongs(ended, set(contents(place)) - before, place, self.warm.patience):
            self.tally.find(what, self.kind, number, f"{' '.join(words)!r}\n  {said}", place)


def _cases(target: Target, base: bytes) -> st.SearchStrategy[tuple[str, bytes]]:
    return st.tuples(st.sampled_from(target.lines), target.damage(base))


def hash_of(*parts: object) -> int:
    """Return a seed that is the same in every process."""
    import zlib

    return zlib.crc32(repr(parts).encode())


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
