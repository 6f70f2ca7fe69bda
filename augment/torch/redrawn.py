"""`Redrawn`, a data set of torch whose new rows are drawn anew each epoch."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.caller_warnings import warn_caller
from augment.data.containers import is_indicator, is_pair
from augment.data.layout import Layout, of_labels, of_rows
from augment.errors import InputError
from augment.files import replacing
from augment.generation.budget import SamplingStrategy
from augment.generation.singletons import Singletons
from augment.guards.base import Guard
from augment.run.job import Job, check_count
from augment.run.memory_run import plan_in_memory
from augment.run.notes import warn_of
from augment.run.redraws import repeated, seed_of_set
from augment.run.text_run import Run
from augment.run.text_table import label_rows
from augment.seed_names import one_seed
from augment.text.base import TextStrategy


class Redrawn(torch.utils.data.Dataset[Any]):
    """Data set of original rows and new ones, of which each epoch has others.

    `set_epoch` makes the new rows of an epoch. They depend on the data, the strategy, the seed and the epoch alone, so
    each process of a training has the same, and a training that is resumed goes on with them. The length is the same in
    each epoch: rows that could not be made are repeated. Originals come first, in their order.

    Call `set_epoch` before the epoch's `DataLoader` is iterated. Its workers then have the new rows, also with
    ``persistent_workers=True``. No worker makes rows itself.

    Parameters
    ----------
    data : datasets.Dataset, datasets.DatasetDict, frame, dicts, or (texts, labels)
        See `augment.upsample`. Of a `DatasetDict` the split "train" is the data, and the others are held out.
    strategy : str or TextStrategy, default="fillmask"
        A registered name, or a configured strategy.
    sampling_strategy : str, float, dict or callable, optional
        See `augment.upsample`, as for `against`, `guards`, `max_per_source` and `singletons`.
    seed : int, optional
        0 to 2**64 - 1. None for the strategy's `random_state`, or 0.
    random_state : int, optional
        The same as `seed`, by its name in scikit-learn.
    against, guards, max_per_source, singletons
        See `augment.upsample`.
    variants : int, optional
        The number of sets of new rows, 1 or more: epochs take them in turn. None for a set of its own for each epoch.
    transform : callable, optional
        Takes an item, and returns what the loop gets, e.g. token ids. Called when an item is read, also in workers.
    keep_columns : "all" or sequence of str, optional
        Further columns of the items. New rows have those of their source.
    text_column : str or sequence of str, optional
        See `augment.upsample`.
    edit : str or sequence of str, optional
        See `augment.upsample`.
    label_column : str or sequence of str, optional
        See `augment.upsample`, as for `label_separator`. Rows of several labels have lists of them, and no matrix.
    label_separator : str, optional
        See `augment.upsample`.
    single_label : bool, default=False
        See `augment.upsample`.

    Attributes
    ----------
    originals : int
        The number of original rows: the items from this number on are new.
    epoch : int
        That of the last `set_epoch`, or 0.
    manifest : Manifest
        The record of the set that was made last.

    Raises
    ------
    InputError
        If the data or an option cannot be used, there is nothing to make, or no row could be made.

    Warns
    -----
    UserWarning
        As `augment.upsample`, and if rows are repeated.

    Examples
    --------
    >>> from augment import KeyboardEdit
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> rows = Redrawn((texts, [0, 0, 1, 1, 1]), KeyboardEdit())
    >>> first = rows[5]
    >>> rows.set_epoch(1)
    >>> len(rows), rows[0], rows[5] == first
    (6, ('The shop opens at nine.', 0), False)
    """

    def __init__(
        self,
        data: Any,
        strategy: str | TextStrategy = "fillmask",
        *,
        sampling_strategy: SamplingStrategy | None = None,
        seed: int | None = None,
        random_state: int | None = None,
        against: Any = (),
        guards: Sequence[str | Guard] | None = None,
        max_per_source: int | None = None,
        singletons: Singletons | None = None,
        variants: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        keep_columns: Any = None,
        text_column: str | Sequence[str] | None = None,
        edit: str | Sequence[str] | None = None,
        label_column: str | Sequence[str] | None = None,
        label_separator: str | None = None,
        single_label: bool = False,
    ) -> None:
        if variants is not None:
            check_count("variants", variants)
        pair = is_pair(data)
        if pair and len(data) == 2 and is_indicator(data[1]):
            raise InputError(
                "`Redrawn` takes the labels of a row as a list, and not as a matrix. Give lists of labels."
            )
        plan = plan_in_memory(
            data,
            strategy,
            Layout(**of_rows(text_column, edit), **of_labels(label_column, label_separator), single_label=single_label),
            sampling_strategy=sampling_strategy,
            seed=one_seed(seed, random_state),
            against=against,
            guards=guards,
            max_per_source=max_per_source,
            keep_columns=keep_columns if keep_columns is not None or pair else [],
            singletons=singletons,
        )
        self._job: Job | None = plan.job
        job = plan.job
        if not sum(job.budget.values()):
            raise InputError(
                "There is nothing to draw: the classes have as many rows as `sampling_strategy` asks for. Ask for more,"
                f" e.g. {{{min(job.counts, key=job.counts.__getitem__)!r}: …}}, or train on the data itself."
            )
        warn_of(job)
        self.variants = variants
        self.transform = transform
        self.originals = len(job.corpus.table)
        self._pair = pair
        self._texts = (job.corpus.text_column, *job.corpus.layout.also_edited)
        names = [*self._texts, *job.corpus.label_columns, *job.columns.kept]
        self._labels = len(job.corpus.label_columns)
        self._columns = {name: job.corpus.column(name) for name in names}
        self._length = self.originals + sum(job.budget.values())
        self._folder = Path(tempfile.mkdtemp(prefix="counterpoise-"))
        weakref.finalize(self, _remove, self._folder, os.getpid())
        self._shared = torch.zeros((), dtype=torch.int64).share_memory_()
        self._number = -1
        self._new: list[tuple[list[str], int, int]] = []
        self.set_epoch(0)
        if self.manifest.missing:
            warn_caller(f"{self.manifest.shortfall()} Others are repeated.")

    @property
    def epoch(self) -> int:
        """The epoch that was set last."""
        return int(self._shared)

    def set_epoch(self, epoch: int) -> None:
        """Make the new rows of an epoch, if they are not made yet.

        Parameters
        ----------
        epoch : int
            0 or more.

        Raises
        ------
        InputError
            If it is not a whole number of 0 or more, or no row could be made.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, Integral) or epoch < 0:
            raise InputError(f"`epoch` must be a whole number, 0 or more. Got {epoch!r:.60}.")
        number = self._set_of(int(epoch))
        if not self._file(number).exists():
            self._make(number)
        self._shared.fill_(int(epoch))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        """Return an item: (text, label) if a pair was given, or else a dict of the columns."""
        place = int(index) + len(self) * (index < 0)
        if not 0 <= place < len(self):
            raise IndexError(f"There are {len(self)} rows. Got {index}.")
        item = self._item(place)
        return item if self.transform is None else self.transform(item)

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        """Return the state of a copy in another process, which has the rows and does not make them."""
        return vars(self) | {"_job": None}

    def _item(self, place: int) -> Any:
        others = list(self._columns)[len(self._texts) :]
        labels, kept = others[: self._labels], others[self._labels :]
        if place < self.originals:
            texts, label_row, source = [self._columns[name][place].as_py() for name in self._texts], place, place
        else:
            self._catch_up()
            texts, label_row, source = self._new[place - self.originals]
        values = {name: self._columns[name][label_row].as_py() for name in labels}
        if self._pair:
            return texts[0], values[labels[0]]
        return {**dict(zip(self._texts, texts, strict=True)), **values} | {
            name: self._columns[name][source].as_py() for name in kept
        }

    def _catch_up(self) -> None:
        """Read the set of the epoch. In a worker that outlives an epoch it is another than before."""
        number = self._set_of(self.epoch)
        if number != self._number:
            record = json.loads(self._file(number).read_text(encoding="utf-8"))
            self._new = [tuple(row) for row in record]
            self._number = number

    def _set_of(self, epoch: int) -> int:
        return epoch if self.variants is None else epoch % self.variants

    def _file(self, number: int) -> Path:
        return self._folder / f"rows-{number}.json"

    def _make(self, number: int) -> None:
        """Make a set, and write it where workers find it."""
        job = self._job
        if job is None:
            raise InputError(
                "Only the process that has made the data set can make its rows, and this one has a copy. Call"
                " `set_epoch` there, before the DataLoader is iterated."
            )
        result = Run(dataclasses.replace(job, seed=seed_of_set(job.seed, number))).make()
        rows, self.manifest = list(result.rows), result.manifest
        if not rows:
            raise InputError(f"No new row could be made. {self.manifest.shortfall()} Give other guards or a strategy.")
        corpus = job.corpus
        places = label_rows(corpus, rows).tolist()
        new = [([row.text, *row.others], place, row.source) for row, place in zip(rows, places, strict=True)]
        labels = np.array([row.label for row in rows])
        for code, label in enumerate(corpus.classes):
            made = np.flatnonzero(labels == label)
            own = np.flatnonzero(corpus.codes == code)
            for place in repeated(made, own, job.budget.get(label, 0)).tolist():
                if len(made):
                    new.append(new[place])
                else:
                    new.append(([texts[place] or "" for texts in (corpus.texts, *corpus.others)], place, place))
        with replacing(self._file(number)) as temporary:
            temporary.write_text(json.dumps(new), encoding="utf-8")


def _remove(folder: Path, process: int) -> None:
    """Remove the sets, if this is the process that has made them and not a worker that was forked from it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
