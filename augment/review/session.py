"""A review: a table, the decisions on its rows, and what is shown of both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.data.layout import Layout
from augment.errors import InputError, counted, did_you_mean
from augment.file_modes import readable_as
from augment.report.text_measures import Piece, changed_words
from augment.report.written_table import cells_of
from augment.review.audit import drawn, expected, widest
from augment.review.decisions import Decision, Decisions, Verdict, decisions_path
from augment.review.reviewed_table import ReviewedTable, read_table, scored
from augment.review.views import Filter, FilteredRows

if TYPE_CHECKING:
    from augment.run.file_run import Progress

PAGE = 25
"""Rows of a page of the list, by default."""
MOST = 100
"""Maximum number of rows of a page."""
LONGEST = 20_000
"""Characters of a pair of texts beyond which changes are not marked: to find them takes quadratic time."""
EXCERPT = 160
"""Characters of a text in the list."""
CELL = 200
"""Characters of another column that are shown."""
STATES = ("unread", "accept", "reject", "relabel", "all")
"""What the list may be restricted to."""
TOGETHER = {"accept": "accepted", "reject": "rejected", "relabel": "relabelled"}
"""Verdict → its participle."""


class Stale(Exception):
    """Another page has decided in the meantime, so this one has to look first."""


class Standing(NamedTuple):
    """How far a review is."""

    rows: int
    """Rows under review, or of the sample."""
    accepted: int
    rejected: int
    relabelled: int

    @property
    def read(self) -> int:
        """Rows with a decision."""
        return self.accepted + self.rejected + self.relabelled


class Review:
    """A table under review. What is asked of it, it answers in plain data, as the page gets it.

    Parameters
    ----------
    table : ReviewedTable
    decisions : Decisions
        Open. `close` closes it.
    reviewer : str, optional
        The name that is kept with each decision.
    sample : int, optional
        Review only so many rows, drawn at random.
    seed : int, default=0
        Seed of this draw, 0 to 2**64 - 1.
    """

    def __init__(
        self,
        table: ReviewedTable,
        decisions: Decisions,
        *,
        reviewer: str | None = None,
        sample: int | None = None,
        seed: int = 0,
    ) -> None:
        self.table, self.decisions, self.reviewer = table, decisions, reviewer
        self.sample = None if sample is None else drawn(len(table.places), sample, seed)
        self.views = FilteredRows(table, self.sample)
        self._places = {int(number): place for place, number in enumerate(table.numbers)}
        self._decided = np.zeros(len(table.places), dtype=bool)
        for row in decisions.history.all():
            if row not in self._places:
                raise InputError(
                    f"{decisions.path}: has a decision on row {row}, which is not under review. Name another file as"
                    " `decisions`."
                )
            self._decided[self._places[row]] = True

    def __enter__(self) -> Review:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file of decisions."""
        self.decisions.close()

    def rows(self, chosen: Filter | None = None) -> list[int]:
        """Return the numbers of the rows of a filter, in its order.

        Parameters
        ----------
        chosen : Filter, optional
            None for all rows, most doubtful first.

        Returns
        -------
        list of int
        """
        numbers: list[int] = self.table.numbers[self.views.rows(chosen or Filter())].tolist()
        return numbers

    def tally(self) -> Standing:
        """Count the decisions on the rows under review, or on those of the sample."""
        within = None if self.sample is None else set(self.table.numbers[self.sample].tolist())
        counts = dict.fromkeys(TOGETHER, 0)
        for row, decision in self.decisions.history.all().items():
            if within is None or row in within:
                counts[decision.verdict] += 1
        rows = len(self.table.places) if self.sample is None else len(self.sample)
        return Standing(rows, counts["accept"], counts["reject"], counts["relabel"])

    def decide(self, row: int, verdict: Verdict, label: str | None = None, *, seen: int | None = None) -> Decision:
        """Decide on a row. The decision is on the disk when this returns.

        Parameters
        ----------
        row : int
            The row's number in the file, from 0.
        verdict : {"accept", "reject", "relabel"}
            To relabel a row with its own class is to accept it.
        label : str, optional
            The right class, for ``"relabel"``.
        seen : int, optional
            The number of records when the page was shown. None to decide whatever happened since.

        Returns
        -------
        Decision

        Raises
        ------
        Stale
            If somebody has decided on this row since.
        InputError
            If there is no such row, decision or class.
        OutputError
            If it cannot be written.
        """
        place = self._place(row)
        if verdict not in TOGETHER:
            raise InputError(f"The decision must be one of {', '.join(TOGETHER)}. Got {verdict!r:.40}.")
        if verdict == "relabel" and label not in self.table.classes:
            raise InputError(
                f"There is no class {label!r:.60}; the classes are {', '.join(self.table.classes)}."
                f"{did_you_mean(str(label), self.table.classes)}"
            )
        if seen is not None:
            self._check_seen(row, seen)
        own = self.table.classes[self.table.labels[place]]
        if verdict != "relabel" or label == own:
            verdict, label = ("accept" if verdict == "relabel" else verdict), None
        decision = self.decisions.decide(row, verdict, label, self.reviewer)
        self._decided[place] = True
        return decision

    def undo(self, *, seen: int | None = None) -> Decision | None:
        """Take back the last decision. Return it, or None if there is none.

        Parameters
        ----------
        seen : int, optional
            The number of records when the page was shown. None to undo whatever was decided last.

        Raises
        ------
        Stale
            If somebody has decided since.
        OutputError
            If it cannot be written.
        """
        if seen is not None and seen != self.decisions.history.version:
            raise Stale("Another page has decided since. Look at that decision, and undo once more to take it back.")
        undone = self.decisions.undo(self.reviewer)
        if undone is not None:
            self._decided[self._places[undone.row]] = self.decisions.history.of(undone.row) is not None
        return undone

    def after(self, row: int | None, chosen: Filter) -> int | None:
        """Return the next row of a filter without a decision: after a row, or else from the start. None if all have.

        Parameters
        ----------
        row : int or None
            The row's number in the file.
        chosen : Filter
        """
        rows = self.views.rows(chosen)
        start = 0
        if row is not None and len(found := np.flatnonzero(rows == self._place(row))):
            start = int(found[0]) + 1
        turned = np.concatenate([rows[start:], rows[:start]])
        unread = turned[~self._decided[turned]]
        return int(self.table.numbers[unread[0]]) if len(unread) else None

    def beside(self, row: int, chosen: Filter, step: int) -> int | None:
        """Return the row of a filter that stands some steps after a row, whatever was decided on it; None at an end."""
        rows = self.views.rows(chosen)
        found = np.flatnonzero(rows == self._place(row))
        at = int(found[0]) + step if len(found) else 0
        return int(self.table.numbers[rows[at]]) if 0 <= at < len(rows) else None

    def state(self) -> dict[str, Any]:
        """Return how far the review is, and what the rows that were read say about the others."""
        tally, last = self.tally(), self.decisions.history.last
        return {
            "version": self.decisions.history.version,
            "rows": tally.rows,
            "read": tally.read,
            "accepted": tally.accepted,
            "rejected": tally.rejected,
            "relabelled": tally.relabelled,
            "outlook": self.outlook(),
            "last": None if last is None else self._told(last),
        }

    def about(self) -> dict[str, Any]:
        """Return what does not change during a review."""
        table = self.table
        return {
            "name": Path(table.corpus.name).name,
            "classes": table.classes,
            "strategies": table.strategies[0],
            "scores": [*table.scores],
            "scored": table.is_scored,
            "teacher": table.probabilities is not None,
            "sources": table.sources is not None,
            "sample": None if self.sample is None else len(self.sample),
            "notes": table.notes,
            "reviewer": self.reviewer,
            "decisions": str(self.decisions.path),
        }

    def outlook(self) -> str:
        """Return, in words, what accepting the rest would mean."""
        tally = self.tally()
        whole = len(self.table.places)
        if not tally.read:
            if self.sample is None:
                return "Nothing is read yet."
            return (
                f"Nothing is read yet. {counted(tally.rows, 'row')} will tell the share of good rows among all"
                f" {whole:,} to about {100 * widest(tally.rows):.0f} points, or better."
            )
        others = whole - tally.read
        start = f"Of {tally.read:,} read, {tally.accepted:,} accepted"
        if not others:
            return f"{start}: all rows are read."
        mean, low, high = expected(tally.accepted, tally.read, others)
        which = f"the other {counted(others, 'row is', 'rows are')}"
        text = f"{start}: {which} expected to be {100 * mean:.0f} % good, {100 * low:.0f} to {100 * high:.0f}."
        if self.sample is None and self.table.is_scored:
            text += " The most doubtful rows come first, so the rest should be better than this."
        elif self.sample is None:
            text += " This holds if the rows are in no particular order."
        return text

    def page(self, chosen: Filter, *, state: str = "all", offset: int = 0, limit: int = PAGE) -> dict[str, Any]:
        """Return one page of the list of rows.

        Parameters
        ----------
        chosen : Filter
        state : {"unread", "accept", "reject", "relabel", "all"}, default="all"
            Only rows with this decision.
        offset : int, default=0
            Rows before the page.
        limit : int, default=25
            Rows of the page, 1 to `MOST`.

        Returns
        -------
        dict
            ``total``: rows of the filter; ``rows``: those of the page.

        Raises
        ------
        InputError
            If the filter or the state cannot be used.
        """
        if state not in STATES:
            raise InputError(f"The state must be one of {', '.join(STATES)}. Got {state!r:.40}.")
        rows = self.views.rows(chosen)
        if state == "unread":
            rows = rows[~self._decided[rows]]
        elif state != "all":
            decided = self.decisions.history.all()
            wanted = np.zeros(len(self._decided), dtype=bool)
            wanted[[self._places[row] for row, one in decided.items() if one.verdict == state]] = True
            rows = rows[wanted[rows]]
        shown = rows[max(0, offset) : max(0, offset) + min(max(1, limit), MOST)]
        texts = self.table.texts(self.table.places[shown])
        return {
            "total": len(rows),
            "offset": max(0, offset),
            "rows": [
                {
                    "row": int(self.table.numbers[place]),
                    "label": self.table.classes[self.table.labels[place]],
                    "text": " ".join(text[: 2 * EXCERPT].split())[:EXCERPT],
                    "risk": _number(self.table.risks[place]),
                    "decision": self._decision(int(self.table.numbers[place])),
                }
                for place, text in zip(shown.tolist(), texts, strict=True)
            ],
        }

    def row(self, row: int, chosen: Filter) -> dict[str, Any]:
        """Return everything that is shown of a row.

        Parameters
        ----------
        row : int
            The row's number in the file.
        chosen : Filter
            The view in which its place is counted.

        Returns
        -------
        dict
        """
        place, table = self._place(row), self.table
        at = table.places[place : place + 1]
        text, source = table.texts(at)[0], None if table.sources is None else table.sources(at)[0]
        before, after = _pieces(source, text)
        names, codes = table.strategies
        view = np.flatnonzero(self.views.rows(chosen) == place)
        provenance = {
            name: cells_of(table.corpus.table, name, at)[0]
            for name in ("source_row", "variant")
            if "is_synthetic" in table.corpus.table.column_names and name in table.corpus.table.column_names
        }
        return {
            "row": row,
            "place": int(view[0]) if len(view) else None,
            "of": len(self.views.rows(chosen)),
            "label": table.classes[table.labels[place]],
            "strategy": names[codes[place]] if codes[place] >= 0 else None,
            **provenance,
            "source": before,
            "text": after,
            "scores": {name: _number(values[place]) for name, values in table.scores.items()},
            "risk": _number(table.risks[place]),
            "probabilities": self._probabilities(place),
            "others": {name: _cell(cells_of(table.corpus.table, name, at)[0]) for name in table.other_columns},
            "decision": self._decision(row),
        }

    def _probabilities(self, place: int) -> list[tuple[str, float]] | None:
        """Return what the teacher says of a row, the most probable class first."""
        if self.table.probabilities is None or np.isnan(self.table.probabilities[place]).any():
            return None
        values = self.table.probabilities[place]
        return [(self.table.classes[i], round(float(values[i]), 4)) for i in np.argsort(-values, kind="stable")]

    def _decision(self, row: int) -> dict[str, Any] | None:
        decision = self.decisions.history.of(row)
        return None if decision is None else self._told(decision)

    def _told(self, decision: Decision) -> dict[str, Any]:
        """Return a decision as the page gets it."""
        return {
            "row": decision.row,
            "verdict": decision.verdict,
            "label": decision.label,
            "reviewer": decision.reviewer,
            "time": decision.time,
        }

    def _place(self, row: int) -> int:
        """Return the place of a row among those under review."""
        if row not in self._places:
            raise InputError(f"Row {row} is not under review.")
        return self._places[row]

    def _check_seen(self, row: int, seen: int) -> None:
        """Refuse a decision on a row whose decision is not the one that the page has shown."""
        decision = self.decisions.history.of(row)
        if decision is not None and decision.number > seen:
            to = f" ({decision.label})" if decision.label is not None else ""
            raise Stale(
                f"Another page has {TOGETHER[decision.verdict]} this row{to} in the meantime. Decide again to replace"
                " that."
            )


