"""Rounds of kills of `augment review`: a decision that the page was told of is in the file, once."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

from campaign.file_operations import KILLS, Happening, let
from campaign.outcome import whole_lines
from campaign.tally import Tally
from campaign.warm import Warm
from campaign.works import BALANCED, Work, Workshop

WORK = Work("review", "", before=(BALANCED,))
LINE = "augment review balanced.csv --no-browser"
FILE = "balanced.csv.decisions.jsonl"


class ReviewRounds:
    """Kill the server of a review while somebody decides; open it again, and look what is left.

    Parameters
    ----------
    warm, shop, tally
        As for `campaign.kills.Rounds`.
    """

    kind = "kills:review"

    def __init__(self, warm: Warm, shop: Workshop, tally: Tally) -> None:
        self.warm, self.shop, self.tally = warm, shop, tally

    def round(self, number: int) -> None:
        """Decide and kill, some times in a row."""
        rng = random.Random(f"{self.tally.seed} {self.kind} {number}")
        place = self.shop.fresh(WORK)
        self.tally.add(self.kind, "rounds")
        told: list[dict[str, Any]] = []  # the records that the page knows to be kept
        for _ in range(rng.choice((1, 2, 3))):
            reader = _Reader(place, rng, told)
            how = rng.choice(("time", *KILLS))
            happening = Happening(how, rng.randint(1, 80), seed=rng.randrange(1 << 30))
            before = None if how == "time" else let(happening, place)
            ended = self.warm(LINE.split(), place, before=before, while_it_runs=reader.decide)
            if ended.code is None:
                self.tally.add(self.kind, "kills")
            elif ended.traceback or ended.code:
                what = "tracebacks" if ended.traceback else "refused"
                self.tally.find(what, self.kind, number, f"exit {ended.code}: {ended.said()}", place)
                return
            for what, said in _wrongs(place, told, reader.sent):
                self.tally.find(what, self.kind, number, f"after {how}: {said}", place)
                return
        summary = self.warm([*LINE.split()[:3], "--summary"], place)
        if summary.code != 0:
            self.tally.find("refused", self.kind, number, f"--summary: exit {summary.code}, {summary.said()}", place)


def _wrongs(place: Path, told: list[dict[str, Any]], sent: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Compare the file with what the page was told. `told` gets what was kept without an answer."""
    kept = [_of_record(json.loads(line)) for line in whole_lines(place / FILE)[1:]]
    if kept[: len(told)] != told:
        return [("lost", f"{len(told)} decisions were kept, and the file has {len(kept)}: {kept[-3:]}")]
    more = kept[len(told) :]
    if more and more != [sent]:
        return [("doubled", f"the file has {more} more, and {sent} was sent")]
    told += more
    return []


def _of_record(record: dict[str, Any]) -> dict[str, Any]:
    if "undo" in record:
        return {"undo": True}
    return {"row": record["row"], "decision": record["decision"]}


class _Reader:
    """A person at the page, who is quick."""

    def __init__(self, place: Path, rng: random.Random, told: list[dict[str, Any]]) -> None:
        self._place, self._rng, self._told = place, rng, told
        self.sent: dict[str, Any] | None = None

    def decide(self, child: int) -> None:
        """Decide until the server is gone."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            found = self._address(child)
            if found is None:
                return
            self._port, self._token = int(found[1]), found[2]
            self._seen = self._ask("GET", "/api/state")["version"]
            self._rows = [one["row"] for one in self._ask("GET", "/api/rows?limit=100")["rows"]]
            timer = threading.Timer(self._rng.uniform(0, 0.4), os.kill, (child, signal.SIGKILL))
            timer.start()
            try:
                for _ in range(60):
                    self._one()
            finally:
                timer.cancel()
                timer.join()

    def _address(self, child: int) -> re.Match[str] | None:
        """Wait for the address that the command prints; None if it ends before."""
        end = time.monotonic() + 20
        out = self._place.with_name(f"{self._place.name}.out")
        while time.monotonic() < end:
            found = re.search(r"127\.0\.0\.1:(\d+)/\?token=(\S+)\n", out.read_text() if out.exists() else "")
            if found is not None or Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return found
            time.sleep(0.005)
        return None

    def _one(self) -> None:
        """Decide once, or take a decision back."""
        row = self._rng.choice(self._rows)
        verdict = self._rng.choice(("accept", "accept", "reject", "undo"))
        undo = verdict == "undo"
        self.sent = {"undo": True} if undo else {"row": row, "decision": verdict}
        path, body = ("undo", {}) if undo else ("decide", {"row": row, "verdict": verdict})
        answer = self._ask("POST", f"/api/{path}", {**body, "seen": self._seen})
        self._seen = answer["state"]["version"]
        if answer.get("undone", "error" not in answer):
            self._told.append(self.sent)
        self.sent = None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        host = f"127.0.0.1:{self._port}"
        headers = {"Host": host, "Origin": f"http://{host}", "x-review-token": self._token}
        headers["Content-Type"] = "application/json"
        page = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(page):
            page.request(method, path, None if body is None else json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(page.getresponse().read())
            return answer
