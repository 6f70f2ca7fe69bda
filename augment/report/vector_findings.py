"""Measure an output of a vector strategy: how similar its new rows are to real ones, and where they lie."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from augment.errors import CounterpoiseError
from augment.report import text_measures
from augment.report.written_table import WrittenOutput
from augment.vectors.fidelity import variance_ratio

MOST = 2000
"""Maximum number of rows of a class, of each kind, that are measured; four times as many of all other classes."""
MAPPED = 400
"""Maximum number of points of a kind on a map."""
FEWEST = 11
"""Minimum number of rows of each kind for a comparison with held-out rows."""

_ORIGINALS, _NEW, _OTHERS = range(7, 10)  # what rows are drawn for; `augment.vectors.fidelity` has the numbers below


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorQuality:
    """What was measured of the new vectors of one class."""

    name: str
    originals: int
    new: int
    heldout: int
    """Rows of each kind that were looked at."""
    fidelity: text_measures.Fidelity | None
    """With its reference; None if there are too few rows of a kind."""
    variance_ratio: float
    """Total variance over that of the originals; nan if they are not there."""
    map_originals: np.ndarray
    """Points of originals in the plane, (n, 2)."""
    map_new: np.ndarray
    """Points of new rows in the plane, (n, 2)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorFindings:
    """What was measured of all classes."""

    classes: list[VectorQuality]
    map_others: np.ndarray
    """Points of originals of other classes, (n, 2)."""
    map_shares: np.ndarray
    """Shares of the variance along both directions of the plane."""
    no_heldout: str | None
    """Why new rows cannot be compared with held-out ones, as a sentence."""


def appraise_vectors(table: WrittenOutput, names: Sequence[str]) -> VectorFindings:
    """Measure the new vectors of some classes.

    Parameters
    ----------
    table : WrittenOutput
        What `augment upsample` has written.
    names : sequence of str
        The classes.

    Returns
    -------
    VectorFindings

    Raises
    ------
    ModelError
        If the encoder of the manifest cannot be opened, and there are held-out texts for it.
    """
    heldout, no_heldout = _heldout(table.manifest)
    originals = {
        name: table.vectors(table.draw(table.rows_of(name, new=False), _ORIGINALS, MOST, name)) for name in names
    }
    new = {name: table.vectors(table.draw(table.rows_of(name, new=True), _NEW, MOST, name)) for name in names}
    elsewhere = table.is_original & ~np.isin(table.codes, table.codes_of(names))
    others = table.vectors(table.draw(np.flatnonzero(elsewhere), _OTHERS, MAPPED))
    shown = [others, *(rows[name][:MAPPED] for name in names for rows in (originals, new))]
    plane, shares = text_measures.project(np.concatenate(shown))
    points = np.split(plane, np.cumsum([len(rows) for rows in shown])[:-1])
    classes = []
    for number, name in enumerate(names):
        own = heldout.get(name, others[:0])
        classes.append(
            VectorQuality(
                name=name,
                originals=len(originals[name]),
                new=len(new[name]),
                heldout=len(own),
                fidelity=_fidelity(table, name, originals[name], own, new[name], heldout),
                variance_ratio=_spread(new[name], originals[name]),
                map_originals=points[1 + 2 * number],
                map_new=points[2 + 2 * number],
            )
        )
    return VectorFindings(classes=classes, map_others=points[0], map_shares=shares, no_heldout=no_heldout)


def _fidelity(
    table: WrittenOutput,
    name: str,
    train: np.ndarray,
    own: np.ndarray,
    new: np.ndarray,
    heldout: Mapping[str, np.ndarray],
) -> text_measures.Fidelity | None:
    """Compare new rows with held-out ones, if there are enough of each."""
    if min(len(train), len(own), len(new)) < FEWEST:
        return None
    rest = np.flatnonzero(table.is_original & ~np.isin(table.codes, table.codes_of([name])))
    drawn = table.draw(rest, _OTHERS, 4 * MOST)
    labels = np.array([table.names[code] for code in table.codes[drawn]])
    elsewhere = {other: rows for other, rows in heldout.items() if other != name and other in labels}
    others: Any = {}
    if elsewhere:
        others = {
            "others_train": (table.vectors(drawn), labels),
            "others_heldout": (
                np.concatenate(list(elsewhere.values())),
                np.repeat(list(elsewhere), [len(rows) for rows in elsewhere.values()]),
            ),
        }
        if min(len(drawn), len(others["others_heldout"][0])) < FEWEST:
            others = {}
    return text_measures.vector_fidelity(train, own, new, seed=table.seed, **others)


def _heldout(manifest: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], str | None]:
    """Return the vectors of held-out rows by class, or an empty dict and the reason."""
    from augment.data.layout import Layout
    from augment.data.named_files import NamedFile
    from augment.models.encoder import TextEncoder

    if not manifest["against"]:
        return {}, "No held-out file was named, so there is nothing to compare the new rows with."
    layout = dataclasses.replace(Layout.recorded(manifest["input"]["layout"]), drop_unlabelled=True)
    texts: dict[str, list[str]] = {}
    for file in manifest["against"]:
        name = file["name"]
        if not os.path.exists(name):
            return {}, f"The held-out file {name!r} is not here, so there is nothing to compare the new rows with."
        try:
            corpus = NamedFile(name, file.get("text_column"), file.get("split")).labelled(layout)
        except CounterpoiseError:
            return (
                {},
                f"The held-out file {name!r} has no labels that could be read, so rows cannot be compared by class.",
            )
        for text, label, there in zip(corpus.texts, corpus.named_labels(), corpus.has_text, strict=True):
            if there:
                texts.setdefault(label, []).append(str(text))
    identity = manifest["encoder"]["identity"]
    parameters = {key: value for key, value in manifest["encoder"].items() if key != "identity"}
    encoder = TextEncoder(**parameters | {"dtype": identity["dtype"]})
    if encoder.identity()["revision"] != identity["revision"]:
        return {}, (
            f"The encoder {identity['model']!r} is another than the one that made the new rows, so that held-out rows"
            " cannot be compared with them."
        )
    return {label: encoder.encode(some[:MOST]) for label, some in texts.items()}, None


def _spread(new: np.ndarray, originals: np.ndarray) -> float:
    """Return the variance of new rows divided by that of originals; nan if there are too few."""
    if min(len(new), len(originals)) < 2:
        return math.nan
    return variance_ratio(new.astype(np.float64), originals.astype(np.float64))
