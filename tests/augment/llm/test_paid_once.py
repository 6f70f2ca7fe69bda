"""The strategy `llm` with its real engines: nothing that was answered is asked again, whatever happens."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from augment_command import COMMAND, augment, invoke, manifest, table
from language_models import rows
from stub_endpoint import completion, refusal, served

from augment import LLM
from augment.llm.answers import KeptAnswers
from augment.llm.requests import Answer, Request, request_of

KEY = "sk-proj-0123456789abcdefSECRET"
ROWS = [
    *({"text": text, "label": "neutral"} for text in ("The shop opens at nine.", "We sat by the door.")),
    *({"text": f"I loved every minute of day {n}.", "label": "positive"} for n in range(30)),
]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in sorted(os.environ):
        if name.startswith("OPENAI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    table("in.csv", ROWS)
    return tmp_path


def kept(path: str = "out.csv.answers.jsonl") -> list[str]:
    """Return the keys of the whole lines of an answers file."""
    lines = Path(path).read_bytes().split(b"\n")[:-1] if Path(path).exists() else []
    return [json.loads(line)["key"] for line in lines]


def test_a_run_that_was_killed_asks_nothing_that_was_answered_and_ends_with_the_same_bytes(place):
    enough = threading.Event()

    def reply(body, number):
        if number >= 12 and not enough.is_set():
            time.sleep(0.05)
        return completion(rows(body))

    with served(reply) as server:
        line = f"upsample in.csv -o out.csv --strategy llm --model tiny --param base_url={server.url}"
        run = subprocess.Popen(
            [COMMAND, *line.split(), "--param", "concurrency=1"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        patience = time.monotonic() + 120
        while len(kept()) < 13 and run.poll() is None and time.monotonic() < patience:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        enough.set()
        paid = kept()
        assert 13 <= len(paid) < 28
        assert not Path("out.csv").exists()
        before = len(server.bodies)
        augment(f"{line} --resume")
        asked = Counter(request_of(body).key for body in server.bodies[before:])
        assert not set(asked) & set(paid)
        assert max(asked.values()) == 1
        first = Path("out.csv").read_bytes()
        augment(f"{line.replace('out.csv', 'whole.csv')}")
        assert Path("whole.csv").read_bytes() == first
        assert sorted(kept()) == sorted(kept("whole.csv.answers.jsonl"))


def test_answers_are_on_the_disk_before_a_manifest_counts_them(place, monkeypatch):
    synced = []
    monkeypatch.setattr("augment.llm.answers.flush", lambda path: synced.append((path, path.stat().st_size)))
    kept_answers = KeptAnswers(file=place / "answers.jsonl")
    for key in ("a", "b"):
        kept_answers.add(Request(key, {}), Answer("fine", "stop", None, None))
    assert kept_answers.record()["answers"] == 2
    assert synced == [(place / "answers.jsonl", (place / "answers.jsonl").stat().st_size)]


def test_answers_are_on_the_disk_before_anything_is_made_of_them(place, monkeypatch):
    monkeypatch.setattr("augment.llm.answers.SYNCED", 3600.0)
    on_disk = [0]
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (fsync(handle), on_disk.append(os.fstat(handle).st_size)))
    kept_answers = KeptAnswers((), Path("answers.jsonl"))
    requests = [request_of({"model": "m", "messages": [], "seed": seed}) for seed in range(5)]
    for request in requests:
        kept_answers.add(request, Answer("yes"))
    whole = Path("answers.jsonl").stat().st_size
    assert on_disk[-1] < whole, "a power cut may cost the last ones, which are asked for again"
    kept_answers.use(request.key for request in requests)
    assert on_disk[-1] == whole
    syncs = len(on_disk)
    kept_answers.use(request.key for request in requests)
    assert len(on_disk) == syncs, "nothing new"


def test_a_thousand_requests_are_under_way_at_a_time(place):
    table("many.csv", [*ROWS[:2], *({"text": f"I loved day {n}.", "label": "positive"} for n in range(1202))])
    with served(lambda body, number: completion(rows(body)), together=1000) as server:
        augment(
            f"upsample many.csv -o out.csv --strategy llm --model tiny --param base_url={server.url} --guard none"
            " --param concurrency=1000 --sampling-strategy neutral=1202"
        )
        assert server.most_under_way == 1000
    assert len(set(kept())) == len(kept()) >= 1200


def test_the_key_stands_in_nothing_that_is_written_or_said(place, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served(lambda body, number: completion(rows(body))) as server:
        done = augment(f"upsample in.csv -o out.csv --strategy llm --model tiny --param base_url={server.url}")
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    with served(lambda body, number: refusal(401, f"Incorrect API key provided: {KEY}")) as server:
        failed = invoke(f"upsample in.csv -o no.csv --strategy llm --model tiny --param base_url={server.url}")
    assert failed.exit_code == 2
    said = done.output + failed.output + repr(LLM(model="tiny", base_url=server.url))
    assert "SECRET" not in said
    assert sorted(path.name for path in place.iterdir() if path.name.startswith("no")) == []
    assert all("SECRET" not in path.read_text() for path in place.iterdir())


def test_a_wrong_model_and_an_address_without_an_endpoint_leave_nothing_behind(place):
    with served(lambda body, number: refusal(404, "The model `tin` does not exist")) as server:
        wrong = invoke(f"upsample in.csv -o out.csv --strategy llm --model tin --param base_url={server.url}")
        page = invoke(f"upsample in.csv -o out.csv --strategy llm --model tiny --param base_url={server.url[:-3]}")
    assert (wrong.exit_code, page.exit_code) == (2, 2)
    assert "has no model 'tin'" in wrong.stderr
    assert "is not an OpenAI-compatible endpoint" in page.stderr
    assert [path.name for path in place.iterdir()] == ["in.csv"]


def test_a_local_model_answers_in_the_process(place, causal_lm):
    Path("short.jinja").write_text("{{ source | data }}")
    line = f"upsample in.csv --strategy llm --model {causal_lm} --guard none --param max_tokens=12 --device cpu"
    augment(f"{line} -o out.csv --sampling-strategy neutral=6 --param template=short.jinja")
    record = manifest("out.csv")["strategy"]["record"]
    assert record["engine"] == "local"
    assert record["asked"]["requests"] == len(kept()) > 0
    with open("out.csv", newline="") as file:
        made = [row for row in csv.DictReader(file) if row["is_synthetic"] == "true"]
    assert len(made) + manifest("out.csv")["missing"].get("neutral", {"rows": 0})["rows"] == 4
