"""What a manifest says about a run that its figures do not show, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augment.errors import listed
from augment.run.manifest import left_out_note

_SINGLE = {
    "skip": "These classes have a single text, so they got no new rows",
    "copy": "These classes have a single text, and their new rows repeat it",
}
"""Choice for classes with a single text → what became of them."""


def run_notes(manifest: Mapping[str, Any]) -> list[str]:
    """Return what the default guards found, and what new rows lack.

    Parameters
    ----------
    manifest : mapping
        As it was read. A manifest of an earlier version lacks some fields; they give no sentence.

    Returns
    -------
    list of str
        Sentences, unescaped.

    Examples
    --------
    >>> run_notes({"singletons": "skip", "single_classes": ["rare"], "empty_columns": []})
    ["These classes have a single text, so they got no new rows: 'rare'."]
    """
    meaning = {
        "single_classes": _SINGLE.get(manifest.get("singletons") or ""),
        "empty_columns": "New rows leave these columns empty",
        "splits_not_held_out": "These splits of the input were not held out, so new rows may be close to their rows",
    }
    notes = [*manifest.get("guard_notes", {}).values(), left_out_note(manifest.get("left_out", {}))]
    return [note for note in notes if note] + [
        f"{says}: {listed(manifest[field])}." for field, says in meaning.items() if says and manifest.get(field)
    ]
