"""Fixtures of the command: a folder with a table in it, and a strategy that was installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from augment_command import PLUGIN, ROWS, table


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of installed distributions with one strategy in it, as pip would lay it out."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "swapping-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: swapping\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[counterpoise.strategies]\nswap = swapping_plugin:Swap\n")
    (folder / "swapping_plugin.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder
    sys.modules.pop("swapping_plugin", None)


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
