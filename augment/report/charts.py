"""The figures of the report, as SVG that uses the fonts and the text colour of the page."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ORIGINAL = "#2f7fc1"
NEW = "#e0712c"
OTHER = "#8f959e"
"""Originals, new rows and the rest, in every figure; all three are seen on white and on black."""
INK = "#123456"
"""Stands for the colour of the page's text, which is not known here."""
MOST_BARS = 24
_WIDTH = 3.6  # inches, each 72 units of the page
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 10.5,
    "text.parse_math": False,  # a "$" in a class name is a dollar
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def class_bars(before: Mapping[str, int], made: Mapping[str, int], missing: Mapping[str, int]) -> str:
    """Draw the rows of each class: those it had, those made, those that could not be made.

    Parameters
    ----------
    before, made, missing : mapping of str to int
        Class name → rows; at most `MOST_BARS` classes are drawn, the largest first.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    names = sorted(before, key=lambda name: (-before[name] - made.get(name, 0), name))[:MOST_BARS]

    def draw(axes: Axes) -> None:
        left = np.zeros(len(names))
        for counts, style in (
            (before, {"color": ORIGINAL}),
            (made, {"color": NEW}),
            (missing, {"facecolor": "none", "edgecolor": OTHER, "linestyle": ":", "linewidth": 1.2}),
        ):
            widths = np.array([counts.get(name, 0) for name in names], dtype=float)
            axes.barh(range(len(names)), widths, left=left, height=0.62, **style)
            left += widths
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.invert_yaxis()
        _count_axis(axes, "rows")

    return svg(draw, "classes", "Rows of each class", height=0.75 + 0.34 * len(names), width=4.6)


def count_bars(counts: Mapping[str, int], unit: str) -> str:
    """Draw one bar for each count, in the order given.

    Parameters
    ----------
    counts : mapping of str to int
    unit : str
        What was counted.

    Returns
    -------
    str
        An ``<svg>`` element.
    """

    def draw(axes: Axes) -> None:
        axes.barh(range(len(counts)), list(counts.values()), height=0.62, color=OTHER)
        axes.set_yticks(range(len(counts)), [_short(name) for name in counts])
        axes.invert_yaxis()
        _count_axis(axes, unit)

    return svg(draw, f"counts-{unit}", f"Number of {unit}", height=0.75 + 0.34 * len(counts), width=4.6)


def histogram(
    name: str,
    label: str,
    values: Mapping[str, np.ndarray],
    *,
    bins: np.ndarray,
    unit: str,
    lines: Mapping[str, float] | None = None,
) -> str:
    """Draw how values are distributed, as shares of each list.

    Parameters
    ----------
    name : str
        ASCII, unique in the page.
    label : str
        A description of the figure, for screen readers.
    values : mapping of str to ndarray
        ``"originals"``, ``"new rows"`` or both → values. Those beyond the bins count in the outermost.
    bins : ndarray, shape (b + 1,)
        Their edges.
    unit : str
        The unit of the values.
    lines : mapping of str to float, optional
        Name → value to mark.

    Returns
    -------
    str
        An ``<svg>`` element.
    """

    def draw(axes: Axes) -> None:
        for kind, numbers in values.items():
            if not len(numbers):
                continue
            counts, _ = np.histogram(np.clip(numbers, bins[0], bins[-1]), bins)
            shares = 100 * counts / counts.sum()
            colour = NEW if kind == "new rows" else ORIGINAL
            axes.stairs(shares, bins, fill=True, color=colour, alpha=0.28)
            axes.stairs(shares, bins, color=colour, linewidth=1.5)
        axes.set_ylim(0, None)
        # The tallest bar must not run through what is written above it.
        top = axes.get_ylim()[1] * (1.15 if lines else 1.0)
        axes.set_ylim(0, top)
        for text, place in (lines or {}).items():
            axes.axvline(place, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            side = -1 if place > bins[0] + 0.55 * (bins[-1] - bins[0]) else 1
            axes.annotate(
                text,
                (place, top),
                (5 * side, 0),
                textcoords="offset points",
                va="top",
                ha="right" if side < 0 else "left",
            )
        axes.set_xlim(bins[0], bins[-1])
        axes.set_xlabel(unit)
        axes.set_ylabel("% of texts")
        axes.locator_params(axis="y", nbins=4)

    return svg(draw, name, label)


def scatter(name: str, label: str, groups: Sequence[tuple[np.ndarray, str]], shares: np.ndarray) -> str:
    """Draw points of a plane in layers.

    Parameters
    ----------
    name, label : str
        See `histogram`.
    groups : sequence of (ndarray of shape (n, 2), str)
        Points and their colour, from the bottom layer up.
    shares : ndarray, shape (2,)
        Of the variance that each direction holds.

    Returns
    -------
    str
        An ``<svg>`` element with the points as an embedded image.
    """

    def draw(axes: Axes) -> None:
        for points, colour in groups:
            size, alpha = (9, 0.35) if colour == OTHER else (15, 0.75)
            axes.scatter(points[:, 0], points[:, 1], s=size, color=colour, alpha=alpha, linewidths=0, rasterized=True)
        axes.set_xlabel(f"first direction ({100 * shares[0]:.0f} % of variance)")
        axes.set_ylabel(f"second ({100 * shares[1]:.0f} %)")
        axes.set_xticks([])
        axes.set_yticks([])

    return svg(draw, name, label, height=3.2)


def svg(draw: Callable[[Axes], None], name: str, label: str, *, height: float = 2.3, width: float = _WIDTH) -> str:
    """Draw one figure as an element that can stand in a page beside others.

    Parameters
    ----------
    draw : callable
        Called with the axes.
    name : str
        Unique in the page.
    label : str
        A description of the figure, for screen readers.
    height, width : float
        In inches, each 72 units of the page.

    Returns
    -------
    str
        An ``<svg>`` element, the same for the same figure.
    """
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    written = io.StringIO()
    with matplotlib.style.context(["default", {"svg.hashsalt": name, **_SETTINGS}]):
        figure = Figure(figsize=(width, height), layout="constrained")  # not pyplot, which keeps its figures
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        metadata: Any = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with warnings.catch_warnings():  # of letters that its font lacks: the page has other fonts
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure.savefig(written, format="svg", transparent=True, metadata=metadata, dpi=200)
    text = written.getvalue()
    text = re.sub(r"<[^>]*>", lambda tag: _in_page(tag[0], name), text[text.index("<svg") :])
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def _in_page(tag: str, name: str) -> str:
    """Adapt a tag of a figure to the page: text colour, unique ids, no name spaces."""
    tag = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag.replace(INK, "currentColor"))
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag)


def _count_axis(axes: Axes, unit: str) -> None:
    """Format the axis of a bar chart for whole numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel(unit)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _short(name: str) -> str:
    """Cut a name for an axis."""
    name = " ".join(name.split())
    return name if len(name) <= 18 else name[:17] + "…"
