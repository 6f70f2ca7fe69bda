"""Run notebooks from top to bottom, and keep what they print: `python docs/site/notebooks.py FOLDER NOTEBOOK …`.

The cell with the tag `install` is not run: it is for a machine that does not have the package yet.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


def run(notebook: Path, target: Path) -> None:
    """Run a notebook in an empty folder, with this checkout on its path, and write it with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    page = nbformat.read(notebook, as_version=4)
    client = NotebookClient(page, timeout=300, kernel_name="python3", record_timing=False)
    with tempfile.TemporaryDirectory() as folder:
        client.resources = {"metadata": {"path": folder}}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with client.setup_kernel(env={**os.environ, "PYTHONPATH": path, "IPYTHONDIR": folder}):
            for number, cell in enumerate(page.cells):
                if cell.cell_type == "code" and "install" not in cell.metadata.get("tags", ()):
                    client.execute_cell(cell, number)
                    cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]  # bars and warnings
    page.metadata.get("language_info", {}).pop("version", None)
    target.write_text(nbformat.writes(page) + "\n", encoding="utf-8")


def main() -> None:
    """Run those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where they are written")
    parser.add_argument("notebooks", type=Path, nargs="+")
    given = parser.parse_args()
    for notebook in given.notebooks:
        run(notebook, given.folder / notebook.name)


if __name__ == "__main__":
    main()
