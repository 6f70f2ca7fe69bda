"""`Sets`, which makes and keeps the sets of new rows of a training, here or in the background."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from augment.errors import InputError, TrainingError
from augment.execution.processes import Processes
from augment.files import replacing
from augment.plain_data import read_json
from classifiers.data.splits import Split
from classifiers.data.synthesis import Synthesis, SyntheticSet


def _make(synthesis: Synthesis, number: int) -> SyntheticSet:
    """Make a set; another process runs this."""
    return synthesis.make(number)


class Sets:
    """The sets of a synthesis. Each is made once, when it is needed or in the background while the previous is used.

    Parameters
    ----------
    synthesis : Synthesis
    count : int, optional
        The number of sets, used in turn. None: a new set for each number, made in another process while the previous
        set is used.
    folder : Path, optional
        The folder that keeps the sets, for resuming and for the other processes of the training.
    log : callable, optional
        Called with a line when a set is made here.
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
            0 or more. After the last set the first follows.

        Returns
        -------
        SyntheticSet
            With at least one row.
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
        """Start to make a set in the background, if `count` is None."""
        from accelerate import PartialState

        if self.count is not None or not PartialState().is_main_process:
            return
        if number not in self._ahead and number not in self.made and self._read(number) is None:
            if self._process is None:
                self._process = Processes(1)
            self._ahead[number] = self._process.submit(_make, self.synthesis, number)

    def report(self) -> dict[str, Any]:
        """Return the reports of the sets that were used, and the number of rows that could not be sources."""
        made = [self.made[number].report for number in sorted(self.made)]
        return {"made": made, "no_sources": self.synthesis.no_sources}

    def close(self) -> None:
        """Stop the process that makes sets, and its current work."""
        if self._process is not None:
            self._process.close(at_once=True)

    def _made_ahead(self, number: int) -> SyntheticSet:
        """Wait for a set that is being made in the background."""
        try:
            return self._ahead.pop(number).result()
        except BrokenProcessPool:
            raise TrainingError(
                "The process that makes new rows has died. Either there was too little memory, or the script does not"
                ' start the training under `if __name__ == "__main__":`. Change that, or give a number of variants.'
            ) from None

    def _make(self, number: int) -> SyntheticSet:
        """Make a set in this process."""
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
        record = read_json(path)
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
