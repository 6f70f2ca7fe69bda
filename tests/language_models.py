"""A language model for tests: it answers each request in the form that is asked for, and keeps a diary."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from augment.llm.requests import Answer

SUBJECTS = ("shop", "waiter", "train", "museum", "parcel", "garden", "kitchen", "bus", "old man", "doctor", "bell")
VERBS = ("opens", "stands", "came", "waits", "was built", "closes", "turns", "is painted", "rests")
ENDS = (
    "at nine",
    "on Monday",
    "by the river",
    "after lunch",
    "in the old town",
    "near the bridge",
    "at the third stop",
)


class Fake:
    """Answers every request with made-up sentences that depend on its seed alone."""

    def __init__(self, answer: Any = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.closed = False
        self._answer = answer or rows

    def answer(self, requests, keep):
        assert len({request.key for request in requests}) == len(requests), "a request was asked twice"
        for request in requests:
            self.asked.append(request.body)
            given = self._answer(request.body)
            keep(request, given if isinstance(given, Answer) else Answer(given, "stop", 100, 20))

    def close(self):
        self.closed = True


def count(body: dict[str, Any]) -> int:
    """Return how many rows a body asks for."""
    wanted = re.search(r"Write (\d+) new|Rewrite this text (\d+) times", body["messages"][-1]["content"])
    return int(wanted[1] or wanted[2]) if wanted else 1


def sentences(body: dict[str, Any], many: int) -> list[str]:
    rng = random.Random(body["seed"])
    return [
        f"The {rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(ENDS)}, and number {rng.randrange(10**6)} follows."
        for _ in range(many)
    ]


def rows(body: dict[str, Any]) -> str:
    return json.dumps({"rows": sentences(body, count(body))})
