"""The site: it is built without a warning and without a network, and every link within it leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r'\b(href|src)="([^"]*)"')
ID = re.compile(r'\bid="([^"]*)"')
ITEM = re.compile(r"^- \[[^]]*\]\(([^)#]+)", re.MULTILINE)
SECTIONS = ("tutorials.md", "how_to.md", "explanation.md", "reference.md")


def test_every_page_is_in_the_list_of_a_section() -> None:
    docs = ROOT / "docs"
    listed = {*SECTIONS, "README.md"}
    for section in SECTIONS:
        listed |= {*ITEM.findall((docs / section).read_text(encoding="utf-8"))}
    pages = {path.relative_to(docs).as_posix() for path in [*docs.glob("*.md"), *docs.glob("notebooks/*.ipynb")]}
    assert sorted(pages - listed) == [], "add a line to docs/tutorials.md, how_to.md, explanation.md or reference.md"


@pytest.mark.slow  # the workflow of the docs runs it on every push
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="Sphinx, of the extra docs, is not installed")
def test_the_site_is_built_without_a_warning_and_no_link_within_it_is_broken(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs/site/build.py"), str(tmp_path), "--no-reports"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    html = tmp_path / "html"
    texts = {path: path.read_text(encoding="utf-8") for path in html.rglob("*.html") if "_static" not in path.parts}
    ids = {path: {*ID.findall(text)} for path, text in texts.items()}
    broken, outside = set(), set()
    for path, text in texts.items():
        for kind, target in LINK.findall(text):
            place, _, part = unquote(target).partition("#")
            if re.match(r"[a-z]+:", place):
                outside |= {target} if kind == "src" else set()
                continue
            there = (path.parent / place.partition("?")[0]).resolve() if place else path
            if not there.exists() or (part and there in ids and part not in ids[there]):
                broken.add(f"{path.relative_to(html)}: {target}")
    assert sorted(broken) == []
    assert sorted(outside) == []  # no script and no picture comes from elsewhere
    for name, shown in {
        "generated/api/augment.FillMask": "mask_ratio",
        "generated/commands/augment": "--sampling-strategy",
        "generated/settings": "train_rows",
        "generated/guards": "near_duplicate",
    }.items():
        assert shown in texts[html / f"{name}.html"]
    assert "/blob/main/augment/text/fill_mask.py#L" in texts[html / "generated/api/augment.FillMask.html"]
