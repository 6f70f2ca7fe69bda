"""The page's server: it answers its own page alone, and every page sees the same review."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
from augment_command import table
from starlette.testclient import TestClient

from augment.review import Review, open_review
from augment.review.server import application

TOKEN = "a-token-of-the-test"
HOST = "127.0.0.1:8123"
ORIGIN = {"origin": f"http://{HOST}"}


@pytest.fixture
def review(mail: Path) -> Iterator[Review]:
    with open_review(mail) as opened:
        yield opened


def client(review: Review, *, token: bool = True, listens: str = "127.0.0.1", host: str = HOST) -> TestClient:
    """A browser: one that has opened the address if it has the token."""
    app = application(review, token=TOKEN, port=8123, host=listens)
    opened = TestClient(app, base_url=f"http://{host}")
    if token:
        assert opened.get(f"/?token={TOKEN}").status_code == 200
    return opened


def post(tab: TestClient, path: str, **sent: Any) -> Any:
    return tab.post(path, json=sent, headers=ORIGIN)


def test_no_request_is_answered_without_the_token(review: Review) -> None:
    stranger = client(review, token=False)
    for path in (
        "/",
        "/?token=wrong",
        "/files/review.js",
        "/api/about",
        f"/api/about?token={TOKEN}",
        "/api/rows",
        "/no",
    ):
        answer = stranger.get(path)
        assert answer.status_code == 403, path
        assert "Message" not in answer.text
    assert post(stranger, "/api/decide", row=0, verdict="reject", seen=0).status_code == 403
    assert review.tally().read == 0
    assert stranger.get("/api/about", headers={"x-review-token": TOKEN}).status_code == 200


def test_the_cookie_is_for_this_page_alone(review: Review) -> None:
    cookie = client(review, token=False).get(f"/?token={TOKEN}").headers["set-cookie"]
    assert cookie.startswith(f"review-8123={TOKEN};")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()


@pytest.mark.parametrize("host", ["evil.example:8123", "127.0.0.1:9", "127.0.0.1", "192.168.0.7:8123"])
def test_a_request_under_another_host_is_refused(review: Review, host: str) -> None:
    tab = client(review)
    assert tab.get("/api/about", headers={"host": host, "x-review-token": TOKEN}).status_code == 403


def test_a_page_that_listens_to_the_network_is_reached_by_address_but_not_by_a_strange_name(review: Review) -> None:
    tab = client(review, listens="0.0.0.0", host="192.168.0.7:8123")
    assert tab.get("/api/about").status_code == 200
    assert tab.get("/api/about", headers={"host": "evil.example:8123"}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9", None])
def test_nothing_is_decided_for_another_page(review: Review, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    sent = {"row": 0, "verdict": "reject", "seen": 0}
    assert client(review).post("/api/decide", json=sent, headers=headers).status_code == 403
    assert review.tally().read == 0


def test_every_answer_forbids_scripts_of_others_and_inline_ones(review: Review) -> None:
    tab = client(review)
    for path in (f"/?token={TOKEN}", "/files/review.js", "/api/about", "/files/none", "/api/row?row=no"):
        headers = tab.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
    page = tab.get("/").text
    assert "<script src=" in page
    assert page.count("<script") == 1
    assert "style=" not in page
    assert "http" not in page


def test_a_name_of_a_table_does_not_become_markup(tmp_path: Path) -> None:
    path = table(str(tmp_path / '"><img src=x onerror=alert(1)>.csv'), [{"text": "a", "label": "b"}] * 3)
    with open_review(path) as review:
        page = client(review).get("/").text
    assert "<img" not in page
    assert "&lt;img" in page


def test_a_decision_is_on_the_disk_before_the_next_row_is_shown(review: Review) -> None:
    tab = client(review)
    answer = post(tab, "/api/decide", row=0, verdict="relabel", label="b", seen=0).json()
    assert answer["row"]["row"] == 1
    assert answer["state"]["relabelled"] == 1
    last = json.loads(review.decisions.path.read_text().splitlines()[-1])
    assert (last["row"], last["decision"], last["label"]) == (0, "relabel", "b")
    undone = post(tab, "/api/undo", seen=1).json()
    assert undone["row"]["row"] == 0
    assert undone["row"]["decision"] is None


def test_a_second_tab_that_is_behind_is_told(review: Review) -> None:
    first, second = client(review), client(review)
    post(first, "/api/decide", row=0, verdict="accept", seen=0)
    behind = post(second, "/api/decide", row=0, verdict="reject", seen=0)
    assert behind.status_code == 409
    assert "Another page has accepted this row" in behind.json()["error"]
    assert behind.json()["state"]["version"] == 1
    assert second.get("/api/state").json()["accepted"] == 1
    assert post(second, "/api/decide", row=0, verdict="reject", seen=1).status_code == 200


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"row": 99, "verdict": "accept", "seen": 0}, "Row 99 is not under review"),
        ({"row": 0, "verdict": "burn", "seen": 0}, "The decision must be one of accept, reject, relabel"),
        ({"row": 0, "verdict": "relabel", "label": 3, "seen": 0}, "There is no class 3"),
        ({"row": "0", "verdict": "accept", "seen": 0}, "whole numbers"),
        ({"row": 0, "verdict": "accept"}, "Expected an object with seen, row, verdict"),
        ({"row": 0, "verdict": "accept", "seen": 0, "label": "x" * 20_000}, "longer than any decision"),
    ],
)
def test_what_is_no_decision_is_refused_in_a_sentence(review: Review, sent: dict[str, Any], says: str) -> None:
    answer = client(review).post("/api/decide", json=sent, headers=ORIGIN)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert review.tally().read == 0


def test_the_list_is_paged_and_filtered_on_the_server(review: Review) -> None:
    tab = client(review)
    page = tab.get("/api/rows", params={"label": "b", "offset": 2, "limit": 2}).json()
    assert page["total"] == 5
    assert [row["row"] for row in page["rows"]] == [5, 7]
    assert tab.get("/api/row", params={"row": 5, "label": "b", "step": 1}).json()["row"]["row"] == 7
    assert tab.get("/api/rows", params={"at_most": "low"}).status_code == 400
