"""Fixtures that several folders of tests use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "augment_command", "filled_masks", "opened_models", "small_gans", "smote_family", "swapped_words", "vector_tables"
)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Of few rows, threads wait for each other longer than they work."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture
def vector_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences: list[str], bert: Path) -> Path:
    """The working folder, with `in.csv` and the folder `tiny` of an encoder in it; each model is opened once."""
    from augment_command import table
    from vector_tables import opened, rows_of

    import augment.models.encoder

    monkeypatch.setattr(augment.models.encoder, "load_encoder", opened)
    monkeypatch.chdir(tmp_path)
    table("in.csv", rows_of(sentences))
    os.symlink(bert, "tiny")
    return tmp_path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of installed distributions with one strategy in it, as pip would lay it out."""
    from augment_command import PLUGIN

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
