"""The quality report: one HTML file about an output of upsampling, without external files.

Its one script sorts and searches the table of rows. The policy of the page names the hash of this script, and lets no
other run.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.errors import InputError, OutputError
from augment.plain_data import as_expected
from augment.report import page
from augment.report.run_notes import run_notes
from augment.report.text_findings import COMPARED, SAMPLE, Appraisal, appraise
from augment.report.text_measures import Piece
from augment.run.manifest import manifest_path

if TYPE_CHECKING:
    from markupsafe import Markup

    from augment.run.file_run import Progress

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
STRETCH = 160
"""Characters at either end of an unchanged stretch of a shown text; what is between them is cut."""

MOST_SHOWN = 400
"""Maximum number of characters of a text in the table of rows."""
_SCRIPT = Path(__file__).parent / "templates" / "rows.js"

MEASURES = (
    ("two-sample k-NN, accuracy", ".5", "two_sample_knn"),
    ("two-sample k-NN, held-out recognised", ".5", "two_sample_knn_real"),
    ("two-sample network, accuracy", ".5", "two_sample_mlp"),
    ("density", "1", "density"),
    ("coverage", ".97", "coverage"),
    ("variance", "1", "variance_ratio"),
    ("nearest train row", "", "nearest_train"),
    ("nearest held-out row", "", "nearest_heldout"),
    ("transfer F1", "", "tstr_f1"),
)
"""Measures of vectors: name, ideal value, and attribute of `augment.report.text_measures.Fidelity`."""


def check_report(path: Path, *, overwrite: bool) -> None:
    """Check, before any work is done, that a report can be made and written.

    Parameters
    ----------
    path : Path
        The HTML file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        If matplotlib or jinja2 is not installed, or the suffix is neither .html nor .htm.
    OutputError
        If the file exists and may not be replaced, or its folder is missing or cannot be written to.
    """
    page.check_libraries()
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: a report is an HTML file; expected the suffix .html, got {path.suffix!r}.")
    from augment.files import check_ordinary

    check_ordinary(path)
    if os.path.isdir(path):  # os.path and not pathlib, whose questions raise on a name that is too long
        raise OutputError(f"{path}: is a folder; expected a file there. Choose another name for the report.")
    if os.path.exists(path) and not overwrite:
        raise OutputError(f"{path}: exists already; give `overwrite=True` to replace it, or choose another name.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); create its folder or change the rights,"
            " or choose another place for the report."
        ) from None


def write_report(
    output: Path,
    path: Path,
    *,
    overwrite: bool = False,
    sample: int = SAMPLE,
    seed: int = 0,
    model: str = "mini",
    progress: Progress | None = None,
) -> None:
    """Write the report about an output of upsampling.

    Parameters
    ----------
    output : Path
        The table, with its manifest beside it.
    path : Path
        The HTML file.
    overwrite : bool, default=False
        Replace an existing file.
    sample, seed, model, progress
        See `augment.report.text_findings.appraise`.

    Raises
    ------
    CounterpoiseError
        See `check_report` and `augment.report.text_findings.appraise`.
    """
    from augment.file_modes import readable_as
    from augment.files import staged_text

    check_report(path, overwrite=overwrite)
    with as_expected(str(manifest_path(output)), "Run `augment upsample` again to get its manifest as it was."):
        content = render(appraise(output, sample=sample, seed=seed, model=model, progress=progress))
    with readable_as([output]), staged_text(content, path):
        pass


def render(appraisal: Appraisal) -> str:
    """Render the findings as a page.

    Parameters
    ----------
    appraisal : Appraisal

    Returns
    -------
    str
        An HTML document, the same for the same findings. Everything that comes from the data is escaped.
    """
    from markupsafe import Markup

    filters: Mapping[str, Any] = {
        **{"count": _count, "decimal": _decimal, "shortened": _shortened, "setting": _setting, "cut": _cut}
    }
    script = _SCRIPT.read_text(encoding="utf-8")
    made, rejected = sum(appraisal.manifest["made"].values()), sum(appraisal.manifest["rejected"].values())
    return page.render(
        "augment.report",
        "report.html.j2",
        filters,
        appraisal=appraisal,
        measures=MEASURES,
        manifest=appraisal.manifest,
        made=made,
        rejected=rejected,
        missing=sum(lack["rows"] for lack in appraisal.manifest["missing"].values()),
        rejections=_rejections(appraisal.manifest),
        notes=run_notes(appraisal.manifest),
        quantiles=QUANTILES,
        most_compared=COMPARED,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        tables=_tables(appraisal),
        figures=_figures(appraisal),
        guards={guard["name"]: guard for guard in appraisal.manifest["guards"]},
    )


def _rejections(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of candidates that each guard has rejected, including guards that rejected none."""
    return {**{guard["name"]: 0 for guard in manifest["guards"]}, **manifest["rejected"]}


