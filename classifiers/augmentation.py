"""Rows besides those of the training file: texts made before or while a model trains, vectors, balanced draws."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment._version import __version__
from augment.errors import InputError, TrainingError
from augment.files import replacing
from augment.generation.budget import rows_to_make
from augment.processes import Processes
from augment.registry import GUARDS, STRATEGIES
from augment.seeding import generator
from classifiers.config import Features, Static
from classifiers.splits import SOFT_LABELS, Split, TrainingData, near_copies

if TYPE_CHECKING:
    from augment.run.job import Job
    from augment.text.base import TextStrategy


class Made(NamedTuple):
    """A set of new rows, and what is to be told of it."""

    rows: Split
    report: dict[str, Any]
    """`made`, `missing`, `rejected` and `seconds`, as in a manifest."""


class Synthesis:
    """Makes sets of new texts from the original rows of a training: one set, or one after another.

    An original that equals or nearly equals a held-out row is no source, and no new row equals or nearly equals one.

    Parameters
    ----------
    augmentation : Static or Redraw
    data : TrainingData
    seed : int
        Of the training. Each set has a seed of its own that follows from it; set 0 of "static" has this one.
    device : str
        For the models of the strategy, unless its parameters name one.

    Raises
    ------
    InputError
        If the strategy, a parameter or a guard is unknown, or there is nothing to make.
    """

    def __init__(self, augmentation: Static, data: TrainingData, seed: int, device: str) -> None:
        self.augmentation = augmentation
        self.classes = data.classes
        self.seed = seed
        self.device = device
        self._strategy()
        counts: dict[Any, int] = data.originals.joined(data.synthetic).counts(data.classes)
        self.budget = {str(k): n for k, n in rows_to_make(augmentation.sampling_strategy, counts).items()}
        if not sum(self.budget.values()):
            raise InputError(
                "There is nothing to augment: the classes have as many rows as sampling_strategy"
                f" {augmentation.sampling_strategy!r} asks for. Ask for more, e.g. {{{min(counts)!r}: …}}, or leave the"
                " augmentation out."
            )
        self.held_out = data.held_out
        sources = np.flatnonzero(~near_copies(data.originals.texts, self.held_out))
        self.no_sources = len(data.originals) - len(sources)
        self.sources = data.originals.taken(sources)
        for name, left in self.sources.counts(data.classes).items():
            if not left and self.budget.get(name):
                raise InputError(
                    f"Each original row of the class {name!r} equals or nearly equals a held-out row, so no new row"
                    " may be made of it. Give held-out rows that are not training rows."
                )
        self.identity = hashlib.sha256(
            json.dumps([__version__, augmentation.model_dump(), self.budget, seed, data.fingerprints]).encode()
        ).hexdigest()[:16]
        self._job(0)

    def make(self, number: int) -> Made:
        """Make a set.

        Parameters
        ----------
        number : int
            0 or more; the same number gives the same rows.
        """
        from augment.run.text_run import Run

        made = Run(self._job(number)).make()
        rows, manifest = list(made.rows), made.manifest
        soft = None
        if self.augmentation.soft_labels:
            order = [sorted(self.classes).index(name) for name in self.classes]
            soft = np.array([row.columns[SOFT_LABELS] for row in rows], dtype=np.float32).reshape(-1, len(order))
            soft = soft[:, order]
        codes = np.array([self.classes.index(row.label) for row in rows], dtype=np.int64)
        report = {name: getattr(manifest, name) for name in ("made", "missing", "rejected", "seconds")}
        return Made(Split([row.text for row in rows], codes, soft), report)

    def _strategy(self) -> TextStrategy:
        """Build the strategy."""
        from augment.text.base import TextStrategy

        strategy, parameters = self.augmentation.strategy, dict(self.augmentation.parameters)
        if isinstance(strategy, str):
            if "device" in STRATEGIES.parameters(STRATEGIES.find(strategy)):
                parameters.setdefault("device", self.device)
            strategy = STRATEGIES.create(strategy, parameters)
        elif parameters:
            raise InputError("The strategy is configured already. Leave the parameters out, or give its name.")
        if not isinstance(strategy, TextStrategy):
            raise InputError(
                f"The strategy {strategy.name!r} makes vectors, and the mode {self.augmentation.mode!r} takes texts."
                " Give the mode 'features', or a text strategy, such as 'fillmask'."
            )
        return strategy

    def _job(self, number: int) -> Job:
        """Plan a set, and say what is wrong before anything is made."""
        from augment.data.containers import as_table
        from augment.data.corpus import from_table
        from augment.guards.selection import ALWAYS, select
        from augment.run.job import HeldOut, plan_job

        asked, strategy = self.augmentation, self._strategy()
        guards: list[Any] | None = asked.guards
        if asked.soft_labels and not any(GUARDS.parse(g).columns for g in guards or () if g != "none"):
            whole = len(self.sources) + sum(self.budget.values())
            chosen = select(guards, strategy.own_guards(), budget=self.budget, rows=whole)
            guards = [g for g in chosen if g.name not in (*ALWAYS, "agreement")] + [
                GUARDS.parse("agreement:soft_labels=true")
            ]
        names = [self.classes[code] for code in self.sources.codes]
        counts = self.sources.counts(self.classes)
        return plan_job(
            from_table(as_table((self.sources.texts, names)), "the training rows"),
            strategy,
            sampling_strategy={name: counts[name] + rows for name, rows in self.budget.items() if rows},
            seed=self.seed if asked.mode == "static" else int(generator(self.seed, "redraw", number).integers(2**63)),
            held_out=[HeldOut("the held-out rows", self.held_out)] if self.held_out else (),
            guards=guards,
            max_per_source=asked.max_per_source,
        )


def _make(synthesis: Synthesis, number: int) -> Made:
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
    say : callable, optional
        Told when one is made.
    """

    def __init__(
        self,
        synthesis: Synthesis,
        count: int | None,
        folder: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.say = say
        self.synthesis = synthesis
        self.count = count
        self.folder = folder
        self.made: dict[int, Made] = {}
        self._process: Processes | None = None
        self._ahead: dict[int, Future[Made]] = {}

    def get(self, number: int) -> Made:
        """Return a set.

        Parameters
        ----------
        number : int
            0 or more; beyond the last it counts from the first on.

        Returns
        -------
        Made
            Without rows only if none could be made.
        """
        from accelerate import PartialState

        if self.count is not None:
            number %= self.count
        if number not in self.made:
            with PartialState().main_process_first():
                found = self._read(number)
                if found is None:
                    found = self._made_ahead(number) if number in self._ahead else self._make(number)
                    self._write(number, found)
            if not len(found.rows):
                raise InputError(
                    "No new row could be made for the training: "
                    + "; ".join(f"{name}: {m['why']}" for name, m in found.report["missing"].items())
                    + ". Give other guards or another strategy."
                )
            self.made[number] = found
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

    def told(self) -> dict[str, Any]:
        """Return what is told of the sets that were used, and of rows that could be no sources."""
        made = [self.made[number].report for number in sorted(self.made)]
        return {"made": made, "no_sources": self.synthesis.no_sources}

    def close(self) -> None:
        """End the process that makes sets, and what it is at."""
        if self._process is not None:
            self._process.close(at_once=True)

    def _made_ahead(self, number: int) -> Made:
        """Wait for a set that is being made in the background."""
        try:
            return self._ahead.pop(number).result()
        except BrokenProcessPool:
            raise TrainingError(
                "The process that makes new rows has died: for want of memory, or since the script that trains does not"
                ' stand under `if __name__ == "__main__":`. Mend that, or give a number of variants.'
            ) from None

    def _make(self, number: int) -> Made:
        """Make a set, now."""
        rows = ", ".join(f"{n:,} {name}" for name, n in self.synthesis.budget.items() if n)
        self.say(f"Making new rows: {rows}.")
        return self.synthesis.make(number)

    def _path(self, number: int) -> Path | None:
        name = f"rows-{self.synthesis.identity}-{number}.json"
        return None if self.folder is None else self.folder / name

    def _read(self, number: int) -> Made | None:
        path = self._path(number)
        if path is None or not path.exists():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        soft = found["soft_labels"]
        rows = Split(
            found["texts"],
            np.array(found["codes"], dtype=np.int64),
            None if soft is None else np.array(soft, dtype=np.float32),
        )
        return Made(rows, found["report"])

    def _write(self, number: int, made: Made) -> None:
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


def resampled_vectors(
    augmentation: Features, vectors: np.ndarray, split: Split, sources: np.ndarray, classes: Sequence[str], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Make vectors of the rare classes.

    Parameters
    ----------
    augmentation : Features
        With a strategy.
    vectors : ndarray of float32, shape (n, d)
        Features of original rows.
    split : Split
        Those rows.
    sources : ndarray of bool, shape (n,)
        Which of them vectors may be made of: those that have no near copy among held-out rows.
    classes : sequence of str
    seed : int

    Returns
    -------
    vectors : ndarray of float32, shape (m, d)
    codes : ndarray of int64, shape (m,)

    Raises
    ------
    InputError
        If the strategy is unknown or makes texts, or there is nothing to make.
    """
    from augment.vectors.upsampler import resampled

    sampler = vector_sampler(augmentation)
    counts: dict[Any, int] = split.counts(classes)
    budget = rows_to_make(augmentation.sampling_strategy, counts)
    if not sum(budget.values()):
        raise InputError(
            f"There is nothing to resample: the classes have as many rows as sampling_strategy"
            f" {augmentation.sampling_strategy!r} asks for. Leave the augmentation out."
        )
    sampler.set_params(random_state=seed)
    labels = [classes[code] for code in split.codes]
    new = resampled(sampler, vectors, labels, sources, budget)
    return new.vectors, np.array([list(classes).index(label) for label in new.labels], dtype=np.int64)


def vector_sampler(augmentation: Features) -> Any:
    """Return the sampler of an augmentation in feature space.

    Raises
    ------
    InputError
        If there is none of that name, it makes texts, or a parameter is unknown.
    """
    name = str(augmentation.strategy)
    if STRATEGIES.find(name).kind != "vector":
        raise InputError(
            f"The strategy {name!r} makes texts, and the mode 'features' takes vectors. Give the mode 'static' or"
            f" 'redraw', or one of {', '.join(STRATEGIES.names('vector'))}."
        )
    return STRATEGIES.create(name, augmentation.parameters)
