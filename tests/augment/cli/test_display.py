"""Tables and progress, on terminals and in pipes."""

from __future__ import annotations

import re

import pytest

from augment.cli import display
from augment.cli.display import Meter, progress, show_table

ROWS = [["negative", 1200, "a sentence that is long enough to be wrapped on a narrow terminal"], ["neutral", 45, "b"]]
COLUMNS = ["class", "rows", "an example"]


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rows_that_were_there_before_are_done_but_not_in_the_rate() -> None:
    clock = Clock()
    pace = Meter(1000, "rows", done=900, clock=clock)
    assert (pace.done, pace.rate(), pace.left()) == (900, "0.0 rows/s", "")
    clock.now = 10.0
    pace.add(20)
    assert (pace.done, pace.rate(), pace.left()) == (920, "2.0 rows/s", "40 s left")


def test_a_pipe_gets_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(40, "rows", quiet=False, done=20) as advance:
        for _ in range(20):
            advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == [f"{n} of 40 rows" for n in range(24, 41, 4)]
    assert lines[-1].endswith("0 s left)")


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(4, "rows", quiet=True) as advance:
        advance(4)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("terminal", [{}, {"FORCE_COLOR": "1"}])
@pytest.mark.parametrize("width", ["20", "40", "80", "200"])
def test_no_line_ends_in_a_space_or_is_wider_than_the_terminal(
    width: str, terminal: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COLUMNS": width, "TERM": "xterm", **terminal}.items():
        monkeypatch.setenv(name, value)
    show_table("classes", COLUMNS, ROWS)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    for line in plain.splitlines():
        assert line == line.rstrip()
        assert len(line) <= int(width)
    assert "1,200" in plain, "a number is never cut"


def test_a_table_too_wide_for_the_terminal_is_a_block_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show_table("classes", ["class", "rows", "more", "most"], [["negative", 1200, 3400, 5600]])
    assert capsys.readouterr().out == "classes\n\nclass: negative\nrows: 1,200\nmore: 3,400\nmost: 5,600\n"


def test_pipes_get_no_control_codes(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("classes", COLUMNS, ROWS)
    assert "\x1b" not in capsys.readouterr().out


def test_a_dumb_terminal_gets_lines_and_no_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert not display.can_redraw(display.terminal(stderr=True))
    with progress(10, "rows", quiet=False) as advance:
        advance(10)
    assert capsys.readouterr().err.startswith("10 of 10 rows (")
