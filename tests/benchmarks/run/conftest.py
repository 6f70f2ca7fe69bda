"""Estimates of the time that cells take, made in a blink."""

from __future__ import annotations

import pytest

from benchmarks.run import forecast


@pytest.fixture
def timed_in_a_blink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an estimate time few and small batches."""
    monkeypatch.setattr(forecast, "TIMED", 1)
    monkeypatch.setattr(forecast, "SMALL", (1, 4))
    monkeypatch.setattr(forecast, "LARGE", (2, 8))
