"""Build the site: `python docs/site/build.py FOLDER`. Nothing is read from a network."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from reference import write_reference  # noqa: E402
from results import write_results  # noqa: E402
from sphinx.cmd.build import main as sphinx  # noqa: E402
from staging import stage  # noqa: E402


def main() -> int:
    """Build it, and return the exit code of Sphinx."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pages, what Sphinx keeps, and the site go")
    parser.add_argument("--no-reports", action="store_true", help="keep the committed reports of results as they are")
    given = parser.parse_args()
    pages = given.folder / "pages"
    stage(pages)
    write_reference(pages)
    if not given.no_reports:
        write_results(pages, given.folder / "reports")
    arguments = ["-c", HERE, "-d", given.folder / "doctrees", "-W", "--keep-going", "-q", "-b", "html"]
    return sphinx([*map(str, arguments), str(pages), str(given.folder / "html")])


if __name__ == "__main__":
    sys.exit(main())
