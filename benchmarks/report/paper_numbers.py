"""The numbers of the paper's text (section 5). Its other results are only in figures, without numbers."""

from __future__ import annotations

from collections.abc import Mapping

TASK = "dynasent"
"""The task that the paper's models are trained on."""
PAPER: Mapping[tuple[str, str, str, str], float] = {
    ("unsup-simcse-roberta-base", "linear", "cross-entropy", "dynasent-r1"): 81.43,
    ("unsup-simcse-roberta-base", "linear", "focal", "dynasent-r2"): 70.46,
    ("unsup-simcse-roberta-base", "bilstm", "focal", "sst3"): 63.3,
    ("sup-simcse-roberta-base", "bilstm", "cross-entropy", "amazon"): 52.53,
}
"""Macro-F1 in points, by encoder, head, loss and test set. For the best on Amazon the paper names both losses. Here the
more detailed sentence is used, which says cross-entropy."""


def of_the_paper(group: tuple[str, str, str, str], test: str) -> float | None:
    """Return the paper's macro-F1 of a model, or None if the text does not give it.

    Parameters
    ----------
    group : tuple of str
        Task, encoder (a hub id, or a folder of that name), head, loss.
    test : str
        A test set of `benchmarks.grid.sources.SOURCES`.

    Examples
    --------
    >>> of_the_paper(("dynasent", "models/unsup-simcse-roberta-base", "linear", "focal"), "dynasent-r2")
    70.46
    """
    task, encoder, head, loss = group
    name = encoder.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return PAPER.get((name, head, loss, test)) if task == TASK else None
