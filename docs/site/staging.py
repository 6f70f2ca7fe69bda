"""The pages of the repository, copied to where Sphinx reads them, with links that lead somewhere on the site.

A page is plain Markdown, so that it can be read on the code host too. Two things are made from it here: links out of
`docs/` become links to the code host, and the lists of links in the pages of a section become its table of contents.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
HOST = "https://github.com/counterpoise-nlp/counterpoise"
PAGES_OF_THE_ROOT = {
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages beside the README that the site has as well, by where they stand on it."""
SECTIONS = ("docs/README.md", "docs/tutorials.md", "docs/how_to.md", "docs/explanation.md", "docs/reference.md")
"""Pages whose lists of links are a table of contents. A `README.md` in a folder of `docs/` lists what is beside it."""
COPIED = (".md", ".ipynb", ".svg", ".png")
MADE = {
    "api": "- [Python](generated/api.md): every public name, with its parameters and its source.",
    "commands": "- [Commands](generated/commands.md): every option of every command.",
    "settings": "- [Settings](generated/settings.md): every key of a configuration.",
    "strategies": "- [Strategies](generated/strategies.md): every strategy with its parameters.",
    "guards": "- [Guards](generated/guards.md): every guard with its parameters.",
}
"""Pages that are made from the code. On the site they end the list of the reference."""
LINK = re.compile(r"(?<=\]\()(?![a-z]+:)([^)#\s]+)(#[^)\s]*)?(?=\))")
ITEM = re.compile(r"^- \[([^]]*)\]\((?![a-z]+:)([^)#\s]+)", re.MULTILINE)


def places() -> dict[str, str]:
    """Return where each file that the site shows stands in the repository, and where on the site."""
    found = {name: place for name, place in PAGES_OF_THE_ROOT.items() if (ROOT / name).exists()}
    for path in sorted((ROOT / "docs").rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in COPIED and not name.startswith("docs/site/"):
            found[name] = re.sub(r"(^|/)README\.md$", r"\1index.md", name.removeprefix("docs/"))
    return found


def stage(folder: Path) -> None:
    """Copy every page and picture into a folder. What has not changed keeps its time, so that Sphinx skips it."""
    there = places()
    for name, place in there.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            write(target, page(name, there))
        else:
            shutil.copy2(ROOT / name, target)


def write(path: Path, text: str) -> None:
    """Write a page, unless it is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def page(name: str, there: dict[str, str]) -> str:
    """Return a page as the site has it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    contents = {}
    if name in SECTIONS:
        contents = {moved(target, name, there): title for title, target in ITEM.findall(text)}
    text = LINK.sub(lambda link: moved(link[1], name, there) + (link[2] or ""), text)
    if name.startswith("docs/") and name.endswith("/README.md") and name not in SECTIONS:
        below = [
            place
            for place in there.values()
            if place.startswith(posixpath.dirname(there[name])) and place.endswith(".md")
        ]
        contents = dict.fromkeys(["*", *(["*/*"] if any(place.count("/") > 1 for place in below) else [])])
    if name == "docs/reference.md":
        text += "\n" + "\n".join(MADE.values()) + "\n"
        contents |= {f"generated/{page}": None for page in MADE}
    return f"{text}\n{table_of_contents(contents)}" if contents else text


def moved(target: str, name: str, there: dict[str, str]) -> str:
    """Return where a link of a page leads on the site: to another page of it, or to the code host."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    path = f"{path}/README.md" if f"{path}/README.md" in there else path
    if path in there:
        return posixpath.relpath(there[path], PurePosixPath(there[name]).parent)
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{HOST}/{kind}/main/{path}" if (ROOT / path).exists() else target


def table_of_contents(entries: Mapping[str, str | None]) -> str:
    """Return a hidden table of contents, which the navigation of the site shows, of pages and their short titles."""
    lines = []
    for place, title in entries.items():
        name = place.removesuffix(".md").removesuffix(".ipynb")
        lines.append(f"{title} <{name}>" if title else name)
    return "\n".join(["```{toctree}", ":hidden:", ":glob:", "", *lines, "```", ""])
