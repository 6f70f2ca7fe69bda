"""The numbers that the paper's text gives (section 5); the others stand in its figures, without numbers."""

from __future__ import annotations

from collections.abc import Mapping

TASK = "dynasent"
"""What its models are trained on."""
PAPER: Mapping[tuple[str, str, str, str], float] = {
    ("unsup-simcse-roberta-base", "linear", "cross-entropy", "dynasent-r1"): 81.43,
    ("unsup-simcse-roberta-base", "linear", "focal", "dynasent-r2"): 70.46,
    ("unsup-simcse-roberta-base", "bilstm", "focal", "sst3"): 63.3,
    ("sup-simcse-roberta-base", "bilstm", "cross-entropy", "amazon"): 52.53,
}
"""Macro-F1 in points, by encoder, head, loss and test set. Of Amazon's best the paper names both losses; the fuller
sentence, which is taken here, says cross-entropy."""


def of_the_paper(group: tuple[str, str, str, str], test: str) -> float | None:
    """Return the paper's macro-F1 for a model, None where its text gives none.

    Parameters
    ----------
    group : tuple of str
        Task, encoder (a hub id, or a folder of that name), head, loss.
    test : str
        Of `benchmarks.grid.tasks.SOURCES`.

    Examples
    --------
    >>> of_the_paper(("dynasent", "models/unsup-simcse-roberta-base", "linear", "focal"), "dynasent-r2")
    70.46
    """
    task, encoder, head, loss = group
    name = encoder.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return PAPER.get((name, head, loss, test)) if task == TASK else None