def open_review(
    path: str | Path,
    *,
    decisions: str | os.PathLike[str] | None = None,
    layout: Layout | None = None,
    reviewer: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Review:
    r"""Open a review of a table. One that was begun goes on where it was.

    Parameters
    ----------
    path : str or Path
        An output of upsampling, or any table with texts and labels.
    decisions : path-like, optional
        The file of decisions. None for ``TABLE.decisions.jsonl`` beside the table.
    layout : Layout, optional
        See `augment.review.reviewed_table.read_table`.
    reviewer, sample, seed
        See `Review`.
    progress : callable, optional
        See `augment.review.reviewed_table.scored`.

    Returns
    -------
    Review
        To be closed, or used in a ``with`` block.

    Raises
    ------
    InputError
        If the table or the decisions cannot be read, or the sample is empty.
    OutputError
        If the decisions cannot be written, or another process holds them.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "mail.csv")
    >>> _ = path.write_text("text,label\nMy order is late,complaint\nThank you,praise\n")
    >>> with open_review(path) as review:
    ...     _ = review.decide(1, "reject")
    ...     review.tally()
    Standing(rows=2, accepted=0, rejected=1, relabelled=0)
    """
    if sample is not None and sample < 1:
        raise InputError(f"A sample has 1 row or more. Got {sample}.")
    if not 0 <= seed < 2**64:
        raise InputError(f"The seed must be 0 to 2**64 - 1. Got {seed}.")
    rows = read_table(path, layout)
    place = decisions_path(Path(path)) if decisions is None else Path(decisions)
    with readable_as([rows.corpus.name]):
        kept = Decisions(place, rows.identity)  # before the scores, which take time: it may be held or on another table
    try:
        table = scored(rows, progress=progress)
        return Review(table, kept, reviewer=reviewer, sample=sample, seed=seed)
    except BaseException:
        kept.close()
        raise


def _pieces(source: str | None, text: str) -> tuple[list[Piece] | None, list[Piece]]:
    """Return source and text in pieces, those that differ marked; None for no source."""
    if source is None:
        return None, [Piece(text, False)]
    if len(source) + len(text) > LONGEST:
        return [Piece(source, False)], [Piece(text, False)]
    return changed_words(source, text)


def _number(value: float) -> float | None:
    """Return a number as JSON has it."""
    return None if np.isnan(value) else round(float(value), 4)


def _cell(value: Any) -> str:
    """Return a cell of another column, cut if it is long."""
    text = "" if value is None else str(value)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
