"""Fixtures of the command: a folder with a table in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from augment_command import ROWS, table


@pytest.fixture
def place(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `in.csv` in it."""
    monkeypatch.chdir(tmp_path)
    table("in.csv", ROWS)
    return tmp_path


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any attempt to open a model fail the test."""
    import augment.text.fill_mask

    monkeypatch.setattr(augment.text.fill_mask, "load_masked_lm", lambda *a, **k: pytest.fail("a model was opened"))
