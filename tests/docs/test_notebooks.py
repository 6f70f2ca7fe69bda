"""The notebooks: each runs from top to bottom on the sample, and opens in Colab."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
SLOW = {"does_it_help"}


@pytest.mark.parametrize(
    "notebook", [pytest.param(one, id=one.stem, marks=[pytest.mark.slow] * (one.stem in SLOW)) for one in NOTEBOOKS]
)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="nbclient, of the extra docs, is not installed")
    command = [sys.executable, str(ROOT / "docs/site/notebooks.py"), str(tmp_path), str(notebook)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept, now = (json.loads(path.read_text(encoding="utf-8")) for path in (notebook, tmp_path / notebook.name))
    assert [len(cell.get("outputs", ())) for cell in now["cells"]] == [
        len(cell.get("outputs", ())) for cell in kept["cells"]
    ], "run `make notebooks`"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_in_colab(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    address = "https://colab.research.google.com/github/counterpoise-nlp/counterpoise/blob/main"
    assert f"{address}/{notebook.relative_to(ROOT).as_posix()})" in text
