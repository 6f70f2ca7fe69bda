"""Rounds of kills of real programs, which take seconds to start: workers of a Ray cluster and local ones."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from campaign.outcome import contents, differences
from campaign.tally import Tally
from campaign.warm import SETUP, Warm
from campaign.works import Work, Workshop

MARK = "COUNTERPOISE_CAMPAIGN"
"""The variable by which the processes of a round are known."""
LINE = "augment upsample in.csv -o out.csv --strategy nlpaug:keyboard --sampling-strategy 40x --resume"
WORK = Work("processes", LINE)
WORKERS, AGENTS = 40, 150
"""Seconds in which workers, and the agents of a Ray that was killed, must have ended."""
HOW = {"ray": "--executor ray --workers 2", "workers": "--workers 2"}


class ProcessRounds:
    """Kill a program with workers, wait for its workers to end, and go on; the rows are those of one process.

    Parameters
    ----------
    warm, shop, tally
        As for `campaign.kills.Rounds`.
    name : {"ray", "workers"}
    """

    def __init__(self, warm: Warm, shop: Workshop, tally: Tally, name: str) -> None:
        self.warm, self.shop, self.tally, self.name = warm, shop, tally, name
        self.kind = f"processes:{name}"
        self._due: dict[str, bytes] = {}
        self._seconds = 0.0

    def round(self, number: int) -> None:
        """Kill once, and go on."""
        if self.name == "ray" and importlib.util.find_spec("ray") is None:
            if not any("ray" in reason for reason in self.tally.skipped):
                self.tally.skip("rounds with ray: it is not installed")
            return
        if not self._due:
            self._prepare()
        rng = random.Random(f"{self.tally.seed} {self.kind} {number}")
        place = self.shop.fresh(WORK)
        self.tally.add(self.kind, "rounds")
        seconds = rng.uniform(0.3, 1.0) * self._seconds
        code, said = self._run(place, seconds)
        self.tally.add(self.kind, "kills", code == -signal.SIGKILL)
        if left := _left():
            self._find("leftovers", number, f"after a kill at {seconds:.1f} s: {left}", place)
        if code not in (0, -signal.SIGKILL):
            self._find("refused", number, f"exit {code}: {said}", place)
        code, said = self._run(place, SETUP)
        if code != 0:
            self._find("refused", number, f"exit {code} after a kill at {seconds:.1f} s: {said}", place)
            return
        for wrong in differences(_tables(place), self._due):
            self._find(wrong.what, number, f"{wrong.said}, after a kill at {seconds:.1f} s", place)
        if left := _left():
            self._find("leftovers", number, f"after the end: {left}", place)

    def _prepare(self) -> None:
        place = self.shop.fresh(WORK)
        alone = self.warm(LINE.split(), place, patience=SETUP)
        assert alone.code == 0, alone.said()
        self._due = _tables(place)
        start = time.monotonic()
        code, said = self._run(self.shop.fresh(WORK), SETUP)
        assert code == 0, said
        self._seconds = time.monotonic() - start

    def _run(self, place: Path, seconds: float) -> tuple[int, str]:
        """Run the program until it ends, or kill it."""
        program, *words = f"{LINE} {HOW[self.name]}".split()
        with place.with_name("err").open("w+") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *words],
                cwd=place,
                env={**os.environ, MARK: secrets.token_hex(4), "TMPDIR": "/tmp"},  # a socket of Ray needs a short path
                stdout=subprocess.DEVNULL,
                stderr=err,
            )
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            err.seek(0)
            return process.returncode, err.read()[-1000:]

    def _find(self, what: str, number: int, said: str, place: Path) -> None:
        self.tally.find(what, self.kind, number, said, place)


def _tables(place: Path) -> dict[str, bytes]:
    """What is there, without the manifest, which tells the hardware of a cluster."""
    return {name: content for name, content in contents(place).items() if not name.endswith(".manifest.json")}


def _left() -> list[str]:
    """Wait for the processes of a round to end, and end those that do not. Return their command lines."""
    start = time.monotonic()
    while (left := _marked()) and time.monotonic() - start < (AGENTS if _are_agents(left) else WORKERS):
        time.sleep(0.2)
    named = []
    for process in left:
        with contextlib.suppress(OSError):
            named.append(_line(process))
            os.kill(process, signal.SIGKILL)
    return named


def _are_agents(processes: list[int]) -> bool:
    """Return whether nothing but agents of Ray is left: they try to tell a cluster of its end that is not there."""
    return all(re.match(r"ray::\w+Agent|$", _line(process)) for process in processes)


def _line(process: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()[:100].replace(b"\0", b" ").decode().strip()
    return ""


def _marked() -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = path.read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if f"{MARK}=".encode() in content and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found
