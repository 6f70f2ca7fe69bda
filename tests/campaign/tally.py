"""What a campaign has done and found."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

WRONG = ("lost", "doubled", "different", "tracebacks", "hangs", "leftovers", "refused")
"""What must be 0. ``refused``: a run that could not be gone on with, a wrong exit code, or more than one line."""
MOST_SHOWN = 40


class Tally:
    """Counts by kind of round; each finding is printed when it is made, with how to repeat its round alone.

    Parameters
    ----------
    seed : int
        Of the campaign.
    kept : Path
        A folder for what the rounds with findings leave.
    """

    def __init__(self, seed: int, kept: Path) -> None:
        self.seed, self.kept = seed, kept
        self.counts: dict[str, Counter[str]] = {}
        self.skipped: list[str] = []
        self._shown = 0

    def add(self, kind: str, what: str, many: int = 1) -> None:
        """Count rounds, kills, faults or inputs."""
        self.counts.setdefault(kind, Counter())[what] += many

    def find(self, what: str, kind: str, number: int, said: str, place: Path | None = None) -> None:
        """Count something wrong in a round, and print it."""
        assert what in WRONG
        self.add(kind, what)
        self._shown += 1
        if self._shown > MOST_SHOWN:
            return
        print(f"{what.upper()} in {kind}, round {number}: {said}", flush=True)
        print(f"  again: make campaign SEED={self.seed} ROUND={kind}:{number}", flush=True)
        if place is not None and place.exists():
            kept = self.kept / f"{kind.replace(':', '-')}-{self.seed}-{number}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(place, kept, symlinks=True, ignore_dangling_symlinks=True, ignore=_special)
            print(f"  its files: {kept}", flush=True)

    def skip(self, reason: str) -> None:
        """Say what could not be done here."""
        self.skipped.append(reason)
        print(f"Skipped: {reason}", flush=True)

    def total(self, what: str, prefix: str = "") -> int:
        """Return a count over all kinds whose name begins with a prefix."""
        return sum(counts[what] for kind, counts in self.counts.items() if kind.startswith(prefix))

    @property
    def clean(self) -> bool:
        return not any(self.total(what) for what in WRONG)

    def table(self) -> str:
        """Return all counts, a line for each kind and one for their sum."""
        heads = ("rounds", "kills", *WRONG)
        lines = [f"{'':36}" + "".join(f"{head:>11}" for head in heads)]
        for kind, counts in sorted(self.counts.items()):
            lines += [f"{kind:36}" + "".join(f"{counts[head]:11,}" for head in heads)]
        lines.append(f"{'all':36}" + "".join(f"{self.total(head):11,}" for head in heads))
        return "\n".join([*lines, *(f"Skipped: {reason}" for reason in self.skipped)])


def _special(folder: str, names: list[str]) -> list[str]:
    """Leave pipes and sockets out of a copy."""
    return [name for name in names if not ((path := Path(folder, name)).is_file() or path.is_dir())]
