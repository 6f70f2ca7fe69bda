"""Draw the picture of the README from a run on the sample: `python docs/images/overview.py`.

It shows the classes before and after, and the first new rows of the rare class beside their sources.
"""

from __future__ import annotations

import difflib
import html
import tempfile
from collections.abc import Iterator
from pathlib import Path

from augment import upsample_file
from augment.data import read

PICTURE = Path(__file__).with_name("overview.svg")
OLD, NEW, INK, PALE, PAPER = "#2f7fc1", "#e0712c", "#1f2933", "#7b8794", "#ffffff"
WIDTH, HEIGHT, LINE, EXAMPLES = 960, 348, 19, 3
LETTERS = 62
"""The number of letters in a line of an example."""


def pieces(source: str, text: str) -> Iterator[tuple[str, bool]]:
    """Yield the words of a new text, and whether its source lacks them there."""
    old, new = source.split(" "), text.split(" ")
    for what, _, _, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for word in new[start:end]:
            yield word, what != "equal"


def wrapped(words: list[tuple[str, bool]]) -> list[list[tuple[str, bool]]]:
    """Break words into lines."""
    lines: list[list[tuple[str, bool]]] = [[]]
    for word, changed in words:
        if sum(len(other) + 1 for other, _ in lines[-1]) + len(word) > LETTERS:
            lines.append([])
        lines[-1].append((word, changed))
    return lines


def text_at(x: float, y: float, content: str, fill: str, style: str = "") -> str:
    """Return a line of text; `content` is escaped already."""
    return f'<text x="{x}" y="{y}" fill="{fill}" {style} xml:space="preserve">{content}</text>'


def bars(before: dict[str, int], after: dict[str, int]) -> Iterator[str]:
    """Draw the classes before and after."""
    scale = 150 / max(after.values())
    for title, counts, left in (("before", before, 34), ("after", after, 194)):
        yield text_at(left, 66, title, PALE)
        for place, (name, count) in enumerate(sorted(counts.items())):
            x, own = left + 46 * place, before[name] * scale
            yield f'<rect x="{x}" y="{250 - own:.1f}" width="34" height="{own:.1f}" rx="2" fill="{OLD}"/>'
            if made := (count - before[name]) * scale:
                yield f'<rect x="{x}" y="{250 - own - made:.1f}" width="34" height="{made:.1f}" rx="2" fill="{NEW}"/>'
            middle = 'text-anchor="middle"'
            yield text_at(x + 17, 244 - own - made, f"{count:,}", INK, f'{middle} font-size="12"')
            yield text_at(x + 17, 268, html.escape(name[:3]), INK, f'{middle} font-size="13"')


def drawn(before: dict[str, int], after: dict[str, int], examples: list[tuple[str, str, str]]) -> str:
    """Return the picture."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="14.5"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" role="img"'
        ' aria-label="Counts of three classes before and after, and new sentences beside their sources">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{PAPER}" stroke="#d5dae0"/>',
        text_at(34, 38, "The classes of your file", INK, 'font-weight="600"'),
        text_at(376, 38, "New rows, each with its source", INK, 'font-weight="600"'),
        *bars(before, after),
    ]
    for x, fill, name in ((34, OLD, "your rows, unchanged"), (222, NEW, "new rows")):
        parts.append(f'<rect x="{x}" y="293" width="12" height="12" rx="2" fill="{fill}"/>')
        parts.append(text_at(x + 19, 304, name, INK, 'font-size="13"'))
    y = 66
    for label, source, new in examples:
        for name, fill, words in (
            (label, PALE, [(word, False) for word in source.split(" ")]),
            ("new", INK, list(pieces(source, new))),
        ):
            parts.append(text_at(376, y, html.escape(name), fill, 'font-size="13"'))
            for line in wrapped(words):
                spans = [
                    f'<tspan fill="{NEW}" font-weight="600">{html.escape(w)}</tspan>' if changed else html.escape(w)
                    for w, changed in line
                ]
                parts.append(text_at(440, y, " ".join(spans), fill))
                y += LINE
            y += 3
        y += 15
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Run, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "balanced.csv")
        manifest = upsample_file("sample", output, seed=0)
        rows = read(output)
        rare = min(manifest.counts_before, key=manifest.counts_before.__getitem__)
        labels, sources = rows.named_labels(), rows.column("source_row").to_pylist()
        new = [row for row in range(len(labels)) if rows.is_synthetic[row] and labels[row] == rare]
        examples = [
            (rare, str(rows.texts[sources[row]]), str(rows.texts[row])) for row in new[:: max(1, len(new) // EXAMPLES)]
        ][:EXAMPLES]
    PICTURE.write_text(drawn(manifest.counts_before, manifest.counts_after, examples), encoding="utf-8")


if __name__ == "__main__":
    main()
