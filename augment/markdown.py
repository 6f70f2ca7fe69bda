"""Markdown that is written from data: texts escaped, tables, and the front matter of a card."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def escaped(text: object) -> str:
    r"""Escape in a text what Markdown would take for markup of HTML, a link, code or another line.

    Examples
    --------
    >>> print(escaped("<b>a</b> [x](y)"))
    &lt;b>a&lt;/b> [x\](y)
    """
    plain = re.sub(r"&(?=#?\w+;)", "&amp;", " ".join(str(text).splitlines()))
    plain = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", plain)
    return re.sub(r"[`\\]|\](?=[(\[:])", r"\\\g<0>", plain)


def table_lines(headings: Sequence[object], rows: Sequence[Sequence[object]]) -> list[str]:
    r"""Return the lines of a table, its cells escaped, with an empty line after it.

    Examples
    --------
    >>> table_lines(["class", "rows"], [["a|b", 2]])
    ['| class | rows |', '|---|---|', '| a\\|b | 2 |', '']
    """

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(escaped(cell).replace("|", "\\|") for cell in cells) + " |"

    return [line(headings), "|" + "---|" * len(headings), *map(line, rows), ""]


def front_matter(values: Mapping[str, Any]) -> list[str]:
    """Return the lines of a front matter in YAML. Values that are None or empty are left out.

    Examples
    --------
    >>> front_matter({"license": None, "pretty_name": "a: b"})
    ['---', "pretty_name: 'a: b'", '---', '']
    """
    import yaml

    kept = {name: value for name, value in values.items() if value not in (None, [], (), {})}
    written = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=float("inf"))
    return ["---", *written.rstrip("\n").split("\n"), "---", ""]
