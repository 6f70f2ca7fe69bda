"""Sets of new rows, drawn anew from epoch to epoch, here or in the background."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from augment.errors import InputError, TrainingError
from augment.files import replacing
from augment.processes import Processes
from classifiers.data.splits import Split
from classifiers.data.synthesis import Synthesis, SyntheticSet


def _make(synthesis: Synthesis, number: int) -> SyntheticSet:
    """Make a set in a process of its own."""
    return synthesis.make(number)


class Sets:
    """The sets of a synthesis, each made once: when it is wanted, or in the background while the one before is in use.

    Parameters
    ----------
    synthesis : Synthesis
    count : int, optional
        How many there are, used in turn. None: as many as are asked for, each made in a process of its own while the
        one before it is used.
    folder : Path, optional
        Where they are kept, for a training that is resumed and for the other processes of one.
    log : callable, optional
        Told when one is made.
    """

    def __init__(
        self,
        synthesis: Synthesis,
        count: int | None,
        folder: Path | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.log = log
        self.synthesis = synthesis
        self.count = count
        self.folder = folder
        self.made: dict[int, SyntheticSet] = {}
        self._process: Processes | None = None
        self._ahead: dict[int, Future[SyntheticSet]] = {}

    def get(self, number: int) -> SyntheticSet:
        """Return a set.

        Parameters
        ----------
        number : int
            0 or more; beyond the last it counts from the first on.

        Returns
        -------
        SyntheticSet
            Without rows only if none could be made.
        """
        from accelerate import PartialState

        if self.count is not None:
            number %= self.count
        if number not in self.made:
            with PartialState().main_process_first():
                new = self._read(number)
                if new is None:
                    new = self._made_ahead(number) if number in self._ahead else self._make(number)
                    self._write(number, new)
            if not len(new.rows):
                raise InputError(
                    "No new row could be made for the training: "
                    + "; ".join(f"{name}: {m['why']}" for name, m in new.report["missing"].items())
                    + ". Give other guards or another strategy."
                )
            self.made[number] = new
        return self.made[number]

    def begin(self, number: int) -> None:
        """Begin to make a set in the background, if they are made so."""
        from accelerate import PartialState

        if self.count is not None or not PartialState().is_main_process:
            return
        if number not in self._ahead and number not in self.made and self._read(number) is None:
            if self._process is None:
                self._process = Processes(1)
            self._ahead[number] = self._process.submit(_make, self.synthesis, number)

    def report(self) -> dict[str, Any]:
        """Return what is told of the sets that were used, and of rows that could be no sources."""
        made = [self.made[number].report for number in sorted(self.made)]
        return {"made": made, "no_sources": self.synthesis.no_sources}

    def close(self) -> None:
        """End the process that makes sets, and what it is at."""
        if self._process is not None:
            self._process.close(at_once=True)

    def _made_ahead(self, number: int) -> SyntheticSet:
        """Wait for a set that is being made in the background."""
        try:
            return self._ahead.pop(number).result()
        except BrokenProcessPool:
            raise TrainingError(
                "The process that makes new rows has died: for want of memory, or since the script that trains does not"
                ' stand under `if __name__ == "__main__":`. Mend that, or give a number of variants.'
            ) from None

    def _make(self, number: int) -> SyntheticSet:
        """Make a set, now."""
        rows = ", ".join(f"{n:,} {name}" for name, n in self.synthesis.budget.items() if n)
        self.log(f"Making new rows: {rows}.")
        return self.synthesis.make(number)

    def _path(self, number: int) -> Path | None:
        name = f"rows-{self.synthesis.identity}-{number}.json"
        return None if self.folder is None else self.folder / name

    def _read(self, number: int) -> SyntheticSet | None:
        path = self._path(number)
        if path is None or not path.exists():
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        soft = record["soft_labels"]
        rows = Split(
            record["texts"],
            np.array(record["codes"], dtype=np.int64),
            None if soft is None else np.array(soft, dtype=np.float32),
        )
        return SyntheticSet(rows, record["report"])

    def _write(self, number: int, made: SyntheticSet) -> None:
        path = self._path(number)
        if path is None:
            return
        soft = made.rows.soft_labels
        text = json.dumps(
            {
                "texts": made.rows.texts,
                "codes": made.rows.codes.tolist(),
                "soft_labels": None if soft is None else soft.tolist(),
                "report": made.report,
            }
        )
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
