"""Unlabelled texts beside the rows of a run: which of them are new, and whether they fit the rows at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from augment.data.layout import Layout
from augment.data.lazy_texts import Texts
from augment.data.named_files import NamedFile
from augment.errors import InputError, counted
from augment.generation.candidates import Candidate
from augment.guards.base import Originals
from augment.guards.held_out import HeldOut
from augment.guards.near_duplicate import NearDuplicate
from augment.identity import digest
from augment.text.languages import LOOKED_AT, likely_language, unlike_english
from augment.word_lists import LANGUAGES
from augment.words import folded, key


class UnlabelledPool:
    """Texts without labels.

    Parameters
    ----------
    name : str
        ``FILE`` or ``FILE:column=NAME:split=NAME``; see `augment.data.named_files.NamedFile`.
    layout : Layout, optional
        That of the input. None for the default one.

    Raises
    ------
    InputError
        If it cannot be read, or has labels.
    """

    def __init__(self, name: str, layout: Layout | None = None) -> None:
        file = NamedFile.parsed(name)
        self.name = file.name
        self.texts: Texts = file.rows(layout or Layout(), unlabelled=True)

    def identity(self) -> dict[str, str | int]:
        """Return the number of rows, and a hash of their texts."""
        return {"rows": len(self.texts), "texts": digest(self.texts)}

    def new(self, originals: Originals) -> NewRows:
        """Find the rows that repeat neither a row of the input, nor a held-out text, nor an earlier row of the pool.

        Texts that differ only in case and punctuation count as equal.

        Parameters
        ----------
        originals : Originals
            Rows made by an earlier run are ignored, so a run that continues it finds the same texts.

        Returns
        -------
        NewRows

        Raises
        ------
        InputError
            If there are none.
        """
        own = {key(folded(text, " ")) for text in real_texts(originals).values()}
        held_out = {key(folded(text, " ")) for text in originals.held_out}
        seen: set[int] = set()
        new: list[int] = []
        empty = repeated = equal = equal_held_out = 0
        for row, text in enumerate(self.texts):
            if text is None or not text.strip():
                empty += 1
                continue
            code = key(folded(text, " "))
            if code in seen:
                repeated += 1
                continue
            seen.add(code)
            equal += code in own
            equal_held_out += code in held_out and code not in own
            if code not in own and code not in held_out:
                new.append(row)
        if not new and equal + equal_held_out:
            raise InputError(
                f"{self.name}: all its texts equal a row of the input or a held-out text, so nothing in it is new. Give"
                " other texts."
            )
        if not new:
            raise InputError(f"{self.name}: has no text but empty ones. Give a file with one text a line, or a table.")
        reasons = {"empty": empty, "repeated": repeated, "equal to a row": equal, "held out": equal_held_out}
        return NewRows(np.array(new, dtype=np.int64), {why: count for why, count in reasons.items() if count})

    def parts(self, rows: np.ndarray, size: int) -> Iterator[list[str]]:
        """Yield the texts of some rows, a number of them at a time; rows ascend."""
        part: list[str] = []
        wanted = iter(rows.tolist())
        row = next(wanted, None)
        for place, text in enumerate(self.texts):
            if place == row:
                part.append(text or "")
                row = next(wanted, None)
                if len(part) == size or row is None:
                    yield part
                    part = []
            if row is None:
                return

    def warn_of_language(self, originals: Originals) -> None:
        """Warn if the texts seem to be in another language than the rows.

        Warns
        -----
        UserWarning
            Naming both languages, as far as they are known.
        """
        rows, texts = _sample(list(real_texts(originals).values())), _sample(self.texts)
        own, other = likely_language(rows), likely_language(texts)
        if own == other or (other is None and not (own == "en" and unlike_english(texts))) or own is None:
            return
        what = LANGUAGES[other] if other else "another language"
        warnings.warn(
            f"{self.name}: its texts seem to be in {what}, and the rows are in {LANGUAGES[own]}. Give texts of the"
            " same language.",
            stacklevel=2,
        )


class NewRows(NamedTuple):
    """Rows of a pool that may be used."""

    rows: np.ndarray
    """Row numbers, from 0; int64, ascending."""
    left_out: dict[str, int]
    """Why rows were left out, and how many."""

    def __str__(self) -> str:
        reasons = ", ".join(f"{count:,} {why}" for why, count in self.left_out.items())
        out = f"; left out: {reasons}" if reasons else ""
        return f"{counted(len(self.rows), 'text')} to choose from{out}"


class Novelty:
    """Accepts texts that neither nearly repeat a row of the input or a held-out text, nor one another.

    Parameters
    ----------
    originals : Originals

    Notes
    -----
    The measures are those of the guards `held_out` and `near_duplicate`. The latter does not look at rows of the input,
    since it also judges edits of them.
    """

    def __init__(self, originals: Originals) -> None:
        self._held_out, self._near = HeldOut(), NearDuplicate()
        self._held_out.fit(originals)
        never = chain(originals.held_out, real_texts(originals).values())
        self._near.fit(Originals(texts=[], labels=[], held_out=never, seed=originals.seed))

    def accepts(self, text: str) -> bool:
        """Return whether a text is new, and remember it if so."""
        candidate = Candidate(text)
        new = (
            self._held_out.judge([], [candidate]).passed[0]
            and self._near.judge([], [candidate]).passed[0]
            and self._near.admits(candidate)
        )
        if new:
            self._near.remember(text)
        return bool(new)


def real_texts(originals: Originals) -> dict[int, str]:
    """Return the rows of the input that have a text and that no earlier run has made: row number to text."""
    return {row: text for row, text in enumerate(originals.texts) if text and text.strip() and originals.is_real(row)}


def _sample(texts: Sequence[str | None]) -> list[str]:
    """Return some of the texts, from all over."""
    return [text for text in islice(texts, 0, None, max(1, len(texts) // LOOKED_AT)) if text][:LOOKED_AT]
