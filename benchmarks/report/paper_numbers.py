"""The numbers of the paper's text (section 5). Its other results are only in figures, without numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TASK = "dynasent"
"""The task that the paper's models are trained on."""
ON_DEV = f"{TASK}, trained on dev"
"""The title of this task where it is trained on dev rows."""
TRAINING_ROWS = 93_547
TEST_ROWS: Mapping[str, int] = {"dynasent-r1": 3_600, "dynasent-r2": 720, "sst3": 2_210, "amazon": 276_350}
ENCODERS = ("bert-base-uncased", "roberta-base", "sup-simcse-roberta-base", "unsup-simcse-roberta-base")
"""The paper's encoders, without the names of their owners."""
PAPER: Mapping[tuple[str, str, str], tuple[str, float]] = {
    ("linear", "cross-entropy", "dynasent-r1"): ("unsup-simcse-roberta-base", 81.43),
    ("linear", "focal", "dynasent-r2"): ("unsup-simcse-roberta-base", 70.46),
    ("bilstm", "focal", "sst3"): ("unsup-simcse-roberta-base", 63.3),
    ("bilstm", "cross-entropy", "amazon"): ("sup-simcse-roberta-base", 52.53),
}
"""Encoder and macro-F1 in points, by head, loss and test set. For the best on Amazon the paper names both losses. Here
the more detailed sentence is used, which says cross-entropy."""


class Published(NamedTuple):
    """A number of the paper, and how its model and data differ from ours."""

    macro_f1: float
    """In points."""
    theirs: str
    """The paper's model and rows where they differ, e.g. "with unsup-simcse-roberta-base"; empty if nothing does."""
    ours: str
    """The same of our own."""

    def beside(self, own: float, test: str) -> str:
        """Return a sentence with both numbers, and what differs."""
        if not self.theirs:
            return f"{test}: {own:.1f} here, {self.macro_f1:g} in the paper."
        return f"{test}: {own:.1f} here, {self.ours}; {self.macro_f1:g} in the paper, {self.theirs}."


def of_the_paper(
    group: tuple[str, str, str, str], test: str, training_rows: int | None = None, test_rows: int | None = None
) -> Published | None:
    """Return the paper's macro-F1 of a model, or None if the text does not give it.

    An encoder that the paper does not have stands beside the paper's encoder with the same head and loss.

    Parameters
    ----------
    group : tuple of str
        Task, encoder (a hub id, or a folder of that name), head, loss.
    test : str
        A test set of `benchmarks.grid.sources.SOURCES`.
    training_rows, test_rows : int, optional
        The numbers of our own rows. They are compared with those of the paper if they are given.

    Returns
    -------
    Published or None

    Examples
    --------
    >>> of_the_paper(("dynasent", "models/unsup-simcse-roberta-base", "linear", "focal"), "dynasent-r2").macro_f1
    70.46
    >>> of_the_paper(("dynasent, trained on dev", "mini", "linear", "focal"), "dynasent-r2", 3_439, 720).theirs
    'with unsup-simcse-roberta-base, trained on 93,547 training rows'
    """
    task, encoder, head, loss = group
    name = encoder.replace("\\", "/").rstrip("/").rpartition("/")[2]
    theirs, number = PAPER.get((head, loss, test), ("", 0.0))
    if task not in (TASK, ON_DEV) or not theirs or (name != theirs and name in ENCODERS):
        return None
    pairs = [(f"with {theirs}", f"with {name}")] if name != theirs else []
    if task == ON_DEV:
        own = "dev rows" if training_rows is None else f"{training_rows:,} dev rows"
        pairs.append((f"trained on {TRAINING_ROWS:,} training rows", f"trained on {own}"))
    if test_rows is not None and test_rows != TEST_ROWS[test]:
        pairs.append((f"tested on {TEST_ROWS[test]:,} rows", f"tested on {test_rows:,} rows"))
    return Published(number, ", ".join(pair[0] for pair in pairs), ", ".join(pair[1] for pair in pairs))
