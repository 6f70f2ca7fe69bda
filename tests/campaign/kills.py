"""Rounds of kills: a command is killed, given again, perhaps killed again, and must end as if nothing had been."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from campaign.file_operations import FAULTS, KILLS, Happening, count, let
from campaign.outcome import Difference, contents, differences, whole_lines
from campaign.tally import Tally
from campaign.warm import SETUP, Ended, Warm
from campaign.works import Work, Workshop


class Rounds:
    """Rounds of kills and of faults of one work.

    Parameters
    ----------
    warm : Warm
    shop : Workshop
    work : Work
    tally : Tally
    """

    def __init__(self, warm: Warm, shop: Workshop, work: Work, tally: Tally) -> None:
        self.warm, self.shop, self.work, self.tally = warm, shop, work, tally
        self._due: dict[str, bytes] = {}

    def prepare(self) -> None:
        """Carry the work out without any hindrance, twice: see what it takes, and what it should leave."""
        if self._due:
            return
        if self.work.workers:
            self.warm.start_workers()
        place = self.shop.fresh(self.work)
        self._before = contents(place)
        first = self.warm.learn(self._words(), place)
        assert first.code == 0, first.said()
        due = contents(place)
        place = self.shop.fresh(self.work)
        diary = place.with_name("diary")
        before, after = count(place.parent, diary)
        second = self.warm(self._words(), place, before=before, after=after, patience=SETUP)
        assert (wrong := differences(contents(place), due)) == [], f"{self.work.name} twice: {wrong}"
        self._operations: list[tuple[str, str]] = json.loads(diary.read_text())
        self._seconds = second.seconds
        self._patience = max(self.warm.patience, 5 * second.seconds)
        self.pages = 3 * sum(-(-path.stat().st_size // 4096) for path in place.rglob("*") if path.is_file())
        """About what the work needs of a disk, in pages of 4 kB, and more."""
        self._due = due

    def kill(self, number: int) -> None:
        """Kill and go on, until it is done."""
        self.prepare()
        kind = f"kills:{self.work.name}"
        rng = random.Random(f"{self.tally.seed} {kind} {number}")
        place = self.shop.fresh(self.work)
        self.tally.add(kind, "rounds")
        done = []
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            before = self._state(place)
            how = rng.choice(("time", *KILLS))
            happening = Happening(how, rng.randint(1, len(self._operations)), seed=rng.randrange(1 << 30))
            seconds = rng.uniform(0, self._seconds)
            by_time = how == "time"
            ended = self._run(place, None if by_time else happening, seconds if by_time else None)
            done.append(f"kill after {seconds:.3f} s" if by_time else str(happening))
            if ended.code is None and not ended.hung:
                self.tally.add(kind, "kills")
            elif self._is_wrong(kind, number, ended, place, done) or ended.code != 0:
                if ended.code not in (0, None):
                    self._find(kind, number, Difference("refused", f"exit {ended.code}, {ended.said()}"), place, done)
                return
            for wrong in self._damage(place, before):
                self._find(kind, number, wrong, place, done)
        self._finish(kind, number, place, done)

    def fault(self, number: int) -> None:
        """Let a file operation fail, each of the work's in turn, in an order by chance."""
        self.prepare()
        kind = f"faults:{self.work.name}"
        rng = random.Random(f"{self.tally.seed} {kind} {number}")
        place = self.shop.fresh(self.work)
        self.tally.add(kind, "rounds")
        order = random.Random(f"{self.tally.seed} {kind}").sample(range(len(self._operations)), len(self._operations))
        at = order[number % len(order)] + 1
        happening = Happening(rng.choice(FAULTS), at, lasts=rng.random() < 0.3)
        name, path = self._operations[at - 1]
        clears = name in ("unlink", "rmdir", "remove") or (name == "open" and ".tmp" in path) or happening.lasts
        said = [f"{happening}, {name} of {path}"]
        self.hinder(kind, number, place, said, before=let(happening, place.parent), clears=clears)

    def hinder(
        self,
        kind: str,
        number: int,
        place: Path,
        done: list[str],
        *,
        before: Callable[[], None] | None = None,
        then: Callable[[], object] | None = None,
        clears: bool = False,
    ) -> None:
        """Run the work where something fails: it says so in one line, and is done when it is given again.

        Parameters
        ----------
        kind, number, place, done
            The round, its folder, and what fails.
        before : callable, optional
            Called in the child before the command, to let something fail.
        then : callable, optional
            Called before the command is given again.
        clears : bool, default=False
            Whether it is clearing away that fails, so that something may be left until then.
        """
        ended = self.warm(self._words(), place, before=before, patience=self._patience)
        if self._is_wrong(kind, number, ended, place, done):
            return
        errors = [line for line in ended.err.splitlines() if line.startswith("Error")]
        if ended.code not in (0, 1, 2):
            self._find(kind, number, Difference("refused", f"exit {ended.code}, {ended.said()}"), place, done)
        elif ended.code and (len(errors) != 1 or ended.err.splitlines()[-1] != errors[0]):
            self._find(kind, number, Difference("refused", f"not one line: {ended.said()}"), place, done)
        left = [] if clears else [one for one in contents(place) if one.endswith(".tmp") or ".tmp/" in one]
        if left:
            self._find(kind, number, Difference("leftovers", str(left)), place, done)
        if then is not None:
            then()
        self._finish(kind, number, place, done)

    def _words(self) -> list[str]:
        return self.shop.words(self.work.line)

    def _run(self, place: Path, happening: Happening | None = None, kill_after: float | None = None) -> Ended:
        before = None if happening is None else let(happening, place.parent)
        return self.warm(self._words(), place, before=before, kill_after=kill_after, patience=self._patience)

    def _find(self, kind: str, number: int, wrong: Difference, place: Path, done: list[str]) -> None:
        self.tally.find(wrong.what, kind, number, f"{wrong.said}\n  after: {'; '.join(done)}", place)

    def _is_wrong(self, kind: str, number: int, ended: Ended, place: Path, done: list[str]) -> bool:
        """Note what no command may do, however it is hindered."""
        if ended.workers:
            self._find(kind, number, Difference("leftovers", f"{ended.workers} worker processes"), place, done)
        if ended.hung:
            said = f"over {self._patience:.0f} s ({ended.cpu:.0f} CPU s): {ended.said()}"
            self._find(kind, number, Difference("hangs", said), place, done)
        elif ended.traceback:
            self._find(kind, number, Difference("tracebacks", ended.said()), place, done)
        return ended.hung or ended.traceback

    def _state(self, place: Path) -> dict[str, list[bytes]]:
        return {name: whole_lines(place / name) for name in self.work.grows}

    def _damage(self, place: Path, before: dict[str, list[bytes]]) -> list[Difference]:
        """Return what a kill has spoilt: lines that were there before, and files that are not whole."""
        now, wrong = contents(place), []
        for name, lines in before.items():
            kept = whole_lines(place / name)
            ended = name.endswith(".journal") and self._outputs_are_there(now)
            if not ended and Counter(lines) - Counter(kept):
                wrong.append(Difference("lost", f"{name} had {len(lines)} lines and has {len(kept)}"))
            if doubled := Counter(kept) - Counter(set(kept)):
                wrong.append(Difference("doubled", f"{name}: {min(doubled)[:200]!r}"))
        inner = tuple(f"{name}/" for name in self.work.whole)
        for path in sorted({*now, *self._before, *self._due}):
            known = self._before.get(path), self._due.get(path)
            if (path in self.work.whole or path.startswith(inner)) and now.get(path) not in known:
                wrong.append(Difference("different", f"{path} is neither the old nor the new one"))
        return wrong

    def _outputs_are_there(self, now: dict[str, bytes]) -> bool:
        return any(name in now for name in self.work.whole)

    def _finish(self, kind: str, number: int, place: Path, done: list[str]) -> None:
        """Give the command once more, and compare."""
        known = self._answered(place)
        asked = len(whole_lines(self.shop.asked))
        ended = self._run(place)
        if self._is_wrong(kind, number, ended, place, done):
            return
        if ended.code != 0:
            self._find(kind, number, Difference("refused", f"exit {ended.code}, {ended.said()}"), place, done)
            return
        for wrong in differences(contents(place), self._due):
            self._find(kind, number, wrong, place, done)
        if self.work.endpoint:
            more = Counter(whole_lines(self.shop.asked)[asked:])
            most = self._answered(place) - known
            if more.total() > most or max(more.values(), default=1) > 1:
                said = f"{more.total()} requests were asked, and {most} had no answer"
                self._find(kind, number, Difference("doubled", said), place, done)

    def _answered(self, place: Path) -> int:
        return sum(len(whole_lines(place / name)) for name in self.work.grows if name.endswith("answers.jsonl"))
