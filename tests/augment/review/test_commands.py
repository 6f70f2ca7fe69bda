"""`augment review` as a command: what it prints, what it refuses, and where it listens."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from augment_command import augment, invoke, refused, table

pytest.importorskip("uvicorn")
from augment.review import open_review, server


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """How the page would have been served."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(server, "serve", lambda review, **options: calls.append(options))
    return calls


def test_the_page_is_for_this_machine_alone_unless_a_host_is_given(mail: Path, served: list[dict[str, Any]]) -> None:
    assert "Warning" not in augment("review mail.csv").stderr
    assert (served[0]["host"], served[0]["port"], served[0]["browser"]) == ("127.0.0.1", 0, True)
    warned = augment("review mail.csv --host 0.0.0.0 --port 8123 --no-browser").stderr
    assert "the page listens on 0.0.0.0" in warned
    assert (served[1]["host"], served[1]["port"], served[1]["browser"]) == ("0.0.0.0", 8123, False)


def test_the_summary_says_how_far_a_review_is_and_what_to_do_next(mail: Path) -> None:
    assert "Nothing is read yet." in augment("review mail.csv --summary").stdout
    with open_review(mail) as review:
        for row in range(4):
            review.decide(row, "accept")
    text = augment("review mail.csv --summary").stdout
    assert "4 of 10 rows read: 4 accepted, 0 rejected, 0 relabelled." in text
    assert "the other 6 rows are expected to be 100 % good" in text
    assert "`augment apply mail.csv` carries them out" in text


def test_what_cannot_be_reviewed_is_refused_in_one_line(mail: Path) -> None:
    refused("review none.csv", "no such file")
    refused("review mail.csv --sample 0 --summary", "A sample has 1 row or more")
    table("empty.csv", [{"text": "", "label": "a"}] * 2)
    refused("review empty.csv --summary", "has no rows to review: none has a text")


@pytest.mark.parametrize("change", [{"guards": [0.5]}, {"input": 7}, {"input": {"layout": 1.5}}, {"reviews": [1]}])
def test_a_manifest_that_was_edited_is_refused_in_one_line(balanced: Path, change: dict[str, Any]) -> None:
    path = Path("balanced.csv.manifest.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    refused("review balanced.csv --summary", "balanced.csv.manifest.json", "does not hold what belongs there")


def test_a_port_that_is_taken_is_named(mail: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke(f"review mail.csv --no-browser --port {port}")
    assert result.exit_code == 2
    assert f"127.0.0.1:{port}: cannot be listened on" in result.stderr
    assert "give another --port" in result.stderr
    assert not Path("mail.csv.decisions.jsonl").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_page_ends_with_a_summary_and_leaves_nothing_if_nothing_was_decided(mail: Path, how: int) -> None:
    command = [sys.executable, "-u", "-m", "augment", "review", "mail.csv", "--no-browser"]
    page = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    assert page.stdout is not None
    address = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S{20,}", page.stdout.readline())
    assert address is not None
    page.send_signal(how)
    out, err = page.communicate(timeout=30)
    assert page.returncode == 0, err
    assert "0 of 10 rows read" in out
    assert "Traceback" not in err
    assert not Path("mail.csv.decisions.jsonl").exists()
