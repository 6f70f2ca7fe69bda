"""The page in a real browser: keys, undo, reload, two tabs, hostile texts, many rows."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from augment_command import table

from augment.review import Review, open_review
from augment.review.server import _listening, application

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser is installed: apt-get install chromium")
TOKEN = "the-token-of-the-test"
HOSTILE = [
    "<script>document.title = 'run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "</textarea></section><svg onload=document.title='run'>",
    "‮שלום, זה טוב מאוד‬ und wieder links",
    "{{ 7 * 7 }} ${7*7} &lt;b&gt;",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Review], str]]:
    """Serve a review, and give the address of its page."""
    running = []

    def served(review: Review) -> str:
        socket = _listening("127.0.0.1", 0)
        port = socket.getsockname()[1]
        app = application(review, token=TOKEN, port=port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{port}/?token={TOKEN}"

    yield served
    for server, thread in running:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def tab(browser: Any, serve: Callable[[Review], str]) -> Iterator[Callable[..., Any]]:
    """Open a review in a tab; what goes wrong in its script fails the test."""
    context = browser.new_context()
    wrong: list[str] = []

    def opened(review: Review | None = None, address: str = "") -> Any:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(address or serve(review))
        page.wait_for_selector("body[data-ready]")
        return page

    yield opened
    context.close()
    assert wrong == []


def press(page: Any, keys: str) -> None:
    """Press keys one after another, each when the page has answered the last."""
    for key in keys:
        page.keyboard.press({"<": "ArrowLeft", ">": "ArrowRight"}.get(key, key))
        page.wait_for_selector("body:not([data-busy])")


def shown(page: Any) -> str:
    return page.inner_text("#text .text")


def verdicts(review: Review) -> dict[int, str]:
    return {row: one.label or one.verdict for row, one in review.decisions.history.all().items()}


def test_a_review_by_keys_alone_with_undo_and_a_reload(mail: Path, tab: Callable[..., Any]) -> None:
    with open_review(mail) as review:
        page = tab(review)
        assert TOKEN not in page.url
        assert page.get_by_role("progressbar").get_attribute("aria-valuenow") == "0"
        press(page, "ar2")
        assert verdicts(review) == {0: "accept", 1: "reject", 2: "b"}
        press(page, "u")
        assert verdicts(review) == {0: "accept", 1: "reject"}
        assert shown(page) == "Message station 2"
        press(page, "a><")
        assert shown(page) == "Message library 3"
        page.reload()
        page.wait_for_selector("body[data-ready]")
        assert shown(page) == "Message library 3"
        assert "3 of 10 read: 2 accepted, 1 rejected, 0 relabelled" in page.inner_text("#counts")
        assert page.get_by_role("progressbar").get_attribute("aria-valuenow") == "3"
        page.keyboard.press("/")
        page.keyboard.type("arr")  # letters in the search are no decisions
        sync_api.expect(page.locator("#total")).to_have_text("0 rows")
        assert "No row fits this filter" in page.inner_text("#nothing")
        page.get_by_role("button", name="Clear").click()
        sync_api.expect(page.locator("#total")).to_have_text("10 rows")
        assert verdicts(review) == {0: "accept", 1: "reject", 2: "accept"}
    records = [json.loads(line) for line in Path("mail.csv.decisions.jsonl").read_text().splitlines()]
    assert [record.get("decision", "undo") for record in records[1:]] == [
        "accept",
        "reject",
        "relabel",
        "undo",
        "accept",
    ]


def test_two_tabs_see_one_review(mail: Path, tab: Callable[..., Any]) -> None:
    with open_review(mail) as review:
        first = tab(review)
        second = tab(address=first.url)
        first.bring_to_front()
        press(first, "a")
        second.evaluate(
            "state.version = 0; row.row === 0 || document.body.remove()"
        )  # as it was before it had the focus
        second.keyboard.press("r")
        second.wait_for_selector("#alert:not([hidden])")
        assert "Another page has accepted this row" in second.inner_text("#alert")
        assert second.inner_text("#decision") == "accepted"
        assert verdicts(review) == {0: "accept"}
        press(second, "r")
        assert verdicts(review) == {0: "reject"}
        first.evaluate("window.dispatchEvent(new Event('focus'))")
        sync_api.expect(first.locator("#alert")).to_contain_text("This page is up to date again")
        assert "1 of 10 read: 0 accepted, 1 rejected" in first.inner_text("#counts")


def test_no_text_becomes_markup_and_each_is_shown_as_it_is(
    tmp_path: Path, balanced: Path, tab: Callable[..., Any]
) -> None:
    rows = [{"text": text, "label": f"<b>{i % 2}", '<i onclick="x">': text} for i, text in enumerate(HOSTILE)]
    with open_review(table("<img src=x onerror=alert(1)>.csv", rows)) as review:
        page = tab(review)
        for text in HOSTILE:
            assert shown(page) == text
            press(page, "1")
        assert page.title() == "<img src=x onerror=alert(1)>.csv: review"
        assert page.locator("main img, main svg, main script, main b b, aside img, aside svg").count() == 0
        assert page.evaluate("getComputedStyle(document.querySelector('#text .text')).unicodeBidi") in (
            "plaintext",
            "isolate",
        )
        for name in page.locator("button, input, select").all():
            assert name.evaluate("e => e.textContent.trim() || e.ariaLabel || e.labels?.length > 0 || e.title"), name


def test_long_texts_are_folded_and_opened_by_a_click(tmp_path: Path, tab: Callable[..., Any]) -> None:
    text = "start " + "word " * 2000 + "end"
    with open_review(table(str(tmp_path / "long.csv"), [{"text": text, "label": "ab"[i]} for i in range(2)])) as review:
        page = tab(review)
        assert len(shown(page)) < 1000
        page.get_by_role("button", name="more characters").click()
        assert shown(page) == text


def test_new_rows_stand_beside_their_sources_with_the_changes_marked(balanced: Path, tab: Callable[..., Any]) -> None:
    with open_review(balanced) as review:
        page = tab(review)
        assert page.locator("#source del").count() == page.locator("#text ins").count() == 1
        assert page.inner_text("#text ins").startswith("zu")


@pytest.mark.parametrize("width", [380, 768, 1280])
def test_the_page_fits_its_width(balanced: Path, tab: Callable[..., Any], width: int) -> None:
    with open_review(balanced) as review:
        page = tab(review)
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("accept", "reject", "undo", "back", "next"):
            assert page.get_by_role("button", name=name, exact=False).first.is_visible()


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_reviewed_without_lag(tmp_path: Path, tab: Callable[..., Any]) -> None:
    words = [f"word{i % 977}" for i in range(20_000)]
    rows = [
        {"text": " ".join(words[i % 15_000 : i % 15_000 + 12]) + f" {i}", "label": "abc"[i % 3]} for i in range(100_000)
    ]
    with open_review(table(str(tmp_path / "many.csv"), rows)) as review:
        page = tab(review)
        assert page.inner_text("#total") == "100,000 rows"
        start = time.perf_counter()
        press(page, "aaaaaaaaaa")
        assert (time.perf_counter() - start) / 10 < 0.5
        start = time.perf_counter()
        page.fill("#search", "99999")
        sync_api.expect(page.locator("#total")).to_have_text("1 row")
        assert time.perf_counter() - start < 3
        assert page.evaluate("document.getElementsByTagName('*').length") < 600