def _tables(appraisal: Appraisal) -> dict[str, list[tuple[str, list[float]]]]:
    """Return quantiles by class: of the lengths of both kinds, of similarities, of the teacher's probabilities."""
    lengths: list[tuple[str, list[float]]] = []
    for one in appraisal.classes:
        lengths += [
            (f"{one.name}, originals", _quantiles(one.lengths_originals)),
            (f"{one.name}, new rows", _quantiles(one.lengths_new)),
        ]
    return {
        "lengths": lengths,
        "similarity": [(one.name, _quantiles(one.cosines)) for one in appraisal.classes if len(one.cosines)],
        "agreement": [
            (one.name, [float(one.agreement.mean()), *_quantiles(one.agreement)])
            for one in appraisal.classes
            if len(one.agreement)
        ],
    }


def _quantiles(values: np.ndarray) -> list[float]:
    return [
        float(value) for value in (np.quantile(values, QUANTILES) if len(values) else np.full(len(QUANTILES), np.nan))
    ]


def _figures(appraisal: Appraisal) -> dict[str, list[Markup]]:
    """Draw the figures, one of each kind for each class."""
    from markupsafe import Markup

    from augment.report import charts

    manifest = appraisal.manifest
    missing = {name: lack["rows"] for name, lack in manifest["missing"].items()}
    figures = {
        "classes": [charts.class_bars(manifest["counts_before"], manifest["made"], missing)],
        "rejections": [],
        "lengths": [],
        "similarity": [],
        "agreement": [],
        "map": [],
    }
    if manifest["rejected"]:
        figures["rejections"].append(charts.count_bars(_rejections(manifest), "rejected candidates"))
    words = [count for one in appraisal.classes for part in (one.lengths_originals, one.lengths_new) for count in part]
    longest = max(8.0, float(np.ceil(np.quantile(words, 0.99)))) if words else 8.0
    step = np.ceil(longest / 24)  # whole words, and every bar as wide as the others
    cosines = [cosine for one in appraisal.classes for cosine in one.cosines]
    lowest = min(0.5, float(np.floor(10 * np.quantile(cosines, 0.01)) / 10)) if cosines else 0.5
    if appraisal.vectors is not None:
        vectors = appraisal.vectors
        for number, own in enumerate(vectors.classes):
            others = [other.map_originals for other in vectors.classes if other is not own]
            figures["map"].append(_map(number, own, [vectors.map_others, *others], vectors.map_shares))
    for number, one in enumerate(appraisal.classes):
        figures["lengths"].append(
            charts.histogram(
                f"lengths-{number}",
                f"Words of a text, class {one.name}",
                {"originals": one.lengths_originals, "new rows": one.lengths_new},
                bins=np.arange(0, longest + step, step),
                unit="words",
            )
        )
        if len(one.cosines):
            figures["similarity"].append(
                charts.histogram(
                    f"similarity-{number}",
                    f"Cosine of new rows and their sources, class {one.name}",
                    {"new rows": one.cosines},
                    bins=np.linspace(lowest, 1, 26),
                    unit="cosine",
                    lines={f"median {np.median(one.cosines):.2f}": float(np.median(one.cosines))},
                )
            )
        if len(one.agreement):
            figures["agreement"].append(
                charts.histogram(
                    f"agreement-{number}",
                    f"The teacher's probability of the own class, class {one.name}",
                    {"new rows": one.agreement},
                    bins=np.linspace(0, 1, 21),
                    unit="probability of the own class",
                    lines={f"mean {one.agreement.mean():.2f}": float(one.agreement.mean())},
                )
            )
        rest = [other.map_originals for other in appraisal.classes if other is not one]
        figures["map"].append(_map(number, one, [appraisal.map_others, *rest], appraisal.map_shares))
    return {kind: [Markup(svg) for svg in drawn] for kind, drawn in figures.items()}


def _map(number: int, one: Any, others: Sequence[np.ndarray], shares: np.ndarray) -> str:
    """Draw where the rows of a class lie."""
    from augment.report import charts

    return charts.scatter(
        f"map-{number}",
        f"Map of originals and new rows, class {one.name}",
        [
            (np.concatenate(others), charts.OTHER),
            (one.map_originals, charts.ORIGINAL),
            (one.map_new, charts.NEW),
        ],
        shares,
    )


def _count(number: int) -> str:
    """Format a count."""
    return f"{number:,}"


def _decimal(number: float, places: int = 2) -> str:
    """Format a measured number; a dash if there is none."""
    return f"{number:.{places}f}" if np.isfinite(number) else "–"


def _cut(text: str) -> str:
    """Cut the end of a long text."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} […]"


def _setting(value: Any) -> str:
    """Format a parameter."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_setting(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_setting, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shortened(pieces: Iterable[Piece]) -> list[Piece]:
    """Cut the middle of long unchanged stretches, and the end of long changed ones."""
    short = []
    for text, changed in pieces:
        if len(text) > 2 * STRETCH + 40:
            text = f"{text[:STRETCH]} […] {text[-STRETCH:]}"
        short.append(Piece(text, changed))
    return short
